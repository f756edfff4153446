"""``make plan``: jobs, training runs and hours of a small study, calculated by hand, and agreement with Snakemake's count."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from spurprune.config import given
from spurprune.config.config import Config
from spurprune.dag import planning
from spurprune.dag.files import Reference, Run
from spurprune.dag.planning import Job, PlanRow
from spurprune.errors import ConfigError
from spurprune.machine import pipes

# One setting whose reference is shared among repeats, one that draws its own carriers, one that takes its carriers from the first.
SETTINGS = """
clean:
  description: No carriers
  dataset: digits
  image_size: 8
  groups: [line]
  probe: {source: "5", target: "9"}
  aligned: {"5": {line: with}}
  overlay: {name: line, attribute: line, width: 2, value: 255, channel: 0}
  carriers: {choose: random, count: 0, draw: fixed}
  model: {name: small_cnn, channels: [4, 4, 4]}
  training:
    epochs: 10
    batch_size: 64
    optimizer: {name: sgd, lr: 0.05, momentum: 0.9, weight_decay: 0.0}
    schedule: {name: step, milestones: [5], factor: 0.1}
  reference:
    early: {epochs: 4, record_epochs: [4], seeds: 3, view: eval, shared: true}
    full: {epochs: 10, record_epochs: all, seeds: 1, view: eval, shared: false}
  difficulty:
    el2n: {reference: early, epochs: [4]}
    aum: {reference: full, epochs: all}
    random: {reference: null, epochs: all}
  estimate: {epoch_seconds: 36, device: CPU core}
drawn:
  extends: clean
  carriers: {count: 40, draw: per_repeat}
  reference: {early: {shared: false}}
  estimate: {device: H100}
derived:
  extends: clean
  carriers: {choose: easiest, count: 20, base: clean, score: el2n}
  reference: {early: {shared: false}}
  keep_models: true
"""
STUDY = """
select: [small]
setting_files: [SETTINGS]
studies:
  small:
    title: Small
    blocks: ["000-001", "002-004"]
    methods: [erm]
    score: el2n
    figures:
      pruning: {kind: carrier_pruning, settings: [drawn], orders: [hardest], sparsities: ["0.10"]}
      quartiles: {kind: difficulty_quartiles, settings: [derived], score: random}
    tables:
      summary: {kind: summary}
      stability: {kind: stability, settings: [drawn], scores: [aum]}
"""


@pytest.fixture(scope="module")
def configfile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a small study, in files."""
    folder = tmp_path_factory.mktemp("config")
    (folder / "settings.yaml").write_text(SETTINGS, encoding="utf-8")
    (folder / "study.yaml").write_text(STUDY.replace("SETTINGS", str(folder / "settings.yaml")), encoding="utf-8")
    return folder / "study.yaml"


@pytest.fixture(scope="module")
def config(configfile: Path) -> Config:
    return planning.load([configfile])


def test_jobs_by_rule(config: Config) -> None:
    counts = Counter(job.rule for job in planning.jobs(config))
    assert counts == {
        "prepare_inputs": 1,  # one dataset at one size
        "prepare_splits": 7,  # drawn, derived and its base clean in two blocks; clean's shared reference
        "train_reference": 5,  # drawn's early and full in two blocks; clean's early, shared
        "score_difficulty": 8,  # drawn by el2n (plans) and aum (table), derived by random (figure), clean by el2n (carriers)
        "prune_metadata": 6,  # drawn: none and hardest; derived: none
        "retrain": 4,
        "retrain_keeping_models": 2,
        "evaluate": 6,
        "plot_carrier_pruning": 1,
        "plot_difficulty_quartiles": 1,
        "tabulate_summary": 1,
        "tabulate_stability": 1,
        "collect_metrics": 1,
        "all": 1,
    }


def test_training_runs_and_hours_of_every_setting(config: Config) -> None:
    # An epoch takes 36 s, a hundredth of an hour.
    clean, drawn, derived, others = planning.rows(planning.jobs(config), config)
    assert (clean.name, clean.jobs, clean.training_runs, clean.device) == ("clean", 6, 3, "CPU core")
    assert clean.hours == pytest.approx(3 * 4 / 100)  # 3 seeds, once for all repeats, of 4 epochs
    assert (drawn.name, drawn.jobs, drawn.training_runs, drawn.device) == ("drawn", 22, 30, "H100")
    assert drawn.hours == pytest.approx((10 * 10 + 15 * 4 + 5 * 10) / 100)  # 5 repeats: 2 plans, 3 early seeds, 1 full one
    assert (derived.name, derived.jobs, derived.training_runs) == ("derived", 10, 5)
    assert derived.hours == pytest.approx(5 * 10 / 100)
    assert others == PlanRow("datasets, figures, tables", 7, 0, 0, "")


def test_the_printed_plan_has_a_row_per_setting_and_totals(config: Config) -> None:
    lines = planning.render(planning.jobs(config), config).splitlines()
    cells = [re.split(r" {2,}", line) for line in lines]
    assert cells[2] == ["setting", "jobs", "training runs", "hours", "device"]
    assert cells[5] == ["drawn", "22", "30", "2.100", "H100"]
    assert cells[9] == ["total", "45", "38", "2.720"]
    assert "0.620 hours on one CPU core + 2.100 hours on one H100" in lines[11]
    assert "retrain_keeping_models 2" in lines[12]


def test_a_training_jobs_time_limit_follows_from_its_estimate(config: Config) -> None:
    reference = planning.reference_job(Reference("drawn", "early", "002-004"), config)
    assert reference.hours == pytest.approx(3 * 3 * 4 / 100)  # 3 repeats, 3 seeds, 4 epochs
    assert planning.runtime_minutes(reference) == 65  # three times 21.6 minutes, rounded up
    recipe = config.settings["drawn"]["reference"]["early"] | {"kind": "cross_risk"}
    changed = config.settings["drawn"] | {"reference": {"twins": recipe}}
    twins = planning.reference_job(Reference("drawn", "twins", "002-004"), replace(config, settings={"drawn": changed}))
    assert (twins.training_runs, twins.hours) == (2 * reference.training_runs, pytest.approx(2 * reference.hours))
    run = planning.run_job(Run("drawn", "erm", "none", "000-001"), config)
    assert run.hours == pytest.approx(2 * 10 / 100)
    assert planning.runtime_minutes(run) == 36
    assert planning.run_job(Run("derived", "erm", "none", "000-001"), config).rule == "retrain_keeping_models"


def test_a_short_job_still_gets_half_an_hour(config: Config) -> None:
    assert planning.runtime_minutes(Job("retrain", "drawn", 1, 0.001)) == 30


def test_a_long_job_asks_for_a_day(config: Config) -> None:
    assert planning.runtime_minutes(Job("retrain", "drawn", 1, 7.99)) == 1439
    assert planning.runtime_minutes(Job("retrain", "drawn", 1, 100.0)) == 1440


def test_an_hour_of_a_large_plan_has_one_decimal(config: Config) -> None:
    assert "12,345.7" in planning.render([Job("retrain", "drawn", 1, 12345.678)], config)


def test_a_config_file_is_merged_as_snakemake_does(tmp_path: Path) -> None:
    from snakemake.utils import update_config

    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"z": 1}}
    over = {"a": {"y": [3], "w": {"v": 1}}, "b": {"u": 2}, "c": 5}
    merged = given.merged(base, over)
    update_config(base, over)
    assert merged == base == {"a": {"x": 1, "y": [3], "w": {"v": 1}}, "b": {"u": 2}, "c": 5}


def test_a_wrong_configuration_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, assert_one_sentence: Callable[[str], None]
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("select: [nothing]\n", encoding="utf-8")
    assert planning.main(["--configfile", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "nothing" in captured.err
    assert_one_sentence(captured.err.strip())


def test_a_missing_config_file_is_named(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match=r"no/such\.yaml does not exist") as error:
        planning.load([Path("no/such.yaml")])
    assert_one_sentence(str(error.value))


@pytest.fixture(scope="module")
def project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project without any results."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("config", "envs", "profiles", "spurprune", "tests/workflow", "workflow"):
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "Snakefile", copy)
    return copy


def dry_run(project: Path, *arguments: str) -> dict[str, int]:
    """Return the number of jobs of every rule that Snakemake would run."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules", "--cores", "1", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    table = re.findall(r"^([a-z_]+) +([0-9]+)$", done.stdout + done.stderr, flags=re.MULTILINE)
    return {rule: int(count) for rule, count in table if rule != "total"}


@pytest.mark.parametrize("given", [None, "config/paper.yaml", "small", "tests/workflow/methods.yaml", "tests/workflow/own.yaml"])
def test_the_jobs_are_those_that_snakemake_counts(project: Path, configfile: Path, given: str | None) -> None:
    paths = [] if given is None else [configfile if given == "small" else project / given]
    counted = dry_run(project, *(["--configfile", str(paths[0])] if paths else []))
    assert counted == Counter(job.rule for job in planning.jobs(planning.load(paths)))


CLUSTERS = """
select: [spare]
setting_files: [SETTINGS]
methods:
  short: {kind: erm, training: {epochs: 1}}
  dro: {kind: group_dro, options: {partition: clusters}}
setting_defaults:
  partitions:
    clusters: {kind: clusters, from: short}
    late: {kind: clusters, from: dro, plan: importance-clusters-1}
studies:
  spare:
    title: Clusters
    blocks: ["000-001", "002-004"]
    methods: [erm, dro]
    settings: [drawn]
    plans: [none, importance-clusters-auto, balance_subsample-late]
    score: el2n
    figures: {}
    tables: {summary: {kind: summary}}
"""


def test_jobs_behind_clusters_are_those_that_snakemake_counts(project: Path, configfile: Path, tmp_path: Path) -> None:
    path = tmp_path / "clusters.yaml"
    path.write_text(CLUSTERS.replace("SETTINGS", str(configfile.with_name("settings.yaml"))), encoding="utf-8")
    counted = dry_run(project, "--configfile", str(path))
    assert counted == Counter(job.rule for job in planning.jobs(planning.load([path])))
    assert counted == {
        "prepare_inputs": 1,
        "prepare_splits": 2,  # two blocks of everything that follows
        "prune_metadata": 2,  # none
        "prune_metadata_by_run": 6,  # those of the study, and that from which "late" is made
        "partition": 4,
        "retrain": 12,  # two methods on three plans
        "retrain_keeping_models": 4,  # short without pruning, dro on importance-clusters-1
        "embed": 4,
        "evaluate": 12,
        "tabulate_summary": 1,
        "collect_metrics": 1,
        "all": 1,
    }
    asked = "results/settings/drawn/plans/balance_reweight-late/000-001.parquet"
    assert dry_run(project, asked, "--configfile", str(path))["embed"] == 2, "a plan that no study names"


QUOTAS = """
select: [quotas]
setting_files: [SETTINGS]
methods:
  short: {kind: erm, training: {epochs: 1}}
  tuned:
    kind: erm
    plan: class_quota-short-0.25
    grid: {training.optimizer.lr: [0.1, 0.01]}
    tuning: {blocks: ["900-900"]}
    by: accuracy
studies:
  quotas:
    title: Quotas
    blocks: ["000-001", "002-004"]
    methods: [erm]
    settings: [drawn]
    plans: [class_quota-short-0.25, class_quota-tuned-0.50, class_quota-erm-0.25]
    score: el2n
    figures: {}
    tables: {summary: {kind: summary}}
"""


def test_jobs_behind_quotas_are_those_that_snakemake_counts(project: Path, configfile: Path, tmp_path: Path) -> None:
    path = tmp_path / "quotas.yaml"
    path.write_text(QUOTAS.replace("SETTINGS", str(configfile.with_name("settings.yaml"))), encoding="utf-8")
    counted = dry_run(project, "--configfile", str(path))
    assert counted == Counter(job.rule for job in planning.jobs(planning.load([path])))
    assert counted == {
        "prepare_inputs": 1,
        "prepare_splits": 3,  # two blocks, and the tuning block
        "prune_metadata": 3,  # none
        "prune_metadata_by_run": 7,  # three plans, and that of the candidates
        "retrain": 13,  # erm on three plans; short, tuned and erm without pruning; short in the tuning block
        "retrain_candidate": 2,
        "evaluate_candidate": 2,
        "select_candidate": 1,
        "evaluate": 6,
        "tabulate_summary": 1,
        "collect_metrics": 1,
        "all": 1,
    }
    asked = "results/settings/drawn/plans/class_quota-short-0.75/000-001.parquet"
    assert dry_run(project, asked, "--configfile", str(path))["retrain"] == 1, "a plan that no study names"


def test_the_plan_needs_neither_results_nor_data(project: Path) -> None:
    command = [sys.executable, "-m", "spurprune.dag.planning", "--configfile", "config/paper.yaml"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    studies = yaml.safe_load((project / "config" / "paper.yaml").read_text(encoding="utf-8"))["select"]
    assert done.stdout.startswith(f"Plan of the studies: {', '.join(studies)}\n")
    assert {path.name for path in project.iterdir()} <= {
        "config",
        "envs",
        "profiles",
        "spurprune",
        "tests",
        "workflow",
        "Snakefile",
        ".snakemake",
    }


def test_a_reader_that_leaves_ends_the_plan_quietly(root: Path) -> None:
    command = [sys.executable, "-m", "spurprune.dag.planning", "--configfile", "config/paper.yaml"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", pipes.LEFT)
