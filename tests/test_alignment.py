"""Which predicted entity stands for which gold entity."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgold.corpus.model import Annotation, Entity, Mention
from newsgold.metrics import alignment as module
from newsgold.metrics.alignment import Edges, Shared, aligned, entity_types, span_numbers
from newsgold.metrics.links import NOWHERE
from newsgold.metrics.suite import Evaluation
from slow_facts import TYPES, Resolved, alignment, entity_type, evaluation, mapping
from strategies import pairs, shuffled

Both = tuple[list[Annotation], list[Annotation]]


def named(e: Evaluation, gold: list[Annotation], pred: list[Annotation], chosen: np.ndarray) -> dict[tuple[str, str], object]:
    """What predicted entities stand for, by document and id, in the terms of the slow versions."""
    content = {}
    rows = iter(zip(e.gold_rank.tolist(), e.gold.entity_doc.tolist(), strict=True))
    for name, side in entities(gold):
        rank, _ = next(rows)
        content[rank] = side.content[name]
    out = {}
    for (name, side), rank in zip(entities(pred), chosen.tolist(), strict=True):
        if rank >= 0:
            out[side.value.id, name] = content[rank]
    return out


def entities(annotations: list[Annotation]) -> list[tuple[str, Resolved]]:
    """In the order of rows: those listed, then mentions alone."""
    sides = [Resolved(a) for a in annotations]
    return [
        (name, side) for alone in (False, True) for side in sides for name in side.content if name.startswith("alone") == alone
    ]


@given(pairs() | pairs(clustered=False))
@settings(deadline=None, max_examples=200)
def test_both_equal_their_slow_versions(both: Both):
    gold, pred = both
    e = evaluation(gold, pred)
    for chosen, slow in ((e.mapping, mapping), (e.alignment, alignment)):
        expected = {
            (g.id, name): content
            for g, p in zip(gold, pred, strict=True)
            for name, content in slow(Resolved(g), Resolved(p)).items()
        }
        assert named(e, gold, pred, chosen) == expected


@given(pairs(), st.data())
@settings(deadline=None)
def test_order_and_ids_do_not_change_what_is_aligned(both: Both, data: st.DataObject):
    def contents(gold: list[Annotation], pred: list[Annotation]) -> list[object]:
        e = evaluation(gold, pred)
        content = {(s.value.id, n): s.content[n] for n, s in entities(pred)}
        return sorted((doc, content[doc, name], found) for (doc, name), found in named(e, gold, pred, e.alignment).items())

    gold, pred = both
    assert contents(gold, pred) == contents(data.draw(shuffled(gold)), data.draw(shuffled(pred)))


@given(pairs())
@settings(deadline=None)
def test_gold_is_aligned_with_itself(both: Both):
    e = evaluation(both[0], both[0])
    assert e.alignment.tolist() == np.where(np.bincount(e.gold.entity, minlength=len(e.gold_rank)) > 0, e.gold_rank, -3).tolist()


@st.composite
def conflicts(draw: st.DrawFn) -> tuple[list[Annotation], list[Annotation]]:
    """One document whose entities are cut quite differently by the two sides, in up to seven pieces."""
    size = draw(st.integers(4, 14))
    cut = st.lists(st.integers(0, 6), min_size=size, max_size=size)
    kinds = st.lists(st.sampled_from(["ORG", "GPE"]), min_size=size, max_size=size)
    sides = []
    for _ in range(2):
        types = draw(kinds)
        mentions = tuple(Mention(id=f"m{i}", start=10 * i, end=10 * i + 5, type=t) for i, t in enumerate(types))
        where = draw(cut)
        clusters = {c: tuple(f"m{i}" for i in range(size) if where[i] == c) for c in where}
        sides.append(
            [Annotation(id="d", mentions=mentions, entities=tuple(Entity(id=f"e{c}", mentions=m) for c, m in clusters.items()))]
        )
    return sides[0], sides[1]


@given(conflicts())
@settings(deadline=None, max_examples=150)
def test_every_way_to_settle_a_conflict_gives_the_same(both: Both):
    gold, pred = both
    e = evaluation(gold, pred)
    expected = {("d", n): c for n, c in alignment(Resolved(gold[0]), Resolved(pred[0])).items()}
    assert named(e, gold, pred, e.alignment) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ENUMERATED", 1)
        assert aligned(e.gold_rank, e.pred_rank, e.shared).tolist() == e.alignment.tolist()
        patch.setattr(module, "REFINED", 0)
        sparse = aligned(e.gold_rank, e.pred_rank, e.shared)
    assert total(e, sparse) == total(e, e.alignment)


def total(e: Evaluation, chosen: np.ndarray) -> tuple[int, int]:
    """How many spans and types an alignment keeps; checks that it is one to one."""
    found = chosen[chosen >= 0]
    assert len(set(found.tolist())) == len(found)
    kept = e.gold_rank[e.shared.gold] == chosen[e.shared.pred]
    return int(kept.sum()), int(e.shared.typed[kept].sum())


def cluster(*groups: str, types: str = "") -> list[Annotation]:
    """Entities over one-letter mentions a, b, c ... of a text; ``types`` gives their types by initials, else ORG."""
    letters = sorted(set("".join(groups)))
    kinds = {"O": "ORG", "G": "GPE", "P": "PERSON"}
    given_types = dict(zip(letters, types, strict=False))
    mentions = tuple(Mention(id=x, start=10 * ord(x), end=10 * ord(x) + 4, type=kinds[given_types.get(x, "O")]) for x in letters)
    return [Annotation(id="d", mentions=mentions, entities=tuple(Entity(id=g, mentions=tuple(g)) for g in groups))]


@pytest.mark.parametrize(
    ("gold", "pred", "mapped", "aligned"),
    [
        pytest.param(("ab", "c"), ("ab", "c"), {"ab": "ab", "c": "c"}, {"ab": "ab", "c": "c"}, id="equal"),
        pytest.param(("abc",), ("a", "bc"), {"a": "abc", "bc": "abc"}, {"bc": "abc"}, id="split: the larger piece"),
        pytest.param(("ab",), ("b", "a"), {"a": "ab", "b": "ab"}, {"a": "ab"}, id="split evenly: the earlier piece"),
        pytest.param(("ab", "c"), ("abc",), {"abc": "ab"}, {"abc": "ab"}, id="merged: the larger entity"),
        pytest.param(("a", "b"), ("ab",), {"ab": "a"}, {"ab": "a"}, id="merged evenly: the earlier entity"),
        pytest.param(("abc", "d"), ("ab", "cd"), {"ab": "abc", "cd": "abc"}, {"ab": "abc", "cd": "d"}, id="conflict"),
        pytest.param(("ab", "cd"), ("ac", "bd"), {"ac": "ab", "bd": "ab"}, {"ac": "ab", "bd": "cd"}, id="crossing"),
        pytest.param(("a",), ("z",), {}, {}, id="nothing shared"),
    ],
)  # fmt: skip
def test_cases_worked_by_hand(gold: tuple[str, ...], pred: tuple[str, ...], mapped: dict[str, str], aligned: dict[str, str]):
    g, p = cluster(*gold), cluster(*pred)
    e = evaluation(g, p)
    content = {c: n for n, c in Resolved(g[0]).content.items()}
    for chosen, expected in ((e.mapping, mapped), (e.alignment, aligned)):
        assert {name: content[c] for (_, name), c in named(e, g, p, chosen).items()} == expected


def test_types_decide_where_spans_tie():
    gold, pred = cluster("a", "b", types="OG"), cluster("ab", types="GG")
    e = evaluation(gold, pred)
    second = e.gold_rank.tolist()[1]
    assert e.mapping.tolist() == e.alignment.tolist() == [second]


def test_entities_nothing_can_tell_apart_are_aligned_as_one():
    one = Mention(id="m1", start=0, end=4, type="ORG")
    twice = [Annotation(id="d", mentions=(one, Mention(id="m2", start=0, end=4, type="ORG")),
                        entities=(Entity(id="e1", mentions=("m1",)), Entity(id="e2", mentions=("m2",))))]  # fmt: skip
    once = [Annotation(id="d", mentions=(one,), entities=(Entity(id="e1", mentions=("m1",)),))]
    assert evaluation(once, twice).alignment.tolist() == [0, 0]
    assert evaluation(twice, once).alignment.tolist() == [0]


def test_numbers_too_large_for_one_key_are_sorted_field_by_field():
    big = 2**30
    shared = Shared(*(np.array(c) for c in ([big, 1, big], [big, 2, big], [7, big, big], [True, False, False])))
    edges = module._edges(shared)
    assert edges == Edges(*(pytest.approx(c) for c in ([1, big], [2, big], [1, 2], [0, 1])))


def test_spans_are_numbered_in_text_order_across_sides():
    e = evaluation(cluster("ac"), cluster("bc"))
    numbers = span_numbers(e.gold, e.pred)
    assert [numbers.gold.tolist(), numbers.pred.tolist()] == [[0, 2], [1, 2]]


@given(pairs())
@settings(deadline=None)
def test_entity_types_equal_their_slow_version(both: Both):
    gold = both[0]
    e = evaluation(gold, gold)
    found = entity_types(e.gold, e.counts_as)
    assert [TYPES[k] for k in found] == [entity_type(s.content[n]) for n, s in entities(gold)]


def test_a_demonym_in_a_countrys_cluster_counts_as_the_country():
    mentions = tuple(
        Mention(id=f"m{i}", start=9 * i, end=9 * i + 4, type=t) for i, t in enumerate(["NORP", "NORP", "GPE", "NORP"])
    )
    gold = [
        Annotation(
            id="d",
            mentions=mentions,
            entities=(
                Entity(id="e1", mentions=("m0", "m1", "m2")),
                Entity(id="e2", mentions=("m3",)),
                Entity(id="e3", mentions=()),
            ),
        )
    ]
    e = evaluation(gold, gold)
    found = entity_types(e.gold, e.counts_as)
    assert [TYPES[k] if k >= 0 else None for k in found] == ["GPE", "NORP", None]


def test_an_entity_without_a_counterpart_stands_for_none():
    """Nowhere, and not for the author, whose row is −1."""
    mentions = tuple(Mention(id=f"m{i}", start=4 * i, end=4 * i + 2, type="ORG") for i in range(3))
    gold = Annotation(id="d", mentions=mentions[:2], entities=(Entity(id="e0", mentions=("m0", "m1")),))
    pred = Annotation(
        id="d", mentions=mentions, entities=(Entity(id="e0", mentions=("m0", "m1")), Entity(id="e1", mentions=("m2",)))
    )
    e = evaluation([gold], [pred])
    assert e.mapping.tolist() == e.alignment.tolist() == [0, NOWHERE]


def test_the_first_gold_entity_takes_what_it_can_have_where_sums_are_equal():
    """One shared span and one make as many as two and none; having something comes before having nothing."""
    mentions = tuple(Mention(id=f"m{i}", start=2 * i, end=2 * i + 1, type="ORG") for i in range(5))
    sides = [
        Annotation(id="d", mentions=mentions, entities=tuple(Entity(id=f"e{i}", mentions=e) for i, e in enumerate(clusters)))
        for clusters in ((("m1",), ("m2", "m3", "m4"), ("m0",)), (("m0", "m4"), ("m1", "m2", "m3")))
    ]
    gold = msgspec.structs.replace(sides[0], mentions=mentions[1:], entities=sides[0].entities[:2])
    assert evaluation([gold], sides[1:]).alignment.tolist() == [1, 0]
    others = tuple(msgspec.structs.replace(m, type="GPE") for m in mentions)
    assert evaluation([gold], [msgspec.structs.replace(sides[1], mentions=others)]).alignment.tolist() == [1, 0]


def test_spans_that_a_side_has_twice_are_told_from_those_it_has_once():
    places = [(0, 1, "ORG"), (0, 1, "GPE"), (2, 3, "ORG"), (2, 3, "GPE"), (4, 5, "ORG")]
    mentions = tuple(Mention(id=f"m{i}", start=s, end=e, type=t) for i, (s, e, t) in enumerate(places))
    side = [Annotation(id="d", mentions=mentions, entities=(Entity(id="e0", mentions=tuple(m.id for m in mentions)),))]
    edges = module._edges(evaluation(side, side).shared)
    assert (edges.spans.tolist(), edges.typed.tolist()) == ([3], [3])
