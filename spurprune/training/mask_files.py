"""Masks of networks' weights, by repeat, in one file: bool tensors ``{repeat}.{parameter}``, true where a weight is kept.

Its content names the ``parameters`` in the network's order, and the run.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from spurprune.errors import DataError, first_sentence
from spurprune.storage import array_files, layout, schemas, tensor_files
from spurprune.storage.provenance import Origin, Provenance, origin, to_plain

KIND = "masks"


def write(path: Path, masks: Mapping[str, Tensor], provenance: Provenance) -> None:
    """Write the masks of all repeats; raises DataError if the file cannot be written."""
    parameters = list(dict.fromkeys(name.partition(".")[2] for name in masks))
    tensor_files.write(path, masks, {"parameters": parameters, "provenance": to_plain(KIND, 1, provenance)})


def origin_of(path: Path, place: Mapping[str, str], repeats: Sequence[int] | None = None) -> Origin:
    """Return the origin of a file of masks; raises DataError unless it is of this place and these repeats."""
    try:
        found = origin(str(path), array_files.content(path)["provenance"], schemas.PREDICTIONS.place)
    except (KeyError, ValueError) as error:
        raise DataError(f"{path} does not say from which run its masks are ({first_sentence(error)}); delete it and rerun.") from error
    return found.require(layout.place_of(KIND, path)).require(place, repeats)


def of_network(path: Path, repeat: int, network: nn.Module) -> dict[str, Tensor]:
    """Return one repeat's masks by parameter, bool, on the network's device.

    Raises DataError naming the file if it is missing or damaged, lacks the repeat, or masks a parameter that the network does not have.
    """
    _, found = tensor_files.read(path, f"{repeat}.")
    shapes = {name: value.shape for name, value in network.named_parameters()}
    wrong = [name for name, kept in found.items() if shapes.get(name) != kept.shape]
    if wrong or not found:
        fault = f"masks '{wrong[0]}', which the network lacks or has in another shape" if wrong else f"lacks repeat {repeat}"
        raise DataError(f"{path} {fault}; delete the file and rerun.")
    return {name: kept.to(network.get_parameter(name).device) for name, kept in found.items()}
