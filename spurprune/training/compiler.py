"""Whether networks can be compiled on this machine: torch's compiler needs a C++ compiler on a CPU and Triton on a GPU."""

import torch

from spurprune.errors import first_sentence
from spurprune.machine.logs import log


def can_compile(device: torch.device) -> bool:
    """Return whether ``torch.compile`` works on this device, by compiling a small function; if not, the reason is logged."""
    try:
        torch.compile(_probe)(torch.ones(64, device=device))
    except (RuntimeError, OSError, ImportError) as error:
        log.warning("networks cannot be compiled on this machine, so training is slower: %s", first_sentence(error))
        return False
    return True


def _probe(x: torch.Tensor) -> torch.Tensor:
    return (x * 2 + 1).relu()
