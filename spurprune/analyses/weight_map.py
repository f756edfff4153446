"""Where the first layer looks: the largest weight of any of its units on each pixel, beside what the feature changes there.

Yang, Chou and Chaudhuri (2022) show such maps of networks without and with patterns.
"""

from typing import Any

import numpy as np

from spurprune.training import sensitivity
from spurprune.training.analysis import Request

TAKES = ("images",)
NETWORKS = ("mlp",)
OPTIONS = {"from": {"type": "string"}, "plan": {"type": "string", "default": "none"}}
COLUMNS = {"repeat": "int16", "channel": "int16", "row": "int16", "column": "int16", "weight": "float32", "feature": "float32"}
KEY = ("repeat", "channel", "row", "column")
BOUNDS = {"channel": (0, 32767), "row": (0, 32767), "column": (0, 32767), "feature": (-1, 1)}


def analyse(request: Request) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return every pixel's largest weight, and what the overlay changes there on a black image, in [0, 1]; 0 without an overlay."""
    change = request.overlay_on_black()
    weight = sensitivity.first_layer_map(request.networks[0], change.shape)
    channel, row, column = (place.reshape(-1).astype(np.int16) for place in np.indices(change.shape))
    columns = {"channel": channel, "row": row, "column": column, "weight": weight.reshape(-1), "feature": change.reshape(-1)}
    return columns, {}
