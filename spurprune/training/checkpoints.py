"""Checkpoints: what a training run needs to resume after its process was killed, in one file that is replaced atomically.

A job's checkpoints are in a folder named after the hash of everything that determines its result (configuration, code, inputs), so a
changed job never picks up outdated ones. The folder is outside the job's outputs, which Snakemake deletes when a job fails, and is removed
when the job succeeds.
"""

import hashlib
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spurprune.errors import DataError, first_sentence
from spurprune.machine.logs import log
from spurprune.storage import tensor_files
from spurprune.storage.canonical import config_hash

Record = dict[str, Any]  # what is recorded after an epoch: scalars and NumPy arrays by name
FORMAT = 3  # increase it when the files change: this module is not part of a job's code hash
SAVE_EVERY_SECONDS = 30.0  # the most work that can be lost; saving this often costs well under 1% of the time


@dataclass
class TrainingState:
    """The state of a training run after an epoch: tensors (network, optimiser, method), the number of steps, and the records so far."""

    epoch: int
    step: int
    tensors: dict[str, Tensor]
    records: list[Record] = field(default_factory=list)


class JobCheckpoints:
    """The checkpoints of one job, one file per training run."""

    def __init__(self, folder: Path, save_every_seconds: float = SAVE_EVERY_SECONDS) -> None:
        """Use ``folder``, which must belong to this job alone."""
        self.folder = folder
        self.save_every_seconds = save_every_seconds
        self.resumed = False  # whether any training run went on from a checkpoint
        self._started = time.monotonic()
        self._last: dict[str, float] = {}

    @classmethod
    def of(cls, root: Path, identity: Mapping[str, Any], inputs: Iterable[Path]) -> "JobCheckpoints":
        """Return the checkpoints of the job that is identified by ``identity`` and the bytes of its ``inputs``."""
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in inputs]
        return cls(root / config_hash({"format": FORMAT, "identity": dict(identity), "inputs": digests}))

    def load(self, training: str, device: torch.device) -> TrainingState | None:
        """Return the saved state of a training run, its tensors on ``device``, or None if there is none.

        A checkpoint that is damaged or of another run is left alone after a warning: repeating the run loses time, but gives the same
        result without anybody's help.
        """
        path = self._path(training)
        if not path.is_file():
            return None
        try:
            header, tensors = tensor_files.read(path)
        except DataError as error:
            log.warning("%s starts from the beginning, since its checkpoint cannot be used: %s", training, first_sentence(error))
            return None
        if (header["job"], header["training"]) != (self.folder.name, training):
            log.warning("%s starts from the beginning, since %s is the checkpoint of another run", training, path)
            return None
        own = {name[len("state.") :]: value.to(device) for name, value in tensors.items() if name.startswith("state.")}
        state = TrainingState(header["epoch"], header["step"], own, _unpack(header["records"], tensors))
        log.info("%s resumes after epoch %d", training, state.epoch)
        self.resumed = True
        return state

    def is_due(self, training: str) -> bool:
        """Return whether enough time has passed since a run's last checkpoint to write another."""
        return time.monotonic() - self._last.get(training, self._started) >= self.save_every_seconds

    def save(self, training: str, state: TrainingState) -> None:
        """Write the state of a training run; if it cannot be written, only log a warning, since training can continue without."""
        scalars, arrays = _pack(state.records)
        tensors = {f"state.{name}": value for name, value in state.tensors.items()} | arrays
        header = {"job": self.folder.name, "training": training, "epoch": state.epoch, "step": state.step, "records": scalars}
        path = self._path(training)
        try:
            tensor_files.write(path, tensors, header)
        except DataError as error:
            log.warning("the checkpoint of %s could not be written (%s); training continues without it", training, first_sentence(error))
        self._last[training] = time.monotonic()

    def remove(self) -> None:
        """Remove all checkpoints of this job; call it once the job's outputs are written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, training: str) -> Path:
        return self.folder / f"{training}.safetensors"


def _pack(records: list[Record]) -> tuple[list[Record], dict[str, Tensor]]:
    """Split records into scalars, with None in place of every array, and the arrays, as tensors named after their place."""
    scalars: list[Record] = []
    arrays: dict[str, Tensor] = {}
    for i, record in enumerate(records):
        scalars.append({name: None if isinstance(value, np.ndarray) else value for name, value in record.items()})
        for name, value in record.items():
            if isinstance(value, np.ndarray):
                arrays[f"record.{i}.{name}"] = torch.from_numpy(np.ascontiguousarray(value))
    return scalars, arrays


def _unpack(scalars: list[Record], tensors: dict[str, Tensor]) -> list[Record]:
    """Put the arrays back in place; the order within a record stays, since tables take their columns' order from it."""
    records = [dict(record) for record in scalars]
    for name, value in tensors.items():
        if name.startswith("record."):
            _, i, key = name.split(".", 2)
            records[int(i)][key] = value.numpy().copy()  # without a copy, the file would stay mapped and keep its disk space
    return records
