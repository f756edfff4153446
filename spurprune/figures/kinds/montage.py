"""Images over the difficulty range of the source class, with carriers marked (the paper's Fig. 9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spurprune.dag import plugins
from spurprune.data import overlaying
from spurprune.errors import ConfigError, DataError
from spurprune.figures import style
from spurprune.figures.base import Drawing, Material, SettingInfo, Spec
from spurprune.figures.kind import TEXT, Configuration, Item, Kind, Study, nothing, own_score, repeats_of
from spurprune.figures.spectrum import Spectrum, spectra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spurprune.data.inputs import Rows

LOOKS = {"carriers": style.CARRIERS, "others": style.OTHERS}
ALL = "all samples"  # the only row if carriers are not known


def blocks_of(item: Item, study: Study) -> list[str]:
    """Return the block with the item's repeat."""
    return [block for block in study["blocks"] if item["repeat"] in repeats_of(block)]


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for a repeat that is not in the study."""
    if not blocks_of(item, study):
        raise ConfigError(
            f"{key}.repeat is {item['repeat']}, which is in none of the study's blocks; name one from {', '.join(study['blocks'])}."
        )


KIND = Kind(
    "Images over the difficulty range, with carriers marked (the paper's Fig. 9).",
    reads=("images", "manifests", "samples", "difficulty"),
    required={
        "setting": TEXT,
        "repeat": {"type": "integer", "minimum": 0, "maximum": 999},
        "columns": {"type": "integer", "minimum": 2, "maximum": 100},
    },
    optional={"score": TEXT},
    needs=("images", "probe"),
    plans=nothing,
    scores=own_score,
    blocks=blocks_of,
    check=check,
)


@dataclass(frozen=True)
class ImageRow:
    """One image of the montage: its position, and its difficulty rank within the source class's training samples (0 = easiest)."""

    row: str
    column: int
    sample_id: int
    rank_in_class: int
    class_size: int
    score: float


def make(material: Material, spec: Spec) -> Drawing:
    """Draw two rows of images, carriers and others, each evenly spaced from its easiest to its hardest sample.

    If it is not known which samples are carriers, one row shows all. Raises DataError if the setting's inputs are not images.
    """
    name, repeat, columns = (spec.options[key] for key in ("setting", "repeat", "columns"))
    info = spec.settings[name]
    shape = material.manifests[info.dataset].shape
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise DataError(f"A montage draws images, but an input of '{name}' has the shape {shape}; name a setting of images.")
    spectrum = spectra(material, info, name)[repeat]
    rows = choose(spectrum, columns)
    images = pictures(material.images[info.dataset], rows, replace(info, overlay=overlaying.at_repeat(info.overlay, repeat)))
    return Drawing(rows, draw(rows, images, info, repeat, columns), findings(spectrum, info, repeat))


def choose(spectrum: Spectrum, columns: int) -> list[ImageRow]:
    """Return up to ``columns`` carriers and as many others (of all samples if carriers are unknown), evenly spaced, easiest first."""
    rows = []
    members_of = {"carriers": spectrum.is_carrier, "others": ~spectrum.is_carrier}
    if not spectrum.carriers_known:
        members_of = {ALL: ~spectrum.is_carrier}
    for row, members in members_of.items():
        ranks = np.flatnonzero(members)
        for column, rank in enumerate(ranks[evenly_spaced(len(ranks), columns)].tolist()):
            rows.append(ImageRow(row, column, int(spectrum.sample_id[rank]), rank, len(members), float(spectrum.score[rank])))
    return rows


def evenly_spaced(available: int, wanted: int) -> np.ndarray:
    """Return up to ``wanted`` of ``available`` positions, evenly spaced and including the first and the last, int64."""
    return np.linspace(0, available - 1, min(available, wanted)).round().astype(np.int64)


def pictures(inputs: Rows, rows: list[ImageRow], info: SettingInfo) -> list[np.ndarray]:
    """Return the images as the network sees them without augmentation, uint8 [H, W] or [H, W, 3], with any overlay on carriers.

    ``inputs`` uint8 [N, C, H, W] may be a memory map; only the rows' images are read.
    """
    images = []
    for row in rows:
        image = np.array(inputs[row.sample_id : row.sample_id + 1])
        if row.row == "carriers" and info.overlay is not None:
            options = {key: value for key, value in info.overlay.items() if key not in ("name", "attribute")}
            image = plugins.load("overlays", info.overlay["name"]).apply_(image, **options)
        image = centre(image[0], info.crop_size)
        images.append(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
    return images


def centre(image: np.ndarray, side: int | None) -> np.ndarray:
    """Return the central square of an image [C, H, W] with ``side`` pixels per side, as in training; the whole image if None."""
    if side is None:
        return image
    top, left = (round((length - side) / 2) for length in image.shape[1:])
    return image[:, top : top + side, left : left + side]


def draw(rows: list[ImageRow], images: list[np.ndarray], info: SettingInfo, repeat: int, columns: int) -> Figure:
    """Draw the images with their ranks below; carriers have a thick coloured frame, others a thin grey dashed one."""
    side = style.PAGE / (columns + 1)
    names = list(dict.fromkeys(row.row for row in rows)) if any(row.row == ALL for row in rows) else list(LOOKS)
    figure = style.new_figure(style.PAGE, len(names) * (side + 0.22) + 0.25)
    grid = figure.subplots(len(names), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, image in zip(rows, images, strict=True):
        axes = grid[names.index(row.row), row.column]
        axes.set_axis_on()
        # Enlarged pixels stay squares; photos that are drawn smaller are averaged.
        fits = image.shape[1] <= side * style.DOTS_PER_INCH
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest" if fits else "antialiased")
        _frame(axes, LOOKS.get(row.row, style.OTHERS))
        axes.set_xlabel(str(row.rank_in_class), labelpad=2)
        if row.column == 0:
            axes.set_ylabel(row.row)
    size = rows[0].class_size if rows else 0
    where = f"within the {size} training samples of class {style.shortened(str(info.source))} (0 = easiest), repeat {repeat}"
    figure.suptitle(f"{info.description}: difficulty rank {where}", x=0.01, ha="left", fontsize=7.5)
    return figure


def _frame(axes: Axes, look: style.Look) -> None:
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=look.colour, linewidth=2.2 if look is style.CARRIERS else 1, linestyle=look.dashes)


def findings(spectrum: Spectrum, info: SettingInfo, repeat: int) -> list[str]:
    """Return a sentence on the carriers' ranks within the class in one repeat."""
    ranks = np.flatnonzero(spectrum.is_carrier)
    size = len(spectrum.is_carrier)
    if not spectrum.carriers_known:
        return [f"{info.description}: it is not known which of the {size} training samples of class {info.source} show the feature."]
    if not len(ranks):
        return [f"{info.description}: repeat {repeat} has no carriers."]
    chance = (size - 1) / 2
    return [
        f"{info.description}: the {len(ranks)} carriers of repeat {repeat} have ranks from {ranks[0]} to {ranks[-1]} among the {size} "
        f"training samples of class {info.source} (0 = easiest); their median rank is {np.median(ranks):g} (by chance, about {chance:g})."
    ]
