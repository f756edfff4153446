"""``python -m spurprune.export``: one repeat's kept network as a file that torchvision loads; masked weights are zeros in place."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from spurprune.errors import DataError, SpurpruneError
from spurprune.machine import pipes
from spurprune.models.networks.torchvision_cnn import in_torchvisions_names
from spurprune.storage import tensor_files
from spurprune.storage.files import replacing

ENDINGS = (".safetensors", ".pth", ".pt")


def export(models: Path, repeat: int, output: Path) -> int:
    """Write the state_dict of one repeat's network, read from a run's ``models.safetensors``; return how many of its weights are zero.

    The format goes by the ending: safetensors, or what torch saves. Raises DataError if the file lacks the repeat, is damaged, or holds
    another network than torchvision's.
    """
    if output.suffix not in ENDINGS:
        raise DataError(f"{output} ends in none of {', '.join(ENDINGS)}; choose one of these formats.")
    _, weights = tensor_files.read(models, f"{repeat}.")
    if not weights:
        raise DataError(f"{models} lacks repeat {repeat}; name one of its block.")
    named = {name: value.contiguous() for name, value in in_torchvisions_names(weights).items()}
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as temporary:
        if output.suffix == ".safetensors":
            save_file(named, temporary)
        else:
            torch.save(named, temporary)
    return sum(int((value == 0).sum()) for name, value in named.items() if name.endswith(".weight") and value.ndim > 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Export as the command line says; returns the exit status, 1 with one sentence on standard error if it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m spurprune.export", description="A kept network as a file that torchvision loads.")
    parser.add_argument("models", type=Path, help="a run's models.safetensors")
    parser.add_argument("output", type=Path, help="the file to write, .safetensors, .pth or .pt")
    parser.add_argument("--repeat", type=int, default=0, help="which repeat's network (default 0)")
    options = parser.parse_args(arguments)
    try:
        zeros = export(options.models, options.repeat, options.output)
        print(f"{options.output}: {zeros:,} weights of convolutions and the classifier are zero")
    except SpurpruneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(pipes.run(main))
