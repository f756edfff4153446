"""Predictions of validation and test: which samples are shown in which view, and the table of their logits."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from spurprune.data.probe import Probe
from spurprune.data.samples import SPLITS, Samples
from spurprune.data.views import FEATURED, NATURAL, VIEWS
from spurprune.models.network import Network
from spurprune.storage.tables import labels
from spurprune.training.observe import observe
from spurprune.training.workbench import Workbench

PREDICTED = ("validation", "test")


def views(bench: Workbench, samples: Samples, split: str) -> dict[str, np.ndarray]:
    """Return the rows of a split, int64, that are predicted in each view.

    Natural: all. Featured, where the setting has an overlay: all, or with ``featured_classes: probe`` the classes of the probe, if there
    is one. A view without rows is absent.
    """
    rows = samples.rows(split)
    shown = {NATURAL: rows}
    if bench.setting["overlay"] is not None:
        shown[FEATURED] = rows[_featured(bench, samples.label[rows])]
    return {view: members for view, members in shown.items() if len(members)}


def _featured(bench: Workbench, label: np.ndarray) -> np.ndarray:
    """Return which samples are predicted with the overlay, bool [N]."""
    if bench.setting["evaluation"]["featured_classes"] == "all":
        return np.ones(len(label), dtype=bool)
    probe = Probe.of(bench.setting["probe"], bench.manifest)
    return np.zeros(len(label), dtype=bool) if probe is None else (label == probe.source) | probe.is_target(label)


def predict(bench: Workbench, model: Network, samples: Samples) -> Sequence[pa.Table]:
    """Return a network's logits on one repeat's validation and test samples, a table per split and view (``schemas.PREDICTIONS``)."""
    return [_table(bench, model, samples, rows, split, view) for split in PREDICTED for view, rows in views(bench, samples, split).items()]


def _table(bench: Workbench, model: Network, samples: Samples, rows: np.ndarray, split: str, view: str) -> pa.Table:
    seen = observe(model, bench.data(samples, rows, view), bench.preparation, bench.setting["evaluation"]["batch_size"])
    logits = seen.logits.cpu().numpy()
    offsets = pa.array(np.arange(len(rows) + 1, dtype=np.int32) * logits.shape[1])
    return pa.table(
        {
            "repeat": np.full(len(rows), samples.repeat, dtype=np.int16),
            "sample_id": samples.sample_id[rows],
            "split": labels(np.full(len(rows), SPLITS.index(split)), SPLITS),
            "view": labels(np.full(len(rows), VIEWS.index(view)), VIEWS),
            "logits": pa.ListArray.from_arrays(offsets, pa.array(logits.ravel())),
        }
    )
