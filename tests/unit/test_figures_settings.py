"""Figures of settings whose attributes are in the data: named groups, photos, several settings, unknown carriers, a baseline."""

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torchvision.transforms import CenterCrop

from spurprune.config.config import Config
from spurprune.dag import kinds, planning, studies
from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.inputs import Manifest, content_of, open_inputs, write_inputs
from spurprune.errors import ConfigError
from spurprune.evaluation.frame import History, Metrics
from spurprune.figures import style, window
from spurprune.figures.base import Material, Ranking, SettingInfo, Spec
from spurprune.figures.describe import carriers_in_words, setting_info
from spurprune.figures.kinds import carrier_count, carrier_difficulty, difficulty_quartiles, general_pruning, group_learning, montage
from spurprune.figures.spectrum import spectrum
from spurprune.storage.tidy import to_csv
from tests.reporting import grouping, history_of, metrics_of, training_samples

CELEBA = SettingInfo("CelebA, eyeglasses on 2,500 of 5,000 men", "celeba-224", "Male", "Female", "with eyeglasses")
BLOND = SettingInfo("CelebA, blond hair", "celeba_blond-224", "not_blond", "blond", "and male")
SLEDS = SettingInfo("Hard ImageNet", "hard_imagenet-256", "ski", "dog sled", "with surroundings", crop_size=224)
NEVER = '"never" in 100 contradictions of like difficulty'
WITHOUT_WITH = ("without", "with")
GROUPS = {
    "celeba": grouping("Female", "Male", attribute=Attribute.of("eyeglasses", WITHOUT_WITH)),
    "blond": grouping("not_blond", "blond", attribute=Attribute("gender", ("female", "male"), "and {value}")),
    "never": grouping("contradiction", "entailment", "neutral", attribute=Attribute.of("never", WITHOUT_WITH)),
}


def manifest(dataset: str, classes: tuple[str, ...], side: int = 224) -> Manifest:
    return Manifest(dataset, side, 8, (3, side, side), "uint8", classes, (), {"train": 8}, (0.5,) * 3, (0.2,) * 3, "", "", "")


MANIFESTS = {
    "celeba-224": manifest("celeba", ("Female", "Male")),
    "celeba_blond-224": manifest("celeba_blond", ("not_blond", "blond")),
    "hard_imagenet-256": manifest("hard_imagenet", ("dog sled", "ski"), 256),
    "multinli-128": manifest("multinli", ("contradiction", "entailment", "neutral")),
}


def history(
    correct: dict[int, Sequence[Sequence[int]]], groups: Grouping, split: str = "train", view: str = "natural", n: int = 10
) -> History:
    """A history of ``n`` samples per group, with those predicted correctly (and as the source) by repeat and epoch (1, 5)."""
    return history_of(
        [
            (repeat, epoch, split, view, group, n, value, value)
            for group, repeats in correct.items()
            for repeat, course in enumerate(repeats)
            for epoch, value in zip((1, 5), course, strict=True)
        ],
        groups,
    )


def ranking(n: int) -> Ranking:
    return Ranking(np.arange(n), np.arange(n), np.linspace(0, 1, n))


# Groups over epochs


def celeba_learning() -> tuple[Material, Spec]:
    together = history({3: [(6, 9), (4, 9)], 2: [(5, 9), (5, 9)], 0: [(9, 10), (9, 10)]}, GROUPS["celeba"])  # no women with eyeglasses
    before = history({1: [(9, 10), (9, 10), (10, 10)], 0: [(5, 9)] * 3, 3: [(1, 4), (1, 6), (1, 5)], 2: [(6, 8)] * 3}, GROUPS["blond"])
    settings = {"celeba": CELEBA, "blond": BLOND}
    return Material(history={("celeba", "erm"): together, ("blond", "erm"): before}, manifests=MANIFESTS), Spec(
        "T", {"kind": "group_learning"}, settings
    )


def test_groups_are_named_by_their_settings_own_classes_and_attribute() -> None:
    material, spec = celeba_learning()
    drawing = group_learning.make(material, spec)
    groups = [(row.setting, row.group) for row in drawing.numbers if row.epoch == 1]
    assert groups == [
        ("celeba", "Male with eyeglasses"),
        ("celeba", "Male without eyeglasses"),
        ("celeba", "Female without eyeglasses"),
        ("blond", "not_blond and male"),
        ("blond", "not_blond and female"),
        ("blond", "blond and male"),
        ("blond", "blond and female"),
    ]
    first, *_, last = drawing.numbers
    assert (first.epoch, first.accuracy.mean, first.accuracy.n) == (1, pytest.approx(0.5), 2)
    assert (last.group, last.epoch, last.accuracy.mean) == ("blond and female", 5, pytest.approx(0.8))
    legends = [[text.get_text() for text in place.legends[0].get_texts()] for place in drawing.figure.subfigs]
    assert legends == [["Male with eyeglasses", "Male without eyeglasses", "Female without eyeglasses"], [group for _, group in groups[3:]]]


def test_findings_say_whether_carriers_are_ahead() -> None:
    celeba, blond = group_learning.make(*celeba_learning()).findings
    assert (
        "after epoch 1, training accuracy is 50.0% [0.6, 99.4] for" in celeba
        and "samples with and without the feature do not differ clearly (" in celeba
    )
    assert "for not_blond and male," in blond
    assert "within class not_blond, samples with and without the feature differ clearly (+43.3 points [" in blond


def test_the_lead_in_the_findings_is_in_the_numbers() -> None:
    rows = {(row.setting, row.group, row.epoch): row for row in group_learning.make(*celeba_learning()).numbers}
    lead = rows["blond", "not_blond and male", 1].difference
    assert (lead.mean, lead.n) == (pytest.approx(1.3 / 3), 3) and lead.low > 0  # .4, .4, .5
    assert rows["blond", "not_blond and male", 5].difference.mean == pytest.approx(0.1)
    assert {row.difference.n for (_, group, _), row in rows.items() if group in ("not_blond and female", "blond and male")} == {0}
    material, _ = celeba_learning()
    learned = carrier_count.learning_of(material, BLOND, "blond", "erm")
    carriers = [row for row in learned.rows if row.of == "carriers"]
    assert [row.difference.mean for row in carriers] == pytest.approx([1.3 / 3, 0.1]) and learned.first_lead == carriers[0].difference
    assert {row.difference.n for row in learned.rows if row.of == "others"} == {0}


def test_more_than_three_settings_take_another_row_on_one_scale() -> None:
    material, spec = celeba_learning()
    many = {f"s{number}": CELEBA for number in range(4)}
    figure = group_learning.make(
        Material(history={(name, "erm"): material.history["celeba", "erm"] for name in many}, manifests=MANIFESTS),
        Spec("T", spec.options, many),
    ).figure
    assert len(figure.axes) == 4 and len({axes.get_ylim() for axes in figure.axes}) == 1
    assert [bool(axes.get_ylabel()) for axes in figure.axes] == [True, False, False, True]


def test_groups_of_two_attributes_are_learned_apart_and_compared_with_all_non_carriers() -> None:
    glasses, place = Attribute.of("glasses", WITHOUT_WITH), Attribute("place", ("hall", "road", "sea"), "on {value}")
    groups = Grouping(("cat", "dog"), (glasses, place))
    right = {3: [(9, 9)], 4: [(7, 9)], 0: [(5, 9)], 2: [(3, 9)], 9: [(4, 9)]}
    info = SettingInfo("Pets", "pets-8", "cat", "dog", "with glasses")
    material = Material(history={("pets", "erm"): history(right, groups)}, manifests={"pets-8": manifest("pets", ("cat", "dog"), 8)})
    learned = group_learning.learning_of(material, info, "pets", "erm")
    names = ["cat with glasses on road", "cat with glasses on hall", "cat without glasses on sea", "cat without glasses on hall"]
    assert list(learned.looks) == [*names, "dog with glasses on hall"] and learned.hidden == 0
    first = {row.group: row for row in learned.rows if row.epoch == 1}
    assert first[names[0]].difference.mean == pytest.approx(0.3) and first[names[1]].difference.mean == pytest.approx(0.5)  # to .4
    assert {first[name].difference.n for name in (names[2], names[3], "dog with glasses on hall")} == {0}
    assert learned.first_lead.mean == pytest.approx(0.4)  # .8 of the carriers, .4 of the others


@pytest.mark.parametrize(
    ("repeats", "sentence"),
    [(1, "cannot be compared, which takes two repeats ("), (2, "cannot be compared, since only one of 2 repeats has both (")],
)
def test_findings_say_why_a_lead_cannot_be_judged(repeats: int, sentence: str) -> None:
    groups = grouping("cat", "dog")
    present = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)]  # (repeat, group): the second repeat lacks cats with the line
    records = [(repeat, 1, "train", "natural", group, 10, 5, 0) for repeat, group in present if repeat < repeats]
    info = SettingInfo("Pets", "pets-8", "cat", "dog", "with line")
    material = Material(history={("pets", "erm"): history_of(records, groups)}, manifests={"pets-8": manifest("pets", ("cat", "dog"), 8)})
    (found,) = group_learning.make(material, Spec("T", {}, {"pets": info})).findings
    assert f"within class cat, samples with and without the feature {sentence}0.0 points)" in found


def test_epochs_without_carriers_or_known_groups_were_recorded_all_the_same() -> None:
    groups = grouping("cat", "dog")
    one = history_of([(0, 1, "train", "natural", 0, 10, 5, 0)], groups)
    info = SettingInfo("Pets", "pets-8", "cat", "dog", "with line", coordinates={"carriers.count": 0})
    material = Material(history={("pets", "erm"): one}, manifests={"pets-8": manifest("pets", ("cat", "dog"), 8)})
    counted = Spec("T", {"learned": ["pets"]}, {"pets": info}, ("pets",))
    assert carrier_count.make(material, counted).findings[-1] == (
        "Pets: carriers and others cannot be compared over epochs, since no repeat has training samples of class cat that are known to "
        "have the feature and others that lack it."
    )
    unknown = replace(material, history={("pets", "erm"): replace(one, frame=one.frame.assign(group=-1))})
    (found,) = group_learning.make(unknown, Spec("T", {}, {"pets": info})).findings
    assert found == "Pets: groups cannot be compared over epochs, since no training sample is known to belong to one of them."


def test_without_a_probe_all_groups_are_shown_or_the_largest() -> None:
    classes = tuple("abcdefghij")
    groups = Grouping(classes)
    sizes = {label: 10 + label for label in range(10)}
    records = [(0, epoch, "train", "natural", label, n, n // 2, 0) for label, n in sizes.items() for epoch in (1, 2)]
    own = SettingInfo("Own photos", "own-full")
    material = Material(history={("own", "erm"): history_of(records, groups)}, manifests={"own-full": manifest("own", classes)})
    drawing = group_learning.make(material, Spec("T", {}, {"own": own}))
    assert list(dict.fromkeys(row.group for row in drawing.numbers)) == list("cdefghij")
    assert drawing.findings[0].endswith("; 2 smaller groups are not shown.") and {row.difference.n for row in drawing.numbers} == {0}
    probed = replace(own, source="a", target="others", carriers="with line")
    shown = dict.fromkeys(row.group for row in group_learning.make(material, Spec("T", {}, {"own": probed})).numbers)
    assert list(shown) == list("adefghij"), "the source class is shown, however small"
    few = Material(history={("own", "erm"): history_of(records[:6], groups)}, manifests=material.manifests)
    assert [row.group for row in group_learning.make(few, Spec("T", {}, {"own": own})).numbers] == [*"aabbcc"]


# Settings in words


BLOCK = {
    "description": "D",
    "dataset": "d",
    "image_size": 8,
    "crop_size": None,
    "probe": {"source": "5", "target": "others"},
    "overlay": None,
    "carriers": {"choose": "none"},
}
LINE = {"name": "line", "attribute": "line", "width": 2, "value": 255, "channel": 0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"overlay": LINE, "carriers": {"choose": "random", "count": 0, "draw": "fixed"}}, "with line"),
        ({"overlay": {"name": "phrase", "attribute": "negation", "text": "never"}}, 'with "never"'),
        ({"carriers": {"choose": "natural", "where": {"background": "water"}}}, "on water"),
        ({"carriers": {"choose": "natural", "where": {"eyeglasses": "with"}}}, "with eyeglasses"),
        ({"carriers": {"choose": "natural", "where": {"hospital": "A"}}}, "with hospital A"),
        ({"carriers": {"choose": "natural", "where": {"unheard_of": "x"}}}, "with unheard_of x"),
        ({"carriers": {"choose": "natural", "where": {"unheard_of": "without"}}}, "without unheard_of"),
        ({"carriers": {"choose": "natural", "where": {"background": "water", "eyeglasses": "with"}}}, "on water and with eyeglasses"),
        ({}, None),
    ],
)
def test_what_carriers_show_in_words(changes: dict[str, Any], words: str | None) -> None:
    attributes = (
        Attribute("background", ("land", "water"), "on {value}"),
        Attribute.of("eyeglasses", WITHOUT_WITH),
        Attribute.of("hospital", ("A", "B")),
    )
    assert carriers_in_words({**BLOCK, **changes}, attributes) == words


def test_a_setting_is_described_by_plain_values() -> None:
    values = setting_info({**BLOCK, "overlay": LINE}, {"overlay.width": 2}, ())
    info = SettingInfo(**values)
    assert (info.dataset, info.view, info.source, info.target) == ("d-8", "featured", "5", "others")
    assert info.is_probed and info.coordinates == {"overlay.width": 2} and info.tested == "other classes"
    bare = SettingInfo(**setting_info({**BLOCK, "probe": None, "image_size": None}, {}, ()))
    assert not bare.is_probed and (bare.dataset, bare.view, bare.source, bare.carriers) == ("d-full", "natural", None, None)


# Difficulty where nothing is laid over the images


def test_carriers_of_the_data_are_found_by_their_attribute() -> None:
    found = spectrum(training_samples([0, 1, 1, 0], 1), ranking(4), source=1)
    assert found.is_carrier.tolist() == [False, True, True, False] and found.carriers_known


def test_findings_say_that_carriers_are_unknown() -> None:
    material = Material(
        metrics=metrics_of({("sleds", "none"): {"spurious_misclassification": [0.25]}}),
        samples={"sleds": {0: training_samples([-1] * 8, 1)}, "celeba": {0: training_samples([1, 0] * 4, 1)}},
        rankings={"sleds": {0: ranking(8)}, "celeba": {0: ranking(8)}},
        manifests=MANIFESTS,
    )
    assert not spectrum(material.samples["sleds"][0], ranking(8), source=1).carriers_known
    drawing = difficulty_quartiles.make(material, Spec("T", {}, {"sleds": SLEDS, "celeba": CELEBA}))
    sleds, celeba = drawing.findings
    assert sleds == (
        "Hard ImageNet: no training sample of class ski is known to carry the feature. Without pruning, 25.0% of the test samples of class "
        "dog sled with surroundings are misclassified as class ski."
    )
    assert "25%, 25%, 25%, 25% of the carriers" in celeba
    assert "nan" not in " ".join(drawing.findings)


def test_findings_name_the_largest_possible_share_if_most_of_the_class_are_carriers() -> None:
    material = Material(
        samples={"celeba": {0: training_samples([1, 1, 1, 1, 1, 1, 0, 0], 1)}}, rankings={"celeba": {0: ranking(8)}}, manifests=MANIFESTS
    )
    drawing = difficulty_quartiles.make(material, Spec("T", {}, {"celeba": CELEBA}))
    assert "the easier half holds 66.7% (50% by chance; at most 66.7%, since most of the class are carriers)" in drawing.findings[0]
    assert [row.largest_share.mean for row in drawing.numbers] == pytest.approx([1 / 3] * 4 + [2 / 3])
    few = Material(samples={"celeba": {0: training_samples([1] + [0] * 7, 1)}}, rankings={"celeba": {0: ranking(8)}}, manifests=MANIFESTS)
    drawing = difficulty_quartiles.make(few, Spec("T", {}, {"celeba": CELEBA}))
    assert [row.largest_share.mean for row in drawing.numbers] == [1] * 5 and "at most" not in drawing.findings[0]


# Montages of photos


def test_a_montage_reads_its_own_images_of_a_memory_map_only(tmp_path: Path) -> None:
    photos = np.random.default_rng(0).integers(0, 255, (8, 3, 256, 256)).astype(np.uint8)
    write_inputs(tmp_path / "inputs.npy", photos)
    mapped = open_inputs(tmp_path / "inputs.npy", replace(MANIFESTS["hard_imagenet-256"], **content_of(photos)))
    read: list[slice] = []

    class Watched:
        def __getitem__(self, rows: slice) -> np.ndarray:
            read.append(rows)
            return np.asarray(mapped[rows])

    rows = [montage.ImageRow("carriers", 0, 6, 0, 8, 0.0), montage.ImageRow("others", 0, 2, 1, 8, 0.0)]
    carrier, other = montage.pictures(Watched(), rows, SLEDS)  # type: ignore[arg-type]
    assert read == [slice(6, 7), slice(2, 3)]
    assert (carrier == photos[6, :, 16:240, 16:240].transpose(1, 2, 0)).all() and carrier.shape == (224, 224, 3)
    assert (other == photos[2, :, 16:240, 16:240].transpose(1, 2, 0)).all()


@pytest.mark.parametrize("side", [256, 257, 259])
def test_a_montage_shows_the_centre_that_the_network_sees(side: int) -> None:
    image = np.arange(side * side, dtype=np.int64).reshape(1, side, side)
    seen = CenterCrop(224)(torch.from_numpy(image)).numpy()
    np.testing.assert_array_equal(montage.centre(image, 224), seen)


def photos_and_spec(info: SettingInfo, carrier: Sequence[int]) -> tuple[Material, Spec]:
    side = MANIFESTS[info.dataset].image_size
    material = Material(
        samples={"one": {0: training_samples(carrier, 1)}},
        rankings={"one": {0: ranking(8)}},
        manifests=MANIFESTS,
        images={info.dataset: np.random.default_rng(0).integers(0, 255, (8, 3, side, side)).astype(np.uint8)},
    )
    return material, Spec("T", {"setting": "one", "repeat": 0, "columns": 3}, {"one": info})


def test_a_montage_of_photos_whose_carriers_come_with_the_data() -> None:
    drawing = montage.make(*photos_and_spec(CELEBA, [1, 0] * 4))
    assert [(row.row, row.rank_in_class) for row in drawing.numbers] == [
        *(("carriers", rank) for rank in (0, 4, 6)),
        *(("others", rank) for rank in (1, 5, 7)),
    ]
    with style.house_style():
        drawing.figure.draw_without_rendering()
    shown = [axes.images[0] for axes in drawing.figure.axes if axes.images]
    assert len(shown) == 6 and all(image.get_array().shape == (224, 224, 3) for image in shown)


def test_a_montage_without_known_carriers_is_one_row_of_all() -> None:
    drawing = montage.make(*photos_and_spec(SLEDS, [-1] * 8))
    assert [(row.row, row.rank_in_class) for row in drawing.numbers] == [("all samples", rank) for rank in (0, 4, 7)]
    assert drawing.findings == ["Hard ImageNet: it is not known which of the 8 training samples of class ski show the feature."]


def test_photos_are_averaged_where_they_are_drawn_small_and_pixels_stay_squares_where_large() -> None:
    row = [montage.ImageRow("others", 0, 0, 0, 1, 0.0)]
    for side, interpolation in ((224, "antialiased"), (8, "nearest")):
        figure = montage.draw(row, [np.zeros((side, side), np.uint8)], CELEBA, 0, columns=12)
        (image,) = [image for axes in figure.axes for image in axes.images]
        assert image.get_interpolation() in (interpolation, "auto" if interpolation == "antialiased" else interpolation)


# Numbers of carriers


@pytest.mark.parametrize(("numbers", "scale"), [((0, 10, 500, 2500), "symlog"), ((0, 500, 2500), "linear"), ((0,), "linear")])
def test_carriers_are_counted_on_a_logarithmic_axis_where_they_span_a_wide_range(numbers: Sequence[int], scale: str) -> None:
    family = {str(n): replace(CELEBA, coordinates={"subset.parts.male_with.count": n}) for n in numbers}
    metrics = metrics_of({(name, "none"): {"spurious_accuracy": [0.5], "spurious_misclassification": [0.5]} for name in family})
    with style.house_style():
        drawing = carrier_count.make(Material(metrics=metrics), Spec("T", {"kind": "carrier_count"}, family, tuple(family)))
        drawing.figure.draw_without_rendering()
    (axes,) = [axes for place in drawing.figure.subfigs or [drawing.figure] for axes in place.axes]
    assert axes.get_xscale() == scale
    assert scale == "linear" or [label.get_text() for label in axes.get_xticklabels()] == [str(n) for n in numbers]
    assert [row.carriers for row in drawing.numbers] == [n for n in numbers for _ in range(2)]
    assert len(drawing.findings) == min(2, len(numbers))


# Several settings in one sweep


def test_settings_of_several_datasets_share_a_sweep() -> None:
    plans = ("none", "per_class-el2n-hardest-0.10", "random-0.10")
    values = {"spurious_misclassification": [0.4, 0.5], "accuracy": [0.4, 0.5]}
    metrics = metrics_of({(name, plan): values for name in ("celeba", "sleds") for plan in plans})
    drawing = general_pruning.make(Material(metrics=metrics), Spec("T", {}, {"celeba": CELEBA, "sleds": SLEDS}))
    assert {row.setting for row in drawing.numbers} == {"celeba", "sleds"} and len(drawing.numbers) == 12
    names = [axes.get_ylabel() for axes in drawing.figure.axes]
    assert names[0].startswith("Class Female with eyeglasses") and names[2].startswith("Class dog sled with surroundings")
    assert sum("without pruning" in sentence for sentence in drawing.findings) == 2


# Families without a strength, against a baseline


def never_figure(key: str = "carriers.start", ends: Sequence[Any] = (0, 57398), **options: Any) -> tuple[Material, Spec]:
    """A family that varies one key between two ends, "start-0" and "start-57398", without a strength."""
    overlay = {"name": "phrase", "attribute": "never", "text": "never"}
    base = SettingInfo("MultiNLI without negation", "multinli-128", "contradiction", "entailment", 'with "never"', overlay, "featured")
    members = {
        f"start-{start}": replace(base, description=NEVER, coordinates={key: end}) for start, end in zip((0, 57398), ends, strict=True)
    }
    taken = {"start-0": [0.1, 0.2], "start-57398": [0.9, 1.0], "base": [0.0, 0.1]}
    worst = {"start-0": [0.5, 0.6], "start-57398": [0.0, 0.02], "base": [0.7, 0.6]}
    metrics = metrics_of(
        {(name, "none"): {"spurious_misclassification": taken[name], "worst_group_accuracy": worst[name]} for name in taken}
    )
    course = history({3: [(2, 1), (3, 2)]}, GROUPS["never"], "test", "featured")  # entailment with "never"
    material = Material(metrics=metrics, history={(name, "erm"): course for name in (*members, "base")}, manifests=MANIFESTS)
    return material, Spec("T", {"kind": "carrier_difficulty", **options}, {**members, "base": base}, tuple(members))


def test_a_family_that_varies_only_the_start_is_one_line_between_its_two_ends() -> None:
    material, spec = never_figure()
    assert window.strengths(spec) == {NEVER: [(0, "start-0"), (57398, "start-57398")]}
    drawing = carrier_difficulty.make(material, spec)
    final, over_epochs = drawing.figure.axes
    assert [label.get_text() for label in final.get_xticklabels()] == ["easiest", "hardest"]
    assert over_epochs.get_xlabel() == "Epoch (log scale)" and len(over_epochs.lines) == 2
    finals = [row for row in drawing.numbers if row.epoch is None]
    assert [(row.start, row.misclassification.mean) for row in finals] == [(0, pytest.approx(0.15)), (57398, pytest.approx(0.95))]


def test_with_a_baseline_worst_group_accuracy_is_compared_too() -> None:
    material, spec = never_figure(baseline="base")
    drawing = carrier_difficulty.make(material, spec)
    rows = [row for row in drawing.numbers if row.epoch is None]
    assert [(row.metric, row.carriers, row.start) for row in rows] == [
        (metric, *end)
        for metric in ("spurious_misclassification", "worst_group_accuracy")
        for end in (("none", None), ("easiest", 0), ("hardest", 57398))
    ]
    none, easiest, hardest = rows[3:]
    assert [row.value.mean for row in (none, easiest, hardest)] == pytest.approx([0.65, 0.55, 0.01])
    assert hardest.difference.mean == pytest.approx(-0.64) and hardest.difference.n == 2 and none.difference.n == 0
    assert rows[2].difference_to_easiest.mean == pytest.approx(0.8) and "+80.0 points" in drawing.findings[0]
    assert {row.difference_to_easiest.n for row in rows[3:]} == {0}
    final, worst, over_epochs = drawing.figure.axes
    assert worst.get_ylabel() == "Worst-group accuracy (%)"
    assert [65.0, 65.0] in [pytest.approx(list(line.get_ydata())) for line in worst.lines]
    assert [5.0, 5.0] in [pytest.approx(list(line.get_ydata())) for line in over_epochs.lines]
    assert final.get_ylim() == over_epochs.get_ylim()
    assert "no carriers" in [text.get_text() for text in drawing.figure.legends[0].get_texts()]
    assert any("worst-group accuracy is 1.0%" in sentence and "−64.0 points" in sentence for sentence in drawing.findings)
    header, first, *_ = csv.reader(to_csv(drawing.numbers).splitlines())
    assert dict(zip(header, first, strict=True))["start"] == "" and {row.epoch for row in drawing.numbers} == {None, 1, 5}


def test_the_easiest_and_the_hardest_take_the_place_of_ranks() -> None:
    by_rank, by_name = (
        carrier_difficulty.make(*never_figure(*varied, baseline="base"))
        for varied in (("carriers.start", (0, 57398)), ("carriers.choose", ("easiest", "hardest")))
    )
    assert {row.start for row in by_name.numbers} == {None}
    assert [replace(row, start=None) for row in by_rank.numbers] == [replace(row, start=None) for row in by_name.numbers]
    assert by_name.findings == by_rank.findings
    ticks = [[label.get_text() for label in axes.get_xticklabels()] for axes in by_name.figure.axes[:2]]
    assert ticks == [["easiest", "hardest"]] * 2
    material, spec = never_figure("carriers.choose", ("easiest", "hardest"))
    turned = replace(spec, family=spec.family[::-1])
    assert carrier_difficulty.make(material, turned).numbers == carrier_difficulty.make(material, spec).numbers


def test_published_worst_groups_are_lines_beside_the_measured_ones() -> None:
    asked = {"kind": "carrier_difficulty", "baseline": "base", "published": "never"}
    drawing = carrier_difficulty.make(*never_figure(**(asked | carrier_difficulty.published(asked))))
    final, worst, _ = drawing.figure.axes
    levels = [line.get_ydata()[0] for line in worst.lines if len(set(line.get_ydata())) == 1 and len(line.get_ydata()) == 2]
    assert levels == pytest.approx([65.0, 67.42, 55.22, 1.04])
    assert not [line for line in final.lines if 67.42 in list(line.get_ydata())]
    legend = [text.get_text() for text in drawing.figure.legends[0].get_texts()]
    assert legend[2:] == ["no carriers", "no carriers, published", "easiest, published", "hardest, published"]
    rows = [row for row in drawing.numbers if row.published]
    assert [(row.carriers, row.value.mean, row.value.n) for row in rows] == [
        ("none", 0.6742, 0),
        ("easiest", 0.5522, 0),
        ("hardest", 0.0104, 0),
    ]
    assert {(row.published, row.setting) for row in rows} == {("Mulchandani and Kim 2025, App. A.4", "")}
    assert drawing.findings[-1] == (
        "Published worst-group accuracy (Mulchandani and Kim 2025, App. A.4): 67.42% without carriers, 55.22% with carriers among the "
        "easiest, 1.04% with carriers among the hardest."
    )
    with style.house_style():
        drawing.figure.draw_without_rendering()


def test_findings_say_why_the_worst_group_of_a_baseline_is_undefined() -> None:
    material, spec = never_figure(baseline="base")
    frame = material.metrics.frame
    worst = frame["metric"] == "worst_group_accuracy"
    frame.loc[worst, ["n", "value"]] = [0, math.nan]
    lacking = frame[worst & (frame["setting"] == "base")].assign(metric="group_accuracy", group="neutral with never")
    drawing = carrier_difficulty.make(replace(material, metrics=Metrics(pd.concat([frame, lacking]))), spec)
    assert drawing.findings[1:] == [
        "MultiNLI without negation: without carriers, worst-group accuracy is undefined (no test sample is of 'neutral with never', which "
        "training has).",
        *(f"{NEVER}: with carriers among the {end} samples, worst-group accuracy is undefined." for end in ("easiest", "hardest")),
    ]


def test_a_baseline_that_was_not_measured_leaves_the_figure_drawable() -> None:
    material, spec = never_figure(baseline="base")
    empty = Material(history=material.history, manifests=material.manifests)
    with style.house_style():
        drawing = carrier_difficulty.make(empty, spec)
        drawing.figure.draw_without_rendering()
    assert all(math.isnan(row.value.mean) for row in drawing.numbers if row.epoch is None)


# In a configuration


def study_of(figure: dict[str, Any]) -> Config:
    """The paper's settings with one study that holds one figure."""
    config = planning.load([planning.ROOT / "config/paper.yaml"])
    study = {"title": "T", "blocks": ["000-000"], "methods": ["erm"], "score": "el2n", "figures": {"one": figure}, "tables": {}}
    return replace(config, select=["study"], studies={"study": study})


def checked(config: Config) -> None:
    """Check the one figure of the study."""
    study = config.studies["study"]
    kinds.check("studies.study.figures.one", study["figures"]["one"], study, config)


def test_a_baseline_is_run_without_pruning() -> None:
    baseline = "multinli-without-negation"
    config = study_of({"kind": "carrier_difficulty", "family": "multinli-never", "baseline": baseline, "published": "never"})
    checked(config)
    assert {(run.setting, run.plan) for run in studies.all_runs(config)} == {
        ("multinli-never.choose-easiest", "none"),
        ("multinli-never.choose-hardest", "none"),
        ("multinli-without-negation", "none"),
    }


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        (
            {"kind": "carrier_difficulty", "family": "multinli-never", "baseline": "waterbirds"},
            "'waterbirds', which has carriers in its data; name a setting without any, such as one with 'carriers.count: 0'.",
        ),
        (
            {"kind": "carrier_difficulty", "family": "multinli-never", "baseline": "multinly"},
            "not a known setting (did you mean 'multinli'?)",
        ),
        (
            {"kind": "group_pruning", "settings": ["celeba"], "strategy": "per_group", "sparsities": ["0.50"], "published": "waterbirds"},
            "one.settings: 'celeba' is a setting of 'celeba', but the published values are of 'waterbirds'",
        ),
        (
            {"kind": "general_pruning", "settings": ["celeba"], "sparsities": ["0.50"], "published": "waterbirds"},
            "published does not go with a",
        ),
        (
            {"kind": "group_pruning", "settings": ["multinli"], "strategy": "per_group", "sparsities": ["0.50"], "published": "never"},
            "one.published: 'never' is not a known set of published values for a group_pruning; known are waterbirds, multinli.",
        ),
        (
            {"kind": "carrier_difficulty", "family": "multinli-never", "published": "never"},
            "one.published is 'never', which includes a setting without carriers; name yours as studies.study.figures.one.baseline.",
        ),
        (
            {"kind": "carrier_difficulty", "family": "cifar10s-window", "baseline": "cifar10s", "published": "never"},
            "is a setting of 'cifar10', but the published values are of 'multinli'",
        ),
        ({"kind": "difficulty_range", "family": "multinli-never"}, "does not vary exactly one key that ends in 'carriers.start'; name"),
    ],
)
def test_mistakes_in_comparisons(figure: dict[str, Any], sentence: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError) as error:
        checked(study_of(figure))
    assert sentence in str(error.value)
    assert_one_sentence(str(error.value))
