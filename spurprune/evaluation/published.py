"""The paper's published results (``published.yaml`` next to this file) as typed records, separate from anything measured."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PAPER = "Mulchandani and Kim 2025"
BENCHMARKS = ("waterbirds", "multinli")  # the datasets of Table 1, by their names in the registry
COMPARISONS = {"never": "multinli"}  # sets of values without carriers, with easy and with hard ones; the dataset of each
CARRIERS = ("none", "easiest", "hardest")
OURS = ("erm", "pruning")  # the rows of Table 1 that are not rivals: the paper's own method and its starting point


@dataclass(frozen=True)
class Accuracy:
    """An accuracy in per cent; ``spread`` is the number that the paper prints in brackets after it, None if there is none."""

    printed: str
    value: float
    spread: float | None


@dataclass(frozen=True)
class BenchmarkResult:
    """A method's accuracies on one dataset of Table 1: the worst group's, and the mean weighted by training groups."""

    worst: Accuracy
    mean: Accuracy


@dataclass(frozen=True)
class Method:
    """A row of Table 1: on which splits the method needs group labels, and its results by dataset, where published."""

    key: str
    name: str
    labels_train: bool
    labels_validation: bool
    results: Mapping[str, BenchmarkResult]


@dataclass(frozen=True)
class Original:
    """A method's results by its own authors, not the paper's: worst groups and means by dataset; a mean may be missing.

    Those of the datasets in ``unverified`` have not been looked up where they were published.
    """

    key: str
    name: str
    source: str
    worst: Mapping[str, Accuracy]
    mean: Mapping[str, Accuracy]
    unverified: tuple[str, ...]


@dataclass(frozen=True)
class Value:
    """A single published number in per cent; ``metric`` is named as in the metrics tables, ``source`` is its section or figure."""

    source: str
    dataset: str
    condition: str
    metric: str
    value: float


@dataclass(frozen=True)
class Claim:
    """A statement of the paper without a number, or one read off a curve."""

    source: str
    dataset: str
    claim: str


@dataclass(frozen=True)
class Published:
    """All published results: Table 1 in the paper's order with its ``source``, single values and claims by name.

    ``originals`` are the results of other methods by their own authors, by key.
    """

    source: str
    methods: tuple[Method, ...]
    originals: Mapping[str, Original]
    values: Mapping[str, Value]
    claims: Mapping[str, Claim]


@cache
def published() -> Published:
    """Return the published results."""
    raw = yaml.safe_load(Path(__file__).with_name("published.yaml").read_text(encoding="utf-8"))
    return Published(
        raw["table1"]["source"],
        tuple(_method(key, **fields) for key, fields in raw["table1"]["methods"].items()),
        {key: _original(key, **fields) for key, fields in raw["originals"].items()},
        {name: Value(**fields) for name, fields in raw["values"].items()},
        {name: Claim(**fields) for name, fields in raw["claims"].items()},
    )


def _method(key: str, name: str, group_labels: Mapping[str, bool], **results: Mapping[str, str]) -> Method:
    accuracies = {
        dataset: BenchmarkResult(**{which: _accuracy(printed) for which, printed in result.items()}) for dataset, result in results.items()
    }
    return Method(key, name, group_labels["train"], group_labels["validation"], accuracies)


def _original(key: str, name: str, source: str, unverified: Sequence[str] = (), **results: Mapping[str, str]) -> Original:
    worst, mean = (
        {dataset: _accuracy(printed[which]) for dataset, printed in results.items() if which in printed} for which in ("worst", "mean")
    )
    return Original(key, name, source, worst, mean, tuple(unverified))


def _accuracy(printed: str) -> Accuracy:
    """Parse an accuracy such as "74.81 (0.7)" or "86.7"."""
    found = re.fullmatch(r"([0-9.]+)(?: \(([0-9.]+)\))?", printed)
    if found is None:
        raise ValueError(f"'{printed}' in published.yaml is not an accuracy such as '74.81 (0.7)'")
    value, spread = found.groups()
    return Accuracy(printed, float(value), None if spread is None else float(spread))


def share(accuracy: float) -> float:
    """Return an accuracy in per cent as a share, without spurious digits from the division."""
    return round(accuracy / 100, 6)


def table_1() -> list[dict[str, Any]]:
    """Return Table 1 as plain values, so that the workflow notices every change."""
    return [_plain(method) for method in published().methods]


def _plain(method: Method) -> dict[str, Any]:
    """Return a row of Table 1 as plain values: accuracies by dataset and metric, as shares with their spread and as printed."""
    return {
        "key": method.key,
        "name": method.name,
        "labels_train": method.labels_train,
        "labels_validation": method.labels_validation,
        "results": {
            dataset: {
                metric: {
                    "printed": accuracy.printed,
                    "value": share(accuracy.value),
                    "spread": None if accuracy.spread is None else share(accuracy.spread),
                }
                for metric, accuracy in _by_metric(result).items()
            }
            for dataset, result in method.results.items()
        },
    }


def comparison(name: str) -> list[dict[str, Any]]:
    """Return a comparison's values without carriers, with the easiest and with the hardest, as plain values.

    Each is a mapping with ``name`` ("none", "easiest" or "hardest"), ``metric``, ``value`` (a share in [0, 1]) and ``source``.
    """
    found = {carriers: published().values[f"{name}_{carriers}"] for carriers in CARRIERS}
    return [
        {"name": carriers, "metric": value.metric, "value": share(value.value), "source": f"{PAPER}, {value.source}"}
        for carriers, value in found.items()
    ]


def rivals(dataset: str) -> list[dict[str, Any]]:
    """Return other methods' results on a dataset of Table 1, as mappings like those of ``comparison``; ``name`` is the method's."""
    methods = [method for method in published().methods if method.key not in OURS and dataset in method.results]
    source = f"{PAPER}, {published().source}"
    return [
        {"name": rival.name, "metric": metric, "value": share(accuracy.value), "source": source}
        for rival in methods
        for metric, accuracy in _by_metric(rival.results[dataset]).items()
    ]


def _by_metric(result: BenchmarkResult) -> dict[str, Accuracy]:
    return {"worst_group_accuracy": result.worst, "accuracy_weighted": result.mean}
