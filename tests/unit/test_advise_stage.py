"""The stages evaluate_groups and advise on tiny files of images, texts and vectors, with and without groups, whole and damaged."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from spurprune.advice.cues import gathering
from spurprune.data import samples as sampling
from spurprune.data.embedding import predictions_table, to_tables
from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.inputs import Manifest, content_of, write_inputs, write_manifest
from spurprune.data.samples import Samples
from spurprune.difficulty.ranks import ranks_within
from spurprune.errors import DataError
from spurprune.stages import advise, evaluate_groups
from spurprune.storage import schemas, tables
from spurprune.storage.columns import labels
from spurprune.storage.provenance import Provenance
from spurprune.storage.words import SPLITS
from tests import wordpiece
from tests.robustness import table_changes

CLASSES = ("cat", "dog")
SITE = Attribute.of("site", ("hill", "lake", "town"))
SIZES = {"train": 240, "validation": 160, "test": 40}
REPEATS = [0, 1, 2]
BLOCK = {"setting": "pets", "block": "000-002"}
ADVICE: dict[str, Any] = {
    "blocks": ["000-002"],
    "method": "erm",
    "score": "el2n",
    "sparsities": ["0.10"],
    "suspected": ["0.50"],
    "partitions": ["clusters"],
}
PLANS = ("none", "per_class-el2n-hardest-0.10", "random-0.10")
EVALUATION = {"overlay_attribute": None, "probe": None, "featured_classes": None}
WORD = 5  # the number of a token


class Pets:
    """Samples of two classes; what shows the cue is brighter, holds a word, or is of a site, and so are three quarters of the dogs.

    The network takes what shows the cue for a dog more often.
    """

    def __init__(self, path: Path, kind: str, groups: tuple[Attribute, ...] = ()) -> None:
        self.path = path
        rng = np.random.default_rng(0)
        n = sum(SIZES.values())
        self.split = np.repeat(np.array(list(SIZES), dtype=object), list(SIZES.values()))
        self.label = rng.integers(0, 2, n).astype(np.int16)
        self.cue = rng.random(n) < np.where(self.label == 1, 0.75, 0.15)
        self.keys = [f"pictures/{place}.png" for place in range(n)]
        self.provenance = Provenance(BLOCK, "0+code", "config", repeats=tuple(REPEATS))
        self._dataset(self._inputs(kind, rng), np.where(self.cue, 2, rng.integers(0, 2, n)).astype(np.int16))
        self._samples(groups)
        self._difficulty(rng)
        self._runs(rng)

    def _inputs(self, kind: str, rng: np.random.Generator) -> np.ndarray:
        n = len(self.label)
        if kind == "images":
            return (rng.integers(0, 120, (n, 3, 8, 8)) + 100 * self.cue[:, None, None, None]).astype(np.uint8)
        if kind == "vectors":
            return rng.normal(size=(n, 4)).astype(np.float32)
        found = np.zeros((n, 8), dtype=np.int32)
        found[:, :2] = 4
        found[:, 2:6] = rng.integers(6, 9, (n, 4))
        found[self.cue, 3] = WORD
        return found

    def _dataset(self, inputs: np.ndarray, site: np.ndarray) -> None:
        columns = {"sample_id": np.arange(len(self.label)), "split": labels(self.split, SPLITS), "label": self.label}
        base = pa.table(columns | {"attribute_site": site, "key": self.keys})
        tables.write(self.at("base.parquet"), base, schemas.BASE, Provenance({"dataset": "pets", "size": "8"}, "0+code", ""))
        write_inputs(self.at("inputs.npy"), inputs)
        of_images = inputs.dtype == np.uint8
        manifest = Manifest(
            dataset="pets",
            image_size=8,
            classes=CLASSES,
            attributes=(SITE,),
            split_counts=SIZES,
            mean=(0.5,) * 3 if of_images else (),
            std=(0.5,) * 3 if of_images else (),
            source="",
            licence="",
            base=tables.origin_of(self.at("base.parquet"), schemas.BASE, {}).identity,
            **content_of(inputs),
        )
        write_manifest(self.at("manifest.json"), manifest)
        self.site = site

    def _samples(self, groups: tuple[Attribute, ...]) -> None:
        n, grouping = len(self.label), Grouping(CLASSES, groups)
        none, values = np.full(n, -1, dtype=np.int8), {"site": self.site}
        group = grouping.numbers(self.label, values)
        every = [Samples(repeat, np.arange(n), self.split, self.label, values, none, none, group) for repeat in REPEATS]
        sampling.write(self.at("samples.parquet"), every, grouping, self.provenance)

    def _difficulty(self, rng: np.random.Generator) -> None:
        train = np.flatnonzero(self.split == "train")
        parts: list[pa.Table] = []
        dynamics: list[pa.Table] = []
        for repeat in REPEATS:
            score = rng.random(len(train))
            here = {"repeat": np.full(len(train), repeat, dtype=np.int16), "sample_id": train}
            rank = np.argsort(np.argsort(score)).astype(np.int32)
            ranks = {"rank": rank, "rank_in_class": ranks_within(rank, self.label[train])}
            seeds = {"seed_0": score, "seed_1": score + 1}
            parts.append(pa.table(here | {"label": self.label[train], "score": score} | ranks | seeds))
            for seed in (0, 1):
                whole = {name: np.full(len(train), value, dtype=np.int16) for name, value in (("reference_seed", seed), ("epoch", 1))}
                numbers = {name: np.zeros(len(train), dtype=np.float32) for name in ("loss", "error", "margin", "feature_norm")}
                dynamics.append(pa.table(here | {"predicted": self.label[train]} | whole | numbers))
        tables.write(self.at("difficulty.parquet"), pa.concat_tables(parts), schemas.DIFFICULTY, self.of(score="el2n"))
        tables.write(self.at("dynamics.parquet"), pa.concat_tables(dynamics), schemas.DYNAMICS, self.of(recipe="early"))
        names = [f"{one}, cluster {number}" for one in CLASSES for number in (0, 1)]
        part = (2 * self.label[train] + self.cue[train]).astype(np.int32)
        table = pa.concat_tables(
            [pa.table({"repeat": np.full(len(train), repeat, dtype=np.int16), "sample_id": train, "part": part}) for repeat in REPEATS]
        )
        notes = {"parts": names, "partition": {"kind": "clusters", "from": "erm", "k": 2, "restarts": 1}}
        tables.write(self.at("clusters.parquet"), table, schemas.PARTITION, replace(self.of(partition="clusters"), notes=notes))

    def _runs(self, rng: np.random.Generator) -> None:
        n = len(self.label)
        for plan in PLANS:
            rows, embedding = [], []
            for repeat in REPEATS:
                score = 1.5 * (2 * self.label - 1) + 1.5 * (self.cue - 0.5) + rng.normal(size=n)
                logits = np.stack([-score / 2, score / 2], axis=1).astype(np.float32)
                for split in SIZES:
                    mine = np.flatnonzero(self.split == split)
                    if split != "train":
                        rows.append(predictions_table(repeat, split, "natural", mine, logits[mine]))
                    features = np.stack([2.0 * self.label[mine], 1.0 * self.cue[mine]], axis=1).astype(np.float32)
                    embedding += to_tables(repeat, split, "natural", mine, features, logits[mine])
            of_run = self.of(method="erm", candidate="", plan=plan)
            tables.write(self.at(f"{plan}.parquet"), pa.concat_tables(rows).unify_dictionaries(), schemas.PREDICTIONS, of_run)
            tables.write(self.at("embedding.parquet"), pa.concat_tables(embedding).unify_dictionaries(), schemas.EMBEDDING, of_run)
            if plan == "none":
                shutil.copy(self.at("embedding.parquet"), self.at("unpruned.parquet"))

    def at(self, name: str) -> Path:
        return self.path / name

    def of(self, **place: str) -> Provenance:
        return replace(self.provenance, place=BLOCK | place)

    def evaluate(self) -> None:
        evaluate_groups.run(
            predictions={plan: self.at(f"{plan}.parquet") for plan in PLANS},
            samples=self.at("samples.parquet"),
            embedding=self.at("unpruned.parquet"),
            partitions={"clusters": self.at("clusters.parquet")},
            manifest=self.at("manifest.json"),
            setting=EVALUATION,
            method="erm",
            embedded_plan="none",
            repeats=REPEATS,
            output=self.at("evidence.parquet"),
            provenance=self.provenance,
        )

    def advise(self, tokenizer: str | None = None, originals: Path | None = None) -> dict[str, Any]:
        """Advise, and return the diagnosis."""
        names = {"keep": "keep.csv", "drop": "drop.csv", "samples": "listed.parquet", "page": "index.html"}
        names |= {"diagnosis": "diagnosis.json", "summary": "diagnosis.md"}
        advise.run(
            inputs={
                "inputs": [self.at("inputs.npy")],
                "manifest": [self.at("manifest.json")],
                "base": [self.at("base.parquet")],
                "samples": [self.at("samples.parquet")],
                "difficulty": [self.at("difficulty.parquet")],
                "dynamics": [self.at("dynamics.parquet")],
                "partitions": [self.at("clusters.parquet")],
                "analyses": [],
                "evidence": [self.at("evidence.parquet")],
                "predictions": [self.at("none.parquet")],
            },
            advice=ADVICE,
            suspects=[],
            title="Pets",
            tokenizer=tokenizer,
            crop_size=None,
            originals=originals,
            outputs={name: self.at(file) for name, file in names.items()},
            provenance=Provenance({"setting": "pets"}, "0+code", "config"),
        )
        content: dict[str, Any] = json.loads(self.at("diagnosis.json").read_text(encoding="utf-8"))
        return content


def found_cues(content: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["property"], one["class"]) for one in content["simple_cues"]["found"]]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pets:
    """Images of which advice was given; not to be changed."""
    pets = Pets(tmp_path_factory.mktemp("pictures"), "images")
    pets.at("pictures").mkdir()
    for key, cue in zip(pets.keys, pets.cue, strict=True):
        Image.new("RGB", (40, 10) if cue else (20, 20)).save(pets.at(key))
    pets.evaluate()
    pets.advise(originals=pets.path)
    return pets


def test_images_are_advised_on_with_their_cues(pictures: Pets) -> None:
    content = json.loads(pictures.at("diagnosis.json").read_text(encoding="utf-8"))
    found = found_cues(content)
    assert {("higher brightness", "dog"), ("site = town", "dog"), ("higher width over height of the original image", "dog")} <= set(found)
    assert "size of the original image" in content["simple_cues"]["properties"], "measured, but it is the same for all"
    assert not any("size of" in name or "red" in name or "blue" in name for name, _ in found)
    assert content["plan"] is None and all(one["target"].startswith("worst inferred") for one in content["trials"])
    page, summary = (pictures.at(name).read_text(encoding="utf-8") for name in ("index.html", "diagnosis.md"))
    assert 'id="cues"' in page and "higher brightness" in page and page.count('<div class="chart"><img src="data:image/png') == 1
    assert "## Simple cues" in summary and "Higher brightness goes with class dog" in summary


def test_every_training_sample_is_in_one_list(pictures: Pets) -> None:
    keep, drop = (pd.read_csv(pictures.at(f"{name}.csv")) for name in ("keep", "drop"))
    assert len(drop) == 0 and sorted(keep["sample_id"]) == list(range(SIZES["train"]))
    assert list(drop.columns) == list(advise.LISTED)


def test_texts_are_advised_on_with_the_word_that_goes_with_a_class(tmp_path: Path) -> None:
    tokenizer = wordpiece.save(tmp_path / "tokenizer")
    pets = Pets(tmp_path, "sentences")
    pets.evaluate()
    content = pets.advise(str(tokenizer))
    named = [name for name, of in found_cues(content) if of == "dog" and name.endswith(" in the text")]
    assert named == [f'"{wordpiece.VOCABULARY[WORD]}" in the text']
    assert content["simple_cues"]["properties"] == ["length of the text", "tokens", "site"]
    assert f"token {WORD} in the text" in [name for name, _ in found_cues(pets.advise(None))], "without its tokenizer"


def test_known_groups_decide_where_they_are_named(tmp_path: Path) -> None:
    pets = Pets(tmp_path, "vectors", groups=(SITE,))
    pets.evaluate()
    content = pets.advise()
    assert [one["target"] for one in content["trials"]] == ["worst known group"]
    assert content["simple_cues"]["properties"] == ["site"] and found_cues(content) == [("site = town", "dog")]
    evidence = tables.read(pets.at("evidence.parquet"), schemas.EVIDENCE).to_pandas()
    of_town = evidence[(evidence["kind"] == "groups") & (evidence["part"].str.contains("dog")) & (evidence["split"] == "validation")]
    held = (pets.split == "validation") & (pets.label == 1)
    expected = [int((held & (pets.site == place)).sum()) for place in range(3)]
    assert sorted(of_town[of_town["plan"] == "none"].query("repeat == 0")["n"]) == sorted(expected)


READ = ("base", "samples", "difficulty", "dynamics", "clusters", "evidence", "none")
OF_EVIDENCE = ("samples", "clusters", "unpruned", "none")


@pytest.fixture
def kept(pictures: Pets) -> Iterator[Pets]:
    """The same images, whose files are put back after a test that damages them."""
    before = {path: path.read_bytes() for path in pictures.path.glob("*.*")}
    yield pictures
    for path, content in before.items():
        path.write_bytes(content)


def emptied(table: pa.Table, _: np.random.Generator) -> tuple[pa.Table, str]:
    return table.slice(0, 0), "no rows"


def with_null(table: pa.Table, _: np.random.Generator) -> tuple[pa.Table, str]:
    name = "sample_id" if "sample_id" in table.column_names else "n"
    values = pa.array([None, *table.column(name).to_pylist()[1:]], pa.int64())
    return table.set_column(table.column_names.index(name), name, values), f"{name} null"


def without_column(table: pa.Table, _: np.random.Generator) -> tuple[pa.Table, str]:
    return table.drop_columns(["sample_id" if "sample_id" in table.column_names else "n"]), "a column less"


EDITS = {
    "no rows": emptied,
    "a row less": table_changes.row_dropped,
    "a column less": without_column,
    "a column more": table_changes.column_added,
    "a null": with_null,
    "numbers as text": table_changes.as_text,
}


def refused(call: Callable[[], object], check: Callable[[str], None]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    check(str(caught.value))
    return str(caught.value)


def damaged(kept: Pets, name: str, edit: str) -> Path:
    """The path of a table, to which one of the edits was made."""
    path = kept.at(f"{name}.parquet")
    path.write_bytes(table_changes.Raw(EDITS[edit])(path.read_bytes(), b"", np.random.default_rng(0))[0])
    return path


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", READ)
def test_damaged_tables_end_in_one_sentence(kept: Pets, name: str, edit: str, assert_one_sentence: Callable[[str], None]) -> None:
    path = damaged(kept, name, edit)
    assert path.name in refused(kept.advise, assert_one_sentence)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", OF_EVIDENCE)
def test_damaged_tables_give_no_evidence(kept: Pets, name: str, edit: str, assert_one_sentence: Callable[[str], None]) -> None:
    path = damaged(kept, name, edit)
    assert path.name in refused(kept.evaluate, assert_one_sentence)


@pytest.mark.parametrize("name", [*(f"{one}.parquet" for one in READ), "inputs.npy", "manifest.json"])
def test_a_missing_file_is_named(kept: Pets, name: str, assert_one_sentence: Callable[[str], None]) -> None:
    kept.at(name).unlink()
    assert name in refused(kept.advise, assert_one_sentence)


def test_predictions_of_another_plan_are_refused(kept: Pets, assert_one_sentence: Callable[[str], None]) -> None:
    shutil.copy(kept.at("random-0.10.parquet"), kept.at("none.parquet"))
    assert "none.parquet" in refused(kept.advise, assert_one_sentence)


def test_evidence_of_another_setting_is_refused(kept: Pets, assert_one_sentence: Callable[[str], None]) -> None:
    table = tables.read(kept.at("evidence.parquet"), schemas.EVIDENCE)
    tables.write(kept.at("evidence.parquet"), table, schemas.EVIDENCE, replace(kept.provenance, place=BLOCK | {"setting": "birds"}))
    assert "evidence.parquet" in refused(kept.advise, assert_one_sentence)


def test_predictions_that_lack_a_sample_are_refused(kept: Pets, assert_one_sentence: Callable[[str], None]) -> None:
    table = tables.read(kept.at("none.parquet"), schemas.PREDICTIONS)
    first = SIZES["train"]
    without = table.filter(pa.compute.not_equal(table.column("sample_id"), first))
    tables.write(kept.at("none.parquet"), without, schemas.PREDICTIONS, kept.of(method="erm", candidate="", plan="none"))
    held = np.arange(first, first + SIZES["validation"])
    text = refused(lambda: gathering.probabilities([kept.at("none.parquet")], held, 2), assert_one_sentence)
    assert f"does not hold sample {first} of the validation split" in text
