"""What a figure is drawn from and what it comes to: records that every figure module shares."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from spurprune.data.inputs import Manifest
from spurprune.data.samples import ATTRIBUTE_VALUES, Samples
from spurprune.evaluation.statistics import Estimate, estimate, paired_difference
from spurprune.storage.tables import to_numpy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNKNOWN = Estimate(math.nan, math.nan, math.nan, 0)  # of what was not measured
TAKEN_LABEL = "Class {target} with {attribute}\ntaken for class {source} (%)"  # an axis of spurious misclassification


@dataclass(frozen=True)
class SettingInfo:
    """What a figure says of a setting.

    ``dataset`` is the folder of its prepared dataset; ``view`` the one in which target samples show the feature ("featured" where it is
    laid over them, "natural" where the data come with it); ``feature`` the block of a synthetic feature; ``coordinates`` the setting's
    place in its family's grid, by dotted key; ``crop_size`` the pixels a side that the network sees, None for whole images.
    """

    description: str
    source_class: str
    target_class: str
    attribute: str
    dataset: str
    view: str
    feature: Mapping[str, Any] | None = None
    coordinates: Mapping[str, Any] = field(default_factory=dict)
    crop_size: int | None = None


@dataclass(frozen=True)
class Spec:
    """A figure as the configuration asks for it: its title, its own options, the settings it draws by name, its family in grid order."""

    title: str
    options: Mapping[str, Any]
    settings: Mapping[str, SettingInfo]
    family: tuple[str, ...] = ()

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Spec":
        """Return the figure that a plain mapping, as the workflow passes it, describes; its settings are a list of (name, info)."""
        settings = {name: SettingInfo(**info) for name, info in plain["settings"]}
        return cls(plain["title"], dict(plain["options"]), settings, tuple(plain["family"]))


class MetricKey(NamedTuple):
    """Names one test metric of one run."""

    setting: str
    plan: str
    metric: str


Metrics = Mapping[MetricKey, Mapping[int, float]]  # the value of every repeat; NaN where the metric does not exist


@dataclass(frozen=True)
class Ranking:
    """One repeat's training samples by difficulty, as arrays over the same rows; ``rank_in_class`` 0 = easiest."""

    sample_id: np.ndarray
    rank_in_class: np.ndarray
    score: np.ndarray


@dataclass(frozen=True)
class Material:
    """All that a figure may be drawn from; what its kind does not ask for is empty.

    ``history`` holds tables of schema ``schemas.HISTORY`` by setting, of runs without pruning; ``samples`` and ``rankings`` are by setting
    and repeat; ``manifests`` and the memory-mapped ``images`` (the datasets' inputs) are by dataset folder.
    """

    metrics: Metrics = field(default_factory=dict)
    history: Mapping[str, pa.Table] = field(default_factory=dict)
    samples: Mapping[str, Mapping[int, Samples]] = field(default_factory=dict)
    rankings: Mapping[str, Mapping[int, Ranking]] = field(default_factory=dict)
    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    images: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedLine:
    """A published value, drawn as a horizontal line: a share in [0, 1], with its source; ``name`` says whose or what it is."""

    name: str
    metric: str
    value: float
    source: str

    @property
    def label(self) -> str:
        """What the legend calls it."""
        return f"{self.name}, published"

    @property
    def level(self) -> Estimate:
        """The value as an estimate without interval or repeats."""
        return Estimate(self.value, math.nan, math.nan, 0)


@dataclass(frozen=True)
class Drawing:
    """A finished figure: the rows behind it (dataclasses of one kind), the figure, what is seen in it as sentences."""

    numbers: Sequence[Any]
    figure: "Figure"
    findings: list[str]


def index_metrics(table: pa.Table, split: str = "test") -> dict[MetricKey, dict[int, float]]:
    """Return the metrics of whole splits in a table of schema ``schemas.METRICS``; those of single groups are left out."""
    rows = table.filter(pa.array((to_numpy(table.column("split")) == split) & to_numpy(table.column("group").is_null())))
    index: dict[MetricKey, dict[int, float]] = {}
    columns = ("setting", "plan", "metric", "repeat", "value")
    for setting, plan, metric, repeat, value in zip(*(rows.column(name).to_pylist() for name in columns), strict=True):
        index.setdefault(MetricKey(setting, plan, metric), {})[repeat] = np.nan if value is None else value
    return index


def mean_of(values: Mapping[int, float]) -> Estimate:
    """Return the mean over repeats of values by repeat, with its 95% interval."""
    return estimate(np.array(list(values.values()), dtype=np.float64))


def difference_of(values: Mapping[int, float], reference: Mapping[int, float]) -> Estimate:
    """Return the mean paired difference of values to a reference, both by repeat, with its 95% interval."""
    return paired_difference(dict(values), dict(reference))


def group_label(class_label: int, with_feature: bool) -> int:
    """Return the group number of a class's samples with or without the feature (see ``samples.group_of``)."""
    return class_label * ATTRIBUTE_VALUES + int(with_feature)


def shares_over_epochs(history: pa.Table, split: str, view: str, group: int, count: str) -> dict[int, dict[int, float]]:
    """Return the share ``count`` / n of one group after every recorded epoch, by epoch and repeat; ``count`` is a column's name."""
    wanted = {"split": split, "view": view, "group": group}
    rows = history.filter(pa.array(np.all([to_numpy(history.column(name)) == value for name, value in wanted.items()], axis=0)))
    shares: dict[int, dict[int, float]] = {}
    for epoch, repeat, part, n in zip(*(rows.column(name).to_pylist() for name in ("epoch", "repeat", count, "n")), strict=True):
        shares.setdefault(epoch, {})[repeat] = part / n
    return dict(sorted(shares.items()))


def repeats_note(estimates: Iterable[Estimate]) -> str:
    """Return what a figure says of its repeats, such as "n = 5 repeats, 95% CI"; a range where the estimates differ in their number.

    Axes of shares end at 0 and 100%, so it says so where an interval goes on beyond.
    """
    shown = list(estimates)
    counts = {e.n for e in shown if e.n}
    if not counts:
        return "nothing measured"
    low, high = min(counts), max(counts)
    number = str(high) if low == high else f"{low}–{high}"
    if high == 1:
        return "n = 1 repeat, no interval"
    cut = ", cut at 0 and 100%" if any(e.low < 0 or e.high > 1 for e in shown) else ""
    return f"n = {number} repeats, 95% CI{cut}"
