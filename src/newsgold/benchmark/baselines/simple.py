"""The two plainest baselines: nothing at all, and a list of names."""

from __future__ import annotations

from collections.abc import Iterable

from newsgold.benchmark.baselines.lexicon import gazetteer as known
from newsgold.benchmark.baselines.spotting import Spot, Tokens, known_names, tokenise, values
from newsgold.corpus.model import Annotation, Article, Entity, Mention


def empty(article: Article) -> Annotation:
    """Every layer attempted, nothing found."""
    return Annotation(
        id=article.id, by="empty", text_sha256=article.text_sha256, mentions=(), entities=(), relations=(), stances=()
    )


def gazetteer(article: Article) -> Annotation:
    """Known names, dates and counts; a surface is an entity. Relations and stance are not attempted."""
    tokens = tokenise(article)
    spots = _without_overlaps(known_names(tokens, known()), values(tokens))
    mentions = tuple(_mention(tokens, n, spot) for n, spot in enumerate(spots, 1))
    return Annotation(
        id=article.id, by="gazetteer", text_sha256=article.text_sha256, mentions=mentions, entities=_by_surface(mentions)
    )


def _without_overlaps(names: list[Spot], found: list[Spot]) -> list[Spot]:
    """Names, and the values that touch none of them, in text order."""
    taken = {i for name in names for i in range(name.first, name.end)}
    return sorted(names + [v for v in found if taken.isdisjoint(range(v.first, v.end))])


def _mention(tokens: Tokens, number: int, spot: Spot) -> Mention:
    start, end = tokens.starts[spot.first], tokens.ends[spot.end - 1]
    kind = "VAL" if spot.type in ("DATE", "CARDINAL") else "NAM"
    return Mention(id=f"m{number}", start=start, end=end, type=spot.type, kind=kind, text=tokens.text[start:end])


def _by_surface(mentions: Iterable[Mention]) -> tuple[Entity, ...]:
    """One entity for each surface and type; values do not corefer (R12)."""
    members: dict[tuple[str | None, str], list[str]] = {}
    for m in mentions:
        key = (m.id if m.kind == "VAL" else m.text, m.type)
        members.setdefault(key, []).append(str(m.id))
    return tuple(Entity(id=f"e{n}", mentions=tuple(ids)) for n, ids in enumerate(members.values(), 1))
