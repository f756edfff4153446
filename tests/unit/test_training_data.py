"""Samples on the device: the right images, the feature on its carriers, normalised."""

import numpy as np
import torch

from spurprune.training.data import Pixels, load

CPU = torch.device("cpu")
INPUTS = np.random.default_rng(0).integers(0, 255, (5, 3, 8, 8), dtype=np.uint8)
FEATURE = {"name": "line", "width": 1, "value": 255, "channel": 0}
IDS = np.array([4, 0, 2, 0])


def test_images_follow_their_ids_in_any_order() -> None:
    data = load(INPUTS, IDS, np.array([1, 2, 3, 2]), np.array([2, 4, 6, -1]), np.zeros(4, dtype=bool), FEATURE, CPU)
    assert np.array_equal(data.images.numpy(), INPUTS[IDS])
    assert data.label.tolist() == [1, 2, 3, 2] and data.group.tolist() == [2, 4, 6, -1]
    assert (data.images.dtype, data.label.dtype, data.group.dtype) == (torch.uint8, torch.int64, torch.int64)
    assert len(data) == 4


def test_the_feature_is_laid_over_its_carriers_only_and_not_over_the_dataset() -> None:
    before = INPUTS.copy()
    featured = np.array([True, False, False, True])
    data = load(INPUTS, IDS, IDS, IDS, featured, FEATURE, CPU)
    expected = INPUTS[IDS].copy()
    expected[featured, 0, :, 4] = 255
    assert np.array_equal(data.images.numpy(), expected)
    assert np.array_equal(INPUTS, before)


def test_an_attribute_of_the_dataset_needs_no_feature() -> None:
    data = load(INPUTS, IDS, IDS, IDS, np.ones(4, dtype=bool), None, CPU)
    assert np.array_equal(data.images.numpy(), INPUTS[IDS])


def test_pixels_are_normalised_by_channel() -> None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(2, 3, 4, 4)
    x = Pixels.of([0.5, 0.1, 0.2], [0.5, 0.1, 0.4], CPU).normalise(images)
    assert x.dtype == torch.float32 and x.shape == (2, 3, 4, 4)
    torch.testing.assert_close(x[0, :, 0, 0], torch.tensor([-1.0, 1.0, 2.0]))
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert images[0, :, 0, 0].tolist() == [0, 51, 255]
