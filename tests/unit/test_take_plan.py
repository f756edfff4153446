"""take_plan: the plan that a method chose, under a name of its own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spurprune.errors import DataError
from spurprune.evaluation.choices import Choice, write_selection
from spurprune.stages import take_plan
from spurprune.storage import schemas, tables
from spurprune.storage.columns import labels
from spurprune.storage.provenance import Provenance

NAMES = ("random-0.10", "per_class-el2n-hardest-0.20")
OWN = Provenance(
    {"setting": "pets", "plan": "tuned-mine", "block": "000-000"},
    "0+taken",
    "config",
    (0,),
    made_by={f"plan {name}": "code" for name in NAMES},
)


def write_plan(path: Path, name: str, weight: list[float], code: str = "code") -> Path:
    n = len(weight)
    columns = {
        "repeat": np.zeros(n, dtype=np.int16),
        "sample_id": np.arange(n),
        "weight": np.array(weight),
        "reason": labels(["kept" if one else "pruned" for one in weight], ["kept", "pruned"]),
    }
    place = {"setting": "pets", "plan": name, "block": "000-000"}
    notes = {"plan": name, "visits": "exact"}
    tables.write(
        path, pa.table(columns), schemas.PLAN, Provenance(place, f"0+{code}", name, (0,), {"0": {"pruned": weight.count(0)}}, notes)
    )
    return path


@pytest.fixture
def candidates(tmp_path: Path) -> dict[str, Path]:
    weights = ([1.0, 1.0, 0.0], [0.0, 1.0, 1.0])
    return {name: write_plan(tmp_path / f"{name}.parquet", name, weight) for name, weight in zip(NAMES, weights, strict=True)}


def take(folder: Path, candidates: dict[str, Path], chosen: str, own: Provenance = OWN, method: str = "mine") -> Path:
    selection, output = folder / "mine.choice.json", folder / "taken.parquet"
    write_selection(selection, Choice("pets", method, f"plan-{chosen}", {"plan": chosen}))
    take_plan.run(candidates=candidates, selection=selection, method="mine", repeats=[0], output=output, provenance=own)
    return output


@pytest.mark.parametrize("chosen", NAMES)
def test_the_chosen_plan_is_taken_as_it_is(tmp_path: Path, candidates: dict[str, Path], chosen: str) -> None:
    taken = take(tmp_path, candidates, chosen)
    assert tables.read(taken, schemas.PLAN).equals(tables.read(candidates[chosen], schemas.PLAN))
    found = tables.origin_of(taken, schemas.PLAN, {}).provenance
    assert found.place == OWN.place and found.notes == {"plan": chosen, "visits": "exact"} and found.counts["0"] == {"pruned": 1}
    assert {key.split(" ")[0] for key in found.sources} == {"plan", "choice"}
    assert not any(other in key for key in found.sources for other in set(NAMES) - {chosen}), "the others have no effect"


def test_what_was_not_to_be_chosen_is_refused(
    tmp_path: Path, candidates: dict[str, Path], assert_one_sentence: Callable[[str], None]
) -> None:
    unknown, foreign = (lambda: take(tmp_path, candidates, "none")), (lambda: take(tmp_path, candidates, NAMES[0], method="other"))
    misplaced = {NAMES[0]: candidates[NAMES[1]], NAMES[1]: candidates[NAMES[0]]}
    outdated = replace(OWN, made_by={f"plan {name}": "newer" for name in NAMES})
    for action, expected in (
        (unknown, "chooses the plan 'none', but the choice is among random-0.10, per_class-el2n-hardest-0.20"),
        (foreign, "is the selection of the method 'other'"),
        (lambda: take(tmp_path, misplaced, NAMES[0]), "holds the plan of the plan 'per_class-el2n-hardest-0.20', not of 'random-0.10'"),
        (lambda: take(tmp_path, candidates, NAMES[0], outdated), "was made by another version of the code"),
    ):
        with pytest.raises(DataError) as error:
            action()
        assert expected in str(error.value)
        assert_one_sentence(str(error.value))
