"""Helpers for the resources that training jobs ask of a cluster; on one machine they limit nothing. No rules here."""

from spurprune.dag import planning

# Main memory of a training on a GPU: torch with its libraries, and what is recorded of every sample. Inputs are memory-mapped.
TRAINING_MEMORY_MB = 8000


def reference_runtime(wildcards):
    """The time limit of some reference runs in minutes."""
    reference = files.Reference(wildcards.setting, wildcards.recipe, wildcards.block)
    return planning.runtime_minutes(planning.reference_job(reference, CONFIG))


def run_runtime(wildcards):
    """The time limit of a run in minutes."""
    return planning.runtime_minutes(planning.run_job(run_of(wildcards), CONFIG))


def training_memory(wildcards, attempt):
    """A training's main memory in megabytes, which grows when it is tried again."""
    return TRAINING_MEMORY_MB * attempt
