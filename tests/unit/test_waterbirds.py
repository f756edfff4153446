"""Waterbirds from a miniature of its archive: coding, counts, images; samples of the shipped setting."""

import csv
import hashlib
import io
import json
import logging
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
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
from spurprune.stages import download, prepare_inputs, prepare_splits
from spurprune.storage import schemas, tables
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance
from tests.site import Site, serving

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


# The download, whose publisher gives no checksum


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site in the publisher's place; archives are put there by ``offer``."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as served:
        entry = registry()["waterbirds"]
        here = replace(entry.downloads[0], urls=(served.url("/birds.tar.gz"),))
        monkeypatch.setattr(download, "registry", lambda: {"waterbirds": replace(entry, downloads=(here,))})
        yield served


def offer(site: Site, release: Path) -> bytes:
    """Serve an archive of the release as it is now; return it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        packed.add(release / waterbirds.FOLDER, waterbirds.FOLDER)
    site.files["/birds.tar.gz"] = buffer.getvalue()
    return buffer.getvalue()


def test_the_archive_is_fetched_and_the_checksum_seen_is_recorded(
    site: Site, release: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spurprune.machine.logs.log.propagate", True)
    caplog.set_level("INFO", "spurprune")
    archive, folder, record = offer(site, release), tmp_path / "fetched", tmp_path / "record.json"
    download.run("waterbirds", folder, True, record)
    content = json.loads(record.read_text(encoding="utf-8"))
    seen = hashlib.sha256(archive).hexdigest()
    assert content["downloads"] == [
        {
            "file": "waterbird_complete95_forest2water2.tar.gz",
            "url": site.url("/birds.tar.gz"),
            "sha256": seen,
            "checksum": "seen",
            "size": len(archive),
            "unpacked": True,
        }
    ]
    assert [one["file"] for one in content["files"]] == [f"{waterbirds.FOLDER}/metadata.csv"]
    assert f"has the contents of the release, has the sha256 {seen}; its publisher gives none" in caplog.text
    assert waterbirds.read(folder, SIDE).split_counts == {"train": 13, "validation": 4, "test": 10}

    site.requests.clear()
    download.run("waterbirds", folder, True, record)
    assert site.requests == [] and json.loads(record.read_text(encoding="utf-8"))["downloads"] == []


def test_a_copy_that_a_person_placed_is_left_alone_even_if_it_is_incomplete(site: Site, release: Path, tmp_path: Path) -> None:
    write_metadata(release / waterbirds.FOLDER, metadata()[:-1])
    download.run("waterbirds", release, False, tmp_path / "record.json")
    assert site.requests == []


def _one_row_less(folder: Path) -> None:
    write_metadata(folder, metadata()[:-1])


def _a_group_changed(folder: Path) -> None:
    rows = metadata()
    index = next(i for i, row in enumerate(rows) if (row["y"], row["place"], row["split"]) == ("0", "0", "0"))
    rows[index] |= {"place": "1", "place_filename": "/o/ocean/1.jpg"}
    write_metadata(folder, rows)


def _an_image_less(folder: Path) -> None:
    (folder / metadata()[3]["img_filename"]).unlink()


def _another_coding(folder: Path) -> None:
    write_metadata(folder, [row | {"y": "1" if row["y"] == "0" else "0"} for row in metadata()])


def _no_metadata(folder: Path) -> None:
    (folder / "metadata.csv").unlink()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_one_row_less, "its metadata.csv has other images by split, class and background than the release: "),
        (_a_group_changed, r"than the release: train \(5, 3, 1, 4\) instead of \(6, 2, 1, 4\); remove it"),
        (_an_image_less, "it lacks 1 of the images in its metadata.csv, the first "),
        (_another_coding, "its metadata.csv is not coded as the release's"),
        (_no_metadata, "it has no waterbird_complete95_forest2water2/metadata.csv"),
    ],
)
def test_an_archive_that_is_not_the_release_is_refused_before_anything_is_placed(
    site: Site,
    release: Path,
    tmp_path: Path,
    change: Callable[[Path], None],
    reason: str,
    assert_one_sentence: Callable[[str], None],
) -> None:
    change(release / waterbirds.FOLDER)
    offer(site, release)
    folder, record = tmp_path / "fetched", tmp_path / "record.json"
    with pytest.raises(DataError, match=rf"{waterbirds.FOLDER}\.tar\.gz is refused because .*{reason}") as error:
        download.run("waterbirds", folder, True, record)
    assert_one_sentence(str(error.value))
    assert not record.exists() and not (folder / waterbirds.FOLDER).exists()
    assert sorted(path.name for path in folder.iterdir()) == [".download.lock", "waterbird_complete95_forest2water2.tar.gz"]
