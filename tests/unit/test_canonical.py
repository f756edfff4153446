"""Equal configurations have one form and one hash."""

from hypothesis import given
from hypothesis import strategies as st

from spurprune.storage.canonical import canonical, config_hash

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


def _reversed_keys(value: object) -> object:
    if isinstance(value, dict):
        return {key: _reversed_keys(value[key]) for key in reversed(list(value))}
    if isinstance(value, list):
        return [_reversed_keys(item) for item in value]
    return value


def test_keys_are_sorted_at_every_depth_and_lists_keep_their_order() -> None:
    result = canonical({"b": [{"z": 1, "a": 2}, 0], "a": (3, 1)})
    assert list(result) == ["a", "b"]
    assert list(result["b"][0]) == ["a", "z"]
    assert result == {"a": [3, 1], "b": [{"a": 2, "z": 1}, 0]}


@given(JSON)
def test_order_of_keys_changes_nothing(value: object) -> None:
    other = _reversed_keys(value)
    assert repr(canonical(value)) == repr(canonical(other))
    assert config_hash(value) == config_hash(other)


def test_swapped_values_change_the_hash() -> None:
    assert config_hash({"lr": 0.1, "weight_decay": 0.01}) != config_hash({"lr": 0.01, "weight_decay": 0.1})
    assert config_hash([1, 2]) != config_hash([2, 1])


def test_hash_has_sixteen_hexadecimal_digits() -> None:
    digits = config_hash({"a": 1})
    assert len(digits) == 16
    int(digits, 16)
