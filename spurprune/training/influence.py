"""What removing a group of training samples would do to a network's weights, to first order, without training.

Removing the samples Z from N moves the weights by H⁻¹ Σ g / ((1 − p) N), p = |Z| / N, H being the Hessian of the mean loss and g a removed
sample's gradient (Koh et al. 2019; Basu, You and Feizi 2020; in the form of Yang, Chou and Chaudhuri 2022). H⁻¹ g is estimated by LiSSA
(Agarwal, Bullins and Hazan 2017), one random training sample per Hessian-vector product.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, vmap
from torch.nn import functional

from spurprune.errors import TrainingError

Weights = dict[str, Tensor]
Loss = Callable[[Weights, Tensor, Tensor], Tensor]  # of weights, inputs [N, ...] and targets [N]: their mean loss, a scalar
Progress = Callable[[], object]  # hears of every step


@dataclass(frozen=True)
class Lissa:
    """How H⁻¹ g is estimated: h₀ = g, then h ← g + (1 − damp) h − Hv(h) / scale, ``depth`` times, averaged over ``repetitions``.

    The recursion ends at scale · (H + damp · scale · I)⁻¹ g. ``divide_by_scale`` divides by the scale; the public code does not. The
    recursion diverges unless the scale exceeds the largest eigenvalue of a single sample's Hessian. Defaults are those of the authors for
    MNIST, who take a scale of 100 for Fashion-MNIST and CIFAR-10.
    """

    depth: int = 2000
    damp: float = 0.01
    scale: float = 25.0
    repetitions: int = 10
    divide_by_scale: bool = True


def depth_of(removed: int, deepest: int = 2000) -> int:
    """Return the authors' depth for a number of removed samples: at most 1,000 for 100 or more; ``deepest`` is 1,000 for CIFAR-10."""
    return min(1000, deepest) if removed >= 100 else deepest


def steps(removed: int, options: Lissa, at_once: int) -> int:
    """Return how many steps ``without`` takes to remove some samples: each moves ``at_once`` recursions at most."""
    return math.ceil(removed * options.repetitions / at_once) * options.depth


def cross_entropy_of(model: nn.Module) -> Loss:
    """Return the mean cross-entropy of a network as a function of its weights, in eval mode, which is left on."""
    model.eval()
    buffers = dict(model.named_buffers())

    def loss(weights: Weights, inputs: Tensor, label: Tensor) -> Tensor:
        logits: Tensor = functional_call(model, {**weights, **buffers}, (inputs,))
        return functional.cross_entropy(logits, label)

    return loss


def weights_of(model: nn.Module) -> Weights:
    """Return a network's trainable weights by name, detached."""
    return {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}


def hessian_vector(loss: Loss, weights: Weights, inputs: Tensor, target: Tensor, vector: Weights) -> Weights:
    """Return the product of the mean loss's Hessian with a vector, which has the weights' names and shapes."""

    def along(at: Weights) -> Tensor:
        slopes = grad(loss)(at, inputs, target)
        return torch.stack([(slopes[name] * vector[name]).sum() for name in vector]).sum()

    product: Weights = grad(along)(weights)
    return product


def dense_hessian(loss: Loss, weights: Weights, inputs: Tensor, target: Tensor) -> Tensor:
    """Return the whole Hessian of the mean loss, float [P, P], over the weights in their order; only for small models."""
    shapes = {name: value.shape for name, value in weights.items()}

    def of_flat(flat: Tensor) -> Tensor:
        return loss(unflatten(flat, shapes), inputs, target)

    found: Tensor = jacrev(jacrev(of_flat))(flatten(weights))
    return found


def flatten(weights: Weights) -> Tensor:
    """Return weights as one vector, float [P]."""
    return torch.cat([value.reshape(-1) for value in weights.values()])


def unflatten(flat: Tensor, shapes: dict[str, torch.Size]) -> Weights:
    """Return a vector [P] as weights of these names and shapes."""
    sizes = [shape.numel() for shape in shapes.values()]
    return {name: part.view(shape) for (name, shape), part in zip(shapes.items(), flat.split(sizes), strict=True)}


def lissa(gradient: Weights, product: Callable[[Weights], Weights], options: Lissa) -> Weights:
    """Return LiSSA's estimate for one ``gradient`` or a batch of them; ``product`` gives the Hessian-vector products of every step."""
    estimate = gradient
    for _ in range(options.depth):
        curved = product(estimate)
        estimate = {name: gradient[name] + (1 - options.damp) * estimate[name] - curved[name] / options.scale for name in gradient}
    return {name: value / options.scale for name, value in estimate.items()} if options.divide_by_scale else estimate


def step_without(
    loss: Loss,
    weights: Weights,
    inputs: Tensor,
    target: Tensor,
    removed: np.ndarray,
    *,
    options: Lissa,
    rng: np.random.Generator,
    at_once: int = 64,
    progress: Progress | None = None,
) -> Weights:
    """Return how a network's weights would move without some training samples, to first order.

    ``inputs`` [N, ...] and ``target`` [N] are all training samples as the network takes them; ``removed`` holds the positions of the group,
    int [|Z|]. ``at_once`` recursions run together, as one batch; ``progress`` hears of each step of one. Raises ValueError if the group
    is empty or everything, TrainingError if a recursion diverges.
    """
    total = len(target)
    if not 0 < len(removed) < total:
        raise ValueError(f"{len(removed)} of {total} samples cannot be removed; remove at least one, and not all")

    def one_product(vector: Weights, x: Tensor, y: Tensor) -> Weights:
        return hessian_vector(loss, weights, x[None], y[None], vector)

    products = vmap(one_product)
    gradients = vmap(grad(lambda at, x, y: loss(at, x[None], y[None])), in_dims=(None, 0, 0))
    chains = np.repeat(np.asarray(removed), options.repetitions)
    step = {name: torch.zeros_like(value) for name, value in weights.items()}
    for start in range(0, len(chains), at_once):
        rows = torch.from_numpy(chains[start : start + at_once]).to(target.device)

        def product(vector: Weights, size: int = len(rows)) -> Weights:
            drawn = torch.from_numpy(rng.integers(total, size=size)).to(target.device)
            found: Weights = products(vector, inputs[drawn], target[drawn])
            if progress is not None:
                progress()
            return found

        estimate = lissa(gradients(weights, inputs[rows], target[rows]), product, options)
        step = {name: step[name] + estimate[name].sum(dim=0) for name in step}
    if not all(bool(torch.isfinite(value).all()) for value in step.values()):
        raise TrainingError(f"LiSSA diverged with a scale of {options.scale:g}; raise it.")
    share = len(removed) / total
    return {name: value / (options.repetitions * (1 - share) * total) for name, value in step.items()}


def moved(weights: Weights, step: Weights) -> Weights:
    """Return weights after a step of the same names and shapes."""
    return {name: value + step[name] for name, value in weights.items()}


def relative(step: Weights, weights: Weights) -> float:
    """Return the L2 norm of a step as a share of that of the weights, also where it is too small to change them."""
    return float(flatten(step).double().norm() / flatten(weights).double().norm())
