"""The hardest, the easiest or random samples of every class pruned, against sparsity (the paper's Fig. 6, and Fig. 7)."""

from spurprune.figures import sweep
from spurprune.figures.base import TAKEN_LABEL, Drawing, Material, Spec

PANELS = (
    sweep.Panel(sweep.MISCLASSIFICATION, TAKEN_LABEL, from_zero=True),
    sweep.Panel("accuracy", "Test accuracy (%)", from_zero=False),
)


def make(material: Material, spec: Spec) -> Drawing:
    """Draw spurious misclassification and accuracy of every setting against the share of every class pruned; random is the control."""
    rows = sweep.numbers(material.metrics, list(spec.settings), [panel.metric for panel in PANELS])
    figure = sweep.draw(rows, spec.settings, PANELS, "Samples of every class")
    return Drawing(rows, figure, sweep.findings(rows, spec.settings, "samples of every class", PANELS))
