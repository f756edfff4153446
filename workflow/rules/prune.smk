"""Plans: sample weights from difficulty or a partition. Those that wait for a run have a rule of their own, for groups of a cluster."""


ruleorder: prune_metadata_by_run > prune_metadata


rule prune_metadata:
    """Give every training sample its weight under one plan."""
    input:
        unpack(plan_inputs),
        samples="results/settings/{setting}/samples/{block}.parquet",
    output:
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
    log:
        "logs/prune_metadata/{setting}/{plan}/{block}.log",
    wildcard_constraints:
        plan=plans.pattern(tuned=False),
    conda:
        "../../envs/base.yaml"
    params:
        setting=of_setting(lambda setting: blocks.part(setting, "probe")),
        predictions=plan_predictions,
        repeats=repeats,
        made_by=plan_made_by,
        code=lambda wildcards: plan_code(wildcards.plan),
    script:
        "../scripts/prune_metadata.py"


use rule prune_metadata as prune_metadata_by_run with:
    output:
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
    wildcard_constraints:
        plan=plans_by_run(),


rule take_plan:
    """Take the plan that a method chose among its candidates."""
    input:
        candidates=plan_candidates,
        selection=lambda wildcards: f"results/{files.plan_selection(wildcards.setting, wildcards.plan).choice_path}",
    output:
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
    log:
        "logs/take_plan/{setting}/{plan}/{block}.log",
    wildcard_constraints:
        plan=plans.pattern_of(plans.TUNED),
    conda:
        "../../envs/base.yaml"
    params:
        candidates=lambda wildcards: files.plan_candidates(wildcards.plan, CONFIG.methods),
        method=lambda wildcards: plans.parse(wildcards.plan).method,
        repeats=repeats,
        made_by=candidate_plans_made_by,
        code=code("take_plan"),
    script:
        "../scripts/take_plan.py"
