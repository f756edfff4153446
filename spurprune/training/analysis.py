"""What an analysis is given: the samples of one repeat and trained networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spurprune.data.inputs import Manifest
from spurprune.data.overlaying import at_repeat
from spurprune.data.samples import Samples
from spurprune.models.network import Network
from spurprune.training.data import Data, Pixels, overlay_of
from spurprune.training.observe import observe
from spurprune.training.workbench import Workbench


@dataclass(frozen=True)
class Request:
    """One repeat of a setting: its ``samples``, the ``networks`` in eval mode on the bench's device, and the ``options`` of the block.

    If the options name a ``shadow``, the networks are the one under study and the shadow.

    ``part`` int32, the part of each training sample in the order of ``samples.rows("train")``, and ``of_parts``, what the partition notes
    of the repeat, are those of the partition that the analysis reads; None and empty without one.
    """

    bench: Workbench
    samples: Samples
    networks: Sequence[Network]
    options: Mapping[str, Any]
    part: np.ndarray | None = None
    of_parts: Mapping[str, Any] | None = None

    @property
    def manifest(self) -> Manifest:
        """What the dataset holds."""
        return self.bench.manifest

    @property
    def batch_size(self) -> int:
        """How many samples a network evaluates at once."""
        size: int = self.bench.setting["evaluation"]["batch_size"]
        return size

    def data(self, rows: np.ndarray) -> Data:
        """Return some rows of the samples as they are trained on, with the overlay on carriers."""
        return self.bench.data(self.samples, rows)

    def predictors(self) -> list["partial[Tensor]"]:
        """Return for each network what maps stored inputs on the device to predicted labels, int64 [N]."""
        return [partial(_labels, self.bench, network) for network in self.networks]

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return the logits of each network for some rows, float32 [networks, N, C]."""
        data = self.data(rows)
        return np.stack([observe(one, data, self.bench.preparation, self.batch_size).logits.cpu().numpy() for one in self.networks])

    def overlay_on_black(self) -> np.ndarray:
        """Return what the overlay of the repeat adds to a black image as networks see it, in units of [0, 1], float32 [C, H, W]."""
        lay = overlay_of(at_repeat(self.bench.setting["overlay"], self.samples.repeat))
        black = np.zeros((1, *self.manifest.shape), dtype=np.uint8)
        preparation = self.bench.preparation
        assert isinstance(preparation, Pixels)
        change: np.ndarray = preparation.cropped(torch.from_numpy(black if lay is None else lay(black))).numpy()[0]
        return change.astype(np.float32) / 255

    def predicted(self, rows: np.ndarray) -> np.ndarray:
        """Return the label that each network predicts for some rows, int64 [networks, N]."""
        data = self.data(rows)
        chunks = torch.arange(len(rows), device=data.device).split(self.batch_size)
        found = [torch.cat([predict(data.batch(chunk)) for chunk in chunks]) for predict in self.predictors()]
        labels: np.ndarray = torch.stack(found).cpu().numpy()
        return labels


@torch.no_grad()
def _labels(bench: Workbench, network: Network, inputs: Tensor) -> Tensor:
    return network(bench.preparation.prepare(inputs)).argmax(dim=1)
