"""Properties of images as they are trained on: brightness, contrast, sharpness, and the brightness and colour of the border."""

from collections.abc import Sequence

import numpy as np

from spurprune.data.inputs import Rows

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # of red, green and blue (ITU-R BT.601)
BORDER = 16  # of a side, one part of so many is border, a pixel at least
AT_ONCE = 64  # images in memory
FLAT = 1e-6  # added to a variance before its logarithm
NAMES = ("brightness", "contrast", "sharpness", "brightness of the border", "red in the border", "blue in the border")


def measured(inputs: Rows, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return the properties of some images by name, float64 [N]; ``inputs`` are uint8 [M, C, H, W], ``rows`` int [N] positions in them."""
    parts = [of_images(np.asarray(inputs[rows[start : start + AT_ONCE]])) for start in range(0, len(rows), AT_ONCE)]
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}


def of_images(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the properties of images, uint8 [N, C, H, W], by name, float64 [N]; values are of pixels scaled to [0, 1].

    Sharpness is the logarithm of the variance of the Laplacian (Pech-Pacheco et al. 2000); colours of the border are its mean red and blue
    less its brightness, and are left out unless there are three channels.
    """
    pixels = images.astype(np.float32) / 255
    colour = pixels.shape[1] == len(LUMA)
    grey = np.einsum("nchw,c->nhw", pixels, LUMA) if colour else pixels.mean(axis=1)
    border = border_of(*grey.shape[1:])
    around = grey[:, border].mean(axis=1)
    values: Sequence[np.ndarray] = (grey.mean(axis=(1, 2)), grey.std(axis=(1, 2)), _sharpness(grey), around)
    if colour:
        values = (*values, *(pixels[:, channel][:, border].mean(axis=1) - around for channel in (0, 2)))
    return {name: value.astype(np.float64) for name, value in zip(NAMES, values, strict=False)}


def border_of(height: int, width: int) -> np.ndarray:
    """Return which pixels are border, bool [H, W]."""
    wide = max(1, round(min(height, width) / BORDER))
    found = np.ones((height, width), dtype=bool)
    found[wide:-wide, wide:-wide] = False
    return found


def _sharpness(grey: np.ndarray) -> np.ndarray:
    """Return the logarithm of the variance of the Laplacian over the inner pixels, float32 [N]; images are [N, H, W]."""
    if min(grey.shape[1:]) < 3:
        return np.zeros(len(grey), dtype=np.float32)
    inner = grey[:, 1:-1, 1:-1]
    laplacian = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * inner
    found: np.ndarray = np.log(laplacian.var(axis=(1, 2)) + FLAT)
    return found
