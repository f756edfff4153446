"""Pruning of aligned groups, whose attributes are those tied to their class, by sparsity (the paper's Fig. 8)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from spurprune.config.known import require_known
from spurprune.evaluation.published import BENCHMARKS, rivals
from spurprune.figures import sweep
from spurprune.figures.base import Drawing, Material, PublishedLine, Spec, published_lines
from spurprune.figures.kind import TEXT, Configuration, Item, Kind, Study, require_dataset

PANELS = (sweep.WORST_GROUP, sweep.MISCLASSIFIED, sweep.Panel("accuracy_weighted", "Mean accuracy (%)", from_zero=False))


def published(item: Item) -> dict[str, Any]:
    """Return the results of other methods that a figure shows."""
    return {"published": rivals(item["published"])} if "published" in item else {}


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for published values of another dataset, and for orders that a sweep cannot have."""
    sweep.check(key, item, study, config)
    if "published" in item:
        require_known(
            item["published"], BENCHMARKS, f"{key}.published: '{item['published']}'", "set of published values for a group_pruning"
        )
        for setting in item["settings"]:
            require_dataset(f"{key}.settings", setting, item["published"], config)


KIND = Kind(
    "Pruning of the groups whose attributes are those tied to their class, by sparsity (the paper's Fig. 8).",
    reads=("metrics",),
    required={**sweep.REQUIRED, "strategy": {"enum": ["per_group", "per_group_equal"]}},
    optional={**sweep.OPTIONAL, "published": TEXT},
    needs=("aligned",),
    plans=sweep.plans_by(),
    published=published,
    check=check,
)


def make(material: Material, spec: Spec) -> Drawing:
    """Draw worst-group accuracy, spurious misclassification and mean accuracy against the pruned share of the aligned groups.

    Mean accuracy is weighted by training groups, as in the group-robustness literature. Published values of other methods are drawn as
    lines in the panels of their metrics.
    """
    lines = published_lines(spec)
    panels = [replace(panel, from_zero=panel.from_zero and not _near_the_top(panel, lines)) for panel in sweep.panels_of(spec, PANELS)]
    drawing = sweep.make(material, spec, panels, "samples of the aligned groups", "Aligned groups")
    return replace(drawing, findings=[*drawing.findings, *_published_findings(lines)])


def _near_the_top(panel: sweep.Panel, lines: Sequence[PublishedLine]) -> bool:
    """Return whether a panel shows published values, which are close together, so that its axis ends at 100% instead of beginning at 0."""
    return any(one.metric == panel.metric for one in lines)


def _published_findings(lines: Sequence[PublishedLine]) -> list[str]:
    """Return one sentence on the published values of each metric and source."""
    found = []
    for metric, source in dict.fromkeys((one.metric, one.source) for one in lines):
        values = ", ".join(f"{one.name} {100 * one.value:.1f}%" for one in lines if (one.metric, one.source) == (metric, source))
        found.append(f"Published {sweep.IN_WORDS[metric]} of other methods, not measured here ({source}): {values}.")
    return found
