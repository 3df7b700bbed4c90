"""Between bytes and values: strict JSON, canonical JSON, safe files.

Decoding has two roads. The fast one is msgspec's typed decoder; a record that
it accepts and that is canonical (encoding it again gives the same bytes) is
proven free of what msgspec lets pass, such as a key that stands twice. Every
other record takes the strict road, which names each fault as a finding with
its line. Nothing is repaired.

Canonical JSON is one form for equal data: items in a fixed order, no blanks,
defaults and nulls left out, attempted empty lists written, UTF-8. As JSONL a
document is a line; as a gold file an item is a line, made for ``git diff``.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from newsgold.corpus.labels import Labels
from newsgold.corpus.model import (
    LAYERS,
    MAX_RECORD_BYTES,
    Annotation,
    Article,
    Entity,
    Mention,
    Relation,
    Stance,
)
from newsgold.errors import MAX_FINDINGS_PER_FILE, FileFault, Finding, finding, quote

T = TypeVar("T", bound=Annotation | Article)

_encoder = msgspec.json.Encoder()
_BIG = 2**53


class Record(NamedTuple, Generic[T]):
    """A decoded value and where it stood."""

    value: T
    path: str
    line: int
    """1-based line of the record's first byte."""
    raw: bytes | None = None
    """The record's bytes, kept where it spans several lines, to find the line of an item."""

    def line_of(self, pointer: str) -> int:
        """The line on which the item at a JSON pointer begins."""
        return self.line if self.raw is None else self.line + locate(self.raw, pointer)


class Decoded(NamedTuple, Generic[T]):
    """What a source gave: the records that decoded, and a finding for each fault."""

    records: list[Record[T]]
    findings: list[Finding]


# ------------------------------------------------------------------------- files


def read_bytes(path: Path) -> bytes:
    """The bytes of a file; raises :class:`FileFault` naming it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileFault(f"cannot read {path}: {error.strerror or error}") from error


def write_atomic(path: Path, data: bytes) -> bool:
    """Replace a file in one step: temporary name, fsync, rename. True if its bytes changed.

    Killed at any moment, the old file or the new one is there, whole.
    """
    try:
        if path.is_file() and path.read_bytes() == data:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise FileFault(f"cannot write {path}: {error.strerror or error}; the old file is untouched") from error
    return True


def sha256(data: bytes | str) -> str:
    """Hex SHA-256 of bytes, or of a text encoded in UTF-8."""
    return hashlib.sha256(data.encode("utf-8") if isinstance(data, str) else data).hexdigest()


def decode_text(raw: bytes, path: str) -> str | Finding:
    """The text of a file exactly as it stands, or the reason why it is none."""
    if not raw.strip():
        return finding("EMPTY_FILE", path)
    if raw.startswith(b"\xef\xbb\xbf"):
        return finding("BOM", path)
    if b"\0" in raw:
        return finding("NOT_TEXT", path, got=f"a NUL byte at {raw.index(0)}")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return finding(
            "NOT_UTF8", path, line=raw.count(b"\n", 0, error.start) + 1, got=f"0x{raw[error.start]:02x} at byte {error.start}"
        )


# ---------------------------------------------------------------------- decoding


def decode_jsonl(raw: bytes, kind: type[T], path: str) -> Decoded[T]:
    """Every record of a JSONL file: one a line, split at ``\\n`` bytes only; blank lines are passed over."""
    records: list[Record[T]] = []
    found: list[Finding] = []
    lines = raw.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        value = decode_record(line, kind, path, number)
        if isinstance(value, list):
            last = number == len(lines)
            if last and value[0].code == "BAD_JSON" and number > 1:
                value = [finding("TRUNCATED", path, line=number, got=value[0].got)]
            found += value
        else:
            records.append(Record(value, path, number))
    if not records and not found:
        found.append(finding("EMPTY_FILE", path))
    return Decoded(records, found)


def decode_file(raw: bytes, kind: type[T], path: str) -> Decoded[T]:
    """The one record of a JSON file that may span lines, such as a gold file."""
    if not raw.strip():
        return Decoded([], [finding("EMPTY_FILE", path)])
    value = decode_record(raw, kind, path, 1)
    return Decoded([], value) if isinstance(value, list) else Decoded([Record(value, path, 1, raw)], [])


def decode_record(raw: bytes, kind: type[T], path: str, line: int = 1) -> T | list[Finding]:
    """One record, or everything that is wrong with its JSON and its shape."""
    if len(raw) > MAX_RECORD_BYTES:
        return [finding("RECORD_TOO_LONG", path, line=line, got=f"{len(raw):,} bytes", wanted=f"at most {MAX_RECORD_BYTES:,}")]
    decoder: msgspec.json.Decoder[T] = _decoders[kind]
    try:
        value = decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _diagnose(raw, kind, path, line) or [finding("BAD_SHAPE", path, line=line, got=quote(str(error), 160))]
    if _encoder.encode(value) != raw:
        faults = _diagnose(raw, kind, path, line, shape=False)
        if faults:
            return faults
    return value


_decoders: dict[Any, Any] = {Annotation: msgspec.json.Decoder(Annotation), Article: msgspec.json.Decoder(Article)}


class _Strict:
    """Hooks for the standard parser that note what it would accept in silence."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str]] = []

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        if len(out) != len(pairs):
            seen: set[str] = set()
            self.notes += [("DUPLICATE_KEY", quote(k)) for k, _ in pairs if k in seen or seen.add(k)]  # type: ignore[func-returns-value]
        return out

    def constant(self, name: str) -> float:
        self.notes.append(("NOT_FINITE", name))
        return 0.0

    def float(self, text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            self.notes.append(("NOT_FINITE", quote(text, 30)))
            return 0.0
        return value

    def integer(self, text: str) -> int:
        if len(text) > 17 or abs(int(text)) > _BIG:
            self.notes.append(("BIG_INTEGER", quote(text, 30)))
            return 0
        return int(text)


def _diagnose(raw: bytes, kind: type[T], path: str, line: int, *, shape: bool = True) -> list[Finding]:
    """Everything wrong with one record's JSON, and, with ``shape``, with its fields."""
    if raw.startswith(b"\xef\xbb\xbf"):
        return [finding("BOM", path, line=line)]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = line + raw.count(b"\n", 0, error.start)
        return [finding("NOT_UTF8", path, line=at, got=f"0x{raw[error.start]:02x} at byte {error.start}")]
    strict = _Strict()
    try:
        value = json.loads(
            text,
            object_pairs_hook=strict.pairs,
            parse_constant=strict.constant,
            parse_float=strict.float,
            parse_int=strict.integer,
        )
    except json.JSONDecodeError as error:
        at = line + error.lineno - 1
        return [finding("BAD_JSON", path, line=at, got=quote(f"{error.msg} at column {error.colno}"))]
    except RecursionError:
        return [finding("TOO_DEEP", path, line=line)]
    found = [finding(code, path, line=line, got=got) for code, got in strict.notes]
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        found.append(finding("LONE_SURROGATE", path, line=line, got=quote(error.object[error.start])))
    if shape and not found:
        found = _shape_faults(value, raw, kind, path, line)
    return found


def _shape_faults(value: Any, raw: bytes, kind: type[T], path: str, line: int) -> list[Finding]:
    """Every place where a record departs from the JSON Schema of its type."""
    from jsonschema import Draft202012Validator

    doc = value.get("id", "") if isinstance(value, dict) else ""
    found = []
    errors = sorted(Draft202012Validator(json_schema(kind)).iter_errors(value), key=lambda e: list(map(str, e.absolute_path)))
    for error in errors[:MAX_FINDINGS_PER_FILE]:
        pointer = "".join(f"/{part}" for part in error.absolute_path)
        at = line + locate(raw, pointer) if b"\n" in raw else line
        found.append(
            finding(
                "BAD_SHAPE",
                path,
                line=at,
                doc=doc if isinstance(doc, str) else "",
                pointer=pointer,
                got=quote(error.message, 160),
            )
        )
    return found


def json_schema(kind: type[Annotation] | type[Article], labels: Labels | None = None) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a record, generated from its type.

    With ``labels`` the fields that hold labels get their enums.
    """
    schema = msgspec.json.schema(kind)
    definitions = schema["$defs"]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"newsgold {kind.__name__}",
        **definitions.pop(kind.__name__),
        "$defs": definitions,
    }
    if labels is not None:
        enums = {
            ("Mention", "type"): labels.types,
            ("Mention", "kind"): labels.kinds,
            ("Relation", "type"): labels.relations,
            ("Relation", "factuality"): labels.factualities,
            ("Stance", "polarity"): labels.polarities,
            ("Stance", "basis"): labels.bases,
        }
        for (struct, field), values in enums.items():
            if struct in definitions:
                definitions[struct]["properties"][field]["enum"] = [*values, *([None] if field == "kind" else [])]
    return schema


# ------------------------------------------------------------------ line of an item

_SPACE = re.compile(r"[ \t\n\r]*")


def locate(raw: bytes, pointer: str) -> int:
    """How many line breaks stand before the value at a JSON pointer; the deepest part that exists counts."""
    text = raw.decode("utf-8", "replace")
    scan = json.JSONDecoder().raw_decode
    at = _skip(text, 0)
    try:
        for part in pointer.split("/")[1:]:
            found = _member(text, at, part, scan)
            if found is None:
                break
            at = found
    except (ValueError, IndexError, RecursionError):
        pass
    return text.count("\n", 0, at)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _member(text: str, at: int, part: str, scan: Callable[[str, int], tuple[Any, int]]) -> int | None:
    """Where the member ``part`` of the array or object at ``at`` begins."""
    opening = text[at]
    if opening not in "[{":
        return None
    at = _skip(text, at + 1)
    index = 0
    while text[at] not in "]}":
        name = str(index)
        if opening == "{":
            name, at = scan(text, at)
            at = _skip(text, _skip(text, at) + 1)
        if name == part:
            return at
        _, at = scan(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
        index += 1
    return None


# ---------------------------------------------------------------------- canonical


def canonical(annotation: Annotation, labels: Labels) -> Annotation:
    """The same data in canonical order, with defaults as ``None`` and symmetric heads in order.

    Mentions by (start, −end, type, id); entities by first mention, their mentions likewise; the head
    of a symmetric relation is the entity that comes first; relations by identity; stances by (start, id).
    """
    mentions = annotation.mentions
    if mentions is not None:
        mentions = tuple(sorted((_plain(m, labels) for m in mentions), key=_mention_key))
    place = {m.id: i for i, m in enumerate(mentions or ()) if m.id is not None}
    last = len(place)
    entities = annotation.entities
    if entities is not None:
        ordered = (
            msgspec.structs.replace(e, mentions=tuple(sorted(e.mentions, key=lambda m: (place.get(m, last), m))))
            for e in entities
        )
        entities = tuple(
            sorted(ordered, key=lambda e: (place.get(e.mentions[0], last) if e.mentions else last, e.mentions, e.id or ""))
        )
    rank = {e.id: (0, i) for i, e in enumerate(entities or ()) if e.id is not None}
    rank |= {m: (1, i) for m, i in place.items() if m not in rank}
    relations = annotation.relations
    if relations is not None:
        relations = tuple(sorted((_oriented(r, labels, rank, place) for r in relations), key=lambda r: _relation_key(r, rank)))
    stances = annotation.stances
    if stances is not None:
        stances = tuple(sorted(stances, key=_stance_key))
    return msgspec.structs.replace(
        annotation,
        ignore=tuple(sorted(annotation.ignore)),
        mentions=mentions,
        entities=entities,
        relations=relations,
        stances=stances,
    )


def _plain(mention: Mention, labels: Labels) -> Mention:
    if mention.kind is not None and mention.kind == labels.kind(mention.type):
        return msgspec.structs.replace(mention, kind=None)
    return mention


def _mention_key(m: Mention) -> tuple[Any, ...]:
    return (m.start, -m.end, m.type, m.id or "", m.kind or "", m.text or "")


def _oriented(r: Relation, labels: Labels, rank: dict[str, tuple[int, int]], place: dict[str, int]) -> Relation:
    unknown = (2, 0)
    evidence = r.evidence
    head, tail = r.head, r.tail
    if labels.symmetric(r.type) and (rank.get(tail, unknown), tail) < (rank.get(head, unknown), head):
        head, tail = tail, head
        evidence = None if evidence is None else tuple((t, h) for h, t in evidence)
    if evidence is not None:
        last = len(place)
        evidence = tuple(sorted(evidence, key=lambda p: (place.get(p[0], last), place.get(p[1], last), p)))
    return msgspec.structs.replace(r, head=head, tail=tail, evidence=evidence)


def _relation_key(r: Relation, rank: dict[str, tuple[int, int]]) -> tuple[Any, ...]:
    unknown = (2, 0)
    return (r.type, rank.get(r.head, unknown), r.head, rank.get(r.tail, unknown), r.tail, r.factuality, r.evidence or ())


def _stance_key(s: Stance) -> tuple[Any, ...]:
    return (s.start is None, s.start or 0, s.id or "", s.end or 0, s.holder, s.target, s.polarity, s.basis)


def encode(annotation: Annotation | Article) -> bytes:
    """One JSONL record without its line break: canonical if the value is."""
    return _encoder.encode(annotation)


def encode_gold(annotation: Annotation) -> bytes:
    """A gold file: the same JSON with one item a line."""
    head = msgspec.structs.replace(annotation, **dict.fromkeys(LAYERS))
    parts = [_encoder.encode(head)[:-1]]
    for layer in LAYERS:
        items = getattr(annotation, layer)
        if items is not None:
            rows = b",\n".join(_encoder.encode(item) for item in items)
            parts.append(b'"%s":[\n%s\n]' % (layer.encode(), rows) if rows else b'"%s":[]' % layer.encode())
    return b",\n".join(parts) + b"}\n"


def encode_jsonl(annotations: Iterable[Annotation | Article]) -> bytes:
    """A JSONL file of records, sorted by (id, by)."""
    ordered = sorted(annotations, key=lambda a: (a.id, getattr(a, "by", None) or ""))
    return b"".join(_encoder.encode(a) + b"\n" for a in ordered)


def iter_layers(annotation: Annotation) -> Iterator[tuple[str, tuple[Mention | Entity | Relation | Stance, ...]]]:
    """The attempted layers of an annotation with their items."""
    for layer in LAYERS:
        items = getattr(annotation, layer)
        if items is not None:
            yield layer, items
