"""Quick attacks on tables: damage, edits and misplaced tables are refused or harmless, never another result."""

from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spurprune.data.embedding import predictions_table
from spurprune.errors import DataError
from spurprune.storage import schemas
from spurprune.storage import tables as tables_
from tests.robustness import table_changes, tables
from tests.robustness.outcome import CLEAR, GOOD
from tests.robustness.pipeline import PLAN, Study


def test_no_table_changes_a_result() -> None:
    outcomes = tables.attack(1, 60)
    assert [one for one in outcomes if one.outcome not in GOOD] == []
    assert Counter(one.outcome for one in outcomes)[CLEAR] > 30


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of one setting, without training."""
    made = Study(tmp_path_factory.mktemp("study"), "aaaa")
    made.prepare()
    made.prepare_setting("plain", "000-001", [0, 1])
    return made


@pytest.mark.parametrize("change", table_changes.ALL, ids=lambda change: f"{type(change).__name__}-{change.edit.__name__}")
def test_every_edit_changes_some_table(study: Study, change: table_changes.Raw | table_changes.Rewritten) -> None:
    place = {"setting": "plain", "block": "000-001"}
    predictions = study.path("predictions", method="erm", plan=PLAN, **place)
    shown = [predictions_table(0, "test", view, np.arange(5), np.ones((5, 10), np.float32)) for view in ("natural", "featured")]
    tables_.write(predictions, pa.concat_tables(shown).unify_dictionaries(), schemas.PREDICTIONS, study.provenance(place, [0]))
    contents = [path.read_bytes() for path in (study.path("plan", plan=PLAN, **place), predictions)]
    made = {change(content, b"", np.random.default_rng(seed))[0] for content in contents for seed in range(3)}
    assert made - set(contents)


def test_a_reader_that_checks_nothing_is_found_out(study: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The attack runs in another process, so one of its subjects is read here, unchecked."""
    output = study.path("difficulty", score="el2n", setting="plain", block="000-001")
    subject = tables.subject(study.steps[output], "dynamics", output, output, tmp_path)
    expected, whole = subject.read(), subject.path.read_bytes()
    monkeypatch.setattr(tables_, "_require_intact", lambda table, parts: None)
    monkeypatch.setattr("spurprune.storage.contents.INVARIANTS", {})
    silent = 0
    for seed in range(40):
        subject.path.write_bytes(table_changes.Raw(table_changes.value_changed)(whole, b"", np.random.default_rng(seed))[0])
        with suppress(DataError):  # where a change breaks what is still checked
            silent += subject.read() != expected
    subject.path.write_bytes(whole)
    assert silent
