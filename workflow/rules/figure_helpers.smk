"""Helpers for the figures' rules: what each figure writes, reads and is told. No rules here."""


def figure_outputs(kind):
    """A figure's files; the PNG goes into the report with its kind's caption, which includes the findings."""
    path = "results/figures/{study}/{figure}"
    shown = report(
        f"{path}.png",
        caption=f"../report/{kind}.rst",
        category="{study}",
        subcategory="Figures",
        labels={"figure": "{figure}", "shows": kind.replace("_", " ")},
    )
    return {"pdf": f"{path}.pdf", "png": shown, "csv": f"{path}.csv", "findings": f"{path}.txt"}


def figure_of(wildcards):
    """The wildcards' figure as the configuration asks for it."""
    return study_of(wildcards)["figures"][wildcards.figure]


def figure_runs(wildcards):
    """The runs that the figure draws."""
    return studies.runs_of(figure_of(wildcards), study_of(wildcards), CONFIG)


def figure_settings(wildcards):
    """The settings that the figure draws; a montage draws one without any run of it."""
    figure = figure_of(wildcards)
    return [figure["setting"]] if "setting" in figure else studies.settings_of(figure, CONFIG)


def figure_metrics(wildcards):
    """The metrics of the figure's runs."""
    return metrics_of(figure_runs(wildcards))


def figure_history(wildcards):
    """The histories of the figure's runs; of a count of carriers, those of its ``learned`` settings only."""
    figure = figure_of(wildcards)
    shown = figure.get("learned", []) if figure["kind"] == "carrier_count" else figure_settings(wildcards)
    return [f"results/{run.folder}/history.parquet" for run in figure_runs(wildcards) if run.setting in shown]


def figure_datasets(wildcards):
    """The folders of the prepared datasets of the figure's settings, each once."""
    blocks = [CONFIG.settings[name] for name in figure_settings(wildcards)]
    return list(dict.fromkeys(f"{block['dataset']}-{block['image_size']}" for block in blocks))


def figure_manifests(wildcards):
    """The manifests of the figure's datasets."""
    return [f"results/datasets/{folder}/manifest.json" for folder in figure_datasets(wildcards)]


def figure_images(wildcards):
    """The inputs of the figure's datasets."""
    return [f"results/datasets/{folder}/inputs.npy" for folder in figure_datasets(wildcards)]


def figure_blocks(wildcards):
    """The blocks that the figure draws: the study's, or the one that holds a montage's repeat."""
    blocks = study_of(wildcards)["blocks"]
    repeat = figure_of(wildcards).get("repeat")
    return [block for block in blocks if repeat is None or repeat in studies.repeats_of(block)]


def figure_samples(wildcards):
    """The samples of the figure's settings."""
    return expand(
        "results/settings/{setting}/samples/{block}.parquet",
        setting=figure_settings(wildcards),
        block=figure_blocks(wildcards),
    )


def figure_difficulty(wildcards):
    """The difficulty of the figure's settings, by the score that the figure or its study names."""
    score = figure_of(wildcards).get("score", study_of(wildcards)["score"])
    return expand(
        "results/settings/{setting}/difficulty/{score}/{block}.parquet",
        setting=figure_settings(wildcards),
        score=score,
        block=figure_blocks(wildcards),
    )


def setting_told(name):
    """What a figure is told of a setting (see spurprune.figures.base.SettingInfo)."""
    block = CONFIG.settings[name]
    plain = {key: block[key] for key in ("description", "attribute", "feature", "crop_size")}
    return plain | {
        "source_class": str(block["source_class"]),
        "target_class": str(block["target_class"]),
        "dataset": f"{block['dataset']}-{block['image_size']}",
        "view": "natural" if block["feature"] is None else "featured",
        "coordinates": CONFIG.coordinates(name),
    }


def figure_spec(wildcards):
    """All that a figure is told besides its files (see spurprune.figures.base.Spec), as one plain canonical value."""
    figure = figure_of(wildcards)
    return canonical(
        {
            "title": f"{study_of(wildcards)['title']}, {wildcards.figure}",
            "options": figure | published.told(figure),
            "family": studies.members_of(figure, CONFIG),
            "settings": [(name, setting_told(name)) for name in figure_settings(wildcards)],
        }
    )


def figure_code(wildcards):
    """The hash of a figure's code, with the feature that it draws over images, if it does."""
    figure = figure_of(wildcards)
    feature = CONFIG.settings[figure["setting"]]["feature"] if "setting" in figure else None
    more = [("overlays", feature["name"])] if feature else []
    return code("plot", ("figures", figure["kind"]), *more)
