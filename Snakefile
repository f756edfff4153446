"""spurprune: finds the few training samples that teach a spurious correlation, prunes them, retrains, and shows what that did."""

import atexit
import gc
from functools import cache

import smart_open

from snakemake.utils import min_version

min_version("9.0")
# What a plan consists of lives until its end: the default looks through all of it for garbage over and over, a seventh of the time,
# and once more when there is nothing left to do.
gc.set_threshold(100_000, 50, 1000)
atexit.register(gc.freeze)
# Snakemake has the path of each job's script parsed several times, which defines a class each time: a sixth of planning's time.
smart_open.parse_uri = cache(smart_open.parse_uri)


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
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/tables.smk"


rule all:
    """Everything the selected studies ask for: figures, tables, and all metrics in one file."""
    default_target: True
    input:
        FIGURES,
        TABLES,
        "results/metrics.parquet",


rule figures:
    """The figures of the selected studies."""
    input:
        FIGURES,


onstart:
    if workflow.local_exec and not visible_devices():
        print("No GPU is visible, so trainings run on the CPU.", file=sys.stderr)


onsuccess:
    shell("echo; echo 'Figures: results/figures   Tables: results/tables   All metrics: results/metrics.parquet'")
