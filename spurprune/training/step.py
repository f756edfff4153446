"""One optimisation step, as Python runs it and as a GPU replays it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from spurprune.errors import first_sentence
from spurprune.machine.logs import log
from spurprune.models.network import Network
from spurprune.training import optim
from spurprune.training.augment import augment
from spurprune.training.data import Data, Preparation, ResidentInputs
from spurprune.training.method import Batch, Method
from spurprune.training.recipe import Recipe

WARM_UP_STEPS = 3  # before a step is recorded: libraries choose their kernels, optimisers make their memory

StepFunction = Callable[[Tensor, "float | Tensor"], None]  # takes a batch's rows (int64) and the learning rate


class Step:
    """Augment a batch, run the network, and update its weights. ``total`` sums the losses since it was last zeroed."""

    def __init__(
        self, model: Network, data: Data, preparation: Preparation, method: Method, recipe: Recipe, optimizer: optim.Optimizer
    ) -> None:
        self.data, self.method, self.recipe, self.optimizer = data, method, recipe, optimizer
        self.parameters = list(model.parameters())
        self.forward = _forward(model, preparation, recipe)
        self.preparation = preparation
        self.generator = torch.Generator(data.device)
        self.total = torch.zeros((), device=data.device)

    def __call__(self, rows: Tensor, rate: float | Tensor) -> None:
        """Take one step on the samples at ``rows``, which may hold one more than once."""
        inputs = augment(self.data.batch(rows), self.recipe.augmentation, self.preparation.crop_size, self.generator)
        with torch.autocast(rows.device.type, dtype=torch.bfloat16, enabled=self.recipe.precision == "bf16", cache_enabled=False):
            features, logits = self.forward(inputs)
            loss = self.method.loss(Batch(rows, self.data.label[rows], self.data.group[rows], logits.float(), features))
        loss.backward()
        if self.recipe.gradient_clip is not None:
            _clip(self.parameters, self.recipe.gradient_clip)
        self.optimizer.step(rate)
        self.total += loss.detach()


class RecordedStep:
    """A step that is recorded once and then played, so that a GPU does not wait for Python between small kernels.

    ``record`` takes a function of no arguments and returns one that does the same again; for CUDA that is ``cuda_graph``. The first
    batches, and those of another size than ``batch_size``, such as an epoch's last, run as they are.
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
        self.rate.fill_(rate)  # the same float32 in every step: a run that resumes takes some as they are that were played before
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
            log.warning("training steps cannot be recorded for this network, so they run one by one: %s", first_sentence(error))
            for parameter in self.step.parameters:
                parameter.grad = None  # of kernels that never ran
            return step


def cuda_graph(function: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
    """Record a function's CUDA work, with the random numbers it draws from ``generator``, and return what plays it; runs nothing.

    Raises RuntimeError if it cannot be recorded. Random numbers can be drawn afterwards as before: a failed recording leaves the states of
    the generators as if it were still running, so they get copies back.
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
    """Return the step recorded where that is possible: on a GPU, with the inputs resident there, and all batches of one shape."""
    inputs = step.data.inputs
    if isinstance(inputs, ResidentInputs) and inputs.values.is_cuda and step.preparation.one_shape:
        return RecordedStep(step, step.recipe.batch_size, cuda_graph)
    return step


def _forward(model: Network, preparation: Preparation, recipe: Recipe) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Return the function from a batch of inputs, as they are stored, to (features, logits), compiled where the recipe says so.

    Only batches of the recipe's size go through the compiled one: every other size would be compiled once more.
    """

    def eager(inputs: Tensor) -> tuple[Tensor, Tensor]:
        features = model.features(preparation.prepare(inputs))
        return features, model.classifier(features)

    if not recipe.compiled:
        return eager
    compiled = torch.compile(eager, dynamic=False)
    return lambda inputs: compiled(inputs) if len(inputs) == recipe.batch_size else eager(inputs)


def _clip(parameters: list[nn.Parameter], clip: dict[str, float]) -> None:
    if "norm" in clip:
        nn.utils.clip_grad_norm_(parameters, clip["norm"])
    else:
        nn.utils.clip_grad_value_(parameters, clip["value"])
