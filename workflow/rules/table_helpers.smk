"""Helpers for the tables' rules. No rules here."""


def table_of(wildcards):
    """The block of the wildcards' table in canonical order, with its study's title and the published values that it shows."""
    study = study_of(wildcards)
    table = study["tables"][wildcards.table]
    return canonical({**table, "title": study["title"], **published.told(table)})
