"""take_plan: the plan that a method's candidates chose, under a name of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from spurprune.config.methods import PLAN
from spurprune.errors import DataError
from spurprune.evaluation.choices import origins_of, read_selection
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance, trace


def run(
    *, candidates: Mapping[str, Path], selection: Path, method: str, repeats: Sequence[int], output: Path, provenance: Provenance
) -> None:
    """Write the plan that ``method`` chose, as it is, for the runs that use it.

    ``candidates`` maps the names of the plans to choose among to their files, ``selection`` is the choice. Raises DataError if the choice
    names no candidate.
    """
    place = {**provenance.place, "method": method}
    chosen = str(read_selection(selection, replace(provenance, place=place)).get(PLAN))
    if chosen not in candidates:
        raise DataError(f"{selection} chooses the plan '{chosen}', but the choice is among {', '.join(candidates)}; delete it and rerun.")
    path = candidates[chosen]
    origin = tables.origin_of(path, schemas.PLAN, {**provenance.place, "plan": chosen}, repeats)
    traced = trace(provenance, origin, *origins_of({"selection": selection}))
    taken = replace(traced, counts=origin.provenance.counts, notes=origin.provenance.notes)
    tables.write(output, tables.read(path, schemas.PLAN), schemas.PLAN, taken)
