"""How well the transplant test finds planted shortcuts and their carriers, and how often it reports one where nothing is planted.

Every dataset is a draw of scikit-learn's digits, 0 to 4 against 5 to 9, of which one class may be thinned until the other has up to 80%. A
planted one has a bright area on some training and validation images of one class; the place, brightness, share of carriers and class are
drawn. Each goes through the workflow's stages in three repeats: scouts, transplant test, suspects, pruning, runs, reliance, cure test.

    python -m benchmarks.shortcuts --output FILE       # resumes after an interruption; one line of JSON a dataset
    python -m benchmarks.shortcuts --output FILE --summary

Draws from 900 on are for development and are never reported.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from spurprune.config import methods
from spurprune.data import analysis as analyses
from spurprune.data import embedding as embeddings
from spurprune.data import inputs as arrays
from spurprune.data import samples as sampling
from spurprune.data.grouping import Grouping
from spurprune.data.inputs import Manifest
from spurprune.data.samples import Samples
from spurprune.errors import DataError
from spurprune.pruning.parts import Parts
from spurprune.stages import analyse, partition, prune_metadata, retrain, score_difficulty, train_reference
from spurprune.storage import schemas, tables
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance
from spurprune.transplants import areas, cure

CLASSES = ("0-4", "5-9")
SIZES = {"train": 1200, "validation": 297, "test": 300}
REPEATS = (0, 1, 2)
PLACES: dict[str, tuple[slice, slice]] = {
    "left column": (slice(0, 8), slice(0, 1)),
    "right column": (slice(0, 8), slice(7, 8)),
    "middle column": (slice(0, 8), slice(4, 5)),
    "top row": (slice(0, 1), slice(0, 8)),
    "corner of 2": (slice(6, 8), slice(6, 8)),
    "square inside": (slice(2, 4), slice(5, 7)),
}
BRIGHT = (128, 192, 255)
SHARES = (0.05, 0.1, 0.2, 0.4)  # of the class's training and validation images
MAJORITIES = (0.5, 0.65, 0.8)  # the larger class's share of the training images
HARDEST, RANDOM = "within-suspects-el2n-hardest-0.25", "within-suspects-random-hardest-0.25"
PLANS = {"before": "none", "hardest": HARDEST, "random": RANDOM}
TRAINING: dict[str, Any] = {
    "epochs": 10,
    "batch_size": 64,
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4},
    "schedule": {"name": "step", "milestones": [7], "factor": 0.1},
    "augmentation": {"name": "none"},
    "precision": "fp32",
    "compile": False,
    "gradient_clip": None,
    "label_smoothing": 0.0,
}
REFERENCE: dict[str, Any] = {
    "crop_size": None,
    "model": {"name": "small_cnn", "channels": [8, 16, 32]},
    "training": TRAINING,
    "overlay": None,
    "normalisation": {"mean": None, "std": None},
    "evaluation": {"featured_classes": "probe", "batch_size": 4000},
}
SETTING = REFERENCE | {"probe": None, "training": TRAINING | {"evaluate_epochs": [], "evaluate_splits": ["validation", "test"]}}
SCOUTS = {"epochs": 10, "record_epochs": [4], "seeds": 2, "view": "eval", "shared": False}
ERM = methods.deciding(methods.complete({"kind": "erm"}))
CUES = {"kind": "transplant", "reference": "scouts", "donors": 80, "recipients": 24, "sources": 10, "tokens": 20}
RELIANCE = {"kind": "reliance", "from": "erm", "partition": "suspects", "donors": 20, "recipients": 60}
HELD = 0.5  # a region holds the cue if it has at least this share of its pixels


@dataclass(frozen=True)
class Drawn:
    """A dataset: its number, what is planted (None: nothing), how bright, on which share of which class, and the larger class's share."""

    number: int
    place: str | None
    bright: int
    share: float
    source: int
    majority: float
    larger: int


def drawn(number: int, planted: bool) -> Drawn:
    """Return the dataset of a number, planted or clean."""
    rng = np.random.default_rng([2026, number, planted])
    bright, share, source, majority, larger = (rng.choice(values) for values in (BRIGHT, SHARES, (0, 1), MAJORITIES, (0, 1)))
    place = str(rng.choice(list(PLACES))) if planted else None
    return Drawn(number, place, int(bright), float(share), int(source), float(majority), int(larger))


def images_of(one: Drawn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return images uint8 [N, 1, 8, 8], labels int16 [N], splits str [N], and which samples carry the cue, bool [N]."""
    digits = load_digits()
    label = (digits.target >= 5).astype(np.int16)
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[:, None]
    rng = np.random.default_rng([2027, one.number, one.place is not None])
    split = rng.permutation(np.repeat(np.array(list(SIZES), dtype=object), list(SIZES.values())))
    carrier = np.zeros(len(label), dtype=bool)
    if one.place is not None:
        for name in ("train", "validation"):
            members = np.flatnonzero((split == name) & (label == one.source))
            carrier[rng.choice(members, round(one.share * len(members)), replace=False)] = True
        rows, columns = PLACES[one.place]
        marked = images[carrier]
        marked[:, :, rows, columns] = one.bright
        images[carrier] = marked
    train = split == "train"
    smaller = np.flatnonzero(train & (label != one.larger))
    wanted = round((train & (label == one.larger)).sum() * (1 - one.majority) / one.majority)
    kept = ~train | (label == one.larger)
    kept[rng.permutation(smaller)[:wanted]] = True
    return images[kept], label[kept], split[kept], carrier[kept]


class Folder:
    """A dataset in a folder of its own, and the stages on it."""

    def __init__(self, path: Path, one: Drawn) -> None:
        self.path = path
        images, label, split, self.carrier = images_of(one)
        none = np.full(len(label), -1, dtype=np.int8)
        self.samples = [Samples(repeat, np.arange(len(label)), split, label, {}, none, none, label.astype(np.int32)) for repeat in REPEATS]
        self.inputs = {"inputs": path / "inputs.npy", "manifest": path / "manifest.json", "samples": path / "samples.parquet"}
        seen = images[split == "train"] / 255
        manifest = Manifest(
            dataset="digits",
            image_size=8,
            classes=CLASSES,
            attributes=(),
            split_counts={},
            mean=(float(seen.mean()),),
            std=(float(seen.std()),),
            source="",
            licence="",
            **arrays.content_of(images),
        )
        arrays.write_inputs(self.inputs["inputs"], images)
        arrays.write_manifest(self.inputs["manifest"], manifest)
        sampling.write(self.inputs["samples"], self.samples, Grouping(CLASSES, ()), self._from())

    def _from(self, **place: str) -> Provenance:
        return Provenance({"setting": "digits", "block": "000-002", **place}, "0+0", "0", repeats=REPEATS)

    def scouts(self) -> None:
        """Train the reference runs, keep their networks, and score difficulty."""
        common: dict[str, Any] = {"repeats": REPEATS}
        train_reference.run(
            inputs=self.inputs,
            setting=REFERENCE,
            recipe=SCOUTS,
            threads=1,
            repeats_at_once=1,
            outputs={name: self.path / name for name in ("dynamics", "timing", "models")},
            provenance=self._from(recipe="scouts"),
            **common,
        )
        for score, reference in (("el2n", "scouts"), ("random", None)):
            score_difficulty.run(
                samples=self.inputs["samples"],
                dynamics=self.path / "dynamics" if reference else None,
                score=score,
                reference=reference,
                epochs=[4] if reference else "all",
                output=self.path / score,
                provenance=self._from(score=score),
                **common,
            )

    def suspects(self) -> Parts:
        """Do the transplant test and return the suspects."""
        self._analyse("cues", CUES, REFERENCE, SCOUTS, {"models": self.path / "models"})
        partition.run(
            samples=self.inputs["samples"],
            dynamics=None,
            partition={"kind": "suspects", "analysis": "cues"},
            repeats=REPEATS,
            output=self.path / "suspects",
            provenance=self._from(partition="suspects"),
            analysis=self.path / "cues",
        )
        return Parts.read(self.path / "suspects")

    def reliance(self, role: str) -> tuple[dict[int, float], dict[tuple[str, str], dict[int, float]]]:
        """Train runs on a plan; return their test accuracy by repeat, and the reliance on suspects' regions by class and region."""
        plan = PLANS[role]
        scored = plan.split("-")[2] if plan != "none" else None
        prune_metadata.run(
            samples=self.inputs["samples"],
            difficulty=None if scored is None else self.path / scored,
            partition=None if scored is None else self.path / "suspects",
            manifest=self.inputs["manifest"],
            plan=plan,
            setting={"probe": None},
            repeats=REPEATS,
            output=self.path / f"{role}.plan",
            provenance=self._from(plan=plan),
        )
        outputs = {name: self.path / f"{role}.{name}" for name in ("predictions", "history", "timing", "models")}
        retrain.run(
            inputs=self.inputs | {"plan": self.path / f"{role}.plan"},
            setting=SETTING,
            method=ERM,
            repeats=REPEATS,
            threads=1,
            repeats_at_once=1,
            outputs=outputs,
            provenance=self._from(method="erm", plan=plan, candidate=""),
        )
        files = {"models": outputs["models"], "partition": self.path / "suspects"}
        self._analyse(role, RELIANCE | {"plan": plan}, SETTING, ERM, files)
        shares: dict[tuple[str, str], dict[int, float]] = {}
        for repeat, found in analyses.read(self.path / role, "reliance").items():
            columns = (found.columns[name] for name in ("source", "region", "donors", "share"))
            for source, region, donors, share in zip(*columns, strict=True):
                if donors == "suspects":
                    shares.setdefault((str(source), str(region)), {})[repeat] = float(share)
        return self._accuracy(outputs["predictions"]), shares

    def _analyse(self, name: str, block: dict[str, Any], setting: dict[str, Any], trained_by: Any, more: dict[str, Path]) -> None:
        analyse.run(
            inputs=self.inputs | more,
            setting=setting,
            trained_by=trained_by,
            analysis=block,
            repeats=REPEATS,
            threads=1,
            output=self.path / name,
            provenance=self._from(analysis=name),
        )

    def _accuracy(self, path: Path) -> dict[int, float]:
        table = tables.read(path, schemas.PREDICTIONS)
        columns = {name: to_numpy(table.column(name)) for name in ("repeat", "sample_id", "split")}
        right = embeddings.arrays_of(table.column("logits")).argmax(axis=1) == self.samples[0].label[columns["sample_id"]]
        test = columns["split"] == "test"
        return {repeat: float(right[test & (columns["repeat"] == repeat)].mean()) for repeat in REPEATS}


def measure(one: Drawn, path: Path) -> dict[str, Any]:
    """Return what the transplant test and the cure test find in a dataset."""
    start, folder = time.monotonic(), Folder(path, one)
    folder.scouts()
    parts = folder.suspects()
    runs = {role: folder.reliance(role) for role in PLANS}
    regions = sorted(runs["before"][1])
    measured = [cure.Measured(*region, *(runs[role][1].get(region, {}) for role in PLANS)) for region in regions]
    measured = [region for region in measured if region.hardest and region.random]
    verdicts = cure.judge(measured, runs["before"][0], runs["hardest"][0], len(REPEATS))
    shortcuts = [verdict for verdict in verdicts if verdict.is_shortcut]
    return {
        **asdict(one),
        "suspected": sum(holds_cue(verdict, one) for verdict in verdicts) > 0,
        "found": any(holds_cue(verdict, one) for verdict in shortcuts),
        "false": sum(not holds_cue(verdict, one) for verdict in shortcuts),
        "carriers": [named_carriers(parts, repeat, folder, one) for repeat in REPEATS],
        "accuracy": {role: float(np.mean(list(found[0].values()))) for role, found in runs.items()},
        "verdicts": [asdict(verdict) for verdict in verdicts],
        "seconds": round(time.monotonic() - start, 1),
    }


def holds_cue(verdict: cure.Verdict, one: Drawn) -> bool:
    """Return whether a verdict is on a region of the planted class that holds at least half of the cue."""
    return one.place is not None and verdict.source == CLASSES[one.source] and _held(verdict.region, one.place) >= HELD


def _held(region: str, place: str) -> float:
    cue = np.zeros((8, 8), dtype=bool)
    cue[PLACES[place]] = True
    return float((areas.of_images(8, 8)[region] & cue).sum() / cue.sum())


def named_carriers(parts: Parts, repeat: int, folder: Folder, one: Drawn) -> dict[str, float] | None:
    """Return precision and recall of one repeat's suspects by regions that hold the cue; None if no region does."""
    if one.place is None:
        return None
    rows = folder.samples[0].rows("train")
    part = parts.of(repeat, rows, folder.samples[0].label[rows])
    noted = parts.notes[str(repeat)]["regions"]
    holding = [region["part"] for region in noted if region["source"] == CLASSES[one.source] and _held(region["region"], one.place) >= HELD]
    chosen = np.isin(part, holding)
    if not chosen.any():
        return None
    carrier = folder.carrier[rows]
    return {"precision": float(carrier[chosen].mean()), "recall": float(chosen[carrier].mean())}


def summary(records: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what the records say, one sentence each."""
    planted, clean = ([one for one in records if (one["place"] is not None) == wanted] for wanted in (True, False))
    if planted:
        found, suspected = (sum(one[key] for one in planted) for key in ("found", "suspected"))
        yield f"Planted: {found} of {len(planted)} found and cured, the region suspected in {suspected}."
        named = [repeat for one in planted for repeat in one["carriers"] if repeat is not None]
        if named:
            means = {key: float(np.mean([repeat[key] for repeat in named])) for key in ("precision", "recall")}
            yield f"Carriers, where suspected: precision {means['precision']:.2f}, recall {means['recall']:.2f}."
        yield f"Other regions reported: in {sum(one['false'] > 0 for one in planted)} of {len(planted)}."
    if clean:
        yield f"Clean: a shortcut reported in {sum(one['false'] > 0 for one in clean)} of {len(clean)}."


def main() -> None:
    """Measure the datasets that the output lacks, planted and clean in turn, or print the summary."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="a file of JSON lines, one a dataset")
    parser.add_argument("--datasets", type=int, default=20, help="of each sort (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first; from 900 on, draws are for development")
    parser.add_argument("--summary", action="store_true", help="print what the file says")
    given = parser.parse_args()
    lines = given.output.read_text(encoding="utf-8").splitlines() if given.output.exists() else []
    records = [json.loads(line) for line in lines]
    if not given.summary:
        done = {(one["number"], one["place"] is not None) for one in records}
        wanted = [(number, planted) for number in range(given.first, given.first + given.datasets) for planted in (True, False)]
        records += [_recorded(drawn(*one), given.output.resolve()) for one in wanted if one not in done]
    print("\n".join(summary(records)))


def _recorded(one: Drawn, output: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)  # where stages keep their checkpoints
        try:
            record = measure(one, Path(folder))
        except DataError as error:  # no recipient that all networks get right, for instance
            record = {**asdict(one), "error": str(error), "suspected": False, "found": False, "false": 0, "carriers": []}
        finally:
            os.chdir(before)
    with output.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    return record


if __name__ == "__main__":
    main()
