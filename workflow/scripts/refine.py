"""The rule refine: see spurprune.stages.refine."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log

with stage_log(snakemake.log[0], "refine"):
    from spurprune.stages import refine
    from spurprune.storage.provenance import Provenance

    refine.run(
        inputs={name: Path(path) for name, path in snakemake.input.items()},
        method=snakemake.params.method,
        source=snakemake.params.source,
        repeats=list(snakemake.params.repeats),
        outputs={name: Path(path) for name, path in snakemake.output.items()},
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
