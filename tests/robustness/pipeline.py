"""A tiny study made by the stages themselves: two settings and versions of the code, every kind of table, in a results folder."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spurprune.config import methods
from spurprune.stages import (
    advise,
    collect_metrics,
    embed,
    evaluate,
    evaluate_groups,
    partition,
    prepare_inputs,
    prepare_splits,
    prune_metadata,
    refine,
    retrain,
    score_difficulty,
    select_candidate,
    tabulate,
    train_reference,
)
from spurprune.storage import layout
from spurprune.storage.provenance import Provenance

BLOCKS = {"000-001": [0, 1], "002-003": [2, 3]}
BLOCK = "000-001"
PLAN = "carriers-el2n-hardest-0.50"
SETTING: dict[str, Any] = {
    "crop_size": None,
    "model": {"name": "small_cnn", "channels": [2, 4, 4]},
    "training": {
        "epochs": 1,
        "batch_size": 128,
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
        "schedule": {"name": "constant"},
        "augmentation": {"name": "none"},
        "precision": "fp32",
        "compile": False,
        "evaluate_epochs": [1],
        "evaluate_splits": ["train", "validation", "test"],
        "gradient_clip": None,
        "label_smoothing": 0.0,
    },
    "overlay": {"name": "line", "attribute": "line", "width": 2, "value": 255, "channel": 0},
    "normalisation": {"mean": None, "std": None},
    "evaluation": {"featured_classes": "probe", "batch_size": 512},
    "probe": {"source": "5", "target": "9"},
}
CARRIERS = {"plain": 40, "more": 60}  # by setting
RECIPE = {"epochs": 2, "record_epochs": "all", "seeds": 2, "view": "eval", "shared": False}
KINDS = ("base", "samples", "dynamics", "difficulty", "partition", "plan", "predictions", "models", "embedding", "metrics")
ERM = methods.deciding(methods.complete({"kind": "erm"}))
TUNED = methods.expanded(
    {
        "dfr": {
            "kind": "last_layer",
            "from": "erm",
            "options": {"balance": "classes"},
            "grid": {"options.C": [1.0, 0.1]},
            "tuning": {"blocks": [BLOCK]},
            "by": "worst_class_accuracy",
        }
    }
)["dfr"]
EVALUATION = {"probe": SETTING["probe"], "overlay_attribute": "line", "featured_classes": "probe"}
ERRORS = {"kind": "errors", "reference": "short", "epoch": 1}
CHOICE = "per_class-random-hardest-0.10"
ADVICE = {"blocks": [BLOCK], "method": "erm", "score": "random", "sparsities": ["0.10"], "suspected": [], "partitions": ["clusters"]}
CLUSTERS = {"kind": "clusters", "from": "erm", "k": 2, "restarts": 1}

Paths = Mapping[str, Path]


@dataclass(frozen=True)
class Step:
    """A stage's call on some tables: ``run`` maps inputs to one output."""

    name: str
    inputs: Paths
    run: Callable[[Paths, Path], None]


class Study:
    """The files of one version of the code below ``root/results``."""

    def __init__(self, root: Path, code: str) -> None:
        self.results, self.code = root / "results", code
        self.dataset = self.results / "datasets/digits-8"
        self.steps: dict[Path, Step] = {}

    def provenance(self, place: Mapping[str, str], repeats: list[int] | None) -> Provenance:
        params = {"code": self.code, "made_by": dict.fromkeys(KINDS, self.code)}
        return Provenance.of(place, params if repeats is None else params | {"repeats": repeats})

    def tables(self) -> Iterator[Path]:
        """All tables below the results folder, in order."""
        yield from sorted(path for path in self.results.rglob("*.parquet") if path.parent != self.results)

    def path(self, kind: str, **place: str) -> Path:
        if "method" in place and kind not in ("selection", "choice"):
            folder = layout.TUNING_RUN if place.get("candidate") else layout.RUN
            return self.results / folder.format(**place) / f"{kind}.{'safetensors' if kind == 'models' else 'parquet'}"
        return self.results / layout.path_of(kind, **place)

    def make(self, output: Path, name: str, inputs: Paths, run: Callable[[Paths, Path], None]) -> Path:
        """Run a stage, and remember how."""
        output.parent.mkdir(parents=True, exist_ok=True)
        run(inputs, output)
        self.steps[output] = Step(name, inputs, run)
        return output

    def build(self) -> None:
        """Make everything."""
        self.prepare()
        for setting in CARRIERS:
            for block, repeats in BLOCKS.items():
                self.prepare_setting(setting, block, repeats)
                for plan in ("none", PLAN, CHOICE):
                    self.train(setting, block, repeats, plan)
                here = {"setting": setting, "block": block}
                unpruned = self.path("predictions", method="erm", plan="none", **here)
                self.prune("class_quota-erm-0.00", here, repeats, {"predictions": unpruned})  # of no effect, as some class is all learned
        self.select("plain")
        self.summarise()

    def prepare(self) -> None:
        own = {"inputs": "inputs.npy", "base": "base.parquet", "manifest": "manifest.json"}
        self.dataset.mkdir(parents=True)
        prepare_inputs.run(
            dataset="digits",
            image_size=8,
            source=None,
            own=None,
            damaged_images="stop",
            threads=1,
            provenance=self.provenance({"dataset": "digits", "size": "8"}, None),
            **{name: self.dataset / file for name, file in own.items()},
        )

    def prepare_setting(self, setting: str, block: str, repeats: list[int]) -> None:
        here = {"setting": setting, "block": block}
        manifest = self.dataset / "manifest.json"
        sampling: dict[str, Any] = {
            "validation": "official",
            "subset": {"draw": "per_repeat", "parts": {}},
            "groups": ["line"],
            "aligned": {"5": {"line": "with"}},
            "carriers": {"choose": "random", "count": CARRIERS[setting], "draw": "per_repeat", "class": "5"},
            "overlay_attribute": "line",
        }
        samples = self.make(
            self.path("samples", **here),
            "prepare_splits",
            {"base": self.dataset / "base.parquet"},
            lambda given, output: prepare_splits.run(
                base=given["base"],
                manifest=manifest,
                difficulty=None,
                setting=sampling,
                repeats=repeats,
                output=output,
                provenance=self.provenance(here, repeats),
            ),
        )
        reference = {key: SETTING[key] for key in ("model", "crop_size", "overlay", "normalisation", "evaluation", "training")}
        dynamics = self.make(
            self.path("dynamics", recipe="short", **here),
            "train_reference",
            {"samples": samples},
            lambda given, output: train_reference.run(
                inputs=self.with_inputs(given),
                setting=reference,
                recipe=RECIPE,
                repeats=repeats,
                threads=1,
                repeats_at_once=1,
                outputs={"dynamics": output, "timing": output.with_name("timing.json")},
                provenance=self.provenance(here | {"recipe": "short"}, repeats),
            ),
        )
        for score in ("el2n", "forgetting", "random"):
            inputs = {"samples": samples} | ({} if score == "random" else {"dynamics": dynamics})
            self.make(
                self.path("difficulty", score=score, **here),
                "score_difficulty",
                inputs,
                lambda given, output, score=score: score_difficulty.run(  # type: ignore[misc]
                    samples=given["samples"],
                    dynamics=given.get("dynamics"),
                    score=score,
                    reference=None if score == "random" else "short",
                    epochs="all",
                    repeats=repeats,
                    output=output,
                    provenance=self.provenance(here | {"score": score}, repeats),
                ),
            )
        parts = self.make(
            self.path("partition", partition="missed", **here),
            "partition",
            {"samples": samples, "dynamics": dynamics},
            lambda given, output: partition.run(
                samples=given["samples"],
                dynamics=given["dynamics"],
                partition=ERRORS,
                repeats=repeats,
                output=output,
                provenance=self.provenance(here | {"partition": "missed"}, repeats),
            ),
        )
        ranked = {score: self.path("difficulty", score=score, **here) for score in ("el2n", "random")}
        plans = {
            "none": {},
            PLAN: {"difficulty": ranked["el2n"]},
            CHOICE: {"difficulty": ranked["random"]},
            "balance_reweight-missed": {"partition": parts},
        }
        for plan, of_plan in plans.items():
            self.prune(plan, here, repeats, of_plan)

    def prune(self, plan: str, here: Mapping[str, str], repeats: list[int], of_plan: Paths) -> None:
        self.make(
            self.path("plan", plan=plan, **here),
            "prune_metadata",
            {"samples": self.path("samples", **here), **of_plan},
            lambda given, output: prune_metadata.run(
                samples=given["samples"],
                difficulty=given.get("difficulty"),
                partition=given.get("partition"),
                predictions=given.get("predictions"),
                manifest=self.dataset / "manifest.json",
                plan=plan,
                setting=EVALUATION,
                repeats=repeats,
                output=output,
                provenance=self.provenance({**here, "plan": plan}, repeats),
            ),
        )

    def with_inputs(self, given: Paths) -> dict[str, Path]:
        return {"inputs": self.dataset / "inputs.npy", "manifest": self.dataset / "manifest.json", **given}

    def train(self, setting: str, block: str, repeats: list[int], plan: str) -> None:
        of_run = {"setting": setting, "method": "erm", "plan": plan, "block": block}
        samples = self.path("samples", setting=setting, block=block)
        of_plan = self.path("plan", setting=setting, plan=plan, block=block)

        def run(given: Paths, output: Path) -> None:
            outputs = {"predictions": output, "history": output.with_name("history.parquet"), "timing": output.with_name("timing.json")}
            retrain.run(
                inputs=self.with_inputs(given),
                setting=SETTING,
                method=ERM,
                repeats=repeats,
                threads=1,
                repeats_at_once=1,
                outputs=outputs | {"models": output.with_name("models.safetensors")},
                provenance=self.provenance(of_run, repeats),
            )

        self.make(self.path("predictions", **of_run), "retrain", {"samples": samples, "plan": of_plan}, run)
        self.evaluate(of_run, repeats)

    def evaluate(self, of_run: Mapping[str, str], repeats: list[int]) -> None:
        inputs = {
            "predictions": self.path("predictions", **of_run),
            "samples": self.path("samples", setting=of_run["setting"], block=of_run["block"]),
            "plan": self.path("plan", setting=of_run["setting"], plan=of_run["plan"], block=of_run["block"]),
        }
        names = {key: of_run[key] for key in ("setting", "method", "plan", "block")}
        self.make(
            self.path("metrics", **of_run),
            "evaluate",
            inputs,
            lambda given, output: evaluate.run(
                predictions=given["predictions"],
                samples=given["samples"],
                plan=given["plan"],
                manifest=self.dataset / "manifest.json",
                setting=EVALUATION,
                names=names,
                repeats=repeats,
                output=output,
                provenance=self.provenance(of_run, repeats),
            ),
        )

    def select(self, setting: str) -> None:
        """Refine the unpruned run's last layer by every candidate, and choose one."""
        source = {"setting": setting, "method": "erm", "plan": "none", "block": BLOCK}
        here = {"setting": setting, "block": BLOCK}
        repeats = BLOCKS[BLOCK]
        samples, plan = self.path("samples", **here), self.path("plan", plan="none", **here)
        embedding = self.make(
            self.path("embedding", **source),
            "embed",
            {"samples": samples, "models": self.path("models", **source)},
            lambda given, output: embed.run(
                inputs=self.with_inputs(given),
                setting=SETTING,
                method=ERM,
                repeats=repeats,
                threads=1,
                output=output,
                provenance=self.provenance(source, repeats),
            ),
        )
        self.make(
            self.path("partition", partition="clusters", **here),
            "partition",
            {"samples": samples, "embedding": embedding},
            lambda given, output: partition.run(
                samples=given["samples"],
                dynamics=None,
                embedding=given["embedding"],
                partition=CLUSTERS,
                repeats=repeats,
                output=output,
                provenance=self.provenance(here | {"partition": "clusters"}, repeats),
            ),
        )
        self.advise(source, repeats)
        for candidate, coordinates in methods.candidates(TUNED).items():
            of_run = source | {"method": "dfr", "candidate": candidate}
            entry = methods.deciding(methods.at(TUNED, coordinates))
            self.make(
                self.path("predictions", **of_run),
                "refine",
                {"embedding": embedding, "samples": samples, "plan": plan},
                lambda given, output, entry=entry, of_run=of_run: refine.run(  # type: ignore[misc]
                    inputs=given,
                    method=entry,
                    source="erm",
                    repeats=repeats,
                    outputs={"predictions": output, "timing": output.with_name("timing.json")},
                    provenance=self.provenance(of_run, repeats),
                ),
            )
            self.evaluate(of_run, repeats)
        names = list(methods.candidates(TUNED))
        of_method = {"setting": setting, "method": "dfr"}
        self.make(
            self.path("selection", **of_method),
            "select_candidate",
            {name: self.path("metrics", **{**source, "method": "dfr", "candidate": name}) for name in names},
            lambda given, output: select_candidate.run(
                metrics={name: [given[name]] for name in names},
                method=TUNED,
                names=of_method,
                outputs={"selection": output, "choice": output.with_suffix(".choice.json")},
                provenance=self.provenance(of_method, None),
            ),
        )

    def advise(self, source: Mapping[str, str], repeats: list[int]) -> None:
        """Gather the evidence on one choice, whose control was not trained, and advise."""
        here = {"setting": source["setting"], "block": source["block"]}
        of_plans = {plan: self.path("predictions", **{**source, "plan": plan}) for plan in ("none", CHOICE)}
        samples, clusters = self.path("samples", **here), self.path("partition", partition="clusters", **here)
        tables = {"samples": samples, "embedding": self.path("embedding", **source), "partition": clusters}
        evidence = self.make(
            self.path("evidence", **here),
            "evaluate_groups",
            tables | {f"predictions {plan}": path for plan, path in of_plans.items()},
            lambda given, output: evaluate_groups.run(
                predictions={plan: given[f"predictions {plan}"] for plan in of_plans},
                samples=given["samples"],
                embedding=given["embedding"],
                partitions={"clusters": given["partition"]},
                manifest=self.dataset / "manifest.json",
                setting=EVALUATION,
                method="erm",
                embedded_plan="none",
                repeats=repeats,
                output=output,
                provenance=self.provenance(here, repeats),
            ),
        )
        read = {
            "base": self.dataset / "base.parquet",
            "samples": samples,
            "difficulty": self.path("difficulty", score="random", **here),
            "dynamics": self.path("dynamics", recipe="short", **here),
            "partitions": clusters,
            "evidence": evidence,
            "predictions": of_plans["none"],
        }
        self.make(
            self.results / "advice" / here["setting"] / "index.html",
            "advise",
            read,
            lambda given, output: advise.run(
                inputs={name: [path] for name, path in self.with_inputs(given).items()} | {"analyses": []},
                advice=ADVICE,
                suspects=[],
                title="Plain",
                tokenizer=None,
                crop_size=None,
                originals=None,
                outputs={
                    "page": output,
                    **{name: output.with_name(f"{name}.csv") for name in ("keep", "drop")},
                    "samples": output.with_name("samples.parquet"),
                    "diagnosis": output.with_name("diagnosis.json"),
                    "summary": output.with_name("diagnosis.md"),
                },
                provenance=self.provenance({"setting": here["setting"]}, None),
            ),
        )

    def summarise(self) -> None:
        """Collect and tabulate the metrics of all final runs."""
        runs = sorted(path for path, step in self.steps.items() if step.name == "evaluate" and "/runs/" in str(path))
        inputs = {f"metrics {place}": path for place, path in enumerate(runs)}
        self.make(
            self.results / "metrics.parquet",
            "collect_metrics",
            inputs,
            lambda given, output: collect_metrics.run(metrics=list(given.values()), output=output, provenance=self.provenance({}, None)),
        )
        self.make(
            self.results / "tables/study/summary.csv",
            "tabulate",
            inputs,
            lambda given, output: tabulate.run(
                inputs={"metrics": list(given.values())},
                table={"kind": "summary", "title": "Summary"},
                outputs={"csv": output, "markdown": output.with_suffix(".md")},
                provenance=self.provenance({"study": "study", "table": "summary"}, None),
            ),
        )
