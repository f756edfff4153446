"""What goes wrong ends in one sentence, with an exit status, and leaves the rest as it was."""

from typing import Any

import pytest

from tests.workflow.project import REDUCED, SETTINGS, Project

FIGURES = "studies/small/figures"


@pytest.mark.parametrize(
    ("name", "keys", "value", "sentence"),
    [
        (REDUCED, "slect", ["small"], "slect is not a known key (did you mean 'select'?); allowed are "),
        (REDUCED, f"{FIGURES}/fig4/sparsities", [0.5], "fig4.sparsities.0 is 0.5, but must be a quoted number in [0, 1)"),
        (REDUCED, "studies/small/blocks", ["000-001", "001-002"], "studies.small.blocks: '001-002' overlaps '000-001'; blocks are never"),
        (REDUCED, "setting_files", ["config/settings/none.yaml"], "config/settings/none.yaml does not exist; create it or correct"),
        (SETTINGS, "small-fives/carriers/count", 123, "small-fives.carriers.count is 123, but class '5' of 'digits' has only 122"),
        (SETTINGS, "small-fives/probe/source", "ten", "small-fives.probe.source: 'ten' is not a known class of 'digits'; known are 0, 1,"),
    ],
)
def test_a_mistake_in_the_configuration_stops_before_anything_is_written(
    fresh: Project, name: str, keys: str, value: Any, sentence: str
) -> None:
    fresh.configure(name, keys, value)
    before = {path for path in fresh.path.rglob("*") if ".snakemake" not in path.parts and "__pycache__" not in path.parts}
    status, text = fresh.snakemake("--cores", "2")
    assert status != 0
    assert sentence in text and "Traceback" not in text
    assert len([line for line in text.splitlines() if sentence in line]) == 1
    after = {path for path in fresh.path.rglob("*") if ".snakemake" not in path.parts and "__pycache__" not in path.parts}
    assert after == before


def test_a_damaged_intermediate_file_is_named_and_the_rest_stays(project: Project) -> None:
    name = "settings/small-ones/difficulty/el2n/000-001.parquet"
    damaged = project.path / "results" / name
    before = project.files()
    damaged.write_bytes(before[name][:-100])
    status, text = project.snakemake("--cores", "2")
    assert status != 0
    reason = f"prune_metadata: results/{name} is damaged or not a Parquet file, so no difficulty table can be read"
    sentences = [line for line in text.splitlines() if line.startswith(reason)]
    assert sentences and all(line.endswith("delete it and rerun.") for line in sentences)
    assert "Traceback" not in text
    log = (project.path / "logs/prune_metadata/small-ones/per_class-el2n-hardest-0.10/000-001.log").read_text()
    assert "ERROR" in log and f"results/{name} is damaged" in log

    after = project.files()
    lost = sorted(set(before) - set(after))
    own_outputs = [f"settings/small-ones/plans/per_class-el2n-{order}-0.10/000-001.parquet" for order in ("easiest", "hardest")]
    assert lost == own_outputs, "snakemake removes what a failed job may have written, and nothing else may go"
    assert [path for path in after if path != name and after[path] != before[path]] == []

    damaged.unlink()  # the way out that the sentence names
    project.run(f"results/{name}", *(f"results/{path}" for path in lost))
    assert project.files() == before


def test_a_loss_that_is_no_number_names_setting_repeat_and_epoch(project: Project) -> None:
    project.configure(SETTINGS, "small-ones/training/optimizer/lr", 1.0e6)
    run = "results/settings/small-ones/runs/erm/none/000-001"
    status, text = project.snakemake(f"{run}/metrics.parquet", "--cores", "2")
    assert status != 0
    sentences = [line for line in text.splitlines() if line.startswith("retrain: ")]
    assert len(sentences) == 1
    assert sentences[0].startswith("retrain: small-ones, repeat 0, epoch 1: the training loss became")
    assert "lower training.optimizer.lr" in sentences[0] and sentences[0].endswith(".")
    assert "Traceback" not in text
    assert not (project.path / run / "predictions.parquet").exists()


def test_data_that_may_not_be_downloaded_are_asked_for_when_they_are_needed(fresh: Project) -> None:
    fresh.configure("config/config.yaml", "download", False)
    arguments = ("--configfile", "config/paper.yaml")
    status, text = fresh.snakemake("results/datasets/cifar10-32/inputs.npy", *arguments, "--cores", "2", configured=False)
    assert status != 0
    sentences = [line for line in text.splitlines() if line.startswith("download: ")]
    assert len(sentences) == 1 and "CIFAR-10 is not at resources/cifar10/cifar-10-batches-py" in sentences[0]
    assert "Traceback" not in text
