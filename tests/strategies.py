"""Random annotations, and plain, slow versions of what the metrics compute."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import strategies as st

from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation, Entity, Mention, Relation, Stance

LABELS = default_labels()
TYPES = ("PERSON", "ORG", "GPE", "DATE")
RELATIONS = ("controls", "fights", "allied_with", "located_in")
FACTUALITIES = ("asserted", "denied")


@st.composite
def annotations(
    draw: st.DrawFn, name: str = "d0", *, clustered: bool = True, mentions: int = 8, distinct: bool = False
) -> Annotation:
    """An annotation of a short imaginary text: few places, so that spans nest, cross and coincide.

    ``distinct`` leaves out what gold may not have: two mentions of one span and type, repeated relations and stances.
    """
    spans = st.tuples(st.integers(0, 6), st.integers(1, 3), st.sampled_from(TYPES))
    rows = draw(st.lists(spans, max_size=mentions, unique=distinct))
    kinds = st.sampled_from(["NAM", "NOM", None])
    found = tuple(
        Mention(id=f"m{i}", start=s, end=s + w, type=t, kind="VAL" if t == "DATE" else draw(kinds))
        for i, (s, w, t) in enumerate(rows)
    )
    entities: list[Entity] = []
    if clustered:
        cluster = [draw(st.integers(0, 3)) for _ in found]
        for number in sorted(set(cluster)):
            members = tuple(m.id for m, c in zip(found, cluster, strict=True) if c == number)
            entities.append(Entity(id=f"e{number}", mentions=members))
    names = [m.id for m in found] + [e.id for e in entities]
    relations, stances = _facts(draw, found, names)
    entity = {m: e.id for e in entities for m in e.mentions}
    relations = [_fitting(r, entity) for r in relations if entity.get(r.head, r.head) != entity.get(r.tail, r.tail)]
    if distinct:
        relations, stances = _once(relations, stances, entity)
    return Annotation(
        id=name,
        by="x",
        mentions=found,
        entities=tuple(entities) if clustered else None,
        relations=tuple(relations),
        stances=tuple(stances),
    )


def _facts(draw: st.DrawFn, mentions: Sequence[Mention], names: Sequence[Any]) -> tuple[list[Relation], list[Stance]]:
    if not names:
        return [], []
    argument = st.sampled_from(names)
    ids = [m.id for m in mentions]
    pair = st.tuples(st.sampled_from(ids), st.sampled_from(ids))
    evidence = st.none() | st.lists(pair, max_size=3).map(tuple)
    relation = st.builds(
        Relation,
        type=st.sampled_from(RELATIONS),
        head=argument,
        tail=argument,
        factuality=st.sampled_from(FACTUALITIES),
        evidence=evidence,
    )
    span = st.sampled_from([(0, 2), (3, 5), (None, None)])
    stance = st.builds(
        lambda s, **rest: Stance(start=s[0], end=s[1], **rest),
        span,
        holder=argument | st.sampled_from([AUTHOR, UNKNOWN]),
        target=argument,
        polarity=st.sampled_from(["favor", "against", "neutral"]),
    )
    return draw(st.lists(relation, max_size=5)), draw(st.lists(stance, max_size=4))


def _fitting(relation: Relation, entity: dict[Any, Any]) -> Relation:
    """The relation without evidence from other entities; where none is left, with that of its own arguments."""
    head, tail = relation.head, relation.tail
    members: dict[Any, list[Any]] = defaultdict(list)
    for m, e in entity.items():
        members[e].append(m)
    of_head, of_tail = (members.get(entity.get(a, a), []) or [a] for a in (head, tail))
    if relation.evidence is None:
        return relation
    kept = tuple((a, b) for a, b in relation.evidence if a in of_head and b in of_tail) or ((of_head[0], of_tail[-1]),)
    return msgspec.structs.replace(relation, evidence=kept)


def _once(relations: list[Relation], stances: list[Stance], entity: dict[Any, Any]) -> tuple[list[Relation], list[Stance]]:
    """Without items that repeat an earlier one's identity."""
    r = {}
    for x in relations:
        head, tail = entity.get(x.head, x.head), entity.get(x.tail, x.tail)
        ends = (min(head, tail), max(head, tail)) if LABELS.symmetric(x.type) else (head, tail)
        r[x.type, *ends, x.factuality] = x
    s = {(x.holder, x.target, x.polarity): x for x in stances}
    return list(r.values()), list(s.values())


@st.composite
def corpora(draw: st.DrawFn, *, clustered: bool = True, distinct: bool = False) -> list[Annotation]:
    """Annotations of one to three documents."""
    return [draw(annotations(f"d{i}", clustered=clustered, distinct=distinct)) for i in range(draw(st.integers(1, 3)))]


@st.composite
def pairs(draw: st.DrawFn, **options: bool) -> tuple[list[Annotation], list[Annotation]]:
    """Gold and predictions for the same documents."""
    gold = draw(corpora(**options))
    return gold, [draw(annotations(g.id, **options)) for g in gold]


@st.composite
def shuffled(draw: st.DrawFn, values: list[Annotation]) -> list[Annotation]:
    """The same annotations with documents and items in another order and under other ids."""
    return draw(st.permutations([draw(_shuffle(v)) for v in values]))


@st.composite
def _shuffle(draw: st.DrawFn, value: Annotation) -> Annotation:
    ids = [x.id for x in (*(value.mentions or ()), *(value.entities or ()))]
    new: dict[Any, str] = dict(zip(ids, draw(st.permutations([f"x{i}" for i in range(len(ids))])), strict=True))
    rename = msgspec.structs.replace
    mentions = [rename(m, id=new[m.id]) for m in value.mentions or ()]
    entities = [
        rename(e, id=new[e.id], mentions=tuple(draw(st.permutations([new[m] for m in e.mentions])))) for e in value.entities or ()
    ]
    relations = [
        rename(
            r, head=new[r.head], tail=new[r.tail],
            evidence=None if r.evidence is None else tuple(draw(st.permutations([(new[a], new[b]) for a, b in r.evidence]))),
        )
        for r in value.relations or ()
    ]  # fmt: skip
    stances = [rename(s, holder=new.get(s.holder, s.holder), target=new[s.target]) for s in value.stances or ()]
    return rename(
        value,
        mentions=tuple(draw(st.permutations(mentions))),
        entities=None if value.entities is None else tuple(draw(st.permutations(entities))),
        relations=tuple(draw(st.permutations(relations))),
        stances=tuple(draw(st.permutations(stances))),
    )


# ------------------------------------------------------------------ slow versions


def slow_strict(gold: Annotation, pred: Annotation, kinds: Sequence[str]) -> tuple[int, int, int]:
    """(right, predicted, gold) as the plain multiset intersection."""
    sides = [
        Counter((m.start, m.end, m.type) for m in a.mentions or () if LABELS.kind(m.type, m.kind) in kinds) for a in (gold, pred)
    ]
    return (sides[0] & sides[1]).total(), sides[1].total(), sides[0].total()


def slow_lea(key: Sequence[frozenset[Any]], response: Sequence[frozenset[Any]]) -> tuple[Fraction, int]:
    """Numerator and denominator of LEA's recall over sets of mentions (Moosavi and Strube 2016)."""
    total = Fraction(0)
    for k in key:
        if len(k) == 1:
            total += any(r == k for r in response)
        else:
            found = sum(len(k & r) * (len(k & r) - 1) // 2 for r in response)
            total += len(k) * Fraction(found, len(k) * (len(k) - 1) // 2)
    return total, sum(map(len, key))


def clusters(annotation: Annotation) -> list[frozenset[tuple[int, int]]]:
    """The clusters of an annotation as sets of spans."""
    span = {m.id: (m.start, m.end) for m in annotation.mentions or ()}
    return [frozenset(span[m] for m in e.mentions) for e in annotation.entities or ()]


def slow_mapping(gold: Annotation, pred: Annotation) -> dict[str, str]:
    """For each predicted entity id the gold entity id it stands for; for annotations whose spans are all distinct."""
    span_g = {(m.start, m.end): m.id for m in gold.mentions or ()}
    owner = {m: e.id for e in gold.entities or () for m in e.mentions}
    first = {e.id: min((m.start, -m.end) for m in gold.mentions or () if m.id in e.mentions) for e in gold.entities or ()}
    out: dict[str, str] = {}
    span_p = {m.id: (m.start, m.end) for m in pred.mentions or ()}
    for e in pred.entities or ():
        votes: dict[str, int] = defaultdict(int)
        for m in e.mentions:
            if span_p[m] in span_g:
                votes[owner[span_g[span_p[m]]]] += 1
        if votes:
            out[e.id] = min(votes, key=lambda g: (-votes[g], first[g]))
    return out
