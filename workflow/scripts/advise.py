"""The rule advise: see spurprune.stages.advise."""

from spurprune.machine import prefork

prefork.enter(snakemake.threads)

from pathlib import Path

from spurprune.machine.logs import stage_log
from spurprune.stages import advise
from spurprune.storage.escaping import revived
from spurprune.storage.provenance import Provenance

with stage_log(snakemake.log[0], "advise"):
    advise.run(
        inputs={name: [Path(path) for path in paths] for name, paths in snakemake.input.items()},
        advice=snakemake.params.advice,
        suspects=list(snakemake.params.suspects),
        title=revived(snakemake.params.title),
        tokenizer=snakemake.params.tokenizer,
        crop_size=snakemake.params.crop_size,
        originals=Path(snakemake.params.originals) if snakemake.params.originals else None,
        outputs={name: Path(path) for name, path in snakemake.output.items()},
        provenance=Provenance.of(snakemake.wildcards, snakemake.params, mixed_code=snakemake.config["allow_mixed_code"]),
    )
