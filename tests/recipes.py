"""A small training block of a setting and a method's context, for tests of the engine to modify."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spurprune.training.method import Context
from spurprune.training.recipe import Stream

TRAINING: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 8,
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
    "schedule": {"name": "constant"},
    "augmentation": {"name": "pad_crop_flip", "padding": 1},
    "precision": "fp32",
    "gradient_clip": None,
    "label_smoothing": 0.0,
}


def context(weight: np.ndarray, training: Mapping[str, Any] = TRAINING, **changes: Any) -> Context:
    """Return a method's context for samples of one class and part, with ``changes``."""
    zeros = np.zeros(len(weight), dtype=np.int64)
    found = Context(
        weight=weight.astype(np.float64),
        visits="exact",
        label=zeros,
        part=zeros,
        parts=("all",),
        options={},
        training=training,
        stream=Stream((0,)),
    )
    return replace(found, **changes)
