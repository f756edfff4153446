"""The hours that docs/reproduction.md gives for each figure of the paper are those planned, and its figures are there."""

import re
from dataclasses import replace
from pathlib import Path

from spurprune import planning
from spurprune.config import Config


def hours_of(config: Config, study: str, figure: str) -> dict[str, float]:
    """The planned hours of one figure alone, from nothing, by device."""
    block = config.studies[study]
    alone = block | {"figures": {figure: block["figures"][figure]}, "tables": {}}
    one = replace(config, select=[study], studies={study: alone})
    hours: dict[str, float] = {}
    for job in planning.jobs(one):
        if job.setting is not None and job.trainings:
            device = config.settings[job.setting]["estimate"]["device"]
            hours[device] = hours.get(device, 0.0) + job.hours
    return hours


def test_the_hours_of_every_claim_are_those_planned(root: Path) -> None:
    text = (root / "docs/reproduction.md").read_text(encoding="utf-8")
    config = planning.load([root / "config/paper.yaml"])
    rows = re.findall(r"\| `results/figures/([\w-]+)/(\w+)\.pdf` \| ([\d.]+)( on one CPU core)? \|", text)
    assert len(rows) == len(set(rows)) > 10
    for study, figure, hours, on_cpu in rows:
        assert {device: f"{value:.1f}" for device, value in hours_of(config, study, figure).items()} == {
            "CPU core" if on_cpu else "GPU": hours
        }, (study, figure)
