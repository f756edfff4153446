"""Targets on the command line: each known path passes, and a typo is named with the closest known name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from spurprune.config.config import Config
from spurprune.dag import needs, planning, studies, targets
from spurprune.errors import ConfigError

RULES = ("all", "figures", "retrain")
FIVES = "results/settings/small-fives"


@pytest.fixture(scope="module")
def config(root: Path) -> Config:
    return planning.load([root / "tests/workflow/config.yaml"])


@pytest.fixture(scope="module")
def compared(root: Path) -> Config:
    return planning.load([root / "tests/workflow/methods.yaml"])


def _everything(config: Config) -> list[str]:
    """The paths of all files of the selected studies."""
    needed = needs.of(config)
    records = (*needed.difficulties, *needed.partitions, *needed.references, *needed.selections)
    paths = [one.path for one in records] + [one.choice_path for one in needed.selections]
    paths += [f"{run.folder}/{name}" for run in needed.all_runs for name in ("predictions.parquet", "metrics.parquet")]
    paths += [one.timing_path for one in (*needed.all_runs, *needed.references)]
    paths += [f"settings/{setting}/samples/{block}.parquet" for setting, block in needed.samples]
    paths += [f"settings/{setting}/plans/{plan}/{block}.parquet" for setting, plan, block in needed.plans]
    paths += [path for name in config.select for path in studies.figure_paths(name, config.studies[name])]
    paths += [path for name in config.select for path in studies.table_paths(name, config.studies[name])]
    return [f"results/{path}" for path in [*paths, "metrics.parquet"]]


def test_every_file_that_is_needed_is_known(config: Config, compared: Config) -> None:
    for one in (config, compared):
        paths = _everything(one)
        assert len(paths) > 50
        for path in paths:
            targets.check(path, RULES, one)


@pytest.mark.parametrize(
    "path",
    [
        f"{FIVES}/plans/global-el2n-hardest-0.05/000-004.parquet",
        f"{FIVES}/runs/erm/none/000-001/history.parquet",
        "./results//figures/small/fig4.png",
        "results/datasets/digits-8/inputs.npy",
        "results/downloads/mnist.json",
    ],
)
def test_other_files_can_be_asked_for(path: str, config: Config, compared: Config, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.chdir(root)
    targets.check(path, RULES, config)
    targets.check("results/settings/rivals/runs/erm/none/000-001/models.safetensors", RULES, compared)  # kept for a refinement


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("figurs", "'figurs' is neither a rule nor a path below results (did you mean 'figures'?); 'snakemake --list-rules' shows all"),
        ("result/metrics.parquet", "result/metrics.parquet: 'result' is not a known folder of files that can be made (did you mean"),
        ("results", "results is a folder; name a file in it."),
        (
            "results/plans/x/none/000-001.parquet",
            "results/plans/x/none/000-001.parquet: 'plans' lies in a setting's folder; write results/se",
        ),
        (
            "results/figure/small/fig4.pdf",
            "results/figure/small/fig4.pdf: 'figure' is not a known folder of results (did you mean 'figures'?)",
        ),
        ("results/metrics.parquet/x", "results/metrics.parquet/x: 'metrics.parquet' is a file, not a folder; end the path there."),
        ("results/metrics.parquet\n", "results/metrics.parquet\\n: 'metrics.parquet\\n' is not a known folder of results (did you mean"),
        ("results/settings/small-five/samples/000-001.parquet", "'small-five' is not a known setting (did you mean 'small-fives'?); known"),
        (f"{FIVES}/sample/000-001.parquet", "'sample' is not a known folder of a setting (did you mean 'samples'?); known are"),
        (f"{FIVES}/samples", f"{FIVES}/samples is a folder; name a file in it."),
        (f"{FIVES}/samples/0-1.parquet", "'0-1.parquet' is not the file of a block; write it as '000-004.parquet'."),
        (f"{FIVES}/samples/001-000.parquet", "'001-000.parquet' is not the file of a block; write it as '000-004.parquet'."),
        (f"{FIVES}/samples/000-001.csv", "'000-001.csv' is not the file of a block; write it as '000-004.parquet'."),
        (f"{FIVES}/samples/000-001.parquet/x", "'000-001.parquet' is a file, not a folder; end the path there."),
        (
            f"{FIVES}/plans/per_clas-el2n-hardest-0.10/000-001.parquet",
            "'per_clas-el2n-hardest-0.10' is not a plan (did you mean 'per_class'?)",
        ),
        (f"{FIVES}/plans/per_class-eln2-hardest-0.10/000-001.parquet", "score 'eln2' is not a known score of 'small-fives' (did you mean"),
        (f"{FIVES}/plans/balance_subsample-group/000-001.parquet", "partition 'group' is not a known partition of 'small-fives' (did you"),
        (f"{FIVES}/difficulty/el2/000-001.parquet", "'el2' is not a known score of 'small-fives' (did you mean 'el2n'?); known are"),
        (f"{FIVES}/partitions/group/000-001.parquet", "'group' is not a known partition of 'small-fives' (did you mean 'groups'?)"),
        (f"{FIVES}/reference/earl/000-001/dynamics.parquet", "'earl' is not a known reference recipe of 'small-fives' (did you mean"),
        (f"{FIVES}/reference/early/shared/dynamics.parquet", "'shared' is not a block; write it as '000-004'."),
        (f"{FIVES}/reference/early/000-001/dynamic.parquet", "'dynamic.parquet' is not a known file of this folder (did you mean"),
        (f"{FIVES}/runs/emr/none/000-001/metrics.parquet", "'emr' is not a known method (did you mean 'erm'?); known are erm."),
        (f"{FIVES}/runs/erm/none/000-001/metric.parquet", "'metric.parquet' is not a known file of this folder (did you mean 'metrics.p"),
        (f"{FIVES}/runs/erm/none/000-001/models.safetensors", "takes the networks of 'erm' on 'none', which are not kept; set keep_models"),
        (f"{FIVES}/candidates/erm/lr-1/none/000-001/metrics.parquet", "'erm' is not a known tuned method; known are none."),
        (f"{FIVES}/selection/erm.json", "'erm.json' is not a known selection of a tuned method; known are none."),
        ("results/figures/smal/fig4.pdf", "'smal' is not a known study (did you mean 'small'?); known are small."),
        ("results/figures/digits/fig4.pdf", "the study 'digits' is not selected; add it to 'select'."),
        (
            "results/figures/small/fig44.pdf",
            "'fig44.pdf' is not a known file of a figure (did you mean 'fig4.pdf'?); known are fig3.pdf, fig4.",
        ),
        ("results/figures/small/fig4.pd", "'pd' is not a known ending (did you mean 'pdf'?); known are pdf, png, csv, txt."),
        ("results/tables/small/sumary.csv", "'sumary.csv' is not a known file of a table (did you mean 'summary.csv'?); known are"),
        (
            "results/datasets/digit-8/inputs.npy",
            "'digit-8' is not a known dataset of these settings, with its size, (did you mean 'digits-8'?)",
        ),
        ("results/downloads/digits.json", "'digits.json' is not a known record of a dataset that is downloaded"),
        ("", "A target is empty; name a rule or a path below results."),
        (" ", "A target is empty; name a rule or a path below results."),
        (".", "'.' is a folder that no rule makes; name a rule or a path below results."),
        ("./", "'./' is a folder that no rule makes; name a rule or a path below results."),
        ("..", "'..' is a folder that no rule makes; name a rule or a path below results."),
        ("/", "'/' is a folder that no rule makes; name a rule or a path below results."),
        ("docs", "'docs' is a folder that no rule makes; name a rule or a path below results."),
        ("Makefile", "'Makefile' is a file that no rule makes; name a rule or a path below results."),
        (
            "config/digits-full.yaml",
            "'config/digits-full.yaml' is a file that no rule makes; to use it as configuration, write '--configfile config/digits-f",
        ),
        ("/nowhere/results/x", "/nowhere/results/x: '/' is not a known folder of files that can be made; known are results."),
    ],
)
def test_a_typo_is_named(
    path: str,
    sentence: str,
    config: Config,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    assert_one_sentence: Callable[[str], None],
) -> None:
    monkeypatch.chdir(root)
    with pytest.raises(ConfigError) as error:
        targets.check(path, RULES, config)
    assert sentence in str(error.value), str(error.value)
    if "\n" not in path:
        assert_one_sentence(str(error.value))


def test_candidates_and_selections_of_tuned_methods(compared: Config) -> None:
    tuned = "results/settings/rivals/candidates/tuned"
    targets.check(f"{tuned}/lr-0.1/none/900-900/metrics.parquet", RULES, compared)
    targets.check("results/settings/rivals/runs/last_layer/none/000-001/head.safetensors", RULES, compared)
    for path, sentence in (
        (f"{tuned}/lr-0.2/none/900-900/metrics.parquet", r"'lr-0\.2' is not a known candidate of 'tuned' \(did you mean 'lr-0\.1'\?\)"),
        ("results/settings/rivals/selection/tune.json", r"'tune\.json' is not a known selection of a tuned method \(did you mean"),
        ("results/settings/rivals/runs/last_layer/random-0.10/000-001/head.safetensors", "takes the networks of 'erm' on 'random-0.10'"),
        ("results/settings/rivals/runs/last_layer/none/000-001/history.parquet", r"'history\.parquet' is not a known file of this folder"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            targets.check(path, RULES, compared)


def test_a_path_from_the_root_is_written_from_here(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, assert_one_sentence: Callable[[str], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        targets.check(f"{tmp_path}/results/metrics.parquet", RULES, config)
    assert str(error.value) == (
        f"{tmp_path}/results/metrics.parquet is a path from the root, but results are asked for from here; write results/metrics.parquet."
    )
    assert_one_sentence(str(error.value))
