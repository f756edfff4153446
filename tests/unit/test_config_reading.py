"""One reader for all files of the configuration: what it refuses, and that it does so at once."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spurprune.config import reading
from spurprune.errors import ConfigError

LIST_BOMB = "\n".join(["z0: &z0 [lol]", *(f"z{n}: &z{n} [{', '.join([f'*z{n - 1}'] * 9)}]" for n in range(1, 12))])
MAPPING_BOMB = "\n".join(
    ["z0: &z0 {k: lol}", *(f"z{n}: &z{n} {{{', '.join(f'k{place}: *z{n - 1}' for place in range(9))}}}" for n in range(1, 12))]
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", "c.yaml, line 3: 'a' is declared twice; rename or remove one."),
        ("x:\n  a: {b: 1, b: 1}\n", "c.yaml, line 2: 'b' is declared twice; rename or remove one."),
        (LIST_BOMB, "c.yaml, line 6: the file, its aliases replaced by what they stand for, has more than 20,000 keys and values; shorten"),
        (MAPPING_BOMB, "c.yaml, line 5: the file, its aliases replaced by what they stand for, has more than 20,000 keys and values;"),
        ("a: &a [*a]\n", "c.yaml, line 1: '*a' refers to itself; write it out."),
        ("a: *a\n", "c.yaml is not valid YAML: found undefined alias"),
        ("a: " + "[" * 50_000, "c.yaml, line 1: blocks are nested more than 30 deep, and no key is; correct it."),
        ("a: [1, 2\n", "c.yaml is not valid YAML: "),
        ("a: 1\n---\nb: 1\n", "c.yaml is not valid YAML: "),
        ("010\n", "c.yaml must hold a mapping from names to blocks."),
        ("- a\n", "c.yaml must hold a mapping from names to blocks."),
        ("", "c.yaml must hold a mapping from names to blocks."),
        ("a: !!python/object/apply:os.getcwd []\n", "c.yaml is not valid YAML: could not determine a constructor for the tag"),
        (
            "a: !!int seven\n",
            "c.yaml holds a value that cannot be read (invalid literal for int() with base 10: 'seven'); quote",
        ),
        ("a: 2024-02-31\n", "c.yaml holds a value that cannot be read (day is out of range for month); quote or correct it."),
        ("a: 2024-02-28\n", "a is read as a date; quote it if it is text."),
        ("a: !!binary aGk=\n", "a is read as binary data; quote it if it is text."),
        ("a: !!set {b}\n", "a is read as a set; quote it if it is text."),
        ("[a, b]: 1\n", "c.yaml, line 1: a key is a list or a mapping; write a name."),
        ("{a: 1}: 1\n", "c.yaml, line 1: a key is a list or a mapping; write a name."),
        ("x: {5: 1}\n", 'c.yaml, line 1: x.5 is a key that YAML does not read as text; quote it: "5".'),
        ("yes: {}\n", 'c.yaml, line 1: yes is a key that YAML does not read as text; quote it: "yes".'),
        ("x:\n  y:\n    - a: 1\n      no: {}\n", 'c.yaml, line 4: x.y.0.no is a key that YAML does not read as text; quote it: "no".'),
        ("a: {<<: {no: 1}}\n", 'c.yaml, line 1: a.no is a key that YAML does not read as text; quote it: "no".'),
        ("on: {}\n", 'c.yaml, line 1: on is a key that YAML does not read as text; quote it: "on".'),
        ("~: {}\n", 'c.yaml, line 1: ~ is a key that YAML does not read as text; quote it: "~".'),
        ("007: {}\n", 'c.yaml, line 1: 007 is a key that YAML does not read as text; quote it: "007".'),
        ("1:30: {}\n", 'c.yaml, line 1: 1:30 is a key that YAML does not read as text; quote it: "1:30".'),
        ("1.50: {}\n", 'c.yaml, line 1: 1.50 is a key that YAML does not read as text; quote it: "1.50".'),
        ("null: {}\n", 'c.yaml, line 1: null is a key that YAML does not read as text; quote it: "null".'),
        ("2024-01-31: {}\n", 'c.yaml, line 1: 2024-01-31 is a key that YAML does not read as text; quote it: "2024-01-31".'),
        ("? \n: 1\n", "c.yaml, line 1: a key is empty; write a name."),
        (
            "a: 1\nthreads: 010\n",
            "c.yaml, line 2: threads is 010, which YAML reads as an octal number, 8; write the decimal",
        ),
        ("x: {y: [1, -010]}\n", "c.yaml, line 1: x.y.1 is -010, which YAML reads as an octal number, -8; write the decimal number"),
        ("x: 1:30\n", "c.yaml, line 1: x is 1:30, which YAML reads as a number to the base of 60, 90; write the decimal number that is"),
        ("x: 0:0.1\n", "c.yaml, line 1: x is 0:0.1, which YAML reads as a number to the base of 60, 0.1; write the decimal number that"),
        (
            "a: &a 010\nx: *a\n",
            "c.yaml, line 1: a is 010, which YAML reads as an octal number, 8; write the decimal number",
        ),
        (f"x: 0{'7' * 400}\n", "x is beyond ±1e+18, more than any key allows; write a smaller number."),
        ('x: {"": 1}\n', "x has the key '', which is not a valid name; rename it."),
        ('x: {"a\\nb": 1}\n', "x has the key 'a\\\\nb', which is not a valid name; rename it."),
        ("x: [1, .nan]\n", "x.1 is nan, which is not a finite number; write one."),
        ("x: -.inf\n", "x is -inf, which is not a finite number; write one."),
        ("x: 1.0e+200\n", "x is beyond ±1e+18, more than any key allows; write a smaller number."),
        (f"x: 1{'0' * 400}\n", "x is beyond ±1e+18, more than any key allows; write a smaller number."),
        (f"x: 1{'0' * 5000}\n", "c.yaml holds a value that cannot be read (Exceeds the limit"),
        (f"x: [{', '.join('1' * 1001)}]\n", "x has 1,001 entries; give at most 1,000."),
        (f"x: {'a' * 2001}\n", f"x is '{'a' * 55}...', 2,001 characters long, more than any key allows; shorten it."),
        (f"title: {'a' * 3000}\n", f"title is '{'a' * 55}...', 3,000 characters long, more than any key allows; shorten it."),
        ('x: "a\\u2028b"\n', "x is 'a\\\\u2028b', which has line ends or characters that cannot be printed; remove them."),
        ('title: "a\\x1cb"\n', "title is 'a\\\\x1cb', which has line ends or characters that cannot be printed; remove them."),
        ('x: "a\\tb"\n', "x is 'a\\\\tb', which has line ends or characters that cannot be printed; remove them."),
        ('x: "0.50\\n"\n', "x is '0.50\\\\n', which has line ends or characters that cannot be printed; remove them."),
        ('x: "a\\0b"\n', "x is 'a\\\\x00b', which has line ends or characters that cannot be printed; remove them."),
        ('title: "a\\0b"\n', "title is 'a\\\\x00b', which has line ends or characters that cannot be printed; remove them."),
    ],
)
def test_what_is_refused(text: str, sentence: str, assert_one_sentence: Callable[[str], None]) -> None:
    started = time.process_time()
    with pytest.raises(ConfigError) as error:
        reading.parse(text, "c.yaml")
    assert time.process_time() - started < 2
    message = str(error.value)
    assert message.startswith(sentence.replace("\\\\", "\\")), message
    assert_one_sentence(message)


def test_a_plain_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes("\ufeffbase: &base {a: 1, b: [1.5, null, true]}\nx: {<<: *base, a: 2}\ntitle: >\n  two\n  lines\n".encode())
    base = {"a": 1, "b": [1.5, None, True]}
    assert reading.read_yaml(path) == {"base": base, "x": {**base, "a": 2}, "title": "two lines\n"}


@pytest.mark.parametrize("word", ["10\u00a0000 birds", "\u9ce5\u3000\u733f", "\U0001f469\u200d\U0001f52c", "\u0646\u06cc\u200c\u0647"])
def test_spaces_and_joiners_of_all_scripts_are_text(word: str) -> None:
    assert reading.parse(f"title: {word}\naligned: {{{word}: [{word}]}}\n", "c.yaml") == {"title": word, "aligned": {word: [word]}}


@pytest.mark.parametrize("character", ["\u200b", "\u2060", "\ufeff", "\u202e", "\u00ad"])
def test_invisible_characters_are_refused(character: str, assert_one_sentence: Callable[[str], None]) -> None:
    """A folder that seems to be another one."""
    with pytest.raises(ConfigError, match=r"^data\.mnist is .* which has line ends or characters that cannot be printed; remove") as error:
        reading.require_plain({"data": {"mnist": f"resources{character}/mnist"}}, "")
    assert_one_sentence(str(error.value))


def test_half_a_character_is_refused(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match=r"^x is 'a\\ud800', which has line ends or characters that cannot be printed; remove") as error:
        reading.require_plain({"x": "a\ud800"}, "")
    assert_one_sentence(str(error.value))


def test_numbers_that_people_write_are_read() -> None:
    text = "[0, 10, -3, 0.1, 00.5, 1.0e-3, 0x1F, '010', '1:30', 1_000]"
    assert reading.parse(f"x: {text}\n", "c.yaml") == {"x": [0, 10, -3, 0.1, 0.5, 0.001, 31, "010", "1:30", 1000]}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\xff", "cannot be read ('utf-8' codec can't decode byte 0x89"),
        ("title: caf\u00e9\n".encode("latin-1"), "cannot be read ('utf-8' codec can't decode byte 0xe9"),
        (b"title: a\x00b\n", "is not valid YAML: "),
        (b"a" * 4_000_001, "has 4,000,001 bytes, but a configuration has at most 4,000,000; shorten it."),
    ],
)
def test_no_text_is_named(content: bytes, sentence: str, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        reading.read_yaml(path)
    assert f"{path} {sentence}" in str(error.value)
    assert_one_sentence(str(error.value))


def test_a_missing_file_a_folder_and_a_pipe_are_named(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, sentence in (
        (tmp_path / "none.yaml", "does not exist; create it or correct its name."),
        (tmp_path, "cannot be read, since it is a folder; give a file of YAML."),
        (tmp_path / "pipe", "cannot be read, since it is no regular file; give a file of YAML."),
        (Path("a" * 300), "cannot be read (["),
        (Path("a\0b"), "cannot be read ("),
    ):
        with pytest.raises(ConfigError) as error:
            reading.read_yaml(path, "")
        assert sentence in str(error.value) or "does not exist" in str(error.value)
        assert_one_sentence(str(error.value))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_named(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("a: 1\n")
    path.chmod(0)
    with pytest.raises(ConfigError, match=r"cannot be read \(\[Errno 13\] Permission denied") as error:
        reading.read_yaml(path)
    assert_one_sentence(str(error.value))


def test_files_can_be_checked_before_snakemake_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("a: 1\n")
    bad.write_text(MAPPING_BOMB)
    assert reading.main([str(good)]) == 0
    assert reading.main([str(tmp_path / "none.yaml")]) == 1
    assert capsys.readouterr().err == f"The file {tmp_path}/none.yaml does not exist; create it or correct its name.\n"
    assert reading.main([str(good), str(bad)]) == 1
    assert capsys.readouterr().err.startswith(f"{bad}, line 5: the file, its aliases replaced")
