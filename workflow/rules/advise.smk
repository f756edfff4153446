"""Advice on a setting: evidence on what pruning does, a recommendation, lists of samples to keep and to drop, a page to look at."""


include: "advise_helpers.smk"


rule evaluate_groups:
    """Count how many samples of every known and inferred group the runs get right that a setting's advice compares."""
    input:
        unpack(evidence_inputs),
        samples="results/settings/{setting}/samples/{block}.parquet",
        manifest=manifest_of,
    output:
        evidence="results/settings/{setting}/evidence/{block}.parquet",
    log:
        "logs/evaluate_groups/{setting}/{block}.log",
    wildcard_constraints:
        setting=ADVISED,
    conda:
        "../../envs/base.yaml"
    params:
        setting=of_setting(blocks.evaluation),
        method=lambda wildcards: setting_of(wildcards)["advice"]["method"],
        plans=lambda wildcards: [run.plan for run in evidence_runs(wildcards)],
        embedded_plan=lambda wildcards: advice.embedded(wildcards.setting, wildcards.block, CONFIG).plan,
        partitions=lambda wildcards: [one.partition for one in advice.inferred(wildcards.setting, wildcards.block, CONFIG)],
        repeats=repeats,
        made_by=evidence_made_by,
        code=code("evaluate_groups"),
    script:
        "../scripts/evaluate_groups.py"


rule advise:
    """Recommend what to prune by validation samples, list what to keep and to drop, and show it all on one page."""
    input:
        unpack(advice_inputs),
    output:
        keep="results/advice/{setting}/keep.csv",
        drop="results/advice/{setting}/drop.csv",
        samples="results/advice/{setting}/samples.parquet",
        diagnosis="results/advice/{setting}/diagnosis.json",
        summary="results/advice/{setting}/diagnosis.md",
        page="results/advice/{setting}/index.html",
    log:
        "logs/advise/{setting}.log",
    wildcard_constraints:
        setting=ADVISED,
    conda:
        "../../envs/base.yaml"
    params:
        advice=lambda wildcards: canonical(setting_of(wildcards)["advice"]),
        suspects=lambda wildcards: advising.suspects(setting_of(wildcards)),
        title=lambda wildcards: escaping.inert(setting_of(wildcards)["description"]),
        tokenizer=tokenizer_of,
        crop_size=lambda wildcards: setting_of(wildcards)["crop_size"],
        originals=originals_of,
        made_by=advice_made_by,
        code=code("advise"),
    script:
        "../scripts/advise.py"
