"""The page on agreement: complete, safe, equal for equal input, and readable in a real browser."""

from __future__ import annotations

import itertools
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from newsgold.annotation.agreement import SHOWN, Agreement, agree
from newsgold.annotation.disagreements import Disagreement, disagreements
from newsgold.annotation.report import TITLES, item, report
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Entity, Mention, Relation, Stance

LABELS = default_labels()
NASTY = '<script>alert("x")</script>\x1b[31m\u202e&'


def a_pass(doc: str, *, shift: int = 0, kind: str = "ORG", text: str = "x") -> Annotation:
    mentions = (
        Mention(id="m0", start=0, end=40, type="GPE", text=(text * 40)[:40]),
        Mention(id="m1", start=100 + shift, end=150, type=kind, text=(text * 50)[: 50 - shift]),
        Mention(id="m2", start=200, end=240, type="GPE", text=(text * 40)[:40]),
    )
    return Annotation(
        id=doc,
        mentions=mentions,
        entities=(Entity(id="e0", mentions=("m0", "m2")), Entity(id="e1", mentions=("m1",))),
        relations=(Relation(type="controls" if kind == "ORG" else "attacks", head="m1", tail="m0", evidence=(("m1", "m0"),)),),
        stances=(
            Stance(id="s0", start=0, end=4, holder="AUTHOR", target="m1", polarity="against" if kind == "ORG" else "favor"),
        ),
    )


def made(name: str = "boris", text: str = "x") -> tuple[Agreement, list[Disagreement]]:
    docs = [f"d{i}" for i in range(4)]
    split = msgspec.structs.replace
    third = [
        split(a_pass(d), entities=tuple(Entity(id=f"e{i}", mentions=(f"m{i}",), link="Q1") for i in range(3))) for d in docs[:3]
    ]
    passes = {
        "ana": [a_pass(d, text=text) for d in docs],
        name: [a_pass(d, shift=i % 2, kind="PERSON" if i == 2 else "ORG", text=text) for i, d in enumerate(docs)],
        "céline": third,
    }
    result = agree(passes, labels=LABELS, resamples=100)
    links = {"d1": ("https://ls.example/projects/1/data?task=2",)}
    return result, disagreements(result.passes, LABELS, result.kinds, links)


@pytest.fixture(scope="module")
def page() -> str:
    return report(*made())


class Outline(HTMLParser):
    """The elements of a page, and whether they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "path", "use", "rect", "circle", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in ("meta", "path", "use", "rect", "circle", "line"):
            return
        assert self.open.pop() == tag


def outline(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Outline()
    parser.feed(page)
    assert parser.open == []
    return parser.seen


def test_everything_is_in_the_page(page: str):
    result, found = made()
    shown = [key for key in SHOWN if key in result.pooled]
    assert all(page.count(f"<code>{key}</code>") >= 4 for key in shown if key != "mentions.type_fleiss")
    assert {d.layer for d in found} == {"mentions", "coreference", "links", "relations", "stance"}
    for name in (
        "ana",
        "boris",
        "céline",
        *(f"{a} × {b}" for a, b in (("ana", "boris"), ("ana", "céline"), ("boris", "céline"))),
    ):
        assert name in page
    assert page.count('href="https://ls.example/projects/1/data?task=2"') == sum(d.doc == "d1" for d in found)
    assert result.signature in page
    assert "mentions.strict" in page
    assert f"{result.pooled['mentions.strict'].value:.3f}" in page
    assert {*SHOWN} == {*TITLES}


def test_equal_agreement_is_an_equal_page(page: str):
    assert report(*made()) == page


def test_the_page_makes_no_request_and_has_no_script(page: str):
    seen = outline(page)
    assert {tag for tag, _ in seen} & {"script", "img", "link", "iframe", "object", "image"} == set()
    policy = next(a["content"] for tag, a in seen if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    outside = [(tag, name, v) for tag, a in seen for name, v in a.items() if v and re.match(r"(https?:)?//", v)]
    assert {(tag, name) for tag, name, _ in outside} <= {("a", "href"), ("svg", "xmlns"), ("svg", "xmlns:xlink")}
    assert "url(" not in re.sub(r"url\(#", "", page)


def test_the_page_can_be_read_without_seeing_it(page: str):
    seen = outline(page)
    assert dict(seen)["html"]["lang"] == "en"
    assert [tag for tag, _ in seen].count("h1") == 1
    levels = [int(tag[1]) for tag, _ in seen if re.fullmatch("h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert all(a.get("scope") in ("row", "col") for tag, a in seen if tag == "th")
    tables, captions = ([tag for tag, _ in seen].count(tag) for tag in ("table", "caption"))
    assert tables == captions > 5
    images = [a for _, a in seen if a.get("role") == "img"]
    assert len(images) == [tag for tag, _ in seen].count("svg") >= 4
    assert all(len(a["aria-label"] or "") > 40 for a in images)
    ids = [a["id"] for _, a in seen if "id" in a]
    assert len(ids) == len(set(ids))


def test_what_passes_hold_is_shown_as_text():
    page = report(*made(NASTY, NASTY))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not set("\x1b\u202e") & set(page)


def test_the_list_may_be_cut_and_says_so():
    result, found = made()
    page = report(result, found, limit=2)
    assert page.count('<ul class="says">') == 2
    assert f"{len(found) - 2} more are in the JSON" in page
    assert "Disagreements, ranked by cost" not in report(result, [])


def test_items_in_words():
    assert item("mentions", {"type": "GPE", "text": "Vesk", "start": 1, "end": 5}) == "GPE “Vesk” 1–5"
    assert item("coreference", {"mentions": [[0, 1], [4, 5]], "texts": ["a", "b"]}) == "“a” 0 = “b” 4"
    assert item("links", {"link": "Q1", "text": "a"}) == "“a” → Q1"
    relation = {"type": "controls", "factuality": "denied", "texts": ["a", "b"]}
    assert item("relations", relation) == "controls(“a”, “b”), denied"
    assert item("relations", {**relation, "factuality": "asserted"}) == "controls(“a”, “b”)"
    assert item("stance", {"polarity": "favor", "texts": ["AUTHOR", "b"]}) == "AUTHOR favor “b”"


def test_two_annotators_on_one_document():
    one = agree({"a": [a_pass("d0")], "b": [a_pass("d0")]}, labels=LABELS)
    page = report(one, [])
    outline(page)
    assert "one document cannot tell how much others differ" in page
    nothing = agree({"a": [Annotation(id="d0", mentions=())], "b": [Annotation(id="d0", mentions=())]}, labels=LABELS)
    assert "nothing to compare" in report(nothing, [])
    apart = agree({"a": [a_pass("d0")], "b": [a_pass("d1")]}, labels=LABELS)
    outline(report(apart, []))
    assert "nothing was compared" in report(apart, [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it(page: str, tmp_path: Path, scheme: str):
    """Nothing is asked for, nothing is refused, nothing stands out of the page, and text is told from its ground."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium here")
    from playwright.sync_api import sync_playwright

    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(color_scheme=scheme, viewport={"width": 420, "height": 800})
        asked, said = [], []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: said.append(message.text))
        tab.goto(f"file://{tmp_path}/page.html")
        assert (len(asked), said) == (1, [])
        assert tab.evaluate("document.documentElement.scrollWidth") == 420
        read = "e => getComputedStyle(document.querySelector(e)).{}"
        colours = [tab.evaluate(read.format("color"), e) for e in ("body", "td", "p.quiet", "figure svg")]
        fill = tab.evaluate(read.format("fill"), "figure svg text")
        ground = tab.evaluate(read.format("backgroundColor"), "body")
        assert fill == colours[-1] == colours[0]
        assert min(contrast(colour, ground) for colour in [*colours, fill]) >= 4.5
        assert contrast(tab.evaluate(read.format("color"), "a"), ground) >= 4.5
        browser.close()


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG has it."""

    def light(colour: str) -> float:
        parts = [int(n) / 255 for n in re.findall(r"\d+", colour)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)
