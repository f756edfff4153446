"""The rule retrain: see spurprune.stages.retrain. The device is leased before torch is imported."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine import devices
from spurprune.data import inputs
from spurprune.machine.logs import stage_log
from spurprune.storage.provenance import Provenance

alike = [Path(path) for path in snakemake.input.get("alike", []) if Path(path).name == "predictions.parquet"]
paths = {name: Path(path) for name, path in snakemake.input.items() if name != "alike"}
local = inputs.local_inputs(paths, snakemake.resources.get("scratch"), snakemake.resources.get("scratch_gb"))
with stage_log(snakemake.log[0], "retrain"), local as paths, devices.leased_device():
    from spurprune.stages import retrain

    retrain.run(
        inputs=paths,
        setting=snakemake.params.setting,
        method=snakemake.params.method,
        repeats=list(snakemake.params.repeats),
        threads=snakemake.threads,
        repeats_at_once=snakemake.resources.repeats_at_once,
        start=snakemake.params.start,
        alike=alike,
        outputs={name: Path(path) for name, path in snakemake.output.items()},
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
