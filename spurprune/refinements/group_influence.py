"""Removal by group influence: the weights that a network would have without what the plan prunes, to first order.

Yang, Chou and Chaudhuri (2022); the estimate is in ``spurprune.training.influence``. It is of the mean cross-entropy: weight decay,
augmentation and label smoothing of the first training do not enter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spurprune.errors import TrainingError
from spurprune.machine.logs import Progress, log

if TYPE_CHECKING:
    from spurprune.models.network import Network
    from spurprune.training.network_refinement import NetworkRequest

OF = "network"
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "depth": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1_000_000,
        "default": 2000,
        "x-allowed": "a whole number from 1 to 1,000,000",
        "description": "the steps of a recursion, at most 1,000 if 100 samples or more are removed; the authors' for MNIST",
    },
    "damp": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.01,
        "x-allowed": "a number in [0, 1)",
        "description": "the damping of the Hessian, in units of the scale",
    },
    "scale": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1_000_000_000,
        "default": 25.0,
        "x-allowed": "a number above 0 and at most 1,000,000,000",
        "description": "above the largest eigenvalue of a sample's Hessian; the authors' for MNIST, 100 for Fashion-MNIST and CIFAR-10",
    },
    "repetitions": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "default": 10,
        "x-allowed": "a whole number from 1 to 1,000",
        "description": "the recursions of every removed sample, which are averaged",
    },
    "divide_by_scale": {
        "type": "boolean",
        "default": True,
        "x-allowed": "true or false",
        "description": "whether estimates are divided by the scale; the authors' are not",
    },
    "at_once": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100_000,
        "default": 64,
        "x-allowed": "a whole number from 1 to 100,000",
        "description": "the recursions that run as one batch: the network's weights lie in memory a few times for each",
    },
}


def refine(request: NetworkRequest) -> Network:
    """Return the network with its weights moved; raises TrainingError if the plan prunes nothing, or if a recursion diverges."""
    from spurprune.training import influence  # imported here, since reading OPTIONS does not need torch

    options = request.options
    removed = np.flatnonzero(request.weight == 0)
    if not len(removed):
        raise TrainingError(f"{request.where}: the plan prunes no sample, so there is none to remove; choose another plan.")
    lissa = influence.Lissa(
        depth=influence.depth_of(len(removed), deepest=options["depth"]),
        damp=options["damp"],
        scale=options["scale"],
        repetitions=options["repetitions"],
        divide_by_scale=options["divide_by_scale"],
    )
    network = request.network
    before = influence.weights_of(network)
    steps = influence.steps(len(removed), lissa, options["at_once"])
    try:
        step = influence.step_without(
            influence.cross_entropy_of(network),
            before,
            request.inputs,
            request.label,
            removed,
            options=lissa,
            rng=request.generator(),
            at_once=options["at_once"],
            progress=Progress(steps, f"influence of {len(removed)} samples, {request.where}", "step").step,
        )
    except TrainingError as error:
        raise TrainingError(f"{request.where}: {error}") from error
    log.info(
        "%s: %d samples removed; the weights move by %.2g of their norm", request.where, len(removed), influence.relative(step, before)
    )
    network.load_state_dict(influence.moved(before, step), strict=False)  # statistics of normalisation layers stay
    return network
