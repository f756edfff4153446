"""What advice says to readers: the recommendation in a paragraph, the diagnosis as Markdown, the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spurprune.advice import chart, evidence, lists, maps
from spurprune.advice.choices import Choice, percent
from spurprune.advice.cues import wording
from spurprune.advice.cues.gathering import Cues
from spurprune.advice.diagnosis import Diagnosis, sentences
from spurprune.advice.evidence import ACCURACY, RELIANCE, Evidence, Row
from spurprune.advice.lists import Listed
from spurprune.advice.material import Material
from spurprune.advice.page import Card, Chart, Gallery, Grid, Page
from spurprune.advice.recommendation import Trial
from spurprune.advice.shown import Show, png_address
from spurprune.advice.tallies import GROUPS
from spurprune.data.inputs import Manifest
from spurprune.evaluation.statistics import Estimate, bounded
from spurprune.pruning import plan as plans
from spurprune.storage.escaping import markdown

PER_CLASS = 24  # of the hardest samples, shown
PER_REGION = 24  # suspects
PER_CLUSTER = 8
MOST_PICTURES = 600  # on a page, which else would load slowly
MOST_LISTED = 100_000  # samples in the page's table
LEAST_SHOWN = 2  # samples of a gallery at least, however many there are
NOTHING_HELPS = "Do not prune: nothing here shows that it helps."


@dataclass(frozen=True)
class Advised:
    """All that advice has found: what was judged, what is recommended (None if nothing is), the samples, which to ``drop``, hints."""

    title: str
    choices: Sequence[Choice]
    trials: Sequence[Trial]
    chosen: Trial | None
    samples: Listed
    drop: np.ndarray
    mislabelled: np.ndarray
    diagnosis: Diagnosis
    cues: Cues


def paragraph(found: Advised, gathered: Evidence) -> str:
    """Return the recommendation."""
    if found.chosen is None:
        tried = "; ".join(f"{one.choice.words}: {one.words}" for one in found.trials)
        return f"{NOTHING_HELPS} On the validation split, {tried}." if tried else NOTHING_HELPS
    one = found.chosen
    before, after, random = (_reached(gathered, one, plan) for plan in (plans.NO_PRUNING, one.choice.plan, one.choice.control))
    change = gathered.difference(ACCURACY, one.choice.plan, plans.NO_PRUNING)
    labels = "Group labels of validation samples were used for this" if one.target.kind == GROUPS else "No group labels were used for this"
    return (
        f"Drop {of_shortcuts(one)}: {int(found.drop.sum()):,} of {len(found.drop):,} training samples, listed in drop.csv. On the "
        f"validation split, {one.target_words} {'falls' if one.region else 'rises'} from {before} to {after} (by {_amount(one.gain)} "
        f"points, p = {one.p:.2g}, corrected for the {len(found.trials)} tests made), and comes to {random} if as many random ones are "
        f"dropped; accuracy changes by {_points(change)} points. {labels}.{test_sentence(gathered, one)}"
    )


def of_shortcuts(one: Trial) -> str:
    """Return what a trial's choice drops; of the suspects, those of the regions that are shortcuts."""
    if one.choice.partition is None:
        return one.choice.words
    regions = ", ".join(f"{region} for class {source}" for source, region in one.cured)
    return f"the hardest {percent(one.choice.sparsity)} of the suspects of {regions}"


def _reached(gathered: Evidence, one: Trial, plan: str) -> str:
    """Return a trial's target with one plan, as a percentage."""
    if one.region is None:
        return _share(gathered.mean(one.target, plan).mean)
    return f"{_mean(gathered.shares.get((one.target.name, plan), {}).get(one.region, {}))}%"


def test_sentence(gathered: Evidence, one: Trial) -> str:
    """Return what the recommended choice reaches on the test split, beside no pruning; empty without test samples."""
    pairs = [
        (measure.words, gathered.mean(measure, plans.NO_PRUNING, "test"), gathered.mean(measure, one.choice.plan, "test"))
        for measure in gathered.measures
        if measure.kind != RELIANCE
    ]
    shown = [f"{words} {_share(before.mean)} before, {_share(after.mean)} after" for words, before, after in pairs if before.n and after.n]
    return f" On the test split, which chose nothing: {'; '.join(shown)}." if shown else ""


def diagnosis_markdown(found: Advised, classes: Sequence[str], advice: str) -> str:
    """Return the diagnosis as Markdown."""
    lines = "".join(f"- {markdown(line)}\n" for line in sentences(found.diagnosis))
    sizes = "".join(
        f"\n## {markdown(one.what[:1].upper() + one.what[1:])}\n\n| part | training samples |\n|---|---|\n"
        + "".join(f"| {markdown(name)} | {size:,} |\n" for name, size in one.sizes.items())
        for one in found.diagnosis.balances
    )
    hints = "".join(f"- {markdown(line)}\n" for line in wording.sentences(found.cues, classes))
    cues = f"\n## {wording.HEADING}\n\n{markdown(wording.note(found.cues))}\n{f'{chr(10)}{hints}' if hints else ''}"
    return f"# {markdown(found.title)}\n\n{markdown(advice)}\n\n## Diagnosis\n\n{lines}{cues}{sizes}"


def page_of(found: Advised, material: Material, keys: Sequence[str], show: Show, manifest: Manifest, advice: str, crop: int | None) -> Page:
    """Return the page."""
    gathered, chosen = material.evidence, found.chosen
    cards = _Cards(found, keys, show, manifest)
    tested = None
    if chosen is not None:
        rows = evidence.rows(gathered, [chosen.choice], "test")
        tested = _evidence_grid(rows, chosen) if rows else None
    count = len(found.samples.sample_id)
    listed = f"The {MOST_LISTED:,} hardest of {count:,} training samples" if count > MOST_LISTED else f"All {count:,} training samples"
    return Page(
        title=found.title,
        advice=advice,
        is_pruning=chosen is not None,
        applies=(
            "drop.csv and keep.csv hold what to drop and to keep, samples.parquet everything that is known of every sample. Evidence is of "
            "plans that each repeat made by its own difficulty; the lists go by the mean over repeats."
        ),
        chart=_chart(gathered, found.choices),
        evidence=_evidence_grid(evidence.rows(gathered, found.choices), chosen),
        evidence_notes=(
            f"Means over {len(gathered.repeats)} repeats with 95% intervals; differences, in percentage points, are paired by repeat. "
            f"Worst classes and groups are those of at least {evidence.LEAST} samples of the split. Inferred groups of validation and test "
            "samples are those of the nearest mean of training samples of their class, in the features of the network without pruning.",
            *([] if not _has_reliance(gathered) else ["Reliance is the share of validation samples that a suspected region turns."]),
        ),
        tested=tested,
        maps=maps.of_material(material, manifest, crop, _plan_words(found.choices)),
        regions=_regions(found, gathered),
        diagnosis=sentences(found.diagnosis),
        cues=wording.grid(found.cues, material.classes),
        cues_note=wording.note(found.cues),
        hardest=_hardest(found, material.classes, cards),
        suspects=_suspects(found, cards),
        clusters=_clusters(found, material, cards),
        samples=table(found, material.classes, keys),
        samples_note=f"{listed}, the hardest first; difficulty is the mean over repeats.",
    )


def _plan_words(choices: Sequence[Choice]) -> dict[str, str]:
    words = {plans.NO_PRUNING: "nothing pruned"}
    for one in choices:
        words |= {one.plan: f"pruned: {one.words}", one.control: f"pruned: {evidence.at_random(one)}"}
    return words


def _chart(gathered: Evidence, choices: Sequence[Choice]) -> Chart | None:
    shown = chart.panels(gathered, choices)
    return Chart(png_address(chart.drawn(shown)), chart.words(shown)) if shown else None


def _has_reliance(gathered: Evidence) -> bool:
    return any(one.kind == RELIANCE for one in gathered.measures)


def _evidence_grid(rows: Sequence[Row], chosen: Trial | None) -> Grid:
    """Return the evidence with a line for every plan and a column for every measure, whose cells hold the mean and its differences."""
    plan = None if chosen is None else chosen.choice.plan
    measures = list(dict.fromkeys(one.measure for one in rows))
    pruned = dict.fromkeys((one.plan, one.pruned) for one in rows)
    by_place = {(one.plan, one.measure): one for one in rows}
    lines = [(words, *(_cell(by_place.get((name, measure))) for measure in measures)) for name, words in pruned]
    chosen_lines = frozenset(place for place, (name, _) in enumerate(pruned) if name == plan)
    return Grid(("pruned", *measures), lines, numbers=frozenset(range(1, len(measures) + 1)), chosen=chosen_lines)


def _cell(one: Row | None) -> tuple[str, ...]:
    if one is None:
        return ("–",)
    against = (("nothing", one.from_none), ("random", one.from_random))
    return (_percent(one.value), *(f"{_points(value)} to {what}" for what, value in against if value.n))


def _regions(found: Advised, gathered: Evidence) -> Grid | None:
    """Return reliance on every suspected region by what is pruned; None if nobody is suspected."""
    rows = []
    for choice in found.choices:
        if choice.partition is None:
            continue
        before, after, random = (
            gathered.shares.get((choice.partition, plan), {}) for plan in (plans.NO_PRUNING, choice.plan, choice.control)
        )
        for source, region in sorted(before):
            values = [_mean(of.get((source, region), {})) for of in (before, after, random)]
            rows.append((f"{region} for class {source}", f"{len(before[source, region])}", choice.words, *values))
    header = ("region", "repeats", "pruned", "nothing pruned (%)", "hardest pruned (%)", "random pruned (%)")
    return Grid(header, rows, numbers=frozenset({1, 3, 4, 5})) if rows else None


def _mean(by_repeat: Mapping[int, float]) -> str:
    return f"{100 * np.mean(list(by_repeat.values())):.1f}" if by_repeat else "–"


class _Cards:
    """Makes the cards of samples, given by their place in the list, with pictures as long as the page has room for them."""

    def __init__(self, found: Advised, keys: Sequence[str], show: Show, manifest: Manifest) -> None:
        self._found, self._keys, self._show = found, keys, show
        self.classes = manifest.classes

    def of(self, places: Sequence[int]) -> list[Card]:
        return [self._card(place) for place in places]

    def _card(self, place: int) -> Card:
        samples = self._found.samples
        row = int(samples.sample_id[place])
        marks = [word for word, is_so in (("drop", self._found.drop[place]), ("label?", self._found.mislabelled[place])) if is_so]
        picture, text = self._show(row)
        return Card(self._keys[row], picture, text, marks, bool(self._found.drop[place]))


def _each(galleries: int, most: int) -> int:
    """Return how many samples each of some galleries shows, so that together they are not too many."""
    return max(LEAST_SHOWN, min(most, MOST_PICTURES // 3 // max(1, galleries)))


def _hardest(found: Advised, classes: Sequence[str], cards: _Cards) -> list[Gallery]:
    samples = found.samples
    galleries = []
    present = np.unique(samples.label).tolist()
    shown = _each(len(present), PER_CLASS)
    for value in present[: MOST_PICTURES // LEAST_SHOWN]:
        members = np.flatnonzero(samples.label == value)
        hardest = members[np.argsort(-samples.rank[members])][:shown].tolist()
        counts = "; ".join(f"{one.words}: {int((lists.dropped(samples, one) & (samples.label == value)).sum()):,}" for one in found.choices)
        galleries.append(Gallery(classes[value], f"{len(members):,} training samples. Dropped with {counts}.", cards.of(hardest)))
    return galleries


def _suspects(found: Advised, cards: _Cards) -> list[Gallery]:
    samples = found.samples
    named = sorted({one for one in samples.region if one is not None})
    galleries = []
    for source, region in named:
        members = np.array([place for place, one in enumerate(samples.region) if one == (source, region)])
        hardest = members[np.argsort(-samples.rank[members])][: _each(len(named), PER_REGION)].tolist()
        note = f"{len(members):,} suspects, the hardest first: their {region} turns samples of other classes into {source}."
        galleries.append(Gallery(f"{region} for class {source}", note, cards.of(hardest)))
    return galleries


def _clusters(found: Advised, material: Material, cards: _Cards) -> list[Gallery]:
    first, galleries = material.first, []
    where = np.searchsorted(found.samples.sample_id, first.sample_id)
    parts = [(name, number) for name, part in first.parts.items() for number in np.unique(part).tolist()]
    for name, number in parts[: MOST_PICTURES // LEAST_SHOWN]:
        members = where[first.parts[name] == number]
        spread = np.linspace(0, len(members) - 1, min(len(members), _each(len(parts), PER_CLUSTER))).astype(int)
        by_rank = members[np.argsort(-found.samples.rank[members])]
        label = material.names[name][number]
        galleries.append(
            Gallery(f"{name}: {label}", f"{len(members):,} training samples of the first repeat.", cards.of(by_rank[spread].tolist()))
        )
    return galleries


def table(found: Advised, classes: Sequence[str], keys: Sequence[str]) -> dict[str, object]:
    """Return the columns of the page's table, the hardest samples first; ``levels`` say by which column and place a choice drops."""
    samples = found.samples
    order = np.lexsort((samples.sample_id, -samples.difficulty))[:MOST_LISTED]
    regions = sorted({one for one in samples.region if one is not None})
    columns = {"every": [one for one in found.choices if one.partition is None]}
    for one in found.choices:
        if one.partition is not None:
            columns.setdefault(f"of {one.partition}", []).append(one)
    least = {name: _least(samples, of)[order].tolist() for name, of in columns.items()}
    places = {one.plan: (name, place) for name, of in columns.items() for place, one in enumerate(of)}
    return {
        "classes": list(classes),
        "sizes": np.bincount(samples.label, minlength=len(classes)).tolist(),
        "regions": [f"{region} for class {source}" for source, region in regions],
        "choices": [one.words for one in found.choices],
        "levels": [{"column": places[one.plan][0], "place": places[one.plan][1]} for one in found.choices],
        "key": [keys[int(samples.sample_id[place])] for place in order.tolist()],
        "label": samples.label[order].tolist(),
        "difficulty": [float(f"{value:.6g}") for value in samples.difficulty[order].tolist()],
        "rank": samples.rank[order].tolist(),
        "region": [-1 if samples.region[place] is None else regions.index(samples.region[place]) for place in order.tolist()],
        "mislabelled": found.mislabelled[order].astype(int).tolist(),
        **least,
    }


def _least(samples: Listed, choices: Sequence[Choice]) -> np.ndarray:
    """Return the place of the first of some choices, which prune ever more of the same, that drops each sample; -1 if none does."""
    found = np.full(len(samples.sample_id), -1)
    for place in reversed(range(len(choices))):
        found[lists.dropped(samples, choices[place])] = place
    return found


def _share(value: float) -> str:
    return f"{100 * value:.1f}%"


def _percent(value: Estimate) -> str:
    return "–" if not value.n else f"{100 * value.mean:.1f}%{_interval(bounded(value))}"


def _amount(value: Estimate) -> str:
    return f"{100 * abs(value.mean):.1f}{_interval(value)}"


def _points(value: Estimate) -> str:
    return "–" if not value.n else f"{100 * value.mean:+.1f}{_interval(value, '+')}"


def _interval(value: Estimate, sign: str = "") -> str:
    if np.isnan(value.low):
        return ""
    return f" [{100 * value.low:{sign}.1f}, {100 * value.high:{sign}.1f}]"
