"""Published values: complete, and the same wherever the project prints them."""

import re
from pathlib import Path

import pytest

from spurprune.dag import kinds
from spurprune.evaluation.published import Accuracy, _accuracy, comparison, published, rivals, share, table_1


def table_of(page: str, heading: str) -> list[list[str]]:
    """The cells of the first Markdown table below a heading, without its header and ruler."""
    section = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_table_1_of_the_documentation_agrees(root: Path) -> None:
    rows = table_of((root / "docs/reproduction.md").read_text(encoding="utf-8"), "Table 1")
    kept = []
    for method in published().methods:
        results = [method.results.get(dataset) for dataset in ("waterbirds", "multinli")]
        cells = [text for result in results for text in ((result.worst.printed, result.mean.printed) if result else ("–", "–"))]
        kept.append([method.name, *cells, *("yes" if needed else "no" for needed in (method.labels_train, method.labels_validation))])
    assert [row[:7] for row in rows] == kept and len(kept) == 7


def test_what_the_methods_authors_published_agrees(root: Path) -> None:
    rows = table_of((root / "docs/reproduction.md").read_text(encoding="utf-8"), "Rivals")
    kept = []
    for one in published().originals.values():
        cells = [f"{one.name} ({one.source})"]
        for dataset in ("waterbirds", "celeba_blond", "multinli"):
            mean = f" ({one.mean[dataset].printed})" if dataset in one.mean else ""
            doubt = "‡" if dataset in one.unverified else ""
            cells.append(f"{one.worst[dataset].printed}{mean}{doubt}" if dataset in one.worst else "–")
        kept.append(cells)
    assert rows[: len(kept)] == kept and rows[len(kept)] == ["rival", "their code", "here"]


def test_what_is_only_known_at_second_hand_is_marked() -> None:
    found = {key: one.unverified for key, one in published().originals.items() if one.unverified}
    assert found == {"dfr_train": ("celeba_blond",), "subg": ("multinli",), "spare": ("waterbirds", "celeba_blond")}


def test_authors_and_table_1_agree_except_on_group_dro() -> None:
    """The paper's row is of its early-stopped variant."""
    pairs = {
        (method.key, dataset): (result.worst.value, published().originals[method.key].worst[dataset].value)
        for method in published().methods
        if method.key in published().originals
        for dataset, result in method.results.items()
    }
    assert len(pairs) == 8
    assert {key for key, (table, author) in pairs.items() if table != author} == {("gdro", "waterbirds")}


def test_single_values_of_the_documentation_agree(root: Path) -> None:
    claims = (root / "docs/reproduction.md").read_text(encoding="utf-8").split("\n## Claims\n")[1].split("\n## ")[0]
    values = [f"{value.value:g}" if value.value != 58 else "58.0" for value in published().values.values()]
    assert len(values) == 5
    for value in values:
        assert re.search(rf"(?<![\d.]){re.escape(value)}(?![\d.]*\d)", claims), value


@pytest.mark.parametrize(("printed", "value", "spread"), [("74.81 (0.7)", 74.81, 0.7), ("86.7", 86.7, None), ("98.10 (0.1)", 98.1, 0.1)])
def test_an_accuracy_as_printed(printed: str, value: float, spread: float | None) -> None:
    assert _accuracy(printed) == Accuracy(printed, value, spread)


@pytest.mark.parametrize("printed", ["", "86,7", "86.7 0.3", "–"])
def test_anything_but_an_accuracy_is_refused(printed: str) -> None:
    with pytest.raises(ValueError, match="is not an accuracy"):
        _accuracy(printed)


def test_shares_have_only_the_printed_digits() -> None:
    for method in published().methods:
        for result in method.results.values():
            for accuracy in (result.worst, result.mean):
                assert len(repr(share(accuracy.value))) <= 6 and share(accuracy.value) == pytest.approx(accuracy.value / 100)


def test_the_rivals_of_a_dataset_are_those_with_results_on_it() -> None:
    lines = rivals("multinli")
    assert [(line["name"], line["metric"], line["value"]) for line in lines] == [
        ("JTT", "worst_group_accuracy", 0.726),
        ("JTT", "accuracy_weighted", 0.786),
        ("gDRO", "worst_group_accuracy", 0.777),
        ("gDRO", "accuracy_weighted", 0.814),
        ("DFR (train)", "worst_group_accuracy", 0.715),
        ("DFR (train)", "accuracy_weighted", 0.825),
    ]
    assert {line["source"] for line in lines} == {"Mulchandani and Kim 2025, Table 1"}


def test_a_comparison_of_carriers() -> None:
    lines = comparison("never")
    assert [(line["name"], line["value"]) for line in lines] == [("none", 0.6742), ("easiest", 0.5522), ("hardest", 0.0104)]
    assert {(line["metric"], line["source"]) for line in lines} == {("worst_group_accuracy", "Mulchandani and Kim 2025, App. A.4")}


def test_kinds_without_published_values_get_none() -> None:
    for kind in {**kinds.figure_kinds(), **kinds.table_kinds()}.values():
        shown = kind.published({"kind": "any"})
        assert shown == ({"published": table_1()} if "benchmarks" in kind.required else {})
