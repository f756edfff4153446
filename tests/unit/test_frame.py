"""Metrics and histories as frames: values belong to one run, and nothing is overwritten."""

import math

import pandas as pd
import pyarrow as pa
import pytest

from spurprune.data.grouping import Grouping
from spurprune.errors import DataError
from spurprune.evaluation.frame import History, Metrics, read_metrics
from spurprune.evaluation.series import UNKNOWN, difference_of, mean_of
from spurprune.storage import schemas
from tests.reporting import grouping, history_of, metrics_of, metrics_table

GROUPS = grouping(*"0123456789")


def test_metrics_are_of_one_run_and_of_whole_splits() -> None:
    test = {("s", "erm", "none"): {"accuracy": [0.5, None]}, ("s", "cnc", "none"): {"accuracy": [0.4]}, ("s", "erm", "random-0.10"): {}}
    table = pa.concat_tables([metrics_table(test), metrics_table({("s", "none"): {"accuracy": [0.9]}}, split="validation")])
    group = table.slice(0, 1).set_column(table.column_names.index("group"), "group", pa.array(["5 with line"]))
    metrics = Metrics.of(pa.concat_tables([table, group]))
    erm = metrics.values("accuracy", setting="s", method="erm", plan="none")
    assert erm[0] == 0.5 and math.isnan(erm[1]) and erm.index.tolist() == [0, 1]
    assert metrics.values("accuracy", setting="s", method="cnc", plan="none").to_dict() == {0: 0.4}
    assert metrics.values("accuracy", setting="s", method="erm", plan="none", split="validation").to_dict() == {0: 0.9}
    for missing in ({"setting": "t"}, {"method": "jtt"}, {"plan": "random-0.50"}):
        assert metrics.values("accuracy", **{"setting": "s", "method": "erm", "plan": "none", **missing}).empty
    assert metrics.values("worst_group_accuracy", setting="s", method="erm", plan="none").empty
    assert metrics.runs == [("s", "erm", "none"), ("s", "cnc", "none")]


def test_two_values_of_one_metric_are_refused() -> None:
    runs = {("s", "none"): {"accuracy": [0.5]}}
    with pytest.raises(DataError, match="two rows of the metrics table share"):
        metrics_of(runs, runs)


def test_without_files_there_are_no_runs() -> None:
    none = read_metrics([])
    assert none.runs == [] and none.plans("s", "erm") == []
    assert none.values("accuracy", setting="s", method="erm", plan="none").empty


def test_plans_are_those_of_one_setting_and_method() -> None:
    runs = [("s", "erm", "none"), ("s", "erm", "random-0.10"), ("s", "cnc", "none"), ("t", "erm", "random-0.50")]
    metrics = metrics_of({run: {"accuracy": [0.5]} for run in runs})
    assert metrics.plans("s", "erm") == ["none", "random-0.10"] and metrics.plans("s", "cnc") == ["none"]


def test_means_and_paired_differences_of_series() -> None:
    values, reference = pd.Series({0: 0.5, 1: 0.7, 2: math.nan}), pd.Series({1: 0.4, 0: 0.4, 3: 0.9})
    assert (mean_of(values).mean, mean_of(values).n) == (pytest.approx(0.6), 2)
    difference = difference_of(values, reference)
    assert (difference.mean, difference.n) == (pytest.approx(0.2), 2)
    assert difference_of(values, None) is UNKNOWN
    assert difference_of(values, values.iloc[:0]).n == 0


RECORDS = [
    (0, 2, "test", "featured", 19, 40, 30, 10),
    (0, 1, "test", "featured", 19, 40, 20, 20),
    (1, 1, "test", "featured", 19, 50, 40, 5),
    (0, 1, "test", "featured", 11, 40, 40, 40),
    (0, 1, "test", "natural", 19, 40, 40, 0),
    (0, 1, "train", "featured", 19, 40, 40, 0),
]


def plain(shares: dict[int, "pd.Series"]) -> list[tuple[int, dict[int, float]]]:
    return [(epoch, values.to_dict()) for epoch, values in shares.items()]


def test_shares_over_epochs_are_of_one_split_and_view_and_of_some_labels() -> None:
    history = history_of(RECORDS, GROUPS)
    nines = history.shares("n_as_source", split="test", view="featured", labels=[9])
    assert plain(nines) == [(1, {0: 0.5, 1: 0.1}), (2, {0: 0.25})]
    both = history.shares("n_as_source", split="test", view="featured", labels=[5, 9])
    assert plain(both) == [(1, {0: 0.75, 1: 0.1}), (2, {0: 0.25})]
    assert history.shares("n_correct", split="validation", view="natural") == {}


def test_shares_over_epochs_by_carriers_or_group() -> None:
    history = history_of([(0, 1, "train", "natural", group, 10, right, 0) for group, right in ((10, 1), (11, 8), (19, 4))], GROUPS)

    def first(**chosen: object) -> float:
        (shares,) = history.shares("n_correct", split="train", view="natural", **chosen).values()  # type: ignore[arg-type]
        return float(shares[0])

    assert first(carrier=True) == pytest.approx(0.6) and first(carrier=False) == pytest.approx(0.1)
    assert first(group=11) == pytest.approx(0.8) and first(labels=[5]) == pytest.approx(0.45)
    assert first(labels=[5], carrier=True) == pytest.approx(0.8)


def test_unknown_carriers_and_groups_are_neither() -> None:
    classes = Grouping(("a", "b"))
    history = history_of([(0, 1, "train", "natural", 0, 10, 5, 0)], classes)
    assert history.shares("n_correct", split="train", view="natural", carrier=True) == {}
    assert history.shares("n_correct", split="train", view="natural", carrier=False) == {}
    columns = {name: pa.array([None], kind) for name, kind in schemas.HISTORY.columns.items() if name in ("group", "carrier")}
    known = {"repeat": [0], "epoch": [1], "split": ["train"], "view": ["natural"], "label": [0], "n": [1], "n_correct": [1], "loss": [0.0]}
    unknown = History.of(pa.table({**known, **columns}), classes)
    assert unknown.shares("n_correct", split="train", view="natural", group=0) == {}
    assert list(unknown.shares("n_correct", split="train", view="natural")) == [1]
