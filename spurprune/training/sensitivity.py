"""How much of an image a network needs, and where its first layer looks (Yang, Chou and Chaudhuri 2022)."""

import numpy as np
import torch
from torch import Tensor

from spurprune.errors import TrainingError
from spurprune.models.network import Network
from spurprune.training.data import Preparation

LEVELS = tuple(i / 50 for i in range(51))  # the shares of pixels that are removed
IMAGES = 500  # of the training set


def masked(images: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return images [N, C, H, W] in which each pixel of a channel that is not 0 becomes 0 with probability ``share``."""
    return np.where(rng.random(images.shape) < share, np.zeros((), images.dtype), images)


@torch.no_grad()
def curve(model: Network, images: np.ndarray, label: np.ndarray, preparation: Preparation, rng: np.random.Generator) -> np.ndarray:
    """Return the mean probability of the true class at every share of ``LEVELS``, float64 [51].

    ``images`` are stored ones, uint8 [N, C, H, W], ``label`` int [N]. Every level draws anew. The network is left in eval mode.
    """
    model.eval()
    device = next(model.parameters()).device
    rows, true = torch.arange(len(label)), torch.from_numpy(label.astype(np.int64))
    found = []
    for share in LEVELS:
        shown = torch.from_numpy(masked(images, share, rng)).to(device)
        probability = torch.softmax(model(preparation.prepare(shown)).double(), dim=1).cpu()
        found.append(float(probability[rows, true].mean()))
    return np.array(found)


def first_layer_map(model: Network, shape: tuple[int, ...]) -> np.ndarray:
    """Return the largest weight of any unit of the first linear layer on each pixel, float32 [C, H, W], for images of ``shape``.

    Raises TrainingError if the first layer with weights does not take the images' pixels one by one.
    """
    first: Tensor = next(iter(model.parameters())).detach()
    if first.ndim != 2 or first.shape[1] != np.prod(shape):
        raise TrainingError(
            f"Weight maps are of networks whose first layer is linear in the pixels of images of {list(shape)}, but it has weights of "
            f"{list(first.shape)}; use an mlp."
        )
    largest: np.ndarray = first.amax(dim=0).cpu().numpy().reshape(shape)
    return largest
