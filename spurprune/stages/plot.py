"""plot: one figure from its own runs' files, as PDF and PNG, with the numbers behind it and what is seen in it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.dag import plugins
from spurprune.data.inputs import open_inputs, read_manifest
from spurprune.data.samples import Samples, from_table
from spurprune.figures.base import Material, Ranking, Spec, index_metrics
from spurprune.storage import schemas, tables
from spurprune.storage.files import write_text
from spurprune.storage.schemas import TableSchema
from spurprune.storage.tables import to_numpy
from spurprune.storage.tidy import to_csv

Paths = Mapping[str, Sequence[Path]]


def run(inputs: Paths, plain: Mapping[str, Any], outputs: Mapping[str, Path], provenance: tables.Provenance) -> None:
    """Draw one figure.

    ``inputs`` maps what the figure's kind asks for (metrics, history, samples, difficulty, manifests, images) to files; ``plain`` describes
    the figure (see ``Spec``); ``outputs`` names the paths pdf, png, csv and findings. Raises DataError if an input is missing or damaged.
    """
    spec = Spec.of(plain)
    material = read_material(inputs, spec)
    from spurprune.figures import style  # Matplotlib takes half a second to load: a file that is missing is told before

    with style.house_style():
        drawing = plugins.load("figures", spec.options["kind"]).make(material, spec)
        subject = f"configuration {provenance.config_hash}, code {provenance.code_version}"
        style.save(drawing.figure, outputs["pdf"], outputs["png"], spec.title, subject)
    write_text(outputs["csv"], to_csv(drawing.numbers))
    write_text(outputs["findings"], "".join(f"- {sentence}\n" for sentence in drawing.findings))


def read_material(inputs: Paths, spec: Spec) -> Material:
    """Read all files of a figure; raises DataError naming the first that is missing or damaged."""
    metrics = [tables.read(path, schemas.METRICS) for path in inputs.get("metrics", ())]
    manifests = {path.parent.name: read_manifest(path) for path in inputs.get("manifests", ())}
    return Material(
        metrics=index_metrics(pa.concat_tables(metrics)) if metrics else {},
        history=_by_setting(inputs.get("history", ()), schemas.HISTORY),
        samples={name: _samples(table, spec, name) for name, table in _by_setting(inputs.get("samples", ()), schemas.SAMPLES).items()},
        rankings={name: _rankings(table) for name, table in _by_setting(inputs.get("difficulty", ()), schemas.DIFFICULTY).items()},
        manifests=manifests,
        images={path.parent.name: open_inputs(path, manifests[path.parent.name]) for path in inputs.get("images", ())},
    )


def _by_setting(paths: Sequence[Path], schema: TableSchema) -> dict[str, pa.Table]:
    """Return the tables of every setting, its blocks joined; a file's provenance says which setting it is of."""
    found: dict[str, list[pa.Table]] = {}
    for path in paths:
        found.setdefault(tables.read_metadata(path, schema)["setting"], []).append(tables.read(path, schema))
    return {name: pa.concat_tables([part.replace_schema_metadata() for part in parts]) for name, parts in found.items()}


def _samples(table: pa.Table, spec: Spec, setting: str) -> dict[int, Samples]:
    return from_table(table, spec.settings[setting].attribute)


def _rankings(table: pa.Table) -> dict[int, Ranking]:
    repeat, *columns = (to_numpy(table.column(name)) for name in ("repeat", "sample_id", "rank_in_class", "score"))
    return {one: Ranking(*(column[repeat == one] for column in columns)) for one in np.unique(repeat).tolist()}
