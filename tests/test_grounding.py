"""Strings of an answer, put where they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.benchmark.systems.grounding import Said, SaidMention, SaidRelation, SaidStance, ground, nth_place
from newsgold.corpus.model import AUTHOR, UNKNOWN, Article

TEXT = "Tessen fell. The army of Tessen left Tessendorf; Ada 🌍 mourned."
ARTICLE = Article(id="a", text=TEXT, text_sha256="ab")


def said_mention(text: str, occurrence: int = 1, *, type: str = "GPE", cluster: str | None = None) -> SaidMention:
    return SaidMention(text=text, occurrence=occurrence, type=type, cluster=cluster)


@pytest.mark.parametrize(
    ("wanted", "number", "span"),
    [
        ("Tessen", 1, (0, 6)),
        ("Tessen", 2, (25, 31)),
        ("Tessen", 3, None),  # Tessendorf is another word
        ("Tessendorf", 1, (37, 47)),
        ("tessen", 1, None),
        ("Tessen ", 1, None),
        ("Tessen  fell", 1, None),
        ("", 1, None),
        ("Tessen", 0, None),
        ("Tessen", -1, None),
        ("🌍", 1, (53, 54)),
    ],
)
def test_a_string_is_where_exactly_its_characters_stand(wanted: str, number: int, span: tuple[int, int] | None):
    assert nth_place(TEXT, wanted, number) == span


def test_scripts_without_blanks_are_grounded_inside_a_run_of_letters():
    assert nth_place("他在北京说，北京很大", "北京", 2) == (6, 8)


@given(st.text(alphabet="ab .é\u0301中🌍", max_size=30), st.text(alphabet="ab .é\u0301中🌍", max_size=4), st.integers(-1, 5))
def test_what_is_grounded_is_what_was_said(text: str, wanted: str, number: int):
    span = nth_place(text, wanted, number)
    if span is not None:
        assert text[slice(*span)] == wanted == wanted.strip() != ""
        assert text.count(wanted, 0, span[1]) >= number
        assert number == 1 or (nth_place(text, wanted, number - 1) or span) < span


def test_every_layer_is_grounded_in_the_order_of_the_text():
    said = Said(
        mentions=(
            said_mention("Ada", type="PERSON", cluster="ada"),
            said_mention("Tessen", 2, cluster="t"),
            said_mention("The army of Tessen", type="ORG", cluster="army"),
            said_mention("Tessen", cluster="t"),
        ),
        relations=(SaidRelation(type="part_of", head="army", tail="t"),) * 2,
        stances=(SaidStance(holder="ada", target="t", polarity="favor", text="mourned"),),
    )
    annotation, lost = ground(said, ARTICLE)
    assert lost == ()
    assert (annotation.id, annotation.text_sha256) == ("a", "ab")
    assert [(m.id, m.start, m.end, m.text) for m in annotation.mentions or ()] == [
        ("m1", 0, 6, "Tessen"),
        ("m2", 13, 31, "The army of Tessen"),
        ("m3", 25, 31, "Tessen"),
        ("m4", 49, 52, "Ada"),
    ]
    assert [(e.id, e.mentions) for e in annotation.entities or ()] == [
        ("e1", ("m1", "m3")),
        ("e2", ("m2",)),
        ("e3", ("m4",)),
    ]
    assert [(r.type, r.head, r.tail) for r in annotation.relations or ()] == [("part_of", "e2", "e1")]
    assert [(s.holder, s.target, TEXT[s.start : s.end]) for s in annotation.stances or ()] == [("e3", "e1", "mourned")]


def test_what_has_no_place_is_counted_and_never_guessed():
    said = Said(
        mentions=(said_mention("tessen", cluster="t"), said_mention("Ada", cluster="a"), said_mention("Ada", cluster="a")),
        relations=(SaidRelation(type="part_of", head="a", tail="t"), SaidRelation(type="part_of", head="x", tail="y")),
        stances=(
            SaidStance(holder=AUTHOR, target="t", polarity="favor", text="fell"),
            SaidStance(holder=AUTHOR, target="a", polarity="favor", text="wept"),
            SaidStance(holder=UNKNOWN, target="a", polarity="against"),
        ),
    )
    annotation, lost = ground(said, ARTICLE)
    assert lost == ("tessen", "t", "x", "t", "wept")
    assert [m.text for m in annotation.mentions or ()] == ["Ada"]
    assert annotation.relations == ()
    assert [(s.holder, s.target, s.start, s.end) for s in annotation.stances or ()] == [
        (AUTHOR, "e1", None, None),
        (UNKNOWN, "e1", None, None),
    ]


def test_mentions_without_a_cluster_are_things_by_themselves_and_layers_that_are_absent_stay_so():
    annotation, _ = ground(Said(mentions=(said_mention("Tessen"), said_mention("Tessen", 2))), ARTICLE)
    assert [e.mentions for e in annotation.entities or ()] == [("m1",), ("m2",)]
    assert (annotation.relations, annotation.stances) == (None, None)


def test_a_cluster_may_have_any_name():
    said = Said(
        mentions=(said_mention("Ada", cluster="alone 1"), said_mention("Tessen")),
        relations=(SaidRelation(type="x", head="alone 1", tail="alone 1"),),
    )
    annotation, lost = ground(said, ARTICLE)
    assert [len(e.mentions) for e in annotation.entities or ()] == [1, 1]
    assert [(r.head, r.tail) for r in annotation.relations or ()] == [("e2", "e2")]
    assert lost == ()
