"""What is left of a document in a format that cannot hold all of it.

A format's ``project`` is made of these parts: :func:`reduce` takes away the fields it does not carry,
:func:`keep_mentions` mentions it cannot hold and all that hangs on them, :func:`flatten` turns relations into pairs of
mentions, :func:`renumber` gives plain ids where foreign files have none. :func:`difference` counts what
two versions of a document do not share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple, cast

import msgspec

from newsgold.corpus.codec import canonical, sha256
from newsgold.corpus.formats import METADATA, Note
from newsgold.corpus.labels import DEFAULT_BASIS, DEFAULT_FACTUALITY, Labels
from newsgold.corpus.model import LAYERS, Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.store import fill
from newsgold.corpus.tables import Document

_BLANK = Article(id="", text="")
_WITH_MENTION = "it hung on a mention that was left out"
_replace: Callable[..., Any] = msgspec.structs.replace


class Pair(NamedTuple):
    """A relation between two mentions, by their ids."""

    type: str
    head: str
    tail: str
    factuality: str


def ready(document: Document, labels: Labels) -> Document:
    """The document in canonical order, with hashes, surfaces and what the annotation repeats of its article filled in.

    Items of predictions that have no id get one.
    """
    article, gold = document
    article = _replace(article, text_sha256=sha256(article.text))
    if gold is None:
        return Document(article, None)
    mentions = gold.mentions
    if mentions is not None:
        mentions = tuple(_replace(m, text=article.text[m.start : m.end]) for m in mentions)
    gold = _named(fill(_replace(gold, mentions=mentions, text_sha256=article.text_sha256), article))
    return Document(article, canonical(gold, labels))


def _named(gold: Annotation) -> Annotation:
    """The annotation with an id on every mention, entity and stance."""
    layers = ("mentions", "entities", "stances")
    taken = {item.id for layer in layers for item in getattr(gold, layer) or ()}
    if None not in taken:
        return gold
    free = (name for number in count(1) if (name := f"x{number}") not in taken)
    return cast(
        "Annotation",
        _replace(
            gold,
            **{
                layer: tuple(item if item.id is not None else _replace(item, id=next(free)) for item in getattr(gold, layer))
                for layer in layers
                if getattr(gold, layer)
            },
        ),
    )


def pairs(gold: Annotation) -> list[Pair]:
    """The relations as distinct pairs of mentions: each pair of the evidence, or the first mentions of both arguments."""
    first = {e.id: e.mentions[0] for e in gold.entities or () if e.mentions}
    found: dict[Pair, None] = {}
    for r in gold.relations or ():
        evidence = r.evidence or ((first.get(r.head, r.head), first.get(r.tail, r.tail)),)
        for head, tail in evidence:
            found[Pair(r.type, head, tail, r.factuality)] = None
    return list(found)


def regroup(found: Iterable[Pair], entities: Iterable[Entity]) -> tuple[Relation, ...]:
    """Relations from pairs of mentions: between their entities, with the pairs as evidence.

    Mentions that are in no entity stand for themselves.
    """
    entity_of = {m: e.id for e in entities for m in e.mentions if e.id is not None}
    grouped: dict[Pair, dict[tuple[str, str], None]] = {}
    for p in found:
        key = Pair(p.type, entity_of.get(p.head, p.head), entity_of.get(p.tail, p.tail), p.factuality)
        grouped.setdefault(key, {})[p.head, p.tail] = None
    return tuple(
        Relation(
            type=key.type,
            head=key.head,
            tail=key.tail,
            factuality=key.factuality,
            evidence=None if evidence == {(key.head, key.tail): None} else tuple(evidence),
        )
        for key, evidence in grouped.items()
    )


def flatten(document: Document, labels: Labels, note: Note | None = None) -> Document:
    """The document with its facts as formats of spans and arcs hold them: between mentions.

    Relations go by :func:`pairs` and :func:`regroup`; in a stance an entity is stood for by its first mention, and where two
    stances become one that way, the second is noted as lost.
    """
    article, gold = document
    if gold is None:
        return document
    first = {e.id: e.mentions[0] for e in gold.entities or () if e.mentions}
    said: dict[tuple[object, ...], Stance] = {}
    for s in gold.stances or ():
        holder, target = first.get(s.holder, s.holder), first.get(s.target, s.target)
        said.setdefault((holder, target, s.polarity, s.start, s.end), _replace(s, holder=holder, target=target))
    stances = None if gold.stances is None else tuple(said.values())
    if note is not None:
        note(
            "stances",
            "it says what another says, an entity being stood for by its first mention",
            len(gold.stances or ()) - len(said),
        )
    relations = gold.relations and regroup(pairs(gold), gold.entities or ())
    return Document(article, canonical(_replace(gold, relations=relations, stances=stances), labels))


def reduce(
    document: Document, labels: Labels, note: Note, *, carries: Collection[str], why: Mapping[str, str], default: str
) -> Document:
    """The document without the fields that ``carries`` lacks; the reason for each is in ``why``, or the ``default``.

    Ids are left as they are, see :func:`renumber`. In a format that does not carry ``unattempted`` a layer without items is
    one that was not attempted, mentions apart.
    """
    article, gold = document
    blank = {name: getattr(_BLANK, name) for name in METADATA if name not in carries}
    article = _replace(article, **blank)
    if "unattempted" not in carries:
        gold = gold or Annotation(id=article.id, text_sha256=article.text_sha256)
        gold = _absent(_replace(gold, mentions=gold.mentions or ()))
    if gold is not None:
        changes: dict[str, Any] = {}
        if "entities" not in carries:
            flat = flatten(Document(article, gold), labels).gold
            changes = {"relations": gold.relations and regroup(pairs(gold), ()), "stances": flat and flat.stances}
        if "annotators" not in carries:
            changes["by"] = None
        changes |= {layer: None for layer in LAYERS[1:] if layer not in carries}
        gold = _replace(gold, **changes)
        gold = _without(gold, carries)
        gold = canonical(_replace(gold, split=article.split, event=article.event, ignore=article.ignore), labels)
    after = Document(article, gold)
    for what, n in difference(document, after).items():
        note(what, why.get(what, default), n)
    return after


def _absent(gold: Annotation) -> Annotation:
    """The annotation with layers that hold nothing as not attempted, mentions apart."""
    return cast("Annotation", _replace(gold, **{layer: getattr(gold, layer) or None for layer in LAYERS[1:]}))


def _without(gold: Annotation, carries: Collection[str]) -> Annotation:
    """The annotation without the attributes of items that are not carried."""
    attributes: tuple[tuple[str, str, str, Any], ...] = (
        ("kinds", "mentions", "kind", None),
        ("links", "entities", "link", None),
        ("factualities", "relations", "factuality", DEFAULT_FACTUALITY),
        ("bases", "stances", "basis", DEFAULT_BASIS),
    )
    for what, layer, field, default in attributes:
        items = getattr(gold, layer)
        if what not in carries and items:
            gold = _replace(gold, **{layer: tuple(_replace(item, **{field: default}) for item in items)})
    return gold


def keep_mentions(document: Document, kept: Collection[str | None], labels: Labels, note: Note, why: str) -> Document:
    """The document without all other mentions, and without what hangs on them; ``why`` is the reason for the mentions.

    A layer that loses all its items is one that was not attempted.
    """
    article, gold = document
    if gold is None or all(m.id in kept for m in gold.mentions or ()):
        return document
    entities = gold.entities
    if entities is not None:
        shrunk = (_replace(e, mentions=tuple(m for m in e.mentions if m in kept)) for e in entities)
        entities = tuple(e for e in shrunk if e.mentions)
    names = {*kept, *(e.id for e in entities or ())}
    found = [p for p in pairs(gold) if p.head in kept and p.tail in kept]
    gold = _replace(
        gold,
        mentions=tuple(m for m in gold.mentions or () if m.id in kept),
        entities=entities,
        relations=gold.relations and regroup(found, entities or ()),
        stances=gold.stances
        and tuple(s for s in gold.stances if s.target in names and s.holder in {*names, "AUTHOR", "UNKNOWN"}),
    )
    after = Document(article, canonical(_absent(gold), labels))
    for what, n in difference(document, after).items():
        note(what, why if what == "mentions" else _WITH_MENTION, n)
    return after


def keep_facts(
    document: Document,
    labels: Labels,
    note: Note,
    *,
    relation: Callable[[Relation], str] = lambda _: "",
    stance: Callable[[Stance], str] = lambda _: "",
) -> Document:
    """The document without the relations and stances for which these give a reason to leave them out."""
    article, gold = document
    if gold is None:
        return document
    after = document
    tests: tuple[tuple[str, Callable[[Any], str]], ...] = (("relations", relation), ("stances", stance))
    for layer, test in tests:
        items = getattr(gold, layer) or ()
        for reason in sorted({test(item) for item in items} - {""}):
            before = after
            kept = tuple(item for item in getattr(after.gold, layer) or () if test(item) != reason)
            after = Document(article, canonical(_replace(after.gold, **{layer: kept or None}), labels))
            for what, n in difference(before, after).items():
                note(what, reason, n)
    return after


def renumber(document: Document, labels: Labels, note: Note | None = None, why: str = "") -> Document:
    """The document with the ids m1, m2, …, e1, …, s1, … in the order of the text; other ids are noted as lost."""
    article, gold = document
    if gold is None:
        return document
    new: dict[str | None, str] = {}
    mentions = sorted(gold.mentions or (), key=lambda m: (m.start, -m.end, m.type, m.kind or ""))
    new |= {m.id: f"m{i}" for i, m in enumerate(mentions, 1)}
    place = {m.id: i for i, m in enumerate(mentions)}
    entities = sorted(gold.entities or (), key=lambda e: sorted(place[m] for m in e.mentions))
    new |= {e.id: f"e{i}" for i, e in enumerate(entities, 1)}
    old = new.copy()
    stances = sorted(
        gold.stances or (),
        key=lambda s: (
            s.start or 0,
            s.end or 0,
            *(place.get(x, -1) for x in (s.holder, s.target)),
            s.holder,
            s.polarity,
            s.basis,
        ),
    )
    numbered = {id(s): f"s{i}" for i, s in enumerate(stances, 1)}
    if note is not None:
        note("ids", why, sum(key != value for key, value in old.items()) + sum(s.id != numbered[id(s)] for s in stances))

    def name(x: Any) -> Any:
        return new.get(x, x)

    gold = _replace(
        gold,
        mentions=gold.mentions and tuple(_replace(m, id=new[m.id]) for m in gold.mentions),
        entities=gold.entities and tuple(_replace(e, id=new[e.id], mentions=tuple(map(name, e.mentions))) for e in gold.entities),
        relations=gold.relations
        and tuple(
            _replace(
                r,
                head=name(r.head),
                tail=name(r.tail),
                evidence=r.evidence and tuple((name(a), name(b)) for a, b in r.evidence),
            )
            for r in gold.relations
        ),
        stances=gold.stances
        and tuple(_replace(s, id=numbered[id(s)], holder=name(s.holder), target=name(s.target)) for s in gold.stances),
    )
    return Document(article, canonical(gold, labels))


def difference(before: Document, after: Document) -> Counter[str]:
    """How much less the second version holds, by the names of losses; ids are not compared.

    Relations are counted as distinct pairs of mentions, ``unattempted`` as layers without items that change between absent
    and empty; an article's fields count one each.
    """
    less = Counter(dict(_amounts(before)))
    less.subtract(dict(_amounts(after)))
    gold, left = (d.gold or Annotation(id="") for d in (before, after))
    less["unattempted"] = sum(
        not getattr(gold, layer) and (getattr(gold, layer) is None) != (getattr(left, layer) is None) for layer in LAYERS
    )
    for name in METADATA:
        value = getattr(before.article, name)
        less[name] = int(value != getattr(_BLANK, name) and value != getattr(after.article, name))
    return +less


def _amounts(document: Document) -> Iterator[tuple[str, int]]:
    gold = document.gold or Annotation(id="")
    mentions: tuple[Mention, ...] = gold.mentions or ()
    stances: tuple[Stance, ...] = gold.stances or ()
    found = pairs(gold)
    yield "mentions", len(mentions)
    yield "kinds", sum(m.kind is not None for m in mentions)
    yield "entities", len(gold.entities or ())
    yield "links", sum(e.link is not None for e in gold.entities or ())
    yield "relations", len(found)
    yield "factualities", sum(p.factuality != DEFAULT_FACTUALITY for p in found)
    yield "stances", len(stances)
    yield "bases", sum(s.basis != DEFAULT_BASIS for s in stances)
    yield "annotators", int(gold.by is not None)
