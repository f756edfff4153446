"""The rule score_difficulty: see spurprune.stages.score_difficulty."""

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import score_difficulty
from spurprune.storage.tables import Provenance

with stage_log(snakemake.log[0], "score_difficulty"):
    score_difficulty.run(
        Path(snakemake.input.samples),
        Path(snakemake.input.dynamics) if snakemake.input.dynamics else None,
        snakemake.wildcards.score,
        snakemake.params.epochs,
        list(snakemake.params.repeats),
        Path(snakemake.output.difficulty),
        Provenance.of(snakemake.wildcards, snakemake.params),
    )
