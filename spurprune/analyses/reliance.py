"""Reliance of a run's networks on regions: the share of held-out samples that a transplanted region turns into the source class.

It is measured for the suspects of every region by which a partition suspects some, and, as a map, for the top tenths of donors and controls
of every region; which of them are drawn depends neither on the plan nor on the network. Recipients are samples of other classes, of the
test split or of that in the option ``split``, that the network gets right. With ``regions: suspected`` the suspects alone are measured.
"""

from typing import Any

import numpy as np

from spurprune import seeds
from spurprune.training.analysis import Request
from spurprune.transplants import choosing, evidence
from spurprune.transplants.choosing import Trial

OPTIONS = {
    "from": {"type": "string"},
    "plan": {"type": "string", "default": "none"},
    "partition": {"type": "string"},
    "donors": {"type": "integer", "minimum": 10, "maximum": 100_000, "default": 60},
    "recipients": {"type": "integer", "minimum": 5, "maximum": 10_000, "default": 60},
    "split": {"enum": ["validation", "test"], "default": "test"},
    "regions": {"enum": ["all", "suspected"], "default": "all"},
}
PARTITION = "suspects"
COLUMNS = {"repeat": "int16", "source": "string", "region": "string", "donors": "string", "n": "int32", "share": "float64"}
KEY = ("repeat", "source", "region", "donors")
BOUNDS = {"n": (1, 2**31), "share": (0, 1)}
EVERY_REPEAT = False  # nobody may be suspected
DRAWN, CONTROL, SUSPECTS = "drawn", "control", "suspects"  # the values of the column donors
MOST_SUSPECTS = 200  # whose flips are averaged


def analyse(request: Request) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the share of flipped recipients by source, region and kind of donors: suspects' mean, the others' mean of the top tenth."""
    assert request.part is not None and request.of_parts is not None
    options, samples, manifest = request.options, request.samples, request.manifest
    train = samples.rows("train")
    general = choosing.regions_of(manifest, request.bench.setting["crop_size"])
    trials: dict[str, Trial] = {}
    rows: list[tuple[str, str, str, int, float]] = []
    for name in request.of_parts["sources"]:
        source = manifest.class_index(name)
        one = trials[name] = choosing.trial(request, source, options["split"], options["donors"], options["recipients"])
        for kind, donors in ((DRAWN, one.donors), (CONTROL, one.control)) if options["regions"] == "all" else ():
            shares = evidence.top_mean(choosing.shares(request, general, one, donors))
            rows.extend((name, region.name, kind, len(donors), float(share)) for region, share in zip(general, shares, strict=True))
    for suspected in request.of_parts["regions"]:
        members = train[request.part == suspected["part"]]
        rng = seeds.generator(seeds.TRANSPLANTS, samples.repeat, SUSPECTS, suspected["part"])
        members = np.sort(rng.permutation(members)[:MOST_SUSPECTS])
        if len(members):
            region = choosing.named(suspected["region"], manifest, request.bench.setting["crop_size"])
            share = choosing.shares(request, [region], trials[suspected["source"]], members).mean()
            rows.append((suspected["source"], region.name, SUSPECTS, len(members), float(share)))
    names = [name for name in COLUMNS if name != "repeat"]
    if not rows:
        return {name: np.empty(0, dtype=object) for name in names}, {}
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}, {}
