"""Inline passes: the article with its mentions in brackets, and a line for each relation and stance.

For whoever annotates by writing: nobody counts offsets or occurrences, and the
text that is left without the marks must be the article's, to the character.

    [[Belmar]{m1 GPE e1} bridge]{m2 FAC.NOM e2} was held by the [Guard]{m3 ORG e3}.
    ---
    link e1 kb-belmar
    controls e3 e2 asserted m3>m2
    located_in e2 e1 asserted m2>m1
    stance s1 line 4 "a danger to Belmar" m7>m1 against explicit

In the braces stand the mention's id, its type (with a kind unless it is NAM, or VAL for a value
type) and its entity. A relation names its type, entities, factuality and every pair of mentions
that expresses it. A stance names its line (from 1), its span (``nth 2`` before the quotes if it
stands there twice), holder, target, polarity and basis; the holder may be AUTHOR or UNKNOWN.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from newsgold.corpus.codec import sha256
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.errors import DataError, Finding, finding, quote

_TAG = re.compile(r"\]\{([A-Za-z0-9_-]+) ([A-Z]+)(?:\.([A-Z]+))? ([A-Za-z0-9_-]+)\}")
_LINK = re.compile(r"link (\S+) (\S+)")
_RELATION = re.compile(r"(\w+) (\S+) (\S+) (\w+)((?: [^\s>]+>[^\s>]+)+)")
_STANCE = re.compile(r'stance (\S+) line (\d+)(?: nth (\d+))? "(.+)" ([^\s>]+)>(\S+) (\w+) (\w+)')
_SEPARATOR = "\n---\n"


def compile_inline(source: str, article: Article, by: str, path: str) -> Annotation:
    """The annotation that an inline pass describes; raises :class:`DataError` with everything that is wrong."""
    marked, _, claims = source.partition(_SEPARATOR)
    mentions, clusters, found = _read_text(marked, article, path)
    facts = _Facts(article, path, marked.count("\n") + 3)
    for number, claim in enumerate(claims.split("\n")):
        if claim.strip():
            facts.read(number, claim.strip())
    found += facts.found
    known = {*clusters, *(m.id for m in mentions), AUTHOR, UNKNOWN}
    for place, name, line in facts.named:
        if name not in known:
            found.append(finding("DANGLING_ARGUMENT", path, line=line, doc=article.id, pointer=place, got=quote(name)))
    if found:
        raise DataError(f"the inline pass over {article.id} cannot be read", found)
    return Annotation(
        id=article.id,
        by=by,
        text_sha256=article.text_sha256 or sha256(article.text),
        mentions=tuple(mentions),
        entities=tuple(Entity(id=e, mentions=tuple(ms), link=facts.links.get(e)) for e, ms in clusters.items()),
        relations=tuple(facts.relations),
        stances=tuple(facts.stances),
    )


def _read_text(marked: str, article: Article, path: str) -> tuple[list[Mention], dict[str, list[str]], list[Finding]]:
    """Mentions, clusters and faults of the text with its marks."""
    text = article.text
    mentions: list[Mention] = []
    clusters: dict[str, list[str]] = defaultdict(list)
    found: list[Finding] = []
    open_: list[int] = []
    at = place = 0

    def fault(code: str, line: int, got: str, wanted: str) -> None:
        found.append(finding(code, path, line=line, doc=article.id, got=got, wanted=wanted))

    while at < len(marked):
        tag = _TAG.match(marked, at)
        if tag is not None and open_:
            start = open_.pop()
            name, type_, kind, entity = tag.groups()
            mentions.append(Mention(id=name, start=start, end=place, type=type_, kind=kind, text=text[start:place]))
            clusters[entity].append(name)
            at = tag.end()
        elif place < len(text) and marked[at] == text[place] and not (marked[at] == "[" and _opens(marked, at)):
            at, place = at + 1, place + 1
        elif marked[at] == "[":
            open_.append(place)
            at += 1
        else:
            fault(
                "SURFACE_MISMATCH",
                marked.count("\n", 0, at) + 1,
                quote(marked[at : at + 30]),
                f"{quote(text[place : place + 30])} of the article",
            )
            break
    else:
        if text[place:].strip("\n"):
            fault(
                "SURFACE_MISMATCH",
                marked.count("\n") + 1,
                "the end of the pass",
                f"{quote(text[place : place + 30])} of the article",
            )
        if open_:
            got = f"a bracket before {quote(text[open_[-1] : open_[-1] + 20])}"
            fault("BAD_SHAPE", text.count("\n", 0, open_[-1]) + 1, got, "]{id TYPE.KIND entity} after it")
    return mentions, clusters, found


def _opens(marked: str, at: int) -> bool:
    """Whether a bracket that also stands in the article opens a mention: a mark closes it before it is closed otherwise."""
    depth = 0
    for close in re.finditer(r"\[|\]", marked[at:]):
        depth += 1 if close[0] == "[" else -1
        if depth == 0:
            return _TAG.match(marked, at + close.start()) is not None
    return False


def to_inline(annotation: Annotation, article: Article) -> str:
    """An annotation as an inline pass; raises :class:`DataError` where two mentions cross or share a span."""
    mentions = sorted(annotation.mentions or (), key=lambda m: (m.start, -m.end))
    entity_of = {name: e.id for e in annotation.entities or () for name in e.mentions}
    crossing = [
        finding("BAD_SHAPE", "", doc=article.id, got=f"{a.id} and {b.id}", wanted="spans that nest or lie apart")
        for i, a in enumerate(mentions)
        for b in mentions[i + 1 :]
        if b.start < a.end and (b.end > a.end or (a.start, a.end) == (b.start, b.end))
    ]
    if crossing:
        raise DataError(f"the mentions of {article.id} cannot be written in brackets", crossing)
    marks: dict[int, list[str]] = defaultdict(list)
    for m in sorted(mentions, key=lambda m: (m.end, -m.start)):
        kind = "" if m.kind is None else f".{m.kind}"
        marks[m.end].append(f"]{{{m.id} {m.type}{kind} {entity_of.get(m.id or '', m.id)}}}")
    for m in mentions:
        marks[m.start].append("[")
    text, parts, last = article.text, [], 0
    for place in sorted(marks):
        parts += [text[last:place], *marks[place]]
        last = place
    return "".join([*parts, text[last:].rstrip("\n"), _SEPARATOR, *_claims(annotation, text)])


def _claims(annotation: Annotation, text: str) -> Iterator[str]:
    for e in annotation.entities or ():
        if e.link is not None:
            yield f"link {e.id} {e.link}\n"
    for r in annotation.relations or ():
        pairs = " ".join(f"{head}>{tail}" for head, tail in r.evidence or ())
        yield f"{r.type} {r.head} {r.tail} {r.factuality} {pairs}\n"
    for s in annotation.stances or ():
        if s.start is not None and s.end is not None:
            begin = text.rfind("\n", 0, s.start) + 1
            surface, line = text[s.start : s.end], text.count("\n", 0, s.start) + 1
            nth = 1 + len(re.findall(re.escape(surface), text[begin : s.start + len(surface) - 1]))
            yield f'stance {s.id} line {line} nth {nth} "{surface}" {s.holder}>{s.target} {s.polarity} {s.basis}\n'


class _Facts:
    """The lines below the text."""

    def __init__(self, article: Article, path: str, first: int) -> None:
        self.article, self.path, self.first = article, path, first
        self.links: dict[str, str] = {}
        self.relations: list[Relation] = []
        self.stances: list[Stance] = []
        self.found: list[Finding] = []
        self.named: list[tuple[str, str, int]] = []
        """(layer, id, line) of everything that must be a mention or an entity."""

    def read(self, number: int, line: str) -> None:
        at = self.first + number
        if link := _LINK.fullmatch(line):
            self.links[link[1]] = link[2]
            self._name("/entities", at, link[1])
        elif stance := _STANCE.fullmatch(line):
            self._stance(at, stance)
        elif relation := _RELATION.fullmatch(line):
            evidence = tuple((a, b) for a, _, b in (pair.partition(">") for pair in relation[5].split()))
            self._name("/relations", at, relation[2], relation[3], *(name for pair in evidence for name in pair))
            type_, head, tail, factuality = relation.groups()[:4]
            self.relations.append(Relation(type=type_, head=head, tail=tail, factuality=factuality, evidence=evidence))
        else:
            wanted = "link, stance, or a relation with its entities, factuality and pairs"
            self.found.append(finding("BAD_SHAPE", self.path, line=at, doc=self.article.id, got=quote(line, 120), wanted=wanted))

    def _name(self, layer: str, line: int, *names: str) -> None:
        self.named += [(layer, name, line) for name in names]

    def _stance(self, at: int, stance: re.Match[str]) -> None:
        spans = list(self._spans(int(stance[2]), stance[4]))
        nth = stance[3]
        if len(spans) != 1 and (nth is None or int(nth) > len(spans)):
            got = f"{quote(stance[4])} stands {len(spans)} times on line {stance[2]}"
            self.found.append(finding("SURFACE_MISMATCH", self.path, line=at, doc=self.article.id, pointer="/stances", got=got))
            return
        start = spans[int(nth or 1) - 1]
        name, _, _, surface, holder, target, polarity, basis = stance.groups()
        self._name("/stances", at, holder, target)
        span: dict[str, Any] = {"start": start, "end": start + len(surface)}
        self.stances.append(Stance(id=name, **span, holder=holder, target=target, polarity=polarity, basis=basis))

    def _spans(self, line: int, surface: str) -> Iterator[int]:
        lines = self.article.text.split("\n")
        if 1 <= line <= len(lines):
            begin = sum(len(one) + 1 for one in lines[: line - 1])
            yield from (begin + m.start() for m in re.finditer(re.escape(surface), lines[line - 1]))
