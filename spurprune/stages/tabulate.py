"""tabulate: one table of a study, as CSV for programs and as Markdown for readers."""

from pathlib import Path
from typing import Any

from spurprune.dag import plugins
from spurprune.storage import tables
from spurprune.storage.files import write_text
from spurprune.storage.tidy import to_csv
from spurprune.tables.report import Source, to_markdown


def run(sources: list[Path], options: dict[str, Any], csv: Path, markdown: Path) -> None:
    """Write the table that ``options`` ask for: its ``kind``, its ``title``, and what that kind takes besides.

    ``sources`` are the kind's input tables, in any order. Raises DataError if one is missing or damaged.
    """
    plugin = plugins.load("tables", options["kind"])
    inputs = []
    for path in sources:
        metadata = tables.read_metadata(path, plugin.SCHEMA)
        inputs.append(Source(tables.read(path, plugin.SCHEMA), metadata["setting"], metadata["notes"]))
    report = plugin.report(inputs, options)
    write_text(csv, to_csv(report.rows))
    write_text(markdown, to_markdown(options["title"], report))
