"""The rules tabulate_...: see spurprune.stages.tabulate."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import tabulate
from spurprune.storage.escaping import revived
from spurprune.storage.provenance import Provenance

with stage_log(snakemake.log[0], "tabulate"):
    tabulate.run(
        inputs={name: [Path(path) for path in paths] for name, paths in snakemake.input.items()},
        table=revived(snakemake.params.table),
        outputs={name: Path(path) for name, path in snakemake.output.items()},
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
