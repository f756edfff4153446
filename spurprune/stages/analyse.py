"""analyse: what an analysis finds in the kept networks of reference runs, or of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from spurprune.config import methods
from spurprune.config.merging import merge
from spurprune.dag import plugins
from spurprune.data import analysis as analyses
from spurprune.difficulty.recorded import SHARED_REPEAT
from spurprune.evaluation.choices import origins_of, read_selection
from spurprune.machine.logs import Progress
from spurprune.models.network import Network
from spurprune.pruning.parts import Parts
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance, trace
from spurprune.storage.words import BY_REPEAT
from spurprune.training import kept
from spurprune.training.analysis import Request
from spurprune.training.loop import initialise, naming_out_of_memory
from spurprune.training.recipe import Stream
from spurprune.training.workbench import Workbench, data_origins, open_workbench


def run(
    *,
    inputs: Mapping[str, Path],
    setting: Mapping[str, Any],
    trained_by: Mapping[str, Any],
    analysis: Mapping[str, Any],
    repeats: Sequence[int],
    threads: int,
    output: Path,
    provenance: Provenance,
) -> None:
    """Write the table of an analysis over all repeats, and what it notes of each.

    ``inputs`` names the paths inputs, manifest, samples and models, also weights if the networks start from a file, selection if the run's
    method was tuned, and shadow and partition if ``analysis``, a block of the setting's analyses, names them. With its option
    ``reference`` the networks are those of all seeds of that recipe, which ``trained_by`` then is, and ``setting`` is what
    ``config.blocks.reference`` returns; else they are those of the run that it names, and ``trained_by`` is the method (see
    ``stages.embed``). Raises DataError if a file does not fit the setting.
    """
    by_reference = "reference" in analysis
    if by_reference:
        place = {**provenance.place, "recipe": analysis["reference"]}
        origins = [kept.origin_of(inputs["models"], place, repeats, kept.REFERENCE)]
    else:
        place = {**provenance.place, "method": analysis["from"], "plan": analysis["plan"], "candidate": ""}
        origins = [kept.origin_of(inputs["models"], place, repeats)]
    if "shadow" in inputs:
        origins.append(kept.origin_of(inputs["shadow"], {**place, "plan": analysis["shadow"]}, repeats))
    if "partition" in inputs:
        place = {**place, "partition": analysis["partition"]}
        origins.append(tables.origin_of(inputs["partition"], schemas.PARTITION, place, repeats))
    shared = by_reference and origins[0].provenance.repeats == (SHARED_REPEAT,)
    provenance = trace(provenance, *data_origins(inputs, place, repeats), *origins, *origins_of(inputs))
    if "selection" in inputs:
        trained_by = methods.at(trained_by, read_selection(inputs["selection"], replace(provenance, place=place)))
    if not by_reference:
        setting = {**setting, "training": merge(setting["training"], trained_by["training"])}
    configured = kept.configuration(setting, trained_by)
    bench = open_workbench(inputs["inputs"], inputs["manifest"], inputs["samples"], setting, threads)
    parts = Parts.read(inputs["partition"]) if "partition" in inputs else None
    plugin = plugins.load("analyses", analysis["kind"])
    progress = Progress(len(repeats), f"analysis of {provenance.setting}", "repeat")
    found: list[pa.Table] = []
    noted: dict[str, Mapping[str, Any]] = {}
    for repeat in repeats:
        samples = bench.samples[repeat]
        of_models = SHARED_REPEAT if shared else repeat
        keys = [kept.reference_key(of_models, seed) for seed in range(trained_by["seeds"])] if by_reference else [str(repeat)]
        with naming_out_of_memory(f"{provenance.setting}, repeat {repeat}, analysis", bench.device):
            networks = [_network(bench, inputs["models"], key, configured) for key in keys]
            if "shadow" in inputs:
                networks += [_network(bench, inputs["shadow"], key, configured) for key in keys]
            request = Request(bench, samples, networks, analysis)
            if parts is not None:
                rows = samples.rows("train")
                part = parts.of(repeat, samples.sample_id[rows], samples.label[rows])
                request = replace(request, part=part, of_parts=parts.notes.get(str(repeat), {}))
            columns, notes = plugin.analyse(request)
        found.append(analyses.to_table(analysis["kind"], repeat, columns))
        noted[str(repeat)] = notes
        progress.step()
    provenance = replace(
        provenance, counts={"repeats": len(repeats)}, notes={"analysis": dict(analysis), BY_REPEAT: noted, **bench.notes()}
    )
    tables.write(output, pa.concat_tables(found), analyses.schema_of(analysis["kind"]), provenance)


def _network(bench: Workbench, path: Path, key: str, configured: str) -> Network:
    network = initialise(bench.build_network(), Stream((key,)), bench.device)
    kept.restore(network, path, key, configured)
    return network.eval()
