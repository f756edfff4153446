"""Text from the configuration in Markdown, reStructuredText and Snakemake's report: it is shown as it is, and nothing in it acts."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from docutils.core import publish_parts
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from spurprune.storage import escaping
from spurprune.tables.report import Bold, Report, Section, to_markdown

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)> &lt;b&gt; & &amp;",
    "*a* **b** _c_ __d__ e_ _f g_h ~~i~~ `j` ``k`` |l| m_ `n`_ `o <p>`__ [q]_ [r](s) ![t](u) <https://v.w> \\* \\| \\",
    "a | b || c \\| d",
    "# a # b #",
    "- a",
    "- - a",
    "1. a",
    "a\n\n.. raw:: html\n\n   <script>alert(2)</script>\n",
    "a\n\n.. include:: /etc/hostname\n",
    "a::\n\n    b",
    ".. _a: b",
    "a\nb\r\nc\td\x0be\u2028f",
    "{{ 7 * 7 }} {% include 'a' %} {# b #} {a}",
    "$\\frac$ and $x$",
    "https://a.b www.c.d e@f.g",
    "= b",
    "日本語 \N{WOMAN}\u200d\N{PERSONAL COMPUTER} é",
    "",
]
PLAIN = ["per_class-el2n-hardest-0.10", "41.2 ± 8.3", "Line on 40 fives", "count-5.start-2: 10%, n = 3", "a-b (c), d/e", "−5.0 ± 2.0"]


class Page(HTMLParser):
    """The elements of an HTML text in order, and the text within each, with single spaces."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, list[str]]] = []
        self.open: list[tuple[str, list[str]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, []))
        self.open.append(self.elements[-1])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, parts in self.open:
            parts.append(data)

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    def texts(self, tag: str) -> list[str]:
        return [squeezed("".join(parts)) for found, parts in self.elements if found == tag]


def squeezed(text: str) -> str:
    return " ".join(text.split())


def in_markdown(text: str) -> Page:
    section = Section(text, ["Name", text], [[text, "1"], [Bold(text), "2"]])
    return Page(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(to_markdown(text, Report([], "Intro.", [section]))))


def in_caption(text: str) -> Page:
    return Page(publish_parts(f"{escaping.rst(text)}\n\nA paragraph.\n\n- {escaping.rst(text)}\n- end", writer="html")["body"])


def require_as_it_is(text: str) -> None:
    """Fail unless a text is shown literally in a Markdown file and in a caption."""
    shown = squeezed(escaping.one_line(text))
    page = in_markdown(text)
    table = ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td", "tr", "td", "td"]
    assert [tag for tag in page.tags if tag != "strong"] == ["h1", "p", "h2", *table]
    assert [page.texts("h1"), page.texts("h2"), page.texts("th")[1:], page.texts("td")[:1]] == [[shown]] * 4
    assert page.texts("strong") == ([shown] if shown else []) or not shown
    if shown:
        page = in_caption(text)
        assert page.tags == ["p", "p", "ul", "li", "li"]
        assert [page.texts("p")[0], *page.texts("li")] == [shown, shown, "end"]


@pytest.mark.parametrize("text", [*HOSTILE, *PLAIN])
def test_a_text_is_shown_as_it_is(text: str) -> None:
    require_as_it_is(text)


@given(st.text())
def test_any_text_is_shown_as_it_is(text: str) -> None:
    require_as_it_is(text)


@given(st.text(st.sampled_from("*_`|\\<>&[]()#~$: a-.\n!=+1{%")))
def test_any_punctuation_is_shown_as_it_is(text: str) -> None:
    require_as_it_is(text)


@pytest.mark.parametrize("text", PLAIN)
def test_markdown_of_plain_names_and_numbers_is_readable(text: str) -> None:
    assert escaping.markdown(text) == text


def test_markdown_makes_no_links_of_addresses() -> None:
    assert escaping.markdown("https://a.b www.c.d e@f.g") == "https\\://a.b www\\.c.d e\\@f.g"


def test_the_findings_of_a_figure_are_a_list(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("- *a*: 5%.\n- - b.\n", encoding="utf-8")
    assert Page(publish_parts(escaping.rst_list(str(path)), writer="html")["body"]).texts("li") == ["*a*: 5%.", "- b."]


@pytest.mark.parametrize("text", ["a\x00b\x1bc", "a\ud800b"])
def test_what_no_file_can_hold_is_replaced(text: str) -> None:
    shown = escaping.one_line(text)
    assert "\ufffd" in shown and shown.isprintable()
    shown.encode()


LEAVES = st.one_of(st.text(), st.text("&<>amplt;#60"), st.integers(), st.none(), st.booleans())


@given(st.recursive(LEAVES, lambda one: st.lists(one) | st.dictionaries(st.text(), one)))
def test_parameters_come_back_as_they_were(value: Any) -> None:
    there = escaping.inert(value)
    assert "<" not in str(there) and escaping.revived(there) == value


def test_parameters_without_html_stay_as_they_are() -> None:
    value = {"title": "Reduced study, fig4", "options": {"sparsities": ["0.50"], "n": 3, "none": None}}
    assert escaping.inert(value) == value
