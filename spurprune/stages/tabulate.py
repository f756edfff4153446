"""tabulate: one table of a study, as CSV for programs and as Markdown for readers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spurprune.dag import plugins
from spurprune.evaluation import survival
from spurprune.evaluation.choices import read_choices
from spurprune.evaluation.frame import read_metrics, read_tuning
from spurprune.storage import schemas, tables, timings
from spurprune.storage.files import write_text
from spurprune.storage.provenance import Provenance, require_compatible
from spurprune.storage.tidy import to_csv
from spurprune.tables.report import Scored, Sources, to_markdown

READ = {"metrics": schemas.METRICS, "difficulty": schemas.DIFFICULTY, "tuning": schemas.METRICS}


def run(*, inputs: Mapping[str, Sequence[Path]], table: Mapping[str, Any], outputs: Mapping[str, Path], provenance: Provenance) -> None:
    """Write a table; ``table`` holds its ``kind``, its ``title``, and the options of the kind.

    ``inputs`` maps what the kind reads (metrics, difficulty, tuning, choices, timings, masks) to files, in any order; ``outputs`` names the
    paths csv and markdown. Raises DataError if an input is missing, damaged or not where it belongs, or if the inputs do not belong
    together (see ``require_compatible``).
    """
    origins = [tables.origin_of(path, schema, {}) for name, schema in READ.items() for path in inputs.get(name, ())]
    origins += [survival.origin_of(path) for path in inputs.get("masks", ())]
    timed = [timings.read(path) for path in inputs.get("timings", ())]
    require_compatible(provenance, *origins, *(one.origin for one in timed))
    sources = Sources(
        read_metrics(inputs.get("metrics", ())),
        [_scored(path) for path in inputs.get("difficulty", ())],
        read_tuning(inputs.get("tuning", ())),
        read_choices(inputs.get("choices", ())),
        timed,
        [one for path in inputs.get("masks", ()) for one in survival.read(path)],
    )
    report = plugins.load("tables", table["kind"]).report(sources, table)
    write_text(outputs["csv"], to_csv(report.rows))
    write_text(outputs["markdown"], to_markdown(table["title"], report))


def _scored(path: Path) -> Scored:
    found = tables.origin_of(path, schemas.DIFFICULTY, {}).provenance
    return Scored(tables.read(path, schemas.DIFFICULTY), found.setting, found.notes)
