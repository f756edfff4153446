"""spurprune: finds the few training samples that teach a spurious correlation, prunes them, retrains, and shows what that did."""

import textwrap

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/configuration.smk"


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/training_helpers.smk"
include: "workflow/rules/resource_helpers.smk"
include: "workflow/rules/download.smk"
include: "workflow/rules/prepare.smk"
include: "workflow/rules/difficulty.smk"
include: "workflow/rules/prune.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/refine.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/advise.smk"


rule all:
    """Everything that the selected studies ask for: figures, tables, metrics, the files in between; if none is selected, all advice."""
    default_target: True
    input:
        FIGURES,
        TABLES,
        "results/metrics.parquet" if CONFIG.select else ADVICE,
        [f"results/{path}" for path in needs.kept_files(NEEDED, CONFIG)],


rule figures:
    """The figures of the selected studies."""
    input:
        FIGURES,


rule advice:
    """The advice on all settings that have a section of advice."""
    input:
        ADVICE,


rule selections:
    """The choices of all tuned methods: made first, they let final runs rerun only where another candidate was chosen."""
    input:
        [f"results/{selection.choice_path}" for selection in sorted(NEEDED.selections)],


onstart:
    for recipe in recipes.described(CONFIG.chosen):
        print(recipe, file=sys.stderr)
    if workflow.local_exec and not visible_devices():
        print("No GPU is visible, so training runs on the CPU.", file=sys.stderr)
        prefork.start(len(workflow.dag))
    if has_default_limit(workflow.scheduling_settings):
        # With it, every job that has finished makes Snakemake look at all ready jobs once more per second: a whole core after some hundred.
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    for sentence in headlines.sentences(CONFIG.studies, CONFIG.select, Path("results/figures")):
        print(f"\n{textwrap.fill(sentence, width=100)}", file=sys.stderr)
    print("\nFigures: results/figures   Tables: results/tables   All metrics: results/metrics.parquet", file=sys.stderr)
    if ADVICE:
        print("Advice, once it was asked for: results/advice", file=sys.stderr)


if workflow.is_main_process:
    name_typos_in_targets()  # last, when all rules are known
