"""The record of a document's adjudication: who had each item of the gold, who decided it, by which rule.

A record holds the agreed items as lists of ids, every decision in full, and
what merely follows from a decision; :func:`provenance` gives all three back for
each item of the gold. Ids are those of the gold file; a relation is called
``type(head,tail)`` (``type:denied(head,tail)``) for each pair of mentions that
expresses it, the link of an entity ``link(entity)``.

Reasons come from the adjudicator: as lines of the note on the whole text
(``R5 / HC-12 D3: the hyphen separates``), as a file of decisions in TOML or
JSON, or from a record made before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import msgspec

from newsgold.annotation.disputes import arrow_label
from newsgold.corpus.codec import locate, read_bytes, strict_json
from newsgold.corpus.model import Annotation
from newsgold.corpus.shapes import shape_faults
from newsgold.corpus.toml import decode_toml, locate_toml
from newsgold.errors import Finding, finding, quote

RECORD_VERSION = 2
NO_RULE = "no rule"
AGREEMENT = "agreement"
"""What decided the items that every pass has."""
SUFFIX = ".record.json"


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of one item on which the passes, or the passes and the adjudicator, differ."""

    id: str
    """``D3.2`` in dispute, ``-m7`` of the agreed item that was taken out, ``+m7`` of the gold's item that no pass has."""
    layer: Literal["mentions", "entities", "links", "relations", "stances"]
    item: str
    """In words."""
    passes: tuple[str, ...]
    """Who had it."""
    decision: Literal["kept", "dropped", "added"]
    gold: str | None = None
    """The item of the gold."""
    follows: str | None = None
    """The decision of which this one is a consequence."""
    rule: str
    why: str


class Agreed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Items of the gold that every pass has."""

    mentions: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    stances: tuple[str, ...] = ()


class AdjudicationRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the gold of one document came about."""

    schema_version: Literal[2]
    document: str
    round: str
    passes: tuple[str, ...]
    adjudicator: str
    guidelines: str | None = None
    agreed: Agreed
    following: dict[str, str] = {}
    """Items of the gold that are a mere consequence, such as the entity of a mention that stands alone: its decision."""
    decisions: tuple[Decision, ...] = ()
    notes: tuple[str, ...] = ()
    """The adjudicator's notes that decide nothing."""
    notes_of_passes: dict[str, tuple[str, ...]] = {}


class Ruling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reason, in a file of decisions."""

    document: str
    items: tuple[str, ...]
    """Disputes (``D3``), items in dispute (``D3.2``), ids of the decided annotation, ``-id`` of agreed items taken out."""
    rule: str = NO_RULE
    why: str = ""


class Rulings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of decisions."""

    adjudicator: str | None = None
    guidelines: str | None = None
    decisions: tuple[Ruling, ...] = ()
    notes: dict[str, tuple[str, ...]] = {}
    """By document."""
    notes_of_passes: dict[str, dict[str, tuple[str, ...]]] = {}
    """By document, then by pass."""


class Reason(NamedTuple):
    """Why something was decided."""

    rule: str
    why: str


class Reasons(NamedTuple):
    """What an adjudicator said of one document."""

    given: dict[str, Reason]
    """By what it is about: see :attr:`Ruling.items`; ``+id`` is the gold's own id."""
    notes: tuple[str, ...] = ()
    notes_of_passes: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    adjudicator: str | None = None
    guidelines: str | None = None


class Provenance(NamedTuple):
    """Where an item of the gold comes from."""

    sources: tuple[str, ...]
    """The passes that had it; none where the adjudicator added it."""
    decided_by: str
    """``agreement``, or the adjudicator."""
    rule: str
    """Empty where it was agreed."""


# -------------------------------------------------------------------------- records


def encode_record(record: AdjudicationRecord) -> bytes:
    """A record as JSON, made for ``git diff``: a list of agreed ids takes one line."""
    parts = []
    for name, value in msgspec.to_builtins(record).items():
        if name == "agreed":
            rows = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items())
            text = "{\n" + rows + "\n }"
        else:
            text = json.dumps(value, ensure_ascii=False, indent=1).replace("\n", "\n ")
        parts.append(f" {json.dumps(name)}: {text}")
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


class ReadRecord(NamedTuple):
    """A record, or what is wrong with it."""

    record: AdjudicationRecord | None
    findings: list[Finding]


def read_record(path: Path) -> ReadRecord:
    """Read a record; every departure from its shape is a finding."""
    raw = read_bytes(path)
    value, found = strict_json(raw, str(path))
    if found:
        return ReadRecord(None, found)
    record, found = _converted(value, AdjudicationRecord, raw, path)
    return ReadRecord(record, found)


def provenance(record: AdjudicationRecord) -> dict[str, Provenance]:
    """Sources, decider and rule of every item of the gold, by what it is called."""
    everybody = Provenance(record.passes, AGREEMENT, "")
    out = {name: everybody for layer in msgspec.structs.astuple(record.agreed) for name in layer}
    by_id = {d.id: d for d in record.decisions}
    rows = [(d.gold, d) for d in record.decisions if d.gold is not None]
    rows += [(item, by_id[name]) for item, name in record.following.items() if name in by_id]
    for name, d in rows:
        had = out[name].sources if name in out else ()
        out[name] = Provenance(tuple(sorted({*had, *d.passes})), record.adjudicator, d.rule)
    return out


def references(annotation: Annotation) -> dict[str, tuple[str, ...]]:
    """What every item of an annotation is called, by layer."""
    entities = annotation.entities or ()
    return {
        "mentions": tuple(m.id or "" for m in annotation.mentions or ()),
        "entities": tuple(e.id or "" for e in entities),
        "links": tuple(f"link({e.id})" for e in entities if e.link is not None),
        "relations": tuple(
            f"{arrow_label(r.type, r.factuality)}({head},{tail})"
            for r in annotation.relations or ()
            for head, tail in r.evidence or ()
        ),
        "stances": tuple(s.id or "" for s in annotation.stances or ()),
    }


# -------------------------------------------------------------------------- reasons

_TARGET = r"[-+]?[\w.:-]+(?:\([\w,-]+\))?"
_LINE = re.compile(rf"(?P<rule>\S[^\n]{{0,79}}?)\s+(?P<targets>{_TARGET}(?:\s*,\s*{_TARGET})*)\s*:(?:\s+(?P<why>.*))?", re.ASCII)
_RULE = re.compile(r"no rule|(?!.*\bD[0-9])[^a-z]*[0-9§].*(?<![;,:.])", re.ASCII)
OPEN = "? "
"""How a line of the note begins that nobody has decided yet."""


class Note(NamedTuple):
    """An adjudicator's note, taken apart."""

    reasons: list[tuple[tuple[str, ...], Reason]]
    lines: tuple[str, ...]
    """Lines that give no reason."""


def parse_note(note: str) -> Note:
    """Take an adjudicator's note apart.

    A line ``RULE ITEM, ITEM: reason`` is a reason: a rule, blanks, items with commas between them, a colon. A rule is
    ``no rule``, or holds a number and neither begins with a small letter nor names a dispute. Lines that begin with ``?``
    are open and say nothing; every other line is kept as a note.
    """
    reasons: list[tuple[tuple[str, ...], Reason]] = []
    lines: list[str] = []
    for line in map(str.strip, note.split("\n")):
        match = _LINE.fullmatch(line)
        if match and _RULE.fullmatch(match["rule"]):
            targets = tuple(re.findall(_TARGET, match["targets"], re.ASCII))
            reasons.append((targets, Reason(match["rule"].strip(), (match["why"] or "").strip())))
        elif line and not line.startswith(OPEN.strip()):
            lines.append(line)
    return Note(reasons, tuple(lines))


class Collected(NamedTuple):
    """The reasons for every document, and what is wrong with them."""

    reasons: dict[str, Reasons]
    findings: list[Finding]


def collect(sources: Iterable[Path], notes: Mapping[str, tuple[str, str]]) -> Collected:
    """Reasons from files of decisions, from records, and from the notes on documents, each with its path.

    Nothing may have two reasons.
    """
    found: list[Finding] = []
    rows: list[tuple[str, str, str, tuple[str, ...], Reason]] = []
    parts: dict[str, Reasons] = {}
    for path in sources:
        value, faults = _read_rulings(path)
        found += faults
        if isinstance(value, AdjudicationRecord):
            doc = value.document
            rows += [(doc, str(path), f"/decisions/{i}", (d.id,), Reason(d.rule, d.why)) for i, d in enumerate(value.decisions)]
            extra = Reasons({}, value.notes, value.notes_of_passes, value.adjudicator, value.guidelines)
            parts[doc] = _joined(parts.get(doc), extra)
        elif value is not None:
            rows += [
                (r.document, str(path), f"/decisions/{i}", r.items, Reason(r.rule, r.why)) for i, r in enumerate(value.decisions)
            ]
            for doc in {*value.notes, *value.notes_of_passes, *(r.document for r in value.decisions)}:
                extra = Reasons(
                    {}, value.notes.get(doc, ()), value.notes_of_passes.get(doc, {}), value.adjudicator, value.guidelines
                )
                parts[doc] = _joined(parts.get(doc), extra)
    for doc, (where, note) in notes.items():
        parsed = parse_note(note)
        rows += [(doc, where, "", targets, reason) for targets, reason in parsed.reasons]
        parts[doc] = _joined(parts.get(doc), Reasons({}, parsed.lines))
    for doc, source, pointer, targets, reason in rows:
        given = parts.setdefault(doc, Reasons({})).given
        for target in targets:
            if given.get(target, reason) != reason:
                got = f"two reasons for {quote(target)}"
                found.append(finding("ADJ_TWO_REASONS", source, doc=doc, pointer=pointer, got=got))
            given[target] = reason
    return Collected(parts, found)


def _joined(one: Reasons | None, other: Reasons) -> Reasons:
    if one is None:
        return other._replace(given={})
    return Reasons(
        one.given,
        (*one.notes, *(line for line in other.notes if line not in one.notes)),
        {**one.notes_of_passes, **other.notes_of_passes},
        one.adjudicator or other.adjudicator,
        one.guidelines or other.guidelines,
    )


def _read_rulings(path: Path) -> tuple[AdjudicationRecord | Rulings | None, list[Finding]]:
    raw = read_bytes(path)
    if path.suffix == ".toml":
        table = decode_toml(raw, str(path))
        return (None, [table]) if isinstance(table, Finding) else _converted(table, Rulings, raw, path)
    value, found = strict_json(raw, str(path))
    if found:
        return None, found
    is_record = isinstance(value, dict) and "document" in value
    return _converted(value, AdjudicationRecord, raw, path) if is_record else _converted(value, Rulings, raw, path)


def _converted(value: Any, kind: Any, raw: bytes, path: Path) -> tuple[Any, list[Finding]]:
    """The value as the type wants it, or every place where it departs from it."""

    def line_of(pointer: str) -> int:
        return 1 + (locate_toml if path.suffix == ".toml" else locate)(raw, pointer)

    try:
        return msgspec.convert(value, kind), []
    except msgspec.ValidationError as error:
        return None, shape_faults(value, msgspec.json.schema(kind), path=str(path), line_of=line_of, otherwise=str(error))
