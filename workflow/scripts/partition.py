"""The rule partition: see spurprune.stages.partition."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log

paths = {name: Path(path) for name, path in snakemake.input.items()}
with stage_log(snakemake.log[0], "partition"):
    from spurprune.stages import partition
    from spurprune.storage.provenance import Provenance

    partition.run(
        samples=paths["samples"],
        dynamics=paths.get("dynamics"),
        embedding=paths.get("embedding"),
        analysis=paths.get("analysis"),
        partition=snakemake.params.partition,
        repeats=list(snakemake.params.repeats),
        output=Path(snakemake.output.partition),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
