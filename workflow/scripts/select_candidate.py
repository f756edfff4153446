"""The rule select_candidate: see spurprune.stages.select_candidate."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.config.methods import candidates
from spurprune.machine.logs import stage_log
from spurprune.stages import select_candidate
from spurprune.storage.provenance import Provenance

with stage_log(snakemake.log[0], "select_candidate"):
    method = snakemake.params.method
    files = [Path(path) for path in snakemake.input.metrics]  # candidate by candidate in grid order, one per block
    blocks = len(method["tuning"]["blocks"])
    select_candidate.run(
        metrics={name: files[place * blocks : (place + 1) * blocks] for place, name in enumerate(candidates(method))},
        method=method,
        names={"setting": snakemake.wildcards.setting, "method": snakemake.wildcards.method},
        outputs={name: Path(path) for name, path in snakemake.output.items()},
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
