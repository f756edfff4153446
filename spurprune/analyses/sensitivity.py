"""How the probability of the true class falls as pixels of training images are removed (Yang, Chou and Chaudhuri 2022)."""

from typing import Any

import numpy as np
import torch

from spurprune import seeds
from spurprune.training import sensitivity
from spurprune.training.analysis import Request

TAKES = ("images",)
OPTIONS = {
    "from": {"type": "string"},
    "plan": {"type": "string", "default": "none"},
    "images": {"type": "integer", "minimum": 1, "maximum": 100_000, "default": 500},
}
COLUMNS = {"repeat": "int16", "removed": "float64", "probability": "float64"}
KEY = ("repeat", "removed")
BOUNDS = {"removed": (0, 1), "probability": (0, 1)}


def analyse(request: Request) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the mean probability at every share of removed pixels, over random training images as trained on."""
    rng = seeds.generator(seeds.ANALYSIS, request.samples.repeat, "sensitivity")
    rows = np.sort(rng.permutation(request.samples.rows("train"))[: request.options["images"]])
    data = request.data(rows)
    images = data.batch(torch.arange(len(rows), device=data.device)).cpu().numpy()
    found = sensitivity.curve(request.networks[0], images, request.samples.label[rows], request.bench.preparation, rng)
    return {"removed": np.array(sensitivity.LEVELS), "probability": found}, {}
