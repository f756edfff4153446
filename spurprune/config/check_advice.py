"""Checks of sections of advice that go beyond the schema."""

from collections.abc import Mapping
from typing import Any

from spurprune.advice import choices as advised
from spurprune.config import advising, check_settings, check_studies, methods
from spurprune.config.config import Config
from spurprune.config.known import require_known
from spurprune.dag import advice, files, needs
from spurprune.errors import ConfigError


def check(config: Config) -> None:
    """Check every setting's section of advice, once settings and methods are checked; raises ConfigError at the first mistake."""
    if not config.select and not advice.advised_settings(config):
        raise ConfigError("select is empty, and no setting has a section of advice, so there is nothing to do; name a study.")
    for name in advice.advised_settings(config):
        _check(f"{name}.advice", config.settings[name], config)


def check_validated(config: Config) -> None:
    """Check that advised settings have validation samples, before what advice adds to them is checked; raises ConfigError."""
    for name in advice.advised_settings(config):
        setting = config.settings[name]
        if setting["dataset"] in config.datasets and not check_settings.is_validated(setting, config):
            raise ConfigError(
                f"{name}.advice goes by validation samples, but the setting has none; set its validation to a share of the training split."
            )


def check_runs(config: Config) -> None:
    """Check the plans and recipes of the runs that advice needs, once it is known that nothing needs itself."""
    for name in advice.advised_settings(config):
        runs = needs.with_runs_behind(advice.runs(name, config), config, advice.made(name, config)).all_runs
        check_studies.check_runs(runs, config)


def _check(key: str, setting: Mapping[str, Any], config: Config) -> None:
    section = setting["advice"]
    require_known(section["method"], config.methods, f"{key}.method: '{section['method']}'", "method")
    entry = config.methods[section["method"]]
    if files.is_refinement(section["method"], config.methods) or entry["from"] is not None:
        raise ConfigError(f"{key}.method is '{section['method']}', which starts from another method's networks; name one that does not.")
    if entry["grid"] or methods.plans_of(entry):
        raise ConfigError(f"{key}.method is '{section['method']}', which is tuned; name a method without a grid.")
    require_known(section["score"], setting["difficulty"], f"{key}.score: '{section['score']}'", "score of the setting")
    for partition in section["partitions"]:
        require_known(
            partition,
            [*setting["partitions"], *advising.DEFAULTS["partitions"]],
            f"{key}.partitions: '{partition}'",
            "partition of the setting",
        )
    if advising.suspects(setting) and "random" not in setting["difficulty"]:
        raise ConfigError(
            f"{key} prunes random suspects as a control, but the setting has no score 'random'; add 'random: {{reference: null, epochs: "
            "all}' to its difficulty."
        )
    ranges: dict[str, tuple[int, int]] = {}
    for block in section["blocks"]:
        check_studies.check_block(f"{key}.blocks", block, ranges)
    for plan in advised.plans_of(advising.choices(setting)):
        check_studies.check_plan(f"{key}", plan, key.removesuffix(".advice"), config)
