"""Which samples a network is shown for its predictions, in which view."""

import numpy as np

from spurprune.data.probe import Probe
from spurprune.data.samples import Samples
from spurprune.data.views import FEATURED, NATURAL

PREDICTED = ("validation", "test")  # splits


def rows_by_view(samples: Samples, split: str, featured_classes: str | None, probe: Probe | None) -> dict[str, np.ndarray]:
    """Return the rows of a split, int64, that are predicted in each view.

    In the natural view, all. In the featured view, all or, with ``featured_classes`` "probe", those of the probe's classes; none if it is
    None, for a setting without an overlay. A view without rows is absent.
    """
    rows = samples.rows(split)
    shown = {NATURAL: rows}
    if featured_classes is not None:
        shown[FEATURED] = rows[_featured(samples.label[rows], featured_classes, probe)]
    return {view: members for view, members in shown.items() if len(members)}


def _featured(label: np.ndarray, classes: str, probe: Probe | None) -> np.ndarray:
    """Return which samples are predicted in the featured view, bool [N]."""
    if classes == "all":
        return np.ones(len(label), dtype=bool)
    return np.zeros(len(label), dtype=bool) if probe is None else (label == probe.source) | probe.is_target(label)
