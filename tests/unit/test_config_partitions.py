"""Partitions made from a method's runs: what they need, which networks are kept for them, and mistakes in one sentence."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spurprune.config.config import Config
from spurprune.dag import labels, needs, planning, targets
from spurprune.dag.files import Partition, Run
from spurprune.dag.labels import GroupLabels
from spurprune.errors import ConfigError
from spurprune.pruning import plan as plans
from tests import behind
from tests.behind import BLOCK, CHOOSING, DRO, REFIT, SHORT, TUNED, TUNING

SPARE = {"kind": "clusters", "from": "short"}
PLANS = ["none", "importance-spare-auto", "balance_reweight-spare"]

Load = Callable[..., Config]


def run(method: str, plan: str = "none", block: str = BLOCK, candidate: str = "") -> Run:
    return Run("spared", method, plan, block, candidate)


@pytest.fixture
def load(root: Path, tmp_path: Path) -> Load:
    """Load the example configuration with a setting of some partitions, and a study that compares methods on plans by these."""

    def loader(
        partitions: dict[str, Any] | None = None,
        compared: list[str] | None = None,
        plans: list[str] | None = None,
        **entries: Any,
    ) -> Config:
        setting = {"partitions": {"spare": SPARE} if partitions is None else partitions}
        return behind.load(root, tmp_path, name="spared", setting=setting, plans=plans or PLANS, compared=compared, entries=entries)

    return loader


def test_plans_by_clusters_need_the_run_behind_them_and_its_network(load: Load) -> None:
    config = load()
    found = needs.of(config)
    assert found.runs == {run("erm", plan) for plan in PLANS}
    assert found.partitions == {Partition("spared", "spare", BLOCK)} and found.sources == {run("short")}
    assert needs.keeping_models(found, config) == {("spared", "short", "none")}
    kept = needs.kept_files(found, config)
    assert f"settings/spared/runs/short/none/{BLOCK}/models.safetensors" in kept
    assert f"settings/spared/partitions/spare/{BLOCK}.parquet" in kept
    assert not [path for path in kept if "embedding" in path or path.endswith(f"short/none/{BLOCK}/metrics.parquet")]


def test_jobs_are_counted(load: Load) -> None:
    jobs = planning.jobs(load())
    counts = Counter(job.rule for job in jobs if job.setting == "spared")
    assert counts == {
        "prepare_splits": 1,
        "prune_metadata": 1,  # none
        "prune_metadata_by_run": 2,
        "partition": 1,
        "retrain": 3,
        "retrain_keeping_models": 1,
        "embed": 1,
        "evaluate": 3,
    }
    (short,) = [job for job in jobs if job.rule == "retrain_keeping_models"]
    (none, *_) = [job for job in jobs if job.rule == "retrain"]
    assert short.training_runs == 5 and none.hours > short.hours, "one epoch"


def test_two_partitions_and_a_refinement_share_an_embedding(load: Load) -> None:
    partitions = {"spare": SPARE | {"from": "erm"}, "more": SPARE | {"from": "erm", "of": "features", "by_class": False, "k": 16}}
    config = load(partitions, ["erm", "refit"], [*PLANS, "importance-more-1"], refit=REFIT)
    found = needs.of(config)
    assert {one.partition for one in found.partitions} == {"spare", "more"}
    refined = {run("erm", plan) for plan in ("none", "importance-spare-auto", "balance_reweight-spare", "importance-more-1")}
    assert found.sources == refined
    assert Counter(job.rule for job in planning.jobs(config))["embed"] == 4


def test_a_method_that_reads_clusters_needs_them_too(load: Load) -> None:
    found = needs.of(load(None, ["dro"], ["none"], dro=DRO))
    assert found.partitions == {Partition("spared", "spare", BLOCK)} and found.sources == {run("short")}


def test_clusters_may_come_from_a_run_by_other_clusters(load: Load) -> None:
    late = {"kind": "clusters", "from": "dro", "plan": "importance-spare-2"}
    found = needs.of(load({"spare": SPARE, "late": late}, plans=["balance_reweight-late"], dro=DRO))
    assert found.sources == {run("short"), run("dro", "importance-spare-2")}
    assert {one.partition for one in found.partitions} == {"spare", "late"}
    assert {plan for _, plan, _ in found.plans} == {"none", "importance-spare-2", "balance_reweight-late"}


def test_clusters_may_come_from_a_tuned_method(load: Load) -> None:
    found = needs.of(load({"spare": SPARE | {"from": "tuned"}}, plans=["importance-spare-1"], tuned=TUNED))
    assert found.sources == {run("tuned")} and {one.method for one in found.selections} == {"tuned"}
    assert {one.block for one in found.candidates} == {TUNING} and len(found.candidates) == 2
    assert found.partitions == {Partition("spared", "spare", BLOCK)}, "candidates are compared without clusters"


def test_plans_to_choose_among_need_clusters_where_they_are_compared_and_where_one_is_taken(load: Load) -> None:
    choosing = {**CHOOSING, "grid": {"plan": ["none", "importance-spare-1"]}}
    found = needs.of(load(None, ["choosing"], ["tuned-choosing"], choosing=choosing))
    assert {one.block for one in found.partitions} == {one.block for one in found.sources} == {BLOCK, TUNING}


def test_any_plan_by_declared_clusters_can_be_asked_for(load: Load) -> None:
    config = load(plans=["none"])
    found = needs.of(config)
    assert not found.partitions and not found.sources
    assert needs.keeping_models(found, config) == {("spared", "short", "none")}
    for path in ("partitions/spare/000-004.parquet", "plans/importance-spare-2/000-004.parquet"):
        targets.check(f"results/settings/spared/{path}", (), config)
    for name in ("models.safetensors", "embedding.parquet"):
        targets.check(f"results/settings/spared/runs/short/none/000-004/{name}", (), config)


def test_the_pattern_of_plans_by_a_partition_matches_these_alone() -> None:
    pattern = re.compile(plans.pattern_by("spare"))
    for plan in ("importance-spare-auto", "importance-spare-1.5", "balance_reweight-spare", "upweight-spare-2"):
        assert pattern.fullmatch(plan)
    for plan in ("none", "importance-spared-1", "importance-other-1", "per_class-spare-hardest-0.10", "tuned-spare"):
        assert not pattern.fullmatch(plan)


@pytest.mark.parametrize(
    ("source", "plan", "expected"),
    [
        ("short", "none", GroupLabels()),
        ("short", "balance_subsample-groups", GroupLabels(train=True)),
        ("grouped", "none", GroupLabels(train=True)),
        ("tuned_by_groups", "none", GroupLabels(validation=True)),
    ],
)
def test_clusters_need_the_labels_of_the_run_behind_them(load: Load, source: str, plan: str, expected: GroupLabels) -> None:
    entries = {"grouped": {"kind": "group_dro"}, "tuned_by_groups": TUNED | {"by": "worst_group_accuracy"}}
    mine = {"dro": DRO, "sampled": SHORT | {"plan": "importance-spare-auto"}}
    config = load({"spare": SPARE | {"from": source, "plan": plan}}, **entries, **mine)
    for name in mine:
        assert labels.of_method(name, config.methods, config.settings["spared"]) == expected


KEY = "spared.partitions.spare"


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"from": "shrt"}, f"{KEY}.from: 'shrt' is not a known method (did you mean 'short'?)"),
        ({"from": "refit"}, f"{KEY}.from is 'refit', which is a refinement; name a method that trains a network."),
        ({"from": "choosing"}, f"{KEY}.from is 'choosing', which chooses its plan; name a method whose grid has no plans."),
        ({"plan": "half"}, f"{KEY}.plan: 'half' is not a plan"),
        ({"plan": "importance-spar-1"}, f"{KEY}.plan: partition 'spar' is not a known partition of 'spared' (did you mean 'spare'?)"),
        ({"plan": "per_class-el3n-hardest-0.10"}, f"{KEY}.plan: score 'el3n' is not a known score"),
        ({"plan": "tuned-choosing"}, f"{KEY}.plan is 'tuned-choosing', which a method chooses; name one of the plans"),
        ({"plan": "tuned-short"}, f"{KEY}.plan is 'tuned-short', but the grid of 'short' has no plans to choose among"),
        ({"k": 1}, f"{KEY}.k is 1, but must be a whole number from 2 to 1,000, or silhouette."),
        ({"k": "four"}, f'{KEY}.k is "four", but must be a whole number from 2 to 1,000, or silhouette.'),
        ({"of": "outputs"}, f'{KEY}.of is "outputs", but must be one of probabilities, logits, features'),
        ({"max_k": 1}, f"{KEY}.max_k is 1, but must be at least 2"),
        ({"metric": "cos"}, f'{KEY}.metric is "cos", but must be one of euclidean, cosine'),
        ({"epoch": 1}, f"{KEY}.epoch is not a known key"),
    ],
)
def test_mistakes_in_clusters(load: Load, block: dict[str, Any], expected: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError) as error:
        load({"spare": SPARE | block}, plans=["none"], refit=REFIT, choosing=CHOOSING)
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


DIRECT = f"{KEY}.from is 'dro', whose run on 'none' needs this partition itself; name another method or plan."


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        ({"spare": SPARE | {"from": "dro"}}, DIRECT),
        (
            {"spare": SPARE | {"plan": "importance-spare-1"}},
            f"{KEY}.from is 'short', whose run on 'importance-spare-1' needs this partition",
        ),
        (
            {"spare": SPARE | {"plan": "importance-b-1"}, "b": SPARE | {"plan": "importance-spare-2"}},
            "b.from is 'short', whose run on 'imp",
        ),
        ({"spare": SPARE | {"plan": "importance-b-1"}, "b": SPARE | {"from": "dro"}}, "needs this partition itself"),
        ({"spare": SPARE | {"from": "tuned"}}, f"{KEY}.from is 'tuned', whose run on 'none' needs this partition itself"),
        ({"spare": SPARE | {"from": "tuned_on_choice"}}, f"{KEY}.from is 'tuned_on_choice', whose run on 'none' needs this partition"),
    ],
)
@pytest.mark.parametrize("asked", ["none", "importance-spare-1"])
def test_circles_are_refused(
    load: Load, partitions: dict[str, Any], expected: str, asked: str, assert_one_sentence: Callable[[str], None]
) -> None:
    entries = {
        "dro": DRO,
        "tuned": TUNED | {"plan": "importance-spare-1"},
        "choosing": CHOOSING | {"grid": {"plan": ["none", "importance-spare-1"]}},
        "tuned_on_choice": TUNED | {"plan": "tuned-choosing"},
    }
    with pytest.raises(ConfigError) as error:
        load(partitions, plans=[asked], **entries)
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("partition", ["groups", "class"])
def test_only_clusters_have_the_silhouettes_that_auto_goes_by(
    load: Load, partition: str, assert_one_sentence: Callable[[str], None]
) -> None:
    load(plans=[f"importance-{partition}-1"])
    with pytest.raises(ConfigError, match=rf"goes by the mean silhouette of clusters, but the parts of '{partition}' are none") as error:
        load(plans=[f"importance-{partition}-auto"])
    assert_one_sentence(str(error.value))


def test_a_method_that_reads_a_partition_of_other_settings_is_named(load: Load, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match=r"methods\.dro\.options\.partition: 'spare' is not a known partition of 'spared'") as error:
        load({}, ["dro"], ["none"], dro=DRO)
    assert_one_sentence(str(error.value))
