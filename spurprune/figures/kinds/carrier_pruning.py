"""Pruning of carriers, hardest or easiest first, by sparsity (the paper's Fig. 4)."""

from spurprune.figures import sweep
from spurprune.figures.base import Drawing, Material, Spec
from spurprune.figures.kind import Kind

KIND = Kind(
    "Pruning of carriers, hardest or easiest first, by sparsity (the paper's Fig. 4).",
    reads=("metrics",),
    required=sweep.REQUIRED,
    optional=sweep.OPTIONAL,
    needs=("carriers", "probe"),
    plans=sweep.plans_by("carriers"),
    check=sweep.check,
)
PANELS = (sweep.MISCLASSIFIED, sweep.WORST_GROUP, sweep.Panel("accuracy", "Test accuracy (%)", from_zero=False))


def make(material: Material, spec: Spec) -> Drawing:
    """Draw spurious misclassification, worst-group accuracy and accuracy against the pruned share of carriers."""
    return sweep.make(material, spec, sweep.panels_of(spec, PANELS), "carriers", "Carriers")
