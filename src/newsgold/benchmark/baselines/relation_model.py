"""The relations of the trained baseline: pairs of mentions in a sentence, judged for each relation their types allow."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from newsgold.benchmark.baselines.clauses import predicates
from newsgold.benchmark.baselines.features import Reading, Span
from newsgold.benchmark.baselines.judge import Judge, fit_judge, row
from newsgold.benchmark.baselines.lexicon import section
from newsgold.benchmark.baselines.predicates import Claim
from newsgold.corpus.labels import Labels

_REACH = 40
"""Tokens that two mentions of a relation may be apart, first token to first token."""


class Choices(NamedTuple):
    """What cross-validation chose for relations."""

    strength: float = 10.0
    """Inverse penalty of the judge."""
    threshold: float = 0.1
    """A claim needs this probability."""


class RelationModel(NamedTuple):
    """Finds claims; made by :func:`fit_relations`."""

    judge: Judge
    factuality: Judge
    threshold: float
    labels: Labels

    def claims(self, reading: Reading, spans: Sequence[Span], types: Sequence[str]) -> list[Claim]:
        """The claims of an article; ``types`` are the types of the mentions' entities."""
        return [
            Claim(relation, head, tail, self._factuality(reading, spans, relation, head, tail))
            for relation, head, tail, features in candidates(reading, spans, types, self.labels)
            if self.judge.probability(features) >= self.threshold
        ]

    def _factuality(self, reading: Reading, spans: Sequence[Span], relation: str, head: int, tail: int) -> str:
        rows = factualities(reading, spans, relation, head, tail, self.labels)
        return max(rows, key=lambda name: self.factuality.probability(rows[name]))


class Example(NamedTuple):
    """An article to learn from: its mentions, the types of their entities, and its claims."""

    reading: Reading
    spans: Sequence[Span]
    types: Sequence[str]
    claims: Sequence[Claim]


def fit_relations(examples: Iterable[Example], labels: Labels, choices: Choices) -> RelationModel:
    """Learn which claims hold, and with which factuality.

    A claim of two mentions that no candidate pairs, such as one across sentences, is not learnt from.
    """
    rows, right, said, holds = [], [], [], []
    for reading, spans, own, found in examples:
        factuality: dict[tuple[str, int, int], set[str]] = defaultdict(set)
        for claim in found:
            head, tail = sorted((claim.head, claim.tail)) if labels.symmetric(claim.type) else (claim.head, claim.tail)
            factuality[claim.type, head, tail].add(claim.factuality)
        for relation, head, tail, features in candidates(reading, spans, own, labels):
            rows.append(features)
            right.append((relation, head, tail) in factuality)
            if right[-1]:
                for name, flags in factualities(reading, spans, relation, head, tail, labels).items():
                    said.append(flags)
                    holds.append(name in factuality[relation, head, tail])
    judge = fit_judge(rows, right, strength=choices.strength)
    return RelationModel(judge, fit_judge(said, holds, strength=1.0), choices.threshold, labels)


# --------------------------------------------------------------------- candidates


def candidates(
    reading: Reading, spans: Sequence[Span], types: Sequence[str], labels: Labels
) -> Iterator[tuple[str, int, int, dict[str, float]]]:
    """Relation, head and tail with features: the pairs of a sentence, and each relation that takes their types.

    Of a symmetric relation the head is the earlier mention.
    """
    ruled = _ruled(reading)
    twins = [reading.twin(span) for span in spans]
    firsts = [span.first for span in spans]
    for a, span in enumerate(spans):
        for b in range(a + 1, bisect_left(firsts, span.first + _REACH)):
            if reading.sentence[span.first] != reading.sentence[spans[b].first]:
                break
            shared = None
            for head, tail in ((a, b), (b, a)):
                for name, label in labels.relations.items():
                    if label.symmetric and head > tail:
                        continue
                    if labels.accepts(label.domain, types[head]) and labels.accepts(label.range, types[tail]):
                        shared = _between(reading, spans, a, b) if shared is None else shared
                        claimed = ruled.get((twins[head], twins[tail]), {})
                        turned = ruled.get((twins[tail], twins[head]), {})
                        yield name, head, tail, _features(name, head < tail, shared, claimed, turned, types[head], types[tail])


def _ruled(reading: Reading) -> Mapping[tuple[str | None, str | None], dict[str, str]]:
    """What the rules claim of each pair of their mentions: relation and factuality."""
    found: dict[tuple[str | None, str | None], dict[str, str]] = defaultdict(dict)
    for relation in reading.rules.relations or ():
        for head, tail in relation.evidence or ():
            found[head, tail][relation.type] = relation.factuality
    return found


class _Between(NamedTuple):
    """What the words around a pair of mentions say, whatever the relation."""

    words: tuple[str, ...]
    """Features that only mean something together with a relation."""
    says: frozenset[str]
    """Relations whose verbs, by the lexicon, stand between the two."""
    near: frozenset[str]
    """The same, anywhere in the sentence."""
    flags: Mapping[str, float]


def _between(reading: Reading, spans: Sequence[Span], a: int, b: int) -> _Between:
    left, right = spans[a], spans[b]
    nested = right.end <= left.end
    inner = range(left.first, right.first) if nested else range(left.end, right.first)
    middle = [reading.plain(i) for i in inner]
    words = [f"between {w}" for w in set(middle[:12])]
    words += [f"between {len(middle)}" if len(middle) < 3 else "between many"]
    words += [f"last {middle[-1]}"] if middle else []
    words.append(f"path {' '.join(middle)}" if len(middle) < 4 else "path long")
    words.append(f"head {_head(reading, left)} {'nested' if nested else 'apart'}")
    words.append(f"heads {_head(reading, left)} {_head(reading, right)}")
    words.append(f"before {_plain(reading, left.first - 1, left)}")
    words.append(f"after {_plain(reading, right.end, right)}")
    words.append(f"kinds {left.kind} {right.kind} {nested}")
    sentence = reading.sentence_of(left)
    among = sum(1 for s in spans[a + 1 : b] if s.first >= left.end and s.end <= right.first)
    flags = row(
        nested=nested, among=min(among, 5) / 2, apart=min(len(middle), 20) / 10, adjacent=not middle, none_among=among == 0
    )
    return _Between(tuple(words), _says(reading, inner), _says(reading, sentence), flags)


def _head(reading: Reading, span: Span) -> str:
    return reading.plain(reading.head(span))


def _plain(reading: Reading, i: int, like: Span) -> str:
    word = reading.word(i, like.first)
    return word if word.startswith("<") else reading.plain(i)


def _says(reading: Reading, tokens: range) -> frozenset[str]:
    """The relations of which the lexicon has a verb among the tokens."""
    table = predicates("predicates")
    rows = ((i, p) for i in tokens for p in table.get(reading.lower[i], ()))
    return frozenset(p.says for i, p in rows if tuple(reading.lower[i + 1 : i + 1 + len(p.rest)]) == p.rest)


def _features(
    name: str, forwards: bool, between: _Between, claimed: Mapping[str, str], turned: Mapping[str, str], head: str, tail: str
) -> dict[str, float]:
    way = "forwards" if forwards else "backwards"
    found = row(
        rules=name in claimed, rules_turned=name in turned and name not in claimed, silent=not (claimed or turned),
        rules_else=bool(claimed) and name not in claimed,
        says=name in between.says, near=name in between.near, says_else=bool(between.says - {name}),
    )  # fmt: skip
    found |= {f"{flag} {name}": 1.0 for flag in tuple(found)}
    found |= {f"rules {other} {name}": 1.0 for other in claimed}
    found |= between.flags
    found |= {f"{flag} {name} {way}": value for flag, value in between.flags.items()}
    if name in between.says:
        found[f"says {way}"] = 1.0
        found |= {f"says {flag}": value for flag, value in between.flags.items()}
    found |= {f"{word} {name} {way}": 1.0 for word in between.words}
    found |= {f"{name} {head} {tail}": 1.0, f"{name} {way}": 1.0, way: 1.0}
    return found


# --------------------------------------------------------------------- factuality


def factualities(
    reading: Reading, spans: Sequence[Span], relation: str, head: int, tail: int, labels: Labels
) -> dict[str, dict[str, float]]:
    """For each factuality of the inventory what speaks for it: the rules, and the words up to the later mention."""
    left, right = sorted((spans[head], spans[tail]))
    start = max(reading.sentence_of(left).start, left.first - 8)
    around = range(start, right.first) if right.first >= left.end else range(start, left.first)
    heard = {reading.plain(i) for i in around}
    cues = {name for name, listed in section("factuality").items() if heard & set(listed)}
    ruled = _ruled(reading).get((reading.twin(spans[head]), reading.twin(spans[tail])), {}).get(relation)
    return {
        name: row(rules=ruled == name, rules_not=ruled is not None and ruled != name, cue=name in cues)
        | {f"= {name}": 1.0}
        | {f"word {word} {name}": 1.0 for word in sorted(heard) if not word.startswith("<")}
        for name in labels.allowed_factualities
    }
