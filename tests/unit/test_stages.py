"""The stages, one after the other, on the embedded digits: two repeats, tiny training runs."""

import logging
from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from safetensors.torch import load_file

from spurprune import seeds
from spurprune.data import samples as sampling
from spurprune.data.inputs import local_inputs, open_inputs, read_manifest
from spurprune.data.samples import Samples
from spurprune.errors import DataError, PlanError, SpurpruneError, TrainingError
from spurprune.models.network import Network
from spurprune.models.networks import small_cnn
from spurprune.stages import (
    collect_metrics,
    evaluate,
    prepare_inputs,
    prepare_splits,
    prune_metadata,
    retrain,
    score_difficulty,
    train_reference,
)
from spurprune.storage import columns, contents, schemas, tables
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance, from_json
from spurprune.training.checkpoints import JobCheckpoints
from spurprune.training.cross_risk import CrossRisk, Twins
from spurprune.training.data import Data, Pixels, load
from spurprune.training.loop import Training, fit, initialise
from spurprune.training.observe import dynamics_of, observe
from spurprune.training.recipe import Recipe, Stream
from tests.recipes import context

PROVENANCE = Provenance({"setting": "digits-test"}, "0+code", "config")
REPEATS = [0, 1]
SOURCE, TARGET, CARRIERS = 5, 9, 40
SAMPLING: dict[str, Any] = {
    "validation": "official",
    "subset": {"draw": "per_repeat", "parts": {}},
    "groups": ["line"],
    "aligned": {"5": {"line": "with"}},
    "carriers": {"choose": "random", "count": CARRIERS, "draw": "per_repeat", "class": "5"},
    "overlay_attribute": "line",
}
TRAINING: dict[str, Any] = {
    "crop_size": None,
    "model": {"name": "small_cnn", "channels": [4, 8, 16]},
    "training": {
        "epochs": 2,
        "batch_size": 32,
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
        "schedule": {"name": "constant"},
        "augmentation": {"name": "none"},
        "precision": "fp32",
        "compile": False,
        "evaluate_epochs": [2],
        "evaluate_splits": ["train", "validation", "test"],
        "gradient_clip": None,
        "label_smoothing": 0.0,
    },
    "overlay": {"name": "line", "attribute": "line", "width": 2, "value": 255, "channel": 0},
    "normalisation": {"mean": None, "std": None},
    "evaluation": {"featured_classes": "probe", "batch_size": 512},
    "probe": {"source": "5", "target": "9"},
}
METHOD: dict[str, Any] = {"kind": "erm", "from": None, "options": {}, "training": {}, "epoch": "last"}
RECIPE = {"epochs": 2, "record_epochs": "all", "seeds": 2, "view": "eval", "shared": False}
TWINS = {"kind": "cross_risk"}


class Folder:
    """Where the stages of these tests write, and the stages with their constant arguments filled in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.inputs, self.manifest = path / "inputs.npy", path / "manifest.json"
        self.base, self.samples, self.dynamics, self.el2n = (path / f"{name}.parquet" for name in ("base", "samples", "dynamics", "el2n"))

    def at(self, *names: str) -> Path:
        """Return the path of any other file."""
        return self.path.joinpath(*names)

    def split(self, name: str = "samples", repeats: list[int] = REPEATS, difficulty: Path | None = None, **changes: Any) -> Path:
        """Run prepare_splits with some values changed."""
        output = self.at(f"{name}.parquet")
        if "carriers" in changes:
            changes["carriers"] = {"class": "5"} | changes["carriers"]
        prepare_splits.run(
            base=self.base,
            manifest=self.manifest,
            difficulty=difficulty,
            setting=SAMPLING | changes,
            repeats=repeats,
            output=output,
            provenance=PROVENANCE,
        )
        return output

    def reference(self, name: str = "dynamics", repeats: list[int] = REPEATS, samples: Path | None = None, **changes: Any) -> Path:
        """Run train_reference with some values of the recipe changed."""
        output = self.at(f"{name}.parquet")
        setting = TRAINING | {"training": TRAINING["training"] | {k: changes.pop(k) for k in list(changes) if k in TRAINING["training"]}}
        recipe = RECIPE | changes
        inputs = {"inputs": self.inputs, "manifest": self.manifest, "samples": samples or self.samples}
        train_reference.run(
            inputs=inputs,
            setting=setting,
            recipe=recipe,
            repeats=repeats,
            threads=1,
            repeats_at_once=1,
            outputs={"dynamics": output, "timing": self.at(f"{name}.json")},
            provenance=PROVENANCE,
        )
        return output

    def score(self, name: str, dynamics: Path | None, samples: Path | None = None, epochs: Any = "all") -> Path:
        """Run score_difficulty."""
        output = self.at(f"{name}.parquet")
        score_difficulty.run(
            samples=samples or self.samples,
            dynamics=dynamics,
            score=name.split("-")[0],
            reference=None,
            epochs=epochs,
            repeats=REPEATS,
            output=output,
            provenance=PROVENANCE,
        )
        return output

    def prune(self, plan: str, difficulty: Path | None = None, samples: Path | None = None, target: str = "plans") -> Path:
        """Run prune_metadata."""
        output = self.at(target, f"{plan}.parquet")
        prune_metadata.run(
            samples=samples or self.samples,
            difficulty=difficulty,
            partition=None,
            manifest=self.manifest,
            plan=plan,
            setting={"probe": {"source": "5", "target": "9"}},
            repeats=REPEATS,
            output=output,
            provenance=PROVENANCE,
        )
        return output

    def train(
        self, plan: Path, name: str, repeats: list[int] = REPEATS, keep: bool = False, samples: Path | None = None, **changes: Any
    ) -> dict[str, Path]:
        """Run retrain with some values of the training block changed."""
        inputs = {"inputs": self.inputs, "manifest": self.manifest, "samples": samples or self.samples, "plan": plan}
        setting = deepcopy(TRAINING)
        setting["training"] |= changes
        outputs = {kind: self.at(name, f"{kind}.parquet") for kind in ("predictions", "history")}
        if keep:
            outputs["models"] = self.at(name, "models.safetensors")
        retrain.run(
            inputs=inputs,
            setting=setting,
            method=METHOD,
            repeats=repeats,
            threads=1,
            repeats_at_once=1,
            outputs=outputs | {"timing": self.at(name, "timing.json")},
            provenance=PROVENANCE,
        )
        return outputs

    def evaluate(self, predictions: Path, plan: Path, output: Path, **changes: Any) -> pa.Table:
        """Run evaluate with some values of its setting changed and return the metrics."""
        names = {"setting": "digits-test", "method": "erm", "plan": plan.stem, "block": "000-001"}
        evaluate.run(
            predictions=predictions,
            samples=self.samples,
            plan=plan,
            manifest=self.manifest,
            setting={"probe": TRAINING["probe"], "overlay_attribute": "line", "featured_classes": "probe"} | changes,
            names=names,
            repeats=REPEATS,
            output=output,
            provenance=PROVENANCE,
        )
        return tables.read(output, schemas.METRICS)


def prepare_digits(inputs: Path, base: Path, manifest: Path) -> None:
    prepare_inputs.run(
        dataset="digits",
        image_size=8,
        source=None,
        own=None,
        damaged_images="stop",
        threads=1,
        inputs=inputs,
        base=base,
        manifest=manifest,
        provenance=PROVENANCE,
    )


@pytest.fixture(scope="module")
def folder(own_working_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The prepared dataset, samples, dynamics, and the EL2N difficulty."""
    folder = Folder(tmp_path_factory.mktemp("stages"))
    prepare_digits(folder.inputs, folder.base, folder.manifest)
    folder.split()
    folder.score("el2n", folder.reference())
    return folder


@pytest.fixture(scope="module")
def unpruned(folder: Folder) -> dict[str, Path]:
    """The plan and the files of a run on all samples."""
    plan = folder.prune("none")
    return {"plan": plan} | folder.train(plan, "none", keep=True)


def samples_of(path: Path) -> Mapping[int, Samples]:
    return sampling.read(path).by_repeat


def training_data(folder: Folder, repeat: int) -> tuple[np.ndarray, Data, Pixels]:
    """The ids of a repeat's training samples, the samples, and how they become a network's inputs."""
    manifest, samples = read_manifest(folder.manifest), samples_of(folder.samples)[repeat]
    train = samples.rows("train")
    label, ids = samples.label[train].astype(np.int64), samples.sample_id[train]
    options: dict[str, Any] = {"overlay": TRAINING["overlay"], "device": torch.device("cpu")}
    inputs = open_inputs(folder.inputs, manifest)
    data = load(inputs, sample_id=ids, label=label, group=label, carrier=samples.carrier[train] == 1, **options)
    return ids, data, Pixels.of(manifest.mean, manifest.std, data.device)


def first_network(repeat: int, seed: int) -> Network:
    """The network of a reference seed before its first step."""
    return initialise(lambda: small_cnn.build((1, 8, 8), 10, [4, 8, 16]), Stream((repeat, "reference", seed)), torch.device("cpu"))


def carriers_of(samples: Samples) -> list[int]:
    """The ids of the training samples that carry the overlay."""
    train = samples.rows("train")
    ids: list[int] = samples.sample_id[train][samples.carrier[train] == 1].tolist()
    return ids


def of_repeat(path: Path, schema: schemas.TableSchema, repeat: int) -> pa.Table:
    table = tables.read(path, schema)
    return table.filter(pc.equal(table.column("repeat"), repeat)).replace_schema_metadata()


def refused(kind: type[SpurpruneError], action: Callable[[], object], assert_one_sentence: Callable[[str], None]) -> str:
    with pytest.raises(kind) as error:
        action()
    assert_one_sentence(str(error.value))
    return str(error.value)


# prepare_inputs


def test_inputs_are_the_clean_digits(folder: Folder) -> None:
    manifest = read_manifest(folder.manifest)
    inputs = open_inputs(folder.inputs, manifest)
    assert manifest.split_counts == {"train": 1200, "validation": 200, "test": 397}
    assert manifest.count == len(inputs) == 1797 and manifest.shape == (1, 8, 8)
    split = to_numpy(tables.read(folder.base, schemas.BASE).column("split"))
    train = inputs[split == "train"] / 255
    np.testing.assert_allclose(manifest.mean, [train.mean()], atol=1e-6)
    np.testing.assert_allclose(manifest.std, [train.std()], atol=1e-6)


def test_channel_statistics_by_hand() -> None:
    images = np.zeros((3, 2, 1, 2), dtype=np.uint8)
    images[:2, 0] = 255
    images[2] = 7  # not among the rows
    mean, std = prepare_inputs.channel_statistics(images, np.array([0, 1]))
    assert mean == (1.0, 0.0) and std == (0.0 + 1e-6, 1e-6)
    images[1, 0] = 0
    assert prepare_inputs.channel_statistics(images, np.array([0, 1])) == ((0.5, 0.0), (0.5, 1e-6))


def test_a_dataset_with_other_counts_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    from spurprune.data.datasets import digits

    whole = digits.read(None, 8)
    monkeypatch.setattr(digits, "read", lambda *_: replace(whole, split_counts={"train": 1199, "validation": 201, "test": 397}))
    paths = [tmp_path / name for name in ("inputs.npy", "base.parquet", "manifest.json")]
    text = refused(DataError, lambda: prepare_digits(*paths), assert_one_sentence)
    assert "the split sizes {'train': 1200" in text and "its release has {'train': 1199" in text
    assert list(tmp_path.iterdir()) == []


# prepare_splits


def test_carriers_are_drawn_for_each_repeat_among_the_source_class(folder: Folder) -> None:
    samples = samples_of(folder.samples)
    assert list(samples) == REPEATS
    for one in samples.values():
        assert len(carriers_of(one)) == CARRIERS
        assert set(one.label[one.carrier == 1]) == {SOURCE} and set(one.split[one.carrier == 1]) == {"train"}
        assert np.array_equal(one.attributes["line"], one.carrier)
        assert int((one.aligned == 1).sum()) == CARRIERS and set(one.label[one.aligned == 0]) == {SOURCE}
        assert (one.group == one.label * 2 + one.carrier).all()
    assert carriers_of(samples[0]) != carriers_of(samples[1])
    assert tables.read_metadata(folder.samples, schemas.SAMPLES)["counts"] == {
        "train": 1200,
        "validation": 200,
        "test": 397,
        "carriers": 40,
    }


def test_a_repeat_has_the_same_carriers_in_any_block_and_setting(folder: Folder) -> None:
    alone = samples_of(folder.split("alone", repeats=[1]))
    assert carriers_of(alone[1]) == carriers_of(samples_of(folder.samples)[1])
    fewer = samples_of(folder.split("fewer", repeats=[1, 5], carriers={"choose": "random", "count": 7, "draw": "per_repeat"}))
    assert len(carriers_of(fewer[1])) == 7


def test_a_fixed_draw_is_shared_among_repeats_and_recorded(folder: Folder) -> None:
    path = folder.split("fixed", repeats=[0, 1, -1], carriers={"choose": "random", "count": 7, "draw": "fixed"})
    drawn = [carriers_of(one) for one in samples_of(path).values()]
    assert len(drawn) == 3 and drawn[0] == drawn[1] == drawn[2]
    assert tables.read_metadata(path, schemas.SAMPLES)["notes"]["draw"] == "fixed"


def test_the_random_state_of_the_repeat_draws_samples_of_one_class_or_two(folder: Folder) -> None:
    own = samples_of(folder.split("by-state", carriers={"choose": "random_state", "count": 3}))
    train = {label: own[0].sample_id[(own[0].split == "train") & (own[0].label == label)] for label in (5, 1)}
    for repeat, one in own.items():
        assert carriers_of(one) == sorted(np.random.RandomState(repeat).choice(train[5], 3, replace=False).tolist())
    given = {"choose": "random_state", "count": 3, "seed": 8, "also": ["1"]}
    for one in samples_of(folder.split("two-classes", carriers=given)).values():
        theirs = np.random.RandomState(8)
        drawn = [theirs.choice(train[label], 3, replace=False).tolist() for label in (5, 1)]
        assert carriers_of(one) == sorted([*drawn[0], *drawn[1]])
        assert np.array_equal(one.attributes["line"], one.carrier)


@pytest.mark.parametrize(
    ("choice", "ranks"),
    [({"choose": "easiest"}, (0, 10)), ({"choose": "hardest"}, (112, 122)), ({"choose": "window", "start": 30}, (30, 40))],
)
def test_carriers_are_chosen_by_the_base_settings_difficulty(folder: Folder, choice: dict[str, Any], ranks: tuple[int, int]) -> None:
    path = folder.split("chosen", difficulty=folder.el2n, carriers={"count": 10, "base": "digits-test", "score": "el2n"} | choice)
    for repeat, one in samples_of(path).items():
        difficulty = of_repeat(folder.el2n, schemas.DIFFICULTY, repeat)
        chosen = difficulty.filter(pc.is_in(difficulty.column("sample_id"), pa.array(carriers_of(one))))
        assert sorted(chosen.column("rank_in_class").to_pylist()) == list(range(*ranks))


def test_a_base_without_some_candidates_is_named(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    clean, few = tables.read(folder.el2n, schemas.DIFFICULTY), folder.at("few.parquet")
    ranked = clean.filter(pc.greater_equal(clean.column("rank"), 600))
    label, within = (to_numpy(ranked.column(name)) for name in ("label", "rank_in_class"))
    fewer = {"rank": to_numpy(ranked.column("rank")) - 600, "rank_in_class": within.copy()}
    for repeat, value in product(REPEATS, range(10)):
        members = (to_numpy(ranked.column("repeat")) == repeat) & (label == value)
        fewer["rank_in_class"][members] -= within[members].min()
    for name, ranks in fewer.items():
        ranked = ranked.set_column(ranked.column_names.index(name), name, pa.array(ranks))
    tables.write(few, ranked, schemas.DIFFICULTY, PROVENANCE)
    carriers = {"choose": "easiest", "count": 10, "base": "digits-test", "score": "el2n"}
    text = refused(DataError, lambda: folder.split("few_ranked", difficulty=few, carriers=carriers), assert_one_sentence)
    assert text.startswith("carriers.base 'digits-test' has no difficulty for sample ")


def test_validation_can_be_held_out_of_training(folder: Folder) -> None:
    one = samples_of(folder.split("held_out", validation=0.25))[0]
    assert len(one.rows("validation")) == pytest.approx(350, abs=5) and len(one.rows("train")) == 1400 - len(one.rows("validation"))
    assert len(one.rows("test")) == 397


# train_reference and score_difficulty


def test_a_subset_leaves_the_other_training_samples_out(folder: Folder) -> None:
    parts = {"fives": {"class": "5", "count": 50}, "first_nines": {"class": "9", "count": 20, "choose": "first", "rest": "hold_out"}}
    drawn, fixed = (samples_of(folder.split(f"subset_{draw}", subset={"draw": draw, "parts": parts})) for draw in ("per_repeat", "fixed"))
    whole = samples_of(folder.samples)[0]
    for one in (*drawn.values(), *fixed.values()):
        train = one.rows("train")
        counts = np.bincount(one.label[train], minlength=10)
        expected = np.bincount(whole.label[whole.rows("train")], minlength=10)
        expected[5], expected[9] = 50, 20
        assert counts.tolist() == expected.tolist()
        assert (one.carrier[train] == 1).sum() == CARRIERS, "carriers are drawn from the samples taken"
        nines = whole.sample_id[whole.rows("train")][whole.label[whole.rows("train")] == 9]
        assert one.sample_id[train][one.label[train] == 9].tolist() == nines[:20].tolist()
        held_out = one.split[np.isin(one.sample_id, nines[20:])]
        assert len(held_out) == len(nines) - 20 and set(held_out) == {"validation", "test"}
    ids = [[one.sample_id[one.rows("train")].tolist() for one in samples.values()] for samples in (drawn, fixed)]
    assert ids[0][0] != ids[0][1] and ids[1][0] == ids[1][1]


def test_dynamics_are_recorded_for_every_seed_epoch_and_training_sample(folder: Folder) -> None:
    table = tables.read(folder.dynamics, schemas.DYNAMICS)
    assert len(table) == 2 * 2 * 2 * 1200
    contents.require_unique(table, schemas.DYNAMICS, "here")
    train = samples_of(folder.samples)[0]
    assert set(table.column("sample_id").to_pylist()) == set(train.sample_id[train.rows("train")].tolist())
    columns = {name: to_numpy(table.column(name)) for name in ("sample_id", "loss", "error", "margin", "predicted", "feature_norm")}
    label_of = dict(zip(train.sample_id.tolist(), train.label.tolist(), strict=True))
    correct = columns["predicted"] == np.array([label_of[sample_id] for sample_id in columns["sample_id"].tolist()])
    assert columns["loss"].min() >= 0 and columns["error"].max() <= np.sqrt(2) + 1e-6 and columns["feature_norm"].min() >= 0
    assert (correct == (columns["margin"] > 0))[columns["margin"] != 0].all()
    np.testing.assert_allclose(columns["error"][columns["loss"] < 1e-4], 0, atol=1e-3)


def test_a_reference_runs_bytes_do_not_depend_on_its_block_mates(folder: Folder) -> None:
    alone = folder.reference("alone_dynamics", repeats=[1])
    assert of_repeat(alone, schemas.DYNAMICS, 1).equals(of_repeat(folder.dynamics, schemas.DYNAMICS, 1))


def test_only_the_epochs_asked_for_are_recorded_and_they_are_the_same(folder: Folder) -> None:
    last = tables.read(folder.reference("last", record_epochs=[2]), schemas.DYNAMICS).replace_schema_metadata()
    every = tables.read(folder.dynamics, schemas.DYNAMICS).replace_schema_metadata()
    assert last.equals(every.filter(pc.equal(every.column("epoch"), 2)))


def test_the_training_time_view_is_another(folder: Folder) -> None:
    seen, trained = (
        to_numpy(tables.read(path, schemas.DYNAMICS).column("loss"))
        for path in (folder.dynamics, folder.reference("training_view", view="training"))
    )
    assert seen.shape == trained.shape and np.isfinite(trained).all()
    assert np.isclose(trained, seen).mean() < 0.01
    assert trained[:1200].mean() > trained[1200:2400].mean(), "what a sample costs falls from the first epoch to the second"
    norm = to_numpy(tables.read(folder.reference("training_view", view="training"), schemas.DYNAMICS).column("feature_norm"))
    assert not np.array_equal(norm[:1200], norm[1200:2400]), "every epoch keeps its own"


def test_the_training_time_view_of_a_batch_is_before_its_own_step(folder: Folder) -> None:
    """An epoch of two batches by hand: the second is seen by the weights after the first step, the first by the first weights."""
    optimizer = {"name": "sgd", "lr": 0.1, "momentum": 0.0, "weight_decay": 0.0}
    path = folder.reference("two_batches", repeats=[1], record_epochs=[1], seeds=1, view="training", batch_size=600, optimizer=optimizer)
    recorded = tables.read(path, schemas.DYNAMICS)
    ids, data, pixels = training_data(folder, repeat=1)
    assert recorded.column("sample_id").to_pylist() == ids.tolist()

    def expect_seen(rows: torch.Tensor, logits: torch.Tensor, features: torch.Tensor) -> None:
        expected = dynamics_of(logits, data.label[rows]) | {"feature_norm": features.norm(dim=1).numpy()}
        for name, value in expected.items():
            np.testing.assert_allclose(to_numpy(recorded.column(name))[rows], value, rtol=1e-4, atol=1e-5, err_msg=name)

    network, untrained = (first_network(repeat=1, seed=0).train() for _ in range(2))
    order = np.random.default_rng(Stream((1, "reference", 0)).seed(seeds.ORDER, 1)).permutation(1200)
    for rows in torch.from_numpy(order).split(600):
        features, logits = network.outputs(pixels.prepare(data.batch(rows)))
        expect_seen(rows, logits.detach(), features.detach())
        weights = list(network.parameters())
        slopes = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, data.label[rows]), weights)
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight -= 0.1 * slope
    second = torch.from_numpy(order[600:])
    with torch.no_grad():
        first_loss = dynamics_of(untrained.outputs(pixels.prepare(data.batch(second)))[1], data.label[second])["loss"]
    assert np.isclose(to_numpy(recorded.column("loss"))[second], first_loss, rtol=1e-3).mean() < 0.1, "not by the first weights"


def test_the_augmented_view_shows_the_same_training_run_crops_and_flips(folder: Folder) -> None:
    crops = {"name": "pad_crop_flip", "padding": 1}
    plain, augmented, again, unaugmented = (
        np.array(tables.read(folder.reference(name, repeats=[0], view=view, augmentation=augmentation), schemas.DYNAMICS).column("error"))
        for name, view, augmentation in (
            ("view_plain", "eval", crops),
            ("view_augmented", "eval_augmented", crops),
            ("view_again", "eval_augmented", crops),
            ("view_unaugmented", "eval_augmented", {"name": "none"}),
        )
    )
    assert not np.array_equal(plain, augmented)
    assert np.array_equal(augmented, again)
    assert 0.3 < np.corrcoef(plain, augmented)[0, 1] < 1, "the same networks on slightly moved images"
    assert np.array_equal(
        unaugmented,
        tables.read(folder.reference("eval_only", repeats=[0], augmentation={"name": "none"}), schemas.DYNAMICS).column("error"),
    )


def test_twins_are_recorded_under_two_seeds_as_each_predicts_alone(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    """The second run of repeat 1 is trained again by hand; its twins are the seeds 2 and 3."""
    with caplog.at_level(logging.INFO, "spurprune"):
        path = folder.reference("twins", **TWINS)
    table, metadata = tables.read(path, schemas.DYNAMICS), tables.read_metadata(path, schemas.DYNAMICS)
    assert len(table) == 2 * 4 * 2 * 1200
    contents.require_unique(table, schemas.DYNAMICS, "here")
    assert metadata["counts"] == {"samples": 1200, "reference_seeds": 4, "epochs": [1, 2]}

    ids, data, pixels = training_data(folder, repeat=1)
    training = TRAINING["training"]
    stream = Stream((1, "reference", 1))
    method = CrossRisk(context(np.ones(len(ids)), training, label=data.label.numpy(), stream=stream))
    first, second = (first_network(repeat=1, seed=number) for number in (2, 3))
    fit(Twins(first, second), Training(data, pixels, method, Recipe.of(training), stream, "by hand"), lambda *_: [])

    mine = of_repeat(path, schemas.DYNAMICS, 1)
    for number, twin in ((2, first), (3, second)):
        rows = mine.filter(pc.equal(mine.column("reference_seed"), number)).filter(pc.field("epoch") == 2)
        assert rows.column("sample_id").to_pylist() == ids.tolist()
        seen = observe(twin, data, pixels, 512)
        for name, value in {**dynamics_of(seen.logits, data.label), "feature_norm": seen.feature_norm.numpy()}.items():
            np.testing.assert_array_equal(to_numpy(rows.column(name)), value, err_msg=name)
    share = metadata["notes"]["flipped"]["1"][1]
    assert share == method.flipped_share() > 0, "against the labels that were given"
    assert [len(metadata["notes"]["flipped"][repeat]) for repeat in ("0", "1")] == [2, 2]
    assert f"digits-test, repeat 1, reference seed 1: {100 * share:.1f}% of the labels are flipped in the end" in caplog.text


def test_a_reference_of_erm_knows_nothing_of_twins(folder: Folder) -> None:
    notes = tables.read_metadata(folder.dynamics, schemas.DYNAMICS)["notes"]
    assert "flipped" not in notes and "kind" not in notes["recipe"]
    named = tables.read(folder.reference("named", kind="erm"), schemas.DYNAMICS).replace_schema_metadata()
    assert named.equals(tables.read(folder.dynamics, schemas.DYNAMICS).replace_schema_metadata())


def test_twins_that_were_interrupted_end_in_the_same_file(folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Killed in the last epoch of the second of two runs, after a checkpoint of the epoch before, which holds its labels."""
    monkeypatch.setattr(JobCheckpoints, "is_due", lambda *_: True)
    whole = folder.reference("twins_whole", repeats=[0], **TWINS)
    monkeypatch.chdir(tmp_path)
    seen: list[int] = []

    def broken_off(*arguments: Any) -> Any:
        seen.append(len(seen))
        if len(seen) == 8:  # two twins at two epochs in each of two runs
            raise KeyboardInterrupt
        return observe(*arguments)

    monkeypatch.setattr(train_reference, "observe", broken_off)
    with pytest.raises(KeyboardInterrupt):
        folder.reference("twins_broken", repeats=[0], **TWINS)
    assert folder.reference("twins_broken", repeats=[0], **TWINS).read_bytes() == whole.read_bytes()
    assert len(seen) == 8 + 2, "only the last epoch is repeated"


def test_the_augmented_view_of_twins_shows_both_the_same_crops(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def watched(model: Network, data: Data, preparation: Pixels, batch_size: int, view: Callable[[torch.Tensor], torch.Tensor]) -> Any:
        seen.append(view(data.batch(torch.arange(8))))
        return observe(model, data, preparation, batch_size, view)

    monkeypatch.setattr(train_reference, "observe", watched)
    crops = {"name": "pad_crop_flip", "padding": 1}
    folder.reference("twins_augmented", repeats=[0], seeds=1, view="eval_augmented", augmentation=crops, **TWINS)
    assert len(seen) == 4 and torch.equal(seen[0], seen[1]) and torch.equal(seen[2], seen[3])
    assert not torch.equal(seen[0], seen[2])


def test_difficulty_is_the_mean_over_reference_seeds(folder: Folder) -> None:
    table = tables.read(folder.el2n, schemas.DIFFICULTY)
    assert [name for name in table.column_names if name.startswith("seed_")] == ["seed_0", "seed_1"]
    columns = {name: to_numpy(table.column(name)) for name in table.column_names}
    np.testing.assert_allclose(columns["score"], (columns["seed_0"] + columns["seed_1"]) / 2)
    dynamics = of_repeat(folder.dynamics, schemas.DYNAMICS, 1)
    sample = dynamics.column("sample_id").to_pylist()[17]
    mine = dynamics.filter(pc.equal(dynamics.column("sample_id"), sample))
    row = (columns["repeat"] == 1) & (columns["sample_id"] == sample)
    assert columns["score"][row] == pytest.approx(to_numpy(mine.column("error")).mean())
    for repeat in REPEATS:
        rank = columns["rank"][columns["repeat"] == repeat]
        assert sorted(rank.tolist()) == list(range(1200))
        fives = (columns["repeat"] == repeat) & (columns["label"] == SOURCE)
        assert sorted(columns["rank_in_class"][fives].tolist()) == list(range(122))


def test_epochs_are_chosen_among_those_recorded(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    by_hand = folder.score("el2n-last", folder.dynamics, epochs=[2])
    last = folder.score("el2n-alone", folder.reference("last2", record_epochs=[2]))
    assert tables.read(by_hand, schemas.DIFFICULTY).column("score").equals(tables.read(last, schemas.DIFFICULTY).column("score"))
    text = refused(DataError, lambda: folder.score("el2n-none", folder.dynamics, epochs=[9]), assert_one_sentence)
    assert "lacks dynamics of repeat 0, epoch 9" in text


def test_reference_runs_differ_between_repeats_and_seeds_even_on_the_same_samples(folder: Folder) -> None:
    samples = folder.split("same", carriers={"choose": "random", "count": 7, "draw": "fixed"})
    table = tables.read(folder.reference("same_dynamics", samples=samples, record_epochs=[2]), schemas.DYNAMICS)
    losses = to_numpy(table.column("loss")).reshape(4, 1200)  # two repeats of two seeds
    assert len({run.tobytes() for run in losses}) == 4


def test_one_shared_reference_serves_all_repeats_which_break_ties_apart(folder: Folder) -> None:
    fixed = {"choose": "random", "count": 7, "draw": "fixed"}
    samples, shared = (folder.split(name, repeats, carriers=fixed) for name, repeats in (("every", REPEATS), ("shared", [-1])))
    dynamics = folder.reference("shared_dynamics", [-1], shared)
    path = folder.score("forgetting-shared", dynamics, samples)
    zero, one = (of_repeat(path, schemas.DIFFICULTY, repeat) for repeat in REPEATS)
    assert zero.column("score").equals(one.column("score"))
    assert not zero.column("rank").equals(one.column("rank"))
    assert tables.read_metadata(path, schemas.DIFFICULTY)["notes"]["shared_reference"] is True


def test_the_random_score_needs_no_reference(folder: Folder) -> None:
    path = folder.score("random", None)
    scores = [to_numpy(of_repeat(path, schemas.DIFFICULTY, repeat).column("score")) for repeat in REPEATS]
    assert scores[0].std() == pytest.approx(12**-0.5, abs=0.02) and not np.array_equal(*scores)


def test_dynamics_of_other_samples_or_with_gaps_are_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    held_out = folder.split("held_out2", validation=0.25)
    text = refused(DataError, lambda: folder.score("el2n-other", folder.dynamics, held_out), assert_one_sentence)
    assert str(folder.dynamics) in text
    table = tables.read(folder.dynamics, schemas.DYNAMICS)
    bad = pa.compute.if_else(pc.equal(table.column("sample_id"), table.column("sample_id")[5].as_py()), np.nan, table.column("error"))
    damaged = folder.at("nan.parquet")
    tables.write(damaged, table.set_column(5, "error", bad.cast(pa.float32())), schemas.DYNAMICS, PROVENANCE)
    text = refused(DataError, lambda: folder.score("el2n-nan", damaged), assert_one_sentence)
    assert f"the el2n score of sample {table.column('sample_id')[5].as_py()} in repeat 0 is not finite" in text


# prune_metadata


def test_weights_say_what_is_pruned_and_counts_how_much(folder: Folder) -> None:
    path = folder.prune("carriers-el2n-hardest-0.25", folder.el2n)
    samples = samples_of(folder.samples)
    for repeat in REPEATS:
        plan = of_repeat(path, schemas.PLAN, repeat)
        gone = plan.filter(pc.equal(plan.column("weight"), 0)).column("sample_id").to_pylist()
        assert len(gone) == 10 and set(gone) < set(carriers_of(samples[repeat]))
        difficulty = of_repeat(folder.el2n, schemas.DIFFICULTY, repeat)
        of_carriers = difficulty.filter(pc.is_in(difficulty.column("sample_id"), pa.array(carriers_of(samples[repeat])))).sort_by("score")
        assert set(gone) == set(of_carriers.column("sample_id").to_pylist()[-10:])
        reasons = to_numpy(plan.column("reason"))
        counted = {name: int((reasons == name).sum()) for name in prune_metadata.REASONS}
        assert counted == {"no candidate": 1160, "kept": 30, "pruned": 10, "reweighted": 0}
        assert tables.read_metadata(path, schemas.PLAN)["counts"][str(repeat)] == {
            "candidates": 40,
            "pruned": 10,
            "train": 1200,
            "visits": 1190,
            "carriers": 40,
            "pruned_carriers": 10,
        }
        assert tables.read_metadata(path, schemas.PLAN)["notes"] == {"plan": "carriers-el2n-hardest-0.25", "visits": "exact"}


def test_carriers_that_are_not_known_are_not_counted(folder: Folder) -> None:
    known = sampling.read(folder.samples)
    nowhere = [replace(one, carrier=np.full_like(one.carrier, -1)) for one in known.by_repeat.values()]
    unknown = folder.at("unknown.parquet")
    sampling.write(unknown, nowhere, known.grouping, PROVENANCE)
    path = folder.prune("random-0.10", samples=unknown)
    counts = tables.read_metadata(path, schemas.PLAN)["counts"]["0"]
    assert (counts["pruned"], counts["carriers"], counts["pruned_carriers"]) == (120, None, None)


def test_random_pruning_is_nested_and_differs_between_repeats(folder: Folder) -> None:
    gone: dict[tuple[str, int], set[int]] = {}
    for plan in ("random-0.10", "random-0.30"):
        path = folder.prune(plan)
        for repeat in REPEATS:
            table = of_repeat(path, schemas.PLAN, repeat)
            gone[plan, repeat] = set(table.filter(pc.equal(table.column("weight"), 0)).column("sample_id").to_pylist())
    assert all(gone["random-0.10", repeat] < gone["random-0.30", repeat] for repeat in REPEATS)
    assert gone["random-0.10", 0] != gone["random-0.10", 1]


def test_emptying_a_class_is_an_error_that_names_it(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    text = refused(PlanError, lambda: folder.prune("per_class-el2n-hardest-0.9999", folder.el2n), assert_one_sentence)
    expected = "digits-test, plan 'per_class-el2n-hardest-0.9999', repeat 0: class '0' would lose all its 119 training samples"
    assert text.startswith(expected) and "lower the sparsity" in text
    assert not folder.at("plans", "per_class-el2n-hardest-0.9999.parquet").exists()


def test_an_impossible_plan_says_where(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    samples = folder.split(
        "two_tied", aligned={"5": {"line": "with"}, "9": {"line": "without"}}
    )  # 122 fives, 40 of them aligned; 120 nines, all of them
    text = refused(PlanError, lambda: folder.prune("per_group_equal-el2n-hardest-0.00", folder.el2n, samples), assert_one_sentence)
    assert text.startswith("digits-test, plan 'per_group_equal-el2n-hardest-0.00', repeat 0: classes cannot become equal at sparsity 0.00")
    assert "at least 2 of 160 candidates" in text


def test_difficulty_of_other_samples_is_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    held_out = folder.split("held_out3", validation=0.25)
    text = refused(DataError, lambda: folder.prune("global-el2n-hardest-0.10", folder.el2n, held_out), assert_one_sentence)
    assert f"{folder.el2n} holds other samples than repeat 0's training split" in text


# retrain


def test_predictions_cover_validation_and_test_in_both_views(folder: Folder, unpruned: dict[str, Path]) -> None:
    table = tables.read(unpruned["predictions"], schemas.PREDICTIONS)
    contents.require_unique(table, schemas.PREDICTIONS, "here")
    one = samples_of(folder.samples)[0]
    source_and_target = np.isin(one.label, [SOURCE, TARGET])
    for repeat in REPEATS:
        mine = of_repeat(unpruned["predictions"], schemas.PREDICTIONS, repeat)
        for split in ("validation", "test"):
            for view, members in (("natural", one.split == split), ("featured", (one.split == split) & source_and_target)):
                rows = (to_numpy(mine.column("split")) == split) & (to_numpy(mine.column("view")) == view)
                assert sorted(to_numpy(mine.column("sample_id"))[rows].tolist()) == sorted(one.sample_id[members].tolist())
    assert {len(logits) for logits in table.column("logits").to_pylist()} == {10}


def test_a_repeats_bytes_do_not_depend_on_its_block_mates(folder: Folder, unpruned: dict[str, Path]) -> None:
    alone = folder.train(unpruned["plan"], "alone", repeats=[1])
    for kind, schema in (("predictions", schemas.PREDICTIONS), ("history", schemas.HISTORY)):
        assert of_repeat(alone[kind], schema, 1).equals(of_repeat(unpruned[kind], schema, 1)), kind


def test_a_reference_interrupted_between_its_runs_ends_in_the_same_file(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = folder.reference("whole")
    monkeypatch.chdir(tmp_path)
    seen: list[int] = []

    def broken_off(*arguments: Any) -> Any:
        seen.append(len(seen))
        if len(seen) == 6:  # in the third of four runs of two epochs each
            raise KeyboardInterrupt
        return observe(*arguments)

    monkeypatch.setattr(train_reference, "observe", broken_off)
    with pytest.raises(KeyboardInterrupt):
        folder.reference("broken")
    assert len(list(tmp_path.glob("checkpoints/*/*.safetensors"))) == 2
    assert folder.reference("broken").read_bytes() == whole.read_bytes()
    times = [from_json(path.with_suffix(".json").read_bytes()) for path in (whole, whole.with_stem("broken"))]
    assert times[0]["seconds"] > 0 and (times[1]["seconds"], times[1]["resumed"]) == (None, True)
    assert len(seen) == 6 + 4, "finished runs must not be repeated"
    assert not list(tmp_path.glob("checkpoints/*"))


def test_the_same_run_gives_the_same_files(folder: Folder, unpruned: dict[str, Path]) -> None:
    again = folder.train(unpruned["plan"], "again", keep=True)
    for kind, path in again.items():
        assert path.read_bytes() == unpruned[kind].read_bytes(), kind


@pytest.mark.parametrize(
    ("function", "where"), [("initialise", "digits-test, repeat 0"), ("predict", "digits-test, repeat 0, predictions")]
)
def test_a_device_without_memory_outside_an_epoch_is_named(
    folder: Folder,
    unpruned: dict[str, Path],
    function: str,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    assert_one_sentence: Callable[[str], None],
    tmp_path: Path,
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(retrain, function, full)
    monkeypatch.chdir(tmp_path)  # where its checkpoint stays
    text = refused(
        TrainingError, lambda: folder.train(unpruned["plan"], "without_memory", repeats=[0], evaluate_epochs=[]), assert_one_sentence
    )
    assert text.startswith(f"{where}: cpu ran out of memory; ")


def test_a_copy_on_the_nodes_disk_gives_the_same_files(folder: Folder, unpruned: dict[str, Path], tmp_path: Path) -> None:
    near = copy(folder)
    with local_inputs({"inputs": folder.inputs, "manifest": folder.manifest}, str(tmp_path)) as paths:
        assert paths["inputs"].is_relative_to(tmp_path)
        near.inputs = paths["inputs"]
        run = near.train(unpruned["plan"], "near", keep=True)
    for kind, path in run.items():
        assert path.read_bytes() == unpruned[kind].read_bytes()


def test_a_plan_changes_the_run(folder: Folder, unpruned: dict[str, Path]) -> None:
    plan = folder.prune("per_class-el2n-hardest-0.10", folder.el2n)
    pruned = folder.train(plan, "pruned")
    assert not of_repeat(pruned["predictions"], schemas.PREDICTIONS, 0).equals(of_repeat(unpruned["predictions"], schemas.PREDICTIONS, 0))
    trained = [row for row in of_repeat(pruned["history"], schemas.HISTORY, 0).to_pylist() if row["split"] == "train"]
    counts = tables.read_metadata(plan, schemas.PLAN)["counts"]["0"]
    assert counts["pruned"] == 120  # a tenth of 116 to 122 samples per class is twelve, rounded
    assert sum(row["n"] for row in trained) == 1200 - counts["pruned"]


def test_history_counts_the_groups_at_the_epochs_asked_for(unpruned: dict[str, Path]) -> None:
    history = of_repeat(unpruned["history"], schemas.HISTORY, 0)
    assert set(history.column("epoch").to_pylist()) == {2}
    rows = {(r["split"], r["view"], r["group"]): r for r in history.to_pylist()}
    assert rows["train", "natural", 2 * SOURCE + 1]["n"] == CARRIERS
    assert rows["train", "natural", 2 * SOURCE]["n"] == 122 - CARRIERS
    assert all((r["label"], r["carrier"]) == (group // 2, group % 2 == 1) for (_, _, group), r in rows.items())
    assert sum(r["n"] for key, r in rows.items() if key[0] == "train") == 1200
    assert sum(r["n"] for key, r in rows.items() if key[:2] == ("test", "natural")) == 397
    assert {key[2] for key in rows if key[1] == "featured"} == {2 * SOURCE + 1, 2 * TARGET + 1}
    assert all(0 <= r["n_correct"] <= r["n"] and 0 <= r["n_as_source"] <= r["n"] and r["loss"] >= 0 for r in rows.values())


def test_a_kept_model_gives_the_predictions(folder: Folder, unpruned: dict[str, Path]) -> None:
    weights = load_file(unpruned["models"])
    assert {name.split(".")[0] for name in weights} == {"0", "1"}
    manifest = read_manifest(folder.manifest)
    model = small_cnn.build(manifest.shape, 10, TRAINING["model"]["channels"])
    model.load_state_dict({name.removeprefix("1."): value for name, value in weights.items() if name.startswith("1.")})
    predicted = of_repeat(unpruned["predictions"], schemas.PREDICTIONS, 1)
    for view in ("natural", "featured"):
        rows = predicted.filter(pc.equal(predicted.column("view").cast(pa.string()), view))
        ids = to_numpy(rows.column("sample_id"))
        options: dict[str, Any] = {"overlay": TRAINING["overlay"], "device": torch.device("cpu")}
        carrier = np.full(len(ids), view == "featured")
        data = load(open_inputs(folder.inputs, manifest), sample_id=ids, label=ids, group=ids, carrier=carrier, **options)
        logits = observe(model, data, Pixels.of(manifest.mean, manifest.std, data.device), 512).logits.numpy()
        np.testing.assert_allclose(logits, np.array(rows.column("logits").to_pylist()), atol=1e-4, rtol=1e-4)


def test_a_loss_that_is_not_finite_names_setting_repeat_and_epoch(
    folder: Folder, unpruned: dict[str, Path], assert_one_sentence: Callable[[str], None]
) -> None:
    optimizer = TRAINING["training"]["optimizer"] | {"lr": 1e30}
    text = refused(TrainingError, lambda: folder.train(unpruned["plan"], "nan", optimizer=optimizer), assert_one_sentence)
    assert text.startswith("digits-test, repeat 0, epoch 1: the training loss became")
    assert not folder.at("nan").exists()


def test_the_order_of_rows_in_a_file_does_not_matter(folder: Folder) -> None:
    """Files are matched by sample_id: shuffled samples get the same scores and weights, and train on the same samples."""
    table, grouping = tables.read(folder.samples, schemas.SAMPLES), sampling.grouping_of(folder.samples)
    samples = folder.at("shuffled.parquet")
    described = replace(PROVENANCE, notes={"grouping": grouping.to_plain()})
    tables.write(samples, table.take(np.random.default_rng(0).permutation(len(table))), schemas.SAMPLES, described)
    difficulty = folder.score("el2n-shuffled", folder.dynamics, samples)
    plan = folder.prune("carriers-el2n-hardest-0.50", difficulty, samples)
    expected = {"difficulty": folder.el2n, "plan": folder.prune("carriers-el2n-hardest-0.50", folder.el2n, target="ordered")}
    keys = [("repeat", "ascending"), ("sample_id", "ascending")]
    for found, kind, schema in ((difficulty, "difficulty", schemas.DIFFICULTY), (plan, "plan", schemas.PLAN)):
        ours, theirs = (tables.read(path, schema).replace_schema_metadata().sort_by(keys) for path in (found, expected[kind]))
        value = "score" if kind == "difficulty" else "weight"
        assert ours.column(value).equals(theirs.column(value))
    history = tables.read(folder.train(plan, "shuffled", samples=samples)["history"], schemas.HISTORY).to_pylist()
    trained = {(r["repeat"], r["group"]): r["n"] for r in history if r["split"] == "train"}
    assert all(trained[repeat, 2 * SOURCE + 1] == CARRIERS // 2 and trained[repeat, 2 * SOURCE] == 122 - CARRIERS for repeat in REPEATS)


# evaluate and collect_metrics


def test_metrics_by_hand(folder: Folder, unpruned: dict[str, Path]) -> None:
    table = folder.evaluate(unpruned["predictions"], unpruned["plan"], folder.at("metrics.parquet"))
    contents.require_unique(table, schemas.METRICS, "here")
    found = {(r["repeat"], r["split"], r["metric"], r["group"]): r for r in table.to_pylist()}
    for repeat, one in samples_of(folder.samples).items():
        label = dict(zip(one.sample_id.tolist(), one.label.tolist(), strict=True))
        mine = of_repeat(unpruned["predictions"], schemas.PREDICTIONS, repeat).to_pylist()
        test = [(r["view"], label[r["sample_id"]], int(np.argmax(r["logits"]))) for r in mine if r["split"] == "test"]
        natural = [(y, p) for view, y, p in test if view == "natural"]
        nines = {view: [p for v, y, p in test if v == view and y == TARGET] for view in ("natural", "featured")}
        fives = [p for y, p in natural if y == SOURCE]
        as_fives = {view: float(np.mean([p == SOURCE for p in predicted])) for view, predicted in nines.items()}
        expected = {
            ("accuracy", None): (397, np.mean([y == p for y, p in natural])),
            ("spurious_misclassification", None): (len(nines["featured"]), as_fives["featured"]),
            ("baseline_misclassification", None): (len(nines["natural"]), as_fives["natural"]),
            ("reverse_misclassification", None): (len(fives), np.mean([p == TARGET for p in fives])),
            ("spurious_accuracy", None): (len(nines["featured"]), np.mean([p == TARGET for p in nines["featured"]])),
            ("group_accuracy", "9 without line"): (len(nines["natural"]), np.mean([p == TARGET for p in nines["natural"]])),
            ("group_accuracy", "9 with line"): (len(nines["featured"]), np.mean([p == TARGET for p in nines["featured"]])),
        }
        for (metric, group), (n, value) in expected.items():
            row = found[repeat, "test", metric, group]
            assert (row["n"], row["value"]) == (n, pytest.approx(float(value))), (metric, group)
        groups = {g: r["value"] for (k, split, m, g), r in found.items() if (k, split, m) == (repeat, "test", "group_accuracy")}
        assert len(groups) == 12  # ten classes without, and two with the line
        assert found[repeat, "test", "worst_group_accuracy", None]["value"] == min(groups.values())
        train = {f"{label} without line": int((one.label[one.rows("train")] == label).sum()) for label in range(10)} | {
            "5 with line": CARRIERS
        }
        train["5 without line"] -= CARRIERS
        weighted = sum(count / 1200 * groups[group] for group, count in train.items())
        assert found[repeat, "test", "accuracy_weighted", None]["value"] == pytest.approx(weighted)
        assert found[repeat, "train", "pruned_share", None]["value"] == 0
        assert found[repeat, "train", "carriers_samples", None]["value"] == CARRIERS
    assert {r["metric"] for r in found.values() if r["split"] == "validation"} >= {"accuracy", "spurious_misclassification"}


def test_the_spurious_score_is_of_the_samples_that_both_views_show(folder: Folder, unpruned: dict[str, Path]) -> None:
    table = folder.evaluate(unpruned["predictions"], unpruned["plan"], folder.at("scored.parquet"), score_threshold=0.05)
    found = {(r["repeat"], r["metric"]): (r["n"], r["value"]) for r in table.to_pylist() if r["split"] == "test" and r["group"] is None}
    logits: dict[tuple[int, int], dict[str, list[float]]] = {}
    for row in tables.read(unpruned["predictions"], schemas.PREDICTIONS).to_pylist():
        if row["split"] == "test":
            logits.setdefault((row["repeat"], row["sample_id"]), {})[row["view"]] = row["logits"]
    label = {i: y for one in samples_of(folder.samples).values() for i, y in zip(one.sample_id.tolist(), one.label.tolist(), strict=True)}
    for repeat in REPEATS:
        rises: list[tuple[int, float]] = []
        for (of, i), views in logits.items():
            if of == repeat and len(views) == 2:
                raised = {view: np.exp(np.array(values)) for view, values in views.items()}
                share = {view: values[SOURCE] / values.sum() for view, values in raised.items()}
                rises.append((label[i], share["featured"] - share["natural"]))
        assert {y for y, _ in rises} == {SOURCE, TARGET}, "the classes of the probe have both views"
        everyone, others = ([rise > 0.05 for y, rise in rises if y in of] for of in ((SOURCE, TARGET), (TARGET,)))
        assert found[repeat, "spurious_score"] == (len(everyone), pytest.approx(np.mean(everyone)))
        assert found[repeat, "spurious_score_others"] == (len(others), pytest.approx(np.mean(others)))
    plain = folder.evaluate(unpruned["predictions"], unpruned["plan"], folder.at("plain.parquet"))
    assert not {row["metric"] for row in plain.to_pylist()} & {"spurious_score", "spurious_score_others"}


def test_metrics_say_what_was_pruned_and_how(folder: Folder, unpruned: dict[str, Path]) -> None:
    plan = folder.prune("carriers-el2n-easiest-0.50", folder.el2n)
    predictions = folder.train(plan, "easier")["predictions"]
    table = folder.evaluate(predictions, plan, folder.at("other.parquet"))
    row = next(r for r in table.to_pylist() if r["metric"] == "pruned_share")
    names = ("setting", "method", "plan", "strategy", "score", "order", "sparsity", "block", "repeat", "n")
    assert [row[name] for name in names] == [
        "digits-test",
        "erm",
        "carriers-el2n-easiest-0.50",
        "carriers",
        "el2n",
        "easiest",
        "0.50",
        "000-001",
        0,
        1200,
    ]
    assert row["value"] == pytest.approx(20 / 1200)


def test_predictions_that_are_missing_or_not_finite_are_refused(
    folder: Folder, unpruned: dict[str, Path], assert_one_sentence: Callable[[str], None]
) -> None:
    table = tables.read(unpruned["predictions"], schemas.PREDICTIONS)
    damaged = folder.at("damaged.parquet")
    tables.write(damaged, table.slice(1), schemas.PREDICTIONS, PROVENANCE)

    def action() -> pa.Table:
        return folder.evaluate(damaged, unpruned["plan"], folder.at("no_metrics.parquet"))

    lacking = f"{damaged} does not hold exactly the predictions of repeat 0's validation split in the natural view"
    assert lacking in refused(DataError, action, assert_one_sentence)
    shown = pc.and_(pc.equal(table.column("view").cast("string"), "featured"), pc.equal(table.column("split").cast("string"), "test"))
    tables.write(damaged, table.filter(pc.invert(shown)), schemas.PREDICTIONS, PROVENANCE)
    assert "repeat 0's test split in the featured view" in refused(DataError, action, assert_one_sentence)
    for length in (1, 9, 11):
        other = table.column("logits").to_pylist()
        shorter = pa.array([(logits * 2)[:length] for logits in other], pa.list_(pa.float32()))
        tables.write(damaged, table.set_column(4, "logits", shorter), schemas.PREDICTIONS, PROVENANCE)
        assert f"{length} logits, but there are 10 classes" in refused(DataError, action, assert_one_sentence)
    train = samples_of(folder.samples)[0]
    extra = table.slice(0, 1).set_column(1, "sample_id", pa.array([train.sample_id[train.rows("train")][0]]))
    extra = extra.set_column(2, "split", columns.labels(["train"], ("train",))).cast(table.schema)
    tables.write(damaged, pa.concat_tables([table, extra]).unify_dictionaries(), schemas.PREDICTIONS, PROVENANCE)
    assert "predictions of repeat 0 that were not asked for" in refused(DataError, action, assert_one_sentence)
    logits = table.column("logits").to_pylist()
    logits[3] = [float("nan")] * 10
    tables.write(damaged, table.set_column(4, "logits", pa.array(logits, pa.list_(pa.float32()))), schemas.PREDICTIONS, PROVENANCE)
    sample = table.column("sample_id")[3].as_py()
    assert f"the logits of sample {sample} in repeat 0 are not finite" in refused(DataError, action, assert_one_sentence)
    foreign = table.column("sample_id").to_pylist()
    foreign[3] = 10_000
    strange = table.set_column(table.column_names.index("sample_id"), "sample_id", pa.array(foreign, pa.int64()))
    tables.write(damaged, strange, schemas.PREDICTIONS, PROVENANCE)
    assert lacking in refused(DataError, action, assert_one_sentence)
    assert not folder.at("no_metrics.parquet").exists()


def test_all_metrics_are_put_into_one_file(folder: Folder, unpruned: dict[str, Path]) -> None:
    paths = [folder.at(f"collected_{name}.parquet") for name in ("a", "b")]
    plan = folder.prune("random-0.50", None)
    runs = [(unpruned["predictions"], unpruned["plan"]), (folder.train(plan, "random")["predictions"], plan)]
    parts = [folder.evaluate(*run, path) for run, path in zip(runs, paths, strict=True)]
    collect_metrics.run(metrics=paths, output=folder.at("all.parquet"), provenance=PROVENANCE)
    assert len(tables.read(folder.at("all.parquet"), schemas.METRICS)) == sum(len(part) for part in parts)
