"""Which runs and difficulties the figures and tables of studies need, according to the records of their kinds.

The workflow, ``make plan`` and the tests all use this module, so that only runs that something shows are ever built.
"""

from collections.abc import Mapping
from typing import Any

from spurprune.config.config import Config
from spurprune.dag import kinds
from spurprune.dag.files import Analysis, Difficulty, Run

Item = Mapping[str, Any]
Study = Mapping[str, Any]

FIGURE_ENDINGS = ("pdf", "png", "csv", "txt")  # the figure in two formats, its numbers, its findings
TABLE_ENDINGS = ("csv", "md")


def runs_of(item: Item, study: Study, config: Config) -> list[Run]:
    """Return the runs that a figure or table shows, in a fixed order; a summary shows all runs of its study."""
    kind = kinds.kind_of(item)
    if kind.shows_all_runs:
        return sorted(study_runs(study, config))
    return [Run(*run) for run in kind.runs(item, study, config)]


def difficulties_of(item: Item, study: Study, config: Config) -> list[Difficulty]:
    """Return the difficulties that a figure or table itself shows, apart from those by which its runs were pruned."""
    return [Difficulty(*one) for one in kinds.kind_of(item).difficulties(item, study, config)]


def analyses_of(item: Item, study: Study, config: Config) -> list[Analysis]:
    """Return the analyses that a figure or table shows."""
    return [Analysis(*one) for one in kinds.kind_of(item).analyses(item, study, config)]


def study_runs(study: Study, config: Config) -> set[Run]:
    """Return the runs of a study: those that its figures and tables show, and all combinations of its settings, methods and plans."""
    compared = {
        Run(setting, method, plan, block)
        for setting in study.get("settings", ())
        for method in study["methods"]
        for plan in study.get("plans", ())
        for block in study["blocks"]
    }
    return compared.union(*(runs_of(item, study, config) for item in items_of(study) if not kinds.kind_of(item).shows_all_runs))


def items_of(study: Study) -> list[Item]:
    """Return the figures and tables of a study."""
    return [*study["figures"].values(), *study["tables"].values()]


def all_runs(config: Config) -> list[Run]:
    """Return every run of the selected studies, sorted, without duplicates."""
    return sorted(set[Run]().union(*(study_runs(config.studies[name], config) for name in config.select)))


def seen_runs(config: Config) -> list[Run]:
    """Return the runs the features of whose test samples the selected studies show, sorted, without duplicates."""
    items = [(item, config.studies[name]) for name in config.select for item in items_of(config.studies[name])]
    return sorted({run for item, study in items for run in seen_of(item, study, config)})


def seen_of(item: Item, study: Study, config: Config) -> list[Run]:
    """Return the runs the features of whose test samples a figure or table shows, in a fixed order."""
    return runs_of(item, study, config) if "embeddings" in kinds.kind_of(item).reads else []


def all_difficulties(config: Config) -> list[Difficulty]:
    """Return every difficulty that the selected studies themselves show, sorted, without duplicates."""
    found: set[Difficulty] = set()
    for study in (config.studies[name] for name in config.select):
        for item in items_of(study):
            found.update(difficulties_of(item, study, config))
    return sorted(found)


def all_analyses(config: Config) -> list[Analysis]:
    """Return every analysis that the selected studies show, sorted, without duplicates."""
    chosen = [config.studies[name] for name in config.select]
    return sorted({one for study in chosen for item in items_of(study) for one in analyses_of(item, study, config)})


def figure_paths(study_name: str, study: Study) -> list[str]:
    """Return the paths of a study's figures below the results folder."""
    return [f"figures/{study_name}/{name}.{ending}" for name in study["figures"] for ending in FIGURE_ENDINGS]


def table_paths(study_name: str, study: Study) -> list[str]:
    """Return the paths of a study's tables below the results folder."""
    return [f"tables/{study_name}/{name}.{ending}" for name in study["tables"] for ending in TABLE_ENDINGS]
