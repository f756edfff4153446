"""What a training run evaluates after its epochs: the rows of its history, and the metric by which its epoch is chosen."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spurprune.data.probe import Probe
from spurprune.data.samples import Samples
from spurprune.data.views import NATURAL
from spurprune.errors import TrainingError
from spurprune.evaluation import metrics
from spurprune.models.network import Network
from spurprune.storage.words import SPLITS
from spurprune.training.best import BestEpoch
from spurprune.training.checkpoints import Record
from spurprune.training.data import Data
from spurprune.training.observe import observe, summary
from spurprune.training.predictions import views
from spurprune.training.workbench import Workbench

TRAIN, VALIDATION = "train", "validation"


@dataclass(frozen=True, eq=False)
class _Part:
    """Samples that are evaluated together; ``carrier`` int64 [N] on the device, -1 where unknown."""

    split: str
    view: str
    data: Data
    carrier: Tensor


class Watch:
    """Evaluates one repeat's network after each epoch; ``best`` is the epoch chosen so far, None if the last one counts."""

    def __init__(self, bench: Workbench, samples: Samples, *, weight: np.ndarray, data: Data, rule: str | None, where: str) -> None:
        """Prepare the samples that are evaluated.

        ``data`` are the training samples, of which those of ``weight`` [N] above 0 count. ``rule`` is the validation metric by which the
        epoch is chosen (see ``evaluation.metrics.by_rule``), None if the last one counts.
        """
        self.bench, self.samples, self.rule, self.where = bench, samples, rule, where
        self.epochs = bench.setting["training"]["evaluate_epochs"]
        self.splits = bench.setting["training"]["evaluate_splits"] if self.epochs else []
        self.best = None if rule is None else BestEpoch()
        probe = Probe.of(bench.setting["probe"], bench.manifest)
        self.source = None if probe is None else probe.source
        self.parts: list[_Part] = []
        for split in (split for split in SPLITS if split in self.splits or (rule and split == VALIDATION)):
            if split == TRAIN:
                kept = np.flatnonzero(weight > 0)
                trained = data.subset(torch.from_numpy(kept).to(bench.device))
                self.parts.append(self._part(TRAIN, NATURAL, samples.rows(TRAIN)[kept], trained))
                continue
            for view, rows in views(bench, samples, split).items():
                self.parts.append(self._part(split, view, rows, bench.data(samples, rows, view)))

    def _part(self, split: str, view: str, rows: np.ndarray, data: Data) -> _Part:
        carrier = self.bench.carriers(self.samples, rows, view)
        return _Part(split, view, data, torch.from_numpy(carrier).to(self.bench.device))

    def records(self, epoch: int, model: Network) -> list[Record]:
        """Evaluate the network after an epoch and return the rows of the history; offer the epoch to ``best``.

        Raises TrainingError if the metric that chooses the epoch is undefined.
        """
        recorded = self.splits if self.epochs == "all" or epoch in self.epochs else []
        shown = [part for part in self.parts if part.split in recorded or (self.best and part.split == VALIDATION)]
        seen = {part: self._logits(part, model) for part in shown}
        if self.best is not None:
            self.best.offer(epoch, self._value({part: logits for part, logits in seen.items() if part.split == VALIDATION}), model)
        return [record for part, logits in seen.items() for record in self._rows(part, logits, epoch)]

    def _logits(self, part: _Part, model: Network) -> Tensor:
        return observe(model, part.data, self.bench.preparation, self.bench.setting["evaluation"]["batch_size"]).logits

    def _rows(self, part: _Part, logits: Tensor, epoch: int) -> list[Record]:
        found = summary(logits, label=part.data.label, group=part.data.group, carrier=part.carrier, source_label=self.source)
        return [{"epoch": epoch, "split": part.split, "view": part.view, **record} for record in found]

    def _value(self, seen: Mapping[_Part, Tensor]) -> float:
        """Return the validation metric that chooses the epoch, from the logits of all validation samples."""
        assert self.rule is not None
        train = self.samples.rows("train")
        of_parts = [(logits.argmax(dim=1), part.data.label, part.data.group) for part, logits in seen.items()]
        value = math.nan
        if of_parts:
            predicted, label, group = (torch.cat(column).cpu().numpy() for column in zip(*of_parts, strict=True))
            value = metrics.by_rule(
                self.rule,
                predicted=predicted,
                label=label,
                group=group,
                natural=np.concatenate([np.full(len(part.data), part.view == NATURAL) for part in seen]),
                train_label=self.samples.label[train],
                train_group=self.samples.group[train],
            )
        if math.isnan(value):
            raise TrainingError(
                f"{self.where}: the validation {self.rule}, which is to choose the epoch, is undefined, since training has a class or "
                "group without validation samples; choose another rule in the method's 'by', or set its epoch to last."
            )
        return value
