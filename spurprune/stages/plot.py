"""plot: one figure from its runs' files, as PDF and PNG, with its numbers and findings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.dag import plugins
from spurprune.data import analysis as analyses
from spurprune.data import samples
from spurprune.data.inputs import open_inputs, origin_of, read_manifest
from spurprune.data.samples import Samples
from spurprune.evaluation import survival
from spurprune.evaluation.choices import read_choices
from spurprune.evaluation.frame import read_histories, read_metrics, read_tuning
from spurprune.figures import style
from spurprune.figures.base import Material, Ranking, Spec
from spurprune.figures.words import remarks
from spurprune.storage import schemas, tables
from spurprune.storage.columns import to_numpy
from spurprune.storage.escaping import one_line
from spurprune.storage.files import write_text
from spurprune.storage.provenance import Provenance, require_compatible
from spurprune.storage.tidy import to_csv

Paths = Mapping[str, Sequence[Path]]


READ = {
    "metrics": schemas.METRICS,
    "tuning": schemas.METRICS,
    "history": schemas.HISTORY,
    "samples": schemas.SAMPLES,
    "difficulty": schemas.DIFFICULTY,
    "embeddings": schemas.TEST_EMBEDDING,
}


def run(*, inputs: Paths, spec: Mapping[str, Any], outputs: Mapping[str, Path], provenance: Provenance) -> None:
    """Draw one figure.

    ``inputs`` maps what the figure's kind reads (see ``figures.kind.FILES``) to files; ``spec`` describes
    the figure in plain values (see ``Spec``); ``outputs`` names the paths pdf, png, csv and findings. Raises DataError if an input is
    missing, damaged or not where it belongs, or if the inputs do not belong together (see ``require_compatible``).
    """
    asked = Spec.of(spec)
    origins = [tables.origin_of(path, schema, {}) for name, schema in READ.items() for path in inputs.get(name, ())]
    origins += [analyses.origin_of(path) for path in inputs.get("analyses", ())]
    origins += [origin_of(path, read_manifest(path)) for path in inputs.get("manifests", ())]
    origins += [survival.origin_of(path) for path in inputs.get("masks", ())]
    require_compatible(provenance, *origins)
    material = read_material(inputs)
    with style.house_style():
        drawing = plugins.load("figures", asked.options["kind"]).make(material, asked)
        subject = f"configuration {provenance.config_hash}, code {provenance.code_version}"
        style.save(drawing.figure, outputs["pdf"], outputs["png"], asked.title, subject)
    write_text(outputs["csv"], to_csv(drawing.numbers))
    findings = [*drawing.findings, *remarks(drawing.numbers)]
    write_text(outputs["findings"], "".join(f"- {one_line(sentence)}\n" for sentence in findings))


def read_material(inputs: Paths) -> Material:
    """Read all files of a figure; raises DataError naming the first that is missing or damaged."""
    manifests = {path.parent.name: read_manifest(path) for path in inputs.get("manifests", ())}
    return Material(
        metrics=read_metrics(inputs.get("metrics", ())),
        history=read_histories(inputs.get("history", ())),
        samples=_samples(inputs.get("samples", ())),
        rankings=_rankings(inputs.get("difficulty", ())),
        manifests=manifests,
        tuning=read_tuning(inputs.get("tuning", ())),
        choices=read_choices(inputs.get("choices", ())),
        embeddings=_embeddings(inputs.get("embeddings", ())),
        survivals=[one for path in inputs.get("masks", ()) for one in survival.read(path)],
        analyses=_analyses(inputs.get("analyses", ())),
        images={path.parent.name: open_inputs(path, manifests[path.parent.name]) for path in inputs.get("images", ())},
    )


def _analyses(paths: Sequence[Path]) -> dict[tuple[str, str], dict[int, analyses.Found]]:
    """Return what every analysis of a setting found, by repeat, over all its blocks."""
    found: dict[tuple[str, str], dict[int, analyses.Found]] = {}
    for path in paths:
        place = analyses.origin_of(path).provenance.place
        found.setdefault((place["setting"], place["analysis"]), {}).update(analyses.read(path, analyses.kind_of(path)))
    return found


def _samples(paths: Sequence[Path]) -> dict[str, dict[int, Samples]]:
    """Return the samples of every setting by repeat, over all its blocks."""
    found: dict[str, dict[int, Samples]] = {}
    for path in paths:
        setting = tables.origin_of(path, schemas.SAMPLES, {}).provenance.setting
        found.setdefault(setting, {}).update(samples.read(path).by_repeat)
    return found


def _embeddings(paths: Sequence[Path]) -> dict[tuple[str, str, int], Path]:
    """Return the files of embeddings by setting, method and repeat."""
    found: dict[tuple[str, str, int], Path] = {}
    for path in paths:
        of = tables.origin_of(path, schemas.TEST_EMBEDDING, {}).provenance
        found |= {(of.setting, of.place["method"], repeat): path for repeat in of.repeats or ()}
    return found


def _rankings(paths: Sequence[Path]) -> dict[str, dict[int, Ranking]]:
    """Return the rankings of every setting by repeat, over all its blocks."""
    found: dict[str, dict[int, Ranking]] = {}
    for path in paths:
        setting = tables.origin_of(path, schemas.DIFFICULTY, {}).provenance.setting
        found.setdefault(setting, {}).update(_by_repeat(tables.read(path, schemas.DIFFICULTY)))
    return found


def _by_repeat(table: pa.Table) -> dict[int, Ranking]:
    repeat, *columns = (to_numpy(table.column(name)) for name in ("repeat", "sample_id", "rank_in_class", "score"))
    return {one: Ranking(*(column[repeat == one] for column in columns)) for one in np.unique(repeat).tolist()}
