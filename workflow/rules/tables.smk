"""Tables: one rule per kind, as CSV for programs and as Markdown for readers."""


include: "table_helpers.smk"


for kind, record in kinds.table_kinds().items():

    rule:
        name:
            f"tabulate_{kind}"
        input:
            **{name: TABLE_FILES[name] for name in record.reads},
        output:
            **table_outputs(kind),
        log:
            "logs/tabulate/{study}/{table}.log",
        wildcard_constraints:
            table=of_kind("tables", kind),
        conda:
            "../../envs/base.yaml"
        params:
            table=table_of,
            made_by=made_by(*({"metrics"} & set(record.reads))),
            code=code("tabulate", ("tables", kind)),
        script:
            "../scripts/tabulate.py"

    workflow.get_rule(f"tabulate_{kind}").docstring = record.description
