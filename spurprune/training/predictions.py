"""Predictions on validation and test samples: which samples are shown in which view, and the table of their logits."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from spurprune.data.embedding import predictions_table
from spurprune.data.probe import Probe
from spurprune.data.samples import Samples
from spurprune.data.views import FEATURED, NATURAL
from spurprune.models.network import Network
from spurprune.training.observe import observe
from spurprune.training.workbench import Workbench

PREDICTED = ("validation", "test")


def views(bench: Workbench, samples: Samples, split: str) -> dict[str, np.ndarray]:
    """Return the rows of a split, int64, that are predicted in each view.

    In the natural view, all. In the featured view, which needs an overlay, all or, with ``featured_classes: probe``, those of the probe's
    classes. A view without rows is absent.
    """
    rows = samples.rows(split)
    shown = {NATURAL: rows}
    if bench.setting["overlay"] is not None:
        shown[FEATURED] = rows[_featured(bench, samples.label[rows])]
    return {view: members for view, members in shown.items() if len(members)}


def _featured(bench: Workbench, label: np.ndarray) -> np.ndarray:
    """Return which samples are predicted in the featured view, bool [N]."""
    if bench.setting["evaluation"]["featured_classes"] == "all":
        return np.ones(len(label), dtype=bool)
    probe = Probe.of(bench.setting["probe"], bench.manifest)
    return np.zeros(len(label), dtype=bool) if probe is None else (label == probe.source) | probe.is_target(label)


def predict(bench: Workbench, model: Network, samples: Samples) -> Sequence[pa.Table]:
    """Return a network's logits on one repeat's validation and test samples: a table per split and view (``schemas.PREDICTIONS``)."""
    return [_table(bench, model, samples, rows, split, view) for split in PREDICTED for view, rows in views(bench, samples, split).items()]


def _table(bench: Workbench, model: Network, samples: Samples, rows: np.ndarray, split: str, view: str) -> pa.Table:
    seen = observe(model, bench.data(samples, rows, view), bench.preparation, bench.setting["evaluation"]["batch_size"])
    return predictions_table(samples.repeat, split, view, samples.sample_id[rows], seen.logits.cpu().numpy())
