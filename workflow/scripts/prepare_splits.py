"""The rule prepare_splits: see spurprune.stages.prepare_splits."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import prepare_splits
from spurprune.storage.provenance import Provenance

with stage_log(snakemake.log[0], "prepare_splits"):
    prepare_splits.run(
        base=Path(snakemake.input.base),
        manifest=Path(snakemake.input.manifest),
        difficulty=Path(snakemake.input.difficulty) if snakemake.input.difficulty else None,
        setting=snakemake.params.setting,
        repeats=list(snakemake.params.repeats),
        output=Path(snakemake.output.samples),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
