"""Between bytes and values: strict JSON, canonical JSON, safe files.

Decoding has two roads. The fast one is msgspec's typed decoder; a record that
it accepts and that is canonical (encoding it again gives the same bytes) is
proven free of what msgspec lets pass, such as a key that stands twice. Every
other record takes the strict road, which names each fault as a finding with
its line. Nothing is repaired.

Canonical JSON is one form for equal data: UTF-8 without blanks, items in a fixed
order, nothing written that is null or a default, but every list that was attempted,
be it empty. As JSONL a
document is a line; as a gold file an item is a line, made for ``git diff``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import stat
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from newsgold.corpus.labels import Labels
from newsgold.corpus.model import (
    LAYERS,
    MAX_RECORD_BYTES,
    ORIGINS,
    PUBLISHED,
    REGION_KINDS,
    Annotation,
    Article,
    Mention,
    Relation,
    Stance,
)
from newsgold.corpus.shapes import shape_faults
from newsgold.corpus.toml import locate_toml
from newsgold.errors import MAX_FINDINGS_PER_FILE, FileFault, Finding, finding, quote

T = TypeVar("T", bound=Annotation | Article)
S = TypeVar("S", bound=msgspec.Struct)

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
    toml: bool = False
    """Whether those bytes are TOML, not JSON."""

    def line_of(self, pointer: str) -> int:
        """The line on which the item at a JSON pointer begins."""
        if self.raw is None:
            return self.line
        return self.line + (locate_toml if self.toml else locate)(self.raw, pointer)


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


def read_part(path: Path | str) -> bytes | Finding:
    """The bytes of one file of many, or why there are none; only a regular file is opened, for a pipe would wait for ever."""
    try:
        # opened without waiting, so that the one descriptor says what it is and then gives its bytes
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            found = os.fstat(handle)
            if stat.S_ISREG(found.st_mode):
                return _read(handle, found.st_size)
        finally:
            os.close(handle)
        return finding("FILE_UNREADABLE", str(path), got="a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device")
    except FileNotFoundError:
        if os.path.islink(path):
            return finding("FILE_UNREADABLE", str(path), got="a link to nothing")
        return finding("FILE_MISSING", str(path))
    except OSError as error:
        return finding("FILE_UNREADABLE", str(path), got=quote(error.strerror or str(error)))


def _read(handle: int, size: int) -> bytes:
    """All bytes of an open file of about this size."""
    data = os.read(handle, size + 1)
    if len(data) != size:  # it grew or shrank, or came in parts
        while more := os.read(handle, 1 << 20):
            data += more
    return data


def check_room(path: Path) -> None:
    """Raise :class:`FileFault` where a file stands in the place of a folder."""
    if os.path.lexists(path) and not path.is_dir():
        raise FileFault(f"{path} is no folder: move the file that stands in its place")


def write_atomic(path: Path, data: bytes | Iterable[bytes]) -> bool:
    """Replace a file in one step: temporary name, fsync, rename. True if its bytes changed.

    Killed at any moment, the old file or the new one is there, whole. A device or a pipe, such as
    ``/dev/stdout``, is no file that could be replaced and is written to. Bytes that come in parts, for
    they may be too many to hold, are not compared with the file and count as changed.
    """
    try:
        if isinstance(data, bytes) and path.is_file() and path.read_bytes() == data:
            return False
        parts = (data,) if isinstance(data, bytes) else data
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as device:
                device.writelines(parts)
            return True
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
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
    if not raw:
        return finding("EMPTY_FILE", path)
    if not raw.strip():
        return finding("NO_TEXT", path)
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
    """Every record of a JSONL file: one a line, split at ``\\n`` bytes only; blank lines are passed over.

    After 1,000 findings the faults of further records are no longer listed.
    """
    records: list[Record[T]] = []
    found: list[Finding] = []
    lines = raw.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        value = decode_record(line, kind, path, number)
        if isinstance(value, list):
            if 1 < number == len(lines) and (value[0].code == "BAD_JSON" or _cut_short(line)):
                value = [finding("TRUNCATED", path, line=number, got=value[0].got)]
            found += value[: max(0, MAX_FINDINGS_PER_FILE - len(found))]
        else:
            records.append(Record(value, path, number))
    if not records and not found:
        found.append(finding("EMPTY_FILE", path))
    return Decoded(records, found)


def _cut_short(line: bytes) -> bool:
    """Whether a line ends within a character."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False


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
        said = str(error)
        return _diagnose(raw, kind, path, line, said) or [finding("BAD_SHAPE", path, line=line, got=quote(said, 160))]
    # a line break in a string would be escaped: without its breaks a gold file is what it would be in JSONL
    if _encoder.encode(value) != raw.translate(None, b"\n") or has_long_number(raw):
        faults = _diagnose(raw, kind, path, line)
        if faults:
            return faults
    return value


_decoders: dict[Any, Any] = {Annotation: msgspec.json.Decoder(Annotation), Article: msgspec.json.Decoder(Article)}


class Strict:
    """Hooks for the standard parser that note what it would accept in silence."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str]] = []

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """The object; notes keys that stand twice."""
        out = dict(pairs)
        if len(out) != len(pairs):
            times = Counter(key for key, _ in pairs)
            self.notes += [("DUPLICATE_KEY", quote(key)) for key, n in times.items() if n > 1]
        return out

    def constant(self, name: str) -> float:
        """Notes NaN and the infinities."""
        self.notes.append(("NOT_FINITE", name))
        return 0.0

    def float(self, text: str) -> float:
        """The number; notes those too large to be one."""
        value = float(text)
        if not math.isfinite(value):
            self.notes.append(("NOT_FINITE", quote(text, 30)))
            return 0.0
        return value

    def integer(self, text: str) -> int:
        """The integer; notes those that readers would round."""
        if len(text) > 17 or abs(int(text)) > _BIG:
            self.notes.append(("BIG_INTEGER", quote(text, 30)))
            return 0
        return int(text)


def _diagnose(raw: bytes, kind: type[T], path: str, line: int, refused: str = "") -> list[Finding]:
    """Everything wrong with one record's JSON, and, if the decoder ``refused`` it, with its fields."""
    value, found = strict_json(raw, path, line)
    if refused and not found:
        try:
            found = _shape_faults(value, raw, kind, path, line, refused)
        except RecursionError:
            found = [finding("TOO_DEEP", path, line=line)]
    return found


def strict_json(raw: bytes, path: str, line: int = 1) -> tuple[Any, list[Finding]]:
    """The value of a JSON text that begins on ``line``, and a finding for all that parsers accept in silence."""
    if raw.startswith(b"\xef\xbb\xbf"):
        return None, [finding("BOM", path, line=line)]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = line + raw.count(b"\n", 0, error.start)
        return None, [finding("NOT_UTF8", path, line=at, got=f"0x{raw[error.start]:02x} at byte {error.start}")]
    strict = Strict()
    try:
        value = json.loads(
            text,
            object_pairs_hook=strict.pairs,
            parse_constant=strict.constant,
            parse_float=strict.float,
            # a hook for integers halves the speed
            parse_int=strict.integer if has_long_number(raw) else None,
        )
    except json.JSONDecodeError as error:
        at = line + error.lineno - 1
        return None, [finding("BAD_JSON", path, line=at, got=quote(f"{error.msg} at column {error.colno}"))]
    except RecursionError:
        return None, [finding("TOO_DEEP", path, line=line)]
    if not strict.notes and not _HALF_ESCAPE.search(raw):
        return value, []
    doc = value["id"] if isinstance(value, dict) and isinstance(value.get("id"), str) else ""
    return value, [
        finding(code, path, line=line + text.count("\n", 0, at), doc=doc, pointer=pointer, got=got)
        for code, got, pointer, at in _silent_faults(text)
    ]


_DIGITS = bytes.maketrans(b"123456789", b"000000000")


def has_long_number(raw: bytes) -> bool:
    """Whether there may be an integer that is too large; five times as fast as a pattern."""
    return b"0000000000000000" in raw.translate(_DIGITS)


_HALF_ESCAPE = re.compile(
    # may also find what is none, such as a backslash that is itself escaped; _silent_faults decides
    rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]|\\\\u[dD][89a-fA-F]",
    re.DOTALL,
)
_HALF = re.compile("[\ud800-\udfff]")


def _silent_faults(text: str) -> Iterator[tuple[str, str, str, int]]:
    """(code, got, pointer, offset) of every key that stands twice, number out of bounds and half of a surrogate pair."""
    keys: dict[str, set[str]] = {}
    for token in _tokens(text):
        strict = Strict()
        if token.text == "{":
            keys[token.pointer] = set()
        elif token.text.startswith('"'):
            string = json.loads(token.text)
            half = _HALF.search(string)
            if half:
                strict.notes.append(("LONE_SURROGATE", quote(half[0])))
            if token.key:
                container = token.pointer[: -len(string) - 1]
                if string in keys[container]:
                    strict.notes.append(("DUPLICATE_KEY", quote(string)))
                keys[container].add(string)
        elif token.text in ("NaN", "Infinity", "-Infinity"):
            strict.constant(token.text)
        elif token.text.lstrip("-")[:1].isdigit():
            _ = strict.integer(token.text) if token.text.lstrip("-").isdigit() else strict.float(token.text)
        yield from ((code, got, token.pointer, token.at) for code, got in strict.notes)


def _shape_faults(value: Any, raw: bytes, kind: type[T], path: str, line: int, otherwise: str) -> list[Finding]:
    """Every place where a record departs from the JSON Schema of its type."""

    def line_of(pointer: str) -> int:
        return line + locate(raw, pointer) if b"\n" in raw else line

    return shape_faults(value, _schemas()[kind], path=path, line_of=line_of, otherwise=otherwise)


@cache
def _schemas() -> dict[Any, dict[str, Any]]:
    return {kind: json_schema(kind) for kind in (Annotation, Article)}


def json_schema(kind: type[msgspec.Struct], labels: Labels | None = None) -> dict[str, Any]:
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
        enums: dict[tuple[str, str], Iterable[str | None]] = {
            ("Mention", "type"): labels.types,
            ("Mention", "kind"): [*labels.kinds, None],
            ("Relation", "type"): labels.relations,
            ("Relation", "factuality"): labels.allowed_factualities,
            ("Stance", "polarity"): labels.polarities,
            ("Stance", "basis"): labels.allowed_bases,
        }
        for (struct, field), values in enums.items():
            if struct in definitions:
                definitions[struct]["properties"][field]["enum"] = list(values)
        if kind is Article:
            schema["properties"]["origin"]["enum"] = list(ORIGINS)
            schema["properties"]["published"]["pattern"] = f"^{PUBLISHED}$"
            definitions["Region"]["properties"]["kind"]["enum"] = list(REGION_KINDS)
    return schema


# ------------------------------------------------------------------ line of an item

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)
_MAX_DEPTH = 1_000


class _Token(NamedTuple):
    """A value or a key of a JSON text; of an array or an object its bracket."""

    pointer: str
    """Where it is; of a key, where its value is."""
    at: int
    text: str
    key: bool


def _tokens(text: str) -> Iterator[_Token]:
    """The values and keys of a JSON text that parses, in the order of the text."""
    opened: list[str] = []
    numbers: list[int] = []
    pointer, key = "", False
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == ":":
            continue
        if token in "]}":
            del opened[-1:], numbers[-1:]
            key = False
        elif token == ",":
            key = not numbers or numbers[-1] < 0
            if not key:
                numbers[-1] += 1
                pointer = f"{opened[-1]}/{numbers[-1]}"
        elif key:
            pointer, key = f"{opened[-1] if opened else ''}/{json.loads(token)}", False
            yield _Token(pointer, match.start(), token, True)
        else:
            yield _Token(pointer, match.start(), token, False)
            if token in "[{":
                if len(opened) > _MAX_DEPTH:
                    return
                opened.append(pointer)
                numbers.append(0 if token == "[" else -1)
                pointer, key = f"{pointer}/0", token == "{"


def locate(raw: bytes, pointer: str) -> int:
    """How many line breaks stand before the value at a JSON pointer; the deepest part that exists counts."""
    lines = _lines(raw)
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return lines.get(pointer, 0)


@lru_cache(maxsize=1)
def _lines(raw: bytes) -> dict[str, int]:
    """The line of each value, by its pointer."""
    text = raw.decode("utf-8", "replace")
    lines: dict[str, int] = {}
    line = last = 0
    with contextlib.suppress(ValueError):
        for token in _tokens(text):
            if not token.key:
                line += text.count("\n", last, token.at)
                last = token.at
                lines[token.pointer] = line
    return lines


# ---------------------------------------------------------------------- canonical


def canonical(annotation: Annotation, labels: Labels) -> Annotation:
    """The same data in canonical order, with defaults as ``None`` and symmetric heads in order.

    Mentions are sorted by start, then the longer first, then type and id; entities, and the mentions in them,
    follow that order; relations their identity; stances start and id. Of the two ends of a symmetric relation
    the entity that is earlier becomes the head.
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
            sorted(
                ordered,
                key=lambda e: (place.get(e.mentions[0], last) if e.mentions else last, e.mentions, *_optional(e.id, e.link)),
            )
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
    return (m.start, -m.end, m.type, m.id or "", m.id is None, *_optional(m.kind, m.text))


def _optional(*values: str | None) -> tuple[str | bool, ...]:
    """A key for strings that may be absent, so that equal keys mean equal values."""
    return tuple(part for value in values for part in (value or "", value is None))


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
    return (
        r.type,
        rank.get(r.head, unknown),
        r.head,
        rank.get(r.tail, unknown),
        r.tail,
        r.factuality,
        r.evidence or (),
        r.evidence is None,
    )


def _stance_key(s: Stance) -> tuple[Any, ...]:
    return (
        s.start is None,
        s.start or 0,
        s.id or "",
        s.id is None,
        s.end or 0,
        s.end is None,
        s.holder,
        s.target,
        s.polarity,
        s.basis,
    )


def encode(value: Annotation | Article) -> bytes:
    """One JSONL record without its line break: canonical if the value is."""
    return _encoder.encode(_interned(value))


_DEFAULTS: dict[type[msgspec.Struct], tuple[tuple[str, object], ...]] = {
    kind: tuple((f.name, f.default) for f in msgspec.structs.fields(kind) if isinstance(f.default, (str, msgspec.Struct)))
    for kind in (Article, Relation, Stance)
}


def _interned(value: S) -> S:
    """The value with equal defaults replaced by the default objects: msgspec leaves out only what *is* the default."""
    changes: dict[str, Any] = {}
    for name, default in _DEFAULTS.get(type(value), ()):
        own = getattr(value, name)
        if own is not default and own == default:
            changes[name] = default
    if isinstance(value, Annotation):
        for layer in ("relations", "stances"):
            items = getattr(value, layer)
            if items:
                changes[layer] = tuple(map(_interned, items))
    return msgspec.structs.replace(value, **changes) if changes else value


def encode_gold(annotation: Annotation) -> bytes:
    """A gold file: the same JSON with one item a line."""
    annotation = _interned(annotation)
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
    return b"".join(encode(a) + b"\n" for a in ordered)
