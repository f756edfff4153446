"""Difficulty and partitions: reference runs that record training dynamics, and what is derived from these or from kept networks."""


ruleorder: train_reference_keeping_models > train_reference


rule train_reference:
    """Train the reference runs of one recipe, no longer than needed, and record every sample's training dynamics."""
    input:
        unpack(training_inputs),
        samples="results/settings/{setting}/samples/{block}.parquet",
    output:
        dynamics="results/settings/{setting}/reference/{recipe}/{block}/dynamics.parquet",
        timing="results/settings/{setting}/reference/{recipe}/{block}/timing.json",
    log:
        "logs/train_reference/{setting}/{recipe}/{block}.log",
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.threads
    resources:
        gpu=1,
        repeats_at_once=CONFIG.repeats_at_once,
        mem_mb=training_memory,
        runtime=reference_runtime,
    params:
        setting=lambda wildcards: reference_setting(wildcards.setting, wildcards.recipe),
        recipe=lambda wildcards: canonical(setting_of(wildcards)["reference"][wildcards.recipe]),
        repeats=repeats,
        made_by=made_by("samples"),
        code=lambda wildcards: network_code(wildcards, "train_reference"),
    script:
        "../scripts/train_reference.py"


use rule train_reference as train_reference_keeping_models with:
    output:
        dynamics="results/settings/{setting}/reference/{recipe}/{block}/dynamics.parquet",
        timing="results/settings/{setting}/reference/{recipe}/{block}/timing.json",
        models="results/settings/{setting}/reference/{recipe}/{block}/models.safetensors",
    wildcard_constraints:
        recipe=kept_recipes(),


rule score_difficulty:
    """Turn training dynamics into one score per sample, averaged over reference seeds, with its rank overall and within its class."""
    input:
        samples="results/settings/{setting}/samples/{block}.parquet",
        dynamics=lambda wildcards: path_of(
            files.difficulty_reference(files.Difficulty(wildcards.setting, wildcards.score, wildcards.block), CONFIG.settings)
        ),
    output:
        difficulty="results/settings/{setting}/difficulty/{score}/{block}.parquet",
    log:
        "logs/score_difficulty/{setting}/{score}/{block}.log",
    conda:
        "../../envs/base.yaml"
    params:
        reference=lambda wildcards: setting_of(wildcards)["difficulty"][wildcards.score]["reference"],
        epochs=lambda wildcards: setting_of(wildcards)["difficulty"][wildcards.score]["epochs"],
        repeats=repeats,
        made_by=made_by("samples", "dynamics"),
        expects=lambda wildcards: recorded_by(wildcards, setting_of(wildcards)["difficulty"][wildcards.score]["reference"]),
        code=lambda wildcards: difficulty_code(wildcards.score),
    script:
        "../scripts/score_difficulty.py"


rule partition:
    """Divide the training samples into parts, such as their groups, what reference runs get wrong, or clusters of a network's outputs."""
    input:
        unpack(partition_inputs),
        samples="results/settings/{setting}/samples/{block}.parquet",
    output:
        partition="results/settings/{setting}/partitions/{partition}/{block}.parquet",
    log:
        "logs/partition/{setting}/{partition}/{block}.log",
    conda:
        "../../envs/base.yaml"
    params:
        partition=lambda wildcards: canonical(setting_of(wildcards)["partitions"][wildcards.partition]),
        repeats=repeats,
        made_by=partition_made_by,
        expects=lambda wildcards: recorded_by(wildcards, setting_of(wildcards)["partitions"][wildcards.partition].get("reference")),
        code=lambda wildcards: partition_code(wildcards.setting, wildcards.partition),
    script:
        "../scripts/partition.py"
