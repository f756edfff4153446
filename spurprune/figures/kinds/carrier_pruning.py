"""Carriers pruned hardest or easiest first, against sparsity (the paper's Fig. 4)."""

from spurprune.figures import sweep
from spurprune.figures.base import TAKEN_LABEL, Drawing, Material, Spec

PANELS = (
    sweep.Panel(sweep.MISCLASSIFICATION, TAKEN_LABEL, from_zero=True),
    sweep.Panel("worst_group_accuracy", "Worst-group\naccuracy (%)", from_zero=True),
    sweep.Panel("accuracy", "Test accuracy (%)", from_zero=False),
)


def make(material: Material, spec: Spec) -> Drawing:
    """Draw spurious misclassification, worst-group accuracy and accuracy of every setting against the share of carriers pruned."""
    rows = sweep.numbers(material.metrics, list(spec.settings), [panel.metric for panel in PANELS])
    figure = sweep.draw(rows, spec.settings, PANELS, "Carriers")
    return Drawing(rows, figure, sweep.findings(rows, spec.settings, "carriers", PANELS))
