"""Fifty kinds of bad own data, from the block of the configuration to the prepared dataset: each ends in one sentence with a way out."""

import csv
import gzip
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurprune.config import schema
from spurprune.data import catalogue
from spurprune.errors import SpurpruneError
from spurprune.stages import prepare_inputs
from spurprune.storage.provenance import Provenance
from tests.wordpiece import save as save_tokenizer

COUNT = 8


def picture(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (6, 6), (value, value, value)).save(stream, "PNG")
    return stream.getvalue()


@dataclass
class Own:
    """Eight birds of two species in a table, with images, vectors and notes, four of them in training; and the dataset's block."""

    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    block: dict[str, Any] = field(default_factory=dict)
    size: int | None = 8

    def __post_init__(self) -> None:
        (self.folder / "photos").mkdir()
        for i in range(COUNT):
            (self.folder / f"photos/{i}.png").write_bytes(picture(20 * i))
            fold = ("train", "train", "train", "train", "val", "val", "test", "test")[i]
            row = {"file": f"photos/{i}.png", "bird": ("gull", "owl")[i % 2], "fold": fold, "nest": f"n{i}", "note": f"dog {'runs ' * i}"}
            self.rows.append(row)
        np.save(self.folder / "x.npy", np.arange(2 * COUNT, dtype=np.float32).reshape(COUNT, 2))
        self.block = {"reader": "table", "path": str(self.folder / "t.csv"), "label": "bird", "split": "fold", "image": "file"}

    def write(self) -> None:
        """Write the table as its name says, if nothing lies there."""
        path = Path(self.block["path"])
        if self.block["reader"] != "table" or not self.rows or os.path.lexists(path):
            return
        if path.suffix == ".parquet":
            pd.DataFrame(self.rows).to_parquet(path)
            return
        with open(path, "w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)

    def vectors(self, array: np.ndarray | None = None) -> None:
        """Make the samples vectors, of this array if one is given."""
        self.block.pop("image")
        self.block["vectors"], self.size = "x.npy", None
        if array is not None:
            np.save(self.folder / "x.npy", array)

    def texts(self) -> None:
        """Make the samples texts."""
        self.block.pop("image")
        self.block |= {"text": "note", "tokenizer": str(save_tokenizer(self.folder / "encoder"))}

    def classes(self, *names: str) -> None:
        """Make the dataset a folder with an image at each path."""
        self.block = {"reader": "image_folder", "path": str(self.folder / "images")}
        (self.folder / "images").mkdir()
        for i, name in enumerate(names):
            (self.folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / "images" / name).write_bytes(picture(10 * i))


def set_block(own: Own, **values: Any) -> None:
    own.block |= values


def set_row(own: Own, row: int, **values: Any) -> None:
    own.rows[row] |= values


def table(own: Own, content: bytes) -> None:
    Path(own.block["path"]).write_bytes(content)


def lines(own: Own, content: bytes) -> None:
    set_block(own, path=f"{own.folder}/t.jsonl")
    table(own, content)


def photo(own: Own, row: int, content: bytes) -> None:
    (own.folder / f"photos/{row}.png").write_bytes(content)


def saved(array: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


def eps() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "EPS")
    return stream.getvalue()


def pipe(own: Own) -> None:
    (own.folder / "photos/2.png").unlink()
    os.mkfifo(own.folder / "photos/2.png")


def unknown_split(own: Own) -> None:
    set_row(own, 3, fold="holdout")


LONG = "a" * 200_000
HEADER = b"file,bird,fold\n"
BAD: dict[str, tuple[Callable[[Own], object], str]] = {
    # The block
    "an unknown reader": (lambda o: set_block(o, reader="excel"), "own.reader is"),
    "a misspelt option": (lambda o: set_block(o, imagee="file"), "own.imagee is not a known key (did you mean 'image'?)"),
    "no label": (lambda o: o.block.pop("label"), "own.label is missing"),
    "two kinds of samples": (lambda o: set_block(o, vectors="x.npy"), "must have one of 'image', 'text' and 'vectors'"),
    "texts without a tokenizer": (lambda o: (o.texts(), o.block.pop("tokenizer")), "needs a 'tokenizer', that of the encoder; name it"),
    "a tokenizer for images": (lambda o: set_block(o, tokenizer="x"), "has a 'tokenizer', which is for 'text'; remove it"),
    "one column for two things": (lambda o: set_block(o, attributes=["bird"]), "takes the column 'bird' for two things"),
    "labels that stay together": (lambda o: set_block(o, keep_together="bird"), "keep_together is 'bird', the column of the labels"),
    "shares of everything": (lambda o: set_block(o, split={"validation": 0.4, "test": 0.6}), "leaves none for training"),
    "an intensity upside down": (lambda o: set_block(o, intensity=[10, 0]), "intensity is [10, 0], but the first number must be below"),
    "a table of another format": (lambda o: set_block(o, path="t.xlsx"), "must be a file whose name ends in .csv, .tsv, .parquet or"),
    # The table
    "no table": (lambda o: o.rows.clear(), "t.csv is missing; place it there"),
    "a folder for a table": (lambda o: (o.folder / "t.csv").mkdir(), "t.csv cannot be read, since it is a folder"),
    "an empty table": (lambda o: table(o, b""), "t.csv is damaged or of another format (No columns to parse"),
    "a header alone": (lambda o: table(o, HEADER), "t.csv has no rows"),
    "a table in UTF-16": (lambda o: table(o, HEADER.decode().encode("utf-16")), "t.csv is UTF-16, but must be UTF-8 text; save it as"),
    "one in UTF-16 without a mark": (lambda o: table(o, HEADER.decode().encode("utf-16-le")), "t.csv is UTF-16 or no text, but must be"),
    "one in Latin-1": (lambda o: table(o, HEADER + "é,owl,train\n".encode("latin-1")), "t.csv is not UTF-8 text ('utf-8' codec can't"),
    "one that is compressed": (lambda o: table(o, gzip.compress(HEADER)), "t.csv is compressed by gzip, but must be UTF-8 text"),
    "one in UTF-16 after many rows": (lambda o: table(o, HEADER + 400 * b"a.png,owl,train\n" + b"a\0"), "t.csv is UTF-16 or no text"),
    "one that is compressed by zstd": (lambda o: table(o, b"\x28\xb5\x2f\xfd.."), "t.csv is compressed by zstd, but must be UTF-8 text"),
    "lines in Latin-1": (lambda o: lines(o, '{"bird": "é"}'.encode("latin-1")), "t.jsonl is not UTF-8 text ('utf-8' codec can't"),
    "lines in UTF-16": (lambda o: lines(o, '{"bird": "owl"}'.encode("utf-16")), "t.jsonl is UTF-16, but must be UTF-8 text; save it as"),
    "JSON that is nested deeply": (
        lambda o: lines(o, b"[" * 200_000),
        "(line 1 is nested too deeply)",
    ),
    "JSON with a number too long": (
        lambda o: lines(o, b'{"bird": ' + b"1" * 9_999 + b"}"),
        "t.jsonl is damaged or of another format (line 1",
    ),
    "JSON with half a character": (lambda o: lines(o, rb'{"bird": "\ud800", "file": "a", "fold": "train"}'), "half a Unicode character"),
    "a label of 200 kB": (lambda o: set_row(o, 5, bird=LONG), "has 200,000 characters in the column 'bird' of row 5"),
    "a split of 200 kB": (lambda o: set_row(o, 5, fold=LONG), "has the value 'aaaa"),
    "an image's name of 200 kB": (lambda o: set_row(o, 5, file=LONG), "cannot be read (File name too long); fix that and rerun"),
    "an image's name with a zero": (
        lambda o: lines(o, b"".join(json.dumps({**row, "file": f"a\0{i}"}).encode() + b"\n" for i, row in enumerate(o.rows))),
        "is damaged (embedded null byte); use an original copy",
    ),
    "an image below another": (lambda o: set_row(o, 5, file="photos/1.png/x.png"), "photos/1.png/x.png "),
    "an image linked twice": (
        lambda o: (photo(o, 5, b""), (o.folder / "photos/5.png").unlink(), (o.folder / "photos/5.png").symlink_to("1.png")),
        "The images 'photos/1.png' and 'photos/5.png' of ",
    ),
    "a linked image in a folder": (
        lambda o: (o.classes("owl/a.png", "gull/b.png"), (o.folder / "images/owl/c.png").symlink_to("a.png")),
        "The images 'owl/a.png' and 'owl/c.png' of ",
    ),
    "a folder for an image in a folder": (
        lambda o: (o.classes("owl/a.png", "gull/b.png"), os.mkfifo(o.folder / "images/owl/c.png")),
        "c.png cannot be read, since it is no regular file",
    ),
    "a workbook": (lambda o: table(o, b"PK\x03\x04..."), "t.csv is a ZIP archive or a workbook, but must be UTF-8 text"),
    "a row too long": (lambda o: table(o, HEADER + b"a.png,owl,train,x\n"), "(Expected 3 fields in line 2, saw 4)"),
    "an open quote": (lambda o: table(o, HEADER + b'"a.png,owl,train\n'), "EOF inside string starting at row 1"),
    "a damaged Parquet file": (lambda o: (set_block(o, path=f"{o.folder}/t.parquet"), table(o, b"PAR1")), "t.parquet is damaged or of"),
    "JSON that is cut": (lambda o: (set_block(o, path=f"{o.folder}/t.jsonl"), table(o, b'{"file": ')), "(line 1: "),
    "a cell of several values": (
        lambda o: (set_block(o, path=f"{o.folder}/t.jsonl"), table(o, json.dumps({**o.rows[0], "bird": ["a"]}).encode())),
        "has several values in the column 'bird' of row 0",
    ),
    "an unknown column": (lambda o: set_block(o, attributes=["site"]), "has no column 'site'; its columns are file, bird"),
    "a column twice": (lambda o: table(o, b"bird,bird,file,fold\na,b,c,train\n"), "has several columns 'bird'"),
    # Labels, splits, attributes
    "a missing label": (lambda o: set_row(o, 5, bird=" "), "has no value in the column 'bird' of row 5"),
    "one class": (lambda o: [row.update(bird="owl") for row in o.rows], "has only the class 'owl'"),
    "a class that is only tested": (lambda o: set_row(o, 7, bird="tit"), "has no training sample of the class 'tit'"),
    "a number written twice": (
        lambda o: [row.update(bird=one) for row, one in zip(o.rows, ["1", "01", "1.0", "2", "1", "2", "1", "2"], strict=True)],
        "same num",
    ),
    "an unknown split": (unknown_split, "has the value 'holdout' in the column 'fold' of row 3"),
    "an attribute without values": (
        lambda o: ([row.update(place="") for row in o.rows], set_block(o, attributes=["place"])),
        "has no values in the column 'place'",
    ),
    "a nest in two splits": (
        lambda o: (set_row(o, 7, nest="n0"), set_block(o, keep_together="nest")),
        "has 'n0' of the column 'nest', whose samples stay together, in the splits train and test",
    ),
    "a missing nest": (
        lambda o: (set_row(o, 2, nest=""), set_block(o, keep_together="nest", split={"test": 0.5})),
        "has no value in the column 'nest' of row 2 (the first is 0); fill it in, with a value of its own",
    ),
    # Images
    "no image size": (lambda o: setattr(o, "size", None), "so image_size must be a number of pixels, not null"),
    "a row without an image": (lambda o: set_row(o, 4, file=""), "names no image in the column 'file' of row 4"),
    "an image listed twice": (lambda o: set_row(o, 4, file="photos/../photos/1.png"), "in row 1 (the first is 0) and again in row 4"),
    "a photo with two labels": (lambda o: photo(o, 1, picture(0)), "2 images of 'own' equal others once prepared but have two labels"),
    "a photo in two splits": (lambda o: photo(o, 6, picture(0)), "2 images of 'own' equal others once prepared but are in two splits"),
    "a missing image": (lambda o: set_row(o, 4, file="photos/9.png"), "photos/9.png is missing; use a complete copy of the dataset"),
    "a truncated image": (lambda o: photo(o, 2, picture(1)[:50]), "photos/2.png is damaged ("),
    "a text for an image": (lambda o: photo(o, 2, b"no image"), "photos/2.png is damaged or of another format than AVIF"),
    "PostScript for an image": (lambda o: photo(o, 2, eps()), "photos/2.png is damaged or of another format than AVIF"),
    "a pipe for an image": (pipe, "photos/2.png cannot be read, since it is no regular file"),
    "a scan beyond its range": (
        lambda o: photo(o, 2, saved(np.array([[-1000.0, 3000.0]], dtype=np.float32), "TIFF")),
        "cannot be scaled, since its values go from -1000 to 3000, beyond 0 to 1; give the dataset an 'intensity: [lowest, highest]'",
    ),
    "images of one class in the folder": (
        lambda o: o.classes("owl/a.png", "owl/b.png"),
        "has only the class 'owl'; place the images of two",
    ),
    "an image in no class folder": (lambda o: o.classes("owl/a.png", "gull/b.png", "c.png"), "c.png lies in no class folder; move it"),
    # Vectors and texts
    "a vector too few": (lambda o: o.vectors(np.zeros((7, 2))), "x.npy holds 7 vectors, but "),
    "vectors of whole numbers": (lambda o: o.vectors(np.zeros((8, 2), dtype=int)), "x.npy holds int64 (8, 2), but vectors must be"),
    "a vector that is not finite": (
        lambda o: o.vectors(np.full((8, 2), np.nan)),
        "has the value nan at position 0 of the vector of sample",
    ),
    "an image size for vectors": (lambda o: (o.vectors(), setattr(o, "size", 8)), "so image_size must be null, not 8"),
    "vectors that are pickled": (lambda o: o.vectors(np.array([{}] * 8, dtype=object)), "x.npy is damaged or not an NPY file"),
    "a row without a text": (lambda o: (o.texts(), set_row(o, 6, note="")), "has no value in the column 'note' of row 6"),
    "no such tokenizer": (lambda o: (o.texts(), set_block(o, tokenizer=f"{o.folder}/photos")), "No tokenizer could be loaded from"),
    "too few tokens": (lambda o: (o.texts(), setattr(o, "size", 2)), "need an image_size of 3 tokens or more, not 2"),
    # Hugging Face
    "a folder of no dataset": (
        lambda o: set_block(o, reader="huggingface", path=str(o.folder)),
        "holds no dataset of the library datasets, which would have dataset_dict.json or state.json; give the folder",
    ),
}


def prepare(own: Own) -> None:
    """Do what the workflow does with a block: check it, then prepare its samples."""
    blocks = {"own": own.block}
    schema.validate(blocks, "config", where="datasets", part="datasets")
    catalogue.check(blocks)
    own.write()
    paths = {name: own.folder / "prepared" / name for name in ("inputs", "base", "manifest")}
    provenance = Provenance({"setting": "own"}, "0+code", "config")
    size = own.size
    prepare_inputs.run(
        dataset="own", image_size=size, source=None, own=own.block, damaged_images="stop", threads=1, **paths, provenance=provenance
    )


def test_there_are_more_than_forty_kinds() -> None:
    assert len(BAD) >= 50


@pytest.mark.parametrize("change", [lambda o: None, Own.vectors, Own.texts, lambda o: o.classes("owl/a.png", "gull/b.png")])
def test_without_a_mistake_all_is_well(tmp_path: Path, change: Callable[[Own], object]) -> None:
    own = Own(tmp_path)
    change(own)
    own.size = own.size and 16
    prepare(own)


@pytest.mark.parametrize("kind", BAD)
def test_bad_data_end_in_one_sentence(kind: str, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    own, (harm, expected) = Own(tmp_path), BAD[kind]
    harm(own)
    with pytest.raises(SpurpruneError) as error:
        prepare(own)
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))
    assert not (tmp_path / "prepared/manifest").exists()


def test_a_text_of_200_kb_is_no_mistake(tmp_path: Path) -> None:
    own = Own(tmp_path)
    own.texts()
    own.size = 16
    set_row(own, 3, note="dog " * 50_000)
    prepare(own)


def test_whole_numbers_of_a_parquet_file_stay_whole_whatever_pandas_noted_in_it(tmp_path: Path) -> None:
    own = Own(tmp_path)
    frame = pd.DataFrame(own.rows).assign(bird=[1, 2, None, 2, 1, 2, 1, 2]).dropna().astype({"bird": "Int16"}).set_index("bird")
    frame.to_parquet(tmp_path / "t.parquet")  # as an index
    set_block(own, path=f"{tmp_path}/t.parquet", attributes=["nest"])
    own.rows.clear()
    prepare(own)
    assert json.loads((tmp_path / "prepared/manifest").read_text())["classes"] == ["1", "2"]
