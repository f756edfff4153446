"""Difficulty: reference runs that record training dynamics, and one number a sample from them."""


rule train_reference:
    """Train the reference runs of one recipe, only as long as their use needs, and record every sample's dynamics."""
    input:
        inputs=lambda wildcards: f"{dataset_folder(wildcards)}/inputs.npy",
        manifest=lambda wildcards: f"{dataset_folder(wildcards)}/manifest.json",
        weights=lambda wildcards: blocks.weights_file(setting_of(wildcards)) or [],
        samples="results/settings/{setting}/samples/{block}.parquet",
    output:
        dynamics="results/settings/{setting}/reference/{recipe}/{block}/dynamics.parquet",
    log:
        "logs/train_reference/{setting}/{recipe}/{block}.log",
    benchmark:
        "logs/benchmarks/train_reference/{setting}/{recipe}/{block}.jsonl"
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.threads
    resources:
        gpu=1,
        repeats_at_once=CONFIG.repeats_at_once,
        mem_mb=training_memory,
        runtime=reference_runtime,
    params:
        setting=of_setting(blocks.reference),
        recipe=lambda wildcards: canonical(setting_of(wildcards)["reference"][wildcards.recipe]),
        repeats=repeats,
        code=lambda wildcards: training_code(wildcards, "train_reference"),
    script:
        "../scripts/train_reference.py"


rule score_difficulty:
    """Turn training dynamics into one number a sample: mean over reference seeds, ranks overall and within the class."""
    input:
        samples="results/settings/{setting}/samples/{block}.parquet",
        dynamics=lambda wildcards: path_of(
            studies.reference_of(studies.Difficulty(wildcards.setting, wildcards.score, wildcards.block), CONFIG)
        ),
    output:
        difficulty="results/settings/{setting}/difficulty/{score}/{block}.parquet",
    log:
        "logs/score_difficulty/{setting}/{score}/{block}.log",
    conda:
        "../../envs/base.yaml"
    params:
        epochs=lambda wildcards: setting_of(wildcards)["difficulty"][wildcards.score]["epochs"],
        repeats=repeats,
        code=lambda wildcards: code("score_difficulty", ("scores", wildcards.score)),
    script:
        "../scripts/score_difficulty.py"
