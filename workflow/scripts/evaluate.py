"""The rule evaluate: see spurprune.stages.evaluate."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import evaluate
from spurprune.storage.provenance import Provenance

with stage_log(snakemake.log[0], "evaluate"):
    evaluate.run(
        predictions=Path(snakemake.input.predictions),
        samples=Path(snakemake.input.samples),
        plan=Path(snakemake.input.plan),
        manifest=Path(snakemake.input.manifest),
        setting=snakemake.params.setting,
        names={name: snakemake.wildcards[name] for name in ("setting", "method", "plan", "block")},
        repeats=list(snakemake.params.repeats),
        output=Path(snakemake.output.metrics),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
