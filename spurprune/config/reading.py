"""One reader for all files of the configuration: strict, bounded, every mistake one sentence.

It imports nothing slow, so that ``python -m spurprune.config.reading FILE …`` can check files before Snakemake loads them itself.
"""

import io
import json
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from spurprune.errors import ConfigError, SpurpruneError, first_sentence

try:
    from yaml import CSafeLoader as BaseLoader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as BaseLoader  # type: ignore[assignment]

MOST_BYTES = 4_000_000
MOST_NODES = 20_000  # keys and values of a file, aliases replaced by what they stand for
MOST_LEVELS = 30
MOST_ENTRIES = 1_000  # of one list or mapping
MOST_CHARACTERS = 2_000  # of one text
MERGE = "tag:yaml.org,2002:merge"  # of the key <<
TEXT_TAGS = ("tag:yaml.org,2002:str", MERGE)
NUMBER_TAGS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
OCTAL = re.compile("[-+]?0[0-9_]+")  # of whole numbers: YAML 1.1 reads 010 as 8
LINE_ENDS = re.compile("\r\n|[\n\r\u2028\u2029]")
# Control and invisible characters, halves of characters, separators of lines and paragraphs; but scripts and emoji need joiners.
UNWRITTEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
JOINERS = "\u200c\u200d"
PROSE = ("description", "title")  # the keys whose texts may have several lines, as in YAML's folded blocks
LARGEST = 1e18  # of a number, far beyond what any key allows: what is larger may not even be printable


class _NamedText(io.StringIO):
    """A text with the name that YAML's messages give it."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


def read_yaml(path: Path, named_in: str = "'setting_files'") -> dict[str, Any]:
    """Read one YAML mapping of plain values.

    Raises ConfigError if the file is missing, not readable, not valid YAML, not a mapping, repeats a key, has a key that is not text or a
    value that is neither text, a finite number, true, false nor null, or is too large. ``named_in`` is the key that names the file, empty
    for one from the command line.
    """
    try:
        if not path.exists():
            raise ConfigError(f"The file {path} does not exist; create it or correct {named_in or 'its name'}.")
        if path.is_dir():
            raise ConfigError(f"{path} cannot be read, since it is a folder; give a file of YAML.")
        if not path.is_file():
            raise ConfigError(f"{path} cannot be read, since it is no regular file; give a file of YAML.")
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path} has {path.stat().st_size:,} bytes, but a configuration has at most {MOST_BYTES:,}; shorten it.")
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:  # a name with a null character is a ValueError, as is text that is not UTF-8
        name = path if str(path).isprintable() else _shown(path)
        raise ConfigError(f"{name} cannot be read ({first_sentence(error)}); give a readable file of UTF-8 text.") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> dict[str, Any]:
    """Return the mapping of plain values that a text of YAML holds; ``name`` stands for it in messages; raises ConfigError as above."""
    try:
        _check_size(text, name)
        loader = BaseLoader(_NamedText(text, name))
        try:
            node = loader.get_single_node()
            _check_nodes(node, name, loader.construct_object)
            content = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} is not valid YAML: {first_sentence(error)}.") from error
    except (ValueError, TypeError, OverflowError, AttributeError) as error:  # such as !!int with a word, or the day 2026-02-31
        raise ConfigError(f"{name} holds a value that cannot be read ({first_sentence(error)}); quote or correct it.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{name} must hold a mapping from names to blocks.")
    require_plain(content, "")
    return content


def _check_size(text: str, name: str) -> None:
    """Raise ConfigError if the text's YAML is too deep or, with its aliases replaced, too large; nothing is built."""
    anchored: dict[str, int | None] = {}  # the nodes that an anchor stands for; None within its own node
    open_nodes: list[tuple[str | None, int]] = []  # (anchor, nodes counted before it)
    nodes = 0
    for event in yaml.parse(_NamedText(text, name), Loader=BaseLoader):
        if isinstance(event, yaml.AliasEvent):
            size = anchored.get(str(event.anchor), 1)  # an undefined alias is found later
            if size is None:
                raise ConfigError(f"{name}, {_line(event)}: '*{event.anchor}' refers to itself; write it out.")
            nodes += size
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
            if event.anchor:
                anchored[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, nodes))
            nodes += 1
            if event.anchor:
                anchored[event.anchor] = None
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                anchored[anchor] = nodes - before
        if nodes > MOST_NODES:
            raise ConfigError(
                f"{name}, {_line(event)}: the file, its aliases replaced by what they stand for, has more than "
                f"{MOST_NODES:,} keys and values; shorten it or divide it."
            )
        if len(open_nodes) > MOST_LEVELS:
            raise ConfigError(f"{name}, {_line(event)}: blocks are nested more than {MOST_LEVELS} deep, and no key is; correct it.")


def _check_nodes(
    node: yaml.Node | None, name: str, construct: Callable[[yaml.Node], Any], where: str = "", seen: set[int] | None = None
) -> None:
    """Raise ConfigError for a key that its mapping has twice or that is no text, and for a number that is not written as people read it.

    Nodes are checked rather than what is built of them: ``<<`` may repeat keys, and only nodes know how a key or a number is written.
    ``construct`` returns a scalar's value; ``where`` is the node's dotted key; ``seen`` holds what has been checked.
    """
    seen = set() if seen is None else seen
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        _require_decimal(node, name, construct, where)
    elif isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{name}, {_line(key)}: a key is a list or a mapping; write a name.")
            if (key.tag, key.value) in keys:
                raise ConfigError(f"{name}, {_line(key)}: '{key.value}' is declared twice; rename or remove one.")
            keys.add((key.tag, key.value))
            _require_text_node(key, name, where)
            _check_nodes(value, name, construct, where if key.tag == MERGE else join(where, key.value), seen)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            _check_nodes(value, name, construct, join(where, str(place)), seen)


def _require_text_node(key: yaml.ScalarNode, name: str, where: str) -> None:
    """Raise ConfigError that quotes a key as it is written unless YAML reads it as text."""
    if key.tag in TEXT_TAGS:
        return
    if not key.value:
        raise ConfigError(f"{name}, {_line(key)}: a key is empty; write a name.")
    written = key.value if len(key.value) <= 60 and _is_written(key.value) else _shown(key.value)
    raise ConfigError(f'{name}, {_line(key)}: {join(where, written)} is a key that YAML does not read as text; quote it: "{written}".')


def _require_decimal(node: yaml.ScalarNode, name: str, construct: Callable[[yaml.Node], Any], where: str) -> None:
    """Raise ConfigError for a number that YAML 1.1 reads otherwise than people do: octal as 010, or to the base of 60 as 1:30."""
    if node.tag not in NUMBER_TAGS or not where:
        return
    if ":" in node.value:
        kind = "a number to the base of 60"
    elif node.tag == NUMBER_TAGS[0] and OCTAL.fullmatch(node.value):
        kind = "an octal number"
    else:
        return
    value = construct(node)
    if abs(value) > LARGEST:
        return  # refused for its size
    shown = node.value if len(node.value) <= 60 else _shown(node.value)
    raise ConfigError(
        f"{name}, {_line(node)}: {where} is {shown}, which YAML reads as {kind}, {value}; write the decimal number that is meant, or quote "
        "it if it is text."
    )


def _line(place: yaml.Event | yaml.Node) -> str:
    return f"line {place.start_mark.line + 1}" if place.start_mark else "somewhere"


def require_plain(value: Any, where: str, level: int = 0) -> None:
    """Raise ConfigError unless a value consists of what JSON has: mappings by text, lists, text, finite numbers, true, false and null.

    ``where`` is its dotted key, empty for a whole configuration. Numbers, texts, lists and mappings are bounded, and so is their
    ``level`` within others.
    """
    if level > MOST_LEVELS:
        raise ConfigError(f"{where[:60]}... is nested more than {MOST_LEVELS} deep, and no key is; correct it.")
    if isinstance(value, (Mapping, list)):
        if len(value) > MOST_ENTRIES:
            raise ConfigError(f"{where or 'The configuration'} has {len(value):,} entries; give at most {MOST_ENTRIES:,}.")
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            if isinstance(value, Mapping):
                _require_text_key(key, where)
            require_plain(inner, join(where, str(key)), level + 1)
    elif isinstance(value, str):
        _require_text(value, where)
    elif isinstance(value, (int, float)):
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{where} is {value}, which is not a finite number; write one.")
        if abs(value) > LARGEST:
            raise ConfigError(f"{where} is beyond ±{LARGEST:.0e}, more than any key allows; write a smaller number.")
    elif value is not None:
        kind = {"date": "a date", "datetime": "a time", "bytes": "binary data"}.get(type(value).__name__, f"a {type(value).__name__}")
        raise ConfigError(f"{where} is read as {kind}; quote it if it is text.")


def _require_text_key(key: Any, where: str) -> None:
    if not isinstance(key, str):
        written = json.dumps(key, default=str)
        raise ConfigError(f'{join(where, written)} is a key that YAML does not read as text; quote it: "{written}".')
    if not key.strip() or not _is_written(key) or len(key) > MOST_CHARACTERS // 10:
        raise ConfigError(f"{where or 'The configuration'} has the key {_shown(key)}, which is not a valid name; rename it.")


def _require_text(value: str, where: str) -> None:
    if len(value) > MOST_CHARACTERS:
        raise ConfigError(f"{where} is {_shown(value)}, {len(value):,} characters long, more than any key allows; shorten it.")
    lines = LINE_ENDS.split(value) if where.rpartition(".")[2] in PROSE else [value]
    if not all(map(_is_written, lines)):
        raise ConfigError(f"{where} is {_shown(value)}, which has line ends or characters that cannot be printed; remove them.")


def _is_written(text: str) -> bool:
    """Return whether a text of one line has only characters that people write, such as the joiners and wide spaces of some scripts."""
    return text.isprintable() or not any(unicodedata.category(one) in UNWRITTEN for one in text if one not in JOINERS)


def _shown(value: object) -> str:
    """Return a value's text in quotes, in characters that can be printed and not longer than a line takes."""
    text = ascii(str(value))
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def join(key: str, last: str) -> str:
    """Return a dotted key with one more part; ``key`` may be empty."""
    return f"{key}.{last}" if key else last


def check(paths: Iterable[Path]) -> None:
    """Read every file, for its mistakes alone; raises ConfigError."""
    for path in paths:
        read_yaml(path, "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the files named in the arguments; returns the exit status, 1 with one sentence on standard error for the first mistake."""
    try:
        check(Path(name) for name in (sys.argv[1:] if arguments is None else arguments))
    except SpurpruneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
