"""Clusters of what a kept network computes for the training samples: groups inferred without labels, by k-means.

With the class probabilities of a network after about an epoch, clustered within each class, they are those of SPARE (Yang et al. 2024);
with ``of: features``, ``by_class: false``, ``metric: cosine`` and ``k: 16`` close to those of PruSC (Le et al. 2025), whose centres are not
described. Parts are numbered by size, the largest first.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spurprune.data import clustering
from spurprune.data.grouping import Grouping
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.pruning.partitioning import Request

NEEDS = "embedding"
NOTES = ("k", "silhouette")
OPTIONS = {
    "from": {"type": "string"},
    "plan": {"type": "string", "default": "none"},
    "of": {"enum": ["probabilities", "logits", "features"], "default": "probabilities"},
    "by_class": {"type": "boolean", "default": True},
    "k": {
        "anyOf": [{"type": "integer", "minimum": 2, "maximum": 1000}, {"const": "silhouette"}],
        "default": "silhouette",
        "x-allowed": "a whole number from 2 to 1,000, or silhouette",
    },
    "max_k": {"type": "integer", "minimum": 2, "maximum": 1000, "default": 5},
    "metric": {"enum": ["euclidean", "cosine"], "default": "euclidean"},
    "restarts": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10},
}
BY_SILHOUETTE = "silhouette"


def names(options: Mapping[str, Any], grouping: Grouping) -> tuple[str, ...]:
    """Return the names of as many clusters as there may be, of each class or of all samples."""
    numbers = range(1, _most(options) + 1)
    if not options["by_class"]:
        return tuple(f"cluster {number}" for number in numbers)
    return tuple(f"{name}, cluster {number}" for name in grouping.classes for number in numbers)


def parts(request: Request) -> tuple[np.ndarray, tuple[str, ...], dict[str, Any]]:
    """Return each sample's cluster, the names of all clusters, of which some may be empty, and each class's number and silhouette.

    The result goes by sample ids: the order of the samples does not matter. Fewer distinct points than ``k`` are one cluster, which is
    logged. Raises DataError if a point is not finite.
    """
    options, classes = request.options, request.grouping.classes
    k = None if options["k"] == BY_SILHOUETTE else int(options["k"])
    most = _most(options)
    order = np.argsort(request.sample_id)
    points, label = _points(request)[order], request.label[order]
    divided = {name: np.flatnonzero(label == number) for number, name in enumerate(classes)}
    if not options["by_class"]:
        divided = {"": np.arange(len(label))}
    part, found = np.empty(len(label), dtype=np.int32), {}
    for number, (name, members) in enumerate(divided.items()):
        one = clustering.find(
            points[members], k=k, most=most, metric=options["metric"], restarts=options["restarts"], stream=(request.repeat, number)
        )
        where = f"repeat {request.repeat}" + (f", class '{name}'" if name else "")
        if k is not None and 0 < one.count < k:
            log.warning("%s: fewer than %d samples differ in their %s, so they are %d cluster", where, k, options["of"], one.count)
        elif one.silhouette is not None:
            log.info("%s: %d clusters of mean silhouette %.3f", where, one.count, one.silhouette)
        part[order[members]] = one.number + number * most
        found[name] = one
    return part, names(options, request.grouping), _notes(found if options["by_class"] else dict.fromkeys(classes, found[""]))


def _most(options: Mapping[str, Any]) -> int:
    """Return the largest number of clusters that are found at a time."""
    return int(options["max_k"] if options["k"] == BY_SILHOUETTE else options["k"])


def _notes(found: dict[str, clustering.Clusters]) -> dict[str, Any]:
    """Return each class's number of clusters and their mean silhouette, null with fewer than two."""
    return {"k": {name: one.count for name, one in found.items()}, "silhouette": {name: one.silhouette for name, one in found.items()}}


def _points(request: Request) -> np.ndarray:
    """Return what is clustered, float [N, D]."""
    assert request.features is not None and request.logits is not None
    points = request.features if request.options["of"] == "features" else request.logits
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        raise DataError(
            f"The {request.options['of']} of {int((~finite).sum())} training samples in repeat {request.repeat} are not finite; lower "
            f"training.optimizer.lr or set training.gradient_clip of the method '{request.options['from']}', from which they come."
        )
    if request.options["of"] != "probabilities":
        return points
    powers = np.exp(points.astype(np.float64) - points.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities
