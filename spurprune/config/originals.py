"""Settings by their original names: those of the public code of Yang, Chou and Chaudhuri (2022), such as ``mnistv20-3-0-4``.

A name is dataset, version of the pattern, number of patterned training images, their class, and the seed that draws both the images and
the pattern. MNIST and Fashion-MNIST may do without a version, which means v1; ``twoclassmnistv20-3-0-1-4`` patterns images of two classes.
"""

import re
from typing import Any

from spurprune.config.known import shown
from spurprune.data.registry import registry
from spurprune.errors import ConfigError

DATASETS = {"mnist": "mnist", "fashion": "fashion_mnist", "cifar10": "cifar10"}
VERSIONS = ("v1", "v3", "v8", "v18", "v19", "v20", "v30")
IN_WORDS = "DATASETVERSION-COUNT-CLASS-SEED, such as cifar10v8-3-0-0, or twoclassmnistVERSION-COUNT-CLASS-CLASS-SEED"
NAME = re.compile(
    rf"(?:(?P<one>{'|'.join(DATASETS)})|twoclass(?P<two>mnist))(?P<version>v[0-9a-z]+)?"
    r"-(?P<count>[0-9]{1,6})-(?P<class>[0-9])(?(two)-(?P<other>[0-9]))-(?P<seed>[0-9]{1,9})"
)


def keys_of(setting: str, name: Any) -> dict[str, Any]:
    """Return the keys of a setting that an original name stands for; raises ConfigError, naming the ``setting``, if it is none."""
    found = NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        raise ConfigError(f"{setting}.original is {shown(name)}, which is not an original name; write {IN_WORDS}.")
    dataset = found["one"] or found["two"]
    version = found["version"] or (None if dataset == "cifar10" else "v1")
    if version not in VERSIONS:
        lacking = "no version, which cifar10 needs" if version is None else f"the version {version}"
        raise ConfigError(f"{setting}.original is '{name}', which has {lacking}; use one of {', '.join(VERSIONS)}.")
    entry = registry()[DATASETS[dataset]]
    assert entry.classes is not None
    first, seed = entry.classes[int(found["class"])], int(found["seed"])
    carriers = {"choose": "random_state", "count": int(found["count"]), "class": first, "seed": seed}
    if found["other"] is not None:
        if found["other"] == found["class"]:
            raise ConfigError(f"{setting}.original is '{name}', which names one class twice; name two.")
        carriers["also"] = [entry.classes[int(found["other"])]]
    return {
        "dataset": DATASETS[dataset],
        "image_size": entry.image_size,
        "overlay": {"name": "pattern", "attribute": "pattern", "pattern": version, "seed": seed},
        "carriers": carriers,
        "probe": {"source": first, "target": "others"},
    }
