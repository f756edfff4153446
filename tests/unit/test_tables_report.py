"""What all reports share: tidy CSV at full precision, readable Markdown, files that are written completely or not at all."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from spurprune.errors import DataError
from spurprune.evaluation.statistics import Estimate
from spurprune.storage.files import write_text
from spurprune.storage.tidy import to_csv
from spurprune.tables.report import NOT_KNOWN, Bold, Report, Section, interval, natural_key, number_of_repeats, to_markdown

NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class Record:
    """A row of a table."""

    name: str
    score: str | None
    count: int
    value: float
    share: Estimate


def test_csv_spreads_an_estimate_over_four_columns_and_leaves_undefined_cells_empty() -> None:
    rows = [Record("a", None, 3, 0.1 + 0.2, Estimate(0.5, 0.25, 0.75, 5)), Record('b, "c"', "el2n", 4, math.nan, NOTHING)]
    assert to_csv(rows) == (
        "name,score,count,value,share,share_ci_low,share_ci_high,share_repeats\n"
        "a,,3,0.30000000000000004,0.5,0.25,0.75,5\n"
        '"b, ""c""",el2n,4,,,,,0\n'
    )


def test_csv_keeps_every_digit() -> None:
    values = np.random.default_rng(0).normal(size=100)
    text = to_csv([Record("x", None, 0, value, NOTHING) for value in values])
    assert [float(row["value"]) for row in csv.DictReader(io.StringIO(text))] == values.tolist()


@pytest.mark.parametrize("name", ["a\rb", "a\r\nb", "a\nb", 'a"b', "a,b", "=1+1", "+1", "@a", "-1", " a ", "a\r\n", "<b>", "'"])
def test_csv_gives_names_back_as_they_were(name: str, tmp_path: Path) -> None:
    write_text(tmp_path / "a.csv", to_csv([Record(name, name, 3, 0.5, NOTHING)] * 2))
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["name"], row["score"], row["count"]) for row in rows] == [(name, name, "3")] * 2


def test_csv_of_nothing_is_empty() -> None:
    assert to_csv([]) == ""


def test_intervals_in_words() -> None:
    estimate = Estimate(0.412, 0.312, 0.512, 5)
    assert interval(estimate) == "0.41 ± 0.10"
    assert interval(estimate, 100, 1) == "41.2 ± 10.0"
    assert interval(estimate, 100, 1, sign=True) == "+41.2 ± 10.0"
    assert interval(Estimate(-0.05, -0.07, -0.03, 5), 100, 1, sign=True) == "−5.0 ± 2.0"
    assert interval(Estimate(-0.0001, -0.02, 0.0198, 5), 100, 1, sign=True) == "0.0 ± 2.0"
    assert interval(Estimate(0.412, math.nan, math.nan, 1), 100, 1) == "41.2"
    assert interval(NOTHING) == NOT_KNOWN


@pytest.mark.parametrize(("counts", "text"), [([5, 5], "n = 5"), ([5, 3, 4], "n = 3 to 5"), ([], "n = 0")])
def test_the_number_of_repeats_in_words(counts: list[int], text: str) -> None:
    assert number_of_repeats(counts) == text


def test_names_sort_by_the_numbers_in_them() -> None:
    assert sorted(["count-10", "count-5", "count", "b", "count-5.start-2"], key=natural_key) == [
        "b",
        "count",
        "count-5",
        "count-5.start-2",
        "count-10",
    ]


def test_markdown_is_a_title_an_introduction_and_tables() -> None:
    report = Report([], "What is seen.", [Section("One", ["Name", "Value"], [["a|b", "1"], ["c", "2"]])])
    assert to_markdown("Title", report) == (
        "# Title\n\nWhat is seen.\n\n## One\n\n| Name | Value |\n| :-- | --: |\n| a\\|b | 1 |\n| c | 2 |\n"
    )


def test_markdown_shows_names_literally_and_bold_cells_in_bold() -> None:
    report = Report([], "*Seen*.", [Section("a|b\n<i>", ["*Name*", "Value"], [["per_class", Bold("+1.0")], ["_a_ `b`\n| c", Bold("*")]])])
    assert to_markdown("# 1\n\n<script>", report) == (
        "# \\# 1 \\<script\\>\n\n*Seen*.\n\n## a\\|b \\<i\\>\n\n| \\*Name\\* | Value |\n| :-- | --: |\n"
        "| per_class | **+1.0** |\n| \\_a\\_ \\`b\\` \\| c | **\\*** |\n"
    )


def test_text_is_written_whole_into_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.md"
    write_text(path, "Δ ± 1\n")
    write_text(path, "Δ ± 2\n")
    assert path.read_bytes() == "Δ ± 2\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"file/table\.csv could not be written") as error:
        write_text(tmp_path / "file" / "table.csv", "x")
    assert_one_sentence(str(error.value))
