"""Whatever is chosen or pruned stays the same when the labels and groups of test samples are shuffled, before any stage has seen them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import load_file

from spurprune.config import methods
from spurprune.dag import plugins
from spurprune.data.inputs import read_manifest, write_manifest
from spurprune.pruning import plan as plans
from spurprune.stages import (
    embed,
    evaluate,
    partition,
    prepare_inputs,
    prepare_splits,
    prune_metadata,
    refine,
    retrain,
    score_difficulty,
    select_candidate,
    take_plan,
    train_reference,
)
from spurprune.storage import layout, schemas, tables
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance
from spurprune.storage.words import RULES

BLOCK, REPEATS = "900-901", [900, 901]
SAMPLING: dict[str, Any] = {
    "validation": "official",
    "subset": {"draw": "per_repeat", "parts": {}},
    "groups": ["side"],
    "aligned": {"0-4": {"side": "left"}, "5-9": {"side": "right"}},
    "carriers": {"choose": "natural", "where": {"side": "right"}, "class": "5-9"},
    "overlay_attribute": None,
}
FEW_CARRIERS = {"carriers": {"choose": "random", "class": "5-9", "count": 20, "draw": "per_repeat"}, "overlay_attribute": "line"}
PROBE = {"source": "5-9", "target": "0-4"}
EVALUATION = {"probe": PROBE, "overlay_attribute": None, "featured_classes": None}
SETTING: dict[str, Any] = {
    "model": {"name": "mlp", "hidden": [16]},
    "training": {
        "epochs": 4,
        "batch_size": 64,
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0},
        "schedule": {"name": "constant"},
        "augmentation": {"name": "none"},
        "precision": "fp32",
        "compile": False,
        "evaluate_epochs": "all",
        "evaluate_splits": ["validation"],
        "gradient_clip": None,
        "label_smoothing": 0.0,
    },
    "crop_size": None,
    "overlay": None,
    "normalisation": {"mean": None, "std": None},
    "evaluation": {"featured_classes": "probe", "batch_size": 512},
    "probe": PROBE,
}
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "early": {"epochs": 2, "record_epochs": "all", "seeds": 1, "view": "eval", "shared": False},
    "twins": {"kind": "cross_risk", "epochs": 2, "record_epochs": [2], "seeds": 1, "view": "eval", "shared": False},
}
PARTITIONS: Mapping[str, Mapping[str, Any]] = {
    "groups": {"kind": "groups"},
    "errors": {"kind": "errors", "reference": "early", "epoch": 1},
    "predicted": {"kind": "predicted", "reference": "early", "epoch": 1},
    "environments": {"kind": "cross_risk", "reference": "twins", "epoch": 2},
    "clusters": {"kind": "clusters", "from": "erm", "restarts": 2},
    "quarters": {"kind": "quarters"},
}
CHOOSABLE = ("none", "random-0.50", "per_group-el2n-hardest-0.50", "per_class-el2n-hardest-0.10", "global-el2n-easiest-0.50")
PLANS = (
    *CHOOSABLE,
    "carriers-el2n-hardest-0.50",
    "per_group_equal-el2n-hardest-0.50",
    "class_quota-erm-0.30",
    "balance_subsample-groups",
    "balance_reweight-predicted",
    "balance_reweight-environments",
    "importance-clusters-auto",
    "upweight-errors-5",
    "task_set-errors",
    "only-errors-right",
    "within-errors-el2n-hardest-0.50",
    "without_carriers",
)
ERM = methods.deciding(methods.complete({"kind": "erm"}))
LAST_LAYER = {"kind": "last_layer", "from": "erm", "options": {"C": [10.0, 1.0, 0.1, 0.01, 0.001], "redraws": 1}}


def tuned(by: str) -> dict[str, Any]:
    """The entry of a method that chooses its plan by a rule."""
    given = {"kind": "erm", "by": by, "grid": {"plan": list(CHOOSABLE)}, "tuning": {"blocks": [BLOCK]}}
    return methods.expanded({"pruning": given})["pruning"]


@dataclass
class Site:
    """All stages from the dataset to what is chosen, below ``root/results``.

    ``decided`` holds, by name, what must not depend on test labels: the columns and notes of tables, the bytes of other files.
    """

    root: Path
    decided: dict[str, Any] = field(default_factory=dict)

    @property
    def timing(self) -> Path:
        """The file of what the last training took, which nothing is decided by."""
        return self.root / "timing.json"

    def path(self, kind: str, **place: str) -> Path:
        folder = layout.TUNING_RUN if place.get("candidate") else layout.RUN
        here = {"setting": "sides", "block": BLOCK} | place
        if "method" in place and kind not in ("selection", "choice"):
            path = self.root / "results" / folder.format(**here) / f"{kind}.{'safetensors' if kind in ('models', 'head') else 'parquet'}"
        else:
            path = self.root / "results" / layout.path_of(kind, **here)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def provenance(self, **place: str) -> Provenance:
        here = {"setting": "sides", "block": BLOCK} | place
        return Provenance.of(here, {"code": "code", "repeats": REPEATS})

    @property
    def few_carriers(self) -> Path:
        """Samples whose carriers fit into a quarter of them."""
        return self.root / "few-carriers.parquet"

    @property
    def inputs(self) -> dict[str, Path]:
        dataset = self.root / "results/datasets/digits_sides-8"
        return {"inputs": dataset / "inputs.npy", "manifest": dataset / "manifest.json", "samples": self.path("samples")}

    def prepare(self, *, shuffled: bool) -> None:
        """Prepare the dataset, and shuffle the labels and the sides of its test samples, each by a permutation of its own."""
        base = self.path("base", dataset="digits_sides", size="8")
        prepare_inputs.run(
            dataset="digits_sides",
            image_size=8,
            source=None,
            own=None,
            damaged_images="stop",
            threads=1,
            inputs=self.inputs["inputs"],
            base=base,
            manifest=self.inputs["manifest"],
            provenance=Provenance.of({"dataset": "digits_sides", "size": "8"}, {"code": "code"}),
        )
        if shuffled:
            table, origin = tables.read(base, schemas.BASE), tables.origin_of(base, schemas.BASE, {})
            rng = np.random.default_rng(1)
            test = np.flatnonzero(to_numpy(table.column("split")) == "test")
            for name in ("label", "attribute_side"):
                values = to_numpy(table.column(name)).copy()
                values[test] = values[rng.permutation(test)]
                table = table.set_column(table.column_names.index(name), name, pa.array(values))
            tables.write(base, table, schemas.BASE, origin.provenance)
            identity = tables.origin_of(base, schemas.BASE, {}).identity
            write_manifest(self.inputs["manifest"], replace(read_manifest(self.inputs["manifest"]), base=identity))
        for output, sampling in ((self.path("samples"), SAMPLING), (self.few_carriers, SAMPLING | FEW_CARRIERS)):
            prepare_splits.run(
                base=base,
                manifest=self.inputs["manifest"],
                difficulty=None,
                setting=sampling,
                repeats=REPEATS,
                output=output,
                provenance=self.provenance(),
            )
        samples = tables.read(self.path("samples"), schemas.SAMPLES)
        self.decided["training and validation samples"] = samples.filter(pa.array(to_numpy(samples.column("split")) != "test"))

    def decide(self, name: str, path: Path, schema: schemas.TableSchema) -> Path:
        """Add a table without its sources and the digest of its training, which are of the samples' file."""
        provenance = tables.origin_of(path, schema, {}).provenance
        notes = {key: value for key, value in provenance.notes.items() if key != "training"}
        self.decided[name] = (tables.read(path, schema), notes, provenance.counts)
        return path

    def difficulty(self) -> None:
        for recipe, block in RECIPES.items():
            path = self.path("dynamics", recipe=recipe)
            train_reference.run(
                inputs=self.inputs,
                setting={key: value for key, value in SETTING.items() if key != "probe"},
                recipe=block,
                repeats=REPEATS,
                threads=1,
                repeats_at_once=1,
                outputs={"dynamics": path, "timing": self.timing},
                provenance=self.provenance(recipe=recipe),
            )
            self.decide(f"reference {recipe}", path, schemas.DYNAMICS)
        for score in plugins.names("scores"):
            is_random = score == "random"
            score_difficulty.run(
                samples=self.path("samples"),
                dynamics=None if is_random else self.path("dynamics", recipe="early"),
                score=score,
                reference=None if is_random else "early",
                epochs="all",
                repeats=REPEATS,
                output=self.path("difficulty", score=score),
                provenance=self.provenance(score=score),
            )
            self.decide(f"difficulty {score}", self.path("difficulty", score=score), schemas.DIFFICULTY)

    def partitions(self) -> None:
        """Make all partitions, for clusters of what the run without pruning computes."""
        of_run = {"method": "erm", "plan": "none", "candidate": ""}
        embed.run(
            inputs=self.inputs | {"models": self.path("models", **of_run)},
            setting=SETTING,
            method=ERM,
            repeats=REPEATS,
            threads=1,
            output=self.path("embedding", **of_run),
            provenance=self.provenance(**of_run),
        )
        for name, block in PARTITIONS.items():
            partition.run(
                samples=self.few_carriers if block["kind"] == "quarters" else self.path("samples"),
                dynamics=self.path("dynamics", recipe=block["reference"]) if "reference" in block else None,
                partition=block,
                repeats=REPEATS,
                output=self.path("partition", partition=name),
                provenance=self.provenance(partition=name),
                embedding=self.path("embedding", **of_run) if "from" in block else None,
            )
            self.decide(f"partition {name}", self.path("partition", partition=name), schemas.PARTITION)

    def prune(self, plan: str) -> None:
        parsed = plans.parse(plan)
        prune_metadata.run(
            samples=self.path("samples"),
            difficulty=self.path("difficulty", score=parsed.score) if parsed.score else None,
            partition=self.path("partition", partition=parsed.partition) if parsed.partition else None,
            manifest=self.inputs["manifest"],
            plan=plan,
            setting=EVALUATION,
            repeats=REPEATS,
            output=self.path("plan", plan=plan),
            provenance=self.provenance(plan=plan),
            predictions=self.path("predictions", method="erm", plan="none", candidate="") if parsed.predictor else None,
        )
        self.decide(f"plan {plan}", self.path("plan", plan=plan), schemas.PLAN)

    def train(self, method: Mapping[str, Any], plan: str, name: str, candidate: str = "") -> dict[str, str]:
        """Run retrain, and return its place."""
        of_run = {"method": name, "plan": plan, "candidate": candidate}
        retrain.run(
            inputs=self.inputs | {"plan": self.path("plan", plan=plan)},
            setting=SETTING,
            method=method,
            repeats=REPEATS,
            threads=1,
            repeats_at_once=1,
            outputs={kind: self.path(kind, **of_run) for kind in ("predictions", "history", "models")} | {"timing": self.timing},
            provenance=self.provenance(**of_run),
        )
        return of_run

    def choose_epochs(self) -> None:
        for rule in RULES:
            of_run = self.train({**ERM, "epoch": rule}, "none", f"best_by_{rule}")
            self.decide(f"epoch by {rule}", self.path("predictions", **of_run), schemas.PREDICTIONS)
            self.decided[f"network by {rule}"] = tensors(self.path("models", **of_run))

    def choose_candidates(self) -> None:
        """Train and evaluate the candidates, choose one by every rule and take its plan."""
        found = {}
        for candidate, coordinates in methods.candidates(tuned(RULES[0])).items():
            of_run = self.train(ERM, coordinates["plan"], "pruning", candidate)
            found[candidate] = [self.path("metrics", **of_run)]
            evaluate.run(
                predictions=self.path("predictions", **of_run),
                samples=self.path("samples"),
                plan=self.path("plan", plan=of_run["plan"]),
                manifest=self.inputs["manifest"],
                setting=EVALUATION,
                names={"setting": "sides", "method": "pruning", "plan": of_run["plan"], "block": BLOCK},
                repeats=REPEATS,
                output=found[candidate][0],
                provenance=self.provenance(**of_run),
            )
        for by in RULES:
            outputs = {kind: self.root / f"{by}.{kind}.json" for kind in ("selection", "choice")}
            of_method = {"setting": "sides", "method": "pruning"}
            select_candidate.run(
                metrics=found,
                method=tuned(by),
                names=of_method,
                outputs=outputs,
                provenance=Provenance.of(of_method, {"code": "code"}),
            )
            self.decided |= {f"{kind} by {by}": path.read_bytes() for kind, path in outputs.items()}
            path = self.root / f"{by}.parquet"
            take_plan.run(
                candidates={plan: self.path("plan", plan=plan) for plan in CHOOSABLE},
                selection=outputs["choice"],
                method="pruning",
                repeats=REPEATS,
                output=path,
                provenance=self.provenance(plan=plans.tuned("pruning")),
            )
            self.decide(f"plan by {by}", path, schemas.PLAN)

    def refit(self) -> None:
        for fit_on in ("validation", "train"):
            for balance in ("groups", "none"):
                name = f"{fit_on}_{balance}"
                of_run = {"method": name, "plan": "none", "candidate": ""}
                options = {**LAST_LAYER["options"], "fit_on": fit_on, "balance": balance}
                outputs = {kind: self.path(kind, **of_run) for kind in ("predictions", "head")}
                refine.run(
                    inputs={
                        "embedding": self.path("embedding", method="erm", plan="none", candidate=""),
                        "samples": self.path("samples"),
                        "plan": self.path("plan", plan="none"),
                    },
                    method=methods.deciding(methods.complete({**LAST_LAYER, "options": options})),
                    source="erm",
                    repeats=REPEATS,
                    outputs=outputs | {"timing": self.timing},
                    provenance=self.provenance(**of_run),
                )
                self.decide(f"C on {name}", outputs["predictions"], schemas.PREDICTIONS)
                self.decided[f"head on {name}"] = tensors(outputs["head"])

    def metrics(self, split: str) -> dict[str, list[Any]]:
        """The metrics of all candidates in a split."""
        found = {}
        for candidate, coordinates in methods.candidates(tuned(RULES[0])).items():
            path = self.path("metrics", method="pruning", plan=coordinates["plan"], candidate=candidate)
            found[candidate] = [row["value"] for row in tables.read(path, schemas.METRICS).to_pylist() if row["split"] == split]
        return found


def tensors(path: Path) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in load_file(path).items()}


def site(root: Path, *, shuffled: bool) -> Site:
    one = Site(root)
    one.prepare(shuffled=shuffled)
    one.difficulty()
    one.prune("none")
    one.train(ERM, "none", "erm")
    one.partitions()
    for plan in PLANS[1:]:
        one.prune(plan)
    one.choose_epochs()
    one.choose_candidates()
    one.refit()
    return one


@pytest.fixture(scope="module")
def sites(own_working_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Site]:
    """The site as released, and the one with shuffled test labels and sides."""
    as_released, shuffled = (site(tmp_path_factory.mktemp("site"), shuffled=one) for one in (False, True))
    return as_released, shuffled


def test_nothing_that_is_chosen_or_pruned_depends_on_test_labels(sites: tuple[Site, Site]) -> None:
    truth, found = (one.decided for one in sites)
    assert found.keys() == truth.keys()
    changed = [name for name, value in truth.items() if found[name] != value]
    assert not changed, ", ".join(changed)


def test_the_shuffled_labels_matter(sites: tuple[Site, Site]) -> None:
    """Test metrics of every candidate differ, those of validation do not; epochs and candidates are chosen, not all the last or first."""
    as_released, shuffled = sites
    found = shuffled.metrics("test")
    assert all(found[candidate] != values for candidate, values in as_released.metrics("test").items())
    assert shuffled.metrics("validation") == as_released.metrics("validation")
    epochs = {epoch for rule in RULES for epoch in as_released.decided[f"epoch by {rule}"][1]["epochs"].values()}
    assert epochs - {SETTING["training"]["epochs"]}


def test_every_strategy_partition_and_score_is_covered() -> None:
    """A new one belongs into the lists above."""
    assert {plans.parse(plan).strategy for plan in PLANS} == set(plugins.names("strategies"))
    assert {block["kind"] for block in PARTITIONS.values()} == set(plugins.names("partitions")) - {"suspects"}, "those see no test samples"
    assert set(RECIPES) == {block["reference"] for block in PARTITIONS.values() if "reference" in block}
