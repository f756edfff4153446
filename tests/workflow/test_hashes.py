"""What a job really loads is what its code hash covers."""

from spurprune.dag.codehash import CANNOT_CHANGE_RESULTS
from tests.workflow import loaded
from tests.workflow.project import Project


def test_all_that_a_job_loads_is_hashed_or_cannot_change_a_result(
    on_miniatures: Project, on_methods: Project, on_shortcuts: Project, on_rare: Project, on_advice: Project
) -> None:
    """Plugins included, which are loaded by name: the rules must name them for the hash."""
    found = loaded.loaded_but_not_hashed(on_miniatures)
    for project in (on_methods, on_shortcuts, on_rare, on_advice):
        for rule, modules in loaded.loaded_but_not_hashed(project).items():
            found.setdefault(rule, set()).update(modules)
    stages = {path.stem for path in (on_methods.path / "workflow/scripts").glob("*.py")} - {"download", "plot", "tabulate"}
    others = {"retrain_keeping_models", "retrain_candidate", "refine_candidate", "evaluate_candidate", "plot_montage", "tabulate_benchmark"}
    assert stages | others <= found.keys()
    assert {rule: modules - CANNOT_CHANGE_RESULTS for rule, modules in found.items()} == {rule: set() for rule in found}
    assert "spurprune.machine.logs" in found["evaluate"], "what is left out is seen"
