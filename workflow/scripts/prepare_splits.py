"""The rule prepare_splits: see spurprune.stages.prepare_splits."""

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import prepare_splits
from spurprune.storage.tables import Provenance

with stage_log(snakemake.log[0], "prepare_splits"):
    prepare_splits.run(
        Path(snakemake.input.base),
        Path(snakemake.input.manifest),
        Path(snakemake.input.difficulty) if snakemake.input.difficulty else None,
        snakemake.params.setting,
        list(snakemake.params.repeats),
        Path(snakemake.output.samples),
        Provenance.of(snakemake.wildcards, snakemake.params),
    )
