"""The rule collect_metrics: see spurprune.stages.collect_metrics."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import collect_metrics
from spurprune.storage.provenance import Provenance

with stage_log(snakemake.log[0], "collect_metrics"):
    collect_metrics.run(
        metrics=[Path(path) for path in snakemake.input.metrics],
        output=Path(snakemake.output.metrics),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
