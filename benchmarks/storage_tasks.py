"""What the measured processes of `benchmarks.storage` do."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.worker import Turn
from spurprune.data.formats.encoding import encode
from spurprune.data.inputs import Manifest, content_of, content_of_encoded, open_inputs, read_manifest, write_inputs, write_manifest

SIZE = 224
BATCH = 64


class Photos:
    """Random images whose amplitudes fall as one over the frequency, as those of photographs do."""

    size = SIZE

    def __init__(self, images: int) -> None:
        frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None])
        self.amplitude = 1 / np.maximum(frequency, 1 / SIZE)
        self.images = images

    def __len__(self) -> int:
        return self.images

    def read(self, row: int) -> np.ndarray:
        """Return an image, uint8 [3, SIZE, SIZE]: mostly brightness, less colour."""
        rng = np.random.default_rng(row)
        shape = self.amplitude.shape
        waves = [np.fft.irfft2(self.amplitude * np.exp(2j * np.pi * rng.random(shape)), (SIZE, SIZE)) for _ in range(4)]
        brightness, *colours = (wave / wave.std() for wave in waves)
        return np.clip(128 + 45 * (brightness + 0.3 * np.stack(colours)), 0, 255).astype(np.uint8)

    def identity(self) -> str:
        """Return what decides the images."""
        return f"{self.images} photos"


def make(turn: Turn, folder: Path, images: int) -> None:
    """Write the same images plain and encoded, each with its manifest."""
    photos = Photos(images)
    described: dict[str, Any] = {"split_counts": {"train": images}, "mean": (0.5,) * 3, "std": (0.25,) * 3, "source": "", "licence": ""}
    described |= {"dataset": "photos", "image_size": SIZE, "classes": ("0", "1"), "attributes": ()}
    for storage in ("plain", "encoded"):
        (folder / storage).mkdir()
    path = folder / "plain/inputs.npy"
    array = np.stack([photos.read(row) for row in range(images)])
    write_inputs(path, array)
    write_manifest(path.with_name("manifest.json"), Manifest(**described, **content_of(array)))
    path = folder / "encoded/inputs.npy"
    encode(photos, path, 1, skip_damaged=False)
    manifest = Manifest(**described, **content_of_encoded(np.load(path, mmap_mode="r"), images, SIZE))
    write_manifest(path.with_name("manifest.json"), manifest)
    turn({"encoded_bytes": manifest.encoded_bytes})


def read(turn: Turn, folder: Path, decoders: int) -> None:
    """Read all images once in random batches, again and again; ``decoders`` threads decode them."""
    inputs = open_inputs(folder / "inputs.npy", read_manifest(folder / "manifest.json"), decoders)
    rng = np.random.default_rng(0)
    while True:
        order = rng.permutation(len(inputs))
        start = time.perf_counter()
        for first in range(0, len(order), BATCH):
            inputs[order[first : first + BATCH]]
        turn({"seconds": time.perf_counter() - start})
