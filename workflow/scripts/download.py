"""The rule download: see spurprune.stages.download."""

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import download

with stage_log(snakemake.log[0], "download"):
    download.run(
        snakemake.wildcards.dataset,
        Path(snakemake.params.source),
        # From the configuration and not among the parameters: to allow or forbid downloads makes no result stale.
        snakemake.config["download"],
        Path(snakemake.output.record),
    )
