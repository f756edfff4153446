"""What the measured processes do with images; they import torch after setting their threads."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import MEAN, STD, load_images
from benchmarks.worker import Turn, UnavailableError

FOREVER = 1_000_000  # epochs: until the process is ended
UNTIMED_BATCHES = 5  # of the textbook loop, whose data workers start and fill their queue meanwhile


class Timed:
    """Batches that record when the first timed one was handed out and when the last was finished."""

    def __init__(self, batches: Iterable[Any], untimed: int) -> None:
        self.batches = batches
        self.untimed = untimed
        self.start = self.end = 0.0

    def __iter__(self) -> Iterator[Any]:
        for i, batch in enumerate(self.batches):
            if i == self.untimed:
                self.start = time.perf_counter()
            yield batch
            self.end = time.perf_counter()


def textbook(turn: Turn, cifar10: str | None, images: int) -> None:
    """Train with the textbook loop on ``images`` images per turn."""
    from benchmarks import textbook as loop

    loader = loop.training_loader(load_images(cifar10, images + UNTIMED_BATCHES * loop.BATCH_SIZE))
    model, optimizer, device = loop.build()
    while True:
        batches = Timed(loader, UNTIMED_BATCHES)
        loop.train_epoch(model, batches, optimizer, device)
        turn({"images": images, "seconds": batches.end - batches.start})


def engine(turn: Turn, cifar10: str | None, images: int, changes: Mapping[str, Any]) -> None:
    """Train with the package's loop on ``images`` images per turn, with ``changes`` to the recipe."""
    from benchmarks import training_engine

    reason = training_engine.why_not(changes)
    if reason:
        raise UnavailableError(reason)
    start = time.perf_counter()

    def after_epoch() -> None:
        nonlocal start
        turn({"images": images, "seconds": time.perf_counter() - start})
        start = time.perf_counter()

    training_engine.train(training_engine.data_of(load_images(cifar10, images)), FOREVER, after_epoch, changes)


def peak(turn: Turn, repeats: int) -> None:
    """Measure the machine's limits: GFLOP/s of matrix products and convolutions by precision, the best of ``repeats``."""
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def best(operation: Callable[[], torch.Tensor], flop: float) -> float:
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            result = operation()
            result[(0,) * result.ndim].item()  # waits for a GPU
            seconds.append(time.perf_counter() - start)
        return flop / min(seconds) / 1e9

    def convolution(channels: int, size: int, dtype: torch.dtype) -> float:
        x = torch.randn(64, channels, size, size, device=device, dtype=dtype).to(memory_format=torch.channels_last)
        kernel = torch.randn(channels, channels, 3, 3, device=device, dtype=dtype).to(memory_format=torch.channels_last)
        return best(lambda: torch.nn.functional.conv2d(x, kernel, padding=1), 2 * 64 * size**2 * 9 * channels**2)

    def product(n: int, dtype: torch.dtype) -> float:
        a, b = torch.randn(2, n, n, device=device, dtype=dtype)
        return best(lambda: a @ b, 2 * n**3)

    with torch.inference_mode():
        while True:
            limits = {}
            for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
                limits[name] = {
                    "matrix product, 2048 × 2048": product(2048, dtype),
                    "3×3 convolution, 64 channels, 32×32": convolution(64, 32, dtype),
                    "3×3 convolution, 16 channels, 32×32": convolution(16, 32, dtype),
                }
            turn(limits)


def flop_per_image(turn: Turn) -> None:
    """Count ResNet-20's operations per image, forward and in training; a multiplication and an addition are two."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from spurprune.models.networks import resnet_cifar

    model = resnet_cifar.build((3, 32, 32), 10, depth=20)
    with FlopCounterMode(display=False) as counter:
        logits = model(torch.zeros(1, 3, 32, 32))
        forward = counter.get_total_flops()
        logits.sum().backward()
        turn({"forward": forward, "training": counter.get_total_flops()})


def trained_network(turn: Turn, cifar10: str | None, images: int, path: Path) -> None:
    """Write a network trained for one epoch, so that its errors differ between images."""
    from benchmarks import training_engine

    training_engine.save(training_engine.train(training_engine.data_of(load_images(cifar10, images)), 1, lambda: None, {}), path)
    turn({})


def el2n(turn: Turn, cifar10: str | None, images: int, network: Path, scores: Path) -> None:
    """Score images with the package, and write the scores."""
    from benchmarks import training_engine

    model, data = training_engine.restore(network), training_engine.data_of(load_images(cifar10, images))
    while True:
        start = time.perf_counter()
        result = training_engine.el2n(model, data)
        seconds = time.perf_counter() - start
        np.save(scores, result)
        turn({"images": images, "seconds": seconds})


def el2n_one_by_one(turn: Turn, cifar10: str | None, images: int, network: Path, scores: Path) -> None:
    """Score images one at a time in a Python loop over a DataLoader, and write the scores."""
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader
    from torchvision import transforms

    from benchmarks import training_engine
    from benchmarks.textbook import CifarImages

    model = training_engine.restore(network).to(memory_format=torch.contiguous_format)
    device = training_engine.device()
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    loader = DataLoader(CifarImages(load_images(cifar10, images), transform), batch_size=1)
    while True:
        result = []
        start = time.perf_counter()
        model.eval()
        with torch.no_grad():
            for image, label in loader:
                probability = torch.softmax(model(image.to(device)), dim=1)
                error = probability - functional.one_hot(label.to(device), 10)
                result.append(torch.linalg.vector_norm(error).item())
        seconds = time.perf_counter() - start
        np.save(scores, np.array(result, dtype=np.float32))
        turn({"images": images, "seconds": seconds})
