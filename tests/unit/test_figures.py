"""Figures: what each computes from hand-made tables, and that all can be drawn whatever was measured."""

import csv
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from spurprune.dag import plugins
from spurprune.data.analysis import Found
from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.inputs import Manifest
from spurprune.errors import DataError
from spurprune.evaluation.comparison import Entrant
from spurprune.evaluation.frame import Metrics
from spurprune.evaluation.series import UNKNOWN
from spurprune.evaluation.statistics import Estimate, estimate
from spurprune.figures import rare, style, sweep, window, words
from spurprune.figures.base import (
    MISCLASSIFICATION,
    MISCLASSIFIED_LABEL,
    WORST,
    Drawing,
    Material,
    Ranking,
    SettingInfo,
    Spec,
    repeats_note,
)
from spurprune.figures.kinds import (
    carrier_count,
    difficulty_quartiles,
    difficulty_range,
    general_pruning,
    group_learning,
    group_pruning,
    methods_compared,
    montage,
    rare_pruning,
)
from spurprune.figures.spectrum import Spectrum, spectrum
from spurprune.figures.words import reason
from spurprune.storage.tidy import to_csv
from spurprune.transplants.measured import pixels
from tests.reporting import (
    Values,
    grouping,
    history_of,
    metrics_of,
    metrics_table,
    patterned,
    placed_samples,
    survivals_of,
    training_samples,
    write_embedding,
)

REPEATS = 3
CLASSES = tuple("0123456789")
GROUPS = grouping(*CLASSES)
LINE = {"name": "line", "attribute": "line", "width": 2, "value": 255, "channel": 0}
FIVES = SettingInfo("Line on fives", "digits-8", "5", "9", "with line", LINE, "featured")
PLACE = Attribute.of("place", ("land", "water"))
MANIFEST = Manifest("digits", 8, 40, (1, 8, 8), "uint8", CLASSES, (PLACE,), {"train": 40}, (0.3,), (0.4,), "", "", "")
COURSE = [0.1, 0.2, 0.3]  # mean .2, standard deviation .1
HALF = 4.302653 * 0.1 / math.sqrt(3)  # half of its 95% interval, by Student's t with 2 degrees of freedom


# What every figure says


@pytest.mark.parametrize(
    ("counts", "note"),
    [
        ([5, 5], "n = 5 repeats, 95% CI"),
        ([5, 4], "n = 4–5 repeats, 95% CI"),
        ([5, 4, 0], "n = 4–5 repeats, 95% CI; missing values are left out"),
        ([1, 1], "n = 1 repeat, no interval"),
        ([1, 0], "n = 1 repeat, no interval; missing values are left out"),
        ([0], "nothing measured"),
    ],
)
def test_the_note_gives_the_number_of_repeats(counts: list[int], note: str) -> None:
    assert repeats_note(estimate(np.full(count, 0.5)) for count in counts) == note


@pytest.mark.parametrize(
    ("value", "share", "difference"),
    [
        (Estimate(0.34, 0.2149, 0.46, 5), "34.0% [21.5, 46.0]", "+34.0 points [+21.5, +46.0]"),
        (Estimate(0.02, -0.01, 0.05, 5), "2.0% [0.4, 8.6]", "+2.0 points [−1.0, +5.0]"),
        (Estimate(0.97, 0.9, 1.04, 5), "97.0% [74.5, 99.7]", "+97.0 points [+90.0, +104.0]"),
        (Estimate(0.26, 0.0, 1.0, 5), "26.0% [0.0, 100.0]", "+26.0 points [0.0, +100.0]"),
        (Estimate(0.5, math.nan, math.nan, 1), "50.0%", "+50.0 points"),
        (Estimate(math.nan, math.nan, math.nan, 0), "undefined", "undefined"),
    ],
)
def test_numbers_in_words(value: Estimate, share: str, difference: str) -> None:
    assert (words.percent(value), words.points(value)) == (share, difference)


@dataclass(frozen=True)
class Numbers:
    """A row of a figure's numbers."""

    share: Estimate
    difference_to_easiest: Estimate = UNKNOWN


def test_remarks_say_what_is_on_the_logit_scale_and_what_is_of_fewer_repeats() -> None:
    whole, wide = Estimate(0.5, 0.4, 0.6, 3), Estimate(0.97, 0.9, 1.04, 3)
    scale = "Intervals of shares that would leave 0 to 100% are on the logit scale; the CSV file has Student's t."
    assert words.remarks([Numbers(whole, Estimate(-0.2, -0.4, 0.1, 3)), Numbers(UNKNOWN)]) == []
    assert words.remarks([Numbers(whole), Numbers(wide), Numbers(wide)]) == [scale]
    fewer = words.remarks([Numbers(whole), Numbers(Estimate(0.5, math.nan, math.nan, 1)), Numbers(Estimate(0.5, 0.4, 0.6, 2))])
    assert fewer == ["Some values are of 1 or 2 instead of 3 repeats, since they are missing in the others; the CSV file says which."]
    assert words.remarks([]) == []


def test_a_missing_value_is_a_gap_in_a_line() -> None:
    shares = [Estimate(0.5, 0.4, 0.6, 3), UNKNOWN, Estimate(0.7, math.nan, math.nan, 1)]
    for draw in (style.line, style.barred_line):
        axes = style.new_figure(3, 2).subplots()
        draw(axes, [1, 2, 3], shares, style.HARDEST)
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), [50, np.nan, 70])


def test_an_empty_panel_of_a_sweep_says_so() -> None:
    values: Values = {"spurious_misclassification": [0.5, 0.4], "accuracy": [None, None]}
    runs = {("fives", "erm", plan): values for plan in ("none", "random-0.10")}
    drawing = general_pruning.make(Material(metrics=metrics_of(runs)), SPEC)
    texts = [[text.get_text() for text in axes.texts] for axes in drawing.figure.axes]
    assert texts == [[], ["nothing measured"]]


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


SWEPT = {
    ("fives", "carriers-el2n-hardest-0.50"): {"spurious_misclassification": [0.3, 0.3, 0.3], "accuracy": [0.9, 0.9, 0.9]},
    ("fives", "none"): {"spurious_misclassification": [0.6, 0.5, 0.7], "accuracy": [1.0, 0.9, 0.95]},
    ("fives", "carriers-el2n-hardest-0.10"): {"spurious_misclassification": [0.5, 0.3, 0.4], "accuracy": [1.0, 0.9, 0.95]},
    ("fives", "random-0.10"): {"spurious_misclassification": [0.5, 0.6, 0.7], "accuracy": [1.0, 0.9, math.nan]},
}
SPEC = Spec("", {}, {"fives": FIVES})


def test_a_sweep_holds_means_and_paired_differences_to_no_pruning() -> None:
    rows = sweep.numbers(metrics_of(SWEPT), SPEC, ["spurious_misclassification"])
    assert [(row.order, row.sparsity) for row in rows] == [("", 0), ("hardest", 0.1), ("hardest", 0.5), ("random", 0.1)]
    hardest = rows[1]
    assert (hardest.value.mean, hardest.value.n) == (pytest.approx(0.4), 3)
    assert hardest.difference.mean == pytest.approx(-0.2)  # -.1, -.2, -.3
    assert (hardest.difference.low, hardest.difference.high) == (pytest.approx(-0.2 - HALF), pytest.approx(-0.2 + HALF))


def test_candidates_pruned_at_random_are_a_separate_line() -> None:
    metrics = metrics_of(SWEPT, {("fives", "carriers-random-hardest-0.50"): {"spurious_misclassification": [0.5, 0.5, 0.6]}})
    rows = sweep.numbers(metrics, SPEC, ["spurious_misclassification"])
    assert [(row.order, row.sparsity) for row in rows[3:]] == [("random", 0.1), ("random", 0.5)]
    assert rows[4].plan == "carriers-random-hardest-0.50"


def test_every_line_of_a_sweep_begins_without_pruning() -> None:
    rows = sweep.numbers(metrics_of(SWEPT), SPEC, ["spurious_misclassification", "accuracy"])
    lines = sweep.lines_of(rows, "fives", "erm", "accuracy")
    assert {order: [point.sparsity for point in line] for order, line in lines.items()} == {"hardest": [0, 0.1, 0.5], "random": [0, 0.1]}
    assert lines["random"][1].value.n == 2


def test_findings_of_a_sweep_name_the_least_sparsity_of_a_clear_change() -> None:
    rows = sweep.numbers(metrics_of(SWEPT), SPEC, ["spurious_misclassification", "accuracy"])
    compared, start, hardest, random = sweep.findings(rows, SPEC, "carriers", general_pruning.PANELS, metrics_of(SWEPT))
    assert compared == (  # by repeat −10, −20, −30 points against none, 0, −30, −30 against random
        "Line on fives: without the hardest 10% of the carriers, misclassification is 40.0% [15.2, 64.8]: −20.0 points [−44.8, +4.8] "
        "against no pruning, −20.0 points [−63.0, +23.0] against pruning at random."
    )
    assert (
        "without pruning, 60.0% [35.2, 84.8] of the test samples of class 9 with the line are misclassified as class 5; accuracy is 95.0% ["
        in start
    )
    assert hardest == (
        "When the hardest carriers are pruned, misclassification first changes clearly at 50%; at 50%, it is 30.0% "
        "(paired difference −30.0 points [−54.8, −5.2]) and accuracy is 90.0% (−5.0 points [−17.4, +7.4])."
    )
    assert random.startswith(
        "When random carriers are pruned, misclassification does not change clearly at any sparsity; at 10%, it is 60.0%"
    )


def test_one_repeat_cannot_show_a_clear_change() -> None:
    alone = {("fives", "erm", plan): {"spurious_misclassification": [0.5], "accuracy": [0.9]} for plan in ("none", "random-0.10")}
    missing = {("fives", "erm", plan): {"spurious_misclassification": [None], "accuracy": [0.9]} for plan in ("none", "random-0.10")}
    without_targets = "is undefined, since no test sample of class 9 is known to have the feature; at 10%, accuracy is 90.0% (0.0 points)."
    for runs, change in (
        (alone, "cannot be judged, which takes two repeats; at 10%, it is 50.0% (paired difference 0.0 points) and accuracy is 90.0%"),
        (missing, without_targets),
    ):
        metrics = metrics_of(runs)
        rows = sweep.numbers(metrics, SPEC, ["spurious_misclassification", "accuracy"])
        _, found = sweep.findings(rows, SPEC, "carriers", general_pruning.PANELS, metrics)
        assert found.startswith(f"When random carriers are pruned, misclassification {change}")


def own_photos(worst: Sequence[float | None], untested: Sequence[str]) -> Material:
    """Runs of two repeats in a setting without a probe, in which the named groups have training samples but no test samples."""
    values = {"worst_group_accuracy": worst, "accuracy": [0.8, 0.9]}
    table = metrics_table({("own", "erm", plan): values for plan in ("none", "random-0.10")})
    lacking = {"metric": "group_accuracy", "n": 0, "value": None}
    rows = [{**table.slice(0, 1).to_pylist()[0], **lacking, "group": group} for group in untested]
    return Material(metrics=Metrics.of(pa.concat_tables([table, pa.Table.from_pylist(rows, table.schema)])))


@pytest.mark.parametrize(
    ("worst", "untested", "unpruned", "pruned"),
    [
        (
            [None, None],
            ["cat, place b"],
            "worst-group accuracy is undefined (no test sample is of 'cat, place b', which training has) and accuracy is 85.0% [",
            "is undefined, since no test sample is of 'cat, place b', which training has; at 10%, accuracy is 85.0% [",
        ),
        ([None, None], [], "worst-group accuracy is undefined and accuracy", "is undefined; at 10%, accuracy is 85.0% ["),
        (
            [None, 0.5],
            ["cat, place b"],
            "worst-group accuracy is 50.0% and accuracy",
            "cannot be judged: it is undefined with or without pruning in all but 1 of 2 repeats, since no test sample is of "
            "'cat, place b', which training has; at 10%, it is 50.0% (paired difference 0.0 points) and accuracy is",
        ),
    ],
)
def test_findings_say_why_a_metric_is_undefined(worst: list[float | None], untested: list[str], unpruned: str, pruned: str) -> None:
    spec = Spec("", {"kind": "general_pruning"}, {"own": SettingInfo("Own photos", "own-32")})
    start, change = general_pruning.make(own_photos(worst, untested), spec).findings
    assert start.startswith(f"Own photos: without pruning, {unpruned}")
    assert change.startswith(f"When random samples of every class are pruned, worst-group accuracy {pruned}")
    assert "two repeats" not in change


def test_findings_say_that_no_sample_is_of_known_group() -> None:
    metrics = Metrics(own_photos([None, None], []).metrics.frame, {("own", "test"): (40, 40)})
    why = reason(metrics, "worst_group_accuracy", "own", SettingInfo("Own photos", "own-32"))
    assert why == "no test sample is known to belong to a group"
    assert reason(metrics, "accuracy", "own", SettingInfo("Own photos", "own-32")) is None


@pytest.mark.parametrize("kind", ["carrier_count", "carrier_difficulty", "carrier_pruning", "difficulty_quartiles", "difficulty_range"])
def test_findings_say_that_no_tested_sample_shows_the_feature(kind: str) -> None:
    drawing = make(kind, repeats=2, measured=False)
    assert any("no test sample of class 9 is known to have the feature" in sentence for sentence in drawing.findings)
    assert not any("not measured" in sentence or "takes two repeats" in sentence for sentence in drawing.findings)


def test_published_values_are_lines_in_the_panel_of_their_metric_and_in_the_legend() -> None:
    source = "Mulchandani and Kim 2025, Table 1"
    jtt = {"name": "JTT", "metric": "worst_group_accuracy", "value": 0.867, "source": source}
    spec = Spec("", {"kind": "group_pruning", "published": [jtt]}, {"fives": FIVES})
    names = [panel.metric for panel in group_pruning.PANELS]
    metrics = metrics_of({("fives", plan): dict.fromkeys(names, COURSE) for plan in ("none", "per_group-el2n-hardest-0.50")})
    drawing = group_pruning.make(Material(metrics=metrics), spec)
    figure = drawing.figure
    levels = [[line for line in axes.lines if list(line.get_ydata()) == [86.7, 86.7]] for axes in figure.axes]
    assert [len(lines) for lines in levels] == [1, 0, 0]
    assert figure.axes[0].get_ylim()[1] > 86.7, "a level above everything measured must be visible"
    assert "JTT, published" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert drawing.findings[-1] == f"Published worst-group accuracy of other methods, not measured here ({source}): JTT 86.7%."
    *measured, last = csv.DictReader(to_csv(drawing.numbers).splitlines())
    assert len(measured) == 6 and {row["published"] for row in measured} == {""}
    assert (last["published"], last["value"], last["value_repeats"]) == (f"JTT ({source})", "0.867", "0")
    assert last["setting"] == last["plan"] == last["sparsity"] == ""


def test_without_published_values_the_numbers_have_no_column_for_them() -> None:
    assert "published" not in to_csv(make("group_pruning", REPEATS).numbers).splitlines()[0]


# Families


def family(*members: tuple[str, Mapping[str, int]]) -> dict[str, SettingInfo]:
    return {name: replace(FIVES, description="Windows", coordinates=coordinates) for name, coordinates in members}


def window_spec() -> Spec:
    members = [(f"w{width}s{start}", {"carriers.start": start, "overlay.width": width}) for width in (1, 2) for start in (80, 0, 40)]
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
    rows = window.final_rows(Material(metrics=metrics), window_spec(), "erm")
    assert [(row.strength, row.start, row.epoch) for row in rows[:3]] == [("line width 1", start, None) for start in starts]
    assert rows[2].misclassification.mean == pytest.approx(0.6)
    assert rows[2].difference.mean == pytest.approx(0.5)  # .4, .5, .6
    assert rows[2].difference.high == pytest.approx(0.5 + HALF)
    assert difficulty_range.late_share(rows[:3]) == pytest.approx(0.8)  # .1 at 0, .2 half-way, .6 at 80: .4 of .5
    missing = replace(rows[1], misclassification=UNKNOWN)
    assert difficulty_range.late_share([rows[0], missing, rows[2]]) == pytest.approx(0.5)  # .35 half-way between the measured ones


@pytest.mark.parametrize(
    ("means", "share"),
    [([0.0, 0.5, 1.0], 0.5), ([0.0, 0.0, 1.0], 1.0), ([0.4, 0.2, 0.6], 2.0), ([0.5, 0.5, 0.5], math.nan), ([0.9, 0.5, 0.1], math.nan)],
)
def test_the_share_of_the_rise_in_the_harder_half(means: list[float], share: float) -> None:
    none = Estimate(math.nan, math.nan, math.nan, 0)
    line = [
        window.WindowRow("", "", "erm", start, None, Estimate(mean, 0, 0, 2), none) for start, mean in zip((0, 50, 100), means, strict=True)
    ]
    assert difficulty_range.late_share(line) == pytest.approx(share, nan_ok=True)


@pytest.mark.parametrize(("high", "described"), [(0.3, True), (0.6, False)])
def test_the_shape_of_a_rise_is_described_only_if_the_rise_is_clear(high: float, described: bool) -> None:
    starts = {0: [0.1, 0.1, high], 80: [0.3, 0.35, 0.5]}  # differences of .2, .25 and .2 or -.1
    metrics = metrics_of({(f"s{start}", "none"): {"spurious_misclassification": values} for start, values in starts.items()})
    members = family(*((f"s{start}", {"carriers.start": start, "overlay.width": 1}) for start in starts))
    rows = window.final_rows(Material(metrics=metrics), Spec("", {}, members, tuple(members)), "erm")
    (sentence,) = difficulty_range.findings(rows, window_spec())
    assert ("of the rise is in the harder half" in sentence) == described


# Difficulty


def test_the_spectrum_orders_the_source_classs_training_samples() -> None:
    one = training_samples([0, 1, 0, 1], 5)
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


def test_a_montage_draws_the_feature_on_carriers_only_and_leaves_the_inputs_unchanged() -> None:
    inputs = np.full((2, 1, 8, 8), 7, np.uint8)
    inputs.flags.writeable = False
    rows = [montage.ImageRow("carriers", 0, 0, 0, 2, 0.0), montage.ImageRow("others", 0, 1, 1, 2, 0.0)]
    carrier, other = montage.pictures(inputs, rows, FIVES)
    assert (carrier == np.where(np.isin(np.arange(8), (3, 4)), 255, 7)).all() and (other == 7).all()


def test_a_montage_of_inputs_other_than_images_is_refused(assert_one_sentence: Any) -> None:
    spec = Spec("", {"setting": "fives", "repeat": 0, "columns": 2}, {"fives": FIVES})
    text = Manifest("digits", 8, 40, (128,), "int32", CLASSES, (), {}, (), (), "", "", "")
    with pytest.raises(DataError, match=r"of 'fives' has the shape \(128,\)") as error:
        montage.make(Material(manifests={"digits-8": text}), spec)
    assert_one_sentence(str(error.value))


# All kinds


FILES: dict[str, Path] = {}  # of networks' outputs, which material_and_spec points to


@pytest.fixture(scope="module", autouse=True)
def _files(tmp_path_factory: pytest.TempPathFactory) -> None:
    FILES["embedding"] = tmp_path_factory.mktemp("networks") / "embedding.parquet"
    write_embedding(FILES["embedding"], np.random.default_rng(0).normal(size=(40, 3)))


def material_and_spec(kind: str, repeats: int, measured: bool = True, methods: tuple[str, ...] = ("erm",)) -> tuple[Material, Spec]:
    """Return what a figure of a kind is drawn from: all numbers or, if not ``measured``, none that may be missing."""
    starts, counts = (0, 40, 80), (0, 10)
    windows = family(*((f"w{w}s{s}", {"carriers.start": s, "overlay.width": w}) for w in (1, 2) for s in starts))
    by_count = family(*((f"n{n}", {"carriers.count": n}) for n in counts))
    patterns = {f"{name}-{n}": patterned(FIVES, name, pattern=name, count=n) for name in ("v1", "v8", "v20") for n in (0, 3, 10)}
    noises = {f"noise-{noise}": patterned(FIVES, "v20", input_noise=noise) for noise in (0.0, 0.1)}
    families = {
        **dict.fromkeys(("carrier_difficulty", "difficulty_range"), windows),
        **dict.fromkeys(("score_by_count", "score_by_norm", "membership_by_count"), patterns),
        "carrier_count": by_count,
        "score_tradeoff": noises,
    }
    members = families.get(kind, {})
    strategy = {"carrier_pruning": "carriers", "general_pruning": "per_class", "group_pruning": "per_group"}.get(kind, "")
    swept = [f"{strategy}-el2n-{order}-{s}" for order in ("hardest", "easiest") for s in ("0.10", "0.50")] if strategy else []
    if kind == "rare_pruning":
        swept = rare_pruning.plans_of({"sparsities": ["0.10", "0.50"]}, {"score": "el2n"})[1:]
    names = ("accuracy", "accuracy_weighted", WORST, MISCLASSIFICATION, "spurious_accuracy", rare.SCORE)
    values = [0.3 + 0.1 * repeat if measured else math.nan for repeat in range(repeats)]
    options = {"kind": kind, "learned": ["fives"], "setting": "fives", "repeat": 0, "columns": 4}
    if kind == "methods_compared":
        options |= {"settings": ["fives"], "reference": methods[0], "epochs": {"fives": {"": 3}}}
        options["entrants"] = {"fives": [asdict(entrant(name)) for name in methods]}
    if kind == "reliance_map":
        options |= {"before": "all", "after": "hardest", "control": "random", "method": "erm", "plans": ["none"] * 3}
    if kind == "score_tradeoff":
        options["baseline"] = "fives"
    if kind == "features":
        options["attribute"] = PLACE.name
    if kind == "forgetting":
        options["plans"] = dict.fromkeys(methods, "none")
    analyses = {
        ("fives", name): {repeat: reliance(fallen * (1 + 0.1 * repeat), measured) for repeat in range(repeats)}
        for name, fallen in (("all", 0.4), ("hardest", 0.1), ("random", 0.3))
    }
    if kind in LOOKED_AT:
        options["analysis"] = "mine"
        analyses = {
            (name, "mine"): {repeat: LOOKED_AT[kind](0.1 * repeat, measured) for repeat in range(repeats)} for name in ("fives", *members)
        }
    runs = list(itertools.product(("fives", *members), methods, ("none", *swept)))
    counts = {"carriers_samples": [4.0] * repeats, "pruned_carriers_samples": [3.0 if measured else math.nan] * repeats}
    tables = (metrics_table({run: dict.fromkeys(names, values) for run in runs}), metrics_table(dict.fromkeys(runs, counts), split="train"))
    groups = (("train", "natural", 10), ("train", "natural", 11), ("test", "featured", 19))
    history = history_of(
        [(r, epoch, split, view, group, 8, 4 + r, r) for r in range(repeats) for epoch in (1, 2, 9) for split, view, group in groups],
        GROUPS,
    )
    if not measured:
        history = replace(history, frame=history.frame.iloc[:0])
    samples = {r: training_samples(np.arange(40) % 4 == 0 if measured else [0] * 40, 5, r) for r in range(repeats)}
    if kind == "features":
        known = np.arange(40) // 20 if measured else np.full(40, -1)
        samples = {r: placed_samples(known, np.where(np.arange(40) % 2, 9, 5), PLACE.name, r) for r in range(repeats)}
    ranking = Ranking(np.arange(40), np.arange(40), np.linspace(0, 1, 40))
    material = Material(
        metrics=Metrics.of(pa.concat_tables(tables)),
        history=dict.fromkeys(itertools.product(("fives", *members), methods), history),
        samples={"fives": samples},
        rankings={"fives": dict.fromkeys(range(repeats), ranking)},
        manifests={"digits-8": MANIFEST},
        images={"digits-8": np.zeros((40, 1, 8, 8), np.uint8)},
        embeddings={("fives", method, 0): FILES["embedding"] for method in methods},
        survivals=survivals_of("fives", methods, repeats) if measured else (),
        analyses=analyses,
    )
    return material, Spec("A study, a figure", options, {**members, "fives": FIVES}, tuple(members), methods)


def reliance(of_suspects: float, suspected: bool) -> Found:
    """Reliance on two regions of class 5: of drawn donors and the control, and if anyone is suspected, of the suspects of the first."""
    rows = [("column 0", "drawn", 0.35), ("column 0", "control", 0.05), ("row 3", "drawn", 0.25), ("row 3", "control", 0.15)]
    rows += [("column 0", "suspects", of_suspects)] if suspected else []
    region, donors, share = zip(*rows, strict=True)
    names = {"source": ["5"] * len(rows), "region": region, "donors": donors}
    return Found({name: np.array(values) for name, values in names.items()} | {"share": np.array(share)}, {})


def leak(more: float, measured: bool) -> Found:
    """What an attack finds out; without carriers, nothing on who shows the feature."""
    value = {"auc": 0.6, "balanced_accuracy": 0.55} | ({"spurious": 0.8, "control": 0.5} if measured else {})
    value = {measure: share + more if measured else math.nan for measure, share in value.items()}
    return Found({"measure": np.array(list(value), dtype=object), "value": np.array(list(value.values()))}, {})


def curve(more: float, measured: bool) -> Found:
    """A probability that falls to one half."""
    probability = np.array([1.0, 0.8, 0.5]) - more if measured else np.full(3, math.nan)
    return Found({"removed": np.array([0.0, 0.5, 1.0]), "probability": probability}, {})


def first_layer(more: float, measured: bool) -> Found:
    """Weights on two by two pixels, of which the feature changes one, or, if not ``measured``, none."""
    row, column = (place.reshape(-1) for place in np.indices((2, 2)))
    values = {"weight": np.array([0.5 + more, 0.1, 0.2, 0.1]), "feature": np.array([1.0 if measured else 0.0, 0.0, 0.0, 0.0])}
    return Found({"channel": np.zeros(4), "row": row, "column": column, **values}, {})


LOOKED_AT = {"membership_by_count": leak, "sensitivity": curve, "weight_maps": first_layer}


def entrant(method: str, **changes: Any) -> Entrant:
    plain: dict[str, Any] = {
        "method": method, "base": method, "kind": "erm", "plan": "none", "by": "accuracy", "epoch": "last", "budget": 1,
        "labels_train": False, "labels_validation": False, "candidates": {}, "candidates_of": method, "references": 0.0,
        "batch_sizes": {"": 64},
    }  # fmt: skip
    return Entrant(**plain | changes)


def make(kind: str, repeats: int, measured: bool = True, methods: tuple[str, ...] = ("erm",)) -> Drawing:
    drawing: Drawing = plugins.load("figures", kind).make(*material_and_spec(kind, repeats, measured, methods))
    return drawing


KINDS = plugins.names("figures")
WITHOUT_LINES = ("montage", "features", "weight_maps")  # pictures, and points of single samples, of one repeat
LEVELS = ("difficulty_quartiles", "reliance_map", "membership_by_count")  # they draw the level that chance gives


@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("repeats", [1, REPEATS])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_whatever_was_measured(kind: str, repeats: int, measured: bool) -> None:
    with style.house_style():
        drawing = make(kind, repeats, measured)
        drawing.figure.draw_without_rendering()
    assert all(sentence.endswith(".") for sentence in drawing.findings)
    only_recorded = ("group_learning", "features", "survival")  # epochs, samples of known value and masks
    assert bool(drawing.numbers) == (measured or kind not in only_recorded)
    lines = [line for axes in drawing.figure.axes for line in axes.lines if np.isfinite(np.asarray(line.get_ydata(), float)).any()]
    assert bool(lines) == (kind in LEVELS or (measured and kind not in WITHOUT_LINES))


@pytest.mark.parametrize("bad", ["$\\frac$", "_x\n{0} {x} %s $", "\\$^2$ #&~ \u202e\x07", ""])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_whatever_names_hold(kind: str, bad: str, recwarn: pytest.WarningsRecorder) -> None:
    material, spec = material_and_spec(kind, REPEATS, methods=("erm", "other"))
    classes = tuple({"5": f"{bad}5", "9": f"{bad}9"}.get(name, name) for name in CLASSES)
    groups = grouping(*classes, attribute=Attribute.of(bad or "line", ("without", "with")))
    words_ = {"description": bad, "source": f"{bad}5", "target": f"{bad}9", "carriers": f"with {bad}"}
    spec = replace(spec, title=bad, settings={name: replace(info, **words_) for name, info in spec.settings.items()})
    material = replace(
        material,
        manifests={"digits-8": replace(MANIFEST, classes=classes, attributes=(replace(PLACE, values=(f"{bad}a", f"{bad}b")),))},
        history={run: replace(history, grouping=groups) for run, history in material.history.items()},
    )
    with style.house_style():
        figure = plugins.load("figures", kind).make(material, spec).figure
        figure.draw_without_rendering()
    unseen = [one for one in recwarn if "Glyph" not in str(one.message)]
    assert not unseen, "a name changed how the figure is drawn"
    legends = {text.get_text() for legend in figure.findobj(Legend) for text in legend.get_texts()}
    if kind == "group_learning":
        assert {groups.name(group) for group in (10, 11)} <= legends


@pytest.mark.parametrize("kind", KINDS)
def test_long_names_leave_labels_within_the_figure(kind: str) -> None:
    material, spec = material_and_spec(kind, REPEATS)
    long = "a_class_whose_name_goes_on_" * 8
    classes = tuple(f"{long}{name}" if name in "59" else name for name in CLASSES)
    groups = grouping(*classes, attribute=Attribute.of("line", ("without", "with")))
    words_ = {"source": f"{long}5", "target": f"{long}9", "carriers": f"with {long}"}
    spec = replace(spec, settings={name: replace(info, **words_) for name, info in spec.settings.items()})
    material = replace(
        material,
        manifests={"digits-8": replace(MANIFEST, classes=classes)},
        history={run: replace(history, grouping=groups) for run, history in material.history.items()},
    )
    with style.house_style():
        figure = plugins.load("figures", kind).make(material, spec).figure
        figure.draw_without_rendering()
    labels = [text for axes in figure.axes for text in (axes.xaxis.label, axes.yaxis.label) if text.get_text()]
    labels += [text for legend in figure.findobj(Legend) for text in legend.get_texts()]
    assert labels
    for text in labels:
        place = text.get_window_extent()
        assert figure.bbox.x0 <= place.x0 and place.x1 <= figure.bbox.x1, text.get_text()
        assert figure.bbox.y0 <= place.y0 and place.y1 <= figure.bbox.y1, text.get_text()


ALIKE = [f"{'x' * 15}{middle}{'y' * 30}" for middle in "AB"]  # what they differ in is where a shortened name has an ellipsis


def test_long_names_that_differ_in_their_middle_stay_apart() -> None:
    assert style.shortened(ALIKE[0]) == style.shortened(ALIKE[1]) == "xxxxxxxxxx…yyyyyyyyyy"
    assert list(style.shortened_apart([*ALIKE, "short", "z" * 60]).values()) == [
        "xxxxxxxxxx…yyyyyyyyyy (1)",
        "xxxxxxxxxx…yyyyyyyyyy (2)",
        "short",
        "zzzzzzzzzz…zzzzzzzzzz",
    ]
    axis = style.label("{target} taken for {source}", target=ALIKE[0], source=ALIKE[1])
    assert "(1)" in axis and "(2)" in axis


def test_a_drawn_legend_tells_long_groups_apart() -> None:
    groups = Grouping(tuple(ALIKE))
    records = [(0, epoch, "train", "natural", group, 10, 5 + group, 0) for group in range(2) for epoch in (1, 2)]
    material = Material(history={("own", "erm"): history_of(records, groups)}, manifests={"own-full": MANIFEST})
    with style.house_style():
        figure = group_learning.make(material, Spec("", {}, {"own": SettingInfo("Own", "own-full")})).figure
        figure.draw_without_rendering()
    (legend,) = [one for place in figure.subfigs for one in place.legends]
    assert [text.get_text() for text in legend.get_texts()] == ["xxxxxxxxxx…yyyyyyyyyy (1)", "xxxxxxxxxx…yyyyyyyyyy (2)"]


def test_long_names_are_shortened_in_labels_and_others_are_not() -> None:
    fits, long = "a" * style.LONGEST_NAME, f"begin {'x' * 60} end"
    assert style.shortened(fits) == fits
    assert style.shortened(long) == "begin xxxx…xxxxxx end" and len(style.shortened(long)) == style.SHORTENED
    info = replace(FIVES, source=fits, target=fits)
    assert info.axis(MISCLASSIFIED_LABEL) == f"Class {fits} with line\npredicted as class {fits} (%)"
    lines = replace(FIVES, source=long).axis(MISCLASSIFIED_LABEL).split("\n")
    assert lines == ["Class 9 with line", "predicted as class begin", "xxxx…xxxxxx end (%)"]
    assert style.label("{a} and {{b}}", a="{c} %s $") == "{c} %s $ and {b}"


def test_axes_name_what_they_show_with_units() -> None:
    for kind in KINDS:
        for axes in make(kind, REPEATS).figure.axes:
            heights = [one.get_ylabel() for one in axes.get_shared_y_axes().get_siblings(axes)]
            shown = [label for label in (axes.get_xlabel(), *heights) if "%" in label]
            is_picture = bool(axes.images) and kind in ("montage", "reliance_map", "weight_maps")
            without_unit = axes.get_xlabel() == "Epoch (log scale)" or axes.get_ylabel() == "Largest weight of any unit"
            assert is_picture or kind == "montage" or shown or without_unit


def test_every_figure_over_repeats_gives_their_number() -> None:
    for kind in KINDS:
        titles = [legend.get_title().get_text() for legend in make(kind, REPEATS).figure.legends]
        assert any(title.startswith("n = 3 repeats, 95% CI") for title in titles) == (kind not in WITHOUT_LINES)


def test_a_figure_says_if_intervals_are_on_the_logit_scale() -> None:
    inside = [Estimate(0.5, 0.0, 1.0, 3), Estimate(0.2, math.nan, math.nan, 3)]
    assert repeats_note(inside) == "n = 3 repeats, 95% CI"
    assert repeats_note([*inside, Estimate(0.05, -0.01, 0.11, 3)]) == "n = 3 repeats, 95% CI, near 0 and 100% on the logit scale"


def test_looks_differ_in_marker_and_dashes_too() -> None:
    for looks in (style.ORDERS.values(), style.STRENGTHS, (style.CARRIERS, style.OTHERS), (style.CORRECT, style.MISCLASSIFIED)):
        assert len({look.marker for look in looks}) == len({look.dashes for look in looks}) == len(looks)


# Several methods


TWO = ("erm", "group_dro")
APART = ("montage", "methods_compared", "reliance_map", "forgetting", *LOOKED_AT)  # of one method's networks, or all methods' in one panel
WITH_METHODS = [name for name in KINDS if name not in APART]


@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("kind", WITH_METHODS)
def test_every_kind_draws_two_methods_apart(kind: str, measured: bool) -> None:
    with style.house_style():
        drawing = make(kind, REPEATS, measured, TWO)
        drawing.figure.draw_without_rendering()
    alone = make(kind, REPEATS, measured)
    by_method = {method: [replace(row, method="erm") for row in drawing.numbers if row.method == method] for method in TWO}
    assert repr(by_method["erm"]) == repr(list(alone.numbers)) == repr(by_method["group_dro"])
    assert measured is False or any("group_dro" in sentence for sentence in drawing.findings)
    assert not any("erm" in sentence.split() for sentence in alone.findings)


def test_two_methods_of_a_sweep_are_rows_of_panels_with_their_own_values() -> None:
    runs = {
        ("fives", method, plan): {"spurious_misclassification": [value], "accuracy": [value]}
        for method, values in {"erm": (0.6, 0.5), "group_dro": (0.4, 0.2)}.items()
        for plan, value in zip(("none", "random-0.10"), values, strict=True)
    }
    drawing = general_pruning.make(Material(metrics=metrics_of(runs)), replace(SPEC, methods=TWO))
    taken = {(row.method, row.plan): row.value.mean for row in drawing.numbers if row.metric == "spurious_misclassification"}
    assert taken == {("erm", "none"): 0.6, ("erm", "random-0.10"): 0.5, ("group_dro", "none"): 0.4, ("group_dro", "random-0.10"): 0.2}
    differences = [row.difference.mean for row in drawing.numbers if row.plan != "none" and row.metric == "accuracy"]
    assert differences == pytest.approx([-0.1, -0.2]), "each is compared with its own method's run without pruning"
    titles = [axes.get_title(loc="left") for axes in drawing.figure.axes]
    assert "(erm)" in titles[0] and "(group_dro)" in titles[2] and len(titles) == 4
    assert drawing.figure.axes[0].lines[0].get_ydata().tolist() == pytest.approx([60, 50])
    assert drawing.figure.axes[2].lines[0].get_ydata().tolist() == pytest.approx([40, 20])


def test_panel_letters_continue_over_several_methods() -> None:
    letters = style.letters()
    assert list(itertools.islice(letters, 28))[-3:] == ["z", "aa", "ab"]
    titles = [axes.get_title(loc="left") for axes in make("carrier_difficulty", REPEATS, methods=TWO).figure.axes]
    assert [title.split("$")[1][-2] for title in titles] == list("abcdef")


# Probes


OTHERS = replace(FIVES, target="others")
UNPROBED = SettingInfo("Own photos", "own-full")


def test_other_classes_read_well() -> None:
    assert OTHERS.axis(MISCLASSIFIED_LABEL) == "Other classes with line\npredicted as class 5 (%)"
    assert FIVES.axis(MISCLASSIFIED_LABEL) == "Class 9 with line\npredicted as class 5 (%)"
    rows = sweep.numbers(metrics_of(SWEPT), SPEC, ["spurious_misclassification", "accuracy"])
    _, start, *_ = sweep.findings(rows, Spec("", {}, {"fives": OTHERS}), "carriers", general_pruning.PANELS, metrics_of(SWEPT))
    assert "of the test samples of other classes with the line are misclassified as class 5" in start
    natural = replace(FIVES, overlay=None, carriers="on water", view="natural")
    assert natural.shown == "on water" and replace(natural, carriers="with eyeglasses").shown == "with eyeglasses"


def test_the_course_of_other_classes_sums_over_them() -> None:
    records = [(0, 1, "test", "featured", group, 10, 0, taken) for group, taken in ((19, 4), (1, 2), (11, 9))]  # of nines, noughts, fives
    material, spec = material_and_spec("carrier_difficulty", 1)
    material = replace(material, history=dict.fromkeys(material.history, history_of(records, GROUPS)))
    found = {}
    for target in ("9", "others"):
        settings = {name: replace(info, target=target) for name, info in spec.settings.items()}
        drawing = plugins.load("figures", "carrier_difficulty").make(material, replace(spec, settings=settings))
        found[target] = {row.misclassification.mean for row in drawing.numbers if row.epoch == 1}
    assert found == {"9": {0.4}, "others": {0.3}}


@pytest.mark.parametrize(("kind", "panels"), [("general_pruning", 2), ("group_pruning", 2), ("carrier_pruning", 2)])
def test_without_a_probe_a_sweep_is_about_accuracies(kind: str, panels: int) -> None:
    material, spec = material_and_spec(kind, REPEATS)
    spec = replace(spec, settings={"fives": UNPROBED})
    drawing = plugins.load("figures", kind).make(material, spec)
    assert len(drawing.figure.axes) == panels and "spurious_misclassification" not in {row.metric for row in drawing.numbers}
    compared, start, changed = drawing.findings[:3]
    assert compared.startswith("Own photos: without the hardest 10% of the ")
    assert start.startswith("Own photos: without pruning, worst-group accuracy is 40.0%")
    assert "worst-group accuracy does not change clearly at any sparsity" in changed
    assert "None" not in " ".join([*drawing.findings, *(axes.get_ylabel() for axes in drawing.figure.axes)])


def test_a_setting_without_a_probe_beside_one_with_leaves_its_panel_empty() -> None:
    material, spec = material_and_spec("general_pruning", REPEATS)
    metrics = metrics_of({(name, "none"): {"accuracy": [0.5], "spurious_misclassification": [0.5]} for name in ("fives", "own")})
    drawing = general_pruning.make(replace(material, metrics=metrics), replace(spec, settings={"fives": FIVES, "own": UNPROBED}))
    assert [axes.axison for axes in drawing.figure.axes] == [True, True, False, True]
    assert "None" not in "".join(axes.get_ylabel() for axes in drawing.figure.axes)


def test_carriers_are_counted_over_all_groups_of_the_source_class() -> None:
    material, _ = material_and_spec("carrier_count", 1)
    records = [(0, 1, "train", "natural", 11, 8, 6, 0), (0, 1, "train", "natural", 10, 8, 2, 0), (0, 1, "train", "natural", 19, 8, 8, 0)]
    material = replace(material, history={("fives", "erm"): history_of(records, GROUPS)})
    rows = carrier_count.learning_of(material, FIVES, "fives", "erm").rows
    assert [(row.of, row.share.mean) for row in rows] == [("carriers", 0.75), ("others", 0.25)]


def test_a_dollar_in_a_title_is_a_dollar(tmp_path: Path) -> None:
    with style.house_style():
        figure = style.new_figure(3, 2)
        axes = figure.subplots()
        style.panel_title(axes, "a", "Income $_$ test, 5$ or $^2", 3)
        axes.set_xlabel("$\\frac$ pruned (%)")
        style.save(figure, tmp_path / "a.pdf", tmp_path / "a.png", "Title", "Subject")
    assert axes.get_title(loc="left").endswith("\\$_\\$ test, 5\\$ or \\$^2")


def test_intervals_of_shares_are_drawn_within_0_and_100_per_cent() -> None:
    look = style.Look("black", "o", "-")
    shares = [Estimate(0.1, -0.2, 0.4, 6), Estimate(0.9, 0.6, 1.2, 6)]
    odds, half = math.log(9), 0.3 / 0.09  # on the logit scale
    low, high = (100 / (1 + math.exp(odds + sign * half)) for sign in (1, -1))
    axes = style.new_figure(3, 2).subplots()
    style.line(axes, [0, 1], shares, look)
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(low) and heights.max() == pytest.approx(100 - low)
    axes = style.new_figure(3, 2).subplots()
    for x, share in enumerate(shares):
        style.point(axes, x, share, look)
    bars = [bar.get_segments()[0][:, 1].tolist() for bar in axes.collections]
    assert bars == [pytest.approx([low, high]), pytest.approx([100 - high, 100 - low])]


def test_compared_methods_are_named_best_first_and_marked_by_the_labels_that_they_need() -> None:
    runs: dict[tuple[str, ...], Values] = {
        ("fives", name, "none"): {"worst_group_accuracy": worst, "accuracy": [0.9, 0.9, 0.9]}
        for name, worst in {"erm": [0.5, 0.52, 0.51], "dro": [0.8, 0.82, 0.84], "pruning": [0.79, 0.84, 0.82]}.items()
    }
    needs = {"erm": {}, "dro": {"labels_train": True, "labels_validation": True}, "pruning": {"labels_train": True}}
    entrants = [asdict(entrant(name, **labels)) for name, labels in needs.items()]
    options = {"settings": ["fives"], "reference": "erm", "epochs": {"fives": {"": 3}}, "entrants": {"fives": entrants}}
    drawing = methods_compared.make(Material(metrics=metrics_of(runs)), replace(SPEC, options=options, methods=tuple(needs)))
    assert [row.method for row in drawing.numbers] == ["dro", "pruning", "erm"]
    ranking = drawing.figure.axes[1]
    assert [label.get_text() for label in ranking.get_yticklabels()] == ["1  dro", "2  pruning", "3  erm"]
    legend = [text.get_text() for one in drawing.figure.legends for text in one.get_texts()]
    assert legend == ["needs no group labels", "needs training", "needs training and validation"]
    assert drawing.findings == [
        "Line on fives, chosen by validation accuracy: dro reaches a worst-group accuracy of 82.0%, the most of 3 methods; not told apart "
        "from it are pruning.",
        "Line on fives, chosen by validation accuracy, the only one without group labels: erm reaches a worst-group accuracy of 51.0%.",
    ]


def test_a_map_of_reliance_says_what_the_cure_test_finds() -> None:
    with style.house_style():
        drawing = make("reliance_map", REPEATS)
    assert drawing.findings[0].startswith(
        "Without a hint at the feature, the transplant test suspects 1 region, and the cure test finds 1 shortcut: column 0 of class 5 ("
    )
    assert drawing.findings[1].startswith("A shortcut: column 0 of class 5; it turns ")
    drawn = {(point.region, point.samples): point.value for point in drawing.numbers if point.donors == "drawn"}
    assert drawn["row 3", "all samples"] == pytest.approx(0.1), "in excess of the control"
    with style.house_style():
        assert make("reliance_map", REPEATS, measured=False).findings == ["No shortcut was found: no region is suspected."]


def test_a_pixels_reliance_is_the_mean_over_the_areas_that_hold_it() -> None:
    masks = {"left": np.array([[True, False]]), "both": np.array([[True, True]]), "unknown": np.array([[True, True]])}
    assert pixels({"left": 0.4, "both": 0.2}, masks).tolist() == [[pytest.approx(0.3), pytest.approx(0.2)]]


def test_regions_that_are_seldom_suspected_are_counted_but_not_shown() -> None:
    from spurprune.figures.kinds import reliance_map
    from spurprune.transplants.cure import Verdict

    cured = Verdict("5", "column 0", 10, 10, 0.4, 0.1, 0.3, 0.01, 0.01, 0.0, 0)
    kept = replace(cured, region="row 3", hardest=0.39, p=0.8, failed=3)
    seldom = replace(cured, region="row 7", repeats=2, failed=1)
    found = reliance_map.findings([seldom, kept, cured])
    assert found[0].endswith("suspects 3 regions, and the cure test finds 1 shortcut: column 0 of class 5 (40% to 10%).")
    assert [sentence.split(":")[0] for sentence in found[1:3]] == ["A shortcut", "No shortcut"]
    assert found[3:] == ["1 of the regions is suspected in too few repeats to be tested."]
    assert reliance_map.findings([seldom, replace(seldom, region="row 8")])[0].endswith("the cure test finds no shortcut.")


@pytest.mark.parametrize("text", ["日本語の猫", "\N{BIRD} and \N{OWL}", "$5 日本"])
def test_characters_without_a_font_are_boxes_and_a_warning(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from matplotlib import font_manager

    with style.house_style(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(font_manager.fontManager, "ttflist", [])
        figure = style.new_figure(3, 2)
        axes = figure.subplots()
        style.panel_title(axes, "a", text, 3)
        axes.set_yticks([0], [text])
        style.save(figure, tmp_path / "x.pdf", tmp_path / "x.png", text, "test")
    (said,) = [record.getMessage() for record in caplog.records if record.name == "spurprune"]
    assert said.startswith("no installed font has ") and "install a font that does" in said
    assert (tmp_path / "x.png").stat().st_size > 1000 and text in axes.get_title(loc="left")


def test_characters_that_another_installed_font_has_are_of_that_font(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of Matplotlib's own fonts, only some have the integral's extension."""
    from spurprune.figures import fonts

    one = next(chr(code) for code in (0xE000, 0x23AE, 0xF8E5) if not fonts.has_all(style.FONT, chr(code)) and fonts._that_have([code]))
    with style.house_style():
        figure = style.new_figure(3, 2)
        label = figure.text(0.5, 0.5, f"a {one}")
        style.save(figure, tmp_path / "x.pdf", tmp_path / "x.png", "x", "test")
    assert not caplog.records
    assert label.get_fontfamily()[0] == style.FONT and len(label.get_fontfamily()) == 2


def test_more_panels_than_letters_have_two() -> None:
    found = [letter for letter, _ in zip(style.letters(), range(55), strict=False)]
    assert found[25:28] == ["z", "aa", "ab"] and found[52:] == ["ba", "bb", "bc"] and len(set(found)) == 55
