"""One optimisation step, run by Python or replayed by a GPU."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from spurprune.errors import first_sentence
from spurprune.machine.logs import log
from spurprune.models.network import Trainable
from spurprune.training import optim
from spurprune.training.augment import augment
from spurprune.training.data import Data, Preparation, ResidentInputs
from spurprune.training.method import Batch, Method
from spurprune.training.recipe import Recipe

WARM_UP_STEPS = 3  # before a step is recorded, so that libraries have chosen their kernels and optimisers allocated their state

StepFunction = Callable[[Tensor, "float | Tensor"], None]  # of a batch's rows (int64) and the learning rate


class Step:
    """Augments a batch, runs the network and updates its weights. ``total`` sums the losses since it was last zeroed."""

    def __init__(
        self, model: Trainable, data: Data, preparation: Preparation, method: Method, recipe: Recipe, optimizer: optim.Optimizer
    ) -> None:
        self.data, self.method, self.recipe, self.optimizer = data, method, recipe, optimizer
        self.parameters = list(model.parameters())
        self.preparation = preparation
        self.generator = torch.Generator(data.device)
        self.forward = _forward(model, preparation, recipe, self.generator)
        self.total = torch.zeros((), device=data.device)

    def __call__(self, rows: Tensor, rate: float | Tensor) -> None:
        """Take one step on the samples at ``rows``, which may repeat."""
        inputs = augment(self.data.batch(rows), self.recipe.augmentation, self.preparation.crop_size, self.generator)
        with torch.autocast(rows.device.type, dtype=torch.bfloat16, enabled=self.recipe.precision == "bf16", cache_enabled=False):
            features, logits = self.forward(inputs)
            loss = self.method.loss(Batch(rows, self.data.label[rows], logits.float(), features))
        loss.backward()
        if self.recipe.gradient_clip is not None:
            _clip(self.parameters, self.recipe.gradient_clip)
        self.optimizer.step(rate)
        self.total += loss.detach()


class RecordedStep:
    """A step that is recorded once and then replayed, so that a GPU does not wait for Python between small kernels.

    ``record`` takes a function without arguments and returns one that repeats it; for CUDA that is ``cuda_graph``. The first batches, and
    batches whose size is not ``batch_size``, such as an epoch's last, run unrecorded.
    """

    def __init__(self, step: Step, batch_size: int, record: Callable[[Callable[[], None], torch.Generator], Callable[[], None]]) -> None:
        device = step.data.device
        self.step, self.record = step, record
        self.rows = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self.rate = torch.zeros((), device=device)
        self.warm_up = WARM_UP_STEPS
        self.play: Callable[[], None] | None = None

    def __call__(self, rows: Tensor, rate: float | Tensor) -> None:
        """Take one step on the samples at ``rows``."""
        self.rate.fill_(rate)  # float32 in unrecorded steps too: a resumed run takes some steps so that were replayed before
        if len(rows) != len(self.rows):
            self.step(rows, self.rate)
            return
        if self.warm_up:
            self.warm_up -= 1
            self.step(rows, self.rate)
            return
        self.rows.copy_(rows)
        if self.play is None:
            self.play = self._recorded()
        self.play()

    def _recorded(self) -> Callable[[], None]:
        def step() -> None:
            self.step(self.rows, self.rate)

        try:
            return self.record(step, self.step.generator)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning("training steps of this network cannot be recorded, so training is slower: %s", first_sentence(error))
            for parameter in self.step.parameters:
                parameter.grad = None  # computed by kernels that never ran
            return step


def cuda_graph(function: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
    """Record a function's CUDA work, including draws from ``generator``, without running it, and return a function that replays it.

    Raises RuntimeError if the function cannot be recorded. A failed recording leaves random generators in the recording state, so they are
    given back copies of their earlier states.
    """
    generators = (generator, torch.cuda.default_generators[torch.cuda.current_device()])
    states = [one.clone_state() for one in generators]
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    try:
        with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
            function()
    except RuntimeError:
        for one, state in zip(generators, states, strict=True):
            one.graphsafe_set_state(state)
        raise
    return graph.replay


def as_fast_as_possible(step: Step) -> StepFunction:
    """Return the step, recorded if possible: on a GPU that holds the inputs, with batches of one shape."""
    inputs = step.data.inputs
    if isinstance(inputs, ResidentInputs) and inputs.values.is_cuda and step.preparation.one_shape:
        return RecordedStep(step, step.recipe.batch_size, cuda_graph)
    return step


def _forward(
    model: Trainable, preparation: Preparation, recipe: Recipe, generator: torch.Generator
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Return the function from a batch of stored inputs to (features, logits), with the recipe's noise, or compiled if it says so.

    Only batches of the recipe's size use the compiled function: every other size would trigger another compilation.
    """

    def eager(inputs: Tensor) -> tuple[Tensor, Tensor]:
        return model.outputs(preparation.prepare(inputs))

    def disturbed(inputs: Tensor) -> tuple[Tensor, Tensor]:
        return model.outputs(preparation.disturb(preparation.prepare(inputs), recipe.input_noise, generator))

    if recipe.input_noise:
        return disturbed
    if not recipe.compiled:
        return eager
    compiled = torch.compile(eager, dynamic=False)
    return lambda inputs: compiled(inputs) if len(inputs) == recipe.batch_size else eager(inputs)


def _clip(parameters: list[nn.Parameter], clip: dict[str, float]) -> None:
    if "norm" in clip:
        nn.utils.clip_grad_norm_(parameters, clip["norm"])
    else:
        nn.utils.clip_grad_value_(parameters, clip["value"])
