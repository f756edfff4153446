"""The part of the workflow that CIFAR-10S needs, file by file, without a workflow engine: paths and provenance are the workflow's."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from spurprune.config import blocks, methods, reading, settings
from spurprune.config.merging import merge
from spurprune.dag import files
from spurprune.dag.codehash import code_hash
from spurprune.dag.files import Difficulty, Run
from spurprune.dag.plugins import module_name
from spurprune.data.inputs import folder_name
from spurprune.pruning import plan as plans
from spurprune.stages import evaluate, prepare_inputs, prepare_splits, prune_metadata, retrain, score_difficulty, train_reference
from spurprune.storage.canonical import canonical
from spurprune.storage.provenance import Provenance

ROOT = Path(__file__).resolve().parents[2]
FILES = ("config/settings/cifar10s.yaml",)
WINDOWS = "cifar10s-window"
STRENGTHS = ("S1", "S2", "S3")  # of the line, the configuration's own first
ENDS = (4900, 0)  # the hardest and the easiest window of Fig. 2
PLAIN = "none"
PRUNING = ("carriers-el2n-hardest-0.25", "per_class-el2n-hardest-0.10", "per_class-el2n-hardest-0.20", "carriers-el2n-easiest-0.25")
ERM: Mapping[str, Any] = {"kind": "erm", "from": None, "options": {}, "training": {}, "epoch": "last"}
NUMERIC_THREADS = 2


@dataclass(frozen=True)
class Workflow:
    """Complete settings and families, below ``results``; ``at_once`` repeats of a block train side by side."""

    results: Path
    settings: Mapping[str, Mapping[str, Any]]
    families: Mapping[str, Mapping[str, Mapping[str, Any]]]
    hashes: dict[str, str] = field(default_factory=dict)

    @cached_property
    def dataset(self) -> Path:
        """The prepared dataset's folder, which all precisions share."""
        return self.results.parent / "datasets" / folder_name("cifar10", 32)

    def coordinates(self, setting: str) -> Mapping[str, Any]:
        """Return a setting's coordinates on its family's grid."""
        return next((members[setting] for members in self.families.values() if setting in members), {})

    def window(self, strength: str, start: int) -> str:
        """Return the name of one member of the family of windows."""
        wanted = {"overlay": strength, "carriers.start": start}
        return next(name for name, found in self.families[WINDOWS].items() if found == wanted)

    def runs(self, block: str) -> Iterator[Run]:
        """Yield a block's runs in order of value: Fig. 2's ends, settings 1 and 2, pruning in setting 1, the ends of other lines."""
        first, *others = STRENGTHS
        for start in ENDS:
            yield Run(self.window(first, start), "erm", PLAIN, block)
        for setting in ("cifar10s-1", "cifar10s-2"):
            yield Run(setting, "erm", PLAIN, block)
        for plan in PRUNING:
            yield Run("cifar10s-1", "erm", plan, block)
        for strength in others:
            for start in ENDS:
                yield Run(self.window(strength, start), "erm", PLAIN, block)

    def prepare_inputs(self, source: Path) -> None:
        """Decode CIFAR-10 from the folder that holds its release."""
        place = {"dataset": "cifar10", "size": "32"}
        params = {"source": str(source), "code": self._code("prepare_inputs", ("datasets", "cifar10"))}
        prepare_inputs.run(
            dataset="cifar10",
            image_size=32,
            source=source,
            own=None,
            damaged_images="stop",
            threads=NUMERIC_THREADS,
            inputs=self.dataset / "inputs.npy",
            base=self.dataset / "base.parquet",
            manifest=self.dataset / "manifest.json",
            provenance=Provenance.of(place, params),
        )

    def samples(self, setting: str, block: str) -> Path:
        """Return the samples of a block, made if they are missing."""
        target = self.results / f"settings/{setting}/samples/{block}.parquet"
        base = files.base_difficulty(setting, block, self.settings)
        params: dict[str, Any] = {
            "setting": blocks.samples(self.settings[setting]),
            "repeats": _repeats(block),
            "code": self._code("prepare_splits"),
        }

        def make() -> None:
            prepare_splits.run(
                base=self.dataset / "base.parquet",
                manifest=self.dataset / "manifest.json",
                difficulty=self.difficulty(base) if base else None,
                setting=params["setting"],
                repeats=_repeats(block),
                output=target,
                provenance=Provenance.of({"setting": setting, "block": block}, params),
            )

        return _made(target, make)

    def difficulty(self, wanted: Difficulty) -> Path:
        """Return the difficulty of a block, made from its reference runs if it is missing."""
        block, setting = wanted.block, self.settings[wanted.setting]
        recipe = setting["difficulty"][wanted.score]["reference"]
        dynamics = self.results / f"settings/{wanted.setting}/reference/{recipe}/{block}/dynamics.parquet"
        target = self.results / wanted.path
        place = {"setting": wanted.setting, "block": block}

        def train() -> None:
            entry = setting["reference"][recipe]
            params = {"setting": blocks.reference(setting, entry), "recipe": canonical(entry), "code": self._network("train_reference")}
            train_reference.run(
                inputs=self._inputs(wanted.setting, block),
                setting=params["setting"],
                recipe=params["recipe"],
                repeats=_repeats(block),
                threads=NUMERIC_THREADS,
                repeats_at_once=len(_repeats(block)),
                outputs={"dynamics": dynamics, "timing": dynamics.with_name("timing.json")},
                provenance=Provenance.of(place | {"recipe": recipe}, params | {"repeats": _repeats(block)}),
            )

        def score() -> None:
            epochs = setting["difficulty"][wanted.score]["epochs"]
            params = {
                "reference": recipe,
                "epochs": epochs,
                "repeats": _repeats(block),
                "code": self._code("score_difficulty", ("scores", wanted.score)),
            }
            score_difficulty.run(
                samples=self.samples(wanted.setting, block),
                dynamics=_made(dynamics, train),
                score=wanted.score,
                reference=recipe,
                epochs=epochs,
                repeats=_repeats(block),
                output=target,
                provenance=Provenance.of(place | {"score": wanted.score}, params),
            )

        return _made(target, score)

    def plan(self, run: Run) -> Path:
        """Return a run's plan, made if it is missing."""
        target = self.results / f"settings/{run.setting}/plans/{run.plan}/{run.block}.parquet"
        ranked = files.plan_difficulty(run.setting, run.plan, run.block)
        params: dict[str, Any] = {
            "setting": blocks.part(self.settings[run.setting], "probe"),
            "repeats": _repeats(run.block),
            "code": self._code("prune_metadata", ("strategies", plans.parse(run.plan).strategy)),
        }

        def make() -> None:
            prune_metadata.run(
                samples=self.samples(run.setting, run.block),
                difficulty=self.difficulty(ranked) if ranked else None,
                partition=None,
                manifest=self.dataset / "manifest.json",
                plan=run.plan,
                setting=params["setting"],
                repeats=_repeats(run.block),
                output=target,
                provenance=Provenance.of({"setting": run.setting, "plan": run.plan, "block": run.block}, params),
            )

        return _made(target, make)

    def predictions(self, run: Run) -> Path:
        """Return a run's predictions, made by training if they are missing."""
        folder = self.results / run.folder
        outputs = {name: folder / f"{name}.parquet" for name in ("predictions", "history")} | {"timing": folder / "timing.json"}
        setting = blocks.training(self.settings[run.setting])
        params = {
            "setting": setting,
            "method": canonical(methods.deciding(ERM)),
            "repeats": _repeats(run.block),
            "code": self._network("retrain", ("methods", "erm")),
        }

        def make() -> None:
            retrain.run(
                inputs=self._inputs(run.setting, run.block) | {"plan": self.plan(run)},
                setting=setting,
                method=params["method"],
                repeats=_repeats(run.block),
                threads=NUMERIC_THREADS,
                repeats_at_once=len(_repeats(run.block)),
                outputs=outputs,
                provenance=Provenance.of(_place(run), params),
            )

        return _made(outputs["predictions"], make)

    def metrics(self, run: Run) -> Path:
        """Return a run's metrics, made with everything they need if they are missing."""
        target = self.results / run.folder / "metrics.parquet"
        params: dict[str, Any] = {
            "setting": blocks.evaluation(self.settings[run.setting]),
            "repeats": _repeats(run.block),
            "code": self._code("evaluate"),
        }

        def make() -> None:
            evaluate.run(
                predictions=self.predictions(run),
                samples=self.samples(run.setting, run.block),
                plan=self.plan(run),
                manifest=self.dataset / "manifest.json",
                setting=params["setting"],
                names=_place(run),
                repeats=_repeats(run.block),
                output=target,
                provenance=Provenance.of(_place(run), params),
            )

        return _made(target, make)

    def _inputs(self, setting: str, block: str) -> dict[str, Path]:
        own = {"inputs": self.dataset / "inputs.npy", "manifest": self.dataset / "manifest.json"}
        return own | {"samples": self.samples(setting, block)}

    def _network(self, stage: str, *more: tuple[str, str]) -> str:
        return self._code(stage, ("models", "resnet_cifar"), ("overlays", "line"), *more)

    def _code(self, stage: str, *plugins: tuple[str, str]) -> str:
        """Return the hash of a stage's code, as the workflow's rules do."""
        key = " ".join([stage, *(f"{kind}.{name}" for kind, name in plugins)])
        if key not in self.hashes:
            modules = [module_name(kind, name) for kind, name in plugins]
            self.hashes[key] = code_hash(ROOT, ROOT / f"workflow/scripts/{stage}.py", *modules)
        return self.hashes[key]


def workflow(results: Path, precision: str, quick: bool) -> Workflow:
    """Return the workflow with the project's settings in one precision; ``quick`` shrinks network, data and epochs."""
    defaults = reading.read_yaml(ROOT / "config/config.yaml")["setting_defaults"]
    declared = settings.read_files(FILES, ROOT)
    found, families = settings.resolve(declared, defaults)
    changes: dict[str, Any] = {"training": {"precision": precision}}
    changed = {name: merge(block, changes) for name, block in found.items()}
    return Workflow(results, {name: shrunk(block) if quick else block for name, block in changed.items()}, families)


def shrunk(setting: dict[str, Any]) -> dict[str, Any]:
    """Return a setting for the tiny dataset: a small network, three epochs, a tenth of the carriers, the last window earlier."""
    carriers = dict(setting["carriers"])
    carriers["count"] = min(carriers["count"], 6)
    if "start" in carriers:
        carriers["start"] = carriers["start"] * 14 // 4900
    training = {"epochs": 3, "schedule": {"milestones": [2]}, "evaluate_epochs": [1, 3], "batch_size": 16}
    reference = {"early": {"epochs": 2, "record_epochs": [2]}}
    difficulty = {name: {"epochs": [2]} for name in ("el2n", "grand", "loss", "margin")}
    small = {"model": {"depth": 8}, "training": training, "reference": reference, "difficulty": difficulty}
    return merge(setting, small) | {"carriers": carriers}


def _made(target: Path, make: Callable[[], None]) -> Path:
    """Return the file, made first if it is missing; stages write atomically, so a file that exists is complete."""
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        make()
    return target


def _repeats(block: str) -> list[int]:
    return list(files.repeats_of(block))


def _place(run: Run) -> dict[str, str]:
    return {"setting": run.setting, "method": run.method, "plan": run.plan, "block": run.block}
