"""Logistic regression on a kept model's features: the core of deep feature reweighting (DFR).

Kirichenko, Izmailov and Wilson, "Last layer re-training is sufficient for robustness to spurious correlations", ICLR 2023, Sec. 4 and
their code: features are standardised, an L1-penalised logistic regression (liblinear, whose penalty includes the intercept) is fitted to
random subsets in which every group is as large as the smallest, and coefficients and intercepts are averaged over the subsets. Of several
values of C, one is chosen in every repeat, as in their code: fitted to a balanced subset of one half of the validation split and scored on
the other half, or fitted to a balanced subset of the training split and scored on validation; the score is the accuracy of the worst group
(or class, or of all, by what is balanced), and the largest C wins ties. Class weights, which their code also tunes for the training split,
are not offered.

Here features are standardised by all rows that can be fitted on, before any is left out for balance; the authors' final fits standardise by
the training split, whichever split is fitted on.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spurprune.errors import DataError, TrainingError
from spurprune.machine.logs import log
from spurprune.training.refinement import Head, Request

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "fit_on": {
        "enum": ["validation", "train"],
        "default": "validation",
        "x-allowed": "validation or train",
        "description": "the split to fit on; training samples of weight 0 are left out, the others' weights apply to the loss",
    },
    "balance": {
        "enum": ["groups", "classes", "none"],
        "default": "groups",
        "x-allowed": "groups, classes or none",
        "description": "what is subsampled until all are as large as the smallest",
    },
    "penalty": {"enum": ["l1", "l2"], "default": "l1", "x-allowed": "l1 or l2", "description": "the norm of the coefficients in the loss"},
    "C": {
        "oneOf": [
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000},
            {
                "type": "array",
                "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000},
                "minItems": 2,
                "maxItems": 100,
                "uniqueItems": True,
            },
        ],
        "default": 1.0,
        "x-allowed": "a number above 0 and at most 1,000,000,000, or a list of 2 to 100 different ones",
        "description": "the weight of the data relative to the penalty, or values among which each repeat chooses",
    },
    "redraws": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "default": 10,
        "x-allowed": "a whole number from 1 to 1,000",
        "description": "the number of balanced subsets to average over; without balance there is one fit",
    },
    "max_iter": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1_000_000,
        "default": 100,
        "x-allowed": "a whole number from 1 to 1,000,000",
        "description": "the maximal number of iterations per fit",
    },
}


def refine(request: Request) -> Head:
    """Return the classifier averaged over all redraws, with the standardisation folded in so that it applies to raw features.

    With two classes, row 0 is zero and row 1 holds the log-odds, so that the softmax is the regression's probability; with more, each
    row is a one-vs-rest regression. Raises TrainingError if a class, or a group to balance, has no sample to fit on, DataError if a feature
    is not finite.
    """
    rows = _rows_to_fit(request)
    if isinstance(request.options["C"], Sequence):
        chosen = _chosen(request, rows)
        return replace(_averaged(request, rows, chosen, range(request.options["redraws"])), notes={"C": chosen})
    return _averaged(request, rows, request.options["C"], range(request.options["redraws"]))


def _chosen(request: Request, rows: np.ndarray) -> float:
    """Return the value of C that a head fitted once scores best with on validation samples that it was not fitted to, the largest of ties.

    Raises TrainingError if no validation sample of a group or class that is fitted to is left to score by.
    """
    balance = request.options["balance"]
    cells = {"groups": request.group, "classes": request.label, "none": np.zeros(len(request.label), dtype=np.int64)}[balance]
    fitted, held_out = rows, np.flatnonzero((request.split == "validation") & (cells >= 0))
    if request.options["fit_on"] == "validation":
        rng = request.generator("halves")
        halves = [np.array_split(rng.permutation(rows[members]), 2) for members in _strata(request, rows) or [np.arange(len(rows))]]
        fitted, held_out = (np.sort(np.concatenate(parts)) for parts in zip(*halves, strict=True))
    if not len(held_out) or len(np.setdiff1d(cells[rows], cells[held_out])):
        raise TrainingError(
            f"{request.where}: there are too few validation samples to choose among values of C, since a group or class has none to score "
            "by; give one value in options.C."
        )
    scores = {}
    for value in sorted(request.options["C"], reverse=True):
        head = _averaged(request, fitted, value, ["choice"])
        right = head.logits(request.features[held_out]).argmax(axis=1) == request.label[held_out]
        scores[value] = min(float(right[cells[held_out] == cell].mean()) for cell in np.unique(cells[held_out]))
    best: float = max(scores, key=lambda value: scores[value])
    log.info("%s: C is %g; on held-out validation samples %s", request.where, best, ", ".join(f"{c:g}: {s:.3f}" for c, s in scores.items()))
    return best


def _averaged(request: Request, rows: np.ndarray, inverse_penalty: float, draws: Iterable[int | str]) -> Head:
    """Return the classifier fitted to ``rows`` of the request, averaged over the named draws; without balance there is one fit."""
    options = {**request.options, "C": inverse_penalty}
    features = request.features[rows].astype(np.float64)
    mean, scale = _standardisation(features)
    features = (features - mean) / scale
    label, weight = request.label[rows], request.weight[rows]
    strata = _strata(request, rows)
    names = list(draws) if strata else list(draws)[:1]
    shape = (request.num_classes, features.shape[1])
    coefficients, intercepts, unfinished = np.zeros(shape), np.zeros(shape[0]), 0
    for name in names:
        rng = request.generator(name)
        drawn = balanced(strata, rng) if strata else np.arange(len(rows))
        first = 1 if request.num_classes == 2 else 0
        for one in range(first, request.num_classes):
            fitted = _fit(features[drawn], label[drawn] == one, weight[drawn], options, int(rng.integers(1 << 31)))
            coefficients[one] += fitted[0]
            intercepts[one] += fitted[1]
            unfinished += not fitted[2]
    if unfinished:
        log.warning("%s: %d fits of the last layer did not converge; raise options.max_iter or lower options.C", request.where, unfinished)
    weights = coefficients / len(names) / scale
    return Head(weights, intercepts / len(names) - weights @ mean)


def balanced(strata: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Return from every stratum as many positions as the smallest holds, drawn without replacement; all sorted."""
    smallest = min(len(stratum) for stratum in strata)
    return np.sort(np.concatenate([rng.choice(stratum, size=smallest, replace=False) for stratum in strata]))


def _rows_to_fit(request: Request) -> np.ndarray:
    """Return the rows to fit on, after checking them: a positive weight and, if groups are balanced, a known group."""
    fit_on = request.options["fit_on"]
    usable = (request.group >= 0) | (request.options["balance"] != "groups")
    rows = np.flatnonzero((request.split == fit_on) & (request.weight > 0) & usable)
    if not len(rows):
        other = "train" if fit_on == "validation" else "validation"
        which = " of a known group" if request.options["balance"] == "groups" else ""
        raise TrainingError(f"{request.where}: there is no {fit_on} sample{which} to fit on; set options.fit_on to {other}.")
    present = np.unique(request.label[rows])
    if len(present) < 2:
        raise TrainingError(
            f"{request.where}: all {fit_on} samples to fit on are of class '{request.grouping.classes[present[0]]}', but two classes "
            "are needed; choose another split in options.fit_on or another plan."
        )
    if len(present) < request.num_classes:
        absent = next(name for label, name in enumerate(request.grouping.classes) if label not in present)
        raise TrainingError(
            f"{request.where}: the class '{absent}' has no {fit_on} sample to fit on; choose another split in options.fit_on or another "
            "plan."
        )
    finite = np.isfinite(request.features[rows]).all(axis=1)
    if not finite.all():
        raise DataError(
            f"{request.where}: the features of {int((~finite).sum())} {fit_on} samples are not finite; lower training.optimizer.lr or set "
            "training.gradient_clip of the method that the features come from."
        )
    return rows


def _strata(request: Request, rows: np.ndarray) -> list[np.ndarray]:
    """Return the positions within ``rows`` of each group or class to balance; empty without balance."""
    balance, fit_on = request.options["balance"], request.options["fit_on"]
    if balance == "none":
        return []
    by_class = balance == "classes"
    member_of = request.label[rows] if by_class else request.group[rows]
    strata = [np.flatnonzero(member_of == number) for number in range(request.num_classes if by_class else request.num_groups)]
    empty = next((number for number, members in enumerate(strata) if not len(members)), None)
    if empty is not None:
        raise TrainingError(
            f"{request.where}: no {fit_on} sample is known to belong to the group '{request.grouping.name(empty)}', so groups cannot be "
            "balanced; set options.balance to classes or none, or options.fit_on to another split."
        )
    return strata


def _standardisation(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each feature's mean and population standard deviation, 1 for a constant feature."""
    scale = features.std(axis=0)
    constant = features.max(axis=0) == features.min(axis=0)  # by rounding, equal numbers may have a deviation above 0
    return features.mean(axis=0), np.where(constant, 1.0, scale)


def _fit(
    features: np.ndarray, positive: np.ndarray, weight: np.ndarray, options: Mapping[str, Any], seed: int
) -> tuple[np.ndarray, float, bool]:
    """Return the coefficients [D] and the intercept of one binary logistic regression, and whether the solver converged."""
    from sklearn.exceptions import ConvergenceWarning  # imported here, since reading OPTIONS does not need it
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        l1_ratio=1.0 if options["penalty"] == "l1" else 0.0,
        C=options["C"],
        solver="liblinear",
        random_state=seed,
        max_iter=options["max_iter"],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, positive, sample_weight=weight)
    return model.coef_[0], float(model.intercept_[0]), int(np.max(model.n_iter_)) < options["max_iter"]
