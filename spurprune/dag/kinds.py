"""The configuration's schema and checks of figures and tables, derived from the records of their kinds.

``spurprune.figures.kind`` describes the records.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from spurprune.config import methods
from spurprune.config.known import guess, require_known
from spurprune.config.merging import merge
from spurprune.dag import plugins
from spurprune.errors import ConfigError, PlanError
from spurprune.figures.kind import Configuration, Item, Kind, Schema, Study, named_settings
from spurprune.pruning import plan as plans

# What a kind may need of a setting: a test of the setting's block, words for a failed test, and what the kind needs it for.
NEEDS: Mapping[str, tuple[Callable[[Mapping[str, Any]], bool], str, str]] = {
    "probe": (lambda block: block["probe"] is not None, "no probe", "shows how often one class is mistaken for another"),
    "carriers": (lambda block: block["carriers"]["choose"] != "none", "no known carriers", "shows them"),
    "aligned": (lambda block: bool(block["aligned"]), "no aligned groups", "prunes within them"),
}

MOST_RUNS = 100_000  # of a figure, a table or a study's combinations


@cache
def figure_kinds() -> Mapping[str, Kind]:
    """Return the records of all kinds of figures, by name."""
    return _kinds("figures")


@cache
def table_kinds() -> Mapping[str, Kind]:
    """Return the records of all kinds of tables, by name."""
    return _kinds("tables")


def _kinds(section: str) -> dict[str, Kind]:
    return {name: plugins.load(section, name).KIND for name in plugins.names(section)}


def kind_of(item: Item) -> Kind:
    """Return the record of an item's kind; figures and tables share no kind names."""
    return {**figure_kinds(), **table_kinds()}[item["kind"]]


def schema_of(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return the JSON schema of a figure or table of one of these kinds.

    ``check``, whose messages are clearer, verifies which options go with which kind. Raises ValueError if two kinds declare an option
    differently.
    """
    options: dict[str, Schema] = {}
    for name, kind in kinds.items():
        for option, schema in kind.options.items():
            if options.setdefault(option, schema) != schema:
                raise ValueError(f"{name}: the option '{option}' is declared differently by another kind")
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["kind"],
        "properties": {"kind": {"enum": list(kinds)}, **options},
    }


def check(key: str, item: Item, study: Study, config: Configuration, kind: Kind | None = None) -> None:
    """Check one figure or table of a study; raises ConfigError at the first mistake.

    ``key`` names the item in messages; ``kind`` is its record, by default looked up by name.
    """
    kind = kind or kind_of(item)
    _check_options(key, item, kind)
    if "family" in item:
        _check_family(key, item, kind, config)
    for setting in named_settings(item):
        require_known(setting, config.settings, f"{key}: '{setting}'", "setting")
    kind.check(key, item, study, config)
    for method in kind.methods(item, study):
        require_known(method, config.methods, f"{key}.methods: '{method}'", "method")
        if "history" in kind.reads and config.methods[method]["kind"] in plugins.names("refinements"):
            raise ConfigError(f"{key}: '{method}' trains no network, so it has no history to draw; name other methods in {key}.methods.")
    _check_size(key, item, study, kind, config)
    _check_needs(key, item, kind, config)
    _check_tested(key, item, kind, config)
    _check_courses(key, item, study, kind, config)
    _check_scores(key, item, study, kind, config)


def _check_options(key: str, item: Item, kind: Kind) -> None:
    name = item["kind"]
    for option in kind.required:
        if option not in item:
            close = next((other for other in item if other not in ("kind", *kind.options) and guess(other, [option])), None)
            if close is not None:
                raise ConfigError(
                    f"{key}.{close} does not go with a {name}, which needs {', '.join(kind.required)}{guess(close, [option])}."
                )
            raise ConfigError(f"{key}.{option} is missing; a {name} needs {', '.join(kind.required)}.")
    for option in item:
        if option != "kind" and option not in kind.options:
            takes = ", ".join(kind.options) or "no options"
            raise ConfigError(f"{key}.{option} does not go with a {name}, which takes {takes}{guess(option, kind.options)}.")


def _check_family(key: str, item: Item, kind: Kind, config: Configuration) -> None:
    require_known(item["family"], config.families, f"{key}.family: '{item['family']}'", "family of settings (a setting with a grid)")
    for coordinates in config.families[item["family"]].values():
        if sum(_is_swept(dotted, kind) for dotted in coordinates) != 1:
            raise ConfigError(
                f"{key}.family is '{item['family']}', whose grid does not vary exactly one key that ends in "
                f"{' or '.join(repr(words) for words in kind.sweeps)}; name a family that does."
            )
    if not kind.several_lines:
        _check_no_other_coordinate(key, item, kind, config)


def _check_no_other_coordinate(key: str, item: Item, kind: Kind, config: Configuration) -> None:
    """Raise ConfigError if a family varies more than the coordinate that is drawn: one line cannot show both."""
    members = list(config.families[item["family"]].values())
    for dotted in members[0]:
        if not _is_swept(dotted, kind) and any(one[dotted] != members[0][dotted] for one in members):
            raise ConfigError(
                f"{key}.family is '{item['family']}', whose grid also varies '{dotted}', which a {item['kind']} cannot show; name a family "
                "that does not."
            )


def _is_swept(dotted: str, kind: Kind) -> bool:
    return any(f".{dotted}".endswith(f".{words}") for words in kind.sweeps)


def _check_size(key: str, item: Item, study: Study, kind: Kind, config: Configuration) -> None:
    """Raise ConfigError if an item makes more runs, or shows more difficulties, than can be planned; they are counted, not listed."""
    settings, blocks = len(kind.settings(item, config)), len(study["blocks"])
    runs = settings * len(kind.methods(item, study)) * len(kind.plans(item, study)) * blocks
    require_few_runs(key, max(runs, settings * len(kind.scores(item, study)) * blocks))


def require_few_runs(key: str, count: int) -> None:
    """Raise ConfigError that begins with ``key`` if it asks for more runs than can be planned."""
    if count > MOST_RUNS:
        raise ConfigError(f"{key} asks for {count:,} files of settings, methods, plans and blocks; name fewer, at most {MOST_RUNS:,}.")


def _check_needs(key: str, item: Item, kind: Kind, config: Configuration) -> None:
    for setting in kind.settings(item, config):
        for need in kind.needs:
            if need == "images":
                held = config.datasets[config.settings[setting]["dataset"]].kind
                if held != "images":
                    raise ConfigError(f"{key}: '{setting}' holds {held}, but a {item['kind']} draws images; name another setting.")
                continue
            if need == "carriers" and setting == item.get("baseline"):  # a baseline has none on purpose
                continue
            is_met, missing, purpose = NEEDS[need]
            if not is_met(config.settings[setting]):
                raise ConfigError(f"{key}: '{setting}' has {missing}, but a {item['kind']} {purpose}; set its '{need}' or name another.")


def _check_courses(key: str, item: Item, study: Study, kind: Kind, config: Configuration) -> None:
    """Check that histories with epochs, by any candidate of a method, have the split that is drawn; those without are drawn as empty."""
    if kind.course is None:
        return
    for setting in kind.watched(item, kind.settings(item, config)):
        for method in kind.methods(item, study):
            entry = config.methods[method]
            for coordinates in (methods.candidates(entry) or {"": {}}).values():
                recipe = merge(config.settings[setting]["training"], methods.at(entry, coordinates)["training"])
                if recipe["evaluate_epochs"] and kind.course not in recipe["evaluate_splits"]:
                    raise ConfigError(
                        f"{key}: '{setting}' with '{method}' does not record the {kind.course} split, whose course over epochs a "
                        f"{item['kind']} draws; add '{kind.course}' to its training.evaluate_splits."
                    )


def _check_tested(key: str, item: Item, kind: Kind, config: Configuration) -> None:
    """Check that there are test samples where a kind shows something measured on them."""
    for setting in kind.settings(item, config) if {"metrics", "embeddings"} & set(kind.reads) else ():
        dataset = config.settings[setting]["dataset"]
        if not config.datasets[dataset].tested:
            raise ConfigError(
                f"{key}: a {item['kind']} shows what is measured on test samples, of which '{setting}' has none; give datasets.{dataset} a "
                "split with some."
            )


def _check_scores(key: str, item: Item, study: Study, kind: Kind, config: Configuration) -> None:
    """Check that each setting has the scores of its plans and the scores shown."""
    wanted = {(setting, score): None for setting, score, _ in kind.difficulties(item, study, config)}
    for setting, plan_name in {(setting, plan): None for setting, _, plan, _ in kind.runs(item, study, config)}:
        try:
            score = plans.parse(plan_name).score
        except PlanError as error:
            raise ConfigError(f"{key}: {error}") from None
        wanted |= {} if score is None else {(setting, score): None}
    for setting, score in wanted:
        require_known(score, config.settings[setting]["difficulty"], f"{key}: score '{score}'", f"score of '{setting}'")
