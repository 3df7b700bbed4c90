"""From a merge and a decided annotation to gold and its record."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from newsgold.annotation.items import Merge, crowded_spans, view
from newsgold.annotation.merging import merge, merged
from newsgold.annotation.records import (
    AGREEMENT,
    NO_RULE,
    AdjudicationRecord,
    Provenance,
    Reason,
    Reasons,
    encode_record,
    provenance,
    references,
)
from newsgold.annotation.settling import Settled, settle
from newsgold.corpus.codec import encode
from newsgold.corpus.model import AUTHOR, Annotation
from test_merging import AB, ARTICLE, CD, EF, LABELS, ORG, Row, annotation, content, passes, shuffled


def settled(one: Merge, decided: Annotation, **given_reasons: str) -> Settled:
    """Settle; reasons are given as ``D1="R5 why"`` with ``_`` for the characters that no keyword has."""
    reasons = {k.replace("minus_", "-").replace("_", "."): Reason(*v.split(" ", 1)) for k, v in given_reasons.items()}
    return settle(one, decided, Reasons(reasons), round_name="r", adjudicator="judge", path="decided.jsonl")


def codes(done: Settled) -> list[str]:
    return [f.code for f in done.findings]


def rows(record: AdjudicationRecord) -> list[tuple[str, str, str | None, str]]:
    return [(d.id, d.decision, d.gold, d.rule) for d in record.decisions]


def again(record: AdjudicationRecord) -> Reasons:
    """The reasons that a record gives back."""
    given_reasons = {d.id: Reason(d.rule, d.why) for d in record.decisions}
    return Reasons(given_reasons, record.notes, record.notes_of_passes, record.adjudicator, record.guidelines)


# ---------------------------------------------------------------------------- laws


@st.composite
def cases(draw: st.DrawFn) -> tuple[Merge, Annotation]:
    """A merge and what somebody decided, who may have taken out what all have and added what nobody has."""
    many = draw(passes(3, 5))
    return merge(ARTICLE, many[:-1], LABELS), msgspec.structs.replace(many[-1], by="judge")


@given(cases())
def test_gold_says_what_was_decided_and_every_item_has_its_provenance(case: tuple[Merge, Annotation]) -> None:
    one, decided = case
    done = settled(one, decided)
    assert content(done.gold) == content(decided)
    origin = provenance(done.record)
    assert set(origin) == {name for names in references(done.gold).values() for name in names}
    by_id = {d.id for d in done.record.decisions}
    assert set(done.record.following.values()) <= by_id
    assert len(by_id) == len(done.record.decisions)
    for name, where in origin.items():
        assert where.decided_by in (AGREEMENT, "judge")
        assert set(where.sources) <= set(one.passes), name


@given(cases())
def test_what_is_recorded_as_agreed_is_in_every_pass(case: tuple[Merge, Annotation]) -> None:
    """The record is held against the passes themselves, not against the merge."""
    one, decided = case
    done = settled(one, decided)
    crowd = {(s.start, s.end) for v in one.views.values() for s in v.mentions if s.type} | crowded_spans(done.gold)
    plain = {name: {(s.start, s.end, m.type, m.kind) for s, m in v.mentions.items()} for name, v in one.views.items()}
    said = view(done.gold, LABELS, crowd)
    agreed = done.record.agreed
    origin = provenance(done.record)

    def spans(slots: Any) -> set[tuple[int, int]]:
        return {(s.start, s.end) for s in slots}

    for m in done.gold.mentions or ():
        row = (m.start, m.end, m.type, LABELS.kind(m.type, m.kind))
        had = {name for name, there in plain.items() if row in there}
        assert (m.id in agreed.mentions) == (had == set(one.passes))
        assert set(origin[m.id or ""].sources) == had
    common = set.intersection(*(spans(v.mentions) for v in one.views.values())) & spans(said.mentions)
    for e in done.gold.entities or ():
        own = spans(said.names[e.id or ""])
        if e.id in agreed.entities:
            for v in one.views.values():
                mates = {frozenset(spans(c) & common) for c in v.clusters.values() if spans(c) & own & common}
                # two mentions on one span may be in two clusters
                assert crowd or mates == {frozenset(own & common)}
    for stance in done.gold.stances or ():
        key = (stance.start, stance.end, stance.polarity)
        had = {n for n, v in one.views.items() if key in {(a.start, a.end, a.polarity) for a in v.stances}}
        assert stance.id not in agreed.stances or had == set(one.passes)


@given(cases())
def test_a_record_gives_itself_again(case: tuple[Merge, Annotation]) -> None:
    """Its decisions are the reasons with which the gold alone makes the same record, now without an error."""
    one, decided = case
    first = settled(one, decided)
    second = settle(one, first.gold, again(first.record), round_name="r", adjudicator="judge")
    assert encode(second.gold) == encode(first.gold)
    assert encode_record(second.record) == encode_record(first.record)
    assert {f.code for f in second.findings} <= {"ADJ_NO_RULE"}
    assert msgspec.json.decode(encode_record(second.record), type=AdjudicationRecord) == second.record


@given(cases(), st.integers(1, 9))
def test_ids_and_order_of_the_decided_annotation_mean_nothing(case: tuple[Merge, Annotation], seed: int) -> None:
    one, decided = case
    assert settled(one, shuffled(decided, seed)) == settled(one, decided)


@given(passes(2, 3))
def test_agreement_needs_no_adjudicator(many: list[Annotation]) -> None:
    one = merge(ARTICLE, many, LABELS)
    done = settled(one, merged(one))
    assert {f.code for f in done.findings} <= {"ADJ_NO_RULE", "ADJ_ADDED", "ADJ_AGREED_DROPPED"}
    if not one.disputes:
        assert done.findings == done.record.decisions == ()
        assert {p.decided_by for p in provenance(done.record).values()} <= {AGREEMENT}


@given(cases())
def test_taking_out_and_adding_are_errors_exactly_where_it_happened(case: tuple[Merge, Annotation]) -> None:
    one, decided = case
    done = settled(one, decided)
    there = {(m.start, m.end, m.type, LABELS.kind(m.type, m.kind)) for m in done.gold.mentions or ()}
    lost = [m for m in one.mentions.values() if (m.slot.start, m.slot.end, m.type, m.kind) not in there]
    dropped = [d for d in done.record.decisions if d.layer == "mentions" and d.id.startswith("-")]
    assert len(dropped) == len(lost)
    assert codes(done).count("ADJ_AGREED_DROPPED") >= len(lost)


# ------------------------------------------------------------------------- by hand


def two(a: Annotation, b: Annotation) -> Merge:
    return merge(ARTICLE, [a, b], LABELS)


def test_a_decision_is_kept_or_dropped_with_its_rule() -> None:
    long: Row = (0, 5, ORG, "NAM")
    one = two(annotation("a", [AB]), annotation("b", [long]))
    done = settled(one, annotation("judge", [AB]), D1="R5 short", D1_1="R6 long")
    assert rows(done.record) == [("D1.1", "dropped", None, "R6"), ("D1.2", "kept", "m1", "R5")]
    assert done.record.following == {"e1": "D1.2"}
    assert provenance(done.record) == {
        "m1": Provenance(("a",), "judge", "R5"),
        "e1": Provenance(("a",), "judge", "R5"),
    }
    assert codes(done) == []


def test_without_a_rule_the_record_says_so() -> None:
    one = two(annotation("a", [AB]), annotation("b", []))
    done = settled(one, annotation("judge", [AB]))
    assert rows(done.record) == [("D1.1", "kept", "m1", NO_RULE)]
    assert codes(done) == ["ADJ_NO_RULE"]
    assert all(f.severity == "warning" and f.path == "decided.jsonl" and f.doc == "d0" for f in done.findings)


def test_what_only_follows_takes_its_rule_from_what_it_follows() -> None:
    pairs = [("controls", "asserted", 0, 2)]
    stances = [(0, 2, 0, 2, "favor", "explicit")]
    a = annotation("a", [AB, CD, EF], [[0, 1]], pairs=pairs, stances=stances)
    b = annotation("b", [AB, CD], [[0, 1]])
    one = two(a, b)
    kept = settled(one, a, D1="R9 yes")
    assert [(d.id, d.decision, d.rule, d.follows) for d in kept.record.decisions] == [
        ("D1.1", "kept", "R9", None),
        ("D2.1", "kept", "R9", "D1.1"),
        ("D3.1", "kept", "R9", "D1.1"),
    ]
    assert kept.record.decisions[1].why == "follows from D1.1"
    assert codes(kept) == []
    dropped = settled(one, b, D1="R9 no")
    assert {(d.decision, d.rule) for d in dropped.record.decisions} == {("dropped", "R9")}
    assert codes(dropped) == []
    # the mention stays, the relation goes: that is a decision of its own
    alone = annotation("judge", [AB, CD, EF], [[0, 1]], stances=stances)
    assert codes(settled(one, alone, D1="R9 yes")) == ["ADJ_NO_RULE"]


def test_an_agreed_item_goes_only_with_a_reason() -> None:
    a, b = annotation("a", [AB, CD]), annotation("b", [AB, CD])
    one = two(a, b)
    done = settled(one, annotation("judge", [CD]))
    assert codes(done) == ["ADJ_AGREED_DROPPED"]
    assert rows(done.record) == [("-m1", "dropped", None, NO_RULE)]
    said = settled(one, annotation("judge", [CD]), minus_m1="R8 a vehicle")
    assert codes(said) == []
    assert rows(said.record) == [("-m1", "dropped", None, "R8")]
    assert said.record.agreed.mentions == ("m1",)
    unruled = Reasons({"-m1": Reason(NO_RULE, "no case fits")})
    bare = settle(one, annotation("judge", [CD]), unruled, round_name="r", adjudicator="j")
    assert codes(bare) == ["ADJ_NO_RULE"]


def test_a_new_item_comes_only_with_a_reason() -> None:
    one = two(annotation("a", [AB]), annotation("b", [AB]))
    decided = annotation("judge", [AB, CD], stances=[(0, 5, AUTHOR, 1, "favor", "implied")])
    assert codes(settled(one, decided)) == ["ADJ_ADDED", "ADJ_ADDED"]
    done = settled(one, decided, judge1="R1 missed", S0="R21 missed")
    assert codes(done) == []
    assert rows(done.record) == [("+m2", "added", "m2", "R1"), ("+s1", "added", "s1", "R21")]
    assert done.record.following == {"e2": "+m2"}
    assert provenance(done.record)["s1"] == Provenance((), "judge", "R21")


def test_another_kind_of_an_agreed_mention_is_one_going_and_one_coming_with_one_reason() -> None:
    one = two(annotation("a", [AB]), annotation("b", [AB]))
    decided = annotation("judge", [(0, 2, ORG, "NOM")])
    assert codes(settled(one, decided)) == ["ADJ_AGREED_DROPPED"]
    done = settled(one, decided, judge0="R3 no name")
    assert codes(done) == []
    assert rows(done.record) == [("-m1", "dropped", None, "R3"), ("+m1", "added", "m1", "R3")]


def test_agreed_clusters_and_links_are_changed_only_with_a_reason() -> None:
    a, b = (annotation(n, [AB, CD, EF], [[0, 1]], links={0: "Q1"}) for n in "ab")
    one = two(a, b)
    parted = annotation("judge", [AB, CD, EF], links={0: "Q1", 1: "Q1"})
    assert set(codes(settled(one, parted))) == {"ADJ_AGREED_DROPPED"}
    done = settled(one, parted, E0="R12 two things")
    assert codes(done) == []
    assert {d.id for d in done.record.decisions} == {"-e1", "+e1", "+e2"}
    relinked = annotation("judge", [AB, CD, EF], [[0, 1]], links={0: "Q2"})
    assert codes(settled(one, relinked)) == ["ADJ_AGREED_DROPPED"]
    linked = settle(one, relinked, Reasons({"link(E0)": Reason("R14", "another one")}), round_name="r", adjudicator="j")
    assert codes(linked) == []
    assert rows(linked.record) == [("-link(e1)", "dropped", None, "R14"), ("+link(e1)", "added", "link(e1)", "R14")]


def test_one_version_of_a_cluster_is_chosen() -> None:
    a, b = annotation("a", [AB, CD, EF], [[0, 1]]), annotation("b", [AB, CD, EF], [[1, 2]])
    done = settled(two(a, b), b, D1="R12 the nearer one")
    assert [(d.passes, d.decision) for d in done.record.decisions] == [
        (("b",), "kept"),
        (("a",), "dropped"),
        (("b",), "kept"),
        (("a",), "dropped"),
    ]
    assert provenance(done.record)["e2"] == Provenance(("b",), "judge", "R12")
    third = settled(two(a, b), annotation("judge", [AB, CD, EF], [[0, 1, 2]]), D1="R12 x")
    assert "ADJ_ADDED" in codes(third)


def test_reasons_may_name_relations_by_their_mentions() -> None:
    one = two(annotation("a", [AB, CD]), annotation("b", [AB, CD]))
    decided = annotation("judge", [AB, CD], pairs=[("fights", "denied", 1, 0)])
    named = Reasons({"fights:denied(judge1,judge0)": Reason("R16", "said so")})
    done = settle(one, decided, named, round_name="r", adjudicator="judge")
    assert codes(done) == []
    assert rows(done.record) == [("+fights:denied(m1,m2)", "added", "fights:denied(m1,m2)", "R16")]


def test_a_reason_for_nothing_is_an_error_and_one_for_an_agreed_item_a_note() -> None:
    one = two(annotation("a", [AB]), annotation("b", [AB]))
    done = settled(one, annotation("judge", [AB]), D7="R5 what", judge0="R1 certain", minus_m1="R2 gone")
    assert codes(done) == ["ADJ_UNKNOWN_ITEM", "ADJ_UNKNOWN_ITEM"]
    assert done.findings[1].wanted == "the item to be taken out, for it is still there"
    assert done.record.notes == ("R1 judge0: certain",)


def test_gold_is_numbered_in_the_order_of_the_text() -> None:
    one = two(annotation("a", [EF, AB, CD]), annotation("b", [CD, EF, AB]))
    stances = [(9, 11, 0, 1, "favor", "explicit"), (0, 2, 2, 1, "favor", "explicit")]
    decided = annotation("zz", [CD, AB, EF], [[0, 2]], stances=stances)
    done = settled(one, decided)
    assert [(m.id, m.start) for m in done.gold.mentions or ()] == [("m1", 0), ("m2", 3), ("m3", 6)]
    assert [(e.id, e.mentions) for e in done.gold.entities or ()] == [("e1", ("m1",)), ("e2", ("m2", "m3"))]
    assert [(s.id, s.start) for s in done.gold.stances or ()] == [("s1", 0), ("s2", 9)]
    assert done.gold.by == "gold"


def test_a_cluster_loses_what_is_no_mention_any_more() -> None:
    a, b = annotation("a", [AB, CD], [[0, 1]]), annotation("b", [AB])
    done = settled(two(a, b), b, D1="R8 no mention")
    assert [(d.id, d.decision, d.follows, d.rule) for d in done.record.decisions] == [
        ("D1.1", "dropped", None, "R8"),
        ("D2.1", "dropped", "D1.1", "R8"),
    ]
    assert done.record.agreed.entities == ("e1",)
    assert codes(done) == []


def test_a_relation_that_not_all_see_who_have_its_mentions_is_decided_by_itself() -> None:
    pairs = [("controls", "asserted", 0, 1)]
    a, b, c = annotation("a", [AB, EF], pairs=pairs), annotation("b", [AB, EF]), annotation("c", [AB])
    done = settled(merge(ARTICLE, [a, b, c], LABELS), a, D1="R1 yes")
    assert [(d.id, d.follows, d.rule) for d in done.record.decisions] == [("D1.1", None, "R1"), ("D2.1", None, NO_RULE)]
    assert codes(done) == ["ADJ_NO_RULE"]


def test_joining_what_no_pass_joins_is_an_addition() -> None:
    a, b = annotation("a", [AB, CD]), annotation("b", [AB])
    done = settled(two(a, b), annotation("judge", [AB, CD], [[0, 1]]), D1="R1 yes")
    assert rows(done.record) == [("D1.1", "kept", "m2", "R1"), ("+e1", "added", "e1", NO_RULE)]
    assert codes(done) == ["ADJ_ADDED"]


def test_the_link_of_a_mention_that_not_all_have_goes_with_it() -> None:
    a, b = annotation("a", [AB, CD], links={1: "Q1"}), annotation("b", [AB])
    done = settled(two(a, b), a, D1="R1 yes")
    assert done.record.following == {"e2": "D1.1", "link(e2)": "D1.1"}
    assert provenance(done.record)["link(e2)"] == Provenance(("a",), "judge", "R1")
    assert done.record.agreed.links == ()
    assert codes(done) == []
