"""Broken configurations, made from the shipped ones by a seeded choice of changes, and loaded as the workflow loads them."""

import json
import math
import random
import re
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from spurprune.config import given, loading
from spurprune.config.reading import read_yaml
from spurprune.dag import needs
from spurprune.errors import SpurpruneError
from tests.robustness.outcome import CLEAR, HANG, REFUSED, SAME, SILENT, TRACEBACK, UNCLEAR, Outcome, is_one_sentence

ROOT = Path(__file__).resolve().parents[2]
KIND = "configuration"
SECONDS = 5.0  # after which a configuration hangs
BASES = (
    "config/config.yaml",
    "config/digits-full.yaml",
    "config/cifar10-short.yaml",
    "config/scenes.yaml",
    "config/paper.yaml",
    "tests/workflow/config.yaml",
    "tests/workflow/methods.yaml",
    "tests/workflow/own.yaml",
    "tests/workflow/miniatures.yaml",
    "tests/cluster/config.yaml",
)
# What a change must lead to.
MUST_FAIL, MAY_FAIL, VALID, EQUAL = "must be refused", "may be refused", "is valid", "means the same"

Place = tuple[Any, ...]  # keys and places from a document's top
TEXTS = ("description", "title")  # may have several lines
NUMBERS = ("lr", "momentum", "weight_decay", "eps", "factor", "epoch_seconds", "mean", "std", "scale", "ratio", "label_smoothing", "norm")
NUMBERS += ("validation", "test", "options.C", "training.optimizer.lr")
REQUIRED = ("description", "dataset", "model", "training", "reference", "difficulty", "estimate")  # of a setting that extends none
CHOSEN = ("model", "training", "estimate")  # where settings of users' own data leave them out
NAMING = ("extends", "family", "setting", "score", "strategy", "reference", "base", "dataset", "kind", "plan", "from", "baseline", "name")
LONG = "a" * 300


@dataclass
class Documents:
    """A configuration as plain values: the main file, whole, and its setting files by name; ``texts`` replaces what a file holds."""

    name: str
    main: dict[str, Any]
    settings: dict[str, dict[str, Any]]
    texts: dict[str, bytes] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write the files into a folder; return the main one."""
        files = {"main.yaml": {**self.main, "setting_files": [str(folder / name) for name in self.settings]}, **self.settings}
        if "setting_files" not in self.main:
            del files["main.yaml"]["setting_files"]
        for name, content in files.items():
            (folder / name).write_bytes(self.texts.get(name, dumped(content).encode()))
        return folder / "main.yaml"

    def places(self) -> list[tuple[dict[str, Any], str, Place]]:
        """Return (document, its file, place) of everything below the documents' tops that is checked when the configuration is loaded.

        Left out are what a grid replaces, and studies that are not selected, of which types alone are checked.
        """
        found = [(self.main, "main.yaml", place) for place in places(self.main) if _is_checked(self.main, place)]
        for name, blocks in self.settings.items():
            found += [(blocks, name, place) for place in places(blocks) if not _is_replaced(blocks, place)]
        return found


@dataclass(frozen=True)
class Change:
    """What was done to the documents, and what that must lead to."""

    text: str
    expected: str


Mutation = Callable[[random.Random, Documents], Change | None]  # changes the documents in place; None if they lack what it changes


def attack(seed: int, count: int) -> list[Outcome]:
    """Return the outcomes of ``count`` changed configurations, every kind of change in turn; equal arguments give equal configurations.

    A configuration that hangs is interrupted, which takes the main thread.
    """
    rng = random.Random(seed)
    outcomes: list[Outcome] = []
    while len(outcomes) < count:
        for mutation in MUTATIONS:
            if len(outcomes) == count:
                break
            documents = deepcopy(base(rng.choice(BASES)))
            change = mutation(rng, documents)
            if change is not None:
                outcomes.append(_tried(documents, change))
    return outcomes


@cache
def base(name: str) -> Documents:
    """Return a shipped configuration as documents that share no values."""
    files = [ROOT / name] if name != BASES[0] else []
    main = given.from_files(ROOT / BASES[0], files)
    settings = {f"{place}-{Path(file).name}": read_yaml(ROOT / file) for place, file in enumerate(main["setting_files"])}
    return Documents(name, *json.loads(json.dumps([main, settings])))


@cache
def needs_of(name: str) -> needs.Needs:
    """Return what a shipped configuration needs."""
    found: needs.Needs = _needs(base(name))
    return found


def _needs(documents: Documents) -> needs.Needs:
    with tempfile.TemporaryDirectory() as folder:
        main = documents.write(Path(folder))
        return needs.of(loading.load(given.from_files(main, []), ROOT))


def _tried(documents: Documents, change: Change) -> Outcome:
    """Return what becomes of changed documents."""
    before = needs_of(documents.name)

    def outcome(what: str, detail: object = "") -> Outcome:
        return Outcome(KIND, documents.name, change.text, what, " ".join(str(detail).split())[:500])

    try:
        with _limited(SECONDS):
            found = _needs(documents)
    except _TooLongError:
        return outcome(HANG, f"no answer after {SECONDS:g} s")
    except SpurpruneError as error:
        if not is_one_sentence(str(error)):
            return outcome(UNCLEAR, error)
        return outcome(CLEAR if change.expected in (MUST_FAIL, MAY_FAIL) else REFUSED, error)
    except Exception as error:
        return outcome(TRACEBACK, f"{type(error).__name__}: {error}")
    if change.expected == MUST_FAIL:
        return outcome(SILENT, "accepted")
    if change.expected == EQUAL and found != before:
        return outcome(SILENT, "other files are needed than before")
    return outcome(SAME)


class _TooLongError(BaseException):
    """Time is up."""


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def dumped(content: Any) -> str:
    """Return plain values as YAML, a line per entry."""
    text: str = yaml.safe_dump(content, sort_keys=False, width=math.inf, allow_unicode=True)
    return text


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Yield the place of everything in a value, the value itself left out."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*above, key)
        yield from places(inner, (*above, key))


def at(value: Any, place: Place) -> Any:
    """Return what stands at a place."""
    for key in place:
        value = value[key]
    return value


def put(value: Any, place: Place, new: Any) -> None:
    """Replace what stands at a place."""
    at(value, place[:-1])[place[-1]] = new


def written(place: Place) -> str:
    """Return a place as text."""
    return ".".join(str(key) for key in place)


def _is_checked(main: dict[str, Any], place: Place) -> bool:
    return place[0] != "setting_files" and (place[0] != "studies" or len(place) < 3 or place[1] in main["select"])


def _is_replaced(blocks: dict[str, Any], place: Place) -> bool:
    """Return whether a grid puts other values at a place of a setting."""
    grid = blocks[place[0]].get("grid", {})
    return any(written(place[1:]).startswith(dotted) or dotted.startswith(f"{written(place[1:])}.") for dotted in grid)


def _choose(rng: random.Random, documents: Documents, fits: Callable[[Place, Any], bool]) -> tuple[dict[str, Any], str, Place, Any] | None:
    """Return (document, file, place, what stands there) of something that fits; None if nothing does."""
    found = [(document, file, place) for document, file, place in documents.places() if fits(place, at(document, place))]
    if not found:
        return None
    document, file, place = rng.choice(found)
    return document, file, place, at(document, place)


def _is_scalar(place: Place, value: Any) -> bool:
    return not isinstance(value, (dict, list))


def _is_integer(place: Place, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(place: Place, value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_mapping(place: Place, value: Any) -> bool:
    return isinstance(value, dict)


def _is_word(place: Place, value: Any) -> bool:
    return isinstance(value, str) and not set(TEXTS) & {*map(str, place)}


def _replacing(fits: Callable[[Place, Any], bool], values: tuple[Any, ...], expected: str = MUST_FAIL) -> Mutation:
    """Return a mutation that replaces something by one of the values, which may be functions of what they replace."""

    def mutate(rng: random.Random, documents: Documents) -> Change | None:
        found = _choose(rng, documents, fits)
        if found is None:
            return None
        document, file, place, old = found
        new = rng.choice(values)
        new = new(old) if callable(new) else new
        put(document, place, new)
        return Change(f"{file}: {written(place)} becomes {str(new)[:60]!r} instead of {str(old)[:60]!r}", expected)

    return mutate


def _is_whole(place: Place, value: Any) -> bool:
    """Return whether a number is one that may not be written as 2.0."""
    return _is_integer(place, value) and not set(NUMBERS) & {*map(str, place)}


def _below_zero(place: Place, value: Any) -> bool:
    return _is_number(place, value) and "mean" not in place


def _names_something(place: Place, value: Any) -> bool:
    if not isinstance(value, str) or value in ("all", "null"):
        return False
    last = next((key for key in reversed(place) if isinstance(key, str)), "")
    return last in NAMING or last in ("settings", "learned", "methods", "scores", "plans", "select")


def unknown_key(rng: random.Random, documents: Documents) -> Change | None:
    """Give a block a key that no block has."""
    document, file, place, block = _choose(rng, documents, _is_mapping) or (None, "", (), {})
    if document is None:
        return None
    block["zzz"] = 1
    return Change(f"{file}: {written(place)} gets the unknown key zzz", MUST_FAIL)


def odd_key(rng: random.Random, documents: Documents) -> Change | None:
    """Give a block a key that YAML does not read as text."""
    document, file, place, block = _choose(rng, documents, _is_mapping) or (None, "", (), {})
    if document is None:
        return None
    key = rng.choice([5, 2.5, True, None, date(2024, 1, 31), "", "\u0007"])
    block[key] = deepcopy(rng.choice([1, *block.values()]))
    return Change(f"{file}: {written(place)} gets the key {key!r}", MUST_FAIL)


def repeated_key(rng: random.Random, documents: Documents) -> Change:
    """Write a key twice."""
    file = rng.choice(["main.yaml", *documents.settings])
    lines = dumped(documents.main if file == "main.yaml" else documents.settings[file]).splitlines()
    number = rng.choice([number for number, line in enumerate(lines) if re.match(r" *\w+:", line)])
    key = lines[number].partition(":")[0]
    documents.texts[file] = "\n".join([*lines[:number], f"{key}: null", *lines[number:], ""]).encode()
    return Change(f"{file}: '{lines[number].strip()}' is declared twice", MUST_FAIL)


def missing_key(rng: random.Random, documents: Documents) -> Change:
    """Remove a required key."""
    study = documents.main["studies"][rng.choice(documents.main["select"])]
    roots = [block for blocks in documents.settings.values() for block in blocks.values() if "extends" not in block]
    root = rng.choice(roots)
    chosen = root.get("dataset") in documents.main["datasets"]
    of_recipe = [
        (root["training"], rng.choice(["epochs", "batch_size", "optimizer", "schedule"])),
        (root["training"]["optimizer"], rng.choice(["name", "lr", "weight_decay"])),
    ]
    from_any = [
        (study, rng.choice(["title", "blocks", "methods", "score", "figures", "tables"])),
        (documents.main, rng.choice(["select", "data", "datasets", "download", "damaged_images", "threads", "methods", "studies"])),
        (root, rng.choice([key for key in REQUIRED if key in root and not (chosen and key in CHOSEN)])),
        *(() if chosen else of_recipe),
        (root["estimate"], rng.choice(["epoch_seconds", "device"])),
        *((item, "kind") for item in (*study["figures"].values(), *study["tables"].values())),
    ]
    block, key = rng.choice(from_any)
    del block[key]
    return Change(f"the required key {key} is removed", MUST_FAIL)


def shuffled(rng: random.Random, documents: Documents) -> Change:
    """Write all keys in another order."""

    def mixed(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            rng.shuffle(items)
            return {key: mixed(inner) for key, inner in items}
        return [mixed(inner) for inner in value] if isinstance(value, list) else value

    documents.main = mixed(documents.main)
    documents.settings = {name: mixed(blocks) for name, blocks in documents.settings.items()}
    return Change("all keys in another order", EQUAL)


def shared(rng: random.Random, documents: Documents) -> Change:
    """Write equal blocks once and refer to them by aliases."""
    seen: dict[str, Any] = {}

    def once(value: Any) -> Any:
        if isinstance(value, dict):
            value = {key: once(inner) for key, inner in value.items()}
        if isinstance(value, list):
            value = [once(inner) for inner in value]
        return seen.setdefault(json.dumps(value), value) if isinstance(value, (dict, list)) else value

    documents.main = once(documents.main)
    documents.settings = {name: once(blocks) for name, blocks in documents.settings.items()}
    return Change("equal blocks are aliases", EQUAL)


def bomb(rng: random.Random, documents: Documents) -> Change:
    """Add aliases of aliases, which stand for more than fits anywhere."""
    levels = rng.randint(6, 12)
    as_mapping = rng.random() < 0.5
    names = [f"z{level}" for level in range(levels)]
    lines = [f"{names[0]}: &{names[0]} [lol]"]
    for below, name in pairwise(names):
        inner = ", ".join(f"k{place}: *{below}" if as_mapping else f"*{below}" for place in range(9))
        lines.append(f"{name}: &{name} {'{' if as_mapping else '['}{inner}{'}' if as_mapping else ']'}")
    file = rng.choice(["main.yaml", *documents.settings])
    content = dumped(documents.main if file == "main.yaml" else documents.settings[file])
    documents.texts[file] = "\n".join([*lines, content]).encode()
    return Change(f"{file}: {levels} levels of aliases", MUST_FAIL)


def no_text(rng: random.Random, documents: Documents) -> Change:
    """Replace a file by something that is no YAML mapping."""
    file = rng.choice(["main.yaml", *documents.settings])
    content = dumped(documents.main if file == "main.yaml" else documents.settings[file]).encode()
    what, new = rng.choice(
        [
            ("empty", b""),
            ("binary", bytes(rng.randrange(256) for _ in range(300)) + b"\x00\xff"),
            ("UTF-16", b"\xff\xfe" + content.decode().encode("utf-16-le")),
            ("Latin-1", content + "# caf\u00e9\n".encode("latin-1")),
            ("a list", b"- a\n- b\n"),
            ("one word", b"nothing\n"),
            ("two documents", content + b"---\n" + content),
            ("deeply nested", b"x: " + b"[" * 20_000 + b"]" * 20_000 + b"\n"),
            ("in itself", b"x: &x [*x]\n" + content),
            ("an undefined alias", b"x: *nowhere\n" + content),
            ("a Python object", b"x: !!python/object/apply:os.getcwd []\n" + content),
            ("a wrong date", b"x: 2024-02-31\n" + content),
            ("a key that is a list", b"[a, b]: 1\n" + content),
            ("a half", content[: len(content) // 2].rpartition(b"\n")[0] + b'\n"\n'),
        ]
    )
    documents.texts[file] = new
    return Change(f"{file} is {what}", MUST_FAIL)


def endless_grid(rng: random.Random, documents: Documents) -> Change:
    """Give a setting a grid of very many members, or of members that cannot be told apart."""
    blocks = documents.settings[rng.choice(list(documents.settings))]
    name = rng.choice(list(blocks))
    grid = rng.choice(
        [
            {"training.batch_size": list(range(1, 101)), "training.epochs": list(range(1, 101)), "reference.a.epochs": list(range(1, 101))},
            {f"training.k{key}": list(range(10)) for key in range(12)},
            {"training.batch_size": list(range(1, 5000))},
            {"training.epochs": [16, "16"]},
            {"training.epochs": [16, 16.0]},
            {"training": [1], "training.epochs": [2]},
            {"training..epochs": [16]},
            {"variant": ["paper", "code"]},
            {"description": [LONG]},
            {},
            [1, 2],
            {"training.epochs": 3},
            "training.epochs",
        ]
    )
    blocks[name]["grid"] = grid
    return Change(f"{name}.grid becomes {str(grid)[:60]}", MUST_FAIL)


def long_name(rng: random.Random, documents: Documents) -> Change:
    """Give something that files are named after a name that no file can have."""
    study = documents.main["studies"][documents.main["select"][0]]
    blocks = next(iter(documents.settings.values()))
    name, block = rng.choice(list(blocks.items()))
    recipe = {"epochs": 1, "record_epochs": [1], "seeds": 1, "view": "eval", "shared": False}
    choices: list[tuple[str, dict[str, Any], Any]] = [
        ("a study", documents.main["studies"], study),
        ("a method", documents.main["methods"], {"kind": "erm"}),
        ("a figure", study["figures"], {"kind": "group_learning", "settings": [name]}),
        ("a table", study["tables"], {"kind": "summary"}),
        ("a setting", blocks, {"extends": name}),
        ("a partition", block.setdefault("partitions", {}), {"kind": "groups"}),
        ("a reference", block.setdefault("reference", {}), recipe),
        ("a dataset", documents.main["datasets"], {"reader": "table", "path": "a.csv", "label": "a", "vectors": "a.npy"}),
    ]
    what, parent, content = rng.choice(choices)
    odd = rng.choice([LONG, "../up", "a/b", "Ünicode", "with space", "line\n", ".hidden", ""])
    parent[odd] = deepcopy(content)
    return Change(f"{what} is named {odd[:20]!r}", MUST_FAIL)


def contradiction(rng: random.Random, documents: Documents) -> Change:
    """Make a configuration contradict itself."""
    study = documents.main["studies"][documents.main["select"][0]]
    blocks = next(iter(documents.settings.values()))
    name, block = rng.choice(list(blocks.items()))
    erm = {"kind": "erm"}

    def no_variants() -> None:
        blocks["zzz"] = {**deepcopy(block), "variants": None, "variant": "zzz", "grid": None}

    changes: dict[str, Callable[[], Any]] = {
        "two blocks overlap": lambda: study["blocks"].append(study["blocks"][0][:4] + "999"),
        "a block ends before it begins": lambda: study["blocks"].append("901-900"),
        "a block ends in a line's end": lambda: study["blocks"].append("900-900\n"),
        "the partition groups is another": lambda: block.setdefault("partitions", {}).update(
            groups={"kind": "errors", "reference": "early", "epoch": 1}
        ),
        "a partition is named class": lambda: block.setdefault("partitions", {}).update({"class": {"kind": "groups"}}),
        "a setting extends itself": lambda: block.update(extends=name),
        "a setting extends two": lambda: block.update(extends=[name, name]),
        "variants are a list": lambda: block.update(variants=["paper", "code"]),
        "a variant is a word": lambda: block.update(variants={"paper": "text"}),
        "a variant that is not declared": lambda: block.update(variants={"code": {}}),
        "a variant without variants": no_variants,
        "a setting differs in case only": lambda: blocks.update({name + "A": dict(block), name + "a": dict(block)}),
        "a folder of an unknown dataset": lambda: documents.main["data"].update(digitz="resources"),
        "a table of an undefined variable": lambda: documents.main["datasets"].update(
            zzz={"reader": "table", "path": "$SPURPRUNE_UNDEFINED/a.csv", "label": "a", "vectors": "a.npy"}
        ),
        "equal sparsities": lambda: study["figures"].update(
            zzz={"kind": "general_pruning", "settings": [next(iter(blocks))], "sparsities": ["0.10", "0.100"]}
        ),
        "a sparsity with a line's end": lambda: study["figures"].update(
            zzz={"kind": "general_pruning", "settings": [next(iter(blocks))], "sparsities": ["0.50\n"]}
        ),
        "a sparsity as number": lambda: study["figures"].update(
            zzz={"kind": "general_pruning", "settings": [next(iter(blocks))], "sparsities": [0.1, "0.10"]}
        ),
        "an absurd factor": lambda: study.update(settings=[next(iter(blocks))], plans=["upweight-class-" + "9" * rng.randint(4, 400)]),
        "a plan written in two ways": lambda: study.update(settings=[next(iter(blocks))], plans=["random-0.10", "random-0.100"]),
        "a method grid without tuning": lambda: documents.main["methods"].update(zzz={**erm, "grid": {"training.epochs": [1]}}),
        "a method grid of a million": lambda: documents.main["methods"].update(
            zzz={
                **erm,
                "grid": {f"training.{key}": list(range(1, 101)) for key in ("epochs", "batch_size", "label_smoothing")},
                "tuning": {"blocks": ["900-900"]},
                "by": "accuracy",
            }
        ),
        "clusters from a plan by themselves": lambda: block.setdefault("partitions", {}).update(
            zzz={"kind": "clusters", "from": next(iter(documents.main["methods"])), "plan": "importance-zzz-1"}
        ),
        "candidates compared on a plan by their own recall": lambda: documents.main["methods"].update(
            zzz={
                "kind": "erm",
                "plan": "class_quota-zzz-0.10",
                "grid": {"training.label_smoothing": [0.1]},
                "tuning": {"blocks": ["900-900"]},
                "by": "accuracy",
            }
        ),
        "a method from itself": lambda: documents.main["methods"].update(zzz={"kind": "last_layer", "from": "zzz"}),
        "an overlay named as a second attribute": lambda: block.update(overlay={"name": "line", "attribute": "x\n", "width": 1}),
        "defaults of an unknown key": lambda: documents.main["setting_defaults"].update(zzz=1),
        "defaults of a wrong type": lambda: documents.main["setting_defaults"].update(image_size="large"),
        "a method's recipe of a wrong type": lambda: documents.main["methods"].update(zzz={**erm, "training": {"epochs": "many"}}),
        "a study twice selected": lambda: documents.main["select"].append(documents.main["select"][0]),
        "no study selected": lambda: documents.main["select"].clear(),
        "1,001 blocks": lambda: study.update(blocks=[f"{number % 1000:03d}-{number % 1000:03d}" for number in range(1001)]),
    }
    what = rng.choice(list(changes))
    changes[what]()
    return Change(f"{what} ({name})", MUST_FAIL)


def harmless(rng: random.Random, documents: Documents) -> Change:
    """Make another valid configuration."""
    study = documents.main["studies"][documents.main["select"][0]]
    changes: dict[str, Callable[[], Any]] = {
        "another title": lambda: study.update(title="Ünïcode: a title, with {braces} and 'quotes'"),
        "one more block": lambda: study["blocks"].append("950-950"),
        "more threads": lambda: documents.main.update(threads=64),
        "a folder in the home folder": lambda: documents.main["data"].update(mnist="~/mnist"),
        "an unused method": lambda: documents.main["methods"].update(zzz={"kind": "erm", "training": {"optimizer": {"lr": 0.5}}}),
        "defaults that all settings replace": lambda: documents.main["setting_defaults"].update(keep_models=True),
    }
    what = rng.choice(list(changes))
    changes[what]()
    return Change(what, VALID)


MUTATIONS: tuple[Mutation, ...] = (
    _replacing(_is_scalar, ({"zzz": 1}, ["zzz"], date(2024, 1, 31))),
    _replacing(_is_mapping, (7, "zzz", ["zzz"], True)),
    _replacing(_is_whole, (float, str, lambda old: old + 0.5, True)),
    _replacing(_is_number, (math.nan, math.inf, -math.inf, 1e300, 10**30, 10**400)),
    _replacing(_below_zero, (-1, -0.5)),
    _replacing(_names_something, (lambda old: f"{old}z", lambda old: old.upper() + "Z", "", "../x")),
    _replacing(_is_word, (lambda old: f"{old}\n", lambda old: f"{old}\u0000", lambda old: f"{old}\u200b")),
    _replacing(_is_scalar, (LONG * 10,)),
    _replacing(lambda place, value: isinstance(value, list), (lambda old: list(range(2000)), lambda old: [*old, {"zzz": 1}])),
    _replacing(lambda place, value: True, (None, "", [], {}, 0, 1, "x", True, 0.5), MAY_FAIL),
    unknown_key,
    odd_key,
    repeated_key,
    missing_key,
    shuffled,
    shared,
    bomb,
    no_text,
    endless_grid,
    long_name,
    contradiction,
    harmless,
)
