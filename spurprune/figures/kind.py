"""The record of a kind of figure or table: its options, what it needs, which files it reads and which runs it makes.

Rules, the configuration's schema and its checks are derived from these records. All of them are loaded whenever the workflow is parsed, so
a kind's module imports nothing slower than numpy; what it draws or computes with is imported on use.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from spurprune.errors import ConfigError
from spurprune.pruning.plan import SPARSITY

Item = Mapping[str, Any]  # the block of a figure or a table in the configuration
Study = Mapping[str, Any]
Schema = Mapping[str, Any]  # a JSON schema

NO_PRUNING = "none"
FILES = (
    *("metrics", "history", "samples", "difficulty", "manifests", "images"),
    *("tuning", "choices", "timings", "embeddings", "masks", "analyses"),
)  # what a kind can read
SETTING_OPTIONS = ("settings", "learned", "baseline", "setting")  # the options that name settings, apart from ``family``

TEXT: Schema = {"type": "string"}
NAMES: Schema = {
    "type": "array",
    "minItems": 1,
    "uniqueItems": True,
    "items": {"type": "string"},
    "x-allowed": "a list of different names, at least one",
}
METHODS: Mapping[str, Schema] = {"methods": NAMES}
SPARSITIES: Schema = {
    "type": "array",
    "minItems": 1,
    "uniqueItems": True,
    "x-allowed": "a list of different sparsities, at least one",
    "items": {
        "type": "string",
        "pattern": SPARSITY,
        "x-allowed": 'a quoted number in [0, 1) with two to four decimals, the third and fourth without zeros at the end, such as "0.10"',
    },
}
ORDERS: Schema = {
    "type": "array",
    "minItems": 1,
    "uniqueItems": True,
    "items": {"enum": ["hardest", "easiest", "random"]},
    "x-allowed": "a list of different orders (hardest, easiest, random), at least one",
}


class Configuration(Protocol):
    """What a record can look up in the validated configuration."""

    @property
    def settings(self) -> Mapping[str, Mapping[str, Any]]:
        """Every setting's complete block."""

    @property
    def families(self) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
        """Every family's members with their coordinates."""

    @property
    def methods(self) -> Mapping[str, Mapping[str, Any]]:
        """Every method's complete entry."""

    @property
    def datasets(self) -> Mapping[str, Any]:
        """What is known about every dataset; ``kind`` says what its samples are."""

    def family(self, name: str) -> list[str]:
        """Return the names of a family's members."""

    def coordinates(self, setting: str) -> dict[str, Any]:
        """Return a setting's coordinates on its family's grid."""


def every_member(item: Item, config: Configuration) -> list[str]:
    """Return all members of the item's family."""
    return config.family(item["family"])


def unpruned(item: Item, study: Study) -> list[str]:
    """Return the only plan: no pruning."""
    return [NO_PRUNING]


def nothing(item: Item, study: Study) -> list[str]:
    """Return no plans or scores."""
    return []


def own_score(item: Item, study: Study) -> list[str]:
    """Return the score that the item names, or else its study's."""
    return [item.get("score", study["score"])]


def every_block(item: Item, study: Study) -> list[str]:
    """Return the study's blocks."""
    return list(study["blocks"])


def every_setting(item: Item, settings: Sequence[str]) -> list[str]:
    """Return all settings that the item shows."""
    return list(settings)


def nothing_published(item: Item) -> dict[str, Any]:
    """Return no published values."""
    return {}


def nothing_described(item: Item, study: Study, config: Configuration) -> dict[str, Any]:
    """Return nothing of the configuration."""
    return {}


def nothing_timed(item: Item, study: Study, config: Configuration) -> list[str]:
    """Return no files of times."""
    return []


def always_fine(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Accept the item."""


def no_analyses(item: Item) -> list[str]:
    """Return no analyses."""
    return []


Runs = list[tuple[str, str, str, str]]  # (setting, method, plan, block)


@dataclass(frozen=True)
class Kind:
    """A kind of figure or table.

    ``description`` is one sentence on what it shows and where the paper shows it. ``reads`` names its input files (see ``FILES``).
    ``required`` and ``optional`` map its options to their JSON schemas; an option has the same schema in all kinds. ``needs`` names what
    every setting shown must have: "probe", "carriers", "aligned", "images". ``sweeps`` lists endings of coordinates, of which a family's
    grid must vary exactly one; what else it varies is drawn as ``several_lines``, or else must not vary.

    The functions say, for one item of the configuration, which of its family's ``members`` it shows, which ``plans`` it compares within
    each setting, for which ``scores`` and ``blocks`` it shows difficulty itself, which settings' histories it reads (``watched``), which
    training jobs' times (``timed``, paths below the results folder), which published values it shows (``published``) and what else it is to
    know of the configuration (``described``); ``check`` raises ConfigError for mistakes that no schema can find. By default, an item runs
    every setting with every method on every plan; ``runs_of`` replaces that. A kind that ``shows_all_runs`` makes none and shows those of
    the study's other items. Of the histories, those of the split ``course`` are drawn, which recipes must record if they record any epochs.
    ``shown_analyses`` names the analyses that it reads of each of its settings.
    """

    description: str
    reads: tuple[str, ...]
    required: Mapping[str, Schema] = field(default_factory=dict)
    optional: Mapping[str, Schema] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    sweeps: tuple[str, ...] = ()
    several_lines: bool = False
    members: Callable[[Item, Configuration], list[str]] = every_member
    plans: Callable[[Item, Study], list[str]] = unpruned
    scores: Callable[[Item, Study], list[str]] = nothing
    blocks: Callable[[Item, Study], list[str]] = every_block
    watched: Callable[[Item, Sequence[str]], list[str]] = every_setting
    timed: Callable[[Item, Study, Configuration], list[str]] = nothing_timed
    published: Callable[[Item], dict[str, Any]] = nothing_published
    check: Callable[[str, Item, Study, Configuration], None] = always_fine
    runs_of: Callable[[Item, Study, Configuration], Runs] | None = None
    described: Callable[[Item, Study, Configuration], dict[str, Any]] = nothing_described
    shows_all_runs: bool = False
    course: str | None = None
    shown_analyses: Callable[[Item], list[str]] = no_analyses

    @property
    def options(self) -> dict[str, Schema]:
        """All options, required ones first."""
        return {**self.required, **self.optional}

    def family(self, item: Item, config: Configuration) -> list[str]:
        """Return the members of an item's family that it shows, in grid order; none without a family."""
        return self.members(item, config) if "family" in item else []

    def settings(self, item: Item, config: Configuration) -> list[str]:
        """Return the settings that an item shows, including its family's members, each once."""
        return list(dict.fromkeys([*self.family(item, config), *named_settings(item)]))

    def methods(self, item: Item, study: Study) -> list[str]:
        """Return the methods that an item shows: its own, or else its study's; none if the kind does not take any."""
        return list(item.get("methods", study["methods"])) if "methods" in self.optional else []

    def runs(self, item: Item, study: Study, config: Configuration) -> Runs:
        """Return the runs that an item makes, each (setting, method, plan, block), in a fixed order."""
        if self.shows_all_runs:
            return []
        if self.runs_of is not None:
            return self.runs_of(item, study, config)
        return [
            (setting, method, plan, block)
            for setting in self.settings(item, config)
            for method in self.methods(item, study)
            for plan in self.plans(item, study)
            for block in study["blocks"]
        ]

    def difficulties(self, item: Item, study: Study, config: Configuration) -> list[tuple[str, str, str]]:
        """Return the difficulty files that an item itself shows, not those its runs were pruned by, each (setting, score, block)."""
        return [
            (setting, score, block)
            for setting in self.settings(item, config)
            for score in self.scores(item, study)
            for block in self.blocks(item, study)
        ]

    def analyses(self, item: Item, study: Study, config: Configuration) -> list[tuple[str, str, str]]:
        """Return the files of analyses that an item shows, each (setting, analysis, block)."""
        return [
            (setting, analysis, block)
            for setting in self.settings(item, config)
            for analysis in self.shown_analyses(item)
            for block in self.blocks(item, study)
        ]


def named_settings(item: Item) -> list[str]:
    """Return the settings that an item names directly, singly or in lists."""
    found: list[str] = []
    for option in SETTING_OPTIONS:
        value = item.get(option, [])
        found.extend([value] if isinstance(value, str) else value)
    return found


def require_dataset(key: str, setting: str, dataset: str, config: Configuration) -> None:
    """Raise ConfigError unless a setting has the dataset of the published values that it is shown with."""
    found = config.settings[setting]["dataset"]
    if found != dataset:
        raise ConfigError(
            f"{key}: '{setting}' is a setting of '{found}', but the published values are of '{dataset}'; name one of the latter."
        )


def repeats_of(block: str) -> range:
    """Return the repeats of a block such as "000-004"."""
    first, last = block.split("-")
    return range(int(first), int(last) + 1)
