"""The transplant test of reference networks: flips by region and donor, and the regions that may hold a cue of a class.

Every class is the source against all others; of many classes, those for which most validation samples of others are taken. Regions are
screened with as many donors and controls as the options say. For the strongest, all training samples of the class are donors, since they
are to be named, and up to 1,000 of the other classes the control.
"""

from typing import Any

import numpy as np

from spurprune import seeds
from spurprune.machine.logs import log
from spurprune.training.analysis import Request
from spurprune.transplants import choosing, evidence
from spurprune.transplants.choosing import Candidate, Trial
from spurprune.transplants.regions import Region

OPTIONS = {
    "reference": {"type": "string"},
    "donors": {"type": "integer", "minimum": 20, "maximum": 100_000, "default": 100},
    "recipients": {"type": "integer", "minimum": 5, "maximum": 10_000, "default": 24},
    "sources": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10},
    "tokens": {"type": "integer", "minimum": 0, "maximum": 1000, "default": 20},
}
NEEDS_VALIDATION = True
COLUMNS = {
    "repeat": "int16",
    "source": "int16",
    "region": "string",
    "sample_id": "int64",
    "control": "bool",
    "share": "float64",
}
KEY = ("repeat", "source", "region", "sample_id")
BOUNDS = {"source": (0, 32767), "share": (0, 1)}
CONTROL = 1000  # controls of the strongest regions at most, of which the 99.5% quantile is taken

Flips = tuple[np.ndarray, np.ndarray]  # of donors and of controls


def analyse(request: Request) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the flips of every donor by source and region, and the regions that may hold a cue, the strongest evidence first.

    Raises DataError if there are no donors or recipients for a class.
    """
    options, samples = request.options, request.samples
    train, validation = samples.rows("train"), samples.rows("validation")
    label = samples.label[validation]
    classes = choosing.sources(label, request.predicted(validation), request.manifest.num_classes, options["sources"])
    classes = [source for source in classes if (samples.label[train] == source).any()]
    general = choosing.regions_of(request.manifest, request.bench.setting["crop_size"])
    found: list[Candidate] = []
    trials: dict[int, Trial] = {}
    screened: list[Flips] = []
    for source in classes:
        one = trials[source] = choosing.trial(request, source, "validation", options["donors"], options["recipients"])
        regions = [*general, *choosing.tokens_of(request, one, options["tokens"])]
        donors, control = (choosing.shares(request, regions, one, rows) for rows in (one.donors, one.control))
        rng = seeds.generator(seeds.TRANSPLANTS, samples.repeat, "permutations", source)
        p = evidence.significance(donors, control, choosing.PERMUTATIONS, rng) * len(classes)
        for number, region in enumerate(regions):
            strength = evidence.strength(donors[number], control[number])
            found.append(Candidate(source, region, strength, min(1.0, float(p[number]))))
            screened.append((donors[number], control[number]))
    chosen = choosing.candidates(found, screened)
    rows = {position: (trials[one.source].donors, trials[one.source].control) for position, one in enumerate(found)}
    for position in chosen:
        rows[position], screened[position] = _whole(request, trials[found[position].source], found[position].region)
    described = [_described(found[position], request) for position in chosen]
    for one_region in described:
        log.info("repeat %d: %s of class '%s': %.2f against %.2f", samples.repeat, *(one_region[key] for key in SHOWN))
    columns = _columns(request, found, rows, screened)
    return columns, {"sources": [request.manifest.classes[source] for source in classes], "regions": described}


SHOWN = ("region", "source", "top", "control")


def _whole(request: Request, one: Trial, region: Region) -> tuple[Flips, Flips]:
    """Return the rows of all donors of a class and of many controls, and their flips by one region."""
    samples = request.samples
    train = samples.rows("train")
    donors, others = train[samples.label[train] == one.source], train[samples.label[train] != one.source]
    rng = seeds.generator(seeds.TRANSPLANTS, samples.repeat, "control", one.source)
    control = np.sort(rng.permutation(others)[:CONTROL])
    of_donors, of_control = (choosing.shares(request, [region], one, rows)[0] for rows in (donors, control))
    return (donors, control), (of_donors, of_control)


def _described(one: Candidate, request: Request) -> dict[str, Any]:
    return {
        "source": request.manifest.classes[one.source],
        "region": one.region.name,
        "top": one.strength.top,
        "control": one.strength.control,
        "log_ratio": one.strength.log_ratio,
        "p": one.p,
    }


def _columns(request: Request, found: list[Candidate], rows: dict[int, Flips], shares: list[Flips]) -> dict[str, np.ndarray]:
    parts: dict[str, list[Any]] = {name: [] for name in COLUMNS if name != "repeat"}
    for position, one in enumerate(found):
        for control in (False, True):
            of, share = rows[position][control], shares[position][control]
            parts["source"].append(np.full(len(of), one.source, dtype=np.int16))
            parts["region"].append(np.full(len(of), one.region.name, dtype=object))
            parts["sample_id"].append(request.samples.sample_id[of])
            parts["control"].append(np.full(len(of), control))
            parts["share"].append(share)
    return {name: np.concatenate(values) for name, values in parts.items()}
