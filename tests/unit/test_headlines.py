"""What a run found in a few sentences: which figures, in which order, and what is not drawn."""

from pathlib import Path

import pytest

from spurprune.errors import ConfigError
from spurprune.figures import headlines

STUDY = {"figures": {name: {} for name in ("fig1", "fig2", "fig3", "fig4")}}


def test_the_main_figures_are_the_first_three_or_those_named() -> None:
    assert headlines.figures_of(STUDY) == ["fig1", "fig2", "fig3"]
    assert headlines.figures_of({**STUDY, "headlines": ["fig4", "fig2"]}) == ["fig4", "fig2"]
    assert headlines.figures_of({"figures": {}}) == []


def test_headlines_name_figures_of_the_study() -> None:
    headlines.check("studies.a", {**STUDY, "headlines": ["fig4"]})
    with pytest.raises(ConfigError, match=r"^studies\.a\.headlines: 'fig9' is not a figure of the study; its figures are fig1, fig2"):
        headlines.check("studies.a", {**STUDY, "headlines": ["fig9"]})
    with pytest.raises(ConfigError, match="its figures are none"):
        headlines.check("studies.a", {"figures": {}, "headlines": ["fig9"]})


def test_the_first_finding_of_every_main_figure_that_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = tmp_path / "results/figures"
    (figures / "b").mkdir(parents=True)
    (figures / "b/fig3.txt").write_text("- Three*.\n- More.\n")
    (figures / "b/fig1.txt").write_text("- One.\n")
    (figures / "b/fig2.txt").write_text("")
    studies = {"a": STUDY, "b": STUDY}
    assert headlines.sentences(studies, ["a", "b"], figures) == ["One.", "Three*."]
    assert headlines.sentences(studies, ["a"], figures) == []
    monkeypatch.chdir(tmp_path)
    assert headlines.rst_sentences(studies, ["b"]) == "- One\\.\n- Three\\*\\.\n"
