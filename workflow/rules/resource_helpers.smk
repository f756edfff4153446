"""Helpers for the resources that training jobs request on a cluster; on a single machine they limit nothing. No rules here."""

# For training on a GPU: torch with its libraries, and what is recorded for every sample. Inputs are memory-mapped.
TRAINING_MEMORY_MB = 8000


def reference_runtime(wildcards):
    """The time limit of a job of reference runs, in minutes."""
    reference = files.Reference(wildcards.setting, wildcards.recipe, wildcards.block)
    return planning.runtime_minutes(planning.reference_job(reference, CONFIG))


def run_runtime(wildcards):
    """The time limit of a run, in minutes."""
    return planning.runtime_minutes(planning.run_job(run_of(wildcards), CONFIG))


def training_memory(wildcards, attempt):
    """The main memory of a training job in megabytes; more on each retry."""
    return TRAINING_MEMORY_MB * attempt


def has_default_limit(scheduling):
    """Whether nothing but Snakemake's default, 100 per second, limits how many jobs start."""
    limit = scheduling.max_jobs_per_timespan
    return limit is not None and (limit.max_jobs, limit.timespan) == (100, 1)
