"""Evaluation: the metrics of each run, the choice among a method's candidates, all metrics in one file."""


rule evaluate:
    """Compute a run's metrics, such as accuracies and spurious misclassification: one row per metric and repeat."""
    input:
        predictions="results/settings/{setting}/runs/{method}/{plan}/{block}/predictions.parquet",
        samples="results/settings/{setting}/samples/{block}.parquet",
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
        manifest=manifest_of,
    output:
        metrics="results/settings/{setting}/runs/{method}/{plan}/{block}/metrics.parquet",
    log:
        "logs/evaluate/{setting}/{method}/{plan}/{block}.log",
    conda:
        "../../envs/base.yaml"
    params:
        setting=of_setting(blocks.evaluation),
        repeats=repeats,
        made_by=made_by("predictions", "samples", "plan"),
        code=code("evaluate"),
    script:
        "../scripts/evaluate.py"


use rule evaluate as evaluate_candidate with:
    input:
        predictions="results/settings/{setting}/candidates/{method}/{candidate}/{plan}/{block}/predictions.parquet",
        samples="results/settings/{setting}/samples/{block}.parquet",
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
        manifest=manifest_of,
    output:
        metrics="results/settings/{setting}/candidates/{method}/{candidate}/{plan}/{block}/metrics.parquet",
    log:
        "logs/evaluate_candidate/{setting}/{method}/{candidate}/{plan}/{block}.log",


rule select_candidate:
    """Choose one of a method's candidates by the validation metrics of its tuning runs."""
    input:
        metrics=lambda wildcards: metrics_of(files.tuning_runs(files.Selection(wildcards.setting, wildcards.method), CONFIG.methods)),
    output:
        selection="results/settings/{setting}/selection/{method}.json",
        choice="results/settings/{setting}/selection/{method}.choice.json",
    log:
        "logs/select_candidate/{setting}/{method}.log",
    wildcard_constraints:
        method=any_of(name for name, entry in CONFIG.methods.items() if entry["grid"]),
    conda:
        "../../envs/base.yaml"
    params:
        method=lambda wildcards: canonical(CONFIG.methods[wildcards.method]),
        made_by=made_by("metrics"),
        code=code("select_candidate"),
    script:
        "../scripts/select_candidate.py"


rule collect_metrics:
    """Collect the metrics of all runs of the selected studies in one file, for users; no other rule reads it."""
    input:
        metrics=metrics_of(sorted(NEEDED.runs)),
    output:
        metrics="results/metrics.parquet",
    log:
        "logs/collect_metrics.log",
    conda:
        "../../envs/base.yaml"
    params:
        made_by=made_by("metrics"),
        code=code("collect_metrics"),
    script:
        "../scripts/collect_metrics.py"
