"""Anchored passes: surfaces become offsets, or are refused with the place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.corpus.codec import canonical, encode, sha256
from newsgold.corpus.formats.anchored import compile_pass
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Article
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.errors import DataError, Finding

VALID = Path(__file__).parent / "data" / "valid"
TEXT = "Tessen\r\nThe army left Tessen; Tessenites cheered. 🏛 It's Tessen (Tessen).\n\nÉté in Été"
ARTICLE = Article(id="a", text=TEXT)


def compiled(**layers: Any) -> Any:
    return compile_pass(json.dumps({"id": "a", "by": "x", **layers}).encode(), ARTICLE, "pass.json")


def refused(raw: bytes, article: Article = ARTICLE) -> list[Finding]:
    with pytest.raises(DataError) as caught:
        compile_pass(raw, article, "pass.json")
    return list(caught.value.findings)


def test_a_pass_compiles_to_the_gold() -> None:
    articles = {r.value.id: r.value for r in read_articles(VALID / "corpus").records}
    path = VALID / "passes" / "tessen-bridge.json"
    (gold,) = read_annotations(VALID / "corpus" / "gold" / "tessen-bridge.json").records
    annotation = compile_pass(path.read_bytes(), articles["tessen-bridge"], str(path))
    assert encode(canonical(annotation, default_labels())) == encode(gold.value)


@pytest.mark.parametrize(
    ("line", "surface", "nth", "start"),
    [
        (1, "Tessen", None, 0),
        (2, "Tessen", None, 22),
        (2, "Tessen", 1, 22),
        (2, "Tessen", 2, 57),
        (2, "Tessen", 3, 65),
        (2, "The army", None, 8),
        (2, "🏛", None, 50),
        (2, "It's Tessen (Tessen).", None, 52),
        (4, "Été", 2, TEXT.rindex("Été")),
    ],
)
def test_anchors(line: int, surface: str, nth: int | None, start: int) -> None:
    item = {"line": line, "surface": surface, "type": "GPE", **({"nth": nth} if nth else {})}
    annotation = compiled(mentions=[item])
    (mention,) = annotation.mentions
    assert (mention.start, mention.end, mention.text) == (start, start + len(surface), surface)
    assert TEXT[mention.start : mention.end] == surface
    assert annotation.text_sha256 == sha256(TEXT)


@given(st.text(st.sampled_from("ab \n\r.é🏛"), max_size=40), st.data())
def test_whatever_compiles_stands_where_it_says(text: str, data: st.DataObject) -> None:
    line = data.draw(st.integers(1, text.count("\n") + 1))
    surface = data.draw(st.text(st.sampled_from("ab .é"), min_size=1, max_size=3))
    nth = data.draw(st.integers(1, 3))
    raw = json.dumps({"mentions": [{"line": line, "surface": surface, "nth": nth, "type": "X"}]}).encode()
    try:
        (mention,) = compile_pass(raw, Article(id="a", text=text), "p").mentions or ()
    except DataError as error:
        codes = {f.code for f in error.findings}
    else:
        codes = {"SURFACE_MISMATCH"}
        assert text[mention.start : mention.end] == surface
        assert text.count("\n", 0, mention.start) == line - 1
        around = text[: mention.start][-1:] + text[mention.end :][:1]
        assert not any(c.isalnum() for c in around)
    assert codes == {"SURFACE_MISMATCH"}


@pytest.mark.parametrize(
    ("anchor", "wanted"),
    [
        ({"line": 2, "surface": "Tessen", "nth": 4}, "occurrence 4 on line 2, which has 3"),
        ({"line": 2, "surface": "Tessen", "nth": 0}, "occurrence 0 on line 2"),
        ({"line": 2, "surface": "Tess"}, "which has 0"),
        ({"line": 2, "surface": "tessen"}, "which has 0"),
        ({"line": 3, "surface": "Tessen"}, "which has 0"),
        ({"line": 0, "surface": "Tessen"}, "a line from 1 to 4"),
        ({"line": 5, "surface": "Tessen"}, "a line from 1 to 4"),
        ({"line": True, "surface": "Tessen"}, "a line of the text, a surface"),
        ({"line": "1", "surface": "Tessen"}, "a line of the text, a surface"),
        ({"line": 1, "surface": ""}, "a line of the text, a surface"),
        ({"line": 1, "surface": 3}, "a line of the text, a surface"),
        ({"line": 1, "surface": "Tessen", "nth": "1"}, "and a number"),
        ({"surface": "Tessen"}, "a line of the text, a surface"),
        ({"start": 0, "end": 6, "text": "Tessen"}, "a line of the text, a surface"),
    ],
)
def test_anchors_that_do_not_hold(anchor: dict[str, Any], wanted: str) -> None:
    for layer in ("mentions", "stances"):
        raw = json.dumps(
            {"id": "a", layer: [{"line": 1, "surface": "Tessen", "type": "GPE"}, {**anchor, "type": "GPE"}]}, indent=1
        )
        (fault,) = refused(raw.encode())
        assert (fault.code, fault.doc, fault.pointer) == ("SURFACE_MISMATCH", "a", f"/{layer}/1")
        assert wanted in fault.wanted
        assert raw.split("\n")[fault.line - 1].strip() == "{"
        assert fault.line > 5


def test_every_failing_anchor_is_named() -> None:
    bad = {"line": 1, "surface": "no", "type": "X"}
    raw = json.dumps({"mentions": [bad, bad], "stances": [bad]}).encode()
    assert [f.pointer for f in refused(raw)] == ["/mentions/0", "/mentions/1", "/stances/0"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "BAD_JSON"),
        (b"{", "BAD_JSON"),
        (b"\xff", "NOT_UTF8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"[" * 100_000, "TOO_DEEP"),
        (b'{"id":"a","id":"a"}', "DUPLICATE_KEY"),
        (b'{"mentions":[{"line":1,"line":1,"surface":"Tessen","type":"X"}]}', "DUPLICATE_KEY"),
        (b'{"by":"\\ud800"}', "LONE_SURROGATE"),
        (b"[]", "BAD_SHAPE"),
        (b"3", "BAD_SHAPE"),
        (b'{"mentions":3}', "BAD_SHAPE"),
        (b'{"mentions":[3]}', "BAD_SHAPE"),
        (b'{"mentions":["line"]}', "BAD_SHAPE"),
        (b'{"mentions":{"line":1}}', "BAD_SHAPE"),
        (b'{"stances":[null]}', "BAD_SHAPE"),
        (b'{"mentions":[{"line":1,"surface":"Tessen"}]}', "BAD_SHAPE"),
        (b'{"zap":1}', "BAD_SHAPE"),
        (b'{"id":"b"}', "UNKNOWN_DOCUMENT"),
        (b'{"id":"a","text_sha256":"0"}', "TEXT_HASH"),
    ],
)
def test_what_is_no_pass(raw: bytes, code: str) -> None:
    assert [f.code for f in refused(raw)] == [code]


def test_notes_are_left_behind_and_layers_not_attempted_stay_so() -> None:
    annotation = compiled(notes="see the guidelines", relations=[])
    assert (annotation.id, annotation.by, annotation.mentions, annotation.relations) == ("a", "x", None, ())


def test_stances_have_spans_and_no_surface() -> None:
    item = {"id": "s1", "line": 2, "surface": "left", "holder": "AUTHOR", "target": "m1", "polarity": "against"}
    (stance,) = compiled(stances=[item]).stances
    assert TEXT[stance.start : stance.end] == "left"
