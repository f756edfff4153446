"""Helpers for the rules of advice. No rules here."""

from spurprune.config import advising
from spurprune.dag import advice
from spurprune.storage import escaping

ADVICE = [f"results/advice/{name}/{file}" for name in advice.advised_settings(CONFIG) for file in advice.FILES]
ADVISED = any_of(advice.advised_settings(CONFIG))


def evidence_runs(wildcards):
    """The runs of the wildcards' block that advice compares."""
    return advice.runs(wildcards.setting, CONFIG, wildcards.block)


def evidence_inputs(wildcards):
    """The files that evidence is gathered from, other than the samples."""
    return {
        "predictions": [f"results/{run.folder}/predictions.parquet" for run in evidence_runs(wildcards)],
        "embedding": f"results/{advice.embedded(wildcards.setting, wildcards.block, CONFIG).folder}/embedding.parquet",
        "partitions": [path_of(one) for one in advice.inferred(wildcards.setting, wildcards.block, CONFIG)],
    }


def evidence_made_by(wildcards):
    """The hash of the code that makes each input of the wildcards' evidence, by kind."""
    method = setting_of(wildcards)["advice"]["method"]
    found = {"samples": samples_code(), "predictions": run_code(wildcards, method), "embedding": network_code(wildcards, "embed")}
    names = [one.partition for one in advice.inferred(wildcards.setting, wildcards.block, CONFIG)]
    return found | {f"partition {name}": partition_code(wildcards.setting, name) for name in names}


def advice_inputs(wildcards):
    """The files that advice is made from."""
    name, blocks = wildcards.setting, setting_of(wildcards)["advice"]["blocks"]
    references = [advice.reference(name, block, CONFIG) for block in blocks]
    by_block = {"partitions": [], "analyses": []}
    for block in blocks:
        of_block = (*advice.inferred(name, block, CONFIG), *advice.suspects(name, block, CONFIG))
        by_block["partitions"] += [path_of(one) for one in of_block]
        by_block["analyses"] += [path_of(one) for one in advice.reliances(name, block, CONFIG)]
    folder = dataset_folder(wildcards)
    return by_block | {
        "inputs": [f"{folder}/inputs.npy"],
        "manifest": [f"{folder}/manifest.json"],
        "base": [f"{folder}/base.parquet"],
        "samples": [f"results/settings/{name}/samples/{block}.parquet" for block in blocks],
        "difficulty": [path_of(advice.difficulty(name, block, CONFIG)) for block in blocks],
        "dynamics": list(dict.fromkeys(path_of(one) for one in references if one)),
        "evidence": [path_of(one) for one in advice.evidence(name, CONFIG)],
        "predictions": [f"results/{advice.embedded(name, block, CONFIG).folder}/predictions.parquet" for block in blocks],
    }


def advice_made_by(wildcards):
    """The hash of the code that makes each input of the wildcards' advice, by kind."""
    name, section = wildcards.setting, setting_of(wildcards)["advice"]
    found = {
        "samples": samples_code(),
        "difficulty": difficulty_code(section["score"]),
        "dynamics": network_code(wildcards, "train_reference"),
        "evidence": code("evaluate_groups"),
        "predictions": run_code(wildcards, section["method"]),
    }
    found |= {f"partition {one}": partition_code(name, one) for one in section["partitions"]}
    return found | {f"analysis {one}": analysis_code(wildcards, one) for one in advising.reliances(setting_of(wildcards))}


def tokenizer_of(wildcards):
    """The tokenizer of the texts of the wildcards' setting; None for other samples."""
    return CONFIG.own_datasets.get(setting_of(wildcards)["dataset"], {}).get("tokenizer")


def originals_of(wildcards):
    """The folder of the image files of the wildcards' setting, if samples' keys are their paths."""
    found = catalogue.originals(setting_of(wildcards)["dataset"], CONFIG.own_datasets)
    return str(found) if found else None
