"""Whether networks can be compiled on this machine: torch's compiler needs a C++ compiler on a CPU and Triton on a GPU."""

import os
import tempfile
from pathlib import Path

import torch

from spurprune.errors import first_sentence
from spurprune.machine.folders import UnsafeError, private_folder
from spurprune.machine.logs import log

CACHE = "TORCHINDUCTOR_CACHE_DIR"  # torch's variable for the folder of compiled code


def can_compile(device: torch.device) -> bool:
    """Return whether ``torch.compile`` works on this device, by compiling a small function; if not, the reason is logged."""
    try:
        if CACHE not in os.environ:
            os.environ[CACHE] = str(_private_cache())
        torch.compile(_probe)(torch.ones(64, device=device))
    except (RuntimeError, OSError, ImportError, UnsafeError) as error:
        log.warning("networks cannot be compiled on this machine, so training is slower: %s", first_sentence(error))
        return False
    return True


def _private_cache() -> Path:
    """Return a folder for compiled code that is this user's alone: torch would run what others put into its default one below /tmp."""
    folder = Path(tempfile.gettempdir()) / f"spurprune-compiled-{os.getuid()}"
    os.close(private_folder(folder))
    return folder


def _probe(x: torch.Tensor) -> torch.Tensor:
    return (x * 2 + 1).relu()
