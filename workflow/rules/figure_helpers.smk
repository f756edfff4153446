"""Helpers for the rules of figures and tables: their inputs, outputs and parameters. No rules here."""

from spurprune.dag import kinds
from spurprune.figures import headlines  # also for the report, in workflow/report
from spurprune.figures.kind import NO_PRUNING
from spurprune.figures.describe import setting_info
from spurprune.storage import escaping  # also for the texts of the report, in workflow/report


def item_files(section):
    """Input functions for a study's figures or tables (``section``), by the name of what a kind reads."""

    def requested(wildcards):
        """The item's record, its block and its study."""
        study = study_of(wildcards)
        item = study[section][wildcards[section.removesuffix("s")]]
        return kinds.kind_of(item), item, study

    def metrics(wildcards):
        _, item, study = requested(wildcards)
        return metrics_of(studies.runs_of(item, study, CONFIG))

    def history(wildcards):
        kind, item, study = requested(wildcards)
        watched = kind.watched(item, kind.settings(item, CONFIG))
        unpruned = [run for run in studies.runs_of(item, study, CONFIG) if run.plan == NO_PRUNING]
        return [f"results/{run.folder}/history.parquet" for run in unpruned if run.setting in watched]

    def samples(wildcards):
        kind, item, study = requested(wildcards)
        settings, blocks = kind.settings(item, CONFIG), kind.blocks(item, study)
        return expand("results/settings/{setting}/samples/{block}.parquet", setting=settings, block=blocks)

    def difficulty(wildcards):
        kind, item, study = requested(wildcards)
        return [f"results/{studies.Difficulty(*one).path}" for one in kind.difficulties(item, study, CONFIG)]

    def analyses(wildcards):
        _, item, study = requested(wildcards)
        return [f"results/{one.path}" for one in studies.analyses_of(item, study, CONFIG)]

    def selections(wildcards):
        _, item, study = requested(wildcards)
        found = [files.selection_of(run, CONFIG.methods) for run in studies.runs_of(item, study, CONFIG)]
        return dict.fromkeys(one for one in found if one)

    def tuning(wildcards):
        runs = [run for one in selections(wildcards) for run in files.tuning_runs(one, CONFIG.methods)]
        return metrics_of(dict.fromkeys(runs))

    def embeddings(wildcards):
        _, item, study = requested(wildcards)
        return [f"results/{run.folder}/test_embedding.parquet" for run in studies.seen_of(item, study, CONFIG)]

    def masks(wildcards):
        _, item, study = requested(wildcards)
        runs = [run for run in studies.runs_of(item, study, CONFIG) if files.makes_masks(run.method, CONFIG.methods)]
        return [f"results/{run.folder}/masks.safetensors" for run in runs]

    def choices(wildcards):
        return [f"results/{one.choice_path}" for one in selections(wildcards)]

    def timings(wildcards):
        kind, item, study = requested(wildcards)
        return [f"results/{path}" for path in kind.timed(item, study, CONFIG)]

    def of_datasets(name):
        def paths(wildcards):
            kind, item, _ = requested(wildcards)
            folders = dict.fromkeys(described(setting)["dataset"] for setting in kind.settings(item, CONFIG))
            return [f"results/datasets/{folder}/{name}" for folder in folders]

        return paths

    return {
        "metrics": metrics,
        "history": history,
        "samples": samples,
        "difficulty": difficulty,
        "manifests": of_datasets("manifest.json"),
        "images": of_datasets("inputs.npy"),
        "tuning": tuning,
        "choices": choices,
        "timings": timings,
        "embeddings": embeddings,
        "masks": masks,
        "analyses": analyses,
    }


FIGURE_FILES = item_files("figures")
TABLE_FILES = item_files("tables")


def caption(kind, section):
    """The caption of a kind in the report: its own file, or else the one for all figures or tables."""
    own = ROOT / f"workflow/report/{kind}.rst"
    return f"../report/{own.name if own.is_file() else f'{section}.rst'}"


def figure_outputs(kind):
    """A figure's files; the report shows the PNG with its kind's caption, which includes the findings."""
    path = "results/figures/{study}/{figure}"
    shown = report(
        f"{path}.png",
        caption=caption(kind, "figure"),
        category="{study}",
        subcategory="Figures",
        labels={"figure": "{figure}", "shows": kind.replace("_", " ")},
    )
    return {"pdf": f"{path}.pdf", "png": shown, "csv": f"{path}.csv", "findings": f"{path}.txt"}


def figure_of(wildcards):
    """The block of the wildcards' figure."""
    return study_of(wildcards)["figures"][wildcards.figure]


@cache
def described(name):
    """What a figure says about a setting (see spurprune.figures.base.SettingInfo)."""
    block = CONFIG.settings[name]
    return setting_info(block, CONFIG.coordinates(name), CONFIG.datasets[block["dataset"]].attributes or ())


def figure_spec(wildcards):
    """All that a figure is passed in addition to its files (see spurprune.figures.base.Spec), in canonical order, without HTML."""
    figure, study = figure_of(wildcards), study_of(wildcards)
    kind = kinds.kind_of(figure)
    spec = {
        "title": f"{study['title']}, {wildcards.figure}",
        "options": figure | kind.published(figure) | kind.described(figure, study, CONFIG),
        "family": kind.family(figure, CONFIG),
        "settings": [(name, described(name)) for name in kind.settings(figure, CONFIG)],
        "methods": kind.methods(figure, study),
    }
    return escaping.inert(canonical(spec))


def figure_code(wildcards):
    """The hash of a figure's code, with the overlays of the images that it shows, if any."""
    figure = figure_of(wildcards)
    kind = kinds.kind_of(figure)
    drawn = kind.settings(figure, CONFIG) if "images" in kind.reads else []
    overlays = dict.fromkeys(overlay["name"] for name in drawn if (overlay := CONFIG.settings[name]["overlay"]))
    return code("plot", ("figures", figure["kind"]), *(("overlays", overlay) for overlay in overlays))
