"""A small training block, as a setting has it, that tests of the engine change where they need to."""

from typing import Any

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
