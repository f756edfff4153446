"""The rule prune_metadata: see spurprune.stages.prune_metadata."""

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import prune_metadata
from spurprune.storage.tables import Provenance

with stage_log(snakemake.log[0], "prune_metadata"):
    prune_metadata.run(
        Path(snakemake.input.samples),
        Path(snakemake.input.difficulty) if snakemake.input.difficulty else None,
        Path(snakemake.input.manifest),
        snakemake.wildcards.plan,
        snakemake.params.setting["attribute"],
        snakemake.params.setting["source_class"],
        list(snakemake.params.repeats),
        Path(snakemake.output.plan),
        Provenance.of(snakemake.wildcards, snakemake.params),
    )
