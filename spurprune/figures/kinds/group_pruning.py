"""Pruning within the groups whose feature goes with their class, against sparsity (the paper's Fig. 8)."""

from collections.abc import Sequence
from dataclasses import replace

from spurprune.figures import sweep
from spurprune.figures.base import TAKEN_LABEL, Drawing, Material, PublishedLine, Spec

PANELS = (
    sweep.Panel("worst_group_accuracy", "Worst-group\naccuracy (%)", from_zero=True),
    sweep.Panel(sweep.MISCLASSIFICATION, TAKEN_LABEL, from_zero=True),
    sweep.Panel("accuracy_weighted", "Mean accuracy (%)", from_zero=False),
)


def make(material: Material, spec: Spec) -> Drawing:
    """Draw worst-group accuracy, spurious misclassification and mean accuracy against the share of the aligned groups pruned.

    Mean accuracy is weighted by training groups, as in the group-robustness literature. Values of other methods that the option
    ``published`` lists (see ``spurprune.evaluation.published.told``) are drawn as lines in the panel of their metric.
    """
    published = [PublishedLine(**one) for one in spec.options.get("published", ())]
    rows = sweep.numbers(material.metrics, list(spec.settings), [panel.metric for panel in PANELS])
    panels = [replace(panel, from_zero=panel.from_zero and not _near_the_top(panel, published)) for panel in PANELS]
    figure = sweep.draw(rows, spec.settings, panels, "Aligned groups", published)
    told = sweep.findings(rows, spec.settings, "samples of the aligned groups", PANELS)
    return Drawing(sweep.compared(rows, published) if published else rows, figure, [*told, *_told_published(published)])


def _near_the_top(panel: sweep.Panel, published: Sequence[PublishedLine]) -> bool:
    """Return whether a panel shows published levels, which lie close together: its axis then ends at 100% instead of beginning at 0."""
    return any(one.metric == panel.metric for one in published)


def _told_published(published: Sequence[PublishedLine]) -> list[str]:
    """Return one sentence a metric and source that tells the published values."""
    words = {"worst_group_accuracy": "worst-group accuracy", "accuracy_weighted": "mean accuracy"}
    told = []
    for metric, source in dict.fromkeys((one.metric, one.source) for one in published):
        values = ", ".join(f"{one.name} {100 * one.value:.1f}%" for one in published if (one.metric, one.source) == (metric, source))
        told.append(f"Published {words[metric]} of other methods, not measured here ({source}): {values}.")
    return told
