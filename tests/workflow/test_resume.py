"""A run that was killed resumes and ends with the same bytes."""

from tests.workflow.project import Project


def test_a_killed_run_ends_in_the_same_bytes(fresh: Project, finished: Project) -> None:
    runs = fresh.path / "results/settings"
    fresh.run_and_kill(lambda: len(list(runs.glob("*/runs/*/*/*/predictions.parquet"))) >= 3)
    assert not (fresh.path / "results/metrics.parquet").exists()
    status, text = fresh.snakemake("--unlock")  # a killed snakemake leaves its lock behind
    assert status == 0, text
    fresh.run()
    expected, found = finished.files(), fresh.files()
    assert set(found) == set(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert fresh.plan() == {}
