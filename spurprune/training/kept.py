"""Kept models: the last weights of a run's networks, by repeat, in one file."""

from pathlib import Path

from torch import nn

from spurprune.errors import DataError
from spurprune.storage import tensor_files


def restore(model: nn.Module, path: Path, repeat: int) -> None:
    """Put one repeat's kept weights into a network of the same make.

    Raises DataError that names the file if it is missing or damaged, or if a parameter is missing, unknown or of another shape or type.
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
            f"{path} holds a parameter '{unknown[0]}' of repeat {repeat}, which the network has not; delete the file and rerun."
        )
    model.load_state_dict(kept)
