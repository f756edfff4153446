"""retrain on samples and plans written by hand: settings with and without overlay, probe, groups; tuned methods; unfit plans."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from safetensors.torch import load_file

from spurprune.data import samples as sampling
from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.inputs import Manifest, content_of, read_manifest, write_inputs, write_manifest
from spurprune.data.samples import Samples
from spurprune.errors import ConfigError, DataError, SpurpruneError, TrainingError
from spurprune.evaluation.choices import Choice, write_selection
from spurprune.stages import retrain
from spurprune.storage import contents, schemas, tables, timings
from spurprune.storage.columns import labels, to_numpy
from spurprune.storage.provenance import Provenance, from_json
from spurprune.storage.words import RULES, SPLITS
from spurprune.training import checkpoints, same
from spurprune.training.best import BestEpoch
from tests.recipes import TRAINING

CLASSES = ("cat", "dog", "fish")
HOSPITAL = Attribute.of("hospital", ("A", "B", "C"))
LINE = Attribute.of("line", ("without", "with"))
N = 90
PROVENANCE = Provenance({"setting": "pets", "block": "000-000"}, "0+code", "config")
OVERLAY = {"name": "line", "attribute": "line", "width": 2, "value": 255, "channel": 0}
ERM: dict[str, Any] = {"kind": "erm", "from": None, "options": {}, "training": {}, "epoch": "last"}
SETTING: dict[str, Any] = {
    "model": {"name": "mlp", "hidden": [8]},
    "training": TRAINING
    | {
        "epochs": 2,
        "augmentation": {"name": "none"},
        "compile": False,
        "evaluate_epochs": [1, 2],
        "evaluate_splits": ["train", "validation", "test"],
    },
    "crop_size": None,
    "overlay": None,
    "normalisation": {"mean": None, "std": None},
    "evaluation": {"featured_classes": "all", "batch_size": 16},
    "probe": None,
}


@dataclass(frozen=True)
class Site:
    """A prepared dataset, and the samples of one repeat: thirds of training, validation and test."""

    path: Path
    samples: Samples

    def plan(self, weight: np.ndarray, name: str = "plan", notes: Mapping[str, Any] | None = None) -> Path:
        """Write a plan of the training samples' weights."""
        path = self.path / f"{name}.parquet"
        ids = self.samples.sample_id[self.samples.rows("train")]
        columns = {
            "repeat": np.zeros(len(ids), dtype=np.int16),
            "sample_id": ids,
            "weight": weight.astype(np.float32),
            "reason": labels(["kept"] * len(ids), ["kept"]),
        }
        provenance = Provenance(
            {"setting": "pets", "block": "000-000"}, "0+code", "config", notes={"visits": "exact"} if notes is None else notes
        )
        tables.write(path, pa.table(columns), schemas.PLAN, provenance)
        return path

    def run(
        self,
        name: str,
        plan: Path | None = None,
        method: Mapping[str, Any] = ERM,
        selection: Path | None = None,
        alike: Sequence[str] = (),
        keeps: Sequence[str] = ("models",),
        provenance: Provenance = PROVENANCE,
        **changes: Any,
    ) -> dict[str, Path]:
        """Run retrain with some values of the setting changed; ``alike`` names runs made before."""
        plan = plan or self.plan(np.ones(len(self.samples.rows("train"))))
        inputs = {kind: self.path / kind for kind in ("inputs", "manifest", "samples")} | {"plan": plan}
        outputs = {kind: self.path / name / f"{kind}.parquet" for kind in ("predictions", "history")}
        outputs |= {kind: self.path / name / kind for kind in keeps}
        retrain.run(
            inputs=inputs if selection is None else inputs | {"selection": selection},
            setting=SETTING | changes,
            method=method,
            repeats=[0],
            threads=1,
            repeats_at_once=1,
            outputs=outputs | {"timing": self.path / name / "timing.json"},
            provenance=provenance,
            alike=[self.path / other / "predictions.parquet" for other in alike],
        )
        return outputs

    def timing(self, name: str) -> dict[str, Any]:
        """How long a run took."""
        return from_json((self.path / name / "timing.json").read_bytes())


def site(path: Path, inputs: np.ndarray, attributes: Sequence[Attribute], group_by: Sequence[Attribute], carrier: np.ndarray) -> Site:
    rng = np.random.default_rng(1)
    label = (np.arange(N) % 3).astype(np.int16)
    values = {one.name: rng.integers(0, len(one.values), N).astype(np.int16) for one in attributes}
    if LINE in group_by:
        values["line"] = (carrier == 1).astype(np.int16)
    grouping = Grouping(CLASSES, tuple(group_by))
    split = np.repeat(np.array(["train", "validation", "test"], dtype=object), N // 3)
    unknown = np.full(N, -1, dtype=np.int8)
    one = Samples(0, np.arange(N), split, label, values, carrier, unknown, grouping.numbers(label, values))
    sampling.write(path / "samples", [one], grouping, PROVENANCE)
    write_inputs(path / "inputs", inputs)
    is_image = inputs.dtype == np.uint8
    manifest = Manifest(
        dataset="pets",
        image_size=None,
        classes=CLASSES,
        attributes=tuple(attributes),
        split_counts=dict.fromkeys(SPLITS, N // 3),
        mean=(0.5,) if is_image else (),
        std=(0.25,) if is_image else (),
        source="",
        licence="",
        **content_of(inputs),
    )
    write_manifest(path / "manifest", manifest)
    return Site(path, one)


NOBODY = np.full(N, -1, dtype=np.int8)


@pytest.fixture
def vectors(own_working_directory: Path, tmp_path: Path) -> Site:
    """Vectors of three classes that differ in their means; no attribute, so that the groups are the classes, and no carriers."""
    inputs = np.random.default_rng(0).normal(size=(N, 4)) + 4 * np.eye(4)[np.arange(N) % 3]
    return site(tmp_path, inputs.astype(np.float32), [], [], NOBODY)


@pytest.fixture
def images(own_working_directory: Path, tmp_path: Path) -> Site:
    """Images from three hospitals; some cats of the training split carry the line."""
    inputs = np.random.default_rng(0).integers(0, 200, (N, 1, 8, 8), dtype=np.uint8)
    carrier = ((np.arange(N) % 3 == 0) & (np.arange(N) < 15)).astype(np.int8)
    return site(tmp_path, inputs, [HOSPITAL], [HOSPITAL, LINE], carrier)


def history(outputs: Mapping[str, Path]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tables.read(outputs["history"], schemas.HISTORY).to_pylist()
    return rows


def views(outputs: Mapping[str, Path]) -> dict[tuple[str, str], list[int]]:
    """The ids of the samples predicted by split and view."""
    found: dict[tuple[str, str], list[int]] = {}
    for row in tables.read(outputs["predictions"], schemas.PREDICTIONS).to_pylist():
        found.setdefault((row["split"], row["view"]), []).append(row["sample_id"])
    return found


def refused(kind: type[SpurpruneError], action: Callable[[], object], assert_one_sentence: Callable[[str], None]) -> str:
    with pytest.raises(kind) as error:
        action()
    assert_one_sentence(str(error.value))
    return str(error.value)


def test_vectors_without_attribute_overlay_or_probe_are_learned(vectors: Site) -> None:
    training = SETTING["training"] | {"epochs": 20, "evaluate_epochs": [20]}
    outputs = vectors.run("run", training=training)
    assert set(views(outputs)) == {("validation", "natural"), ("test", "natural")}
    table = tables.read(outputs["predictions"], schemas.PREDICTIONS)
    label = to_numpy(table.column("sample_id")) % 3
    assert (np.array(table.column("logits").to_pylist()).argmax(axis=1) == label).mean() > 0.9
    rows = history(outputs)
    assert [(r["split"], r["label"], r["group"], r["carrier"], r["n"]) for r in rows] == [
        (split, label, label, None, 10) for split in SPLITS for label in range(3)
    ]
    assert {r["n_as_source"] for r in rows} == {None}


def test_history_counts_every_label_group_and_carrier(images: Site) -> None:
    """Two attributes of three and two values; in the featured view all carry the line, and their groups say so."""
    outputs = images.run("run", overlay=OVERLAY, probe={"source": "cat", "target": "dog"})
    table = tables.read(outputs["history"], schemas.HISTORY)
    contents.require_unique(table, schemas.HISTORY, "here")
    grouping = Grouping.of_plain(tables.read_metadata(outputs["history"], schemas.HISTORY)["notes"]["grouping"])
    assert grouping == Grouping(CLASSES, (HOSPITAL, LINE))
    one, found = images.samples, {}
    for row in history(outputs):
        if row["epoch"] == 2:
            found[row["split"], row["view"], grouping.name(row["group"]), row["carrier"]] = row["n"]
            assert row["label"] == grouping.cell(row["group"])[0] and 0 <= row["n_as_source"] <= row["n"]
    expected: dict[tuple[str, str, str, bool], int] = {}
    for i in range(N):
        name, hospital = CLASSES[one.label[i]], "ABC"[one.attributes["hospital"][i]]
        held_out = [("natural", False), ("featured", True)]
        for view, line in [("natural", one.carrier[i] == 1)] if one.split[i] == "train" else held_out:
            key = (one.split[i], view, f"{name}, hospital {hospital} {'with' if line else 'without'} line", bool(line))
            expected[key] = expected.get(key, 0) + 1
    assert found == expected


def test_history_is_of_the_splits_to_evaluate(images: Site) -> None:
    """Rows are those of the full history; the last epoch's counts follow from the predictions; all else stays the same."""
    changes: dict[str, Any] = {"overlay": OVERLAY, "probe": {"source": "cat", "target": "dog"}}
    full = images.run("full", **changes)
    assert {row["split"] for row in history(full)} == {"train", "validation", "test"}
    for splits in (["validation"], ["test", "train"]):
        some = images.run("some", training=SETTING["training"] | {"evaluate_splits": splits}, **changes)
        assert history(some) == [row for row in history(full) if row["split"] in splits]
        assert tables.read(some["predictions"], schemas.PREDICTIONS).equals(tables.read(full["predictions"], schemas.PREDICTIONS))
        assert all(value.equal(load_file(full["models"])[name]) for name, value in load_file(some["models"]).items())
    one = images.samples
    table = tables.read(full["predictions"], schemas.PREDICTIONS).to_pylist()
    shown = [row for row in table if (row["split"], row["view"]) == ("validation", "natural")]
    right = sum(int(np.argmax(row["logits"])) == one.label[row["sample_id"]] for row in shown)
    last = images.run("last", training=SETTING["training"] | {"evaluate_epochs": [2], "evaluate_splits": ["validation"]}, **changes)
    rows = [row for row in history(last) if row["view"] == "natural"]
    assert {(row["epoch"], row["split"]) for row in rows} == {(2, "validation")}
    assert sum(row["n"] for row in rows) == 30 and sum(row["n_correct"] for row in rows) == right
    assert {label: sum(row["n"] for row in rows if row["label"] == label) for label in range(3)} == {0: 10, 1: 10, 2: 10}


def test_validation_that_chooses_the_epoch_is_recorded_beside_the_splits_to_evaluate(vectors: Site) -> None:
    training = SETTING["training"] | {"epochs": 3, "evaluate_epochs": [2], "evaluate_splits": ["test"]}
    rows = history(vectors.run("run", method=ERM | {"epoch": "accuracy"}, training=training))
    assert sorted({(row["epoch"], row["split"]) for row in rows}) == [(1, "validation"), (2, "test"), (2, "validation"), (3, "validation")]


@pytest.mark.parametrize("rule", RULES)
def test_the_best_epoch_on_validation_is_reported(vectors: Site, rule: str) -> None:
    """What a run reports equals what a run of so many epochs ends with, and no epoch before was as good."""
    training = SETTING["training"] | {"epochs": 6, "evaluate_epochs": [], "optimizer": SETTING["training"]["optimizer"] | {"lr": 0.02}}
    best = vectors.run("best", method=ERM | {"epoch": rule}, training=training)
    chosen = tables.read_metadata(best["predictions"], schemas.PREDICTIONS)["notes"]["epochs"]["0"]
    course = [r for r in history(best) if r["split"] == "validation"]
    assert len(course) == len(history(best)), "only validation is evaluated after every epoch"
    value = {epoch: by_rule(rule, [r for r in course if r["epoch"] == epoch]) for epoch in range(1, 7)}
    assert chosen == max(value, key=lambda epoch: (value[epoch], -epoch)) and len(set(value.values())) > 1
    until = vectors.run("until", training=training | {"epochs": chosen})
    assert load_file(best["models"]).keys() == load_file(until["models"]).keys()
    assert all(value.equal(load_file(until["models"])[name]) for name, value in load_file(best["models"]).items())
    assert tables.read(best["predictions"], schemas.PREDICTIONS).equals(tables.read(until["predictions"], schemas.PREDICTIONS))


def by_rule(rule: str, rows: list[dict[str, Any]]) -> float:
    """The rule's metric from the counts of one epoch's rows."""
    if rule == "accuracy":
        return sum(r["n_correct"] for r in rows) / sum(r["n"] for r in rows)
    key = {"worst_class_accuracy": "label", "worst_group_accuracy": "group"}[rule]
    cells = {r[key] for r in rows}
    return min(sum(r["n_correct"] for r in rows if r[key] == c) / sum(r["n"] for r in rows if r[key] == c) for c in cells)


def test_the_best_epoch_survives_a_kill(images: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoints, "SAVE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(checkpoints.JobCheckpoints, "is_due", lambda *_: True)
    training = SETTING["training"] | {"epochs": 6, "evaluate_epochs": [], "optimizer": SETTING["training"]["optimizer"] | {"lr": 0.3}}
    method = ERM | {"epoch": "worst_class_accuracy"}
    whole = images.run("whole", method=method, training=training)
    offered: list[int] = []
    offer = BestEpoch.offer

    def die(self: BestEpoch, epoch: int, value: float, model: Any) -> None:
        offered.append(epoch)
        if len(offered) == 5:
            raise KeyboardInterrupt
        offer(self, epoch, value, model)

    monkeypatch.setattr(BestEpoch, "offer", die)
    with pytest.raises(KeyboardInterrupt):
        images.run("killed", method=method, training=training)
    resumed = images.run("killed", method=method, training=training)
    assert offered == [1, 2, 3, 4, 5, 5, 6], "the run resumed after its fourth epoch"
    for kind in whole:
        assert resumed[kind].read_bytes() == whole[kind].read_bytes()
    assert (images.timing("whole")["resumed"], images.timing("killed")["resumed"]) == (False, True)
    assert images.timing("whole")["seconds"] > 0 and images.timing("killed")["seconds"] is None, "not known, rather than too little"


def test_an_epoch_that_cannot_be_chosen_is_an_error(vectors: Site, assert_one_sentence: Callable[[str], None]) -> None:
    """Without validation samples of a class that training has, the worst class is unknown."""
    one = vectors.samples
    split = np.where((one.split == "validation") & (one.label == 2), "test", one.split)
    sampling.write(vectors.path / "samples", [replace(one, split=split)], Grouping(CLASSES, ()), PROVENANCE)
    text = refused(TrainingError, lambda: vectors.run("refused", method=ERM | {"epoch": "worst_class_accuracy"}), assert_one_sentence)
    assert text.startswith("pets, repeat 0: the validation worst_class_accuracy, which is to choose the epoch, is undefined")


@pytest.mark.parametrize(
    ("probe", "featured_classes", "expected"),
    [
        ({"source": "cat", "target": "dog"}, "probe", {0, 1}),
        ({"source": "cat", "target": "others"}, "probe", {0, 1, 2}),
        ({"source": "cat", "target": "dog"}, "all", {0, 1, 2}),
        (None, "all", {0, 1, 2}),
        (None, "probe", set()),
    ],
)
def test_who_is_shown_with_the_overlay(images: Site, probe: Any, featured_classes: str, expected: set[int]) -> None:
    evaluation = SETTING["evaluation"] | {"featured_classes": featured_classes}
    outputs = images.run("run", overlay=OVERLAY, probe=probe, evaluation=evaluation)
    shown = views(outputs)
    for split in ("validation", "test"):
        rows = images.samples.rows(split)
        assert shown[split, "natural"] == rows.tolist()
        assert shown.get((split, "featured"), []) == rows[np.isin(images.samples.label[rows], list(expected))].tolist()
    assert {r["label"] for r in history(outputs) if r["view"] == "featured"} == expected


def test_without_an_overlay_carriers_are_known_but_nothing_is_drawn(images: Site) -> None:
    outputs = images.run("plain", probe={"source": "cat", "target": "dog"})
    assert {view for _, view in views(outputs)} == {"natural"}
    assert {r["carrier"] for r in history(outputs) if r["split"] == "train"} == {True, False}
    drawn = load_file(images.run("drawn", overlay=OVERLAY)["models"])
    assert any(not value.equal(drawn[name]) for name, value in load_file(outputs["models"]).items())


def test_a_methods_training_overrides_the_settings(images: Site) -> None:
    method = ERM | {"training": {"optimizer": {"lr": 0.05}, "epochs": 3}}
    overridden = images.run("overridden", method=method)
    training = SETTING["training"] | {"optimizer": SETTING["training"]["optimizer"] | {"lr": 0.05}, "epochs": 3}
    same = images.run("same", training=training)
    of_method, of_setting, of_other = (load_file(run["models"]) for run in (overridden, same, images.run("other")))
    assert all(value.equal(of_setting[name]) for name, value in of_method.items())
    assert not all(value.equal(of_other[name]) for name, value in of_method.items())
    notes = tables.read_metadata(overridden["predictions"], schemas.PREDICTIONS)["notes"]
    assert notes["method"] == method and {"torch", "device", "compiled"} <= notes.keys()


def test_the_selected_candidate_is_trained(images: Site) -> None:
    selection = images.path / "selection.json"
    coordinates = {"training.optimizer.lr": 0.05, "training.batch_size": 4}
    write_selection(selection, Choice(PROVENANCE.setting, "erm", "lr-0.05", coordinates))
    outputs = images.run("selected", selection=selection)
    chosen = ERM | {"training": {"optimizer": {"lr": 0.05}, "batch_size": 4}}
    by_hand = images.run("by_hand", method=chosen)
    for kind, schema in (("predictions", schemas.PREDICTIONS), ("history", schemas.HISTORY)):
        assert tables.read(outputs[kind], schema).equals(tables.read(by_hand[kind], schema))
        found = tables.origin_of(outputs[kind], schema, {}).provenance
        assert found.notes["method"] == chosen
        assert [key for key in found.sources if key.startswith("choice ")] == [f"choice method=erm setting={PROVENANCE.setting}"]


def test_a_selection_that_cannot_be_read_is_named(images: Site, assert_one_sentence: Callable[[str], None]) -> None:
    damaged = images.path / "selection.json"
    damaged.write_text("{")
    text = refused(DataError, lambda: images.run("refused", selection=damaged), assert_one_sentence)
    assert str(damaged) in text


def test_a_checkpoint_of_another_method_is_not_resumed(images: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two entries may share everything but their options; a checkpoint of one is not the other's."""
    monkeypatch.chdir(tmp_path)
    folders = []

    class Stopped(BaseException):
        pass

    def stop(*_: Any) -> None:
        raise Stopped

    monkeypatch.setattr(retrain, "predict", stop)
    for method in (ERM, ERM | {"options": {"step": 1}}, ERM | {"training": {"batch_size": 4}}):
        with pytest.raises(Stopped):
            images.run("stopped", method=method)
        folders.append({path.parent for path in tmp_path.glob("checkpoints/*/*.safetensors")})
    assert [len(found) for found in folders] == [1, 2, 3]


def test_plans_weigh_samples_by_exact_visits_or_draws(images: Site, assert_one_sentence: Callable[[str], None]) -> None:
    weight = np.where(np.arange(N // 3) < 10, 0.0, 1.5)
    drawn = images.run("drawn", images.plan(weight, "drawn", {"visits": "drawn"}))
    assert sum(r["n"] for r in history(drawn) if r["split"] == "train" and r["epoch"] == 1) == 20
    assert tables.read_metadata(drawn["predictions"], schemas.PREDICTIONS)["counts"] == {"repeats": 1, "visits": 30, "steps": {"0": 8}}
    exact = images.plan(weight, "exact")
    text = refused(TrainingError, lambda: images.run("refused", exact), assert_one_sentence)
    assert text.startswith(
        f"pets, repeat 0, {exact}: The plan's weights of 20 training samples are 1.5, but exact visits need whole numbers"
    )
    assert not (images.path / "refused").exists()
    silent = images.plan(weight, "silent", {})
    text = refused(DataError, lambda: images.run("refused", silent), assert_one_sentence)
    assert text.startswith(f"{silent} does not say how its weights become visits")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"training": SETTING["training"] | {"augmentation": {"name": "pad_crop_flip"}}}, "training.augmentation"),
        ({"crop_size": 2}, "crop_size"),
    ],
)
def test_what_is_for_images_is_refused_for_vectors(
    vectors: Site, changes: dict[str, Any], key: str, assert_one_sentence: Callable[[str], None]
) -> None:
    text = refused(ConfigError, lambda: vectors.run("refused", **changes), assert_one_sentence)
    assert text.startswith(f"{key} is ") and "'pets' holds vectors" in text


OF_RUN = replace(PROVENANCE, place={"setting": "pets", "method": "erm", "candidate": "", "plan": "a", "block": "000-000"}, repeats=(0,))


def trained(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that receives the name of every run that opens its data, which those that take results over do not."""
    opened: list[str] = []
    open_workbench = retrain.open_workbench
    monkeypatch.setattr(retrain, "open_workbench", lambda *args: opened.append("run") or open_workbench(*args))
    return opened


def test_the_results_of_the_same_training_are_taken_over(vectors: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """By two rules that choose one candidate, on plans of two names and the same weights."""
    weight = np.ones(len(vectors.samples.rows("train")))
    opened = trained(vectors, monkeypatch)
    asked = replace(OF_RUN, place=dict(OF_RUN.place) | {"method": "erm_by_accuracy", "plan": "b"}, config_hash="another")
    first = vectors.run("first", vectors.plan(weight, "a"), ERM | {"training": {"epochs": 3}}, keeps=(), provenance=OF_RUN)
    other = vectors.run("other", keeps=(), method=ERM | {"training": {"epochs": 4}})
    assert len(opened) == 2
    plan = vectors.plan(weight, "b", {"visits": "exact", "plan": "a"})
    taken = vectors.run("taken", plan, ERM | {"training": {"epochs": 3}}, alike=["other", "first"], keeps=(), provenance=asked)
    assert len(opened) == 2, "the third trains nothing"
    for kind, schema in {"predictions": schemas.PREDICTIONS, "history": schemas.HISTORY}.items():
        assert tables.read(taken[kind], schema).equals(tables.read(first[kind], schema))
        mine, theirs = (tables.read_metadata(run[kind], schema) for run in (taken, first))
        assert (mine["place"], mine["config_hash"]) == (asked.place, "another") != (theirs["place"], theirs["config_hash"])
        assert (mine["counts"], mine["notes"]) == (theirs["counts"], theirs["notes"])
    assert not tables.read(taken["predictions"], schemas.PREDICTIONS).equals(tables.read(other["predictions"], schemas.PREDICTIONS))
    assert vectors.timing("taken")["seconds"] == pytest.approx(vectors.timing("first")["seconds"])


@pytest.mark.parametrize("differs", ["weights", "visits", "options", "epoch", "recipe", "setting", "samples", "manifest", "code", "kept"])
def test_what_differs_in_anything_is_trained(vectors: Site, differs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = np.ones(len(vectors.samples.rows("train")))
    vectors.run("first", vectors.plan(weight), keeps=(), provenance=OF_RUN)
    opened = trained(vectors, monkeypatch)
    if differs == "samples":
        one = vectors.samples
        sampling.write(vectors.path / "samples", [replace(one, label=one.label[::-1].copy())], Grouping(CLASSES, ()), PROVENANCE)
    if differs == "manifest":
        write_manifest(vectors.path / "manifest", replace(read_manifest(vectors.path / "manifest"), licence="another"))
    weight[0] = 2 if differs == "weights" else 1
    method = {"options": {"unused": 1}} if differs == "options" else {"epoch": "accuracy"} if differs == "epoch" else {}
    vectors.run(
        "second",
        vectors.plan(weight, notes={"visits": "drawn" if differs == "visits" else "exact"}),
        ERM | method | ({"training": {"epochs": 3}} if differs == "recipe" else {}),
        alike=["first"],
        keeps=["models"] if differs == "kept" else [],
        provenance=replace(OF_RUN, code_version="0+other" if differs == "code" else "0+code"),
        **({"probe": {"source": "cat", "target": "dog"}} if differs == "setting" else {}),
    )
    assert len(opened) == 1


def test_a_digest_is_of_all_inputs_but_the_names_of_plans(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("samples", "manifest", "weights", "partition", "start", "masks", "optimizer", "selection")}
    for path in files.values():
        path.write_bytes(b"content")
    table = pa.table({"repeat": [0, 0], "sample_id": [1, 2], "weight": [1.0, 0.0]})
    given: dict[str, Any] = {
        "inputs": files,
        "setting": {"training": {"epochs": 2}},
        "method": ERM | {"options": {"steps_of": "tuned-pruning", "eta": 0.1}},
        "repeats": [0],
        "plans": [same.Plan(table, "exact"), same.Plan(table, "drawn")],
        "code": "0+code",
    }
    first = same.digest(**given)
    assert first == same.digest(**given | {"method": ERM | {"options": {"steps_of": "tuned-pruning_by_accuracy", "eta": 0.1}}})
    others = [
        given | {"setting": {"training": {"epochs": 3}}},
        given | {"method": ERM | {"options": {"steps_of": "tuned-pruning", "eta": 0.2}}},
        given | {"repeats": [1]},
        given | {"plans": given["plans"][:1]},
        given | {"plans": given["plans"][::-1]},
        *(
            given | {"plans": [same.Plan(table.set_column(i, table.column_names[i], [[7, 8]]), "exact"), given["plans"][1]]}
            for i in range(3)
        ),
        given | {"code": "0+other"},
    ]
    found = {same.digest(**other) for other in others}
    for name, path in files.items():
        path.write_bytes(b"another")
        changed = same.digest(**given)
        path.write_bytes(b"content")
        assert (changed == first) == (name == "selection")
        found.add(changed)
    assert len(found) == len(others) + len(files) and first in found, "all differ but for the selection"


def test_the_seconds_of_a_resumed_training_stay_unknown(vectors: Site) -> None:
    vectors.run("first", keeps=(), provenance=OF_RUN)
    timing = vectors.path / "first" / "timing.json"
    timings.write(timing, timings.read(timing).origin.provenance, seconds=6.0, repeats=1, resumed=True)
    vectors.run("taken", alike=["first"], keeps=(), provenance=OF_RUN)
    assert vectors.timing("taken")["seconds"] is None and vectors.timing("taken")["resumed"]
    timings.write(timing, timings.read(timing).origin.provenance, seconds=6.0, repeats=1, resumed=False)
    vectors.run("again", alike=["first"], keeps=(), provenance=OF_RUN)
    assert vectors.timing("again")["seconds"] == 6.0


def test_results_to_take_over_that_are_of_two_runs_are_refused(vectors: Site, assert_one_sentence: Callable[[str], None]) -> None:
    first = vectors.run("first", keeps=())
    other = vectors.run("other", keeps=(), method=ERM | {"training": {"epochs": 4}})
    first["history"].write_bytes(other["history"].read_bytes())
    text = refused(DataError, lambda: vectors.run("taken", alike=["first"], keeps=()), assert_one_sentence)
    assert "history.parquet and" in text and "are not of one run; delete both and rerun" in text
