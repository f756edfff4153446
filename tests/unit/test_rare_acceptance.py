"""What is known of rare patterns on the enlarged digits, trained by the shipped settings' recipes: LargeMLP, class 0, three repeats."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spurprune.config.merging import merge
from spurprune.dag import planning
from spurprune.data import patterns
from spurprune.data.datasets import digits_28
from spurprune.data.samples import choose_by_random_state
from spurprune.evaluation import metrics
from spurprune.methods.erm import Method
from spurprune.models.networks import mlp
from spurprune.storage.columns import to_numpy
from spurprune.training.data import Data, Pixels
from spurprune.training.loop import Training, fit, initialise
from spurprune.training.observe import observe
from spurprune.training.recipe import Recipe, Stream
from tests.recipes import context

CPU = torch.device("cpu")
REPEATS, SOURCE, THRESHOLD = range(3), 0, 0.1
PIXELS = Pixels.of([0.0], [1.0], CPU)


@pytest.fixture(scope="module")
def shipped(root: Path) -> dict[str, Any]:
    """The shipped setting on the digits and the methods of its study."""
    config = planning.load([root / "config" / "rare.yaml"])
    return {"setting": config.settings["rare-digits"], **{name: entry["training"] for name, entry in config.methods.items()}}


@cache
def images() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    raw = digits_28.read(None, 28)
    return np.asarray(raw.inputs), to_numpy(raw.base.column("label")), to_numpy(raw.base.column("split"))


def data_of(inputs: np.ndarray, label: np.ndarray) -> Data:
    return Data.of(torch.from_numpy(inputs), torch.from_numpy(label.astype(np.int64)), torch.zeros(len(label), dtype=torch.int64))


def shown(inputs: np.ndarray, pattern: str, repeat: int) -> np.ndarray:
    """Stored images with a pattern, as the overlay lays it."""
    return np.rint(patterns.apply(inputs / np.float32(255), pattern, repeat) * 255).astype(np.uint8)


def trained(setting: Mapping[str, Any], over: Mapping[str, Any], pattern: str, count: int, repeat: int) -> Any:
    """A network after training with the pattern on some zeros."""
    inputs, label, split = images()
    train = np.flatnonzero(split == "train")
    carriers = choose_by_random_state([train[label[train] == SOURCE]], count, repeat)
    patterned = inputs.copy()
    if count:
        patterned[carriers] = shown(inputs[carriers], pattern, repeat)
    training = merge(setting["training"], over)
    method = Method(context(np.ones(len(train)), training, label=label[train].astype(np.int64)))
    model = initialise(lambda: mlp.build((1, 28, 28), 10, setting["model"]["hidden"]), Stream((repeat,)), CPU)
    run = Training(data_of(patterned[train], label[train]), PIXELS, method, Recipe.of(training), Stream((repeat,)), f"repeat {repeat}")
    fit(model, run, lambda *_: [])
    return model


class Measured:
    """Mean spurious scores and clean accuracies over the repeats; networks are trained once."""

    def __init__(self, shipped: Mapping[str, Any]) -> None:
        self.shipped = shipped
        self.networks: dict[tuple[str, str, int], list[Any]] = {}

    def __call__(self, pattern: str, count: int, method: str = "erm", over: Mapping[str, Any] | None = None) -> tuple[float, float]:
        """Return score and accuracy with a pattern on ``count`` zeros; a network without any serves all patterns."""
        key = (f"{method}{over or ''}", pattern if count else "", count)
        changes = merge(self.shipped[method], over or {})
        if key not in self.networks:
            self.networks[key] = [trained(self.shipped["setting"], changes, pattern, count, repeat) for repeat in REPEATS]
        inputs, label, split = images()
        test = np.flatnonzero(split == "test")
        scores, accuracies = [], []
        for repeat, model in zip(REPEATS, self.networks[key], strict=True):
            natural, featured = (
                observe(model, data_of(one, label[test]), PIXELS, 500).logits.numpy()
                for one in (inputs[test], shown(inputs[test], pattern, repeat))
            )
            scores.append(metrics.share(metrics.drawn_to(natural, featured, SOURCE, THRESHOLD)))
            accuracies.append(metrics.accuracy(natural.argmax(axis=1), label[test]))
        return float(np.mean(scores)), float(np.mean(accuracies))


@pytest.fixture(scope="module")
def measured(shipped: dict[str, Any]) -> Iterator[Measured]:
    """Scores with one thread: sums in another order are another training run, whose scores differ by a few test images."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Measured(shipped)
    torch.set_num_threads(before)


def test_r3_is_learned_from_three_images(measured: Measured) -> None:
    clean, patterned = measured("v20", 0), measured("v20", 3)
    assert clean[0] <= 0.02 and patterned[0] >= 0.6
    assert min(clean[1], patterned[1]) >= 0.95


def test_s3_is_learned_from_ten_images_and_one_pixel_is_not(measured: Measured) -> None:
    assert measured("v8", 0)[0] <= 0.005 and measured("v8", 10)[0] >= 0.02
    assert measured("v1", 10)[0] <= 0.01


def test_adam_learns_it_more_than_sgd(measured: Measured) -> None:
    assert measured("v20", 3)[0] - measured("v20", 3, "sgd")[0] >= 0.4


def test_weight_decay_weakens_it_at_no_cost_in_accuracy(measured: Measured) -> None:
    score, accuracy = measured("v20", 3, over={"optimizer": {"weight_decay": 1e-2}})
    assert score <= 0.3 and accuracy >= 0.95
