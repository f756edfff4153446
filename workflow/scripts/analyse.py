"""The rule analyse: see spurprune.stages.analyse. The device is leased before torch is imported."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine import devices
from spurprune.data import inputs
from spurprune.machine.logs import stage_log
from spurprune.storage.provenance import Provenance

paths = {name: Path(path) for name, path in snakemake.input.items()}
local = inputs.local_inputs(paths, snakemake.resources.get("scratch"), snakemake.resources.get("scratch_gb"))
with stage_log(snakemake.log[0], "analyse"), local as paths, devices.leased_device():
    from spurprune.stages import analyse

    analyse.run(
        inputs=paths,
        setting=snakemake.params.setting,
        trained_by=snakemake.params.trained_by,
        analysis=snakemake.params.analysis,
        repeats=list(snakemake.params.repeats),
        threads=snakemake.threads,
        output=Path(snakemake.output.analysis),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
