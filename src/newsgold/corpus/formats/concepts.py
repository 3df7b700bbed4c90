"""What formats share in which relations hold between clusters of mentions, and no mention stands alone.

Such a format has no place for a mention that is in no cluster, nor for a relation between mentions: the first becomes a
cluster of its own, the second is raised to the clusters. :func:`raised` does both; what becomes of the evidence is the
format's own business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from newsgold.corpus.codec import canonical
from newsgold.corpus.formats import Losses, Note
from newsgold.corpus.formats.projection import Pair, difference, keep_facts, keep_mentions, reduce, renumber
from newsgold.corpus.formats.records import unreadable
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation, Entity, Relation
from newsgold.corpus.tables import Document

_replace: Callable[..., Any] = msgspec.structs.replace
Proof = Callable[[Document, Relation], tuple[tuple[str, str], ...] | None]
"""What a format keeps of a relation's evidence, the relation being between entities."""


def raised(
    document: Document,
    labels: Labels,
    note: Note,
    *,
    carries: Collection[str],
    why: Mapping[str, str],
    default: str,
    proof: Proof,
) -> Document:
    """The document with every mention in an entity and every relation between two, under the ids m1, e1; all losses noted.

    Left out are mentions with white space at an edge, relations within an entity, and those whose label could not be
    taken apart again. Mentions and entities are attempted, relations if they were.
    """
    silent = Losses()
    attempted = document.gold is not None and document.gold.relations is not None
    after = reduce(document, labels, silent, carries=carries, why=why, default=default)
    article, gold = after
    assert gold is not None  # a document without annotation is one that nobody finished: reduce gives it an empty one
    whole = {m.id for m in gold.mentions or () if _is_trimmed(article.text[m.start : m.end])}
    after = keep_mentions(after, whole, labels, silent, default)
    after = keep_facts(after, labels, silent, relation=lambda r: unreadable(r, labels))
    after = renumber(after, labels, note, default)
    gold = after.gold or Annotation(id=article.id)
    owned = {m for e in gold.entities or () for m in e.mentions}
    singles = (Entity(id=f"of-{m.id}", mentions=(m.id,)) for m in gold.mentions or () if m.id is not None and m.id not in owned)
    gold = _replace(
        gold, mentions=gold.mentions or (), entities=(*(gold.entities or ()), *singles), relations=gold.relations or ()
    )
    gold = canonical(_replace(gold, relations=_between_entities(gold)), labels)
    once = {Pair(r.type, r.head, r.tail, r.factuality): r for r in reversed(gold.relations or ())}
    gold = _replace(gold, relations=tuple(once.values()) if attempted else None)
    after = renumber(Document(article, canonical(gold, labels)), labels)
    gold = after.gold
    if gold is not None and gold.relations is not None:
        proven = tuple(_replace(r, evidence=proof(after, r)) for r in gold.relations)
        after = Document(article, canonical(_replace(gold, relations=proven), labels))
    for what, n in difference(document, after).items():
        note(what, why.get(what, default), n)
    return after


def _is_trimmed(surface: str) -> bool:
    return bool(surface) and surface == surface.strip()


def _between_entities(gold: Annotation) -> tuple[Relation, ...]:
    """The relations with entities for their ends, each once, the evidence of all that became one together."""
    owner = {m: e.id or "" for e in gold.entities or () for m in e.mentions}
    found: dict[Pair, dict[tuple[str, str], None]] = {}
    for r in gold.relations or ():
        pair = Pair(r.type, owner.get(r.head, r.head), owner.get(r.tail, r.tail), r.factuality)
        if pair.head != pair.tail:
            proofs = r.evidence or (((r.head, r.tail),) if r.head in owner and r.tail in owner else ())
            found.setdefault(pair, {}).update(dict.fromkeys(proofs))
    return tuple(
        Relation(type=p.type, head=p.head, tail=p.tail, factuality=p.factuality, evidence=tuple(proofs) or None)
        for p, proofs in found.items()
    )
