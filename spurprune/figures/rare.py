"""What the figures of rare patterns share: the score, the names and looks of patterns, and where a setting stands in its family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from spurprune.data import patterns
from spurprune.errors import ConfigError
from spurprune.evaluation.statistics import standard_error
from spurprune.figures.base import SettingInfo
from spurprune.figures.kind import Configuration
from spurprune.figures.style import Look

if TYPE_CHECKING:
    import pandas as pd

SCORE = "spurious_score"
SCORE_AXIS = "Spurious score (%)"
ACCURACY_AXIS = "Clean accuracy (%)"
LOOKS: Mapping[str, Look] = {  # squares are blue and dashed, noise is orange and solid; stronger is darker
    "S1": Look("#9CC9E8", "s", "--"),
    "S2": Look("#4A97CC", "s", "--"),
    "S3": Look("#00507F", "s", "--"),
    "R1": Look("#F5B58A", "o", "-"),
    "R2": Look("#E1782F", "o", "-"),
    "R3": Look("#8F3B00", "o", "-"),
    "core": Look("#000000", "D", "-."),
}


def pattern_of(info: SettingInfo) -> str:
    """Return what a setting's carriers show: a pattern's name in the paper, or else the overlay's attribute."""
    overlay = info.overlay or {}
    return patterns.paper_name_of(overlay["pattern"]) if "pattern" in overlay else str(overlay.get("attribute", "feature"))


def place_of(info: SettingInfo, word: str) -> float | int | None:
    """Return a setting's coordinate whose key ends in ``word``, None if its family does not vary any."""
    found = [value for key, value in info.coordinates.items() if key.rsplit(".", 1)[-1] == word]
    return found[0] if found else None


def counted(carriers: int | float) -> str:
    """Return a number of carriers in words, "1 carrier" or "3 carriers"."""
    return f"{carriers} carrier{'' if carriers == 1 else 's'}"


def named(info: SettingInfo) -> str:
    """Return a setting's description with its pattern and number of carriers, as far as its family varies these."""
    count = place_of(info, "count")
    pattern = None if place_of(info, "pattern") is None else pattern_of(info)
    return ", ".join(filter(None, (info.description, pattern, None if count is None else counted(count))))


def sem(values: pd.Series) -> float:
    """Return the standard error over repeats, NaN with fewer than two."""
    return standard_error(values.to_numpy(dtype="float64"))


def require_scores(key: str, settings: Iterable[str], config: Configuration) -> None:
    """Raise ConfigError for a setting that does not measure the spurious score."""
    for setting in settings:
        evaluation = config.settings[setting]["evaluation"]
        if evaluation.get("score_threshold") is None or evaluation["featured_classes"] != "all":
            raise ConfigError(
                f"{key}: '{setting}' does not measure the spurious score; set its evaluation to {{featured_classes: all, "
                "score_threshold: 0.1}, or name another."
            )


def require_plain_grid(key: str, family: str, config: Configuration) -> None:
    """Raise ConfigError for a family whose grid varies more than a pattern and a number of carriers, which lines cannot tell apart."""
    for dotted in next(iter(config.families[family].values())):
        if dotted.rsplit(".", 1)[-1] not in ("count", "pattern"):
            raise ConfigError(
                f"{key}.family is '{family}', whose grid also varies '{dotted}'; name a family that varies the pattern and the count alone."
            )
