"""Kept models: the final weights of a run's networks, by repeat, in one file."""

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from spurprune.errors import DataError
from spurprune.storage import tensor_files
from spurprune.storage.tables import Provenance


def weights(repeat: int, model: nn.Module) -> dict[str, Tensor]:
    """Return a network's weights on the host under their names in the file, ``{repeat}.{parameter}``."""
    return {f"{repeat}.{name}": value.detach().cpu() for name, value in model.state_dict().items()}


def write(path: Path, tensors: Mapping[str, Tensor], provenance: Provenance) -> None:
    """Write the weights of all repeats as one safetensors file; raises DataError if it cannot be written."""
    # One entry only, since safetensors writes several in arbitrary order.
    metadata = json.dumps({"setting": provenance.setting, "code_version": provenance.code_version}, sort_keys=True)
    tensor_files.write(path, tensors, {"spurprune": metadata})


def restore(model: nn.Module, path: Path, repeat: int) -> None:
    """Load one repeat's kept weights into a network of the same architecture.

    Raises DataError naming the file if it is missing or damaged, or if a parameter is missing, unknown or has another shape or type.
    """
    kept = tensor_files.read(path, f"{repeat}.")
    own = model.state_dict()
    for name, value in own.items():
        if name not in kept:
            raise DataError(f"{path} lacks the parameter '{name}' of repeat {repeat}; delete the file and rerun.")
        found, needed = (tuple(kept[name].shape), kept[name].dtype), (tuple(value.shape), value.dtype)
        if found != needed:
            raise DataError(
                f"{path} holds the parameter '{name}' of repeat {repeat} as {found[1]} {found[0]}, but the network has {needed[1]} "
                f"{needed[0]}; delete the file and rerun."
            )
    unknown = sorted(kept.keys() - own.keys())
    if unknown:
        raise DataError(
            f"{path} holds the parameter '{unknown[0]}' of repeat {repeat}, which the network lacks; delete the file and rerun."
        )
    model.load_state_dict(kept)
