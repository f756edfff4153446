"""Where the workflow's files lie below the results folder, by kind."""

import re
from collections.abc import Mapping
from pathlib import Path

RUN = "settings/{setting}/runs/{method}/{plan}/{block}"
TUNING_RUN = "settings/{setting}/candidates/{method}/{candidate}/{plan}/{block}"
_OF_RUNS = {
    "predictions": "parquet",
    "history": "parquet",
    "metrics": "parquet",
    "embedding": "parquet",
    "test_embedding": "parquet",
    "models": "safetensors",
    "timing": "json",
    "masks": "safetensors",
    "optimizer": "safetensors",
}
PATHS: Mapping[str, tuple[str, ...]] = {
    "base": ("datasets/{dataset}-{size}/base.parquet",),
    "inputs": ("datasets/{dataset}-{size}/manifest.json",),
    "samples": ("settings/{setting}/samples/{block}.parquet",),
    "dynamics": ("settings/{setting}/reference/{recipe}/{block}/dynamics.parquet",),
    "reference_timing": ("settings/{setting}/reference/{recipe}/{block}/timing.json",),
    "reference_models": ("settings/{setting}/reference/{recipe}/{block}/models.safetensors",),
    "difficulty": ("settings/{setting}/difficulty/{score}/{block}.parquet",),
    "partition": ("settings/{setting}/partitions/{partition}/{block}.parquet",),
    "analysis": ("settings/{setting}/analyses/{analysis}/{block}.parquet",),
    "plan": ("settings/{setting}/plans/{plan}/{block}.parquet",),
    "evidence": ("settings/{setting}/evidence/{block}.parquet",),
    "advice": ("advice/{setting}/samples.parquet",),
    "selection": ("settings/{setting}/selection/{method}.json",),
    "choice": ("settings/{setting}/selection/{method}.choice.json",),
} | {kind: tuple(f"{folder}/{kind}.{end}" for folder in (RUN, TUNING_RUN)) for kind, end in _OF_RUNS.items()}


def path_of(kind: str, **place: str) -> str:
    """Return the path below the results folder of a file that is not a run's."""
    return PATHS[kind][0].format(**place)


def place_of(kind: str, path: Path) -> dict[str, str]:
    """Return what a file of this kind must hold to lie at a path, by name; empty for a path outside the results folder."""
    text = path.as_posix()
    for template in PATHS.get(kind, ()):
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        found = re.search(rf"(?:^|/)results/{pattern}\Z", text)
        if found:
            return found.groupdict() | ({"candidate": ""} if template.startswith(f"{RUN}/") else {})
    return {}
