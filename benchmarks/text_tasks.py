"""What the measured processes do with sentences, by transformers' textbook loop and by the package; only they import torch."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.image_tasks import FOREVER
from benchmarks.pairs import BATCH_SIZE, CLIP, EVALUATION_BATCH, LEARNING_RATE, LENGTH, load_pairs
from benchmarks.worker import Turn


def padding(turn: Turn, multinli: str, encoder: str, pairs: int) -> None:
    """Report the mean tokens of a pair, and of its row in a batch cut to its longest: of 32 shuffled pairs, or of 128 sorted ones."""
    length = load_pairs(multinli, encoder, pairs).inputs[:, 0]

    def in_batches(order: np.ndarray, size: int) -> float:
        parts = [length[order[start : start + size]] for start in range(0, len(order), size)]
        return sum(int(part.max()) * len(part) for part in parts) / len(length)

    shuffled = np.random.default_rng(0).permutation(len(length))
    turn(
        {
            "a pair": float(length.mean()),
            f"in shuffled batches of {BATCH_SIZE}": in_batches(shuffled, BATCH_SIZE),
            f"in sorted batches of {EVALUATION_BATCH}": in_batches(np.argsort(length, kind="stable"), EVALUATION_BATCH),
            "padded": LENGTH,
        }
    )


def textbook(turn: Turn, multinli: str, encoder: str, pairs: int, dynamic: bool) -> None:
    """Train as transformers' examples do, ``pairs`` pairs per turn, padded to 128 tokens, or to each batch's longest if ``dynamic``."""
    import torch

    from benchmarks.textbook_text import build, loader

    model, optimizer, device = build(encoder)
    batches = loader(load_pairs(multinli, encoder, pairs), encoder, dynamic, BATCH_SIZE, shuffle=True)
    model.train()
    while True:
        start = time.perf_counter()
        total = torch.zeros((), device=device)
        for batch in batches:
            batch = {name: value.to(device) for name, value in batch.items()}
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            optimizer.zero_grad()
            total += loss.detach()
        total.item()
        turn({"images": pairs, "seconds": time.perf_counter() - start})


def textbook_evaluation(turn: Turn, multinli: str, encoder: str, pairs: int, dynamic: bool) -> None:
    """Predict all pairs as transformers' examples do."""
    import torch

    from benchmarks.textbook_text import build, loader

    model, _, device = build(encoder)
    batches = loader(load_pairs(multinli, encoder, pairs), encoder, dynamic, EVALUATION_BATCH, shuffle=False)
    model.eval()
    while True:
        start = time.perf_counter()
        with torch.no_grad():
            logits = [model(**{name: value.to(device) for name, value in batch.items()}).logits for batch in batches]
        torch.cat(logits).cpu()
        turn({"images": pairs, "seconds": time.perf_counter() - start})


def engine(turn: Turn, multinli: str, encoder: str, pairs: int, changes: Mapping[str, Any]) -> None:
    """Train with the package's loop on ``pairs`` pairs per turn, with ``changes`` to the recipe."""
    from benchmarks import training_engine

    start = time.perf_counter()

    def after_epoch() -> None:
        nonlocal start
        turn({"images": pairs, "seconds": time.perf_counter() - start})
        start = time.perf_counter()

    training_engine.train_bert(load_pairs(multinli, encoder, pairs), encoder, FOREVER, after_epoch, recipe() | dict(changes))


def engine_evaluation(turn: Turn, multinli: str, encoder: str, pairs: int) -> None:
    """Evaluate all pairs as the package does for EL2N."""
    from benchmarks import training_engine

    evaluate = training_engine.evaluation_by_bert(load_pairs(multinli, encoder, pairs), encoder, EVALUATION_BATCH)
    while True:
        start = time.perf_counter()
        evaluate()
        turn({"images": pairs, "seconds": time.perf_counter() - start})


def recipe() -> dict[str, Any]:
    """Return the textbook loop's recipe, as a setting's `training` block."""
    return {
        "batch_size": BATCH_SIZE,
        "optimizer": {"name": "adamw", "lr": LEARNING_RATE, "weight_decay": 0.0},
        "schedule": {"name": "constant"},
        "augmentation": {"name": "none"},
        "precision": "fp32",
        "compile": False,
        "gradient_clip": {"norm": CLIP},
        "label_smoothing": 0.0,
    }
