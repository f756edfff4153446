"""collect_metrics: the metrics of all runs in one table, for users; nothing depends on it."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance, require_compatible


def run(*, metrics: Sequence[Path], output: Path, provenance: Provenance) -> None:
    """Write the concatenation of the runs' metrics, without rows if studies make no runs.

    Raises DataError if a file is missing, damaged or not where it belongs, or if the files do not belong together (see
    ``require_compatible``).
    """
    require_compatible(provenance, *(tables.origin_of(path, schemas.METRICS, {}) for path in metrics))
    none = pa.table({name: pa.array([], kind) for name, kind in schemas.METRICS.columns.items()})
    found = [tables.read(path, schemas.METRICS).replace_schema_metadata() for path in metrics]
    tables.write(output, pa.concat_tables(found) if found else none, schemas.METRICS, provenance)
