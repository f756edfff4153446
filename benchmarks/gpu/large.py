"""The paper's large networks, with random weights and inputs: ResNet-50 at 224 pixels, BERT at 128 tokens."""

from argparse import Namespace
from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertModel

from benchmarks.gpu import engine, record, sizes
from benchmarks.gpu.engine import Workload, device
from benchmarks.gpu.record import Line, Record
from benchmarks.gpu.sizes import Sizes
from benchmarks.training_engine import load_array
from spurprune.models.networks import torchvision_cnn
from spurprune.models.networks.bert import Bert
from spurprune.training.data import Pixels, Tokens

PHOTO_TRAINING: dict[str, Any] = {
    "optimizer": {"name": "sgd", "lr": 1e-3, "momentum": 0.9, "weight_decay": 1e-4},
    "schedule": {"name": "constant"},
    "augmentation": {"name": "none"},
    "gradient_clip": None,
    "label_smoothing": 0.0,
}
BERT_TRAINING: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 2e-5, "weight_decay": 0.0},
    "schedule": {"name": "constant"},
    "augmentation": {"name": "none"},
    "gradient_clip": {"norm": 1.0},
    "label_smoothing": 0.0,
}
PRECISIONS = ("fp32", "tf32", "bf16")


def photos(lines: Record, given: Namespace) -> None:
    """Time training steps on photos, recorded and eager."""
    size = sizes.of(given.quick)
    for batch in size.photo_batches:
        for precision in PRECISIONS:
            work = _photos(size, batch, precision)
            for recorded in (True, False):
                name = f"{size.photo_network}, batch {batch}, {precision}, {'recorded' if recorded else 'eager'}"
                lines.attempt(name, lambda work=work, recorded=recorded: _measured(work, size, recorded, given))  # type: ignore[misc]


def _photos(size: Sizes, batch: int, precision: str) -> Workload:
    n = batch * size.photo_steps
    pixels = np.random.default_rng(0).integers(0, 256, (n, 3, size.photo, size.photo), dtype=np.uint8)
    return Workload(
        lambda: torchvision_cnn.build((3, size.photo, size.photo), 2, size.photo_network, None),
        load_array(pixels, np.random.default_rng(1).integers(0, 2, n)),
        Pixels.of([0.5] * 3, [0.25] * 3, device()),
        PHOTO_TRAINING | {"batch_size": batch, "precision": precision},
    )


def sentences(lines: Record, given: Namespace) -> None:
    """Time training steps on sentences, all of full length; batches differ in shape, so steps are not recorded."""
    size = sizes.of(given.quick)
    heads = max(1, size.bert_width // 64)
    config = BertConfig(
        num_hidden_layers=size.bert_layers,
        hidden_size=size.bert_width,
        num_attention_heads=heads,
        intermediate_size=4 * size.bert_width,
    )
    n, tokens = size.bert_batch * size.photo_steps, size.bert_tokens
    rng = np.random.default_rng(0)
    inputs = rng.integers(1000, config.vocab_size, (n, 2 + tokens)).astype(np.int32)
    inputs[:, 0], inputs[:, 1] = tokens, tokens // 2
    data = load_array(inputs, rng.integers(0, 3, n))
    for precision in PRECISIONS:
        training = BERT_TRAINING | {"batch_size": size.bert_batch, "precision": precision}
        work = Workload(lambda: Bert(BertModel(config), 3), data, Tokens(), training)
        lines.attempt(f"batch {size.bert_batch}, {precision}", lambda work=work: _measured(work, size, False, given))  # type: ignore[misc]


def _measured(work: Workload, size: Sizes, recorded: bool, given: Namespace) -> Line:
    found = engine.train(work, size.epochs, recorded=recorded)
    peaks = [line for line in record.read(given.out) if line["event"] == "result" and line["name"] == "peaks"]
    found |= engine.floors(found, engine.flop_per_sample(work), peaks, [])
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return found
