"""What a figure is drawn from and what it comes to: records that every figure module shares. Light: the workflow imports it to plan."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from spurprune.evaluation.statistics import Estimate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from spurprune.data.inputs import Manifest
    from spurprune.data.samples import Samples
    from spurprune.evaluation.frame import History, Metrics

OTHERS = "others"  # the target that stands for all classes but the source


@dataclass(frozen=True)
class SettingInfo:
    """What a figure says of a setting.

    ``dataset`` is the folder of its prepared dataset; ``source`` and ``target`` are the probe's classes (the target may be "others"), None
    without a probe; ``carriers`` says in words what carriers show, such as "with line" or "on water", None where the setting knows no
    carriers; ``overlay`` is the block of a synthetic feature; ``view`` the one in which target samples show the feature ("featured" where
    it is laid over them, "natural" where the data come with it); ``coordinates`` the setting's place in its family's grid, by dotted key;
    ``crop_size`` the pixels per side that the network sees, None for whole images.
    """

    description: str
    dataset: str
    source: str | None = None
    target: str | None = None
    carriers: str | None = None
    overlay: Mapping[str, Any] | None = None
    view: str = "natural"
    coordinates: Mapping[str, Any] = field(default_factory=dict)
    crop_size: int | None = None

    @property
    def is_probed(self) -> bool:
        """Whether it can be told how often target samples with the feature are taken for the source class."""
        return self.source is not None and self.carriers is not None

    @property
    def tested(self) -> str:
        """What the target is called within a sentence."""
        return "other classes" if self.target == OTHERS else f"class {self.target}"

    @property
    def shown(self) -> str:
        """What carriers show, within a sentence: "with the line" of an overlay."""
        words = self.carriers or ""
        return words.replace("with ", "with the ", 1) if self.overlay is not None and '"' not in words else words

    def axis(self, label: str) -> str:
        """Return an axis' label with its placeholders filled in: {Tested}, {carriers} and {source}."""
        tested = self.tested
        return label.format(Tested=tested[0].upper() + tested[1:], carriers=self.carriers, source=self.source)


TESTED_LABEL = "{Tested} {carriers} (%)"
TAKEN_LABEL = "{Tested} {carriers}\ntaken for class {source} (%)"  # an axis of spurious misclassification


@dataclass(frozen=True)
class Spec:
    """A figure as the configuration asks for it.

    Its title, its own options, the settings that it draws by name, its family in grid order, and the methods whose runs it draws.
    """

    title: str
    options: Mapping[str, Any]
    settings: Mapping[str, SettingInfo]
    family: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("erm",)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Spec":
        """Return the figure that a plain mapping, as the workflow passes it, describes; its settings are a list of (name, info)."""
        settings = {name: SettingInfo(**info) for name, info in plain["settings"]}
        return cls(plain["title"], dict(plain["options"]), settings, tuple(plain["family"]), tuple(plain["methods"]))

    def titled(self, text: str, method: str) -> str:
        """Return a panel's title; where the figure shows several methods, it ends with the panel's own."""
        return f"{text} ({method})" if len(self.methods) > 1 else text

    def said(self, sentences: Iterable[str], method: str) -> list[str]:
        """Return what is seen in one method's panels; where the figure shows several methods, each sentence begins with its own."""
        return [f"{method}: {sentence}" if len(self.methods) > 1 else sentence for sentence in sentences]


@dataclass(frozen=True)
class Ranking:
    """One repeat's training samples by difficulty, as arrays over the same rows; ``rank_in_class`` 0 = easiest."""

    sample_id: np.ndarray
    rank_in_class: np.ndarray
    score: np.ndarray


def _no_metrics() -> "Metrics":
    from spurprune.evaluation.frame import Metrics  # pandas takes a third of a second, which planning does without

    return Metrics.none()


@dataclass(frozen=True)
class Material:
    """All that a figure may be drawn from; what its kind does not ask for is empty.

    ``history`` holds those of runs without pruning by setting and method; ``samples`` and ``rankings`` are by setting and repeat;
    ``manifests`` and the memory-mapped ``images`` (the datasets' inputs) are by dataset folder.
    """

    metrics: "Metrics" = field(default_factory=_no_metrics)
    history: "Mapping[tuple[str, str], History]" = field(default_factory=dict)
    samples: "Mapping[str, Mapping[int, Samples]]" = field(default_factory=dict)
    rankings: Mapping[str, Mapping[int, Ranking]] = field(default_factory=dict)
    manifests: "Mapping[str, Manifest]" = field(default_factory=dict)
    images: Mapping[str, np.ndarray] = field(default_factory=dict)

    def unpruned(self, metric: str, setting: str, method: str) -> "pd.Series":
        """Return a metric of a setting's run without pruning, by repeat."""
        return self.metrics.values(metric, setting=setting, method=method, plan="none")

    def labels(self, info: SettingInfo) -> tuple[int, list[int]]:
        """Return the probe's source label and its target labels; raises DataError if the dataset lacks one of the classes."""
        manifest = self.manifests[info.dataset]
        source = manifest.class_index(str(info.source))
        if info.target == OTHERS:
            return source, [label for label in range(manifest.num_classes) if label != source]
        return source, [manifest.class_index(str(info.target))]


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


def repeats_note(estimates: Iterable[Estimate]) -> str:
    """Return what a figure says of its repeats, such as "n = 5 repeats, 95% CI"; a range where the estimates differ in their number.

    Axes of shares end at 0 and 100%, so it says so where an interval continues beyond.
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
