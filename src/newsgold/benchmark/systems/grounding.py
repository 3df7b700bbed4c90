"""From strings to offsets: what a system said in words, put where it stands in the text.

A string is grounded where exactly its characters stand, nowhere else: no case is folded, no white space made
equal, nothing is searched that is merely similar. Which place is meant, the answer says by its number, counted
from the top. What has no such place is left out and counted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from newsgold.corpus.labels import DEFAULT_BASIS, DEFAULT_FACTUALITY
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation, Article, Entity, Mention, Relation, Stance


class SaidMention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mention by its surface."""

    text: str
    occurrence: int = 1
    """Which of the places where the text stands, from 1."""
    type: str
    kind: str | None = None
    cluster: str | None = None
    """Mentions of one thing share it; without it a mention is a thing by itself."""


class SaidRelation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A relation between clusters."""

    type: str
    head: str
    tail: str
    factuality: str = DEFAULT_FACTUALITY


class SaidStance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stance between clusters, with the words that express it."""

    holder: str
    """A cluster, ``AUTHOR`` or ``UNKNOWN``."""
    target: str
    polarity: str
    basis: str = DEFAULT_BASIS
    text: str | None = None
    occurrence: int = 1


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was said of one article; a layer that is absent was not attempted."""

    mentions: tuple[SaidMention, ...]
    relations: tuple[SaidRelation, ...] | None = None
    stances: tuple[SaidStance, ...] | None = None


class Grounded(NamedTuple):
    """An annotation, and what could not become part of it."""

    annotation: Annotation
    lost: tuple[str, ...]
    """Strings that stand nowhere, and clusters named by relations or stances that no grounded mention is in."""


def ground(said: Said, article: Article) -> Grounded:
    """What was said, with offsets.

    A mention without a place is left out, and so is a relation or a stance one of whose ends thereby has no mention. A
    stance whose words have no place keeps its holder, target and polarity, and has no span. The same item said twice
    is one item.
    """
    lost: list[str] = []
    found: dict[tuple[int, int, str], SaidMention] = {}
    for said_mention in said.mentions:
        span = nth_place(article.text, said_mention.text, said_mention.occurrence)
        if span is None:
            lost.append(said_mention.text)
        else:
            found.setdefault((*span, said_mention.type), said_mention)
    mentions, members = [], dict[str, list[str]]()
    for number, ((start, end, type_), m) in enumerate(sorted(found.items(), key=lambda i: (i[0][0], -i[0][1], i[0][2])), 1):
        mentions.append(Mention(id=f"m{number}", start=start, end=end, type=type_, kind=m.kind, text=m.text))
        members.setdefault(f"of {m.cluster}" if m.cluster is not None else f"alone {number}", []).append(f"m{number}")
    entities = tuple(Entity(id=f"e{n}", mentions=tuple(ids)) for n, ids in enumerate(members.values(), 1))
    known = {cluster.removeprefix("of "): f"e{n}" for n, cluster in enumerate(members, 1) if cluster.startswith("of ")}
    annotation = Annotation(
        id=article.id,
        text_sha256=article.text_sha256,
        mentions=tuple(mentions),
        entities=entities,
        relations=None if said.relations is None else tuple(dict.fromkeys(_relations(said.relations, known, lost))),
        stances=None if said.stances is None else tuple(dict.fromkeys(_stances(said.stances, known, article.text, lost))),
    )
    return Grounded(annotation, tuple(lost))


def _relations(said: tuple[SaidRelation, ...], known: dict[str, str], lost: list[str]) -> Iterator[Relation]:
    for r in said:
        missing = [end for end in (r.head, r.tail) if end not in known]
        lost += missing[:1]
        if not missing:
            yield Relation(type=r.type, head=known[r.head], tail=known[r.tail], factuality=r.factuality)


def _stances(said: tuple[SaidStance, ...], known: dict[str, str], text: str, lost: list[str]) -> Iterator[Stance]:
    holders = {AUTHOR: AUTHOR, UNKNOWN: UNKNOWN, **known}
    for s in said:
        missing = [end for end, those in ((s.holder, holders), (s.target, known)) if end not in those]
        lost += missing[:1]
        if missing:
            continue
        span = nth_place(text, s.text, s.occurrence) if s.text is not None else None
        if span is None and s.text is not None:
            lost.append(s.text)
        start, end = span or (None, None)
        holder, target = holders[s.holder], known[s.target]
        yield Stance(start=start, end=end, holder=holder, target=target, polarity=s.polarity, basis=s.basis)


def nth_place(text: str, wanted: str, number: int) -> tuple[int, int] | None:
    """The span of the ``number``-th place, from 1, where ``wanted`` stands in a text and cuts no word; or ``None``."""
    if number < 1:
        return None
    for n, start in enumerate(_places(text, wanted), 1):
        if n == number:
            return start, start + len(wanted)
    return None


def _places(text: str, wanted: str) -> Iterator[int]:
    """Where a string stands, from the top; places that overlap the one before are passed over."""
    if not wanted or wanted != wanted.strip():
        return
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        whole = not _inside_word(text, start) and not _inside_word(text, end)
        if whole:
            yield start
        start = text.find(wanted, end if whole else start + 1)


def _inside_word(text: str, place: int) -> bool:
    """Whether a word goes on over a place; scripts without case may have no blanks between words, so theirs do not."""
    return 0 < place < len(text) and _of_word(text[place - 1]) and _of_word(text[place])


def _of_word(character: str) -> bool:
    return unicodedata.category(character) in ("Lu", "Ll", "Lt", "Mn", "Nd")
