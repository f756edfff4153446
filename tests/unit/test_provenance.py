"""Provenance: what a stage reads must be what it asked for, and belong together."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spurprune.errors import DataError
from spurprune.storage import columns, layout, provenance, schemas, tables
from spurprune.storage.provenance import Origin, Provenance, require_compatible, trace

HERE = {"setting": "digits", "block": "000-001"}
OWN = Provenance(HERE, "1+b", "d")
MIXED = replace(OWN, mixed_code=True)


def made(
    kind: str, place: dict[str, str], *inputs: Origin, code: str = "a", config: str = "c", setting: str = "s", path: str = ""
) -> Origin:
    """The origin of a file of some kind and place that was made from the inputs."""
    keys = getattr(schemas, kind.upper()).place
    own = trace(Provenance(place, f"1.0+{code}", config, (0, 1), setting_hash=setting), *inputs)
    content = provenance.from_json(provenance.to_json(kind, 1, own))
    return provenance.origin(path or f"{kind}-{code}-{config}", content, keys)


def refused(action: Callable[[], object], assert_one_sentence: Callable[[str], None]) -> str:
    with pytest.raises(DataError) as error:
        action()
    assert_one_sentence(str(error.value))
    return str(error.value)


def run(samples: Origin, plan: str = "none", block: str = "000-001", **changes: str) -> Origin:
    """The metrics of a run on a plan, through its predictions."""
    place = HERE | {"plan": plan, "method": "erm", "candidate": "", "block": block}
    made_plan = made("plan", place, samples)
    return made("metrics", place, samples, made_plan, made("predictions", place, samples, made_plan, **changes))


def test_a_job_is_described_by_its_wildcards_and_parameters() -> None:
    wildcards = {"setting": "digits", "block": "000-001", "method": "erm"}
    params = {"setting": {"lr": 1}, "repeats": [0, 1], "code": "a"}
    one = Provenance.of(wildcards, params)
    assert one.place == wildcards | {"candidate": ""}, "a final run says that it is of no candidate"
    assert one.repeats == (0, 1) and one.code_version.endswith("+a")
    assert Provenance.of(wildcards, params | {"code": "b"}).config_hash == one.config_hash
    other_setting, other_method = (Provenance.of(wildcards, params | more) for more in ({"setting": {"lr": 2}}, {"method": "b"}))
    assert len({one.config_hash, other_setting.config_hash, other_method.config_hash}) == 3
    assert other_setting.setting_hash != one.setting_hash == other_method.setting_hash != ""
    assert Provenance.of(wildcards, params | {"repeats": [2]}).config_hash == one.config_hash, "so that blocks can be compared"


def test_files_of_another_dataset_are_refused(assert_one_sentence: Callable[[str], None]) -> None:
    """Samples of one dataset, the inputs of another or of another version."""

    def inputs(dataset: str, digest: str) -> Origin:
        return Origin(
            f"{dataset}/manifest.json", "inputs", ("dataset", "size"), digest, Provenance({"dataset": dataset, "size": "8"}, "", "")
        )

    own = inputs("digits", "a")
    samples = made("samples", HERE, own)
    assert trace(OWN, own, samples).sources
    elsewhere = inputs("letters", "a")
    other_samples = made("samples", HERE | {"setting": "letters"}, elsewhere)
    require_compatible(OWN, own, elsewhere, samples, other_samples)  # a figure of two datasets
    for other in (inputs("letters", "a"), inputs("digits", "b")):
        refused(lambda other=other: trace(OWN, other, samples), assert_one_sentence)
        refused(lambda other=other: trace(OWN, other, run(samples)), assert_one_sentence)


def test_what_is_written_as_json_is_read_back() -> None:
    origin = run(made("samples", HERE))
    text = provenance.to_json("metrics", 1, origin.provenance, parts=[{"rows": 3}])
    content = provenance.from_json(text)
    again = provenance.origin("here", content, schemas.METRICS.place)
    assert again.provenance == origin.provenance and content["parts"] == [{"rows": 3}]
    assert again.key == "metrics block=000-001 method=erm plan=none setting=digits"
    assert sorted(again.provenance.sources) == [
        "plan block=000-001 plan=none setting=digits",
        "predictions block=000-001 method=erm plan=none setting=digits",
        "samples block=000-001 setting=digits",
    ]


def test_every_changed_character_is_noticed() -> None:
    text = provenance.to_json("samples", 1, Provenance(HERE, "1.0+a", "c", (0, 1), {"train": 3}))
    for position in range(len(text)):
        changed = text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]
        with pytest.raises(ValueError, match=r"."):
            provenance.from_json(changed.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(("key", "other"), [("setting", "letters"), ("block", "002-003"), ("plan", "random-0.10"), ("method", "gdro")])
def test_a_file_of_another_place_is_refused(key: str, other: str, assert_one_sentence: Callable[[str], None]) -> None:
    place = HERE | {"plan": "none", "method": "erm"}
    found = made("predictions", place | {key: other}, path="here.parquet")
    assert found.require(place | {key: other}) is found
    text = refused(lambda: found.require(place), assert_one_sentence)
    assert text.startswith("here.parquet") and f"the {key} '{other}'" in text and place[key] in text


def test_a_tuning_run_is_not_a_final_run(assert_one_sentence: Callable[[str], None]) -> None:
    final, tuning = HERE | {"candidate": ""}, HERE | {"candidate": "lr=0.1"}
    for found, wanted in ((tuning, final), (final, tuning)):
        refused(lambda found=found, wanted=wanted: made("predictions", found).require(wanted), assert_one_sentence)


def test_other_repeats_are_refused(assert_one_sentence: Callable[[str], None]) -> None:
    found = made("plan", HERE)
    assert found.require(HERE, [0, 1]) is found
    for repeats in ([0], [1, 2], [1, 0], [0, 1, 2]):
        assert "holds the repeats 0 to 1, not" in refused(lambda repeats=repeats: found.require(HERE, repeats), assert_one_sentence)


def test_files_of_one_source_belong_together() -> None:
    samples = made("samples", HERE)
    plan = made("plan", HERE | {"plan": "none"}, samples)
    own = trace(Provenance(HERE, "1+b", "d"), samples, plan)
    assert set(own.sources) == {samples.key, plan.key}
    assert own.sources[samples.key].identity == samples.identity


def test_a_file_made_from_other_samples_is_refused(assert_one_sentence: Callable[[str], None]) -> None:
    """The plan was made before the samples changed, by their code or by their configuration."""
    for old in (made("samples", HERE, code="old"), made("samples", HERE, config="old")):
        plan = made("plan", HERE | {"plan": "none"}, old)
        text = refused(lambda plan=plan: trace(Provenance(HERE, "1+b", "d"), made("samples", HERE), plan), assert_one_sentence)
        assert "different versions of one file (samples block=000-001 setting=digits)" in text and plan.path in text


def test_one_result_twice_is_refused(assert_one_sentence: Callable[[str], None]) -> None:
    metrics = run(made("samples", HERE))
    twice = replace(metrics, path="elsewhere.parquet")
    text = refused(lambda: require_compatible(MIXED, metrics, twice), assert_one_sentence)
    assert "elsewhere.parquet both hold metrics" in text


def result(kind: str, method: str = "erm", plan: str = "none", block: str = "000-001", candidate: str = "", **changes: str) -> Origin:
    """A result without anything behind it."""
    return made(kind, HERE | {"plan": plan, "method": method, "candidate": candidate, "block": block}, **changes)


@pytest.mark.parametrize("kind", ["predictions", "metrics"])
@pytest.mark.parametrize(
    ("place", "changes"),
    [
        ({"block": "002-003"}, {"config": "other"}),  # a block trained or evaluated after a change
        ({"plan": "random-0.10"}, {"config": "other"}),
        ({"method": "rival"}, {"config": "other", "setting": "other"}),  # of the setting, which all methods share
        ({"method": "rival", "block": "002-003"}, {"config": "other", "setting": "other"}),
        ({"candidate": "lr-0.1"}, {"config": "other", "setting": "other"}),
    ],
)
def test_different_configurations_are_a_mixture(
    kind: str, place: dict[str, str], changes: dict[str, str], assert_one_sentence: Callable[[str], None]
) -> None:
    first = result(kind)
    text = refused(lambda: require_compatible(MIXED, first, result(kind, **place, **changes)), assert_one_sentence)
    assert f"{first.path} and {kind}-a-other go back to different configurations ({kind} " in text
    require_compatible(OWN, first, result(kind, **place))
    if "method" in place or "candidate" in place:  # these have options and recipes of their own
        require_compatible(OWN, first, result(kind, **place, config="other"))
    require_compatible(OWN, first, result(kind, method="refined", setting=""))  # made by a stage that does not see the setting
    require_compatible(OWN, first, made(kind, HERE | {"setting": "letters", "plan": "none", "method": "erm", "candidate": ""}, setting="t"))


def test_blocks_made_by_different_code_are_a_mixture(assert_one_sentence: Callable[[str], None]) -> None:
    first, second = (made("samples", HERE | {"block": block}) for block in ("000-001", "002-003"))
    other = run(second, block="002-003", code="new")
    require_compatible(OWN, run(first), run(second, block="002-003"))
    for changes, words in (({"code": "new"}, "different versions of the code"), ({"config": "other"}, "different configurations")):
        other_plan = run(first, "random-0.10", **changes)
        text = refused(lambda other_plan=other_plan: require_compatible(OWN, run(first), other_plan), assert_one_sentence)
        assert words in text
    require_compatible(MIXED, run(first), other)
    text = refused(lambda: require_compatible(OWN, run(first), other), assert_one_sentence)
    assert "a and new made the runs method=erm setting=digits" in text and "allow_mixed_code" in text


def test_a_file_made_by_other_code_than_the_current_is_refused(assert_one_sentence: Callable[[str], None]) -> None:
    samples = made("samples", HERE, code="old")
    own = Provenance.of(HERE, {"code": "a", "made_by": {"samples": "new", "plan": "b"}})
    assert own.config_hash == Provenance.of(HERE, {"code": "a"}).config_hash, "which code made the inputs is no parameter of the result"
    text = refused(lambda: trace(own, samples), assert_one_sentence)
    assert "(old, not new)" in text and "allow_mixed_code" in text
    for accepting in (replace(own, made_by={"samples": "old"}), replace(own, made_by={}), replace(own, mixed_code=True)):
        assert samples.key in trace(accepting, samples).sources
    assert "made_by" not in provenance.to_json("plan", 1, own) and "mixed_code" not in provenance.to_json("plan", 1, own)


def test_dynamics_of_other_seeds_or_epochs_are_refused(assert_one_sentence: Callable[[str], None]) -> None:
    place = HERE | {"recipe": "short"}
    own = Provenance(place, "1.0+a", "c", (0, 1), {"reference_seeds": 1, "epochs": [1, 2]})
    found = provenance.origin("here", provenance.to_plain("dynamics", 1, own), schemas.DYNAMICS.place)
    for counts, words in (({"reference_seeds": 2}, "reference_seeds 1, not 2"), ({"epochs": [1, 2, 3]}, "epochs [1, 2], not [1, 2, 3]")):
        job = Provenance.of(HERE, {"code": "a", "expects": {"dynamics": counts}})
        assert words in refused(lambda job=job: trace(job, found), assert_one_sentence)
    assert trace(Provenance.of(HERE, {"code": "a", "expects": {"dynamics": {"reference_seeds": 1, "epochs": [1, 2]}}}), found).sources


def test_a_file_in_the_results_folder_must_lie_where_it_belongs(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    table = pa.table(
        {"repeat": np.zeros(2, np.int16), "sample_id": [0, 1], "weight": [1.0, 1.0], "reason": columns.labels(["kept"] * 2, ("kept",))}
    )
    path = tmp_path / "results/settings/digits/plans/none/000-000.parquet"
    place = {"setting": "digits", "plan": "none", "block": "000-000"}
    for changes in ({"setting": "letters"}, {"plan": "random-0.10"}, {"block": "001-001"}):
        tables.write(path, table, schemas.PLAN, Provenance(place | changes, "1+a", "c", (0,)))
        (key, other), *_ = changes.items()
        assert f"the {key} '{other}'" in refused(lambda: tables.origin_of(path, schemas.PLAN, {}), assert_one_sentence)
    tables.write(path, table, schemas.PLAN, Provenance(place, "1+a", "c", (0,)))
    assert tables.origin_of(path, schemas.PLAN, {}).provenance.place == place


def test_paths_and_places_are_each_others_inverse() -> None:
    place = {"setting": "digits.v2", "block": "000-004", "plan": "per_class-el2n-hardest-0.10"}
    assert layout.place_of("plan", Path("/a/results") / layout.path_of("plan", **place)) == place
    run_folder = Path("results") / layout.RUN.format(**place, method="erm")
    assert layout.place_of("metrics", run_folder / "metrics.parquet") == place | {"method": "erm", "candidate": ""}
    tuning = Path("results") / layout.TUNING_RUN.format(**place, method="erm", candidate="lr=0.1")
    assert layout.place_of("metrics", tuning / "metrics.parquet") == place | {"method": "erm", "candidate": "lr=0.1"}
    assert layout.place_of("plan", Path("/tmp/plan.parquet")) == {}
