"""The arithmetic of float32 networks."""

import torch


def set_precision(precision: str) -> None:
    """Set how this process multiplies float32: exactly for "fp32", by TF32 on GPUs that have it for "tf32" and "bf16"."""
    torch.set_float32_matmul_precision("highest" if precision == "fp32" else "high")
    torch.backends.cudnn.allow_tf32 = precision != "fp32"
