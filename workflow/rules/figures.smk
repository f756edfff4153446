"""Figures: one rule per kind, which reads only the files of its own runs; numbers and findings are written beside the figure."""


include: "figure_helpers.smk"


for kind, record in kinds.figure_kinds().items():

    rule:
        name:
            f"plot_{kind}"
        input:
            **{name: FIGURE_FILES[name] for name in record.reads},
        output:
            **figure_outputs(kind),
        log:
            "logs/plot/{study}/{figure}.log",
        wildcard_constraints:
            figure=of_kind("figures", kind),
        conda:
            "../../envs/base.yaml"
        params:
            spec=figure_spec,
            made_by=made_by(*({"metrics"} & set(record.reads))),
            code=figure_code,
        script:
            "../scripts/plot.py"

    workflow.get_rule(f"plot_{kind}").docstring = record.description
