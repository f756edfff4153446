"""The rule prepare_inputs: see spurprune.stages.prepare_inputs."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import prepare_inputs
from spurprune.storage.provenance import Provenance

with stage_log(snakemake.log[0], "prepare_inputs"):
    size, source = snakemake.wildcards.size, snakemake.params.source
    prepare_inputs.run(
        dataset=snakemake.wildcards.dataset,
        image_size=None if size == "full" else int(size),
        source=None if source is None else Path(source),
        own=snakemake.params.own,
        damaged_images=snakemake.params.damaged_images,
        threads=snakemake.threads,
        inputs=Path(snakemake.output.inputs),
        base=Path(snakemake.output.base),
        manifest=Path(snakemake.output.manifest),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
