"""DocRED and Re-DocRED: a JSON array of documents made of sentences of tokens.

    [{"title": "…", "sents": [["Tessen", "fell", "."], …],
      "vertexSet": [[{"name": "Tessen", "sent_id": 0, "pos": [0, 1], "type": "GPE"}, …], …],
      "labels": [{"r": "controls", "h": 1, "t": 0, "evidence": [0]}], "newsgold": {"article": {…, "text": "…"}}}]

The text is made of the tokens: a blank between two, a line break between sentences; in our own files it stands under a key that
others pass over. We write a line of the text as a sentence, but never break a mention, and cut tokens so that every mention is
whole tokens. A vertex is an entity; a mention that is in none is a vertex of its own. ``name`` has to be what stands at ``pos``,
white space apart.

Evidence is sentences in DocRED and pairs of mentions here. Written are the sentences in which the mentions of the pairs stand.
Read, in every sentence of the evidence that mentions both ends, the first mention of each makes a pair; where no sentence does,
the first mention of each in any of them. Sentences in which no mention of a pair stands are counted as lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from newsgold.corpus.codec import read_bytes, strict_json
from newsgold.corpus.formats import JSON_START, METADATA, Losses, Note, Read
from newsgold.corpus.formats.building import Builder, blank_article, split_factuality
from newsgold.corpus.formats.concepts import raised
from newsgold.corpus.formats.projection import Pair
from newsgold.corpus.formats.records import OWN, Record, article_data, each, own_article, read_records, refused, relation_label
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.formats.tokens import Span, cut_lines, join, lay
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Article, Relation
from newsgold.corpus.tables import Document
from newsgold.errors import FileFault, Finding, UsageError, finding, quote

NAME = "docred"
ABOUT = "JSON of DocRED and Re-DocRED: tokens, clusters, relations between them"
SUFFIXES = (".json",)
CARRIES = ("entities", "relations", "factualities", *METADATA)
FOLDERS = False
OPTIONS = {"rel_info": "JSON file of relation names by id, as DocRED's rel_info.json: read, ids become names; written, names ids"}
WANTED = "documents with sents, vertexSet and labels"
_NO_FIELD = "DocRED has no field for it"
_WHY = {
    "mentions": "it begins or ends in white space",
    "unattempted": "DocRED always has clusters",
    "relations": "its ends are one cluster, or its evidence names further pairs in the same sentences",
}


# ------------------------------------------------------------------------ writing


# every format has these parameters
def project(document: Document, labels: Labels, note: Note, **options: str) -> Document:  # noqa: ARG001
    """Clusters, and relations between them; of their evidence one pair a sentence."""
    return raised(document, labels, note, carries=CARRIES, why=_WHY, default=_NO_FIELD, proof=_proof)


def _proof(document: Document, relation: Relation) -> tuple[tuple[str, str], ...] | None:
    """The pairs that reading makes of the sentences in which the relation's evidence stands."""
    article, gold = document
    assert gold is not None
    cut = cut_lines(article.text, [(m.start, m.end) for m in gold.mentions or ()])
    place = {m.id: cut.starts[m.start].sentence for m in gold.mentions or ()}
    members: dict[str | None, tuple[str, ...]] = {e.id: e.mentions for e in gold.entities or ()}
    sentences = {place[m] for pair in relation.evidence or () for m in pair}
    head, tail = ([(place[m], m) for m in members[end]] for end in (relation.head, relation.tail))
    return _pairs(sentences, head, tail)


def _pairs(
    sentences: Iterable[int], head: Sequence[tuple[int, Any]], tail: Sequence[tuple[int, Any]]
) -> tuple[tuple[Any, Any], ...] | None:
    """The pairs of mentions that sentences of evidence stand for; each end a list of (sentence, mention) in order of the text."""
    wanted = set(sentences)
    first: list[dict[int, Any]] = [{}, {}]
    for at, end in zip(first, (head, tail), strict=True):
        for sentence, mention in end:
            if sentence in wanted:
                at.setdefault(sentence, mention)
    both = sorted(first[0].keys() & first[1].keys())
    if both:
        return tuple((first[0][s], first[1][s]) for s in both)
    return ((first[0][min(first[0])], first[1][min(first[1])]),) if first[0] and first[1] else None


# every format has these parameters
def write(documents: Iterable[Document], labels: Labels, **options: str) -> dict[str, bytes]:  # noqa: ARG001
    """One file, ``documents.json``, with a document a line."""
    encoder = msgspec.json.Encoder()
    ids = {name: key for key, name in reversed(_names(options).items())}
    rows = (encoder.encode(_record(document, ids)) for document in documents)
    return {"documents.json": b"[\n" + b",\n".join(rows) + b"\n]\n"}


def _record(document: Document, ids: Mapping[str, str]) -> dict[str, Any]:
    article, gold = document
    assert gold is not None
    text = article.text
    cut = cut_lines(text, [(m.start, m.end) for m in gold.mentions or ()])
    mentions: dict[str | None, dict[str, Any]] = {}
    for m in gold.mentions or ():
        first, last = cut.starts[m.start], cut.ends[m.end]
        surface = text[m.start : m.end]
        mentions[m.id] = {"name": surface, "sent_id": first.sentence, "pos": [first.token, last.token + 1], "type": m.type}
    entities = gold.entities or ()
    number = {e.id: i for i, e in enumerate(entities)}
    record: dict[str, Any] = {
        "title": article.title or article.id,
        "sents": [[text[start:end] for start, end in line] for line in cut.sentences],
        "vertexSet": [[mentions[m] for m in e.mentions] for e in entities],
    }
    if gold.relations is not None:
        record["labels"] = [
            {
                "r": ids.get(r.type, r.type) if label == r.type else label,
                "h": number[r.head],
                "t": number[r.tail],
                "evidence": sorted({mentions[m]["sent_id"] for pair in r.evidence or () for m in pair}),
            }
            for r in gold.relations
            for label in [relation_label(Pair(r.type, r.head, r.tail, r.factuality))]
        ]
    return record | {OWN: {"article": {**article_data(article), "text": text}}}


def _names(options: Mapping[str, str]) -> dict[str, str]:
    """The names of relations by their ids."""
    file = options.get("rel_info")
    if file is None:
        return {}
    table, found = strict_json(read_bytes(Path(file)), file)
    if found or not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
        raise UsageError(f"{file} is no JSON object of names by relation id")
    return table


# ------------------------------------------------------------------------ reading


def read(path: Path, terms: Terms, **options: str) -> Read:
    """The documents of a file."""
    names = _names(options)
    note = Losses()
    documents, lines = [], []
    found: list[Finding] = []
    seen = False
    for record in _records(path):
        if isinstance(record, Finding):
            found.append(record)
            continue
        seen |= _is_document(record.value)
        document, faults = _document(record, str(path), names, terms, note)
        found += faults
        if document is not None:
            documents.append(document)
            lines.append(record.line)
    others = [fault for fault in found if fault.code not in ("BAD_RECORD", "NOT_JSONL")]
    if not seen:  # what is wrong with its records says nothing then
        return Read((), tuple(others), ()) if others else refused(path, WANTED)
    return Read(tuple(documents), tuple(found), note.all(), tuple(lines))


def _records(path: Path) -> Iterator[Record | Finding]:
    """The records of an array one at a time, since tokens take many times the memory of their file; or records a line."""
    if path.is_dir():
        raise FileFault(f"cannot read {path}: it is a folder")
    raw, where = read_bytes(path), str(path)
    if raw.lstrip()[:1] != b"[" or not re.match(JSON_START, raw):
        read = read_records(path, WANTED)
        yield from read.findings
        yield from read.records
        return
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        yield from strict_json(raw, where)[1]
        return
    del raw
    scan, blank = json.JSONDecoder(parse_int=len).raw_decode, re.compile(r"[ \t\r\n]*")
    at, line, counted = text.index("[") + 1, 1, 0
    while True:
        start = _after(blank, text, at)
        line, counted = line + text.count("\n", counted, start), start
        if text.startswith("]", start):
            at = start
            break
        try:
            end = scan(text, start)[1]
        except (ValueError, RecursionError):  # what it is exactly, and where, is told with care
            yield from strict_json(text[start:].encode("utf-8"), where, line)[1]
            return
        value, found = strict_json(text[start:end].encode("utf-8"), where, line)
        yield from found
        if not found and isinstance(value, dict):
            yield Record(value, line)
        elif not found:
            yield finding("BAD_RECORD", where, line=line, got=quote(value), wanted="an object")
        at = _after(blank, text, end)
        if not text.startswith(",", at):
            break
        at += 1
    if text[at : at + 1] != "]" or text[at + 1 :].strip():
        line += text.count("\n", counted, at)
        yield finding("BAD_JSON", where, line=line, got=quote(text[at : at + 40]), wanted="a comma, or ] at the end")


def _after(blank: re.Pattern[str], text: str, at: int) -> int:
    """Where the white space ends that begins at a place."""
    match = blank.match(text, at)
    return at if match is None else match.end()


def _is_document(value: Mapping[str, Any]) -> bool:
    sents = value.get("sents")
    return (
        isinstance(value.get("title"), str)
        and isinstance(value.get("vertexSet"), list)
        and isinstance(sents, list)
        and all(isinstance(line, list) and all(isinstance(token, str) for token in line) for line in sents)
    )


def _document(
    record: Record, path: str, names: Mapping[str, str], terms: Terms, note: Losses
) -> tuple[Document | None, list[Finding]]:
    value, line = record
    if not _is_document(value):
        return None, [finding("BAD_RECORD", path, line=line, got=quote(value), wanted=WANTED)]
    title, sents = value["title"], value["sents"]
    laid = _article(title, sents, value.get(OWN))
    if isinstance(laid, str):
        return None, [finding("TOKENS_DIFFER", path, line=line, doc=title, pointer=f"/{OWN}/article", got=laid)]
    article, spans = laid
    builder = Builder(path, article, terms, note)
    _Reading(value, line, builder, _by_sentence(spans, sents), names, note).run()
    layers = ("entities", "relations") if isinstance(value.get("labels"), list) else ("entities",)
    return builder.finish(layers=layers), builder.findings


class _Text(NamedTuple):
    """An article, and the places of its tokens."""

    article: Article
    spans: Sequence[Span]


def _article(title: str, sents: Sequence[Sequence[str]], own: object) -> _Text | str:
    """The article with the tokens laid on it, or why that cannot be."""
    table = own.get("article") if isinstance(own, dict) else None
    if isinstance(table, dict) and isinstance(table.get("text"), str):
        article = own_article(own, table["text"])
        if not isinstance(article, Article):
            return article or "no article"
        laid = lay([*chain.from_iterable(sents)], article.text)
        return laid if isinstance(laid, str) else _Text(article, laid.spans)
    parts = [join(line, [True] * len(line)) for line in sents]
    spans: list[Span] = []
    at = 0
    for part in parts:
        spans += [Span(at + start, at + end) for start, end in part.spans]
        at += len(part.text) + 1
    text = "\n".join(part.text for part in parts)
    return _Text(msgspec.structs.replace(blank_article(title, text), title=title), spans)


def _by_sentence(spans: Sequence[Span], sents: Sequence[Sequence[str]]) -> list[Sequence[Span]]:
    out, at = [], 0
    for line in sents:
        out.append(spans[at : at + len(line)])
        at += len(line)
    return out


class _Seen(NamedTuple):
    """A mention that evidence may mean."""

    place: tuple[int, int, str]
    sentence: int
    key: tuple[int, int]


class _Reading:
    """One record on its way into a builder."""

    def __init__(
        self,
        value: Mapping[str, Any],
        line: int,
        builder: Builder,
        spans: Sequence[Sequence[Span]],
        names: Mapping[str, str],
        note: Losses,
    ) -> None:
        self.value = value
        self.builder = builder
        self.spans = spans
        self.names = names
        self.note = note
        self.at: Callable[..., dict[str, Any]] = partial(dict, line=line)
        self.seen: dict[int, list[_Seen]] = {}
        """The sound mentions of each vertex, in the order of the text."""

    def run(self) -> None:
        """Give the builder all that the record holds."""
        for number, vertex in each(self.value["vertexSet"]):
            keys = []
            for place, mention in each(vertex):
                pointer = f"/vertexSet/{number}/{place}"
                keys += [(number, place)] if self._mention((number, place), mention, pointer) else []
            self.seen.get(number, []).sort()
            self.builder.entity(number, keys, **self.at(pointer=f"/vertexSet/{number}"))
        for place, label in each(self.value.get("labels")):
            self._label(label, f"/labels/{place}")

    def _mention(self, key: tuple[int, int], mention: Any, pointer: str) -> bool:
        """Whether the mention stands where it says; it may be at fault still."""
        table = mention if isinstance(mention, dict) else {}
        sentence, pos, type_, name = (table.get(field) for field in ("sent_id", "pos", "type", "name"))
        shaped = isinstance(pos, list) and len(pos) == 2 and all(type(x) is int for x in (sentence, *pos))
        if not shaped or not isinstance(type_, str) or not isinstance(name, str):
            self.builder.fault("BAD_RECORD", **self.at(pointer=pointer, got=quote(mention), wanted="name, sent_id, pos and type"))
            return False
        first, last = pos  # type: ignore[misc]  # shapes were checked before
        # shapes were checked before
        line = self.spans[sentence] if 0 <= sentence < len(self.spans) else ()  # type: ignore[operator, index]
        if not 0 <= first < last <= len(line):
            got, wanted = f"tokens [{first}, {last}) of sentence {sentence}", f"tokens of {len(line)}"
            self.builder.fault(
                "SPAN_OUTSIDE" if first < last else "SPAN_REVERSED", **self.at(pointer=pointer, got=got, wanted=wanted)
            )
            return False
        start, end = line[first].start, line[last - 1].end
        surface = self.builder.article.text[start:end]
        same = "".join(surface.split()) == "".join(name.split())
        self.builder.mention(key, start, end, type_, surface=None if same else name, **self.at(pointer=pointer))
        own = self.builder.terms.name("types", type_)
        if same and surface and surface == surface.strip() and own is not None:
            # shapes were checked before
            self.seen.setdefault(key[0], []).append(_Seen((start, -end, own), sentence, key))  # type: ignore[arg-type]
        return True

    def _label(self, label: Any, pointer: str) -> None:
        table = label if isinstance(label, dict) else {}
        name, head, tail = (table.get(field) for field in "rht")
        if not isinstance(name, str) or type(head) is not int or type(tail) is not int:
            self.builder.fault("BAD_RECORD", **self.at(pointer=pointer, got=quote(label), wanted="r, h and t"))
            return
        told = [s for _, s in each(table.get("evidence")) if type(s) is int]
        ends = [[(m.sentence, m.key) for m in self.seen.get(end, ())] for end in (head, tail)]
        proofs = _pairs(told, ends[0], ends[1]) if told else None
        stand = {m.sentence for end in (head, tail) for m in self.seen.get(end, ()) if any(m.key in p for p in proofs or ())}
        self.note("evidence", "no mention of the relation's pairs stands in the sentence", len(set(told) - stand))
        type_, factuality = split_factuality(self.names.get(name, name), ":", self.builder.terms)
        self.note("notes", "notes are for people", int(bool(table.get("notes"))))
        self.note("verdicts", "what somebody thought of a label has no counterpart", int("pred_label" in table))
        self.builder.relation(type_, head, tail, factuality=factuality, evidence=proofs, **self.at(pointer=pointer))
