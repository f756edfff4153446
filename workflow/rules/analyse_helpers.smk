"""Helpers for the rule of analyses. No rules here."""


def analysis_of(wildcards):
    """The wildcards' analysis."""
    return files.Analysis(wildcards.setting, wildcards.analysis, wildcards.block)


def analysis_inputs(wildcards):
    """The files that an analysis reads, other than the samples."""
    analysis = analysis_of(wildcards)
    found = training_inputs(wildcards)
    reference = files.analysis_reference(analysis, CONFIG.settings)
    if reference:
        found["models"] = f"results/{reference.models_path}"
    run = files.analysis_source(analysis, CONFIG.settings)
    if run:
        selection = files.selection_of(run, CONFIG.methods)
        found["models"] = f"results/{run.folder}/models.safetensors"
        found |= {"selection": f"results/{selection.choice_path}"} if selection else {}
    shadow = files.analysis_shadow(analysis, CONFIG.settings)
    found |= {"shadow": f"results/{shadow.folder}/models.safetensors"} if shadow else {}
    partition = files.analysis_partition(analysis, CONFIG.settings)
    return found | ({"partition": path_of(partition)} if partition else {})


def analysis_setting(wildcards):
    """The part of the setting that determines the networks that an analysis looks at."""
    reference = files.analysis_reference(analysis_of(wildcards), CONFIG.settings)
    if reference:
        return reference_setting(wildcards.setting, reference.recipe)
    return canonical(blocks.training(setting_of(wildcards)))


def trained_by(wildcards):
    """The recipe, or the part of the method's entry, by which the networks were trained."""
    reference = files.analysis_reference(analysis_of(wildcards), CONFIG.settings)
    if reference:
        return canonical(setting_of(wildcards)["reference"][reference.recipe])
    return deciding_entry(files.analysis_source(analysis_of(wildcards), CONFIG.settings).method, None)


def analysis_made_by(wildcards):
    """The hash of the code that makes each input of the wildcards' analysis, by kind."""
    analysis = analysis_of(wildcards)
    found = made_by("samples")(wildcards)
    run = files.analysis_source(analysis, CONFIG.settings)
    if run:
        found["models"] = run_code(wildcards, run.method)
    else:
        found["reference_models"] = network_code(wildcards, "train_reference")
    partition = files.analysis_partition(analysis, CONFIG.settings)
    return found | ({"partition": partition_code(wildcards.setting, partition.partition)} if partition else {})
