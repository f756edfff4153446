"""What a figure says about a setting, as plain values that the workflow passes to the job that draws."""

from collections.abc import Iterable, Mapping
from typing import Any

from spurprune.data.grouping import WITHOUT_WITH, Attribute
from spurprune.data.inputs import folder_name


def setting_info(block: Mapping[str, Any], coordinates: Mapping[str, Any], attributes: Iterable[Attribute]) -> dict[str, Any]:
    """Return the values of a ``spurprune.figures.base.SettingInfo`` from a setting's block.

    ``coordinates`` is the setting's place on its family's grid; ``attributes`` are those of its dataset, whose phrases describe carriers.
    """
    probe = block["probe"] or {"source": None, "target": None}
    return {
        "description": block["description"],
        "dataset": folder_name(block["dataset"], block["image_size"]),
        "source": probe["source"],
        "target": probe["target"],
        "carriers": carriers_in_words(block, attributes),
        "overlay": block["overlay"],
        "view": "natural" if block["overlay"] is None else "featured",
        "coordinates": dict(coordinates),
        "crop_size": block["crop_size"],
    }


def carriers_in_words(block: Mapping[str, Any], attributes: Iterable[Attribute]) -> str | None:
    """Return what a setting's carriers show, such as "with line" or "on water", to follow a class name; None without carriers."""
    overlay = block["overlay"]
    if overlay is not None:
        return f'with "{overlay["text"]}"' if "text" in overlay else f"with {overlay['attribute']}"
    known = {attribute.name: attribute for attribute in attributes}
    where = block["carriers"].get("where", {})
    words = [_in_words(known.get(name), name, value) for name, value in where.items()]
    return " and ".join(words) or None


def _in_words(attribute: Attribute | None, name: str, value: str) -> str:
    if attribute is not None and not attribute.phrase.startswith(","):
        return attribute.phrase.format(value=value)
    return f"{value} {name}" if value in WITHOUT_WITH else f"with {name} {value}"
