"""What the selected studies need, from runs down to datasets: every file, each once."""

from collections.abc import Iterable
from dataclasses import dataclass

from spurprune.config.config import Config
from spurprune.dag import files, studies
from spurprune.dag.files import Difficulty, Partition, Reference, Run, Selection
from spurprune.data.inputs import folder_name
from spurprune.storage import layout

DATASET_FILES = ("inputs.npy", "base.parquet", "manifest.json")


@dataclass(frozen=True)
class NeededRuns:
    """The runs ``shown`` in figures and tables, tuning runs, and the selections; the runs behind others.

    The models of ``sources`` are embedded, those of ``starts`` are trained further, the test samples' features of ``seen`` are shown; plans
    are made by the predictions of ``predictors``.
    """

    shown: frozenset[Run]
    candidates: frozenset[Run]
    sources: frozenset[Run]
    starts: frozenset[Run]
    seen: frozenset[Run]
    predictors: frozenset[Run]
    selections: frozenset[Selection]

    @property
    def all_runs(self) -> frozenset[Run]:
        """All runs, each once."""
        return self.shown | self.candidates | self.sources | self.starts | self.predictors


@dataclass(frozen=True)
class Needs:
    """The files of the selected studies.

    ``runs`` are those that the studies show, ``candidates`` tuning runs, ``sources`` the runs whose models are embedded, for refinements
    and partitions, ``starts`` those whose models are trained further, ``seen`` those whose test samples' features are shown, ``predictors``
    those by whose predictions plans are made; a run may be several of these. ``plans`` holds (setting, plan, block), ``samples`` (setting,
    block), ``datasets`` (dataset, image size).
    """

    runs: frozenset[Run]
    candidates: frozenset[Run]
    sources: frozenset[Run]
    starts: frozenset[Run]
    seen: frozenset[Run]
    predictors: frozenset[Run]
    selections: frozenset[Selection]
    plans: frozenset[tuple[str, str, str]]
    partitions: frozenset[Partition]
    difficulties: frozenset[Difficulty]
    references: frozenset[Reference]
    samples: frozenset[tuple[str, str]]
    datasets: frozenset[tuple[str, int | None]]

    @property
    def all_runs(self) -> frozenset[Run]:
        """All runs, each once."""
        return self.runs | self.candidates | self.sources | self.starts | self.predictors


def of(config: Config) -> Needs:
    """Return the files needed to build the selected studies from scratch."""
    needed = runs_of(config)
    everything = needed.all_runs
    plans = {(run.setting, plan, run.block) for run in everything for plan in files.plans_behind(run, config.methods)}
    partitions = {one for run in everything for one in partitions_of(run, config)}
    difficulties = {score for plan in plans if (score := files.plan_difficulty(*plan))} | set(studies.all_difficulties(config))
    samples = {(run.setting, run.block) for run in everything}
    samples |= {(score.setting, score.block) for score in difficulties} | {(one.setting, one.block) for one in partitions}
    # A base setting has no base itself, so one step finds all of them.
    bases = {base for setting, block in samples if (base := files.base_difficulty(setting, block, config.settings))}
    difficulties |= bases
    references = {found for score in difficulties if (found := files.difficulty_reference(score, config.settings))}
    references |= {found for one in partitions if (found := files.partition_reference(one, config.settings))}
    samples |= {(base.setting, base.block) for base in bases} | {(found.setting, found.block) for found in references}
    datasets = {(config.settings[setting]["dataset"], config.settings[setting]["image_size"]) for setting, _ in samples}
    return Needs(
        runs=needed.shown,
        candidates=needed.candidates,
        sources=needed.sources,
        starts=needed.starts,
        seen=needed.seen,
        predictors=needed.predictors,
        selections=needed.selections,
        plans=frozenset(plans),
        partitions=frozenset(partitions),
        difficulties=frozenset(difficulties),
        references=frozenset(references),
        samples=frozenset(samples),
        datasets=frozenset(datasets),
    )


def kept_files(needed: Needs, config: Config) -> list[str]:
    """Return the paths below the results folder of all files in between that are kept, sorted."""
    found = {f"datasets/{folder_name(*dataset)}/{name}" for dataset in needed.datasets for name in DATASET_FILES}
    found |= {layout.path_of("samples", setting=setting, block=block) for setting, block in needed.samples}
    found |= {layout.path_of("plan", setting=setting, plan=plan, block=block) for setting, plan, block in needed.plans}
    for made in (needed.references, needed.difficulties, needed.partitions):
        found |= {one.path for one in made}
    found |= {path for one in needed.selections for path in (one.path, one.choice_path)}
    for run in needed.all_runs:
        trained = not files.is_refinement(run.method, config.methods)
        names = ["predictions.parquet", "history.parquet" if trained else "head.safetensors"]
        names += ["metrics.parquet"] if run in needed.runs | needed.candidates else []
        masks = files.makes_masks(run.method, config.methods) and run not in needed.candidates
        names += ["models.safetensors"] if run in needed.sources | needed.starts | needed.seen or masks else []
        names += ["test_embedding.parquet"] if run in needed.seen else []
        names += ["masks.safetensors"] if masks else []
        found |= {f"{run.folder}/{name}" for name in names}
    return sorted(found)


def keeping_models(needed: Needs, config: Config) -> set[tuple[str, str, str]]:
    """Return (setting, method, plan) of the runs whose models are kept, because something starts from them or is made from them.

    Partitions count whether or not a study needs them, so that any plan by them can be asked for.
    """
    of_partitions = ((name, block) for name, setting in config.settings.items() for block in setting["partitions"].values())
    declared = {(name, block["from"], block["plan"]) for name, block in of_partitions if "from" in block}
    return declared | {(run.setting, run.method, run.plan) for run in needed.sources | needed.starts | needed.seen}


def partitions_of(run: Run, config: Config) -> set[Partition]:
    """Return the partitions that a run's method and its plans read; of a plan that is chosen, those of all plans to choose among."""
    plans = files.plans_behind(run, config.methods)
    found = [files.method_partition(run, config.methods), *(files.plan_partition(run.setting, plan, run.block) for plan in plans)]
    return {one for one in found if one is not None}


def is_circular(partition: Partition, config: Config) -> bool:
    """Return whether the run from which a partition is made needs that partition, itself or through other runs."""
    source = files.partition_source(partition, config.settings)
    if source is None:
        return False
    behind = {one for run in with_runs_behind({source}, config).all_runs for one in partitions_of(run, config)}
    return (partition.setting, partition.partition) in {(one.setting, one.partition) for one in behind}


def is_circular_plan(setting: str, plan: str, block: str, config: Config) -> bool:
    """Return whether the run by whose predictions a plan is made needs that plan, itself or through other runs."""
    predictor = files.plan_predictor(setting, plan, block)
    if predictor is None:
        return False
    return any(plan in files.plans_behind(run, config.methods) for run in with_runs_behind({predictor}, config).all_runs)


def runs_of(config: Config) -> NeededRuns:
    """Return the runs of the selected studies, and those behind them."""
    return with_runs_behind(studies.all_runs(config), config, studies.seen_runs(config))


def with_runs_behind(shown: Iterable[Run], config: Config, seen: Iterable[Run] = ()) -> NeededRuns:
    """Return the runs shown, and all that they need, directly or through others; ``seen`` are those of them whose features are shown."""
    shown = frozenset(shown)
    candidates: set[Run] = set()
    sources: set[Run] = set()
    starts: set[Run] = set()
    predictors: set[Run] = set()
    selections: set[Selection] = set()
    left = list(shown)
    while left:
        run = left.pop()
        own = sources if files.is_refinement(run.method, config.methods) else starts
        of_partitions = (files.partition_source(one, config.settings) for one in partitions_of(run, config))
        for found, source in ((own, files.source_of(run, config.methods)), *((sources, one) for one in of_partitions)):
            if source is not None and source not in found:
                found.add(source)
                left.append(source)
        behind = files.plans_behind(run, config.methods)
        for predictor in (files.plan_predictor(run.setting, plan, run.block) for plan in behind):
            if predictor is not None and predictor not in predictors:
                predictors.add(predictor)
                left.append(predictor)
        of_plans = [files.plan_selection(run.setting, plan) for plan in behind]
        for selection in (files.selection_of(run, config.methods), *of_plans):
            if selection is not None and selection not in selections:
                selections.add(selection)
                tuning = files.tuning_runs(selection, config.methods)
                candidates.update(tuning)
                left.extend(tuning)
    return NeededRuns(
        shown,
        frozenset(candidates),
        frozenset(sources),
        frozenset(starts),
        frozenset(seen),
        frozenset(predictors),
        frozenset(selections),
    )
