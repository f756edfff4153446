"""Tensor files: tensors of any layout, written completely or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from spurprune.errors import DataError
from spurprune.storage import tensor_files


def test_tensors_that_share_memory_or_have_gaps_come_back(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    tensors = {"whole": whole, "view": whole[1:], "transposed": whole.T, "count": torch.tensor(7), "half": whole.to(torch.bfloat16)}
    tensor_files.write(tmp_path / "new" / "all.safetensors", tensors, {"of": "a test"})
    found = load_file(tmp_path / "new" / "all.safetensors")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], value) and found[name].dtype == value.dtype for name, value in tensors.items())


def test_a_disk_that_fills_up_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    def full(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(tensor_files, "save_file", full)
    with pytest.raises(DataError, match="No space left on device") as error:
        tensor_files.write(tmp_path / "all.safetensors", {"a": torch.zeros(1)}, {})
    assert_one_sentence(str(error.value))
    assert not list(tmp_path.iterdir())
