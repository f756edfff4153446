"""The page of advice: every text escaped, nothing fetched, and in a headless Chromium 100,000 samples that are paged and searched."""

import base64
import io
import json
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spurprune.advice import page, shown
from spurprune.advice.page import Card, Chart, Gallery, Grid, Map, Page
from spurprune.data.inputs import Manifest
from tests import browser

EVIL = "</script><img src=x onerror=\"document.title='broken'\"><!-- & 'quoted' \u2028 ]]>"
PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNiAAAABgADNjd8qAAAAABJRU5ErkJggg=="
needs_browser = pytest.mark.skipif(browser.FOUND is None, reason="no Chromium is installed")


def columns(count: int, name: str = "photo") -> dict[str, Any]:
    """The columns of a table of two classes: every second sample is of the second; the first tenth is dropped at once, the next later."""
    numbers = np.arange(count)
    return {
        "classes": ["cat", EVIL],
        "sizes": [count - count // 2, count // 2],
        "regions": ["left for class cat"],
        "choices": ["the hardest 10%", "the hardest 20%"],
        "levels": [{"column": "every", "place": 0}, {"column": "every", "place": 1}],
        "key": [f"{name} {number}" for number in numbers.tolist()],
        "label": (numbers % 2).tolist(),
        "difficulty": np.linspace(1, 0, count).round(6).tolist(),
        "rank": (numbers // 2)[::-1].tolist(),
        "region": np.where(numbers < 5, 0, -1).tolist(),
        "mislabelled": (numbers == 0).astype(int).tolist(),
        "every": np.where(numbers < count // 10, 0, np.where(numbers < count // 5, 1, -1)).tolist(),
    }


def example(count: int = 200, text: str = "plain") -> Page:
    card = Card(text, PICTURE, "", [text], is_dropped=True)
    gallery = Gallery(text, text, [card, Card(text, "", text, [], is_dropped=False)])
    grid = Grid((text, "mean"), [(text, (text, text)), ("x", "1")], numbers=frozenset({1}), chosen=frozenset({0}))
    return Page(
        title=text,
        advice=text,
        is_pruning=True,
        applies=text,
        chart=Chart(PICTURE, text),
        evidence=grid,
        evidence_notes=[text],
        tested=grid,
        maps=[Map(text, [(text, PICTURE)])],
        regions=grid,
        diagnosis=[text],
        cues=grid,
        cues_note=text,
        hardest=[gallery],
        suspects=[gallery],
        clusters=[gallery],
        samples=columns(count, text),
        samples_note=text,
    )


class Elements(HTMLParser):
    """All elements of a page with their attributes, and the texts within scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(text)
    return parser.found


def test_every_text_is_escaped_wherever_it_stands() -> None:
    plain, evil = elements(page.render(example())), elements(page.render(example(text=EVIL)))
    assert [tag for tag, _ in plain] == [tag for tag, _ in evil], "no text makes an element"
    assert not [attributes for _, attributes in evil if "onerror" in attributes]


def test_json_within_a_script_cannot_end_it_and_is_the_same() -> None:
    text = page.script_json({"key": [EVIL, "é"]})
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == {"key": [EVIL, "é"]}


def test_the_page_refers_to_nothing_outside() -> None:
    text = page.render(example())
    addresses = [value for _, attributes in elements(text) for name, value in attributes.items() if name in ("src", "href")]
    assert addresses and all(value and value.startswith(("data:", "#")) for value in addresses)
    assert "http" not in text.replace("http-equiv", "") and "url(" not in text


def test_empty_sections_are_left_out() -> None:
    bare = Page("t", "a", False, "", None, Grid((), []), [], None, [], None, [], None, "", [], [], [], columns(2), "")
    text = page.render(bare)
    assert 'id="reliance"' not in text and 'id="cues"' not in text and 'id="suspects"' not in text and 'class="advice no"' in text


def manifest(kind: str, shape: tuple[int, ...]) -> Manifest:
    return Manifest("own", None, 1, shape, kind, ("a", "b"), (), {}, (), (), "", "", "")


@pytest.mark.parametrize(("channels", "side", "kind"), [(1, 8, "png"), (3, 64, "png"), (3, 200, "jpeg")])
def test_an_image_becomes_a_small_picture(channels: int, side: int, kind: str) -> None:
    inputs = np.full((2, channels, side, side), 200, dtype=np.uint8)
    inputs[1, :, : side // 2] = 30
    address, text = shown.shower(inputs, manifest("uint8", (channels, side, side)), None)(1)
    head, _, content = address.partition(",")
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        values = np.asarray(image.convert("L"))
        assert max(image.size) <= shown.SIDE and values[0].mean() < 50 < 150 < values[-1].mean()
    assert (head, text) == (f"data:image/{kind};base64", "")


def test_texts_of_a_pair_are_decoded_and_cut() -> None:
    words = {3: "one", 4: "two", 5: "x" * 400}
    sequence = np.array([3, 2, 3, 4, 5, 0], dtype=np.int32)
    found = shown.text(sequence, lambda ids: " ".join(words[one] for one in ids))
    assert found.startswith("one two | xxx") and len(found) == shown.LONGEST + 1
    assert shown.text(np.array([2, 2, 3, 4, 0], dtype=np.int32), lambda ids: " ".join(words[one] for one in ids)) == "one two"


def test_vectors_have_neither() -> None:
    assert shown.shower(np.zeros((1, 4), dtype=np.float32), manifest("float32", (4,)), None)(0) == ("", "")


@pytest.fixture
def open_page(tmp_path: Path) -> Iterator[Any]:
    def opening(content: Page) -> Any:
        path = tmp_path / "index.html"
        path.write_text(page.render(content), encoding="utf-8")
        return browser.opened(path, tmp_path / "profile")

    return opening


FIRST = "document.querySelector('#rows tr td').textContent"
SET = "(() => {{ const one = document.getElementById('{}'); one.value = '{}'; one.dispatchEvent(new Event('{}')); }})()"
WAIT = "new Promise(done => setTimeout(done, 400))"


@needs_browser
def test_a_hundred_thousand_samples_are_paged_and_searched_at_once(open_page: Any) -> None:
    with open_page(example(100_000)) as one:
        assert one.value("document.querySelectorAll('#rows tr').length") == 50, "only a page of them are elements"
        assert one.value("document.getElementById('count').textContent") == "100,000 samples"
        assert one.value(FIRST) == "plain 0"
        began = time.monotonic()
        one.value("document.getElementById('on').click()")
        assert (one.value(FIRST), one.value("document.getElementById('where').textContent")) == ("plain 50", "page 2 of 2000")
        one.value(SET.format("of", "1", "change"))
        assert (one.value("document.getElementById('count').textContent"), one.value(FIRST)) == ("50,000 samples", "plain 1")
        one.value(SET.format("by", "1", "change"))
        assert one.value("document.getElementById('count').textContent") == "10,000 samples", "the hardest 20% of one class"
        one.value(SET.format("find", "plain 1999", "input"))
        one.value(WAIT)
        assert one.value("document.getElementById('count').textContent") == "6 samples", "1999 and 19991, 19993 to 19999 in the class"
        assert time.monotonic() - began < 10, "seconds, on a busy machine; it takes a tenth"
        assert one.value("document.querySelectorAll('*').length") < 2000
        assert one.problems == []


@needs_browser
def test_texts_that_look_like_markup_do_nothing_in_a_browser(open_page: Any) -> None:
    with open_page(example(60, EVIL)) as one:
        assert one.value("document.title") == page.one_line(EVIL)
        assert one.value(FIRST).startswith(EVIL[:9]), "shown as it is"
        assert one.value("document.querySelectorAll('#rows img, #rows script').length") == 0
        assert one.value("[...document.images].every(one => one.src.startsWith('data:'))")
        assert one.problems == []


@needs_browser
def test_pictures_load_and_marks_are_shown(open_page: Any) -> None:
    with open_page(example()) as one:
        one.value("Promise.all([...document.images].map(one => { one.loading = 'eager'; return one.decode(); })).then(() => 0)")
        assert one.value("[...document.images].every(one => one.naturalWidth === 1)")
        assert one.value("document.querySelectorAll('figure.dropped').length") == 3
        assert one.value("document.querySelector('#rows tr').textContent").endswith(
            "left for class catthe hardest 10%; the hardest 20%label?"
        )
