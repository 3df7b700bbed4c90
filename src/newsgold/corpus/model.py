"""The document: an article, and stand-off annotation on it.

Offsets count Unicode code points of the article's text exactly as stored; a span
is half-open, ``[start, end)``. Gold, passes of annotators and predictions of
systems share one type, :class:`Annotation`; what is asked of each role
is the validator's business, not the types'. All values are frozen; decoding
checks their shape only.

In :class:`Annotation`, a layer that is ``None`` was not attempted; an empty
one was attempted and holds nothing.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

SCHEMA_VERSION = 1
SPLITS = ("train", "validation", "test")
ORIGINS = ("seed", "written", "imported")
REGION_KINDS = ("title", "body", "duplicate")
AUTHOR = "AUTHOR"
"""The holder of a stance taken in the article's own voice."""
UNKNOWN = "UNKNOWN"
"""The holder of a stance that is quoted or attributed without naming by whom."""

DOCUMENT_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
ITEM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
WIKIDATA_ID = re.compile(r"Q[1-9][0-9]{0,11}")
_ZONE = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_TIME = rf"T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?{_ZONE}?"
PUBLISHED = rf"[0-9]{{4}}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])({_TIME})?)?)?"
"""When an article was published, in ISO 8601: a year, a month, a day, or a day with its time."""

MAX_RECORD_BYTES = 8_000_000
MAX_TEXT_LENGTH = 1_000_000

Offset = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
"""An offset into a text; more than 32 bits hold is no offset, wherever it is stored."""


class Region(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A stretch of an article: its title, its body, or text that repeats another part."""

    start: Offset
    end: Offset
    kind: str
    """``title``, ``body`` or ``duplicate``; duplicates are neither annotated nor scored."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Where an article comes from and on what terms; absent means unknown."""

    name: str | None = None
    url: str | None = None
    licence: str | None = None
    file: str | None = None
    """Name under ``raw/`` of the file as received."""
    sha256: str | None = None
    """SHA-256 of that file."""


class Article(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A news article: the text that is annotated, and what is known of it."""

    id: str
    text: str
    title: str | None = None
    language: str = "en"
    origin: str = "imported"
    """``seed``, ``written`` (by this project) or ``imported``."""
    split: str | None = None
    event: str | None = None
    """Articles on one event share it; splits and resampling keep events whole."""
    outlet: str | None = None
    published: str | None = None
    """ISO 8601 date or time, as a string."""
    source: Source = Source()
    regions: tuple[Region, ...] = ()
    text_sha256: str | None = None
    """SHA-256 of the text encoded in UTF-8."""

    @property
    def ignore(self) -> tuple[tuple[int, int], ...]:
        """Spans of the duplicate regions."""
        return tuple((r.start, r.end) for r in self.regions if r.kind == "duplicate")


class Mention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A span of text that refers to something, with the type of what it refers to."""

    id: str | None = None
    start: Offset
    end: Offset
    type: str
    kind: str | None = None
    """NAM, NOM, PRO or VAL; ``None`` is VAL for value types and NAM otherwise."""
    text: str | None = None
    """The surface; where present it proves the offsets."""


class Entity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A coreference cluster: mention ids that refer to one thing, singletons included."""

    id: str | None = None
    mentions: tuple[str, ...]
    link: str | None = None
    """A Wikidata id, an id of the corpus's knowledge base, or ``None`` (NIL)."""


class Relation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A relation between two entities, identified by type, head, tail and factuality."""

    type: str
    head: str
    tail: str
    factuality: str = "asserted"
    evidence: tuple[tuple[str, str], ...] | None = None
    """Every (head mention, tail mention) that expresses it."""


class Stance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A holder's position on a target, and the span that expresses it."""

    id: str | None = None
    start: Offset | None = None
    end: Offset | None = None
    holder: str
    """A mention (or entity, in predictions), ``AUTHOR`` or ``UNKNOWN``."""
    target: str
    polarity: str
    basis: str = "explicit"


class Annotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Stand-off annotation of one document by one annotator, system or adjudicator."""

    schema_version: int = SCHEMA_VERSION
    id: str
    by: str | None = None
    text_sha256: str | None = None
    split: str | None = None
    event: str | None = None
    ignore: tuple[tuple[Offset, Offset], ...] = ()
    """Spans of the duplicate regions, filled in from the article."""
    mentions: tuple[Mention, ...] | None = None
    entities: tuple[Entity, ...] | None = None
    relations: tuple[Relation, ...] | None = None
    stances: tuple[Stance, ...] | None = None


LAYERS = ("mentions", "entities", "relations", "stances")
