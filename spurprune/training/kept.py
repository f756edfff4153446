"""Kept models: the final weights of a run's networks by repeat, or of reference runs by repeat and seed, in one file.

Optimisers' states are kept likewise, in a file of their own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from spurprune.difficulty.recorded import SHARED_REPEAT
from spurprune.errors import DataError, first_sentence
from spurprune.storage import array_files, layout, schemas, tensor_files
from spurprune.storage.canonical import config_hash
from spurprune.storage.provenance import BLOCK, Origin, Provenance, origin, to_plain
from spurprune.training.optim import Optimizer

REFERENCE = "reference_models"  # the kind of a file of reference runs' networks
OPTIMIZER = "optimizer"  # that of a run's optimisers


def weights(key: int | str, model: nn.Module) -> dict[str, Tensor]:
    """Return a network's weights on the host under their names in the file, ``{key}.{parameter}``; the key is the repeat of a run."""
    return {f"{key}.{name}": value.detach().cpu() for name, value in model.state_dict().items()}


def moments(key: int, optimizer: Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's state on the host under its names in the file, ``{key}.{name}``."""
    return {f"{key}.{name}": value.detach().cpu() for name, value in optimizer.state().items()}


def reference_key(repeat: int, seed: int) -> str:
    """Return the key of the network of a reference seed."""
    return f"{repeat}.{seed}"


def configuration(setting: Mapping[str, Any], method: Mapping[str, Any]) -> str:
    """Return a hash of what a run trained with, equal for the stage that keeps its networks and the stage that reads them.

    ``setting`` and ``method`` are the run's, the method's own training merged into the setting's; of a reference run, its recipe takes the
    method's place.
    """
    return config_hash({"setting": setting, "method": {key: value for key, value in method.items() if key != "training"}})


def write(path: Path, tensors: Mapping[str, Tensor], configured: str, provenance: Provenance, kind: str = "models") -> None:
    """Write the weights of all repeats and the run's ``configuration`` as one file; raises DataError if it cannot be written.

    ``kind`` is ``REFERENCE`` for the networks of reference runs, ``OPTIMIZER`` for a run's optimisers.
    """
    tensor_files.write(path, tensors, {"configuration": configured, "provenance": to_plain(kind, 1, provenance)})


def origin_of(path: Path, place: Mapping[str, str], repeats: Sequence[int], kind: str = "models") -> Origin:
    """Return the origin of a file of kept models; raises DataError unless it is of this place and these repeats.

    A file of reference runs that all repeats share is of any.
    """
    schema = schemas.DYNAMICS if kind == REFERENCE else schemas.PREDICTIONS
    try:
        found = origin(str(path), array_files.content(path)["provenance"], schema.place)
    except (KeyError, ValueError) as error:
        raise DataError(f"{path} does not say from which run its networks are ({first_sentence(error)}); delete it and rerun.") from error
    found = found.require(layout.place_of(kind, path))
    if kind == REFERENCE and found.provenance.repeats == (SHARED_REPEAT,):
        return found.require({key: value for key, value in place.items() if key != BLOCK})
    return found.require(place, repeats)


def restore(model: nn.Module, path: Path, repeat: int | str, configured: str) -> None:
    """Load one repeat's kept weights, or those of another key, into a network of the same architecture.

    Raises DataError naming the file if it is missing, damaged or of a run that was configured otherwise, or if a parameter is missing,
    unknown or has another shape or type.
    """
    kept = _read(path, repeat, configured)
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


def restore_optimizer(optimizer: Optimizer, path: Path, repeat: int, configured: str) -> None:
    """Load one repeat's kept state into an optimiser of the same kind and network.

    Raises DataError naming the file if it is missing, damaged, of a run that was configured otherwise, or does not fit.
    """
    kept = _read(path, repeat, configured)
    try:
        optimizer.restore(kept)
    except (RuntimeError, ValueError, KeyError, IndexError) as error:
        raise DataError(
            f"{path} does not fit the optimiser of repeat {repeat} ({first_sentence(error)}); delete the file and rerun."
        ) from error


def _read(path: Path, repeat: int | str, configured: str) -> dict[str, Tensor]:
    """Return what a file keeps of one repeat; raises DataError if it is missing, damaged or of a run that was configured otherwise."""
    content, kept = tensor_files.read(path, f"{repeat}.")
    if content.get("configuration") != configured:
        raise DataError(f"{path} holds the networks of a run with another configuration; delete the file and rerun.")
    return kept
