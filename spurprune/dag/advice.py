"""What the advice on a setting is made from: its runs, partitions, analyses and difficulties."""

from typing import Any

from spurprune.advice import choices as advised
from spurprune.config import advising
from spurprune.config.config import Config
from spurprune.dag import files
from spurprune.dag.files import Analysis, Difficulty, Evidence, Partition, Reference, Run
from spurprune.pruning import plan as plans

FILES = ("keep.csv", "drop.csv", "samples.parquet", "diagnosis.json", "diagnosis.md", "index.html")


def advised_settings(config: Config) -> list[str]:
    """Return the settings with a section of advice, in the order of the configuration."""
    return [name for name, block in config.settings.items() if block["advice"] is not None]


def section(setting: str, config: Config) -> dict[str, Any]:
    """Return a setting's section of advice."""
    found: dict[str, Any] = config.settings[setting]["advice"]
    return found


def runs(setting: str, config: Config, block: str | None = None) -> list[Run]:
    """Return the runs of which advice gathers evidence, of one block or of all, the one without pruning first."""
    every = advised.plans_of(advising.choices(config.settings[setting]))
    blocks = section(setting, config)["blocks"] if block is None else [block]
    return [Run(setting, section(setting, config)["method"], plan, one) for one in blocks for plan in every]


def embedded(setting: str, block: str, config: Config) -> Run:
    """Return the run by whose features validation and test samples are assigned to groups."""
    return Run(setting, section(setting, config)["method"], plans.NO_PRUNING, block)


def inferred(setting: str, block: str, config: Config) -> list[Partition]:
    """Return the partitions into groups that advice goes by."""
    return [Partition(setting, name, block) for name in advising.inferred(config.settings[setting])]


def suspects(setting: str, block: str, config: Config) -> list[Partition]:
    """Return the partitions of suspects that advice goes by."""
    return [Partition(setting, name, block) for name in advising.suspects(config.settings[setting])]


def reliances(setting: str, block: str, config: Config) -> list[Analysis]:
    """Return the analyses of reliance that advice reads."""
    return [Analysis(setting, name, block) for name in advising.reliances(config.settings[setting])]


def evidence(setting: str, config: Config) -> list[Evidence]:
    """Return the evidence that advice reads."""
    return [Evidence(setting, block) for block in section(setting, config)["blocks"]]


def difficulty(setting: str, block: str, config: Config) -> Difficulty:
    """Return the difficulty by which samples are ranked."""
    return Difficulty(setting, section(setting, config)["score"], block)


def reference(setting: str, block: str, config: Config) -> Reference | None:
    """Return the reference runs behind the difficulty; None if it needs none."""
    return files.difficulty_reference(difficulty(setting, block, config), config.settings)


def made(setting: str, config: Config) -> list[Partition | Analysis]:
    """Return all partitions and analyses that advice reads."""
    blocks = section(setting, config)["blocks"]
    return [one for block in blocks for of in (inferred, suspects, reliances) for one in of(setting, block, config)]
