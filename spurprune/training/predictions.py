"""Predictions on validation and test samples: the tables of their logits."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from spurprune.data.embedding import predictions_table
from spurprune.data.predicted import PREDICTED, rows_by_view
from spurprune.data.probe import Probe
from spurprune.data.samples import Samples
from spurprune.models.network import Network
from spurprune.training.observe import observe
from spurprune.training.workbench import Workbench


def views(bench: Workbench, samples: Samples, split: str) -> dict[str, np.ndarray]:
    """Return the rows of a split, int64, that are predicted in each view (see ``data.predicted.rows_by_view``)."""
    featured = None if bench.setting["overlay"] is None else bench.setting["evaluation"]["featured_classes"]
    return rows_by_view(samples, split, featured, Probe.of(bench.setting["probe"], bench.manifest))


def predict(bench: Workbench, model: Network, samples: Samples) -> Sequence[pa.Table]:
    """Return a network's logits on one repeat's validation and test samples: a table per split and view (``schemas.PREDICTIONS``)."""
    return [_table(bench, model, samples, rows, split, view) for split in PREDICTED for view, rows in views(bench, samples, split).items()]


def _table(bench: Workbench, model: Network, samples: Samples, rows: np.ndarray, split: str, view: str) -> pa.Table:
    seen = observe(model, bench.data(samples, rows, view), bench.preparation, bench.setting["evaluation"]["batch_size"])
    return predictions_table(samples.repeat, split, view, samples.sample_id[rows], seen.logits.cpu().numpy())
