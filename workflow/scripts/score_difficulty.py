"""The rule score_difficulty: see spurprune.stages.score_difficulty."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import score_difficulty
from spurprune.storage.provenance import Provenance

with stage_log(snakemake.log[0], "score_difficulty"):
    score_difficulty.run(
        samples=Path(snakemake.input.samples),
        dynamics=Path(snakemake.input.dynamics) if snakemake.input.dynamics else None,
        score=snakemake.wildcards.score,
        reference=snakemake.params.reference,
        epochs=snakemake.params.epochs,
        repeats=list(snakemake.params.repeats),
        output=Path(snakemake.output.difficulty),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
