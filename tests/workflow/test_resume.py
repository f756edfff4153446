"""A run that was killed resumes and ends with the same bytes."""

from tests.workflow.project import Project


def test_a_killed_run_ends_in_the_same_bytes(fresh: Project, finished: Project) -> None:
    figure = "results/figures/small/fig4.png"  # three runs lead to it
    runs = fresh.path / "results/settings"
    fresh.run_and_kill(lambda: any(runs.glob("*/runs/*/*/*/predictions.parquet")), figure)
    assert not (fresh.path / figure).exists()
    status, text = fresh.snakemake("--unlock")  # a killed snakemake leaves its lock behind
    assert status == 0, text
    fresh.run(figure)
    expected, found = finished.reproducible(), fresh.reproducible()
    assert len([name for name in found if name.endswith("predictions.parquet")]) == 3
    assert [name for name in found if found[name] != expected.get(name)] == []
    assert fresh.plan(figure) == {}
