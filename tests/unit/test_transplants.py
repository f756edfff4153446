"""The transplant test's regions, flips and evidence, on hand-made inputs and networks that look at one place."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from spurprune.transplants import areas as areas_of
from spurprune.transplants import evidence, flips, regions
from spurprune.transplants.regions import FIRST, LAST, Area, Span, Token

CLS, SEP = 101, 102


def sequence(first: list[int], second: list[int] | None = None, length: int = 16) -> list[int]:
    """A pair of sentences, or one, as stored."""
    ids = [CLS, *first, SEP, *([] if second is None else [*second, SEP])]
    return [len(ids), 2 + len(first), *ids, *[0] * (length - len(ids))]


def tokens(*sequences: list[int]) -> Tensor:
    return torch.tensor(sequences, dtype=torch.int32)


def test_an_areas_elements_come_from_the_donor_and_all_others_from_the_recipient() -> None:
    mask = np.array([[True, False], [False, False]])
    donors = torch.arange(8, dtype=torch.uint8).reshape(2, 1, 2, 2)
    recipients = torch.full((1, 1, 2, 2), 9, dtype=torch.uint8)
    assert Area("corner", mask).copied(donors, recipients).tolist() == [[[[[0, 9], [9, 9]]]], [[[[4, 9], [9, 9]]]]]


def test_all_channels_of_an_area_are_copied() -> None:
    copied = Area("row 0", np.array([[True, True], [False, False]])).copied(torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2))
    assert copied[0, 0].sum(dim=(1, 2)).tolist() == [2, 2, 2]


def test_digits_have_strips_cells_on_two_scales_corners_and_a_border() -> None:
    names = [area.name for area in regions.of_images(8, 8)]
    assert names[:2] == ["row 0", "row 1"]
    assert names[8] == "column 0"
    assert "rows 2–3, columns 4–5" in names
    assert "rows 4–7, columns 0–3" in names
    assert "row 0, column 7" in names
    assert names[-1] == "the border"
    assert len(names) == 8 + 8 + 16 + 4 + 4 + 1
    border = regions.of_images(8, 8)[-1].mask
    assert border.sum() == 28
    assert not border[1:7, 1:7].any()


def test_only_the_pixels_that_the_network_sees_are_divided() -> None:
    areas = regions.of_images(12, 12, crop=8)
    seen = np.zeros((12, 12), dtype=bool)
    seen[2:10, 2:10] = True
    assert all((area.mask <= seen).all() for area in areas)
    assert areas[0].name == "row 2"
    assert areas[0].mask.sum() == 8


@given(st.integers(2, 40), st.integers(2, 40))
def test_strips_cover_every_pixel_once_and_no_area_occurs_twice(height: int, width: int) -> None:
    areas = regions.of_images(height, width)
    strips = np.array([area.mask for area in areas[: min(height, areas_of.STRIPS)]])
    assert (strips.sum(axis=0) == 1).all()
    assert len({area.mask.tobytes() for area in areas}) == len(areas) == len({area.name for area in areas})
    assert all(area.mask.any() and not area.mask.all() for area in areas)


def test_a_vectors_blocks_are_neighbouring_coordinates_on_three_scales() -> None:
    blocks = regions.of_vectors(32)
    assert [block.name for block in blocks[:2]] == ["coordinates 0–1", "coordinates 2–3"]
    assert len(blocks) == 16 + 8 + 4
    assert [block.name for block in regions.of_vectors(3)] == ["coordinate 0", "coordinate 1", "coordinate 2"]
    donors, recipients = torch.tensor([[1.0, 2, 3]]), torch.zeros(2, 3)
    assert regions.of_vectors(3)[1].copied(donors, recipients).tolist() == [[[0, 2, 0], [0, 2, 0]]]


def test_the_last_tokens_are_aligned_at_the_end() -> None:
    donor, recipient = tokens(sequence([1], [2, 3, 4, 5, 6])), tokens(sequence([7], [8, 9]))
    assert Span(1, LAST).copied(donor, recipient)[0, 0].tolist() == sequence([7], [5, 6])
    assert Span(1, FIRST).copied(donor, recipient)[0, 0].tolist() == sequence([7], [2, 3])
    assert Span(0, FIRST).copied(donor, recipient)[0, 0].tolist() == sequence([1], [8, 9])


def test_a_quarter_goes_to_the_same_quarter() -> None:
    donor, recipient = tokens(sequence([1, 2, 3, 4, 5, 6, 7, 8])), tokens(sequence([11, 12, 13, 14]))
    assert Span(0, 1).copied(donor, recipient)[0, 0].tolist() == sequence([11, 3, 13, 14])
    assert Span(0, 1).copied(recipient, donor)[0, 0].tolist() == sequence([1, 2, 12, 4, 5, 6, 7, 8])


def test_a_missing_second_sentence_takes_and_gives_nothing() -> None:
    one, pair = tokens(sequence([1, 2])), tokens(sequence([3, 4], [5, 6]))
    for number in (0, FIRST, LAST):
        assert Span(1, number).copied(one, pair)[0, 0].tolist() == pair[0].tolist()
        assert Span(1, number).copied(pair, one)[0, 0].tolist() == one[0].tolist()


def test_a_token_goes_to_the_same_relative_place_and_donors_without_it_change_nothing() -> None:
    donors = tokens(sequence([1, 2, 3, 77]), sequence([1, 2, 3, 4]), sequence([77, 2], [1]))
    recipients = tokens(sequence([11, 12]), sequence([21, 22, 23, 24, 25, 26, 27, 28]))
    copied = Token(0, 77).copied(donors, recipients)
    assert copied[0, 0].tolist() == sequence([11, 77])
    assert copied[0, 1].tolist() == sequence([21, 22, 23, 24, 25, 26, 77, 28])
    assert torch.equal(copied[1], recipients)
    assert copied[2, 0].tolist() == sequence([77, 12])


def test_a_token_is_found_by_its_name() -> None:
    assert Token.of_name(Token(1, 77).name) == Token(1, 77)
    assert Token.of_name("row 1") is None


@given(st.data())
def test_spans_change_tokens_of_their_sentence_alone(data: st.DataObject) -> None:
    some = st.lists(st.integers(1000, 2000), min_size=1, max_size=6)
    donor, recipient = (tokens(sequence(data.draw(some), data.draw(some))) for _ in range(2))
    span = data.draw(st.sampled_from(regions.of_sentences(second=True)))
    copied = span.copied(donor, recipient)[0, 0]
    assert copied[:2].tolist() == recipient[0, :2].tolist()
    second, end = int(recipient[0, 1]), int(recipient[0, 0])
    own = range(1, second - 1) if span.sentence == 0 else range(second, end - 1)
    changed = torch.nonzero(copied[2:] != recipient[0, 2:]).flatten().tolist()
    assert set(changed) <= set(own)
    assert torch.equal(span.copied(recipient, recipient)[0, 0], recipient[0])


def test_tokens_are_ordered_by_log_odds_of_the_sequences_that_hold_them() -> None:
    source = np.array([sequence([1, 2]), sequence([1, 3, 3]), sequence([1, 2])], dtype=np.int32)
    others = np.array([sequence([1, 3]), sequence([4]), sequence([3])], dtype=np.int32)
    # In so many of three: token 1 in 3 and 1, token 2 in 2 and 0, token 3 in 1 and 2, token 4 in 0 and 1. Odds 3.5/.5 : 1.5/2.5 = 11.67
    # and 2.5/1.5 : .5/3.5 = 11.67 are equal, so the lower id comes first.
    assert regions.frequent_tokens(source, others, 0, 5) == [1, 2]
    assert regions.frequent_tokens(source, others, 0, 1) == [1]
    assert regions.frequent_tokens(source, others, 1, 5) == []


def looks_at_first_pixel(threshold: int) -> flips.Predict:
    return lambda images: (images[:, 0, 0, 0] > threshold).long()


def test_flips_are_the_mean_over_networks_of_the_share_of_recipients() -> None:
    def looks_at_two(images: Tensor) -> Tensor:
        return ((images[:, 0, 0, 0] > 5) & (images[:, 0, 1, 1] > 5)).long()

    areas = [Area("first", np.array([[True, False], [False, False]])), Area("last", np.array([[False, False], [False, True]]))]
    donors = torch.tensor([[[[9, 0], [0, 9]]], [[[0, 0], [0, 9]]]], dtype=torch.uint8)
    recipients = torch.tensor([[[[0, 0], [0, 0]]], [[[0, 0], [0, 9]]], [[[0, 0], [0, 0]]], [[[0, 0], [0, 0]]]], dtype=torch.uint8)
    found = flips.shares(areas, [donors], recipients, 1, [looks_at_first_pixel(5), looks_at_two], batch_size=4)
    assert found.tolist() == [[(1 + 0.25) / 2, 0], [0, 0]]


@given(st.integers(1, 30), st.integers(1, 9))
def test_flips_do_not_depend_on_how_many_are_seen_at_once(batch_size: int, chunk: int) -> None:
    rng = np.random.default_rng(0)
    donors, recipients = (torch.from_numpy(rng.integers(0, 255, (n, 1, 2, 2), dtype=np.uint8)) for n in (9, 4))
    areas = regions.of_images(2, 2)
    networks = [looks_at_first_pixel(100), looks_at_first_pixel(200)]
    whole = flips.shares(areas, [donors], recipients, 1, networks, 1000)
    assert np.array_equal(flips.shares(areas, donors.split(chunk), recipients, 1, networks, batch_size), whole)


def test_no_donors_have_no_flips() -> None:
    areas = regions.of_images(2, 2)
    assert flips.shares(areas, [], torch.zeros(1, 1, 2, 2), 1, [looks_at_first_pixel(1)], 8).shape == (len(areas), 0)


def test_a_regions_strength_compares_the_top_tenths() -> None:
    donors = np.array([0.0] * 18 + [0.5, 0.7])
    control = np.array([0.0] * 9 + [0.2])
    found = evidence.strength(donors, control)
    assert (found.top, found.control) == (pytest.approx(0.6), 0.2)
    assert found.difference == pytest.approx(0.4)
    assert found.log_ratio == pytest.approx(np.log(0.61 / 0.21))


def test_a_cue_is_significant_among_many_regions_and_noise_is_not() -> None:
    rng = np.random.default_rng(1)
    donors, control = rng.uniform(0, 0.1, (20, 60)), rng.uniform(0, 0.1, (20, 60))
    donors[3, :15] += 0.5
    p = evidence.significance(donors, control, 199, np.random.default_rng(2))
    assert p[3] == 1 / 200
    assert np.delete(p, 3).min() > 0.05


def test_equal_flips_are_no_evidence() -> None:
    p = evidence.significance(np.zeros((2, 5)), np.zeros((2, 5)), 9, np.random.default_rng(0))
    assert p.tolist() == [1, 1]


def test_suspects_have_more_flips_than_the_control_and_than_the_floor() -> None:
    assert evidence.suspects(np.array([0.0, 0.02, 0.03]), np.zeros(10)).tolist() == [False, False, True]
    control = np.linspace(0, 0.2, 201)  # its quantile at 99.5% is .199
    assert evidence.suspects(np.array([0.198, 0.1995]), control).tolist() == [False, True]
