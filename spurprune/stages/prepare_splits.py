"""prepare_splits: a setting's samples for one block: splits, carriers, groups."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune import seeds
from spurprune.data import samples as sampling
from spurprune.data import subsets
from spurprune.data.inputs import Manifest, read_manifest
from spurprune.errors import DataError
from spurprune.storage import tables
from spurprune.storage.tables import to_numpy


def run(
    base: Path,
    manifest: Path,
    difficulty: Path | None,
    setting: dict[str, Any],
    repeats: list[int],
    output: Path,
    provenance: tables.Provenance,
) -> None:
    """Write the samples of every repeat.

    ``setting`` holds validation, subset, source_class, attribute, aligned, carriers and ``drawn``, whether the feature is laid over
    carriers that are drawn here or is an attribute of the dataset; ``difficulty`` is the base setting's, where the carriers are chosen
    by difficulty. Raises DataError if an invariant does not hold.
    """
    info = read_manifest(manifest)
    rows = tables.read(base, tables.BASE)
    ranks = None if difficulty is None else tables.read(difficulty, tables.DIFFICULTY, ["repeat", "sample_id", "rank"])
    samples = [_one_repeat(repeat, rows, ranks, setting, info) for repeat in repeats]
    counts = {name: int((samples[0].split == name).sum()) for name in sampling.SPLITS}
    as_released = setting["validation"] in ("official", "none") and not setting["subset"]["parts"]
    declared = info.split_counts if as_released else counts
    for one in samples:
        sampling.check(one, {name: declared.get(name, 0) for name in sampling.SPLITS}, str(output))
    table = sampling.to_table(samples, setting["attribute"])
    tables.require_unique(table, tables.SAMPLES, str(output))
    counts["carriers"] = int((samples[0].attribute[samples[0].split == "train"] == 1).sum())
    notes = {"draw": setting["carriers"].get("draw", "per_repeat"), "choose": setting["carriers"]["choose"]}
    tables.write(output, table, tables.SAMPLES, replace(provenance, counts=counts, notes=notes))


def _one_repeat(repeat: int, rows: pa.Table, ranks: Any, setting: dict[str, Any], info: Manifest) -> sampling.Samples:
    sample_id, label = to_numpy(rows.column("sample_id")), to_numpy(rows.column("label"))
    split = to_numpy(rows.column("split")).astype(object)
    validation = setting["validation"]
    if not isinstance(validation, str):
        split = sampling.hold_out(label, split, float(validation))
    split = _subset(repeat, rows, label, split, setting["subset"], info)
    used = split != subsets.LEFT_OUT
    rows, sample_id, label, split = rows.filter(pa.array(used)), sample_id[used], label[used], split[used]
    if setting["drawn"]:
        attribute = np.zeros(len(label), dtype=np.int16)
        attribute[_carriers(repeat, sample_id, label, split, ranks, setting, info)] = 1
    else:
        attribute = to_numpy(rows.column(f"attribute_{setting['attribute']}").fill_null(-1))
    aligned = {info.class_index(name): value for name, value in setting["aligned"].items()}
    return sampling.Samples(
        repeat, sample_id, split, label, attribute, sampling.alignment(label, attribute, aligned), sampling.group_of(label, attribute)
    )


def _subset(repeat: int, rows: pa.Table, label: np.ndarray, split: np.ndarray, subset: dict[str, Any], info: Manifest) -> np.ndarray:
    parts = [
        subsets.Part(
            name,
            info.class_index(part["class"]),
            part.get("where", {}),
            part.get("count"),
            part.get("fill_to"),
            part.get("choose", "random"),
            part.get("rest", "leave_out"),
        )
        for name, part in subset["parts"].items()
    ]
    columns = {name: to_numpy(rows.column(name).fill_null(-1)) for name in rows.column_names if name.startswith(("attribute_", "ranking_"))}
    attributes = {name.removeprefix("attribute_"): values for name, values in columns.items()}
    rankings = {name.removeprefix("ranking_"): values for name, values in columns.items()}
    draw = "fixed" if subset["draw"] == "fixed" else repeat
    return subsets.take(split, label, attributes, rankings, parts, draw, f"repeat {repeat}")


def _carriers(
    repeat: int, sample_id: np.ndarray, label: np.ndarray, split: np.ndarray, ranks: Any, setting: dict[str, Any], info: Manifest
) -> np.ndarray:
    carriers = setting["carriers"]
    candidates = np.flatnonzero((split == "train") & (label == info.class_index(setting["source_class"])))
    rank = None
    if ranks is not None:
        this = to_numpy(ranks.column("repeat")) == repeat
        rank_of = dict(zip(to_numpy(ranks.column("sample_id"))[this].tolist(), to_numpy(ranks.column("rank"))[this].tolist(), strict=True))
        unranked = set(sample_id[candidates].tolist()) - set(rank_of)
        if unranked:
            raise DataError(
                f"carriers.base '{carriers['base']}' has no difficulty of sample {min(unranked)}, which may carry the feature in repeat "
                f"{repeat}; give both settings the same validation and subset."
            )
        rank = np.array([rank_of[i] for i in sample_id[candidates].tolist()])
    draw = "fixed" if carriers.get("draw") == "fixed" else repeat
    rng = seeds.generator(seeds.CARRIERS, draw)
    return sampling.choose_carriers(carriers["choose"], candidates, carriers["count"], rng, rank, carriers.get("start", 0))
