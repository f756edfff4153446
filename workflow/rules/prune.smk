"""Pruning: sample weights from difficulty."""


rule prune_metadata:
    """Give every training sample its weight by one plan: 0 = pruned, 1 = kept."""
    input:
        samples="results/settings/{setting}/samples/{block}.parquet",
        difficulty=lambda wildcards: path_of(studies.plan_difficulty(wildcards.setting, wildcards.plan, wildcards.block)),
        manifest=lambda wildcards: f"{dataset_folder(wildcards)}/manifest.json",
    output:
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
    log:
        "logs/prune_metadata/{setting}/{plan}/{block}.log",
    conda:
        "../../envs/base.yaml"
    params:
        setting=part_of("attribute", "source_class"),
        repeats=repeats,
        code=code("prune_metadata"),
    script:
        "../scripts/prune_metadata.py"
