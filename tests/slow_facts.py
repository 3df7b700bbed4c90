"""Relations and stance once more, with dicts and sets: slow, and plain to check by eye."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from newsgold.corpus.model import Annotation
from newsgold.metrics.arrow import table_of
from newsgold.metrics.columns import Vocabulary
from newsgold.metrics.suite import METRICS, Evaluation, Side, evaluate
from strategies import LABELS

TYPES = list(LABELS.types)
Content = tuple[tuple[int, int, int], ...]


def evaluation(gold: Sequence[Annotation], pred: Sequence[Annotation]) -> Evaluation:
    """Both sides resolved, whatever is wrong with them."""
    documents = sorted({a.id for a in (*gold, *pred)})
    return evaluate(Side(table_of(gold), {}), Side(table_of(pred), {}), documents, Vocabulary(LABELS), ("NAM",))


def counted(key: str, gold: Sequence[Annotation], pred: Sequence[Annotation]) -> list[list[float]]:
    """The counts of one key for each document, in the order of their ids."""
    return METRICS[key].counts(evaluation(gold, pred)).by_document().tolist()


class Resolved:
    """One annotation, its ids replaced by entities: clusters, or mentions alone."""

    def __init__(self, annotation: Annotation) -> None:
        self.value = annotation
        self.mention = {m.id: m for m in annotation.mentions or ()}
        members: dict[str, list[str]] = {e.id: list(e.mentions) for e in annotation.entities or ()}
        listed = {m for ms in members.values() for m in ms}
        members |= {f"alone {m}": [m] for m in self.mention if m not in listed}
        self.owner = {m: e for e, ms in members.items() for m in ms}
        self.content: dict[str, Content] = {
            e: tuple(sorted((self.mention[m].start, -self.mention[m].end, TYPES.index(self.mention[m].type)) for m in ms))
            for e, ms in members.items()
        }

    def entity(self, name: str) -> str:
        """The entity that an id stands for; AUTHOR and UNKNOWN stand for themselves."""
        return self.owner.get(name, name)

    def spans(self, name: str) -> set[tuple[int, int]]:
        return {c[:2] for c in self.content[name]}


def overlap(a: Content, b: Content) -> tuple[int, int]:
    """How many spans two entities share, and on how many of them a type agrees."""
    return len({c[:2] for c in a} & {c[:2] for c in b}), len({c[:2] for c in set(a) & set(b)})


Mapping = Callable[[Resolved, Resolved], dict[str, Content]]


def mapping(gold: Resolved, pred: Resolved) -> dict[str, Content]:
    """For each predicted entity the content of the gold entity it stands for."""
    out = {}
    for name, content in pred.content.items():
        best = min(set(gold.content.values()), key=lambda g: (*(-n for n in overlap(g, content)), g), default=())
        if overlap(best, content)[0]:
            out[name] = best
    return out


def alignment(gold: Resolved, pred: Resolved) -> dict[str, Content]:
    """The same one to one, by trying every way."""
    left, right = sorted(set(gold.content.values())), sorted(set(pred.content.values()))

    def tries(at: int, free: tuple[int, ...]) -> Iterable[tuple[int, int, tuple[int, ...]]]:
        if at == len(left):
            yield 0, 0, ()
            return
        for place in (*(i for i in free if overlap(left[at], right[i])[0]), len(right)):
            spans, typed = overlap(left[at], right[place]) if place < len(right) else (0, 0)
            for rest in tries(at + 1, tuple(i for i in free if i != place)):
                yield rest[0] - spans, rest[1] - typed, (place, *rest[2])

    chosen = min(tries(0, tuple(range(len(right)))))[2]
    partner = {right[i]: g for i, g in zip(chosen, left, strict=True) if i < len(right)}
    return {name: partner[content] for name, content in pred.content.items() if content in partner}


Stated = dict[Any, list[Any]]
"""What one side says: under each key one entry a row, equal entries being repetitions."""


def times(said: Stated) -> dict[Any, int]:
    return {key: 1 + len(rows) - len(set(rows)) for key, rows in said.items()}


def compared(gold: Stated, pred: Stated) -> list[Fraction]:
    g, p = times(gold), times(pred)
    found = sum(min(g[k], p[k]) for k in g.keys() & p.keys())
    return [Fraction(n) for n in (found, sum(p.values()), found, sum(g.values()))]


def said(side: Resolved, rows: Iterable[tuple[Any, Any]]) -> Stated:
    out: Stated = defaultdict(list)
    for key, again in rows:
        out[key].append(again)
    return out


def meaning(side: Resolved, mapped: dict[str, Content] | None, name: str) -> Any:
    """What an argument stands for: a gold entity's content, or itself."""
    entity = side.entity(name)
    if entity not in side.content:
        return entity
    if mapped is None:
        return side.content[entity]
    return mapped.get(entity, ("own", entity))


def unordered(kind: str, head: Any, tail: Any) -> Any:
    return frozenset((head, tail)) if LABELS.symmetric(kind) else (head, tail)


def pairs_of(side: Resolved, relation: Any, *, typed: bool = True) -> list[Any]:
    """The mention pairs of a relation, None for one that it lacks."""
    listed = relation.evidence
    if not listed:
        listed = [(relation.head, relation.tail)]
    out = []
    for names in listed:
        found = [side.mention.get(name) for name in names]
        if None in found:
            out.append(None)
        else:
            head, tail = ((m.start, m.end, *([m.type] if typed else [])) for m in found)
            ends = sorted((head, tail)) if LABELS.symmetric(relation.type) else [head, tail]
            out.append(tuple(ends))
    return out


def triples(side: Resolved, mapped: dict[str, Content] | None) -> Stated:
    rows = []
    for r in side.value.relations or ():
        key = r.type, unordered(r.type, *(meaning(side, mapped, a) for a in (r.head, r.tail)))
        own = unordered(r.type, side.entity(r.head), side.entity(r.tail))
        rows.append((key, (own, r.factuality, frozenset(pairs_of(side, r)))))
    return said(side, rows)


def items(
    side: Resolved, *, typed: bool, within: dict[str, Content] | bool | None = False, matched: set[Any] = frozenset()
) -> Stated:
    """Mention pairs; those of matched triples alone, with the triple, if ``within`` is a mapping or None."""
    rows = []
    for n, r in enumerate(side.value.relations or ()):
        triple = None
        if within is not False:
            triple = r.type, unordered(r.type, *(meaning(side, within, a) for a in (r.head, r.tail)))
            if triple not in matched:
                continue
        for i, (plain, full) in enumerate(zip(pairs_of(side, r, typed=typed), pairs_of(side, r), strict=True)):
            if plain is not None:
                rows.append(((r.type, plain, triple), (full, r.factuality)))
            elif within is False:
                rows.append((("lost", id(side), n, i), None))
    return said(side, rows)


def positions(side: Resolved, mapped: dict[str, Content] | None) -> Stated:
    rows = []
    for s in side.value.stances or ():
        key = *(meaning(side, mapped, a) for a in (s.holder, s.target)), s.polarity
        rows.append((key, (side.entity(s.holder), side.entity(s.target), s.start, s.end)))
    return said(side, rows)


def entity_type(content: Content) -> str:
    names = [TYPES[c[2]] for c in content]
    wide = [LABELS.types[n].counts_as or n for n in names]
    names = [w if w in names else n for n, w in zip(names, wide, strict=True)]
    return min(names, key=lambda n: (-names.count(n), TYPES.index(n)))
