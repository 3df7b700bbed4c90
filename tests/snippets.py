"""The notation of the guidelines' examples, read into annotations.

A line of a ``snippet`` block, or a code span with a marked mention:

    [Belmar]{GPE.NAM} fell. => same([a], [b]) ; controls([x], [y]) denied ; no mention "z" // remark

``[surface]{TYPE.KIND}`` marks a mention, nested ones too; claims name a mention by
its plain surface, ``[its]#2`` for the second such surface.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from newsgold.corpus.codec import Record, canonical, sha256
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.validate import check_annotation

_TAG = re.compile(r"\]\{([A-Z]+)\.([A-Z]+)\}")
_REFERENCE = r"\[([^\[\]]+)\](?:#(\d+))?"
_HOLDER = rf"(?:(AUTHOR|UNKNOWN)|{_REFERENCE})"
_SAME = re.compile(rf"(no )?same\({_REFERENCE}, {_REFERENCE}\)")
_RELATION = re.compile(rf"(no )?([a-z_]+)\({_REFERENCE}, {_REFERENCE}\)(?: ([a-z]+))?")
_STANCE = re.compile(rf'stance\({_HOLDER}, {_REFERENCE}\) ([a-z]+) ([a-z]+) "(.+)"')
_NO_MENTION = re.compile(r'no mention "(.+)"')


class Snippet(NamedTuple):
    """An example, as annotation and as claims about what is not annotated."""

    line: int
    source: str
    article: Article
    annotation: Annotation
    denied: tuple[str, ...]
    """The claims with *no*."""


class SnippetFault(ValueError):
    """An example that is not well formed, or says something that is not so."""

    line = 0


def read(markdown: str, labels: Labels) -> Iterator[Snippet | SnippetFault]:
    """Every example of a page, or what is wrong with it."""
    for line, source in sources(markdown):
        try:
            yield _snippet(line, source, labels)
        except SnippetFault as fault:
            fault.args = (f"{fault}: {source}",)
            fault.line = line
            yield fault


def faults(page: str, markdown: str, labels: Labels) -> Iterator[str]:
    """What is wrong with the examples of a page under an inventory, each as ``page:line: fault: example``."""
    for one in read(markdown, labels):
        if isinstance(one, SnippetFault):
            yield f"{page}:{one.line}: {one}"
        else:
            for fault in check_annotation(Record(one.annotation, page, one.line), labels, "pass", one.article):
                yield f"{page}:{one.line}: {fault.code} {fault.pointer} {fault.got}: {one.source}"


def sources(markdown: str) -> Iterator[tuple[int, str]]:
    """(line number, text) of every example."""
    inside = fenced = False
    for number, line in enumerate(markdown.split("\n"), 1):
        if line.startswith("```"):
            fenced = not fenced
            inside = fenced and line == "```snippet"
        elif inside and line.strip():
            yield number, line
        elif not fenced:
            for span in re.findall(r"`([^`]+)`", line):
                if _TAG.search(span) and "TYPE.KIND" not in span:
                    yield number, span


def _snippet(line: int, source: str, labels: Labels) -> Snippet:
    marked, _, rest = source.partition(" // ")[0].partition(" => ")
    text, mentions = _mentions(marked.strip())
    claims = [claim.strip() for claim in rest.split(" ; ")] if rest.strip() else []
    article = Article(id="example", text=text, language="en", origin="written", text_sha256=sha256(text))
    denied = tuple(c for c in claims if c.startswith("no "))
    same, relations, stances = [], [], []
    for claim in claims:
        if claim in denied:
            _check_denied(claim, text, mentions, labels, claims)
        elif found := _SAME.fullmatch(claim):
            same.append((_find(mentions, found[2], found[3]), _find(mentions, found[4], found[5])))
        elif found := _STANCE.fullmatch(claim):
            stances.append((len(stances), found))
        elif found := _RELATION.fullmatch(claim):
            relations.append(found)
        else:
            raise SnippetFault(f"cannot read the claim {claim!r}")
    entities, entity_of = _entities(mentions, same)
    annotation = Annotation(
        id="example",
        by="guidelines",
        text_sha256=article.text_sha256,
        mentions=tuple(mentions),
        entities=entities,
        relations=_relations(relations, mentions, entity_of, labels),
        stances=tuple(_stance(n, found, text, mentions, labels) for n, found in stances),
    )
    return Snippet(line, source, article, canonical(annotation, labels), denied)


def _mentions(marked: str) -> tuple[str, list[Mention]]:
    """The plain text and the mentions, by start and longest first."""
    text, open_, found, at = "", [], [], 0
    while at < len(marked):
        if marked[at] == "[":
            open_.append(len(text))
            at += 1
        elif tag := _TAG.match(marked, at):
            if not open_:
                raise SnippetFault("a bracket closes that was never opened")
            found.append((open_.pop(), len(text), tag[1], tag[2]))
            at = tag.end()
        elif marked[at] in "]{}":
            raise SnippetFault(f"a loose {marked[at]!r} at {at}")
        else:
            text += marked[at]
            at += 1
    if open_:
        raise SnippetFault("a bracket is never closed")
    found.sort(key=lambda m: (m[0], -m[1]))
    if len({m[:2] for m in found}) < len(found):
        raise SnippetFault("one span is marked twice")
    return text, [
        Mention(id=f"m{n}", start=start, end=end, type=type_, kind=kind, text=text[start:end])
        for n, (start, end, type_, kind) in enumerate(found, 1)
    ]


def _find(mentions: list[Mention], surface: str, number: str | None) -> Mention:
    named = [m for m in mentions if m.text == surface]
    if not named:
        raise SnippetFault(f"no mention is called [{surface}]")
    if number is None and len(named) > 1:
        raise SnippetFault(f"{len(named)} mentions are called [{surface}]; say which with #n")
    place = int(number or 1)
    if not 1 <= place <= len(named):
        raise SnippetFault(f"there is no [{surface}]#{number}")
    return named[place - 1]


def _entities(mentions: list[Mention], same: list[tuple[Mention, Mention]]) -> tuple[tuple[Entity, ...], dict[str, str]]:
    owner = {m.id: m.id for m in mentions}
    for a, b in same:
        old, new = owner[b.id], owner[a.id]
        owner = {name: new if own == old else own for name, own in owner.items()}
    names = {own: f"e{n}" for n, own in enumerate(dict.fromkeys(owner.values()), 1)}
    entities = tuple(Entity(id=name, mentions=tuple(m for m, o in owner.items() if o == own)) for own, name in names.items())
    return entities, {m: names[own] for m, own in owner.items()}


def _relations(
    found: list[re.Match[str]], mentions: list[Mention], entity_of: dict[str, str], labels: Labels
) -> tuple[Relation, ...]:
    evidence: dict[tuple[str, str, str, str], set[tuple[str, str]]] = {}
    for claim in found:
        kind, factuality = claim[2], claim[7]
        if kind not in labels.relations:
            raise SnippetFault(f"no relation is called {kind!r}")
        if factuality not in labels.factualities:
            raise SnippetFault(f"{kind} needs a factuality, one of {', '.join(labels.factualities)}, not {factuality}")
        head, tail = _find(mentions, claim[3], claim[4]), _find(mentions, claim[5], claim[6])
        key = (kind, entity_of[head.id], entity_of[tail.id], factuality)
        evidence.setdefault(key, set()).add((head.id, tail.id))
    return tuple(
        Relation(type=kind, head=head, tail=tail, factuality=factuality, evidence=tuple(sorted(pairs)))
        for (kind, head, tail, factuality), pairs in evidence.items()
    )


def _stance(number: int, claim: re.Match[str], text: str, mentions: list[Mention], labels: Labels) -> Stance:
    holder = claim[1] if claim[1] in (AUTHOR, UNKNOWN) else _find(mentions, claim[2], claim[3]).id
    target = _find(mentions, claim[4], claim[5])
    if claim[6] not in labels.polarities or claim[7] not in labels.bases:
        raise SnippetFault(f"{claim[6]} {claim[7]} is no polarity and basis")
    start = text.find(claim[8])
    if start < 0 or text.count(claim[8]) > 1:
        raise SnippetFault(f"the span {claim[8]!r} stands {text.count(claim[8])} times in the text")
    end = start + len(claim[8])
    return Stance(id=f"s{number + 1}", start=start, end=end, holder=holder, target=target.id, polarity=claim[6], basis=claim[7])


def _check_denied(claim: str, text: str, mentions: list[Mention], labels: Labels, claims: list[str]) -> None:
    if claim == "no stance":
        if any(c.startswith("stance(") for c in claims):
            raise SnippetFault("a stance and no stance")
    elif found := _NO_MENTION.fullmatch(claim):
        if found[1] not in text:
            raise SnippetFault(f"{found[1]!r} does not stand in the text")
        if 0 < text.count(found[1]) <= sum(m.text == found[1] for m in mentions):
            raise SnippetFault(f"{found[1]!r} is marked")
    elif found := _SAME.fullmatch(claim):
        if _find(mentions, found[2], found[3]) == _find(mentions, found[4], found[5]):
            raise SnippetFault(f"{claim!r} names one mention twice")
        if claim.removeprefix("no ") in claims:
            raise SnippetFault(f"{claim!r} and its opposite")
    elif (found := _RELATION.fullmatch(claim)) and found[2] in labels.relations:
        _find(mentions, found[3], found[4])
        _find(mentions, found[5], found[6])
        if any(c.startswith(claim.removeprefix("no ")) for c in claims):
            raise SnippetFault(f"{claim!r} and its opposite")
    else:
        raise SnippetFault(f"cannot read the claim {claim!r}")
