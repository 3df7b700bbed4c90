"""Linking: the links of found mentions, NIL among them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgold.benchmark.score import score
from newsgold.corpus.model import Annotation, Entity, Mention
from strategies import LABELS, annotations, pairs, shuffled

KEY = "linking.accuracy"
KINDS = ("NAM", "NOM", "PRO", "VAL")


def accuracy(gold: list[Annotation], pred: list[Annotation], **options: Any) -> tuple[float | None, int]:
    result = score(gold, pred, labels=LABELS, allow_findings=True, **options).to_dict()["scores"][KEY]
    assert result["kind"] == "accuracy"
    return result["value"], result["n"]


def document(*links: str | None, kind: str = "NAM", **fields: Any) -> Annotation:
    """A document of entities with these links, each of two mentions."""
    spans = [(20 * i + at, 20 * i + at + 3) for i in range(len(links)) for at in (0, 10)]
    mentions = tuple(Mention(id=f"m{i}", start=s, end=e, type="GPE", kind=kind) for i, (s, e) in enumerate(spans))
    entities = tuple(Entity(id=f"e{i}", mentions=(f"m{2 * i}", f"m{2 * i + 1}"), link=link) for i, link in enumerate(links))
    return Annotation(id="d", mentions=mentions, entities=entities, **fields)


def with_links(draw: st.DrawFn, value: Annotation) -> Annotation:
    links = st.sampled_from(["Q1", "Q2", None])
    entities = tuple(msgspec.structs.replace(e, link=draw(links)) for e in value.entities or ())
    return msgspec.structs.replace(value, entities=entities)


@st.composite
def linked(draw: st.DrawFn) -> tuple[list[Annotation], list[Annotation]]:
    gold, pred = draw(pairs())
    return [with_links(draw, a) for a in gold], [with_links(draw, a) for a in pred]


def test_the_same_links_are_right_and_nil_is_one_of_them():
    assert accuracy([document("Q1", None, "Q2")], [document("Q1", None, "Q3")]) == (pytest.approx(4 / 6), 6)
    assert accuracy([document("Q1", None)], [document(None, "Q1")]) == (0, 4)


def test_only_found_mentions_are_asked_for_whatever_their_kind_and_type():
    gold = document("Q1", "Q2", kind="PRO")
    kept = tuple(msgspec.structs.replace(m, type="LOC") for m in (gold.mentions or ())[:1])
    pred = Annotation(id="d", mentions=kept, entities=(Entity(id="e", mentions=("m0",), link="Q1"),))
    assert accuracy([gold], [pred], kinds=("NAM",)) == (1, 1)


def test_nothing_found_has_no_accuracy():
    far = Annotation(id="d", mentions=(Mention(id="m", start=90, end=95, type="ORG"),), entities=())
    assert accuracy([document("Q1")], [far]) == (None, 0)


def test_a_mention_in_no_entity_has_no_link():
    pred = msgspec.structs.replace(document("Q1", None), entities=())
    assert accuracy([document("Q1", None)], [pred]) == (0.5, 4)


def test_documents_where_entities_were_not_attempted_are_left_out():
    gold = [document("Q1"), msgspec.structs.replace(document(None), id="e")]
    pred = [document("Q1"), msgspec.structs.replace(document(None), id="e", entities=None)]
    assert accuracy(gold, pred) == (1, 2)
    assert KEY not in score(gold, pred[1:], labels=LABELS, allow_findings=True).to_dict()["scores"]


def test_a_copy_of_a_mention_is_found_once():
    gold = document("Q1")
    again = msgspec.structs.replace((gold.mentions or ())[0], id="copy")
    entities = (*(gold.entities or ()), Entity(id="other", mentions=("copy",), link="Q2"))
    pred = msgspec.structs.replace(gold, mentions=(*(gold.mentions or ()), again), entities=entities)
    assert accuracy([gold], [pred])[1] == 2


@given(linked())
@settings(max_examples=60, deadline=None)
def test_as_many_are_asked_for_as_spans_are_shared(both: tuple[list[Annotation], list[Annotation]]):
    spans = [Counter((a.id, m.start, m.end) for a in side for m in a.mentions or ()) for side in both]
    value, n = accuracy(*both)
    assert n == (spans[0] & spans[1]).total()
    assert (value is None) == (n == 0)
    assert value is None or 0 <= value <= 1


@given(linked())
@settings(max_examples=60, deadline=None)
def test_where_no_span_is_repeated_it_is_the_plain_share(both: tuple[list[Annotation], list[Annotation]]):
    def links(side: list[Annotation]) -> dict[tuple[str, int, int], str | None]:
        return {
            (a.id, m.start, m.end): next((e.link for e in a.entities or () if m.id in e.mentions), None)
            for a in side
            for m in a.mentions or ()
        }

    gold, pred = ([once(a) for a in side] for side in both)
    g, p = links(gold), links(pred)
    common = g.keys() & p.keys()
    value, n = accuracy(gold, pred)
    assert n == len(common)
    assert (value or 0) * n == pytest.approx(sum(g[k] == p[k] for k in common))


def once(a: Annotation) -> Annotation:
    """The annotation with every span kept where it stands first."""
    kept = {(m.start, m.end): m for m in reversed(a.mentions or ())}
    ids = {m.id for m in kept.values()}
    members = [(e, tuple(m for m in e.mentions if m in ids)) for e in a.entities or ()]
    entities = tuple(msgspec.structs.replace(e, mentions=m) for e, m in members if m)
    return Annotation(id=a.id, mentions=tuple(kept.values()), entities=entities)


@given(linked(), st.data())
@settings(max_examples=60, deadline=None)
def test_order_and_ids_change_nothing_even_where_links_alone_tell_copies_apart(
    both: tuple[list[Annotation], list[Annotation]], data: st.DataObject
):
    gold, pred = both
    expected = accuracy(gold, pred)
    assert accuracy(data.draw(shuffled(gold)), data.draw(shuffled(pred))) == (pytest.approx(expected[0]), expected[1])


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_gold_against_itself_is_all_right(data: st.DataObject):
    gold = with_links(data.draw, data.draw(annotations()))
    assert accuracy([gold], [gold])[0] in (None, 1)
