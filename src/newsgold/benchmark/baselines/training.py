"""The baseline ``crf``: trained on gold, any gold with any inventory, in one call; and judged event by event.

:func:`fit` makes a system of pairs of article and gold. Each layer learns from the documents whose gold
attempts it, and is not attempted where none does. Nothing here is drawn at random and nothing runs in parallel:
the same gold gives the same answers to the last byte. A trained model is not stored: training is
quick, and a stored one would have to be trusted.

How the choices of the models (penalties and thresholds) were made is said in the card.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

from newsgold.benchmark.baselines import crf, pairs, relation_model, stance_model
from newsgold.benchmark.baselines.assembly import entities, entity_types, mention, numbered, relations
from newsgold.benchmark.baselines.features import Reading, Span
from newsgold.benchmark.baselines.predicates import Claim
from newsgold.benchmark.baselines.stance_model import Position
from newsgold.benchmark.score import score
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation, Article, Stance
from newsgold.errors import UsageError
from newsgold.metrics.suite import HEADLINES

Pairs = Sequence[tuple[Article, Annotation]]
"""Articles with their gold."""


class Choices(NamedTuple):
    """The choices of all models."""

    mentions: crf.Choices = crf.Choices()
    coreference: pairs.Choices = pairs.Choices()
    relations: relation_model.Choices = relation_model.Choices()
    stance: stance_model.Choices = stance_model.Choices()


CHOSEN = Choices()
"""The choices by default."""


@dataclass(frozen=True)
class Model:
    """A trained baseline; a system, so it is called with an article."""

    mentions: crf.MentionModel
    coreference: pairs.PairModel | None
    relations: relation_model.RelationModel | None
    stance: stance_model.StanceModel | None
    labels: Labels

    def __call__(self, article: Article, /) -> Annotation:
        """Annotate an article; a layer that no gold attempted in training is not attempted."""
        reading = Reading(article)
        spans = self.mentions.find(reading)
        cluster = range(len(spans)) if self.coreference is None else self.coreference.clusters(reading, spans)
        entity = numbered(cluster)
        types = entity_types((s.type for s in spans), entity, self.labels)
        claims = self.relations and self.relations.claims(reading, spans, [types[n] for n in entity])
        positions = self.stance and self.stance.positions(reading, spans)
        return Annotation(
            id=article.id,
            by="crf",
            text_sha256=article.text_sha256,
            mentions=tuple(mention(reading.tokens, i, *span) for i, span in enumerate(spans)),
            entities=None if self.coreference is None else entities(entity),
            relations=None if claims is None else relations(claims, entity, types, self.labels),
            stances=None if positions is None else _stances(reading, positions, entity),
        )


def _stances(reading: Reading, positions: Sequence[Position], entity: Sequence[int]) -> tuple[Stance, ...]:
    """One stance for each sentence, holder, target and polarity, the shortest; none towards the holder itself."""
    best: dict[tuple[int, int | str, int, str], Position] = {}
    for position in sorted(positions, key=lambda p: p.end - p.first):
        holder = position.holder if isinstance(position.holder, str) else entity[position.holder]
        if holder != entity[position.target]:
            key = (reading.sentence[position.first], holder, entity[position.target], position.polarity)
            best.setdefault(key, position)
    ordered = sorted(best.values(), key=lambda p: (p.first, p.end, p.target))
    return tuple(
        Stance(
            id=f"s{n}",
            start=reading.tokens.starts[p.first],
            end=reading.tokens.ends[p.end - 1],
            holder=p.holder if isinstance(p.holder, str) else f"m{p.holder + 1}",
            target=f"m{p.target + 1}",
            polarity=p.polarity,
            basis=p.basis,
        )
        for n, p in enumerate(ordered, 1)
    )


# ----------------------------------------------------------------------- learning


class _Learnt(NamedTuple):
    """An article with its gold, mentions by index; a layer that gold does not attempt is ``None``."""

    lesson: crf.Lesson
    spans: list[Span]
    """In the order of mentions."""
    entity: list[int] | None
    """For each mention a number of its entity."""
    types: list[str]
    """For each mention the type of its entity."""
    claims: list[Claim] | None
    positions: list[Position] | None

    @property
    def reading(self) -> Reading:
        return self.lesson.reading


def fit(gold: Pairs, labels: Labels, choices: Choices = CHOSEN) -> Model:
    """Train the baseline.

    A mention that begins or ends inside a token, or lies in a duplicate region, is left out, and with it what names it.

    Args:
        gold: Articles with their gold, two at least that have mentions.
        labels: The inventory of the gold; answers use its labels alone.
        choices: Penalties and thresholds.

    Raises:
        UsageError: there are fewer than two articles with gold mentions.
        ModuleNotFoundError: sklearn-crfsuite is not installed.
    """
    learnt = [_learnt(article, annotation, labels) for article, annotation in gold if annotation.mentions]
    if len(learnt) < 2:
        raise UsageError(f"crf learns from two articles with gold mentions or more, and there is {len(learnt)}")
    return _fit(learnt, labels, choices)


def _fit(learnt: Sequence[_Learnt], labels: Labels, choices: Choices) -> Model:
    clustered = [pairs.Example(x.reading, x.spans, x.entity) for x in learnt if x.entity is not None]
    related = [
        relation_model.Example(x.reading, x.spans, x.types, x.claims)
        for x in learnt
        if x.claims is not None and x.entity is not None and labels.relations
    ]
    positioned = [
        stance_model.Example(x.reading, x.spans, x.positions) for x in learnt if x.positions is not None and labels.polarities
    ]
    return Model(
        crf.fit_mentions([x.lesson for x in learnt], choices.mentions),
        pairs.fit_pairs(clustered, labels, choices.coreference) if clustered else None,
        relation_model.fit_relations(related, labels, choices.relations) if related else None,
        stance_model.fit_stance(positioned, labels, choices.stance) if positioned else None,
        labels,
    )


def _learnt(article: Article, gold: Annotation, labels: Labels) -> _Learnt:
    """The gold of an article, by indices."""
    reading = Reading(article)
    by_id = reading.spans(gold.mentions or (), labels)
    order = sorted(by_id, key=lambda m: (by_id[m].first, -by_id[m].end, m))
    index = {m: i for i, m in enumerate(order)}
    spans = [by_id[m] for m in order]
    owner = {m: n for n, entity in enumerate(gold.entities or ()) for m in entity.mentions}
    entity = [owner.get(m, len(owner) + i) for i, m in enumerate(order)]
    types = entity_types((s.type for s in spans), entity, labels)
    return _Learnt(
        lesson=crf.lesson(reading, spans),
        spans=spans,
        entity=None if gold.entities is None else entity,
        types=[types[n] for n in entity],
        claims=None if gold.relations is None else _claims(gold, index),
        positions=None if gold.stances is None else list(_positions(reading, gold, index, spans)),
    )


def _claims(gold: Annotation, index: Mapping[str, int]) -> list[Claim]:
    found = ((r, h, t) for r in gold.relations or () for h, t in r.evidence or ())
    return [Claim(r.type, index[h], index[t], r.factuality) for r, h, t in found if h in index and t in index]


def _positions(reading: Reading, gold: Annotation, index: Mapping[str, int], spans: Sequence[Span]) -> Iterator[Position]:
    for s in gold.stances or ():
        if s.target not in index or (s.holder not in index and s.holder not in (AUTHOR, UNKNOWN)):
            continue
        target = spans[index[s.target]]
        first, end = target.first, target.end
        if s.start is not None and s.end is not None:
            first, end = bisect_right(reading.tokens.ends, s.start), bisect_left(reading.tokens.starts, s.end)
        if first < end:
            yield Position(index.get(s.holder, s.holder), index[s.target], s.polarity, s.basis, first, end)


# ---------------------------------------------------------------- cross-validation


class Fold(NamedTuple):
    """What a model scores on the event that was left out when it was trained."""

    event: str
    documents: int
    f1: Mapping[str, float | None]
    """F1 by key of the headline scores; ``None`` where undefined."""
    seconds: float
    """Wall-clock seconds of the training."""


def cross_validate(gold: Pairs, labels: Labels, choices: Choices = CHOSEN) -> list[Fold]:
    """Train on all events but one and score on that one, for each event, sorted by name.

    An article without an event is an event of its own.

    Raises:
        UsageError: there are fewer than two events, or too few articles (see :func:`fit`).
        DataError: gold has errors.
    """
    events = sorted({a.event or a.id for a, _ in gold})
    if len(events) < 2:
        raise UsageError(f"leaving one event out needs two events or more, and the gold has {len(events)}")
    return [_fold(gold, event, labels, choices) for event in events]


def _fold(gold: Pairs, event: str, labels: Labels, choices: Choices) -> Fold:
    out = [(a, g) for a, g in gold if (a.event or a.id) == event]
    begun = perf_counter()
    model = fit([(a, g) for a, g in gold if (a.event or a.id) != event], labels, choices)
    seconds = perf_counter() - begun
    return Fold(event, len(out), headlines(model, out, labels), seconds)


def headlines(system: Callable[[Article], Annotation], gold: Pairs, labels: Labels) -> dict[str, float | None]:
    """F1 of a system by key of the headline scores; a layer that is not attempted is left out."""
    found = score([g for _, g in gold], [system(a) for a, _ in gold], labels=labels).to_dict()["scores"]
    return {key: found[key]["f1"] for key in HEADLINES if key in found}
