"""DWIE: a JSON file a document, with concepts, their mentions and the relations between them.

    {"id": "DW_1", "content": "…", "tags": ["all", "train"],
     "mentions":  [{"begin": 0, "end": 6, "text": "Tessen", "concept": 0}],
     "concepts":  [{"concept": 0, "text": "Tessen", "count": 1, "tags": ["type::GPE"], "link": "Q3766"}],
     "relations": [{"s": 1, "p": "controls", "o": 0}], "frames": [], "iptc": [], "newsgold": {"article": {…}}}

DWIE is passed on without the articles: ``content`` is absent until everybody has fetched it. A file without ``content`` is
refused unless ``texts`` names a folder with <id>.txt. Each mention's ``text`` has to stand at its offsets.

A concept is an entity, and has many types, as ``type::`` tags; an entity here has one. Taken is the first that stands in
``types``, else the last of its tags by the alphabet that is not a root (entity, value, other). Where we write an entity whose
mentions differ in type, the mentions have a key ``type``, which counts for them. Links are titles of Wikipedia: ``links`` names
a JSON object of Wikidata ids by title; without it they are counted as lost, as are topics, keywords and link candidates.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from newsgold.corpus.codec import decode_text, read_bytes, read_part, strict_json
from newsgold.corpus.formats import METADATA, Losses, Note, Read
from newsgold.corpus.formats.building import Builder, blank_article, safe_id, split_factuality
from newsgold.corpus.formats.concepts import raised
from newsgold.corpus.formats.projection import Pair
from newsgold.corpus.formats.records import OWN, Record, article_data, each, own_article, read_records, refused, relation_label
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import DOCUMENT_ID, SPLITS, WIKIDATA_ID, Article
from newsgold.corpus.tables import Document
from newsgold.errors import Finding, UsageError, finding, quote

NAME = "dwie"
ABOUT = "JSON of DWIE: concepts, mentions, relations; the text inside or beside it"
SUFFIXES = (".json",)
CARRIES = ("entities", "links", "relations", "factualities", *METADATA)
FOLDERS = False
TYPES = ("person", "organization", "gpe", "gpe0-x", "facility", "location", "event", "ethnicity", "religion", "language", "misc")
OPTIONS = {
    "texts": "read: folder of <id>.txt, for files without content",
    "types": f"read: which of a concept's types counts, the first first; by default {','.join(TYPES)}",
    "links": "read: JSON file of Wikidata ids by the title of the Wikipedia page",
}
WANTED = "a document with mentions and concepts"
_NO_FIELD = "DWIE has no field for it"
_WHY = {
    "mentions": "it begins or ends in white space",
    "unattempted": "DWIE always has concepts and relations",
    "relations": "its ends are one concept, or it has further pairs of mentions as evidence, and DWIE has none",
}
_ROOTS = frozenset({"entity", "value", "other"})
_TYPE = "type::"


# ------------------------------------------------------------------------ writing


# every format has these parameters
def project(document: Document, labels: Labels, note: Note, **options: str) -> Document:  # noqa: ARG001
    """Entities, and relations between them without their evidence."""
    after = raised(document, labels, note, carries=CARRIES, why=_WHY, default=_NO_FIELD, proof=lambda *_: None)
    if after.gold is not None and after.gold.relations is None:
        after = after._replace(gold=msgspec.structs.replace(after.gold, relations=()))
        note("unattempted", _WHY["unattempted"])
    return after


# every format has these parameters
def write(documents: Iterable[Document], labels: Labels, **options: str) -> dict[str, bytes]:  # noqa: ARG001
    """A file a document, ``<id>.json``."""
    return {f"{d.article.id}.json": msgspec.json.format(msgspec.json.encode(_record(d)), indent=1) + b"\n" for d in documents}


def _record(document: Document) -> dict[str, Any]:
    article, gold = document
    assert gold is not None
    entities, relations = gold.entities or (), gold.relations or ()
    known = {m.id: m for m in gold.mentions or ()}
    number = {e.id: i for i, e in enumerate(entities)}
    owner = {m: e for e in entities for m in e.mentions}
    types = {e.id: sorted({known[m].type for m in e.mentions}) for e in entities}
    mentions = []
    for m in gold.mentions or ():
        e = owner[m.id or ""]
        row = {"begin": m.start, "end": m.end, "text": article.text[m.start : m.end], "concept": number[e.id]}
        mentions.append(row if len(types[e.id]) == 1 else row | {"type": m.type})
    return {
        "id": article.id,
        "content": article.text,
        "tags": ["all", *([article.split] if article.split else [])],
        "mentions": mentions,
        "concepts": [
            {
                "concept": number[e.id],
                "text": known[e.mentions[0]].text,
                "keyword": False,
                "count": len(e.mentions),
                **({} if e.link is None else {"link": e.link}),
                "tags": [_TYPE + name for name in types[e.id]],
            }
            for e in entities
        ],
        "relations": [
            {"s": number[r.head], "p": relation_label(Pair(r.type, r.head, r.tail, r.factuality)), "o": number[r.tail]}
            for r in relations
        ],
        "frames": [],
        "iptc": [],
        OWN: {"article": article_data(article)},
    }


# ------------------------------------------------------------------------ reading


def read(path: Path, terms: Terms, **options: str) -> Read:
    """The documents of a file: one, or a record a line."""
    order = tuple(options["types"].split(",")) if "types" in options else TYPES
    links = _links(options)
    texts = options.get("texts")
    if texts is not None and not Path(texts).is_dir():
        raise UsageError(f"no such folder of texts: {texts}")
    records, found = read_records(path, WANTED)
    found = [fault for fault in found if fault.code != "NOT_JSONL"]  # one object is what it should be
    if not any(_is_document(record.value) for record in records):
        return refused(path, WANTED) if records else Read((), tuple(found), ())
    note = Losses()
    documents, lines = [], []
    for record in records:
        if not _is_document(record.value):
            found.append(finding("BAD_RECORD", str(path), line=record.line, got=quote(record.value), wanted=WANTED))
            continue
        article = _article(record, str(path), texts)
        if isinstance(article, Finding):
            found.append(article)
            continue
        builder = Builder(str(path), article, terms, note)
        _Reading(record, builder, note, order, links).run()
        document = builder.finish(layers=("entities", "relations"))
        found += builder.findings
        if document is not None:
            documents.append(document)
            lines.append(record.line)
    return Read(tuple(documents), tuple(found), note.all(), tuple(lines))


def _is_document(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("id"), str) and all(isinstance(value.get(key), list) for key in ("mentions", "concepts"))


def _links(options: Mapping[str, str]) -> Mapping[str, str]:
    """Wikidata ids by the titles of pages."""
    file = options.get("links")
    if file is None:
        return {}
    table, found = strict_json(read_bytes(Path(file)), file)
    if found or not isinstance(table, dict) or not all(isinstance(x, str) and WIKIDATA_ID.fullmatch(x) for x in table.values()):
        raise UsageError(f"{file} is no JSON object of Wikidata ids by page title")
    return table


def _article(record: Record, path: str, texts: str | None) -> Article | Finding:
    """The article, with the text in the record or beside it."""
    value, line = record
    name, text = value["id"], value.get("content")
    if not isinstance(text, str):
        if texts is None:
            wanted = "content, or the texts: --option texts=FOLDER"
            return finding("NO_TEXT", path, line=line, doc=name, got="annotation alone, as DWIE is passed on", wanted=wanted)
        plain = name if re.fullmatch(r"\w[\w.-]*", name, re.ASCII) else safe_id(name)
        file = Path(texts) / f"{plain}.txt"
        raw = read_part(file)
        read = raw if isinstance(raw, Finding) else decode_text(raw, str(file))
        if isinstance(read, Finding):
            return read._replace(doc=name)
        text = read
    own = own_article(value.get(OWN), text)
    if isinstance(own, str):
        return finding("BAD_RECORD", path, line=line, doc=name, pointer=f"/{OWN}/article", got=own, wanted="an article")
    if own is not None:
        return own
    split = next((tag for _, tag in each(value.get("tags")) if tag in SPLITS), None)
    return msgspec.structs.replace(blank_article(name, text), split=split)


class _Reading:
    """One record on its way into a builder."""

    def __init__(self, record: Record, builder: Builder, note: Losses, order: tuple[str, ...], links: Mapping[str, str]) -> None:
        self.value, self.line = record
        self.builder = builder
        self.note = note
        self.order = order
        self.links = links

    def _bad(self, pointer: str, got: object, wanted: str) -> None:
        self.builder.fault("BAD_RECORD", line=self.line, pointer=pointer, got=quote(got), wanted=wanted)

    def run(self) -> None:
        """Give the builder all that the record holds."""
        concepts: dict[int, tuple[int, dict[str, Any]]] = {}
        for place, concept in each(self.value["concepts"]):
            key = concept.get("concept") if isinstance(concept, dict) else None
            if type(key) is not int:
                self._bad(f"/concepts/{place}", concept, "an object with the number concept")
            elif key in concepts:
                self.builder.fault("DUPLICATE_ID", line=self.line, pointer=f"/concepts/{place}", got=quote(key))
            else:
                concepts[key] = (place, concept)
        types = {key: self._type(concept) for key, (_, concept) in concepts.items()}
        members: dict[int, list[Hashable]] = defaultdict(list)
        for place, mention in each(self.value["mentions"]):
            self._mention(place, mention, types, members)
        for key, (place, concept) in concepts.items():
            if members[key]:
                self._entity(place, concept, key, members[key], types[key])
            else:
                self.note("entities", "the text does not mention the concept")
        for place, relation in each(self.value.get("relations")):
            self._relation(place, relation, concepts, members)
        for what, why in (("frames", "frames have no counterpart"), ("iptc", "topics of a text have no counterpart")):
            self.note(what, why, len(self.value.get(what) or ()))

    def _type(self, concept: Mapping[str, Any]) -> str | None:
        """The one type that counts of a concept."""
        tags = [tag.removeprefix(_TYPE) for _, tag in each(concept.get("tags")) if isinstance(tag, str) and tag.startswith(_TYPE)]
        chosen = next((name for name in self.order if name in tags), None)
        return chosen or max((tag for tag in tags if tag not in _ROOTS), default=None) or max(tags, default=None)

    def _mention(self, place: int, mention: Any, types: Mapping[int, str | None], members: Mapping[int, list[Hashable]]) -> None:
        table, pointer = mention if isinstance(mention, dict) else {}, f"/mentions/{place}"
        begin, end, text, key = (table.get(field) for field in ("begin", "end", "text", "concept"))
        if not all(type(x) is int for x in (begin, end, key)) or not isinstance(text, str):
            self._bad(pointer, mention, "begin, end, text and concept")
            return
        own = table.get("type", types.get(key))  # type: ignore[arg-type]  # shapes were checked before
        if key not in types:
            self.builder.fault(
                "DANGLING_MENTION", line=self.line, pointer=pointer, got=f"concept {key}", wanted="one of concepts"
            )
        elif not isinstance(own, str):
            self._bad(pointer, f"concept {key} without a type", "a tag that begins with type::")
        else:
            # shapes were checked before
            self.builder.mention(place, begin, end, own, surface=text, line=self.line, pointer=pointer)  # type: ignore[arg-type]
            members[key].append(place)  # type: ignore[index]  # shapes were checked before
        self.note("candidates", "pages that a link might mean have no counterpart", len(table.get("candidates") or ()))

    def _entity(self, place: int, concept: Mapping[str, Any], key: int, members: list[Hashable], type_: str | None) -> None:
        link = concept.get("link")
        if isinstance(link, str) and not WIKIDATA_ID.fullmatch(link):
            known = self.links.get(link)
            foreign = known is None and (self.value.get(OWN) is None or not DOCUMENT_ID.fullmatch(link))
            self.note("links", "it is the title of a page of Wikipedia; --option links=FILE names the Wikidata ids", int(foreign))
            link = None if foreign else known or link
        self.builder.entity(
            ("concept", key), members, link=link if isinstance(link, str) else None, line=self.line, pointer=f"/concepts/{place}"
        )
        tags = [tag for _, tag in each(concept.get("tags")) if isinstance(tag, str)]
        ours = self.value.get(OWN) is not None
        kinds = [tag for tag in tags if tag.startswith(_TYPE) and tag != f"{_TYPE}{type_}"]
        self.note("types", "a mention has one type", 0 if ours else len(kinds))
        self.note("tags", "topics, roles and other tags have no counterpart", sum(not tag.startswith(_TYPE) for tag in tags))

    def _relation(
        self,
        place: int,
        relation: Any,
        concepts: Mapping[int, object],
        members: Mapping[int, list[Hashable]],
    ) -> None:
        table, pointer = relation if isinstance(relation, dict) else {}, f"/relations/{place}"
        head, name, tail = (table.get(field) for field in "spo")
        if type(head) is not int or type(tail) is not int or not isinstance(name, str):
            self._bad(pointer, relation, "s, p and o")
        elif any(end in concepts and not members[end] for end in (head, tail)):
            self.note("relations", "the text does not mention one of its ends")
        else:
            type_, factuality = split_factuality(name, ":", self.builder.terms)
            ends = ("concept", head), ("concept", tail)
            self.builder.relation(type_, *ends, factuality=factuality, line=self.line, pointer=pointer)
