"""Membership inference with a shadow network, of the target's training and test samples (Yang, Chou and Chaudhuri 2022).

The two networks are a method's, trained on two of the four parts of a partition of kind quarters. ``spurprune.evaluation.membership`` has
the attack.
"""

from typing import Any

import numpy as np

from spurprune import seeds
from spurprune.evaluation import membership
from spurprune.evaluation.membership import PARTS
from spurprune.training.analysis import Request

OPTIONS = {
    "from": {"type": "string"},
    "plan": {"type": "string", "default": "only-quarters-target_train"},
    "shadow": {"type": "string", "default": "only-quarters-shadow_train"},
    "partition": {"type": "string", "default": "quarters"},
}
PARTITION = "quarters"
COLUMNS = {"repeat": "int16", "measure": "string", "n": "int32", "value": "float64"}
KEY = ("repeat", "measure")
BOUNDS = {"n": (1, 2**31), "value": (0, 1)}


def analyse(request: Request) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return what the attacker finds out about the target, measure by measure (the fields of ``evaluation.membership.Leak``).

    Controls are the other members of the carriers' classes. Without carriers there is neither spurious nor control.
    """
    assert request.part is not None
    rows = request.samples.rows("train")
    label, carrier = request.samples.label[rows], request.samples.carrier[rows] == 1
    target, shadow = (membership.features(logits, label) for logits in request.logits(rows))
    is_in = {name: request.part == number for number, name in enumerate(PARTS)}
    of_shadow = is_in["shadow_train"] | is_in["shadow_test"]
    folds = int(seeds.generator(seeds.ANALYSIS, request.samples.repeat, "folds").integers(2**31))
    attacker = membership.attack(shadow[of_shadow], is_in["shadow_train"][of_shadow], folds)
    of_target = is_in["target_train"] | is_in["target_test"]
    member = is_in["target_train"]
    same_class = np.isin(label, np.unique(label[carrier]))
    found = membership.leak(
        attacker,
        target[of_target],
        is_member=member[of_target],
        is_spurious=(member & carrier)[of_target],
        is_control=(member & same_class & ~carrier)[of_target],
    )
    asked = int(of_target.sum())
    measured = {
        "auc": (asked, found.auc),
        "balanced_accuracy": (asked, found.balanced_accuracy),
        "spurious": (found.n_spurious, found.spurious),
        "control": (found.n_control, found.control),
    }
    kept = {name: one for name, one in measured.items() if one[0]}
    columns = {
        "measure": np.array(list(kept), dtype=object),
        "n": np.array([n for n, _ in kept.values()], dtype=np.int32),
        "value": np.array([value for _, value in kept.values()]),
    }
    return columns, {}
