"""Views: how a network is shown a sample, as it is or with the overlay laid over it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spurprune.data.probe import Probe
from spurprune.data.samples import Samples

VIEWS = ("natural", "featured")


def rows_by_view(samples: Samples, split: str, setting: Mapping[str, Any], probe: Probe | None) -> dict[str, np.ndarray]:
    """Return the positions (int64) of the validation or test samples to predict in each view.

    Natural: all. Featured, only where the setting has an overlay: all, or with ``evaluation.featured_classes: probe`` those of the probe's
    source and target classes. ``setting`` holds overlay and evaluation.
    """
    rows = samples.rows(split)
    if setting["overlay"] is None:
        return {"natural": rows}
    if setting["evaluation"]["featured_classes"] == "all":
        return {"natural": rows, "featured": rows}
    label = samples.label[rows]
    tested = np.zeros(len(rows), dtype=bool) if probe is None else (label == probe.source) | probe.is_target(label)
    return {"natural": rows, "featured": rows[tested]}
