"""The simple cues of a setting: which samples are drawn, which properties of them are measured, and what the rule finds.

Association with the class is measured on training samples, reliance on validation samples of the first repeat. Where a property is made
by looking at labels (tokens, values of attributes), one half of the training samples makes it, the other measures it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from spurprune import seeds
from spurprune.advice.cues import judging, levels, originals, pictures, texts
from spurprune.advice.cues.judging import Cue, Property, Seen
from spurprune.advice.material import Material
from spurprune.data import tokens
from spurprune.data.inputs import Manifest, Rows
from spurprune.data.predicted import logits_of
from spurprune.data.samples import Samples
from spurprune.data.views import NATURAL
from spurprune.errors import DataError, SpurpruneError
from spurprune.storage import schemas, tables
from spurprune.storage.columns import to_numpy

MOST = 8000  # training samples, and validation samples, that are used


@dataclass(frozen=True)
class Cues:
    """What was found: names of the measured ``properties``, how many pairs of property and class were ``tested``, cues."""

    properties: Sequence[str]
    tested: int
    found: Sequence[Cue]


@dataclass(frozen=True)
class Source:
    """Where samples come from: their inputs and keys, the folder of a user's own image files if there is one, the tokenizer of texts."""

    inputs: Rows
    keys: Sequence[str]
    originals: Path | None
    tokenizer: str | None


@dataclass(frozen=True)
class Drawn:
    """The samples that are used, as arrays over training samples, then validation samples.

    ``row`` int64 are their places in the repeat, ``sample_id`` and ``label`` int64. ``makes`` and ``measures`` are bool: the two halves of
    the training samples, neither of which are validation samples.
    """

    row: np.ndarray
    sample_id: np.ndarray
    label: np.ndarray
    makes: np.ndarray
    measures: np.ndarray

    @property
    def is_held(self) -> np.ndarray:
        """Which are validation samples, bool."""
        held: np.ndarray = ~(self.makes | self.measures)
        return held


def cues(material: Material, manifest: Manifest, source: Source, predictions: Sequence[Path]) -> Cues:
    """Return the simple cues; ``predictions`` are those of runs without pruning. Raises DataError if they lack a sample."""
    drawn = draw(material.first.samples)
    held = drawn.is_held
    probability = probabilities(predictions, drawn.sample_id[held], manifest.num_classes)
    plain = _measured(manifest, source, drawn)
    properties = (_property(name, values, drawn) for name, values in plain.items())
    made = _made(material, manifest, source, drawn)
    judged = judging.judge(chain(properties, made), Seen(drawn.label[drawn.measures], drawn.label[held], probability))
    names = [*plain, *(["tokens"] if manifest.kind == "sentences" else []), *(one.name for one in material.attributes)]
    return Cues(names, len(judged), [one for one in judged if one.is_found])


def _made(material: Material, manifest: Manifest, source: Source, drawn: Drawn) -> Iterator[Property]:
    """Yield the properties that are made by looking at labels."""
    if manifest.kind == "sentences":
        yield from _tokens(source, drawn, manifest.num_classes)
    for attribute in material.attributes:
        codes = material.first.samples.attributes[attribute.name][drawn.row].astype(np.int64)
        yield from _attributes(attribute.name, attribute.values, codes, drawn, manifest.num_classes)


def draw(samples: Samples) -> Drawn:
    """Return at most MOST training and as many validation samples of a repeat."""
    rng = seeds.generator(seeds.ANALYSIS, "cues")
    train, held = (np.sort(rng.permutation(samples.rows(split))[:MOST]) for split in ("train", "validation"))
    makes = np.zeros(len(train) + len(held), dtype=bool)
    makes[rng.permutation(len(train))[: len(train) // 2]] = True
    rows = np.concatenate([train, held])
    measures = ~makes & (np.arange(len(rows)) < len(train))
    return Drawn(rows, samples.sample_id[rows], samples.label[rows].astype(np.int64), makes, measures)


def probabilities(paths: Sequence[Path], sample_id: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the mean probability of each class for validation samples, float64 [N, C], over the runs that predict them there.

    Raises DataError if a sample is predicted by none.
    """
    total, count = np.zeros((len(sample_id), num_classes)), np.zeros(len(sample_id), dtype=int)
    for path in paths:
        for repeat, mine in tables.StoredByRepeat(path, schemas.PREDICTIONS).items():
            shown = (to_numpy(mine.column("split")) == "validation") & (to_numpy(mine.column("view")) == NATURAL)
            logits = logits_of(mine, num_classes, repeat, str(path))[shown].astype(np.float64)
            _, ours, theirs = np.intersect1d(sample_id, to_numpy(mine.column("sample_id"))[shown], return_indices=True)
            exponential = np.exp(logits[theirs] - logits[theirs].max(axis=1, keepdims=True))
            total[ours] += exponential / exponential.sum(axis=1, keepdims=True)
            count[ours] += 1
    if not count.all():
        raise DataError(
            f"{paths[0] if paths else 'The predictions'} does not hold sample {sample_id[int(np.argmin(count))]} of the validation split; "
            "delete the file and rerun."
        )
    found: np.ndarray = total / count[:, None]
    return found


def _measured(manifest: Manifest, source: Source, drawn: Drawn) -> Mapping[str, np.ndarray]:
    """Return the properties that need no labels, by name."""
    if manifest.kind == "sentences":
        return texts.lengths(np.asarray(source.inputs[drawn.sample_id]))
    if manifest.kind != "images":
        return {}
    found = pictures.measured(source.inputs, drawn.sample_id)
    if source.originals is not None:
        found |= originals.measured(source.originals, [source.keys[one] for one in drawn.sample_id.tolist()])
    return found


def _property(name: str, values: np.ndarray, drawn: Drawn, of: int | None = None) -> Property:
    return Property(name, values[drawn.measures], values[drawn.is_held], of, is_named_high=of is not None)


def _tokens(source: Source, drawn: Drawn, num_classes: int) -> Iterator[Property]:
    sequences = np.asarray(source.inputs[drawn.sample_id])
    decode = _decoder(source.tokenizer)
    for one in texts.candidates(sequences, drawn.label, drawn.makes, num_classes):
        yield _property(texts.named(one.token, decode), texts.holding(sequences, one.token).astype(np.float64), drawn, one.of)


def _decoder(tokenizer: str | None) -> Any:
    """Return what turns numbers of tokens into text; None if there is no tokenizer, or if it cannot be loaded."""
    if tokenizer is None:
        return None
    try:
        return partial(tokens.load(tokenizer).decode, skip_special_tokens=False)
    except SpurpruneError:
        return None


def _attributes(name: str, values: Sequence[str], codes: np.ndarray, drawn: Drawn, num_classes: int) -> list[Property]:
    """Return an attribute as a property made for each class; of two, for the one that a value goes with most."""
    made, mine = codes[drawn.makes], drawn.label[drawn.makes]
    share = [levels.shares(made, mine == of, len(values)) for of in range(num_classes)]
    every = list(range(num_classes))
    if num_classes == 2:
        lift = [levels.lift(share[of], float(np.mean(mine == of))) for of in every]
        every = [int(np.argmax(lift))]
    return [
        _property(levels.named(name, values, share[of]), levels.of_samples(codes, share[of]), drawn, of)
        for of in every
        if np.isfinite(share[of]).any()
    ]
