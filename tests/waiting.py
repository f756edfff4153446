"""Finding steps that could not be recorded on a GPU, without one."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class NoWaiting(TorchDispatchMode):
    """Refuses what reads values of the device or copies values to it, which cannot be recorded."""

    REFUSED = ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::lift_fresh", "aten::_unique")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name
        masked = name in ("aten::index", "aten::index_put_") and any(one is not None and one.dtype == torch.bool for one in args[1])
        if masked or name.startswith(self.REFUSED):
            raise RuntimeError(f"{name} makes the host wait")
        return func(*args, **(kwargs or {}))
