"""How much of everything is measured: in full on a GPU, tiny to rehearse on a CPU."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of the measurements.

    ``depth`` of the CIFAR ResNet, ``steps`` per timed epoch, timed ``epochs`` after a first one, ``scored`` images for EL2N, ``networks``
    trained side by side or as one, ``chained`` ones with each number of ``chains`` steps per graph, ``processes`` at once, ``photo`` pixels
    per side and batches of ResNet-50, BERT's size and tokens.
    """

    depth: int
    batch: int
    steps: int
    epochs: int
    scored: int
    networks: tuple[int, ...]
    chained: tuple[int, ...]
    chains: tuple[int, ...]
    processes: tuple[int, ...]
    textbook_images: int
    photo: int
    photo_batches: tuple[int, ...]
    photo_network: str
    photo_steps: int
    bert_batch: int
    bert_tokens: int
    bert_layers: int
    bert_width: int
    matrix: int


FULL = Sizes(
    depth=20,
    batch=64,
    steps=200,
    epochs=3,
    scored=50_000,
    networks=(1, 2, 4, 8, 16),
    chained=(1, 4, 16),
    chains=(1, 5, 20),
    processes=(1, 2, 4, 8),
    textbook_images=6400,
    photo=224,
    photo_batches=(64, 128),  # the paper's: CelebA's; Waterbirds' and Hard ImageNet's
    photo_network="resnet50",
    photo_steps=12,
    bert_batch=32,  # the paper's, for MultiNLI
    bert_tokens=128,
    bert_layers=12,
    bert_width=768,
    matrix=8192,
)
QUICK = Sizes(
    depth=8,
    batch=8,
    steps=5,
    epochs=1,
    scored=64,
    networks=(1, 2),
    chained=(1, 2),
    chains=(1, 2),
    processes=(1,),
    textbook_images=64,
    photo=32,
    photo_batches=(2,),
    photo_network="resnet18",
    photo_steps=4,
    bert_batch=2,
    bert_tokens=8,
    bert_layers=1,
    bert_width=32,
    matrix=128,
)


def of(quick: bool) -> Sizes:
    """Return the full or the tiny sizes."""
    return QUICK if quick else FULL
