"""Answers held against their articles: what is sound, what is named, and that nothing is mended."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.benchmark.answers import Against, Checked, Fault, Kinds, check, gather, signed, told
from newsgold.corpus.codec import encode, sha256
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.errors import finding

TEXT = "Žofie Bäcker 🏛 of Tessen met Ivo Karan 🏛 in Lunen. Žofie left; Ivo Karan stayed in Tessen."
ARTICLE = Article(id="a", text=TEXT)
AGAINST = Against("mine", default_labels())
SURFACES = ("Žofie Bäcker", "Tessen", "Ivo Karan", "Lunen")


def spans() -> list[tuple[int, int]]:
    return [(TEXT.index(s), TEXT.index(s) + len(s)) for s in SURFACES]


def mention(start: int, end: int, text: str | None = None, kind: str = "PERSON") -> Mention:
    return Mention(start=start, end=end, type=kind, text=text)


def answer(*mentions: Mention, **more) -> Annotation:
    return Annotation(id="a", mentions=mentions, **more)


def checked(said: object, article: Article = ARTICLE) -> Checked:
    return check(signed(said, article, "mine"), article, AGAINST)


def codes(found: Checked) -> dict[str, int]:
    return {fault.first.code: fault.places for fault in found.faults}


def test_a_sound_answer_is_signed_and_canonical():
    said = answer(mention(0, 5, TEXT[:5]), by="somebody", relations=())
    assert checked(said) == Checked(True, ())
    with_names = msgspec.structs.replace(said, by="mine", text_sha256=sha256(TEXT))
    assert signed(said, ARTICLE, "mine") == encode(with_names)
    assert signed(msgspec.json.encode(said), ARTICLE, "mine") == encode(with_names)
    assert signed(msgspec.to_builtins(said), ARTICLE, "mine") == encode(with_names)
    known = msgspec.structs.replace(ARTICLE, text_sha256="0" * 64)
    assert msgspec.json.decode(signed(said, known, "mine"))["text_sha256"] == "0" * 64


def test_defaults_that_are_written_out_are_the_same_answer():
    plain = answer(relations=(Relation(type="supports", head="x", tail="y"),))
    spelt = answer(relations=(Relation(type="supports", head="x", tail="y", factuality="".join(["asser", "ted"])),))
    assert signed(spelt, ARTICLE, "mine") == signed(plain, ARTICLE, "mine")


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        (None, ""),
        (3, ""),
        ([{"id": "a"}], ""),
        (object(), ""),
        ({"id": "a", "mentions": 3}, "/mentions"),
        (answer({"start": 0, "end": "1", "type": "X"}), "/mentions/0/end"),
        (answer({"start": 0, "end": 1, "type": "X", "zap": 1}), "/mentions/0/zap"),
        (answer(mention(0, 2**40)), "/mentions/0/end"),
        (answer(mention(0, 1, kind=object())), ""),
        (Annotation(id="a", mentions="none"), "/mentions"),
        (Annotation(id="a", relations="none"), "/relations"),
        (Annotation(id="\ud800"), ""),
        (b'{"id": "a", "zap": 1}', "/zap"),
    ],
)
def test_an_answer_of_another_shape_is_no_prediction(said, pointer: str):
    found = checked(said)
    assert not found.sound
    assert [(f.first.code, f.first.doc, f.first.pointer) for f in found.faults] == [("BAD_SHAPE", "a", pointer)]


def test_bytes_that_are_no_json_are_kept_and_named():
    for said, code in ((b"<html>", "BAD_JSON"), (b'{"id":"a","id":"a"}', "DUPLICATE_KEY")):
        assert signed(said, ARTICLE, "mine") == said
        assert (checked(said).sound, codes(checked(said))) == (False, {code: 1})


def test_an_answer_about_another_document_is_no_prediction():
    found = checked(Annotation(id="b"))
    ((fault, *_),) = found.faults
    assert (found.sound, fault.code, fault.doc, fault.got, fault.wanted) == (False, "UNKNOWN_DOCUMENT", "a", "'b'", "'a'")


def test_an_answer_on_another_text_is_named_and_not_mended():
    other = sha256("another")
    said = answer(text_sha256=other)
    assert (checked(said).sound, codes(checked(said))) == (True, {"TEXT_HASH": 1})
    assert msgspec.json.decode(signed(said, ARTICLE, "mine"))["text_sha256"] == other
    assert codes(checked(answer(*(mention(*s, TEXT[slice(*s)].upper()) for s in spans())))) == {"SURFACE_MISMATCH": 4}


READINGS = {
    "count UTF-8 bytes": lambda s, e: (len(TEXT[:s].encode()), len(TEXT[:e].encode())),
    "count UTF-16 units": lambda s, e: (len(TEXT[:s].encode("utf-16-le")) // 2, len(TEXT[:e].encode("utf-16-le")) // 2),
    "end with the last character included": lambda s, e: (s, e - 1),
    "count from 1": lambda s, e: (s + 1, e + 1),
    "count from 1 and end with the last character included": lambda s, e: (s + 1, e),
}


@pytest.mark.parametrize("reading", READINGS)
def test_offsets_in_another_unit_are_recognised_and_left_as_they_are(reading: str):
    converted = [READINGS[reading](*span) for span in spans()]
    said = [mention(*c, TEXT[slice(*s)]) for c, s in zip(converted, spans(), strict=True)]
    found = checked(answer(*said))
    assert found.sound
    ((fault, places, kind),) = found.faults
    assert (fault.code, kind, fault.got) == ("OFFSET_UNIT", reading, f"4 of 4 surfaces fit if offsets {reading}")
    assert places == sum(c != s for c, s in zip(converted, spans(), strict=True))
    assert [(m["start"], m["end"]) for m in msgspec.json.decode(signed(answer(*said), ARTICLE, "mine"))["mentions"]] == converted


def test_an_offset_past_the_end_in_bytes_is_explained_too():
    text = "é" * 30 + " Tessen"
    said = answer(mention(61, 67, "Tessen"))
    assert codes(checked(said, Article(id="a", text=text))) == {"OFFSET_UNIT": 1}


def test_a_unit_is_not_claimed_where_it_explains_too_little():
    start, end = READINGS["count UTF-8 bytes"](*spans()[1])
    wild = [mention(i, i + 4, "nowhere") for i in range(3)]
    assert codes(checked(answer(mention(start, end, "Tessen"), *wild))) == {"SURFACE_MISMATCH": 4}
    assert codes(checked(answer(*(mention(*s) for s in spans())))) == {}


def test_one_surface_that_fits_in_no_way_is_still_named():
    said = [
        mention(*READINGS["count UTF-16 units"](*s), TEXT[slice(*s)], kind) for kind in ("PERSON", "ORG", "GPE") for s in spans()
    ]
    assert codes(checked(answer(*said, mention(3, 9, "nowhere")))) == {"OFFSET_UNIT": 9, "SURFACE_MISMATCH": 1}


@given(st.lists(st.tuples(st.integers(-3, 120), st.integers(-3, 120)), min_size=1, max_size=6))
def test_offsets_of_any_kind_are_checked_without_a_crash(pairs: list[tuple[int, int]]):
    said = answer(*(mention(start, end, "Tessen") for start, end in pairs))
    found = checked(said)
    assert found.sound
    fit = all(TEXT[max(s, 0) : max(e, 0)] == "Tessen" for s, e in pairs)
    assert fit or codes(found).keys() & {"SURFACE_MISMATCH", "SPAN_OUTSIDE", "SPAN_REVERSED", "OFFSET_UNIT"}


def test_a_label_in_another_case_is_named_with_the_right_one():
    said = Annotation(
        id="a",
        mentions=(Mention(id="m", start=0, end=5, type="person"), Mention(start=0, end=5, type="Thing")),
        entities=(Entity(id="e", mentions=("m",)),),
        relations=(Relation(type="SUPPORTS", head="e", tail="m"),),
        stances=(Stance(holder="AUTHOR", target="e", polarity="FAVOR"),),
    )
    faults = {f.first.code: f for f in checked(said).faults}
    assert faults["UNKNOWN_TYPE"].places == 2
    assert faults["UNKNOWN_TYPE"].first.wanted == "'PERSON'"
    assert faults["UNKNOWN_RELATION"].first.wanted == "'supports'"
    assert faults["UNKNOWN_POLARITY"].first.wanted == "'favor'"
    (other,) = checked(answer(mention(0, 5, kind="Thing"))).faults
    assert "ORG" in other.first.wanted
    assert "PERSON" in other.first.wanted


def fault(code: str, doc: str, places: int = 1, kind: str = "") -> Fault:
    return Fault(finding(code, "<x>", doc=doc, pointer="/mentions/0", got=f"'{doc}'"), places, kind)


def test_one_finding_a_kind_with_the_first_places_and_the_count():
    kinds: Kinds = {}
    for doc in "abcdef":
        gather(kinds, [fault("UNKNOWN_TYPE", doc, 2)])
    gather(kinds, [fault("BAD_SHAPE", "g")])
    gather(kinds, [fault("NO_ANSWER", "h", kind="timeout")])
    gather(kinds, [fault("NO_ANSWER", "i", kind="crashed")])
    found = told(kinds)
    assert [(f.code, f.doc) for f in found] == [("BAD_SHAPE", "g"), ("NO_ANSWER", "i"), ("NO_ANSWER", "h"), ("UNKNOWN_TYPE", "a")]
    assert found[0].got == "'g'"
    assert found[3].got == "'a'; 12 places in 6 document(s); also b /mentions/0, c /mentions/0, d /mentions/0"


@given(st.lists(st.tuples(st.sampled_from(["BAD_ID", "UNKNOWN_TYPE"]), st.integers(1, 9)), max_size=20))
def test_places_and_documents_add_up(given_faults: list[tuple[str, int]]):
    kinds: Kinds = {}
    for i, (code, places) in enumerate(given_faults):
        gather(kinds, [fault(code, str(i), places)])
    for (code, *_), kind in kinds.items():
        own = [places for name, places in given_faults if name == code]
        assert (kind.places, kind.documents) == (sum(own), len(own))
    assert len(told(kinds)) == len({code for code, _ in given_faults})
