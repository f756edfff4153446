"""The rule prepare_inputs: see spurprune.stages.prepare_inputs."""

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import prepare_inputs
from spurprune.storage.tables import Provenance

with stage_log(snakemake.log[0], "prepare_inputs"):
    prepare_inputs.run(
        snakemake.wildcards.dataset,
        int(snakemake.wildcards.size),
        snakemake.params.source,
        snakemake.params.damaged_images,
        snakemake.threads,
        Path(snakemake.output.inputs),
        Path(snakemake.output.base),
        Path(snakemake.output.manifest),
        Provenance.of(snakemake.wildcards, snakemake.params),
    )
