"""Kinds of figures and tables: schema and checks come from their records, so that a new kind is one module."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from spurprune.config import methods
from spurprune.dag import kinds, plugins
from spurprune.errors import ConfigError
from spurprune.figures.kind import FILES, METHODS, NAMES, TEXT, Kind, own_score, unpruned

BLOCK: dict[str, Any] = {
    "dataset": "digits",
    "image_size": 8,
    "validation": "official",
    "subset": {"draw": "per_repeat", "parts": {}},
    "groups": ["line"],
    "probe": {"source": "5", "target": "9"},
    "aligned": {"5": {"line": "with"}},
    "carriers": {"choose": "random", "count": 4, "draw": "fixed"},
    "difficulty": {"el2n": {}, "random": {}},
    "training": {"evaluate_epochs": [], "evaluate_splits": ["train", "validation", "test"]},
}
STUDY = {"blocks": ["000-004", "005-009"], "methods": ["erm"], "score": "el2n"}


@dataclass(frozen=True)
class Config:
    """What the records look up in a configuration."""

    settings: Mapping[str, Mapping[str, Any]]
    families: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    methods: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {name: methods.complete({"kind": name}) for name in ("erm", "group_dro")}
    )
    datasets: Mapping[str, Any] = field(
        default_factory=lambda: {
            name: SimpleNamespace(kind=kind, tested=True) for name, kind in (("digits", "images"), ("multinli", "sentences"))
        }
    )

    def family(self, name: str) -> list[str]:
        return list(self.families[name])

    def coordinates(self, setting: str) -> dict[str, Any]:
        return dict(next((members[setting] for members in self.families.values() if setting in members), {}))


WINDOWS = {f"w{start}.{width}": {"carriers.start": start, "overlay.width": width} for start in (0, 40, 80) for width in (1, 2)}
CONFIG = Config(
    {
        "fives": BLOCK,
        "own": {**BLOCK, "probe": None, "aligned": {}, "carriers": {"choose": "none"}},
        "bare": {**BLOCK, "carriers": {"choose": "none"}},
        "clean": {**BLOCK, "carriers": {"choose": "random", "count": 0, "draw": "fixed"}},
        "text": {**BLOCK, "dataset": "multinli"},
        **dict.fromkeys(WINDOWS, BLOCK),
    },
    {"windows": WINDOWS},
)


def refused(item: dict[str, Any], kind: Kind | None = None, study: Mapping[str, Any] = STUDY) -> str:
    with pytest.raises(ConfigError) as error:
        kinds.check("studies.s.figures.f", item, study, CONFIG, kind)
    return str(error.value)


# A made-up kind, defined by its record alone


HISTOGRAM = Kind(
    "A histogram of difficulty, beside accuracy.",
    reads=("metrics", "difficulty"),
    required={"settings": NAMES, "bins": {"type": "integer", "minimum": 2}},
    optional={"score": TEXT, **METHODS},
    needs=("probe", "carriers", "images"),
    scores=own_score,
)


def test_a_made_up_kind_derives_its_schema() -> None:
    validator = Draft202012Validator(kinds.schema_of({"histogram": HISTOGRAM}))
    validator.validate({"kind": "histogram", "settings": ["fives"], "bins": 9, "methods": ["erm"]})
    for wrong in ({"bins": 1}, {"bins": "9"}, {"bin": 9}, {"kind": "history"}, {"settings": []}):
        assert list(validator.iter_errors({"kind": "histogram", "settings": ["fives"], "bins": 9, **wrong})), wrong


def test_a_made_up_kind_derives_its_runs_and_difficulties() -> None:
    item = {"kind": "histogram", "settings": ["fives", "text"], "bins": 9, "methods": ["erm", "group_dro"]}
    runs = HISTOGRAM.runs(item, STUDY, CONFIG)
    assert runs[:4] == [("fives", method, "none", block) for method in ("erm", "group_dro") for block in STUDY["blocks"]]
    assert len(runs) == len(set(runs)) == 8
    assert {run[1] for run in HISTOGRAM.runs({**item, "methods": ["cnc"]}, STUDY, CONFIG)} == {"cnc"}
    assert {run[1] for run in HISTOGRAM.runs({"kind": "histogram", "settings": ["fives"], "bins": 9}, STUDY, CONFIG)} == {"erm"}
    found = HISTOGRAM.difficulties({**item, "score": "random"}, STUDY, CONFIG)
    assert found == [(setting, "random", block) for setting in ("fives", "text") for block in STUDY["blocks"]]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bins": None}, "studies.s.figures.f.bins is missing; a histogram needs settings, bins."),
        ({"colour": 1}, "studies.s.figures.f.colour does not go with a histogram, which takes settings, bins, score, methods."),
        ({"settings": ["sixes"]}, "studies.s.figures.f: 'sixes' is not a known setting (did you mean 'fives'?); known are fives,"),
        ({"methods": ["emr"]}, "studies.s.figures.f.methods: 'emr' is not a known method (did you mean 'erm'?); known are erm, group_dro."),
        ({"score": "el3n"}, "studies.s.figures.f: score 'el3n' is not a known score of 'fives' (did you mean 'el2n'?); known are"),
        (
            {"settings": ["own"]},
            "'own' has no probe, but a histogram shows how often one class is mistaken for another; set its 'probe' or",
        ),
        (
            {"settings": ["bare"]},
            "'bare' has no known carriers, but a histogram shows them; set its 'carriers' or name another.",
        ),
        ({"settings": ["text"]}, "studies.s.figures.f: 'text' holds sentences, but a histogram draws images; name another setting."),
    ],
)
def test_a_made_up_kind_derives_its_checks(changes: dict[str, Any], sentence: str, assert_one_sentence: Callable[[str], None]) -> None:
    item = {"kind": "histogram", "settings": ["fives"], "bins": 9, **changes}
    message = refused({option: value for option, value in item.items() if value is not None}, HISTOGRAM)
    assert sentence in message
    assert_one_sentence(message)


def test_what_a_kind_does_not_need_may_be_missing() -> None:
    item = {"kind": "histogram", "settings": ["own", "text"], "bins": 9}
    kinds.check("f", item, STUDY, CONFIG, replace(HISTOGRAM, needs=()))


def test_a_family_must_vary_what_a_kind_sweeps(assert_one_sentence: Callable[[str], None]) -> None:
    swept = Kind("A sweep.", reads=("metrics",), required={"family": TEXT}, sweeps=("carriers.start",), several_lines=True)
    item = {"kind": "swept", "family": "windows"}
    kinds.check("f", item, STUDY, CONFIG, swept)
    message = refused(item, replace(swept, sweeps=("count",)))
    assert message == (
        "studies.s.figures.f.family is 'windows', whose grid does not vary exactly one key that ends in 'count'; name a family that does."
    )
    assert_one_sentence(message)
    both = replace(swept, sweeps=("start", "width"))
    assert "does not vary exactly one key" in refused(item, both), "two at once cannot be drawn on one axis"
    assert "not a known family" in refused({**item, "family": "window"}, swept)


def test_a_family_varies_what_one_line_shows_and_nothing_else(assert_one_sentence: Callable[[str], None]) -> None:
    swept = Kind("One line.", reads=("metrics",), required={"family": TEXT}, sweeps=("carriers.start",))
    message = refused({"kind": "swept", "family": "windows"}, swept)
    assert message == (
        "studies.s.figures.f.family is 'windows', whose grid also varies 'overlay.width', which a swept cannot show; name a family that "
        "does not."
    )
    assert_one_sentence(message)
    narrow = {name: place for name, place in WINDOWS.items() if place["overlay.width"] == 1}
    kinds.check("f", {"kind": "swept", "family": "narrow"}, STUDY, Config(CONFIG.settings, {"narrow": narrow}), swept)


def test_one_option_cannot_mean_two_things() -> None:
    other = replace(HISTOGRAM, required={"bins": TEXT})
    with pytest.raises(ValueError, match="the option 'bins' is declared differently by another kind"):
        kinds.schema_of({"histogram": HISTOGRAM, "other": other})


def test_a_kind_with_an_invalid_plan_is_refused() -> None:
    odd = replace(HISTOGRAM, plans=lambda item, study: ["best"])
    assert "'best'" in refused({"kind": "histogram", "settings": ["fives"], "bins": 9}, odd)


# The existing kinds


def test_every_module_has_its_record_and_its_caption(root: Path) -> None:
    found = {**kinds.figure_kinds(), **kinds.table_kinds()}
    assert sorted(found) == sorted([*plugins.names("figures"), *plugins.names("tables")]), "the two share no names"
    for name, kind in found.items():
        assert kind.description.endswith(".") and set(kind.reads) <= set(FILES) and kind.reads
        assert (root / f"workflow/report/{name}.rst").is_file()
        assert not set(kind.required) & set(kind.optional)


def test_the_schemas_of_the_kinds_are_schemas() -> None:
    for found in (kinds.figure_kinds(), kinds.table_kinds()):
        schema = kinds.schema_of(found)
        Draft202012Validator.check_schema(schema)
        assert schema["properties"]["kind"]["enum"] == sorted(found)


def test_sweeps_run_their_plans_by_every_method() -> None:
    item = {"kind": "general_pruning", "settings": ["fives"], "sparsities": ["0.10"], "methods": ["erm", "group_dro"]}
    one_block = {**STUDY, "blocks": ["000-004"]}
    runs = kinds.kind_of(item).runs(item, one_block, CONFIG)
    plans = ["none", "per_class-el2n-hardest-0.10", "per_class-el2n-easiest-0.10", "random-0.10"]
    assert runs == [("fives", method, plan, "000-004") for method in ("erm", "group_dro") for plan in plans]


def test_a_random_order_prunes_the_same_candidates_by_the_random_score() -> None:
    item = {"kind": "carrier_pruning", "orders": ["hardest", "random"], "sparsities": ["0.10", "0.50"]}
    assert kinds.kind_of(item).plans(item, {"score": "el2n"}) == [
        "none",
        "carriers-el2n-hardest-0.10",
        "carriers-el2n-hardest-0.50",
        "carriers-random-hardest-0.10",
        "carriers-random-hardest-0.50",
    ]


def test_the_ends_of_a_family_are_the_easiest_and_the_hardest_carriers() -> None:
    ends, everything = ({"kind": kind, "family": "windows"} for kind in ("carrier_difficulty", "difficulty_range"))
    assert kinds.kind_of(ends).settings(ends, CONFIG) == ["w0.1", "w0.2", "w80.1", "w80.2"]
    assert kinds.kind_of(everything).settings(everything, CONFIG) == list(WINDOWS)


def test_a_montage_shows_one_block_and_trains_nothing() -> None:
    item = {"kind": "montage", "setting": "fives", "repeat": 7, "columns": 4}
    kind = kinds.kind_of(item)
    assert kind.runs(item, STUDY, CONFIG) == [] and kind.methods(item, STUDY) == []
    assert kind.difficulties(item, STUDY, CONFIG) == [("fives", "el2n", "005-009")]
    assert (
        refused({**item, "repeat": 10})
        == "studies.s.figures.f.repeat is 10, which is in none of the study's blocks; name one from 000-004, 005-009."
    )


def test_only_histories_of_learned_settings_are_read() -> None:
    item = {"kind": "carrier_count", "family": "windows", "learned": ["fives"]}
    kind = kinds.kind_of(item)
    assert kind.watched(item, kind.settings(item, CONFIG)) == ["fives"]
    assert kind.watched({"kind": "carrier_count", "family": "windows"}, ["w0.1"]) == []


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        ({"kind": "difficulty_quartiles", "settings": ["own"]}, "'own' has no probe"),
        ({"kind": "difficulty_quartiles", "settings": ["bare"]}, "'bare' has no known carriers"),
        ({"kind": "carrier_pruning", "settings": ["own"], "sparsities": ["0.10"]}, "'own' has no known carriers"),
        ({"kind": "group_pruning", "settings": ["own"], "sparsities": ["0.10"], "strategy": "per_group"}, "'own' has no aligned groups"),
        ({"kind": "montage", "setting": "text", "repeat": 0, "columns": 3}, "'text' holds sentences"),
        ({"kind": "montage", "setting": "own", "repeat": 0, "columns": 3}, "'own' has no probe"),
        (
            {"kind": "general_pruning", "settings": ["fives"], "sparsities": ["0.10"], "orders": ["random"]},
            "which a general_pruning always",
        ),
        (
            {"kind": "carrier_pruning", "settings": ["fives"], "sparsities": ["0.10"], "score": "random"},
            "by the score 'random', which has no",
        ),
    ],
)
def test_what_a_figure_cannot_show_is_refused(item: dict[str, Any], sentence: str, assert_one_sentence: Callable[[str], None]) -> None:
    message = refused(item)
    assert sentence in message
    assert_one_sentence(message)


def test_what_is_measured_on_test_samples_needs_some(assert_one_sentence: Callable[[str], None]) -> None:
    untested = replace(CONFIG, datasets={name: SimpleNamespace(kind=one.kind, tested=False) for name, one in CONFIG.datasets.items()})
    with pytest.raises(ConfigError, match="shows what is measured on test samples, of which 'own' has none") as error:
        kinds.check("f", {"kind": "general_pruning", "settings": ["own"], "sparsities": ["0.10"]}, STUDY, untested)
    assert_one_sentence(str(error.value))
    kinds.check("f", {"kind": "stability", "settings": ["own"], "scores": ["el2n"]}, STUDY, untested)


@pytest.mark.parametrize("kind", ["general_pruning", "group_learning", "stability"])
def test_these_need_no_probe(kind: str) -> None:
    options = {"general_pruning": {"sparsities": ["0.10"]}, "stability": {"scores": ["el2n"]}}.get(kind, {})
    kinds.check("f", {"kind": kind, "settings": ["own"], **options}, STUDY, CONFIG)


def test_a_baseline_needs_no_carriers() -> None:
    for name in ("bare", "clean"):
        kinds.check("f", {"kind": "carrier_difficulty", "family": "windows", "baseline": name}, STUDY, CONFIG)


OTHER_SAMPLES = {
    "dataset": "multinli",
    "image_size": 16,
    "validation": 0.2,
    "subset": {"draw": "fixed", "parts": {}},
    "groups": [],
    "probe": {"source": "5", "target": "others"},
}


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        ("w0.1", {}, "is 'w0.1', a member of the family; name a setting without carriers."),
        ("fives", {}, "is 'fives', which has 4 carriers; name a setting without any, such as one with 'carriers.count: 0'."),
        ("fives", {"carriers": {"choose": "natural", "where": {"line": "with"}}}, "is 'fives', which has carriers in its data; name a"),
        *(
            ("clean", {key: value}, f"whose '{key}' is not the family's; name one with the same dataset, image_size, validation, ")
            for key, value in OTHER_SAMPLES.items()
        ),
    ],
)
def test_a_baseline_has_no_carriers_and_the_familys_samples(
    name: str, changes: dict[str, Any], sentence: str, assert_one_sentence: Callable[[str], None]
) -> None:
    config = replace(CONFIG, settings={**CONFIG.settings, name: {**CONFIG.settings[name], **changes}})
    with pytest.raises(ConfigError) as error:
        kinds.check("f", {"kind": "carrier_difficulty", "family": "windows", "baseline": name}, STUDY, config)
    assert str(error.value).startswith("f.baseline is ") and sentence in str(error.value)
    assert_one_sentence(str(error.value))


def test_a_family_compared_by_the_difficulty_of_carriers_has_carriers() -> None:
    config = replace(CONFIG, settings={**CONFIG.settings, "w40.2": CONFIG.settings["clean"]})
    with pytest.raises(ConfigError, match=r"f\.family is 'windows', whose member 'w40\.2' has no carriers; raise its carriers\.count\."):
        kinds.check("f", {"kind": "carrier_difficulty", "family": "windows"}, STUDY, config)


def test_a_summary_shows_others_runs_and_makes_none() -> None:
    item = {"kind": "summary"}
    assert kinds.kind_of(item).shows_all_runs and kinds.kind_of(item).runs(item, STUDY, CONFIG) == []
    assert unpruned(item, STUDY) == ["none"]


def test_kinds_that_read_histories_say_which_split_they_draw() -> None:
    found = {name: kind.course for name, kind in (kinds.figure_kinds() | kinds.table_kinds()).items() if "history" in kind.reads}
    assert found == {"carrier_count": "train", "carrier_difficulty": "test", "group_learning": "train"}


WATCHED = {"evaluate_epochs": "all", "evaluate_splits": ["validation"]}


@pytest.mark.parametrize(
    ("item", "split", "shown"),
    [
        ({"kind": "group_learning", "settings": ["own"]}, "train", "own"),
        ({"kind": "carrier_count", "family": "counts", "learned": ["own"]}, "train", "own"),
        ({"kind": "carrier_difficulty", "family": "windows"}, "test", "w0.1"),
    ],
)
@pytest.mark.parametrize("place", ["setting", "method", "grid"])
def test_a_course_needs_its_split(
    item: dict[str, Any], split: str, shown: str, place: str, assert_one_sentence: Callable[[str], None]
) -> None:
    """Whether the setting, the method or a candidate leaves the split out; not where no epochs are recorded."""
    watching = {
        "setting": ({"training": WATCHED}, {}),
        "method": ({"training": {**WATCHED, "evaluate_splits": ["train", "test"]}}, {"training": {"evaluate_splits": ["validation"]}}),
        "grid": (
            {"training": {**WATCHED, "evaluate_splits": ["train", "test"]}},
            {"grid": {"training.evaluate_splits": [["train", "test"], ["validation"]]}},
        ),
    }[place]
    counts = {f"c{count}": {"carriers.count": count} for count in (2, 4)}
    settings = {**CONFIG.settings, **dict.fromkeys(counts, BLOCK), shown: {**BLOCK, **watching[0]}}
    entries = {"erm": methods.complete({"kind": "erm", **watching[1]})}
    config = replace(CONFIG, settings=settings, families={**CONFIG.families, "counts": counts}, methods=entries)
    with pytest.raises(ConfigError) as error:
        kinds.check("f", item, STUDY, config)
    assert str(error.value) == (
        f"f: '{shown}' with 'erm' does not record the {split} split, whose course over epochs a {item['kind']} draws; add '{split}' to its "
        "training.evaluate_splits."
    )
    assert_one_sentence(str(error.value))
    unwatched = {**settings[shown], "training": {**settings[shown]["training"], "evaluate_epochs": []}}
    kinds.check("f", item, STUDY, replace(config, settings={**settings, shown: unwatched}))
    recorded = {**settings[shown], "training": {**WATCHED, "evaluate_splits": [split]}}
    plain = {"erm": methods.complete({"kind": "erm"})}
    kinds.check("f", item, STUDY, replace(config, settings={**settings, shown: recorded}, methods=plain))
