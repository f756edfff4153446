"""The recorded training dynamics of a setting's reference runs, read from their file into arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spurprune.errors import DataError
from spurprune.storage import schemas, tables
from spurprune.storage.columns import ByRepeat, to_numpy
from spurprune.storage.provenance import BLOCK, Origin

SHARED_REPEAT = -1  # the repeat number of a reference that all repeats share
KEYS = schemas.DYNAMICS.key


def origin_of(path: Path, place: Mapping[str, str], repeats: Sequence[int]) -> Origin:
    """Return the origin of a dynamics file; raises DataError unless it is of this place and these repeats, or shared by all repeats."""
    found = tables.origin_of(path, schemas.DYNAMICS, {})
    if found.provenance.repeats == (SHARED_REPEAT,):
        return found.require({key: value for key, value in place.items() if key != BLOCK})
    return found.require(place, repeats)


@dataclass(frozen=True)
class Recorded:
    """The dynamics of one or several repeats; ``shared`` if all repeats have the same reference runs. ``where`` names the file.

    ``seeds`` and ``epochs`` are what every repeat must have been recorded with, None if the file does not say.
    """

    table: pa.Table
    shared: bool
    where: str
    seeds: Sequence[int] | None = None
    epochs: Sequence[int] | None = None

    @classmethod
    def read(cls, path: Path, values: Sequence[str] | None = None) -> "Recorded":
        """Read all or some ``values`` of a dynamics file; raises DataError if it is missing or damaged."""
        table = tables.read(path, schemas.DYNAMICS, None if values is None else [*KEYS, *values])
        counts = tables.read_metadata(path, schemas.DYNAMICS)["counts"]
        shared = bool(pc.any(pc.equal(table.column("repeat"), SHARED_REPEAT)).as_py())
        seeds = range(counts["reference_seeds"]) if "reference_seeds" in counts else None
        return cls(table, shared, str(path), seeds, counts.get("epochs"))

    def arrays(
        self, repeat: int, sample_id: np.ndarray, *, epochs: Sequence[int] | None = None, seed: int | None = None
    ) -> dict[str, np.ndarray]:
        """Return one repeat's values by name, arrays [reference seeds, epochs, samples] in the order of ``sample_id``, int64 [samples].

        ``epochs`` and ``seed`` select recorded epochs and a reference seed; None takes all. Raises DataError if any of it was not recorded.
        """
        table = self._by_repeat.rows(SHARED_REPEAT if self.shared else repeat)
        self._require_all(table, repeat)
        if epochs is not None:
            table = table.filter(pc.is_in(table.column("epoch"), pa.array(epochs, pa.int16())))
        if seed is not None:
            table = table.filter(pc.equal(table.column("reference_seed"), seed))
        table = table.sort_by([("reference_seed", "ascending"), ("epoch", "ascending"), ("sample_id", "ascending")])
        num_seeds = pc.count_distinct(table.column("reference_seed")).as_py()
        num_epochs = pc.count_distinct(table.column("epoch")).as_py()
        missing = [] if epochs is None else sorted(set(epochs) - set(table.column("epoch").unique().to_pylist()))
        if missing or len(table) == 0 or len(table) != num_seeds * num_epochs * len(sample_id):
            of = "".join([f", epoch {missing[0]}" if missing else "", "" if seed is None else f", reference seed {seed}"])
            raise DataError(f"{self.where} lacks dynamics of repeat {repeat}{of} (it holds {len(table)} rows); delete the file and rerun.")
        order = np.argsort(sample_id)
        found = to_numpy(table.column("sample_id")).reshape(num_seeds, num_epochs, -1)
        if not (found == sample_id[order]).all():
            raise DataError(f"{self.where} does not hold the dynamics of the setting's training samples; delete the file and rerun.")
        back = np.argsort(order)
        names = [name for name in table.column_names if name not in KEYS]
        return {name: to_numpy(table.column(name)).reshape(num_seeds, num_epochs, -1)[:, :, back] for name in names}

    @cached_property
    def _by_repeat(self) -> ByRepeat:
        return ByRepeat(self.table)

    def _require_all(self, table: pa.Table, repeat: int) -> None:
        """Raise DataError unless one repeat's rows are of exactly the reference seeds and epochs that the file says it holds."""
        for name, wanted in (("reference_seed", self.seeds), ("epoch", self.epochs)):
            found = sorted(table.column(name).unique().to_pylist())
            if wanted is not None and found != list(wanted):
                what = name.replace("_", " ")
                raise DataError(
                    f"{self.where} holds the {what}s {found} of repeat {repeat}, not {list(wanted)}; delete the file and rerun."
                )
