"""The input and the result of drawing a figure, as records that all kinds share. Imported for planning, so it does not import pandas."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from spurprune.evaluation.statistics import Estimate, bounded
from spurprune.figures import style
from spurprune.storage.escaping import one_line

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from spurprune.data.analysis import Found
    from spurprune.data.inputs import Manifest, Rows
    from spurprune.data.samples import Samples
    from spurprune.evaluation.choices import Choice
    from spurprune.evaluation.frame import History, Metrics
    from spurprune.evaluation.survival import Survival

OTHERS = "others"  # the target that stands for all classes except the source
MISCLASSIFICATION = "spurious_misclassification"
WORST = "worst_group_accuracy"


@dataclass(frozen=True)
class SettingInfo:
    """What a figure says about a setting.

    ``dataset`` is the folder of its prepared dataset; ``source`` and ``target`` are the probe's classes (the target may be "others"), None
    without a probe; ``carriers`` says in words what carriers show, such as "with line" or "on water", None if the setting has no carriers;
    ``overlay`` is the block of a synthetic feature; ``view`` is the one in which target samples show the feature ("featured" for an
    overlay, "natural" for a feature in the data); ``coordinates`` is the setting's place in its family's grid, by dotted key; ``crop_size``
    is the pixels per side that the network sees, None for whole images.
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
        """Whether spurious misclassification, of target samples with the feature as the source class, is defined."""
        return self.source is not None and self.carriers is not None

    @property
    def tested(self) -> str:
        """The name of the target within a sentence."""
        return "other classes" if self.target == OTHERS else f"class {self.target}"

    @property
    def shown(self) -> str:
        """What carriers show, within a sentence; "with the line" for an overlay."""
        words = self.carriers or ""
        return words.replace("with ", "with the ", 1) if self.overlay is not None and '"' not in words else words

    def axis(self, label: str) -> str:
        """Return an axis label with its placeholders {Tested}, {carriers} and {source} filled in; long names are shortened."""
        tested = "Other classes" if self.target == OTHERS else "Class {target}"
        text = label.replace("{Tested}", tested)
        return style.label(text, target=self.target, carriers=self.carriers, source=self.source)


TESTED_LABEL = "{Tested} {carriers} (%)"
MISCLASSIFIED_LABEL = "{Tested} {carriers}\npredicted as class {source} (%)"  # an axis of spurious misclassification


@dataclass(frozen=True)
class Spec:
    """A figure as configured: its title, its options, its settings by name, its family in grid order, and the methods that it shows."""

    title: str
    options: Mapping[str, Any]
    settings: Mapping[str, SettingInfo]
    family: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("erm",)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Spec":
        """Return the figure described by a plain mapping, as passed by the workflow; its settings are a list of (name, info).

        Line breaks become spaces in texts that are only shown.
        """
        settings = {name: SettingInfo(**info | _shown(info)) for name, info in plain["settings"]}
        return cls(one_line(plain["title"]), dict(plain["options"]), settings, tuple(plain["family"]), tuple(plain["methods"]))

    def titled(self, text: str, method: str) -> str:
        """Return a panel's title, which names the panel's method if the figure shows several."""
        return f"{text} ({method})" if len(self.methods) > 1 else text

    def findings_of(self, sentences: Iterable[str], method: str) -> list[str]:
        """Return the findings in one method's panels, each beginning with the method if the figure shows several."""
        return [f"{method}: {sentence}" if len(self.methods) > 1 else sentence for sentence in sentences]


def _shown(info: Mapping[str, Any]) -> dict[str, str]:
    return {key: one_line(info[key]) for key in ("description", "carriers") if info.get(key) is not None}


@dataclass(frozen=True)
class Ranking:
    """The difficulty of one repeat's training samples, as arrays over the same rows; ``rank_in_class`` 0 = easiest."""

    sample_id: np.ndarray
    rank_in_class: np.ndarray
    score: np.ndarray


def _no_metrics() -> "Metrics":
    from spurprune.evaluation.frame import Metrics  # imported here, since planning does not need pandas

    return Metrics.none()


@dataclass(frozen=True)
class Material:
    """Everything that a figure can be drawn from; what its kind does not read is empty.

    ``history`` holds the histories of runs without pruning, by setting and method; ``samples`` and ``rankings`` are by setting and repeat;
    ``manifests`` and the memory-mapped ``images`` (the datasets' inputs) are by dataset folder. ``tuning`` holds the metrics of tuning runs
    by setting, method entry and candidate; ``choices`` are by setting and method, ``analyses`` by setting, analysis and repeat.
    ``embeddings`` are the files of networks' features, by setting, method and repeat; ``survivals`` say what masks keep.
    """

    metrics: "Metrics" = field(default_factory=_no_metrics)
    history: "Mapping[tuple[str, str], History]" = field(default_factory=dict)
    samples: "Mapping[str, Mapping[int, Samples]]" = field(default_factory=dict)
    rankings: Mapping[str, Mapping[int, Ranking]] = field(default_factory=dict)
    manifests: "Mapping[str, Manifest]" = field(default_factory=dict)
    images: "Mapping[str, Rows]" = field(default_factory=dict)
    tuning: "Mapping[tuple[str, str, str], Metrics]" = field(default_factory=dict)
    choices: "Mapping[tuple[str, str], Choice]" = field(default_factory=dict)
    embeddings: "Mapping[tuple[str, str, int], Path]" = field(default_factory=dict)
    survivals: "Sequence[Survival]" = ()
    analyses: "Mapping[tuple[str, str], Mapping[int, Found]]" = field(default_factory=dict)

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
    """A published value, a share in [0, 1], drawn as a horizontal line; ``name`` is its method or condition."""

    name: str
    metric: str
    value: float
    source: str

    @property
    def label(self) -> str:
        """Its name in the legend."""
        return f"{self.name}, published"

    @property
    def level(self) -> Estimate:
        """The value as an estimate without interval or repeats."""
        return Estimate(self.value, math.nan, math.nan, 0)


def published_lines(spec: Spec) -> list[PublishedLine]:
    """Return the published values that a figure's option ``published`` lists."""
    return [PublishedLine(**one) for one in spec.options.get("published", ())]


@dataclass(frozen=True)
class Drawing:
    """A finished figure: the numbers behind it (dataclasses of one type), the figure, and the findings as sentences."""

    numbers: Sequence[Any]
    figure: "Figure"
    findings: list[str]


def repeats_note(estimates: Iterable[Estimate]) -> str:
    """Return a figure's note on repeats, such as "n = 5 repeats, 95% CI", with a range if the numbers of repeats differ.

    The note says if an interval is on the logit scale, since it would leave 0 to 100%, and if a value is missing.
    """
    shown = list(estimates)
    counts = {e.n for e in shown if e.n}
    if not counts:
        return "nothing measured"
    low, high = min(counts), max(counts)
    number = str(high) if low == high else f"{low}–{high}"
    missing = "" if all(e.n for e in shown) else "; missing values are left out"
    if high == 1:
        return f"n = 1 repeat, no interval{missing}"
    scale = ", near 0 and 100% on the logit scale" if any(bounded(e) is not e for e in shown) else ""
    return f"n = {number} repeats, 95% CI{scale}{missing}"
