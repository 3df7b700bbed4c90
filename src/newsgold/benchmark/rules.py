"""The rules system: phrases, clusters and claims of an article, put together as an annotation."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator
from functools import cache

from newsgold.benchmark.attitudes import Position, positions
from newsgold.benchmark.clauses import Sentence
from newsgold.benchmark.clusters import Clusters, cluster
from newsgold.benchmark.phrases import VALUES, Phrase, Text, read
from newsgold.benchmark.predicates import Claim, claims
from newsgold.corpus.labels import Labels, default_labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation, Article, Entity, Mention, Relation, Stance

_QUOTES = frozenset('"“”')


def annotate(article: Article) -> Annotation:
    """All four layers of an article, by rule."""
    text = read(article)
    clusters = cluster(text)
    entity = _numbered(clusters.cluster)
    sentences = list(_sentences(text, clusters))
    types = _entity_types(clusters.phrases, entity)
    return Annotation(
        id=article.id,
        by="rules",
        text_sha256=article.text_sha256,
        mentions=tuple(_mention(text, i, p) for i, p in enumerate(clusters.phrases)),
        entities=_entities(entity),
        relations=_relations((c for s in sentences for c in claims(s)), entity, types),
        stances=_stances(text, [p for s in sentences for p in positions(s)], entity, types),
    )


@cache
def _labels() -> Labels:
    return default_labels()


def _numbered(cluster: list[int]) -> list[int]:
    """The clusters numbered by their first mention."""
    order = {c: n for n, c in enumerate(dict.fromkeys(cluster))}
    return [order[c] for c in cluster]


def _entities(entity: list[int]) -> tuple[Entity, ...]:
    members: dict[int, list[str]] = {}
    for i, number in enumerate(entity):
        members.setdefault(number, []).append(f"m{i + 1}")
    return tuple(Entity(id=f"e{number + 1}", mentions=tuple(ids)) for number, ids in members.items())


def _mention(text: Text, i: int, phrase: Phrase) -> Mention:
    tokens = text.tokens
    start, end = tokens.starts[phrase.first], tokens.ends[phrase.end - 1]
    return Mention(id=f"m{i + 1}", start=start, end=end, type=phrase.type, kind=phrase.kind, text=tokens.text[start:end])


def _entity_types(phrases: list[Phrase], entity: list[int]) -> dict[int, str]:
    """The one type of each entity, as the inventory counts it."""
    types: dict[int, set[str]] = {}
    for phrase, number in zip(phrases, entity, strict=True):
        types.setdefault(number, set()).add(phrase.type)
    return {number: _labels().cluster_type(found) or "" for number, found in types.items()}


def _sentences(text: Text, clusters: Clusters) -> Iterator[Sentence]:
    members: dict[int, list[int]] = {}
    for i, phrase in enumerate(clusters.phrases):
        members.setdefault(text.sentence[phrase.first], []).append(i)
    for number, ids in members.items():
        first, end = bisect_left(text.sentence, number), bisect_right(text.sentence, number)
        yield Sentence(text.tokens, first, end, clusters, ids)


# ---------------------------------------------------------------------- relations


def _relations(found: Iterable[Claim], entity: list[int], types: dict[int, str]) -> tuple[Relation, ...]:
    """Claims gathered by identity, with every pair of mentions as evidence."""
    evidence: dict[tuple[str, int, int, str], list[tuple[int, int]]] = {}
    for claim in found:
        head, tail = claim.head, claim.tail
        if _labels().symmetric(claim.type) and entity[tail] < entity[head]:
            head, tail = tail, head
        if entity[head] != entity[tail] and _accepted(claim.type, types[entity[head]], types[entity[tail]]):
            evidence.setdefault((claim.type, entity[head], entity[tail], claim.factuality), []).append((head, tail))
    kept = [(key, pairs) for key, pairs in sorted(evidence.items()) if not _excluded(key, evidence)]
    return tuple(
        Relation(
            type=key[0],
            head=f"e{key[1] + 1}",
            tail=f"e{key[2] + 1}",
            factuality=key[3],
            evidence=tuple((f"m{h + 1}", f"m{t + 1}") for h, t in sorted(set(pairs))),
        )
        for key, pairs in kept
    )


def _accepted(relation: str, head: str, tail: str) -> bool:
    """Whether the inventory lets entities of these types stand in the relation."""
    label = _labels().relations.get(relation)
    return label is not None and _labels().accepts(label.domain, head) and _labels().accepts(label.range, tail)


def _excluded(key: tuple[str, int, int, str], found: Container[tuple[str, int, int, str]]) -> bool:
    """Whether another claim about the pair excludes an asserted one."""
    relation, head, tail, factuality = key
    if factuality != "asserted":
        return False
    pairs = ((head, tail), (tail, head))
    return any((other, *pair, "asserted") in found for other in _excluders(relation) for pair in pairs)


@cache
def _excluders(relation: str) -> tuple[str, ...]:
    return tuple(r.name for r in _labels().relations.values() if relation in r.excludes)


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
