"""Loading weights from a file into a network: files cannot run code, and every tensor must have its place."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from spurprune.errors import DataError, first_sentence
from spurprune.storage.regular import require_regular

# The errors that loading torchvision's own weights raises where there is no network, no space, or a damaged download.
UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError, SafetensorError, zipfile.BadZipFile)


def read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file (``.safetensors``) or of a saved state_dict (any other name), by name, on the CPU.

    Raises DataError naming the file if it is missing, damaged or holds anything but tensors. Damage within a tensor is found only where the
    format has checksums: in files that torch saves (as zip archives), not in safetensors files.
    """
    require_regular(path)
    if not path.is_file():
        raise DataError(f"{path} is missing; place the pretrained weights there or correct model.pretrained.")
    try:
        _require_sound(path)
        loaded: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch parses a damaged file as a pickle, with errors of many kinds
        raise DataError(f"{path} is damaged or unsafe ({first_sentence(error)}); replace it with an original copy.") from error
    if not isinstance(loaded, Mapping) or not all(isinstance(key, str) and _is_plain(value) for key, value in loaded.items()):
        raise DataError(f"{path} does not hold tensors by name; save only the network's state_dict.")
    return dict(loaded)


def _is_plain(value: object) -> bool:
    """Return whether a value is a tensor of real numbers, all of them stored."""
    return isinstance(value, Tensor) and value.layout == torch.strided and value.device.type == "cpu" and not value.is_quantized


def _require_sound(path: Path) -> None:
    """Raise zipfile.BadZipFile if a part of a zip archive does not have its checksum, or unpacks to more than the file holds.

    Torch checks neither, and compresses nothing.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > path.stat().st_size:
                raise zipfile.BadZipFile("its parts are compressed, which torch's are not")
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"'{damaged}' does not have its checksum")


def put(weights: Mapping[str, Tensor], network: nn.Module, source: str) -> None:
    """Copy ``weights`` into ``network``; names and shapes must match exactly. Raises DataError naming ``source`` and the key.

    The step counters of batch normalisation may be missing: files from torch before 0.4.1 lack them, and no network here uses them.
    """
    own = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    missing = [name for name in own if name not in weights and not name.endswith(".num_batches_tracked")]
    unexpected = [name for name in weights if name not in own]
    mis_shaped = [name for name, value in weights.items() if name in own and tuple(value.shape) != own[name]]
    if missing:
        fault = f"it lacks '{missing[0]}'{_more(missing)}"
    elif unexpected:
        fault = f"it has '{unexpected[0]}'{_more(unexpected)}, which the network lacks"
    elif mis_shaped:
        name = mis_shaped[0]
        fault = f"'{name}'{_more(mis_shaped)} has the shape {list(weights[name].shape)} instead of {list(own[name])}"
    else:
        network.load_state_dict(weights, strict=False)
        return
    raise DataError(f"{source} does not fit the network: {fault}; use weights of the same architecture.")


def _more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""
