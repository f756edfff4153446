"""Helpers for the tables' rules. No rules here."""


def table_of(wildcards):
    """The block of the wildcards' table in canonical order, with its study's title and the published values that it shows."""
    study = study_of(wildcards)
    table = study["tables"][wildcards.table]
    return canonical({**table, "title": study["title"], **published.told(table)})


def difficulty_paths(wildcards):
    """The files of the difficulties that the wildcards' table compares."""
    return [f"results/{found.path}" for found in studies.difficulties_of(table_of(wildcards), study_of(wildcards))]
