"""The stage embed on digits: the kept models' features and logits, bit for bit those of the run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits
from torch import Tensor, nn

from spurprune.config import methods
from spurprune.data import embedding as embeddings
from spurprune.data import inputs as arrays
from spurprune.data import samples as sampling
from spurprune.data.grouping import WITHOUT_WITH, Attribute, Grouping
from spurprune.data.inputs import Manifest
from spurprune.data.samples import Samples
from spurprune.errors import DataError
from spurprune.evaluation.choices import Choice, write_selection
from spurprune.models.network import Network
from spurprune.models.networks import small_cnn
from spurprune.stages import embed, refine, retrain
from spurprune.storage import schemas, tables, tensor_files
from spurprune.storage.columns import ByRepeat, labels, to_numpy
from spurprune.storage.provenance import Provenance
from spurprune.training import kept
from spurprune.training.data import Data
from spurprune.training.observe import embed as embed_samples
from spurprune.training.observe import observe

PROVENANCE = Provenance({"setting": "digits-test", "block": "000-001"}, "0+code", "config")
REPEATS = [0, 1]
LINE = Attribute.of("line", WITHOUT_WITH)
CLASSES = tuple(str(digit) for digit in range(10))
CHANNELS = [4, 8, 12]
SETTING: dict[str, Any] = {
    "crop_size": None,
    "model": {"name": "small_cnn", "channels": CHANNELS},
    "training": {
        "epochs": 5,
        "batch_size": 32,
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
        "schedule": {"name": "constant"},
        "augmentation": {"name": "none"},
        "precision": "fp32",
        "compile": False,
        "evaluate_epochs": [],
        "evaluate_splits": ["train", "validation", "test"],
        "gradient_clip": None,
        "label_smoothing": 0.0,
    },
    "overlay": {"name": "line", "attribute": "line", "width": 2, "value": 255, "channel": 0},
    "normalisation": {"mean": None, "std": None},
    "evaluation": {"featured_classes": "probe", "batch_size": 100},
    "probe": {"source": "5", "target": "9"},
}
ERM = methods.deciding(methods.complete({"kind": "erm", "training": {"epochs": 1}}))


def samples_of(repeat: int, label: np.ndarray) -> Samples:
    """A random split; 40 training fives carry the line."""
    rng = np.random.default_rng(repeat)
    split = rng.permutation(np.repeat(np.array(["train", "validation", "test"], dtype=object), [1000, 300, len(label) - 1300]))
    line = np.zeros(len(label), dtype=np.int16)
    line[np.flatnonzero((split == "train") & (label == 5))[:40]] = 1
    none = np.full(len(label), -1, dtype=np.int8)
    group = Grouping(CLASSES, (LINE,)).numbers(label, {"line": line})
    return Samples(repeat, np.arange(len(label)), split, label, {"line": line}, line.astype(np.int8), none, group)


class Folder:
    """The prepared digits, and a run whose models are kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        digits = load_digits()
        self.images = np.uint8(digits.images * 15)[:, None]
        self.samples = {repeat: samples_of(repeat, digits.target.astype(np.int16)) for repeat in REPEATS}
        self.inputs = {name: path / f"{name}.parquet" for name in ("samples", "plan")}
        self.inputs |= {"inputs": path / "inputs.npy", "manifest": path / "manifest.json", "models": path / "run" / "models.safetensors"}
        manifest = Manifest(
            dataset="digits",
            image_size=8,
            classes=CLASSES,
            attributes=(),
            split_counts={},
            mean=(0.3,),
            std=(0.35,),
            source="",
            licence="",
            **arrays.content_of(self.images),
        )
        arrays.write_inputs(self.inputs["inputs"], self.images)
        arrays.write_manifest(self.inputs["manifest"], manifest)
        sampling.write(self.inputs["samples"], list(self.samples.values()), Grouping(CLASSES, (LINE,)), PROVENANCE)
        plan = [
            pa.table(
                {
                    "repeat": np.full(1000, repeat, dtype=np.int16),
                    "sample_id": one.sample_id[one.rows("train")],
                    "weight": np.ones(1000, dtype=np.float32),
                    "reason": labels(["kept"] * 1000, ["kept"]),
                }
            )
            for repeat, one in self.samples.items()
        ]
        noted = Provenance({"setting": "digits-test", "block": "000-001"}, "0+code", "config", notes={"plan": "none", "visits": "exact"})
        tables.write(self.inputs["plan"], pa.concat_tables(plan), schemas.PLAN, noted)

    def train(self) -> None:
        """Run retrain and keep the models."""
        outputs = {name: self.path / "run" / f"{name}.parquet" for name in ("predictions", "history")}
        outputs |= {"models": self.inputs["models"], "timing": self.path / "run" / "timing.json"}
        inputs = {name: path for name, path in self.inputs.items() if name != "models"}
        retrain.run(
            inputs=inputs,
            setting=SETTING,
            method=ERM,
            repeats=REPEATS,
            threads=1,
            repeats_at_once=1,
            outputs=outputs,
            provenance=PROVENANCE,
        )

    def embed(self, name: str = "embedding", **changed: Any) -> Path:
        """Run embed, with some of its inputs changed."""
        output = self.path / f"{name}.parquet"
        inputs = {kind: path for kind, path in self.inputs.items() if kind != "plan"} | changed
        embed.run(inputs=inputs, setting=SETTING, method=ERM, repeats=REPEATS, threads=1, output=output, provenance=PROVENANCE)
        return output


@pytest.fixture(scope="module")
def folder(own_working_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    found = Folder(tmp_path_factory.mktemp("embed"))
    found.train()
    found.embed()
    return found


def test_logits_are_the_runs_predictions_bit_for_bit(folder: Folder) -> None:
    predicted = tables.read(folder.path / "run" / "predictions.parquet", schemas.PREDICTIONS)
    embedded = tables.read(folder.path / "embedding.parquet", schemas.EMBEDDING)
    held_out = embedded.filter(pa.array(to_numpy(embedded.column("split")) != "train"))
    for name in ("repeat", "sample_id", "split", "view"):
        assert np.array_equal(to_numpy(held_out.column(name)), to_numpy(predicted.column(name)))
    logits = [embeddings.arrays_of(one.column("logits")) for one in (held_out, predicted)]
    assert logits[0].tobytes() == logits[1].tobytes()
    featured = to_numpy(predicted.column("view")) == "featured"
    assert 0 < featured.sum() < len(featured) / 3  # the probe's two classes


def test_training_samples_are_embedded_in_the_natural_view(folder: Folder) -> None:
    kept = load_file(folder.inputs["models"])
    for repeat, one in folder.samples.items():
        seen = embeddings.read(folder.path / "embedding.parquet", repeat)
        rows, train = seen.rows("train", "natural"), one.rows("train")
        assert len(rows) == (seen.split == "train").sum() == 1000
        assert np.array_equal(seen.sample_id[rows], one.sample_id[train])
        images = folder.images.copy()
        carriers = train[one.carrier[train] == 1]
        images[carriers, 0, :, 3:5] = 255
        model = small_cnn.build((1, 8, 8), 10, CHANNELS)
        model.load_state_dict({name.removeprefix(f"{repeat}."): value for name, value in kept.items() if name.startswith(f"{repeat}.")})
        model.eval()
        with torch.no_grad():
            features = model.features((torch.from_numpy(images[train]).float() / 255 - 0.3) / 0.35)
        np.testing.assert_allclose(seen.features[rows], features.numpy(), rtol=1e-4, atol=1e-5)
        weight, bias = kept[f"{repeat}.classifier.weight"].numpy(), kept[f"{repeat}.classifier.bias"].numpy()
        np.testing.assert_allclose(seen.features @ weight.T + bias, seen.logits, rtol=1e-4, atol=1e-5)
    assert len(carriers) == 40


def test_the_same_models_give_the_same_bytes(folder: Folder) -> None:
    assert folder.embed("again").read_bytes() == (folder.path / "embedding.parquet").read_bytes()


def test_models_of_another_candidate_are_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    selection = folder.path / "erm.json"
    write_selection(selection, Choice(PROVENANCE.setting, "erm", "lr-0.2", {"training.optimizer.lr": 0.2}))
    with pytest.raises(DataError, match="holds the networks of a run with another configuration") as caught:
        folder.embed("refused", selection=selection)
    assert_one_sentence(str(caught.value))


def test_a_last_layer_fitted_to_the_embedding_tells_digits_apart(folder: Folder) -> None:
    output = folder.path / "refined" / "predictions.parquet"
    entry = methods.complete({"kind": "last_layer", "from": "erm", "options": {"balance": "classes", "redraws": 1, "max_iter": 1000}})
    inputs = {name: folder.inputs[name] for name in ("samples", "plan")} | {"embedding": folder.path / "embedding.parquet"}
    outputs = {"predictions": output, "timing": output.with_name("timing.json")}
    refine.run(inputs=inputs, method=methods.deciding(entry), source=None, repeats=REPEATS, outputs=outputs, provenance=PROVENANCE)
    table = tables.read(output, schemas.PREDICTIONS)
    for repeat, one in folder.samples.items():
        mine = ByRepeat(table)[repeat]
        shown = (to_numpy(mine.column("split")) == "test") & (to_numpy(mine.column("view")) == "natural")
        predicted = embeddings.arrays_of(mine.column("logits"))[shown].argmax(axis=1)
        assert (predicted == one.label[to_numpy(mine.column("sample_id"))[shown]]).mean() > 0.8


def lacking(tensors: dict[str, Tensor]) -> None:
    del tensors["1.classifier.bias"]


def reshaped(tensors: dict[str, Tensor]) -> None:
    tensors["1.classifier.weight"] = torch.zeros(10, 13)


def retyped(tensors: dict[str, Tensor]) -> None:
    tensors["0.classifier.weight"] = tensors["0.classifier.weight"].double()


def foreign(tensors: dict[str, Tensor]) -> None:
    tensors["0.head.weight"] = torch.zeros(2)


def without_a_repeat(tensors: dict[str, Tensor]) -> None:
    for name in [name for name in tensors if name.startswith("1.")]:
        del tensors[name]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lacking, "lacks the parameter 'classifier.bias' of repeat 1"),
        (reshaped, "'classifier.weight' of repeat 1 as torch.float32 (10, 13), but the network has torch.float32 (10, 12)"),
        (retyped, "'classifier.weight' of repeat 0 as torch.float64 (10, 12)"),
        (foreign, "holds the parameter 'head.weight' of repeat 0, which the network lacks"),
        (without_a_repeat, "of repeat 1"),
    ],
)
def test_models_of_another_network_are_refused(
    folder: Folder, change: Callable[[dict[str, Tensor]], None], words: str, assert_one_sentence: Callable[[str], None]
) -> None:
    content, tensors = tensor_files.read(folder.inputs["models"])
    change(tensors)
    path = folder.path / "changed.safetensors"
    tensor_files.write(path, tensors, content)
    with pytest.raises(DataError) as caught:
        folder.embed("refused", models=path)
    assert_one_sentence(str(caught.value))
    assert words in str(caught.value) and str(path) in str(caught.value)
    assert not (folder.path / "refused.parquet").exists()


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_a_damaged_file_of_models_is_refused(folder: Folder, content: bytes | None, assert_one_sentence: Callable[[str], None]) -> None:
    path = folder.path / "damaged.safetensors"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        folder.embed("refused", models=path)
    assert_one_sentence(str(caught.value))
    assert str(path) in str(caught.value)


class Squares(Network):
    """A network whose features are its inputs' squares."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)  # which must be inactive
        self.classifier = nn.Linear(3, 2)

    def features(self, x: Tensor) -> Tensor:
        return self.dropout(x * x)


class Backwards:
    """A preparation that shows the last sample first, as that of sentences reorders them by length."""

    def prepare(self, inputs: Tensor) -> Tensor:
        return inputs + 1

    def order(self, data: Data) -> Tensor:
        return torch.arange(len(data)).flip(0)


def test_embedding_is_what_observing_sees() -> None:
    values = torch.from_numpy(np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32))
    zeros = torch.zeros(7, dtype=torch.int64)
    data, model, backwards = Data.of(values, zeros, zeros), Squares().train(), Backwards()
    features, logits = embed_samples(model, data, backwards, 3)  # type: ignore[arg-type]
    seen = observe(model, data, backwards, 3)  # type: ignore[arg-type]
    assert model.training
    np.testing.assert_array_equal(features, ((values + 1) ** 2).numpy())
    np.testing.assert_array_equal(logits, seen.logits.numpy())
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), seen.feature_norm.numpy(), rtol=1e-6)


@pytest.mark.parametrize(("key", "value"), [("setting", "other"), ("block", "002-003")])
def test_models_of_another_run_are_refused(folder: Folder, key: str, value: str, assert_one_sentence: Callable[[str], None]) -> None:
    content, tensors = tensor_files.read(folder.inputs["models"])
    path = folder.path / "other.safetensors"
    kept.write(path, tensors, content["configuration"], replace(PROVENANCE, place={**PROVENANCE.place, key: value}))
    with pytest.raises(DataError) as caught:
        folder.embed("refused", models=path)
    assert_one_sentence(str(caught.value))
    assert str(caught.value).startswith(f"{path} holds the models of the {key} '{value}', not of ")


def test_models_without_checksums_are_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    path = folder.path / "older.safetensors"
    save_file(load_file(folder.inputs["models"]), path, {"spurprune": '{"setting": "digits-test"}'})
    with pytest.raises(DataError, match="written by an older version") as caught:
        folder.embed("refused", models=path)
    assert_one_sentence(str(caught.value))
