"""Maps of reliance: how much a network relies on each place of a class's images, as pictures for the page."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from spurprune.advice.material import Material
from spurprune.advice.page import Map
from spurprune.advice.shown import data_address
from spurprune.data import analysis as analyses
from spurprune.data.inputs import Manifest
from spurprune.transplants import areas, measured

LEAST_SCALE = 0.05  # so that maps of no reliance do not show noise
# From little to much reliance: three points of a scale that can be read without colour, too.
COLOURS = np.array([[0, 34, 78], [124, 123, 120], [254, 232, 56]], dtype=np.float64)  # those of matplotlib's cividis


def of_material(material: Material, manifest: Manifest, crop: int | None, words: Mapping[str, str]) -> list[Map]:
    """Return for each class the maps of the runs of which reliance on all regions was measured; none if samples are no images.

    ``words`` say what each plan prunes.
    """
    if manifest.kind != "images":
        return []
    masks = areas.of_images(manifest.shape[-2], manifest.shape[-1], crop)
    drawn = {plan: _drawn(found) for (_, plan), found in material.reliance.items()}
    plans = [plan for plan, of_class in drawn.items() if of_class]
    classes = sorted({source for plan in plans for source in drawn[plan]})
    grids = {(plan, source): measured.pixels(drawn[plan].get(source, {}), masks) for plan in plans for source in classes}
    highest = max([LEAST_SCALE, *(float(np.nanmax(one)) for one in grids.values() if np.isfinite(one).any())])
    return [
        Map(
            f"Class {source}; the brightest is {highest:.0%}",
            [(words[plan], picture(grids[plan, source] / highest)) for plan in plans],
        )
        for source in classes
    ]


def _drawn(found: Mapping[int, analyses.Found]) -> dict[str, dict[str, float]]:
    """Return by class the mean reliance on each region of its drawn donors, in excess of the controls'."""
    by_class: dict[str, dict[str, float]] = {}
    for (source, region, donors), values in measured.excess(measured.shares_of(found)).items():
        if donors == measured.DRAWN:
            by_class.setdefault(source, {})[region] = float(np.mean(list(values.values())))
    return by_class


def picture(share: np.ndarray) -> str:
    """Return a map, float [H, W] from 0 to 1, NaN where nothing is known, as a data address of one pixel per value."""
    places = np.clip(np.nan_to_num(share), 0, 1) * (len(COLOURS) - 1)
    low = np.minimum(places.astype(int), len(COLOURS) - 2)
    weight = (places - low)[..., None]
    colours = COLOURS[low] * (1 - weight) + COLOURS[low + 1] * weight
    return data_address(Image.fromarray(np.round(colours).astype(np.uint8)))
