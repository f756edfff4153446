"""Networks trained as one, by grouped convolutions, follow networks trained alone by the package's step."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.gpu import as_one, sizes
from benchmarks.gpu.as_one import AsOne, SumOfLosses
from spurprune.methods.erm import Method
from spurprune.models.networks import resnet_cifar
from spurprune.training import optim
from spurprune.training.augment import augment
from spurprune.training.data import Data, Pixels
from spurprune.training.loop import initialise
from spurprune.training.recipe import Recipe, Stream
from spurprune.training.step import Step
from tests import recipes
from tests.recipes import context

K, N, BATCH, STEPS = 4, 96, 16, 8
# Of each tensor's norm after 8 steps, in which weights move by over 1% of theirs. In float64: rounding of float32 switches ReLUs, so that
# even single networks in two memory formats part by 1%. Losses are in float32.
AGREE = 1e-6
TRAINING = recipes.TRAINING | {
    "batch_size": BATCH,
    "optimizer": {"name": "sgd", "lr": 0.02, "momentum": 0.9, "weight_decay": 1e-2},
    "augmentation": {"name": "pad_crop_flip", "padding": 2},
    "label_smoothing": 0.1,
}


class DoublePixels(Pixels):
    """Pixels in float64."""

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        return super().prepare(images).double()


PIXELS = Pixels.of([0.5] * 3, [0.25] * 3, torch.device("cpu"))
EXACT = DoublePixels(PIXELS.mean, PIXELS.std)


def images() -> Data:
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(N) % 10
    pixels = torch.randint(0, 100, (N, 3, 16, 16), generator=generator) + 15 * label[:, None, None, None]
    return Data.of(pixels.to(torch.uint8), label, torch.zeros(N, dtype=torch.int64))


def network(seed: int) -> resnet_cifar.ResNetCifar:
    return initialise(lambda: resnet_cifar.build((3, 16, 16), 10, 8), Stream((seed,)), torch.device("cpu"))


def joined() -> AsOne:
    return AsOne([network(seed) for seed in range(K)]).to(memory_format=torch.channels_last).train()


def step_of(model: Any, data: Data, method: Method, training: dict[str, Any], pixels: Pixels) -> Step:
    model.to(memory_format=pixels.memory_format).to(torch.float64 if isinstance(pixels, DoublePixels) else torch.float32)
    return Step(model, data, pixels, method, Recipe.of(training), optim.build(model, training["optimizer"]))


def stepped_as_one(pixels: Pixels, **changes: Any) -> AsOne:
    """Networks trained as one for some steps, whose rates differ; each network has batches of its own."""
    training = TRAINING | changes
    model = joined()
    step = step_of(model, images(), SumOfLosses(context(np.ones(N), training), K), training, pixels)
    step.generator.manual_seed(3)
    for rows, rate in batches():
        step(rows.flatten(), rate)
    return model


def stepped_alone(pixels: Pixels, **changes: Any) -> list[resnet_cifar.ResNetCifar]:
    """The same networks, each trained by its own plain step, on the same batches with the same crops and flips."""
    training = TRAINING | changes
    crops = torch.Generator().manual_seed(3)
    data = images()
    models = [network(seed).train() for seed in range(K)]
    steps = []
    for model in models:
        own = Data.of(torch.zeros(BATCH, 3, 16, 16, dtype=torch.uint8), torch.zeros(BATCH, dtype=torch.int64), torch.zeros(BATCH))
        method = Method(context(np.ones(N), training))
        steps.append(step_of(model, own, method, training | {"augmentation": {"name": "none"}}, pixels))
    for rows, rate in batches():
        seen = augment(data.batch(rows.flatten()), training["augmentation"], None, crops).unflatten(0, (K, BATCH))
        for step, images_of_one, label in zip(steps, seen, data.label[rows], strict=True):
            step.data.inputs.values.copy_(images_of_one)  # type: ignore[attr-defined]
            step.data.label.copy_(label)
            step(torch.arange(BATCH), rate)
    return models


def batches() -> Iterator[tuple[torch.Tensor, float]]:
    order = np.random.default_rng(0)
    for i in range(STEPS):
        yield torch.from_numpy(np.stack([order.permutation(N)[:BATCH] for _ in range(K)])), 0.02 / (1 + i % 3)


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    found, expected = found.detach().double(), expected.detach().double()
    return float((found - expected).norm() / expected.norm().clamp(min=1e-9))


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_networks_as_one_follow_networks_alone(memory_format: torch.memory_format) -> None:
    """All weights, and BatchNorm's moving averages and counts."""
    found, expected = stepped_as_one(replace(EXACT, memory_format=memory_format)), stepped_alone(EXACT)
    for i, model in enumerate(expected):
        state, own = model.state_dict(), found.state_of(i)
        assert own.keys() == state.keys()
        for name, value in state.items():
            assert distance(own[name], value) < AGREE, f"network {i}, {name}"
        assert own["stem.1.num_batches_tracked"] == STEPS
        assert distance(own["blocks.0.conv1.weight"], network(i).state_dict()["blocks.0.conv1.weight"]) > 0.01, "it must learn"
    assert distance(found.state_of(0)["classifier.weight"], found.state_of(1)["classifier.weight"]) > 0.1, "networks must differ"


def test_in_evaluation_they_use_their_own_averages() -> None:
    found, expected = stepped_as_one(EXACT).eval(), stepped_alone(EXACT)
    pixels = EXACT.prepare(images().batch(torch.arange(K * BATCH)))
    logits = found(pixels).unflatten(0, (K, BATCH))
    for i, model in enumerate(expected):
        torch.testing.assert_close(logits[i], model.eval()(pixels[i * BATCH : (i + 1) * BATCH]), atol=AGREE, rtol=AGREE)
        assert found.state_of(i)["stem.1.num_batches_tracked"] == STEPS


class Calls(TorchDispatchMode):
    """Notes the type of what each operation reads first, and a convolution's groups."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, torch.dtype, Any]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.overloadpacket.__name__
        if name in ("convolution", "native_batch_norm", "cudnn_batch_norm", "addmm", "bmm", "convolution_backward"):
            groups = {"convolution": 8, "convolution_backward": 9}.get(name)
            self.found.append((name, args[0].dtype, args[groups] if groups else None))
        return function(*args, **(kwargs or {}))


@contextmanager
def calls() -> Iterator[list[tuple[str, torch.dtype, Any]]]:
    with Calls() as mode:
        yield mode.found


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_each_layer_is_one_operation_in_the_precision_asked_for(precision: str, dtype: torch.dtype) -> None:
    """As many convolutions and normalisations as one network has (two per block, and the stem's), each of all networks."""
    training = TRAINING | {"precision": precision}
    step = step_of(joined(), images(), SumOfLosses(context(np.ones(N), training), K), training, PIXELS)
    with calls() as found:
        step(torch.arange(K * BATCH), 0.1)
    layers = 2 * 3 + 1
    assert [one for one in found if one[0] == "convolution"] == [("convolution", dtype, K)] * layers
    assert [one for one in found if one[0] == "convolution_backward"] == [("convolution_backward", dtype, K)] * layers
    assert [one for one in found if one[0] == "native_batch_norm"] == [("native_batch_norm", dtype, None)] * layers
    assert [one for one in found if one[0] == "bmm"] == [("bmm", dtype, None)] * 3 and "addmm" not in {one[0] for one in found}


def test_in_bfloat16_they_follow_less_closely() -> None:
    found, expected = stepped_as_one(PIXELS, precision="bf16"), stepped_alone(PIXELS, precision="bf16")
    for i, model in enumerate(expected):
        state, first = model.state_dict(), network(i).state_dict()
        for name in ("blocks.0.conv1.weight", "classifier.weight", "stem.1.running_mean"):
            moved = distance(state[name], first[name]) if first[name].any() else 1.0
            assert distance(found.state_of(i)[name], state[name]) < 0.3 * moved, f"network {i}, {name}"


def test_a_measurement_counts_all_networks() -> None:
    size = sizes.QUICK
    found = as_one.measure(size, {}, networks=2, profiled=False)
    assert (found["networks"], found["batch"], found["steps_per_epoch"]) == (2, size.batch, 2)
    assert found["images_per_s"] == pytest.approx(2 * size.batch / (found["step_ms"] / 1e3))
    assert found["seconds_of_160_epochs_each"] == pytest.approx(160 * 782 * found["step_ms"] / 1e3 / 2)
