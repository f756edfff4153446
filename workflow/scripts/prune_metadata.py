"""The rule prune_metadata: see spurprune.stages.prune_metadata."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import prune_metadata
from spurprune.storage.provenance import Provenance

paths = {name: Path(path) for name, path in snakemake.input.items()}
with stage_log(snakemake.log[0], "prune_metadata"):
    prune_metadata.run(
        samples=paths["samples"],
        difficulty=paths.get("difficulty"),
        partition=paths.get("partition"),
        predictions=paths.get("predictions"),
        manifest=paths["manifest"],
        plan=snakemake.wildcards.plan,
        setting={**snakemake.params.setting, **snakemake.params.predictions},
        repeats=list(snakemake.params.repeats),
        output=Path(snakemake.output.plan),
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
