"""Augmentation: each image by its own draw, as torchvision's, in distribution."""

from collections import Counter
from itertools import product

import pytest
import torch
from torchvision import transforms

from spurprune.training.augment import augment, pad_crop_flip

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
    assert kept.min() == 3 * 2 * 2 and kept.max() == 3 * SIZE * SIZE  # the corner's crop keeps 2 × 2 pixels a channel


def test_draws_come_from_the_generator_only() -> None:
    images = patterned().expand(64, -1, -1, -1)
    one, again, other = (pad_crop_flip(images, PADDING, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, again) and not torch.equal(one, other)
    before = torch.random.get_rng_state()
    pad_crop_flip(images, PADDING, torch.Generator())
    assert torch.equal(before, torch.random.get_rng_state())


def test_images_are_drawn_apart_and_left_alone() -> None:
    images = patterned().repeat(64, 1, 1, 1)
    before = images.clone()
    batch = pad_crop_flip(images, PADDING, torch.Generator().manual_seed(0))
    assert len({_bytes(image) for image in batch}) > 20
    assert torch.equal(images, before)


def test_the_configuration_names_the_augmentation() -> None:
    images = patterned()
    assert augment(images, "none", {}, torch.Generator()) is images
    seeded = (torch.Generator().manual_seed(0), torch.Generator().manual_seed(0))
    assert torch.equal(augment(images, "pad_crop_flip", {"padding": 1}, seeded[0]), pad_crop_flip(images, 1, seeded[1]))


@pytest.mark.parametrize("shape", [(5, 3, 8, 6), (1, 1, 3, 9)])
def test_images_need_not_be_square(shape: tuple[int, ...]) -> None:
    images = torch.randint(0, 255, shape, dtype=torch.uint8)
    assert pad_crop_flip(images, 4, torch.Generator()).shape == shape
