"""Sensitivity curves and first-layer weight maps."""

import numpy as np
import pytest
import torch

from spurprune.errors import TrainingError
from spurprune.models.networks import mlp, small_cnn
from spurprune.training import sensitivity
from spurprune.training.data import Pixels

PIXELS = Pixels.of([0.0], [1.0], torch.device("cpu"))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_share_of_the_pixels_becomes_zero_and_the_others_stay() -> None:
    images = np.random.default_rng(1).integers(1, 256, (20, 1, 16, 16), dtype=np.uint8)
    for share in (0.0, 0.3, 1.0):
        masked = sensitivity.masked(images, share, rng())
        assert masked.dtype == np.uint8 and np.array_equal(masked[masked > 0], images[masked > 0])
        assert (masked == 0).mean() == pytest.approx(share, abs=0.03)
    assert images.min() > 0, "the images given stay as they are"


def test_the_curve_begins_at_the_network_and_ends_at_black_images() -> None:
    torch.manual_seed(0)
    model = mlp.build((1, 8, 8), 3, [16])
    images, label = rng().integers(0, 256, (30, 1, 8, 8), dtype=np.uint8), np.arange(30) % 3
    found = sensitivity.curve(model, images, label, PIXELS, rng())
    assert found.shape == (51,) and sensitivity.LEVELS[0] == 0 and sensitivity.LEVELS[25] == 0.5 and sensitivity.LEVELS[50] == 1
    with torch.no_grad():
        for level, shown in ((0, images), (50, np.zeros_like(images))):
            probability = torch.softmax(model(PIXELS.prepare(torch.from_numpy(shown))), dim=1).numpy()
            assert found[level] == pytest.approx(probability[np.arange(30), label].mean(), abs=1e-6)
    assert np.array_equal(found, sensitivity.curve(model, images, label, PIXELS, rng()))


def test_a_weight_map_shows_the_largest_weight_on_each_pixel() -> None:
    model = mlp.build((1, 2, 2), 3, [2])
    with torch.no_grad():
        next(iter(model.parameters())).copy_(torch.tensor([[1.0, -2.0, 0.0, 4.0], [-1.0, -1.0, 3.0, 0.0]]))
    assert sensitivity.first_layer_map(model, (1, 2, 2)).tolist() == [[[1.0, -1.0], [3.0, 4.0]]]


def test_a_network_that_does_not_weigh_pixels_has_no_map() -> None:
    with pytest.raises(TrainingError, match=r"use an mlp\."):
        sensitivity.first_layer_map(small_cnn.build((1, 8, 8), 10, [2, 2, 2]), (1, 8, 8))
