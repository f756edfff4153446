"""The workflow's files: a record of what identifies each, with its path below the results folder."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from spurprune.config import methods
from spurprune.dag import plugins
from spurprune.pruning import plan as plans
from spurprune.storage import layout

SHARED = "shared"  # takes a block's place in the path of what all repeats share
SHARED_REPEAT = -1  # the repeat number in such files


@dataclass(frozen=True, order=True)
class Run:
    """A method on a plan for one block of repeats; ``candidate`` is a point of the method's grid in a tuning run, else empty."""

    setting: str
    method: str
    plan: str
    block: str
    candidate: str = ""

    @property
    def folder(self) -> str:
        """The run's folder below the results folder."""
        return (layout.TUNING_RUN if self.candidate else layout.RUN).format(**vars(self))

    @property
    def timing_path(self) -> str:
        """The path below the results folder of how long the run took."""
        return f"{self.folder}/timing.json"


@dataclass(frozen=True, order=True)
class Difficulty:
    """A setting's difficulty by one score, for one block of repeats."""

    setting: str
    score: str
    block: str

    @property
    def path(self) -> str:
        """The file's path below the results folder."""
        return layout.path_of("difficulty", **vars(self))


@dataclass(frozen=True, order=True)
class Reference:
    """The reference runs of one recipe for one block of a setting; the block is "shared" where all repeats share them."""

    setting: str
    recipe: str
    block: str

    @property
    def path(self) -> str:
        """The dynamics' file below the results folder."""
        return layout.path_of("dynamics", **vars(self))

    @property
    def timing_path(self) -> str:
        """The path below the results folder of how long the runs took."""
        return layout.path_of("reference_timing", **vars(self))

    @property
    def models_path(self) -> str:
        """The path of the file with the networks' last weights, where they are kept."""
        return layout.path_of("reference_models", **vars(self))


@dataclass(frozen=True, order=True)
class Partition:
    """A named partition of a setting's training samples, for one block of repeats."""

    setting: str
    partition: str
    block: str

    @property
    def path(self) -> str:
        """The file's path below the results folder."""
        return layout.path_of("partition", **vars(self))


@dataclass(frozen=True, order=True)
class Analysis:
    """What a named analysis finds in the networks of a setting, for one block of repeats."""

    setting: str
    analysis: str
    block: str

    @property
    def path(self) -> str:
        """The file's path below the results folder."""
        return layout.path_of("analysis", **vars(self))


@dataclass(frozen=True, order=True)
class Evidence:
    """How many samples of every group the runs get right that a setting's advice compares, for one block of repeats."""

    setting: str
    block: str

    @property
    def path(self) -> str:
        """The file's path below the results folder."""
        return layout.path_of("evidence", **vars(self))


@dataclass(frozen=True, order=True)
class Selection:
    """The choice among a method's candidates in one setting."""

    setting: str
    method: str

    @property
    def path(self) -> str:
        """The path below the results folder of what every candidate reached, for readers."""
        return layout.path_of("selection", **vars(self))

    @property
    def choice_path(self) -> str:
        """The path below the results folder of the chosen candidate alone, so that final runs rerun for another choice only."""
        return layout.path_of("choice", **vars(self))


def repeats_of(block: str) -> range:
    """Return the repeats of a block such as "000-004"; "shared" stands for the one repeat that all share."""
    if block == SHARED:
        return range(SHARED_REPEAT, SHARED_REPEAT + 1)
    first, last = block.split("-")
    return range(int(first), int(last) + 1)


def base_difficulty(setting: str, block: str, settings: Mapping[str, Any]) -> Difficulty | None:
    """Return the base setting's difficulty by which a setting's carriers are chosen; None if they are chosen otherwise."""
    carriers = settings[setting]["carriers"]
    return Difficulty(carriers["base"], carriers["score"], block) if "base" in carriers else None


def plan_difficulty(setting: str, plan: str, block: str) -> Difficulty | None:
    """Return the difficulty that a plan uses; None if it uses none."""
    score = plans.parse(plan).score
    return Difficulty(setting, score, block) if score else None


def plan_partition(setting: str, plan: str, block: str) -> Partition | None:
    """Return the partition that a plan uses; None if it uses none, or the classes, which need no file."""
    partition = plans.parse(plan).partition
    return None if partition in (None, plans.CLASS) else Partition(setting, str(partition), block)


def method_partition(run: Run, entries: Mapping[str, Any]) -> Partition | None:
    """Return the partition that a run's method reads; None if it reads none, or the classes, which need no file."""
    partition = entries[run.method]["options"].get("partition")
    return None if partition in (None, plans.CLASS) else Partition(run.setting, str(partition), run.block)


def plan_predictor(setting: str, plan: str, block: str) -> Run | None:
    """Return the run by whose predictions a plan is made, which is without pruning; None if it is made by none."""
    predictor = plans.parse(plan).predictor
    return None if predictor is None else Run(setting, predictor, plans.NO_PRUNING, block)


def plan_selection(setting: str, plan: str) -> Selection | None:
    """Return the selection that chooses a plan; None for a plan that is named."""
    method = plans.parse(plan).method
    return None if method is None else Selection(setting, method)


def plan_candidates(plan: str, entries: Mapping[str, Any]) -> list[str]:
    """Return the plans among which a plan is chosen; empty for a plan that is named."""
    method = plans.parse(plan).method
    return [] if method is None else methods.plans_of(entries[method])


def other_plan(method: str, entries: Mapping[str, Any]) -> str | None:
    """Return the plan whose steps a method takes over; None if it takes over none."""
    found: str | None = entries[method]["options"].get("steps_of")
    return found


def plans_behind(run: Run, entries: Mapping[str, Any]) -> list[str]:
    """Return the plans that a run reads, and those among which they are chosen."""
    other = other_plan(run.method, entries)
    read = [run.plan, *([] if other is None else [other])]
    return [*read, *(one for plan in read for one in plan_candidates(plan, entries))]


def reference_of(setting: str, recipe: str | None, block: str, settings: Mapping[str, Any]) -> Reference | None:
    """Return a recipe's reference runs for a block, or those that all repeats share; None without a recipe."""
    if recipe is None:
        return None
    return Reference(setting, recipe, SHARED if settings[setting]["reference"][recipe]["shared"] else block)


def difficulty_reference(difficulty: Difficulty, settings: Mapping[str, Any]) -> Reference | None:
    """Return the reference runs that a difficulty is computed from; None if it needs none."""
    recipe = settings[difficulty.setting]["difficulty"][difficulty.score]["reference"]
    return reference_of(difficulty.setting, recipe, difficulty.block, settings)


def partition_reference(partition: Partition, settings: Mapping[str, Any]) -> Reference | None:
    """Return the reference runs that a partition is made from; None if it needs none."""
    recipe = settings[partition.setting]["partitions"][partition.partition].get("reference")
    return reference_of(partition.setting, recipe, partition.block, settings)


def partition_source(partition: Partition, settings: Mapping[str, Any]) -> Run | None:
    """Return the run from whose embedding a partition is made; None if it needs none, or if the setting has no such partition."""
    block = settings[partition.setting]["partitions"].get(partition.partition, {})
    return Run(partition.setting, block["from"], block["plan"], partition.block) if "from" in block else None


def partition_analysis(partition: Partition, settings: Mapping[str, Any]) -> Analysis | None:
    """Return the analysis from which a partition is made; None if it needs none, or if the setting has no such partition."""
    name = settings[partition.setting]["partitions"].get(partition.partition, {}).get("analysis")
    return None if name is None else Analysis(partition.setting, name, partition.block)


def analysis_reference(analysis: Analysis, settings: Mapping[str, Any]) -> Reference | None:
    """Return the reference runs whose networks an analysis looks at; None if it looks at those of a run."""
    recipe = _analysis(analysis, settings).get("reference")
    return reference_of(analysis.setting, recipe, analysis.block, settings)


def analysis_source(analysis: Analysis, settings: Mapping[str, Any]) -> Run | None:
    """Return the run whose networks an analysis looks at; None if it looks at those of a reference."""
    block = _analysis(analysis, settings)
    return Run(analysis.setting, block["from"], block["plan"], analysis.block) if "from" in block else None


def analysis_shadow(analysis: Analysis, settings: Mapping[str, Any]) -> Run | None:
    """Return the run with whose networks an analysis compares those that it looks at; None if it compares with none."""
    block = _analysis(analysis, settings)
    return Run(analysis.setting, block["from"], block["shadow"], analysis.block) if "shadow" in block else None


def analysis_partition(analysis: Analysis, settings: Mapping[str, Any]) -> Partition | None:
    """Return the partition that an analysis reads; None if it reads none."""
    name = _analysis(analysis, settings).get("partition")
    return None if name is None else Partition(analysis.setting, name, analysis.block)


def _analysis(analysis: Analysis, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an analysis's block, empty if the setting has no such analysis."""
    found: Mapping[str, Any] = settings[analysis.setting]["analyses"].get(analysis.analysis, {})
    return found


def is_refinement(method: str, entries: Mapping[str, Any]) -> bool:
    """Return whether a method changes another method's networks, or their last layers, and trains none."""
    return entries[method]["kind"] in plugins.names("refinements")


def refines_network(method: str, entries: Mapping[str, Any]) -> bool:
    """Return whether a method is a refinement of whole networks, not of last layers by their embeddings."""
    return is_refinement(method, entries) and plugins.declared("refinements", entries[method]["kind"], "OF") == "network"


def makes_masks(method: str, entries: Mapping[str, Any]) -> bool:
    """Return whether a method's runs end with masks of their networks' weights."""
    return not is_refinement(method, entries) and plugins.declared("methods", entries[method]["kind"], "MAKES_MASKS", False)


def resumes(method: str, entries: Mapping[str, Any]) -> bool:
    """Return whether a method continues with the optimiser of the network that it starts from."""
    return not is_refinement(method, entries) and plugins.declared("methods", entries[method]["kind"], "STARTS_FROM_OPTIMIZER", False)


def source_of(run: Run, entries: Mapping[str, Any]) -> Run | None:
    """Return the run whose model a method starts from; None for a method that trains a network from its first weights."""
    entry = entries[run.method]
    return None if entry["from"] is None else Run(run.setting, entry["from"], entry["from_plan"] or run.plan, run.block)


def sources_of(run: Run, entries: Mapping[str, Any]) -> list[Run]:
    """Return the runs that a run starts from, directly and through others, the nearest first."""
    found: list[Run] = []
    source = source_of(run, entries)
    while source is not None:
        found.append(source)
        source = source_of(source, entries)
    return found


def alike(run: Run, entries: Mapping[str, Any]) -> list[Run]:
    """Return the runs of a method by its earlier rules, in order: where the rules choose alike, they are the same training as this run.

    Empty for refinements, and where a rule also chooses the epoch; a rule by which the method starts from other networks does not count.
    """
    entry = entries[run.method]
    if is_refinement(run.method, entries) or entry["epoch"] != methods.LAST:
        return []
    found: list[Run] = []
    for name, other in entries.items():
        if name == run.method:
            break
        if (other["base"], other["from"]) != (entry["base"], entry["from"]):
            continue
        if not run.candidate:
            found.append(replace(run, method=name, plan=_plan_by(name, run, entries)))
        elif run.candidate in methods.candidates(other) and other["candidates_of"] != run.method:
            found.append(replace(run, method=other["candidates_of"], plan=_plan_by(name, run, entries)))
    return list(dict.fromkeys(found))


def _plan_by(method: str, run: Run, entries: Mapping[str, Any]) -> str:
    """Return the plan on which a method does what a run does by another rule of the same method."""
    entry, other = entries[run.method], entries[method]
    if run.candidate:
        return methods.candidate_plan(other, methods.candidates(other)[run.candidate])
    return methods.plan_of(method, other) if run.plan == methods.plan_of(run.method, entry) else run.plan


def masks_of(run: Run, entries: Mapping[str, Any]) -> Run | None:
    """Return the run whose masks a run's network keeps to: of those that it starts from, the nearest that makes masks; None without any."""
    return next((one for one in sources_of(run, entries) if makes_masks(one.method, entries)), None)


def selection_of(run: Run, entries: Mapping[str, Any]) -> Selection | None:
    """Return the selection that chooses a run's candidate; None for untuned methods and for tuning runs."""
    return Selection(run.setting, run.method) if entries[run.method]["grid"] and not run.candidate else None


def tuning_runs(selection: Selection, entries: Mapping[str, Any]) -> list[Run]:
    """Return the runs that a selection compares, by candidate in grid order; methods that differ in the rule alone share them."""
    entry = entries[selection.method]
    return [
        Run(selection.setting, entry["candidates_of"], methods.candidate_plan(entry, coordinates), block, candidate)
        for candidate, coordinates in methods.candidates(entry).items()
        for block in entry["tuning"]["blocks"]
    ]
