"""What the selected studies need, from runs down to datasets: every file, each once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from spurprune.config.config import Config
from spurprune.dag import advice, files, studies
from spurprune.dag.files import Analysis, Difficulty, Partition, Reference, Run, Selection
from spurprune.data.inputs import folder_name
from spurprune.pruning.plan import NO_PRUNING
from spurprune.storage import layout

DATASET_FILES = ("inputs.npy", "base.parquet", "manifest.json")


@dataclass(frozen=True)
class NeededRuns:
    """The runs ``shown`` in figures and tables, tuning runs, and the selections; the runs behind others, and partitions and analyses.

    The models of ``sources`` are embedded, those of ``starts`` are trained further, the test samples' features of ``seen`` are shown; plans
    are made by the predictions of ``predictors``; analyses look at the networks of ``analysed``. Runs go on with the optimisers of
    ``resumed``, and take over the results of ``alike`` where these are the same training.
    """

    shown: frozenset[Run]
    candidates: frozenset[Run]
    sources: frozenset[Run]
    starts: frozenset[Run]
    seen: frozenset[Run]
    predictors: frozenset[Run]
    analysed: frozenset[Run]
    resumed: frozenset[Run]
    alike: frozenset[Run]
    selections: frozenset[Selection]
    partitions: frozenset[Partition]
    analyses: frozenset[Analysis]

    @property
    def all_runs(self) -> frozenset[Run]:
        """All runs, each once."""
        return self.shown | self.candidates | self.sources | self.starts | self.predictors | self.analysed | self.alike


@dataclass(frozen=True)
class Needs:
    """The files of the selected studies.

    ``runs`` are those that the studies show, ``candidates`` tuning runs, ``sources`` the runs whose models are embedded, for refinements
    and partitions, ``starts`` those whose models are trained further, ``seen`` those whose test samples' features are shown, ``predictors``
    those by whose predictions plans are made, ``analysed`` those whose networks analyses look at, ``resumed`` those with whose optimisers
    others go on, ``alike`` those whose results others take over where they are the same training; a run may be several of these. ``plans``
    holds (setting, plan, block), ``samples`` (setting, block), ``datasets`` (dataset, image size).
    """

    runs: frozenset[Run]
    candidates: frozenset[Run]
    sources: frozenset[Run]
    starts: frozenset[Run]
    seen: frozenset[Run]
    predictors: frozenset[Run]
    analysed: frozenset[Run]
    resumed: frozenset[Run]
    alike: frozenset[Run]
    selections: frozenset[Selection]
    plans: frozenset[tuple[str, str, str]]
    partitions: frozenset[Partition]
    analyses: frozenset[Analysis]
    difficulties: frozenset[Difficulty]
    references: frozenset[Reference]
    samples: frozenset[tuple[str, str]]
    datasets: frozenset[tuple[str, int | None]]

    @property
    def all_runs(self) -> frozenset[Run]:
        """All runs, each once."""
        return self.runs | self.candidates | self.sources | self.starts | self.predictors | self.analysed | self.alike


def of(config: Config) -> Needs:
    """Return the files needed to build the selected studies from scratch."""
    return _behind(runs_of(config), studies.all_difficulties(config), config)


def of_advice(config: Config) -> Needs:
    """Return the files needed to build all advice from scratch, apart from the evidence and the advice itself."""
    settings = advice.advised_settings(config)
    runs = [run for name in settings for run in advice.runs(name, config)]
    needed = with_runs_behind(runs, config, (one for name in settings for one in advice.made(name, config)))
    blocks = [(name, block) for name in settings for block in advice.section(name, config)["blocks"]]
    embedded = frozenset(advice.embedded(name, block, config) for name, block in blocks)
    scores = [advice.difficulty(name, block, config) for name, block in blocks]
    return _behind(replace(needed, sources=needed.sources | embedded), scores, config)


def _behind(needed: NeededRuns, shown: Iterable[Difficulty], config: Config) -> Needs:
    """Return these runs and all files behind them and behind the difficulties that are ``shown``."""
    everything = needed.all_runs
    plans = {(run.setting, plan, run.block) for run in everything for plan in files.plans_behind(run, config.methods)}
    difficulties = {score for plan in plans if (score := files.plan_difficulty(*plan))} | set(shown)
    samples = {(run.setting, run.block) for run in everything}
    samples |= {(one.setting, one.block) for one in difficulties | needed.partitions | needed.analyses}
    # A base setting has no base itself, so one step finds all of them.
    bases = {base for setting, block in samples if (base := files.base_difficulty(setting, block, config.settings))}
    difficulties |= bases
    references = {found for score in difficulties if (found := files.difficulty_reference(score, config.settings))}
    references |= {found for one in needed.partitions if (found := files.partition_reference(one, config.settings))}
    references |= {found for one in needed.analyses if (found := files.analysis_reference(one, config.settings))}
    samples |= {(base.setting, base.block) for base in bases} | {(found.setting, found.block) for found in references}
    datasets = {(config.settings[setting]["dataset"], config.settings[setting]["image_size"]) for setting, _ in samples}
    return Needs(
        runs=needed.shown,
        candidates=needed.candidates,
        sources=needed.sources,
        starts=needed.starts,
        seen=needed.seen,
        predictors=needed.predictors,
        analysed=needed.analysed,
        resumed=needed.resumed,
        alike=needed.alike,
        selections=needed.selections,
        plans=frozenset(plans),
        partitions=needed.partitions,
        analyses=needed.analyses,
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
    for made in (needed.references, needed.difficulties, needed.partitions, needed.analyses):
        found |= {one.path for one in made}
    kept = keeping_references(config)
    found |= {one.models_path for one in needed.references if (one.setting, one.recipe) in kept}
    found |= {path for one in needed.selections for path in (one.path, one.choice_path)}
    for run in needed.all_runs:
        names = ["predictions.parquet", _made_beside(run.method, config)]
        names += ["metrics.parquet"] if run in needed.runs | needed.candidates else []
        masks = files.makes_masks(run.method, config.methods) and run not in needed.candidates
        used = run in needed.sources | needed.starts | needed.seen | needed.analysed
        names += ["models.safetensors"] if (used or masks) and "models.safetensors" not in names else []
        names += ["optimizer.safetensors"] if run in needed.resumed else []
        names += ["test_embedding.parquet"] if run in needed.seen else []
        names += ["masks.safetensors"] if masks else []
        found |= {f"{run.folder}/{name}" for name in names}
    return sorted(found)


def _made_beside(method: str, config: Config) -> str:
    """Return the name of the file that every run of a method makes beside its predictions."""
    if files.refines_network(method, config.methods):
        return "models.safetensors"
    return "head.safetensors" if files.is_refinement(method, config.methods) else "history.parquet"


def _starts_from_network(method: str, config: Config) -> bool:
    """Return whether a method that starts from a run reads its networks, not their embedding."""
    return files.refines_network(method, config.methods) or not files.is_refinement(method, config.methods)


def keeping_models(needed: Needs, config: Config) -> set[tuple[str, str, str]]:
    """Return (setting, method, plan) of the runs whose models are kept, because something starts from them or is made from them.

    That is a refinement, a partition, an analysis or advice. All but refinements count whether or not a study needs them, so that they, and
    any plan by them, can be asked for.
    """
    blocks = ((name, block) for name, setting in config.settings.items() for block in _made_of_networks(setting))
    declared = {(name, block["from"], plan) for name, block in blocks if "from" in block for plan in _plans_of(block)}
    declared |= {(name, config.settings[name]["advice"]["method"], NO_PRUNING) for name in advice.advised_settings(config)}
    kept = needed.sources | needed.starts | needed.seen | needed.analysed
    return declared | {(run.setting, run.method, run.plan) for run in kept}


def keeping_optimizers(needed: Needs) -> set[tuple[str, str, str]]:
    """Return (setting, method, plan) of the runs whose optimisers are kept, because another run continues with them."""
    return {(run.setting, run.method, run.plan) for run in needed.resumed}


def keeping_references(config: Config) -> set[tuple[str, str]]:
    """Return (setting, recipe) of the reference runs whose networks are kept, since an analysis looks at them."""
    return {
        (name, block["reference"]) for name, one in config.settings.items() for block in one["analyses"].values() if "reference" in block
    }


def _plans_of(block: Mapping[str, Any]) -> list[str]:
    """Return the plans of the runs whose networks a partition or an analysis, given by its block, is made from."""
    return [block[option] for option in ("plan", "shadow") if option in block]


def _made_of_networks(setting: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*setting["partitions"].values(), *setting["analyses"].values()]


def partitions_of(run: Run, config: Config) -> set[Partition]:
    """Return the partitions that a run's method and its plans read; of a plan that is chosen, those of all plans to choose among."""
    plans = files.plans_behind(run, config.methods)
    found = [files.method_partition(run, config.methods), *(files.plan_partition(run.setting, plan, run.block) for plan in plans)]
    return {one for one in found if one is not None}


def is_circular(made: Partition | Analysis, config: Config) -> bool:
    """Return whether what a partition or an analysis is made from needs that partition or analysis, itself or through others."""
    behind = with_runs_behind([], config, _sources_of(made, config))
    found = behind.partitions if isinstance(made, Partition) else behind.analyses
    return any(replace(one, block=made.block) == made for one in found)


def is_circular_plan(setting: str, plan: str, block: str, config: Config) -> bool:
    """Return whether the run by whose predictions a plan is made needs that plan, itself or through other runs."""
    predictor = files.plan_predictor(setting, plan, block)
    if predictor is None:
        return False
    return any(plan in files.plans_behind(run, config.methods) for run in with_runs_behind([predictor], config).all_runs)


def runs_of(config: Config) -> NeededRuns:
    """Return the runs of the selected studies, and those behind them and behind the analyses that are shown."""
    return with_runs_behind(studies.all_runs(config), config, studies.all_analyses(config), studies.seen_runs(config))


def _sources_of(made: Partition | Analysis, config: Config) -> list[Run | Partition | Analysis]:
    """Return the runs, partition and analysis from which a partition or an analysis is made directly, of those that it needs."""
    found: list[Run | Partition | Analysis | None]
    if isinstance(made, Partition):
        found = [files.partition_source(made, config.settings), files.partition_analysis(made, config.settings)]
    else:
        sources = (files.analysis_source, files.analysis_shadow, files.analysis_partition)
        found = [source(made, config.settings) for source in sources]
    return [one for one in found if one is not None]


def with_runs_behind(
    shown: Iterable[Run], config: Config, made: Iterable[Run | Partition | Analysis] = (), seen: Iterable[Run] = ()
) -> NeededRuns:
    """Return the runs ``shown`` and what is ``made``, and all that they need, directly or through others.

    ``seen`` are those of the runs whose features are shown.
    """
    shown = frozenset(shown)
    candidates: set[Run] = set()
    sources: set[Run] = set()
    starts: set[Run] = set()
    predictors: set[Run] = set()
    analysed: set[Run] = set()
    resumed: set[Run] = set()
    alike: set[Run] = set()
    selections: set[Selection] = set()
    left: list[Run | Partition | Analysis] = [*shown, *made]
    done: set[Run | Partition | Analysis] = set()
    while left:
        one = left.pop()
        if one in done:
            continue
        done.add(one)
        if not isinstance(one, Run):
            behind = _sources_of(one, config)
            (sources if isinstance(one, Partition) else analysed).update(run for run in behind if isinstance(run, Run))
            left.extend(behind)
            continue
        source = files.source_of(one, config.methods)
        if source is not None:
            (starts if _starts_from_network(one.method, config) else sources).add(source)
            resumed.update([source] if files.resumes(one.method, config.methods) else [])
            left.append(source)
        same = files.alike(one, config.methods)
        alike.update(same)
        left.extend([*same, *partitions_of(one, config)])
        plans = files.plans_behind(one, config.methods)
        found = [files.plan_predictor(one.setting, plan, one.block) for plan in plans]
        predictors.update(run for run in found if run is not None)
        left.extend(run for run in found if run is not None)
        for selection in (files.selection_of(one, config.methods), *(files.plan_selection(one.setting, plan) for plan in plans)):
            if selection is not None and selection not in selections:
                selections.add(selection)
                tuning = files.tuning_runs(selection, config.methods)
                candidates.update(tuning)
                left.extend(tuning)
    return NeededRuns(
        shown=shown,
        candidates=frozenset(candidates),
        sources=frozenset(sources),
        starts=frozenset(starts),
        seen=frozenset(seen),
        predictors=frozenset(predictors),
        analysed=frozenset(analysed),
        resumed=frozenset(resumed),
        alike=frozenset(alike),
        selections=frozenset(selections),
        partitions=frozenset(one for one in done if isinstance(one, Partition)),
        analyses=frozenset(one for one in done if isinstance(one, Analysis)),
    )
