"""Degenerate systems: each does one thing that needs no reading, at full tilt.

They are permanent rows of the board, apart from the systems and never ranked. A
score that a degenerate row reaches is worth nothing, and a metric that lets one of
them win is broken. Those that need mentions take them from :mod:`.rules`, so
that a row differs from ``rules`` in one layer only.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from newsgold.benchmark.baselines.rules import annotate
from newsgold.benchmark.baselines.spotting import tokenise
from newsgold.corpus.labels import Labels, default_labels
from newsgold.corpus.model import AUTHOR, Annotation, Article, Entity, Mention, Relation, Stance

SEED = 42
RATE = 0.3
"""Spans for each token: about as many as gold has mentions."""
LONGEST = 3
"""Tokens of a random span."""
NEAR = 60
"""Code points between two mentions that are near each other."""
MOST_NAMED = 3
"""Entities that are said to have a stance, and to be the target of one."""


def whole_document(article: Article) -> Annotation:
    """One mention of each type, from the first character to the last."""
    length = len(article.text)
    mentions = tuple(Mention(start=0, end=length, type=name) for name in default_labels().types if length)
    return Annotation(id=article.id, mentions=mentions)


def random_spans(article: Article) -> Annotation:
    """Random runs of tokens with random types, the same for the same document id at every run."""
    tokens, types = tokenise(article), list(default_labels().types)
    dice = random.Random(f"{SEED} {article.id}")
    mentions = []
    for first in range(len(tokens.words)):
        if dice.random() < RATE:
            end = min(first + dice.randint(1, LONGEST), len(tokens.words))
            end = end if tokens.adjoin(first, end) else first + 1
            mentions.append(Mention(start=tokens.starts[first], end=tokens.ends[end - 1], type=dice.choice(types)))
    return Annotation(id=article.id, mentions=tuple(mentions))


def singletons(article: Article) -> Annotation:
    """The mentions of ``rules``, each an entity of its own."""
    mentions = annotate(article).mentions or ()
    entities = tuple(Entity(id=f"e{n}", mentions=(str(m.id),)) for n, m in enumerate(mentions, 1))
    return Annotation(id=article.id, mentions=mentions, entities=entities)


def one_cluster(article: Article) -> Annotation:
    """The mentions of ``rules``, all of them one entity."""
    mentions = annotate(article).mentions or ()
    everything = (Entity(id="e1", mentions=tuple(str(m.id) for m in mentions)),) if mentions else ()
    return Annotation(id=article.id, mentions=mentions, entities=everything)


def fit_every_pair(gold: Iterable[tuple[Article, Annotation]], labels: Labels) -> partial[Annotation]:
    """The system that puts the commonest relation of the gold between all entities that stand near each other."""
    kind = _commonest((r.type for _, one in gold for r in one.relations or ()), labels.relations)
    return partial(_every_pair, kind, labels)


def _every_pair(kind: str | None, labels: Labels, article: Article) -> Annotation:
    read = annotate(article)
    mentions = {str(m.id): m for m in read.mentions or ()}
    entities = read.entities or ()
    relations = tuple(_relations(kind, labels, mentions, entities)) if kind is not None else ()
    return Annotation(id=article.id, mentions=read.mentions, entities=entities, relations=relations)


def _relations(kind: str, labels: Labels, mentions: Mapping[str, Mention], entities: Sequence[Entity]) -> Iterator[Relation]:
    label = labels.relations[kind]
    for i, head in enumerate(entities):
        for j, tail in enumerate(entities):
            if i == j or (label.symmetric and j < i):
                continue
            near = tuple((h, t) for h in head.mentions for t in tail.mentions if _gap(mentions[h], mentions[t]) <= NEAR)
            types = mentions[head.mentions[0]].type, mentions[tail.mentions[0]].type
            if near and labels.accepts(label.domain, types[0]) and labels.accepts(label.range, types[1]):
                yield Relation(type=kind, head=str(head.id), tail=str(tail.id), evidence=near)


def _gap(one: Mention, other: Mention) -> int:
    """Code points between two mentions, 0 where they touch or overlap."""
    return max(0, other.start - one.end, one.start - other.end)


def fit_majority_stance(gold: Iterable[tuple[Article, Annotation]], labels: Labels) -> partial[Annotation]:
    """The system in which the author and the entities named most have the commonest polarity towards each other."""
    polarity = _commonest((s.polarity for _, one in gold for s in one.stances or ()), labels.polarities)
    return partial(_majority_stance, polarity, labels)


def _majority_stance(polarity: str | None, labels: Labels, article: Article) -> Annotation:
    read = annotate(article)
    types = {str(m.id): m.type for m in read.mentions or ()}
    values = {name for name, label in labels.types.items() if label.value}
    named = [e for e in read.entities or () if types[e.mentions[0]] not in values]
    most = [str(e.id) for e in sorted(named, key=lambda e: -len(e.mentions))[:MOST_NAMED]]
    pairs = [(holder, target) for holder in (AUTHOR, *most) for target in most if holder != target]
    stances = tuple(Stance(holder=holder, target=target, polarity=polarity) for holder, target in pairs) if polarity else ()
    return msgspec.structs.replace(read, relations=None, stances=stances)


def _commonest(found: Iterable[str], known: Iterable[str]) -> str | None:
    """The commonest of the known names, the earlier of equals; ``None`` where none was found."""
    counts = Counter(found)
    best = max(known, key=lambda name: counts[name], default=None)
    return best if best is not None and counts[best] else None
