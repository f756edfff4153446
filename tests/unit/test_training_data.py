"""Samples on the device: the right images, the feature on its carriers, normalised."""

import numpy as np
import pytest
import torch
from torchvision.transforms import CenterCrop

from spurprune.training.data import Data, MappedInputs, Pixels, Tokens, load

CPU = torch.device("cpu")
INPUTS = np.random.default_rng(0).integers(0, 255, (5, 3, 8, 8), dtype=np.uint8)
FEATURE = {"name": "line", "width": 1, "value": 255, "channel": 0}


def everything(data: Data) -> np.ndarray:
    return data.batch(torch.arange(len(data))).numpy()


IDS = np.array([4, 0, 2, 0])


def test_images_follow_their_ids_in_any_order() -> None:
    data = load(INPUTS, IDS, np.array([1, 2, 3, 2]), np.array([2, 4, 6, -1]), np.zeros(4, dtype=bool), FEATURE, CPU)
    assert np.array_equal(everything(data), INPUTS[IDS])
    assert data.label.tolist() == [1, 2, 3, 2] and data.group.tolist() == [2, 4, 6, -1]
    assert (everything(data).dtype, data.label.dtype, data.group.dtype) == (np.uint8, torch.int64, torch.int64)
    assert len(data) == 4


def test_the_feature_is_laid_over_its_carriers_only_and_not_over_the_dataset() -> None:
    before = INPUTS.copy()
    featured = np.array([True, False, False, True])
    data = load(INPUTS, IDS, IDS, IDS, featured, FEATURE, CPU)
    expected = INPUTS[IDS].copy()
    expected[featured, 0, :, 4] = 255
    assert np.array_equal(everything(data), expected)
    assert np.array_equal(INPUTS, before)


def test_an_attribute_of_the_dataset_needs_no_feature() -> None:
    data = load(INPUTS, IDS, IDS, IDS, np.ones(4, dtype=bool), None, CPU)
    assert np.array_equal(everything(data), INPUTS[IDS])


def test_a_subset_keeps_its_samples_together_without_copying_inputs() -> None:
    featured = np.array([True, False, False, True])
    data = load(INPUTS, IDS, np.array([1, 2, 3, 2]), np.array([2, 4, 6, -1]), featured, FEATURE, CPU)
    part = data.subset(torch.tensor([3, 1])).subset(torch.tensor([1, 0, 1]))
    assert part.label.tolist() == [2, 2, 2] and part.group.tolist() == [4, -1, 4]
    assert np.array_equal(everything(part), everything(data)[[1, 3, 1]])
    assert part.inputs is data.inputs


def test_inputs_copied_to_the_device_in_parts_are_the_mapped_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU holds, made on the CPU: chunks of two images, the last one smaller."""
    monkeypatch.setattr("spurprune.training.data.CHUNK_BYTES", 2 * INPUTS[0].nbytes)
    ids = np.array([4, 0, 2, 0, 1])
    mapped = load(INPUTS, ids, ids, ids, np.array([True, False, True, True, False]), FEATURE, CPU).inputs
    assert isinstance(mapped, MappedInputs)
    rows = torch.tensor([3, 0, 4, 2, 1])
    resident = mapped.resident().batch(rows)
    assert resident.dtype == torch.uint8
    assert torch.equal(resident, mapped.batch(rows))


def test_tokens_stay_whole_numbers() -> None:
    tokens = np.arange(12, dtype=np.int32).reshape(4, 3)
    data = load(tokens, np.array([2, 0]), IDS[:2], IDS[:2], np.zeros(2, dtype=bool), None, CPU)
    assert data.batch(torch.tensor([1, 0])).tolist() == [[0, 1, 2], [6, 7, 8]]
    assert isinstance(data.inputs, MappedInputs) and data.inputs.resident().values.dtype == torch.int32


def test_tokens_are_looked_at_from_the_shortest_to_the_longest() -> None:
    tokens = np.array([[5, 2, 1], [3, 1, 1], [9, 4, 1], [3, 2, 1]], dtype=np.int32)
    data = load(tokens, np.array([2, 1, 0, 3]), IDS, IDS, np.zeros(4, dtype=bool), None, CPU)
    assert Tokens().order(data).tolist() == [1, 3, 2, 0]
    assert Tokens().order(data.subset(torch.tensor([3, 0, 2]))).tolist() == [0, 2, 1]
    assert isinstance(data.inputs, MappedInputs)
    assert data.inputs.resident().lengths(data.rows).tolist() == data.lengths().tolist() == [9, 3, 5, 3]
    batch = data.batch(torch.tensor([1, 0]))
    assert Tokens().prepare(batch) is batch


def test_pixels_are_normalised_by_channel() -> None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(2, 3, 4, 4)
    x = Pixels.of([0.5, 0.1, 0.2], [0.5, 0.1, 0.4], CPU).prepare(images)
    assert x.dtype == torch.float32 and x.shape == (2, 3, 4, 4)
    torch.testing.assert_close(x[0, :, 0, 0], torch.tensor([-1.0, 1.0, 2.0]))
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert images[0, :, 0, 0].tolist() == [0, 51, 255]


@pytest.mark.parametrize(("side", "crop"), [(8, 4), (8, 5), (9, 4), (8, 8)])
def test_a_network_sees_the_centre_of_larger_images(side: int, crop: int) -> None:
    images = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    x = Pixels.of([0.0] * 3, [1.0] * 3, CPU, crop).prepare(images)
    torch.testing.assert_close(x, CenterCrop(crop)(images) / 255)
