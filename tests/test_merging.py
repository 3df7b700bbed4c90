"""Merging of passes: laws over random ones, and worked cases for every kind of dispute."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.annotation.disputes import slots_of
from newsgold.annotation.items import Merge, Slot, crowded_spans, view, within
from newsgold.annotation.merging import MERGED, accepted, merge, merged, versions
from newsgold.corpus.codec import canonical, encode, sha256
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation, Article, Entity, Mention, Relation, Stance

LABELS = default_labels()
TEXT = "ab cd ef\ngh ij kl"
ARTICLE = Article(id="d0", text=TEXT, text_sha256=sha256(TEXT))

Row = tuple[int, int, str, str | None]
"""Start, end, type, kind."""


def annotation(
    by: str,
    mentions: Sequence[Row],
    clusters: Sequence[Sequence[int]] | None = None,
    *,
    links: Mapping[int, str] | None = None,
    pairs: Sequence[tuple[str, str, int, int]] = (),
    stances: Sequence[tuple[int, int, int | str, int, str, str]] = (),
    prefix: str = "",
    order: int = 0,
) -> Annotation:
    """A complete annotation: clusters and arguments are places in the list of mentions; what is in no cluster is alone."""
    name = [f"{prefix}{by}{i}" for i in range(len(mentions))]
    groups = [list(c) for c in clusters or ()]
    groups += [[i] for i in range(len(mentions)) if not any(i in c for c in groups)]
    of = {i: f"{prefix}E{number}" for number, group in enumerate(groups) for i in group}
    found: dict[tuple[str, str, str, str], set[tuple[str, str]]] = {}
    for kind, factuality, head, tail in pairs:
        key = (kind, of[head], of[tail], factuality)
        if LABELS.symmetric(kind) and (kind, of[tail], of[head], factuality) in found:
            key, head, tail = (kind, of[tail], of[head], factuality), tail, head
        found.setdefault(key, set()).add((name[head], name[tail]))
    value = Annotation(
        id="d0",
        by=by,
        text_sha256=ARTICLE.text_sha256,
        mentions=tuple(Mention(id=name[i], start=s, end=e, type=t, kind=k) for i, (s, e, t, k) in enumerate(mentions)),
        entities=tuple(Entity(id=of[g[0]], mentions=tuple(name[i] for i in g), link=(links or {}).get(g[0])) for g in groups),
        relations=tuple(
            Relation(type=t, head=h, tail=tail, factuality=f, evidence=tuple(sorted(proof)))
            for (t, h, tail, f), proof in found.items()
        ),
        stances=tuple(
            Stance(
                id=f"{prefix}S{i}",
                start=s,
                end=e,
                holder=h if isinstance(h, str) else name[h],
                target=name[t],
                polarity=p,
                basis=b,
            )
            for i, (s, e, h, t, p, b) in enumerate(stances)
        ),
    )
    return shuffled(value, order) if order else canonical(value, LABELS)


def shuffled(value: Annotation, seed: int) -> Annotation:
    layers = {}
    for layer in ("mentions", "entities", "relations", "stances"):
        items = list(getattr(value, layer))
        random.Random(seed).shuffle(items)
        layers[layer] = tuple(items)
    return msgspec.structs.replace(value, **layers)


SPANS = st.tuples(st.integers(0, 5), st.integers(1, 3), st.sampled_from(["ORG", "GPE", "DATE"]))


@st.composite
def passes(draw: st.DrawFn, least: int = 2, most: int = 4) -> list[Annotation]:
    """Passes that have much in common: each takes most of the same items, changes some and leaves some out."""
    places = draw(st.lists(SPANS, max_size=6, unique=True))
    home = [draw(st.integers(0, 2)) for _ in places]
    ends = st.integers(0, max(len(places) - 1, 0))
    kinds = st.sampled_from(["controls", "fights", "allied_with"])
    facts = draw(st.lists(st.tuples(kinds, st.sampled_from(["asserted", "denied"]), ends, ends), max_size=4, unique=True))
    voices = ends | st.sampled_from([AUTHOR, UNKNOWN])
    views = st.tuples(st.sampled_from([(0, 3), (2, 5), (9, 11)]), voices, ends, st.sampled_from(["favor", "against"]))
    opinions = draw(st.lists(views, max_size=4, unique=True)) if places else []
    rare = st.integers(0, 5).map(lambda n: n == 0)
    out = []
    for number in range(draw(st.integers(least, most))):
        kept = [i for i in range(len(places)) if not draw(rare)]
        new = {old: i for i, old in enumerate(kept)}
        rows: list[Row] = []
        for i in kept:
            start, width, name = places[i]
            kind = None if name == "DATE" else draw(st.sampled_from(["NAM", "NAM", "NAM", "NOM"]))
            rows.append((start, start + width, name, kind))
        cluster = {i: draw(st.integers(0, 2)) if draw(rare) else home[i] for i in kept}
        groups = [[new[i] for i in kept if cluster[i] == c] for c in range(3)]
        pairs = [
            (kind, factuality, new[h], new[t])
            for kind, factuality, h, t in facts
            if h in new and t in new and cluster[h] != cluster[t] and not draw(rare)
        ]
        stances = [
            (*span, new.get(h, h) if isinstance(h, int) else h, new[t], polarity, "explicit")
            for span, h, t, polarity in opinions
            if t in new and (isinstance(h, str) or h in new) and not draw(rare)
        ]
        links = {g[0]: draw(st.sampled_from(["Q1", "Q1", "Q2"])) for g in groups if g and draw(st.booleans())}
        by = f"p{number}"
        out.append(
            annotation(
                by,
                rows,
                [g for g in groups if g],
                links=links,
                pairs=pairs,
                stances=stances,
                prefix=draw(st.sampled_from(["", "x-", "9"])),
                order=draw(st.integers(0, 5)),
            )
        )
    return out


def content(value: Annotation) -> tuple[Any, ...]:
    """What an annotation says, without its ids."""
    said = view(value, LABELS, crowded_spans(value))
    return (
        set(said.mentions.values()),
        {(c, said.links[c[0]]) for c in said.clusters.values()},
        said.pairs,
        said.stances,
    )


def items(one: Merge, name: str) -> set[Any]:
    v = one.views[name]
    return {*v.mentions.values(), *v.clusters.values(), *v.pairs, *v.stances}


# ---------------------------------------------------------------------------- laws


@given(passes(1, 1), st.integers(2, 4))
def test_equal_passes_are_agreed_whole(given_passes: list[Annotation], count: int) -> None:
    (one,) = given_passes
    many = [msgspec.structs.replace(shuffled(one, i), by=f"p{i}") for i in range(count)]
    done = merge(ARTICLE, many, LABELS)
    assert done.disputes == ()
    assert content(accepted(done)) == content(merged(done)) == content(one)


@given(passes(), st.randoms(use_true_random=False))
def test_the_order_of_the_passes_means_nothing(given_passes: list[Annotation], rng: random.Random) -> None:
    one = merge(ARTICLE, given_passes, LABELS)
    other = list(given_passes)
    rng.shuffle(other)
    two = merge(ARTICLE, other, LABELS)
    assert one.disputes == two.disputes
    assert [encode(v) for v in versions(one)] == [encode(v) for v in versions(two)]
    assert encode(accepted(one)) == encode(accepted(two))


@given(passes())
def test_every_item_is_agreed_or_in_one_dispute(given_passes: list[Annotation]) -> None:
    done = merge(ARTICLE, given_passes, LABELS)
    agreed = {*done.mentions.values(), *done.blocks.values(), *done.pairs, *done.stances}
    in_dispute = [i for d in done.disputes if d.layer != "links" for i in d.items]
    assert len({(i.layer, i.what) for i in in_dispute}) == len(in_dispute)
    for name in done.passes:
        for what in items(done, name):
            places = [i for i in in_dispute if i.what == what]
            goes_along = what and isinstance(what[0], Slot) and len(what) == 1 and what[0] not in done.common
            assert len(places) + (what in agreed) + bool(goes_along) == 1, what
            assert all(name in i.passes for i in places)
    for item in in_dispute:
        assert item.passes == tuple(n for n in done.passes if item.what in items(done, n))
        assert set(item.passes) < set(done.passes) or item.layer in ("relations", "stances")


@given(passes())
def test_what_is_accepted_is_in_every_pass(given_passes: list[Annotation]) -> None:
    done = merge(ARTICLE, given_passes, LABELS)
    crowd = {(s.start, s.end) for v in done.views.values() for s in v.mentions if s.type}
    said = view(accepted(done), LABELS, crowd)
    for v in done.views.values():
        assert said.mentions.items() <= v.mentions.items()
        assert said.pairs <= v.pairs
        assert said.stances <= v.stances
        for slot, cluster in said.clusters.items():
            assert within(v.clusters[slot], said.mentions) == cluster
            assert said.links[slot] in (None, v.links[slot])


@given(passes())
def test_what_all_say_differently_of_a_link_is_a_dispute(given_passes: list[Annotation]) -> None:
    done = merge(ARTICLE, given_passes, LABELS)
    in_dispute = [i.what for d in done.disputes if d.layer == "links" for i in d.items]
    for block in set(done.blocks.values()):
        said = {v.links[s] for v in done.views.values() for s in block}
        assert (len(said) > 1) == any(w.cluster == block for w in in_dispute)
        assert done.links.get(block) == (min(said, key=str) if len(said) == 1 else None)


@given(passes())
def test_versions_say_what_the_passes_say_with_ids_in_common(given_passes: list[Annotation]) -> None:
    done = merge(ARTICLE, given_passes, LABELS)
    *given_back, start = versions(done)
    assert start.by == MERGED
    by_name = {a.by: a for a in given_passes}
    for one in given_back:
        assert content(one) == content(by_name[one.by])
    ids: dict[Any, set[Any]] = {}
    for one in (*given_back, start, accepted(done)):
        names = [m.id for m in one.mentions or ()] + [e.id for e in one.entities or ()] + [s.id for s in one.stances or ()]
        assert len(set(names)) == len(names)
        for m in one.mentions or ():
            ids.setdefault(m.id, set()).add((m.start, m.end))
        for s in one.stances or ():
            ids.setdefault(s.id, set()).add((s.start, s.end))
    assert all(len(spans) == 1 for spans in ids.values())


@given(passes())
def test_what_one_starts_from_is_complete_and_disputes_nothing(given_passes: list[Annotation]) -> None:
    done = merge(ARTICLE, given_passes, LABELS)
    start = merged(done)
    inside = [m for e in start.entities or () for m in e.mentions]
    assert sorted(inside) == sorted(m.id for m in start.mentions or ())
    entity = {m: e.id for e in start.entities or () for m in e.mentions}
    for r in start.relations or ():
        assert r.head != r.tail
        assert {(entity[h], entity[t]) for h, t in r.evidence or ()} == {(r.head, r.tail)}
    assert {(m.start, m.end, m.type) for m in start.mentions or ()} == {
        (s.start, s.end, m.type) for s, m in done.mentions.items()
    }


@given(passes())
def test_disputes_are_numbered_and_name_what_they_follow(given_passes: list[Annotation]) -> None:
    done = merge(ARTICLE, given_passes, LABELS)
    assert [d.id for d in done.disputes] == [f"D{i}" for i in range(1, len(done.disputes) + 1)]
    for place, d in enumerate(done.disputes):
        assert [i.id for i in d.items] == [f"{d.id}.{n}" for n in range(1, len(d.items) + 1)]
        assert set(d.follows) <= {e.id for e in done.disputes[:place]}
        for item in d.items:
            assert slots_of(item.what)
            assert "\n" not in item.text


# ------------------------------------------------------------------------- by hand

ORG, GPE = "ORG", "GPE"
AB: Row = (0, 2, ORG, "NAM")
CD: Row = (3, 5, GPE, "NAM")
EF: Row = (6, 8, GPE, "NAM")


def shown(*given_passes: Annotation) -> list[tuple[str, str, list[tuple[str, tuple[str, ...]]]]]:
    return [(d.id, d.layer, [(i.text, i.passes) for i in d.items]) for d in merge(ARTICLE, given_passes, LABELS).disputes]


def test_two_types_on_one_span_are_versions_of_one_mention() -> None:
    pairs = [("controls", "asserted", 0, 1)]
    a, b = annotation("a", [AB, CD], pairs=pairs), annotation("b", [AB, (3, 5, ORG, "NAM")], pairs=pairs)
    assert shown(a, b) == [
        ("D1", "mentions", [("GPE.NAM [cd]@L1 3-5", ("a",)), ("ORG.NAM [cd]@L1 3-5", ("b",))]),
        ("D2", "relations", [("controls([ab]@L1, [cd]@L1)", ("a", "b"))]),
    ]
    assert merge(ARTICLE, [a, b], LABELS).disputes[1].follows == ("D1",)


def test_a_span_with_two_mentions_in_one_pass_is_two_mentions() -> None:
    both = annotation("a", [CD, (3, 5, ORG, "NAM")])
    one, other = annotation("b", [CD]), annotation("c", [(3, 5, ORG, "NAM")])
    assert shown(both, one, other) == [
        ("D1", "mentions", [("GPE.NAM [cd]@L1 3-5", ("a", "b"))]),
        ("D2", "mentions", [("ORG.NAM [cd]@L1 3-5", ("a", "c"))]),
    ]


def test_boundaries_that_overlap_are_one_dispute_unless_one_pass_has_both() -> None:
    long: Row = (0, 5, ORG, "NAM")
    assert [len(items) for _, _, items in shown(annotation("a", [AB]), annotation("b", [long]))] == [2]
    assert [len(items) for _, _, items in shown(annotation("a", [AB, long]), annotation("b", []))] == [1, 1]


def test_clusters_that_differ_stand_against_each_other() -> None:
    a, b = annotation("a", [AB, CD, EF], [[0, 1], [2]]), annotation("b", [AB, CD, EF], [[0], [1, 2]])
    assert shown(a, b) == [
        (
            "D1",
            "entities",
            [
                ("cluster of [ab]@L1", ("b",)),
                ("cluster of [ab]@L1, [cd]@L1", ("a",)),
                ("cluster of [cd]@L1, [ef]@L1", ("b",)),
                ("cluster of [ef]@L1", ("a",)),
            ],
        )
    ]
    done = merge(ARTICLE, [a, b], LABELS)
    assert accepted(done).entities == ()
    assert [e.mentions for e in merged(done).entities or ()] == [("m1",), ("m2",), ("m3",)]


def test_a_relation_of_disputed_clusters_is_disputed_and_one_starts_with_it() -> None:
    pairs = [("controls", "asserted", 0, 2)]
    a, b = annotation("a", [AB, CD, EF], [[0, 1]], pairs=pairs), annotation("b", [AB, CD, EF], pairs=pairs)
    done = merge(ARTICLE, [a, b], LABELS)
    assert [(d.id, d.layer, d.follows) for d in done.disputes] == [("D1", "entities", ()), ("D2", "relations", ("D1",))]
    assert accepted(done).relations == ()
    assert [r.evidence for r in merged(done).relations or ()] == [(("m1", "m3"),)]


def test_factualities_and_directions_of_one_pair_are_one_dispute() -> None:
    a = annotation("a", [AB, CD], pairs=[("controls", "asserted", 0, 1)])
    b = annotation("b", [AB, CD], pairs=[("controls", "denied", 0, 1)])
    c = annotation("c", [AB, CD], pairs=[("controls", "asserted", 1, 0)])
    ((_, layer, found),) = shown(a, b, c)
    assert layer == "relations"
    assert found == [
        ("controls([ab]@L1, [cd]@L1)", ("a",)),
        ("controls:denied([ab]@L1, [cd]@L1)", ("b",)),
        ("controls([cd]@L1, [ab]@L1)", ("c",)),
    ]


def test_the_direction_of_a_symmetric_relation_means_nothing() -> None:
    a, b = (annotation(n, [AB, CD], pairs=[("fights", "asserted", *ends)]) for n, ends in (("a", (0, 1)), ("b", (1, 0))))
    assert shown(a, b) == []
    # also where the mention in question comes later in the text than the entity's first
    many = [AB, CD, EF]
    joined = annotation("a", many, [[0, 2]], pairs=[("fights", "asserted", 2, 1)])
    parted = annotation("b", many, pairs=[("fights", "asserted", 1, 2)])
    disputes = merge(ARTICLE, [joined, parted], LABELS).disputes
    assert [(d.layer, d.follows) for d in disputes] == [("entities", ()), ("relations", ("D1",))]


def test_links_are_disputed_apart_from_their_clusters() -> None:
    a, b = annotation("a", [AB, CD], [[0, 1]], links={0: "Q1"}), annotation("b", [AB, CD], [[0, 1]])
    assert shown(a, b) == [("D1", "links", [("no link of [ab]@L1", ("b",)), ("link Q1 of [ab]@L1", ("a",))])]
    done = merge(ARTICLE, [a, b], LABELS)
    assert [(e.mentions, e.link) for e in accepted(done).entities or ()] == [(("m1", "m2"), None)]


def test_a_mention_linked_elsewhere_does_not_dispute_the_link_that_all_agree_on() -> None:
    a = annotation("a", [AB, CD], [[0, 1]], links={0: "Q1"})
    b, c = annotation("b", [AB], links={0: "Q1"}), annotation("c", [AB, CD], links={0: "Q1"})
    assert [row for row in shown(a, b, c) if row[1] == "links"] == [("D3", "links", [("no link of [cd]@L1", ("c",))])]
    assert [e.link for e in accepted(merge(ARTICLE, [a, b, c], LABELS)).entities or ()] == ["Q1"]


def test_stances_that_overlap_and_that_no_pass_has_both_of_are_one_dispute() -> None:
    a = annotation("a", [AB, CD], stances=[(0, 5, 0, 1, "favor", "explicit"), (9, 11, AUTHOR, 0, "against", "implied")])
    b = annotation("b", [AB, CD], stances=[(0, 8, 0, 1, "favor", "explicit"), (9, 11, AUTHOR, 0, "against", "explicit")])
    assert [len(found) for _, _, found in shown(a, b)] == [2, 2]
    with_both = annotation("a", [AB, CD], stances=[(0, 5, 0, 1, "favor", "explicit"), (0, 8, UNKNOWN, 1, "favor", "explicit")])
    assert [len(found) for _, _, found in shown(with_both, annotation("b", [AB, CD]))] == [1, 1]


def test_a_layer_that_was_not_attempted_agrees_with_nothing() -> None:
    a = annotation("a", [AB, CD], pairs=[("controls", "asserted", 0, 1)])
    b = msgspec.structs.replace(annotation("b", [AB, CD]), relations=None)
    assert [layer for _, layer, _ in shown(a, b)] == ["relations"]
    neither = [msgspec.structs.replace(x, relations=None, stances=None) for x in (a, b)]
    done = merge(ARTICLE, neither, LABELS)
    assert done.disputes == ()
    assert accepted(done).relations is None
    assert accepted(done).stances is None


@pytest.mark.parametrize("count", [2, 3, 5])
def test_empty_passes_agree(count: int) -> None:
    done = merge(ARTICLE, [annotation(f"p{i}", []) for i in range(count)], LABELS)
    assert done.disputes == ()
    assert accepted(done).mentions == merged(done).entities == ()


def test_control_characters_of_the_text_are_escaped_in_what_is_shown() -> None:
    article = Article(id="d0", text="a\x1b[2J\u202eb cd")
    rows: list[Row] = [(0, 7, ORG, "NAM")]
    done = merge(article, [annotation("a", rows), annotation("b", [])], LABELS)
    assert done.disputes[0].items[0].text == r"ORG.NAM [a\x1b[2J\u202eb]@L1 0-7"
