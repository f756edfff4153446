"""A kept network, exported: torchvision's own networks load it strictly, with zeros where weights are masked, and compute the same."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torchvision import models

from spurprune import export
from spurprune.models import gates
from spurprune.models.networks import small_cnn, torchvision_cnn
from spurprune.storage import tensor_files
from spurprune.training import kept


@pytest.mark.parametrize(("architecture", "ending"), [("resnet18", "safetensors"), ("squeezenet1_1", "pth")])
def test_torchvision_loads_the_sparse_network(architecture: str, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    network = torchvision_cnn.build((3, 64, 64), 5, architecture, None)
    torch.nn.init.uniform_(network.classifier.weight, 0.1, 1.0)  # so that SqueezeNet's ReLU changes nothing
    masks = {f"{name}.weight": torch.rand_like(layer.weight) > 0.3 for name, layer in gates.layers(network)}
    gates.apply(network, masks)
    file, output = tmp_path / "models.safetensors", tmp_path / "out" / f"sparse.{ending}"
    tensor_files.write(file, kept.weights(3, network), {})
    assert export.main([str(file), str(output), "--repeat", "3"]) == 0
    zeros = sum(int((~one).sum()) for one in masks.values())
    assert f"{zeros:,} weights" in capsys.readouterr().out
    own = getattr(models, architecture)(num_classes=5)
    own.load_state_dict(load_file(output) if ending == "safetensors" else torch.load(output, weights_only=True), strict=True)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(own.eval()(x), network.eval()(x), atol=1e-5)


def test_what_cannot_be_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "models.safetensors"
    tensor_files.write(file, kept.weights(0, small_cnn.build((1, 8, 8), 2, [2, 2, 2])), {})
    for arguments, sentence in (
        ([str(file), str(tmp_path / "a.pth")], "not weights of one of torchvision's networks"),
        ([str(file), str(tmp_path / "a.pth"), "--repeat", "7"], "lacks repeat 7"),
        ([str(file), str(tmp_path / "a.bin")], "ends in none of"),
        ([str(tmp_path / "none.safetensors"), str(tmp_path / "a.pth")], "is missing"),
    ):
        assert export.main(arguments) == 1
        assert sentence in capsys.readouterr().err
