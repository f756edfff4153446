"""On which regions networks rely for a class, before and after pruning suspects, with the verdicts of the cure test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spurprune.errors import ConfigError
from spurprune.evaluation.statistics import Estimate, bounded, estimate
from spurprune.figures import style
from spurprune.figures.base import Drawing, Material, Spec, repeats_note
from spurprune.figures.kind import TEXT, Configuration, Item, Kind, Runs, Study
from spurprune.transplants.measured import DRAWN, SUSPECTS, Shares, excess, pixels, shares_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from spurprune.transplants.cure import Verdict

ROLES = ("before", "after", "control")
RELIANCE = "reliance"  # the kind of the analyses shown
SHOWN = 6  # regions of a class in the panel of dots
TITLES = {"before": "all samples", "after": "hardest pruned"}
LEAST_SCALE = 0.05  # so that maps of no reliance do not show noise
NOBODY = "nobody is suspected"
LOOKS = {"before": style.OTHERS, "after": style.HARDEST, "control": style.RANDOM}
LABELS = {"before": "all samples", "after": "hardest suspects pruned", "control": "random suspects pruned"}


def named(item: Item) -> list[str]:
    """Return the analyses that the figure shows."""
    return [item[role] for role in ROLES]


def runs(item: Item, study: Study, config: Configuration) -> Runs:
    """Return the runs whose networks the analyses look at, and whose accuracy the verdicts go by."""
    shown = [config.settings[item["setting"]]["analyses"][name] for name in named(item)]
    return [(item["setting"], one["from"], one["plan"], block) for one in shown for block in study["blocks"]]


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError unless the three analyses are of reliance, of one method and by one partition."""
    known = config.settings[item["setting"]]["analyses"]
    for role in ROLES:
        if known.get(item[role], {}).get("kind") != RELIANCE:
            fitting = [name for name, block in known.items() if block["kind"] == RELIANCE]
            raise ConfigError(
                f"{key}.{role} is '{item[role]}', which is no analysis of kind {RELIANCE} of '{item['setting']}'; name one of "
                f"{', '.join(fitting) or 'them once the setting has some'}."
            )
    for option in ("from", "partition"):
        values = list(dict.fromkeys(known[item[role]][option] for role in ROLES))
        if len(values) > 1:
            raise ConfigError(f"{key} compares analyses that differ in '{option}' ({', '.join(values)}); name analyses of one.")


KIND = Kind(
    "On which regions networks rely for a class, before and after pruning suspects, with the verdicts of the cure test.",
    reads=("analyses", "metrics", "manifests"),
    required={"setting": TEXT, "before": TEXT, "after": TEXT, "control": TEXT},
    check=check,
    runs_of=runs,
    described=lambda item, study, config: {
        "plans": [config.settings[item["setting"]]["analyses"][name]["plan"] for name in named(item)],
        "method": config.settings[item["setting"]]["analyses"][item["before"]]["from"],
    },
    shown_analyses=named,
)


@dataclass(frozen=True)
class ReliancePoint:
    """Reliance on a region of a class: of drawn donors the top tenth's in excess of the controls', of suspects their mean."""

    source: str
    region: str
    donors: str
    samples: str
    value: float
    low: float
    high: float
    n: int


def make(material: Material, spec: Spec) -> Drawing:
    """Draw for every class maps of reliance before and after pruning, of images, and the regions on which most depends."""
    from spurprune.transplants import cure

    name = spec.options["setting"]
    shares = {role: shares_of(material.analyses.get((name, spec.options[role]), {})) for role in ROLES}
    numbers = [
        _point(source, region, donors, LABELS[role], values)
        for role in ROLES
        for (source, region, donors), values in excess(shares[role]).items()
    ]
    plans = dict(zip(ROLES, spec.options.get("plans", ("none",) * 3), strict=True))
    accuracy: dict[str, dict[int, float]] = {}
    for role in ROLES:
        values = material.metrics.values("accuracy", setting=name, method=spec.options.get("method", "erm"), plan=plans[role])
        accuracy[role] = dict(zip(values.index.tolist(), values.tolist(), strict=True))
    suspected = sorted((source, region) for source, region, donors in shares["before"] if donors == SUSPECTS)
    measured = [
        cure.Measured(source, region, *(shares[role].get((source, region, SUSPECTS), {}) for role in ROLES)) for source, region in suspected
    ]
    verdicts = cure.judge(
        [one for one in measured if one.hardest and one.random], accuracy["before"], accuracy["after"], len(repeats(shares))
    )
    figure = draw(numbers, verdicts, material, spec)
    return Drawing(numbers, figure, findings(verdicts))


def repeats(shares: Mapping[str, Shares]) -> set[int]:
    """Return the repeats in which anything was measured."""
    return {repeat for values in shares["before"].values() for repeat in values}


def _point(source: str, region: str, donors: str, samples: str, values: Mapping[int, float]) -> ReliancePoint:
    one = estimate(np.array(list(values.values())))
    return ReliancePoint(source, region, donors, samples, one.mean, one.low, one.high, one.n)


def findings(verdicts: Sequence[Verdict]) -> list[str]:
    """Return how many shortcuts were found and which, then every verdict but of regions that are seldom suspected, shortcuts first."""
    if not verdicts:
        return ["No shortcut was found: no region is suspected."]
    ordered = sorted(verdicts, key=lambda one: (one.failed, -one.before))
    named = [f"{one.region} of class {one.source} ({one.before:.0%} to {one.hardest:.0%})" for one in ordered if one.is_shortcut]
    found = "no shortcut" if not named else f"{len(named)} shortcut{'s' * (len(named) > 1)}: {', '.join(named)}"
    regions = f"{len(verdicts)} region{'s' * (len(verdicts) > 1)}"
    summary = f"Without a hint at the feature, the transplant test suspects {regions}, and the cure test finds {found}."
    seldom = sum(one.is_seldom for one in verdicts)
    left = [f"{seldom} of the regions {'is' if seldom == 1 else 'are'} suspected in too few repeats to be tested."] if seldom else []
    return [summary, *(one.sentence for one in ordered if not one.is_seldom), *left]


def draw(numbers: Sequence[ReliancePoint], verdicts: Sequence[Verdict], material: Material, spec: Spec) -> Figure:
    """Draw one row of panels for every class: for images the maps before and after, and the regions on which most depends."""
    sources = list(dict.fromkeys(point.source for point in numbers)) or [""]
    info = spec.settings[spec.options["setting"]]
    manifest = material.manifests[info.dataset]
    masks = _masks(manifest.shape, info.crop_size) if manifest.kind == "images" else {}
    figure = style.new_figure(style.PAGE, 2.2 * len(sources) + 0.5)
    grid = figure.subplots(len(sources), 3 if masks else 1, squeeze=False, width_ratios=[1, 1, 2.2] if masks else None)
    maps = {(source, role): pixels(_drawn(numbers, source, role), masks) for source in sources for role in ("before", "after") if masks}
    highest = max([LEAST_SCALE, *(float(np.nanmax(one)) for one in maps.values() if np.isfinite(one).any())])
    for row, source in zip(grid, sources, strict=True):
        for axes, role in zip(row[:-1], ("before", "after"), strict=False):
            image = _map(axes, maps[source, role], highest, TITLES[role])
            if role == "before":
                axes.set_ylabel(style.label("class {source}", source=source))
            elif source == sources[-1]:
                figure.colorbar(image, ax=list(row[:-1]), location="bottom", shrink=0.8, label="Reliance, mean of the areas (%)")
        mine = [point for point in numbers if point.source == source]
        _dots(row[-1], mine, [one for one in verdicts if one.source == source], source)
    style.legend(figure, {LABELS[role]: LOOKS[role] for role in ROLES})
    seldom = {(one.source, one.region) for one in verdicts if one.is_seldom}
    shown = [point for point in numbers if point.donors != SUSPECTS or (point.source, point.region) not in seldom]
    style.note(figure, repeats_note(Estimate(point.value, point.low, point.high, point.n) for point in shown))
    return figure


def _masks(shape: Sequence[int], crop: int | None) -> dict[str, np.ndarray]:
    from spurprune.transplants import areas

    return areas.of_images(shape[-2], shape[-1], crop)


def _drawn(numbers: Sequence[ReliancePoint], source: str, role: str) -> dict[str, float]:
    """Return the reliance of a class on each region by its drawn donors."""
    wanted = (source, DRAWN, LABELS[role])
    return {point.region: point.value for point in numbers if (point.source, point.donors, point.samples) == wanted}


def _map(axes: Axes, values: np.ndarray, highest: float, title: str) -> AxesImage:
    image = axes.imshow(100 * values, vmin=0, vmax=100 * highest, cmap="cividis", interpolation="nearest")
    axes.set_title(title)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    return image


def _dots(axes: Axes, points: Sequence[ReliancePoint], verdicts: Sequence[Verdict], source: str) -> None:
    """Draw the reliance on suspected regions, then on those on which most depends without pruning, by the samples trained on."""
    before = {point.region: point.value for point in points if point.donors == DRAWN and point.samples == LABELS["before"]}
    tested = [one for one in verdicts if not one.is_seldom]
    suspected = [(one.region, SUSPECTS) for one in sorted(tested, key=lambda one: (one.failed, -one.before))]
    others = [(region, DRAWN) for region in sorted(before, key=lambda region: -before[region])]
    rows = [*suspected, *others[: max(0, SHOWN - len(suspected))]]
    shortcuts = {one.region for one in verdicts if one.is_shortcut}
    names = [
        f"{style.shortened(region)}{', suspects' if donors == SUSPECTS else ''}{' ★' if donors == SUSPECTS and region in shortcuts else ''}"
        for region, donors in rows
    ]
    for offset, role in zip((-0.2, 0.0, 0.2), ROLES, strict=True):
        look = LOOKS[role]
        by_row = {(point.region, point.donors): point for point in points if point.samples == LABELS[role]}
        for place, key in enumerate(rows):
            point = by_row.get(key)
            if point is None:
                continue
            one = bounded(Estimate(point.value, point.low, point.high, point.n), low=-1.0)
            axes.plot([100 * one.low, 100 * one.high], [place + offset] * 2, color=look.colour, linewidth=1)
        found = [(100 * by_row[key].value, place + offset) for place, key in enumerate(rows) if key in by_row]
        across, down = zip(*found, strict=True) if found else ((), ())
        axes.plot(across, down, look.marker, color=look.colour, linestyle="none")
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(style.label("Reliance on a region for {source} (%)", source=f"class {source}"))
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    if not suspected:
        axes.set_title(NOBODY)
