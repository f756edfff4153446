"""Checks of overlays on images: that they say once what they cover, and that the images have it."""

from collections.abc import Mapping
from typing import Any

from spurprune.dag import plugins
from spurprune.data.registry import DatasetEntry
from spurprune.errors import ConfigError


def check(name: str, setting: Mapping[str, Any], entry: DatasetEntry) -> None:
    """Check the overlay, if there is one, of a setting of images; raises ConfigError at the first mistake."""
    overlay = setting["overlay"]
    if overlay is None:
        return
    for pair in plugins.declared("overlays", overlay["name"], "ONE_OF", ()):
        _require_one(name, overlay, *pair)
    size, last = setting["image_size"], (entry.channels or 0) - 1
    least = plugins.declared("overlays", overlay["name"], "LEAST_SIZE", {}).get(overlay.get("pattern"), 0)
    if least > size:
        raise ConfigError(
            f"{name}.overlay.pattern is '{overlay['pattern']}', which needs images of {least} pixels per side, but image_size is only "
            f"{size}; choose another pattern."
        )
    for key, highest, way_out in (
        ("channel", overlay.get("channel") or 0, "choose one"),
        ("channels", max(overlay.get("channels") or [0]), "choose among these"),
    ):
        if highest > last:
            where = f"{name}.overlay.{key} is {overlay[key]}"
            raise ConfigError(f"{where}, but '{setting['dataset']}' has only the channels 0 to {last}; {way_out}.")
    if (overlay.get("width") or 0) > size:
        raise ConfigError(f"{name}.overlay.width is {overlay['width']}, but the images are only {size} pixels wide; choose at most that.")
    if max(overlay.get("columns") or [0]) >= size:
        raise ConfigError(
            f"{name}.overlay.columns is {overlay['columns']}, but the images have only the columns 0 to {size - 1}; choose among these."
        )


def _require_one(name: str, overlay: Mapping[str, Any], first: str, second: str) -> None:
    given = [key for key in (first, second) if overlay.get(key) is not None]
    if not given:
        raise ConfigError(f"{name}.overlay lacks both {first} and {second}; give one of them.")
    if len(given) == 2:
        raise ConfigError(f"{name}.overlay has both {first} and {second}, of which one is enough; set the other to null.")
