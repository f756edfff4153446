"""Logistic regression on a kept model's features: the core of deep feature reweighting (DFR).

Kirichenko, Izmailov and Wilson, "Last layer re-training is sufficient for robustness to spurious correlations", ICLR 2023, Sec. 4 and
their code: features are standardised, an L1-penalised logistic regression (liblinear, whose penalty includes the intercept) is fitted to
random subsets in which every group is as large as the smallest, and coefficients and intercepts are averaged over the subsets. C is tuned
by the workflow: a grid over ``options.C``.

Here features are standardised by all rows that can be fitted on, before any is left out for balance; the authors' final fits standardise by
the training split, whichever split is fitted on.
"""

import warnings
from collections.abc import Mapping, Sequence
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
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1_000_000_000,
        "default": 1.0,
        "x-allowed": "a number above 0 and at most 1,000,000,000",
        "description": "the weight of the data relative to the penalty",
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
    options = request.options
    rows = _rows_to_fit(request)
    features = request.features[rows].astype(np.float64)
    mean, scale = _standardisation(features)
    features = (features - mean) / scale
    label, weight = request.label[rows], request.weight[rows]
    strata = _strata(request, rows)
    draws = options["redraws"] if strata else 1
    shape = (request.num_classes, features.shape[1])
    coefficients, intercepts, unfinished = np.zeros(shape), np.zeros(shape[0]), 0
    for draw in range(draws):
        rng = request.generator(draw)
        drawn = balanced(strata, rng) if strata else np.arange(len(rows))
        first = 1 if request.num_classes == 2 else 0
        for one in range(first, request.num_classes):
            fitted = _fit(features[drawn], label[drawn] == one, weight[drawn], options, int(rng.integers(1 << 31)))
            coefficients[one] += fitted[0]
            intercepts[one] += fitted[1]
            unfinished += not fitted[2]
    if unfinished:
        log.warning("%s: %d fits of the last layer did not converge; raise options.max_iter or lower options.C", request.where, unfinished)
    weights = coefficients / draws / scale
    return Head(weights, intercepts / draws - weights @ mean)


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
