"""Refinement: methods that start from a kept network, from its features and logits for all samples."""


rule embed:
    """Compute the features and logits of all samples with a run's kept networks."""
    input:
        unpack(run_inputs),
        samples="results/settings/{setting}/samples/{block}.parquet",
        models="results/settings/{setting}/runs/{method}/{plan}/{block}/models.safetensors",
    output:
        embedding=temp("results/settings/{setting}/runs/{method}/{plan}/{block}/embedding.parquet"),
    log:
        "logs/embed/{setting}/{method}/{plan}/{block}.log",
    wildcard_constraints:
        method=any_of(TRAINED),
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.threads
    resources:
        gpu=1,
        mem_mb=training_memory,
        runtime=30,
    params:
        setting=of_setting(blocks.training),
        method=entry_of,
        repeats=repeats,
        splits=["train", "validation", "test"],
        made_by=made_by("samples", "models"),
        code=lambda wildcards: network_code(wildcards, "embed"),
    script:
        "../scripts/embed.py"


use rule embed as embed_test with:
    output:
        embedding="results/settings/{setting}/runs/{method}/{plan}/{block}/test_embedding.parquet",
    log:
        "logs/embed_test/{setting}/{method}/{plan}/{block}.log",
    params:
        setting=of_setting(blocks.training),
        method=entry_of,
        repeats=repeats,
        splits=["test"],
        made_by=made_by("samples", "models"),
        code=lambda wildcards: network_code(wildcards, "embed"),


rule refine:
    """Refine every repeat's network by a method that starts from it, and predict validation and test samples."""
    input:
        unpack(refinement_inputs),
        samples="results/settings/{setting}/samples/{block}.parquet",
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
    output:
        predictions="results/settings/{setting}/runs/{method}/{plan}/{block}/predictions.parquet",
        head="results/settings/{setting}/runs/{method}/{plan}/{block}/head.safetensors",
        timing="results/settings/{setting}/runs/{method}/{plan}/{block}/timing.json",
    log:
        "logs/refine/{setting}/{method}/{plan}/{block}.log",
    wildcard_constraints:
        method=any_of(REFINED),
    conda:
        "../../envs/base.yaml"
    params:
        method=entry_of,
        source=lambda wildcards: CONFIG.methods[wildcards.method]["from"],
        repeats=repeats,
        made_by=made_by("embedding", "samples", "plan"),
        code=run_code,
    script:
        "../scripts/refine.py"


use rule refine as refine_candidate with:
    output:
        predictions="results/settings/{setting}/candidates/{method}/{candidate}/{plan}/{block}/predictions.parquet",
        head="results/settings/{setting}/candidates/{method}/{candidate}/{plan}/{block}/head.safetensors",
        timing="results/settings/{setting}/candidates/{method}/{candidate}/{plan}/{block}/timing.json",
    log:
        "logs/refine_candidate/{setting}/{method}/{candidate}/{plan}/{block}.log",


rule refine_network:
    """Change every repeat's kept network by a method that trains none, and predict validation and test samples."""
    input:
        unpack(retrain_inputs),
        samples="results/settings/{setting}/samples/{block}.parquet",
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
    output:
        predictions="results/settings/{setting}/runs/{method}/{plan}/{block}/predictions.parquet",
        models="results/settings/{setting}/runs/{method}/{plan}/{block}/models.safetensors",
        timing="results/settings/{setting}/runs/{method}/{plan}/{block}/timing.json",
    log:
        "logs/refine_network/{setting}/{method}/{plan}/{block}.log",
    wildcard_constraints:
        method=any_of(REFINED_NETWORKS),
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.threads
    resources:
        gpu=1,
        mem_mb=training_memory,
        runtime=planning.RUNTIME_CEILING_MINUTES,
    params:
        setting=of_setting(blocks.training),
        method=entry_of,
        start=start_of,
        repeats=repeats,
        made_by=retrain_made_by,
        code=run_code,
    script:
        "../scripts/refine_network.py"


use rule refine_network as refine_network_candidate with:
    output:
        predictions="results/settings/{setting}/candidates/{method}/{candidate}/{plan}/{block}/predictions.parquet",
        timing="results/settings/{setting}/candidates/{method}/{candidate}/{plan}/{block}/timing.json",
    log:
        "logs/refine_network_candidate/{setting}/{method}/{candidate}/{plan}/{block}.log",
