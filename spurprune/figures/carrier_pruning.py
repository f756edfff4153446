"""Carriers pruned hardest or easiest first, against sparsity (the paper's Fig. 4)."""

from spurprune.figures import _sweep
from spurprune.figures._base import TAKEN_LABEL, Drawing, Material, Spec

PANELS = (
    _sweep.Panel(_sweep.MISCLASSIFICATION, TAKEN_LABEL, from_zero=True),
    _sweep.Panel("worst_group_accuracy", "Worst-group\naccuracy (%)", from_zero=True),
    _sweep.Panel("accuracy", "Test accuracy (%)", from_zero=False),
)


def make(material: Material, spec: Spec) -> Drawing:
    """Draw spurious misclassification, worst-group accuracy and accuracy of every setting against the share of carriers pruned."""
    rows = _sweep.numbers(material.metrics, list(spec.settings), [panel.metric for panel in PANELS])
    figure = _sweep.draw(rows, spec.settings, PANELS, "Carriers")
    return Drawing(rows, figure, _sweep.findings(rows, spec.settings, "carriers", PANELS))
