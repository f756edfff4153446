"""The report of a study whose texts try to be HTML, reStructuredText and templates: they are shown, and nothing of them acts."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.project import REDUCED, SETTINGS, Project

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)><!-- *x* `y` |z| w_ $\\frac$ {{ 7 * 6 }} {% include 'a' %}\n\n"
    ".. raw:: html\n\n   <script>alert(3)</script>\n\n.. include:: /etc/passwd\n"
)
SHOWN = " ".join(HOSTILE.split())


class Page(HTMLParser):
    """The elements of a page with their attributes, and all its text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Any]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def report(project: Project) -> str:
    """Write the project's report and return its text."""
    status, printed = project.snakemake("--cores", "1", "--report", "report.html", "--quiet", "all")
    assert status == 0, printed
    return (project.path / "report.html").read_text(encoding="utf-8")


def embedded(page: str, name: str) -> Any:
    """Return the JSON value of a variable in a report's scripts."""
    found = re.search(rf"^    var {name} = (.*);$", page, re.MULTILINE)
    assert found is not None
    return json.loads(found[1])


@pytest.fixture
def hostile(project: Project) -> Project:
    project.configure(REDUCED, "studies/small/title", HOSTILE)
    for setting in ("small-fives", "small-window"):
        project.configure(SETTINGS, f"{setting}/description", HOSTILE)
    project.run()
    return project


def test_no_text_of_the_configuration_acts_in_the_report(hostile: Project, finished: Project, tmp_path: Path) -> None:
    page, before = report(hostile), report(finished.copy(tmp_path / "harmless"))
    assert Page(page).elements == Page(before).elements, "the text made elements"
    assert Page(page).text == Page(before).text
    description = Page(embedded(page, "workflow_desc"))
    assert "System Message" not in description.text
    assert f"small: {SHOWN}; repeats 000-001; difficulty by el2n" in description.text
    assert {tag for tag, _ in description.elements} == {tag for tag, _ in Page(embedded(before, "workflow_desc")).elements}
    results, harmless = embedded(page, "results"), embedded(before, "results")
    assert results.keys() == harmless.keys()
    for path, result in results.items():
        caption = Page(result["caption"])
        assert {tag for tag, _ in caption.elements} == {tag for tag, _ in Page(harmless[path]["caption"]).elements}, path
        assert (SHOWN in caption.text) == path.endswith(("fig4.png", "fig6.png")), path  # the findings of fig3 name no setting
        parameters = result["job_properties"]["params"]
        assert "<" not in parameters and "&lt;/script&gt;&lt;script&gt;alert(1)" in parameters, path
        assert "System Message" not in caption.text, path

    summary = (hostile.path / "results/tables/small/summary.md").read_text(encoding="utf-8")
    assert summary.startswith("# \\</script\\>\\<script\\>alert(1)") and summary.splitlines()[1] == ""
    findings = (hostile.path / "results/figures/small/fig4.txt").read_text(encoding="utf-8").splitlines()
    assert findings[0].startswith(f"- {SHOWN}: without the hardest 50% of the carriers, ") and all(
        line.startswith("- ") for line in findings
    )
