"""What formats share that hold a document as a JSON record: reading the file, and stances and articles inside a record.

A stance is a span labelled ``stance:<polarity>:<basis>`` with relations ``stance_target`` and ``stance_holder`` to mentions; a
holder without words stands at the end of the label, ``stance:against:explicit:AUTHOR``. A relation's factuality follows its
type, ``controls:denied``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from newsgold.corpus.codec import locate, read_bytes, strict_json
from newsgold.corpus.formats import JSON_START, Note, Read, sniff
from newsgold.corpus.formats.projection import Pair, flatten, keep_facts, keep_mentions
from newsgold.corpus.labels import DEFAULT_FACTUALITY, Labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, Article, Relation, Stance
from newsgold.corpus.tables import Document
from newsgold.errors import FileFault, Finding, finding, quote

HOLDER = "stance_holder"
TARGET = "stance_target"
OWN = "newsgold"
"""The key of a record under which our own data stand."""


class Record(NamedTuple):
    """A JSON object and the line it begins on."""

    value: dict[str, Any]
    line: int


class Records(NamedTuple):
    """The objects of a file, and what is wrong with the rest."""

    records: list[Record]
    findings: list[Finding]


def read_records(path: Path, wanted: str) -> Records:
    """The objects of a JSONL file, or of one JSON array or object with the finding that it is one."""
    if path.is_dir():
        raise FileFault(f"cannot read {path}: it is a folder")
    raw, where = read_bytes(path), str(path)
    if not raw.strip():
        return Records([], [finding("EMPTY_FILE", where)])
    lines = [(number, line) for number, line in enumerate(raw.split(b"\n"), 1) if line.strip()]
    first, found = strict_json(lines[0][1], where, lines[0][0])
    if isinstance(first, list) or (found and found[0].code == "BAD_JSON"):
        return _whole(raw, path, wanted)
    records: list[Record] = []
    faults: list[Finding] = []
    for number, line in lines:
        value, found = strict_json(line, where, number)
        if not found and not isinstance(value, dict):
            found = [finding("BAD_RECORD", where, line=number, got=quote(value), wanted="an object")]
        if found:
            faults += found
        else:
            records.append(Record(value, number))
    return Records(records, faults)


def numbers(read: Records) -> list[int]:
    """What names the records where they have no ids: their lines in JSONL, their places in an array, from 1."""
    if any(fault.code == "NOT_JSONL" for fault in read.findings):
        return [*range(1, len(read.records) + 1)]
    return [record.line for record in read.records]


def _whole(raw: bytes, path: Path, wanted: str) -> Records:
    """The objects of a file that is one JSON value."""
    where = str(path)
    value, found = strict_json(raw, where)
    if found:
        starts_as_json = re.match(JSON_START, raw)
        return Records([], found if starts_as_json else [finding("WRONG_FORMAT", where, got=sniff(path), wanted=wanted)])
    items = value if isinstance(value, list) else [value]
    got = f"an array of {len(items)}" if isinstance(value, list) else "one object over several lines"
    warned = [finding("NOT_JSONL", where, got=got)]
    records = []
    for number, item in enumerate(items):
        line = 1 + locate(raw, f"/{number}" if isinstance(value, list) else "")
        if isinstance(item, dict):
            records.append(Record(item, line))
        else:
            warned.append(finding("BAD_RECORD", where, line=line, got=quote(item), wanted="an object"))
    return Records(records, warned)


def refused(path: Path, wanted: str) -> Read:
    """The answer where no record of a file is of the format."""
    return Read((), (finding("WRONG_FORMAT", str(path), got=sniff(path), wanted=wanted),), ())


# ------------------------------------------------------------------ spans and arcs


def relation_label(pair: Pair) -> str:
    """A relation's type, and its factuality where it is not the usual one."""
    return pair.type if pair.factuality == DEFAULT_FACTUALITY else f"{pair.type}:{pair.factuality}"


def stance_label(stance: Stance) -> str:
    """The label of the span of a stance."""
    holder = f":{stance.holder}" if stance.holder in (AUTHOR, UNKNOWN) else ""
    return f"stance:{stance.polarity}:{stance.basis}{holder}"


class Attitude(NamedTuple):
    """What the label of a stance says."""

    polarity: str
    basis: str
    holder: str | None


def parse_stance(label: str) -> Attitude | None:
    """What the label of a span says, if it is that of a stance."""
    name, *parts = label.split(":")
    if name != "stance" or not 2 <= len(parts) <= 3:
        return None
    return Attitude(parts[0], parts[1], parts[2] if len(parts) == 3 else None)


def unreadable(item: Relation | Stance, labels: Labels) -> str:
    """Why a label made of several parts could not be taken apart again, or nothing."""
    if isinstance(item, Stance):
        if item.start is None or item.end is None:
            return "it has no span, and a stance here is one"
        return "a name in it has a colon" if ":" in item.polarity or ":" in item.basis else ""
    if item.type in (HOLDER, TARGET):
        return "its name stands for a part of a stance"
    if item.factuality == DEFAULT_FACTUALITY:
        tail = item.type.rpartition(":")[2]
        confused = ":" in item.type and tail in labels.factualities and item.type not in labels.relations
        return "its name ends as a factuality does" if confused else ""
    called = f"{item.type}:{item.factuality}"
    return (
        "its factuality is not in the inventory"
        if item.factuality not in labels.factualities or called in labels.relations
        else ""
    )


def between_mentions(document: Document, labels: Labels, note: Note) -> Document:
    """The document with its facts between mentions, without those that these labels could not say."""
    document = flatten(document, labels, note)
    mentions = (document.gold and document.gold.mentions) or ()
    sayable = {m.id for m in mentions if parse_stance(m.type) is None}
    document = keep_mentions(document, sayable, labels, note, "its type reads as a stance")
    return keep_facts(document, labels, note, relation=lambda r: unreadable(r, labels), stance=lambda s: unreadable(s, labels))


def encode_lines(values: Iterable[dict[str, Any]]) -> dict[str, bytes]:
    """One file of records, ``documents.jsonl``."""
    encoder = msgspec.json.Encoder()
    return {"documents.jsonl": b"".join(encoder.encode(value) + b"\n" for value in values)}


# -------------------------------------------------------------------- own articles


def article_data(article: Article) -> dict[str, Any]:
    """An article without its text, as JSON has it."""
    data: dict[str, Any] = msgspec.to_builtins(article)
    del data["text"]
    return data


def own_article(data: object, text: str) -> Article | str | None:
    """The article that a record carries: ``None`` if it carries none, a reason if it is broken."""
    if not isinstance(data, dict) or "article" not in data:
        return None
    try:
        return msgspec.convert({**data["article"], "text": text}, Article)
    except (msgspec.ValidationError, TypeError) as error:
        return quote(str(error), 160)


def each(value: object) -> Iterator[tuple[int, Any]]:
    """The items of a list, numbered; of anything else, none."""
    return enumerate(value if isinstance(value, list) else ())
