"""Properties of texts as they are trained on: their length, and whether a token stands in them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from spurprune.data.tokens import COUNTS

LEAST_TEXTS = 5  # that hold a token, for it to be a candidate
MOST_TOKENS = 20  # candidates of a class


@dataclass(frozen=True)
class Token:
    """A candidate: a token that is more frequent in texts of class ``of`` than in others."""

    token: int
    of: int


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
    token, text = _present(sequences[chosen])
    tokens, at = np.unique(token, return_inverse=True)
    counts, mine = np.zeros((num_classes, len(tokens))), label[chosen]
    np.add.at(counts, (mine[text], at), 1)
    return [Token(int(tokens[column]), of) for of, column in _leading(counts, np.bincount(mine, minlength=num_classes).astype(float))]


def holding(sequences: np.ndarray, token: int) -> np.ndarray:
    """Return which texts hold a token, bool [N]."""
    found: np.ndarray = ((sequences[:, COUNTS:] == token) & _within(sequences)).any(axis=1)
    return found


def _within(sequences: np.ndarray) -> np.ndarray:
    """Return which places are before the padding, bool [N, L]."""
    return np.arange(sequences.shape[1] - COUNTS) < sequences[:, :1]


def _present(sequences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (token, text) of every token that stands in a text, each once, int64 [P] each."""
    text, position = np.nonzero(_within(sequences))
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


def named(token: int, decode: Callable[[list[int]], str] | None) -> str:
    """Return the words for a token in a text; its number alone without ``decode``."""
    return f'"{decode([token]).strip()}" in the text' if decode else f"token {token} in the text"
