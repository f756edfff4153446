"""Plans: sample weights from difficulty or a partition."""


rule prune_metadata:
    """Give every training sample its weight by one plan."""
    input:
        samples="results/settings/{setting}/samples/{block}.parquet",
        difficulty=lambda wildcards: path_of(files.plan_difficulty(wildcards.setting, wildcards.plan, wildcards.block)),
        partition=lambda wildcards: path_of(files.plan_partition(wildcards.setting, wildcards.plan, wildcards.block)),
        manifest=manifest_of,
    output:
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
    log:
        "logs/prune_metadata/{setting}/{plan}/{block}.log",
    conda:
        "../../envs/base.yaml"
    params:
        setting=part_of("probe"),
        repeats=repeats,
        code=lambda wildcards: code("prune_metadata", ("strategies", plans.parse(wildcards.plan).strategy)),
    script:
        "../scripts/prune_metadata.py"
