"""The rules plot_...: see spurprune.stages.plot."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import plot
from spurprune.storage.escaping import revived
from spurprune.storage.provenance import Provenance

with stage_log(snakemake.log[0], "plot"):
    plot.run(
        inputs={name: [Path(path) for path in paths] for name, paths in snakemake.input.items()},
        spec=revived(snakemake.params.spec),
        outputs={name: Path(path) for name, path in snakemake.output.items()},
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
