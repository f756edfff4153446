"""The configuration as Snakemake gives it: files and values of the command line, other folders, and targets with typos."""

import os
from pathlib import Path

import pytest

from tests.workflow.project import REDUCED, Project, job_counts

MAPPINGS = "\n".join(["z0: &z0 {k: lol}", *(f"z{n}: &z{n} {{{', '.join(f'k{p}: *z{n - 1}' for p in range(9))}}}" for n in range(1, 12))])
LISTS = "\n".join(["z0: &z0 [lol]", *(f"z{n}: &z{n} [{', '.join([f'*z{n - 1}'] * 9)}]" for n in range(1, 12))])


def refused(project: Project, *arguments: str, sentence: str, configured: bool = True) -> None:
    """Snakemake must end with this sentence, once, and without a traceback."""
    status, text = project.snakemake("--dry-run", *arguments, configured=configured)
    assert status != 0
    assert len([line for line in text.splitlines() if line.startswith(sentence)]) == 1, text
    assert "Traceback" not in text and "Exception" not in text


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (REDUCED, "\nselect: [small]\n", ": 'select' is declared twice; rename or remove one."),
        (REDUCED, f"\n{LISTS}\n", ": the file, its aliases replaced by what they stand for, has more than 20,000 keys"),
        ("config/config.yaml", "\nthreads: 2\n", ": 'threads' is declared twice; rename or remove one."),
        ("config/config.yaml", f"\n{MAPPINGS}\n", ": the file, its aliases replaced by what they stand for, has more than 20,000 keys"),
    ],
)
def test_every_file_is_read_strictly(sources: Project, tmp_path: Path, name: str, text: str, sentence: str) -> None:
    project = sources.copy(tmp_path / "project")
    project.append(name, text)
    status, printed = project.snakemake("--dry-run")
    assert status != 0
    assert len([line for line in printed.splitlines() if line.startswith(f"{name}, line ") and sentence in line]) == 1, printed
    assert "Traceback" not in printed


def test_values_of_the_command_line_are_what_they_say(fresh: Project) -> None:
    fresh.append("Snakefile", "\n\nprint('GIVEN', config['download'], config['threads'], config['setting_defaults']['crop_size'])\n")
    values = ("download=false", "threads=2", "setting_defaults={crop_size: null, keep_models: 'no', training: {compile: 'false'}}")
    status, text = fresh.snakemake("--dry-run", "--config", *values)
    assert status == 0, text
    assert "GIVEN False 2 None" in text
    assert job_counts(text)["all"] == 1
    refused(fresh, "--config", "threads=nan", sentence="threads is nan, which is not a finite number; write one.")


def test_snakemake_from_another_folder(sources: Project, tmp_path: Path) -> None:
    elsewhere = Project(tmp_path, str(sources.path / REDUCED))
    arguments = ("--snakefile", str(sources.path / "Snakefile"))
    sentence = f"config/config.yaml was not found from here ({os.path.realpath(tmp_path)}); start Snakemake in "
    for configured in (True, False):
        refused(elsewhere, *arguments, sentence=sentence, configured=configured)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("figurs", "'figurs' is neither a rule nor a path below results (did you mean 'figures'?); "),
        (
            "results/settings/small-five/plans/none/000-001.parquet",
            "results/settings/small-five/plans/none/000-001.parquet: 'small-five' is not a known setting (did you mean 'small-fives'?); ",
        ),
        (
            "results/settings/small-fives/plans/per_clas-el2n-hardest-0.10/000-001.parquet",
            "results/settings/small-fives/plans/per_clas-el2n-hardest-0.10/000-001.parquet: 'per_clas-el2n-hardest-0.10' is not a plan",
        ),
        (
            "results/settings/small-fives/runs/emr/none/000-001/metrics.parquet",
            "results/settings/small-fives/runs/emr/none/000-001/metrics.parquet: 'emr' is not a known method (did you mean 'erm'?); ",
        ),
        ("results/figures/small/fig5.pdf", "results/figures/small/fig5.pdf: 'fig5.pdf' is not a known file of a figure (did you mean 'fig"),
    ],
)
def test_a_typo_in_a_target_is_named(sources: Project, target: str, sentence: str) -> None:
    refused(sources, target, sentence=sentence)


def test_a_typo_in_another_list_of_rules_is_named_too(sources: Project) -> None:
    refused(sources, "--forcerun", "retran", sentence="'retran' is neither a rule nor a path below results (did you mean 'retrain'?); ")


def test_a_plan_that_no_study_names_can_be_asked_for(sources: Project) -> None:
    target = "results/settings/small-fives/plans/global-el2n-easiest-0.05/000-001.parquet"
    counts = sources.plan(target)
    assert counts["prune_metadata"] == 1 and counts["score_difficulty"] == 1 and "retrain" not in counts
