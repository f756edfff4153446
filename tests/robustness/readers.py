"""An attack on files that users bring: each reader takes them or refuses them in one sentence, in time and in bounded memory.

Nothing says what such files should hold, so damage that leaves another valid file may be read.
"""

import gzip
import io
import json
import logging
import pickle
import resource
import struct
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from spurprune.data import archives
from spurprune.data.datasets import cifar10, hard_imagenet, multinli, waterbirds
from spurprune.data.formats import celeba_release, idx, masks
from spurprune.data.formats.images import ImageFiles
from spurprune.data.own.photos import preparation
from spurprune.data.readers import huggingface, image_folder, table
from tests import miniatures
from tests.robustness import changes, runner
from tests.robustness.outcome import Outcome
from tests.robustness.subject import Subject
from tests.wordpiece import save as save_tokenizer

MOST_MB = 600  # that reading files of a few thousand bytes may add to the memory that the process has used
CEILING = 1 << 32  # bytes, beyond which allocations fail instead of stopping the machine
ROWS = 12
SIDE = 8
IMAGE_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("PNG", {}),
    "jpg": ("JPEG", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"}),
    "gif": ("GIF", {}),
    "bmp": ("BMP", {}),
    "ppm": ("PPM", {}),
    "tif": ("TIFF", {"compression": "tiff_lzw"}),
    "webp": ("WEBP", {}),
    "jp2": ("JPEG2000", {}),
    "avif": ("AVIF", {}),
}


def attack(seed: int, count: int) -> list[Outcome]:
    """Return the outcomes of ``count`` tries."""
    return runner.attack(make, changes.ALL, seed, count)


def make(folder: Path) -> Sequence[Subject]:
    """Write small files of every kind below a folder and return them as subjects."""
    logging.disable(logging.WARNING)
    virtual = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if Path("/proc/self/statm").exists() else None
    if virtual is not None:
        resource.setrlimit(resource.RLIMIT_AS, (virtual + CEILING, resource.getrlimit(resource.RLIMIT_AS)[1]))
    return [*own(folder), *stored(folder), *images(folder), *releases(folder), *weights(folder), *packed(folder)]


def subject(kind: str, path: Path, read: Callable[[], object], other: Path | None = None) -> Subject:
    """Return a subject of which any reading counts as the same, but no use of much memory."""

    def bounded() -> bool:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            read()
        finally:
            more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            if more > MOST_MB:
                raise AssertionError(f"it took {more:.0f} MB")
        return True

    return Subject(kind, path, other or path, bounded)


def consumed(raw: Any) -> None:
    """Read all images of a dataset."""
    if not isinstance(raw.inputs, np.ndarray):
        for row in range(len(raw.inputs)):
            raw.inputs.read(row)


def own(folder: Path) -> list[Subject]:
    """Tables of all formats, their vectors and tokenizer."""
    root = folder / "own"
    tokenizer = str(save_tokenizer(root / "encoder"))
    rows = {
        "file": [f"{i}.png" for i in range(ROWS)],
        "bird": ["gull", "owl"] * (ROWS // 2),
        "fold": ["train"] * (ROWS - 4) + ["val", "val", "test", "test"],
        "wing": [None if i == 3 else 10 + i % 2 for i in range(ROWS)],
        "note": ["a dog", "he runs, never"] * (ROWS // 2),
    }
    frame = pd.DataFrame(rows)
    frame.to_csv(root / "t.csv", index=False)
    frame.to_csv(root / "t.tsv", index=False, sep="\t")
    frame.to_json(root / "t.jsonl", orient="records", lines=True)
    frame.to_parquet(root / "t.parquet")
    frame.to_csv(root / "v.csv", index=False)
    np.save(root / "x.npy", np.arange(2 * ROWS, dtype=np.float32).reshape(ROWS, 2))
    block = {"label": "bird", "split": "fold", "attributes": ["wing"]}
    texts = {**block, "text": "note", "tokenizer": tokenizer}
    found = [
        subject(f"own {ending}", root / f"t.{ending}", partial(table.read, {**texts, "path": str(root / f"t.{ending}")}, 16))
        for ending in ("csv", "tsv", "jsonl", "parquet")
    ]
    vectors = {**block, "path": str(root / "v.csv"), "vectors": "x.npy"}
    found.append(subject("own vectors", root / "x.npy", partial(table.read, vectors, None)))
    found.append(subject("tokenizer", root / "encoder/tokenizer.json", partial(table.read, {**texts, "path": str(root / "v.csv")}, 16)))
    return found


def encoded(kind: str, options: dict[str, Any], value: int = 0) -> bytes:
    """Return a small picture as a file."""
    pixels = np.random.default_rng(value).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def images(folder: Path) -> list[Subject]:
    """An image of every format and depth, and one in a folder of classes."""
    root = folder / "images"
    root.mkdir()
    for ending, (kind, options) in IMAGE_KINDS.items():
        (root / f"a.{ending}").write_bytes(encoded(kind, options))
    deep = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
    Image.fromarray(deep).save(root / "deep.png")
    Image.fromarray((deep / 65535).astype(np.float32)).save(root / "float.tif")
    convert, square, words = preparation({}, SIDE, "own")
    found = []
    for path in sorted(root.iterdir()):
        files = ImageFiles(root, [path.name], SIDE, square, words, convert)
        found.append(subject(f"image {path.suffix}", path, partial(files.read, 0)))
    for place, name in enumerate(("owl", "gull")):
        (folder / "classes" / name).mkdir(parents=True)
        (folder / "classes" / name / "a.png").write_bytes(encoded("PNG", {}, place))
    block = {"path": str(folder / "classes")}
    found.append(subject("image folder", folder / "classes/owl/a.png", lambda: consumed(image_folder.read(block, SIDE))))
    return found


def stored(folder: Path) -> list[Subject]:
    """The files of a dataset that the library datasets has saved."""
    root = folder / "saved"
    split = root / "train"
    split.mkdir(parents=True)
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["owl", "gull"]}}
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    content = pa.table(
        {
            "image": pa.array([{"bytes": encoded("PNG", {}, i), "path": f"{i}.png"} for i in range(ROWS)], kind),
            "label": pa.array([i % 2 for i in range(ROWS)], pa.int64()),
            "place": pa.array(["sea", "land", "sea"] * (ROWS // 3)).dictionary_encode(),
        }
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    with pa.OSFile(str(split / "data-00000-of-00001.arrow"), "wb") as sink, pa.ipc.new_stream(sink, content.schema) as stream:
        stream.write_table(content)
    (split / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    (root / "dataset_dict.json").write_text(json.dumps({"splits": ["train"]}))
    block = {"path": str(root), "label": "label", "image": "image", "attributes": ["place"], "split": {"test": 0.25}}

    def read() -> None:
        consumed(huggingface.read(block, SIDE))

    names = ("train/data-00000-of-00001.arrow", "train/state.json", "dataset_dict.json")
    return [subject("saved dataset", root / name, read) for name in names]


def releases(folder: Path) -> list[Subject]:
    """The lists, pickles, masks and idx files of the declared datasets."""
    miniatures.celeba(folder / "celeba")
    miniatures.waterbirds(folder / "waterbirds")
    miniatures.multinli(folder / "multinli")
    found = [
        subject("celeba", folder / "celeba" / name, partial(celeba_release.read_lists, folder / "celeba", "celeba"))
        for name in ("list_attr_celeba.txt", "list_eval_partition.txt")
    ]
    tables = folder / "celeba_csv"
    tables.mkdir()
    lines = (folder / "celeba/list_attr_celeba.txt").read_text().splitlines()[1:]
    lines[0] = f"image_id {lines[0]}"
    (tables / "list_attr_celeba.csv").write_text("\n".join(",".join(line.split()) for line in lines))
    parts = ["image_id partition", *(folder / "celeba/list_eval_partition.txt").read_text().splitlines()]
    (tables / "list_eval_partition.csv").write_text("\n".join(",".join(line.split()) for line in parts))
    found += [
        subject("celeba", tables / name, partial(celeba_release.read_lists, tables, "celeba"))
        for name in ("list_attr_celeba.csv", "list_eval_partition.csv")
    ]
    birds = folder / "waterbirds" / waterbirds.FOLDER / "metadata.csv"
    found.append(subject("waterbirds", birds, partial(waterbirds.read, folder / "waterbirds", SIDE)))
    pairs = folder / "multinli/multinli_1.0_train.jsonl"
    found.append(subject("multinli", pairs, partial(multinli.read, folder / "multinli", 16)))
    lines = [",gold_label,sentence2_has_negation,split", *(f"{i},{i % 3},{i % 2 == 0},{i % 3}" for i in range(ROWS))]
    (folder / "metadata_random.csv").write_text("\n".join(lines))
    found.append(subject("multinli", folder / "metadata_random.csv", partial(multinli._metadata, folder / "metadata_random.csv")))
    cifar10.BATCH = ROWS
    for protocol in (0, 2, 4):
        path = folder / f"batch_{protocol}"
        content = {b"labels": [i % 10 for i in range(ROWS)], b"data": np.full((ROWS, 3072), 7, dtype=np.uint8)}
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        found.append(subject("cifar10", path, partial(cifar10._batch, path)))
    ranks = {index: [f"train/{wnid}/{wnid}_{i}.JPEG" for i in range(3)] for _, wnid, index in hard_imagenet.CLASSES}
    (folder / "paths_by_rank.pkl").write_bytes(pickle.dumps(ranks, protocol=2))
    found.append(
        subject("hard_imagenet", folder / "paths_by_rank.pkl", partial(hard_imagenet._paths_by_rank, folder / "paths_by_rank.pkl"))
    )
    with zipfile.ZipFile(folder / "masks.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(3):
            archive.writestr(f"train/n1_n1_{i}.JPEG", encoded("PNG", {}, i))
    wanted = [f"train/n1/n1_{i}.JPEG" for i in range(3)]
    found.append(subject("masks", folder / "masks.zip", partial(masks.object_shares, folder / "masks.zip", wanted)))
    numbers = struct.pack(">2I", 2049, ROWS) + bytes(ROWS)
    (folder / "labels-idx1-ubyte").write_bytes(numbers)
    (folder / "labels-idx1-ubyte.gz").write_bytes(gzip.compress(numbers))
    found += [
        subject("idx", folder / name, partial(idx._values, folder / name, (ROWS,)))
        for name in ("labels-idx1-ubyte", "labels-idx1-ubyte.gz")
    ]
    return found


def weights(folder: Path) -> list[Subject]:
    """Weights of a network from elsewhere, in all formats that are read."""
    import torch
    from safetensors.torch import save_file

    from spurprune.models import weights as weight_files

    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    torch.save(network.state_dict(), folder / "new.pth")
    torch.save(network.state_dict(), folder / "old.pth", _use_new_zipfile_serialization=False)
    save_file(network.state_dict(), folder / "w.safetensors")

    def read(path: Path) -> None:
        weight_files.put(weight_files.read(path), network, str(path))

    return [subject("weights", folder / name, partial(read, folder / name)) for name in ("new.pth", "old.pth", "w.safetensors")]


def packed(folder: Path) -> list[Subject]:
    """Archives of a release."""
    import shutil
    import tarfile

    source = folder / "packed"
    source.mkdir()
    (source / "a.txt").write_text("some text " * 50)
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(source / "a.txt", "a.txt")
    with tarfile.open(folder / "a.tar.gz", "w:gz") as target:
        target.add(source / "a.txt", "a.txt")

    def read(path: Path) -> None:
        shutil.rmtree(folder / "unpacked", ignore_errors=True)
        (folder / "unpacked").mkdir()
        archives.unpack(path, folder / "unpacked")

    return [subject("archive", folder / name, partial(read, folder / name)) for name in ("a.zip", "a.tar.gz")]
