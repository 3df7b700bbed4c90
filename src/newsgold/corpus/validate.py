"""Coded checks of articles and annotations.

Each check is a small function that yields a :class:`Hit` for every offender;
:data:`CHECKS` joins it to its code and to the roles it is asked of. Message,
remedy and severity are the code's row in :data:`newsgold.errors.FAULTS`.
Adding a check is one function, one line in the table, one row there and one
bad file under ``tests/data/invalid``.

Roles: ``gold`` and ``pass`` must be complete (ids, clusters, evidence, spans);
a ``prediction`` must only make sense.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

from newsgold.corpus.codec import Record, decode_jsonl, read_bytes, read_part, sha256
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import (
    AUTHOR,
    DOCUMENT_ID,
    ITEM_ID,
    MAX_TEXT_LENGTH,
    ORIGINS,
    PUBLISHED,
    REGION_KINDS,
    SCHEMA_VERSION,
    SPLITS,
    UNKNOWN,
    WIKIDATA_ID,
    Annotation,
    Article,
    Entity,
    Mention,
    Stance,
)
from newsgold.corpus.store import RAW, find_kb, is_corpus, read_annotations, read_articles, read_corpus
from newsgold.errors import MAX_FINDINGS_PER_FILE, DataError, Finding, Role, finding, quote

ALL: tuple[Role, ...] = ("gold", "pass", "prediction")
COMPLETE: tuple[Role, ...] = ("gold", "pass")
GOLD_ONLY: tuple[Role, ...] = ("gold",)


class Hit(NamedTuple):
    """One offender found by a check."""

    pointer: str
    got: str = ""
    wanted: str = ""


class Document:
    """An annotation under validation, with the look-ups that several checks share."""

    def __init__(
        self, annotation: Annotation, labels: Labels, article: Article | None, kb: frozenset[str] | None, role: Role = "gold"
    ) -> None:
        self.annotation = annotation
        self.labels = labels
        self.role = role
        self.article = article
        self.kb = kb
        self.mentions = annotation.mentions or ()
        self.entities = annotation.entities or ()
        self.relations = annotation.relations or ()
        self.stances = annotation.stances or ()
        names = [m.id for m in self.mentions]
        self.ids = names + [e.id for e in self.entities] + [s.id for s in self.stances]
        """The id of every item that can have one, mentions first, then entities and stances."""
        self.known_ids = set(self.ids)
        self.mention = {m.id: m for m in self.mentions if m.id is not None}
        """Mentions by id."""
        self.place = {m: i for i, e in enumerate(self.entities) for m in e.mentions}
        """The place of each clustered mention's entity."""
        self.cluster = self.place | {e.id: i for i, e in enumerate(self.entities) if e.id is not None}
        """The place of the entity that an id stands for: its own, or that of the mention's cluster."""
        self.spans = [(i, m.start, m.end) for i, m in enumerate(self.mentions)]
        """(place, start, end) of every span: of the mentions, then, counting on, of the stances that have one."""
        for i, s in enumerate(self.stances, len(names)):
            if s.start is not None and s.end is not None:
                self.spans.append((i, s.start, s.end))

    @cached_property
    def types(self) -> list[set[str]]:
        """The types of each entity's mentions."""
        type_of = {m.id: m.type for m in self.mentions}
        return [{type_of[m] for m in e.mentions if m in type_of} for e in self.entities]

    @cached_property
    def entity_of(self) -> dict[str, str | None]:
        """The entity id of each clustered mention."""
        return {m: self.entities[place].id for m, place in self.place.items()}

    def same(self, one: str, other: str) -> bool:
        """Whether two ids stand for one entity."""
        return one == other or (one in self.cluster and self.cluster[one] == self.cluster.get(other))

    @cached_property
    def entity_type(self) -> dict[str, str | None]:
        """The one type of each entity, ``None`` where its mentions mix types or are unknown."""
        pairs = zip(self.entities, self.types, strict=True)
        one = self.labels.cluster_type
        return {e.id: next(iter(types)) if len(types) == 1 else one(types) for e, types in pairs if e.id is not None}

    def span_pointer(self, place: int) -> str:
        """Where the span of a place stands in the record."""
        first = len(self.mentions)
        return f"/mentions/{place}" if place < first else f"/stances/{place - first}"

    @cached_property
    def sound_spans(self) -> list[tuple[int, int, int]]:
        """(place, start, end) of the spans that lie in the text; none where there is no text."""
        if self.article is None:
            return []
        length = len(self.article.text)
        return [span for span in self.spans if 0 <= span[1] < span[2] <= length]


# --------------------------------------------------------------- ids and document


def schema_version(doc: Document) -> Iterator[Hit]:
    """The record's schema version is the one this release reads."""
    if doc.annotation.schema_version != SCHEMA_VERSION:
        yield Hit("/schema_version", str(doc.annotation.schema_version), str(SCHEMA_VERSION))


def bad_id(doc: Document) -> Iterator[Hit]:
    """Ids keep to their alphabet."""
    if not DOCUMENT_ID.fullmatch(doc.annotation.id):
        yield Hit("/id", quote(doc.annotation.id))
    names = list(filter(None, doc.known_ids))
    sound = _ITEM_ALPHABET.fullmatch("".join(names)) and max(map(len, names), default=0) <= 64
    if not sound or not _RESERVED.isdisjoint(doc.known_ids):
        for pointer, name in _named(doc):
            if name is not None and (not ITEM_ID.fullmatch(name) or name in _RESERVED):
                yield Hit(pointer, quote(name))


_ITEM_ALPHABET = re.compile("[A-Za-z0-9_-]*")
_RESERVED = frozenset({AUTHOR, UNKNOWN, ""})


def _named(doc: Document) -> Iterator[tuple[str, str | None]]:
    """(pointer, id) of every item that can have one."""
    layers: tuple[tuple[str, Sequence[Mention | Entity | Stance]], ...] = (
        ("mentions", doc.mentions),
        ("entities", doc.entities),
        ("stances", doc.stances),
    )
    return ((f"/{layer}/{i}/id", item.id) for layer, items in layers for i, item in enumerate(items))


def id_missing(doc: Document) -> Iterator[Hit]:
    """Every item has an id."""
    if None in doc.known_ids:
        yield from (Hit(pointer) for pointer, name in _named(doc) if name is None)


def duplicate_id(doc: Document) -> Iterator[Hit]:
    """Ids are unique in the document."""
    if len(doc.known_ids) == len(doc.ids):
        return
    seen: set[str] = set()
    for pointer, name in _named(doc):
        if name is not None:
            if name in seen:
                yield Hit(pointer, quote(name))
            seen.add(name)


def text_hash(doc: Document) -> Iterator[Hit]:
    """The annotation was made on the article's present text."""
    wanted, article = doc.annotation.text_sha256, doc.article
    if wanted is not None and article is not None:
        actual = article.text_sha256 or sha256(article.text)
        if wanted != actual:
            yield Hit("/text_sha256", quote(wanted[:12]), quote(actual[:12]))


def bad_split(doc: Document) -> Iterator[Hit]:
    """The split exists."""
    if doc.annotation.split is not None and doc.annotation.split not in SPLITS:
        yield Hit("/split", quote(doc.annotation.split), ", ".join(SPLITS))


def article_differs(doc: Document) -> Iterator[Hit]:
    """What the annotation says of its article is what the article says."""
    annotation, article = doc.annotation, doc.article
    if article is not None:
        for name in ("split", "event"):
            said, actual = getattr(annotation, name), getattr(article, name)
            if said is not None and actual is not None and said != actual:
                yield Hit(f"/{name}", quote(said), quote(actual))
        if annotation.ignore and article.regions and sorted(annotation.ignore) != sorted(article.ignore):
            spans = [
                ", ".join(f"[{start}, {end})" for start, end in side) or "none" for side in (annotation.ignore, article.ignore)
            ]
            yield Hit("/ignore", quote(spans[0]), quote(spans[1]))


# -------------------------------------------------------------------------- spans


def span_reversed(doc: Document) -> Iterator[Hit]:
    """Spans are half-open with 0 <= start < end."""
    for i, start, end in doc.spans:
        if not 0 <= start < end:
            yield Hit(doc.span_pointer(i), f"[{start}, {end})")


def span_outside(doc: Document) -> Iterator[Hit]:
    """Spans end within the text."""
    length = MAX_TEXT_LENGTH if doc.article is None else len(doc.article.text)
    for i, _, end in doc.spans:
        if end > length:
            yield Hit(doc.span_pointer(i), f"end {end}", f"at most {length}")


def span_untrimmed(doc: Document) -> Iterator[Hit]:
    """Spans neither begin nor end with white space."""
    text = doc.article.text if doc.article else ""
    blank = str.isspace
    for i, start, end in doc.sound_spans:
        if blank(text[start]) or blank(text[end - 1]):
            yield Hit(doc.span_pointer(i), quote(text[start:end]))


def span_cuts_token(doc: Document) -> Iterator[Hit]:
    """Spans do not begin or end inside a word."""
    text = doc.article.text if doc.article else ""
    padded = f" {text} "
    for i, start, end in doc.sound_spans:
        if padded[start : start + 2].isalnum() or padded[end : end + 2].isalnum():
            yield Hit(doc.span_pointer(i), quote(text[start:end]), quote(_word(text, start, end)))


def _word(text: str, start: int, end: int) -> str:
    while start > 0 and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return text[start:end]


def surface_mismatch(doc: Document) -> Iterator[Hit]:
    """The surface a mention repeats is what stands at its offsets."""
    text = None if doc.article is None else doc.article.text
    for i, m in enumerate(doc.mentions):
        surface, start, end = m.text, m.start, m.end
        if surface is None or (text is not None and text[start:end] == surface) or not 0 <= start < end:
            continue
        if text is None:
            if len(surface) != end - start:
                yield Hit(f"/mentions/{i}/text", quote(surface), f"{end - start} code points")
        elif end <= len(text):
            yield Hit(f"/mentions/{i}/text", f"{quote(surface)}{_nearest(text, surface, start)}", quote(text[start:end]))


def _nearest(text: str, surface: str, start: int) -> str:
    """Where the surface stands nearest to ``start``, in words."""
    places = [p for p in (text.rfind(surface, 0, start + len(surface)), text.find(surface, start)) if p >= 0]
    if not places or not surface:
        return ", which stands nowhere in the text"
    best = min(places, key=lambda p: abs(p - start))
    return f", which stands at [{best}, {best + len(surface)})"


def surface_missing(doc: Document) -> Iterator[Hit]:
    """Every mention repeats its surface."""
    return (Hit(f"/mentions/{i}") for i, m in enumerate(doc.mentions) if m.text is None)


def duplicate_region(doc: Document) -> Iterator[Hit]:
    """Nothing is annotated in a duplicate region."""
    ignore = doc.article.ignore if doc.article else doc.annotation.ignore
    for i, start, end in doc.spans if ignore else ():
        for first, last in ignore:
            if start < last and first < end:
                yield Hit(doc.span_pointer(i), f"[{start}, {end})", f"outside [{first}, {last})")


# ----------------------------------------------------------------------- mentions


def unknown_type(doc: Document) -> Iterator[Hit]:
    """Entity types are in the inventory."""
    return _outside("mentions", "type", [m.type for m in doc.mentions], doc.labels.types)


def unknown_kind(doc: Document) -> Iterator[Hit]:
    """Mention kinds are in the inventory."""
    return _outside("mentions", "kind", [m.kind for m in doc.mentions], doc.labels.kinds)


def _outside(layer: str, field: str, values: Sequence[str | None], allowed: Collection[str]) -> Iterator[Hit]:
    if not set(allowed) >= set(values) - {None}:
        for i, value in enumerate(values):
            if value is not None and value not in allowed:
                yield Hit(f"/{layer}/{i}/{field}", quote(value), ", ".join(allowed) or "none: the inventory has no such layer")


def kind_type(doc: Document) -> Iterator[Hit]:
    """Value types have kind VAL, and only they."""
    types, kinds = doc.labels.types, doc.labels.kinds
    for i, m in enumerate(doc.mentions):
        if m.kind is not None and m.kind in kinds and m.type in types:
            value = types[m.type].value
            if value != (m.kind == "VAL"):
                yield Hit(f"/mentions/{i}/kind", f"{m.type} with {m.kind}", "VAL" if value else "NAM, NOM or PRO")


def duplicate_mention(doc: Document) -> Iterator[Hit]:
    """No two mentions have the same span and type."""
    keys = [(m.start, m.end, m.type) for m in doc.mentions]
    if len(set(keys)) < len(keys):
        seen: set[tuple[int, int, str]] = set()
        for i, (start, end, name) in enumerate(keys):
            if (start, end, name) in seen:
                yield Hit(f"/mentions/{i}", f"{name} [{start}, {end})")
            seen.add((start, end, name))


# ----------------------------------------------------------------------- entities


def mention_unclustered(doc: Document) -> Iterator[Hit]:
    """Every mention is in an entity."""
    if not doc.place.keys() >= doc.mention.keys():
        for i, m in enumerate(doc.mentions):
            if m.id is not None and m.id not in doc.place:
                yield Hit(f"/mentions/{i}", f"{quote(m.id)} {quote(m.text or '')}")


def mention_two_entities(doc: Document) -> Iterator[Hit]:
    """No mention is in two entities, or twice in one."""
    if len(doc.place) == sum(len(e.mentions) for e in doc.entities):
        return
    seen: dict[str, str | None] = {}
    for i, e in enumerate(doc.entities):
        for j, m in enumerate(e.mentions):
            if m in seen:
                yield Hit(f"/entities/{i}/mentions/{j}", f"{quote(m)} in {quote(seen[m] or '?')} and {quote(e.id or '?')}")
            seen[m] = e.id


def dangling_mention(doc: Document) -> Iterator[Hit]:
    """Entities and evidence name mentions that exist."""
    known = doc.mention
    if not known.keys() >= doc.place.keys():
        for i, e in enumerate(doc.entities):
            for j, m in enumerate(e.mentions):
                if m not in known:
                    yield Hit(f"/entities/{i}/mentions/{j}", quote(m))
    for i, r in enumerate(doc.relations):
        for j, pair in enumerate(r.evidence or ()):
            for k, m in enumerate(pair):
                if m not in known:
                    yield Hit(f"/relations/{i}/evidence/{j}/{k}", quote(m))


def empty_entity(doc: Document) -> Iterator[Hit]:
    """Every entity has a mention."""
    return (Hit(f"/entities/{i}", quote(e.id or "")) for i, e in enumerate(doc.entities) if not e.mentions)


def mixed_types(doc: Document) -> Iterator[Hit]:
    """The mentions of an entity have one type."""
    for i, types in enumerate(doc.types):
        if len(types) > 1 and doc.labels.cluster_type(types) is None:
            yield Hit(f"/entities/{i}", ", ".join(sorted(map(quote, types))), "one type")


def bad_link(doc: Document) -> Iterator[Hit]:
    """Links are Wikidata ids or in the knowledge base; where that is not at hand, ids that could be in one."""
    for i, e in enumerate(doc.entities):
        if e.link is not None and not WIKIDATA_ID.fullmatch(e.link):
            known = DOCUMENT_ID.fullmatch(e.link) if doc.kb is None else e.link in doc.kb
            if not known:
                yield Hit(f"/entities/{i}/link", quote(e.link))


def link_twice(doc: Document) -> Iterator[Hit]:
    """No two entities have the same link."""
    seen: dict[str, str] = {}
    for i, e in enumerate(doc.entities):
        if e.link is not None:
            if e.link in seen:
                yield Hit(f"/entities/{i}/link", f"{quote(e.link)} on {quote(seen[e.link])} and {quote(e.id or '?')}")
            seen[e.link] = e.id or "?"


# ---------------------------------------------------------------------- relations


def unknown_relation(doc: Document) -> Iterator[Hit]:
    """Relations are in the inventory."""
    return _outside("relations", "type", [r.type for r in doc.relations], doc.labels.relations)


def unknown_factuality(doc: Document) -> Iterator[Hit]:
    """Factualities are in the inventory."""
    return _outside("relations", "factuality", [r.factuality for r in doc.relations], doc.labels.allowed_factualities)


def dangling_argument(doc: Document) -> Iterator[Hit]:
    """Relations and stances name items that exist."""
    mentions, entities = doc.mention, {e.id for e in doc.entities}
    for i, r in enumerate(doc.relations):
        for side, name in (("head", r.head), ("tail", r.tail)):
            if name not in entities and name not in mentions:
                yield Hit(f"/relations/{i}/{side}", quote(name))
    for i, s in enumerate(doc.stances):
        if s.holder not in mentions and s.holder not in entities and s.holder not in (AUTHOR, UNKNOWN):
            yield Hit(f"/stances/{i}/holder", quote(s.holder))
        if s.target not in mentions and s.target not in entities:
            yield Hit(f"/stances/{i}/target", quote(s.target))


def argument_not_entity(doc: Document) -> Iterator[Hit]:
    """The arguments of gold relations are entities."""
    entities = doc.entity_type
    for i, r in enumerate(doc.relations):
        for side, name in (("head", r.head), ("tail", r.tail)):
            if name not in entities and name in doc.mention:
                yield Hit(f"/relations/{i}/{side}", quote(name), quote(doc.entity_of.get(name) or "an entity"))


def self_relation(doc: Document) -> Iterator[Hit]:
    """No relation joins an entity to itself."""
    cluster = doc.cluster
    for i, r in enumerate(doc.relations):
        if r.head == r.tail or (r.head in cluster and cluster[r.head] == cluster.get(r.tail)):
            yield Hit(f"/relations/{i}", f"{quote(r.type)} of {quote(r.head)} and {quote(r.tail)}")


def relation_domain(doc: Document) -> Iterator[Hit]:
    """The head is of a type in the relation's domain."""
    return _typed(doc, "head")


def relation_range(doc: Document) -> Iterator[Hit]:
    """The tail is of a type in the relation's range."""
    return _typed(doc, "tail")


def _typed(doc: Document, side: Literal["head", "tail"]) -> Iterator[Hit]:
    labels, entity_type = doc.labels.relations, doc.entity_type
    for i, r in enumerate(doc.relations):
        actual = entity_type.get(r.head if side == "head" else r.tail)
        if actual is not None and r.type in labels:
            wanted = labels[r.type].domain if side == "head" else labels[r.type].range
            if actual not in wanted and not doc.labels.accepts(wanted, actual):
                yield Hit(f"/relations/{i}/{side}", f"{quote(r.type)} with {actual}", ", ".join(wanted))


def duplicate_relation(doc: Document) -> Iterator[Hit]:
    """No relation stands twice; in predictions, none with the same evidence."""
    seen = set()
    for i, r in enumerate(doc.relations):
        name = (r.type, r.head, r.tail, r.factuality)
        key = (*name, frozenset(r.evidence or ())) if doc.role == "prediction" else name
        if key in seen:
            yield Hit(f"/relations/{i}", " ".join(map(quote, name)))
        seen.add(key)


def symmetric_twice(doc: Document) -> Iterator[Hit]:
    """A symmetric relation is stored in one direction."""
    labels = doc.labels.relations
    seen = set()
    for i, r in enumerate(doc.relations):
        if r.type in labels and labels[r.type].symmetric and r.head != r.tail:
            if (r.type, r.tail, r.head, r.factuality) in seen:
                yield Hit(f"/relations/{i}", f"{quote(r.type)} {quote(r.head)} {quote(r.tail)}")
            seen.add((r.type, r.head, r.tail, r.factuality))


def excludes(doc: Document) -> Iterator[Hit]:
    """Relations that exclude each other are not both asserted of a pair."""
    labels = doc.labels.relations
    if not any(name in labels and labels[name].excludes for name in {r.type for r in doc.relations}):
        return
    asserted = defaultdict(set)
    for r in doc.relations:
        if r.factuality == "asserted":
            asserted[frozenset((r.head, r.tail))].add(r.type)
    for i, r in enumerate(doc.relations):
        label = doc.labels.relations.get(r.type)
        if label is None or r.factuality != "asserted":
            continue
        for other in asserted[frozenset((r.head, r.tail))].intersection(label.excludes):
            yield Hit(f"/relations/{i}", f"{quote(r.type)} and {quote(other)} of {quote(r.head)} and {quote(r.tail)}")


def evidence_missing(doc: Document) -> Iterator[Hit]:
    """Every relation lists its evidence."""
    return (Hit(f"/relations/{i}", quote(r.type)) for i, r in enumerate(doc.relations) if not r.evidence)


def evidence_entity(doc: Document) -> Iterator[Hit]:
    """Evidence pairs a mention of the head with one of the tail."""
    cluster = doc.cluster
    for i, r in enumerate(doc.relations):
        wanted = (cluster.get(r.head), cluster.get(r.tail))
        for j, pair in enumerate(r.evidence or ()):
            if None not in wanted and (cluster.get(pair[0]), cluster.get(pair[1])) == wanted:
                continue
            for k, (name, argument) in enumerate(zip(pair, (r.head, r.tail), strict=True)):
                if name in doc.mention and not doc.same(name, argument):
                    got = f"{quote(name)} of {quote(doc.entity_of.get(name) or 'no entity')}"
                    yield Hit(f"/relations/{i}/evidence/{j}/{k}", got, f"a mention of {quote(argument)}")


# ------------------------------------------------------------------------- stance


def stance_span_missing(doc: Document) -> Iterator[Hit]:
    """Every stance has a span; in predictions, none has half of one."""
    for i, s in enumerate(doc.stances):
        absent = (s.start is None) + (s.end is None)
        if absent == 1 or (absent and doc.role != "prediction"):
            yield Hit(f"/stances/{i}", quote(s.id or ""))


def stance_not_mention(doc: Document) -> Iterator[Hit]:
    """Holder and target of a gold stance are mentions."""
    for i, s in enumerate(doc.stances):
        for side, name in (("holder", s.holder), ("target", s.target)):
            if name in doc.entity_type and name not in doc.mention:
                yield Hit(f"/stances/{i}/{side}", quote(name), "a mention id")


def unknown_polarity(doc: Document) -> Iterator[Hit]:
    """Polarities are in the inventory."""
    return _outside("stances", "polarity", [s.polarity for s in doc.stances], doc.labels.polarities)


def unknown_basis(doc: Document) -> Iterator[Hit]:
    """Bases are in the inventory."""
    return _outside("stances", "basis", [s.basis for s in doc.stances], doc.labels.allowed_bases)


def duplicate_stance(doc: Document) -> Iterator[Hit]:
    """No stance stands twice."""
    seen = set()
    for i, s in enumerate(doc.stances):
        key = (s.holder, s.target, s.polarity, s.start, s.end)
        if key in seen:
            yield Hit(f"/stances/{i}", " ".join(map(quote, key[:3])))
        seen.add(key)


CHECKS: dict[str, tuple[tuple[Role, ...], Callable[[Document], Iterator[Hit]]]] = {
    "SCHEMA_VERSION": (ALL, schema_version),
    "BAD_ID": (ALL, bad_id),
    "ID_MISSING": (COMPLETE, id_missing),
    "DUPLICATE_ID": (ALL, duplicate_id),
    "TEXT_HASH": (ALL, text_hash),
    "BAD_SPLIT": (ALL, bad_split),
    "ARTICLE_DIFFERS": (COMPLETE, article_differs),
    "SPAN_REVERSED": (ALL, span_reversed),
    "SPAN_OUTSIDE": (ALL, span_outside),
    "SPAN_UNTRIMMED": (COMPLETE, span_untrimmed),
    "SPAN_CUTS_TOKEN": (COMPLETE, span_cuts_token),
    "SURFACE_MISMATCH": (ALL, surface_mismatch),
    "SURFACE_MISSING": (GOLD_ONLY, surface_missing),
    "DUPLICATE_REGION": (COMPLETE, duplicate_region),
    "UNKNOWN_TYPE": (ALL, unknown_type),
    "UNKNOWN_KIND": (ALL, unknown_kind),
    "KIND_TYPE": (ALL, kind_type),
    "DUPLICATE_MENTION": (ALL, duplicate_mention),
    "MENTION_UNCLUSTERED": (COMPLETE, mention_unclustered),
    "MENTION_TWO_ENTITIES": (ALL, mention_two_entities),
    "DANGLING_MENTION": (ALL, dangling_mention),
    "EMPTY_ENTITY": (ALL, empty_entity),
    "MIXED_TYPES": (COMPLETE, mixed_types),
    "BAD_LINK": (ALL, bad_link),
    "LINK_TWICE": (COMPLETE, link_twice),
    "UNKNOWN_RELATION": (ALL, unknown_relation),
    "UNKNOWN_FACTUALITY": (ALL, unknown_factuality),
    "DANGLING_ARGUMENT": (ALL, dangling_argument),
    "ARGUMENT_NOT_ENTITY": (COMPLETE, argument_not_entity),
    "SELF_RELATION": (ALL, self_relation),
    "RELATION_DOMAIN": (COMPLETE, relation_domain),
    "RELATION_RANGE": (COMPLETE, relation_range),
    "DUPLICATE_RELATION": (ALL, duplicate_relation),
    "SYMMETRIC_TWICE": (COMPLETE, symmetric_twice),
    "EXCLUDES": (COMPLETE, excludes),
    "EVIDENCE_MISSING": (COMPLETE, evidence_missing),
    "EVIDENCE_ENTITY": (ALL, evidence_entity),
    "STANCE_SPAN_MISSING": (ALL, stance_span_missing),
    "STANCE_NOT_MENTION": (COMPLETE, stance_not_mention),
    "UNKNOWN_POLARITY": (ALL, unknown_polarity),
    "UNKNOWN_BASIS": (ALL, unknown_basis),
    "DUPLICATE_STANCE": (ALL, duplicate_stance),
}

REPEATS = frozenset({"DUPLICATE_MENTION", "DUPLICATE_RELATION", "DUPLICATE_STANCE"})
"""Faults that a prediction may commit at the price of its score: warnings there, errors elsewhere."""

_BY_ROLE = {role: [(code, check) for code, (roles, check) in CHECKS.items() if role in roles] for role in ALL}


def check_annotation(
    record: Record[Annotation], labels: Labels, role: Role, article: Article | None = None, kb: frozenset[str] | None = None
) -> list[Finding]:
    """Every finding about one annotation, in the order of its lines."""
    doc = Document(record.value, labels, article, kb, role)
    hits = [(code, hit) for code, check in _BY_ROLE[role] for hit in check(doc)]
    found = [
        finding(
            code,
            record.path,
            line=record.line_of(hit.pointer),
            doc=record.value.id,
            pointer=hit.pointer,
            got=hit.got,
            wanted=hit.wanted,
            severity="warning" if role == "prediction" and code in REPEATS else None,
        )
        for code, hit in hits
    ]
    return sorted(found, key=lambda f: f.line)


def check_annotations(
    records: Sequence[Record[Annotation]],
    labels: Labels,
    role: Role,
    articles: Mapping[str, Article] | None = None,
    kb: frozenset[str] | None = None,
) -> list[Finding]:
    """Every finding about a set of annotations: each one's own, repeats among them, unknown documents."""
    found = list(_repeated(records))
    for record in records:
        article = None if articles is None else articles.get(record.value.id)
        if articles is not None and article is None:
            code = "ARTICLE_MISSING" if role == "gold" else "UNKNOWN_DOCUMENT"
            found.append(
                finding(code, record.path, line=record.line, doc=record.value.id, pointer="/id", got=quote(record.value.id))
            )
        found += check_annotation(record, labels, role, article, kb)
    return found


def _repeated(records: Iterable[Record[Annotation]] | Iterable[Record[Article]]) -> Iterator[Finding]:
    seen: dict[tuple[str, str | None], Record[Annotation] | Record[Article]] = {}
    for record in records:
        key = (record.value.id, getattr(record.value, "by", None))
        if key in seen:
            first = seen[key]
            got = f"also at {first.path}:{first.line}"
            yield finding("DUPLICATE_DOCUMENT", record.path, line=record.line, doc=key[0], pointer="/id", got=quote(got, 200))
        seen.setdefault(key, record)


# ----------------------------------------------------------------------- articles


def check_articles(records: Sequence[Record[Article]], raw: Path | None = None) -> list[Finding]:
    """Every finding about a set of articles: ids, hashes, regions, splits, leaks between splits."""
    found = list(_repeated(records))
    leaks = Leaks()
    for record in records:
        found += check_article(record, raw)
        found += leaks.of(record)
    return found


def check_article(record: Record[Article], raw: Path | None = None) -> list[Finding]:
    """Every finding about one article; its raw file is looked for in ``raw``."""
    return [
        finding(code, record.path, line=record.line_of(at), doc=record.value.id, pointer=at, got=got, wanted=wanted)
        for code, (at, got, wanted) in _article_hits(record.value, raw)
    ]


def _article_hits(article: Article, raw: Path | None) -> Iterator[tuple[str, Hit]]:
    if not DOCUMENT_ID.fullmatch(article.id):
        yield "BAD_ID", Hit("/id", quote(article.id))
    if article.split is not None and article.split not in SPLITS:
        yield "BAD_SPLIT", Hit("/split", quote(article.split), ", ".join(SPLITS))
    if len(article.text) > MAX_TEXT_LENGTH:
        yield "TEXT_TOO_LONG", Hit("/text", f"{len(article.text):,} code points", f"at most {MAX_TEXT_LENGTH:,}")
    if not article.text.strip():
        yield "NO_TEXT", Hit("/text")
    if article.text_sha256 is not None and article.text_sha256 != (actual := sha256(article.text)):
        yield "ARTICLE_HASH", Hit("/text_sha256", quote(actual[:12]), quote(article.text_sha256[:12]))
    if article.origin not in ORIGINS:
        yield "BAD_SHAPE", Hit("/origin", quote(article.origin), ", ".join(ORIGINS))
    if article.published is not None and not _is_iso(article.published):
        yield "BAD_SHAPE", Hit("/published", quote(article.published), "an ISO 8601 date or time, such as 2031-05-03")
    yield from (("BAD_REGION", hit) for hit in _bad_regions(article))
    titles = [article.text[r.start : r.end].strip() for r in article.regions if r.kind == "title"]
    if article.title is not None and titles and article.title.strip() not in titles:
        yield "TITLE_DIFFERS", Hit("/title", quote(article.title), quote(titles[0]))
    name = article.source.file
    if raw is not None and name is not None and article.source.sha256 is not None:
        if "/" in name or "\\" in name or name in ("", ".", ".."):
            yield "RAW_NAME", Hit("/source/file", quote(name), "a bare file name")
            return
        data = read_part(raw / name)
        if isinstance(data, Finding):
            yield "RAW_HASH", Hit("/source/file", data.got or "no such file", quote(name))
        elif (actual := sha256(data)) != article.source.sha256:
            yield "RAW_HASH", Hit("/source/sha256", quote(actual[:12]), quote(article.source.sha256[:12]))


@lru_cache(maxsize=4096)
def _is_iso(moment: str) -> bool:
    """Whether a date or a time is ISO 8601 and there is such a day."""
    if not re.fullmatch(PUBLISHED, moment):
        return False
    try:
        date.fromisoformat((moment + "-01-01")[:10] if len(moment) < len("2031-05-03") else moment[:10])
    except ValueError:
        return False
    return True


def _bad_regions(article: Article) -> Iterator[Hit]:
    last: dict[str, int] = {}
    length = len(article.text)
    for i, region in sorted(enumerate(article.regions), key=lambda pair: pair[1].start):
        known = region.kind in REGION_KINDS
        apart = 0 <= region.start < region.end <= length and region.start >= last.get(region.kind, 0)
        last[region.kind] = max(region.end, last.get(region.kind, 0))
        if known and apart:
            continue
        got = f"{quote(region.kind)} [{region.start}, {region.end})"
        if not known:
            yield Hit(f"/regions/{i}/kind", got, ", ".join(REGION_KINDS))
        if not apart:
            yield Hit(f"/regions/{i}", got, f"within [0, {length}), none overlapping")


class Leaks:
    """Events and texts that stand in two splits, found while articles go by: it remembers where each was first."""

    def __init__(self) -> None:
        self.first: dict[tuple[str, str], tuple[str, str]] = {}

    def of(self, record: Record[Article]) -> Iterator[Finding]:
        """A finding for the event and for the text of this article, if an earlier one has it in another split."""
        article = record.value
        if article.split is None:
            return
        for what, key in (("event", article.event), ("text", article.text_sha256 or sha256(article.text))):
            if key is None:
                continue
            split, other = self.first.setdefault((what, key), (article.split, article.id))
            if split != article.split:
                shown = quote(getattr(article, what), 40)
                yield finding(
                    "SPLIT_LEAK",
                    record.path,
                    line=record.line_of(f"/{what}"),
                    doc=article.id,
                    pointer=f"/{what}",
                    got=f"{shown} in {quote(article.split)}, and in {quote(split)} with {quote(other)}",
                    wanted="one split",
                )


# -------------------------------------------------------------------------- paths


def validate(
    paths: Sequence[Path], *, role: Role | None = None, articles: Path | None = None, labels: Path | None = None
) -> list[Finding]:
    """Every finding about the data at these paths, at most 1,000 a file.

    A corpus folder is checked whole: articles, raw files, gold. Any other path holds annotations (role
    ``gold`` for folders and .json, ``prediction`` for JSONL, unless ``role`` says otherwise) or, in JSONL
    whose records have a ``text``, articles. Annotations are held against ``articles`` where given.
    """
    found: list[Finding] = []
    for path in paths:
        inventory = find_labels(labels, *([articles] if articles else []), path)
        if is_corpus(path):
            found += chain.from_iterable(checked.findings for checked in check_corpus(path, inventory, role or "gold"))
        elif _holds_articles(path):
            decoded = decode_jsonl(read_bytes(path), Article, str(path))
            found += [*decoded.findings, *check_articles(decoded.records)]
        else:
            found += _validate_annotations(path, inventory, role or _role_of(path), articles)
    return capped(found)


def _role_of(path: Path) -> Role:
    return "gold" if path.is_dir() or path.suffix in (".json", ".parquet") else "prediction"


def _holds_articles(path: Path) -> bool:
    if path.suffix != ".jsonl" or not path.is_file():
        return False
    with path.open("rb") as file:
        first = next((line for line in file if line.strip()), b"").replace(b'" :', b'":')
    return b'"text":' in first and not any(
        b'"%s":' % layer in first for layer in (b"mentions", b"entities", b"relations", b"stances")
    )


class Checked(NamedTuple):
    """A document of a corpus folder: what could be read of it, and what is wrong with it."""

    article: Record[Article] | None
    gold: Record[Annotation] | None
    findings: list[Finding]


def check_corpus(
    path: Path, labels: Labels, role: Role = "gold", progress: Callable[[int, int], None] | None = None
) -> Iterator[Checked]:
    """The documents of a corpus folder one by one, sorted by id, so that many of them need no memory.

    The last one is empty but for the faults of the knowledge base.
    """
    late: list[Finding] = []
    kb = _kb(late, path) or frozenset()
    leaks = Leaks()
    raw = path / RAW
    for name, article, gold in read_corpus(path, progress):
        found = [*(article.findings if article else ()), *(gold.findings if gold else ())]
        text = article.records[0] if article and article.records else None
        annotation = gold.records[0] if gold and gold.records else None
        if text is not None:
            found += check_article(text, raw)
            found += leaks.of(text)
        if annotation is not None:
            if article is None and annotation.value.id == name:
                code = "ARTICLE_MISSING" if role == "gold" else "UNKNOWN_DOCUMENT"
                found.append(finding(code, annotation.path, line=annotation.line, doc=name, pointer="/id", got=quote(name)))
            found += check_annotation(annotation, labels, role, text and text.value, kb)
        yield Checked(text, annotation, found)
    yield Checked(None, None, late)


def _kb(found: list[Finding], *places: Path) -> frozenset[str] | None:
    """The knowledge base of a corpus; its faults join ``found``."""
    try:
        return find_kb(*places)
    except DataError as error:
        found += error.findings
        return None


def _validate_annotations(path: Path, labels: Labels, role: Role, articles: Path | None) -> list[Finding]:
    decoded = read_annotations(path)
    texts = None if articles is None else {r.value.id: r.value for r in read_articles(articles).records}
    found = [*decoded.findings]
    kb = _kb(found, *([articles] if articles is not None else []), path)
    return found + check_annotations(decoded.records, labels, role, texts, kb)


def capped(found: list[Finding]) -> list[Finding]:
    """At most 1,000 findings a file, errors before warnings, in the order of paths and lines."""
    counts: Counter[str] = Counter()
    kept = []
    for item in sorted(found, key=lambda f: f.severity):
        counts[item.path] += 1
        if counts[item.path] <= MAX_FINDINGS_PER_FILE:
            kept.append(item)
    return sorted(kept, key=lambda f: (f.path, f.line, f.pointer, f.code))
