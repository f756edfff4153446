"""Simple cues: properties of images, files, texts and attributes, the rule that tells cues; values by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spurprune.advice.cues import gathering, judging, levels, originals, pictures, texts, wording
from spurprune.advice.cues.gathering import Cues
from spurprune.advice.cues.judging import Cue, Property, Seen
from spurprune.data.samples import Samples

EDGE = np.array([[0, 0, 0, 0], [0, 255, 255, 0], [0, 255, 255, 0], [0, 0, 0, 0]], dtype=np.uint8)


def test_properties_of_grey_images() -> None:
    flat = np.full((4, 4), 51, dtype=np.uint8)
    found = pictures.of_images(np.stack([flat, EDGE])[:, None])
    assert found["brightness"] == pytest.approx([0.2, 0.25])
    assert found["contrast"] == pytest.approx([0, math.sqrt(0.25 * 0.75)], abs=1e-6)
    assert found["brightness of the border"] == pytest.approx([0.2, 0], abs=1e-6)
    assert found["sharpness"] == pytest.approx([math.log(1e-6)] * 2, abs=1e-3), "each inner pixel has two neighbours inside, two outside"
    assert "red in the border" not in found


def test_the_sharpness_of_a_point() -> None:
    """Its Laplacian is −4 in the middle, 1 beside it and 0 in the four corners: a mean of 0 and a variance of 20 / 9."""
    point = np.zeros((1, 1, 5, 5), dtype=np.uint8)
    point[..., 2, 2] = 255
    assert pictures.of_images(point)["sharpness"] == pytest.approx([math.log(20 / 9 + 1e-6)], abs=1e-5)


def test_colours_of_the_border_are_less_its_brightness() -> None:
    image = np.zeros((1, 3, 4, 4), dtype=np.uint8)
    image[0, 0] = 255
    image[0, 2, 1:3, 1:3] = 255  # not border
    found = pictures.of_images(image)
    assert found["red in the border"] == pytest.approx([1 - 0.299]) and found["blue in the border"] == pytest.approx([-0.299])
    assert found["brightness"] == pytest.approx([0.299 + 0.114 / 4])


def test_images_are_measured_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "AT_ONCE", 2)
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 3, 3), dtype=np.uint8)
    assert pictures.measured(images, np.array([4, 0, 3]))["brightness"] == pytest.approx(np.array([4, 0, 3]) / 255)


def test_sizes_are_those_of_the_users_files_upright(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 10))
    picture.save(tmp_path / "wide.png")
    turned = Image.Exif()
    turned[originals.ORIENTATION] = 6
    picture.save(tmp_path / "turned.jpg", exif=turned)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    found = originals.measured(tmp_path, ["wide.png", "turned.jpg", "broken.png", "missing.png", "."])
    size, shape = (found[name] for name in originals.NAMES)
    assert size[:2] == pytest.approx([math.log(400)] * 2) and shape[:2] == pytest.approx([4, 0.25])
    assert np.isnan(size[2:]).all() and np.isnan(shape[2:]).all()


def sequences(*several: list[int], length: int = 6) -> np.ndarray:
    found = np.zeros((len(several), 2 + length), dtype=np.int32)
    for row, one in zip(found, several, strict=True):
        row[:2] = len(one)
        row[2 : 2 + len(one)] = one
    return found


def test_lengths_of_texts_and_of_pairs() -> None:
    single = sequences([7, 8], [7, 8, 9])
    assert texts.lengths(single)["length of the text"].tolist() == [2, 3]
    pairs = single.copy()
    pairs[:, 1] = 1
    assert {name: value.tolist() for name, value in texts.lengths(pairs).items()} == {
        "length of the first text": [1, 1],
        "length of the second text": [1, 2],
    }


def test_candidates_are_tokens_that_set_a_class_apart() -> None:
    """Token 1 is in all texts, 5 in all of class 0 and in a third of the others, 6 in class 1 alone; 7 is in too few."""
    several = sequences(*[[1, 5, 5, 7]] * 3, *[[1, 5]] * 3, *[[1, 6]] * 4, *[[1, 5]] * 2, *[[1, 9]] * 9)
    label = np.array([0] * 6 + [1] * 6 + [0] * 9)
    chosen = np.arange(21) < 12
    found = texts.candidates(several, label, chosen, 2)
    assert [(one.token, one.of) for one in found] == [(5, 0)], "6 is in four texts, 9 in none that is chosen"
    assert texts.holding(several, 5).tolist() == [True] * 6 + [False] * 4 + [True] * 2 + [False] * 9
    assert not texts.holding(several, 0).any(), "padding is no token"
    assert texts.named(5, None) == "token 5 in the text"
    assert texts.named(5, lambda ids: f" word{ids[0]} ") == '"word5" in the text'


def test_an_attribute_becomes_how_often_its_values_go_with_a_class() -> None:
    codes = np.array([0] * 8 + [1] * 5 + [2] * 2 + [-1])
    is_class = np.array([1] * 2 + [0] * 6 + [1] * 4 + [0] + [1] * 2 + [1], dtype=bool)
    share = levels.shares(codes, is_class, 4)
    assert share[:2].tolist() == [0.25, 0.8] and np.isnan(share[2:]).all(), "two samples are too few"
    values = levels.of_samples(np.array([1, 0, 2, -1]), share)
    assert values[:2].tolist() == [0.8, 0.25] and np.isnan(values[2:]).all()
    assert levels.lift(share, 0.5) == pytest.approx(0.3) and levels.lift(np.array([np.nan]), 0.5) == -1
    assert levels.named("site", ["a", "b", "c", "d"], share) == "site = b"
    assert levels.named("site", list("abcdefg"), np.array([0, 0.9, 0.8, 0.7, 0.95, 0.1, np.nan])) == "site = e, b, c and 1 more"


def test_association_is_the_share_of_pairs() -> None:
    value = np.array([1.0] * 10 + [0.0] * 5 + [1.0] * 5 + [np.nan])
    is_class = np.arange(21) < 10
    pairs, p = judging.association(value, is_class)
    assert pairs == pytest.approx(0.75), "50 pairs of 100 are won, 50 are ties"
    assert 0.001 < p < 0.02
    assert math.isnan(judging.association(value, np.arange(21) < 9)[0]), "nine are too few"
    assert math.isnan(judging.association(np.ones(21), is_class)[0]), "nothing varies"


def test_following_looks_within_classes() -> None:
    """Across classes values and probabilities rise together; within each they fall."""
    label = np.repeat([0, 1], 20)
    value = np.concatenate([np.arange(20), 100 + np.arange(20)]).astype(float)
    probability = np.concatenate([0.2 - np.arange(20) / 1000, 0.9 - np.arange(20) / 1000])
    assert judging.following(value, probability, label) == pytest.approx(1)
    assert judging.following(-value, probability, label) == pytest.approx(0, abs=1e-12)
    assert math.isnan(judging.following(value, np.full(40, 0.5), label))


def test_the_p_value_of_following_is_that_of_a_partial_correlation() -> None:
    """Ranks 0, 1, 2 against 1, 0, 2 in one class of three: r = 1/2, one degree of freedom, t = 1/√3, p = 1/3."""
    assert judging.following(np.array([0.0, 1, 2]), np.array([0.1, 0.0, 0.2]), np.zeros(3)) == pytest.approx(1 / 3)


def test_the_odds_ratio_is_within_classes() -> None:
    """Ends of 10 and 10, and of 30 and 10; a third class is at one end only.

    Of 10 at the high end with 0.3, 3 count as of the class and 7 as not; of 10 at the low end with 0.1, 1 and 9; and so on.
    """
    value = np.repeat([0.0, 1, 0, 1, 1], [10, 10, 30, 10, 40])
    label = np.repeat([0, 1, 2], [20, 40, 40])
    probability = np.repeat([0.1, 0.3, 0.5, 0.9, 1.0], [10, 10, 30, 10, 40])
    expected = (3 * 9 / 20 + 9 * 15 / 40) / (7 * 1 / 20 + 1 * 15 / 40)
    assert judging.odds_ratio(value, probability, label) == pytest.approx(expected)
    assert math.isnan(judging.odds_ratio(value[:18], probability[:18], label[:18])), "eight at an end are too few"


def test_ends_of_many_values_are_fifths() -> None:
    """Of 101 values from 0 to 1 the mean of the lowest 20 is 0.095, of the highest 0.905."""
    value = np.arange(101) / 100
    assert judging.odds_ratio(value, value, np.zeros(101)) == pytest.approx((0.905 / 0.095) ** 2)


def test_the_ends_of_a_rare_value_are_all_who_have_it_and_all_others() -> None:
    value = np.repeat([0.0, 1.0], [190, 10])
    assert judging.odds_ratio(value, np.where(value == 1, 0.75, 0.5), np.zeros(200)) == pytest.approx(3)


def example(relies: float, associated: float, seed: int = 0) -> tuple[list[Property], Seen]:
    """Brightness and nine properties of noise; brightness is shifted in class 1, and the network's probability for it follows it."""
    rng = np.random.default_rng(seed)
    train, held = rng.integers(0, 2, 400), rng.integers(0, 2, 400)
    noise = [Property(f"noise {number}", rng.normal(size=400), rng.normal(size=400)) for number in range(9)]
    bright = Property("brightness", rng.normal(size=400) + associated * train, rng.normal(size=400) + associated * held)
    score = 3 * (held - 0.5) + relies * bright.held + rng.normal(size=400)
    one = 1 / (1 + np.exp(-score))
    return [*noise, bright], Seen(train, held, np.stack([1 - one, one], axis=1))


def test_a_planted_brightness_is_found_and_nothing_else() -> None:
    found = [one for one in judging.judge(*example(relies=1, associated=1)) if one.is_found]
    assert [(one.name, one.of, one.is_higher) for one in found] == [("brightness", 1, True)]
    assert found[0].pairs == pytest.approx(0.76, abs=0.06), "of two normals one deviation apart"
    assert 5 < found[0].fold < 30


@pytest.mark.parametrize(("relies", "associated"), [(0, 0), (1, 0), (0, 1), (-1, 1)])
def test_nothing_is_found_without_both(relies: float, associated: float) -> None:
    judged = judging.judge(*example(relies, associated))
    assert len(judged) == 10 and not [one for one in judged if one.is_found]


def test_clean_data_give_cues_no_more_often_than_the_level_says() -> None:
    found = [any(one.q <= judging.SIGNIFICANT for one in judging.judge(*example(0, 0, seed))) for seed in range(15)]
    assert np.mean(found) <= judging.SIGNIFICANT


def test_an_association_with_the_first_of_two_classes_is_its_own() -> None:
    properties, seen = example(relies=1, associated=1)
    dark = [Property("darkness", -one.train, -one.held) for one in properties[-1:]]
    (found,) = judging.judge(dark, seen)
    assert (found.of, found.is_higher, found.is_found) == (0, True, True)


def test_p_values_are_corrected_for_all_properties_and_classes() -> None:
    properties, seen = example(relies=1, associated=1)
    alone, many = judging.judge(properties[-1:], seen), judging.judge(properties, seen)
    assert alone[0].q == alone[0].p and many[0].q == pytest.approx(10 * many[0].p)
    three = Seen(seen.train, seen.held, np.insert(seen.probability, 2, 0.0, axis=1))
    assert len(judging.judge(properties[-1:], three)) == 2, "the third class has no training samples"


def test_a_property_that_is_made_for_a_class_must_be_higher_there() -> None:
    properties, seen = example(relies=1, associated=1)
    made = Property("word", properties[-1].train, properties[-1].held, of=0, is_named_high=True)
    (found,) = judging.judge([made], seen)
    assert (found.of, found.p, found.is_found) == (0, 1, False)


def test_the_halves_of_training_samples_and_validation_samples_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST", 10)
    split = np.array(["train"] * 30 + ["validation"] * 6 + ["test"] * 4, dtype=object)
    none = np.full(40, -1, dtype=np.int8)
    samples = Samples(0, np.arange(40) + 100, split, np.arange(40).astype(np.int16), {}, none, none, none)
    drawn = gathering.draw(samples)
    assert drawn.makes.sum() == drawn.measures.sum() == 5 and not (drawn.makes & drawn.measures).any()
    assert drawn.sample_id[drawn.is_held].tolist() == list(range(130, 136)) and (drawn.sample_id[~drawn.is_held] < 130).all()
    assert np.array_equal(gathering.draw(samples).sample_id, drawn.sample_id), "by a named stream"


CUE = Cue("brightness", 1, True, False, 0.75, 12.34, 0.001, 0.004)


def test_cues_in_words() -> None:
    found = Cues(("brightness", "mark"), 2, [CUE])
    (sentence,) = wording.sentences(found, ["low", "high"])
    assert sentence == (
        "Higher brightness goes with class high: it is so in 75% of pairs of a training sample of the class and another one, and among "
        "validation samples of one class the network's odds for the class are 12.3 times as high there as at the property's other end "
        "(q = 0.004)."
    )
    assert wording.note(found).startswith("Tested: brightness, mark. A property is a cue of a class if ")
    assert "Of 2 pairs of a property and a class, 1 is. These are hints" in wording.note(found)
    assert "40 are. The first 30 are shown. These" in wording.note(Cues(("brightness",), 50, [CUE] * 40))
    grid = wording.grid(found, ["low", "high"])
    assert grid is not None and grid.rows == [("higher brightness", "high", "75.0", "12.3", "0.004")]
    plain = wording.to_plain(found, ["low", "high"])
    assert json.loads(json.dumps(plain))["found"][0]["class"] == "high"


def test_without_cues_the_note_says_so() -> None:
    assert " a class, none is. These" in wording.note(Cues(("brightness",), 2, []))
    assert wording.note(Cues((), 0, [])).startswith("No simple property was tested")
    assert wording.grid(Cues((), 0, []), []) is None
