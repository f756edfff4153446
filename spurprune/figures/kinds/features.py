"""The test samples in the first two principal components of networks' features: class by shape, an attribute by colour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spurprune.config import methods
from spurprune.config.known import require_known
from spurprune.dag import files
from spurprune.data.views import NATURAL
from spurprune.errors import ConfigError
from spurprune.figures import style
from spurprune.figures.base import Drawing, Material, Spec
from spurprune.figures.kind import METHODS, TEXT, Configuration, Item, Kind, Runs, Study, repeats_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def blocks_of(item: Item, study: Study) -> list[str]:
    """Return the block with the item's repeat."""
    return [block for block in study["blocks"] if item["repeat"] in repeats_of(block)]


def runs_of(item: Item, study: Study, config: Configuration) -> Runs:
    """Return the run of every method on its own plan."""
    named = item.get("methods", study["methods"])
    return [
        (item["setting"], name, methods.plan_of(name, config.methods[name]), block) for name in named for block in blocks_of(item, study)
    ]


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for a repeat that is not in the study, an unknown attribute, or a method without a network of its own."""
    if not blocks_of(item, study):
        raise ConfigError(
            f"{key}.repeat is {item['repeat']}, which is in none of the study's blocks; name one from {', '.join(study['blocks'])}."
        )
    setting = config.settings[item["setting"]]
    overlaid = None if setting["overlay"] is None else setting["overlay"]["attribute"]
    known = [one for one in setting["groups"] if one != overlaid]
    require_known(item["attribute"], known, f"{key}.attribute: '{item['attribute']}'", f"attribute among the groups of '{item['setting']}'")
    for name in item.get("methods", study["methods"]):
        require_known(name, config.methods, f"{key}.methods: '{name}'", "method")
        if files.is_refinement(name, config.methods):
            raise ConfigError(f"{key}.methods: '{name}' fits a last layer, so its features are those of '{config.methods[name]['from']}'.")


KIND = Kind(
    "Test samples in the first two principal components of networks' features, class by shape, an attribute by colour.",
    reads=("embeddings", "samples", "manifests"),
    required={"setting": TEXT, "repeat": {"type": "integer", "minimum": 0, "maximum": 999}, "attribute": TEXT},
    optional=METHODS,
    blocks=blocks_of,
    runs_of=runs_of,
    check=check,
)
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#8C3A78", "#E69F00", "#767676", "#000000", "#B0B0B0")
FEWEST = 3  # points that span a plane
MOST = 1_500  # points drawn, and compared by their silhouettes, of each network


@dataclass(frozen=True)
class Point:
    """A test sample in a network's two first principal components; ``label`` and ``value`` are the names of its class and attribute."""

    method: str
    sample_id: int
    label: str
    value: str
    first: float
    second: float


@dataclass(frozen=True)
class Seen:
    """One network's features of some test samples: ``place`` float [N, 2], their components, ``shares`` [2] of the variance.

    ``of_class`` and ``of_attribute`` are mean silhouettes by cosine distance of the features [N, D], NaN if all samples are of one value
    or each of its own.
    """

    place: np.ndarray
    shares: np.ndarray
    of_class: float
    of_attribute: float


def make(material: Material, spec: Spec) -> Drawing:
    """Draw a panel for every method, each with the components of its own features."""
    from spurprune.data import embedding  # imported here, since planning does not need pyarrow
    from spurprune.storage import schemas

    setting, repeat, attribute = (spec.options[key] for key in ("setting", "repeat", "attribute"))
    samples = material.samples[setting][repeat]
    manifest = material.manifests[spec.settings[setting].dataset]
    values = next(one.values for one in manifest.attributes if one.name == attribute)
    test = samples.rows("test")
    test = test[samples.attributes[attribute][test] >= 0]
    test = test[np.unique(np.linspace(0, len(test) - 1, min(len(test), MOST)).astype(np.int64))]
    label, value = samples.label[test], samples.attributes[attribute][test]
    seen: dict[str, Seen | None] = dict.fromkeys(spec.methods)
    for method in spec.methods if len(test) >= FEWEST else ():
        path = material.embeddings[setting, method, repeat]
        found = embedding.read(path, repeat, schemas.TEST_EMBEDDING)
        rows = found.rows("test", NATURAL)
        position = dict(zip(found.sample_id[rows].tolist(), rows.tolist(), strict=True))
        seen[method] = look(found.features[[position[one] for one in samples.sample_id[test].tolist()]], label, value)
    points = [
        Point(method, int(sample), manifest.classes[a], values[b], float(x), float(y))
        for method, one in seen.items()
        if one is not None
        for sample, a, b, (x, y) in zip(samples.sample_id[test], label, value, one.place, strict=True)
    ]
    return Drawing(points, draw(seen, label, value, manifest.classes, values, spec), findings(seen, attribute, spec))


def look(features: np.ndarray, label: np.ndarray, value: np.ndarray) -> Seen:
    """Return what is shown of the features, float [N, D], of samples with these labels and attribute values, int [N] each."""
    from sklearn.decomposition import PCA
    from sklearn.metrics import silhouette_score

    pca = PCA(2, svd_solver="full")
    place = pca.fit_transform(features.astype(np.float64))
    length = np.linalg.norm(features, axis=1) > 0
    silhouettes = [
        float(silhouette_score(features[length], of[length], metric="cosine"))
        if 1 < len(np.unique(of[length])) < length.sum()
        else math.nan
        for of in (label, value)
    ]
    return Seen(place, pca.explained_variance_ratio_, *silhouettes)


def draw(
    seen: Mapping[str, Seen | None], label: np.ndarray, value: np.ndarray, classes: Sequence[str], values: Sequence[str], spec: Spec
) -> Figure:
    """Draw the networks' panels side by side, at most three in a row; None stands for a network of which nothing can be shown."""
    columns = min(3, len(seen))
    lines = -(-len(seen) // columns)
    side = style.PAGE / 3 if columns > 1 else style.COLUMN
    figure = style.new_figure(side * columns, lines * (side + 0.1) + 0.5)
    grid = figure.subplots(lines, columns, squeeze=False)
    letters = style.letters()
    for (method, one), axes in zip(seen.items(), grid.flat, strict=False):
        if one is None:
            style.message(axes, "nothing measured")
        else:
            _panel(axes, one, label, value)
        title = method if len(seen) > 1 else spec.settings[spec.options["setting"]].description
        style.panel_title(axes, next(letters), title, side)
    for axes in grid.flat[len(seen) :]:
        axes.set_axis_off()
    looks = {f"{classes[a]}, {values[b]}": _look(a, b) for a in np.unique(label).tolist() for b in np.unique(value).tolist()}
    style.legend(figure, looks, columns=4 if columns == 3 else 2, short=True)
    style.note(figure, f"{len(label):,} test samples, repeat {spec.options['repeat']}")
    return figure


def _look(label: int, value: int) -> style.Look:
    return style.Look(COLOURS[value % len(COLOURS)], MARKERS[label % len(MARKERS)], "")


def _panel(axes: Axes, one: Seen, label: np.ndarray, value: np.ndarray) -> None:
    for a in np.unique(label).tolist():
        for b in np.unique(value).tolist():
            which = (label == a) & (value == b)
            found = _look(a, b)
            axes.scatter(one.place[which, 0], one.place[which, 1], s=7, color=found.colour, marker=found.marker, alpha=0.55, linewidths=0)
    first, second = (f"{100 * share:.0f}%" for share in one.shares)
    axes.set_xlabel(f"Component 1 ({first} of variance)")
    axes.set_ylabel(f"Component 2 ({second})")


def findings(seen: Mapping[str, Seen | None], attribute: str, spec: Spec) -> list[str]:
    """Return a sentence per network on how strongly its features cluster by the attribute and by class."""
    where, found = spec.settings[spec.options["setting"]].description, []
    for method, one in seen.items():
        said = (
            f"the mean silhouette of test features is {one.of_attribute:.2f} by {attribute} and {one.of_class:.2f} by class" if one else ""
        )
        text = said or f"{attribute} is known of fewer than {FEWEST} test samples, too few to show"
        found.append(f"{spec.titled(where, method)}: {text}.")
    return found
