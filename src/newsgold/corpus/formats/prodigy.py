"""Prodigy: JSONL tasks with spans, tokens and relations.

    {"text": "…", "tokens": [{"text": "…", "start": 0, "end": 5, "id": 0, "ws": true}],
     "spans": [{"start": 23, "end": 31, "token_start": 4, "token_end": 4, "label": "GPE",
                "id": "m3", "kind": "NOM", "entity": "e1", "link": "Q3766"}],
     "relations": [{"head": 9, "child": 4, "head_span": {…}, "child_span": {…}, "label": "controls"}],
     "answer": "accept", "meta": {…}}

Prodigy keeps keys that it does not know, so ids, kinds, entities, links and the article travel along. Tokens are cut so
that every span is whole tokens. Read are tasks that were accepted; in others the spans are what somebody found wrong,
and they are counted as a loss. Stances are spans with relations, see :mod:`newsgold.corpus.formats.records`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

from newsgold.corpus.formats import FIELDS, Losses, Note, Read, records
from newsgold.corpus.formats.building import Builder, blank_article, split_factuality, unannotated
from newsgold.corpus.formats.projection import pairs, reduce
from newsgold.corpus.formats.records import Attitude, Record
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.formats.tokens import tokenise
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import AUTHOR, LAYERS, UNKNOWN
from newsgold.corpus.tables import Document
from newsgold.errors import Finding, finding, quote

NAME = "prodigy"
ABOUT = "JSONL tasks of the Prodigy annotation tool: spans, tokens, relations"
SUFFIXES = (".jsonl", ".json")
CARRIES = FIELDS
FOLDERS = False
OPTIONS: dict[str, str] = {}
WANTED = "tasks with a text and spans"


def project(document: Document, labels: Labels, note: Note) -> Document:
    """Everything, relations and stances between mentions."""
    document = reduce(document, labels, note, carries=CARRIES, why={}, default="")
    return records.between_mentions(document, labels, note)


def write(documents: Iterable[Document], labels: Labels) -> dict[str, bytes]:  # noqa: ARG001 -- every format has these parameters
    """One file, ``documents.jsonl``."""
    return records.encode_lines(map(_record, documents))


def _record(document: Document) -> dict[str, Any]:
    article, gold = document
    own: dict[str, Any] = {"article": records.article_data(article)}
    task: dict[str, Any] = {"text": article.text, "meta": {"id": article.id}, records.OWN: own}
    if gold is None:
        return task
    own["layers"] = [layer for layer in LAYERS if getattr(gold, layer) is not None]
    if gold.by is not None:
        task["_annotator_id"] = gold.by
    owner = {m: e for e in gold.entities or () for m in e.mentions}
    spans: dict[str | None, dict[str, Any]] = {}
    for m in gold.mentions or ():
        entity = owner.get(m.id or "")
        more = {"kind": m.kind, "entity": entity and entity.id, "link": entity and entity.link}
        spans[m.id] = {"start": m.start, "end": m.end, "label": m.type, "id": m.id}
        spans[m.id] |= {key: value for key, value in more.items() if value is not None}
    for s in gold.stances or ():
        spans[s.id] = {"start": s.start, "end": s.end, "label": records.stance_label(s), "id": s.id}
    cuts = [span[side] for span in spans.values() for side in ("start", "end")]
    tokens = tokenise(article.text, cuts)
    first = {token.start: i for i, token in enumerate(tokens)}
    last = {token.end: i for i, token in enumerate(tokens)}
    for span in spans.values():
        if span["start"] in first and span["end"] in last:  # of a prediction it may be in white space
            span |= {"token_start": first[span["start"]], "token_end": last[span["end"]]}
    arcs = [(records.relation_label(p), p.head, p.tail) for p in pairs(gold)]
    for s in gold.stances or ():
        arcs.append((records.TARGET, s.id or "", s.target))
        arcs += [(records.HOLDER, s.id or "", s.holder)] if s.holder not in (AUTHOR, UNKNOWN) else []
    text = article.text
    task["tokens"] = [
        {"text": text[start:end], "start": start, "end": end, "id": i, "ws": text[end : end + 1] == " "}
        for i, (start, end) in enumerate(tokens)
    ]
    task["spans"] = list(spans.values())
    task["relations"] = [
        {
            "head": spans[a].get("token_end"),
            "child": spans[b].get("token_end"),
            "head_span": spans[a],
            "child_span": spans[b],
            "label": label,
        }
        for label, a, b in arcs
    ]
    return task | {"answer": "accept"}


def read(path: Path, terms: Terms) -> Read:
    """The documents of a file of tasks."""
    rows, found = decoded = records.read_records(path, WANTED)
    names = records.numbers(decoded)
    if not any(_is_task(record.value) for record in rows):
        return records.refused(path, WANTED) if rows else Read((), tuple(found), ())
    note = Losses()
    documents, lines = [], []
    for number, record in zip(names, rows, strict=True):
        answer = record.value.get("answer", "accept")
        if answer != "accept":
            note("documents", f"the answer was {quote(answer)}")
            continue
        document, faults = _document(record, number, path, terms, note)
        found += faults
        if document is not None:
            documents.append(document)
            lines.append(record.line)
    return Read(tuple(documents), tuple(found), note.all(), tuple(lines))


def _is_task(value: dict[str, Any]) -> bool:
    signs = records.OWN in value or "_task_hash" in value or "tokens" in value or "answer" in value
    spans = value.get("spans", [])
    return isinstance(value.get("text"), str) and isinstance(spans, list) and ("spans" in value or signs)


def _document(record: Record, number: int, file: Path, terms: Terms, note: Losses) -> tuple[Document | None, list[Finding]]:
    (value, line), path, stem = record, str(file), file.stem
    if not _is_task(value):
        return None, [finding("BAD_RECORD", path, line=line, got=quote(value), wanted=WANTED)]
    text = value["text"]
    own = value.get(records.OWN)
    article = records.own_article(own, text)
    if isinstance(article, str):
        return None, [finding("BAD_RECORD", path, line=line, pointer=f"/{records.OWN}/article", got=article, wanted="an article")]
    if isinstance(own, dict) and "layers" not in own and "spans" not in value:
        return unannotated(article or blank_article(stem, text)), []
    task = value.get("_task_hash")
    name = f"{stem}-{task & 0xFFFFFFFF:08x}" if type(task) is int else f"{stem}-{number}"
    by = value.get("_annotator_id", value.get("_session_id"))
    builder = Builder(path, article or blank_article(name, text), terms, note, by=by if isinstance(by, str) else None)
    _check_tokens(value, builder, line)
    _Task(value, line, builder).run()
    layers = own.get("layers", ()) if isinstance(own, dict) else ()
    return builder.finish(layers=layers if isinstance(layers, list) else (), keep_ids=True), builder.findings


def _check_tokens(value: dict[str, Any], builder: Builder, line: int) -> None:
    """Whether the tokens are what stands at their offsets; spans count by characters, so nothing is left out."""
    for place, token in records.each(value.get("tokens")):
        start, end, text = (token.get(key) for key in ("start", "end", "text")) if isinstance(token, dict) else (None, None, None)
        if type(start) is not int or type(end) is not int or value["text"][start:end] != text:
            builder.fault("TOKENS_DIFFER", line=line, pointer=f"/tokens/{place}", got=quote(token))
            return


class _Task:
    """One task on its way into a builder."""

    def __init__(self, value: dict[str, Any], line: int, builder: Builder) -> None:
        self.value = value
        self.line = line
        self.builder = builder
        self.stances: dict[Hashable, tuple[dict[str, Any], Attitude, str]] = {}
        self.at_token: dict[int, Hashable] = {}
        """The span that ends with a token, by its number."""

    def run(self) -> None:
        """Give the builder all that the task holds."""
        members: dict[str, list[Hashable]] = defaultdict(list)
        links: dict[str, str] = {}
        for place, span in records.each(self.value.get("spans")):
            pointer = f"/spans/{place}"
            if not _is_span(span):
                self.builder.fault("BAD_RECORD", line=self.line, pointer=pointer, got=quote(span), wanted="start, end and label")
                continue
            key = _key(span)
            if type(span.get("token_end")) is int:
                self.at_token.setdefault(span["token_end"], key)
            attitude = records.parse_stance(span["label"])
            if attitude is not None:
                self.stances[key] = (span, attitude, pointer)
                continue
            text, kind, name = (span.get(field) for field in ("text", "kind", "id"))
            self.builder.mention(
                key,
                span["start"],
                span["end"],
                span["label"],
                kind=kind if isinstance(kind, str) else None,
                surface=text if isinstance(text, str) else None,
                id=name if isinstance(name, str) else None,
                line=self.line,
                pointer=pointer,
            )
            entity, link = span.get("entity"), span.get("link")
            if isinstance(entity, str):
                members[entity].append(key)
                if isinstance(link, str):
                    links.setdefault(entity, link)
        for entity, keys in members.items():
            self.builder.entity(("entity", entity), keys, link=links.get(entity), id=entity, line=self.line)
        self._arcs()

    def _arcs(self) -> None:
        ends: dict[tuple[Hashable, str], Hashable] = {}
        for place, arc in records.each(self.value.get("relations")):
            pointer = f"/relations/{place}"
            parts = arc if isinstance(arc, dict) else {}
            head, tail, label = self._end(parts, "head"), self._end(parts, "child"), parts.get("label")
            if not isinstance(label, str):
                self.builder.fault("BAD_RECORD", line=self.line, pointer=pointer, got=quote(arc), wanted="head, child and label")
            elif head in self.stances and label in (records.HOLDER, records.TARGET):
                ends[head, label] = tail
            else:
                type_, factuality = split_factuality(label, ":", self.builder.terms)
                self.builder.relation(type_, head, tail, factuality=factuality, line=self.line, pointer=pointer)
        for key, (span, attitude, pointer) in self.stances.items():
            holder, target = ends.get((key, records.HOLDER), attitude.holder), ends.get((key, records.TARGET))
            name = span.get("id")
            self.builder.stance(
                key,
                span["start"],
                span["end"],
                holder,
                target,
                attitude.polarity,
                basis=attitude.basis,
                id=name if isinstance(name, str) else None,
                line=self.line,
                pointer=pointer,
            )

    def _end(self, arc: dict[str, Any], side: str) -> Hashable:
        """The key of the span at one end of an arc; of a bare token the span that ends with it."""
        span = arc.get(f"{side}_span")
        if isinstance(span, dict) and _is_span(span):
            return _key(span)
        token = arc.get(side)
        return self.at_token.get(token, f"token {token}") if type(token) is int else None


def _is_span(span: object) -> bool:
    return (
        isinstance(span, dict)
        and isinstance(span.get("label"), str)
        and type(span.get("start")) is int
        and type(span.get("end")) is int
    )


def _key(span: dict[str, Any]) -> Hashable:
    """What tells a span of a task from the others: its id where it has one."""
    name = span.get("id")
    return name if isinstance(name, str) else (span["start"], span["end"], span["label"])
