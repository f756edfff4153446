"""``make plan``: jobs, trainings and estimated hours of the selected studies, from the configuration alone.

The jobs are counted from the studies, without Snakemake and without any data, and agree with ``snakemake -n`` in an empty folder.
"""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spurprune import config as configuration
from spurprune.config import Config
from spurprune.config.settings import read_yaml
from spurprune.dag import studies
from spurprune.dag.studies import Reference, Run
from spurprune.data.registry import registry
from spurprune.errors import ConfigError, SpurpruneError

ROOT = Path(__file__).resolve().parents[2]
SECONDS_AN_HOUR = 3600
# A training job's time limit on a cluster: its estimate is for one device that nobody shares, so it gets several times that, and never
# less than starting on a cold file system may take.
RUNTIME_FACTOR = 3
RUNTIME_FLOOR_MINUTES = 30
RUNTIME_CEILING_MINUTES = 24 * 60  # many partitions allow no more


@dataclass(frozen=True)
class Job:
    """One job; ``setting`` is None where it serves several. ``hours`` are those of its trainings on the setting's estimated device."""

    rule: str
    setting: str | None = None
    trainings: int = 0
    hours: float = 0.0


@dataclass(frozen=True)
class PlanRow:
    """What one setting costs; ``device`` is the one that the estimate is for, empty for the row of all jobs that serve several settings."""

    name: str
    jobs: int
    trainings: int
    hours: float
    device: str


def jobs(config: Config) -> list[Job]:
    """Return every job that builds the selected studies from nothing."""
    items = [(item, study) for study in (config.studies[name] for name in config.select) for item in _items(study)]
    runs = studies.all_runs(config)
    plan_files = {(run.setting, run.plan, run.block) for run in runs}
    difficulties = {found for item, study in items for found in studies.difficulties_of(item, study)}
    difficulties |= {found for plan_file in plan_files if (found := studies.plan_difficulty(*plan_file))}
    samples = {(run.setting, run.block) for run in runs} | {(one.setting, one.block) for one in difficulties}
    # A base setting takes its own carriers from no other, so one step reaches all of them.
    bases = {base for setting, block in samples if (base := studies.base_difficulty(setting, block, config))}
    difficulties |= bases
    references = {reference for one in difficulties if (reference := studies.reference_of(one, config))}
    samples |= {(base.setting, base.block) for base in bases} | {(one.setting, one.block) for one in references}
    datasets = {(config.settings[setting]["dataset"], config.settings[setting]["image_size"]) for setting, _ in samples}
    downloaded = {dataset for dataset, _ in datasets if registry()[dataset].downloads}
    return [
        *(Job("download") for _ in downloaded),
        *(Job("prepare_inputs") for _ in datasets),
        *(Job("prepare_splits", setting) for setting, _ in samples),
        *(reference_job(one, config) for one in references),
        *(Job("score_difficulty", one.setting) for one in difficulties),
        *(Job("prune_metadata", setting) for setting, _, _ in plan_files),
        *(run_job(run, config) for run in runs),
        *(Job("evaluate", run.setting) for run in runs),
        *(Job(f"plot_{figure['kind']}") for name in config.select for figure in config.studies[name]["figures"].values()),
        *(Job(f"tabulate_{table['kind']}") for name in config.select for table in config.studies[name]["tables"].values()),
        Job("collect_metrics"),
        Job("all"),
    ]


def reference_job(reference: Reference, config: Config) -> Job:
    """Return the job that trains some reference runs, every seed of every repeat of the block."""
    recipe = config.settings[reference.setting]["reference"][reference.recipe]
    trainings = recipe["seeds"] * len(studies.repeats_of(reference.block))
    return _training_job("train_reference", reference.setting, trainings, recipe["epochs"], config)


def run_job(run: Run, config: Config) -> Job:
    """Return the job that trains a run, every repeat of the block."""
    setting = config.settings[run.setting]
    rule = "retrain_keeping_models" if setting["keep_models"] else "retrain"
    return _training_job(rule, run.setting, len(studies.repeats_of(run.block)), setting["training"]["epochs"], config)


def runtime_minutes(job: Job) -> int:
    """Return the time limit of a training job in whole minutes, as a cluster's scheduler wants one.

    It is the same at every attempt, and a day at most: a training that comes to its limit goes on from its checkpoint, and a longer limit
    might be one that the scheduler never grants.
    """
    return min(max(RUNTIME_FLOOR_MINUTES, math.ceil(job.hours * 60 * RUNTIME_FACTOR)), RUNTIME_CEILING_MINUTES)


def rows(all_jobs: Sequence[Job], config: Config) -> list[PlanRow]:
    """Return a row for every setting that takes part, in the order of the configuration, and one for the jobs that serve several."""
    found = [
        _row(name, [job for job in all_jobs if job.setting == name], block["estimate"]["device"]) for name, block in config.settings.items()
    ]
    return [*(row for row in found if row.jobs), _row("datasets, figures, tables", [job for job in all_jobs if job.setting is None], "")]


def render(all_jobs: Sequence[Job], config: Config) -> str:
    """Return the plan as text: a table with a row a setting, totals, and the jobs by rule."""
    listed = rows(all_jobs, config)
    total = _row("total", all_jobs, "")
    header = ("setting", "jobs", "trainings", "hours", "device")
    cells = [header, *((row.name, f"{row.jobs:,}", f"{row.trainings:,}", _hours(row.hours), row.device) for row in (*listed, total))]
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
            f"Plan of the studies: {', '.join(config.select)}",
            "",
            lines[0],
            rule,
            *lines[1:-1],
            rule,
            lines[-1],
            "",
            f"Estimate: {by_device}, for the trainings alone; several devices or cores share it.",
            f"Jobs by rule: {', '.join(f'{name} {count:,}' for name, count in by_rule.items())}.",
        ]
    )


def load(configfiles: Iterable[Path]) -> Config:
    """Return the configuration as ``snakemake --configfile`` makes it: the files merged over config/config.yaml; raises ConfigError."""
    raw = read_yaml(ROOT / "config" / "config.yaml")
    for path in configfiles:
        if not path.is_file():
            raise ConfigError(f"The configuration file {path} does not exist; name another, such as config/paper.yaml.")
        raw = _merged(raw, read_yaml(path))
    return configuration.load(raw, ROOT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the plan; returns the exit status, 1 with one sentence on standard error if the configuration is wrong."""
    parser = argparse.ArgumentParser(prog="python -m spurprune.dag.planning", description="Jobs, trainings and estimated hours.")
    parser.add_argument("--configfile", nargs="*", type=Path, default=[], help="files merged over config/config.yaml, in this order")
    options = parser.parse_args(arguments)
    try:
        config = load(options.configfile)
        print(render(jobs(config), config))
    except SpurpruneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _items(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*study["figures"].values(), *study["tables"].values()]


def _training_job(rule: str, setting: str, trainings: int, epochs: int, config: Config) -> Job:
    epoch_seconds = config.settings[setting]["estimate"]["epoch_seconds"]
    return Job(rule, setting, trainings, trainings * epochs * epoch_seconds / SECONDS_AN_HOUR)


def _row(name: str, of_row: Sequence[Job], device: str) -> PlanRow:
    return PlanRow(name, len(of_row), sum(job.trainings for job in of_row), sum(job.hours for job in of_row), device)


def _hours(hours: float) -> str:
    return f"{hours:,.{1 if hours >= 10 else 3}f}"


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``over`` merged into it key by key, as Snakemake merges a --configfile: mappings deeply, all else replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = _merged(old if isinstance(old, Mapping) else {}, value) if isinstance(value, Mapping) else value
    return result


if __name__ == "__main__":
    sys.exit(main())
