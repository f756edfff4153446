"""Training: one run a method, plan and block."""


rule retrain:
    """Train every repeat of a block on one plan; predictions of validation and test, and the history."""
    input:
        inputs=lambda wildcards: f"{dataset_folder(wildcards)}/inputs.npy",
        manifest=lambda wildcards: f"{dataset_folder(wildcards)}/manifest.json",
        weights=lambda wildcards: blocks.weights_file(setting_of(wildcards)) or [],
        samples="results/settings/{setting}/samples/{block}.parquet",
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
    output:
        predictions="results/settings/{setting}/runs/{method}/{plan}/{block}/predictions.parquet",
        history="results/settings/{setting}/runs/{method}/{plan}/{block}/history.parquet",
    log:
        "logs/retrain/{setting}/{method}/{plan}/{block}.log",
    benchmark:
        "logs/benchmarks/retrain/{setting}/{method}/{plan}/{block}.jsonl"
    wildcard_constraints:
        setting=settings_that(keep_models=False),
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.threads
    resources:
        gpu=1,
        repeats_at_once=CONFIG.repeats_at_once,
        mem_mb=training_memory,
        runtime=run_runtime,
    params:
        setting=of_setting(blocks.training),
        repeats=repeats,
        code=lambda wildcards: training_code(wildcards, "retrain", ("methods", wildcards.method)),
    script:
        "../scripts/retrain.py"


use rule retrain as retrain_keeping_models with:
    output:
        predictions="results/settings/{setting}/runs/{method}/{plan}/{block}/predictions.parquet",
        history="results/settings/{setting}/runs/{method}/{plan}/{block}/history.parquet",
        models="results/settings/{setting}/runs/{method}/{plan}/{block}/models.safetensors",
    wildcard_constraints:
        setting=settings_that(keep_models=True),
