"""From the items of a foreign file to a document: what its labels mean here, which items are sound, what they are called.

A reader gives a :class:`Builder` the text of a document and its items as they come, each under the key by which
the file names it and with the line it stands on. :meth:`Builder.finish` holds them against the text with the checks of
:mod:`newsgold.corpus.validate`, leaves out with a finding whatever is at fault, and gives the document.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from newsgold.corpus.codec import canonical, decode_text, read_bytes, sha256
from newsgold.corpus.formats import Note
from newsgold.corpus.formats.projection import Pair, regroup, renumber
from newsgold.corpus.formats.terms import Terms, derive_labels
from newsgold.corpus.labels import DEFAULT_BASIS, DEFAULT_FACTUALITY, Labels
from newsgold.corpus.model import (
    AUTHOR,
    DOCUMENT_ID,
    ITEM_ID,
    MAX_TEXT_LENGTH,
    UNKNOWN,
    WIKIDATA_ID,
    Annotation,
    Article,
    Entity,
    Mention,
    Relation,
    Source,
    Stance,
)
from newsgold.corpus.store import fill
from newsgold.corpus.tables import Document
from newsgold.corpus.validate import CHECKS
from newsgold.corpus.validate import Document as Checked
from newsgold.errors import FileFault, Finding, finding, quote

SPAN_CHECKS = ("SPAN_REVERSED", "SPAN_OUTSIDE", "SPAN_UNTRIMMED", "SURFACE_MISMATCH", "DUPLICATE_MENTION", "SPAN_CUTS_TOKEN")
_replace: Callable[..., Any] = msgspec.structs.replace


# ---------------------------------------------------------------------------- ids


def safe_id(foreign: str, *, otherwise: str = "document") -> str:
    """A document id made of a foreign one: itself where it is one, else its letters and digits in lower case.

    Where more than case is lost on the way, a hash makes up for it, so that two foreign ids do not become one.
    """
    if DOCUMENT_ID.fullmatch(foreign):
        return foreign
    plain = unicodedata.normalize("NFKD", foreign).casefold().encode("ascii", "ignore").decode()
    slug = re.sub("[^a-z0-9._]+", "-", plain).strip("-._")[:100] or otherwise
    return slug if slug == foreign.casefold() else f"{slug}-{sha256(foreign)[:8]}"


def blank_article(foreign: str, text: str) -> Article:
    """An article with a safe id; the foreign one, where it differs, is its source's name."""
    name = safe_id(foreign)
    return Article(id=name, text=text, source=Source(name=None if name == foreign else foreign))


def unannotated(article: Article) -> Document:
    """An article without annotation, as :meth:`Builder.finish` would leave it."""
    return Document(_replace(article, text_sha256=sha256(article.text)), None)


def read_text(path: Path) -> str | Finding:
    """The text of a file exactly as it stands, or the reason why it is none; raises :class:`FileFault`."""
    if path.is_dir():
        raise FileFault(f"cannot read {path}: it is a folder")
    return decode_text(read_bytes(path), str(path))


def split_factuality(name: str, separator: str, terms: Terms) -> tuple[str, str]:
    """(relation, factuality) of a label that may end in a separator and a factuality."""
    labels = terms.labels
    type_, found, factuality = name.rpartition(separator)
    known = labels.factualities if labels is not None else ("denied", "prospective")
    if not found or factuality not in known or (labels is not None and name in labels.relations):
        return name, DEFAULT_FACTUALITY
    return type_, factuality


# ------------------------------------------------------------------------ builder


class _Item(NamedTuple):
    """An item as the file has it: the value with the file's keys for ids, and where it stands."""

    key: Hashable
    value: Any
    line: int
    pointer: str
    path: str


class Builder:
    """Collects the items of one document of a foreign file."""

    def __init__(
        self, path: str, article: Article, terms: Terms, note: Note, *, by: str | None = None, raise_arguments: bool = True
    ) -> None:
        self.path = path
        self.article = article
        self.terms = terms
        self.note = note
        self.by = by
        self.raise_arguments = raise_arguments
        """Whether a relation between mentions is raised to their entities."""
        self.findings: list[Finding] = []
        self._mentions: list[_Item] = []
        self._entities: list[_Item] = []
        self._relations: list[_Item] = []
        self._stances: list[_Item] = []
        self._left: set[Hashable] = set()
        """Keys of items that a mapping leaves out."""
        self._faulty: set[Hashable] = set()
        """Keys of mentions that are at fault; an entity just goes without them."""

    def fault(self, code: str, *, line: int = 0, pointer: str = "", got: str = "", wanted: str = "") -> None:
        """A finding about this document; ``path`` may be set to the file at hand where there are several."""
        self.findings.append(finding(code, self.path, line=line, doc=self.article.id, pointer=pointer, got=got, wanted=wanted))

    def _report(self, code: str, item: _Item, got: str, wanted: str = "") -> None:
        self.findings.append(
            finding(code, item.path, line=item.line, doc=self.article.id, pointer=item.pointer, got=got, wanted=wanted)
        )

    def mention(
        self,
        key: Hashable,
        start: int,
        end: int,
        type: str,
        *,
        kind: str | None = None,
        surface: str | None = None,
        id: str | None = None,
        line: int = 0,
        pointer: str = "",
    ) -> None:
        """A mention; ``surface``, where the file has one, must stand at the offsets."""
        own = self._own("types", type, "mentions", key)
        kind = kind if kind is None else self.terms.name("kinds", kind)
        if own is None:
            return
        if not all(-(2**31) <= x < 2**31 for x in (start, end)):
            self.fault("SPAN_REVERSED", line=line, pointer=pointer, got=f"[{quote(start)}, {quote(end)})")
            return
        value = Mention(id=id, start=start, end=end, type=own, kind=kind, text=surface)
        self._mentions.append(_Item(key, value, line, pointer, self.path))

    def entity(
        self, key: Hashable, mentions: Sequence[Hashable], *, link: str | None = None, id: str | None = None, line: int = 0,
        pointer: str = "",
    ) -> None:  # fmt: skip
        """A cluster of mentions, by their keys. A link that can be none of ours is noted as lost."""
        if link is not None and not WIKIDATA_ID.fullmatch(link) and not DOCUMENT_ID.fullmatch(link):
            self.note("links", "it is neither a Wikidata id nor can it be an id of a knowledge base")
            link = None
        self._entities.append(_Item(key, (tuple(mentions), link, id), line, pointer, self.path))

    def relation(
        self,
        type: str,
        head: Hashable,
        tail: Hashable,
        *,
        factuality: str = DEFAULT_FACTUALITY,
        evidence: Sequence[tuple[Hashable, Hashable]] | None = None,
        line: int = 0,
        pointer: str = "",
    ) -> None:
        """A relation between mentions or entities, by their keys.

        One between mentions is raised to their entities, with the mentions as evidence. One that names an entity
        is kept as it is.
        """
        own, known = self._own("relations", type, "relations", None), self.terms.name("factualities", factuality)
        if own is not None and known is not None:
            value = (own, head, tail, known, None if evidence is None else tuple(evidence))
            self._relations.append(_Item(None, value, line, pointer, self.path))

    def stance(
        self,
        key: Hashable,
        start: int | None,
        end: int | None,
        holder: Hashable,
        target: Hashable,
        polarity: str,
        *,
        basis: str = DEFAULT_BASIS,
        id: str | None = None,
        line: int = 0,
        pointer: str = "",
    ) -> None:
        """A stance; ``holder`` and ``target`` are keys, the holder also AUTHOR or UNKNOWN."""
        own, how = self._own("polarities", polarity, "stances", key), self.terms.name("bases", basis)
        if own is not None and how is not None:
            self._stances.append(_Item(key, (start, end, holder, target, own, how, id), line, pointer, self.path))

    def finish(self, *, layers: Sequence[str] = (), keep_ids: bool = False) -> Document | None:
        """The document, or ``None`` where its text is none; attempted are these layers, mentions, and those with items.

        Items keep usable ids of their own if ``keep_ids``; all others are numbered in the order of the text.
        """
        text = self.article.text
        if not text.strip():
            self.fault("NO_TEXT")
            return None
        if len(text) > MAX_TEXT_LENGTH:
            self.fault("TEXT_TOO_LONG", got=f"{len(text):,} code points", wanted=f"at most {MAX_TEXT_LENGTH:,}")
            return None
        article = _replace(self.article, text_sha256=sha256(text))
        taken: set[str] = set()
        mentions, known = self._sound_mentions(article, taken, keep_ids)
        clusters, entities = self._sound_entities(known, taken, keep_ids)
        gold = Annotation(
            id=article.id,
            text_sha256=article.text_sha256,
            mentions=mentions,
            entities=clusters if self._entities or "entities" in layers else None,
            relations=self._sound_relations(known, entities, clusters) if self._relations or "relations" in layers else None,
            stances=self._sound_stances(article, entities | known, taken, keep_ids)
            if self._stances or "stances" in layers
            else None,
            by=self.by,
        )
        labels = self.terms.labels or derive_labels([Document(article, gold)], "")
        document = Document(article, canonical(fill(gold, article), labels))
        return document if keep_ids else renumber(document, labels)

    # ------------------------------------------------------------------- parts

    def _own(self, section: str, foreign: str, what: str, key: Hashable) -> str | None:
        own = self.terms.name(section, foreign)
        if own is None:
            self.note(what, f"the mapping leaves out {foreign}")
            if key is not None:
                self._left.add(key)
        return own

    def _id(self, letter: str, number: int, wanted: str | None, taken: set[str]) -> str:
        """The id wanted if it is usable and free, else a numbered one."""
        usable = wanted is not None and ITEM_ID.fullmatch(wanted) and wanted not in (AUTHOR, UNKNOWN)
        name = wanted if wanted is not None and usable and wanted not in taken else None
        if wanted is not None and name is None:
            self.note("ids", "it is not of the alphabet of ids, or not unique")
        while name is None or (name != wanted and name in taken):
            name, number = f"{letter}{number}", number + 1
        taken.add(name)
        return name

    def _sound(self, items: Sequence[_Item], layer: str, article: Article | None, codes: Sequence[str]) -> list[_Item]:
        """The items of a layer without those that an error of one of these checks is about."""
        values = tuple(item.value for item in items)
        labels = self.terms.labels or _NO_LABELS
        checked = Checked(_replace(Annotation(id=self.article.id), **{layer: values}), labels, article, None, "pass")
        bad: set[int] = set()
        for code in codes:
            for hit in CHECKS[code][1](checked):
                place = int(hit.pointer.split("/")[2])
                item = items[place]
                self._report(code, item, hit.got, hit.wanted)
                if self.findings[-1].severity == "error":
                    bad.add(place)
        return [item for place, item in enumerate(items) if place not in bad]

    def _labelled(self, *codes: str) -> tuple[str, ...]:
        """Checks of labels, where there is an inventory."""
        return codes if self.terms.labels is not None else ()

    def _sound_mentions(
        self, article: Article, taken: set[str], keep_ids: bool
    ) -> tuple[tuple[Mention, ...], dict[Hashable, str]]:
        """The mentions with their ids, and the id for each key; a copy's key goes to the mention that it copies."""
        unique = self._first(self._mentions)
        sound = self._sound(unique, "mentions", article, (*SPAN_CHECKS, *self._labelled("UNKNOWN_TYPE", "UNKNOWN_KIND")))
        first: dict[Any, str] = {}
        known: dict[Hashable, str] = {}
        values = []
        for number, (key, m, *_) in enumerate(sound, 1):
            known[key] = first[m.start, m.end, m.type] = self._id("m", number, m.id if keep_ids else None, taken)
            values.append(_replace(m, id=known[key], text=article.text[m.start : m.end]))
        for key, m, *_ in unique:
            if key not in known and (m.start, m.end, m.type) in first:
                known[key] = first[m.start, m.end, m.type]
        self._faulty = {item.key for item in unique} - known.keys()
        return tuple(values), known

    def _first(self, items: Iterable[_Item]) -> list[_Item]:
        """The items without those whose key an earlier one has."""
        seen: set[Hashable] = set()
        unique = []
        for item in items:
            if item.key in seen:
                self._report("DUPLICATE_ID", item, quote(item.key))
            else:
                unique.append(item)
            seen.add(item.key)
        return unique

    def _sound_entities(
        self, known: Mapping[Hashable, str], taken: set[str], keep_ids: bool
    ) -> tuple[tuple[Entity, ...], dict[Hashable, str]]:
        """The entities with their ids, and the id for each key."""
        owner: dict[str, Hashable] = {}
        entities = []
        ids: dict[Hashable, str] = {}
        for number, item in enumerate(self._first(self._entities), 1):
            members, link, own = item.value
            kept = []
            for key in dict.fromkeys(members):
                name = known.get(key)
                if name is None:
                    if key not in self._left | self._faulty:
                        self._report("DANGLING_MENTION", item, quote(key))
                elif owner.setdefault(name, item.key) != item.key:
                    self._report("MENTION_TWO_ENTITIES", item, f"{quote(key)} in {quote(owner[name])} and {quote(item.key)}")
                elif name not in kept:
                    kept.append(name)
            if kept:
                ids[item.key] = self._id("e", number, own if keep_ids else None, taken)
                entities.append(Entity(id=ids[item.key], mentions=tuple(kept), link=link))
            elif not members or not (self._left | self._faulty).issuperset(members):
                self._report("EMPTY_ENTITY", item, quote(item.key))
        return tuple(entities), ids

    def _ends(self, item: _Item, keys: Iterable[Hashable], known: Mapping[Hashable, str], code: str) -> list[str]:
        """The ids of keys; those that are not known are at fault, unless a mapping left them out."""
        ids = []
        for key in keys:
            if key in known:
                ids.append(known[key])
            elif key not in self._left:
                self._report(code, item, quote(key))
        return ids

    def _sound_relations(
        self, known: Mapping[Hashable, str], entities: Mapping[Hashable, str], clusters: Sequence[Entity]
    ) -> tuple[Relation, ...]:
        found: dict[Pair, None] = {}
        whole = []
        for item in self._relations:
            type_, head, tail, factuality, evidence = item.value
            ends = self._ends(item, (head, tail), {**entities, **known} if entities else known, "DANGLING_ARGUMENT")
            proofs = [self._ends(item, pair, known, "DANGLING_MENTION") for pair in evidence or ()]
            if len(ends) < 2 or any(len(pair) < 2 for pair in proofs):
                continue
            pair = Pair(type_, ends[0], ends[1], factuality)
            got = f"{quote(type_)} of {quote(head)} and {quote(tail)}"
            if ends[0] == ends[1]:
                self._report("SELF_RELATION", item, got)
            elif pair in found:
                self._report("DUPLICATE_RELATION", item, got)
            else:
                proven = None if evidence is None else tuple((a, b) for a, b in proofs)
                relation = Relation(type=type_, head=ends[0], tail=ends[1], factuality=factuality, evidence=proven)
                whole.append(item._replace(value=relation))
                found[pair] = None
        sound = self._sound(whole, "relations", None, self._labelled("UNKNOWN_RELATION", "UNKNOWN_FACTUALITY"))
        names = set(known.values())
        arcs, kept = [], []
        for item in sound:
            r = item.value
            if r.evidence is None and r.head in names and r.tail in names:
                arcs.append(Pair(r.type, r.head, r.tail, r.factuality))
            else:
                kept.append(r)
        return (*kept, *regroup(arcs, clusters if self.raise_arguments else ()))

    def _sound_stances(
        self, article: Article, known: Mapping[Hashable, str], taken: set[str], keep_ids: bool
    ) -> tuple[Stance, ...]:
        items = []
        for number, item in enumerate(self._first(self._stances), 1):
            start, end, holder, target, polarity, basis, own = item.value
            free = {AUTHOR: AUTHOR, UNKNOWN: UNKNOWN} | dict(known)
            ends = [
                *self._ends(item, [holder], free, "DANGLING_ARGUMENT"),
                *self._ends(item, [target], known, "DANGLING_ARGUMENT"),
            ]
            if len(ends) == 2:
                name = self._id("s", number, own if keep_ids else None, taken)
                value = Stance(id=name, start=start, end=end, holder=ends[0], target=ends[1], polarity=polarity, basis=basis)
                items.append(item._replace(value=value))
        labels = self._labelled("UNKNOWN_POLARITY", "UNKNOWN_BASIS")
        sound = self._sound(
            items, "stances", article, ("SPAN_REVERSED", "SPAN_OUTSIDE", "SPAN_UNTRIMMED", "DUPLICATE_STANCE", *labels)
        )
        return tuple(item.value for item in sound)


_NO_LABELS = Labels(name="", version="", kinds={}, types={})
