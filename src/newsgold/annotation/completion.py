"""A prediction made complete, so that an annotator can start from it.

Systems leave out ids, clusters and evidence; Label Studio needs all of them.
What follows from the prediction itself is filled in (``p1``, ``p2``, … for
ids, a cluster of its own for a mention in none, the one mention of an argument
as its evidence); what would have to be invented is left out, with a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple, TypeVar

import msgspec

from newsgold.corpus.labels import Labels
from newsgold.corpus.model import AUTHOR, ITEM_ID, UNKNOWN, Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.errors import Finding, finding, quote

_Item = TypeVar("_Item", Mention, Stance)


class Completed(NamedTuple):
    """A complete annotation, and what was left out of it."""

    annotation: Annotation
    findings: tuple[Finding, ...]


def complete(annotation: Annotation, article: Article, labels: Labels, *, path: str = "") -> Completed:
    """The annotation with every id, cluster and piece of evidence that follows from it; order and labels unchanged."""
    work = _Completion(annotation, article, labels, path)
    mentions = work.mentions()
    entities = work.entities(mentions)
    relations = work.relations(entities)
    stances = work.stances(entities)
    value = msgspec.structs.replace(annotation, mentions=mentions, entities=entities, relations=relations, stances=stances)
    return Completed(value, tuple(work.findings))


class _Completion:
    def __init__(self, annotation: Annotation, article: Article, labels: Labels, path: str) -> None:
        self.source = annotation
        self.article = article
        self.labels = labels
        self.path = path
        self.findings: list[Finding] = []
        self.taken: set[str] = set()
        given = {i.id for layer in (annotation.mentions, annotation.entities, annotation.stances) for i in layer or ()}
        self.fresh: Iterator[str] = (name for number in count(1) if (name := f"p{number}") not in given)
        self.new_id: dict[str, str] = {}
        """Mention ids of the prediction that are kept or renamed; the first of several equal ones counts."""

    def leave_out(self, pointer: str, got: str, wanted: str) -> None:
        self.findings.append(
            finding("LS_NOT_CARRIED", self.path, doc=self.source.id, pointer=pointer, got=got, wanted=wanted, severity="warning")
        )

    def name(self, given: str | None) -> str:
        """The id if it can be kept, else a fresh one."""
        usable = given is not None and ITEM_ID.fullmatch(given) and given not in (AUTHOR, UNKNOWN) and given not in self.taken
        chosen = given if given is not None and usable else next(self.fresh)
        self.taken.add(chosen)
        return chosen

    def span_fault(self, start: int | None, end: int | None) -> bool:
        return start is None or end is None or not 0 <= start < end <= len(self.article.text)

    def mentions(self) -> tuple[Mention, ...]:
        out = []
        for place, m in enumerate(self.source.mentions or ()):
            pointer, surface = f"/mentions/{place}", self.article.text[max(m.start, 0) : max(m.end, 0)]
            if self.span_fault(m.start, m.end):
                self.leave_out(pointer, f"{m.start}–{m.end}", f"a span of {len(self.article.text)} code points")
            elif m.text is not None and m.text != surface:
                self.leave_out(pointer, quote(m.text), quote(surface))
            elif m.type not in self.labels.types or (m.kind is not None and m.kind not in self.labels.kinds):
                self.leave_out(pointer, f"{quote(m.type)}, {quote(m.kind)}", "a type and a kind of the inventory")
            else:
                name = self.name(m.id)
                self.new_id.setdefault(m.id or name, name)
                out.append(msgspec.structs.replace(m, id=name, text=surface))
        return tuple(out)

    def entities(self, mentions: tuple[Mention, ...]) -> tuple[Entity, ...]:
        """The clusters of the mentions there are; each mention in one."""
        out = []
        free = {m.id: None for m in mentions}
        self.new_entity: dict[str, str] = {}
        for place, e in enumerate(self.source.entities or ()):
            members = []
            for name in e.mentions:
                mention = self.new_id.get(name)
                if mention is not None and mention in free:
                    del free[mention]
                    members.append(mention)
                else:
                    self.leave_out(f"/entities/{place}", quote(name), "a mention that is carried, once")
            if members:
                out.append(Entity(id=self.name(e.id), mentions=tuple(members), link=self.link(place, e)))
                if e.id is not None:
                    self.new_entity.setdefault(e.id, out[-1].id or "")
        out += [Entity(id=self.name(None), mentions=(m,)) for m in free if m is not None]
        return tuple(out)

    def link(self, place: int, entity: Entity) -> str | None:
        if entity.link is None or entity.link == "NIL":
            return None
        if entity.link.strip() != entity.link or not entity.link.isprintable() or not entity.link:
            self.leave_out(f"/entities/{place}/link", quote(entity.link), "a link without blanks around it")
            return None
        return entity.link

    def relations(self, entities: tuple[Entity, ...]) -> tuple[Relation, ...]:
        """Relations between entities, with evidence; those that become one are one."""
        entity_of = {m: e.id or "" for e in entities for m in e.mentions}
        sole = {e.id or "": e.mentions[0] for e in entities if len(e.mentions) == 1}
        pairs: dict[tuple[str, str, str, str], set[tuple[str, str]]] = {}
        for place, r in enumerate(self.source.relations or ()):
            ends = [self.new_entity.get(a) or entity_of.get(self.new_id.get(a, "")) for a in (r.head, r.tail)]
            head, tail = ends
            if (
                head is None
                or tail is None
                or r.type not in self.labels.relations
                or r.factuality not in self.labels.allowed_factualities
            ):
                got = f"{quote(r.type)} {quote(r.head)} → {quote(r.tail)}, {quote(r.factuality)}"
                self.leave_out(f"/relations/{place}", got, "labels of the inventory and arguments that are carried")
                continue
            proof = self.evidence(r, head, tail, entity_of, sole)
            if not proof:
                self.leave_out(
                    f"/relations/{place}",
                    f"{quote(r.head)} → {quote(r.tail)}",
                    "evidence: a mention of the head and one of the tail",
                )
                continue
            if self.labels.symmetric(r.type) and tail < head:
                head, tail, proof = tail, head, {(t, h) for h, t in proof}
            pairs.setdefault((r.type, head, tail, r.factuality), set()).update(proof)
        return tuple(
            Relation(type=t, head=head, tail=tail, factuality=factuality, evidence=tuple(sorted(proof)))
            for (t, head, tail, factuality), proof in pairs.items()
        )

    def evidence(
        self, r: Relation, head: str, tail: str, entity_of: dict[str, str], sole: dict[str, str]
    ) -> set[tuple[str, str]]:
        """Mention pairs of the two entities, or nothing if one does not fit."""
        if r.evidence:
            proof = {(self.new_id.get(h, ""), self.new_id.get(t, "")) for h, t in r.evidence}
        else:
            ends = [
                sole.get(entity, "") if argument in self.new_entity else self.new_id.get(argument, "")
                for argument, entity in ((r.head, head), (r.tail, tail))
            ]
            proof = {(ends[0], ends[1])}
        fits = all(entity_of.get(h) == head and entity_of.get(t) == tail for h, t in proof)
        return proof if fits else set()

    def stances(self, entities: tuple[Entity, ...]) -> tuple[Stance, ...]:
        """Stances with a span, between mentions."""
        sole = {e.id or "": e.mentions[0] for e in entities if len(e.mentions) == 1}
        out = []
        for place, s in enumerate(self.source.stances or ()):
            ends = [self.new_id.get(a) or sole.get(self.new_entity.get(a, "")) for a in (s.holder, s.target)]
            holder, target = (s.holder if s.holder in (AUTHOR, UNKNOWN) else ends[0]), ends[1]
            if self.span_fault(s.start, s.end):
                self.leave_out(f"/stances/{place}", f"{s.start}–{s.end}", f"a span of {len(self.article.text)} code points")
            elif holder is None or target is None:
                self.leave_out(f"/stances/{place}", f"{quote(s.holder)} → {quote(s.target)}", "mentions that are carried")
            elif s.polarity not in self.labels.polarities or s.basis not in self.labels.allowed_bases:
                self.leave_out(
                    f"/stances/{place}", f"{quote(s.polarity)}, {quote(s.basis)}", "a polarity and a basis of the inventory"
                )
            else:
                out.append(msgspec.structs.replace(s, id=self.name(s.id), holder=holder, target=target))
        return tuple(out)
