"""Pruning of every class, hardest or easiest first or at random, by sparsity (the paper's Figs. 6 and 7)."""

from spurprune.errors import ConfigError
from spurprune.figures import sweep
from spurprune.figures.base import Drawing, Material, Spec
from spurprune.figures.kind import Configuration, Item, Kind, Study

PANELS = (sweep.MISCLASSIFIED, sweep.Panel("accuracy", "Test accuracy (%)", from_zero=False))


def at_random(item: Item) -> list[str]:
    """Return the plans of the control, random pruning."""
    return [f"random-{sparsity}" for sparsity in item["sparsities"]]


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for the order ``random``, which is always shown, and for orders that a sweep cannot have."""
    if "random" in item.get("orders", []):
        raise ConfigError(f"{key}.orders names 'random', which a general_pruning always shows; remove it.")
    sweep.check(key, item, study, config)


KIND = Kind(
    "Pruning of every class, hardest or easiest first or at random, by sparsity (the paper's Figs. 6 and 7).",
    reads=("metrics",),
    required=sweep.REQUIRED,
    optional=sweep.OPTIONAL,
    plans=sweep.plans_by("per_class", more=at_random),
    check=check,
)


def make(material: Material, spec: Spec) -> Drawing:
    """Draw spurious misclassification (without a probe, worst-group accuracy) and accuracy against the pruned share of every class."""
    panels = sweep.panels_of(spec, PANELS, instead=(sweep.WORST_GROUP,))
    return sweep.make(material, spec, panels, "samples of every class", "Samples of every class")
