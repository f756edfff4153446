"""The rule take_plan: see spurprune.stages.take_plan."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import take_plan
from spurprune.storage.provenance import Provenance

paths = [Path(path) for path in snakemake.input.candidates]
with stage_log(snakemake.log[0], "take_plan"):
    take_plan.run(
        candidates=dict(zip(snakemake.params.candidates, paths, strict=True)),
        selection=Path(snakemake.input.selection),
        method=snakemake.params.method,
        repeats=list(snakemake.params.repeats),
        output=Path(snakemake.output.plan),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
