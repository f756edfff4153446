"""The stage plot: from files to a figure, its numbers and its findings; equal inputs give equal bytes."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spurprune.data import samples
from spurprune.data.inputs import Manifest, content_of, write_inputs, write_manifest
from spurprune.data.samples import Samples
from spurprune.errors import DataError
from spurprune.stages import plot
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance
from tests.reporting import grouping

PROVENANCE = Provenance({"setting": "fives", "block": "000-001"}, "1.0+code", "config")
FIVES = {
    "description": "Line on fives",
    "source": "5",
    "target": "9",
    "carriers": "with line",
    "dataset": "digits-4",
    "view": "featured",
    "overlay": {"name": "line", "attribute": "line", "width": 2, "value": 255, "channel": 0},
    "coordinates": {},
}
ENDINGS = {"pdf": "pdf", "png": "png", "csv": "csv", "findings": "txt"}


def plain(kind: str, **options: Any) -> dict[str, Any]:
    settings = [["fives", FIVES]]
    return {"title": "A study, a figure", "options": {"kind": kind, **options}, "family": [], "settings": settings, "methods": ["erm"]}


def draw(inputs: dict[str, list[Path]], spec: dict[str, Any], out: dict[str, Path]) -> None:
    plot.run(inputs=inputs, spec=spec, outputs=out, provenance=PROVENANCE)


def outputs(folder: Path) -> dict[str, Path]:
    folder.mkdir()
    return {name: folder / f"figure.{ending}" for name, ending in ENDINGS.items()}


@pytest.fixture
def sweep(tmp_path: Path) -> dict[str, list[Path]]:
    """Metrics of two plans and two repeats; worst-group accuracy is undefined."""
    paths = []
    for plan, order, sparsity, taken in (("none", None, None, [0.5, 0.7]), ("carriers-el2n-hardest-0.50", "hardest", "0.50", [0.2, 0.2])):
        rows = [
            {"repeat": repeat, "metric": metric, "value": value}
            for metric, values in (
                ("spurious_misclassification", taken),
                ("accuracy", [0.98, 0.99]),
                ("worst_group_accuracy", [None, None]),
            )
            for repeat, value in enumerate(values)
        ]
        head = {"setting": "fives", "method": "erm", "plan": plan, "strategy": plan.split("-")[0], "order": order, "sparsity": sparsity}
        head |= {"score": None, "block": "000-001", "split": "test", "group": None, "n": 40}
        columns = {name: pa.array([{**head, **row}[name] for row in rows], kind) for name, kind in schemas.METRICS.columns.items()}
        paths.append(tmp_path / plan / "metrics.parquet")
        tables.write(paths[-1], pa.table(columns), schemas.METRICS, PROVENANCE)
    return {"metrics": paths}


@pytest.fixture
def spectrum(tmp_path: Path) -> dict[str, list[Path]]:
    """Twelve training samples of class 5, every third a carrier, in a dataset of images of four by four pixels."""
    folder = tmp_path / "digits-4"
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 255, (12, 1, 4, 4)).astype(np.uint8)
    classes = tuple("0123456789")
    write_inputs(folder / "inputs.npy", images)
    described = {"image_size": 4, "split_counts": {"train": 12}, "mean": (0.5,), "std": (0.5,), "source": "", "licence": ""}
    manifest = Manifest(dataset="digits", classes=classes, attributes=(), **described, **content_of(images))
    write_manifest(folder / "manifest.json", manifest)
    known = (np.arange(12) % 3 == 0).astype(np.int16)
    label = np.full(12, 5, np.int16)
    groups = grouping(*classes)
    values, carrier = {"line": known}, known.astype(np.int8)
    one = Samples(0, np.arange(12), np.full(12, "train"), label, values, carrier, carrier, groups.numbers(label, values))
    samples.write(tmp_path / "samples.parquet", [one], groups, PROVENANCE)
    rank = np.arange(12)[::-1].copy()
    columns = {"repeat": np.zeros(12, np.int16), "sample_id": np.arange(12), "label": label, "score": rank / 12.0, "rank": rank}
    tables.write(tmp_path / "difficulty.parquet", pa.table({**columns, "rank_in_class": rank}), schemas.DIFFICULTY, PROVENANCE)
    return {
        "images": [folder / "inputs.npy"],
        "manifests": [folder / "manifest.json"],
        "samples": [tmp_path / "samples.parquet"],
        "difficulty": [tmp_path / "difficulty.parquet"],
    }


def test_a_sweep_from_files(sweep: dict[str, list[Path]], tmp_path: Path) -> None:
    out = outputs(tmp_path / "out")
    draw(sweep, plain("carrier_pruning"), out)
    assert out["png"].read_bytes().startswith(b"\x89PNG") and out["pdf"].read_bytes().startswith(b"%PDF")
    rows = list(csv.DictReader(out["csv"].read_text().splitlines()))
    hardest = next(row for row in rows if row["order"] == "hardest" and row["metric"] == "spurious_misclassification")
    assert (hardest["sparsity"], hardest["value"], hardest["value_repeats"]) == ("0.5", "0.2", "2")
    assert float(hardest["difference"]) == pytest.approx(-0.4)
    missing = next(row for row in rows if row["metric"] == "worst_group_accuracy")
    assert (missing["value"], missing["value_ci_low"], missing["value_repeats"]) == ("", "", "0")
    findings = out["findings"].read_text().splitlines()
    assert len(findings) == 3 and all(line.startswith("- ") for line in findings)
    assert findings[2] == "- Intervals of shares that would leave 0 to 100% are on the logit scale; the CSV file has Student's t."
    unpruned = next(row for row in rows if row["plan"] == "none" and row["metric"] == "spurious_misclassification")
    assert float(unpruned["value_ci_low"]) == pytest.approx(0.6 - 12.706205 * 0.1, abs=1e-5), "the CSV file has them whole"


def test_the_files_say_where_they_come_from_but_not_when(sweep: dict[str, list[Path]], tmp_path: Path) -> None:
    out = outputs(tmp_path / "out")
    draw(sweep, plain("carrier_pruning"), out)
    pdf, png = out["pdf"].read_bytes(), out["png"].read_bytes()
    assert b"A study, a figure" in pdf and b"configuration config, code 1.0+code" in pdf and b"code 1.0+code" in png
    assert b"CreationDate" not in pdf and b"ModDate" not in pdf and b"tIME" not in png


def test_line_breaks_in_names_break_nothing(sweep: dict[str, list[Path]], tmp_path: Path) -> None:
    first, second = outputs(tmp_path / "first"), outputs(tmp_path / "second")
    broken, plain_ = (
        plain("carrier_pruning") | {"title": text, "settings": [["fives", FIVES | {"description": text}]]}
        for text in ("a\r\n- b\x00", "a - b\ufffd")
    )
    draw(sweep, broken, first)
    draw(sweep, plain_, second)
    assert all(first[name].read_bytes() == second[name].read_bytes() for name in ENDINGS)
    findings = first["findings"].read_text().splitlines()
    assert findings[0].startswith("- a - b\ufffd: without pruning, ") and all(line.startswith("- ") for line in findings)


@pytest.mark.parametrize("kind", ["carrier_pruning", "difficulty_quartiles", "montage"])
def test_equal_inputs_give_equal_bytes(kind: str, sweep: dict[str, list[Path]], spectrum: dict[str, list[Path]], tmp_path: Path) -> None:
    inputs = sweep if kind == "carrier_pruning" else spectrum if kind == "montage" else {**sweep, **spectrum, "images": []}
    first, second = outputs(tmp_path / "first"), outputs(tmp_path / "second")
    for out in (first, second):
        draw(inputs, plain(kind, setting="fives", repeat=0, columns=3), out)
    assert all(first[name].read_bytes() == second[name].read_bytes() for name in ENDINGS)


def test_a_montages_numbers_are_ranks_within_the_class(spectrum: dict[str, list[Path]], tmp_path: Path) -> None:
    out = outputs(tmp_path / "out")
    draw(spectrum, plain("montage", setting="fives", repeat=0, columns=2), out)
    rows = list(csv.DictReader(out["csv"].read_text().splitlines()))
    assert [(row["row"], row["sample_id"], row["rank_in_class"]) for row in rows] == [
        ("carriers", "9", "2"),
        ("carriers", "0", "11"),
        ("others", "11", "0"),
        ("others", "1", "10"),
    ]
    assert "the 4 carriers of repeat 0 have ranks from 2 to 11 among the 12 training samples of class 5" in out["findings"].read_text()


def test_difficulty_of_other_samples_is_refused(spectrum: dict[str, list[Path]], tmp_path: Path, assert_one_sentence: Any) -> None:
    path = spectrum["difficulty"][0]
    tables.write(path, tables.read(path, schemas.DIFFICULTY).slice(6), schemas.DIFFICULTY, PROVENANCE)
    with pytest.raises(DataError, match="difficulty of 'fives' lacks samples of repeat 0") as error:
        draw(spectrum, plain("montage", setting="fives", repeat=0, columns=2), outputs(tmp_path / "out"))
    assert_one_sentence(str(error.value))


def test_histories_are_read_by_setting_and_method(tmp_path: Path) -> None:
    groups = grouping(*"0123456789")
    columns = {"repeat": 0, "epoch": 1, "split": "test", "view": "natural", "label": 5, "group": 11, "carrier": True, "n": 4}
    columns |= {"n_correct": 3, "n_as_source": None, "loss": 0.5}
    paths = []
    for method, correct in (("erm", 3), ("group_dro", 1)):
        row = {name: [value] for name, value in {**columns, "n_correct": correct}.items()}
        table = pa.table({name: pa.array(values, schemas.HISTORY.columns[name]) for name, values in row.items()})
        paths.append(tmp_path / f"{method}.parquet")
        provenance = replace(PROVENANCE, place={**PROVENANCE.place, "method": method}, notes={"grouping": groups.to_plain()})
        tables.write(paths[-1], table, schemas.HISTORY, provenance)
    history = plot.read_material({"history": paths}).history
    shares = {run: one.shares("n_correct", split="test", view="natural", labels=[5], carrier=True) for run, one in history.items()}
    found = {method: by_epoch[1].to_dict() for (_, method), by_epoch in shares.items()}
    assert found == {"erm": {0: 0.75}, "group_dro": {0: 0.25}}
    assert history["fives", "erm"].grouping == groups


def test_a_history_that_does_not_name_its_groups_is_refused(tmp_path: Path, assert_one_sentence: Any) -> None:
    path = tmp_path / "runs/erm/none/000-001/history.parquet"
    empty = pa.table({name: pa.array([], kind) for name, kind in schemas.HISTORY.columns.items()})
    tables.write(path, empty, schemas.HISTORY, PROVENANCE)
    with pytest.raises(DataError, match=r"history\.parquet does not describe its groups") as error:
        plot.read_material({"history": [path]})
    assert_one_sentence(str(error.value))


def test_metrics_of_the_same_run_from_two_files_are_refused(sweep: dict[str, list[Path]], tmp_path: Path, assert_one_sentence: Any) -> None:
    with pytest.raises(DataError, match="two rows of the metrics table share") as error:
        draw({"metrics": [*sweep["metrics"], sweep["metrics"][0]]}, plain("carrier_pruning"), outputs(tmp_path / "out"))
    assert_one_sentence(str(error.value))


def test_the_blocks_of_a_setting_are_joined(spectrum: dict[str, list[Path]], tmp_path: Path) -> None:
    first = tables.read(spectrum["difficulty"][0], schemas.DIFFICULTY)
    second = first.set_column(0, "repeat", pa.array([1] * 12, pa.int16()))
    tables.write(tmp_path / "second.parquet", second, schemas.DIFFICULTY, PROVENANCE)
    inputs = {"difficulty": [*spectrum["difficulty"], tmp_path / "second.parquet"]}
    rankings = plot.read_material(inputs).rankings
    assert {name: sorted(by_repeat) for name, by_repeat in rankings.items()} == {"fives": [0, 1]}
