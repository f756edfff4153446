"""Analyses: what a look at kept networks finds, those of reference runs or of a run."""


include: "analyse_helpers.smk"


rule analyse:
    """Look at a setting's kept networks: which regions they rely on, for instance, and which training samples taught them that."""
    input:
        unpack(analysis_inputs),
        samples="results/settings/{setting}/samples/{block}.parquet",
    output:
        analysis="results/settings/{setting}/analyses/{analysis}/{block}.parquet",
    log:
        "logs/analyse/{setting}/{analysis}/{block}.log",
    conda:
        "../../envs/train.yaml"
    threads: CONFIG.threads
    resources:
        gpu=1,
        mem_mb=training_memory,
        runtime=120,
    params:
        setting=analysis_setting,
        trained_by=trained_by,
        analysis=lambda wildcards: canonical(setting_of(wildcards)["analyses"][wildcards.analysis]),
        repeats=repeats,
        made_by=analysis_made_by,
        code=lambda wildcards: analysis_code(wildcards, wildcards.analysis),
    script:
        "../scripts/analyse.py"
