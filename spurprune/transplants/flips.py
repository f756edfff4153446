"""Flips: of the recipients, the share that networks take for the source class once a region is copied from a donor."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from spurprune.transplants.regions import Region

Predict = Callable[[Tensor], Tensor]  # stored inputs [N, …] to predicted labels, int64 [N]


@torch.no_grad()
def shares(
    regions: Sequence[Region], donors: Iterable[Tensor], recipients: Tensor, source: int, networks: Sequence[Predict], batch_size: int
) -> np.ndarray:
    """Return f, float64 [regions, donors]: the share of recipients that are taken for ``source``, the mean over the networks.

    ``donors`` yields stored inputs [D, …] a few at a time, ``recipients`` are stored inputs [R, …]; of both together, networks see about
    ``batch_size`` at once.
    """
    at_once = max(1, batch_size // len(recipients))
    found = [
        [_of_batch(region, batch, recipients, source, networks) for region in regions] for chunk in donors for batch in chunk.split(at_once)
    ]
    if not found:
        return np.empty((len(regions), 0))
    return np.concatenate([np.stack(batch) for batch in found], axis=1)


def _of_batch(region: Region, donors: Tensor, recipients: Tensor, source: int, networks: Sequence[Predict]) -> np.ndarray:
    mixed = region.copied(donors, recipients).flatten(0, 1)
    taken = [(predict(mixed) == source).view(len(donors), len(recipients)).double().mean(dim=1) for predict in networks]
    share: np.ndarray = torch.stack(taken).mean(dim=0).cpu().numpy()
    return share
