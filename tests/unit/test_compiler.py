"""Compiled networks: the same results up to rounding, and plain networks without a compiler."""

import logging
import os
import stat
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spurprune.methods.erm import Method
from spurprune.models.networks import small_cnn
from spurprune.training import compiler
from spurprune.training.data import Data, Pixels
from spurprune.training.loop import Training, fit, initialise
from spurprune.training.method import Batch
from spurprune.training.recipe import Recipe, Stream
from tests import recipes
from tests.recipes import context

CPU = torch.device("cpu")
TRAINING = recipes.TRAINING | {"epochs": 2, "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}}


class ShortFeatures(Method):
    """ERM with a penalty on long features, so that gradients flow through them too."""

    def loss(self, batch: Batch) -> torch.Tensor:
        return super().loss(batch) + 0.1 * batch.features.square().mean()


def weights(compiled: bool) -> torch.Tensor:
    """All parameters after a small training run whose epochs end with a smaller batch."""
    images = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    data = Data.of(images, torch.arange(20) % 3, torch.zeros(20, dtype=torch.int64))
    model = initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), Stream((0,)), CPU)
    recipe, method = Recipe.of(TRAINING, compiled=compiled), ShortFeatures(context(np.ones(20), TRAINING))
    fit(model, Training(data, Pixels.of([0.5], [0.25], CPU), method, recipe, Stream((0,)), "here"), lambda *_: [])
    return torch.cat([parameter.detach().ravel() for parameter in model.parameters()])


@pytest.fixture
def cxx(tmp_path: Path) -> None:
    """What torch.compile needs on a CPU: a compiler of C++20 and Python's headers. Skips if one is missing."""
    source = tmp_path / "needed.cpp"
    source.write_text("#include <Python.h>\n#include <concepts>\n", encoding="utf-8")
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-I", sysconfig.get_paths()["include"], "-c", str(source), "-o", f"{source}.o"]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except OSError as error:
        pytest.skip(f"needs a C++ compiler: {error}")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"needs a compiler of C++20 and Python's headers: {error.stderr.strip()}")


@pytest.mark.usefixtures("cxx")
def test_compiled_training_is_the_same_up_to_rounding() -> None:
    assert compiler.can_compile(CPU)
    torch.testing.assert_close(weights(compiled=True), weights(compiled=False), rtol=1e-3, atol=1e-5)


def test_without_a_compiler_networks_are_not_compiled(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def compile_nothing(function: Any) -> Any:
        def call(*_: Any) -> None:
            raise RuntimeError("No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')")

        return call

    monkeypatch.setattr(torch, "compile", compile_nothing)
    with caplog.at_level(logging.WARNING):
        assert not compiler.can_compile(CPU)
    assert "cannot be compiled on this machine" in caplog.text and "No working C++ compiler" in caplog.text


@pytest.mark.parametrize("planted", [False, True])
def test_compiled_code_is_kept_where_nobody_else_can_put_any(
    planted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv(compiler.CACHE, "before")  # so that what is set is undone
    monkeypatch.delenv(compiler.CACHE)
    monkeypatch.setattr(torch, "compile", lambda function: function)
    folder = tmp_path / f"spurprune-compiled-{os.getuid()}"
    if planted:
        folder.mkdir()
        folder.chmod(0o777)
    with caplog.at_level(logging.WARNING):
        assert compiler.can_compile(CPU) != planted
    assert (compiler.CACHE in os.environ) != planted
    if planted:
        assert f"so training is slower: {folder} is open to other users" in caplog.text
    else:
        assert os.environ[compiler.CACHE] == str(folder) and stat.S_IMODE(folder.stat().st_mode) == 0o700
