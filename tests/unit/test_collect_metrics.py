"""collect_metrics where studies make no runs."""

from pathlib import Path

from spurprune.stages import collect_metrics
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance


def test_without_runs_the_table_has_no_rows(tmp_path: Path) -> None:
    output = tmp_path / "metrics.parquet"
    collect_metrics.run(metrics=[], output=output, provenance=Provenance.of({}, {"code": "0" * 16}))
    table = tables.read(output, schemas.METRICS)
    assert table.num_rows == 0 and table.column_names == list(schemas.METRICS.columns)
