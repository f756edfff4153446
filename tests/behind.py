"""The example configuration with a setting of its own, and methods whose runs partitions and plans are made from."""

from pathlib import Path
from typing import Any

import yaml

from spurprune.config import loading
from spurprune.config.config import Config

BLOCK, TUNING = "000-004", "900-901"
SHORT = {"kind": "erm", "training": {"epochs": 1, "evaluate_epochs": []}}
TUNED = {"kind": "erm", "grid": {"training.optimizer.lr": [0.1, 0.01]}, "tuning": {"blocks": [TUNING]}, "by": "accuracy"}
CHOOSING = {"kind": "erm", "grid": {"plan": ["none", "random-0.10"]}, "tuning": {"blocks": [TUNING]}, "by": "accuracy"}
DRO = {"kind": "group_dro", "options": {"partition": "spare"}}
REFIT = {"kind": "last_layer", "from": "erm", "options": {"balance": "classes"}}


def load(
    root: Path, folder: Path, *, name: str, setting: dict[str, Any], plans: list[str], compared: list[str] | None, entries: dict[str, Any]
) -> Config:
    """Return the configuration with the setting ``name``, on which a study compares methods, by default ``erm``, on plans.

    The setting's file is written to ``folder``; ``entries`` are methods beside ``short``.
    """
    main = yaml.safe_load((root / "tests/unit/example/config.yaml").read_text())
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({name: {"extends": "digits-carriers", **setting}}))
    main["setting_files"] = ["tests/unit/example/settings.yaml", str(file)]
    main["methods"] |= {"short": SHORT} | entries
    study = {"settings": [name], "plans": plans, "methods": compared or ["erm"], "figures": {}}
    main["studies"]["digits"] |= study | {"tables": {"summary": {"kind": "summary"}}}
    return loading.load(main, root)
