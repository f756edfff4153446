"""The README's lines that apply the lists of advice keep what is to be kept, with pandas, PyTorch and Hugging Face's datasets."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

KEYS = ["a/1.png", "a/2.png", "b/3.png", "b/4.png"]


class Hub:
    """A split of a dataset of the library ``datasets``, as far as the lines use it."""

    def select(self, rows: "pd.Series[int]") -> list[int]:
        return rows.tolist()


def write(folder: Path, keys: list[str]) -> None:
    folder.mkdir(parents=True)
    for name, rows in (("keep", [0, 3]), ("drop", [1])):  # row 2 is a test sample
        pd.DataFrame({"key": [keys[row] for row in rows], "sample_id": rows}).to_csv(folder / f"{name}.csv", index=False)


def run(root: Path, line: str, names: dict[str, Any]) -> Any:
    """Run the block's lines up to the lists, and the one that begins so."""
    text = (root / "README.md").read_text(encoding="utf-8")
    (block,) = [one for one in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE) if "keep, drop" in one]
    *before, pandas, torch, hub = block.splitlines()
    exec("\n".join([*before, {"pandas": pandas, "torch": torch, "hub": hub}[line]]), names)
    return names["kept"]


def test_pandas_leaves_out_the_files_to_drop(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "results/advice/birds", KEYS)
    monkeypatch.chdir(tmp_path)
    kept = run(root, "pandas", {"table": pd.DataFrame({"file": KEYS})})
    assert kept["file"].tolist() == ["a/1.png", "b/3.png", "b/4.png"]


def test_a_subset_of_pytorch_takes_the_rows_to_keep(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "results/advice/birds", KEYS)
    monkeypatch.chdir(tmp_path)
    assert list(run(root, "torch", {"dataset": ["first", "second", "third", "fourth"]})) == ["first", "fourth"]


def test_hugging_face_selects_the_rows_of_the_split(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "results/advice/birds", ["train[10]", "train[11]", "test[0]", "train[12]"])
    monkeypatch.chdir(tmp_path)
    assert run(root, "hub", {"hub": {"train": Hub()}}) == [10, 12]
