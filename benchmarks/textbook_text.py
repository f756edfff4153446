"""The parts of the textbook loop for sentences: what transformers' examples do, without their Trainer.

``AutoModelForSequenceClassification``, ``AutoTokenizer``'s collators, a DataLoader, ``torch.optim.AdamW``, float32.
"""

from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, default_data_collator

from benchmarks.pairs import LEARNING_RATE, LENGTH, Pairs


class Encoded(Dataset[dict[str, Any]]):
    """Pairs as a tokenised dataset holds them: lists of integers, padded to 128 tokens or not at all."""

    def __init__(self, pairs: Pairs, padded: bool) -> None:
        self.rows = [_fields(row, label, padded) for row, label in zip(pairs.inputs.tolist(), pairs.label.tolist(), strict=True)]

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)


def _fields(row: list[int], label: int, padded: bool) -> dict[str, Any]:
    length, second, *ids = row
    size = LENGTH if padded else length
    return {
        "input_ids": ids[:size],
        "attention_mask": [int(i < length) for i in range(size)],
        "token_type_ids": [int(second <= i < length) for i in range(size)],
        "label": label,
    }


def loader(pairs: Pairs, encoder: str, dynamic: bool, batch_size: int, shuffle: bool) -> DataLoader[dict[str, Any]]:
    """Return batches of tensors, named as transformers' models expect."""
    collate: Any = DataCollatorWithPadding(AutoTokenizer.from_pretrained(encoder)) if dynamic else default_data_collator
    return DataLoader(Encoded(pairs, padded=not dynamic), batch_size=batch_size, shuffle=shuffle, collate_fn=collate)


def build(encoder: str) -> tuple[torch.nn.Module, torch.optim.Optimizer, torch.device]:
    """Return the classifier on the encoder, its optimiser and its device."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model: Any = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=3)
    model.to(device)
    return model, torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0), device
