"""Checks of the selected studies that go beyond the schema."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spurprune.config import check_methods, check_requirements, check_settings, methods, parts, schema
from spurprune.config.config import Config
from spurprune.config.known import require_known
from spurprune.config.merging import merge
from spurprune.dag import files, kinds, needs, plugins
from spurprune.dag.files import Run
from spurprune.errors import ConfigError, PlanError
from spurprune.figures import headlines
from spurprune.pruning import plan as plans
from spurprune.pruning.plan import Plan


def check(config: Config) -> None:
    """Check the selected studies, and the runs that they need; raises ConfigError at the first mistake."""
    for name in config.select:
        require_known(name, config.studies, f"select: '{name}'", "study")
        for method in config.studies[name]["methods"]:
            require_known(method, config.methods, f"studies.{name}.methods: '{method}'", "method")
    ranges = _check_blocks(config)
    for name in config.select:
        _check_study(name, config.studies[name], config)
    needed = needs.runs_of(config)
    _check_tuning_blocks(sorted({selection.method for selection in needed.selections}), ranges, config)
    check_runs(needed.all_runs, config)


def check_runs(runs: Iterable[Run], config: Config) -> None:
    """Check plans and recipes of runs, and that their methods take these; raises ConfigError at the first mistake."""
    trained: set[tuple[str, str]] = set()
    for run in sorted(runs):
        for plan in files.plans_behind(run, config.methods):
            check_plan(f"{run.setting}, plan '{plan}'", plan, run.setting, config)
        _check_own_plan(run, config)
        check_requirements.check_plan(f"{run.setting} with methods.{run.method}", run.plan, config.methods[run.method]["kind"], config)
        if (run.setting, run.method) not in trained:
            trained.add((run.setting, run.method))
            _check_recipes(run.setting, run.method, config)


def _check_study(name: str, study: Mapping[str, Any], config: Config) -> None:
    for setting in study.get("settings", []):
        require_known(setting, config.settings, f"studies.{name}.settings: '{setting}'", "setting")
    require_known(study["score"], plugins.names("scores"), f"studies.{name}.score: '{study['score']}'", "score")
    combined = math.prod(len(study.get(key, ())) for key in ("settings", "methods", "plans", "blocks"))
    kinds.require_few_runs(f"studies.{name}", combined)
    for plan in study.get("plans", []):
        for setting in study.get("settings", []):
            check_plan(f"studies.{name}.plans", plan, setting, config)
    if ("plans" in study) != ("settings" in study):
        missing = "settings" if "plans" in study else "plans"
        raise ConfigError(f"studies.{name}.{missing} is missing; every setting is combined with every plan, so give both or neither.")
    headlines.check(f"studies.{name}", study)
    for section in ("figures", "tables"):
        for item_name, item in study[section].items():
            kinds.check(f"studies.{name}.{section}.{item_name}", item, study, config)


def check_plan(key: str, name: str, setting: str, config: Config) -> None:
    """Check that a plan's name is valid, and that the setting has its score or partition, or the samples on which it measures recall."""
    try:
        plan = plans.parse(name)
    except PlanError as error:
        raise ConfigError(f"{key}: {error}") from None
    block = config.settings[setting]
    if plan.method is not None:
        check_methods.check_chosen(key, plan.method, config)
        for one in methods.plans_of(config.methods[plan.method]):
            check_plan(f"methods.{plan.method}.grid.plan", one, setting, config)
        return
    for need in plugins.declared("strategies", plan.strategy, "NEEDS", ()):
        is_met, missing, _ = kinds.NEEDS[need]
        if not is_met(block):
            raise ConfigError(f"{key}: '{setting}' has {missing}, which '{plan.strategy}' prunes by; give the setting its '{need}'.")
    if plan.predictor is not None:
        check_methods.check_predictor(f"{key}: '{name}'", plan.predictor, config)
        if not check_settings.is_validated(block, config):
            raise ConfigError(
                f"{key}: '{name}' goes by recall on the validation split, but '{setting}' has no validation samples; set its validation to "
                "a share of the training split."
            )
    if plan.score is not None:
        require_known(plan.score, block["difficulty"], f"{key}: score '{plan.score}'", f"score of '{setting}'")
    if plan.partition is not None and plan.partition != plans.CLASS:
        require_known(plan.partition, block["partitions"], f"{key}: partition '{plan.partition}'", f"partition of '{setting}'")
    strategy = plugins.load("strategies", plan.strategy)
    if hasattr(strategy, "check"):
        try:
            strategy.check(plan, block)
        except PlanError as error:
            raise ConfigError(f"{key}: '{name}' in '{setting}': {error}") from None
    _check_parts(f"{key}: '{name}'", plan, setting, config)
    if plan.power == plans.AUTO and not _has_silhouettes(plan.partition, block):
        raise ConfigError(
            f"{key}: '{name}' goes by the mean silhouette of clusters, but the parts of '{plan.partition}' are none; write a number for "
            f"'{plans.AUTO}', or name a partition of clusters."
        )


def _check_parts(key: str, plan: Plan, setting: str, config: Config) -> None:
    """Raise ConfigError that begins with ``key`` if a plan's partition certainly lacks its part, or the number of parts that it needs."""
    needed = plugins.declared("strategies", plan.strategy, "PARTS")
    if plan.partition is None or (needed is None and plan.part is None):
        return
    block = config.settings[setting]
    names, is_exact = parts.names(plan.partition, block, config.datasets[block["dataset"]])
    if plan.part is not None and is_exact:
        require_known(plan.part, names, f"{key}: part '{plan.part}'", f"part of '{plan.partition}'")
    found = len(names)
    if needed is not None and (found > needed or (is_exact and found != needed)):
        number = f"{found}" if is_exact else f"{found} or more"
        raise ConfigError(
            f"{key} needs a partition of {needed} parts, but '{plan.partition}' of '{setting}' has {number}; name another, such as one of "
            "kind errors."
        )


def _has_silhouettes(partition: str | None, setting: Mapping[str, Any]) -> bool:
    if partition in (None, plans.CLASS):
        return False
    return "silhouette" in plugins.declared("partitions", setting["partitions"][partition]["kind"], "NOTES", ())


def _check_own_plan(run: Run, config: Config) -> None:
    """Check that a method whose grid chooses the plan runs on no other, except to choose."""
    entry = config.methods[run.method]
    own = methods.plan_of(run.method, entry)
    if methods.plans_of(entry) and not run.candidate and run.plan != own:
        raise ConfigError(f"methods.{run.method} chooses its plan, so it runs on '{own}', not on '{run.plan}'; name that plan.")


def _check_recipes(setting: str, method: str, config: Config) -> None:
    """Check the training recipes of a method in a setting, those of all its candidates."""
    block, entry = config.settings[setting], config.methods[method]
    if not config.datasets[block["dataset"]].tested and not check_settings.is_validated(block, config):
        raise ConfigError(
            f"'{setting}' trains networks, but has no validation and no test samples, so nothing could be measured; give "
            f"datasets.{block['dataset']} a split."
        )
    if (entry["tuning"] is not None or entry["epoch"] == methods.BEST) and not check_settings.is_validated(block, config):
        what = "is tuned" if entry["tuning"] is not None else "ends with the best epoch"
        raise ConfigError(
            f"methods.{method} {what}, but '{setting}' has no validation samples to choose by; set its validation to a share of the "
            "training split."
        )
    partition = entry["options"].get("partition")
    if partition not in (None, plans.CLASS):
        known = block["partitions"]
        require_known(partition, known, f"methods.{method}.options.partition: '{partition}'", f"partition of '{setting}'")
    if partition is not None:
        check_requirements.check_partition(f"methods.{method}.options.partition", partition, entry["kind"], setting, config)
    for name, coordinates in (methods.candidates(entry) or {"": {}}).items():
        tuned = methods.at(entry, coordinates)
        where = f"{setting} with methods.{method}" + (f", candidate {name}: " if name else ": ")
        recipe = merge(block["training"], tuned["training"])
        if tuned["training"]:
            schema.validate(recipe, "setting", where=f"{where}training", part="training")
            check_settings.check_recipe(f"{where}training", recipe, block["model"])
        check_requirements.check_recipe(where, entry["kind"], tuned["options"], recipe)
        if files.resumes(method, config.methods):
            _check_resumed(where, setting, entry["from"], recipe["optimizer"]["name"], config)


def _check_resumed(where: str, setting: str, source: str, optimizer: str, config: Config) -> None:
    """Raise ConfigError that begins with ``where`` unless a run can go on with the optimiser that its source ends with."""
    entry = config.methods[source]
    if entry["epoch"] != methods.LAST:
        raise ConfigError(f"{where}'{source}' ends with its best epoch, but its optimiser with the last; set its epoch to {methods.LAST}.")
    for coordinates in methods.candidates(entry).values() or ({},):
        found = merge(config.settings[setting]["training"], methods.at(entry, coordinates)["training"])["optimizer"]["name"]
        if found != optimizer:
            raise ConfigError(
                f"{where}training.optimizer.name is '{optimizer}', but it continues with the optimiser of '{source}', '{found}'; name that."
            )


def _check_blocks(config: Config) -> dict[str, tuple[int, int]]:
    """Check the studies' blocks and return the first and last repeat of each."""
    ranges: dict[str, tuple[int, int]] = {}
    for name in config.select:
        blocks = config.studies[name]["blocks"]
        for block in blocks:
            check_block(f"studies.{name}.blocks", block, ranges)
            if blocks.count(block) > 1:
                raise ConfigError(f"studies.{name}.blocks names '{block}' twice; remove one.")
    return ranges


def _check_tuning_blocks(tuned: Sequence[str], reported: Mapping[str, tuple[int, int]], config: Config) -> None:
    """Check that no method is tuned on repeats that a study reports, however the study comes to need the method."""
    ranges = dict(reported)
    for method in tuned:
        for block in config.methods[method]["tuning"]["blocks"]:
            first, last = check_block(f"methods.{method}.tuning.blocks", block, ranges)
            for other, (low, high) in reported.items():
                if first <= high and low <= last:
                    raise ConfigError(
                        f"methods.{method}.tuning.blocks: '{block}' overlaps '{other}', whose repeats are reported; tune on other repeats."
                    )


def check_block(key: str, block: str, ranges: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """Check one block against those in ``ranges``, add it there, and return its first and last repeat."""
    first, last = int(block[:3]), int(block[4:])
    if first > last:
        raise ConfigError(f"{key}: '{block}' ends before it begins; write the lower repeat first.")
    for other, (low, high) in ranges.items():
        if other != block and first <= high and low <= last:
            raise ConfigError(f"{key}: '{block}' overlaps '{other}'; blocks are never regrouped, so add repeats as a new block.")
    ranges[block] = (first, last)
    return first, last
