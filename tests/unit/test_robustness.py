"""A quick attack on files between stages that are not tables: damage is refused or harmless, never read as other values."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.robustness import changes
from tests.robustness.binary import attack

TRIES = 200


def test_no_damage_changes_what_is_read(assert_one_sentence: Callable[[str], None]) -> None:
    outcomes = attack(0, TRIES)
    assert len(outcomes) == TRIES
    assert [one for one in outcomes if one.outcome not in ("clear", "same")] == []
    refused = [one for one in outcomes if one.outcome == "clear" and one.kind != "checkpoint"]
    for one in refused:
        assert_one_sentence(one.detail)
        assert "rerun" in one.detail
    assert Counter(one.outcome for one in outcomes)["clear"] > TRIES / 2


@pytest.mark.parametrize("change", changes.ALL, ids=lambda change: change.__name__)
def test_every_change_changes_something(change: changes.Change) -> None:
    content = b'{"name": 1234}' + np.random.default_rng(0).bytes(5000)
    made = {change(content, content[::-1], np.random.default_rng(seed))[0] for seed in range(8)} - {content}
    assert made


def test_a_reader_that_checks_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The attack runs in another process, so the examples are read here, unchecked."""
    from spurprune.storage import checksums
    from tests.robustness import subjects

    (array, *_) = subjects.dataset(tmp_path)
    expected, whole = array.read(), array.path.read_bytes()
    monkeypatch.setattr(checksums, "checksum", lambda data: None)
    monkeypatch.setattr(checksums, "of_text", lambda text: [None] * (len(text) // checksums.DIGITS))
    array.path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert array.read() != expected
