"""Evaluation: the metrics of each run, and of all runs together."""


rule evaluate:
    """Compute a run's metrics: accuracies, worst group, spurious misclassification, one row a metric and repeat."""
    input:
        predictions="results/settings/{setting}/runs/{method}/{plan}/{block}/predictions.parquet",
        samples="results/settings/{setting}/samples/{block}.parquet",
        plan="results/settings/{setting}/plans/{plan}/{block}.parquet",
        manifest=lambda wildcards: f"{dataset_folder(wildcards)}/manifest.json",
    output:
        metrics="results/settings/{setting}/runs/{method}/{plan}/{block}/metrics.parquet",
    log:
        "logs/evaluate/{setting}/{method}/{plan}/{block}.log",
    conda:
        "../../envs/base.yaml"
    params:
        setting=part_of("source_class", "target_class", "attribute"),
        repeats=repeats,
        code=code("evaluate"),
    script:
        "../scripts/evaluate.py"


rule collect_metrics:
    """Put the metrics of all runs of the selected studies into one file, for users; nothing depends on it."""
    input:
        metrics=metrics_of(studies.all_runs(CONFIG)),
    output:
        metrics="results/metrics.parquet",
    log:
        "logs/collect_metrics.log",
    conda:
        "../../envs/base.yaml"
    params:
        code=code("collect_metrics"),
    script:
        "../scripts/collect_metrics.py"
