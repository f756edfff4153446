"""MultiNLI 1.0 (Williams, Nangia and Bowman 2018): pairs of sentences, tokenised once, with the attribute "negation".

Splits and attribute are those of Sagawa et al. 2020 (group DRO, ``dataset_scripts/generate_multinli.py``): the three files joined, divided
50/20/30, and the second sentence searched for negation words. Their division is not seeded, so it needs their file metadata_random.csv.
"""

import csv
import json
import string
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from spurprune import seeds
from spurprune.data import tokens
from spurprune.data.formats import lists
from spurprune.data.grouping import WITHOUT_WITH, Attribute, Grouping
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.storage.columns import labels
from spurprune.storage.regular import require_regular
from spurprune.storage.words import SPLITS

CLASSES = ("contradiction", "entailment", "neutral")  # the order of labels in group DRO's code; Hugging Face's is another
ATTRIBUTES = (Attribute.of("negation", WITHOUT_WITH),)  # whether a negation word is in the second sentence
GROUPING = Grouping(CLASSES, ATTRIBUTES)
HUGGING_FACE = ("entailment", "neutral", "contradiction")
UNDECIDED = "-"  # the gold label of pairs whose annotators did not agree
PARTS = ("train", "dev_matched", "dev_mismatched")  # in the order in which they are joined
ROWS = {"train": 392_702, "dev_matched": 10_000, "dev_mismatched": 10_000}  # of the release
DECIDED = {  # pairs per class, in the order of CLASSES
    "train": (130_903, 130_899, 130_900),
    "dev_matched": (3_213, 3_479, 3_123),
    "dev_mismatched": (3_240, 3_463, 3_129),
}
SHARES = {"validation": 0.2, "test": 0.3}  # of all rows; the rest trains
NEGATIONS = frozenset({"nobody", "no", "never", "nothing"})  # Sagawa et al. 2020, after Gururangan et al. 2018
# Pairs per group, by class without and with negation, by the division of metadata_random.csv; their sums are those of the release.
GROUPS = {
    "train": (57_498, 11_158, 67_376, 1_521, 66_630, 1_992),
    "validation": (22_814, 4_634, 26_949, 613, 26_655, 797),
    "test": (34_597, 6_655, 40_496, 886, 39_930, 1_148),
}
METADATA = "metadata_random.csv"
TOKENIZER = "google-bert/bert-base-uncased"  # if the dataset's folder holds no tokenizer
SHORTEST = 8  # tokens per pair; fewer leave next to nothing of the sentences


@dataclass(frozen=True)
class Pairs:
    """All rows of the existing files, joined; ``part`` and ``line`` (from 0) locate each; ``label`` is -1 where undecided."""

    part: list[str]
    line: list[int]
    pair_id: list[str]
    first: list[str]
    second: list[str]
    label: np.ndarray

    def key(self, row: int) -> str:
        """Return a row's location in the release, such as "dev_matched[17] 63735n"."""
        return f"{self.part[row]}[{self.line[row]}] {self.pair_id[row]}"


def read(source: Path | None, image_size: int) -> RawDataset:
    """Read those of the release's jsonl files that are in ``source`` as pairs of at most ``image_size`` tokens.

    Tokens come from ``source``/tokenizer/tokenizer.json, or else from BERT's (``TOKENIZER``) on Hugging Face's hub. Samples are the pairs
    with a gold label, in the files' order; the splits are those of ``source``/metadata_random.csv if it exists, else our own. An
    incomplete release is read with a warning. Raises DataError if there are no files, if one is damaged or codes classes differently, if
    the complete release does not have its published counts, or if metadata_random.csv does not belong to the files.
    """
    folder = Path(source or ".")
    if image_size < SHORTEST:
        raise DataError(f"MultiNLI's image_size, the number of tokens per pair, is {image_size}, but must be at least {SHORTEST}.")
    pairs = _read_parts(folder)
    whole = _is_whole(pairs, folder)
    decided = np.flatnonzero(pairs.label >= 0)
    negation = np.array([has_negation(sentence) for sentence in pairs.second], dtype=np.int16)
    split, division = _division(pairs, negation, whole, folder)
    group = GROUPING.numbers(pairs.label, {"negation": negation})
    official = whole and (folder / METADATA).is_file()
    if whole:
        _require_counts(split[decided], group[decided], official, folder)
    own = folder / "tokenizer"
    name = str(own) if own.is_dir() else TOKENIZER
    tokenizer = tokens.load(name)
    log.info("MultiNLI from %s, %d pairs, %s; tokens by %s", folder, len(decided), division, name)
    inputs = tokens.encode(tokenizer, [pairs.first[row] for row in decided], [pairs.second[row] for row in decided], image_size)
    base = pa.table(
        {
            "sample_id": np.arange(len(decided), dtype=np.int64),
            "split": labels(split[decided], SPLITS),
            "label": pairs.label[decided].astype(np.int16),
            "attribute_negation": negation[decided],
            "key": [pairs.key(row) for row in decided.tolist()],
        }
    )
    found = {one: int((split[decided] == one).sum()) for one in SPLITS}
    vocabulary = tokens.fingerprint(tokenizer)
    return RawDataset(
        inputs,
        base,
        CLASSES,
        {one: sum(GROUPS[one]) for one in SPLITS} if official else found,
        f"MultiNLI 1.0 (Williams, Nangia and Bowman 2018){'' if whole else ', not whole'}; {division}; "
        f"tokens by {'its own tokenizer' if own.is_dir() else TOKENIZER}, at most {image_size} per pair",
        "as stated in the release: OANC's, CC BY-SA 3.0, CC BY 3.0, by genre",
        ATTRIBUTES,
        vocabulary,
    )


def has_negation(sentence: str) -> bool:
    """Return whether a sentence has a negation word, by group DRO's rule: without punctuation, in lower case, split at spaces."""
    return not NEGATIONS.isdisjoint(sentence.translate(_NO_PUNCTUATION).lower().split(" "))


_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _read_parts(folder: Path) -> Pairs:
    paths = {part: folder / f"multinli_1.0_{part}.jsonl" for part in PARTS}
    for path in paths.values():
        require_regular(path)
    found = {part: path for part, path in paths.items() if path.is_file()}
    if not found:
        raise DataError(
            f"MultiNLI is not at {folder}: place {', '.join(path.name for path in paths.values())} there, or set data.multinli to the "
            "folder that holds them."
        )
    pairs = Pairs([], [], [], [], [], np.empty(0, dtype=np.int64))
    label: list[int] = []
    for part, path in found.items():
        for line, fields in enumerate(_lines(path)):
            pairs.part.append(part)
            pairs.line.append(line)
            pairs.pair_id.append(fields["pairID"])
            pairs.first.append(fields["sentence1"])
            pairs.second.append(fields["sentence2"])
            label.append(CLASSES.index(fields["gold_label"]) if fields["gold_label"] != UNDECIDED else -1)
    return Pairs(pairs.part, pairs.line, pairs.pair_id, pairs.first, pairs.second, np.array(label, dtype=np.int64))


def _lines(path: Path) -> Iterator[Mapping[str, str]]:
    """Yield the rows of a file, each checked; raises DataError naming file and line."""
    with lists.reading(path) as stream:
        for number, line in enumerate(stream, 1):
            yield _checked(json.loads(line), f"{path}, line {number},")


def _checked(fields: object, where: str) -> Mapping[str, str]:
    if not isinstance(fields, dict):
        raise DataError(f"{where} is not a row of MultiNLI; use an original copy.")
    for name in ("gold_label", "sentence1", "sentence2", "pairID"):
        if not isinstance(fields.get(name), str) or not lists.is_text(fields[name]):
            raise DataError(
                f"{where} has no text '{name}'; use the release's own jsonl files, since copies with numbered labels may order the "
                "classes differently."
            )
    if fields["gold_label"] not in (*CLASSES, UNDECIDED):
        raise DataError(
            f"{where} has the gold label '{fields['gold_label']}', but it must be one of {', '.join(CLASSES)} and '{UNDECIDED}'; use an "
            "original copy."
        )
    return fields


def _is_whole(pairs: Pairs, folder: Path) -> bool:
    """Return whether the rows are those of the release, with a warning that names the difference if they are not."""
    rows = Counter(pairs.part)
    if all(rows[part] == ROWS[part] for part in PARTS):
        for part in PARTS:
            of_part = pairs.label[np.array(pairs.part) == part]
            found = tuple(np.bincount(of_part[of_part >= 0], minlength=len(CLASSES)).tolist())
            if found != DECIDED[part]:
                raise DataError(
                    f"{folder}/multinli_1.0_{part}.jsonl holds {found} pairs of {', '.join(CLASSES)}, but the release {DECIDED[part]}; "
                    "use an original copy."
                )
        return True
    differing = ", ".join(f"{part} {rows[part]:,} rows instead of {ROWS[part]:,}" for part in PARTS if rows[part] != ROWS[part])
    log.warning("MultiNLI at %s is incomplete: %s", folder, differing)
    return False


def _division(pairs: Pairs, negation: np.ndarray, whole: bool, folder: Path) -> tuple[np.ndarray, str]:
    """Return (every row's split, str [N], empty where undecided; a description of the division)."""
    path = folder / METADATA
    require_regular(path)
    if not path.is_file():
        return _own_division(len(pairs.label)), "divided 50/20/30 by spurprune's seed"
    if not whole:
        raise DataError(f"{path} divides the whole release, but the jsonl files beside it are incomplete; complete them or remove it.")
    return _their_division(pairs, negation, path), f"divided by {METADATA} of group DRO"


def _own_division(n: int) -> np.ndarray:
    """Return the split of every row of the joined files, by a fixed seed, before undecided rows are dropped."""
    order = seeds.generator(seeds.SPLIT, "multinli").permutation(n)
    split = np.full(n, "train", dtype=object)
    start = 0
    for name, share in SHARES.items():
        stop = start + round(share * n)
        split[order[start:stop]] = name
        start = stop
    return split


def _their_division(pairs: Pairs, negation: np.ndarray, path: Path) -> np.ndarray:
    row, label, negated, split = _metadata(path)
    if not np.array_equal(row, np.flatnonzero(pairs.label >= 0)):
        raise DataError(f"{path} lists other rows than those of the jsonl files that have a gold label; use the files that it belongs to.")
    _require_label_order(label, pairs.label[row], path)
    if (negated != negation[row]).any():
        wrong = int(row[np.flatnonzero(negated != negation[row])[0]])
        raise DataError(
            f"{path} and the negation words {', '.join(sorted(NEGATIONS))} disagree on {pairs.key(wrong)}; place the files that "
            "belong together."
        )
    result = np.full(len(pairs.label), "", dtype=object)
    result[row] = np.array(SPLITS, dtype=object)[split]
    return result


def _metadata(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (row of the joined files, gold label, negation, split), int64 each, of metadata_random.csv's lines by row."""
    values = {"True": 1, "False": 0}
    names = ("gold_label", "sentence2_has_negation", "split")
    with lists.reading(path) as stream:
        lines = list(csv.reader(stream))
    try:
        places = [0, *(lines[0].index(name) for name in names)]  # the first column is pandas' index, without a name
        table = np.array(
            [[values[line[place]] if line[place] in values else int(line[place]) for place in places] for line in lines[1:]], dtype=np.int64
        )
        row, label, negated, split = table[np.argsort(table[:, 0])].T
    except (ValueError, IndexError, OverflowError):
        raise DataError(f"{path} is damaged, or its columns are not an index, {', '.join(names)}; use an original copy.") from None
    for name, column, count in zip(names, (label, negated, split), (len(CLASSES), 2, len(SPLITS)), strict=True):
        if not ((column >= 0) & (column < count)).all():
            raise DataError(f"{path} holds a {name} that is not one of 0 to {count - 1}; use an original copy.")
    return row, label, negated, split


def _require_label_order(theirs: np.ndarray, ours: np.ndarray, path: Path) -> None:
    """Raise DataError unless the numbers of metadata_random.csv are the positions in CLASSES of the gold labels' words."""
    if np.array_equal(theirs, ours):
        return
    expected = ", ".join(f"{i} {name}" for i, name in enumerate(CLASSES))
    if np.array_equal(theirs, np.array([HUGGING_FACE.index(name) for name in CLASSES])[ours]):
        order = ", ".join(f"{i} {name}" for i, name in enumerate(HUGGING_FACE))
        raise DataError(f"{path} codes the classes in Hugging Face's order ({order}) instead of {expected}; use group DRO's own file.")
    wrong = int(np.flatnonzero(theirs != ours)[0])
    raise DataError(
        f"{path} gives gold label {theirs[wrong]} where the jsonl files say '{CLASSES[ours[wrong]]}' (the order must be {expected}); place "
        "the files that belong together."
    )


def _require_counts(split: np.ndarray, group: np.ndarray, official: bool, folder: Path) -> None:
    """Raise DataError unless the whole release has its published number of pairs per group, by split if the division is group DRO's."""
    expected = {name: np.array(counts) for name, counts in GROUPS.items()}
    found = {name: np.bincount(group[split == name], minlength=GROUPING.num_groups) for name in SPLITS}
    if not official:
        expected, found = {"all": sum(expected.values(), np.zeros(6, dtype=int))}, {"all": sum(found.values(), np.zeros(6, dtype=int))}
    for name, counts in expected.items():
        if not np.array_equal(found[name], counts):
            raise DataError(
                f"{folder} holds {found[name].tolist()} pairs per group ({name}), but the release {counts.tolist()}; use original copies."
            )
