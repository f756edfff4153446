"""The grammar of a plan's name."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.errors import PlanError
from spurprune.pruning import plan as plans
from spurprune.pruning.plan import Plan


def test_names_are_parsed() -> None:
    assert plans.parse("none") == Plan("none")
    assert plans.parse("random-0.10") == Plan("random", sparsity="0.10")
    assert plans.parse("carriers-el2n-hardest-0.25") == Plan("carriers", "el2n", "hardest", "0.25")
    assert plans.parse("per_group_equal-aum-easiest-0.0125") == Plan("per_group_equal", "aum", "easiest", "0.0125")
    assert plans.parse("per_class-random-hardest-0.00") == Plan("per_class", "random", "hardest", "0.00")


@given(
    st.sampled_from(plans.BY_DIFFICULTY),
    st.from_regex(r"[a-z0-9]+", fullmatch=True),
    st.sampled_from(plans.ORDERS),
    st.from_regex(plans.SPARSITY, fullmatch=True),
)
def test_a_parsed_name_is_its_parts(strategy: str, score: str, order: str, sparsity: str) -> None:
    name = f"{strategy}-{score}-{order}-{sparsity}"
    plan = plans.parse(name)
    assert (plan.strategy, plan.score, plan.order, plan.sparsity) == (strategy, score, order, sparsity)
    assert re.fullmatch(plans.PATTERN, name)


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
    ],
)
def test_other_names_are_refused(name: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(PlanError, match="names no plan; a plan is 'none', 'random-SPARSITY'") as error:
        plans.parse(name)
    if "\n" not in name:
        assert_one_sentence(str(error.value))
