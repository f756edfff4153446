"""Studies: which runs a figure or table needs. Pure functions from the validated configuration to run names and paths.

A study names its blocks and its figures; a figure's ``kind`` decides which runs it draws (see ``runs_of``). The workflow, ``make
plan`` and the tests all ask here, so that the figures' own runs are the only ones ever built.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from spurprune.config.config import Config
from spurprune.dag.files import Difficulty, Run, repeats_of
from spurprune.pruning import plan as plans

NO_PRUNING = "none"
ERM = "erm"  # the method of a benchmark's own rows
FIGURE_ENDINGS = ("pdf", "png", "csv", "txt")  # the figure twice, the numbers behind it, what is seen in it


def sweep(strategy: str, score: str, orders: Iterable[str], sparsities: Iterable[str]) -> list[str]:
    """Return the names of the plans of one strategy over orders and sparsities; the order ``random`` is that of the score ``random``."""
    ends = [f"{plans.RANDOM}-hardest" if order == plans.RANDOM else f"{score}-{order}" for order in orders]
    return [f"{strategy}-{end}-{sparsity}" for end in ends for sparsity in sparsities]


def plans_of(figure: Mapping[str, Any], study: Mapping[str, Any]) -> list[str]:
    """Return the plans that a figure compares within each of its settings; the first is always no pruning."""
    score = figure.get("score", study["score"])
    orders = figure.get("orders", ["hardest", "easiest"])
    sparsities = figure.get("sparsities", [])
    match figure["kind"]:
        case "carrier_pruning":
            return [NO_PRUNING, *sweep("carriers", score, orders, sparsities)]
        case "general_pruning":
            return [NO_PRUNING, *sweep("per_class", score, orders, sparsities), *(f"random-{s}" for s in sparsities)]
        case "group_pruning":
            return [NO_PRUNING, *sweep(figure["strategy"], score, orders, sparsities)]
        case _:
            return [NO_PRUNING]


def members_of(figure: Mapping[str, Any], config: Config) -> list[str]:
    """Return the members of a figure's family that it draws: all, or of ``carrier_difficulty`` the easiest and the hardest carriers."""
    if "family" not in figure:
        return []
    members = config.family(figure["family"])
    if figure["kind"] != "carrier_difficulty":
        return members
    starts = {name: config.coordinates(name).get("carriers.start") for name in members}
    ranks = [start for start in starts.values() if start is not None]  # none where the family chooses the easiest and the hardest
    return [name for name in members if not ranks or starts[name] in (min(ranks), max(ranks))]


def settings_of(figure: Mapping[str, Any], config: Config) -> list[str]:
    """Return the settings whose runs a figure draws; a family stands for all its members."""
    named = members_of(figure, config)
    named.extend(figure.get("settings", []))
    named.extend(figure.get("learned", []))
    named.extend([figure["baseline"]] if "baseline" in figure else [])
    if figure["kind"] in ("montage", "stability"):
        return []
    return list(dict.fromkeys(named))


def runs_of(figure: Mapping[str, Any], study: Mapping[str, Any], config: Config) -> list[Run]:
    """Return the runs that a figure or table shows, in a fixed order; ``summary`` shows those of all the study's others."""
    if figure["kind"] == "summary":
        return sorted(study_runs(study, config))
    if figure["kind"] == "benchmark":
        return [
            Run(asked["setting"], ERM, plan, block)
            for asked in figure["benchmarks"].values()
            for plan in (NO_PRUNING, *asked["plans"])
            for block in study["blocks"]
        ]
    return [
        Run(setting, method, plan, block)
        for setting in settings_of(figure, config)
        for method in figure.get("methods", study["methods"])
        for plan in plans_of(figure, study)
        for block in study["blocks"]
    ]


def _making_runs(study: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the figures and tables that decide which runs are made: all but summaries, which show what is there."""
    return [item for section in ("figures", "tables") for item in study[section].values() if item["kind"] != "summary"]


def difficulties_of(figure: Mapping[str, Any], study: Mapping[str, Any]) -> list[Difficulty]:
    """Return the difficulty that a figure or table shows itself, besides that by which its runs were pruned."""
    blocks = study["blocks"]
    match figure["kind"]:
        case "difficulty_quartiles":
            settings, scores = figure["settings"], [figure.get("score", study["score"])]
        case "stability":
            settings, scores = figure["settings"], figure["scores"]
        case "montage":
            settings, scores = [figure["setting"]], [figure.get("score", study["score"])]
            blocks = [block for block in blocks if figure["repeat"] in repeats_of(block)]
        case _:
            return []
    return [Difficulty(setting, score, block) for setting in settings for score in scores for block in blocks]


def figure_paths(study_name: str, study: Mapping[str, Any]) -> list[str]:
    """Return the paths of a study's figures below the results folder."""
    return [f"figures/{study_name}/{name}.{ending}" for name in study["figures"] for ending in FIGURE_ENDINGS]


def table_paths(study_name: str, study: Mapping[str, Any]) -> list[str]:
    """Return the paths of a study's tables below the results folder."""
    return [f"tables/{study_name}/{name}.{ending}" for name in study["tables"] for ending in ("csv", "md")]


def all_runs(config: Config) -> list[Run]:
    """Return every run of the selected studies, sorted, each once."""
    return sorted(set[Run]().union(*(study_runs(config.studies[name], config) for name in config.select)))


def study_runs(study: Mapping[str, Any], config: Config) -> set[Run]:
    """Return the runs of a study: those that its figures and tables show, and those of the settings and plans that it compares."""
    compared = {
        Run(setting, method, plan, block)
        for setting in study.get("settings", ())
        for method in study["methods"]
        for plan in study.get("plans", ())
        for block in study["blocks"]
    }
    return compared.union(*(runs_of(item, study, config) for item in _making_runs(study)))


def all_difficulties(config: Config) -> list[Difficulty]:
    """Return every difficulty that the selected studies show themselves, sorted, each once."""
    found: set[Difficulty] = set()
    for name in config.select:
        study = config.studies[name]
        for item in [*study["figures"].values(), *study["tables"].values()]:
            found.update(difficulties_of(item, study))
    return sorted(found)
