"""Hard ImageNet from a miniature of its files: labels, rankings, masks; the samples of the shipped setting."""

import logging
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from PIL import Image

from spurprune.config import blocks, loading
from spurprune.data.datasets import hard_imagenet
from spurprune.data.registry import registry
from spurprune.errors import DataError
from spurprune.stages import evaluate, prepare_inputs, prepare_splits
from spurprune.storage import schemas, tables
from spurprune.storage.columns import labels, to_numpy
from spurprune.storage.provenance import Provenance

SIDE = 16
PROVENANCE = Provenance({"setting": "hard-imagenet"}, "0+code", "config")
DOG_SLED, SKI = "n03218198", "n04228054"
LISTED = (25473, 7321, 230)  # three from the authors' list
OTHERS = (5, 6)  # Dog Sleds not on it
TRAIN = {DOG_SLED: [*LISTED, *OTHERS], SKI: [11, 12, 13, 14]}
WNIDS = [wnid for _, wnid, _ in hard_imagenet.CLASSES]
INDEX = {wnid: index for _, wnid, index in hard_imagenet.CLASSES}


def numbers(wnid: str) -> list[int]:
    return TRAIN.get(wnid, [1, 2])


def file(wnid: str, number: int) -> str:
    return f"train/{wnid}/{wnid}_{number}.JPEG"


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A miniature of ImageNet's folders with two test images per class; one photo is grey, one wide, one tall."""
    monkeypatch.setattr(hard_imagenet, "TEST_PER_CLASS", 2)
    monkeypatch.setattr(hard_imagenet, "TRAIN_PER_CLASS", (2, 5))
    monkeypatch.setattr(hard_imagenet, "MINIMAL", LISTED)
    root = tmp_path / "hard_imagenet"
    for place, wnid in enumerate(WNIDS):
        names = [file(wnid, number) for number in numbers(wnid)]
        names += [f"val/{wnid}/ILSVRC2012_val_{2 * place + i:08}.JPEG" for i in (1, 2)]
        for i, name in enumerate(names):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            size, mode = ((40, 20), (20, 40), (24, 24))[i % 3], "L" if i == 1 else "RGB"
            Image.new("RGB", size, (10 * place, 0, 20 * i)).convert(mode).save(root / name, format="JPEG", quality=95)
    return root


def write_meta(root: Path, ranked: dict[int, list[str]] | None = None, **changes: Any) -> None:
    """The release's pickles; by default every class's training images are ranked by descending number."""
    contents: dict[str, Any] = {
        "idx_to_wnid": {1: "n01443537"} | {index: wnid for wnid, index in INDEX.items()},
        "hard_imagenet_idx": [index for _, _, index in hard_imagenet.CLASSES],
        "imagenet_classnames": {index: name for name, _, index in hard_imagenet.CLASSES},
        "paths_by_rank": ranked or {index: [file(wnid, n) for n in sorted(numbers(wnid), reverse=True)] for wnid, index in INDEX.items()},
    }
    (root / "meta").mkdir(exist_ok=True)
    for name, content in (contents | changes).items():
        (root / "meta" / f"{name}.pkl").write_bytes(pickle.dumps(content, protocol=4))


def write_masks(root: Path, shrinking: bool, archive: bool) -> None:
    """Masks of all training images, whose objects shrink or grow along the default ranks; in a folder, or in a zip."""
    folder = root / "masks" / "train"
    folder.mkdir(parents=True)
    for wnid in WNIDS:
        for rank, number in enumerate(sorted(numbers(wnid), reverse=True)):
            pixels = np.zeros((20, 20), dtype=np.uint8)
            pixels[: 15 - 3 * rank if shrinking else 3 + 3 * rank] = 1  # any value above 0 is the object
            Image.fromarray(pixels).save(folder / f"{wnid}_{wnid}_{number}.JPEG", format="PNG")
    if archive:
        with zipfile.ZipFile(root / "masks.zip", "w") as target:
            for path in sorted(folder.iterdir()):
                target.write(path, f"hardImageNet/train/{path.name}")
                path.unlink()
        folder.rmdir()
        (root / "masks").rmdir()


def columns(root: Path) -> dict[str, Any]:
    return hard_imagenet.read(root, SIDE).base.to_pydict()


def test_photos_come_by_class_and_name(release: Path, tmp_path: Path) -> None:
    base, _ = prepare(release, tmp_path)
    images, table = np.load(tmp_path / "inputs.npy"), tables.read(base, schemas.BASE)
    train = [(label, file(wnid, number)) for label, wnid in enumerate(WNIDS) for number in sorted(numbers(wnid), key=str)]
    assert images.shape == (len(train) + 30, 3, SIDE, SIDE)
    assert table.column("key").to_pylist()[: len(train)] == [name for _, name in train]
    assert to_numpy(table.column("label")).tolist() == [label for label, _ in train] + [label for label in range(15) for _ in (1, 2)]
    assert to_numpy(table.column("split")).tolist() == ["train"] * len(train) + ["test"] * 30
    assert table.column("attribute_surroundings").to_pylist() == [None] * len(train) + [1] * 30
    red = images[len(train) :: 2, 0].astype(int).mean(axis=(1, 2))  # the first test image of every class
    assert np.abs(red - 10 * np.arange(15))[1:].max() < 12 and np.all(np.diff(red) >= 0)


def test_preparation_is_torchvisions() -> None:
    from torchvision import transforms

    rng = np.random.default_rng(0)
    for shape in ((375, 500, 3), (501, 333, 3), (256, 300, 3), (90, 71, 3)):
        photo = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
        theirs = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(256)])(photo)
        assert np.array_equal(np.asarray(hard_imagenet.prepare(photo, 256)), np.asarray(theirs)), shape


def test_rankings_are_by_class_and_null_elsewhere(release: Path) -> None:
    assert set(columns(release)["ranking_spurious"]) == {None}, "without the meta files nothing is ranked"
    ranked = {index: [file(wnid, n) for n in sorted(numbers(wnid), reverse=True)] for wnid, index in INDEX.items()}
    ranked[INDEX[DOG_SLED]].remove(file(DOG_SLED, 5))
    ranked[INDEX[SKI]].append(file(SKI, 99))  # ranked, but there is no photo
    write_meta(release, ranked)
    found = columns(release)
    spurious, minimal = (dict(zip(found["key"], found[f"ranking_{name}"], strict=True)) for name in ("spurious", "minimal"))
    assert [spurious[file(DOG_SLED, n)] for n in (25473, 7321, 230, 6, 5)] == [0, 1, 2, 3, None]
    assert [spurious[file(SKI, n)] for n in (14, 13, 12, 11)] == [0, 1, 2, 3]
    assert [minimal[file(DOG_SLED, n)] for n in (25473, 7321, 230, 6, 5)] == [0, 1, 2, None, None]
    assert {rank for name, rank in minimal.items() if DOG_SLED not in name} == {None}
    assert {rank for name, rank in spurious.items() if name.startswith("val/")} == {None}


def test_bytes_of_python_2_are_read(release: Path) -> None:
    write_meta(release)
    expected = columns(release)
    for name in ("paths_by_rank", "idx_to_wnid"):
        path = release / "meta" / f"{name}.pkl"
        content = pickle.loads(path.read_bytes())
        as_bytes = {k: [p.encode() for p in v] if isinstance(v, list) else v.encode() for k, v in content.items()}
        path.write_bytes(pickle.dumps(as_bytes, protocol=4))
    assert columns(release) == expected


# The setting of the paper


def setting_of(root: Path, name: str) -> dict[str, Any]:
    """A shipped setting's samples as the workflow passes them, with counts that the miniature can fill."""
    main = yaml.safe_load((root / "config/config.yaml").read_text())
    main["setting_files"].append("config/settings/hard-imagenet.yaml")
    setting = blocks.samples(loading.load(main, root).settings[name])
    parts = setting["subset"]["parts"]
    assert (parts["dog_sled"]["count"], parts["ski"]["count"]) == (59, 100)
    parts["dog_sled"]["count"], parts["ski"]["count"] = 3, 2
    return setting


def prepare(release: Path, target: Path) -> tuple[Path, Path]:
    inputs, base, manifest = (target / name for name in ("inputs.npy", "base.parquet", "manifest.json"))
    prepare_inputs.run(
        dataset="hard_imagenet",
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
    return base, manifest


def split(base: Path, manifest: Path, setting: dict[str, Any], repeats: list[int], output: Path) -> None:
    prepare_splits.run(
        base=base, manifest=manifest, difficulty=None, setting=setting, repeats=repeats, output=output, provenance=PROVENANCE
    )


@pytest.mark.parametrize(("name", "dog_sleds"), [("hard-imagenet", LISTED), ("hard-imagenet-ranked", (6, 7321, 25473))])
def test_the_papers_subset(release: Path, tmp_path: Path, root: Path, name: str, dog_sleds: tuple[int, ...]) -> None:
    """Dog Sleds by the authors' list or the lowest ranks, some Skis at random, all of the other classes and of the test images."""
    ranked = {index: [file(wnid, n) for n in numbers(wnid)] for wnid, index in INDEX.items()}
    ranked[INDEX[DOG_SLED]] = [file(DOG_SLED, n) for n in (6, 7321, 25473, 230)]  # 5 has no rank
    write_meta(release, ranked)
    base, manifest = prepare(release, tmp_path)
    output = tmp_path / "samples.parquet"
    split(base, manifest, setting_of(root, name), [0, 1, 2], output)
    keys = tables.read(base, schemas.BASE).column("key").to_pylist()
    rows = [r | {"key": keys[r["sample_id"]]} for r in tables.read(output, schemas.SAMPLES).to_pylist()]
    skis = set()
    for repeat in (0, 1, 2):
        mine = [r for r in rows if r["repeat"] == repeat]
        train = {r["key"] for r in mine if r["split"] == "train"}
        assert {key for key in train if DOG_SLED in key} == {file(DOG_SLED, n) for n in dog_sleds}
        chosen = frozenset(key for key in train if SKI in key)
        assert len(chosen) == 2
        skis.add(chosen)
        assert len(train) == 3 + 2 + 13 * 2
        assert [r["group"] for r in mine if r["split"] == "train"] == [None] * len(train), "surroundings are not annotated in training"
        assert sum(r["split"] == "test" for r in mine) == 30
    assert len(skis) > 1, "every repeat draws its own Skis"


def test_every_dog_sled_that_is_tested_counts(release: Path, tmp_path: Path, root: Path) -> None:
    """Of two Dog Sleds one is classified as a Ski; of two Skis one as a Dog Sled, which is reported separately."""
    base, manifest = prepare(release, tmp_path)
    samples, predictions, plan, output = (tmp_path / f"{name}.parquet" for name in ("samples", "predictions", "plan", "metrics"))
    split(base, manifest, setting_of(root, "hard-imagenet"), [0], samples)
    test = [r for r in tables.read(samples, schemas.SAMPLES).to_pylist() if r["split"] == "test"]
    predicted = [r["label"] for r in test]
    dog_sled, ski = WNIDS.index(DOG_SLED), WNIDS.index(SKI)
    predicted[predicted.index(dog_sled)] = ski
    predicted[len(predicted) - 1 - predicted[::-1].index(ski)] = dog_sled
    logits = np.eye(15, dtype=np.float32)[predicted]
    tables.write(
        predictions,
        pa.table(
            {
                "repeat": np.zeros(len(test), dtype=np.int16),
                "sample_id": [r["sample_id"] for r in test],
                "split": labels(["test"] * len(test), ("train", "validation", "test")),
                "view": labels(["natural"] * len(test), ("natural", "featured")),
                "logits": pa.array(logits.tolist(), pa.list_(pa.float32())),
            }
        ),
        schemas.PREDICTIONS,
        PROVENANCE,
    )
    counts = {"0": {"train": 31, "pruned": 0, "candidates": 0, "carriers": 0, "pruned_carriers": 0}}
    nothing = pa.table(
        {
            "repeat": pa.array([0], pa.int16()),
            "sample_id": [0],
            "weight": pa.array([1.0], pa.float32()),
            "reason": labels(["kept"], ("kept",)),
        }
    )
    tables.write(
        plan, nothing, schemas.PLAN, Provenance({"setting": "hard-imagenet", "block": "000-000"}, "0+code", "config", counts=counts)
    )
    names = {"setting": "hard-imagenet", "method": "erm", "plan": "none", "block": "000-000"}
    evaluate.run(
        predictions=predictions,
        samples=samples,
        plan=plan,
        manifest=manifest,
        setting={"probe": {"source": "ski", "target": "dog sled"}, "overlay_attribute": None, "featured_classes": None},
        names=names,
        repeats=[0],
        output=output,
        provenance=PROVENANCE,
    )
    found = {
        (r["metric"], r["group"]): (r["n"], r["value"]) for r in tables.read(output, schemas.METRICS).to_pylist() if r["split"] == "test"
    }
    assert found["spurious_misclassification", None] == (2, 0.5)
    assert found["spurious_accuracy", None] == (2, 0.5)
    assert found["reverse_misclassification", None] == (2, 0.5)
    assert found["baseline_misclassification", None] == (0, None), "no Dog Sled is known to be without the surroundings"
    assert found["accuracy", None] == (30, pytest.approx(28 / 30))
    assert found["group_accuracy", "dog sled with surroundings"] == (2, 0.5)
    assert found["worst_group_accuracy", None] == (30, 0.5)
    assert found["accuracy_weighted", None] == (0, None), "training images have no groups"


# Masks


@pytest.mark.parametrize("archive", [False, True])
def test_objects_must_shrink_along_the_ranks(release: Path, archive: bool, assert_one_sentence: Callable[[str], None]) -> None:
    write_meta(release)
    write_masks(release, shrinking=False, archive=archive)
    with pytest.raises(
        DataError, match=r"Along the ranks of paths_by_rank\.pkl the objects in .*masks.* grow \(rank correlation 1\.00\)"
    ) as error:
        hard_imagenet.read(release, SIDE)
    assert_one_sentence(str(error.value).replace("paths_by_rank.pkl", "paths_by_rank").replace("1.00", "1"))


@pytest.mark.parametrize("archive", [False, True])
def test_masks_that_agree_with_the_ranks_are_accepted(release: Path, archive: bool, caplog: pytest.LogCaptureFixture) -> None:
    write_meta(release)
    write_masks(release, shrinking=True, archive=archive)
    with caplog.at_level(logging.INFO):
        hard_imagenet.read(release, SIDE)
    assert "the rank correlation with the object's share of the image is -1.00" in caplog.text


def test_a_share_counts_pixels_above_zero_in_any_channel(tmp_path: Path) -> None:
    from spurprune.data.formats.masks import object_shares

    pixels = np.zeros((4, 5, 3), dtype=np.uint8)
    pixels[0, :3] = (0, 0, 1)
    pixels[2, 2:4] = (255, 255, 255)
    (tmp_path / "val").mkdir()
    Image.fromarray(pixels).save(tmp_path / "val" / f"{SKI}_ILSVRC2012_val_00000001.JPEG", format="PNG")
    photos = [f"val/{SKI}/ILSVRC2012_val_0000000{i}.JPEG" for i in (1, 2)]
    assert object_shares(tmp_path, photos) == {photos[0]: 5 / 20}


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.2, 0.9], [3.0, 2.0, 2.5, 1.0], [1.0, 1.0, 1.0]])
def test_the_rank_correlation_is_spearmans(values: list[float]) -> None:
    from scipy.stats import spearmanr

    expected = 0.0 if len(set(values)) == 1 else spearmanr(range(len(values)), values).statistic
    assert hard_imagenet._rank_correlation(values) == pytest.approx(expected)


def test_a_damaged_mask_or_archive_is_named(release: Path, assert_one_sentence: Callable[[str], None]) -> None:
    write_meta(release)
    write_masks(release, shrinking=True, archive=False)
    (release / "masks" / "train" / f"{SKI}_{SKI}_14.JPEG").write_text("no image")
    with pytest.raises(DataError, match=rf"The mask .*{SKI}_14\.JPEG is damaged"):
        hard_imagenet.read(release, SIDE)
    (release / "masks").rename(release / "elsewhere")
    (release / "masks.zip").write_text("no archive")
    with pytest.raises(DataError, match=r"masks\.zip is not a zip file") as error:
        hard_imagenet.read(release, SIDE)
    assert_one_sentence(str(error.value))


# What is refused


class Hostile:
    """A pickle that would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("name", ["paths_by_rank", "hard_imagenet_idx", "idx_to_wnid"])
def test_a_pickle_that_would_run_code_is_refused(release: Path, tmp_path: Path, name: str) -> None:
    write_meta(release, **{name: {537: Hostile(tmp_path / "harm")}})
    with pytest.raises(DataError, match=rf"{name}\.pkl is refused or damaged \(it asks for"):
        hard_imagenet.read(release, SIDE)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("hard_imagenet_idx", [537, 795], "has another order of labels than the release"),
        ("idx_to_wnid", {537: SKI}, r"does not map 537 to n03218198 \(dog sled\), as the release does"),
        ("paths_by_rank", [1, 2], r"ranks no images of class 537 \(dog sled\)"),
        ("paths_by_rank", {537: [file(SKI, 11)]}, f"ranks {file(SKI, 11)} in class 537"),
        ("paths_by_rank", {537: [file(DOG_SLED, 5)] * 2}, r"ranks .* in class 537 \(n03218198\) wrongly or twice"),
    ],
)
def test_meta_files_that_contradict_the_release_are_refused(release: Path, name: str, content: Any, reason: str) -> None:
    write_meta(release, **{name: content})
    with pytest.raises(DataError, match=reason) as error:
        hard_imagenet.read(release, SIDE)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


def test_missing_photos_and_foreign_ones_are_named(
    release: Path, caplog: pytest.LogCaptureFixture, assert_one_sentence: Callable[[str], None]
) -> None:
    (release / "val" / SKI / "ILSVRC2012_val_00000007.JPEG").unlink()
    (release / file(DOG_SLED, 230)).unlink()
    with caplog.at_level(logging.WARNING):
        hard_imagenet.read(release, SIDE)
    assert f"val/{SKI} holds 1 images of class ski, but ImageNet at least 2" in caplog.text
    assert "1 of the authors' 3 Dog Sleds with minimal spurious features are missing" in caplog.text
    for i in range(4):
        Image.new("RGB", (8, 8)).save(release / file(SKI, 100 + i), format="JPEG")
    with pytest.raises(DataError, match=rf"train/{SKI} holds 8 images of class ski, but ImageNet at most 5") as many:
        hard_imagenet.read(release, SIDE)
    (release / "val" / WNIDS[-1]).rename(release / "val" / "elsewhere")
    with pytest.raises(DataError, match=rf"photos are not at .*val/{WNIDS[-1]}: place .*data\.hard_imagenet") as none:
        hard_imagenet.read(release, SIDE)
    for error in (many, none):
        assert_one_sentence(str(error.value).replace(".JPEG", ""))


def test_a_damaged_photo_is_named(release: Path, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    victim = release / file(SKI, 12)
    victim.write_bytes(victim.read_bytes()[:50])
    with pytest.raises(DataError, match=rf"The image {victim} is damaged") as error:
        prepare(release, tmp_path)
    assert_one_sentence(str(error.value))


def test_the_authors_list_and_the_registry() -> None:
    assert len(hard_imagenet.MINIMAL) == len(set(hard_imagenet.MINIMAL)) == 59
    assert registry()["hard_imagenet"].classes == [name for name, _, _ in hard_imagenet.CLASSES]
    assert len(set(WNIDS)) == len(set(INDEX.values())) == 15
