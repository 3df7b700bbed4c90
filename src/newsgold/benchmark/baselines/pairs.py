"""The coreference of the trained baseline: pairs of mentions judged, and each mention joined to its best antecedent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from newsgold.benchmark.baselines.features import Reading, Span
from newsgold.benchmark.baselines.judge import Judge, fit_judge, row
from newsgold.benchmark.baselines.lexicon import words
from newsgold.benchmark.baselines.phrases import person_by_form
from newsgold.corpus.labels import Labels

_NEAR = 100
"""A mention is paired with so many before it, and with as many of those before that share its last word."""


class Choices(NamedTuple):
    """What cross-validation chose for coreference."""

    strength: float = 0.3
    """Inverse penalty of the judge."""
    threshold: float = 0.3
    """An antecedent needs this probability."""


class PairModel(NamedTuple):
    """Clusters mentions; made by :func:`fit_pairs`."""

    judge: Judge
    threshold: float
    labels: Labels

    def clusters(self, reading: Reading, spans: Sequence[Span]) -> list[int]:
        """For each mention the number of its cluster; clusters are numbered by their first mention.

        The likeliest antecedent first, and the next one where the types of the two clusters do not go together.
        """
        cluster: list[int] = []
        types: dict[int, set[str]] = {}
        ranked: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for i, j, features in pairs(reading, spans):
            p = self.judge.probability(features)
            if p >= self.threshold:
                ranked[j].append((-p, -i))
        for j, span in enumerate(spans):
            fits = (cluster[-i] for _, i in sorted(ranked[j]) if self.labels.cluster_type({span.type} | types[cluster[-i]]))
            number = next(fits, len(types))
            cluster.append(number)
            types.setdefault(number, set()).add(span.type)
        return cluster


class Example(NamedTuple):
    """An article to learn from: its mentions, and for each the number of its entity."""

    reading: Reading
    spans: Sequence[Span]
    entity: Sequence[int]


def fit_pairs(examples: Iterable[Example], labels: Labels, choices: Choices) -> PairModel:
    """Learn which mentions are of one entity."""
    rows, right = [], []
    for reading, spans, entity in examples:
        for i, j, features in pairs(reading, spans):
            rows.append(features)
            right.append(entity[i] == entity[j])
    return PairModel(fit_judge(rows, right, strength=choices.strength), choices.threshold, labels)


def pairs(reading: Reading, spans: Sequence[Span]) -> Iterator[tuple[int, int, dict[str, float]]]:
    """The pairs of mentions that are judged, each with its features: the earlier one, the later one."""
    seen = [_seen(reading, span) for span in spans]
    by_last: dict[str, list[int]] = defaultdict(list)
    clusters = _ruled_clusters(reading)
    for j, later in enumerate(seen):
        near = max(0, j - _NEAR)
        far = [i for i in by_last[later.last] if i < near][-_NEAR:]
        for i in (*far, *range(near, j)):
            yield i, j, _features(reading, seen[i], later, j - i, clusters)
        by_last[later.last].append(j)


class _Seen(NamedTuple):
    """What is compared of a mention."""

    span: Span
    words: tuple[str, ...]
    """In small letters, without articles and possessives."""
    last: str
    head: str
    initials: str
    person: str
    """Of a pronoun, such as ``they``; else empty."""
    twin: str | None
    """The rules' mention that is most like it."""
    definite: bool
    plural: bool


def _seen(reading: Reading, span: Span) -> _Seen:
    skip = words("heads", "determiners") | {"'s", "’s"}
    lower = tuple(w for w in reading.lower[span.first : span.end] if w not in skip)
    head = reading.lower[reading.head(span)]
    surface = reading.words[span.first : span.end]
    return _Seen(
        span=span,
        words=lower,
        last=reading.lower[span.end - 1],
        head=head,
        initials="".join(w[0] for w in surface if w[0].isupper()),
        person=person_by_form().get(head, "") if span.kind == "PRO" else "",
        twin=reading.twin(span),
        definite=reading.lower[span.first] in ("the", "this", "that", "these", "those"),
        plural=head.endswith("s") or head in words("heads", "plural_irregular"),
    )


def _ruled_clusters(reading: Reading) -> Mapping[str, int]:
    """The cluster of each of the rules' mentions."""
    return {m: n for n, entity in enumerate(reading.rules.entities or ()) for m in entity.mentions}


def _features(reading: Reading, a: _Seen, b: _Seen, apart: int, clusters: Mapping[str, int]) -> dict[str, float]:
    kinds = f"{a.span.kind} {b.span.kind}"
    shared, mine, other = set(a.words) & set(b.words), set(b.words), set(a.words)
    distance = reading.sentence[b.span.first] - reading.sentence[a.span.first]
    together = None if a.twin is None or b.twin is None or a.twin == b.twin else clusters.get(a.twin) == clusters.get(b.twin)
    short, long = sorted((a, b), key=lambda s: len(s.words))
    flags = row(
        same_words=a.words == b.words and bool(a.words), same_head=a.head == b.head, same_last=a.last == b.last,
        subset=bool(shared) and (mine <= other or other <= mine), shared=len(shared) / max(1, len(mine | other)),
        disagree=bool(mine - other) and bool(other - mine),
        tail=len(short.words) < len(long.words) and long.words[-1:] == short.words[-1:],
        acronym=min(len(a.initials), len(b.initials)) > 1 and (a.initials.lower() == b.last or b.initials.lower() == a.last),
        rules=together is True, rules_not=together is False, rules_silent=together is None,
        same_type=a.span.type == b.span.type, same_person=bool(a.person) and a.person == b.person,
        nested=b.span.end <= a.span.end, apposition=b.span.first - a.span.end == 1 and reading.lower[a.span.end] == ",",
        next=b.span.first == a.span.end, plural=a.plural == b.plural, definite=b.definite,
    )  # fmt: skip
    far = min(distance, 4)
    found = {**flags, f"kinds {kinds}": 1.0, f"far {far}": 1.0, f"far {far} {kinds}": 1.0}
    found[f"apart {min(apart, 30) // 3} {b.span.kind}"] = 1.0
    for name in flags:
        found[f"{name} {kinds}"] = flags[name]
    if b.person:
        found[f"person {b.person} {a.person or a.span.kind} {a.span.type} {a.plural}"] = 1.0
        found[f"person {b.person} {far}"] = 1.0
    if flags.get("rules"):
        found[f"rules far {far}"] = 1.0
    found[f"types {a.span.type} {b.span.type}"] = 1.0
    found[f"same {a.span.type}" if a.words == b.words else f"unlike {b.span.type} {kinds}"] = 1.0
    return found
