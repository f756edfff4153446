"""The recipes of incremental retraining's three arms."""

from typing import Any

import pytest

from spurprune.training import incremental

TRAINING: dict[str, Any] = {
    "epochs": 70,
    "batch_size": 128,
    "optimizer": {"name": "adam", "lr": 0.01, "weight_decay": 0.0},
    "schedule": {"name": "step", "milestones": [40, 50, 60], "factor": 0.1},
}


def test_a_kept_rate_is_that_of_the_last_epoch_throughout() -> None:
    found = incremental.recipe(TRAINING, incremental.KEPT)
    assert found["epochs"] == 71 and found["schedule"] == {"name": "constant"}
    assert found["optimizer"]["lr"] == pytest.approx(1e-5) and found["optimizer"]["name"] == "adam"
    assert found["batch_size"] == 128


def test_the_other_arms_begin_anew() -> None:
    assert incremental.recipe(TRAINING, incremental.RESET) == {**TRAINING, "epochs": 71}
    assert incremental.recipe(TRAINING, incremental.SCRATCH) == TRAINING
    assert [incremental.starts_from_weights(arm) for arm in incremental.ARMS] == [True, True, False]


def test_the_recipe_given_stays_as_it_is() -> None:
    incremental.recipe(TRAINING, incremental.KEPT)
    assert TRAINING["epochs"] == 70 and TRAINING["optimizer"]["lr"] == 0.01


def test_what_cannot_go_on_is_refused() -> None:
    with pytest.raises(ValueError, match="'more' is not an arm; use one of kept, reset, scratch"):
        incremental.recipe(TRAINING, "more")
    with pytest.raises(ValueError, match="ends at a rate of 0"):
        incremental.recipe(TRAINING | {"schedule": {"name": "linear"}}, incremental.KEPT)
