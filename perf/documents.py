"""Whole annotations to time with: seeded, sound, with the noise of a real system in the predictions."""

from __future__ import annotations

import random
from pathlib import Path

from newsgold.corpus.codec import canonical, encode
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Entity, Mention, Relation, Stance

LABELS = default_labels()
TYPES = ("PERSON", "ORG", "GPE", "LOC")
RELATIONS = ("supports", "attacks", "fights", "allied_with")


def annotation(number: int, *, noise: float, seed: int, mentions: int = 40, by: str = "x") -> Annotation:
    """A document of 40 mentions in about 15 clusters, 12 relations and 3 stances; ``noise`` is the share of errors."""
    groups = mentions * 3 // 8
    pick, wrong = random.Random(number), random.Random(f"{seed}:{number}")
    spans, at = [], 0
    for _ in range(mentions):
        at += pick.randint(3, 30)
        spans.append((at, at + pick.randint(2, 15), pick.choice(TYPES), pick.randrange(groups)))
        at = spans[-1][1]
    kept = []
    for start, end, kind, cluster in spans:
        if wrong.random() > noise / 2:
            end += wrong.random() < noise / 2
            kind = wrong.choice(TYPES) if wrong.random() < noise else kind
            kept.append((start, end, kind, cluster if wrong.random() > noise else groups + 5))
    found = tuple(Mention(id=f"m{i}", start=s, end=e, type=t, text="x" * (e - s)) for i, (s, e, t, _) in enumerate(kept))
    clusters: dict[int, list[str]] = {}
    for i, (*_, c) in enumerate(kept):
        clusters.setdefault(c, []).append(f"m{i}")
    entities = tuple(Entity(id=f"e{c}", mentions=tuple(members)) for c, members in clusters.items())
    names = list(clusters)
    relations: dict[tuple[str, int, int], Relation] = {}
    for k in range(12):
        source = pick if wrong.random() > noise else wrong
        kind = RELATIONS[k % 4]
        head, tail = source.randrange(groups), source.randrange(groups)
        if head != tail and head in clusters and tail in clusters and (kind, tail, head) not in relations:
            pair = (clusters[head][0], clusters[tail][-1])
            relations[kind, head, tail] = Relation(type=kind, head=f"e{head}", tail=f"e{tail}", evidence=(pair,))
    stances = tuple(
        Stance(
            id=f"s{k}",
            start=10 * k,
            end=10 * k + 9,
            holder=clusters[names[k]][0],
            target=clusters[names[-1 - k]][0],
            polarity="against",
        )
        for k in range(min(3, len(names)))
    )
    made = Annotation(
        id=f"d{number:06}",
        by=by,
        split="test",
        mentions=found,
        entities=entities,
        relations=tuple(relations.values()),
        stances=stances,
    )
    return canonical(made, LABELS)


def write_jsonl(path: Path, documents: int, *, noise: float, seed: int) -> None:
    """Canonical JSONL of so many documents."""
    with path.open("wb") as file:
        for number in range(documents):
            file.write(encode(annotation(number, noise=noise, seed=seed)) + b"\n")
