"""The selection of a candidate: by validation metrics only, with equal bytes for equal metrics."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurprune.config import methods
from spurprune.errors import DataError
from spurprune.evaluation.choices import Choice, read_selection, write_selection
from spurprune.evaluation.missing import Missing
from spurprune.evaluation.selection import RULES, Candidate, check_comparable, choose, mean_value, tie
from spurprune.stages import select_candidate
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance

PROVENANCE = Provenance({"setting": "digits-test"}, "0+code", "config")
NAMES = {"setting": "digits-test", "method": "dfr"}
RUN = Provenance({"setting": "digits-test", "block": "000-001", "method": "dfr"}, "0+code", "config")
ENTRY = methods.expanded(
    {
        "dfr": {
            "kind": "last_layer",
            "from": "erm",
            "grid": {"options.penalty": ["l1", "l2"], "options.C": [1.0, 0.1]},
            "tuning": {"blocks": ["900-901", "902-902"]},
        }
    }
)["dfr"]
CANDIDATES = list(methods.candidates(ENTRY))
REPEATS = {"900-901": [900, 901], "902-902": [902]}
Values = Mapping[str, Mapping[int, float | None]]


def metrics_rows(repeat: int, values: Mapping[tuple[str, str, str | None], float | None]) -> list[dict[str, Any]]:
    """Rows of one run's metrics, from values by split, metric and group."""
    head = {"setting": "digits-test", "method": "dfr", "plan": "none", "strategy": "none", "block": "900-901", "repeat": repeat, "n": 10}
    return [{**head, "split": split, "metric": metric, "group": group, "value": value} for (split, metric, group), value in values.items()]


def write_metrics(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as a metrics file."""
    columns = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in schemas.METRICS.columns.items()}
    tables.write(path, pa.table(columns), schemas.METRICS, PROVENANCE)
    return path


def tuning_runs(folder: Path, validation: Values, test: Callable[[str, int], float] = lambda name, repeat: 0.5) -> dict[str, list[Path]]:
    """Write the metrics of every candidate's tuning runs: validation as given, along with other metrics, splits and groups."""
    return {
        name: [
            write_metrics(
                folder / f"{name}-{block}.parquet",
                [
                    row
                    for repeat in repeats
                    if repeat in validation[name]
                    for row in metrics_rows(
                        repeat,
                        {
                            ("test", "worst_group_accuracy", None): test(name, repeat),
                            ("validation", "worst_group_accuracy", None): validation[name][repeat],
                            ("validation", "accuracy", None): test(name, repeat),
                            ("validation", "group_accuracy", "cat"): test(name, repeat),
                            ("train", "train_samples", None): 100.0,
                        },
                    )
                ],
            )
            for block, repeats in REPEATS.items()
        ]
        for name in CANDIDATES
    }


def select(metrics: Mapping[str, list[Path]], output: Path, entry: Mapping[str, Any] = ENTRY) -> dict[str, Any]:
    """Run the stage and return what it wrote for readers; the choice alone is beside it."""
    outputs = {"selection": output, "choice": output.with_suffix(".choice.json")}
    select_candidate.run(metrics=metrics, method=entry, names=NAMES, outputs=outputs, provenance=PROVENANCE)
    content: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return content


def values(*per_candidate: float) -> dict[str, dict[int, float | None]]:
    """Values by candidate and repeat that have these means."""
    return {name: {900: mean - 0.1, 901: mean, 902: mean + 0.1} for name, mean in zip(CANDIDATES, per_candidate, strict=True)}


def test_the_highest_mean_wins() -> None:
    one, two = Candidate("one", {}, {0: 0.9, 1: 0.1}), Candidate("two", {}, {0: 0.5, 1: 0.6})
    assert choose([one, two]) is two and choose([two, one]) is two


@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=8), seed=st.integers(0, 100))
def test_the_order_of_repeats_does_not_matter_even_in_the_last_bit(shares: list[float], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(shares))
    assert mean_value(Candidate("a", {}, dict(enumerate(shares)))) == mean_value(Candidate("a", {}, {int(i): shares[i] for i in order}))


@given(means=st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=1, max_size=6))
def test_the_first_of_equals_wins(means: list[float]) -> None:
    candidates = [Candidate(str(place), {}, {0: mean, 1: mean}) for place, mean in enumerate(means)]
    assert choose(candidates).name == str(means.index(max(means)))


def test_a_tie_is_said_in_words() -> None:
    assert tie({"a": 0.5, "b": 0.7, "c": 0.6}) is None and tie({"a": 0.5}) is None
    assert tie({"a": 0.5, "b": 0.7, "c": 0.7 + 1e-16}) == "2 of 3 candidates have the highest mean 0.7: 'b', 'c'; the first is chosen"
    assert tie({"a": 1.0, "b": 1.0}) == ("all 2 candidates have the same mean 1, so nothing speaks for the one chosen, 'a', the first")


@pytest.mark.parametrize(
    ("means", "said"), [((0.5, 0.5, 0.5, 0.5), "all 4 candidates"), ((0.7, 0.5, 0.7, 0.1), "2 of 4"), ((0.7, 0.5, 0.3, 0.1), "")]
)
def test_a_tie_is_logged(tmp_path: Path, means: tuple[float, ...], said: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spurprune"):
        content = select(tuning_runs(tmp_path, values(*means)), tmp_path / "dfr.json")
    assert content["chosen"] == CANDIDATES[0]
    prefix = f"digits-test, method 'dfr', validation worst_group_accuracy: {said}"
    assert all(record.getMessage().startswith(prefix) for record in caplog.records) and len(caplog.records) == bool(said)


def test_a_refusal_says_why_the_metric_is_missing(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    validation = values(0.5, 0.7, 0.6, 0.2)
    for of_candidate in validation.values():
        of_candidate[901] = None
    metrics = tuning_runs(tmp_path, validation)
    reason = "no sample is of '5 with line', which training has"
    notes = {"missing": [Missing("validation", "worst_group_accuracy", reason, (901,)).to_plain()]}
    for path in (path for paths in metrics.values() for path in paths):
        table = tables.read(path, schemas.METRICS)
        tables.write(path, table, schemas.METRICS, replace(PROVENANCE, notes=notes))
    with pytest.raises(DataError) as caught:
        select(metrics, tmp_path / "dfr.json")
    assert f"has no validation worst_group_accuracy in repeat 901 ({reason}); " in str(caught.value)
    assert_one_sentence(str(caught.value))


def test_the_file_names_the_choice_and_the_candidates(tmp_path: Path) -> None:
    assert CANDIDATES == ["C-1.0.penalty-l1", "C-1.0.penalty-l2", "C-0.1.penalty-l1", "C-0.1.penalty-l2"]
    output = tmp_path / "selection" / "dfr.json"
    content = select(tuning_runs(tmp_path, values(0.5, 0.7, 0.7, 0.2)), output)
    assert {key: content[key] for key in ("setting", "method", "by", "plan", "blocks", "budget", "chosen", "coordinates")} == {
        "setting": "digits-test",
        "method": "dfr",
        "by": "worst_group_accuracy",
        "plan": "none",
        "blocks": ["900-901", "902-902"],
        "budget": 4,
        "chosen": "C-1.0.penalty-l2",
        "coordinates": {"options.C": 1.0, "options.penalty": "l2"},
    }
    assert [(one["name"], one["repeats"]) for one in content["candidates"]] == [(name, 3) for name in CANDIDATES]
    assert [one["mean"] for one in content["candidates"]] == pytest.approx([0.5, 0.7, 0.7, 0.2])
    assert content["candidates"][3]["coordinates"] == {"options.C": 0.1, "options.penalty": "l2"}
    choice = output.with_suffix(".choice.json")
    assert read_selection(choice, RUN) == content["coordinates"]
    assert methods.at(ENTRY, read_selection(choice, RUN))["options"] == {"C": 1.0, "penalty": "l2"}


def test_the_choice_alone_says_nothing_of_what_was_not_chosen(tmp_path: Path) -> None:
    for name, means in (("one", (0.5, 0.7, 0.6, 0.2)), ("two", (0.1, 0.8, 0.2, 0.3))):
        select(tuning_runs(tmp_path / name, values(*means)), tmp_path / f"{name}.json")
    assert (tmp_path / "one.json").read_bytes() != (tmp_path / "two.json").read_bytes()
    assert (tmp_path / "one.choice.json").read_bytes() == (tmp_path / "two.choice.json").read_bytes()


@pytest.mark.parametrize("by", RULES)
def test_each_rule_uses_its_own_metric(tmp_path: Path, by: str) -> None:
    best = {rule: CANDIDATES[place] for place, rule in enumerate(RULES)}
    metrics = {
        name: [
            write_metrics(
                tmp_path / f"{name}.parquet",
                metrics_rows(900, {("validation", rule, None): 0.9 if best[rule] == name else 0.3 for rule in RULES}),
            )
        ]
        for name in CANDIDATES
    }
    entry = {**ENTRY, "by": by, "tuning": {"blocks": ["900-900"]}}
    assert select(metrics, tmp_path / "dfr.json", entry)["chosen"] == best[by]


@settings(max_examples=15)
@given(seed=st.integers(0, 1 << 20))
def test_test_metrics_change_nothing(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = np.random.default_rng(seed)
    validation = values(0.5, 0.7, 0.6, 0.2)
    results = []
    for disturbed in (False, True):
        folder = tmp_path_factory.mktemp("disturbed" if disturbed else "plain")
        metrics = tuning_runs(folder, validation)
        for path in (path for paths in metrics.values() for path in paths if disturbed):
            rows = tables.read(path, schemas.METRICS).to_pylist()
            others = rng.permutation(np.arange(900, 1000)).tolist()
            for row in rows:
                if row["split"] == "test":
                    row["value"] = rng.choice([float(rng.random()), None])
                    row["repeat"] = others.pop()
            rows += metrics_rows(others.pop(), {("test", "worst_group_accuracy", None): 1.0})
            write_metrics(path, [rows[place] for place in rng.permutation(len(rows))])
        select(metrics, folder / "dfr.json")
        results.append((folder / "dfr.json").read_bytes())
    assert results[0] == results[1]


def test_equal_metrics_give_equal_bytes(tmp_path: Path) -> None:
    metrics = tuning_runs(tmp_path, values(0.5, 0.7, 0.6, 0.2))
    for name in ("one", "two"):
        select(metrics, tmp_path / f"{name}.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.mark.parametrize("lost", [None, "the row"])
def test_a_candidate_without_the_metric_is_refused(tmp_path: Path, lost: Any, assert_one_sentence: Callable[[str], None]) -> None:
    validation = values(0.5, 0.7, 0.6, 0.2)
    if lost == "the row":
        del validation[CANDIDATES[2]][901]
    else:
        validation[CANDIDATES[2]][901] = lost
    with pytest.raises(DataError) as caught:
        select(tuning_runs(tmp_path, validation), tmp_path / "dfr.json")
    assert_one_sentence(str(caught.value))
    for words in (f"'{CANDIDATES[2]}'", "worst_group_accuracy", "repeat 901", "methods.dfr.by"):
        assert words in str(caught.value)
    assert not (tmp_path / "dfr.json").exists()


def test_candidates_without_any_validation_metric_are_refused(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="'one' of the method 'dfr' has no validation accuracy;") as caught:
        check_comparable([Candidate("one", {}, {}), Candidate("two", {}, {})], "accuracy", "dfr")
    assert_one_sentence(str(caught.value))


def test_a_repeat_in_two_files_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    metrics = tuning_runs(tmp_path, values(0.5, 0.7, 0.6, 0.2))
    metrics[CANDIDATES[0]][1] = metrics[CANDIDATES[0]][0]
    with pytest.raises(DataError, match="repeat 900 a second time") as caught:
        select(metrics, tmp_path / "dfr.json")
    assert_one_sentence(str(caught.value))


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"coordinates": 3}'])
def test_a_damaged_selection_is_refused(tmp_path: Path, text: str | None, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "dfr.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_selection(path, RUN)
    assert_one_sentence(str(caught.value))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "change", [('"C-1.0"', '"C-2.0"'), ('"options.C": 1.0', '"options.C": 1.5'), ("options", "Options"), ("digest", "digesu")]
)
def test_a_selection_that_was_changed_is_refused(
    tmp_path: Path, change: tuple[str, str], assert_one_sentence: Callable[[str], None]
) -> None:
    path = tmp_path / "dfr.choice.json"
    write_selection(path, Choice("digits-test", "dfr", "C-1.0", {"options.C": 1.0}))
    assert read_selection(path, RUN) == {"options.C": 1.0}
    text = path.read_text()
    path.write_text(text.replace(*change))
    assert path.read_text() != text
    with pytest.raises(DataError) as caught:
        read_selection(path, RUN)
    assert_one_sentence(str(caught.value))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("other", [("digits-test", "jtt"), ("digits-other", "dfr")])
def test_the_selection_of_another_run_is_refused(
    tmp_path: Path, other: tuple[str, str], assert_one_sentence: Callable[[str], None]
) -> None:
    path = tmp_path / "dfr.choice.json"
    write_selection(path, Choice(*other, "C-1.0", {"options.C": 1.0}))
    with pytest.raises(DataError) as caught:
        read_selection(path, RUN)
    assert_one_sentence(str(caught.value))
    assert all(name in str(caught.value) for name in other)


def test_ties_but_for_rounding_go_to_the_first() -> None:
    """Two sums of five shares that are equal as fractions, of which the second is larger in floating point."""
    first, second = (
        Candidate(name, {}, {repeat: count / 74 for repeat, count in enumerate(counts)})
        for name, counts in (("a", (62, 63, 60, 63, 66)), ("b", (61, 65, 64, 64, 60)))
    )
    assert mean_value(first) < mean_value(second), "otherwise this shows nothing"
    assert choose([first, second]) is first and choose([second, first]) is second
