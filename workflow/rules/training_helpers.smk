"""Helpers for the rules that train, embed and refine: inputs, parameters, which networks are kept. No rules here."""

TRAINED = [name for name in CONFIG.methods if not files.is_refinement(name, CONFIG.methods)]
REFINED_NETWORKS = [name for name in CONFIG.methods if files.refines_network(name, CONFIG.methods)]
REFINED = [name for name in CONFIG.methods if name not in (*TRAINED, *REFINED_NETWORKS)]
MASKING = [name for name in TRAINED if files.makes_masks(name, CONFIG.methods)]


def run_of(wildcards):
    """The wildcards' run."""
    candidate = wildcards.get("candidate", "")
    return files.Run(wildcards.setting, wildcards.method, wildcards.plan, wildcards.block, candidate)


@cache
def deciding_entry(method, candidate):
    """The part of a method's entry that determines a run, with the values of a candidate if one is named."""
    entry = CONFIG.methods[method]
    if candidate is not None:
        entry = methods.at(entry, methods.candidates(entry)[candidate])
    return canonical(methods.deciding(entry))


def entry_of(wildcards):
    """The part of the method's entry that determines the wildcards' run."""
    return deciding_entry(wildcards.method, wildcards.get("candidate"))


@cache
def reference_setting(setting, recipe):
    """The part of a setting that determines its reference runs by one recipe."""
    block = CONFIG.settings[setting]
    return blocks.reference(block, block["reference"][recipe])


def training_inputs(wildcards):
    """The files that every training job reads."""
    folder = dataset_folder(wildcards)
    weights = blocks.weights_file(setting_of(wildcards))
    return {"inputs": f"{folder}/inputs.npy", "manifest": f"{folder}/manifest.json"} | ({"weights": weights} if weights else {})


def selection_of(wildcards):
    """The choice from which the wildcards' run takes its candidate, if any."""
    selection = files.selection_of(run_of(wildcards), CONFIG.methods)
    return {"selection": f"results/{selection.choice_path}"} if selection else {}


def run_inputs(wildcards):
    """The files that a run reads, other than samples and plan; one function is planned faster than two."""
    return training_inputs(wildcards) | selection_of(wildcards)


def retrain_inputs(wildcards):
    """The files that a training run reads, other than samples and plan."""
    partition = files.method_partition(run_of(wildcards), CONFIG.methods)
    other = files.other_plan(wildcards.method, CONFIG.methods)
    found = {"partition": f"results/{partition.path}"} if partition else {}
    source, masks = files.source_of(run_of(wildcards), CONFIG.methods), files.masks_of(run_of(wildcards), CONFIG.methods)
    if source:
        found["start"] = f"results/{source.folder}/models.safetensors"
        choice = files.selection_of(source, CONFIG.methods)
        found |= {"start_selection": f"results/{choice.choice_path}"} if choice else {}
    if source and files.resumes(wildcards.method, CONFIG.methods):
        found["optimizer"] = f"results/{source.folder}/optimizer.safetensors"
    if masks:
        found["masks"] = f"results/{masks.folder}/masks.safetensors"
    if other:
        found["other_plan"] = f"results/{layout.path_of('plan', setting=wildcards.setting, plan=other, block=wildcards.block)}"
    results = ("predictions.parquet", "history.parquet", "timing.json")
    alike = [f"results/{one.folder}/{name}" for one in files.alike(run_of(wildcards), CONFIG.methods) for name in results]
    return run_inputs(wildcards) | found | ({"alike": alike} if alike else {})


def retrain_made_by(wildcards):
    """The hash of the code that makes each input of the wildcards' training run, by kind."""
    partition = files.method_partition(run_of(wildcards), CONFIG.methods)
    found = {"partition": partition_code(wildcards.setting, partition.partition)} if partition else {}
    other = files.other_plan(wildcards.method, CONFIG.methods)
    found |= {f"plan {other}": plan_code(other)} if other else {}
    source, masks = files.source_of(run_of(wildcards), CONFIG.methods), files.masks_of(run_of(wildcards), CONFIG.methods)
    found |= {"models": run_code(wildcards, source.method)} if source else {}
    found |= {"masks": run_code(wildcards, masks.method)} if masks else {}
    found |= {"optimizer": found["models"]} if source and files.resumes(wildcards.method, CONFIG.methods) else {}
    return made_by("samples", "plan")(wildcards) | found


def start_of(wildcards):
    """Where the networks come from that the wildcards' run starts from; None if it starts from first weights.

    Plans are named only if they are not the run's own, so that all plans of a method have one configuration.
    """
    run = run_of(wildcards)
    source, masks = files.source_of(run, CONFIG.methods), files.masks_of(run, CONFIG.methods)
    if source is None:
        return None
    found = {"method": source.method, "entry": deciding_entry(source.method, None), "from_plan": CONFIG.methods[run.method]["from_plan"]}
    of_masks = {"masks": masks.method, "masks_plan": None if masks.plan == run.plan else masks.plan} if masks else {}
    return canonical(found | of_masks)


def refinement_inputs(wildcards):
    """The embedding of the run that the wildcards' refinement starts from, and its own selection."""
    source = files.source_of(run_of(wildcards), CONFIG.methods)
    return {"embedding": f"results/{source.folder}/embedding.parquet"} | selection_of(wildcards)


def kept_recipes():
    """A pattern for the recipes of reference runs whose networks are kept, each after the folder of its setting."""
    kept = sorted(needs.keeping_references(CONFIG))
    return "|".join(f"(?<=/settings/{setting}/reference/){recipe}" for setting, recipe in kept) or NOTHING


def resumed_plans():
    """A pattern for the plans of runs whose optimisers are kept, each after the folder of its setting and method."""
    places = sorted(needs.keeping_optimizers(NEEDED))
    return "|".join(f"(?<=/settings/{setting}/runs/{method}/)(?:{re.escape(plan)})" for setting, method, plan in places) or NOTHING


def kept_plans():
    """A pattern for the plans of runs whose networks are kept, each after the folder of its setting and method."""
    everywhere = [(name, method, plans.pattern()) for name, block in CONFIG.settings.items() if block["keep_models"] for method in TRAINED]
    started_from = [(*place, re.escape(plan)) for *place, plan in sorted(needs.keeping_models(NEEDED, CONFIG))]
    patterns = [f"(?<=/settings/{setting}/runs/{method}/)(?:{plan})" for setting, method, plan in [*everywhere, *started_from]]
    return "|".join(patterns) or NOTHING
