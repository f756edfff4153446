"""collect_metrics: the metrics of all runs in one table, for users; nothing depends on it."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from spurprune.storage import schemas, tables


def run(*, metrics: Sequence[Path], output: Path, provenance: tables.Provenance) -> None:
    """Write the concatenation of the runs' metrics; raises DataError if one is missing or damaged."""
    table = pa.concat_tables(tables.read(path, schemas.METRICS).replace_schema_metadata() for path in metrics)
    tables.write(output, table, schemas.METRICS, provenance)
