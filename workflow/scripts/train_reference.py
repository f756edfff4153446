"""The rule train_reference: see spurprune.stages.train_reference. The device is leased before torch is imported."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine import devices
from spurprune.data import inputs
from spurprune.machine.logs import stage_log
from spurprune.storage.provenance import Provenance

paths = {name: Path(path) for name, path in snakemake.input.items()}
local = inputs.local_inputs(paths, snakemake.resources.get("scratch"), snakemake.resources.get("scratch_gb"))
with stage_log(snakemake.log[0], "train_reference"), local as paths, devices.leased_device():
    from spurprune.stages import train_reference

    train_reference.run(
        inputs=paths,
        setting=snakemake.params.setting,
        recipe=snakemake.params.recipe,
        repeats=list(snakemake.params.repeats),
        threads=snakemake.threads,
        repeats_at_once=snakemake.resources.repeats_at_once,
        outputs={name: Path(path) for name, path in snakemake.output.items()},
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
