"""Broken configurations: each of some of every kind is refused in one sentence, or rightly accepted."""

import time

import pytest

from spurprune.config import loading
from tests.robustness import configurations
from tests.robustness.configurations import MUST_FAIL, Change, Documents, attack
from tests.robustness.outcome import GOOD, HANG, SILENT, TRACEBACK, Outcome, is_one_sentence


def test_broken_configurations_are_refused_in_one_sentence() -> None:
    outcomes = attack(seed=7, count=2 * len(configurations.MUTATIONS))
    assert [one for one in outcomes if one.outcome not in GOOD] == []
    assert len({one.outcome for one in outcomes}) == 2
    assert len({one.change for one in outcomes}) > len(configurations.MUTATIONS)


def test_equal_seeds_make_equal_attacks() -> None:
    assert attack(seed=3, count=6) == attack(seed=3, count=6)


@pytest.mark.parametrize(("name", "expected"), [("nothing", SILENT), ("error", TRACEBACK), ("endless", HANG)])
def test_an_attack_notices_what_is_wrong(name: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that changes nothing but must be refused, and loading that fails or never ends."""

    def error(*arguments: object) -> object:
        raise KeyError("x")

    def endless(*arguments: object) -> object:
        while True:
            time.sleep(0.01)

    configurations.needs_of("config/config.yaml")  # as it is, before loading is replaced
    monkeypatch.setattr(configurations, "BASES", ("config/config.yaml",))
    monkeypatch.setattr(configurations, "MUTATIONS", (lambda rng, documents: Change("nothing", MUST_FAIL),))
    monkeypatch.setattr(configurations, "SECONDS", 0.2 if name == "endless" else 30)
    if name != "nothing":
        monkeypatch.setattr(loading, "load", {"error": error, "endless": endless}[name])
    (found,) = attack(seed=0, count=1)
    assert isinstance(found, Outcome)
    assert (found.subject, found.outcome) == ("config/config.yaml", expected)


def test_the_shipped_configurations_are_written_back_as_they_are() -> None:
    for name in configurations.BASES:
        documents = configurations.base(name)
        assert isinstance(documents, Documents)
        assert configurations._needs(documents) == configurations.needs_of(name)


def test_one_sentence() -> None:
    assert is_one_sentence("a.b is 0.5, but must be 1.")
    assert not any(map(is_one_sentence, ("no stop", "Two. Sentences.", "two\nlines.", " blank.", "What? No.")))
