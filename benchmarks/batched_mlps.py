"""Whether training many small MLPs as one batched computation pays on a CPU: K networks one after the other, by bmm, and by vmap.

All take the same steps of Adam on batches of their own, and must end with the same weights. What counts is the processor time of one
thread, which other work on the machine changes little; a ratio of sequential to batched above 1 says that batching pays.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.nn import functional

PIXELS, CLASSES, BATCH, LR = 784, 10, 128, 0.01  # of MNIST, by the recipe of docs/rare.md
HIDDEN = {"small": (256,), "large": (256, 256, 256)}
Weights = list[Tensor]  # weight [K, out, in] and bias [K, 1, out] of every layer in turn


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print one JSON object a network."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batched_mlps", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--networks", type=int, default=8, metavar="K", help="how many are trained at once")
    parser.add_argument("--steps", type=int, default=60, help="steps in a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the median counts")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--output", type=Path, help="a JSON file for the results")
    options = parser.parse_args(arguments)
    if options.quick:
        options.networks, options.steps, options.rounds = 2, 2, 1
    torch.set_num_threads(1)
    found = {name: measure(hidden, options.networks, options.steps, options.rounds) for name, hidden in HIDDEN.items()}
    text = json.dumps({"networks": options.networks, "torch": torch.__version__, "processor_ms_per_step_and_network": found}, indent=2)
    print(text)
    if options.output is not None:
        options.output.write_text(text + "\n", encoding="utf-8")


def measure(hidden: Sequence[int], networks: int, steps: int, rounds: int) -> dict[str, float]:
    """Return milliseconds of processor time per step and network of each way, and the ratios of sequential to batched."""
    start = initial(hidden, networks)
    generator = torch.Generator().manual_seed(1)
    inputs = torch.rand(steps, networks, BATCH, PIXELS, generator=generator)
    label = torch.randint(CLASSES, (steps, networks, BATCH), generator=generator)
    ways: dict[str, Callable[[Weights, Tensor, Tensor], Weights]] = {"sequential": sequential, "bmm": batched, "vmap": vectorised}
    ends = {name: train([one.clone() for one in start], inputs[:1], label[:1]) for name, train in ways.items()}
    for name, end in ends.items():
        for one, other in zip(end, ends["sequential"], strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-3, msg=f"{name} ends with other weights")
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, train in ways.items():
            begun = time.process_time()
            train([one.clone() for one in start], inputs, label)
            spent[name].append(time.process_time() - begun)
    taken = {name: 1000 * statistics.median(values) / (steps * networks) for name, values in spent.items()}
    return taken | {f"sequential / {name}": taken["sequential"] / taken[name] for name in ("bmm", "vmap")}


def initial(hidden: Sequence[int], networks: int) -> Weights:
    """Return first weights, uniform as those of torch's linear layers."""
    torch.manual_seed(0)
    sizes = [PIXELS, *hidden, CLASSES]
    weights = []
    for seen, units in pairwise(sizes):
        bound = seen**-0.5
        weights += [torch.empty(networks, units, seen).uniform_(-bound, bound), torch.empty(networks, 1, units).uniform_(-bound, bound)]
    return weights


def logits(weights: Weights, x: Tensor) -> Tensor:
    """Return the logits [K, B, C] of K networks for their inputs [K, B, D]."""
    layers = list(zip(weights[::2], weights[1::2], strict=True))
    for number, (weight, bias) in enumerate(layers, 1):
        x = torch.baddbmm(bias, x, weight.transpose(1, 2))
        x = x.relu() if number < len(layers) else x
    return x


def sequential(weights: Weights, inputs: Tensor, label: Tensor) -> Weights:
    """Train one network after the other by linear layers; return all weights."""
    ends = []
    for k in range(inputs.shape[1]):
        own = [one[k].squeeze(0).clone().requires_grad_() for one in weights]
        optimizer = torch.optim.Adam(own, lr=LR, fused=True)
        for x, y in zip(inputs[:, k], label[:, k], strict=True):
            functional.cross_entropy(_plain(own, x), y).backward()
            optimizer.step()
            optimizer.zero_grad()
        ends.append(own)
    return [torch.stack([own[i].detach().view(one.shape[1:]) for own in ends]) for i, one in enumerate(weights)]


def _plain(own: Weights, x: Tensor) -> Tensor:
    layers = list(zip(own[::2], own[1::2], strict=True))
    for number, (weight, bias) in enumerate(layers, 1):
        x = functional.linear(x, weight, bias)
        x = x.relu() if number < len(layers) else x
    return x


def batched(weights: Weights, inputs: Tensor, label: Tensor) -> Weights:
    """Train all networks as one by batched products; return all weights."""
    own = [one.requires_grad_() for one in weights]
    optimizer = torch.optim.Adam(own, lr=LR, fused=True)
    for x, y in zip(inputs, label, strict=True):
        losses = functional.cross_entropy(logits(own, x).flatten(0, 1), y.flatten(), reduction="sum") / BATCH
        losses.backward()
        optimizer.step()
        optimizer.zero_grad()
    return [one.detach() for one in own]


def vectorised(weights: Weights, inputs: Tensor, label: Tensor) -> Weights:
    """Train all networks by the gradient of one, mapped over all; return all weights."""

    def loss(own: tuple[Tensor, ...], x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(_plain([one.squeeze(0) if one.ndim == 2 and one.shape[0] == 1 else one for one in own], x), y)

    slopes = vmap(grad(loss))
    own = [one.requires_grad_() for one in weights]
    optimizer = torch.optim.Adam(own, lr=LR, fused=True)
    for x, y in zip(inputs, label, strict=True):
        for one, slope in zip(own, slopes(tuple(value.detach() for value in own), x, y), strict=True):
            one.grad = slope
        optimizer.step()
    return [one.detach() for one in own]


if __name__ == "__main__":
    main()
