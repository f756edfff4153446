"""Where the files lie in an array of encoded images: one after the other, and at its end the positions where they begin and end."""

import numpy as np

POSITION = np.dtype("<i8")


def positions_in(array: np.ndarray, count: int) -> np.ndarray:
    """Return where the ``count`` files of an array begin and end, int64 [count + 1]; raises ValueError if it does not hold them."""
    size = (count + 1) * POSITION.itemsize
    if len(array) < size:
        raise ValueError(f"it has {len(array)} bytes")
    found = np.frombuffer(array[len(array) - size :].tobytes(), dtype=POSITION)
    if found[0] != 0 or found[-1] != len(array) - size or (np.diff(found) <= 0).any():
        raise ValueError("the positions of its images are not ascending")
    return found
