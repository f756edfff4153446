"""Pruning within the groups whose feature goes with their class, against sparsity (the paper's Fig. 8)."""

from collections.abc import Sequence

from spurprune.figures import _sweep
from spurprune.figures._base import TAKEN_LABEL, Drawing, Material, Spec

PANELS = (
    _sweep.Panel("worst_group_accuracy", "Worst-group\naccuracy (%)", from_zero=True),
    _sweep.Panel(_sweep.MISCLASSIFICATION, TAKEN_LABEL, from_zero=True),
    _sweep.Panel("accuracy_weighted", "Mean accuracy (%)", from_zero=False),
)


def make(material: Material, spec: Spec, published: Sequence[_sweep.Published] = ()) -> Drawing:
    """Draw worst-group accuracy, spurious misclassification and mean accuracy against the share of the aligned groups pruned.

    Mean accuracy is weighted by training groups, as in the group-robustness literature. ``published`` values of other methods are drawn
    as lines in the panel of their metric.
    """
    rows = _sweep.numbers(material.metrics, list(spec.settings), [panel.metric for panel in PANELS])
    figure = _sweep.draw(rows, spec.settings, PANELS, "Aligned groups", published)
    return Drawing(rows, figure, _sweep.findings(rows, spec.settings, "samples of the aligned groups", "accuracy_weighted"))
