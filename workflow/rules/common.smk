"""Helpers for the rules: the validated configuration, paths, parameters. No rules here."""

import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(workflow.basedir)
# Snakemake hands its search path on to the jobs' own Python processes.
sys.path.insert(0, str(ROOT))

from snakemake.exceptions import WorkflowError
from spurprune import config as spurprune_config
from spurprune.dag import plugins, studies
from spurprune.dag.codehash import code_hash
from spurprune.config import blocks, canonical
from spurprune.data.registry import registry
from spurprune.machine.devices import visible_devices
from spurprune.errors import SpurpruneError
from spurprune.pruning import plan as plans

try:
    CONFIG = spurprune_config.load(config, ROOT)
except SpurpruneError as error:
    raise WorkflowError(str(error)) from None


def setting_of(wildcards):
    """The complete block of the wildcards' setting."""
    return CONFIG.settings[wildcards.setting]


def of_setting(decide):
    """A parameter function: what ``decide`` takes from the wildcards' setting, one plain value that all its jobs share."""
    once = cache(lambda name: decide(CONFIG.settings[name]))
    return lambda wildcards: once(wildcards.setting)


def part_of(*keys):
    """A parameter function: some keys of the wildcards' setting, as one plain value."""
    return of_setting(lambda setting: blocks.part(setting, *keys))


def path_of(found):
    """The file of a difficulty or a reference below results/, or none where there is none."""
    return f"results/{found.path}" if found else []


def settings_that(keep_models):
    """A pattern for the settings that keep their models, or for those that do not."""
    names = [re.escape(name) for name, block in CONFIG.settings.items() if block["keep_models"] == keep_models]
    return "|".join(names) or "no-such-setting"


def metrics_of(runs):
    """The metrics files of some runs."""
    return [f"results/{run.folder}/metrics.parquet" for run in runs]


def study_of(wildcards):
    """The block of the wildcards' study."""
    return CONFIG.studies[wildcards.study]


@cache  # nothing is edited while the jobs are planned
def code(stage, *plugin_modules):
    """The hash of a stage's code: its script, everything that imports, and the plugins that the configuration names."""
    modules = (plugins.module_name(kind, name) for kind, name in plugin_modules)
    return code_hash(ROOT, ROOT / f"workflow/scripts/{stage}.py", *modules)


def download_record(wildcards):
    """The record of the dataset's download, or none where it is embedded or a person must place it."""
    return f"results/downloads/{wildcards.dataset}.json" if registry()[wildcards.dataset].downloads else []


def repeats(wildcards):
    """The repeats of the wildcards' block."""
    return list(studies.repeats_of(wildcards.block))


def dataset_folder(wildcards):
    """The folder of the setting's prepared dataset."""
    return "results/datasets/{dataset}-{image_size}".format_map(setting_of(wildcards))


def training_code(wildcards, stage, *more):
    """The hash of a training stage's code, with the network and the feature that the setting names."""
    setting = setting_of(wildcards)
    feature = [("overlays", setting["feature"]["name"])] if setting["feature"] else []
    return code(stage, ("models", setting["model"]["name"]), *feature, *more)


def of_kind(section, kind):
    """A pattern for the names of the figures or tables of one kind, each in its own study's folder: studies may share names."""
    items = [(study, *item) for study in CONFIG.select for item in CONFIG.studies[study][section].items()]
    names = [f"(?<=/{study}/){name}" for study, name, item in items if item["kind"] == kind]
    return "|".join(names) or "no-such-name"


def items_with_paths(list_paths):
    """The paths below results/ that a function lists for every selected study."""
    return [f"results/{path}" for name in CONFIG.select for path in list_paths(name, CONFIG.studies[name])]


FIGURES = items_with_paths(studies.figure_paths)
TABLES = items_with_paths(studies.table_paths)


wildcard_constraints:
    dataset="[a-z0-9_]+",
    size="[0-9]+",
    setting="[a-z0-9][A-Za-z0-9_.-]*",
    block="[0-9]{3}-[0-9]{3}|shared",
    recipe="[a-z][a-z0-9_]*",
    score="[a-z0-9]+",
    plan=plans.PATTERN,
    method="[a-z0-9_]+",
    study="[a-z0-9][a-z0-9_-]*",
