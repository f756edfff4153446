"""The stage analyse on digits as vectors: kept reference networks, a planted cue found, its carriers named, the reliance of a run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits

from spurprune.config import methods
from spurprune.data import analysis as analyses
from spurprune.data import inputs as arrays
from spurprune.data import samples as sampling
from spurprune.data.grouping import Grouping
from spurprune.data.inputs import Manifest
from spurprune.data.samples import Samples
from spurprune.errors import DataError
from spurprune.pruning.parts import Parts
from spurprune.stages import analyse, partition, retrain, train_reference
from spurprune.storage import schemas, tables, tensor_files
from spurprune.storage.columns import labels
from spurprune.storage.provenance import Provenance

PLACE = {"setting": "digits-test", "block": "000-000"}
CLASSES = ("low", "high")
COLUMN = slice(0, 8)  # the left column: the vectors hold one column after the other
TRAINING: dict[str, Any] = {
    "epochs": 6,
    "batch_size": 32,
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
    "schedule": {"name": "constant"},
    "augmentation": {"name": "none"},
    "precision": "fp32",
    "compile": False,
    "gradient_clip": None,
    "label_smoothing": 0.0,
}
REFERENCE: dict[str, Any] = {
    "crop_size": None,
    "model": {"name": "mlp", "hidden": [16]},
    "training": TRAINING,
    "overlay": None,
    "normalisation": {"mean": None, "std": None},
    "evaluation": {"featured_classes": "probe", "batch_size": 2000},
}
SETTING = REFERENCE | {"probe": None, "training": TRAINING | {"evaluate_epochs": [], "evaluate_splits": ["validation", "test"]}}
RECIPE = {"epochs": 6, "record_epochs": [6], "seeds": 2, "view": "eval", "shared": False}
ERM = methods.deciding(methods.complete({"kind": "erm"}))
CUES = {"kind": "transplant", "reference": "scouts", "donors": 60, "recipients": 20, "sources": 10, "tokens": 20}
RELIANCE = {"kind": "reliance", "from": "erm", "plan": "none", "partition": "suspects", "donors": 30, "recipients": 20}
RELIANCE |= {"split": "test", "regions": "all"}


def provenance(**place: str) -> Provenance:
    return Provenance(PLACE | place, "0+code", "config", repeats=(0,))


class Folder:
    """Digits in two halves, a cue on a fifth of the high ones, and what is made of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        images, digit = load_digits(return_X_y=True)
        vectors = (images.reshape(-1, 8, 8).transpose(0, 2, 1).reshape(-1, 64) / 16).astype(np.float32)
        label = (digit >= 5).astype(np.int16)
        rng = np.random.default_rng(0)
        split = rng.permutation(np.repeat(np.array(["train", "validation", "test"], dtype=object), [1000, 300, len(label) - 1300]))
        self.carrier = (label == 1) & (split != "test") & (rng.random(len(label)) < 0.2)
        vectors[self.carrier, COLUMN] = 1
        none = np.full(len(label), -1, dtype=np.int8)
        self.samples = Samples(0, np.arange(len(label)), split, label, {}, none, none, label.astype(np.int32))
        content = {"dataset": "digits", "image_size": None, "classes": CLASSES, "attributes": (), "split_counts": {}, "mean": (), "std": ()}
        arrays.write_inputs(self.at("inputs.npy"), vectors)
        manifest = Manifest(**content, source="", licence="", **arrays.content_of(vectors))  # type: ignore[arg-type]
        arrays.write_manifest(self.at("manifest.json"), manifest)
        sampling.write(self.at("samples.parquet"), [self.samples], Grouping(CLASSES, ()), provenance())
        self.inputs = {name: self.at(file) for name, file in FILES.items()}

    def at(self, name: str) -> Path:
        return self.path / name

    def scouts(self) -> None:
        """Train the reference runs and keep their networks."""
        train_reference.run(
            inputs=self.inputs,
            setting=REFERENCE,
            recipe=RECIPE,
            repeats=[0],
            threads=1,
            repeats_at_once=1,
            outputs={"dynamics": self.at("dynamics.parquet"), "timing": self.at("timing.json"), "models": self.at("scouts.safetensors")},
            provenance=provenance(recipe="scouts"),
        )

    def cues(self, output: str = "cues.parquet", setting: dict[str, Any] = REFERENCE) -> Path:
        """Find the suspicious regions."""
        analyse.run(
            inputs=self.inputs | {"models": self.at("scouts.safetensors")},
            setting=setting,
            trained_by=RECIPE,
            analysis=CUES,
            repeats=[0],
            threads=1,
            output=self.at(output),
            provenance=provenance(analysis="cues"),
        )
        return self.at(output)

    def suspects(self) -> Path:
        """Make the partition."""
        partition.run(
            samples=self.inputs["samples"],
            dynamics=None,
            partition={"kind": "suspects", "analysis": "cues"},
            repeats=[0],
            output=self.at("suspects.parquet"),
            provenance=provenance(partition="suspects"),
            analysis=self.at("cues.parquet"),
        )
        return self.at("suspects.parquet")

    def reliance(self) -> Path:
        """Train a run on all samples, and measure its reliance."""
        rows = self.samples.rows("train")
        columns = {"repeat": np.zeros(len(rows), dtype=np.int16), "sample_id": self.samples.sample_id[rows], "weight": np.ones(len(rows))}
        table = pa.table(columns | {"reason": labels(["kept"] * len(rows), ["kept"])})
        plan = Provenance(PLACE | {"plan": "none"}, "0+code", "config", repeats=(0,), notes={"visits": "exact"})
        tables.write(self.at("plan.parquet"), table, schemas.PLAN, plan)
        of_run = {"method": "erm", "plan": "none", "candidate": ""}
        retrain.run(
            inputs=self.inputs | {"plan": self.at("plan.parquet")},
            setting=SETTING,
            method=ERM,
            repeats=[0],
            threads=1,
            repeats_at_once=1,
            outputs={name: self.at(f"run.{name}") for name in ("predictions", "history", "timing", "models")},
            provenance=provenance(**of_run),
        )
        return self.measured("reliance.parquet")

    def measured(self, output: str, suspects: str = "suspects.parquet", **options: Any) -> Path:
        """Measure the run's reliance."""
        analyse.run(
            inputs=self.inputs | {"models": self.at("run.models"), "partition": self.at(suspects)},
            setting=SETTING,
            trained_by=ERM,
            analysis=RELIANCE | options,
            repeats=[0],
            threads=1,
            output=self.at(output),
            provenance=provenance(analysis="all"),
        )
        return self.at(output)


FILES = {"inputs": "inputs.npy", "manifest": "manifest.json", "samples": "samples.parquet"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    found = Folder(tmp_path_factory.mktemp("analyse"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found.path)  # for the checkpoints
        found.scouts()
        found.cues()
        found.suspects()
        found.reliance()
    return found


def test_suspects_alone_are_measured_as_with_the_map(folder: Folder) -> None:
    whole = analyses.read(folder.at("reliance.parquet"), "reliance")[0].columns
    alone = analyses.read(folder.measured("alone.parquet", regions="suspected"), "reliance")[0].columns
    of_suspects = whole["donors"] == "suspects"
    assert set(alone["donors"]) == {"suspects"} and len(whole["donors"]) > len(alone["donors"])
    assert all((alone[name] == whole[name][of_suspects]).all() for name in alone)


def test_recipients_may_be_validation_samples(folder: Folder) -> None:
    """The cue turns some of these, too; that they are others shows in another share."""
    options = {"regions": "suspected", "recipients": 200}
    shares = [
        analyses.read(folder.measured(f"{split}.parquet", split=split, **options), "reliance")[0].columns["share"]
        for split in ("validation", "test")
    ]
    assert all(share[0] > 0.1 for share in shares) and (shares[0] != shares[1]).any()


def test_where_nobody_is_suspected_nothing_is_measured(folder: Folder) -> None:
    found = tables.read(folder.at("suspects.parquet"), schemas.PARTITION)
    nobody = found.set_column(found.column_names.index("part"), "part", pa.array(np.zeros(len(found), dtype=np.int32)))
    notes = tables.read_metadata(folder.at("suspects.parquet"), schemas.PARTITION)["notes"]
    tables.write(folder.at("nobody.parquet"), nobody, schemas.PARTITION, replace(provenance(partition="suspects"), notes=notes))
    assert analyses.read(folder.measured("none.parquet", "nobody.parquet", regions="suspected"), "reliance") == {}


def test_the_networks_of_all_seeds_are_kept(folder: Folder) -> None:
    _, tensors = tensor_files.read(folder.at("scouts.safetensors"))
    assert {name.rpartition(".")[0].split(".")[1] for name in tensors} == {"0", "1"}
    assert all(name.startswith("0.") for name in tensors)


def test_the_cue_is_the_strongest_region_and_its_suspects_are_the_carriers(folder: Folder) -> None:
    found = analyses.read(folder.at("cues.parquet"), "transplant")[0]
    first = found.notes["regions"][0]
    assert (first["source"], first["region"]) == ("high", "coordinates 0–7")
    parts = Parts.read(folder.at("suspects.parquet"))
    rows = folder.samples.rows("train")
    suspected = parts.of(0, rows, folder.samples.label[rows]) == 1
    carrier = folder.carrier[rows]
    assert carrier[suspected].mean() >= 0.95, "precision"
    assert suspected[carrier].mean() >= 0.95, "recall"


def test_every_donor_of_a_strong_region_has_its_flips_and_of_others_only_those_screened(folder: Folder) -> None:
    found = analyses.read(folder.at("cues.parquet"), "transplant")[0]
    columns = found.columns
    train = folder.samples.rows("train")
    strong = {(CLASSES.index(one["source"]), one["region"]) for one in found.notes["regions"]}
    donors = {True: 0, False: 0}
    for source, region in set(zip(columns["source"].tolist(), columns["region"].tolist(), strict=True)):
        mine = (columns["source"] == source) & (columns["region"] == region)
        ids = columns["sample_id"][mine & ~columns["control"]]
        assert (folder.samples.label[ids] == source).all()
        assert (folder.samples.label[columns["sample_id"][mine & columns["control"]]] != source).all()
        whole = (source, region) in strong
        assert len(ids) == ((folder.samples.label[train] == source).sum() if whole else CUES["donors"])
        donors[whole] += 1
    assert donors[True] == len(strong) >= 1
    assert donors[False] + donors[True] == 2 * (16 + 8 + 4)


def test_a_run_relies_on_its_suspects_region(folder: Folder) -> None:
    columns = analyses.read(folder.at("reliance.parquet"), "reliance")[0].columns
    by_key = {
        (str(source), str(region), str(donors)): float(share)
        for source, region, donors, share in zip(*(columns[name] for name in ("source", "region", "donors", "share")), strict=True)
    }
    cue = ("high", "coordinates 0–7")
    assert by_key[*cue, "suspects"] > by_key[*cue, "control"] + 0.1
    assert by_key[*cue, "drawn"] >= by_key[*cue, "suspects"] - 0.05, "a tenth of the drawn donors, all of them carriers"


def test_equal_jobs_write_equal_bytes(folder: Folder) -> None:
    assert folder.cues("again.parquet").read_bytes() == folder.at("cues.parquet").read_bytes()


def test_networks_of_another_configuration_are_refused(folder: Folder) -> None:
    other = REFERENCE | {"training": TRAINING | {"batch_size": 16}}
    with pytest.raises(DataError, match="holds the networks of a run with another configuration; delete the file and rerun"):
        folder.cues("other.parquet", other)


def test_a_file_of_another_kind_is_refused(folder: Folder) -> None:
    with pytest.raises(DataError):
        analyses.read(folder.at("cues.parquet"), "reliance")


def test_the_provenance_names_what_is_behind_a_file(folder: Folder) -> None:
    sources = analyses.origin_of(folder.at("reliance.parquet")).provenance.sources
    kinds = {key.split(" ")[0] for key in sources}
    assert {"models", "partition", "analysis", "reference_models", "samples", "inputs", "plan"} <= kinds
