"""bf16 on real digits: accuracy and the ranking by EL2N differ from full precision no more than between seeds."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from spurprune.data.datasets import digits
from spurprune.methods.erm import Method
from spurprune.models.networks import small_cnn
from spurprune.storage.columns import to_numpy
from spurprune.training.data import Data, Pixels, load
from spurprune.training.loop import Training, fit, initialise
from spurprune.training.observe import dynamics_of, observe
from spurprune.training.recipe import Recipe, Stream
from tests.recipes import context

CPU = torch.device("cpu")
PIXELS = Pixels.of([0.0], [1.0], CPU)
TRAINING: dict[str, Any] = {
    "epochs": 6,
    "batch_size": 64,
    "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4},
    "schedule": {"name": "step", "milestones": [4], "factor": 0.1},
    "augmentation": {"name": "none"},
    "gradient_clip": None,
    "label_smoothing": 0.0,
}
SEEDS = 3


@pytest.fixture(scope="module")
def data() -> dict[str, Data]:
    raw = digits.read(None, 8)
    split, label, ids = (to_numpy(raw.base.column(name)) for name in ("split", "label", "sample_id"))
    parts = {name: np.flatnonzero(split == name) for name in ("train", "test")}

    def rows(r: np.ndarray) -> Data:
        none = np.zeros(len(r), dtype=bool)
        return load(raw.inputs, sample_id=ids[r], label=label[r], group=label[r], carrier=none, overlay=None, device=CPU)

    return {name: rows(r) for name, r in parts.items()}


def errors(data: dict[str, Data], precision: str, seed: int) -> dict[str, np.ndarray]:
    """EL2N of every training sample, and whether each test sample is classified correctly."""
    model = initialise(lambda: small_cnn.build((1, 8, 8), 10, [8, 16, 32]), Stream((seed,)), CPU)
    method = Method(context(np.ones(len(data["train"])), TRAINING))
    recipe = Recipe.of(TRAINING | {"precision": precision})
    fit(model, Training(data["train"], PIXELS, method, recipe, Stream((seed,)), "digits"), lambda *_: [])
    seen = {name: dynamics_of(observe(model, part, PIXELS, 512).logits, part.label) for name, part in data.items()}
    return {"el2n": seen["train"]["error"], "correct": seen["test"]["predicted"] == data["test"].label.numpy()}


def test_bf16_stays_within_seed_noise(data: dict[str, Data]) -> None:
    full, half = ([errors(data, precision, seed) for seed in range(SEEDS)] for precision in ("fp32", "bf16"))
    assert any(not np.array_equal(a["el2n"], b["el2n"]) for a, b in zip(full, half, strict=True)), "bf16 must be used"
    between_seeds = [spearmanr(full[i]["el2n"], full[j]["el2n"]).statistic for i in range(SEEDS) for j in range(i)]
    between_precisions = [spearmanr(a["el2n"], b["el2n"]).statistic for a, b in zip(full, half, strict=True)]
    assert min(between_precisions) > np.mean(between_seeds)
    accuracy = {name: np.array([run["correct"].mean() for run in runs]) for name, runs in (("fp32", full), ("bf16", half))}
    noise = 2 * max(np.std(accuracy["fp32"], ddof=1), 1 / 397)  # of 397 test images
    assert abs(accuracy["fp32"].mean() - accuracy["bf16"].mean()) < noise
    assert accuracy["fp32"].mean() > 0.95
