"""The mentions of the trained baseline: conditional random fields that propose, and a judge that decides.

Mentions nest, tags do not. So each field tags one layer within which nothing overlaps, with layers counted from
the outside or from the inside, with the labels or without them. What any of them finds likely is a candidate, as
is every mention of the rules; the judge weighs what each of them says of it. The judge learns from fields that
were trained on other articles, so that it knows how far they can be believed on an article they have not seen.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from newsgold.benchmark.baselines.features import Reading, Span, covering, layers, tags, token_features
from newsgold.benchmark.baselines.judge import Features, Judge, fit_judge, row
from newsgold.benchmark.baselines.lexicon import heads

if TYPE_CHECKING:
    from sklearn_crfsuite import CRF

_LAYERS = 2
"""Layers that are tagged, from either side: four levels of nesting at most."""
_FEWEST = 5
"""A layer with fewer mentions than this in training is not tagged."""
_FOLDS = 5
"""The judge learns from as many parts of the lessons, or fewer."""
_LIKELY = 0.1
"""The least probability with which a field proposes a mention."""
_BARE = ("", "")
"""Type and kind of a mention whose label is not asked for."""


class Choices(NamedTuple):
    """What cross-validation chose for the mentions."""

    penalty: float = 0.1
    """L2 penalty of the fields."""
    strength: float = 0.3
    """Inverse penalty of the judge."""
    threshold: float = 0.35
    """A candidate with this probability or more is a mention."""


class Lesson(NamedTuple):
    """An article to learn from, with its mentions."""

    reading: Reading
    features: list[list[str]]
    gold: frozenset[Span]


class _Field(NamedTuple):
    """The fields over one way to put mentions into layers."""

    labelled: bool
    layers: tuple[CRF, ...]


Votes = tuple[Mapping[Span, float], ...]
"""For each way of layering, the spans found likely, with their probability."""

_WAYS = tuple((labelled, outermost) for labelled in (True, False) for outermost in (False, True))


class MentionModel(NamedTuple):
    """Finds mentions; made by :func:`fit_mentions`."""

    fields: tuple[_Field, ...]
    judge: Judge
    threshold: float

    def find(self, reading: Reading) -> list[Span]:
        """The mentions of an article in the order of mentions: they may nest but not cross, and no two are one span."""
        votes = _votes(self.fields, reading, token_features(reading))
        return _decided(list(candidates(reading, votes)), self.judge, self.threshold)


def lesson(reading: Reading, gold: Iterable[Span]) -> Lesson:
    """An article made ready to learn from."""
    return Lesson(reading, token_features(reading), frozenset(gold))


def fit_mentions(lessons: Sequence[Lesson], choices: Choices) -> MentionModel:
    """Train fields and judge; with a single lesson the judge learns nothing and takes no candidate."""
    rows, right = [], []
    for fold in _folds(lessons):
        fields = _fit_fields([x for n, x in enumerate(lessons) if n not in fold], choices.penalty)
        for x in (lessons[n] for n in fold):
            for span, features in candidates(x.reading, _votes(fields, x.reading, x.features)):
                rows.append(features)
                right.append(span in x.gold)
    judge = fit_judge(rows, right, strength=choices.strength)
    return MentionModel(_fit_fields(lessons, choices.penalty), judge, choices.threshold)


def _folds(lessons: Sequence[Lesson]) -> list[list[int]]:
    """Lessons to leave out together: those of an event, or single ones where there are fewer than three events."""
    events = [x.reading.article.event or x.reading.article.id for x in lessons]
    keys = events if len(set(events)) > 2 else [x.reading.article.id for x in lessons]
    number = {key: n % _FOLDS for n, key in enumerate(sorted(set(keys)))}
    folds = [[n for n, key in enumerate(keys) if number[key] == fold] for fold in range(_FOLDS)]
    return [fold for fold in folds if fold and len(fold) < len(lessons)]


# ------------------------------------------------------------------------- fields


def _fit_fields(lessons: Sequence[Lesson], penalty: float) -> tuple[_Field, ...]:
    from sklearn_crfsuite import CRF

    fields = []
    for labelled, outermost in _WAYS:
        gold = [[s if labelled else _bare(s) for s in x.gold] for x in lessons]
        layered = [layers(spans, outermost_first=outermost) for spans in gold]
        models = []
        for depth in range(_LAYERS):
            spans = [found[depth] if depth < len(found) else [] for found in layered]
            if sum(map(len, spans)) >= _FEWEST:
                model = CRF(algorithm="lbfgs", c1=0.0, c2=penalty, max_iterations=80)
                models.append(model.fit(*_sequences(lessons, spans)))
        fields.append(_Field(labelled, tuple(models)))
    return tuple(fields)


def _bare(span: Span) -> Span:
    return Span(span.first, span.end, *_BARE)


def _sequences(lessons: Sequence[Lesson], spans: Sequence[Sequence[Span]]) -> tuple[list[list[list[str]]], list[list[str]]]:
    """The sentences of the lessons: features and tags of their tokens."""
    features, tagged = [], []
    for x, found in zip(lessons, spans, strict=True):
        whole = tags(found, len(x.features))
        for sentence in x.reading.sentences:
            features.append(x.features[sentence.start : sentence.stop])
            tagged.append(whole[sentence.start : sentence.stop])
    return features, tagged


def _votes(fields: Iterable[_Field], reading: Reading, features: list[list[str]]) -> Votes:
    found: list[dict[Span, float]] = []
    for field in fields:
        likely: dict[Span, float] = {}
        for model in field.layers:
            for s in reading.sentences:
                for span, p in _likely(model.predict_marginals_single(features[s.start : s.stop]), s.start):
                    likely[span] = max(p, likely.get(span, 0.0))
        found.append(likely)
    return tuple(found)


def _likely(marginals: Sequence[Mapping[str, float]], offset: int) -> Iterator[tuple[Span, float]]:
    """The spans none of whose tags is unlikely, with the probability of their least likely tag."""
    for first, tag in enumerate(marginals):
        for begin, p in tag.items():
            if not begin.startswith("B-"):
                continue
            inside = "I" + begin[1:]
            end = first
            while p > _LIKELY:
                end += 1
                goes_on = marginals[end].get(inside, 0.0) if end < len(marginals) else 0.0
                if min(p, 1 - goes_on) > _LIKELY:
                    yield Span(offset + first, offset + end, *begin[2:].split("\t")), min(p, 1 - goes_on)
                p = min(p, goes_on)


# --------------------------------------------------------------------- candidates


def candidates(reading: Reading, votes: Votes) -> Iterator[tuple[Span, dict[str, float]]]:
    """Every candidate of an article with its features, each span with every label that somebody gives it."""
    ruled = {(s.first, s.end): s for s in reading.ruled.values()}
    proposed: dict[tuple[int, int], set[Span]] = defaultdict(set)
    for span in ruled.values():
        proposed[span.first, span.end].add(span)
    for (labelled, _), likely in zip(_WAYS, votes, strict=True):
        for span in likely if labelled else ():
            proposed[span.first, span.end].add(span)
    shares = _shares(reading, ruled.values(), votes[0])
    at = covering((place, *place) for place in ruled)
    for place in sorted(proposed):
        crossed = any(_cross(place, other) for i in range(*place) for other in at[i])
        for span in sorted(proposed[place]):
            yield span, _features(reading, span, ruled.get(place), votes, shares) | row(crossed=crossed)


def _features(
    reading: Reading, span: Span, said: Span | None, votes: Votes, shares: Mapping[str, Mapping[tuple[str, str], float]]
) -> dict[str, float]:
    """What the rules, the fields, the other places with the same words, and the head say of a candidate."""
    label, same = span.label, said == span
    typed = [_log_odds(votes[n].get(span if labelled else _bare(span), 0.0)) for n, (labelled, _) in enumerate(_WAYS)]
    labelled, bare = (max(o for o, (own, _) in zip(typed, _WAYS, strict=True) if own is wanted) for wanted in (True, False))
    found = row(
        same=same, place=said is not None, none=said is None, type=said is not None and said.type == span.type,
        length=min(span.end - span.first, 8) / 4, labelled=labelled, bare=bare,
    )  # fmt: skip
    found |= {f"kind={span.kind}": 1.0, f"type={span.type}": 1.0}
    if said is not None:
        found[f"rules {said.label} {label}"] = 1.0
        found[f"{'same' if same else 'other'} {label}"] = 1.0
    if same:
        found |= {"labelled same": labelled, "bare same": bare, f"same {span.kind}": 1.0}
    for n, odds in enumerate(typed):
        found |= {f"field{n}": odds, f"field{n} {span.kind}": odds}
    words = _words(reading, span)
    for name, share in shares.items():
        found[name] = share.get((words, label), 0.0)
    known = heads().get(reading.lower[reading.head(span)])
    return found | row(head=known == span.type, no_head=known is not None and known != span.type)


def _shares(reading: Reading, ruled: Iterable[Span], voted: Mapping[Span, float]) -> dict[str, dict[tuple[str, str], float]]:
    """By rules and by field: of all that is said of some words in the article, how much gives them a label."""
    out = {}
    for name, said in (("rules share", dict.fromkeys(ruled, 1.0)), ("field share", voted)):
        by_label: Counter[tuple[str, str]] = Counter()
        whole: Counter[str] = Counter()
        for span, weight in said.items():
            words = _words(reading, span)
            by_label[words, span.label] += weight  # type: ignore[assignment]  # typeshed's Counter counts in whole numbers
            whole[words] += weight  # type: ignore[assignment]  # as above
        out[name] = {key: weight / max(whole[key[0]], 0.3) for key, weight in by_label.items()}
    return out


def _words(reading: Reading, span: Span) -> str:
    return " ".join(reading.lower[span.first : span.end])


def _log_odds(p: float) -> float:
    return max(-3.0, min(3.0, math.log((p + 1e-3) / (1 - p + 1e-3))))


def _cross(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[0] < a[1] < b[1] or b[0] < a[0] < b[1] < a[1]


def _decided(found: Sequence[tuple[Span, Features]], judge: Judge, threshold: float) -> list[Span]:
    """The likeliest label of each span, and of spans that cross the likelier one."""
    ranked = sorted(((judge.probability(features), span) for span, features in found), key=lambda c: (-c[0], c[1]))
    kept: dict[tuple[int, int], Span] = {}
    at: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for p, span in ranked:
        place = (span.first, span.end)
        if p < threshold or place in kept or any(_cross(place, other) for i in range(*place) for other in at[i]):
            continue
        kept[place] = span
        for i in range(*place):
            at[i].append(place)
    return sorted(kept.values(), key=lambda s: (s.first, -s.end))
