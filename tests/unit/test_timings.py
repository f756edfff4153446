"""Measured seconds: what a job's file says, and what adds up to the training behind a method, worked out by hand."""

import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spurprune.config import methods
from spurprune.config.config import Config
from spurprune.dag import planning
from spurprune.errors import DataError
from spurprune.evaluation.comparison import Entrant
from spurprune.evaluation.timings import seconds_behind
from spurprune.figures import entrants
from spurprune.storage import timings
from spurprune.storage.files import write_text
from spurprune.storage.provenance import Provenance, to_json
from spurprune.storage.timings import Timing

RUN = {"setting": "birds", "method": "erm", "candidate": "", "plan": "none", "block": "000-003"}
REFERENCE = {"setting": "birds", "recipe": "short", "block": "shared"}
HERE = "results/settings/birds/runs/erm/none/000-003/timing.json"


def written(folder: Path, place: dict[str, str], seconds: float, repeats: tuple[int, ...], resumed: bool = False) -> Timing:
    """What is read of a job's file at some place."""
    path = folder / "_".join(place.values()) / "timing.json"
    timings.write(path, Provenance(place, "0+code", "config", repeats), seconds=seconds, repeats=len(repeats), resumed=resumed)
    return timings.read(path)


def test_a_job_shares_its_seconds_among_its_repeats(tmp_path: Path) -> None:
    found = written(tmp_path, RUN, 10.0, (0, 1, 2, 3))
    assert (found.seconds, found.repeats, found.origin.kind) == (2.5, 4, "timing")
    assert found.origin.key == "timing block=000-003 method=erm plan=none setting=birds"
    shared = written(tmp_path, REFERENCE, 7.5, (-1,))
    assert (shared.seconds, shared.repeats, shared.origin.kind) == (7.5, 1, "reference_timing")
    assert written(tmp_path, RUN, 10.0, (0, 1), resumed=True).seconds is None


def test_what_is_no_timing_of_its_place_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / HERE
    own = Provenance(RUN, "0+code", "config", (0, 1))

    def text(provenance: Provenance = own, kind: str = "timing", **content: Any) -> str:
        return to_json(kind, 1, provenance, **({"seconds": 1.0, "resumed": False} | content))

    for content, expected in (
        (text().replace("1.0", "2.0"), "is damaged or no timing (its content does not match its digest)"),
        (text()[:-9], "is damaged or no timing ("),
        ("[]", "is damaged or no timing (it has no digest"),
        (text(kind="plan"), "is damaged or no timing (it holds 'plan v1')"),
        (text(seconds=None), "is damaged or no timing ("),
        (text(replace(own, repeats=None)), "does not say which job took that time; delete it and rerun."),
        (text(replace(own, place={"setting": "birds"})), "does not say which job took that time; delete it and rerun."),
        (text(replace(own, place=RUN | {"plan": "other"})), "holds the timing of the plan 'other', not of 'none'"),
    ):
        write_text(path, content)
        with pytest.raises(DataError) as error:
            timings.read(path)
        assert expected in str(error.value) and str(path) in str(error.value)
        assert_one_sentence(str(error.value))
    path.unlink()
    with pytest.raises(DataError, match="is missing; rerun the workflow to make it"):
        timings.read(path)
    os.mkfifo(path)
    with pytest.raises(DataError, match="cannot be read, since it is no regular file"):
        timings.read(path)


# The training behind a method

DFR = Entrant(
    method="dfr", base="dfr", kind="last_layer", plan="none", by="accuracy", epoch="last", budget=1, labels_train=False,
    labels_validation=False, candidates={}, candidates_of="dfr", references=2.0, batch_sizes={"": 64}, sources=[("erm", "none", {"": 64})],
    runs=[("dfr", "none"), ("erm", "none")], recipes=["short"],
)  # fmt: skip


def measured(folder: Path, resumed: bool = False) -> list[Timing]:
    """Two blocks of a refinement, of three repeats and one, and of its network; a reference that all repeats share; another plan's run."""
    dfr, first, second = {**RUN, "method": "dfr"}, {"block": "000-002"}, {"block": "003-003"}
    return [
        written(folder, dfr | first, 3.0, (0, 1, 2)),
        written(folder, dfr | second, 3.0, (3,)),
        written(folder, RUN | first, 30.0, (0, 1, 2)),
        written(folder, RUN | second, 14.0, (3,), resumed),
        written(folder, REFERENCE, 7.25, (-1,)),
        written(folder, RUN | first | {"plan": "random-0.10"}, 900.0, (0, 1, 2), resumed=True),
    ]


def test_the_seconds_of_a_repeat_are_those_of_its_run_its_network_and_its_references(tmp_path: Path) -> None:
    """Four repeats of the refinement took 6 s, of the network 44 s, and the reference 7.25 s: 1.5 + 11 + 7.25."""
    assert seconds_behind(DFR, "birds", measured(tmp_path)) == 19.75


def test_they_are_unknown_if_a_job_was_resumed(tmp_path: Path) -> None:
    assert math.isnan(seconds_behind(DFR, "birds", measured(tmp_path, resumed=True)))
    alone = replace(DFR, runs=[("dfr", "none")])
    assert seconds_behind(alone, "birds", measured(tmp_path, resumed=True)) == 8.75, "the job is not behind this one"


def test_a_job_without_a_timing_is_named(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    for lacking, expected in (("recipe", "setting 'birds', recipe 'short'"), ("method", "setting 'birds', method 'dfr', plan 'none'")):
        left = [one for one in measured(tmp_path) if lacking not in one.origin.provenance.place]
        with pytest.raises(DataError) as error:
            seconds_behind(DFR, "birds", left)
        assert str(error.value) == f"There is no timing of {expected}; rerun the workflow to make it."
        assert_one_sentence(str(error.value))


# Which files these are


@pytest.fixture(scope="module")
def compared(root: Path) -> Config:
    return planning.load([root / "tests/workflow/methods.yaml"])


def timed(config: Config, names: list[str], more: dict[str, Any] | None = None) -> list[str]:
    """The timings behind methods of a comparison, some of them added to the configuration, without the setting's folder."""
    changed = replace(config, methods={**config.methods, **methods.expanded(more or {})})
    study = {**config.studies["comparison"], "methods": names, "blocks": ["000-001", "002-002"]}
    found = entrants.timed({"settings": ["rivals"]}, study, changed)
    assert len(set(found)) == len(found) and {path.split("/")[1] for path in found} == {"rivals"}
    assert [path.replace("000-001", "002-002") for path in found if "000-001" in path] == [path for path in found if "002-002" in path]
    return sorted(path.removeprefix("settings/rivals/") for path in found if "000-001" in path)


def test_the_timings_behind_a_comparison_are_those_of_its_runs_networks_and_references(compared: Config) -> None:
    assert timed(compared, ["erm"]) == ["runs/erm/none/000-001/timing.json"]
    assert timed(compared, ["dro"]) == ["reference/early/000-001/timing.json", "runs/dro/none/000-001/timing.json"], "by its partition"
    assert timed(compared, ["choosing"]) == [
        "reference/early/000-001/timing.json",
        "runs/choosing/tuned-choosing/000-001/timing.json",
        "runs/choosing_by_worst_class_accuracy/tuned-choosing_by_worst_class_accuracy/000-001/timing.json",
    ], "one of the plans to choose among is of a partition"
    assert timed(compared, ["last_layer", "erm"]) == ["runs/erm/none/000-001/timing.json", "runs/last_layer/none/000-001/timing.json"]
    by_quota = {"quota": {"kind": "erm", "plan": "class_quota-dro-0.30"}}
    assert timed(compared, ["quota"], by_quota) == [
        "reference/early/000-001/timing.json",
        "runs/dro/none/000-001/timing.json",
        "runs/quota/class_quota-dro-0.30/000-001/timing.json",
    ], "and what is behind the run that decides the quotas"
