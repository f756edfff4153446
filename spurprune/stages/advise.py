"""advise: from the evidence to a recommendation, the samples to keep and to drop, a diagnosis and a page to look at."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.advice import diagnosis as diagnoses
from spurprune.advice import lists, material, report
from spurprune.advice.choices import choices
from spurprune.advice.cues import wording
from spurprune.advice.cues.gathering import Source, cues
from spurprune.advice.diagnosis import Balance, Diagnosis, Spread
from spurprune.advice.lists import Listed
from spurprune.advice.material import Material
from spurprune.advice.page import render
from spurprune.advice.recommendation import best, judge
from spurprune.advice.report import Advised
from spurprune.advice.shown import shower
from spurprune.data import analysis as analyses
from spurprune.data.inputs import open_inputs, origin_of, read_manifest
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.pruning import plan as plans
from spurprune.storage import schemas, tables
from spurprune.storage.columns import labels
from spurprune.storage.files import write_text
from spurprune.storage.provenance import Provenance, require_compatible, trace
from spurprune.storage.words import SPLITS

OF_PLACE = {"samples": schemas.SAMPLES, "difficulty": schemas.DIFFICULTY, "partitions": schemas.PARTITION, "evidence": schemas.EVIDENCE}
LISTED = ("key", "sample_id", "label", "difficulty", "rank", "region", "why")  # columns of the lists


def run(
    *,
    inputs: Mapping[str, Sequence[Path]],
    advice: Mapping[str, Any],
    suspects: Sequence[str],
    title: str,
    tokenizer: str | None,
    crop_size: int | None,
    originals: Path | None,
    outputs: Mapping[str, Path],
    provenance: Provenance,
) -> None:
    """Write the advice on a setting.

    ``inputs`` lists files by what they hold: inputs, manifest and base of the dataset; by block samples, difficulty, dynamics (none if the
    score needs no reference), partitions (those of ``suspects``, too), evidence, predictions without pruning and analyses of reliance.
    ``advice`` is the setting's section, ``title`` its description. ``tokenizer`` decodes texts, None for other samples; ``originals`` is
    the folder of a user's own image files, if there is one. ``outputs`` names the paths keep, drop, samples, diagnosis, summary and page.
    Raises DataError if files are damaged or do not belong together.
    """
    (manifest_path,), (base_path,) = inputs["manifest"], inputs["base"]
    manifest = read_manifest(manifest_path)
    of_inputs = origin_of(manifest_path, manifest)
    of_base = tables.origin_of(base_path, schemas.BASE, of_inputs.provenance.place)
    if of_base.identity != manifest.base:
        raise DataError(f"{base_path} and {manifest_path} were not made together; delete both and rerun.")
    place = {**provenance.place, "score": advice["score"]}
    unpruned = {**provenance.place, "method": advice["method"], "candidate": "", "plan": plans.NO_PRUNING}
    origins = [
        of_inputs,
        *(tables.origin_of(path, schema, place) for name, schema in OF_PLACE.items() for path in inputs[name]),
        *(tables.origin_of(path, schemas.DYNAMICS, place) for path in inputs["dynamics"]),
        *(tables.origin_of(path, schemas.PREDICTIONS, unpruned) for path in inputs["predictions"]),
        *(analyses.origin_of(path) for path in inputs["analyses"]),
    ]
    require_compatible(provenance, *origins)
    provenance = trace(provenance, *origins)
    base = tables.read(base_path, schemas.BASE)
    keys: list[str] = base.column("key").to_pylist()
    found = material.read(inputs, suspects, manifest.attributes)
    every = choices(advice, suspects)
    trials = judge(found.evidence, every)
    chosen = best(trials)
    repeats = list(found.repeats.values())
    samples = lists.listed([(one.sample_id, one.score) for one in repeats], found.by_id("label"), [one.suspected for one in repeats])
    drop = np.zeros(len(samples.sample_id), dtype=bool)
    if chosen is not None:
        drop = lists.dropped(samples, chosen.choice, None if chosen.region is None else chosen.cured)
    wrong = mislabelled(samples, found)
    stored = open_inputs(inputs["inputs"][0], manifest)
    simple = cues(found, manifest, Source(stored, keys, originals, tokenizer), inputs["predictions"])
    advised = Advised(title, every, trials, chosen, samples, drop, wrong, diagnose(samples, found, manifest.classes, wrong), simple)
    paragraph = report.paragraph(advised, found.evidence)
    log.info("%s", paragraph)
    why = lists.reasons(samples, None if chosen is None else chosen.choice, drop, manifest.classes)
    table = samples_table(advised, found, keys, why)
    counts = {"samples": len(table), "train": len(samples.sample_id), "drop": int(drop.sum())}
    notes = {"recommendation": paragraph, "plan": None if chosen is None else chosen.choice.plan}
    tables.write(outputs["samples"], table, schemas.ADVICE, replace(provenance, counts=counts, notes=notes))
    for name, wanted in (("keep", False), ("drop", True)):
        write_text(outputs[name], as_csv(table, wanted))
    plain = {"recommendation": paragraph, **notes, "trials": [_plain(one) for one in trials], **advised.diagnosis.to_plain()}
    plain["simple_cues"] = wording.to_plain(simple, manifest.classes)
    write_text(outputs["diagnosis"], json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    write_text(outputs["summary"], report.diagnosis_markdown(advised, manifest.classes, paragraph))
    shown = shower(stored, manifest, tokenizer)
    write_text(outputs["page"], render(report.page_of(advised, found, keys, shown, manifest, paragraph, crop_size)))


def mislabelled(samples: Listed, found: Material) -> np.ndarray:
    """Return which listed samples may have a wrong label, bool [N]: in every repeat that trains on them all reference runs say so."""
    size = np.bincount(samples.label)[samples.label]
    votes, times = np.zeros(len(samples.sample_id), dtype=int), np.zeros(len(samples.sample_id), dtype=int)
    for one in found.repeats.values():
        if not len(one.predicted):
            continue
        where = np.searchsorted(samples.sample_id, one.sample_id)
        votes[where] += diagnoses.mislabelled(samples.rank[where], size[where], one.predicted, one.label)
        times[where] += 1
    result: np.ndarray = (times > 0) & (votes == times)
    return result


def diagnose(samples: Listed, found: Material, classes: Sequence[str], wrong: np.ndarray) -> Diagnosis:
    """Return the diagnosis; clusters are those of the first repeat, since those of others are other clusters."""
    repeats, first = list(found.repeats.values()), found.first
    between_seeds = [diagnoses.agreement(list(one.seeds)) for one in repeats]
    shared = [one for one in repeats if np.array_equal(one.sample_id, first.sample_id)]
    suspected = np.array([one is not None for one in samples.region])
    return Diagnosis(
        seeds=diagnoses.pooled(between_seeds),
        repeats=diagnoses.agreement([one.score for one in shared]),
        spreads=spreads(samples, found, classes),
        balances=[
            Balance("classes", _sizes(samples.label, classes)),
            *(Balance(f"parts of {name}", _sizes(part, found.names[name])) for name, part in first.parts.items()),
        ],
        mislabelled=int(wrong.sum()),
        mislabelled_suspects=int((wrong & suspected).sum()),
        suspects=int(suspected.sum()),
    )


def spreads(samples: Listed, found: Material, classes: Sequence[str]) -> list[Spread]:
    """Return how suspects and samples of each value of an attribute spread over the quartiles of their class."""
    result = []
    for source, region in sorted({one for one in samples.region if one is not None}):
        mine = samples.label == list(classes).index(source)
        members = np.array([one == (source, region) for one in samples.region])
        result.append(diagnoses.spread(f"Suspects of {region}", source, members[mine], samples.rank[mine]))
    first = found.first.samples
    where = np.searchsorted(samples.sample_id, found.first.sample_id)
    train = first.rows("train")
    for attribute in found.attributes:
        codes = first.attributes[attribute.name][train]
        for value in np.unique(found.first.label).tolist():
            mine = found.first.label == value
            rank = np.argsort(np.argsort(samples.rank[where][mine]))
            for code, name in enumerate(attribute.values):
                if (codes[mine] == code).any() and (codes[mine] != code).any():
                    result.append(diagnoses.spread(f"Samples with {attribute.name} {name}", classes[value], codes[mine] == code, rank))
    return result


def samples_table(advised: Advised, found: Material, keys: Sequence[str], why: Sequence[str]) -> pa.Table:
    """Return all samples of the setting (schema ``schemas.ADVICE``), training samples of any repeat as such."""
    listed = advised.samples
    split, label = found.by_id("split"), found.by_id("label")
    place = {one: position for position, one in enumerate(listed.sample_id.tolist())}
    ids = sorted(split)
    places = [place.get(one) for one in ids]
    first = dict(zip(found.first.sample_id.tolist(), range(len(found.first.sample_id)), strict=True))

    def of_train(values: Sequence[Any]) -> list[Any]:
        return [None if at is None else values[at] for at in places]

    def part_of(name: str) -> list[str | None]:
        part = found.first.parts[name]
        return [None if one not in first else found.names[name][int(part[first[one]])] for one in ids]

    regions = [None if one is None else f"{one[1]} for class {one[0]}" for one in listed.region]
    return pa.table(
        {
            "key": [keys[one] for one in ids],
            "sample_id": pa.array(ids, pa.int64()),
            "label": [found.classes[int(label[one])] for one in ids],
            "split": labels(["train" if at is not None else split[one] for one, at in zip(ids, places, strict=True)], SPLITS),
            "difficulty": pa.array(of_train(listed.difficulty.tolist()), pa.float64()),
            "rank": pa.array(of_train(listed.rank.tolist()), pa.int32()),
            "region": pa.array(of_train(regions), pa.string()),
            **{f"part_{name}": pa.array(part_of(name), pa.string()) for name in found.first.parts},
            "mislabelled": pa.array([at is not None and bool(advised.mislabelled[at]) for at in places]),
            "drop": pa.array([at is not None and bool(advised.drop[at]) for at in places]),
            "why": ["not trained on" if at is None else why[at] for at in places],
        }
    )


def as_csv(table: pa.Table, dropped: bool) -> str:
    """Return the training samples that are dropped, or those that are kept, as CSV: the hardest of each class first."""
    frame = table.to_pandas()
    mine = frame[(frame["split"].astype(str) == "train") & (frame["drop"] == dropped)]
    ordered = mine.sort_values(["label", "rank"], ascending=[True, False], kind="stable")[list(LISTED)]
    text: str = ordered.astype({"rank": "int64"}).to_csv(index=False, lineterminator="\n")
    return text


def _sizes(part: np.ndarray, names: Sequence[str]) -> dict[str, int]:
    return {name: int(size) for name, size in zip(names, np.bincount(part, minlength=len(names)), strict=True) if size}


def _plain(one: Any) -> dict[str, Any]:
    gain = one.gain.mean if one.gain.n else None
    return {
        "plan": one.choice.plan,
        "control": one.choice.control,
        "target": one.target.words,
        "region": None if one.region is None else list(one.region),
        "gain": gain,
        "p": one.p,
        "p_against_random": one.p_random,
        "loss_of_accuracy_at_most": one.loss if np.isfinite(one.loss) else None,
        "helps": one.helps,
        "why": one.words,
    }
