"""Which samples a network is shown for its predictions, in which view; the logits that it gives them."""

import numpy as np
import pyarrow as pa

from spurprune.data.embedding import arrays_of
from spurprune.data.probe import Probe
from spurprune.data.samples import Samples
from spurprune.data.views import FEATURED, NATURAL
from spurprune.errors import DataError
from spurprune.storage.columns import positions_of, to_numpy, words_of

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


def logits_of(predictions: pa.Table, num_classes: int, repeat: int, where: str) -> np.ndarray:
    """Return the logits of one repeat's predictions (schema ``schemas.PREDICTIONS``), float32 [N, C].

    Raises DataError that names the file ``where`` unless there is one finite logit per class.
    """
    try:
        logits = arrays_of(predictions.column("logits"))
    except ValueError:
        raise DataError(f"{where}, repeat {repeat}: samples have different numbers of logits; delete the file and rerun.") from None
    if logits.shape[1] != num_classes:
        raise DataError(
            f"{where}, repeat {repeat}: samples have {logits.shape[1]} logits, but there are {num_classes} classes; delete the file and "
            "rerun."
        )
    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        bad = to_numpy(predictions.column("sample_id"))[np.argmin(finite)]
        raise DataError(
            f"{where}: the logits of sample {bad} in repeat {repeat} are not finite; lower training.optimizer.lr or set "
            "training.gradient_clip."
        )
    return logits


def _featured(label: np.ndarray, classes: str, probe: Probe | None) -> np.ndarray:
    """Return which samples are predicted in the featured view, bool [N]."""
    if classes == "all":
        return np.ones(len(label), dtype=bool)
    return np.zeros(len(label), dtype=bool) if probe is None else (label == probe.source) | probe.is_target(label)


def require_complete(mine: pa.Table, samples: Samples, featured_classes: str | None, probe: Probe | None, where: str) -> None:
    """Raise DataError unless one repeat's predictions are of exactly the samples, in exactly the views, that are to be predicted."""
    found = to_numpy(mine.column("sample_id"))
    of_split, of_view = words_of(mine.column("split")), words_of(mine.column("view"))
    nowhere = np.zeros(len(mine), dtype=bool)
    expected = 0
    for name in PREDICTED:
        for shown, rows in rows_by_view(samples, name, featured_classes, probe).items():
            wanted = samples.sample_id[rows]
            expected += len(wanted)
            if positions_of(wanted, found[of_split.get(name, nowhere) & of_view.get(shown, nowhere)]) is None:
                raise DataError(
                    f"{where} does not hold exactly the predictions of repeat {samples.repeat}'s {name} split in the {shown} view; delete "
                    "the file and rerun."
                )
    if expected != len(mine):
        raise DataError(f"{where} holds predictions of repeat {samples.repeat} that were not asked for; delete the file and rerun.")
