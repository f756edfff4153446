"""What advice is made from, read from its files: the training samples of every repeat, and the evidence of the runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from spurprune.advice.evidence import Evidence, Shares
from spurprune.data import analysis as analyses
from spurprune.data import samples as sampling
from spurprune.data.grouping import Attribute
from spurprune.data.samples import Samples, SampleSet
from spurprune.difficulty.recorded import Recorded
from spurprune.errors import DataError
from spurprune.pruning.parts import Parts
from spurprune.storage import schemas, tables
from spurprune.storage.columns import ByRepeat, positions_of, to_numpy
from spurprune.transplants import measured

if TYPE_CHECKING:
    import pandas as pd

RELIANCE = "reliance"  # the kind of the analyses


@dataclass(frozen=True)
class Repeat:
    """The training samples of one repeat, arrays [N] in the same order: ``sample_id`` int64, ``label`` int16, ``score`` float64.

    ``seeds`` float64 [seeds, N] are the scores by reference seed; ``predicted`` int16 [seeds, N] the labels that reference runs predict at
    last, without rows if the score needs none; ``parts`` int32 by partition; ``suspected`` maps samples to their (source class, region).
    """

    samples: Samples
    sample_id: np.ndarray
    label: np.ndarray
    score: np.ndarray
    seeds: np.ndarray
    predicted: np.ndarray
    parts: Mapping[str, np.ndarray]
    suspected: Mapping[int, tuple[str, str]]


@dataclass(frozen=True)
class Material:
    """All repeats by number; ``names`` are those of every partition's parts, but of suspects; ``classes`` and ``attributes`` the dataset's.

    ``reliance`` is what analyses of reliance found, by (partition, plan) and repeat.
    """

    repeats: Mapping[int, Repeat]
    names: Mapping[str, Sequence[str]]
    classes: Sequence[str]
    attributes: Sequence[Attribute]
    evidence: Evidence
    reliance: Mapping[tuple[str, str], Mapping[int, analyses.Found]]

    def by_id(self, column: str) -> dict[int, Any]:
        """Return the split or the label of all samples of any repeat, by their ids."""
        found = (one.samples for one in self.repeats.values())
        return {key: value for one in found for key, value in zip(one.sample_id.tolist(), getattr(one, column).tolist(), strict=True)}

    @property
    def first(self) -> Repeat:
        """The first repeat."""
        return self.repeats[min(self.repeats)]


def read(inputs: Mapping[str, Sequence[Path]], suspects: Sequence[str], attributes: Sequence[Attribute]) -> Material:
    """Return what the files hold (see ``stages.advise.run``).

    ``suspects`` names the partitions of suspects, ``attributes`` are the dataset's. Raises DataError if a file is missing, damaged or lacks
    a sample.
    """
    sets: list[SampleSet] = [sampling.read(path) for path in inputs["samples"]]
    scores = [(ByRepeat(tables.read(path, schemas.DIFFICULTY)), str(path)) for path in inputs["difficulty"]]
    recorded = [Recorded.read(path, ["predicted"]) for path in inputs["dynamics"]]
    parts: dict[str, list[Parts]] = {}
    for path in inputs["partitions"]:
        name = tables.origin_of(path, schemas.PARTITION, {}).provenance.place["partition"]
        parts.setdefault(name, []).append(Parts.read(path))
    repeats: dict[int, Repeat] = {}
    for number, samples in enumerate(sets):
        table, where = scores[number]
        dynamics = recorded[min(number, len(recorded) - 1)] if recorded else None
        of_block = {name: found[number] for name, found in parts.items()}
        for repeat, one in samples.by_repeat.items():
            repeats[repeat] = _repeat(one, table.rows(repeat), where, dynamics, of_block, suspects)
    reliance = _reliance(inputs["analyses"])
    names = {name: found[0].names for name, found in parts.items() if name not in suspects}
    shares = {key: _of_suspects(found) for key, found in reliance.items()}
    return Material(repeats, names, sets[0].grouping.classes, attributes, Evidence(_counts(inputs["evidence"]), shares), reliance)


def _repeat(
    one: Samples, table: pa.Table, where: str, dynamics: Recorded | None, parts: Mapping[str, Parts], suspects: Sequence[str]
) -> Repeat:
    train = one.rows("train")
    sample_id, label = one.sample_id[train], one.label[train]
    columns = {name: to_numpy(table.column(name)) for name in table.column_names}
    position = positions_of(sample_id, columns["sample_id"])
    if position is None:
        raise DataError(f"{where} holds other samples than repeat {one.repeat}'s training split; delete the file and rerun.")
    seeds = [columns[name][position] for name in sorted(columns) if name.startswith("seed_")]
    predicted = np.empty((0, len(sample_id)), dtype=np.int16)
    if dynamics is not None:
        predicted = dynamics.arrays(one.repeat, sample_id)["predicted"][:, -1]
    found = {name: of.of(one.repeat, sample_id, label) for name, of in parts.items()}
    suspected: dict[int, tuple[str, str]] = {}
    for name in suspects:
        for region in parts[name].notes.get(str(one.repeat), {}).get("regions", ()):
            for of_region in sample_id[found[name] == region["part"]].tolist():
                suspected.setdefault(of_region, (region["source"], region["region"]))
    of_groups = {name: part for name, part in found.items() if name not in suspects}
    return Repeat(one, sample_id, label, columns["score"][position], np.array(seeds), predicted, of_groups, suspected)


def _counts(paths: Sequence[Path]) -> "pd.DataFrame":
    import pandas as pd  # imported here, since it takes most of a second

    frames = [tables.read(path, schemas.EVIDENCE).to_pandas() for path in paths]
    found = pd.concat(frames, ignore_index=True)
    return found.astype({"split": "object", "kind": "object"})


def _reliance(paths: Sequence[Path]) -> dict[tuple[str, str], dict[int, analyses.Found]]:
    """Return what analyses of reliance found, by (partition, plan) and repeat."""
    found: dict[tuple[str, str], dict[int, analyses.Found]] = {}
    for path in paths:
        block = tables.read_metadata(path, analyses.ANY)["notes"]["analysis"]
        found.setdefault((block["partition"], block["plan"]), {}).update(analyses.read(path, RELIANCE))
    return found


def _of_suspects(found: Mapping[int, analyses.Found]) -> Shares:
    shares = measured.shares_of(found)
    return {(source, region): values for (source, region, donors), values in shares.items() if donors == measured.SUSPECTS}
