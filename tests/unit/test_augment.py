"""Augmentation: an independent draw for each image, distributed as in torchvision."""

import inspect
from collections import Counter
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torchvision import transforms
from torchvision.transforms.v2 import functional

from spurprune.training.augment import RATIO, SCALE, augment, pad_crop_flip, random_boxes, random_resized_crop_flip, resized_crop

SIZE, PADDING = 4, 2


def patterned() -> torch.Tensor:
    """An image whose pixels all differ, none of them 0, so that a crop tells its offset and its flip."""
    return torch.arange(1, 2 * SIZE * SIZE + 1, dtype=torch.uint8).view(1, 2, SIZE, SIZE)


def crops() -> dict[bytes, tuple[int, int, bool]]:
    """Every possible outcome by its bytes: (top, left, flipped)."""
    padded = torch.zeros(1, 2, SIZE + 2 * PADDING, SIZE + 2 * PADDING, dtype=torch.uint8)
    padded[:, :, PADDING:-PADDING, PADDING:-PADDING] = patterned()
    outcomes = {}
    for top, left, flip in product(range(2 * PADDING + 1), range(2 * PADDING + 1), (False, True)):
        crop = padded[:, :, top : top + SIZE, left : left + SIZE]
        outcomes[_bytes(crop.flip(3) if flip else crop)] = (top, left, flip)
    return outcomes


def _bytes(image: torch.Tensor) -> bytes:
    return image.contiguous().numpy().tobytes()


def test_outcomes_and_their_frequencies_are_torchvisions() -> None:
    outcomes = crops()
    draws = 10_000
    batch = pad_crop_flip(patterned().expand(draws, -1, -1, -1), PADDING, torch.Generator().manual_seed(0))
    assert batch.shape == (draws, 2, SIZE, SIZE) and batch.dtype == torch.uint8
    ours = Counter(outcomes[_bytes(image)] for image in batch)  # a KeyError would be an image that no crop gives
    torch.manual_seed(0)
    theirs_transform = transforms.Compose([transforms.RandomCrop(SIZE, padding=PADDING), transforms.RandomHorizontalFlip()])
    theirs = Counter(outcomes[_bytes(theirs_transform(patterned()[0]))] for _ in range(3000))
    assert set(ours) == set(theirs) == set(outcomes.values())
    expected = draws / len(outcomes)  # 200, standard deviation 14
    assert all(abs(count - expected) < 5 * expected**0.5 for count in ours.values()), ours
    assert all(abs(count - 60) < 5 * 60**0.5 for count in theirs.values()), "torchvision's own draws are not uniform"


def test_padding_is_pixel_zero() -> None:
    white = torch.full((500, 3, SIZE, SIZE), 255, dtype=torch.uint8)
    batch = pad_crop_flip(white, PADDING, torch.Generator().manual_seed(0))
    assert batch.unique().tolist() == [0, 255]
    kept = (batch == 255).flatten(1).sum(dim=1)
    assert kept.min() == 3 * 2 * 2 and kept.max() == 3 * SIZE * SIZE  # the corner's crop keeps 2 × 2 pixels per channel


def test_draws_come_from_the_generator_only() -> None:
    images = patterned().expand(64, -1, -1, -1)
    one, again, other = (pad_crop_flip(images, PADDING, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, again) and not torch.equal(one, other)
    before = torch.random.get_rng_state()
    pad_crop_flip(images, PADDING, torch.Generator())
    assert torch.equal(before, torch.random.get_rng_state())


def test_images_are_drawn_independently_and_left_unchanged() -> None:
    images = patterned().repeat(64, 1, 1, 1)
    before = images.clone()
    batch = pad_crop_flip(images, PADDING, torch.Generator().manual_seed(0))
    assert len({_bytes(image) for image in batch}) > 20
    assert torch.equal(images, before)


def test_the_configuration_names_the_augmentation() -> None:
    images = noise(3, (6, 6))
    assert augment(images, {"name": "none"}, None, torch.Generator()) is images

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(0)

    for options, expected in [({"padding": 1}, pad_crop_flip(images, 1, seeded())), ({}, pad_crop_flip(images, 4, seeded()))]:
        assert torch.equal(augment(images, {"name": "pad_crop_flip", **options}, None, seeded()), expected)
    for options, scale, ratio in [
        ({}, SCALE, RATIO),
        ({"scale": [0.7, 1.0]}, (0.7, 1.0), RATIO),
        ({"ratio": [0.5, 2.0]}, SCALE, (0.5, 2.0)),
    ]:
        expected = random_resized_crop_flip(images, (6, 6), scale, ratio, seeded())
        assert torch.equal(augment(images, {"name": "random_resized_crop_flip", **options}, None, seeded()), expected)
    with pytest.raises(ValueError, match="unknown augmentation rotate"):
        augment(images, {"name": "rotate"}, None, seeded())


@pytest.mark.parametrize("shape", [(5, 3, 8, 6), (1, 1, 3, 9)])
def test_images_need_not_be_square(shape: tuple[int, ...]) -> None:
    images = torch.randint(0, 255, shape, dtype=torch.uint8)
    assert pad_crop_flip(images, 4, torch.Generator()).shape == shape
    assert random_resized_crop_flip(images, tuple(images.shape[2:]), SCALE, RATIO, torch.Generator()).shape == shape


def noise(n: int, size: tuple[int, int], channels: int = 3) -> torch.Tensor:
    """Images of random pixels, on which an error of one position shows."""
    return torch.randint(0, 256, (n, channels, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


DEFAULTS = inspect.signature(transforms.RandomResizedCrop).parameters


def test_defaults_are_torchvisions() -> None:
    assert DEFAULTS["scale"].default == SCALE and DEFAULTS["ratio"].default == RATIO


@pytest.mark.parametrize(
    ("size", "scale", "ratio"),
    [
        ((224, 224), SCALE, RATIO),
        ((224, 224), (0.7, 1.0), RATIO),  # the paper's for Waterbirds
        ((32, 32), SCALE, RATIO),
        ((60, 200), (0.3, 1.0), RATIO),  # a box rarely fits
        ((30, 40), (0.5, 0.5), (1.0, 3.0)),
    ],
)
def test_boxes_are_distributed_as_torchvisions(size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float]) -> None:
    draws = 4000
    top, left, height, width = (x.double() for x in random_boxes(5 * draws, size, scale, ratio, torch.Generator().manual_seed(0)))
    torch.manual_seed(0)
    image = torch.empty(1, *size)
    theirs = [transforms.RandomResizedCrop.get_params(image, list(scale), list(ratio)) for _ in range(draws)]
    their_top, their_left, their_height, their_width = torch.tensor(theirs, dtype=torch.float64).T
    for ours, other in [
        (height, their_height),
        (width, their_width),
        (top, their_top),
        (left, their_left),
        (height * width, their_height * their_width),
        (width / height, their_width / their_height),
        (top / (size[0] - height + 1), their_top / (size[0] - their_height + 1)),
        (left * top, their_left * their_top),
    ]:
        assert stats.ks_2samp(ours.numpy(), other.numpy()).pvalue > 1e-3
        assert (ours.mean() - other.mean()).abs() <= 4 * (ours.var() / len(ours) + other.var() / draws).sqrt()
    joint, their_joint = (torch.corrcoef(torch.stack(x)) for x in ([top, left, height], [their_top, their_left, their_height]))
    torch.testing.assert_close(joint, their_joint, rtol=0, atol=0.08)


def test_the_comparison_of_boxes_can_fail() -> None:
    """A ratio drawn uniformly and not by its logarithm, a common mistake, is detected with as many draws."""
    *_, height, width = random_boxes(4000, (224, 224), (0.2, 0.2), RATIO, torch.Generator().manual_seed(0))
    uniform = torch.empty(4000).uniform_(*RATIO, generator=torch.Generator().manual_seed(0))
    assert stats.ks_2samp((width / height).numpy(), uniform.numpy()).pvalue < 1e-3


@pytest.mark.parametrize(
    ("size", "scale", "ratio", "box"),
    [  # (top, left, height, width), where no attempt can fit in
        ((4, 12), (1.0, 1.0), (3 / 4, 4 / 3), (0, 3, 4, 5)),  # 4 · 4/3 = 5.33 wide
        ((12, 4), (1.0, 1.0), (3 / 4, 4 / 3), (3, 0, 5, 4)),
        ((10, 10), (1.0, 1.0), (2.0, 2.0), (2, 0, 5, 10)),
        ((10, 10), (1.0, 1.0), (0.4, 0.5), (0, 2, 10, 5)),
        ((9, 10), (1e-9, 1e-9), (3 / 4, 4 / 3), (0, 0, 9, 10)),  # every box would be empty
    ],
)
def test_if_no_box_fits_the_central_one_is_used(
    size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float], box: tuple[int, ...]
) -> None:
    boxes = random_boxes(20, size, scale, ratio, torch.Generator().manual_seed(0))
    assert {tuple(one) for one in torch.stack(boxes, dim=1).tolist()} == {box}
    assert transforms.RandomResizedCrop.get_params(torch.empty(1, *size), list(scale), list(ratio)) == box


@given(st.data(), st.integers(1, 40), st.integers(1, 40))
def test_pixels_are_torchvisions(data: st.DataObject, height: int, width: int) -> None:
    images = noise(2, (height, width))
    boxes = []
    for _ in images:
        top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
        boxes.append((top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))))
    top, left, box_height, box_width = torch.tensor(boxes).T
    ours = resized_crop(images, (top, left, box_height, box_width), torch.tensor([False, True]), (height, width))
    assert ours.dtype == torch.uint8 and ours.shape == images.shape
    for image, box, flipped, result in zip(images, boxes, (False, True), ours, strict=True):
        for pixels, tolerance in ((image, 1), (image.float(), 0.51)):  # its kernel for uint8 rounds more coarsely than ours
            expected = functional.resized_crop(pixels, *box, size=[height, width], antialias=False)
            expected = expected.flip(2) if flipped else expected
            assert (result.float() - expected.float()).abs().max() <= tolerance


def test_pixels_of_a_large_image_are_torchvisions() -> None:
    images, size = noise(8, (224, 224)), (224, 224)
    boxes = random_boxes(8, size, (0.7, 1.0), RATIO, torch.Generator().manual_seed(0))
    ours = resized_crop(images, boxes, torch.zeros(8, dtype=torch.bool), size).float()
    for image, box, result in zip(images, torch.stack(boxes, dim=1).tolist(), ours, strict=True):
        expected = functional.resized_crop(image.float(), *box, size=list(size), antialias=False)
        assert (result - expected).abs().max() <= 0.51
        with_antialiasing = functional.resized_crop(image.float(), *box, size=list(size), antialias=True)
        torch.testing.assert_close(with_antialiasing, expected, rtol=0, atol=0.01)


def test_a_box_as_large_as_the_image_changes_nothing() -> None:
    images = noise(6, (33, 50))
    whole = tuple(torch.tensor(value).expand(6) for value in (0, 0, 33, 50))
    assert torch.equal(resized_crop(images, whole, torch.zeros(6, dtype=torch.bool), (33, 50)), images)
    assert torch.equal(resized_crop(images, whole, torch.ones(6, dtype=torch.bool), (33, 50)), images.flip(3))
    square = noise(400, (5, 5))
    batch = random_resized_crop_flip(square, (5, 5), (1.0, 1.0), (1.0, 1.0), torch.Generator().manual_seed(0))
    flipped = (batch == square.flip(3)).flatten(1).all(dim=1)
    assert ((batch == square).flatten(1).all(dim=1) | flipped).all()
    assert 160 < flipped.sum() < 240, "a flip has probability one half"


def test_resized_crops_draw_from_the_generator_only_and_independently() -> None:
    images = noise(1, (16, 16)).expand(64, -1, -1, -1)
    before, state = images.clone(), torch.random.get_rng_state()
    one, again, other = (
        random_resized_crop_flip(images, tuple(images.shape[2:]), SCALE, RATIO, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert len({_bytes(image) for image in one}) == 64
    assert torch.equal(images, before) and torch.equal(torch.random.get_rng_state(), state)


def test_boxes_of_larger_images_are_resized_to_what_the_network_sees() -> None:
    images = noise(4, (64, 64))
    augmentation = {"name": "random_resized_crop_flip", "scale": [0.7, 1.0]}
    assert augment(images, augmentation, 56, torch.Generator().manual_seed(0)).shape == (4, 3, 56, 56)
    top, left, box_height, box_width = boxes = random_boxes(4, (64, 64), (0.7, 1.0), RATIO, torch.Generator().manual_seed(0))
    ours = resized_crop(images, boxes, torch.zeros(4, dtype=torch.bool), (56, 56)).float()
    for i, image in enumerate(images):
        box = [int(value[i]) for value in (top, left, box_height, box_width)]
        expected = functional.resized_crop(image.float(), *box, size=[56, 56], antialias=False)
        assert (ours[i] - expected).abs().max() <= 0.51
