"""Targets on the command line: files asked for by path, every part of which must be known, and names of rules."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spurprune.config import check_studies, methods, paths
from spurprune.config.config import Config
from spurprune.config.known import guess, require_known
from spurprune.dag import advice, files, needs, studies
from spurprune.dag.files import Run
from spurprune.data.inputs import folder_name
from spurprune.errors import ConfigError

RESULTS = "results"
BLOCK = re.compile("([0-9]{3})-([0-9]{3})")
SIZE = re.compile("[1-9][0-9]*|full")  # of a dataset's samples
ALL_METRICS = "metrics.parquet"
DATASET_FILES = ("inputs.npy", "base.parquet", "manifest.json")
MODELS, EMBEDDING, HISTORY, HEAD = "models.safetensors", "embedding.parquet", "history.parquet", "head.safetensors"
TEST_EMBEDDING, MASKS, OPTIMIZER = "test_embedding.parquet", "masks.safetensors", "optimizer.safetensors"
FILE = "file of this folder"
TIMING = "timing.json"
RUN_FILES = ("predictions.parquet", "metrics.parquet", TIMING)


def check(target: str, rules: Sequence[str], config: Config) -> None:
    """Check a target that is none of the ``rules``: a file that the workflow can make; raises ConfigError."""
    if not target.strip():
        raise ConfigError(f"A target is empty; name a rule or a path below {RESULTS}.")
    path = target if os.path.isabs(target) else os.path.relpath(target)  # noqa: PTH117 - as Snakemake does
    if Path(path).parts[:1] == (RESULTS,):
        check_path(path, config)
        return
    here = os.path.relpath(path)
    if Path(here).parts[:1] == (RESULTS,):
        raise ConfigError(f"{target} is a path from the root, but results are asked for from here; write {here}.")
    if os.path.exists(path):  # noqa: PTH110 - false, not an error, for a name that no file can have
        _refuse_existing(target)
    if "/" in target:
        first = Path(path).parts[0]
        require_known(first, [RESULTS], f"{target}: '{first}'", "folder of files that can be made")
    close = guess(target, [*rules, RESULTS])
    raise ConfigError(f"'{target}' is neither a rule nor a path below {RESULTS}{close}; 'snakemake --list-rules' shows all rules.")


def _refuse_existing(target: str) -> None:
    """Raise ConfigError for a target that is there, but that no rule makes."""
    if Path(target).suffix in (".yaml", ".yml"):
        raise ConfigError(f"'{target}' is a file that no rule makes; to use it as configuration, write '--configfile {target}'.")
    what = "folder" if Path(target).is_dir() else "file"
    raise ConfigError(f"'{target}' is a {what} that no rule makes; name a rule or a path below {RESULTS}.")


def check_path(path: str, config: Config) -> None:
    """Check every part of a path below the results folder; raises ConfigError that names the part that is wrong, and the closest name."""
    walk = _Walk(path, list(Path(path).parts[1:]))
    if walk.part in SETTING_FOLDERS:
        raise ConfigError(f"{path}: '{walk.part}' lies in a setting's folder; write {RESULTS}/settings/SETTING/{walk.part}.")
    top = walk.known((*FOLDERS, ALL_METRICS), "folder of results")
    FOLDERS.get(top, _nothing)(walk, config)
    if walk.left:
        raise ConfigError(f"{path}: '{Path(path).parts[-len(walk.left) - 1]}' is a file, not a folder; end the path there.")


@dataclass
class _Walk:
    """A path's parts one after the other; each check raises ConfigError that begins with the path and names the part."""

    path: str
    left: list[str]

    @property
    def part(self) -> str:
        """The next part."""
        if not self.left:
            raise ConfigError(f"{self.path} is a folder; name a file in it.")
        return self.left[0]

    def known(self, names: Iterable[str], what: str) -> str:
        """Return the next part, which must be one of the names, and go on behind it."""
        require_known(self.part, names, f"{self.path}: '{self.part}'", what)
        return self.left.pop(0)

    def take(self) -> str:
        """Return the next part, whatever it is, and go on behind it."""
        part = self.part
        del self.left[0]
        return part

    def block(self, ending: str = "") -> str:
        """Return the block that the next part names before its ending, and go on behind it."""
        part = self.take()
        found = BLOCK.fullmatch(part.removesuffix(ending)) if part.endswith(ending) else None
        if found is None or found[1] > found[2]:
            raise ConfigError(f"{self.path}: '{part}' is not {'the file of ' if ending else ''}a block; write it as '000-004{ending}'.")
        return found[0]


def _nothing(walk: _Walk, config: Config) -> None:
    """Check nothing: the path ends here."""


def _require_folder(dataset: str, config: Config) -> None:
    """Raise ConfigError if the folder of a dataset that no setting uses names a variable that is not set."""
    if dataset in config.data and all(block["dataset"] != dataset for block in config.settings.values()):
        paths.expand(config.data[dataset], f"data.{dataset}")


def _download(walk: _Walk, config: Config) -> None:
    found = walk.known(
        [f"{name}.json" for name, entry in config.datasets.items() if entry.downloads], "record of a dataset that is downloaded"
    )
    _require_folder(found.removesuffix(".json"), config)


def _dataset(walk: _Walk, config: Config) -> None:
    part = walk.take()
    used = dict.fromkeys(folder_name(block["dataset"], block["image_size"]) for block in config.settings.values())
    name, _, size = part.rpartition("-")
    if part not in used and not (name in config.datasets and SIZE.fullmatch(size)):
        require_known(part, used, f"{walk.path}: '{part}'", "dataset of these settings, with its size,")
    walk.known(DATASET_FILES, FILE)
    _require_folder(name, config)


def _item(walk: _Walk, config: Config) -> None:
    """Check a figure's or a table's path."""
    section = walk.path.split("/")[1]
    if walk.part in config.studies and walk.part not in config.select:
        raise ConfigError(f"{walk.path}: the study '{walk.part}' is not selected; add it to 'select'.")
    study = walk.known(config.select, "study")
    endings = studies.FIGURE_ENDINGS if section == "figures" else studies.TABLE_ENDINGS
    name, dot, ending = walk.part.rpartition(".")
    names = config.studies[study][section]
    if dot and name in names and ending not in endings:
        require_known(ending, endings, f"{walk.path}: '{ending}'", "ending")
    walk.known([f"{one}.{end}" for one in names for end in (endings if one == name else endings[:1])], f"file of a {section[:-1]}")


def _setting(walk: _Walk, config: Config) -> None:
    setting = walk.known(config.settings, "setting")
    folder = walk.known(SETTING_FOLDERS, "folder of a setting")
    SETTING_FOLDERS[folder](walk, setting, config)


def _samples(walk: _Walk, setting: str, config: Config) -> None:
    walk.block(".parquet")


def _reference(walk: _Walk, setting: str, config: Config) -> None:
    recipes = config.settings[setting]["reference"]
    recipe = walk.known(recipes, f"reference recipe of '{setting}'")
    if recipes[recipe]["shared"]:
        walk.known([files.SHARED], f"folder of '{recipe}', which all repeats share,")
    else:
        walk.block()
    found = walk.known(["dynamics.parquet", TIMING, MODELS], FILE)
    if found == MODELS and (setting, recipe) not in needs.keeping_references(config):
        raise ConfigError(
            f"{walk.path} takes the networks of '{recipe}', which are not kept; give '{setting}' an analysis that looks at them."
        )


def _difficulty(walk: _Walk, setting: str, config: Config) -> None:
    walk.known(config.settings[setting]["difficulty"], f"score of '{setting}'")
    walk.block(".parquet")


def _partition(walk: _Walk, setting: str, config: Config) -> None:
    partition = walk.known(config.settings[setting]["partitions"], f"partition of '{setting}'")
    block = walk.block(".parquet")
    _check_made([files.Partition(setting, partition, block)], config)


def _analysis(walk: _Walk, setting: str, config: Config) -> None:
    analysis = walk.known(config.settings[setting]["analyses"], f"analysis of '{setting}'")
    _check_made([files.Analysis(setting, analysis, walk.block(".parquet"))], config)


def _plan(walk: _Walk, setting: str, config: Config) -> None:
    plan = walk.take()
    check_studies.check_plan(walk.path, plan, setting, config)
    block = walk.block(".parquet")
    partitions = [files.plan_partition(setting, one, block) for one in (plan, *files.plan_candidates(plan, config.methods))]
    predictor = files.plan_predictor(setting, plan, block)
    _check_runs([predictor], config)
    _check_made([one for one in partitions if one is not None], config)


def _check_made(made: Iterable[files.Partition | files.Analysis], config: Config) -> None:
    """Check the runs behind partitions and analyses, which no study may need."""
    check_studies.check_runs(needs.with_runs_behind([], config, made).all_runs, config)


def _check_runs(runs: Iterable[Run | None], config: Config) -> None:
    """Check these runs and all behind them, which no study may need."""
    check_studies.check_runs(needs.with_runs_behind([run for run in runs if run is not None], config).all_runs, config)


def _run(walk: _Walk, setting: str, config: Config) -> None:
    method = walk.known(config.methods, "method")
    _files_of_run(walk, setting, method, config)


def _candidate(walk: _Walk, setting: str, config: Config) -> None:
    method = walk.known([name for name, entry in config.methods.items() if entry["grid"]], "tuned method")
    candidate = walk.known(methods.candidates(config.methods[method]), f"candidate of '{method}'")
    _files_of_run(walk, setting, method, config, candidate)


def _files_of_run(walk: _Walk, setting: str, method: str, config: Config, candidate: str = "") -> None:
    plan = walk.take()
    check_studies.check_plan(walk.path, plan, setting, config)
    run = Run(setting, method, plan, walk.block(), candidate)
    _check_runs([run], config)
    if files.is_refinement(method, config.methods):
        refined = MODELS if files.refines_network(method, config.methods) else HEAD
        offered = [*RUN_FILES, *(() if candidate and refined == MODELS else (refined,))]
    else:
        masks = [MASKS] if files.makes_masks(method, config.methods) else []
        offered = [*RUN_FILES, HISTORY, *(() if candidate else (MODELS, OPTIMIZER, EMBEDDING, TEST_EMBEDDING, *masks))]
    found = walk.known(offered, FILE)
    resumed = files.source_of(run, config.methods) if files.resumes(method, config.methods) else None
    for one in [*([] if resumed is None else [resumed]), *([run] if found == OPTIMIZER else [])]:
        if (setting, one.method, one.plan) not in needs.keeping_optimizers(needs.of(config)):
            raise ConfigError(
                f"{walk.path} takes the optimisers of '{one.method}' on '{one.plan}', which are kept only where a study shows a run that "
                "continues with them; add it to one."
            )
    taken = [*files.sources_of(run, config.methods), *([run] if found in (MODELS, EMBEDDING, TEST_EMBEDDING) else [])]
    if config.settings[setting]["keep_models"] or not taken:
        return
    kept = needs.keeping_models(needs.of(config), config)
    for one in taken:
        if (setting, one.method, one.plan) not in kept and not files.makes_masks(one.method, config.methods):
            raise ConfigError(
                f"{walk.path} takes the networks of '{one.method}' on '{one.plan}', which are not kept; set keep_models of '{setting}' to "
                "true."
            )


def _evidence(walk: _Walk, setting: str, config: Config) -> None:
    _require_advised(walk, setting, config)
    known = [f"{block}.parquet" for block in advice.section(setting, config)["blocks"]]
    walk.known(known, f"block of the advice on '{setting}'")


def _advice(walk: _Walk, config: Config) -> None:
    setting = walk.known(config.settings, "setting")
    _require_advised(walk, setting, config)
    walk.known(advice.FILES, FILE)


def _require_advised(walk: _Walk, setting: str, config: Config) -> None:
    if setting not in advice.advised_settings(config):
        raise ConfigError(f"{walk.path}: '{setting}' has no section of advice; give it one, 'advice: {{}}'.")


def _selection(walk: _Walk, setting: str, config: Config) -> None:
    tuned = [name for name, entry in config.methods.items() if entry["grid"]]
    walk.known([f"{name}.{end}" for name in tuned for end in ("json", "choice.json")], "selection of a tuned method")


FOLDERS = {"downloads": _download, "datasets": _dataset, "settings": _setting, "figures": _item, "tables": _item, "advice": _advice}
SETTING_FOLDERS = {
    "samples": _samples,
    "reference": _reference,
    "difficulty": _difficulty,
    "partitions": _partition,
    "analyses": _analysis,
    "plans": _plan,
    "runs": _run,
    "candidates": _candidate,
    "selection": _selection,
    "evidence": _evidence,
}
