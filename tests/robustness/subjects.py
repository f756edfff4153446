"""Tiny examples of the files that stages read, other than tables, made by their writers and read by their readers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from spurprune.data.formats import images as image_files
from spurprune.data.formats.images import ImageFiles, decode
from spurprune.data.grouping import WITHOUT_WITH, Attribute
from spurprune.data.inputs import Manifest, content_of, local_inputs, open_inputs, read_manifest, write_inputs, write_manifest
from spurprune.evaluation.choices import Choice, read_selection, write_selection
from spurprune.models.networks import mlp
from spurprune.storage import timings
from spurprune.storage.provenance import Provenance
from spurprune.training import data, head_files, kept
from spurprune.training.checkpoints import JobCheckpoints, TrainingState
from spurprune.training.refinement import Head
from tests.robustness.subject import Ignored, Subject

CPU = torch.device("cpu")
PLACE = {"setting": "birds", "block": "000-001", "method": "erm", "candidate": ""}
RUN = Provenance(PLACE | {"plan": "none"}, "0+code", "config")
OTHER = Provenance(PLACE | {"plan": "per_class-el2n-hardest-0.10"}, "0+code", "config")
SHAPE = (1, 100, 100)  # 26 images per chunk
COUNT = 60


def make(folder: Path) -> list[Subject]:
    """Write all examples below a folder."""
    return [
        *dataset(folder),
        *_checkpoints(folder),
        *_models(folder),
        *_heads(folder),
        *_selections(folder),
        *_timings(folder),
        *_decoding(folder),
    ]


def dataset(folder: Path) -> Iterator[Subject]:
    """Write two datasets, and a copy of one on scratch."""
    arrays = np.random.default_rng(0).integers(0, 256, (2, COUNT, *SHAPE), dtype=np.uint8)
    for name, array in zip(("birds-100", "bugs-100"), arrays, strict=True):
        write_inputs(folder / name / "inputs.npy", array)
        manifest = Manifest(
            dataset=name.partition("-")[0],
            image_size=100,
            classes=("landbird", "waterbird"),
            attributes=(Attribute.of("line", WITHOUT_WITH),),
            split_counts={"train": 40, "validation": 0, "test": 20},
            mean=(0.25 + len(name) / 100,),
            std=(0.5,),
            source="made here",
            licence="CC0",
            **content_of(array),
        )
        write_manifest(folder / name / "manifest.json", manifest)
    ours, theirs, scratch = folder / "birds-100", folder / "bugs-100", folder / "scratch"
    paths = {"inputs": ours / "inputs.npy", "manifest": ours / "manifest.json"}

    def read(where: dict[str, Path]) -> tuple[Manifest, bytes]:
        manifest = read_manifest(where["manifest"])
        array = open_inputs(where["inputs"], manifest)
        nobody = np.zeros(COUNT, dtype=bool)
        ids = np.random.default_rng(1).permutation(COUNT)
        loaded = data.load(array, sample_id=ids, label=ids, group=ids, carrier=nobody, overlay=None, device=CPU)
        return manifest, b"".join(loaded.batch(torch.arange(start, start + 10)).numpy().tobytes() for start in range(0, COUNT, 10))

    def read_copy() -> tuple[Manifest, bytes]:
        with local_inputs(paths, str(scratch)) as local:
            assert local["inputs"] != paths["inputs"]
            return read(local)

    read_copy()
    (copy,) = scratch.glob("*/*.npy")
    yield Subject("array", paths["inputs"], theirs / "inputs.npy", lambda: read(paths))
    yield Subject("manifest", paths["manifest"], theirs / "manifest.json", lambda: read(paths))
    yield Subject("scratch copy", copy, theirs / "inputs.npy", read_copy)


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """What the package logs as a warning meanwhile."""
    found: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    handler, logger = Handler(logging.WARNING), logging.getLogger("spurprune")
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)


def _checkpoints(folder: Path) -> Iterator[Subject]:
    def state(seed: int) -> TrainingState:
        generator = torch.Generator().manual_seed(seed)
        tensors = {f"model.{name}": torch.randn(40, 30, generator=generator) for name in ("body.weight", "classifier.weight")}
        norms = torch.rand(50, generator=generator).numpy()
        return TrainingState(7 + seed, 90, tensors, [{"epoch": 3, "norms": norms, "loss": 0.5 + seed}, {"epoch": 7, "norms": norms * 2}])

    ours, theirs = (JobCheckpoints(folder / "checkpoints" / job) for job in ("aa", "bb"))
    for training in ("0", "1"):
        ours.save(training, state(int(training)))
        theirs.save(training, state(2 + int(training)))

    def read() -> tuple[Any, ...]:
        with _warnings() as warnings:
            found = ours.load("0", CPU)
        if found is None:
            if not warnings:
                raise AssertionError("a checkpoint was ignored without a warning")
            raise Ignored(warnings[0])
        records = [[(name, np.asarray(value).tolist()) for name, value in one.items()] for one in found.records]
        return found.epoch, found.step, records, {name: _bits(value) for name, value in found.tensors.items()}

    for other in (ours.folder / "1.safetensors", theirs.folder / "0.safetensors"):
        yield Subject("checkpoint", ours.folder / "0.safetensors", other, read)


def _models(folder: Path) -> Iterator[Subject]:
    setting, method = {"model": {"name": "mlp"}}, {"kind": "erm"}

    def network(seed: int) -> mlp.MLP:
        torch.manual_seed(seed)
        return mlp.build((1, 8, 8), 2, [16])

    paths = []
    for number, run in enumerate((RUN, OTHER)):
        paths.append(folder / str(number) / "models.safetensors")
        weights = kept.weights(0, network(2 * number)) | kept.weights(1, network(2 * number + 1))
        kept.write(paths[-1], weights, kept.configuration(setting, method), run)

    def read() -> list[dict[str, bytes]]:
        found = []
        kept.origin_of(paths[0], RUN.place, [0, 1])
        for repeat in (0, 1):
            model = network(9)
            kept.restore(model, paths[0], repeat, kept.configuration(setting, method))
            found.append({name: _bits(value) for name, value in model.state_dict().items()})
        return found

    yield Subject("kept models", paths[0], paths[1], read)


def _bits(value: torch.Tensor) -> bytes:
    return f"{value.dtype} {list(value.shape)}".encode() + value.contiguous().numpy().tobytes()


def _heads(folder: Path) -> Iterator[Subject]:
    rng, paths = np.random.default_rng(0), []
    for number, run in enumerate((RUN, OTHER)):
        paths.append(folder / str(number) / "head.safetensors")
        head_files.write(paths[-1], {repeat: Head(rng.random((3, 40)), rng.random(3)) for repeat in (0, 1)}, run)

    def read() -> dict[int, tuple[bytes, bytes]]:
        found = head_files.read(paths[0], setting=RUN.setting, method="erm", plan="none", block="000-001")
        return {repeat: (head.weight.tobytes(), head.bias.tobytes()) for repeat, head in found.items()}

    yield Subject("head", paths[0], paths[1], read)


def _selections(folder: Path) -> Iterator[Subject]:
    paths = [folder / "selection" / f"{name}.choice.json" for name in ("erm", "jtt")]
    for path, method in zip(paths, ("erm", "jtt"), strict=True):
        write_selection(path, Choice("birds", method, "lr-0.05", {"training.optimizer.lr": 0.05, "training.epochs": 10}))
    yield Subject("selection", paths[0], paths[1], lambda: dict(read_selection(paths[0], RUN)))


def _timings(folder: Path) -> Iterator[Subject]:
    paths = []
    for seconds, run in ((12.5, RUN), (13.5, OTHER)):
        place = run.place
        paths.append(folder / "results/settings/birds/runs/erm" / place["plan"] / place["block"] / "timing.json")
        timings.write(paths[-1], replace(run, repeats=(0, 1)), seconds=seconds, repeats=2, resumed=False)

    def read() -> tuple[str, float | None, int]:
        found = timings.read(paths[0])
        return found.origin.key, found.seconds, found.repeats

    yield Subject("timing", paths[0], paths[1], read)


def _decoding(folder: Path) -> Iterator[Subject]:
    """Interrupted decoding of image files: the array so far and the notes on it."""
    image_files.CHUNK = 8
    pictures = np.random.default_rng(0).integers(0, 256, (2, 20, 8, 8, 3), dtype=np.uint8)
    outputs = []
    for name, several in zip(("ours", "theirs"), pictures, strict=True):
        root, output = folder / "pictures" / name, folder / "decoded" / name / "inputs.npy"
        root.mkdir(parents=True)
        output.parent.mkdir(parents=True)
        for i, one in enumerate(several):
            Image.fromarray(one).save(root / f"{i}.png")
        outputs.append((ImageFiles(root, [f"{i}.png" for i in range(20)], 8, lambda picture: picture, "none"), output))
    kept_back = {}
    for images, output in outputs:
        seen = []

        def interrupted(picture: Image.Image, seen: list[int] = seen) -> Image.Image:
            seen.append(1)
            if len(seen) == 18:
                raise KeyboardInterrupt
            return picture

        with suppress(KeyboardInterrupt):
            decode(ImageFiles(images.root, images.names, 8, interrupted, "none"), output, 1, skip_damaged=False)
        kept_back |= {path: path.read_bytes() for path in output.parent.iterdir()}
    (images, output), (_, other) = outputs

    def restore() -> None:
        output.unlink(missing_ok=True)
        for path, content in kept_back.items():
            path.write_bytes(content)

    def read() -> bytes:
        decode(images, output, 1, skip_damaged=False)
        return output.read_bytes()

    for name in (".inputs.npy.decoding", ".inputs.npy.decoding.json"):
        yield Subject("decoding", output.with_name(name), other.with_name(name), read, restore)
