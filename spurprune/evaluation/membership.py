"""Membership inference with one shadow model: who was in the training set, by logits alone (Shokri et al. 2017; Yang et al. 2022).

The pooled samples are cut into four equal parts: the target network trains on one, and so does the shadow; an attacker who knows the
shadow's members learns to tell them from the shadow's test part, and is tried on the target's two.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

PARTS = ("target_train", "target_test", "shadow_train", "shadow_test")
STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # C of the logistic regression; the public notebook's
FOLDS = 3


@dataclass(frozen=True)
class Leak:
    """What an attack finds out: shares in [0, 1], NaN where there is nobody to be found.

    ``auc`` and ``balanced_accuracy`` are over members and as many non-members; ``spurious`` is the share of spurious members, who carry the
    feature, that are taken for members, ``control`` that of the other members of their class.
    """

    auc: float
    balanced_accuracy: float
    spurious: float
    control: float
    n_spurious: int
    n_control: int


def parts_of(count: int, rng: np.random.Generator, of_target: Sequence[int] | np.ndarray = ()) -> dict[str, np.ndarray]:
    """Return the positions of four disjoint equal parts of ``count`` samples, int64, drawn at random; up to three are left out.

    The positions ``of_target`` are in the first part, where the spurious members are. Raises ValueError for fewer than four samples, or if
    the first part is too small for those.
    """
    size = count // len(PARTS)
    if not size:
        raise ValueError(f"{count} samples cannot be cut into {len(PARTS)} parts")
    if len(of_target) > size:
        raise ValueError(f"{len(of_target)} samples do not fit into a quarter of {count}")
    first = np.asarray(of_target, dtype=np.int64)
    order = np.concatenate([first, rng.permutation(np.setdiff1d(np.arange(count), first))])
    return {name: np.sort(order[i * size : (i + 1) * size]) for i, name in enumerate(PARTS)}


def features(logits: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return what an attacker sees of each sample, float64 [N, C + 1]: its logits [N, C], ascending, and whether they are right."""
    right = logits.argmax(axis=1) == label
    return np.column_stack([np.sort(logits.astype(np.float64), axis=1), right])


def attack(seen: np.ndarray, is_member: np.ndarray, seed: int) -> Any:
    """Return a fitted attacker, a classifier of scikit-learn, from the shadow's ``features`` [N, F] and ``is_member`` (bool [N]).

    Features are standardised, then a logistic regression whose C is chosen by cross-validation in three shuffled folds, drawn by ``seed``.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return GridSearchCV(regression, {"logisticregression__C": list(STRENGTHS)}, cv=folds).fit(seen, is_member)


def leak(attacker: Any, seen: np.ndarray, *, is_member: np.ndarray, is_spurious: np.ndarray, is_control: np.ndarray) -> Leak:
    """Return what an attacker finds out about the target's samples, arrays [N] over both of its parts.

    ``is_spurious`` and ``is_control`` are members with the feature, and members of the same class without it.
    """
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    said, sure = attacker.predict(seen).astype(bool), attacker.decision_function(seen)
    return Leak(
        auc=float(roc_auc_score(is_member, sure)),
        balanced_accuracy=float(balanced_accuracy_score(is_member, said)),
        spurious=_share(said[is_spurious]),
        control=_share(said[is_control]),
        n_spurious=int(is_spurious.sum()),
        n_control=int(is_control.sum()),
    )


def _share(found: np.ndarray) -> float:
    return float(found.mean()) if len(found) else math.nan
