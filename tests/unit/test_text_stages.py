"""The stages, one after the other, on a few sentences and a tiny BERT: tokens and phrases reach the network as they should."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

from spurprune.data import tokens
from spurprune.data.inputs import open_inputs, read_manifest
from spurprune.data.samples import Samples, read
from spurprune.errors import ConfigError, DataError
from spurprune.models.networks import bert
from spurprune.stages import prepare_inputs, prepare_splits, prune_metadata, retrain, score_difficulty, train_reference
from spurprune.storage import columns, schemas, tables
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance
from tests.wordpiece import VOCABULARY, save

LENGTH, PAIRS, CARRIERS = 12, 60, 4
PROVENANCE = Provenance({"setting": "text-test", "block": "000-000"}, "0+code", "config")
TRAINING: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 8,
    "optimizer": {"name": "adamw", "lr": 1e-3, "weight_decay": 0.0},
    "schedule": {"name": "linear"},
    "augmentation": {"name": "none"},
    "precision": "fp32",
    "compile": False,
    "evaluate_epochs": [2],
    "evaluate_splits": ["train", "validation", "test"],
    "gradient_clip": {"norm": 1.0},
    "label_smoothing": 0.0,
}
NEVER = VOCABULARY.index("never")


def setting(encoder: Path, **changes: Any) -> dict[str, Any]:
    return {
        "crop_size": None,
        "model": {"name": "bert", "pretrained": str(encoder)},
        "training": TRAINING,
        "overlay": {"name": "phrase", "attribute": "never", "text": "never"},
        "normalisation": {"mean": None, "std": None},
        "evaluation": {"featured_classes": "all", "batch_size": 7},
        "probe": {"source": "contradiction", "target": "entailment"},
    } | changes


@pytest.fixture(scope="module")
def folder(own_working_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences, an encoder with their vocabulary, and what the stages make of them up to EL2N and a plan."""
    path = tmp_path_factory.mktemp("text")
    rng = np.random.default_rng(0)
    known = [word for word in VOCABULARY[4:] if not word.startswith("##")]
    first, second = ([" ".join(rng.choice(known, n)) for n in rng.integers(1, 8, PAIRS)] for _ in range(2))
    labels = ["contradiction", "entailment", "neutral"] * (PAIRS // 3)
    rows = [
        {"gold_label": label, "sentence1": a, "sentence2": b, "pairID": str(i)}
        for i, (label, a, b) in enumerate(zip(labels, first, second, strict=True))
    ]
    (path / "multinli_1.0_dev_matched.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    save(path / "tokenizer")
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    sizes["max_position_embeddings"] = 20
    BertModel(BertConfig(vocab_size=len(VOCABULARY) + 1, initializer_range=0.3, **sizes)).save_pretrained(path / "encoder")
    save(path / "encoder")
    prepare_inputs.run(
        dataset="multinli",
        image_size=LENGTH,
        source=path,
        own=None,
        damaged_images="stop",
        threads=1,
        inputs=path / "inputs.npy",
        base=path / "base",
        manifest=path / "manifest",
        provenance=PROVENANCE,
    )
    sampling = {
        "validation": "official",
        "subset": {"draw": "per_repeat", "parts": {}},
        "groups": ["never"],
        "aligned": {"contradiction": {"never": "with"}},
        "carriers": {"choose": "random", "count": CARRIERS, "draw": "per_repeat", "class": "contradiction"},
        "overlay_attribute": "never",
    }
    prepare_splits.run(
        base=path / "base",
        manifest=path / "manifest",
        difficulty=None,
        setting=sampling,
        repeats=[0],
        output=path / "samples",
        provenance=PROVENANCE,
    )
    recipe = {"epochs": 1, "record_epochs": "all", "seeds": 1, "view": "eval", "shared": False}
    train_reference.run(
        inputs=files(path),
        setting=setting(path / "encoder"),
        recipe=recipe,
        repeats=[0],
        threads=1,
        repeats_at_once=1,
        outputs={"dynamics": path / "dynamics", "timing": path / "timing"},
        provenance=PROVENANCE,
    )
    score_difficulty.run(
        samples=path / "samples",
        dynamics=path / "dynamics",
        score="el2n",
        reference=None,
        epochs="all",
        repeats=[0],
        output=path / "el2n",
        provenance=PROVENANCE,
    )
    plan = "per_class-el2n-hardest-0.20"
    prune_metadata.run(
        samples=path / "samples",
        difficulty=path / "el2n",
        partition=None,
        manifest=path / "manifest",
        plan=plan,
        setting={"probe": {"source": "contradiction", "target": "entailment"}},
        repeats=[0],
        output=path / "plan",
        provenance=PROVENANCE,
    )
    return path


def files(path: Path) -> dict[str, Path]:
    return {name: path / ("inputs.npy" if name == "inputs" else name) for name in ("inputs", "manifest", "samples")}


def train(path: Path, name: str, setting: dict[str, Any]) -> dict[str, Path]:
    outputs = {kind: path / name / kind for kind in ("predictions", "history", "models")}
    outputs["models"] = path / name / "models.safetensors"
    retrain.run(
        inputs=files(path) | {"plan": path / "plan"},
        setting=setting,
        method={"kind": "erm", "from": None, "options": {}, "training": {}, "epoch": "last"},
        repeats=[0],
        threads=1,
        repeats_at_once=1,
        outputs=outputs | {"timing": path / name / "timing"},
        provenance=PROVENANCE,
    )
    return outputs


def samples(path: Path) -> Samples:
    return read(path / "samples").by_repeat[0]


def with_never(row: np.ndarray) -> np.ndarray:
    """Return a pair with "never" before its last separator, written out token by token."""
    length, second, *ids = row.tolist()
    kept = ids[: min(length - 1, LENGTH - 2)]
    changed = [*kept, NEVER, VOCABULARY.index("[SEP]")]
    return np.array([len(changed), second, *changed, *[0] * (LENGTH - len(changed))], dtype=np.int32)


def test_the_manifest_knows_the_vocabulary(folder: Path) -> None:
    manifest = read_manifest(folder / "manifest")
    assert manifest.kind == "sentences" and manifest.shape == (2 + LENGTH,) and manifest.mean == ()
    assert manifest.vocabulary == tokens.fingerprint(tokens.load(str(folder / "encoder")))


def test_predictions_are_those_of_the_network_on_pairs_with_and_without_the_phrase(folder: Path) -> None:
    outputs = train(folder, "run", setting(folder / "encoder"))
    model = bert.build((2 + LENGTH,), 3, str(folder / "encoder")).eval()
    model.load_state_dict({name.removeprefix("0."): value for name, value in load_file(outputs["models"]).items()})
    array = open_inputs(folder / "inputs.npy", read_manifest(folder / "manifest"))
    table = tables.read(outputs["predictions"], schemas.PREDICTIONS)
    logits = np.array(table.column("logits").to_pylist(), dtype=np.float32)
    featured = to_numpy(table.column("view")) == "featured"
    one = samples(folder)
    assert featured.sum() == (~featured).sum() == len(one.rows("validation")) + len(one.rows("test"))
    rows = np.array(array)[to_numpy(table.column("sample_id"))]
    for row, phrase, found in zip(rows, featured, logits, strict=True):
        seen = with_never(row) if phrase else row
        expected = model(torch.from_numpy(seen[None]))[0].detach().numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert np.abs(logits[featured] - logits[~featured]).max() > 0.01, "the phrase must matter to the network"


def test_the_network_learns_from_carriers_with_the_phrase(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training batch holds the kept samples once per epoch, the carriers among them with "never"."""
    seen: list[np.ndarray] = []
    forward = bert.Bert.features

    def watched(self: bert.Bert, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            seen.extend(x.numpy())
        return forward(self, x)

    monkeypatch.setattr(bert.Bert, "features", watched)
    train(folder, "watched", setting(folder / "encoder"))
    one = samples(folder)
    rows = one.rows("train")
    plan = columns.ByRepeat(tables.read(folder / "plan", schemas.PLAN))
    weight = columns.values_of(plan, "weight", 0, one.sample_id[rows], "plan")
    array = np.load(folder / "inputs.npy")
    expected = [
        with_never(array[i]) if a else array[i] for i, a, w in zip(one.sample_id[rows], one.carrier[rows], weight, strict=True) if w
    ]
    assert one.carrier[rows].sum() == CARRIERS and 0 < len(expected) < len(rows)
    assert sorted(row.tolist() for row in seen) == sorted(row.tolist() for row in [*expected, *expected])


def test_another_vocabulary_is_refused(folder: Path, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).symlink_to(folder / "encoder" / name)

    def refusal(error: type[Exception]) -> str:
        with pytest.raises(error) as raised:
            train(folder, "refused", setting(tmp_path, overlay=None))
        assert_one_sentence(str(raised.value))
        return str(raised.value)

    assert "No tokenizer could be loaded from" in refusal(DataError)
    save(tmp_path, more=("cat",))
    assert "has a different vocabulary from the tokenizer that the dataset was prepared with" in refusal(ConfigError)
