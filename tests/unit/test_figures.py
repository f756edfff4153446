"""Figures: what each computes from hand-made tables, and that all can be drawn whatever was measured."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from matplotlib.figure import Figure

from spurprune.dag import plugins
from spurprune.data.inputs import Manifest
from spurprune.data.samples import Samples
from spurprune.errors import DataError
from spurprune.evaluation.statistics import Estimate, estimate
from spurprune.figures import style, sweep, window, words
from spurprune.figures.base import Drawing, Material, MetricKey, Ranking, SettingInfo, Spec, index_metrics, repeats_note, shares_over_epochs
from spurprune.figures.kinds import difficulty_quartiles, difficulty_range, general_pruning, group_pruning, montage
from spurprune.figures.spectrum import Spectrum, spectrum
from spurprune.storage import schemas, tables
from spurprune.storage.tables import labels
from spurprune.storage.tidy import to_csv

REPEATS = 3
CLASSES = tuple("0123456789")
LINE = {"name": "line", "width": 2, "value": 255, "channel": 0}
FIVES = SettingInfo("Line on fives", "5", "9", "line", "digits-8", "featured", LINE)
MANIFEST = Manifest("digits", 8, 40, (1, 8, 8), "uint8", CLASSES, {}, {"train": 40}, (0.3,), (0.4,), "", "", "")
COURSE = [0.1, 0.2, 0.3]  # mean .2, standard deviation .1
HALF = 4.302653 * 0.1 / math.sqrt(3)  # half of its 95% interval, by Student's t with 2 degrees of freedom


def by_repeat(values: Sequence[float]) -> dict[int, float]:
    return dict(enumerate(values))


def metrics_of(runs: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]) -> dict[MetricKey, dict[int, float]]:
    return {MetricKey(*run, name): by_repeat(values) for run, metrics in runs.items() for name, values in metrics.items()}


def history(records: Sequence[tuple[int, int, str, str, int, int, int, int]]) -> pa.Table:
    """Return a table of schema HISTORY from (repeat, epoch, split, view, group, n, n_correct, n_as_source)."""
    columns: dict[str, Any] = dict(zip(schemas.HISTORY.columns, zip(*records, strict=True), strict=False))
    columns["split"] = labels(columns["split"], ("train", "validation", "test"))
    columns["view"] = labels(columns["view"], ("natural", "featured"))
    return tables.conform(pa.table({**columns, "loss": [0.0] * len(records)}), schemas.HISTORY, "hand-made")


def samples(repeat: int, attribute: Sequence[int], label: int = 5) -> Samples:
    """Return training samples of one class, with the ids 0, 1, ..."""
    n = len(attribute)
    split = np.full(n, "train")
    known, aligned = np.array(attribute), np.zeros(n, np.int8)
    return Samples(repeat, np.arange(n), split, np.full(n, label), known, aligned, label * 2 + known)


# What every figure is drawn from


def test_metrics_of_whole_test_splits_are_indexed_and_nulls_do_not_exist() -> None:
    columns = {
        "setting": ["s", "s", "s", "s"],
        "plan": ["none"] * 4,
        "metric": ["accuracy", "accuracy", "accuracy", "group_accuracy"],
        "repeat": [0, 1, 0, 0],
        "split": ["test", "test", "validation", "test"],
        "group": [None, None, None, "5, line"],
        "value": [0.5, None, 0.9, 0.7],
    }
    index = index_metrics(pa.table(columns))
    assert list(index) == [MetricKey("s", "none", "accuracy")]
    values = index[MetricKey("s", "none", "accuracy")]
    assert values[0] == 0.5 and math.isnan(values[1])


def test_shares_over_epochs_are_of_one_group_split_and_view() -> None:
    table = history(
        [
            (0, 2, "test", "featured", 19, 40, 30, 10),
            (0, 1, "test", "featured", 19, 40, 20, 20),
            (1, 1, "test", "featured", 19, 50, 40, 5),
            (0, 1, "test", "featured", 11, 40, 40, 40),
            (0, 1, "test", "natural", 19, 40, 40, 0),
            (0, 1, "train", "featured", 19, 40, 40, 0),
        ]
    )
    shares = shares_over_epochs(table, "test", "featured", 19, "n_as_source")
    assert list(shares.items()) == [(1, {0: 0.5, 1: 0.1}), (2, {0: 0.25})]


@pytest.mark.parametrize(
    ("counts", "note"),
    [
        ([5, 5], "n = 5 repeats, 95% CI"),
        ([5, 4, 0], "n = 4–5 repeats, 95% CI"),
        ([1, 1], "n = 1 repeat, no interval"),
        ([0], "nothing measured"),
    ],
)
def test_the_note_tells_the_number_of_repeats(counts: list[int], note: str) -> None:
    assert repeats_note(estimate(np.full(count, 0.5)) for count in counts) == note


@pytest.mark.parametrize(
    ("value", "share", "difference"),
    [
        (Estimate(0.34, 0.2149, 0.46, 5), "34.0% [21.5, 46.0]", "+34.0 points [+21.5, +46.0]"),
        (Estimate(-0.26, -0.381, 0.0001, 5), "−26.0% [−38.1, 0.0]", "−26.0 points [−38.1, 0.0]"),
        (Estimate(0.5, math.nan, math.nan, 1), "50.0%", "+50.0 points"),
        (Estimate(math.nan, math.nan, math.nan, 0), "not measured", "not measured"),
    ],
)
def test_numbers_in_words(value: Estimate, share: str, difference: str) -> None:
    assert (words.percent(value), words.points(value)) == (share, difference)


def test_a_difference_is_clear_where_its_interval_leaves_out_zero() -> None:
    intervals = [(0.01, 0.2), (-0.2, -0.01), (-0.01, 0.2), (math.nan, math.nan)]
    assert [words.is_clear(Estimate(0.1, low, high, 3)) for low, high in intervals] == [True, True, False, False]


@pytest.mark.parametrize(
    ("highest", "from_zero", "limits"),
    [
        (0.37, True, (0, 40)),
        (0.0, True, (0, 5)),
        (0.09, True, (0, 10)),
        (1.2, True, (0, 100)),
        (0.943, False, (94, 100)),
        (0.4, False, (40, 100)),
    ],
)
def test_the_axis_of_shares_fits_the_data(highest: float, from_zero: bool, limits: tuple[float, float]) -> None:
    axes = Figure().subplots()
    style.fit_percent(axes, [Estimate(highest, math.nan, math.nan, 1)], from_zero)
    room = 0.04 * (limits[1] - limits[0])
    assert axes.get_ylim() == pytest.approx((limits[0] - room, limits[1] + room))


def test_ticks_are_labelled_where_there_is_room() -> None:
    axes = Figure().subplots()
    style.value_ticks(axes, [0, 1, 2, 50, 95, 100])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "", "", "50", "95", ""]


# Sweeps


def sweep_metrics() -> dict[MetricKey, dict[int, float]]:
    return metrics_of(
        {
            ("fives", "carriers-el2n-hardest-0.50"): {"spurious_misclassification": [0.3, 0.3, 0.3], "accuracy": [0.9, 0.9, 0.9]},
            ("fives", "none"): {"spurious_misclassification": [0.6, 0.5, 0.7], "accuracy": [1.0, 0.9, 0.95]},
            ("fives", "carriers-el2n-hardest-0.10"): {"spurious_misclassification": [0.5, 0.3, 0.4], "accuracy": [1.0, 0.9, 0.95]},
            ("fives", "random-0.10"): {"spurious_misclassification": [0.5, 0.6, 0.7], "accuracy": [1.0, 0.9, math.nan]},
        }
    )


def test_a_sweep_holds_means_and_paired_differences_to_no_pruning() -> None:
    rows = sweep.numbers(sweep_metrics(), ["fives"], ["spurious_misclassification"])
    assert [(row.order, row.sparsity) for row in rows] == [("", 0), ("hardest", 0.1), ("hardest", 0.5), ("random", 0.1)]
    hardest = rows[1]
    assert (hardest.value.mean, hardest.value.n) == (pytest.approx(0.4), 3)
    assert hardest.difference.mean == pytest.approx(-0.2)  # -.1, -.2, -.3
    assert (hardest.difference.low, hardest.difference.high) == (pytest.approx(-0.2 - HALF), pytest.approx(-0.2 + HALF))


def test_candidates_pruned_at_random_are_a_line_of_their_own() -> None:
    metrics = sweep_metrics() | metrics_of({("fives", "carriers-random-hardest-0.50"): {"spurious_misclassification": [0.5, 0.5, 0.6]}})
    rows = sweep.numbers(metrics, ["fives"], ["spurious_misclassification"])
    assert [(row.order, row.sparsity) for row in rows[3:]] == [("random", 0.1), ("random", 0.5)]
    assert rows[4].plan == "carriers-random-hardest-0.50"


def test_every_line_of_a_sweep_begins_without_pruning() -> None:
    rows = sweep.numbers(sweep_metrics(), ["fives"], ["spurious_misclassification", "accuracy"])
    lines = sweep.lines_of(rows, "fives", "accuracy")
    assert {order: [point.sparsity for point in line] for order, line in lines.items()} == {"hardest": [0, 0.1, 0.5], "random": [0, 0.1]}
    assert lines["random"][1].value.n == 2


def test_findings_of_a_sweep_name_the_least_sparsity_of_a_clear_change() -> None:
    rows = sweep.numbers(sweep_metrics(), ["fives"], ["spurious_misclassification", "accuracy"])
    start, hardest, random = sweep.findings(rows, {"fives": FIVES}, "carriers", general_pruning.PANELS)
    assert (
        "without pruning, 60.0% [35.2, 84.8] of the test samples of class 9 with the line are taken for class 5; accuracy is 95.0% ["
        in start
    )
    assert hardest == (
        "Pruning the hardest carriers changes the misclassification clearly first at 50%; at 50% it is 30.0% "
        "(paired difference −30.0 points [−54.8, −5.2]), accuracy 90.0% (−5.0 points [−17.4, +7.4])."
    )
    assert random.startswith("Pruning random carriers changes the misclassification clearly at no sparsity; at 10% it is 60.0%")


def test_published_values_are_lines_in_the_panel_of_their_metric_and_stand_in_the_legend() -> None:
    source = "Mulchandani and Kim 2025, Table 1"
    jtt = {"name": "JTT", "metric": "worst_group_accuracy", "value": 0.867, "source": source}
    spec = Spec("", {"kind": "group_pruning", "published": [jtt]}, {"fives": FIVES})
    names = [panel.metric for panel in group_pruning.PANELS]
    metrics = metrics_of({("fives", plan): dict.fromkeys(names, COURSE) for plan in ("none", "per_group-el2n-hardest-0.50")})
    drawing = group_pruning.make(Material(metrics=metrics), spec)
    figure = drawing.figure
    levels = [[line for line in axes.lines if list(line.get_ydata()) == [86.7, 86.7]] for axes in figure.axes]
    assert [len(lines) for lines in levels] == [1, 0, 0]
    assert figure.axes[0].get_ylim()[1] > 86.7, "a level above all that was measured must be seen"
    assert "JTT, published" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert drawing.findings[-1] == f"Published worst-group accuracy of other methods, not measured here ({source}): JTT 86.7%."
    *measured, last = csv.DictReader(to_csv(drawing.numbers).splitlines())
    assert len(measured) == 6 and {row["published"] for row in measured} == {""}
    assert (last["published"], last["value"], last["value_repeats"]) == (f"JTT ({source})", "0.867", "0")
    assert last["setting"] == last["plan"] == last["sparsity"] == ""


def test_without_published_values_a_figures_numbers_do_not_speak_of_them() -> None:
    assert "published" not in to_csv(make("group_pruning", REPEATS).numbers).splitlines()[0]


# Families


def family(*members: tuple[str, Mapping[str, int]]) -> dict[str, SettingInfo]:
    return {name: SettingInfo("Windows", "5", "9", "line", "digits-8", "featured", LINE, coordinates) for name, coordinates in members}


def window_spec() -> Spec:
    members = [(f"w{width}s{start}", {"carriers.start": start, "feature.width": width}) for width in (1, 2) for start in (80, 0, 40)]
    return Spec("", {"kind": "difficulty_range"}, family(*members), tuple(name for name, _ in members))


def test_strengths_are_the_grids_other_coordinates_in_words() -> None:
    lines = window.strengths(window_spec())
    assert lines == {
        "line width 1": [(0, "w1s0"), (40, "w1s40"), (80, "w1s80")],
        "line width 2": [(0, "w2s0"), (40, "w2s40"), (80, "w2s80")],
    }
    alone = family(("s0", {"carriers.start": 0}), ("s9", {"carriers.start": 9}))
    assert window.strengths(Spec("", {}, alone, tuple(alone))) == {"Windows": [(0, "s0"), (9, "s9")]}


@pytest.mark.parametrize(
    ("names", "shared", "rest"),
    [
        (["line width 1", "line width 2"], "line width", ["1", "2"]),
        (["line width 1"], "", ["line width 1"]),
        (["a b", "c b"], "", ["a b", "c b"]),
        (["same", "same"], "", ["same", "same"]),
    ],
)
def test_common_words(names: list[str], shared: str, rest: list[str]) -> None:
    assert window.common_words(names) == (shared, rest)


def test_windows_differ_from_the_easiest_of_their_strength() -> None:
    starts = {0: [0.0, 0.1, 0.2], 40: [0.1, 0.2, 0.3], 80: [0.4, 0.6, 0.8]}
    metrics = metrics_of({(f"w{w}s{s}", "none"): {"spurious_misclassification": starts[s]} for w in (1, 2) for s in starts})
    rows = window.final_rows(Material(metrics=metrics), window_spec())
    assert [(row.strength, row.start, row.epoch) for row in rows[:3]] == [("line width 1", start, None) for start in starts]
    assert rows[2].misclassification.mean == pytest.approx(0.6)
    assert rows[2].difference.mean == pytest.approx(0.5)  # .4, .5, .6
    assert rows[2].difference.high == pytest.approx(0.5 + HALF)
    assert difficulty_range.late_share(rows[:3]) == pytest.approx(0.8)  # .1 at 0, .2 half-way, .6 at 80: .4 of .5


@pytest.mark.parametrize(
    ("means", "share"),
    [([0.0, 0.5, 1.0], 0.5), ([0.0, 0.0, 1.0], 1.0), ([0.4, 0.2, 0.6], 2.0), ([0.5, 0.5, 0.5], math.nan), ([0.9, 0.5, 0.1], math.nan)],
)
def test_the_share_of_the_rise_in_the_harder_half(means: list[float], share: float) -> None:
    none = Estimate(math.nan, math.nan, math.nan, 0)
    line = [window.WindowRow("", "", start, None, Estimate(mean, 0, 0, 2), none) for start, mean in zip((0, 50, 100), means, strict=True)]
    assert difficulty_range.late_share(line) == pytest.approx(share, nan_ok=True)


@pytest.mark.parametrize(("high", "told"), [(0.3, True), (0.6, False)])
def test_the_shape_of_a_rise_is_told_only_where_the_rise_is_clear(high: float, told: bool) -> None:
    starts = {0: [0.1, 0.1, high], 80: [0.3, 0.35, 0.5]}  # differences of .2, .25 and .2 or -.1
    metrics = metrics_of({(f"s{start}", "none"): {"spurious_misclassification": values} for start, values in starts.items()})
    members = family(*((f"s{start}", {"carriers.start": start, "feature.width": 1}) for start in starts))
    rows = window.final_rows(Material(metrics=metrics), Spec("", {}, members, tuple(members)))
    (sentence,) = difficulty_range.findings(rows)
    assert ("of the rise lies in the harder half" in sentence) == told


# Difficulty


def test_the_spectrum_orders_the_source_classs_training_samples() -> None:
    one = samples(0, [0, 1, 0, 1])
    one.split[3] = "test"
    one.label[2] = 6
    ranking = Ranking(np.array([1, 0, 2]), np.array([0, 1, 0]), np.array([0.1, 0.2, 0.05]))
    found = spectrum(one, ranking, source=5)
    assert (found.sample_id.tolist(), found.is_carrier.tolist(), found.score.tolist()) == ([1, 0], [True, False], [0.1, 0.2])


@pytest.mark.parametrize(
    ("carriers", "size", "shares"),
    [
        ([0, 1, 2, 4], 8, [0.5, 0.25, 0.25, 0]),
        ([0, 1, 2, 3, 4, 5, 6], 7, [2 / 7, 2 / 7, 2 / 7, 1 / 7]),  # ⌊4r/7⌋: 0 0 1 1 2 2 3
        ([], 8, [math.nan] * 4),
    ],
)
def test_quartile_shares(carriers: list[int], size: int, shares: list[float]) -> None:
    one = Spectrum(np.arange(size), np.isin(np.arange(size), carriers), np.zeros(size))
    assert difficulty_quartiles.quartile_shares(one) == pytest.approx(shares, nan_ok=True)


@pytest.mark.parametrize(("available", "wanted", "positions"), [(9, 3, [0, 4, 8]), (2, 5, [0, 1]), (0, 4, []), (7, 1, [0])])
def test_evenly_spaced_positions_include_both_ends(available: int, wanted: int, positions: list[int]) -> None:
    assert montage.evenly_spaced(available, wanted).tolist() == positions


def test_a_montage_spans_each_rows_difficulty() -> None:
    one = Spectrum(np.arange(10, 17), np.array([0, 1, 0, 1, 1, 0, 0], dtype=bool), np.linspace(0, 0.6, 7))
    rows = montage.choose(one, columns=2)
    assert [(row.row, row.column, row.sample_id, row.rank_in_class) for row in rows] == [
        ("carriers", 0, 11, 1),
        ("carriers", 1, 14, 4),
        ("others", 0, 10, 0),
        ("others", 1, 16, 6),
    ]


def test_a_montage_draws_the_feature_on_carriers_only_and_leaves_the_inputs_alone() -> None:
    inputs = np.full((2, 1, 8, 8), 7, np.uint8)
    inputs.flags.writeable = False
    rows = [montage.ImageRow("carriers", 0, 0, 0, 2, 0.0), montage.ImageRow("others", 0, 1, 1, 2, 0.0)]
    carrier, other = montage.pictures(inputs, rows, FIVES)
    assert (carrier == np.where(np.isin(np.arange(8), (3, 4)), 255, 7)).all() and (other == 7).all()


def test_a_montage_of_other_inputs_than_images_is_refused(assert_one_sentence: Any) -> None:
    spec = Spec("", {"setting": "fives", "repeat": 0, "columns": 2}, {"fives": FIVES})
    text = Manifest("digits", 8, 40, (128,), "int32", CLASSES, {}, {}, (), (), "", "", "")
    with pytest.raises(DataError, match=r"of 'fives' has the shape \(128,\)") as error:
        montage.make(Material(manifests={"digits-8": text}), spec)
    assert_one_sentence(str(error.value))


# All kinds


def material_and_spec(kind: str, repeats: int, measured: bool = True) -> tuple[Material, Spec]:
    """Return what a figure of a kind is drawn from, with every number there or, if not ``measured``, none where it may be missing."""
    starts, counts = (0, 40, 80), (0, 10)
    windows = family(*((f"w{w}s{s}", {"carriers.start": s, "feature.width": w}) for w in (1, 2) for s in starts))
    by_count = family(*((f"n{n}", {"carriers.count": n}) for n in counts))
    families = {"carrier_count": by_count, "carrier_difficulty": windows, "difficulty_range": windows}
    members = families.get(kind, {})
    strategy = {"carrier_pruning": "carriers", "general_pruning": "per_class", "group_pruning": "per_group"}.get(kind, "")
    swept = [f"{strategy}-el2n-{order}-{s}" for order in ("hardest", "easiest") for s in ("0.10", "0.50")] if strategy else []
    names = ("accuracy", "accuracy_weighted", "worst_group_accuracy", "spurious_misclassification", "spurious_accuracy")
    value = {repeat: 0.3 + 0.1 * repeat if measured else math.nan for repeat in range(repeats)}
    options = {"kind": kind, "learned": ["fives"], "setting": "fives", "repeat": 0, "columns": 4}
    metrics = {MetricKey(name, plan, metric): value for name in ("fives", *members) for plan in ("none", *swept) for metric in names}
    groups = (("train", "natural", 10), ("train", "natural", 11), ("test", "featured", 19))
    table = history(
        [(r, epoch, split, view, group, 8, 4 + r, r) for r in range(repeats) for epoch in (1, 2, 9) for split, view, group in groups]
    )
    ranking = Ranking(np.arange(40), np.arange(40), np.linspace(0, 1, 40))
    material = Material(
        metrics=metrics,
        history=dict.fromkeys(("fives", *members), table if measured else table.slice(0, 0)),
        samples={"fives": {r: samples(r, np.arange(40) % 4 == 0 if measured else np.zeros(40)) for r in range(repeats)}},
        rankings={"fives": dict.fromkeys(range(repeats), ranking)},
        manifests={"digits-8": MANIFEST},
        images={"digits-8": np.zeros((40, 1, 8, 8), np.uint8)},
    )
    return material, Spec("A study, a figure", options, {**members, "fives": FIVES}, tuple(members))


def make(kind: str, repeats: int, measured: bool = True) -> Drawing:
    drawing: Drawing = plugins.load("figures", kind).make(*material_and_spec(kind, repeats, measured))
    return drawing


KINDS = plugins.names("figures")


def test_every_kind_that_the_configuration_knows_has_a_figure(root: Path) -> None:
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    assert sorted(schema["$defs"]["figure"]["properties"]["kind"]["enum"]) == KINDS


@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("repeats", [1, REPEATS])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_whatever_was_measured(kind: str, repeats: int, measured: bool) -> None:
    with style.house_style():
        drawing = make(kind, repeats, measured)
        drawing.figure.draw_without_rendering()
    assert all(sentence.endswith(".") for sentence in drawing.findings)
    assert bool(drawing.numbers) == (measured or kind != "group_learning")  # which has nothing but epochs
    lines = [line for axes in drawing.figure.axes for line in axes.lines if np.isfinite(np.asarray(line.get_ydata(), float)).any()]
    assert bool(lines) == (kind == "difficulty_quartiles" or (measured and kind != "montage"))


def test_axes_name_what_they_show_with_units() -> None:
    for kind in KINDS:
        for axes in make(kind, REPEATS).figure.axes:
            shown = [label for label in (axes.get_xlabel(), axes.get_ylabel()) if "%" in label]
            assert kind == "montage" or shown or axes.get_xlabel() == "Epoch (log scale)"


def test_the_number_of_repeats_stands_on_every_figure_over_repeats() -> None:
    for kind in KINDS:
        titles = [legend.get_title().get_text() for legend in make(kind, REPEATS).figure.legends]
        assert any(title.startswith("n = 3 repeats, 95% CI") for title in titles) == (kind != "montage")


def test_a_figure_says_where_intervals_go_on_beyond_its_axes() -> None:
    inside = [Estimate(0.5, 0.0, 1.0, 3), Estimate(0.2, math.nan, math.nan, 3)]
    assert repeats_note(inside) == "n = 3 repeats, 95% CI"
    assert repeats_note([*inside, Estimate(0.05, -0.01, 0.11, 3)]) == "n = 3 repeats, 95% CI, cut at 0 and 100%"


def test_looks_differ_in_marker_and_dashes_too() -> None:
    for looks in (style.ORDERS.values(), style.STRENGTHS, (style.CARRIERS, style.OTHERS), (style.CORRECT, style.TAKEN)):
        assert len({look.marker for look in looks}) == len({look.dashes for look in looks}) == len(looks)
