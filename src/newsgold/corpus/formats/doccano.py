"""doccano: JSONL for sequence labelling and relation extraction.

    {"text": "…", "entities": [{"id": 1, "label": "GPE", "start_offset": 23, "end_offset": 31}],
     "relations": [{"id": 1, "from_id": 1, "to_id": 2, "type": "controls"}], "newsgold": {"article": {…}}}

We write this, the form of doccano's relation extraction, which its sequence labelling reads as well; the article stands
under a key of its own, which doccano keeps as metadata. We also read spans as lists, ``[[0, 2, "ORG"]]``, under ``label``,
``labels`` or ``entities``. Records of other projects (classification, translation, images) are refused. Stances are
spans with relations, see :mod:`newsgold.corpus.formats.records`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from newsgold.corpus.formats import METADATA, Losses, Note, Read, records
from newsgold.corpus.formats.building import Builder, blank_article, split_factuality
from newsgold.corpus.formats.projection import pairs, reduce, renumber
from newsgold.corpus.formats.records import Attitude, Record
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation
from newsgold.corpus.tables import Document
from newsgold.errors import Finding, finding, quote

NAME = "doccano"
ABOUT = "JSONL of the doccano annotation tool: spans and relations"
SUFFIXES = (".jsonl", ".json")
CARRIES = ("relations", "factualities", "stances", "bases", *METADATA)
FOLDERS = False
OPTIONS: dict[str, str] = {}
WANTED = "records with a text and entities or label: spans with offsets"
_NO_FIELD = "doccano has no field for it"


def project(document: Document, labels: Labels, note: Note) -> Document:
    """Mentions, relations between them, stances; under the ids m1, s1."""
    document = reduce(document, labels, note, carries=CARRIES, why={}, default=_NO_FIELD)
    return renumber(records.between_mentions(document, labels, note), labels, note, _NO_FIELD)


def write(documents: Iterable[Document], labels: Labels) -> dict[str, bytes]:  # noqa: ARG001 -- every format has these parameters
    """One file, ``documents.jsonl``."""
    return records.encode_lines(map(_record, documents))


def _record(document: Document) -> dict[str, Any]:
    article, gold = document.article, document.gold or Annotation(id="")
    spans = [(m.id, m.type, m.start, m.end) for m in gold.mentions or ()]
    spans += [(s.id, records.stance_label(s), s.start or 0, s.end or 0) for s in gold.stances or ()]
    number = {name: i for i, (name, *_) in enumerate(spans, 1)}
    arcs = [(records.relation_label(p), number[p.head], number[p.tail]) for p in pairs(gold)]
    for s in gold.stances or ():
        arcs.append((records.TARGET, number[s.id], number[s.target]))
        arcs += [(records.HOLDER, number[s.id], number[s.holder])] if s.holder not in (AUTHOR, UNKNOWN) else []
    return {
        "text": article.text,
        "entities": [
            {"id": i, "label": label, "start_offset": start, "end_offset": end}
            for i, (_, label, start, end) in enumerate(spans, 1)
        ],
        "relations": [{"id": i, "from_id": a, "to_id": b, "type": label} for i, (label, a, b) in enumerate(arcs, 1)],
        records.OWN: {"article": records.article_data(article)},
    }


def read(path: Path, terms: Terms) -> Read:
    """The documents of a file of records."""
    rows, found = decoded = records.read_records(path, WANTED)
    names = records.numbers(decoded)
    if not any(_spans(record.value) is not None for record in rows):
        return records.refused(path, WANTED) if rows else Read((), tuple(found), ())
    note = Losses()
    documents, lines = [], []
    for number, record in zip(names, rows, strict=True):
        document, faults = _document(record, number, path, terms, note)
        found += faults
        if document is not None:
            documents.append(document)
            lines.append(record.line)
    return Read(tuple(documents), tuple(found), note.all(), tuple(lines))


def _spans(value: dict[str, Any]) -> str | None:
    """The key under which a record has its spans: a list whose items are objects or lists of three."""
    if not isinstance(value.get("text", value.get("data")), str):
        return None
    for key in ("entities", "label", "labels"):
        items = value.get(key)
        if isinstance(items, list) and all(isinstance(item, (dict, list)) for item in items):
            return key
    return None


def _document(record: Record, number: int, file: Path, terms: Terms, note: Losses) -> tuple[Document | None, list[Finding]]:
    (value, line), path, stem = record, str(file), file.stem
    key = _spans(value)
    if key is None:
        return None, [finding("BAD_RECORD", path, line=line, got=quote(value), wanted=WANTED)]
    text = str(value.get("text", value.get("data")))
    own = value.get(records.OWN) or (value["meta"].get(records.OWN) if isinstance(value.get("meta"), dict) else None)
    article = records.own_article(own, text)
    if isinstance(article, str):
        return None, [finding("BAD_RECORD", path, line=line, pointer=f"/{records.OWN}/article", got=article, wanted="an article")]
    builder = Builder(path, article or blank_article(f"{stem}-{value.get('id', number)}", text), terms, note)
    stances: dict[Any, tuple[int, int, Attitude, int]] = {}
    for place, item in records.each(value[key]):
        span = _span(item, place)
        if span is None:
            wanted = "id, label, start_offset and end_offset, or [start, end, label]"
            builder.fault("BAD_RECORD", line=line, pointer=f"/{key}/{place}", got=quote(item), wanted=wanted)
            continue
        name, label, start, end = span
        attitude = records.parse_stance(label)
        if attitude is None:
            builder.mention(name, start, end, label, line=line, pointer=f"/{key}/{place}")
        else:
            stances[name] = (start, end, attitude, place)
    ends: dict[tuple[Any, str], Any] = {}
    for place, item in records.each(value.get("relations")):
        parts = item if isinstance(item, dict) else {}
        kind, head, tail = (parts.get(field) for field in ("type", "from_id", "to_id"))
        pointer = f"/relations/{place}"
        if not isinstance(kind, str) or type(head) is not int or type(tail) is not int:
            builder.fault("BAD_RECORD", line=line, pointer=pointer, got=quote(item), wanted="type, from_id and to_id")
        elif head in stances and kind in (records.HOLDER, records.TARGET):
            ends[head, kind] = tail
        else:
            type_, factuality = split_factuality(kind, ":", terms)
            builder.relation(type_, head, tail, factuality=factuality, line=line, pointer=pointer)
    for name, (start, end, attitude, place) in stances.items():
        holder, target = ends.get((name, records.HOLDER), attitude.holder), ends.get((name, records.TARGET))
        builder.stance(
            name, start, end, holder, target, attitude.polarity, basis=attitude.basis, line=line, pointer=f"/{key}/{place}"
        )
    note("comments", "comments are for people", len(value.get("Comments") or value.get("comments") or ()))
    note("categories", "categories of a text have no counterpart", len(value.get("cats") or ()))
    return builder.finish(), builder.findings


def _span(item: Any, place: int) -> tuple[Any, str, int, int] | None:
    """(key, label, start, end) of a span in one of its forms."""
    if isinstance(item, dict):
        span = (item.get("id", f"#{place}"), item.get("label"), item.get("start_offset"), item.get("end_offset"))
    else:
        span = (f"#{place}", item[2], item[0], item[1]) if len(item) == 3 else (None, None, None, None)
    name, label, start, end = span
    sound = isinstance(name, (int, str)) and isinstance(label, str) and type(start) is int and type(end) is int
    return (name, label, start, end) if sound else None  # type: ignore[return-value]  # sound says that none is missing
