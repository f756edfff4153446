"""The rule evaluate_groups: see spurprune.stages.evaluate_groups."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import evaluate_groups
from spurprune.storage.provenance import Provenance

with stage_log(snakemake.log[0], "evaluate_groups"):
    evaluate_groups.run(
        predictions=dict(zip(snakemake.params.plans, map(Path, snakemake.input.predictions), strict=True)),
        samples=Path(snakemake.input.samples),
        embedding=Path(snakemake.input.embedding),
        partitions=dict(zip(snakemake.params.partitions, map(Path, snakemake.input.partitions), strict=True)),
        manifest=Path(snakemake.input.manifest),
        setting=snakemake.params.setting,
        method=snakemake.params.method,
        embedded_plan=snakemake.params.embedded_plan,
        repeats=list(snakemake.params.repeats),
        output=Path(snakemake.output.evidence),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
