"""The rule download: see spurprune.stages.download."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import download

with stage_log(snakemake.log[0], "download"):
    download.run(
        snakemake.wildcards.dataset,
        Path(snakemake.params.source),
        # Not a parameter: allowing or forbidding downloads makes no result stale.
        snakemake.config["download"],
        Path(snakemake.output.record),
    )
