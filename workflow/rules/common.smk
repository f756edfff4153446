"""Helpers for the rules: the validated configuration, paths, parameters. No rules here."""

import re
from functools import cache

from spurprune.config import blocks, loading, methods, recipes
from spurprune.dag import files, needs, planning, plugins, studies, targets
from spurprune.dag.codehash import code_hash
from spurprune.data import catalogue
from spurprune.data.inputs import folder_name
from spurprune.machine import prefork
from spurprune.machine.devices import visible_devices
from spurprune.pruning import plan as plans
from spurprune.storage import layout
from spurprune.storage.canonical import canonical

config.clear()  # what Snakemake has read without these checks; scripts and the report see this, too
config.update(GIVEN)
CONFIG = in_one_sentence(loading.load, GIVEN, ROOT)
NEEDED = needs.of(CONFIG)
NOTHING = "(?!)"  # a pattern that matches nothing


def setting_of(wildcards):
    """The complete block of the wildcards' setting."""
    return CONFIG.settings[wildcards.setting]


def of_setting(decide):
    """A parameter function: ``decide`` of the wildcards' setting, computed once per setting."""
    once = cache(lambda name: decide(CONFIG.settings[name]))
    return lambda wildcards: once(wildcards.setting)


def path_of(found):
    """The file of a record, or no file if the record is None."""
    return f"results/{found.path}" if found else []


def any_of(names):
    """A pattern that matches any of these names."""
    return "|".join(re.escape(name) for name in names) or NOTHING


def metrics_of(runs):
    """The metrics files of these runs."""
    return [f"results/{run.folder}/metrics.parquet" for run in runs]


def study_of(wildcards):
    """The block of the wildcards' study."""
    return CONFIG.studies[wildcards.study]


@cache  # code is not edited while jobs are planned
def code(stage, *plugin_modules):
    """The hash of a stage's code: its script, all that the script imports, and the plugins that the configuration names."""
    modules = (plugins.module_name(kind, name) for kind, name in plugin_modules)
    return code_hash(ROOT, ROOT / f"workflow/scripts/{stage}.py", *modules)


def samples_code():
    """The hash of the code of a setting's samples."""
    return code("prepare_splits")


def difficulty_code(score):
    """The hash of the code of a score."""
    return code("score_difficulty", ("scores", score))


def partition_code(setting, partition):
    """The hash of the code of a setting's partition."""
    return code("partition", ("partitions", CONFIG.settings[setting]["partitions"][partition]["kind"]))


def plan_code(plan):
    """The hash of the code of a plan."""
    if plans.parse(plan).method is not None:
        return code("take_plan")
    return code("prune_metadata", ("strategies", plans.parse(plan).strategy))


def network_code(wildcards, stage, *more):
    """The hash of a stage's code, with the network and the overlay of the wildcards' setting."""
    setting = setting_of(wildcards)
    overlay = [("overlays", setting["overlay"]["name"])] if setting["overlay"] else []
    return code(stage, ("models", setting["model"]["name"]), *overlay, *more)


def run_code(wildcards, method=None):
    """The hash of the code of a method's runs, by default the wildcards'; with that of training, or of its refinement."""
    kind = CONFIG.methods[method or wildcards.method]["kind"]
    if files.refines_network(method or wildcards.method, CONFIG.methods):
        return network_code(wildcards, "refine_network", ("refinements", kind))
    if files.is_refinement(method or wildcards.method, CONFIG.methods):
        return code("refine", ("refinements", kind))
    return network_code(wildcards, "retrain", ("methods", kind))


def made_by(*kinds):
    """A parameter function: the hash of the code that makes each of these inputs, by kind."""
    of_kind = {
        "base": lambda wildcards: dataset_code(setting_of(wildcards)["dataset"]),
        "samples": lambda _: samples_code(),
        "dynamics": lambda wildcards: network_code(wildcards, "train_reference"),
        "plan": lambda wildcards: plan_code(wildcards.plan),
        "predictions": run_code,
        "models": run_code,
        "embedding": lambda wildcards: network_code(wildcards, "embed"),
        "metrics": lambda _: code("evaluate"),
    }
    return lambda wildcards: {kind: of_kind[kind](wildcards) for kind in kinds}


def recorded_by(wildcards, recipe):
    """What the dynamics of a recipe of the wildcards' setting must hold; nothing without one."""
    return {"dynamics": blocks.recorded(setting_of(wildcards)["reference"][recipe])} if recipe else {}


def analysis_code(wildcards, analysis):
    """The hash of the code of an analysis of the wildcards' setting."""
    return network_code(wildcards, "analyse", ("analyses", setting_of(wildcards)["analyses"][analysis]["kind"]))


def partition_of(wildcards):
    """The wildcards' partition."""
    return files.Partition(wildcards.setting, wildcards.partition, wildcards.block)


def partition_inputs(wildcards):
    """The files that a partition is made from, other than the samples."""
    reference = files.partition_reference(partition_of(wildcards), CONFIG.settings)
    source = files.partition_source(partition_of(wildcards), CONFIG.settings)
    analysis = files.partition_analysis(partition_of(wildcards), CONFIG.settings)
    found = {"dynamics": path_of(reference)} if reference else {}
    found |= {"analysis": path_of(analysis)} if analysis else {}
    return found | ({"embedding": f"results/{source.folder}/embedding.parquet"} if source else {})


def partition_made_by(wildcards):
    """The hash of the code that makes each input of the wildcards' partition, by kind."""
    found = partition_inputs(wildcards)
    analysis = files.partition_analysis(partition_of(wildcards), CONFIG.settings)
    of_analysis = {"analysis": analysis_code(wildcards, analysis.analysis)} if analysis else {}
    return made_by("samples", *(found.keys() - {"analysis"}))(wildcards) | of_analysis


def plans_by_run():
    """A pattern for the plans that wait for a run: by its predictions or, after the folder of the setting, by a partition by networks."""
    of_settings = ((name, *one) for name, block in CONFIG.settings.items() for one in block["partitions"].items())
    embedded = [f"(?<=/{setting}/plans/)(?:{plans.pattern_by(name)})" for setting, name, one in of_settings if planning.is_by_networks(one)]
    return "|".join([plans.pattern_by_predictor(), *embedded])


def plan_made_by(wildcards):
    """The hash of the code that makes each input of the wildcards' plan, by kind."""
    found = made_by("samples")(wildcards)
    plan = plans.parse(wildcards.plan)
    if plan.score:
        found["difficulty"] = difficulty_code(plan.score)
    if files.plan_partition(wildcards.setting, wildcards.plan, wildcards.block):
        found["partition"] = partition_code(wildcards.setting, plan.partition)
    if plan.predictor:
        found["predictions"] = run_code(wildcards, plan.predictor)
    return found


def samples_made_by(wildcards):
    """The hash of the code that makes each input of the wildcards' samples, by kind."""
    base = files.base_difficulty(wildcards.setting, wildcards.block, CONFIG.settings)
    return made_by("base")(wildcards) | ({"difficulty": difficulty_code(base.score)} if base else {})


def dataset_code(dataset):
    """The hash of the code that reads a dataset."""
    return code("prepare_inputs", catalogue.plugin(dataset, CONFIG.own_datasets))


def repeats(wildcards):
    """The repeats of the wildcards' block."""
    return list(files.repeats_of(wildcards.block))


def dataset_of(wildcards):
    """What is known about the wildcards' dataset before it is read."""
    return CONFIG.datasets[wildcards.dataset]


def decoding_threads(wildcards):
    """The cores to prepare the wildcards' dataset: one for an embedded one, which holds no image files and would only wait for more."""
    return 1 if dataset_of(wildcards).embedded and wildcards.dataset not in CONFIG.own_datasets else 8


def download_record(wildcards):
    """The record of the dataset's download, or no file if the workflow does not download it."""
    return f"results/downloads/{wildcards.dataset}.json" if dataset_of(wildcards).downloads else []


def dataset_folder(wildcards):
    """The folder of the setting's prepared dataset."""
    setting = setting_of(wildcards)
    return f"results/datasets/{folder_name(setting['dataset'], setting['image_size'])}"


def manifest_of(wildcards):
    """The manifest of the setting's prepared dataset."""
    return f"{dataset_folder(wildcards)}/manifest.json"


def plan_inputs(wildcards):
    """The files that a plan is made from, other than the samples; one function is planned faster than four."""
    needed = {"difficulty": files.plan_difficulty, "partition": files.plan_partition}
    found = {name: of_plan(wildcards.setting, wildcards.plan, wildcards.block) for name, of_plan in needed.items()}
    predictor = files.plan_predictor(wildcards.setting, wildcards.plan, wildcards.block)
    by_run = {"predictions": f"results/{predictor.folder}/predictions.parquet"} if predictor else {}
    return {name: path_of(one) for name, one in found.items() if one} | by_run | {"manifest": manifest_of(wildcards)}


def plan_predictions(wildcards):
    """What predictions must hold that the wildcards' plan reads, nothing if it reads none; not of its ``setting``, as plans differ in it."""
    reads = plans.parse(wildcards.plan).predictor is not None
    return canonical(blocks.evaluation(setting_of(wildcards))) if reads else {}


def plan_candidates(wildcards):
    """The files of the plans among which the wildcards' plan is chosen."""
    names = files.plan_candidates(wildcards.plan, CONFIG.methods)
    return [f"results/{layout.path_of('plan', setting=wildcards.setting, plan=name, block=wildcards.block)}" for name in names]


def candidate_plans_made_by(wildcards):
    """The hash of the code of each plan among which the wildcards' plan is chosen."""
    return {f"plan {name}": plan_code(name) for name in files.plan_candidates(wildcards.plan, CONFIG.methods)}


def of_kind(section, kind):
    """A pattern for the figures or tables of one kind, each after its study's folder: studies may use the same names."""
    items = [(study, *item) for study in CONFIG.select for item in CONFIG.studies[study][section].items()]
    return "|".join(f"(?<=/{study}/){name}" for study, name, item in items if item["kind"] == kind) or NOTHING


def items_with_paths(list_paths):
    """The paths that a function lists for each selected study, which it gives below results/."""
    return [f"results/{path}" for name in CONFIG.select for path in list_paths(name, CONFIG.studies[name])]


FIGURES = items_with_paths(studies.figure_paths)
TABLES = items_with_paths(studies.table_paths)


def name_typos_in_targets():
    """Make Snakemake name what is wrong with a target, which it otherwise calls a missing rule or an error in an input function.

    While the rules are read, it has not told this workflow the targets; later it asks of each whether it is a rule.
    """
    names = [rule.name for rule in workflow.rules]

    def is_rule(name):
        if name not in names:
            in_one_sentence(targets.check, name, names, CONFIG)
        return name in names

    workflow.is_rule = is_rule


wildcard_constraints:
    dataset="[a-z0-9_]+",
    size="[0-9]+|full",
    setting="[a-z0-9][A-Za-z0-9_.-]*",
    block="[0-9]{3}-[0-9]{3}|shared",
    recipe="[a-z][a-z0-9_]*",
    score="[a-z0-9]+",
    partition="[a-z][a-z0-9_]*",
    analysis="[a-z][a-z0-9_]*",
    plan=plans.pattern(),
    method="[a-z0-9_]+",
    candidate="[A-Za-z0-9_.+-]+",
    study="[a-z0-9][a-z0-9_-]*",
