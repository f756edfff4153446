"""What masks keep, by hand and from a file; the figures and the table of it; the figure of features on planted clusters."""

from pathlib import Path

import numpy as np
import pytest

from spurprune.evaluation import survival
from spurprune.evaluation.survival import ALL, Survival, summarised
from spurprune.figures import style
from spurprune.figures.base import Material, SettingInfo, Spec
from spurprune.figures.kinds import features
from spurprune.figures.kinds import survival as figure
from spurprune.storage import tensor_files
from spurprune.storage.provenance import Provenance, to_plain
from spurprune.tables.kinds import sparsity
from spurprune.tables.report import Sources

KEPT = [Survival("pets", "mask", repeat, layer, n, kept) for repeat in (0, 1) for layer, n, kept in (("conv", 8, 6 + repeat), ("fc", 2, 1))]
SPEC = Spec("Pets", {"settings": ["pets"], "repeat": 0}, {"pets": SettingInfo("Pets", "pets-full")}, methods=("mask",))


def test_shares_of_layers_and_of_the_whole() -> None:
    rows = {row.layer: row for row in summarised(KEPT)}
    assert list(rows) == [ALL, "conv", "fc"]
    assert (rows[ALL].weights, rows[ALL].kept, rows[ALL].share.mean) == (10, 7.5, pytest.approx(0.75))
    assert (rows["conv"].weights, rows["conv"].share.mean, rows["fc"].share.mean) == (8, pytest.approx(6.5 / 8), 0.5)


def test_a_file_of_masks_is_read_in_the_networks_order(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "masks.safetensors"
    place = {"setting": "pets", "method": "mask", "candidate": "", "plan": "none", "block": "000-000"}
    masks = {"0.z.weight": torch.tensor([[True, False]]), "0.a.weight": torch.tensor([True, True, False])}
    content = {"parameters": ["z.weight", "a.weight"], "provenance": to_plain("masks", 1, Provenance(place, "0+code", "config"))}
    tensor_files.write(path, masks, content)
    assert survival.read(path) == [Survival("pets", "mask", 0, "z", 2, 1), Survival("pets", "mask", 0, "a", 3, 2)]


def test_the_figure_and_the_table_of_what_is_kept(tmp_path: Path) -> None:
    with style.house_style():
        drawing = figure.make(Material(survivals=KEPT), SPEC)
        style.save(drawing.figure, tmp_path / "a.pdf", tmp_path / "a.png", "a", "b")
    assert drawing.findings == ["Pets, mask: 75.0% of 10 weights are kept, most of 'conv' (81.2%), least of 'fc' (50.0%)."]
    report = sparsity.report(Sources(None, survivals=KEPT), {"settings": ["pets"]})  # type: ignore[arg-type]
    (section,) = report.sections
    assert section.heading == "pets, mask" and [row[:3] for row in section.rows] == [
        [ALL, "10", "7.5"],
        ["conv", "8", "6.5"],
        ["fc", "2", "1.0"],
    ]


def test_features_that_cluster_by_the_attribute_are_seen(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label, value = np.arange(80) % 2, np.arange(80) // 40
    seen = {
        name: features.look(np.eye(3)[of] + 0.05 * rng.normal(size=(80, 3)), label, value)
        for name, of in (("erm", value), ("prusc", label))
    }
    assert seen["erm"].of_attribute > 0.9 > 0.1 > seen["erm"].of_class and seen["prusc"].of_class > 0.9 > 0.1 > seen["prusc"].of_attribute
    assert seen["erm"].place.shape == (80, 2) and seen["erm"].shares[0] > 0.9
    with style.house_style():
        drawn = features.draw(seen, label, value, ("cat", "dog"), ("red", "green"), SPEC)
        style.save(drawn, tmp_path / "b.pdf", tmp_path / "b.png", "a", "b")
    assert features.findings(seen, "colour")[0] == "erm: the mean silhouette of test features is 1.00 by colour and -0.02 by class."
