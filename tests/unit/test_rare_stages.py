"""What undoes rare patterns and looks at them, from kept networks: digits as images of 8 × 8 pixels, a square on some zeros."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits

from spurprune.config import methods
from spurprune.data import analysis as analyses
from spurprune.data import inputs as arrays
from spurprune.data import samples as sampling
from spurprune.data.grouping import Grouping
from spurprune.data.inputs import Manifest
from spurprune.data.samples import Samples
from spurprune.errors import DataError, TrainingError
from spurprune.evaluation.membership import PARTS
from spurprune.pruning.parts import Parts
from spurprune.stages import analyse, partition, prune_metadata, refine_network, retrain
from spurprune.storage import schemas, tables, tensor_files
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance

PLACE = {"setting": "digits-test", "block": "000-000"}
CLASSES = tuple("0123456789")
N, TRAIN, CARRIERS = 600, 400, 12
WHOLE = 1000  # rows of a batch that holds all samples, so that their order does not matter
SETTING: dict[str, Any] = {
    "crop_size": None,
    "model": {"name": "mlp", "hidden": [32]},
    "training": {
        "epochs": 30,
        "batch_size": 64,
        "optimizer": {"name": "adam", "lr": 0.01, "weight_decay": 0.0},
        "schedule": {"name": "constant"},
        "augmentation": {"name": "none"},
        "precision": "fp32",
        "compile": False,
        "gradient_clip": None,
        "label_smoothing": 0.0,
        "evaluate_epochs": [],
        "evaluate_splits": ["test"],
    },
    "overlay": {"name": "pattern", "attribute": "pattern", "pattern": "v3", "seed": None},
    "normalisation": {"mean": [0.0], "std": [1.0]},
    "evaluation": {"featured_classes": "all", "batch_size": 500},
    "probe": {"source": "0", "target": "others"},
}
ERM = {"kind": "erm"}


def entry(block: Mapping[str, Any]) -> dict[str, Any]:
    return methods.deciding(methods.complete(block))


def provenance(**place: str) -> Provenance:
    return Provenance(PLACE | place, "0+code", "config", repeats=(0,))


class Site:
    """Digits in training and test samples, a square on twelve zeros, and the runs on them by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        images, digit = load_digits(return_X_y=True)
        stored = np.rint(images[:N].reshape(-1, 1, 8, 8) * 255 / 16).astype(np.uint8)
        label = digit[:N].astype(np.int16)
        split = np.repeat(np.array(["train", "test"], dtype=object), [TRAIN, N - TRAIN])
        carrier = np.zeros(N, dtype=np.int8)
        carrier[np.flatnonzero((label == 0) & (split == "train"))[:CARRIERS]] = 1
        unknown = np.full(N, -1, dtype=np.int8)
        self.samples = Samples(
            0, np.arange(N), split, label, {"pattern": carrier.astype(np.int16)}, carrier, unknown, label.astype(np.int32)
        )
        arrays.write_inputs(self.at("inputs.npy"), stored)
        content = {"dataset": "digits", "image_size": 8, "classes": CLASSES, "attributes": (), "split_counts": {}}
        manifest = Manifest(**content, mean=(0.3,), std=(0.4,), source="", licence="", **arrays.content_of(stored))  # type: ignore[arg-type]
        arrays.write_manifest(self.at("manifest.json"), manifest)
        sampling.write(self.at("samples.parquet"), [self.samples], Grouping(CLASSES, ()), provenance())
        self.inputs = {"inputs": self.at("inputs.npy"), "manifest": self.at("manifest.json"), "samples": self.at("samples.parquet")}

    def at(self, name: str) -> Path:
        return self.path / name

    def quarters(self) -> Path:
        """Divide the training samples for membership inference."""
        block = {"kind": "quarters"}
        made = provenance(partition="quarters")
        partition.run(
            samples=self.inputs["samples"], dynamics=None, partition=block, repeats=[0], output=self.at("quarters"), provenance=made
        )
        return self.at("quarters")

    def plan(self, name: str) -> Path:
        """Weigh the training samples."""
        path = self.at(f"{name}.parquet")
        if not path.exists():
            prune_metadata.run(
                samples=self.inputs["samples"],
                difficulty=None,
                partition=self.at("quarters") if "quarters" in name else None,
                manifest=self.inputs["manifest"],
                plan=name,
                setting={"probe": SETTING["probe"]},
                repeats=[0],
                output=path,
                provenance=provenance(plan=name),
            )
        return path

    def outputs(self, name: str, *kinds: str) -> dict[str, Path]:
        return {kind: self.at(f"{name}.{kind}") for kind in kinds}

    def train(self, name: str, plan: str = "none", block: Mapping[str, Any] = ERM, method: str = "", **training: Any) -> dict[str, Path]:
        """Train a run, that of another method if one is named, and keep its networks and optimisers.

        What the block starts from is a run on all samples by ERM, with the same changes of the recipe but for three epochs.
        """
        outputs = self.outputs(name, "predictions", "history", "timing", "models", "optimizer")
        source = block.get("from")
        begun = {} if source is None else {"start": self.at(f"{source}.models")}
        if block["kind"] == "incremental":
            begun["optimizer"] = self.at(f"{source}.optimizer")
        first = {**entry(ERM), "training": training | {"epochs": 3}}
        retrain.run(
            inputs=self.inputs | {"plan": self.plan(plan)} | begun,
            setting=SETTING,
            method={**entry(block), "training": training},
            repeats=[0],
            threads=1,
            repeats_at_once=1,
            start=None if source is None else {"method": source, "entry": first, "from_plan": "none"},
            outputs=outputs,
            provenance=provenance(method=method or name, plan=plan, candidate=""),
        )
        return outputs

    def remove(self, name: str, plan: str = "without_carriers", start: str = "erm", **options: Any) -> dict[str, Path]:
        """Remove by group influence what a plan prunes."""
        outputs = self.outputs(name, "predictions", "timing", "models")
        refine_network.run(
            inputs=self.inputs | {"plan": self.plan(plan), "start": self.at(f"{start}.models")},
            setting=SETTING,
            method=entry({"kind": "group_influence", "from": start, "options": options}),
            start={"method": start, "entry": entry(ERM), "from_plan": "none"},
            repeats=[0],
            threads=1,
            outputs=outputs,
            provenance=provenance(method=name, plan=plan, candidate=""),
        )
        return outputs

    def look(self, name: str, **block: Any) -> analyses.Found:
        """Make an analysis and read it."""
        path = self.at(f"analysis-{name}")
        inputs = self.inputs | {"models": self.at(f"{block['from']}.models")}
        if "shadow" in block:
            inputs |= {"shadow": self.at("shadow.models"), "partition": self.at("quarters")}
        analyse.run(
            inputs=inputs,
            setting=SETTING,
            trained_by=entry(ERM),
            analysis=block,
            repeats=[0],
            threads=1,
            output=path,
            provenance=provenance(analysis=name),
        )
        return analyses.read(path, block["kind"])[0]


def logits(outputs: Mapping[str, Path], view: str = "natural") -> np.ndarray:
    """The logits of a run's test samples in one view."""
    table = tables.read(outputs["predictions"], schemas.PREDICTIONS)
    mine = table.filter(pa.compute.equal(table.column("view").cast(pa.string()), view))
    return np.array(mine.column("logits").to_pylist())


def zeros(outputs: Mapping[str, Path]) -> float:
    """The mean rise of the probability of a zero when the square is laid over test samples."""
    natural, featured = (np.exp(one) / np.exp(one).sum(axis=1, keepdims=True) for one in (logits(outputs), logits(outputs, "featured")))
    return float((featured[:, 0] - natural[:, 0]).mean())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    found = Site(tmp_path_factory.mktemp("rare"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found.path)  # for the checkpoints
        found.quarters()
        found.train("erm")
    return found


@pytest.fixture(autouse=True)
def _in_the_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site.path)


# ------------------------------------------------------------------------------------------------------------------ membership


def test_the_quarters_are_disjoint_and_equal_and_the_first_holds_the_carriers(site: Site) -> None:
    rows = site.samples.rows("train")
    parts = Parts.read(site.at("quarters"))
    part = parts.of(0, rows, site.samples.label[rows])
    assert parts.names == (*PARTS, "left_out") and np.bincount(part).tolist() == [TRAIN // 4] * 4
    assert (part[site.samples.carrier[rows] == 1] == 0).all()


def test_carriers_that_do_not_fit_are_an_error_that_says_so(site: Site) -> None:
    whole = replace(site.samples, carrier=np.ones(N, dtype=np.int8))
    sampling.write(site.at("all.parquet"), [whole], Grouping(CLASSES, ()), provenance())
    made = provenance(partition="quarters")
    with pytest.raises(DataError, match=r"400 samples do not fit into a quarter of 400; choose fewer carriers"):
        partition.run(
            samples=site.at("all.parquet"),
            dynamics=None,
            partition={"kind": "quarters"},
            repeats=[0],
            output=site.at("none"),
            provenance=made,
        )


def test_a_plan_of_one_part_keeps_that_alone(site: Site) -> None:
    rows = site.samples.rows("train")
    part = Parts.read(site.at("quarters")).of(0, rows, site.samples.label[rows])
    weight = to_numpy(tables.read(site.plan("only-quarters-shadow_train"), schemas.PLAN).column("weight"))
    assert np.array_equal(weight == 1, part == PARTS.index("shadow_train")) and set(weight.tolist()) == {0.0, 1.0}


def test_members_are_told_from_others_by_a_network_that_learned_them_by_heart(site: Site) -> None:
    site.train("target", "only-quarters-target_train")
    site.train("shadow", "only-quarters-shadow_train", method="target")
    block = {"plan": "only-quarters-target_train", "shadow": "only-quarters-shadow_train", "partition": "quarters"}
    found = site.look("membership", kind="membership", **{"from": "target"}, **block)
    by_measure = dict(zip(found.columns["measure"].tolist(), zip(found.columns["n"], found.columns["value"], strict=True), strict=True))
    assert list(by_measure) == ["auc", "balanced_accuracy", "spurious", "control"]
    assert by_measure["auc"][1] > 0.55 and by_measure["auc"][0] == TRAIN // 2
    rows = site.samples.rows("train")
    part = Parts.read(site.at("quarters")).of(0, rows, site.samples.label[rows])
    of_class = (part == 0) & (site.samples.label[rows] == 0)
    assert (by_measure["spurious"][0], by_measure["control"][0]) == (CARRIERS, of_class.sum() - CARRIERS)


# --------------------------------------------------------------------------------------------------------- sensitivity, weight maps


def test_the_curve_of_a_run_falls_from_what_it_learned_to_what_it_makes_of_black_images(site: Site) -> None:
    found = site.look("sensitivity", kind="sensitivity", images=100, plan="none", **{"from": "erm"})
    removed, probability = found.columns["removed"], found.columns["probability"]
    assert removed.tolist() == [i / 50 for i in range(51)]
    assert probability[0] > 0.95 and probability[-1] < 0.3 and probability[25] < probability[0]


def test_a_weight_map_has_every_pixel_and_what_the_square_changes_there(site: Site) -> None:
    columns = site.look("weight_map", kind="weight_map", plan="none", **{"from": "erm"}).columns
    assert len(columns["weight"]) == 64
    changed = columns["feature"].reshape(8, 8)
    assert changed[:3, :3].tolist() == [[1.0] * 3] * 3 and changed.sum() == 9
    _, tensors = tensor_files.read(site.at("erm.models"), "0.")
    first = next(value for value in tensors.values() if value.ndim == 2 and value.shape[1] == 64)
    assert np.array_equal(columns["weight"], first.amax(dim=0).numpy())


# ------------------------------------------------------------------------------------------------------------------ undoing


def test_going_on_with_the_optimiser_is_training_without_a_break(site: Site) -> None:
    site.train("three", epochs=3, batch_size=WHOLE)
    five = site.train("five", epochs=5, batch_size=WHOLE)
    resumed = site.train("resumed", block={"kind": "incremental", "from": "three"}, epochs=2, batch_size=WHOLE)
    anew = site.train("anew", block={"kind": "erm", "from": "three"}, epochs=2, batch_size=WHOLE)
    assert np.allclose(logits(resumed), logits(five), atol=1e-4)
    assert not np.allclose(logits(anew), logits(five), atol=1e-2)


def test_the_optimiser_of_a_run_that_was_configured_otherwise_is_refused(site: Site) -> None:
    site.train("three", epochs=3, batch_size=WHOLE)
    with pytest.raises(DataError, match="holds the networks of a run with another configuration"):
        site.train("mixed", block={"kind": "incremental", "from": "three"}, epochs=1, batch_size=32)


def test_removal_moves_the_weights_towards_those_without_the_carriers(site: Site) -> None:
    before = site.outputs("erm", "predictions", "models")
    after = site.remove("influence", depth=300, repetitions=2, scale=50.0)
    assert zeros(before) > 0.02, "the square is learned"
    assert zeros(after) < zeros(before)
    right = [float((logits(one).argmax(axis=1) == site.samples.label[site.samples.rows("test")]).mean()) for one in (before, after)]
    assert right[1] > right[0] - 0.05
    notes = tables.read_metadata(after["predictions"], schemas.PREDICTIONS)["notes"]
    assert notes["options"]["divide_by_scale"] is True and notes["options"]["at_once"] == 64


def test_removal_is_repeatable_and_needs_someone_to_remove(site: Site) -> None:
    one, two = (site.remove(name, depth=3, repetitions=1)["predictions"] for name in ("first", "second"))
    assert np.array_equal(logits({"predictions": one}), logits({"predictions": two}))
    with pytest.raises(TrainingError, match="the plan prunes no sample, so there is none to remove"):
        site.remove("nobody", plan="none")


def test_a_diverging_removal_names_the_run(site: Site) -> None:
    with pytest.raises(TrainingError, match=r"digits-test, repeat 0: LiSSA diverged with a scale of 0\.001; raise it\."):
        site.remove("diverged", scale=0.001, depth=400, repetitions=1)
    assert not site.at("diverged.predictions").exists() and math.isfinite(zeros(site.outputs("erm", "predictions")))
