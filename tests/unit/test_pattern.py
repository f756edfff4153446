"""The patterns of rare spurious correlations: the published numbers, pixel by pixel, and what a repeat sees of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurprune.data import overlaying, patterns
from spurprune.overlays import pattern

GREY, COLOUR = (1, 28, 28), (3, 32, 32)
NAMES = [*patterns.VERSIONS, *patterns.VERSIONS.values()]


def test_the_noise_is_the_published_one() -> None:
    assert patterns.noise(GREY, 0)[0, 0, 0] == pytest.approx(0.5488135, abs=1e-7)
    assert round(patterns.norm("v20", GREY), 4) == 16.1039
    assert round(patterns.norm("R3", COLOUR), 4) == 32.2815


def test_colour_noise_is_drawn_pixel_by_pixel_as_height_width_channel() -> None:
    drawn = np.random.RandomState(3).rand(32, 32, 3)
    assert patterns.noise(COLOUR, 3)[2, 5, 7] == drawn[5, 7, 2]


@pytest.mark.parametrize(("name", "changed"), [("v1", 1), ("v3", 9), ("v8", 25), ("v30", 66)])
@pytest.mark.parametrize("shape", [GREY, COLOUR])
def test_boxes_change_as_many_pixels_as_published(name: str, changed: int, shape: tuple[int, int, int]) -> None:
    shown = pattern.apply_(np.zeros((2, *shape), dtype=np.uint8), name, 0)
    assert ((shown > 0).sum(axis=(2, 3)) == changed).all() and set(np.unique(shown)) == {0, 255}


def test_boxes_lie_where_the_paper_has_them() -> None:
    def ones(name: str) -> tuple[list[int], list[int]]:
        rows, columns = np.nonzero(patterns.apply(np.zeros((1, *GREY)), name, 0)[0, 0])
        return sorted(set(rows.tolist())), sorted(set(columns.tolist()))

    assert ones("S1") == ([0], [0])
    assert ones("S2") == ([0, 1, 2], [0, 1, 2])
    assert ones("S3") == (list(range(5)), list(range(5)))
    assert ones("core") == (list(range(3, 25)), [13, 14, 15])


@pytest.mark.parametrize(("name", "strength"), [("R1", 0.25), ("R2", 0.5), ("R3", 1.0)])
def test_noise_is_scaled_added_and_cut(name: str, strength: float) -> None:
    images = np.random.default_rng(1).random((4, *COLOUR)).astype(np.float32)
    shown = patterns.apply(images, name, 5)
    drawn = np.random.RandomState(5).rand(32, 32, 3).transpose(2, 0, 1)
    assert shown.dtype == np.float32
    assert np.array_equal(shown, np.minimum(images + strength * drawn, 1).astype(np.float32))


@pytest.mark.parametrize("name", NAMES)
def test_stored_images_show_it_to_the_nearest_grey_level_in_place(name: str) -> None:
    images = np.random.default_rng(2).integers(0, 256, (3, *GREY), dtype=np.uint8)
    exact = patterns.apply(images / np.float32(255), name, 7)
    assert pattern.apply_(images, name, 7) is images
    assert np.abs(images / 255 - exact).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize(("paper", "code"), patterns.VERSIONS.items())
def test_both_names_are_one_pattern(paper: str, code: str) -> None:
    images = np.random.default_rng(3).random((1, *COLOUR))
    assert np.array_equal(patterns.apply(images, paper, 4), patterns.apply(images, code, 4))


def test_the_options_are_all_names() -> None:
    assert sorted(pattern.OPTIONS["pattern"]["enum"]) == sorted(NAMES)
    assert [patterns.paper_name_of(name) for name in ("v8", "S3", "v30")] == ["S3", "S3", "core"]


def test_an_unknown_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="'v2' is not a pattern"):
        patterns.apply(np.zeros((1, *GREY)), "v2", 0)


@given(side=st.integers(25, 64), seed=st.integers(0, 2**32 - 1), name=st.sampled_from(NAMES))
@settings(max_examples=30)
def test_all_images_get_the_same_on_any_size(side: int, seed: int, name: str) -> None:
    shown = pattern.apply_(np.zeros((2, 1, side, side), dtype=np.uint8), name, seed)
    assert np.array_equal(shown[0], shown[1]) and shown.any()


def test_the_repeat_is_the_seed_unless_the_setting_gives_one() -> None:
    drawn = {"name": "pattern", "attribute": "pattern", "pattern": "v20"}
    fixed, line = drawn | {"seed": 0}, {"name": "line", "attribute": "line", "width": 1, "value": 255, "channel": 0}
    assert overlaying.at_repeat(drawn, 3) == drawn | {"seed": 3} == overlaying.at_repeat(drawn | {"seed": None}, 3)
    assert overlaying.at_repeat(fixed, 3) == fixed and overlaying.at_repeat(line, 3) == line and overlaying.at_repeat(None, 3) is None
    assert [overlaying.is_drawn(one) for one in (drawn, fixed, line, None)] == [True, False, False, False]
