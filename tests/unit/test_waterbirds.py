"""Waterbirds from a miniature of its archive: coding, counts, images; samples of the shipped setting."""

import csv
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from spurprune.config import blocks, loading
from spurprune.data.datasets import waterbirds
from spurprune.data.registry import registry
from spurprune.data.samples import grouping_of
from spurprune.errors import DataError
from spurprune.stages import prepare_inputs, prepare_splits
from spurprune.storage import schemas, tables
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance

SIDE = 16
PROVENANCE = Provenance({"setting": "waterbirds"}, "0+code", "config")
COLUMNS = ("img_id", "img_filename", "y", "split", "place", "place_filename")
SPECIES = ("162.Canada_Warbler/Canada_Warbler", "001.Black_footed_Albatross/Black_Footed_Albatross")  # of class 0 and 1
BACKGROUNDS = ("/b/bamboo_forest/", "/o/ocean/")  # of place 0 and 1
# Images of every split by y, within it by place.
COUNTS = {"train": (6, 2, 1, 4), "validation": (1, 1, 1, 1), "test": (3, 3, 2, 2)}
GROUPS = [(code, group) for code, counts in enumerate(COUNTS.values()) for group, count in enumerate(counts) for _ in range(count)]


def write_metadata(folder: Path, rows: list[dict[str, str]]) -> None:
    with open(folder / "metadata.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def metadata() -> list[dict[str, str]]:
    """The rows of metadata.csv in mixed order, as CUB's are."""
    rows = []
    for i, place in enumerate(np.random.default_rng(0).permutation(len(GROUPS)).tolist()):
        split, group = GROUPS[place]
        y, background = divmod(group, 2)
        values = (i + 1, f"{SPECIES[y]}_{i + 1:04}_18.jpg", y, split, background, f"{BACKGROUNDS[background]}{i:08}.jpg")
        rows.append(dict(zip(COLUMNS, map(str, values), strict=True)))
    return rows


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A miniature of the archive, and its counts in place of the release's."""
    monkeypatch.setattr(waterbirds, "GROUP_COUNTS", COUNTS)
    folder = tmp_path / "data" / "waterbird_complete95_forest2water2"
    folder.mkdir(parents=True)
    write_metadata(folder, metadata())
    for i, row in enumerate(metadata()):
        path = folder / row["img_filename"]
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (30, 20 + i), (0, 5 * i, 0)).save(path, quality=95, subsampling=0)
    return tmp_path / "data"


def prepare(release: Path, inputs: Path, base: Path, manifest: Path) -> None:
    prepare_inputs.run(
        dataset="waterbirds",
        image_size=SIDE,
        source=release,
        own=None,
        damaged_images="stop",
        threads=2,
        inputs=inputs,
        base=base,
        manifest=manifest,
        provenance=PROVENANCE,
    )


def test_images_and_groups_come_in_the_order_of_the_table(release: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    inputs, base, manifest = (tmp_path / name for name in ("inputs.npy", "base.parquet", "manifest.json"))
    with caplog.at_level(logging.WARNING):
        prepare(release, inputs, base, manifest)
    assert not caplog.text
    images, table = np.load(inputs), tables.read(base, schemas.BASE)
    assert images.shape == (len(GROUPS), 3, SIDE, SIDE)
    assert np.abs(images[:, 1].astype(int).mean(axis=(1, 2)) - 5 * np.arange(len(GROUPS))).max() < 3
    rows = metadata()
    assert table.column("key").to_pylist() == [row["img_filename"] for row in rows]
    for column, name in (("label", "y"), ("attribute_background", "place")):
        assert to_numpy(table.column(column)).tolist() == [int(row[name]) for row in rows]
    assert to_numpy(table.column("split")).tolist() == [tuple(COUNTS)[int(row["split"])] for row in rows]


def test_the_samples_of_the_setting(release: Path, tmp_path: Path, root: Path) -> None:
    """Landbirds on land and waterbirds on water are aligned; groups are numbered as in the literature."""
    main = yaml.safe_load((root / "config/config.yaml").read_text())
    main["setting_files"].append("config/settings/waterbirds.yaml")
    setting = blocks.samples(loading.load(main, root).settings["waterbirds"])
    inputs, base, manifest, output = (tmp_path / name for name in ("inputs.npy", "base.parquet", "manifest.json", "samples.parquet"))
    prepare(release, inputs, base, manifest)
    prepare_splits.run(base=base, manifest=manifest, difficulty=None, setting=setting, repeats=[0], output=output, provenance=PROVENANCE)
    rows = tables.read(output, schemas.SAMPLES).to_pylist()
    grouping = grouping_of(output)
    assert [grouping.name(group) for group in range(4)] == [
        "landbird on land",
        "landbird on water",
        "waterbird on land",
        "waterbird on water",
    ]
    for name, counts in COUNTS.items():
        assert Counter(r["group"] for r in rows if r["split"] == name) == dict(enumerate(counts))
    assert Counter((r["group"], r["aligned"]) for r in rows if r["split"] == "train") == {
        (0, True): 6,
        (1, False): 2,
        (2, False): 1,
        (3, True): 4,
    }


def test_the_folder_itself_may_be_named(release: Path) -> None:
    raw = waterbirds.read(release / waterbirds.FOLDER, SIDE)
    assert raw.split_counts == {"train": 13, "validation": 4, "test": 10}


def test_preparation_is_torchvisions() -> None:
    from torchvision import transforms

    from spurprune.data.formats import photos

    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (333, 500, 3), dtype=np.uint8))
    theirs = transforms.Resize((256, 256))(photo)
    assert np.array_equal(np.asarray(photos.square(photo, 256)), np.asarray(theirs))


def test_a_subset_is_read_with_a_warning_that_names_the_difference(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = release / waterbirds.FOLDER
    rows = [row for row in metadata() if (row["split"], row["y"], row["place"]) != ("0", "1", "0")]
    write_metadata(folder, rows)
    with caplog.at_level(logging.WARNING):
        raw = waterbirds.read(release, SIDE)
    assert raw.split_counts["train"] == 12
    assert "is an incomplete copy of Waterbirds, by y and place: train (6, 2, 0, 4) instead of (6, 2, 1, 4)" in caplog.text
    assert "validation" not in caplog.text


def changed(number: int, **values: str) -> list[dict[str, str]]:
    rows = metadata()
    rows[number] |= values
    return rows


def first(**values: str) -> int:
    """The number of the first row with these values."""
    return next(i for i, row in enumerate(metadata()) if row.items() >= values.items())


@pytest.mark.parametrize(
    ("values", "change", "reason"),
    [
        ({"y": "0"}, {"y": "2"}, "codes y of .*Canada_Warbler.* as '2', but the release as 0 or 1"),
        ({"split": "1"}, {"split": "val"}, "codes split of .* as 'val', but the release as 0 or 1 or 2"),
        ({"y": "1"}, {"y": "0"}, "codes y of 001.Black_footed_Albatross.* as 0, but the release as 1"),
        ({"y": "0"}, {"y": "1"}, "codes y of 162.Canada_Warbler.* as 1, but the release as 0"),
        ({"place": "1"}, {"place": "0"}, "codes place of /o/ocean/.* as 0, but the release as 1"),
        ({"place": "0"}, {"place": "1"}, "codes place of /b/bamboo_forest/.* as 1, but the release as 0"),
        ({"split": "0"}, {"split": "2"}, "has other images by y and place than the release: train .* instead of .*; test .* instead of"),
    ],
)
def test_other_codings_and_counts_are_refused(
    release: Path, values: dict[str, str], change: dict[str, str], reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    write_metadata(release / waterbirds.FOLDER, changed(first(**values), **change))
    with pytest.raises(DataError, match=reason) as error:
        waterbirds.read(release, SIDE)
    assert_one_sentence(str(error.value).replace("001.Black", "001_Black").replace("162.Canada", "162_Canada"))


def test_a_missing_column_image_or_archive_is_named(release: Path, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    folder = release / waterbirds.FOLDER
    victim = folder / metadata()[4]["img_filename"]
    victim.unlink()
    with pytest.raises(DataError, match=f"The image {victim} is missing") as image:
        prepare(release, tmp_path / "x.npy", tmp_path / "b.parquet", tmp_path / "m.json")
    text = (folder / "metadata.csv").read_text()
    (folder / "metadata.csv").write_text(text.replace("place,", "background,", 1))
    with pytest.raises(DataError, match=r"metadata\.csv has no column 'place'") as column:
        waterbirds.read(release, SIDE)
    with pytest.raises(DataError, match=r"Waterbirds is not at .*unpack waterbird_complete95_forest2water2.*data\.waterbirds") as archive:
        waterbirds.read(tmp_path / "nowhere", SIDE)
    for error in (image, column, archive):
        assert_one_sentence(str(error.value))


def test_the_registry_has_the_releases_counts() -> None:
    counts = waterbirds.GROUP_COUNTS
    assert {name: sum(groups) for name, groups in counts.items()} == {"train": 4795, "validation": 1199, "test": 5794}
    land, water = counts["train"][:2], counts["train"][2:]
    assert registry()["waterbirds"].train_class_counts == [sum(land), sum(water)]
    assert tuple(registry()["waterbirds"].classes) == waterbirds.CLASSES
