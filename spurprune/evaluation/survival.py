"""What masks keep of a network's weights, by layer; without torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spurprune.errors import DataError, first_sentence
from spurprune.evaluation.statistics import Estimate, estimate
from spurprune.storage import array_files, layout, schemas
from spurprune.storage.provenance import Origin, origin

WEIGHT = ".weight"
ALL = "all layers"


@dataclass(frozen=True)
class Survival:
    """How many of the ``weights`` of one layer in one repeat are ``kept``."""

    setting: str
    method: str
    repeat: int
    layer: str
    weights: int
    kept: int


@dataclass(frozen=True)
class SurvivalRow:
    """The share of a layer's ``weights`` that masks keep, over repeats, and the kept number's mean."""

    setting: str
    method: str
    layer: str
    weights: int
    kept: float
    share: Estimate


def origin_of(path: Path) -> Origin:
    """Return the origin of a file of masks; raises DataError if it does not say from which run they are."""
    try:
        found = origin(str(path), array_files.content(path)["provenance"], schemas.PREDICTIONS.place)
    except (KeyError, ValueError) as error:
        raise DataError(f"{path} does not say from which run its masks are ({first_sentence(error)}); delete it and rerun.") from error
    return found.require(layout.place_of("masks", path))


def read(path: Path) -> list[Survival]:
    """Return what the masks of a file keep, by repeat and, in the network's order, by layer; raises DataError if it is damaged."""
    place = origin_of(path).provenance
    content, masks = array_files.read(path)
    repeats = sorted({int(name.partition(".")[0]) for name in masks})
    return [
        Survival(
            setting=place.setting,
            method=place.place["method"],
            repeat=repeat,
            layer=parameter.removesuffix(WEIGHT),
            weights=masks[f"{repeat}.{parameter}"].size,
            kept=int(masks[f"{repeat}.{parameter}"].sum()),
        )
        for repeat in repeats
        for parameter in content["parameters"]
    ]


def summarised(survivals: Iterable[Survival]) -> list[SurvivalRow]:
    """Return a row per setting, method and layer, in order, after one for all layers of a network together."""
    by_place: dict[tuple[str, str, str], dict[int, list[int]]] = {}
    for one in survivals:
        for layer in (ALL, one.layer):
            kept, weights = by_place.setdefault((one.setting, one.method, layer), {}).get(one.repeat, [0, 0])
            by_place[one.setting, one.method, layer][one.repeat] = [kept + one.kept, weights + one.weights]
    return [
        SurvivalRow(
            setting,
            method,
            layer,
            weights=next(iter(of_repeats.values()))[1],
            kept=float(np.mean([kept for kept, _ in of_repeats.values()])),
            share=estimate(np.array([kept / weights for kept, weights in of_repeats.values()])),
        )
        for (setting, method, layer), of_repeats in by_place.items()
    ]
