"""The stage refine: an embedding in, predictions and heads out; what it reads, and what it must not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import load_file

from spurprune.config import methods
from spurprune.data import embedding as embeddings
from spurprune.data import samples as sampling
from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.samples import Samples
from spurprune.errors import ConfigError, DataError
from spurprune.evaluation.choices import Choice, write_selection
from spurprune.stages import refine
from spurprune.storage import array_files, schemas, tables
from spurprune.storage.columns import ByRepeat, labels, to_numpy
from spurprune.storage.provenance import Provenance
from spurprune.training import head_files

PROVENANCE = Provenance({"setting": "shapes", "block": "000-001"}, "0+code", "config")
REPEATS = [0, 1]
GROUPING = Grouping(("cat", "dog"), (Attribute.of("line", ("without", "with")),))
SPLITS = np.repeat(np.array(["train", "validation", "test"], dtype=object), [60, 40, 40])
METHOD = methods.deciding(methods.complete({"kind": "last_layer", "from": "erm", "options": {"redraws": 2}}))


def samples_of(repeat: int) -> Samples:
    """Every group in every split; sample ids differ between repeats."""
    group = np.arange(len(SPLITS)) % 4
    label, line = (codes.astype(np.int16) for codes in np.divmod(group, 2))
    none = np.full(len(SPLITS), -1, dtype=np.int8)
    rng = np.random.default_rng(repeat)
    ids = rng.permutation(1000)[: len(SPLITS)]
    return Samples(repeat, ids, SPLITS, label, {"line": line}, line.astype(np.int8), none, group.astype(np.int32))


class Folder:
    """The files that the stage reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.samples = {repeat: samples_of(repeat) for repeat in REPEATS}
        sampling.write(path / "samples.parquet", list(self.samples.values()), GROUPING, PROVENANCE)
        self.inputs = {name: path / f"{name}.parquet" for name in ("embedding", "samples", "plan")}
        self.features = {
            repeat: np.float32(np.stack([one.label, one.attributes["line"]], axis=1) + np.random.default_rng(9).normal(size=(140, 2)))
            for repeat, one in self.samples.items()
        }
        self.write_embedding()
        self.write_plan(np.ones(60))

    def write_embedding(self, shuffle: bool = False, leave_out: int = 0) -> None:
        """Write the features, with zero logits; featured are the test samples of the first class."""
        parts: list[pa.Table] = []
        for repeat, one in self.samples.items():
            for split in ("train", "validation", "test"):
                for view in ("natural", "featured") if split == "test" else ("natural",):
                    rows = one.rows(split) if view == "natural" else np.flatnonzero((one.split == split) & (one.label == 0))
                    rows = rows[leave_out if split == "train" else 0 :]
                    rows = np.random.default_rng(3).permutation(rows) if shuffle else rows
                    features = self.features[repeat][rows] + (view == "featured")
                    logits = np.zeros((len(rows), 2), dtype=np.float32)
                    parts.extend(embeddings.to_tables(repeat, split, view, one.sample_id[rows], features, logits))
        tables.write_parts(self.inputs["embedding"], parts, schemas.EMBEDDING, PROVENANCE)

    def write_plan(self, weight: np.ndarray) -> None:
        """Write the weights of the training samples, in another order than the samples."""
        parts = []
        for repeat, one in self.samples.items():
            order = np.random.default_rng(4).permutation(60)
            columns = {"repeat": np.full(60, repeat, dtype=np.int16), "sample_id": one.sample_id[one.rows("train")][order]}
            columns |= {"weight": np.float32(weight[order]), "reason": labels(["kept"] * 60, ["kept"])}
            parts.append(pa.table(columns))
        tables.write(self.inputs["plan"], pa.concat_tables(parts), schemas.PLAN, PROVENANCE)

    def refine(self, name: str = "out", selection: Path | None = None, **options: Any) -> tuple[pa.Table, dict[str, np.ndarray]]:
        """Run the stage and return the predictions and the heads."""
        files = {"predictions": "predictions.parquet", "head": "head.safetensors", "timing": "timing.json"}
        outputs = {kind: self.path / name / file for kind, file in files.items()}
        inputs = self.inputs | ({"selection": selection} if selection else {})
        method = {**METHOD, "options": METHOD["options"] | options}
        refine.run(inputs=inputs, method=method, source=None, repeats=REPEATS, outputs=outputs, provenance=PROVENANCE)
        return tables.read(outputs["predictions"], schemas.PREDICTIONS), load_file(outputs["head"])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_heads_are_read_back_with_what_run_they_are_of(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    _, heads = folder.refine()
    path = folder.path / "out" / "head.safetensors"
    found = head_files.read(path)
    assert sorted(found) == list(REPEATS)
    for repeat, head in found.items():
        assert np.array_equal(head.weight, heads[f"{repeat}.weight"]) and np.array_equal(head.bias, heads[f"{repeat}.bias"])
    assert array_files.read(path)[0]["setting"] == PROVENANCE.setting
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        head_files.read(path)
    assert_one_sentence(str(caught.value))
    assert str(path) in str(caught.value)


def test_predictions_are_the_heads_of_the_embedded_features(folder: Folder) -> None:
    predicted, heads = folder.refine()
    assert sorted(heads) == ["0.bias", "0.weight", "1.bias", "1.weight"]
    embedded = tables.read(folder.inputs["embedding"], schemas.EMBEDDING)
    for repeat in REPEATS:
        seen = embeddings.read(folder.inputs["embedding"], repeat)
        held_out = seen.split != "train"
        mine = ByRepeat(predicted)[repeat]
        assert np.array_equal(to_numpy(mine.column("sample_id")), seen.sample_id[held_out])
        for name in ("split", "view"):
            assert np.array_equal(to_numpy(mine.column(name)), getattr(seen, name)[held_out])
        weight, bias = heads[f"{repeat}.weight"], heads[f"{repeat}.bias"]
        assert weight.shape == (2, 2) and weight.any()
        expected = np.float64(seen.features[held_out]) @ weight.T + bias
        np.testing.assert_allclose(embeddings.arrays_of(mine.column("logits")), expected, rtol=1e-6)
    assert len(predicted) == len(embedded) - 2 * 60 == 2 * (40 + 40 + 20)


def test_the_same_inputs_give_the_same_bytes(folder: Folder) -> None:
    folder.refine("one")
    folder.refine("two")
    for name in ("predictions.parquet", "head.safetensors"):
        assert (folder.path / "one" / name).read_bytes() == (folder.path / "two" / name).read_bytes()


@pytest.mark.parametrize("fit_on", ["train", "validation"])
def test_only_the_split_to_fit_on_decides_the_head(folder: Folder, fit_on: str) -> None:
    _, expected = folder.refine(fit_on=fit_on)
    for split in ("train", "validation", "test"):
        plain = {repeat: features.copy() for repeat, features in folder.features.items()}
        for features in folder.features.values():
            features[split == SPLITS] += np.random.default_rng(5).normal(size=features[split == SPLITS].shape).astype(np.float32)
        folder.write_embedding()
        _, found = folder.refine(fit_on=fit_on)
        assert all(np.array_equal(found[name], expected[name]) for name in expected) == (split != fit_on)
        folder.features = plain


def test_the_order_of_rows_in_the_embedding_does_not_matter(folder: Folder) -> None:
    _, expected = folder.refine(fit_on="train")
    folder.write_embedding(shuffle=True)
    _, found = folder.refine(fit_on="train")
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_pruned_samples_are_not_fitted_on(folder: Folder) -> None:
    weight = np.ones(60)
    weight[:8] = 0
    folder.write_plan(weight)
    _, expected = folder.refine(fit_on="train")
    for one, features in zip(folder.samples.values(), folder.features.values(), strict=True):
        features[one.rows("train")[:8]] = 1e6
    folder.write_embedding()
    _, found = folder.refine(fit_on="train")
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_the_chosen_candidate_is_used(folder: Folder) -> None:
    selection = folder.path / "dfr.json"
    coordinates = {"options.C": 0.05, "options.penalty": "l2"}
    write_selection(selection, Choice(PROVENANCE.setting, "last_layer", "C-0.05.penalty-l2", coordinates))
    _, expected = folder.refine(C=0.05, penalty="l2")
    _, found = folder.refine(selection=selection, C=1.0)
    _, other = folder.refine(C=1.0)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert not np.array_equal(other["0.weight"], expected["0.weight"])


def test_an_embedding_of_other_samples_is_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    folder.write_embedding(leave_out=1)
    with pytest.raises(DataError, match="holds other samples than repeat 0's train split") as caught:
        folder.refine()
    assert_one_sentence(str(caught.value))


def test_an_embedding_without_the_repeat_is_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="lacks repeat 7") as caught:
        embeddings.read(folder.inputs["embedding"], 7)
    assert_one_sentence(str(caught.value))


def test_an_unknown_option_is_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match=r"options\.redraw is not a known option") as caught:
        folder.refine(redraw=3)
    assert_one_sentence(str(caught.value))


def test_large_embeddings_are_written_in_bounded_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "VALUES_AT_ONCE", 12)
    rng = np.random.default_rng(0)
    features, logits = rng.normal(size=(10, 5)).astype(np.float32), rng.normal(size=(10, 3)).astype(np.float32)
    parts = list(embeddings.to_tables(4, "test", "featured", np.arange(10), features, logits))
    assert [len(part) for part in parts] == [2] * 5
    tables.write_parts(tmp_path / "embedding.parquet", parts, schemas.EMBEDDING, PROVENANCE)
    found = embeddings.read(tmp_path / "embedding.parquet", 4)
    np.testing.assert_array_equal(found.features, features)
    np.testing.assert_array_equal(found.logits, logits)
    np.testing.assert_array_equal(found.rows("test", "featured"), np.arange(10))
    assert not len(found.rows("test", "natural"))
