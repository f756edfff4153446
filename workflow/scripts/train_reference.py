"""The rule train_reference: see spurprune.stages.train_reference. The device is leased before torch is imported."""

from pathlib import Path

from spurprune import devices
from spurprune.logs import stage_log
from spurprune.tables import Provenance

devices.set_threads(snakemake.threads)
with stage_log(snakemake.log[0], "train_reference"), devices.leased_device():
    from spurprune.stages import train_reference

    train_reference.run(
        {name: Path(path) for name, path in snakemake.input.items() if path},
        snakemake.params.setting,
        snakemake.params.recipe,
        list(snakemake.params.repeats),
        snakemake.threads,
        snakemake.resources.repeats_at_once,
        Path(snakemake.output.dynamics),
        Provenance.of(snakemake.wildcards, snakemake.params),
    )
