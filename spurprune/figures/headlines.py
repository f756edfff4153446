"""What a run found, in the first sentence of a study's main figures: printed at its end, and on the first page of the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spurprune.errors import ConfigError
from spurprune.storage.escaping import rst

MOST = 3  # figures of a study that does not name them


def figures_of(study: Mapping[str, Any]) -> list[str]:
    """Return the names of a study's main figures: its ``headlines``, by default the first three of its figures."""
    return list(study.get("headlines", list(study["figures"])[:MOST]))


def check(key: str, study: Mapping[str, Any]) -> None:
    """Raise ConfigError if ``headlines`` names what is no figure of the study."""
    for name in study.get("headlines", ()):
        if name not in study["figures"]:
            known = ", ".join(study["figures"]) or "none"
            raise ConfigError(f"{key}.headlines: '{name}' is not a figure of the study; its figures are {known}.")


def sentences(studies: Mapping[str, Mapping[str, Any]], selected: Sequence[str], figures: Path) -> list[str]:
    """Return the first finding of every main figure of the selected studies, of those drawn below the folder ``figures``."""
    found = []
    for study in selected:
        for name in figures_of(studies[study]):
            path = figures / study / f"{name}.txt"
            lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
            found += [line.removeprefix("- ") for line in lines[:1]]
    return found


def rst_sentences(studies: Mapping[str, Mapping[str, Any]], selected: Sequence[str]) -> str:
    """Return the same as a list in reStructuredText, from the folder ``results/figures``."""
    return "".join(f"- {rst(sentence)}\n" for sentence in sentences(studies, selected, Path("results/figures")))
