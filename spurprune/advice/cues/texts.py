"""Properties of texts as they are trained on: their length, and whether a token stands in them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spurprune.data.tokens import COUNTS

LEAST_TEXTS = 5  # that hold a token, for it to be a candidate
MOST_TOKENS = 20  # candidates of a class


@dataclass(frozen=True)
class Token:
    """A candidate: a token that is more frequent in texts of class ``of`` than in others; ``holds`` bool [N] says which texts hold it."""

    token: int
    of: int
    holds: np.ndarray


def lengths(sequences: np.ndarray) -> dict[str, np.ndarray]:
    """Return how many tokens sequences (``spurprune.data.tokens``, int32 [N, 2 + L]) have, by name, float64 [N]; of pairs, each part's."""
    whole, second = sequences[:, 0].astype(np.float64), sequences[:, 1].astype(np.float64)
    if np.array_equal(whole, second):
        return {"length of the text": whole}
    return {"length of the first text": second, "length of the second text": whole - second}


def candidates(sequences: np.ndarray, label: np.ndarray, chosen: np.ndarray, num_classes: int) -> list[Token]:
    """Return, for every class, the tokens that set the ``chosen`` texts of it, bool [N], most clearly apart from the chosen others.

    Tokens are ordered by the z value of the difference of two shares, of equals the lower number first. Samples are as in ``lengths``,
    ``label`` int [N].
    """
    place, text = _present(sequences)
    tokens, at = np.unique(place, return_inverse=True)
    mine = chosen[text]
    counts = np.zeros((num_classes, len(tokens)))
    np.add.at(counts, (label[text[mine]], at[mine]), 1)
    of_class = np.bincount(label[chosen], minlength=num_classes).astype(float)
    found = []
    for number, token in _leading(counts, of_class):
        holds = np.zeros(len(sequences), dtype=bool)
        holds[text[at == token]] = True
        found.append(Token(int(tokens[token]), number, holds))
    return found


def _present(sequences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (token, text) of every token that stands in a text, each once, int64 [P] each."""
    length = sequences.shape[1] - COUNTS
    within = np.arange(length) < sequences[:, :1]
    text, position = np.nonzero(within)
    pairs = np.unique(np.stack([sequences[text, COUNTS + position].astype(np.int64), text]), axis=1)
    return pairs[0], pairs[1]


def _leading(counts: np.ndarray, of_class: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield (class, column) of the leading tokens; ``counts`` float [classes, tokens] are of the texts that hold each."""
    total = counts.sum(axis=0)
    for number, size in enumerate(of_class):
        others = of_class.sum() - size
        if not size or not others:
            continue
        share, rest, both = counts[number] / size, (total - counts[number]) / others, total / (size + others)
        spread = np.sqrt(np.maximum(both * (1 - both), 1e-12) * (1 / size + 1 / others))
        z = np.where(total >= LEAST_TEXTS, (share - rest) / spread, 0)
        for column in np.argsort(-z, kind="stable")[:MOST_TOKENS].tolist():
            if z[column] > 0:
                yield number, column


def named(tokens: Sequence[Token], decode: Callable[[list[int]], str] | None) -> Mapping[int, str]:
    """Return the words for each token; its number alone without ``decode``."""
    numbers = {one.token for one in tokens}
    return {one: f'"{decode([one]).strip()}" in the text' if decode else f"token {one} in the text" for one in numbers}
