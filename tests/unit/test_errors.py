"""Messages of errors: one printable line each, without the content of damaged files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.data.inputs import Manifest, open_inputs
from spurprune.data.readers import table
from spurprune.errors import ConfigError, DataError, first_sentence

MANIFEST = Manifest("own", None, 3, (2,), "float32", ("a", "b"), (), {}, (), (), "", "", "")


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("It failed. Try again.", "It failed"),
        ("two\n  lines", "two lines"),
        ("", "ValueError"),
        ("a\x00b\x1b[31m\x85c", "a\\x00b\\x1b[31m c"),
        ("Cannot parse header: \"{'descr': '<f4' ! \\n\"", "Cannot parse header"),
        ("invalid load key, '\\x00'.", "invalid load key, '\\x00'"),
        ("found character '\\t' that cannot start any token", "found character '\\t' that cannot start any token"),
        ("can't read b'\\x00\\x01\\x02\\x03\\x04'", "can't read"),
        ("'a name that is long' is unknown", "'a name that is long' is unknown"),
        ("'begins with\\n content that is long'", "ValueError"),
        ("x" * 1000, "x" * 300 + "…"),
    ],
)
def test_the_first_sentence_of_a_message_can_be_quoted(message: str, sentence: str) -> None:
    assert first_sentence(ValueError(message)) == sentence


@given(st.text())
def test_what_is_quoted_is_one_line_of_written_characters(message: str) -> None:
    for text in (first_sentence(ValueError(message)), str(DataError(message))):
        assert len(text.splitlines()) <= 1 and "\x00" not in text and "\x1b" not in text


def test_an_error_shows_control_characters_as_escapes() -> None:
    assert str(ConfigError("The value 'a\nb\tc' of 'Ärger\u200d' is wrong.")) == "The value 'a\\nb\\tc' of 'Ärger\u200d' is wrong."


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Return an NPY file whose header NumPy cannot parse."""
    path = tmp_path / "vectors.npy"
    np.save(path, np.zeros((3, 2), dtype=np.float32))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"}   ", b"} ! "))
    return path


def test_a_damaged_header_is_not_quoted(damaged: Path, assert_one_sentence: Any) -> None:
    with pytest.raises(ValueError, match="descr"):
        np.load(damaged)
    (damaged.parent / "samples.csv").write_text("y\na\nb\na\n")
    for read in (
        lambda: open_inputs(damaged, MANIFEST),
        lambda: table.read({"path": str(damaged.parent / "samples.csv"), "label": "y", "vectors": "vectors.npy"}, None),
    ):
        with pytest.raises(DataError, match=r"is damaged or not an NPY file \(Cannot parse header\)") as error:
            read()
        assert "descr" not in str(error.value)
        assert_one_sentence(str(error.value))


def test_a_cell_of_several_lines_is_named_on_one(tmp_path: Path, assert_one_sentence: Any) -> None:
    (tmp_path / "samples.csv").write_text('y,part\na,train\nb,"te\nst"\n')
    with pytest.raises(DataError, match=r"has the value 'te\\nst' in the column 'part'") as error:
        table.read({"path": str(tmp_path / "samples.csv"), "label": "y", "split": "part", "vectors": "x.npy"}, None)
    assert_one_sentence(str(error.value))
