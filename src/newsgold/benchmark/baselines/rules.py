"""The rules system: phrases, clusters and claims of an article, put together as an annotation."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cache

from newsgold.benchmark.baselines.assembly import entities, entity_types, mention, numbered, relations
from newsgold.benchmark.baselines.attitudes import Position, positions
from newsgold.benchmark.baselines.clauses import Sentence
from newsgold.benchmark.baselines.clusters import Clusters, cluster
from newsgold.benchmark.baselines.phrases import VALUES, Text, read
from newsgold.benchmark.baselines.predicates import claims
from newsgold.corpus.labels import Labels, default_labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation, Article, Stance

_QUOTES = frozenset('"“”')


def annotate(article: Article) -> Annotation:
    """All four layers of an article, by rule."""
    text = read(article)
    clusters = cluster(text)
    entity = numbered(clusters.cluster)
    sentences = list(_sentences(text, clusters))
    types = entity_types((p.type for p in clusters.phrases), entity, _labels())
    return Annotation(
        id=article.id,
        by="rules",
        text_sha256=article.text_sha256,
        mentions=tuple(mention(text.tokens, i, p.first, p.end, p.type, p.kind) for i, p in enumerate(clusters.phrases)),
        entities=entities(entity),
        relations=relations((c for s in sentences for c in claims(s)), entity, types, _labels()),
        stances=_stances(text, [p for s in sentences for p in positions(s)], entity, types),
    )


@cache
def _labels() -> Labels:
    return default_labels()


def _sentences(text: Text, clusters: Clusters) -> Iterator[Sentence]:
    members: dict[int, list[int]] = {}
    for i, phrase in enumerate(clusters.phrases):
        members.setdefault(text.sentence[phrase.first], []).append(i)
    for number, ids in members.items():
        first, end = bisect_left(text.sentence, number), bisect_right(text.sentence, number)
        yield Sentence(text.tokens, first, end, clusters, ids)


# ------------------------------------------------------------------------- stance


def _stances(text: Text, found: list[Position], entity: list[int], types: dict[int, str]) -> tuple[Stance, ...]:
    """One stance for each sentence, holder, target and polarity, with its shortest span (R24)."""
    best: dict[tuple[int, str, int, str], tuple[Position, str]] = {}
    for position in found:
        holder = _holder(text, position, entity)
        target = entity[position.target]
        if types[target] in VALUES or holder == f"e{target + 1}":
            continue
        key = (text.sentence[position.first], holder, target, position.polarity)
        if key not in best or position.end - position.first < best[key][0].end - best[key][0].first:
            best[key] = (position, holder)
    ordered = sorted((position for position, _ in best.values()), key=lambda p: (p.first, p.end, p.target))
    return tuple(_stance(text, n, p) for n, p in enumerate(ordered, 1))


def _holder(text: Text, position: Position, entity: list[int]) -> str:
    if position.holder is not None:
        return f"e{entity[position.holder] + 1}"
    return UNKNOWN if _quoted(text, position.first) else AUTHOR


def _quoted(text: Text, at: int) -> bool:
    """Whether a quotation of the sentence is open at a token, or words are attributed to nobody."""
    sentence = text.sentence[at]
    first = at
    while first > 0 and text.sentence[first - 1] == sentence:
        first -= 1
    before = text.tokens.words[first:at]
    return sum(w in _QUOTES for w in before) % 2 == 1 or "said" in before


def _stance(text: Text, number: int, position: Position) -> Stance:
    tokens = text.tokens
    holder = f"m{position.holder + 1}" if position.holder is not None else UNKNOWN if _quoted(text, position.first) else AUTHOR
    return Stance(
        id=f"s{number}",
        start=tokens.starts[position.first],
        end=tokens.ends[position.end - 1],
        holder=holder,
        target=f"m{position.target + 1}",
        polarity=position.polarity,
        basis=position.basis,
    )
