"""Tensor files: tensors of any layout, written completely or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from spurprune.errors import DataError
from spurprune.storage import array_files, tensor_files


def test_tensors_that_share_memory_or_have_gaps_come_back(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    tensors = {"whole": whole, "view": whole[1:], "transposed": whole.T, "count": torch.tensor(7), "half": whole.to(torch.bfloat16)}
    tensor_files.write(tmp_path / "new" / "all.safetensors", tensors, {"of": "a test"})
    found = load_file(tmp_path / "new" / "all.safetensors")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], value) and found[name].dtype == value.dtype for name, value in tensors.items())
    content, read = tensor_files.read(tmp_path / "new" / "all.safetensors")
    assert content == {"of": "a test"} and read.keys() == tensors.keys()
    assert all(torch.equal(read[name], value) and read[name].dtype == value.dtype for name, value in tensors.items())


def test_a_disk_that_fills_up_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    def full(tensors: dict[str, Any], path: Path, metadata: dict[str, str]) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(tensor_files, "save_file", full)
    with pytest.raises(DataError, match="No space left on device") as error:
        tensor_files.write(tmp_path / "all.safetensors", {"a": torch.zeros(1)}, {})
    assert_one_sentence(str(error.value))
    assert not list(tmp_path.iterdir())


TENSORS = {"0.w": torch.arange(6.0), "0.n": torch.tensor([3]), "1.w": torch.arange(6.0) + 1}


def damaged(path: Path, old: bytes, new: bytes) -> None:
    """Replace some of a file's bytes, which it has once."""
    content = path.read_bytes()
    assert content.count(old) == 1 and len(old) == len(new)
    path.write_bytes(content.replace(old, new))


def bytes_of(*numbers: float) -> bytes:
    return np.array(numbers, dtype=np.float32).tobytes()


def test_damage_is_found_in_what_is_read_and_only_there(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "all.safetensors"
    tensor_files.write(path, TENSORS, {})
    damaged(path, bytes_of(5, 6), bytes_of(5, 7))
    assert torch.equal(tensor_files.read(path, "0.")[1]["w"], TENSORS["0.w"])
    for prefix in ("1.", ""):
        with pytest.raises(DataError, match=r"'1\.w' does not have its checksum") as error:
            tensor_files.read(path, prefix)
        assert_one_sentence(str(error.value))
        assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"0.n":{"dtype":"I64"', b'"0.n":{"dtype":"U64"'),
        (b'"dtype":"I64","shape":[1]', b'"dtype":"F64","shape":[1]'),
        (b'"1.w":{', b'"0.v":{'),
        (b"of a test", b"of a text"),
        (b"digest", b"digesu"),
    ],
)
def test_damage_of_the_header_is_found(tmp_path: Path, old: bytes, new: bytes, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "all.safetensors"
    tensor_files.write(path, TENSORS, {"why": "of a test"})
    damaged(path, old, new)
    with pytest.raises(DataError) as error:
        tensor_files.read(path)
    assert_one_sentence(str(error.value))
    assert str(path) in str(error.value)


def test_arrays_come_back_without_torch(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "all.safetensors"
    arrays = {"0.weight": np.arange(6.0).reshape(2, 3).T, "0.bias": np.zeros(0), "n": np.array(3)}
    array_files.write(path, arrays, {"of": "a test"})
    content, found = array_files.read(path)
    assert content == {"of": "a test"} and found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], value) and found[name].shape == value.shape for name, value in arrays.items())
    damaged(path, np.array([1.0, 4.0]).tobytes(), np.array([1.0, 8.0]).tobytes())
    with pytest.raises(DataError, match=r"'0\.weight' does not have its checksum") as error:
        array_files.read(path)
    assert_one_sentence(str(error.value))
