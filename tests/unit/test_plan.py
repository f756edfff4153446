"""The grammar of a plan's name."""

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.dag import plugins
from spurprune.errors import PlanError
from spurprune.pruning import plan as plans
from spurprune.pruning.plan import Plan


def test_names_are_parsed() -> None:
    assert plans.parse("none") == Plan("none")
    assert plans.parse("random-0.10") == Plan("random", sparsity="0.10")
    assert plans.parse("carriers-el2n-hardest-0.25") == Plan("carriers", "el2n", "hardest", "0.25")
    assert plans.parse("per_group_equal-aum-easiest-0.0125") == Plan("per_group_equal", "aum", "easiest", "0.0125")
    assert plans.parse("per_class-random-hardest-0.00") == Plan("per_class", "random", "hardest", "0.00")
    assert plans.parse("balance_subsample-class") == Plan("balance_subsample", partition="class")
    assert plans.parse("balance_reweight-groups") == Plan("balance_reweight", partition="groups")
    assert plans.parse("upweight-errors_2-50") == Plan("upweight", partition="errors_2", factor="50")
    assert plans.parse("upweight-errors-0.5") == Plan("upweight", partition="errors", factor="0.5")


def test_the_method_in_a_name_is_renamed() -> None:
    for name, expected in (
        ("tuned-mine", "tuned-mine_too"),
        ("class_quota-mine-0.10", "class_quota-mine_too-0.10"),
        ("balance_subsample-mine", "balance_subsample-mine"),
        ("none", "none"),
        ("tuned-mine-0.10", "tuned-mine-0.10"),
        ("nope-mine", "nope-mine"),
    ):
        assert plans.renamed(name, lambda method: f"{method}_too") == expected


@given(st.data(), st.sampled_from(plugins.names("strategies")))
def test_a_parsed_name_is_its_parts(data: st.DataObject, strategy: str) -> None:
    fields = plans.fields_of(strategy)
    values = [data.draw(st.from_regex(plans.FIELDS[field], fullmatch=True)) for field in fields]
    name = "-".join([strategy, *values])
    assert plans.parse(name) == Plan(strategy, **dict(zip(fields, values, strict=True)))
    assert re.fullmatch(plans.pattern(), name)


def test_the_pattern_captures_nothing() -> None:
    assert re.compile(plans.pattern()).groups == 0, "a rule's wildcard would count its groups among the rule's own"


def test_a_plan_is_parsed_without_slow_packages_and_loads_no_strategy(child_environment: dict[str, str]) -> None:
    code = "import sys; from spurprune.pruning import plan; plan.parse('upweight-errors-50'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=child_environment, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "pandas", "pyarrow", "scipy", "matplotlib"}
    assert not {name for name in loaded if name.startswith("spurprune.pruning.strategies.")}, "its code would have to be hashed"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "None",
        "none-0.10",
        "random",
        "random-el2n-hardest-0.10",
        "random-0.1",
        "random-.10",
        "random-1.00",
        "random-0.12345",
        "random--0.10",
        "random-0.10 ",
        "carriers-el2n-0.10",
        "carriers-hardest-0.10",
        "carriers-el2n-harder-0.10",
        "carriers-EL2N-hardest-0.10",
        "carriers-el2n-hardest-10",
        "classes-el2n-hardest-0.10",
        "carriers-el2n-hardest-0.10\n",
        "../none",
        "balance_subsample",
        "balance_subsample-groups-0.10",
        "balance_reweight-Groups",
        "balance_reweight-2",
        "upweight-errors",
        "upweight-errors--1",
        "upweight-errors-.5",
        "upweight-errors-1e3",
        "strategies",
    ],
)
def test_other_names_are_refused(name: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(PlanError, match=r"is not a plan( \(did you mean .+\))?; ") as error:
        plans.parse(name)
    if "\n" not in name:
        assert_one_sentence(str(error.value))


def test_messages_show_how_a_strategys_plans_are_written() -> None:
    with pytest.raises(PlanError, match=r"^'upweight-errors' is not a plan; .* written upweight-PARTITION-FACTOR.$"):
        plans.parse("upweight-errors")
    with pytest.raises(
        PlanError,
        match=r"^'best' is not a plan; plans are written balance_reweight-PARTITION, .*, none, only-PARTITION-PART, per_class-SCORE-ORDER-",
    ):
        plans.parse("best")
