"""prepare_splits: a setting's samples for one block: splits, carriers, groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune import seeds
from spurprune.data import consistency, subsets
from spurprune.data import samples as sampling
from spurprune.data.grouping import WITHOUT_WITH, Attribute, Grouping
from spurprune.data.inputs import Manifest, origin_of, read_manifest
from spurprune.errors import DataError
from spurprune.storage import schemas, tables
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance, trace
from spurprune.storage.words import SPLITS


def run(
    *,
    base: Path,
    manifest: Path,
    difficulty: Path | None,
    setting: Mapping[str, Any],
    repeats: Sequence[int],
    output: Path,
    provenance: Provenance,
) -> None:
    """Write the samples of every repeat.

    ``setting`` is what ``config.blocks.samples`` returns; ``difficulty`` is the base setting's if the carriers are chosen by difficulty.
    Raises DataError if the dataset lacks what the setting names, if no sample is what a key promises, or an invariant does not hold.
    """
    info = read_manifest(manifest)
    name, carriers = provenance.setting, setting["carriers"]
    of_inputs = origin_of(manifest, info)
    of_base = tables.origin_of(base, schemas.BASE, of_inputs.provenance.place)
    if of_base.identity != info.base:
        raise DataError(f"{base} and {manifest} were not made together; delete both and rerun.")
    origins = [of_inputs, of_base]
    if difficulty is not None:
        elsewhere = {**provenance.place, "setting": carriers["base"], "score": carriers["score"]}
        origins.append(tables.origin_of(difficulty, schemas.DIFFICULTY, elsewhere, repeats))
    provenance = trace(provenance, *origins)
    rows = tables.read(base, schemas.BASE)
    _require_dataset(rows, info, str(base))
    ranks = None if difficulty is None else tables.read(difficulty, schemas.DIFFICULTY, ["repeat", "sample_id", "rank"])
    attributes = attributes_of(info, setting["overlay_attribute"])
    grouping = Grouping(info.classes, tuple(_known(attributes, one, info) for one in setting["groups"]))
    consistency.check_groups(grouping.attributes, name)
    feature = _feature(setting, info, attributes, name)
    _check_base(rows, feature, setting, info, name)
    samples = [_one_repeat(repeat, rows, ranks, setting, info, feature, grouping) for repeat in repeats]
    for one in samples:
        consistency.check_validation(one, setting["validation"], name)
        consistency.check_aligned(one, feature.aligned, info, name)
        if feature.source is not None:
            consistency.check_source(one, feature.source, info.classes[feature.source], name)
    counts = {name: int((samples[0].split == name).sum()) for name in SPLITS}
    as_released = setting["validation"] in ("official", "none") and not setting["subset"]["parts"]
    declared = info.split_counts if as_released else counts
    for one in samples:
        sampling.check(one, {name: declared.get(name, 0) for name in SPLITS}, str(output))
    counts["carriers"] = int((samples[0].carrier[samples[0].split == "train"] == 1).sum())
    notes = {"draw": carriers.get("draw", "per_repeat"), "choose": carriers["choose"]}
    sampling.write(output, samples, grouping, replace(provenance, counts=counts, notes=notes))


def _require_dataset(rows: pa.Table, info: Manifest, where: str) -> None:
    """Raise DataError unless a base table holds the samples of the manifest: their ids, split sizes, classes and attribute values."""
    split, label = to_numpy(rows.column("split")), to_numpy(rows.column("label"))
    wrong = [
        "ids" if not np.array_equal(to_numpy(rows.column("sample_id")), np.arange(info.count)) else "",
        "split sizes" if {name: int((split == name).sum()) for name in SPLITS} != info.split_counts else "",
        "classes" if label.max(initial=-1) >= info.num_classes else "",
    ]
    for one in info.attributes:
        codes = rows.column(f"attribute_{one.name}") if f"attribute_{one.name}" in rows.column_names else None
        if codes is None or to_numpy(codes.fill_null(-1)).max(initial=-1) >= len(one.values):
            wrong.append(f"values of the attribute '{one.name}'")
    if any(wrong):
        what = next(filter(None, wrong))
        raise DataError(f"{where} holds other {what} than its manifest says; delete the dataset's folder and rerun.")


def attributes_of(info: Manifest, overlay_attribute: str | None) -> dict[str, Attribute]:
    """Return the dataset's attributes by name, and that of the overlay if there is one; raises DataError if both have one name."""
    attributes = {attribute.name: attribute for attribute in info.attributes}
    if overlay_attribute is not None:
        if overlay_attribute in attributes:
            raise DataError(f"overlay.attribute is '{overlay_attribute}', already an attribute of '{info.dataset}'; choose another name.")
        attributes[overlay_attribute] = Attribute.of(overlay_attribute, WITHOUT_WITH)
    return attributes


def _known(attributes: Mapping[str, Attribute], name: str, info: Manifest) -> Attribute:
    return attributes[name] if name in attributes else info.attribute(name)  # raises DataError


@dataclass(frozen=True)
class _Feature:
    """Which classes and values the setting ties to the feature, as labels and codes.

    ``source`` is the class that the feature goes with, None if the setting names none; ``where`` the values of natural carriers;
    ``aligned`` maps labels to the values that go with them in training.
    """

    source: int | None
    where: Mapping[str, int]
    aligned: Mapping[int, Mapping[str, int]]


def _feature(setting: Mapping[str, Any], info: Manifest, attributes: Mapping[str, Attribute], name: str) -> _Feature:
    carriers = setting["carriers"]
    source = consistency.class_index(info, carriers["class"], f"{name}, probe.source or carriers.class") if "class" in carriers else None
    where = consistency.codes(attributes, carriers.get("where", {}), info, f"{name}.carriers.where")
    aligned = {
        consistency.class_index(info, label, f"{name}.aligned"): consistency.codes(attributes, tied, info, f"{name}.aligned.{label}")
        for label, tied in setting["aligned"].items()
    }
    return _Feature(source, where, aligned)


def _check_base(rows: pa.Table, feature: _Feature, setting: Mapping[str, Any], info: Manifest, name: str) -> None:
    """Raise DataError if the dataset's training samples, before a subset is taken, have none of the values that a key names.

    The overlay's attribute is left out, since its carriers are not drawn yet; the configuration's checks cover it.
    """
    split = to_numpy(rows.column("split"))
    trained = (split == "train") | ((split == "validation") & (not isinstance(setting["validation"], str)))
    label = to_numpy(rows.column("label"))[trained]
    values = {one.name: to_numpy(rows.column(f"attribute_{one.name}").fill_null(-1))[trained] for one in info.attributes}
    consistency.check_occurs(label, values, feature.where, feature.source, info, f"{name}.carriers.where", known=False)
    for tied_label, tied in feature.aligned.items():
        natural = {attribute: code for attribute, code in tied.items() if attribute in values}
        consistency.check_occurs(label, values, natural, tied_label, info, f"{name}.aligned.{info.classes[tied_label]}", known=True)


def _one_repeat(
    repeat: int,
    rows: pa.Table,
    ranks: pa.Table | None,
    setting: Mapping[str, Any],
    info: Manifest,
    feature: _Feature,
    grouping: Grouping,
) -> sampling.Samples:
    label = to_numpy(rows.column("label"))
    split = to_numpy(rows.column("split")).astype(object)
    validation = setting["validation"]
    if not isinstance(validation, str):
        split = sampling.hold_out(label, split, float(validation))
    split = _subset(repeat, rows, label, split, setting["subset"], info)
    used = split != subsets.LEFT_OUT
    rows, label, split = rows.filter(pa.array(used)), label[used], split[used]
    sample_id = to_numpy(rows.column("sample_id"))
    values = {one.name: to_numpy(rows.column(f"attribute_{one.name}").fill_null(-1)) for one in info.attributes}
    carriers = setting["carriers"]
    if setting["overlay_attribute"] is not None:
        carrier = np.zeros(len(label), dtype=np.int8)
        carrier[_drawn(repeat, sample_id, label, split, ranks, carriers, info)] = 1
        values[setting["overlay_attribute"]] = carrier.astype(np.int16)
    elif carriers["choose"] == "natural":
        carrier = sampling.has(values, feature.where, len(label))
    else:
        carrier = np.full(len(label), -1, dtype=np.int8)
    return sampling.Samples(
        repeat=repeat,
        sample_id=sample_id,
        split=split,
        label=label,
        attributes=values,
        carrier=carrier,
        aligned=sampling.alignment(label, values, feature.aligned),
        group=grouping.numbers(label, values),
    )


def _subset(repeat: int, rows: pa.Table, label: np.ndarray, split: np.ndarray, subset: Mapping[str, Any], info: Manifest) -> np.ndarray:
    parts = [
        subsets.Part(
            name,
            consistency.class_index(info, part["class"], f"subset.parts.{name}.class"),
            consistency.codes({}, part.get("where", {}), info, f"subset.parts.{name}.where"),
            part.get("count"),
            part.get("fill_to"),
            part.get("choose", "random"),
            part.get("rest", "leave_out"),
            part.get("coin_seed"),
        )
        for name, part in subset["parts"].items()
    ]
    columns = {name: to_numpy(rows.column(name).fill_null(-1)) for name in rows.column_names if name.startswith(("attribute_", "ranking_"))}
    attributes = {name.removeprefix("attribute_"): values for name, values in columns.items()}
    rankings = {name.removeprefix("ranking_"): values for name, values in columns.items()}
    draw = "fixed" if subset["draw"] == "fixed" else repeat
    return subsets.take(split, label, attributes, rankings, parts, draw, f"repeat {repeat}")


def _drawn(
    repeat: int,
    sample_id: np.ndarray,
    label: np.ndarray,
    split: np.ndarray,
    ranks: pa.Table | None,
    carriers: Mapping[str, Any],
    info: Manifest,
) -> np.ndarray:
    """Return the positions of the training samples that get the overlay."""
    classes = [info.class_index(name) for name in (carriers["class"], *carriers.get("also", ()))]
    of_classes = [np.flatnonzero((split == "train") & (label == one)) for one in classes]
    if carriers["choose"] == "random_state":
        seed = carriers.get("seed")
        return sampling.choose_by_random_state(of_classes, carriers["count"], repeat if seed is None else seed)
    candidates, rank = of_classes[0], None
    if ranks is not None:
        this = to_numpy(ranks.column("repeat")) == repeat
        rank_of = dict(zip(to_numpy(ranks.column("sample_id"))[this].tolist(), to_numpy(ranks.column("rank"))[this].tolist(), strict=True))
        unranked = set(sample_id[candidates].tolist()) - set(rank_of)
        if unranked:
            raise DataError(
                f"carriers.base '{carriers['base']}' has no difficulty for sample {min(unranked)}, which may get the overlay in repeat "
                f"{repeat}; give both settings the same validation and subset."
            )
        rank = np.array([rank_of[i] for i in sample_id[candidates].tolist()])
    draw = "fixed" if carriers.get("draw") == "fixed" else repeat
    rng = seeds.generator(seeds.CARRIERS, draw)
    return sampling.choose_carriers(carriers["choose"], candidates, carriers["count"], rng, rank, carriers.get("start", 0))
