"""Partitions: the part of each training sample, and plans that use partitions."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spurprune.dag import plugins
from spurprune.data import samples as sampling
from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.inputs import Manifest, write_manifest
from spurprune.data.samples import Samples
from spurprune.difficulty.recorded import SHARED_REPEAT
from spurprune.errors import DataError, PlanError
from spurprune.stages import partition, prune_metadata
from spurprune.storage import columns, contents, schemas, tables
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance

PROVENANCE = Provenance({"setting": "birds", "block": "000-001"}, "0+code", "config")
REPEATS = [0, 1]
GROUPING = Grouping(("landbird", "waterbird"), (Attribute("background", ("land", "forest", "water"), "on {value}"),))
LABEL = np.array([0, 0, 0, 0, 1, 1, 1, 0, 1], dtype=np.int16)
BACKGROUND = np.array([0, 0, 2, 0, 2, 2, 0, 1, 1], dtype=np.int16)
TRAIN = 7  # the first seven samples; the others are tested
SAMPLE_ID = np.array([14, 11, 12, 13, 10, 15, 16, 17, 18])
GROUPS = {"kind": "groups"}
ERRORS = {"kind": "errors", "reference": "early", "epoch": 2}
CLASSES = {"kind": "predicted", "reference": "early", "epoch": 2}
ENVIRONMENTS = {"kind": "cross_risk", "reference": "twins", "epoch": 2}
# By (seed, epoch): the reference's predictions for the training samples, in the order above.
PREDICTED = {
    (0, 1): [0, 0, 0, 0, 0, 0, 0],
    (0, 2): [0, 0, 1, 0, 1, 1, 0],
    (1, 1): [1, 1, 1, 1, 1, 1, 1],
    (1, 2): [1, 0, 0, 0, 1, 1, 1],
}


def write_samples(path: Path, background: np.ndarray = BACKGROUND, label: np.ndarray = LABEL) -> Path:
    """Samples of two repeats, the same."""
    split = np.where(np.arange(len(LABEL)) < TRAIN, "train", "test").astype(object)
    nothing = np.full(len(LABEL), -1, dtype=np.int8)
    values = {"background": background}
    group = GROUPING.numbers(label, values)
    every = [Samples(repeat, SAMPLE_ID, split, label, values, nothing, nothing, group) for repeat in REPEATS]
    sampling.write(path, every, GROUPING, PROVENANCE)
    return path


def write_dynamics(path: Path, repeats: list[int], predicted: dict[tuple[int, int], list[int]] = PREDICTED) -> Path:
    """Dynamics of every repeat, with rows in arbitrary order; in repeat 1, predictions are the opposite."""
    rows = [
        {"repeat": repeat, "reference_seed": seed, "epoch": epoch, "sample_id": sample_id, "predicted": 1 - label if repeat == 1 else label}
        for repeat in repeats
        for (seed, epoch), labels in predicted.items()
        for sample_id, label in zip(SAMPLE_ID[:TRAIN].tolist(), labels, strict=True)
    ]
    order = np.random.default_rng(0).permutation(len(rows))
    table = pa.Table.from_pylist([rows[i] | dict.fromkeys(("loss", "error", "margin", "feature_norm"), 0.0) for i in order])
    tables.write(path, table, schemas.DYNAMICS, PROVENANCE)
    return path


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    return write_samples(tmp_path / "samples.parquet")


@pytest.fixture
def dynamics(tmp_path: Path) -> Path:
    return write_dynamics(tmp_path / "dynamics.parquet", REPEATS)


def divide(samples: Path, block: dict[str, Any], dynamics: Path | None = None) -> Path:
    output = samples.with_name(f"{block['kind']}.parquet")
    partition.run(samples=samples, dynamics=dynamics, partition=block, repeats=REPEATS, output=output, provenance=PROVENANCE)
    return output


def parts_of(path: Path, repeat: int = 0) -> list[int]:
    """The part of every training sample, in the order above."""
    found: list[int] = columns.values_of(
        columns.ByRepeat(tables.read(path, schemas.PARTITION)), "part", repeat, SAMPLE_ID[:TRAIN], str(path)
    ).tolist()
    return found


def weigh(samples: Path, plan: str, division: Path | None, repeats: Sequence[int] = REPEATS) -> tuple[np.ndarray, pa.Table, dict[str, Any]]:
    """Run prune_metadata; return the weights of repeat 0 in the order above, the table, and the file's metadata."""
    manifest, output = samples.with_name("manifest.json"), samples.with_name("plan.parquet")
    split_counts = {"train": TRAIN, "test": len(LABEL) - TRAIN}
    attributes = GROUPING.attributes
    channels = (0.5,) * 3
    one = Manifest("birds", 8, 9, (3, 8, 8), "uint8", GROUPING.classes, attributes, split_counts, channels, channels, "", "", "")
    write_manifest(manifest, one)
    prune_metadata.run(
        samples=samples,
        difficulty=None,
        partition=division,
        manifest=manifest,
        plan=plan,
        setting={"probe": None},
        repeats=repeats,
        output=output,
        provenance=PROVENANCE,
    )
    table = tables.read(output, schemas.PLAN)
    weight = columns.values_of(columns.ByRepeat(table), "weight", 0, SAMPLE_ID[:TRAIN], str(output))
    return weight, table, tables.read_metadata(output, schemas.PLAN)


def test_every_partition_says_what_it_needs() -> None:
    assert plugins.names("partitions") == ["clusters", "cross_risk", "errors", "groups", "predicted", "quarters", "suspects"]
    for name in plugins.names("partitions"):
        plugin, options = plugins.load("partitions", name), plugins.declared("partitions", name, "OPTIONS", {})
        assert plugin.NEEDS in ("samples", "dynamics", "embedding", "analysis")
        assert ("reference" in options) == (plugin.NEEDS == "dynamics")
        assert ("from" in options) == ("plan" in options) == (plugin.NEEDS == "embedding")
        assert ("analysis" in options) == hasattr(plugin, "ANALYSIS") == (plugin.NEEDS == "analysis")
    assert {name: plugins.defaults("partitions", name) for name in plugins.names("partitions")} == {
        "clusters": {
            "plan": "none",
            "of": "probabilities",
            "by_class": True,
            "k": "silhouette",
            "max_k": 5,
            "metric": "euclidean",
            "restarts": 10,
        },
        "cross_risk": {"seed": 0},
        "errors": {"seed": 0},
        "groups": {},
        "predicted": {"seed": 0},
        "quarters": {},
        "suspects": {},
    }


def test_groups_are_the_settings(samples: Path) -> None:
    path = divide(samples, GROUPS)
    assert parts_of(path) == parts_of(path, 1) == [0, 0, 2, 0, 5, 5, 3]
    metadata = tables.read_metadata(path, schemas.PARTITION)
    names = [
        "landbird on land",
        "landbird on forest",
        "landbird on water",
        "waterbird on land",
        "waterbird on forest",
        "waterbird on water",
    ]
    assert metadata["notes"] == {"partition": GROUPS, "parts": names}
    assert metadata["counts"]["1"] == dict(zip(names, [3, 0, 1, 1, 0, 2], strict=True))
    table = tables.read(path, schemas.PARTITION)
    assert len(table) == 2 * TRAIN
    contents.require_unique(table, schemas.PARTITION, str(path))


def test_a_sample_of_unknown_group_is_named(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    background = BACKGROUND.copy()
    background[[1, 3, 8]] = -1  # the last is a test sample
    with pytest.raises(
        DataError, match="The groups of 2 training samples in repeat 0 are unknown, among them that of sample 11; "
    ) as error:
        divide(write_samples(tmp_path / "unknown.parquet", background), GROUPS)
    assert_one_sentence(str(error.value))
    assert not (tmp_path / "groups.parquet").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 0, 1, 0, 0, 0, 1]),  # by default, the first seed
        ({"epoch": 1}, [0, 0, 0, 0, 1, 1, 1]),
        ({"seed": 1}, [1, 0, 0, 0, 0, 0, 0]),
        ({"seed": 1, "epoch": 1}, [1, 1, 1, 1, 0, 0, 0]),
    ],
)
def test_errors_are_what_the_reference_misclassifies(samples: Path, dynamics: Path, options: dict[str, int], expected: list[int]) -> None:
    path = divide(samples, ERRORS | options, dynamics)
    assert parts_of(path, 0) == expected
    assert parts_of(path, 1) == [1 - part for part in expected]
    metadata = tables.read_metadata(path, schemas.PARTITION)
    assert metadata["notes"]["parts"] == ["right", "wrong"]
    assert metadata["counts"]["0"] == {"right": TRAIN - sum(expected), "wrong": sum(expected)}


@pytest.mark.parametrize("options", [{}, {"epoch": 1}, {"seed": 1}, {"seed": 1, "epoch": 1}])
def test_predicted_classes_are_the_references(samples: Path, dynamics: Path, options: dict[str, int]) -> None:
    path = divide(samples, CLASSES | options, dynamics)
    expected = PREDICTED[options.get("seed", 0), options.get("epoch", 2)]
    assert parts_of(path, 0) == expected and parts_of(path, 1) == [1 - part for part in expected]
    metadata = tables.read_metadata(path, schemas.PARTITION)
    assert metadata["notes"]["parts"] == ["landbird", "waterbird"]
    assert metadata["counts"]["0"] == {"landbird": TRAIN - sum(expected), "waterbird": sum(expected)}


def test_errors_of_a_shared_reference_apply_to_every_repeat(samples: Path, tmp_path: Path) -> None:
    path = divide(samples, ERRORS, write_dynamics(tmp_path / "shared.parquet", [SHARED_REPEAT]))
    assert parts_of(path, 0) == parts_of(path, 1) == [0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("options", "missing"),
    [({"epoch": 3}, "repeat 0, epoch 3, reference seed 0"), ({"seed": 2}, "repeat 0, epoch 2, reference seed 2")],
)
@pytest.mark.parametrize("block", [ERRORS, CLASSES])
def test_predictions_that_were_not_recorded_are_refused(
    samples: Path, dynamics: Path, block: dict[str, Any], options: dict[str, int], missing: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(DataError, match=f"dynamics.parquet lacks dynamics of {missing} ") as error:
        divide(samples, block | options, dynamics)
    assert_one_sentence(str(error.value))


# By (twin, epoch): the predictions of two pairs of twins.
OF_TWINS = {
    (0, 2): [0, 0, 1, 0, 1, 1, 0],
    (1, 2): [1, 0, 0, 0, 1, 1, 0],
    (2, 2): [0, 0, 0, 0, 1, 1, 1],
    (3, 2): [0, 0, 0, 0, 1, 0, 1],
}


@pytest.mark.parametrize(("options", "expected"), [({}, [1, 0, 1, 0, 2, 2, 3]), ({"seed": 1}, [0, 0, 0, 0, 2, 3, 2])])
def test_environments_are_what_either_twin_gets_wrong_within_a_class(
    samples: Path, tmp_path: Path, options: dict[str, int], expected: list[int]
) -> None:
    path = divide(samples, ENVIRONMENTS | options, write_dynamics(tmp_path / "twins.parquet", REPEATS, OF_TWINS))
    assert parts_of(path) == expected
    metadata = tables.read_metadata(path, schemas.PARTITION)
    names = ["landbird, right", "landbird, wrong", "waterbird, right", "waterbird, wrong"]
    assert metadata["notes"]["parts"] == names
    assert metadata["counts"]["0"] == dict(zip(names, np.bincount(expected, minlength=4).tolist(), strict=True))


def test_a_class_that_lacks_an_environment_is_logged(samples: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In repeat 1, where predictions are the opposite, all landbirds are wrong and one waterbird is right."""
    with caplog.at_level(logging.WARNING, "spurprune"):
        path = divide(samples, ENVIRONMENTS | {"seed": 1}, write_dynamics(tmp_path / "twins.parquet", REPEATS, OF_TWINS))
    assert parts_of(path, 1) == [1, 1, 1, 1, 3, 3, 3]
    assert [record.getMessage() for record in caplog.records] == [
        "repeat 0: the twins get all training samples of class 'landbird' right, so the part 'landbird, wrong' is empty",
        "repeat 1: the twins get all training samples of class 'landbird' wrong, so the part 'landbird, right' is empty",
        "repeat 1: the twins get all training samples of class 'waterbird' wrong, so the part 'waterbird, right' is empty",
    ]


def test_environments_are_balanced_like_any_parts(samples: Path, tmp_path: Path) -> None:
    path = divide(samples, ENVIRONMENTS, write_dynamics(tmp_path / "twins.parquet", REPEATS, OF_TWINS))
    weight, _, _ = weigh(samples, "balance_reweight-environments", path, repeats=[0])
    np.testing.assert_allclose(weight, [7 / 8, 7 / 8, 7 / 8, 7 / 8, 7 / 8, 7 / 8, 7 / 4], rtol=1e-15)


# Plans that use a partition


def test_balancing_by_groups_writes_weights_and_how_they_become_visits(samples: Path) -> None:
    groups = divide(samples, GROUPS)
    weight, table, metadata = weigh(samples, "balance_subsample-groups", groups)
    assert [weight[part].sum() for part in ([0, 1, 3], [2], [6], [4, 5])] == [1, 1, 1, 1]
    assert metadata["notes"] == {"plan": "balance_subsample-groups", "visits": "exact"}
    expected = {"candidates": 7, "pruned": 3, "train": 7, "visits": 4, "carriers": None, "pruned_carriers": None}
    assert metadata["counts"] == {"0": expected, "1": expected}
    assert sorted(to_numpy(table.column("reason"))) == sorted(["kept", "pruned"] * 6 + ["kept"] * 2)

    weight, table, metadata = weigh(samples, "balance_reweight-groups", groups)
    np.testing.assert_allclose(weight, [7 / 12, 7 / 12, 7 / 4, 7 / 12, 7 / 8, 7 / 8, 7 / 4], rtol=1e-15)
    assert metadata["notes"]["visits"] == "drawn"
    assert metadata["counts"]["0"] == expected | {"pruned": 0, "visits": 7}
    assert set(to_numpy(table.column("reason"))) == {"reweighted"}


def test_balancing_by_class_needs_no_file(samples: Path) -> None:
    weight, _, metadata = weigh(samples, "balance_subsample-class", None)
    assert weight[:4].sum() == 3 and weight[4:].tolist() == [1, 1, 1]
    assert metadata["counts"]["0"]["pruned"] == 1
    weight, _, _ = weigh(samples, "balance_reweight-class", None)
    np.testing.assert_allclose(weight, [7 / 8] * 4 + [7 / 6] * 3, rtol=1e-15)


def test_errors_are_upweighted(samples: Path, dynamics: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spurprune"):
        weight, table, metadata = weigh(samples, "upweight-errors-50", divide(samples, ERRORS, dynamics))
    assert weight.tolist() == [1, 1, 51, 1, 1, 1, 51] and metadata["notes"]["visits"] == "exact"
    assert metadata["counts"]["0"] == {
        "candidates": 2,
        "pruned": 0,
        "train": 7,
        "visits": 107,
        "carriers": None,
        "pruned_carriers": None,
    }
    reasons = to_numpy(table.column("reason"))[:TRAIN].tolist()
    assert [reasons.count(reason) for reason in ("no candidate", "reweighted")] == [5, 2]
    assert not caplog.records
    assert weigh(samples, "upweight-errors-0.5", divide(samples, ERRORS, dynamics))[2]["notes"]["visits"] == "drawn"


def test_only_one_part_is_kept(samples: Path, dynamics: Path, assert_one_sentence: Callable[[str], None]) -> None:
    errors = divide(samples, ERRORS, dynamics)
    weight, table, metadata = weigh(samples, "only-errors-wrong", errors)
    assert weight.tolist() == [0, 0, 1, 0, 0, 0, 1] and metadata["notes"]["visits"] == "exact"
    assert metadata["counts"]["0"] == {"candidates": 7, "pruned": 5, "train": 7, "visits": 2, "carriers": None, "pruned_carriers": None}
    assert to_numpy(table.column("reason"))[:TRAIN].tolist().count("pruned") == 5
    assert weigh(samples, "only-errors-right", errors)[0].tolist() == [1, 1, 0, 1, 1, 1, 0]
    with pytest.raises(PlanError, match=r"'errors' has no part 'left'; its parts are right, wrong\.$") as error:
        weigh(samples, "only-errors-left", errors)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize(
    ("repeat", "plan", "reason"),
    [
        (0, "balance_reweight-errors", "all training samples are in part 'right' of 'errors', so there is nothing to balance"),
        (1, "balance_subsample-errors", "all training samples are in part 'wrong' of 'errors', so there is nothing to balance"),
    ],
)
def test_a_partition_with_an_empty_part_is_refused(
    samples: Path, tmp_path: Path, repeat: int, plan: str, reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    right = {(0, 2): LABEL[:TRAIN].tolist()}  # of repeat 0; repeat 1 gets all wrong
    errors = divide(samples, ERRORS, write_dynamics(tmp_path / "right.parquet", REPEATS, right))
    with pytest.raises(PlanError) as error:
        weigh(samples, plan, errors, repeats=[repeat])
    assert str(error.value).startswith(f"birds, plan '{plan}', repeat {repeat}: {reason}; ")
    assert_one_sentence(str(error.value))


def test_no_errors_and_nothing_but_errors_are_warned_of_and_trained_as_erm(
    samples: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    right = {(0, 2): LABEL[:TRAIN].tolist()}  # of repeat 0; repeat 1 gets all wrong
    errors = divide(samples, ERRORS, write_dynamics(tmp_path / "right.parquet", REPEATS, right))
    with caplog.at_level(logging.WARNING, "spurprune"):
        _, table, metadata = weigh(samples, "upweight-errors-50", errors)
    weight, repeat = (to_numpy(table.column(name)) for name in ("weight", "repeat"))
    assert weight[repeat == 0].tolist() == [1] * TRAIN and weight[repeat == 1].tolist() == [51] * TRAIN
    assert metadata["notes"]["visits"] == "exact"
    assert [metadata["counts"][one]["visits"] for one in ("0", "1")] == [TRAIN, 51 * TRAIN]
    for record, (number, words) in zip(caplog.records, ((0, "no"), (1, "every")), strict=True):
        assert record.getMessage().startswith(
            f"birds, plan 'upweight-errors-50', repeat {number}: {words} training sample is in part 'wrong' of 'errors' (of the "
            "reference's epoch T = 2), so the factor λ = 50 "
        )


def test_weights_that_no_training_can_use_are_refused(samples: Path, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(PlanError, match=r"is not a plan; .* a number above 0 and below 1,000") as error:
        weigh(samples, f"upweight-class-{'9' * 400}", None)
    assert_one_sentence(str(error.value))


def test_a_class_that_balancing_would_empty_is_named(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    label = np.array([0, 1, 1, 1, 1, 1, 1, 0, 1], dtype=np.int16)  # one landbird to train on
    samples = write_samples(tmp_path / "samples.parquet", label=label)
    one_wrong = {(0, 2): [0, 1, 1, 1, 1, 1, 0]}
    errors = divide(samples, ERRORS, write_dynamics(tmp_path / "dynamics.parquet", [SHARED_REPEAT], one_wrong))
    reason = "class 'landbird' would lose all its 1 training samples; choose another partition"
    with pytest.raises(PlanError, match=f"^birds, plan 'balance_subsample-errors', repeat [01]: {reason}") as error:
        weigh(samples, "balance_subsample-errors", errors)
    assert_one_sentence(str(error.value))
