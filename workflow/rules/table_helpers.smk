"""Helpers for the rules of tables. No rules here."""


def table_of(wildcards):
    """The block of the wildcards' table in canonical order, with its study's title and what its kind adds, without HTML."""
    study = study_of(wildcards)
    table = study["tables"][wildcards.table]
    kind = kinds.kind_of(table)
    added = kind.published(table) | kind.described(table, study, CONFIG)
    return escaping.inert(canonical({**table, "title": study["title"], **added}))


def table_outputs(kind):
    """A table's files; the report shows the CSV file with its kind's caption."""
    path = "results/tables/{study}/{table}"
    shown = report(f"{path}.csv", caption=caption(kind, "table"), category="{study}", subcategory="Tables", labels={"table": "{table}"})
    return {"csv": shown, "markdown": f"{path}.md"}
