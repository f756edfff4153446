"""The rule partition: see spurprune.stages.partition."""

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import partition
from spurprune.storage.provenance import Provenance

with stage_log(snakemake.log[0], "partition"):
    partition.run(
        samples=Path(snakemake.input.samples),
        dynamics=Path(snakemake.input.dynamics) if snakemake.input.dynamics else None,
        partition=snakemake.params.partition,
        repeats=list(snakemake.params.repeats),
        output=Path(snakemake.output.partition),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
