"""The rules tabulate_*: see spurprune.stages.tabulate."""

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import tabulate

with stage_log(snakemake.log[0], "tabulate"):
    tabulate.run(
        [Path(path) for path in snakemake.input],
        snakemake.params.table,
        Path(snakemake.output.csv),
        Path(snakemake.output.markdown),
    )
