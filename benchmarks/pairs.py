"""MultiNLI's pairs of sentences, and the recipe with which both loops train on them."""

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from spurprune.data import tokens
from spurprune.data.datasets.multinli import CLASSES

BATCH_SIZE = 32  # the paper's, for MultiNLI
LENGTH = 128  # the most tokens of a pair
LEARNING_RATE = 2e-5
CLIP = 1.0  # the largest norm of the gradient
EVALUATION_BATCH = 128  # as in config/config.yaml


@dataclass(frozen=True)
class Pairs:
    """``inputs`` int32 [N, 2 + 128] as the package stores them, ``label`` int64 [N]."""

    inputs: np.ndarray
    label: np.ndarray


def load_pairs(multinli: str, encoder: str, n: int) -> Pairs:
    """Return the first ``n`` matched development pairs with a gold label, encoded by the encoder's tokenizer."""
    path = Path(multinli, "multinli_1.0_dev_matched.jsonl")
    with open(path, encoding="utf-8") as stream:
        rows = list(islice((row for row in map(json.loads, stream) if row["gold_label"] in CLASSES), n))
    if len(rows) < n:
        raise SystemExit(f"{path} holds only {len(rows)} pairs; lower --pairs.")
    inputs = tokens.encode(tokens.load(encoder), [r["sentence1"] for r in rows], [r["sentence2"] for r in rows], LENGTH)
    return Pairs(inputs, np.array([CLASSES.index(r["gold_label"]) for r in rows]))
