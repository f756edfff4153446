"""What the stages that run networks share: the device, the data on it, the network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from spurprune.dag import plugins
from spurprune.data import overlaying
from spurprune.data import samples as sampling
from spurprune.data.grouping import Grouping
from spurprune.data.inputs import Manifest, Rows, open_inputs, origin_of, read_manifest
from spurprune.data.samples import Samples
from spurprune.data.tokens import ids_of
from spurprune.data.views import FEATURED, NATURAL
from spurprune.errors import ConfigError
from spurprune.machine.devices import available_cores, visible_devices
from spurprune.machine.logs import log
from spurprune.models import demands
from spurprune.models.network import Network
from spurprune.pruning.parts import Parts
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Origin
from spurprune.training.checkpoints import Record
from spurprune.training.compiler import can_compile
from spurprune.training.data import Data, Pixels, Preparation, Tokens, Vectors, load
from spurprune.training.loop import Fit, Model, draws_in_forward, together
from spurprune.training.method import Context
from spurprune.training.precision import set_precision
from spurprune.training.recipe import Recipe, Stream

Started = tuple[Model, Fit]  # a network and its training run, before the first step
Job = TypeVar("Job")  # what identifies a training run within its stage

WHOLE = ("all",)  # the only part for methods that use no partition
CHECKPOINTS = Path("checkpoints")  # in the working directory, beside results/ and logs/


@dataclass(frozen=True)
class Workbench:
    """A setting's data ready for training on one device."""

    inputs: Rows
    manifest: Manifest
    samples: Mapping[int, Samples]
    grouping: Grouping
    setting: Mapping[str, Any]
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
        """Return the setting's training recipe, compiled only if this machine can."""
        return Recipe.of(self.setting["training"], stop_after, self.compiled)

    def notes(self) -> dict[str, Any]:
        """Return what a run's provenance says about the machine."""
        return {"torch": torch.__version__, "device": str(self.device), "compiled": self.compiled}

    def train(self, jobs: Sequence[Job], start: Callable[[Job], Started[Model]], at_once: int) -> Iterator[tuple[Job, Model, list[Record]]]:
        """Do the training runs that ``start`` prepares, in order, and yield each with its network and records.

        On a GPU ``at_once`` of them run concurrently, unless the network draws random numbers in training, whose generator they would
        share. On a CPU they run one after the other, since each uses all threads of the job.
        """
        left = list(jobs)
        while left:
            first = start(left[0])
            together_now = at_once if self.device.type == "cuda" and not draws_in_forward(first[0]) else 1
            now, left = left[:together_now], left[together_now:]
            started = [first, *(start(job) for job in now[1:])]
            for job, (model, _), records in zip(now, started, together([fit for _, fit in started], self.device), strict=True):
                yield job, model, records

    def carriers(self, samples: Samples, rows: np.ndarray, view: str = NATURAL) -> np.ndarray:
        """Return which rows show the spurious feature in a view, int64: 1, 0, or -1 where unknown; in the featured view, all do."""
        return np.ones(len(rows), dtype=np.int64) if view == FEATURED else samples.carrier[rows].astype(np.int64)

    def data(self, samples: Samples, rows: np.ndarray, view: str = NATURAL) -> Data:
        """Return some rows as data: with the overlay on carriers or, in the featured view, on all, which changes their groups."""
        group, overlay = samples.group[rows], self.setting["overlay"]
        if view == FEATURED:
            values = {name: codes[rows] for name, codes in samples.attributes.items()}
            group = self.grouping.numbers(samples.label[rows], values | {overlay["attribute"]: np.ones(len(rows), dtype=np.int16)})
        return load(
            self.inputs,
            sample_id=samples.sample_id[rows],
            label=samples.label[rows],
            group=group,
            carrier=self.carriers(samples, rows, view) == 1,
            overlay=overlaying.at_repeat(overlay, samples.repeat),
            device=self.device,
        )

    def context(
        self,
        samples: Samples,
        *,
        weight: np.ndarray,
        visits: str,
        options: Mapping[str, Any],
        stream: Stream,
        parts: Parts | None = None,
    ) -> Context:
        """Return what a method sees of one repeat's training samples, which have the weights ``weight`` [N]; ``parts`` divides them."""
        rows = samples.rows("train")
        part = None if parts is None else parts.of(samples.repeat, samples.sample_id[rows], samples.label[rows])
        return Context(
            weight=weight.astype(np.float64),
            visits=visits,
            label=samples.label[rows].astype(np.int64),
            part=np.zeros(len(rows), dtype=np.int64) if part is None else part.astype(np.int64),
            parts=WHOLE if parts is None else parts.names,
            options=options,
            training=self.setting["training"],
            stream=stream,
            device=self.device,
            classes=self.manifest.classes,
            least_batch=demands.least_batch(self.setting["model"]),
        )


def data_origins(inputs: Mapping[str, Path], place: Mapping[str, str], repeats: Sequence[int]) -> tuple[Origin, Origin]:
    """Return the origins of a dataset's inputs and of the samples; raises DataError unless the samples are of this place.

    ``inputs`` names the paths manifest and samples.
    """
    of_inputs = origin_of(inputs["manifest"], read_manifest(inputs["manifest"]))
    return of_inputs, tables.origin_of(inputs["samples"], schemas.SAMPLES, place, repeats)


def open_workbench(inputs: Path, manifest: Path, samples: Path, setting: Mapping[str, Any], threads: int) -> Workbench:
    """Read and check the inputs of a training stage and choose the device: the visible GPU, or the CPU if there is none.

    Raises DataError for an unusable file, ConfigError if the setting asks for something that this kind of samples does not allow.
    """
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = setting["training"]["precision"]
    set_precision(precision)
    log.info("device %s, %d numeric threads, precision %s", device, threads, precision)
    if device.type == "cpu" and (unused := visible_devices()):
        log.warning("torch %s cannot use GPU %s, so this job runs on the CPU", torch.__version__, ",".join(unused))
    info = read_manifest(manifest)
    overlay = setting["overlay"]
    prepared = sampling.read(samples, None if overlay is None else overlay["attribute"])
    return Workbench(
        open_inputs(inputs, info, threads if device.type == "cpu" else available_cores()),
        info,
        prepared.by_repeat,
        prepared.grouping,
        _with_token_ids(setting, info) if info.kind == "sentences" else setting,
        device,
        _preparation(setting, info, device),
        setting["training"]["compile"] and can_compile(device),
    )


def _preparation(setting: Mapping[str, Any], info: Manifest, device: torch.device) -> Preparation:
    """Return how the dataset's inputs become the network's: pixels are normalised, all others unchanged."""
    if info.kind == "images":
        mean, std = setting["normalisation"]["mean"] or info.mean, setting["normalisation"]["std"] or info.std
        return Pixels.of(mean, std, device, setting["crop_size"])
    augmentation = setting["training"]["augmentation"]["name"]
    if augmentation != "none":
        raise ConfigError(
            f"training.augmentation is '{augmentation}', which is for images, but '{info.dataset}' holds {info.kind}; set it to none."
        )
    if setting["crop_size"] is not None:
        raise ConfigError(
            f"crop_size is {setting['crop_size']}, which is for images, but '{info.dataset}' holds {info.kind}; set it to null."
        )
    return Tokens() if info.kind == "sentences" else Vectors()


def _with_token_ids(setting: Mapping[str, Any], info: Manifest) -> Mapping[str, Any]:
    """Return a setting of token sequences with its phrase, if any, as token ids.

    Raises ConfigError if the network and the dataset do not share one vocabulary.
    """
    model = setting["model"]
    tokenizer = plugins.load("models", model["name"]).tokenizer(model["pretrained"], info.vocabulary)
    if setting["overlay"] is None:
        return setting
    overlay = dict(setting["overlay"])
    overlay["ids"] = ids_of(tokenizer, overlay.pop("text"))
    return {**setting, "overlay": overlay}
