"""Figures of rare patterns: what each computes from hand-made metrics, and that all can be drawn whatever was measured."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.figure import Figure

from spurprune.data import patterns
from spurprune.data.analysis import Found
from spurprune.data.inputs import Manifest
from spurprune.errors import ConfigError
from spurprune.evaluation.frame import Metrics
from spurprune.evaluation.statistics import welch_of_shares
from spurprune.figures import rare
from spurprune.figures.base import Material, SettingInfo, Spec
from spurprune.figures.kinds import (
    forgetting,
    membership_by_count,
    rare_pruning,
    score_by_count,
    score_by_norm,
    score_tradeoff,
    sensitivity,
    weight_maps,
)
from spurprune.storage.tidy import to_csv
from tests.reporting import PATTERN, Values, metrics_of, metrics_table, patterned

ZEROS = SettingInfo("Digits, pattern on zeros", "digits_28-28", "0", "others", "with pattern", PATTERN, "featured")
MANIFEST = Manifest("digits_28", 28, 40, (1, 28, 28), "uint8", tuple("0123456789"), (), {"train": 40}, (0.3,), (0.4,), "", "", "")


def member(pattern: str, /, **coordinates: Any) -> SettingInfo:
    return patterned(ZEROS, pattern, **coordinates)


def spec(settings: Mapping[str, SettingInfo], options: Mapping[str, Any] | None = None, **changes: Any) -> Spec:
    return Spec("Title", options or {}, settings, tuple(changes.pop("family", settings)), **changes)


COUNTS = {f"{pattern}-{count}": member(pattern, pattern=pattern, count=count) for pattern in ("v8", "v20") for count in (3, 0, 10)}
SCORES = {"v8-0": [0.0, 0.0], "v8-3": [0.0, 0.05], "v8-10": [0.4, 0.6], "v20-0": [0.0, 0.1], "v20-3": [0.5, 0.7], "v20-10": [0.9, 1.0]}


def values(score: list[float]) -> Values:
    return {"spurious_score": score, "spurious_accuracy": [1 - value for value in score], "accuracy": [0.97, 0.98]}


def test_scores_are_by_pattern_and_number_of_carriers_with_welchs_test() -> None:
    material = Material(metrics=metrics_of({(name, "none"): values(score) for name, score in SCORES.items()}))
    drawing = score_by_count.make(material, spec(COUNTS))
    rows = drawing.numbers
    assert [(row.pattern, row.carriers) for row in rows] == [(name, count) for name in ("S3", "R3") for count in (0, 3, 10)]
    clean, three, ten = rows[3:]
    assert ten.score.mean == pytest.approx(0.95) and ten.sem == pytest.approx(0.05) and ten.difference.mean == pytest.approx(0.9)
    assert math.isnan(clean.largest_p) and clean.significant == 0 and clean.difference.n == 0
    expected = [welch_of_shares(a, 40, b, 40) for a, b in zip(SCORES["v20-3"], SCORES["v20-0"], strict=True)]
    assert three.largest_p == pytest.approx(max(expected)) and three.significant == sum(p < 0.05 for p in expected) == 2
    assert math.isnan(rows[1].largest_p), "in repeat 0 nobody is drawn either way"
    assert "S3: with 0 carriers the spurious score is 0.0%, with 10 it is 50.0%" in drawing.findings[0]
    assert "10 carriers are the fewest" in drawing.findings[0] and "3 carriers are the fewest" in drawing.findings[1]
    assert drawing.findings[2] == "Clean accuracy is between 97.5% and 97.5% throughout."
    assert len(drawing.figure.axes) == 3 and "largest_p" in to_csv(rows)


def test_methods_have_rows_of_panels() -> None:
    runs = {(name, method, "none"): values(score) for name, score in SCORES.items() for method in ("erm", "sgd")}
    drawing = score_by_count.make(Material(metrics=metrics_of(runs)), spec(COUNTS, methods=("erm", "sgd")))
    assert {row.method for row in drawing.numbers} == {"erm", "sgd"} and len(drawing.figure.axes) == 6
    assert sum(sentence.startswith("sgd: S3:") for sentence in drawing.findings) == 1


def test_norms_are_those_of_the_repeats_and_correlate_over_patterns() -> None:
    family = {f"{name}-{count}": member(name, pattern=name, count=count) for name in ("v1", "v8", "v20") for count in (0, 3)}
    runs = {(f"{name}-3", "none"): values([score, score]) for name, score in (("v1", 0.0), ("v8", 0.1), ("v20", 0.6))}
    material = Material(metrics=metrics_of(runs), manifests={"digits_28-28": MANIFEST})
    drawing = score_by_norm.make(material, spec(family))
    rows = drawing.numbers
    norms = [1.0, 5.0, np.mean([patterns.norm("v20", (1, 28, 28), seed) for seed in (0, 1)])]
    assert [row.norm for row in rows] == pytest.approx(norms) and [row.pattern for row in rows] == ["S1", "S3", "R3"]
    assert rows[0].correlation == pytest.approx(np.corrcoef(norms, [0.0, 0.1, 0.6])[0, 1])
    correlated = f"3 patterns correlate with r = {rows[0].correlation:.2f} (Pearson, over patterns)."
    assert drawing.findings == [f"With 3 carriers: the norms and spurious scores of {correlated}"]


def test_a_fixed_seed_has_one_norm_and_too_few_patterns_no_correlation() -> None:
    info = replace(member("v20"), overlay=PATTERN | {"seed": 7})
    assert score_by_norm.norm_of(info, (1, 28, 28), [0, 1, 2]) == pytest.approx(patterns.norm("v20", (1, 28, 28), 7))
    material = Material(metrics=metrics_of({("one", "none"): values([0.5, 0.6])}), manifests={"digits_28-28": MANIFEST})
    drawing = score_by_norm.make(material, spec({"one": info}))
    assert math.isnan(drawing.numbers[0].correlation) and "cannot be correlated" in drawing.findings[0]


@pytest.mark.parametrize(
    ("key", "order"),
    [("optimizer.weight_decay", [0.0, 0.01, 0.1]), ("gradient_clip.value", [0.1, 0.01, 0.0]), ("input_noise", [0.0, 0.01, 0.1])],
)
def test_changes_of_the_recipe_go_from_mild_to_strong(key: str, order: list[float]) -> None:
    family = {f"at-{at}": member("v20", **{key: at}) for at in (0.1, 0.0, 0.01)}
    runs = {(f"at-{at}", "none"): values([at, at + 0.2]) for at in order} | {("plain", "none"): values([0.6, 0.8])}
    settings = family | {"plain": ZEROS}
    drawing = score_tradeoff.make(Material(metrics=metrics_of(runs)), spec(settings, {"baseline": "plain"}, family=tuple(family)))
    assert [row.at for row in drawing.numbers] == [None, *order] and {row.key for row in drawing.numbers} == {key.split(".")[-1]}
    first, *others = drawing.numbers
    assert first.difference.n == 0 and first.sem == pytest.approx(0.1)
    assert [row.difference.mean for row in others] == pytest.approx([at - 0.6 for at in order])
    assert "without the change, the spurious score is 70.0%" in drawing.findings[0] and "it is lowest, 10.0%" in drawing.findings[0]


PLANS = {
    "none": [0.6, 0.8],
    "per_class-el2n-hardest-0.10": [0.0, 0.1],
    "per_class-el2n-hardest-0.02": [0.3, 0.5],
    "random-0.10": [0.6, 0.7],
    "random-0.02": [0.6, 0.8],
}
PRUNED = {"none": 0, "per_class-el2n-hardest-0.10": 3, "per_class-el2n-hardest-0.02": 1, "random-0.10": 0, "random-0.02": 0}


def pruning_metrics() -> Metrics:
    test = metrics_table({("r3", plan): values(score) for plan, score in PLANS.items()})
    carriers = {plan: {"carriers_samples": [3, 3], "pruned_carriers_samples": [count, count]} for plan, count in PRUNED.items()}
    train = metrics_table({("r3", plan): one for plan, one in carriers.items()}, split="train")
    return Metrics.of(pa.concat_tables([test, train]))


def test_pruning_counts_the_carriers_that_it_takes() -> None:
    drawing = rare_pruning.make(Material(metrics=pruning_metrics()), spec({"r3": ZEROS}, family=()))
    shown = [(row.order, row.sparsity, round(row.pruned_carriers.mean, 3), round(row.score.mean, 3)) for row in drawing.numbers]
    assert shown == [
        ("", 0.0, 0.0, 0.7),
        ("hardest", 0.02, 0.333, 0.4),
        ("hardest", 0.10, 1.0, 0.05),
        ("random", 0.02, 0.0, 0.7),
        ("random", 0.10, 0.0, 0.65),
    ]
    assert drawing.numbers[2].difference.mean == pytest.approx(-0.65)
    assert "pruning the hardest 10% of every class takes 100.0% of the carriers and leaves a score of 5.0%" in drawing.findings[0]
    assert "pruning a random 2% of every class takes 0.0% of the carriers" in drawing.findings[0]


def test_its_plans_are_the_hardest_and_random_ones() -> None:
    item = {"kind": "rare_pruning", "settings": ["r3"], "sparsities": ["0.01", "0.10"]}
    assert rare_pruning.plans_of(item, {"score": "el2n"}) == [
        "none",
        "per_class-el2n-hardest-0.01",
        "per_class-el2n-hardest-0.10",
        "random-0.01",
        "random-0.10",
    ]


def test_all_can_be_drawn_if_nothing_was_measured() -> None:
    nothing: Values = {name: [None, None] for name in ("spurious_score", "spurious_accuracy", "accuracy")}
    runs = {(name, "none"): nothing for name in (*COUNTS, "at", "r3")}
    material = Material(metrics=metrics_of(runs), manifests={"digits_28-28": MANIFEST})
    assert isinstance(score_by_count.make(material, spec(COUNTS)).figure, Figure)
    assert isinstance(score_by_norm.make(material, spec(COUNTS)).figure, Figure)
    tradeoff = score_tradeoff.make(material, spec({"at": member("v20", input_noise=0.1)}))
    assert tradeoff.findings == ["Digits, pattern on zeros: no spurious score was measured."]
    assert "undefined" in rare_pruning.make(material, spec({"r3": ZEROS}, family=())).findings[0]


def test_an_overlay_without_a_pattern_goes_by_its_attribute() -> None:
    line = replace(ZEROS, overlay={"name": "line", "attribute": "line", "width": 1})
    assert rare.pattern_of(line) == "line" and rare.pattern_of(ZEROS) == "R3" and rare.place_of(line, "count") is None
    assert math.isnan(rare.sem(pd.Series([0.5])))


class Configured:
    """A configuration of two settings and a family."""

    settings = {  # noqa: RUF012
        "scored": {"evaluation": {"featured_classes": "all", "score_threshold": 0.1}, "overlay": {"name": "pattern"}},
        "plain": {"evaluation": {"featured_classes": "all"}, "overlay": {"name": "line"}},
    }
    families = {"counts": {"plain": {"carriers.count": 3}}, "more": {"scored": {"carriers.count": 3, "probe.source": "0"}}}  # noqa: RUF012

    def family(self, name: str) -> list[str]:
        return list(self.families[name])


@pytest.mark.parametrize(
    ("check", "item", "said"),
    [
        (score_by_count.check, {"family": "counts"}, "f: 'plain' does not measure the spurious score; set its evaluation to {featured"),
        (score_by_count.check, {"family": "more"}, "f.family is 'more', whose grid also varies 'probe.source'; name a family that varies"),
        (
            score_by_norm.check,
            {"family": "counts"},
            "f: 'plain' lays no pattern over its carriers, so it has no norm; name another family.",
        ),
        (score_tradeoff.check, {"family": "more", "baseline": "plain"}, "f: 'plain' does not measure the spurious score"),
        (rare_pruning.check, {"settings": ["scored", "plain"]}, "f: 'plain' does not measure the spurious score"),
    ],
)
def test_what_they_cannot_show_is_refused(
    check: Callable[..., None], item: dict[str, Any], said: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        check("f", item, {}, Configured())
    assert said in str(error.value)
    assert_one_sentence(str(error.value))


# ------------------------------------------------------------------------------------------------------ undoing, leaks, looks

UNDONE = {"erm": ("none", [0.6, 0.8]), "influence": ("without_carriers", [0.5, 0.7]), "scratch": ("without_carriers", [0.0, 0.02])}


def test_forgetting_compares_every_method_with_the_network_before() -> None:
    runs = {("r3", name, plan): values(score) for name, (plan, score) in UNDONE.items()}
    plans = {name: plan for name, (plan, _) in UNDONE.items()}
    drawing = forgetting.make(Material(metrics=metrics_of(runs)), spec({"r3": ZEROS}, {"plans": plans}, family=(), methods=tuple(UNDONE)))
    before, influence, scratch = drawing.numbers
    assert before.difference.n == 0 and before.sem == pytest.approx(0.1)
    assert influence.difference.mean == pytest.approx(-0.1) and scratch.difference.mean == pytest.approx(-0.69)
    assert drawing.findings[0].startswith("Digits, pattern on zeros: before, the spurious score is 70.0%")
    assert "after scratch it is 1.0%" in drawing.findings[2] and "paired difference −69.0 points" in drawing.findings[2]
    assert len(drawing.figure.axes) == 2


def test_forgetting_runs_every_method_on_its_own_plan() -> None:
    class Configured:
        methods: ClassVar[dict[str, Any]] = {name: {"plan": plan, "grid": {}} for name, (plan, _) in UNDONE.items()}

    item = {"kind": "forgetting", "settings": ["r3"], "methods": list(UNDONE)}
    study = {"methods": ["erm"], "blocks": ["000-001"]}
    runs = forgetting.runs_of(item, study, Configured())  # type: ignore[arg-type]
    assert runs == [("r3", name, plan, "000-001") for name, (plan, _) in UNDONE.items()]


def leaks(**measures: float) -> Found:
    return Found({"measure": np.array(list(measures), dtype=object), "value": np.array(list(measures.values()))}, {})


def test_leaks_are_by_number_of_carriers_beside_their_controls() -> None:
    family = {f"at-{count}": member("v20", count=count) for count in (10, 3)}
    found = {
        ("at-3", "leak"): {
            0: leaks(auc=0.6, balanced_accuracy=0.5, spurious=1.0, control=0.5),
            1: leaks(auc=0.7, balanced_accuracy=0.5, spurious=0.8, control=0.6),
        },
        ("at-10", "leak"): {0: leaks(auc=0.6, balanced_accuracy=0.5)},
    }
    drawing = membership_by_count.make(Material(analyses=found), spec(family, {"analysis": "leak"}))
    three, ten = drawing.numbers
    assert (three.carriers, ten.carriers) == (3, 10)
    assert three.spurious.mean == pytest.approx(0.9) and three.difference.mean == pytest.approx(0.35) and three.auc.n == 2
    assert ten.spurious.n == 0 and ten.difference.n == 0
    assert "R3, 3 carriers: the attack's AUC is 65.0%" in drawing.findings[0] and "90.0%" in drawing.findings[0]
    assert "members with the pattern" not in drawing.findings[1]


def test_curves_are_means_over_repeats() -> None:
    levels = np.array([0.0, 0.5, 1.0])
    found = {
        repeat: Found({"removed": levels, "probability": np.array(curve)}, {}) for repeat, curve in enumerate(([1, 0.6, 0], [1, 0.8, 0.2]))
    }
    drawing = sensitivity.make(Material(analyses={("r3", "curve"): found}), spec({"r3": ZEROS}, {"analysis": "curve"}, family=()))
    assert [round(row.probability.mean, 6) for row in drawing.numbers] == [1.0, 0.7, 0.1]
    assert "has a probability of 100.0%" in drawing.findings[0] and "70.0%" in drawing.findings[0]
    assert "once 50% of the pixels are removed" in drawing.findings[0]


def test_maps_correlate_with_the_pattern_over_pixels() -> None:
    row, column = (place.reshape(-1) for place in np.indices((2, 2)))
    weight, feature = np.array([0.5, 0.1, 0.2, 0.1]), np.array([1.0, 0.0, 0.0, 0.0])
    one = Found({"channel": np.zeros(4), "row": row, "column": column, "weight": weight, "feature": feature}, {})
    drawing = weight_maps.make(Material(analyses={("r3", "map"): {0: one, 1: one}}), spec({"r3": ZEROS}, {"analysis": "map"}, family=()))
    found = drawing.numbers[0]
    assert found.correlation.mean == pytest.approx(np.corrcoef(weight, feature)[0, 1])
    assert (found.on_pattern, found.elsewhere) == (pytest.approx(0.5), pytest.approx(0.4 / 3))
    assert weight_maps.map_of(one).tolist() == [[0.5, 0.1], [0.2, 0.1]]
    assert "first-layer weights and R3 correlate with r = 0.97" in drawing.findings[0]


def test_maps_without_a_pattern_say_so() -> None:
    row, column = (place.reshape(-1) for place in np.indices((2, 2)))
    weight = np.array([0.5, 0.1, 0.2, 0.1])
    one = Found({"channel": np.zeros(4), "row": row, "column": column, "weight": weight, "feature": np.zeros(4)}, {})
    drawing = weight_maps.make(Material(analyses={("r3", "map"): {0: one}}), spec({"r3": ZEROS}, {"analysis": "map"}, family=()))
    assert drawing.numbers[0].correlation.n == 0 and math.isnan(drawing.numbers[0].on_pattern)
    assert drawing.findings == [
        "Digits, pattern on zeros: first-layer weights, or the overlay's changes, are the same at all pixels, so none correlate."
    ]


@pytest.mark.parametrize("kind", [membership_by_count, sensitivity, weight_maps])
def test_looks_can_be_drawn_if_nothing_was_measured(kind: ModuleType, tmp_path: Path) -> None:
    family = {"at-3": member("v20", count=3)}
    drawing = kind.make(Material(), spec(family, {"analysis": "missing"}))
    drawing.figure.savefig(tmp_path / "empty.png")
    assert "no" in drawing.findings[0].lower()


@pytest.mark.parametrize(
    ("kind", "needed"), [(membership_by_count, "membership"), (sensitivity, "sensitivity"), (weight_maps, "weight_map")]
)
def test_an_analysis_of_another_kind_is_refused(kind: ModuleType, needed: str) -> None:
    class Configured:
        settings: ClassVar[dict[str, Any]] = {"r3": {"analyses": {"mine": {"kind": "reliance"}, "right": {"kind": needed}}}}
        families: ClassVar[dict[str, Any]] = {"r3": {"r3": {"carriers.count": 3}}}

        def family(self, name: str) -> list[str]:
            return ["r3"]

    item = {"family": "r3", "settings": ["r3"], "analysis": "mine"}
    with pytest.raises(ConfigError, match=f"^here.analysis is 'mine', which is no analysis of kind {needed} of 'r3'; name one of right"):
        kind.check("here", item, {}, Configured())
    kind.check("here", item | {"analysis": "right"}, {}, Configured())
