"""What is transplanted: the source classes, their donors, controls and recipients, and the regions of a setting's inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from spurprune import seeds
from spurprune.data.inputs import Manifest
from spurprune.errors import DataError
from spurprune.training.analysis import Request
from spurprune.transplants import evidence, flips, regions
from spurprune.transplants.regions import Region

LEAST_DIFFERENCE = 0.05  # a region on which so little depends is not worth pruning for (ours)
LEAST_LOG_RATIO = 1.0  # a screen only: the cure test decides (ours; with nothing planted, the highest of 82 was 0.9 to 1.9)
SIGNIFICANT = 0.05
PERMUTATIONS = 999
PER_SOURCE, ALTOGETHER = 3, 5  # regions at most
SAME = 0.5  # regions of a class that share so many of their suspects hold one cue (ours)


@dataclass(frozen=True)
class Trial:
    """What is transplanted for one source class: rows of the samples, int64 each."""

    source: int
    donors: np.ndarray
    control: np.ndarray
    recipients: np.ndarray


@dataclass(frozen=True)
class Candidate:
    """A region that may hold a cue of a source class: its strength and p-value, corrected for the number of regions and classes."""

    source: int
    region: Region
    strength: evidence.Strength
    p: float


def sources(label: np.ndarray, predicted: np.ndarray, classes: int, most: int) -> list[int]:
    """Return the classes for which most samples of others are taken, ascending: all of them if they are no more than ``most``.

    ``label`` int [N] and ``predicted`` int [networks, N] are of held-out samples; among equals the lower label comes first.
    """
    mistaken = [int(((predicted == source) & (label != source)).sum()) for source in range(classes)]
    return sorted(sorted(range(classes), key=lambda source: (-mistaken[source], source))[:most])


def trial(request: Request, source: int, split: str, donors: int, recipients: int) -> Trial:
    """Return what is transplanted for a source class: recipients are samples of other classes in a split that all networks get right.

    At most so many ``donors``, controls and ``recipients`` are drawn, the same for all networks of a repeat as far as they get them right.
    Raises DataError if there is no training sample of the class or of others, or no recipient.
    """
    samples, name = request.samples, request.manifest.classes[source]
    train, held_out = samples.rows("train"), samples.rows(split)
    rng = seeds.generator(seeds.TRANSPLANTS, samples.repeat, split, source)
    given, others, receiving = (
        rng.permutation(rows)
        for rows in (
            train[samples.label[train] == source],
            train[samples.label[train] != source],
            held_out[samples.label[held_out] != source],
        )
    )
    if len(receiving):
        receiving = receiving[(request.predicted(receiving) == samples.label[receiving]).all(axis=0)]
    for what, rows in (
        (f"training sample of class '{name}'", given),
        (f"training sample of other classes than '{name}'", others),
        (f"{split} sample of other classes than '{name}' that all networks get right", receiving),
    ):
        if not len(rows):
            raise DataError(f"Repeat {samples.repeat} has no {what}, so nothing can be transplanted; train the networks longer.")
    return Trial(source, given[:donors], others[:donors], receiving[:recipients])


def regions_of(manifest: Manifest, crop: int | None) -> list[Region]:
    """Return the regions of a setting's inputs, without single tokens, which depend on the class."""
    if manifest.kind == "images":
        return [*regions.of_images(manifest.shape[-2], manifest.shape[-1], crop)]
    if manifest.kind == "vectors":
        return [*regions.of_vectors(manifest.shape[0])]
    return [*regions.of_sentences(second=True)]


def tokens_of(request: Request, one: Trial, count: int) -> list[Region]:
    """Return up to ``count`` frequent tokens of the source class for each sentence; none of other inputs than sentences."""
    if request.manifest.kind != "sentences":
        return []
    given, others = (request.bench.inputs[np.sort(request.samples.sample_id[rows])] for rows in (one.donors, one.control))
    found = ((sentence, token) for sentence in (0, 1) for token in regions.frequent_tokens(given, others, sentence, count))
    return [regions.Token(sentence, token) for sentence, token in found]


def named(name: str, manifest: Manifest, crop: int | None) -> Region:
    """Return the region with a name; raises DataError if the setting's inputs have none."""
    token = regions.Token.of_name(name) if manifest.kind == "sentences" else None
    found = token or next((one for one in regions_of(manifest, crop) if one.name == name), None)
    if found is None:
        raise DataError(f"The inputs of '{manifest.dataset}' have no region '{name}'; delete the results of the analysis and rerun.")
    return found


def shares(request: Request, where: Sequence[Region], one: Trial, donors: np.ndarray) -> np.ndarray:
    """Return the flips of some donors (rows), float64 [regions, donors], with a trial's recipients."""
    data, received = request.data(donors), request.data(one.recipients)
    recipients = received.batch(torch.arange(len(received), device=received.device))
    at_once = max(1, request.batch_size // len(recipients))
    chunks = (data.batch(rows) for rows in torch.arange(len(data), device=data.device).split(at_once))
    return flips.shares(where, chunks, recipients, one.source, request.predictors(), max(request.batch_size, len(recipients)))


def candidates(found: Sequence[Candidate], flips_of: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[int]:
    """Return the positions of the regions whose donors are suspects, the strongest evidence first, at most five, three of a class.

    ``flips_of`` holds each candidate's flips of donors and of the control. Of regions that share most of their suspects, the one with the
    stronger evidence counts.
    """
    kept: list[int] = []
    suspected = [evidence.suspects(donors, control) for donors, control in flips_of]
    for position in sorted(range(len(found)), key=lambda position: -found[position].strength.log_ratio):
        one = found[position]
        mine = [other for other in kept if found[other].source == one.source]
        if (
            one.strength.difference >= LEAST_DIFFERENCE
            and one.strength.log_ratio >= LEAST_LOG_RATIO
            and one.p <= SIGNIFICANT
            and len(kept) < ALTOGETHER
            and len(mine) < PER_SOURCE
            and not any(_overlap(suspected[position], suspected[other]) >= SAME for other in mine)
        ):
            kept.append(position)
    return kept


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the share of the smaller of two sets, bool [N] each, that is in the other; 0 if one is empty."""
    smaller = min(int(first.sum()), int(second.sum()))
    return float((first & second).sum() / smaller) if smaller else 0.0
