"""The source class's training samples in order of difficulty, for the figures that show where carriers are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spurprune.errors import DataError
from spurprune.figures.base import Material, Ranking, SettingInfo

if TYPE_CHECKING:
    from spurprune.data.samples import Samples


@dataclass(frozen=True)
class Spectrum:
    """One repeat's training samples of the source class, easiest first, so that a position is a rank within the class.

    ``sample_id`` int64 [n], ``is_carrier`` bool [n], ``score`` float64 [n]. ``carriers_known`` is false if it is unknown for all samples
    whether they show the feature; then ``is_carrier`` is false for all.
    """

    sample_id: np.ndarray
    is_carrier: np.ndarray
    score: np.ndarray
    carriers_known: bool = True


def spectra(material: Material, info: SettingInfo, setting: str) -> dict[int, Spectrum]:
    """Return a setting's spectrum for every repeat; raises DataError if its difficulty was computed for other samples."""
    source, _ = material.labels(info)
    result = {}
    for repeat, samples in material.samples[setting].items():
        try:
            result[repeat] = spectrum(samples, material.rankings[setting][repeat], source)
        except KeyError:
            raise DataError(f"The difficulty of '{setting}' lacks samples of repeat {repeat}; delete its files and rerun.") from None
    return result


def spectrum(samples: "Samples", ranking: Ranking, source: int) -> Spectrum:
    """Return the spectrum of one repeat; raises KeyError if the ranking lacks a sample of the class."""
    members = (samples.split == "train") & (samples.label == source)
    row_of = {int(sample): row for row, sample in enumerate(ranking.sample_id)}
    rows = np.array([row_of[int(sample)] for sample in samples.sample_id[members]], dtype=np.int64)
    order = np.argsort(ranking.rank_in_class[rows])
    carrier = samples.carrier[members][order]
    return Spectrum(samples.sample_id[members][order], carrier == 1, ranking.score[rows][order], bool((carrier >= 0).any()))
