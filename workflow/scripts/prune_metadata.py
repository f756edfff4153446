"""The rule prune_metadata: see spurprune.stages.prune_metadata."""

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import prune_metadata
from spurprune.storage.tables import Provenance

with stage_log(snakemake.log[0], "prune_metadata"):
    prune_metadata.run(
        samples=Path(snakemake.input.samples),
        difficulty=Path(snakemake.input.difficulty) if snakemake.input.difficulty else None,
        partition=Path(snakemake.input.partition) if snakemake.input.partition else None,
        manifest=Path(snakemake.input.manifest),
        plan=snakemake.wildcards.plan,
        setting=snakemake.params.setting,
        repeats=list(snakemake.params.repeats),
        output=Path(snakemake.output.plan),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params),
    )
