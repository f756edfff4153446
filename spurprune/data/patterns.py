"""The patterns of *Understanding Rare Spurious Correlations in Neural Networks* (Yang, Chou and Chaudhuri 2022): squares, noise, a bar.

S1, S2 and S3 set the 1, 3 × 3 and 5 × 5 pixels of a corner to 1; R1, R2 and R3 add one image of uniform noise, scaled by 0.25, 0.5 and 1,
and cut the sum at 0 and 1; core sets rows 3 to 24 of columns 13 to 15 to 1. Each also has the name of its version in the public code.
"""

from collections.abc import Mapping

import numpy as np

VERSIONS: Mapping[str, str] = {"S1": "v1", "S2": "v3", "S3": "v8", "R1": "v18", "R2": "v19", "R3": "v20", "core": "v30"}  # by paper's names
BOXES: Mapping[str, tuple[slice, slice]] = {  # rows and columns of 1
    "v1": (slice(0, 1), slice(0, 1)),
    "v3": (slice(0, 3), slice(0, 3)),
    "v8": (slice(0, 5), slice(0, 5)),
    "v30": (slice(3, 25), slice(13, 16)),
}
STRENGTHS: Mapping[str, float] = {"v18": 0.25, "v19": 0.5, "v20": 1.0}  # of the noise


def version_of(pattern: str) -> str:
    """Return a pattern's name in the public code, such as v8 for S3; raises ValueError for an unknown pattern."""
    version = VERSIONS.get(pattern, pattern)
    if version not in (*BOXES, *STRENGTHS):
        raise ValueError(f"'{pattern}' is not a pattern; use one of {', '.join((*VERSIONS, *VERSIONS.values()))}")
    return version


def paper_name_of(pattern: str) -> str:
    """Return a pattern's name in the paper, such as S3 for v8; raises ValueError for an unknown pattern."""
    version = version_of(pattern)
    return next(name for name, of in VERSIONS.items() if of == version)


def noise(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return the image of uniform noise in [0, 1) that R1, R2 and R3 scale, float64 [C, H, W], drawn as height × width × channel."""
    channels, height, width = shape
    return np.random.RandomState(seed).rand(height, width, channels).transpose(2, 0, 1)


def apply(images: np.ndarray, pattern: str, seed: int) -> np.ndarray:
    """Return images [N, C, H, W] of values in [0, 1] with a pattern, float32, as the public code computes it."""
    version = version_of(pattern)
    if version in STRENGTHS:
        shown: np.ndarray = np.clip(images + STRENGTHS[version] * noise(images.shape[1:], seed), 0, 1).astype(np.float32)
        return shown
    shown = images.astype(np.float32)
    shown[(..., *BOXES[version])] = 1
    return shown


def norm(pattern: str, shape: tuple[int, ...], seed: int = 0) -> float:
    """Return the L2 norm of a pattern, that is, of what it changes in a black image [C, H, W] of values in [0, 1]."""
    return float(np.linalg.norm(apply(np.zeros((1, *shape)), pattern, seed)))
