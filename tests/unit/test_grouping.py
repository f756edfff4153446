"""Groups: numbers, names and cells, for any attributes."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.data.grouping import Attribute, Grouping
from spurprune.errors import DataError

BACKGROUND = Attribute("background", ("land", "water"), "on {value}")
LINE = Attribute.of("line", ("without", "with"))
HOSPITAL = Attribute.of("hospital", ("A", "B", "C"))
BIRDS = ("landbird", "waterbird")


def test_one_attribute_of_two_values_is_twice_the_label_plus_the_value() -> None:
    label = np.array([0, 0, 1, 1, 1], dtype=np.int16)
    value = np.array([0, 1, 0, 1, -1], dtype=np.int16)
    numbers = Grouping(BIRDS, (BACKGROUND,)).numbers(label, {"background": value, "unused": value})
    assert numbers.tolist() == [0, 1, 2, 3, -1] and numbers.dtype == np.int32


def test_two_attributes_of_two_and_three_values_make_twelve_groups_of_two_classes() -> None:
    grouping = Grouping(BIRDS, (BACKGROUND, HOSPITAL))
    assert grouping.num_groups == 12
    values = {"background": np.array([1, 1, 0, -1]), "hospital": np.array([2, 0, 1, 0])}
    assert grouping.numbers(np.array([1, 0, 1, 0]), values).tolist() == [1 * 6 + 1 * 3 + 2, 0 + 3 + 0, 6 + 0 + 1, -1]
    assert grouping.cell(11) == (1, (1, 2)) and grouping.cell(7) == (1, (0, 1))
    assert grouping.name(11) == "waterbird on water, hospital C"


@pytest.mark.parametrize(
    ("classes", "attributes", "names"),
    [
        (BIRDS, (BACKGROUND,), ["landbird on land", "landbird on water", "waterbird on land", "waterbird on water"]),
        (("5", "9"), (LINE,), ["5 without line", "5 with line", "9 without line", "9 with line"]),
        (("blond",), (Attribute("gender", ("female", "male"), ", {value}"),), ["blond, female", "blond, male"]),
        (("sick",), (HOSPITAL,), ["sick, hospital A", "sick, hospital B", "sick, hospital C"]),
        (("cat", "dog"), (), ["cat", "dog"]),
    ],
)
def test_groups_are_named_in_words(classes: tuple[str, ...], attributes: tuple[Attribute, ...], names: list[str]) -> None:
    grouping = Grouping(classes, attributes)
    assert [grouping.name(number) for number in range(grouping.num_groups)] == names


@given(st.integers(1, 5), st.lists(st.integers(1, 4), max_size=3), st.data())
def test_every_group_has_its_own_number(num_classes: int, sizes: list[int], data: st.DataObject) -> None:
    attributes = tuple(Attribute.of(f"a{i}", tuple(f"v{j}" for j in range(size))) for i, size in enumerate(sizes))
    grouping = Grouping(tuple(f"c{i}" for i in range(num_classes)), attributes)
    cells = [grouping.cell(number) for number in range(grouping.num_groups)]
    assert len(set(cells)) == grouping.num_groups
    label = np.array([cell[0] for cell in cells])
    values = {attribute.name: np.array([cell[1][i] for cell in cells]) for i, attribute in enumerate(attributes)}
    assert grouping.numbers(label, values).tolist() == list(range(grouping.num_groups))
    assert Grouping.of_plain(json.loads(json.dumps(grouping.to_plain()))) == grouping


def test_an_unknown_value_is_named(assert_one_sentence: Callable[[str], None]) -> None:
    assert HOSPITAL.code("C") == 2
    with pytest.raises(DataError, match="'hospital' has no value 'D'; its values are A, B, C") as error:
        HOSPITAL.code("D")
    assert_one_sentence(str(error.value))


def test_more_groups_than_can_be_named_are_refused(assert_one_sentence: Callable[[str], None]) -> None:
    many = tuple(Attribute.of(name, tuple(str(value) for value in range(2000))) for name in ("city", "street", "house"))
    with pytest.raises(DataError, match=r"city \(2,000 values\).* make 16,000,000,000 groups; name fewer attributes") as error:
        Grouping(("yes", "no"), many)
    assert_one_sentence(str(error.value))
    assert Grouping(("yes", "no"), many[:1]).num_groups == 4000


@pytest.mark.parametrize(
    ("classes", "attributes", "name", "first", "second"),
    [
        (
            ("yes", "no"),
            (Attribute.of("place", ("a", "a, paper c")), Attribute.of("paper", ("b", "c, paper b"))),
            "yes, place a, paper c, paper b",
            "class 'yes', place 'a', paper 'c, paper b'",
            "class 'yes', place 'a, paper c', paper 'b'",
        ),
        (
            ("cat", "cat, site A"),
            (Attribute.of("site", ("A", "A, site A")),),
            "cat, site A, site A",
            "class 'cat', site 'A, site A'",
            "class 'cat, site A', site 'A'",
        ),
    ],
)
def test_groups_that_would_have_one_name_are_refused(
    classes: tuple[str, ...],
    attributes: tuple[Attribute, ...],
    name: str,
    first: str,
    second: str,
    assert_one_sentence: Callable[[str], None],
) -> None:
    with pytest.raises(DataError) as error:
        Grouping(classes, attributes)
    assert str(error.value) == f"Two groups have the name '{name}': {first}, and {second}; rename a value or class of one."
    assert_one_sentence(str(error.value))


def test_with_and_without_read_well_in_any_order() -> None:
    assert [Grouping(("cat",), (Attribute.of("hat", ("with", "without")),)).name(group) for group in (0, 1)] == [
        "cat with hat",
        "cat without hat",
    ]
