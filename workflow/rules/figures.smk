"""Figures: one rule a kind, each from its own runs' files only; its numbers and what is seen in it lie beside it."""


include: "figure_helpers.smk"


rule plot_carrier_count:
    """Featured target samples against the number of carriers; when carriers are learned (the paper's Fig. 1)."""
    input:
        metrics=figure_metrics,
        history=figure_history,
        manifests=figure_manifests,
    output:
        **figure_outputs("carrier_count"),
    log:
        "logs/plot/{study}/{figure}.log",
    wildcard_constraints:
        figure=of_kind("figures", "carrier_count"),
    conda:
        "../../envs/base.yaml"
    params:
        spec=figure_spec,
        code=figure_code,
    script:
        "../scripts/plot.py"


use rule plot_carrier_count as plot_carrier_difficulty with:
    """Carriers among the easiest and among the hardest samples, several strengths (the paper's Fig. 2)."""
    input:
        metrics=figure_metrics,
        history=figure_history,
        manifests=figure_manifests,
    output:
        **figure_outputs("carrier_difficulty"),
    wildcard_constraints:
        figure=of_kind("figures", "carrier_difficulty"),


use rule plot_carrier_count as plot_difficulty_range with:
    """Carriers over the whole range of difficulty (the paper's Fig. 3)."""
    input:
        metrics=figure_metrics,
    output:
        **figure_outputs("difficulty_range"),
    wildcard_constraints:
        figure=of_kind("figures", "difficulty_range"),


use rule plot_carrier_count as plot_carrier_pruning with:
    """Carriers pruned, hardest or easiest first, against sparsity (the paper's Fig. 4)."""
    input:
        metrics=figure_metrics,
    output:
        **figure_outputs("carrier_pruning"),
    wildcard_constraints:
        figure=of_kind("figures", "carrier_pruning"),


use rule plot_carrier_count as plot_difficulty_quartiles with:
    """Carriers by quartile of difficulty (the paper's Fig. 5)."""
    input:
        metrics=figure_metrics,
        samples=figure_samples,
        difficulty=figure_difficulty,
        manifests=figure_manifests,
    output:
        **figure_outputs("difficulty_quartiles"),
    wildcard_constraints:
        figure=of_kind("figures", "difficulty_quartiles"),


use rule plot_carrier_count as plot_general_pruning with:
    """Every class pruned, hardest or easiest first or at random, against sparsity (the paper's Figs. 6 and 7)."""
    input:
        metrics=figure_metrics,
    output:
        **figure_outputs("general_pruning"),
    wildcard_constraints:
        figure=of_kind("figures", "general_pruning"),


use rule plot_carrier_count as plot_group_pruning with:
    """The groups whose feature goes with their class pruned, against sparsity (the paper's Fig. 8)."""
    input:
        metrics=figure_metrics,
    output:
        **figure_outputs("group_pruning"),
    wildcard_constraints:
        figure=of_kind("figures", "group_pruning"),


use rule plot_carrier_count as plot_group_learning with:
    """Training accuracy of each group over epochs, several settings (the paper's Fig. 1b)."""
    input:
        history=figure_history,
        manifests=figure_manifests,
    output:
        **figure_outputs("group_learning"),
    wildcard_constraints:
        figure=of_kind("figures", "group_learning"),


use rule plot_carrier_count as plot_montage with:
    """Images over the difficulty range, carriers marked (the paper's Fig. 9)."""
    input:
        images=figure_images,
        manifests=figure_manifests,
        samples=figure_samples,
        difficulty=figure_difficulty,
    output:
        **figure_outputs("montage"),
    wildcard_constraints:
        figure=of_kind("figures", "montage"),
