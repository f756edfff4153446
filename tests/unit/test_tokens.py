"""Pairs of sentences as arrays, by a tokenizer with a small vocabulary."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from spurprune.data import tokens
from spurprune.errors import DataError
from tests.wordpiece import VOCABULARY, save


@pytest.fixture
def tokenizer(tmp_path: Path) -> Tokenizer:
    return tokens.load(str(save(tmp_path)))


def words(row: np.ndarray) -> list[str]:
    """Return a row's tokens as text."""
    return [VOCABULARY[i] for i in row[2 : 2 + row[0]]]


def test_a_pair_is_counted_divided_and_padded(tokenizer: Tokenizer) -> None:
    pairs = tokens.encode(tokenizer, ["A dog runs.", "He"], ["Nobody runs", ""], 12)
    assert pairs.dtype == np.int32 and pairs.shape == (2, 14)
    assert words(pairs[0]) == ["[CLS]", "a", "dog", "run", "##s", ".", "[SEP]", "nobody", "run", "##s", "[SEP]"]
    assert pairs[0, :2].tolist() == [11, 7] and pairs[0, 13] == 0
    assert words(pairs[1]) == ["[CLS]", "he", "[SEP]", "[SEP]"]
    assert pairs[1, :2].tolist() == [4, 3]


def test_the_longer_sentence_is_cut_first(tokenizer: Tokenizer) -> None:
    (row,) = tokens.encode(tokenizer, ["a dog a dog a dog"], ["he runs"], 8)
    assert words(row) == ["[CLS]", "a", "dog", "a", "[SEP]", "he", "run", "[SEP]"]  # of 6 and 3 tokens, 3 and 3; of equals, the second
    assert row[:2].tolist() == [8, 5]


def test_pairs_are_those_of_transformers(tokenizer: Tokenizer, tmp_path: Path) -> None:
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"), pad_token="[PAD]")
    rng = np.random.default_rng(0)
    known = [word for word in VOCABULARY[4:] if not word.startswith("##")]
    first, second = ([" ".join(rng.choice(known, n)) for n in rng.integers(0, 15, 50)] for _ in range(2))
    expected = theirs(first, second, truncation="longest_first", max_length=16, padding="max_length", return_tensors="np")
    pairs = tokens.encode(tokenizer, first, second, 16)
    assert np.array_equal(pairs[:, 2:], expected["input_ids"])
    assert np.array_equal(pairs[:, 0], expected["attention_mask"].sum(axis=1))
    assert (pairs[:, 0] == 16).any() and (pairs[:, 0] < 16).any()
    position = np.arange(16)
    segments = (position >= pairs[:, 1:2]) & (position < pairs[:, :1])
    if "token_type_ids" in expected:
        assert np.array_equal(segments, expected["token_type_ids"])


def test_chunks_join_without_a_seam(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ["he"] * 5, ["a", "a dog", "nobody", "", "runs"]
    whole = tokens.encode(tokenizer, first, second, 10)
    monkeypatch.setattr(tokens, "PAIRS_AT_ONCE", 2)
    assert np.array_equal(tokens.encode(tokenizer, first, second, 10), whole)


def test_the_fingerprint_is_that_of_the_vocabulary(tmp_path: Path) -> None:
    one, again, other = (save(tmp_path / name, more) for name, more in (("one", ()), ("again", ()), ("other", ("cat",))))
    found = [tokens.fingerprint(tokens.load(str(folder))) for folder in (one, again, other)]
    assert found[0] == found[1] != found[2]


def test_the_ids_of_a_phrase_are_its_own(tokenizer: Tokenizer) -> None:
    assert tokens.ids_of(tokenizer, "never runs") == [VOCABULARY.index(word) for word in ("never", "run", "##s")]
    with pytest.raises(DataError, match="has no tokens"):
        tokens.ids_of(tokenizer, " ")


def test_padding_and_truncation_in_a_file_are_ignored(tmp_path: Path) -> None:
    """Sentence encoders are published with tokenizers that pad and truncate to one length."""
    file = save(tmp_path) / "tokenizer.json"
    padding = Tokenizer.from_file(str(file))
    padding.enable_padding(length=6)
    padding.enable_truncation(6)
    padding.save(str(file))
    tokenizer = tokens.load(str(tmp_path))
    assert tokens.ids_of(tokenizer, "never") == [VOCABULARY.index("never")]
    (row,) = tokens.encode(tokenizer, ["a dog a"], ["he runs"], 10)
    assert row[:2].tolist() == [9, 5] and row[-1] == 0
    assert len(tokens.ids_of(tokenizer, "a " * 20)) == 20


def test_a_folder_without_a_tokenizer(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    for content in (None, "no tokenizer"):
        if content:
            (tmp_path / "tokenizer.json").write_text(content)
        with pytest.raises(DataError, match=r"No tokenizer could be loaded from '.*tokenizer\.json") as error:
            tokens.load(str(tmp_path))
        assert_one_sentence(str(error.value))
