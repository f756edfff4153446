"""Kept models: the last weights of a run's networks, by repeat, in one file."""

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from spurprune.storage import tensor_files
from spurprune.storage.tables import Provenance


def weights(repeat: int, model: nn.Module) -> dict[str, Tensor]:
    """Return a network's weights on the host by the names that they have in the file, ``{repeat}.{parameter}``."""
    return {f"{repeat}.{name}": value.detach().cpu() for name, value in model.state_dict().items()}


def write(path: Path, tensors: Mapping[str, Tensor], provenance: Provenance) -> None:
    """Write the weights of all repeats as one safetensors file; raises DataError if it cannot be written."""
    # One entry, since safetensors writes several in any order.
    metadata = json.dumps({"setting": provenance.setting, "code_version": provenance.code_version}, sort_keys=True)
    tensor_files.write(path, tensors, {"spurprune": metadata})
