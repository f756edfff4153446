"""Training: one job per method, plan and block, tuning runs included; networks are kept where something starts from them."""


ruleorder: train_masks > retrain_keeping_optimizer > retrain_keeping_models > retrain


rule retrain:
    """Train every repeat of a block on one plan; write predictions for validation and test samples, and the history."""
    input:
        unpack(retrain_inputs),
        samples="results/settings/{setting}/samples/{block}.parquet",
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
    output:
        predictions="results/settings/{setting}/runs/{method}/{plan}/{block}/predictions.parquet",
        history="results/settings/{setting}/runs/{method}/{plan}/{block}/history.parquet",
        timing="results/settings/{setting}/runs/{method}/{plan}/{block}/timing.json",
    log:
        "logs/retrain/{setting}/{method}/{plan}/{block}.log",
    wildcard_constraints:
        method=any_of(TRAINED),
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
        method=entry_of,
        start=start_of,
        repeats=repeats,
        made_by=retrain_made_by,
        code=run_code,
    script:
        "../scripts/retrain.py"


use rule retrain as retrain_keeping_models with:
    output:
        predictions="results/settings/{setting}/runs/{method}/{plan}/{block}/predictions.parquet",
        history="results/settings/{setting}/runs/{method}/{plan}/{block}/history.parquet",
        timing="results/settings/{setting}/runs/{method}/{plan}/{block}/timing.json",
        models="results/settings/{setting}/runs/{method}/{plan}/{block}/models.safetensors",
    wildcard_constraints:
        method=any_of(TRAINED),
        plan=kept_plans(),


use rule retrain as retrain_keeping_optimizer with:
    output:
        predictions="results/settings/{setting}/runs/{method}/{plan}/{block}/predictions.parquet",
        history="results/settings/{setting}/runs/{method}/{plan}/{block}/history.parquet",
        timing="results/settings/{setting}/runs/{method}/{plan}/{block}/timing.json",
        models="results/settings/{setting}/runs/{method}/{plan}/{block}/models.safetensors",
        optimizer="results/settings/{setting}/runs/{method}/{plan}/{block}/optimizer.safetensors",
    wildcard_constraints:
        method=any_of(TRAINED),
        plan=resumed_plans(),


use rule retrain as train_masks with:
    output:
        predictions="results/settings/{setting}/runs/{method}/{plan}/{block}/predictions.parquet",
        history="results/settings/{setting}/runs/{method}/{plan}/{block}/history.parquet",
        timing="results/settings/{setting}/runs/{method}/{plan}/{block}/timing.json",
        models="results/settings/{setting}/runs/{method}/{plan}/{block}/models.safetensors",
        masks="results/settings/{setting}/runs/{method}/{plan}/{block}/masks.safetensors",
    wildcard_constraints:
        method=any_of(MASKING),


use rule retrain as retrain_candidate with:
    output:
        predictions="results/settings/{setting}/candidates/{method}/{candidate}/{plan}/{block}/predictions.parquet",
        history="results/settings/{setting}/candidates/{method}/{candidate}/{plan}/{block}/history.parquet",
        timing="results/settings/{setting}/candidates/{method}/{candidate}/{plan}/{block}/timing.json",
    log:
        "logs/retrain_candidate/{setting}/{method}/{candidate}/{plan}/{block}.log",
