"""Datasets and samples: datasets are decoded once, then each setting gets its splits, carriers and groups."""


rule prepare_inputs:
    """Decode a dataset once into a memory-mapped array, with its base table and manifest."""
    input:
        record=download_record,
        # Only the user's own data; image files are too many to list.
        files=lambda wildcards: [str(path) for path in catalogue.files(wildcards.dataset, CONFIG.own_datasets)],
    output:
        inputs="results/datasets/{dataset}-{size}/inputs.npy",
        base="results/datasets/{dataset}-{size}/base.parquet",
        manifest="results/datasets/{dataset}-{size}/manifest.json",
    log:
        "logs/prepare_inputs/{dataset}-{size}.log",
    conda:
        "../../envs/base.yaml"
    threads: decoding_threads
    params:
        damaged_images=CONFIG.damaged_images,
        source=lambda wildcards: (None if dataset_of(wildcards).embedded else CONFIG.data[wildcards.dataset]),
        own=lambda wildcards: canonical(CONFIG.own_datasets.get(wildcards.dataset)),
        code=lambda wildcards: dataset_code(wildcards.dataset),
    script:
        "../scripts/prepare_inputs.py"


rule prepare_splits:
    """Make a setting's samples for one block: splits, carriers, groups; carriers may be chosen by a base setting's difficulty."""
    input:
        base=lambda wildcards: f"{dataset_folder(wildcards)}/base.parquet",
        manifest=manifest_of,
        difficulty=lambda wildcards: path_of(files.base_difficulty(wildcards.setting, wildcards.block, CONFIG.settings)),
    output:
        samples="results/settings/{setting}/samples/{block}.parquet",
    log:
        "logs/prepare_splits/{setting}/{block}.log",
    conda:
        "../../envs/base.yaml"
    params:
        setting=of_setting(blocks.samples),
        repeats=repeats,
        made_by=samples_made_by,
        code=samples_code(),
    script:
        "../scripts/prepare_splits.py"
