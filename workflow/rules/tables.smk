"""Tables: for every study, as CSV for programs and as Markdown for readers."""


include: "table_helpers.smk"


rule tabulate_summary:
    """Every run of a study with its metrics on the test split, and how they differ from no pruning."""
    input:
        lambda wildcards: metrics_of(studies.runs_of(table_of(wildcards), study_of(wildcards), CONFIG)),
    output:
        csv=report(
            "results/tables/{study}/{table}.csv",
            category="{study}",
            subcategory="Tables",
            labels={"table": "{table}"},
            caption="../report/summary.rst",
        ),
        markdown="results/tables/{study}/{table}.md",
    log:
        "logs/tabulate/{study}/{table}.log",
    wildcard_constraints:
        table=of_kind("tables", "summary"),
    conda:
        "../../envs/base.yaml"
    params:
        table=table_of,
        code=code("tabulate", ("tables", "summary")),
    script:
        "../scripts/tabulate.py"


use rule tabulate_summary as tabulate_benchmark with:
    output:
        csv=report(
            "results/tables/{study}/{table}.csv",
            category="{study}",
            subcategory="Tables",
            labels={"table": "{table}"},
            caption="../report/benchmark.rst",
        ),
        markdown="results/tables/{study}/{table}.md",
    wildcard_constraints:
        table=of_kind("tables", "benchmark"),
    params:
        table=table_of,
        code=code("tabulate", ("tables", "benchmark")),


use rule tabulate_summary as tabulate_stability with:
    input:
        difficulty_paths,
    output:
        csv=report(
            "results/tables/{study}/{table}.csv",
            category="{study}",
            subcategory="Tables",
            labels={"table": "{table}"},
            caption="../report/stability.rst",
        ),
        markdown="results/tables/{study}/{table}.md",
    wildcard_constraints:
        table=of_kind("tables", "stability"),
    params:
        table=table_of,
        code=code("tabulate", ("tables", "stability")),
