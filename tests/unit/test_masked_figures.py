"""What masks keep, by hand and from a file; the figures and the table of it; the figure of features on planted clusters."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spurprune.data.grouping import Attribute
from spurprune.data.inputs import Manifest
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
from tests.reporting import placed_samples, survivals_of

KEPT = survivals_of("pets", ["mask"], 2)
SPEC = Spec("Pets", {"settings": ["pets"], "setting": "pets", "repeat": 0}, {"pets": SettingInfo("Pets", "pets-full")}, methods=("mask",))


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
    assert drawing.findings == ["Pets: 75.0% of 10 weights are kept, most of 'conv' (81.2%), least of 'fc' (50.0%)."]
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
    assert features.findings(seen, "colour", replace(SPEC, methods=("erm", "prusc")))[0] == (
        "Pets (erm): the mean silhouette of test features is 1.00 by colour and -0.02 by class."
    )


@pytest.mark.parametrize(("value", "label"), [([0], [0]), ([0, 1], [0, 1]), ([-1, -1, -1, -1], [0, 1, 0, 1])])
def test_features_of_fewer_than_three_samples_are_not_drawn(value: list[int], label: list[int]) -> None:
    manifest = Manifest(
        "pets", None, 4, (3,), "float32", ("cat", "dog"), (Attribute.of("colour", ("red", "green")),), {}, (), (), "", "", ""
    )
    material = Material(samples={"pets": {0: placed_samples(value, label, "colour")}}, manifests={"pets-full": manifest})
    drawing = features.make(material, replace(SPEC, options={"setting": "pets", "repeat": 0, "attribute": "colour"}))
    assert drawing.numbers == [] and [text.get_text() for text in drawing.figure.axes[0].texts] == ["nothing measured"]
    assert drawing.findings == ["Pets: colour is known of fewer than 3 test samples, too few to show."]


def test_clusters_of_single_samples_have_no_silhouette() -> None:
    seen = features.look(np.eye(3), np.array([0, 1, 2]), np.array([0, 0, 1]))
    assert np.isnan(seen.of_class) and np.isfinite(seen.of_attribute)


def test_a_mask_without_weights_to_show_leaves_its_panel_empty() -> None:
    drawing = figure.make(Material(survivals=KEPT), replace(SPEC, methods=("mask", "other")))
    assert [[text.get_text() for text in axes.texts] for axes in drawing.figure.axes] == [[], ["nothing measured"]]
    assert [sentence.split(":")[0] for sentence in drawing.findings] == ["Pets (mask)"]
