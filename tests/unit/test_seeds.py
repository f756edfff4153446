"""Named random streams."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spurprune import seeds


def test_seed_is_the_first_63_bits_of_the_names_hash() -> None:
    digest = hashlib.sha256(b"order/3/7").digest()
    assert seeds.stream_seed(seeds.ORDER, 3, 7) == int.from_bytes(digest[:8], "little") // 2


@given(st.text(max_size=20), st.lists(st.integers() | st.text(max_size=5), max_size=4))
def test_seed_fits_into_63_bits_and_repeats(stream: str, parts: list[int | str]) -> None:
    seed = seeds.stream_seed(stream, *parts)
    assert 0 <= seed < 2**63
    assert seed == seeds.stream_seed(stream, *parts)


def test_streams_and_their_parts_are_told_apart() -> None:
    names = [value for name, value in vars(seeds).items() if name.isupper()]
    assert len(names) == len(set(names)) == 19
    keys = [(name, *parts) for name in names for parts in ((), (0,), (1,), (0, 1), (1, 0), (11,), (0, "reference", 0))]
    assert len({seeds.stream_seed(*key) for key in keys}) == len(keys)


def test_generators_of_one_stream_draw_alike() -> None:
    draws = [seeds.generator(seeds.CARRIERS, repeat).random(4) for repeat in (0, 0, 1)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
