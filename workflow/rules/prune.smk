"""Plans: sample weights from difficulty or a partition."""


rule prune_metadata:
    """Give every training sample its weight under one plan."""
    input:
        unpack(plan_inputs),
        samples="results/settings/{setting}/samples/{block}.parquet",
    output:
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
    log:
        "logs/prune_metadata/{setting}/{plan}/{block}.log",
    conda:
        "../../envs/base.yaml"
    params:
        setting=part_of("probe"),
        repeats=repeats,
        made_by=plan_made_by,
        code=lambda wildcards: plan_code(wildcards.plan),
    script:
        "../scripts/prune_metadata.py"
