"""Regions of the input, and copying them from donors into recipients."""

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from spurprune.data.tokens import COUNTS
from spurprune.transplants import areas

QUARTERS = 4  # parts of a sentence, by relative place
ENDS = 3  # tokens at either end of a sentence
SENTENCES = ("first", "second")
FIRST, LAST = "first", "last"


class Region(Protocol):
    """A place in the input."""

    @property
    def name(self) -> str:
        """What the place is called, unique among the regions of a setting."""

    def copied(self, donors: Tensor, recipients: Tensor) -> Tensor:
        """Return every recipient with the region of every donor, [D, R, …], from donors [D, …] and recipients [R, …] as stored."""


@dataclass(frozen=True)
class Area:
    """The elements of an image [H, W] or of a vector [D] where ``mask``, a boolean array, is true; all channels of an image."""

    name: str
    mask: np.ndarray

    def copied(self, donors: Tensor, recipients: Tensor) -> Tensor:
        """Return the recipients with the donors' elements inside the area."""
        mask = torch.from_numpy(self.mask).to(donors.device)
        return torch.where(mask, donors[:, None], recipients[None])


@dataclass(frozen=True)
class Span:
    """Neighbouring tokens of one sentence (0 or 1) of a sequence: the ``number``-th quarter, or its first or last tokens.

    Sequences keep their length: of spans of different length, only as many tokens are copied as the shorter one has.
    """

    sentence: int
    number: int | str

    @property
    def name(self) -> str:
        """What the span is called."""
        of = f"of the {SENTENCES[self.sentence]} sentence"
        return f"{self.number} {ENDS} tokens {of}" if isinstance(self.number, str) else f"quarter {self.number + 1} {of}"

    def copied(self, donors: Tensor, recipients: Tensor) -> Tensor:
        """Return the recipients, int32 [D, R, 2 + L], with the donors' tokens in their span, aligned at its start or, of the last, end."""
        given, taken = self._bounds(donors), self._bounds(recipients)
        width = torch.minimum((given[1] - given[0])[:, None], (taken[1] - taken[0])[None])
        edge = 1 if self.number == LAST else 0
        return _put(donors, recipients, given[edge][:, None] - edge * width, taken[edge][None] - edge * width, width)

    def _bounds(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return where the span starts and ends (exclusive) in each sequence, int64 [N] each."""
        start, end = _sentence(tokens, self.sentence)
        length = end - start
        if isinstance(self.number, int):
            return start + self.number * length // QUARTERS, start + (self.number + 1) * length // QUARTERS
        part = length.clamp(max=ENDS)
        return (start, start + part) if self.number == FIRST else (end - part, end)


@dataclass(frozen=True)
class Token:
    """One token, wherever it first stands in a sentence (0 or 1): it replaces the recipient's token at the same relative place.

    Donors without it leave the recipients as they are.
    """

    sentence: int
    token: int

    @property
    def name(self) -> str:
        """What the token is called, by its id."""
        return f"token {self.token} in the {SENTENCES[self.sentence]} sentence"

    @classmethod
    def of_name(cls, name: str) -> "Token | None":
        """Return the token that is called so; None if it is no token's name."""
        found = re.fullmatch(rf"token (\d+) in the ({'|'.join(SENTENCES)}) sentence", name)
        return None if found is None else cls(SENTENCES.index(found[2]), int(found[1]))

    def copied(self, donors: Tensor, recipients: Tensor) -> Tensor:
        """Return the recipients, int32 [D, R, 2 + L], with the token of every donor that has it."""
        (first, end), (begin, stop) = _sentence(donors, self.sentence), _sentence(recipients, self.sentence)
        place = torch.arange(donors.shape[1] - COUNTS, device=donors.device)
        held = (donors[:, COUNTS:] == self.token) & (place >= first[:, None]) & (place < end[:, None])
        where = held.to(torch.int8).argmax(dim=1)
        length = (end - first).clamp(min=1)
        relative = (where - first)[:, None] * (stop - begin)[None] // length[:, None]
        width = (held.any(dim=1)[:, None] & (stop > begin)[None]).long()
        return _put(donors, recipients, where[:, None].expand_as(width), begin[None] + relative, width)


def _sentence(tokens: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Return where a sentence starts and ends (exclusive) among each sequence's tokens, without the special tokens, int64 [N] each.

    A sequence is [CLS] first [SEP], or [CLS] first [SEP] second [SEP]; a missing second sentence is empty.
    """
    length, second = tokens[:, 0].long(), tokens[:, 1].long()
    if number == 0:
        return torch.ones_like(length), (second - 1).clamp(min=1)
    return second, torch.maximum(length - 1, second)


def _put(donors: Tensor, recipients: Tensor, given: Tensor, taken: Tensor, width: Tensor) -> Tensor:
    """Return recipients whose ``width`` tokens from ``taken`` on are the donors' from ``given`` on; all int64 [D, R]."""
    place = torch.arange(recipients.shape[1] - COUNTS, device=recipients.device)
    offset = place - taken[..., None]  # [D, R, L]
    inside = (offset >= 0) & (offset < width[..., None])
    position = (given[..., None] + offset).clamp(0, len(place) - 1).expand(len(donors), len(recipients), -1)
    tokens = torch.gather(donors[:, None, COUNTS:].expand(-1, len(recipients), -1), 2, position)
    result = recipients[None].repeat(len(donors), 1, 1)
    result[..., COUNTS:] = torch.where(inside, tokens, result[..., COUNTS:])
    return result


def of_images(height: int, width: int, crop: int | None = None) -> list[Area]:
    """Return the areas of images (see ``transplants.areas``)."""
    return [Area(name, mask) for name, mask in areas.of_images(height, width, crop).items()]


def of_vectors(length: int) -> list[Area]:
    """Return the areas of vectors (see ``transplants.areas``)."""
    return [Area(name, mask) for name, mask in areas.of_vectors(length).items()]


def of_sentences(second: bool) -> list[Span]:
    """Return the quarters and both ends of the first and, if there is one, the ``second`` sentence."""
    numbers: list[int | str] = [*range(QUARTERS), FIRST, LAST]
    return [Span(sentence, number) for sentence in range(1 + second) for number in numbers]


def frequent_tokens(source: np.ndarray, others: np.ndarray, sentence: int, count: int) -> list[int]:
    """Return the ids of up to ``count`` tokens that more of the source's sequences hold in a sentence than of the others', most first.

    ``source`` and ``others`` are int32 [N, 2 + L]. The order is that of the log odds of the shares of sequences, half a sequence added to
    each count; a token in fewer than 1% of the source's sequences is left out.
    """
    shares = [_held(tokens, sentence) for tokens in (source, others)]
    odds = {}
    for token, held in shares[0].items():
        if held >= 0.01 * len(source):
            p, q = ((one.get(token, 0) + 0.5) / (len(tokens) + 1) for one, tokens in zip(shares, (source, others), strict=True))
            odds[token] = float(np.log(p / (1 - p)) - np.log(q / (1 - q)))
    return sorted((token for token, value in odds.items() if value > 0), key=lambda token: (-odds[token], token))[:count]


def _held(tokens: np.ndarray, sentence: int) -> dict[int, int]:
    """Return how many sequences hold each token in a sentence."""
    start, end = (bound.numpy()[:, None] for bound in _sentence(torch.from_numpy(tokens), sentence))
    place = np.arange(tokens.shape[1] - COUNTS)
    ids = np.where((place >= start) & (place < end), tokens[:, COUNTS:], -1)
    ids.sort(axis=1)
    first = np.ones_like(ids, dtype=bool)
    first[:, 1:] = ids[:, 1:] != ids[:, :-1]
    token, count = np.unique(ids[first & (ids >= 0)], return_counts=True)
    return dict(zip(token.tolist(), count.tolist(), strict=True))
