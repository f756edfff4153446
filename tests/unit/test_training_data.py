"""Samples on the device: the right inputs, the overlay on its carriers, pixels normalised."""

from typing import Any

import numpy as np
import pytest
import torch
from torchvision.transforms import CenterCrop

from spurprune.training.data import Data, MappedInputs, Pixels, Tokens, Vectors, load

CPU = torch.device("cpu")
INPUTS = np.random.default_rng(0).integers(0, 255, (5, 3, 8, 8), dtype=np.uint8)
OVERLAY = {"name": "line", "attribute": "stripe", "width": 1, "value": 255, "channel": 0}
NOBODY = np.zeros(4, dtype=bool)


def everything(data: Data) -> np.ndarray:
    return data.batch(torch.arange(len(data))).numpy()


IDS = np.array([4, 0, 2, 0])


def loaded(inputs: np.ndarray = INPUTS, ids: np.ndarray = IDS, carrier: np.ndarray = NOBODY, **changes: Any) -> Data:
    options: dict[str, Any] = {"label": ids, "group": ids, "overlay": OVERLAY, "device": CPU}
    return load(inputs, sample_id=ids, carrier=carrier, **(options | changes))


def test_images_follow_their_ids_in_any_order() -> None:
    data = loaded(label=np.array([1, 2, 3, 2]), group=np.array([2, 4, 6, -1]))
    assert np.array_equal(everything(data), INPUTS[IDS])
    assert data.label.tolist() == [1, 2, 3, 2] and data.group.tolist() == [2, 4, 6, -1]
    assert (everything(data).dtype, data.label.dtype, data.group.dtype) == (np.uint8, torch.int64, torch.int64)
    assert len(data) == 4


def test_the_overlay_changes_its_carriers_only_and_not_the_dataset() -> None:
    before = INPUTS.copy()
    carrier = np.array([True, False, False, True])
    data = loaded(carrier=carrier)
    expected = INPUTS[IDS].copy()
    expected[carrier, 0, :, 4] = 255
    assert np.array_equal(everything(data), expected)
    assert np.array_equal(INPUTS, before)


def test_carriers_without_an_overlay_are_unchanged() -> None:
    data = loaded(carrier=np.ones(4, dtype=bool), overlay=None)
    assert np.array_equal(everything(data), INPUTS[IDS])


def test_a_subset_keeps_its_samples_together_without_copying_inputs() -> None:
    carrier = np.array([True, False, False, True])
    data = loaded(carrier=carrier, label=np.array([1, 2, 3, 2]), group=np.array([2, 4, 6, -1]))
    part = data.subset(torch.tensor([3, 1])).subset(torch.tensor([1, 0, 1]))
    assert part.label.tolist() == [2, 2, 2] and part.group.tolist() == [4, -1, 4]
    assert np.array_equal(everything(part), everything(data)[[1, 3, 1]])
    assert part.inputs is data.inputs


def test_inputs_copied_to_the_device_in_parts_are_the_mapped_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU would hold, made on the CPU, in chunks of two images of which the last is smaller."""
    monkeypatch.setattr("spurprune.training.data.CHUNK_BYTES", 2 * INPUTS[0].nbytes)
    ids = np.array([4, 0, 2, 0, 1])
    mapped = loaded(ids=ids, carrier=np.array([True, False, True, True, False])).inputs
    assert isinstance(mapped, MappedInputs)
    rows = torch.tensor([3, 0, 4, 2, 1])
    resident = mapped.resident().batch(rows)
    assert resident.dtype == torch.uint8
    assert torch.equal(resident, mapped.batch(rows))


def test_tokens_stay_integers() -> None:
    tokens = np.arange(12, dtype=np.int32).reshape(4, 3)
    data = loaded(tokens, np.array([2, 0]), NOBODY[:2], overlay=None)
    assert data.batch(torch.tensor([1, 0])).tolist() == [[0, 1, 2], [6, 7, 8]]
    assert isinstance(data.inputs, MappedInputs) and data.inputs.resident().values.dtype == torch.int32


def test_vectors_reach_the_network_unchanged() -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    data = loaded(vectors, overlay=None)
    batch = Vectors().prepare(data.batch(torch.tensor([2, 0, 2])))
    assert batch.dtype == torch.float32
    assert np.array_equal(batch.numpy(), vectors[[2, 4, 2]])
    assert Vectors().order(data).tolist() == [0, 1, 2, 3]
    assert isinstance(data.inputs, MappedInputs) and torch.equal(data.inputs.resident().values, torch.from_numpy(vectors[IDS]))


def test_tokens_are_evaluated_from_the_shortest_to_the_longest() -> None:
    tokens = np.array([[5, 2, 1], [3, 1, 1], [9, 4, 1], [3, 2, 1]], dtype=np.int32)
    data = loaded(tokens, np.array([2, 1, 0, 3]), overlay=None)
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


def test_noise_is_gaussian_in_units_of_pixels_whatever_their_normalisation() -> None:
    images = torch.full((64, 2, 16, 16), 51, dtype=torch.uint8)
    pixels = Pixels.of([0.0, 0.2], [1.0, 0.5], CPU)
    x = pixels.disturb(pixels.prepare(images), 0.3, torch.Generator().manual_seed(0))
    in_pixels = x * pixels.std + pixels.mean - 0.2
    for channel in (0, 1):
        assert float(in_pixels[:, channel].mean()) == pytest.approx(0, abs=0.01)
        assert float(in_pixels[:, channel].std()) == pytest.approx(0.3, abs=0.01)
    assert float(in_pixels.min()) < -0.2, "sums are not cut"
    with pytest.raises(ValueError, match="for images"):
        Vectors().disturb(torch.zeros(2, 3), 0.3, torch.Generator())
