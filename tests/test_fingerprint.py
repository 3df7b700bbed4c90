"""The digest in the signature: equal for equal data, other for any other."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.corpus.model import Annotation, Entity, Mention, Relation, Stance
from newsgold.metrics.arrow import table_of
from newsgold.metrics.columns import Vocabulary, columns, ignored
from newsgold.metrics.fingerprint import fingerprint, mix
from strategies import LABELS, corpora, shuffled

VALUE = Annotation(
    id="a",
    ignore=((9, 12),),
    mentions=(Mention(id="m1", start=0, end=2, type="GPE"), Mention(id="m2", start=4, end=6, type="ORG", kind="NOM")),
    entities=(Entity(id="e1", mentions=("m1",), link="Q1"), Entity(id="e2", mentions=("m2",))),
    relations=(Relation(type="controls", head="e2", tail="e1", evidence=(("m2", "m1"),)),),
    stances=(Stance(id="s1", start=0, end=6, holder="AUTHOR", target="m2", polarity="favor"),),
)


def digest(values: list[Annotation]) -> str:
    names = sorted({v.id for v in values})
    vocabulary = Vocabulary(LABELS)
    table = table_of(values)
    return fingerprint(columns(table, names, vocabulary), ignored(table, names), names, vocabulary)


@given(corpora(), st.data())
def test_order_and_ids_do_not_matter(values: list[Annotation], data: st.DataObject):
    assert digest(data.draw(shuffled(values))) == digest(values)


CHANGES: list[dict[str, Any]] = [
    {"id": "b"},
    {"ignore": ((9, 13),)},
    {"mentions": VALUE.mentions[:1], "entities": VALUE.entities[:1], "relations": (), "stances": ()},
    {"mentions": (msgspec.structs.replace(VALUE.mentions[0], end=3), VALUE.mentions[1])},
    {"mentions": (msgspec.structs.replace(VALUE.mentions[0], type="LOC"), VALUE.mentions[1])},
    {"mentions": (msgspec.structs.replace(VALUE.mentions[0], kind="PRO"), VALUE.mentions[1])},
    {"entities": (Entity(id="e1", mentions=("m1", "m2")), Entity(id="e2", mentions=()))},
    {"entities": (msgspec.structs.replace(VALUE.entities[0], link="Q2"), VALUE.entities[1])},
    {"entities": None},
    {"relations": ()},
    {"relations": None},
    {"relations": (Relation(type="controls", head="e1", tail="e2", evidence=(("m1", "m2"),)),)},
    {"relations": (msgspec.structs.replace(VALUE.relations[0], factuality="denied"),)},
    {"relations": (msgspec.structs.replace(VALUE.relations[0], evidence=None),)},
    {"stances": (msgspec.structs.replace(VALUE.stances[0], holder="UNKNOWN"),)},
    {"stances": (msgspec.structs.replace(VALUE.stances[0], polarity="against"),)},
    {"stances": (msgspec.structs.replace(VALUE.stances[0], basis="implied"),)},
    {"stances": (msgspec.structs.replace(VALUE.stances[0], end=5),)},
]


@pytest.mark.parametrize("change", CHANGES, ids="+".join)
def test_any_change_of_the_data_changes_it(change: dict[str, Any]):
    assert digest([msgspec.structs.replace(VALUE, **change)]) != digest([VALUE])


def test_all_changes_differ_from_each_other():
    assert len({digest([msgspec.structs.replace(VALUE, **c)]) for c in CHANGES}) == len(CHANGES)


def test_which_documents_share_an_event_matters():
    pair = [VALUE, msgspec.structs.replace(VALUE, id="b")]
    together = [msgspec.structs.replace(v, event="storm") for v in pair]
    assert digest(together) != digest(pair)
    assert digest(together) == digest([msgspec.structs.replace(v, event="flood") for v in pair])


def test_surfaces_author_and_split_do_not_matter():
    other = msgspec.structs.replace(
        VALUE, by="x", split="test", mentions=tuple(msgspec.structs.replace(m, text="Te") for m in VALUE.mentions)
    )
    assert digest([other]) == digest([VALUE])


def test_the_order_of_a_symmetric_relation_does_not_matter():
    def of(head: str, tail: str) -> Annotation:
        pair = (("m1", "m2"),) if head == "e1" else (("m2", "m1"),)
        return msgspec.structs.replace(VALUE, relations=(Relation(type="adjacent_to", head=head, tail=tail, evidence=pair),))

    assert digest([of("e1", "e2")]) == digest([of("e2", "e1")])


def test_an_unnamed_source_is_not_a_dangling_one():
    unknown, dangling = (
        digest([msgspec.structs.replace(VALUE, stances=(msgspec.structs.replace(VALUE.stances[0], holder=name),))])
        for name in ("UNKNOWN", "e9")
    )
    assert unknown != dangling


def test_numbers_are_mixed_by_splitmix64():
    """Reference values: the first outputs of the generator with the seeds 0 and 1234567 (Vigna's splitmix64.c)."""
    assert mix(np.array([0, 1234567])).tolist() == [0xE220A8397B1DCDAF, 6457827717110365317]
    assert mix(np.array([3]), np.uint64(5)).tolist() == mix(mix(np.array([3])) ^ np.uint64(5)).tolist()


def test_the_digest_is_that_of_earlier_versions():
    """Published signatures hold it, so whoever changes it has to mean it."""
    assert (
        digest([VALUE, msgspec.structs.replace(VALUE, id="b", event="storm")])
        == "2d29f79bd057031e2475bf53e5840fa3c8b71a7898a39d86ff162fd181a993e3"
    )
