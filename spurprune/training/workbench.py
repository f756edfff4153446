"""What both training stages share: the device, the data on it, the network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from spurprune.dag import plugins
from spurprune.data.inputs import Manifest, open_inputs, read_manifest
from spurprune.data.samples import Samples, from_table, group_of
from spurprune.data.tokens import ids_of
from spurprune.machine.devices import visible_devices
from spurprune.machine.logs import log
from spurprune.models.network import Network
from spurprune.storage import schemas, tables
from spurprune.training.checkpoints import Record
from spurprune.training.compiler import can_compile
from spurprune.training.data import Data, Pixels, Preparation, Tokens, load
from spurprune.training.loop import Fit, draws_in_forward, together
from spurprune.training.recipe import Recipe

Started = tuple[Network, Fit]  # a network and its training, not yet run
Job = TypeVar("Job")  # what a training is known by within its stage

CHECKPOINTS = Path("checkpoints")  # in the working directory, beside results/ and logs/


@dataclass(frozen=True)
class Workbench:
    """A setting's data ready for training on one device."""

    inputs: np.ndarray
    manifest: Manifest
    samples: dict[int, Samples]
    setting: dict[str, Any]
    device: torch.device
    preparation: Preparation
    compiled: bool

    def build_network(self) -> Callable[[], Network]:
        """Return a function that builds the setting's network with fresh weights."""
        options = {key: value for key, value in self.setting["model"].items() if key != "name"}
        build = plugins.load("models", self.setting["model"]["name"]).build
        crop, shape = self.setting["crop_size"], self.manifest.shape
        seen = shape if crop is None else (shape[0], crop, crop)
        return lambda: build(seen, self.manifest.num_classes, **options)

    def recipe(self, stop_after: int | None = None) -> Recipe:
        """Return the setting's training recipe, as this machine can follow it."""
        return Recipe.of(self.setting["training"], stop_after, self.compiled)

    def notes(self) -> dict[str, Any]:
        """Return what a training's provenance says of the machine."""
        return {"torch": torch.__version__, "device": str(self.device), "compiled": self.compiled}

    def train(self, jobs: Sequence[Job], start: Callable[[Job], Started], at_once: int) -> Iterator[tuple[Job, Network, list[Record]]]:
        """Run the trainings that ``start`` prepares, in order, and yield each with its network and records.

        On a GPU ``at_once`` of them run together, if the network draws no random numbers of its own: they would share them. On a CPU
        they run one by one, since a training fills the job's threads.
        """
        left = list(jobs)
        while left:
            first = start(left[0])
            together_now = at_once if self.device.type == "cuda" and not draws_in_forward(first[0]) else 1
            now, left = left[:together_now], left[together_now:]
            started = [first, *(start(job) for job in now[1:])]
            for job, (model, _), records in zip(now, started, together([fit for _, fit in started], self.device), strict=True):
                yield job, model, records

    def data(self, samples: Samples, rows: np.ndarray, view: str = "natural") -> Data:
        """Return some rows ready for the network: carriers with their feature, or in the ``featured`` view all with it."""
        attribute = np.ones_like(samples.attribute[rows]) if view == "featured" else samples.attribute[rows]
        group = group_of(samples.label[rows], attribute)
        return load(self.inputs, samples.sample_id[rows], samples.label[rows], group, attribute == 1, self.setting["feature"], self.device)


def open_workbench(inputs: Path, manifest: Path, samples: Path, setting: dict[str, Any], threads: int) -> Workbench:
    """Read and check the inputs of a training stage and choose the device: the GPU that is visible, else the CPU."""
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = setting["training"]["precision"]
    torch.set_float32_matmul_precision("highest" if precision == "fp32" else "high")
    torch.backends.cudnn.allow_tf32 = precision != "fp32"
    log.info("device %s, %d numeric threads, precision %s", device, threads, precision)
    if device.type == "cpu" and (unused := visible_devices()):
        log.warning("torch %s cannot use the GPU %s here, so this training runs on the CPU", torch.__version__, ",".join(unused))
    info = read_manifest(manifest)
    return Workbench(
        open_inputs(inputs, info),
        info,
        from_table(tables.read(samples, schemas.SAMPLES), setting["attribute"]),
        _with_token_ids(setting, info) if info.is_text else setting,
        device,
        _preparation(setting, info, device),
        setting["training"]["compile"] and can_compile(device),
    )


def _preparation(setting: dict[str, Any], info: Manifest, device: torch.device) -> Preparation:
    """Return how the dataset's inputs become the network's: tokens as they are, pixels normalised."""
    if info.is_text:
        return Tokens()
    mean, std = setting["normalisation"]["mean"] or info.mean, setting["normalisation"]["std"] or info.std
    return Pixels.of(mean, std, device, setting["crop_size"])


def _with_token_ids(setting: dict[str, Any], info: Manifest) -> dict[str, Any]:
    """Return a setting of token sequences with its phrase, if it has one, as ids of the vocabulary that network and dataset share.

    Raises ConfigError if they do not share one.
    """
    model = setting["model"]
    tokenizer = plugins.load("models", model["name"]).tokenizer(model["pretrained"], info.vocabulary)
    feature = setting["feature"]
    if feature is None:
        return setting
    return setting | {"feature": {"name": feature["name"], "ids": ids_of(tokenizer, feature["text"])}}
