"""``make plan``: jobs, training runs and estimated hours of the selected studies, from the configuration alone.

Jobs are counted without Snakemake and without data; the counts agree with ``snakemake -n`` in an empty folder.
"""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spurprune.config import blocks, given, loading, methods, recipes
from spurprune.config.config import Config
from spurprune.dag import advice, files, needs
from spurprune.dag.files import Reference, Run
from spurprune.dag.needs import Needs
from spurprune.errors import SpurpruneError
from spurprune.machine import pipes

ROOT = Path(__file__).resolve().parents[2]
SECONDS_PER_HOUR = 3600
# A training job's time limit on a cluster is a multiple of its estimate, which assumes an unshared device, and leaves time for a start on
# a cold file system.
RUNTIME_FACTOR = 3
RUNTIME_FLOOR_MINUTES = 30
ADVICE = "Plan of the advice"
RUNTIME_CEILING_MINUTES = 24 * 60  # many partitions allow no more


@dataclass(frozen=True)
class Job:
    """One job; ``setting`` is None if it serves several. ``hours`` are estimated for its training runs on the setting's device."""

    rule: str
    setting: str | None = None
    training_runs: int = 0
    hours: float = 0.0


@dataclass(frozen=True)
class PlanRow:
    """The cost of one setting; ``device`` is what the estimate is for, empty in the row of the jobs that serve several settings."""

    name: str
    jobs: int
    training_runs: int
    hours: float
    device: str


def jobs(config: Config) -> list[Job]:
    """Return every job needed to build the selected studies from scratch, or all advice if none is selected."""
    if not config.select:
        return [*advice_jobs(config)[:-1], Job("all")]
    needed = needs.of(config)
    return [
        *_jobs_behind(needed, config),
        *(Job("evaluate", run.setting) for run in needed.runs),
        *(Job("evaluate_candidate", run.setting) for run in needed.candidates),
        *(Job("select_candidate", one.setting) for one in needed.selections),
        *(Job(f"plot_{figure['kind']}") for name in config.select for figure in config.studies[name]["figures"].values()),
        *(Job(f"tabulate_{table['kind']}") for name in config.select for table in config.studies[name]["tables"].values()),
        Job("collect_metrics"),
        Job("all"),
    ]


def advice_jobs(config: Config) -> list[Job]:
    """Return every job needed to build all advice from scratch; none if no setting has a section of advice."""
    settings = advice.advised_settings(config)
    if not settings:
        return []
    return [
        *_jobs_behind(needs.of_advice(config), config),
        *(Job("evaluate_groups", one.setting) for name in settings for one in advice.evidence(name, config)),
        *(Job("advise", name) for name in settings),
        Job("advice"),
    ]


def _jobs_behind(needed: Needs, config: Config) -> list[Job]:
    """Return the jobs that make everything up to runs, embeddings and analyses."""
    kept = needs.keeping_models(needs.of(config), config) | needs.keeping_models(needed, config)
    resumed = needs.keeping_optimizers(needed)
    trained = [run for run in sorted(needed.all_runs) if not files.is_refinement(run.method, config.methods)]
    refined = [run for run in sorted(needed.all_runs) if files.is_refinement(run.method, config.methods)]
    downloaded = {dataset for dataset, _ in needed.datasets if config.datasets[dataset].downloads}
    return [
        *(Job("download") for _ in downloaded),
        *(Job("prepare_inputs") for _ in needed.datasets),
        *(Job("prepare_splits", setting) for setting, _ in needed.samples),
        *(reference_job(one, config) for one in needed.references),
        *(Job("score_difficulty", one.setting) for one in needed.difficulties),
        *(Job("partition", one.setting) for one in needed.partitions),
        *(Job("analyse", one.setting) for one in needed.analyses),
        *(Job(_plan_rule(*plan, config), plan[0]) for plan in needed.plans),
        *(_kept_job(run, config, kept, resumed) for run in trained),
        *(Job("embed", run.setting) for run in needed.sources),
        *(Job("embed_test", run.setting) for run in needed.seen),
        *(Job(_refining_rule(run, config), run.setting) for run in refined),
    ]


def reference_job(reference: Reference, config: Config) -> Job:
    """Return the job that trains reference runs: every seed of every repeat of the block; twins count as two."""
    recipe = config.settings[reference.setting]["reference"][reference.recipe]
    count = blocks.recorded(recipe)["reference_seeds"] * len(files.repeats_of(reference.block))
    kept = (reference.setting, reference.recipe) in needs.keeping_references(config)
    rule = "train_reference_keeping_models" if kept else "train_reference"
    return _training_job(rule, reference.setting, count, recipe["epochs"], config)


Places = Set[tuple[str, str, str]]  # (setting, method, plan) of runs


def _kept_job(run: Run, config: Config, kept: Places, resumed: Places) -> Job:
    place = (run.setting, run.method, run.plan)
    return run_job(run, config, keeps_model=place in kept, keeps_optimizer=place in resumed)


def run_job(run: Run, config: Config, *, keeps_model: bool = False, keeps_optimizer: bool = False) -> Job:
    """Return the job that trains a run: every repeat of the block; ``keeps_model`` if something starts from it.

    ``keeps_optimizer`` if that continues with its optimiser.
    """
    keeps_model |= config.settings[run.setting]["keep_models"]
    rule = "retrain_candidate" if run.candidate else "retrain_keeping_models" if keeps_model else "retrain"
    if keeps_optimizer and not run.candidate:
        rule = "retrain_keeping_optimizer"
    if files.makes_masks(run.method, config.methods) and not run.candidate:
        rule = "train_masks"
    return _training_job(rule, run.setting, len(files.repeats_of(run.block)), epochs_of(run, config), config)


def epochs_of(run: Run, config: Config) -> int:
    """Return the epochs of a run; for a tuned method the maximum over its candidates, since none is chosen yet."""
    entry = config.methods[run.method]
    candidates = methods.candidates(entry)
    if run.candidate:
        candidates = {run.candidate: candidates[run.candidate]}
    epochs = config.settings[run.setting]["training"]["epochs"]
    return max(int(methods.at(entry, one)["training"].get("epochs", epochs)) for one in candidates.values() or ({},))


def runtime_minutes(job: Job) -> int:
    """Return a training job's time limit for a cluster's scheduler, in whole minutes.

    It is the same for every attempt and at most a day: a job that reaches its limit resumes from its checkpoint, and a scheduler might
    never grant a longer one.
    """
    return min(max(RUNTIME_FLOOR_MINUTES, math.ceil(job.hours * 60 * RUNTIME_FACTOR)), RUNTIME_CEILING_MINUTES)


def rows(all_jobs: Sequence[Job], config: Config) -> list[PlanRow]:
    """Return one row per setting that has jobs, in the order of the configuration, and one for the jobs that serve several settings."""
    found = [
        _row(name, [job for job in all_jobs if job.setting == name], block["estimate"]["device"]) for name, block in config.settings.items()
    ]
    return [*(row for row in found if row.jobs), _row("datasets, figures, tables", [job for job in all_jobs if job.setting is None], "")]


def render(all_jobs: Sequence[Job], config: Config, title: str | None = None) -> str:
    """Return the plan as text: a table with one row per setting, totals, and the jobs by rule; by default that of the studies."""
    listed = rows(all_jobs, config)
    total = _row("total", all_jobs, "")
    header = ("setting", "jobs", "training runs", "hours", "device")
    cells = [header, *((row.name, f"{row.jobs:,}", f"{row.training_runs:,}", _hours(row.hours), row.device) for row in (*listed, total))]
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]
    lines = [
        "  ".join(
            [name.ljust(widths[0]), *(number.rjust(width) for number, width in zip(numbers, widths[1:4], strict=True)), device]
        ).rstrip()
        for name, *numbers, device in cells
    ]
    rule = "-" * max(len(line) for line in lines)
    devices = dict.fromkeys(row.device for row in listed if row.device)
    by_device = " + ".join(f"{_hours(sum(row.hours for row in listed if row.device == one))} hours on one {one}" for one in devices)
    by_rule = Counter(job.rule for job in all_jobs)
    return "\n".join(
        [
            title or f"Plan of the studies: {', '.join(config.select)}",
            "",
            lines[0],
            rule,
            *lines[1:-1],
            rule,
            lines[-1],
            "",
            f"Estimate: {by_device}, for training alone; several devices or cores share it.",
            f"Jobs by rule: {', '.join(f'{name} {count:,}' for name, count in by_rule.items())}.",
            *recipes.described({row.name: config.chosen[row.name] for row in listed if row.name in config.chosen}),
        ]
    )


def load(configfiles: Iterable[Path]) -> Config:
    """Return the configuration that ``snakemake --configfile`` would use: the files merged over config/config.yaml; raises ConfigError."""
    return loading.load(given.from_files(ROOT / given.MAIN, configfiles), ROOT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the plan; returns the exit status, 1 with one sentence on standard error if the configuration is wrong."""
    parser = argparse.ArgumentParser(prog="python -m spurprune.dag.planning", description="Jobs, training runs and estimated hours.")
    parser.add_argument("--configfile", nargs="*", type=Path, default=[], help="files merged over config/config.yaml, in this order")
    options = parser.parse_args(arguments)
    try:
        config = load(options.configfile)
        print(render(jobs(config), config, None if config.select else ADVICE))
        if config.select and advice.advised_settings(config):
            print(f"\n{render(advice_jobs(config), config, f'{ADVICE}, on its own')}")
    except SpurpruneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _refining_rule(run: Run, config: Config) -> str:
    rule = "refine_network" if files.refines_network(run.method, config.methods) else "refine"
    return f"{rule}_candidate" if run.candidate else rule


def _plan_rule(setting: str, plan: str, block: str, config: Config) -> str:
    if files.plan_candidates(plan, config.methods):
        return "take_plan"
    partition = files.plan_partition(setting, plan, block)
    by_networks = partition is not None and is_by_networks(config.settings[setting]["partitions"][partition.partition])
    by_run = by_networks or files.plan_predictor(setting, plan, block) is not None
    return "prune_metadata_by_run" if by_run else "prune_metadata"


def is_by_networks(partition: Mapping[str, Any]) -> bool:
    """Return whether a partition, given by its block, waits for a job that runs networks: of an embedding, or of an analysis."""
    return "from" in partition or "analysis" in partition


def _training_job(rule: str, setting: str, training_runs: int, epochs: int, config: Config) -> Job:
    epoch_seconds = config.settings[setting]["estimate"]["epoch_seconds"]
    return Job(rule, setting, training_runs, training_runs * epochs * epoch_seconds / SECONDS_PER_HOUR)


def _row(name: str, of_row: Sequence[Job], device: str) -> PlanRow:
    return PlanRow(name, len(of_row), sum(job.training_runs for job in of_row), sum(job.hours for job in of_row), device)


def _hours(hours: float) -> str:
    return f"{hours:,.{1 if hours >= 10 else 3}f}"


if __name__ == "__main__":
    sys.exit(pipes.run(main))
