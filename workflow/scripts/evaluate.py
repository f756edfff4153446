"""The rule evaluate: see spurprune.stages.evaluate."""

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import evaluate
from spurprune.storage.tables import Provenance

with stage_log(snakemake.log[0], "evaluate"):
    evaluate.run(
        Path(snakemake.input.predictions),
        Path(snakemake.input.samples),
        Path(snakemake.input.plan),
        Path(snakemake.input.manifest),
        snakemake.params.setting,
        dict(snakemake.wildcards.items()),
        list(snakemake.params.repeats),
        Path(snakemake.output.metrics),
        Provenance.of(snakemake.wildcards, snakemake.params),
    )
