"""CelebA from its official lists and photos: every variant of the files, coding, counts; the real lists if available."""

import logging
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from PIL import Image

from spurprune.config import blocks, loading
from spurprune.data.datasets import celeba, celeba_blond
from spurprune.data.formats import celeba_release
from spurprune.data.inputs import Manifest, write_manifest
from spurprune.data.registry import registry
from spurprune.errors import DataError
from spurprune.stages import prepare_inputs, prepare_splits
from spurprune.storage import schemas, tables
from spurprune.storage.columns import labels, to_numpy
from spurprune.storage.provenance import Provenance
from tests import real_data

# The forty names in their official order.
HEADER = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair Blurry Brown_Hair "
    "Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache "
    "Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair "
    "Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young"
)
NAMES = HEADER.split()
BLOND, EYEGLASSES, MALE = 9, 15, 20  # positions in the official order
SIDE = 16
PROVENANCE = Provenance({"setting": "celeba"}, "0+code", "config")


@dataclass(frozen=True)
class Person:
    """One image: its split (0, 1, 2) and three of its attributes (0 or 1)."""

    split: int
    male: int
    glasses: int
    blond: int

    def values(self) -> list[int]:
        """The forty values, -1 or 1."""
        values = [-1 if place % 2 else 1 for place in range(len(NAMES))]
        for place, value in ((MALE, self.male), (EYEGLASSES, self.glasses), (BLOND, self.blond)):
            values[place] = 2 * value - 1
        return values


# Training: 8 women without eyeglasses, 4 with, 6 men without, 4 with; one of each kind in validation, two in test. Every third is blond.
KINDS = [(0, 0)] * 8 + [(0, 1)] * 4 + [(1, 0)] * 6 + [(1, 1)] * 4
EACH = [(0, 0), (0, 1), (1, 0), (1, 1)]
PEOPLE = [
    Person(split, male, glasses, int(i % 3 == 0))
    for i, (split, (male, glasses)) in enumerate([(0, k) for k in KINDS] + [(1, k) for k in EACH] + [(2, k) for k in EACH * 2])
]
FILES = [f"{i + 1:06}.jpg" for i in range(len(PEOPLE))]


def write_lists(folder: Path) -> None:
    """The official text files, with their variable whitespace."""
    lines = [str(len(PEOPLE)), " ".join(NAMES) + " "]
    lines += [f"{name} " + " ".join(f"{value:2d}" for value in person.values()) for name, person in zip(FILES, PEOPLE, strict=True)]
    (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    partition = "".join(f"{name} {person.split}\n" for name, person in zip(FILES, PEOPLE, strict=True))
    (folder / "list_eval_partition.txt").write_text(partition)


def write_csv(folder: Path, split_column: str, index: bool) -> None:
    """The CSV variants: Kaggle's (``partition``), and those that pandas wrote with its unnamed index (``split``)."""
    first = [","] if index else [""]
    head = [f"{''.join(first)}image_id,{','.join(NAMES)}", f"{''.join(first)}image_id,{split_column}"]
    rows: list[list[str]] = [[head[0]], [head[1]]]
    for i, (name, person) in enumerate(zip(FILES, PEOPLE, strict=True)):
        lead = f"{i}," if index else ""
        rows[0].append(f"{lead}{name},{','.join(map(str, person.values()))}")
        rows[1].append(f"{lead}{name},{person.split}")
    for file, text in zip(("list_attr_celeba.csv", "list_eval_partition.csv"), rows, strict=True):
        (folder / file).write_text("\r\n".join(text) + "\r\n")


def write_photos(folder: Path) -> None:
    """Aligned photos of one grey each, its file's number, with another colour above and below the central square."""
    folder.mkdir(parents=True)
    for i, name in enumerate(FILES):
        picture = Image.new("RGB", (178, 218), (255, 0, 0))
        picture.paste((3 * i, 3 * i, 3 * i), (0, 20, 178, 198))
        picture.save(folder / name, quality=95, subsampling=0)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A miniature of the release: its files and formats, fewer people."""
    folder = tmp_path / "celeba"
    folder.mkdir()
    write_lists(folder)
    write_photos(folder / "img_align_celeba")
    return folder


@dataclass(frozen=True)
class Prepared:
    """The files of a prepared dataset."""

    inputs: Path
    base: Path
    manifest: Path


def prepare(source: Path, target: Path, dataset: str = "celeba", damaged: str = "stop") -> Prepared:
    files = Prepared(target / "inputs.npy", target / "base.parquet", target / "manifest.json")
    prepare_inputs.run(
        dataset=dataset,
        image_size=SIDE,
        source=source,
        own=None,
        damaged_images=damaged,
        threads=2,
        inputs=files.inputs,
        base=files.base,
        manifest=files.manifest,
        provenance=PROVENANCE,
    )
    return files


def test_photos_labels_and_splits_come_in_the_order_of_the_list(release: Path, tmp_path: Path) -> None:
    files = prepare(release, tmp_path / "prepared")
    images, base = np.load(files.inputs), tables.read(files.base, schemas.BASE)
    assert images.shape == (len(PEOPLE), 3, SIDE, SIDE) and images.dtype == np.uint8
    greys = images.astype(int).mean(axis=(1, 2, 3))
    assert np.abs(greys - 3 * np.arange(len(PEOPLE))).max() < 3, "the photos' central square, in order"
    assert to_numpy(base.column("label")).tolist() == [person.male for person in PEOPLE]
    assert to_numpy(base.column("attribute_eyeglasses")).tolist() == [person.glasses for person in PEOPLE]
    assert to_numpy(base.column("split")).tolist() == [("train", "validation", "test")[person.split] for person in PEOPLE]
    assert base.column("key").to_pylist() == FILES


def test_blond_hair_is_another_class_of_the_same_files(release: Path, tmp_path: Path) -> None:
    base = tables.read(prepare(release, tmp_path / "prepared", "celeba_blond").base, schemas.BASE)
    assert to_numpy(base.column("label")).tolist() == [person.blond for person in PEOPLE]
    assert to_numpy(base.column("attribute_gender")).tolist() == [person.male for person in PEOPLE]


@pytest.mark.parametrize(("column", "index"), [("partition", False), ("split", True)])
def test_csv_variants_say_the_same(tmp_path: Path, column: str, index: bool) -> None:
    text, table = tmp_path / "text", tmp_path / "csv"
    text.mkdir()
    table.mkdir()
    write_lists(text)
    write_csv(table, column, index)
    one, other = (celeba_release.read_lists(folder, "celeba") for folder in (text, table))
    assert one.names == other.names and (one.split == other.split).all()
    assert all((one.attributes[name] == other.attributes[name]).all() for name in ("Male", "Eyeglasses", "Blond_Hair"))


def test_the_folders_of_the_authors_and_of_kaggle_are_found(tmp_path: Path) -> None:
    authors, kaggle = tmp_path / "authors", tmp_path / "kaggle"
    for folder in (authors / "Anno", authors / "Eval", kaggle):
        folder.mkdir(parents=True)
        write_lists(folder)
    (authors / "Anno" / "list_eval_partition.txt").unlink()
    (authors / "Eval" / "list_attr_celeba.txt").unlink()
    write_photos(authors / "Img" / "img_align_celeba")
    write_photos(kaggle / "img_align_celeba" / "img_align_celeba")
    for folder in (authors, kaggle):
        raw = celeba.read(folder, SIDE)
        assert (raw.inputs.root / raw.inputs.names[0]).is_file()  # type: ignore[union-attr]


def test_preparation_is_torchvisions(tmp_path: Path) -> None:
    from torchvision import transforms

    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (218, 178, 3), dtype=np.uint8))
    theirs = transforms.Compose([transforms.CenterCrop(178), transforms.Resize((224, 224))])(photo)
    assert np.array_equal(np.asarray(celeba_release.prepare(photo, 224)), np.asarray(theirs))


# The setting of the paper


def scaled(root: Path, variant: str) -> dict[str, Any]:
    """The gender setting's samples as the workflow passes them, with counts that the miniature can fill."""
    main = yaml.safe_load((root / "config/config.yaml").read_text())
    main["setting_files"].append("config/settings/celeba.yaml")
    main["setting_defaults"]["variant"] = variant
    setting = blocks.samples(loading.load(main, root).settings["celeba"])
    sizes = {"female_without": ("count", 5), "male_with": ("count", 2), "male_without": ("fill_to", 5)}
    for name, (key, value) in sizes.items():
        assert setting["subset"]["parts"][name][key] == {"female_without": 5000, "male_with": 2500, "male_without": 5000}[name]
        setting["subset"]["parts"][name][key] = value
    return setting


def samples_of(base: Path, manifest: Path, setting: dict[str, Any], repeats: list[int], output: Path) -> None:
    prepare_splits.run(
        base=base, manifest=manifest, difficulty=None, setting=setting, repeats=repeats, output=output, provenance=PROVENANCE
    )


@pytest.mark.parametrize("variant", ["paper", "code"])
def test_the_papers_subset(release: Path, tmp_path: Path, root: Path, variant: str) -> None:
    files = prepare(release, tmp_path / "prepared")
    output = tmp_path / "samples.parquet"
    samples_of(files.base, files.manifest, scaled(root, variant), [0, 1], output)
    rows = tables.read(output, schemas.SAMPLES).to_pylist()
    taken = {repeat: [r for r in rows if r["repeat"] == repeat and r["split"] == "train"] for repeat in (0, 1)}
    for repeat in (0, 1):
        assert Counter((r["label"], r["attribute_eyeglasses"]) for r in taken[repeat]) == {(0, 0): 5, (1, 1): 2, (1, 0): 3}
        assert all(r["aligned"] is None if r["label"] == 0 else r["aligned"] == bool(r["attribute_eyeglasses"]) for r in taken[repeat])
        held_out = Counter(r["split"] for r in rows if r["repeat"] == repeat and (r["label"], r["attribute_eyeglasses"]) == (0, 1))
        assert held_out["train"] == 0 and held_out["validation"] + held_out["test"] == 4 + 1 + 2, "no woman with eyeglasses is trained on"
    ids = {repeat: sorted(r["sample_id"] for r in taken[repeat]) for repeat in (0, 1)}
    # Positions in the list: women without eyeglasses are 0 to 7, men without 12 to 17, men with 18 to 21.
    first = [0, 1, 2, 3, 4, 12, 13, 14, 18, 19]
    assert (ids[0] == ids[1] == first) if variant == "code" else (ids[0] != ids[1])


# What is refused


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("list_attr_celeba.txt", "000003.jpg  1", "000003.jpg  1 1", "has 42 values for image 3, but 41 columns"),
        ("list_attr_celeba.txt", f"{len(PEOPLE)}\n", "999\n", f"announces 999 images, but lists {len(PEOPLE)}"),
        ("list_attr_celeba.txt", f"{len(PEOPLE)}\n", "", "does not start with the number of images and 40 attribute names"),
        ("list_attr_celeba.txt", " Eyeglasses ", " Glasses ", "has no column 'Eyeglasses'"),
        ("list_attr_celeba.txt", "000002.jpg", "000001.jpg", "lists an image twice"),
        ("list_attr_celeba.txt", "000002.jpg", "000099.jpg", r"do not list the same images \(such as 000099\.jpg\)"),
        ("list_eval_partition.txt", "000007.jpg 0", "000007.jpg 3", "has the row '000007.jpg 3', but must list every image once"),
        ("list_eval_partition.txt", "000007.jpg 0\n", "", r"do not list the same images \(such as 000007\.jpg\)"),
        ("list_eval_partition.txt", "000007.jpg 0\n", "000007.jpg 0\nother.jpg 0\n", r"do not list the same images \(such as other\.jpg\)"),
    ],
)
def test_foreign_lists_are_refused(
    release: Path, file: str, old: str, new: str, reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    change(release / file, old, new)
    with pytest.raises(DataError, match=reason) as error:
        celeba.read(release, SIDE)
    assert_one_sentence(str(error.value))


def test_attributes_of_another_coding_are_refused(release: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = release / "list_attr_celeba.txt"
    lines = path.read_text().split("\n")
    values = lines[6].split()
    values[1 + MALE] = "0"
    path.write_text("\n".join([*lines[:6], " ".join(values), *lines[7:]]))
    with pytest.raises(DataError, match=r"codes Male of 000005\.jpg as '0', but CelebA codes it as -1 or 1") as error:
        celeba.read(release, SIDE)
    assert_one_sentence(str(error.value))


def test_columns_are_found_by_their_names(release: Path) -> None:
    """The order of a list's columns does not matter."""
    expected = celeba_release.read_lists(release, "celeba")
    path = release / "list_attr_celeba.txt"
    count, head, *rows = path.read_text().rstrip("\n").split("\n")
    turned = [" ".join(reversed(head.split())), *(" ".join([row.split()[0], *reversed(row.split()[1:])]) for row in rows)]
    path.write_text("\n".join([count, *turned]) + "\n")
    found = celeba_release.read_lists(release, "celeba")
    assert all((found.attributes[name] == expected.attributes[name]).all() for name in expected.attributes)


def test_a_subset_is_read_with_a_warning_that_names_the_difference(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        raw = celeba.read(release, SIDE)
    assert raw.split_counts == {"train": 22, "validation": 4, "test": 8}
    assert f"lists {len(PEOPLE)} of CelebA's 202599 images: it lacks 162,748 of 162,770 train images, 19,863 of" in caplog.text


def small_release(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Let the miniature be the complete release, but for some changed counts."""
    counts = {"train": (8, 4, 6, 4), "validation": (1, 1, 1, 1), "test": (2, 2, 2, 2)}
    blond = {}
    for code, name in enumerate(counts):
        group = [2 * person.blond + person.male for person in PEOPLE if person.split == code]
        blond[name] = tuple(group.count(value) for value in range(4))
    monkeypatch.setattr(celeba_release, "SPLIT_COUNTS", {"train": 22, "validation": 4, "test": 8} | changes.pop("splits", {}))
    monkeypatch.setattr(celeba_release, "GROUP_COUNTS", {("Male", "Eyeglasses"): counts | changes, ("Blond_Hair", "Male"): blond})


def test_a_complete_release_must_have_the_releases_groups(
    release: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, assert_one_sentence: Callable[[str], None]
) -> None:
    small_release(monkeypatch)
    with caplog.at_level(logging.WARNING):
        celeba.read(release, SIDE)
    assert not caplog.text
    small_release(monkeypatch, test=(3, 1, 2, 2))
    with pytest.raises(
        DataError, match=r"\(2, 2, 2, 2\) test images by Male and Eyeglasses \(00, 01, 10, 11\), but the release \(3, 1, 2, 2\)"
    ) as error:
        celeba_blond.read(release, SIDE)
    assert_one_sentence(str(error.value))
    small_release(monkeypatch, splits={"train": 21, "validation": 5})
    with pytest.raises(DataError, match=r"have the split sizes .*'train': 22.* the release .*'train': 21"):
        celeba.read(release, SIDE)


def test_a_missing_or_foreign_photo_is_named_or_skipped(release: Path, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    photos = release / "img_align_celeba"
    (photos / FILES[2]).unlink()
    Image.new("RGB", (64, 64)).save(photos / FILES[5])
    with pytest.raises(DataError, match=r"The image .*000003\.jpg is missing") as error:
        prepare(release, tmp_path / "prepared")
    assert_one_sentence(str(error.value))
    files = prepare(release, tmp_path / "skipped", damaged="skip")
    assert tables.read(files.base, schemas.BASE).column("key").to_pylist() == [name for i, name in enumerate(FILES) if i not in (2, 5)]
    write_again = Image.new("RGB", (178, 218))
    write_again.save(photos / FILES[2])
    with pytest.raises(DataError, match=r"000006\.jpg is damaged \(it has 64×64 pixels, not 178×218 like an aligned photo\)") as error:
        prepare(release, tmp_path / "prepared")
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("missing", ["list_attr_celeba.txt", "list_eval_partition.txt", "img_align_celeba"])
def test_missing_data_says_what_to_place_where(release: Path, missing: str, assert_one_sentence: Callable[[str], None]) -> None:
    (release / missing).rename(release / "elsewhere")
    with pytest.raises(DataError, match=r"place .*img_align_celeba.*data\.celeba_blond") as error:
        celeba_blond.read(release, SIDE)
    assert_one_sentence(str(error.value))


def test_the_registry_has_the_releases_counts() -> None:
    eyeglasses, blond = celeba_release.GROUP_COUNTS["Male", "Eyeglasses"], celeba_release.GROUP_COUNTS["Blond_Hair", "Male"]
    for name, counts, reader in (("celeba", eyeglasses, celeba), ("celeba_blond", blond, celeba_blond)):
        train = counts["train"]
        assert registry()[name].train_class_counts == [train[0] + train[1], train[2] + train[3]]
        assert tuple(registry()[name].classes) == reader.CLASSES
        assert {split: sum(groups) for split, groups in counts.items()} == celeba_release.SPLIT_COUNTS


def test_the_real_lists(root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Counts of the real lists; no images are needed."""
    source = real_data.celeba(root, tmp_path)
    lists = celeba_release.read_lists(source, "celeba")
    with caplog.at_level(logging.WARNING):
        celeba_release.check_counts(lists, source)
    assert not caplog.text, "it is complete"
    assert lists.names[0] == "000001.jpg" and lists.names[-1] == "202599.jpg"
    train = lists.split == 0
    male, glasses, blond = (lists.attributes[name][train] for name in ("Male", "Eyeglasses", "Blond_Hair"))
    # Female without and with eyeglasses, male without and with.
    assert np.bincount(2 * male + glasses).tolist() == [92_354, 2_155, 59_895, 8_366]
    assert np.bincount(2 * blond + male).tolist() == [71_629, 66_874, 22_880, 1_387]


def test_the_papers_subset_of_the_real_lists(tmp_path: Path, root: Path) -> None:
    """The gender settings at their full size, in both variants, on the real lists; no images are needed."""
    lists = celeba_release.read_lists(real_data.celeba(root, tmp_path), "celeba")
    male, glasses = lists.attributes["Male"], lists.attributes["Eyeglasses"]
    columns = {"sample_id": np.arange(len(male)), "split": labels(lists.split, celeba_release.SPLITS), "label": male}
    base, manifest = tmp_path / "base.parquet", tmp_path / "manifest.json"
    tables.write(base, pa.table(columns | {"attribute_eyeglasses": glasses, "key": lists.names}), schemas.BASE, PROVENANCE)
    identity = tables.origin_of(base, schemas.BASE, {}).identity
    write_manifest(manifest, replace(manifest_of(lists.split_counts()), base=identity))
    main = yaml.safe_load((root / "config/config.yaml").read_text())
    main["setting_files"].append("config/settings/celeba.yaml")
    for variant in ("paper", "code"):
        main["setting_defaults"]["variant"] = variant
        settings = loading.load(main, root).settings
        for count in (0, 10, 500, 2500):
            output = tmp_path / f"{variant}-{count}.parquet"
            setting = blocks.samples(settings[f"celeba-count.count-{count}"])
            samples_of(base, manifest, setting, [0], output)
            table = tables.read(output, schemas.SAMPLES)
            split, group, ids = (to_numpy(table.column(name)) for name in ("split", "group", "sample_id"))
            assert np.bincount(group[split == "train"], minlength=4).tolist() == [5000, 0, 5000 - count, count]
            held_out = [int((group[split == name] == 1).sum()) for name in ("validation", "test")]
            assert sum(held_out) == 243 + 317 + 2155 and min(held_out) > 243 + 900
            if variant == "code":
                assert held_out == [243 + 1094, 317 + 1061]
                women = np.flatnonzero((lists.split == 0) & (male == 0) & (glasses == 1))
                coin = random.Random(1)
                validated = [int(one) for one in women if coin.random() > 0.5]
                assert set(validated) == set(ids[(split == "validation") & (group == 1)]) & set(women.tolist())
                men = np.flatnonzero((lists.split == 0) & (male == 1) & (glasses == 1))
                assert sorted(ids[(split == "train") & (group == 3)]) == men[:count].tolist()


def manifest_of(split_counts: dict[str, int]) -> Manifest:
    """A manifest of the gender dataset, decoded to nothing."""
    total = sum(split_counts.values())
    return Manifest("celeba", SIDE, total, (3, SIDE, SIDE), "uint8", celeba.CLASSES, celeba.ATTRIBUTES, split_counts, (), (), "", "", "")
