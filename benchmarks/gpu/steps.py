"""The steps, in order of value, each with the most seconds it may take. A step's module is imported in its own process."""

import importlib
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.gpu.record import Record

REST = 100_000.0  # seconds: what is left of the budget


@dataclass(frozen=True)
class Step:
    """A function ``module.function(record, given)``; ``quick_limit`` is its limit with ``--quick``."""

    name: str
    what: str
    module: str
    function: str
    limit: float
    quick_limit: float = 240.0

    def load(self) -> Callable[[Record, Namespace], None]:
        """Import the step's module and return its function."""
        function: Callable[[Record, Namespace], None] = getattr(importlib.import_module(f"benchmarks.gpu.{self.module}"), self.function)
        return function


STEPS = (
    Step("machine", "the device, its peaks and the cost of a launch", "machine", "run", 45),
    Step("tests", "the tests marked gpu", "marked_tests", "run", 150),
    Step("train", "training steps of ResNet-20: eager, recorded, TF32, bf16, memory formats; kernels against floors", "small", "train", 90),
    Step("together", "several ResNet-20 side by side on streams", "small", "together", 80),
    Step("grouped", "several ResNet-20 as one, by grouped convolutions", "as_one", "run", 80),
    Step("chains", "several steps of ResNet-20 per CUDA graph, alone and side by side", "chains", "run", 80),
    Step("el2n", "EL2N of 50,000 images", "small", "el2n", 40),
    Step("resnet50", "training steps of ResNet-50 at 224 pixels", "large", "photos", 60),
    Step("bert", "training steps of BERT at 128 tokens", "large", "sentences", 60),
    Step("compiled", "compiled steps of ResNet-20, plain and recorded", "small", "compiled", 120),
    Step("textbook", "the textbook loop of ResNet-20", "processes", "textbook", 45),
    Step("processes", "several training processes at once", "processes", "processes", 75),
    Step("science", "CIFAR-10S by the paper's recipe, through the stages; needs --data", "science", "run", REST),
)
BY_NAME = {step.name: step for step in STEPS}
