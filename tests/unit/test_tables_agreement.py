"""The table of agreement between settings, on scores whose agreement is worked out by hand."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from spurprune.config import loading
from spurprune.config.config import Config
from spurprune.config.merging import merge
from spurprune.errors import ConfigError, DataError
from spurprune.evaluation.frame import Metrics
from spurprune.tables.kinds import agreement
from spurprune.tables.report import Report, Scored, Sources, to_markdown
from tests.unit.test_tables_stability import DOWN, RHO_SWAPPED, SWAPPED, UP, source


def report(found: list[Scored], *settings: str, score: str = "el2n") -> Report:
    options: dict[str, Any] = {"kind": "agreement", "title": "T", "settings": list(settings), "score": score}
    return agreement.report(Sources(Metrics.none(), found), options)


def test_runs_of_different_seeds_are_compared_within_and_between_settings() -> None:
    made = report([source("a", "el2n", {0: [UP, SWAPPED, DOWN]}), source("b", "el2n", {0: [UP, UP, DOWN]})], "a", "b")
    found = {(row.setting, row.other_setting): row for row in made.rows}
    assert {pair: row.pairs for pair, row in found.items()} == {("a", "a"): 3, ("a", "b"): 6, ("b", "b"): 3}
    assert found["a", "a"].rank_correlation.mean == pytest.approx((RHO_SWAPPED - 1 - RHO_SWAPPED) / 3)
    assert found["b", "b"].rank_correlation.mean == pytest.approx((1 - 1 - 1) / 3)
    # Seed 0 of a, UP, with 1 and 2 of b: 1, −1; 1, SWAPPED, with 0 and 2: ρ, −ρ; 2, DOWN, with 0 and 1: −1, −1. Never 0 with 0.
    assert found["a", "b"].rank_correlation.mean == pytest.approx((1 - 1 + RHO_SWAPPED - RHO_SWAPPED - 1 - 1) / 6)
    assert found["a", "b"].top_overlap.mean == pytest.approx(1 / 6), "the hardest one of ten: equal for UP and UP alone"


def test_estimates_are_over_repeats_and_the_matrices_symmetric() -> None:
    found = [source("a", "grand", {0: [UP, UP], 1: [UP, DOWN]}), source("b", "grand", {0: [UP, UP], 1: [DOWN, UP]})]
    made = report(found, "a", "b", score="grand")
    correlations = {(row.setting, row.other_setting): row.rank_correlation for row in made.rows}
    assert [one.mean for one in correlations.values()] == pytest.approx([0, 1, 0]) and {one.n for one in correlations.values()} == {2}
    first, second = made.sections
    assert (first.heading, first.header, second.heading) == ("Rank correlation", ["Setting", "a", "b"], "Overlap of the hardest 10%")
    assert first.rows[0][2] == first.rows[1][1] == "1.00"
    text = to_markdown("T", made)
    assert "by last-layer GraNd agree" in text and "by grand" not in text


def test_missing_and_foreign_samples_are_refused(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="no difficulty of 'b' by 'el2n'") as error:
        report([source("a", "el2n", {0: [UP, UP]})], "a", "b")
    assert_one_sentence(str(error.value))
    fewer = UP[:9]
    with pytest.raises(DataError, match="different samples in repeat 0") as error:
        report([source("a", "el2n", {0: [UP, UP]}), source("b", "el2n", {0: [fewer, fewer]})], "a", "b")
    assert_one_sentence(str(error.value))


ALL = ["ranks", "ranks-shortcut", "ranks-initialisation", "ranks-normalisation", "ranks-pass", "ranks-code"]


@pytest.fixture(scope="module")
def load(root: Any) -> Callable[..., Config]:
    """A function that loads config/code-variants.yaml with other keys of its table."""
    main = merge(*(yaml.safe_load((root / "config" / name).read_text()) for name in ("config.yaml", "code-variants.yaml")))

    def loader(variant: str = "paper", **keys: Any) -> Config:
        table = {"studies": {"code-variants": {"tables": {"agreement": keys}}}, "setting_defaults": {"variant": variant}}
        return loading.load(merge(main, table), root)

    return loader


def test_the_shipped_study_has_a_setting_for_each_deviation_of_the_code(load: Callable[..., Config]) -> None:
    settings = load().settings
    assert load().studies["code-variants"]["tables"]["agreement"]["settings"] == ALL
    in_code = load("code").settings
    assert {name: in_code[name] for name in ALL} == {name: settings[name] for name in ALL}, "whichever variant is the default"
    paper, code = settings["ranks"], settings["ranks-code"]
    for key, names in {"model": ("shortcut", "initialisation"), "normalisation": ("normalisation",), "reference": ("pass",)}.items():
        merged: dict[str, Any] = {}
        for name in names:
            assert settings[f"ranks-{name}"][key] != paper[key]
            merged = merge(merged, settings[f"ranks-{name}"][key])
        assert merged == code[key]
    assert {settings[name]["reference"]["early"]["seeds"] for name in ALL} == {3}
    assert sum(part["count"] for part in paper["subset"]["parts"].values()) == 4_000


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"settings": ["ranks"]}, "agreement.settings names 'ranks' alone, but the table compares settings; name another."),
        (
            {"settings": ["ranks", "cifar10s"]},
            "'cifar10s' has other samples than 'ranks', whose subset differs; name settings of",
        ),
        ({"settings": ["cifar10s", "cifar10s-1"]}, "the score 'el2n' has one reference run per repeat in 'cifar10s', but the table"),
        ({"score": "random"}, "the score 'random' has no reference runs, but the table compares those of different seeds; give it two."),
        ({"score": "el2"}, "agreement.score: 'el2' is not a known score of 'ranks' (did you mean 'el2n'?)"),
    ],
)
def test_what_cannot_be_compared_is_refused_when_it_is_read(
    load: Callable[..., Config], keys: dict[str, Any], expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load(**keys)
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))
