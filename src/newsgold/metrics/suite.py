"""Every metric under its key: one computation for systems and for annotators.

:func:`evaluate` puts two sets of annotations on the columnar road once, and
then each row of :data:`METRICS` is a function of the result. A system against
gold and one annotator against another are the same call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from newsgold.metrics import coref, linking, mentions, relations, stance
from newsgold.metrics.alignment import (
    Shared,
    Sides,
    SpanPairs,
    aligned,
    entity_ranks,
    mapped,
    match_mentions,
    pair_spans,
    shared_spans,
    span_numbers,
)
from newsgold.metrics.arrays import Bools, Ints, Matches
from newsgold.metrics.columns import Columns, Spans, Vocabulary, columns, ignored, mark_faulty, without
from newsgold.metrics.counts import Counts
from newsgold.metrics.facts import Said
from newsgold.metrics.fingerprint import Hashes, contents
from newsgold.metrics.links import Links
from newsgold.metrics.seen import training_facts

HEADLINES = ("mentions.strict", "coref.lea", "relations.mapped", "stance.tuple")
"""The keys that rank systems, one a layer."""


class Side(NamedTuple):
    """One side of a comparison: its table, and the item rows in it that must match nothing."""

    table: pa.Table
    faulty: Mapping[str, Ints]
    links: Links | None = None
    """The table's links, if they are at hand."""


@dataclass(frozen=True)
class Evaluation:
    """Two sets of annotations on the same documents, resolved; what several metrics share is computed once."""

    gold: Columns
    pred: Columns
    vocabulary: Vocabulary
    kinds: frozenset[str]
    content: Hashes
    """What the gold holds in each document; see :func:`newsgold.metrics.fingerprint.contents`."""
    facts: Ints | None = None
    """The facts of training data, where there are any; see :func:`newsgold.metrics.seen.training_facts`."""

    @property
    def tried(self) -> Attempted:
        """What the two sides attempted."""
        gold, pred = (
            frozenset(layer for layer, tried in side.attempted.items() if tried.any()) for side in (self.gold, self.pred)
        )
        return Attempted(gold, pred, self.facts is not None)

    @cached_property
    def gold_rank(self) -> Ints:
        """See :func:`newsgold.metrics.alignment.entity_ranks`."""
        return entity_ranks(self.gold)

    @cached_property
    def pred_rank(self) -> Ints:
        """The same for the predictions."""
        return entity_ranks(self.pred)

    @cached_property
    def mapping(self) -> Ints:
        """See :func:`newsgold.metrics.alignment.mapped`."""
        return mapped(self.pred, self.gold_rank, self.shared)

    @cached_property
    def alignment(self) -> Ints:
        """See :func:`newsgold.metrics.alignment.aligned`."""
        return aligned(self.gold_rank, self.pred_rank, self.shared)

    @cached_property
    def shared(self) -> Shared:
        """See :func:`newsgold.metrics.alignment.shared_spans`."""
        return shared_spans(self.gold, self.pred, self.span_pairs)

    @cached_property
    def span_numbers(self) -> Sides:
        """See :func:`newsgold.metrics.alignment.span_numbers`."""
        return span_numbers(self.gold, self.pred)

    @cached_property
    def triples(self) -> Said:
        """The relations of both sides under the mapping; see :func:`newsgold.metrics.relations.triples`."""
        return relations.triples(self.gold, self.pred, self.gold_rank, self.mapping, self.symmetric)

    @cached_property
    def items(self) -> Said:
        """The mention pairs of both sides; see :func:`newsgold.metrics.relations.items`."""
        return relations.items(self.gold, self.pred, self.span_numbers, self.symmetric, typed=False)

    @cached_property
    def positions(self) -> stance.Positions:
        """The stances of both sides; see :func:`newsgold.metrics.stance.positions`."""
        return stance.positions(self.gold, self.pred, self.gold_rank, self.mapping, self.size("polarity"))

    @cached_property
    def pairs(self) -> stance.Paired:
        """The pairs of holder and target of both sides."""
        return stance.paired(self.positions)

    @cached_property
    def counts_as(self) -> Ints:
        """For each type the one it counts as, −1 for none."""
        names, types = self.vocabulary.names["type"], self.vocabulary.labels.types
        wide = [types[name].counts_as if name in types else None for name in names]
        return np.array([-1 if name is None else self.vocabulary.code("type", name) for name in wide], dtype=np.int64)

    @cached_property
    def span_pairs(self) -> SpanPairs:
        """See :func:`newsgold.metrics.alignment.pair_spans`."""
        return pair_spans(self.gold, self.pred)

    def match(self, of_gold: Bools, of_pred: Bools) -> Matches:
        """One-to-one matches of some mentions by span: :func:`newsgold.metrics.alignment.match_mentions`."""
        return match_mentions(self.gold, self.pred, self.span_pairs, self._ranks, of_gold, of_pred)

    def _ranks(self) -> tuple[Ints, Ints]:
        return self.gold_rank, self.pred_rank

    @cached_property
    def clusters(self) -> coref.Contingency:
        """The contingency table of coreference."""
        return self._contingency(coref.within(self.gold), coref.within(self.pred))

    @cached_property
    def chains(self) -> coref.Contingency:
        """The same without singletons."""
        return self._contingency(*(coref.without_singletons(coref.within(side)) for side in (self.gold, self.pred)))

    @cached_property
    def linked(self) -> coref.Contingency:
        """The same of linked entities across the documents of each of the gold's events."""
        return self._contingency(*(coref.across(side, self.gold.event) for side in (self.gold, self.pred)))

    def _contingency(self, gold: coref.Clustering, pred: coref.Clustering) -> coref.Contingency:
        matches = self.match(gold.cluster >= 0, pred.cluster >= 0)
        return coref.contingency(gold, pred, matches, self.gold.documents)

    @cached_property
    def compared(self) -> mentions.Compared:
        """The mentions of the kinds that are scored."""
        gold, pred = (side.mentions.take(self.of_kinds(side)) for side in (self.gold, self.pred))
        return mentions.compare(gold, pred, self.gold.documents, self.size("type"))

    @cached_property
    def symmetric(self) -> Bools:
        """Which relation numbers are symmetric."""
        return symmetric_relations(self.vocabulary)

    def of_kinds(self, side: Columns) -> Bools:
        """Which mentions of a side have one of the kinds that are scored."""
        names = self.vocabulary.names["kind"]
        wanted = np.array([name in self.kinds for name in names], dtype=bool)
        return wanted[side.kind]

    def polarities(self, *names: str) -> Bools:
        """Which polarity numbers are among these."""
        return np.array([name in names for name in self.vocabulary.names["polarity"]], dtype=bool)

    def size(self, section: str) -> int:
        """How many labels a section of the vocabulary has."""
        return len(self.vocabulary.names[section])


Kind = Literal["prf", "accuracy", "mean"]


class Metric(NamedTuple):
    """A row of the table: what a metric needs, how it counts, and how its score is read off the counts."""

    layers: tuple[str, ...]
    """The layers that both sides must have attempted."""
    groups: str | tuple[str, ...]
    """The names of its groups, or the section of the vocabulary that names them."""
    counts: Callable[[Evaluation], Counts]
    kind: Kind = "prf"
    """``prf``: precision, recall, F1. ``accuracy``: P alone, as value of n. ``mean``: the mean F1, as value."""
    average: Literal["sum", "mean"] = "sum"
    """Whether the score is of the counts summed over groups, or the mean of the groups' scores."""
    given: tuple[str, ...] = ()
    """The layers that the predictions must not have attempted, because the system was given gold's."""
    train: bool = False
    """Whether it needs training data."""


def _relations(e: Evaluation, metric: Callable[[Said, int, int], Counts], said: Said) -> Counts:
    return metric(said, e.gold.documents, e.size("relation"))


def _aligned_relations(e: Evaluation) -> Counts:
    said = relations.triples(e.gold, e.pred, e.gold_rank, e.alignment, e.symmetric)
    return _relations(e, relations.entity, said)


def _strict_relations(e: Evaluation) -> Counts:
    said = relations.items(e.gold, e.pred, e.span_numbers, e.symmetric, typed=True)
    return _relations(e, relations.strict, said)


_SIDED = ("favor", "against")
"""The polarities that take a side, in the order of the groups of ``stance.polarity_macro_f1``."""


def _stance(e: Evaluation, metric: Callable[[stance.Positions, Bools], Counts], *polarities: str) -> Counts:
    return metric(e.positions, e.polarities(*(polarities or _SIDED)))


def _stance_by_target(e: Evaluation) -> Counts:
    return stance.by_target(e.positions, e.gold, e.pred, e.gold_rank, e.counts_as, e.polarities(*_SIDED))


def _stance_macro(e: Evaluation) -> Counts:
    names = e.vocabulary.names["polarity"]
    numbers = tuple(names.index(name) if name in names else -2 for name in _SIDED)
    return stance.polarity_macro_f1(e.pairs, e.gold.documents, numbers)


def _linking(e: Evaluation) -> Counts:
    return linking.accuracy(e.gold, e.pred, e.match(*(coref.within(side).cluster >= 0 for side in (e.gold, e.pred))))


def _ign(e: Evaluation) -> Counts:
    facts = np.zeros((0, 3), dtype=np.int64) if e.facts is None else e.facts
    gold, pred = (relations.seen_rows(side, side.surface, facts) for side in (e.gold, e.pred))
    return relations.ign(e.triples, e.gold.documents, e.size("relation"), gold, pred)


_CLUSTERS = ("mentions", "entities")
_RELATIONS = ("mentions", "relations")
_STANCES = ("mentions", "stances")

METRICS: dict[str, Metric] = {
    "mentions.strict": Metric(("mentions",), "type", lambda e: mentions.strict(e.compared)),
    "mentions.exact": Metric(("mentions",), "type", lambda e: mentions.exact(e.compared)),
    "mentions.type": Metric(("mentions",), "type", lambda e: mentions.type_(e.compared)),
    "mentions.partial": Metric(("mentions",), "type", lambda e: mentions.partial(e.compared)),
    "mentions.iou": Metric(("mentions",), "type", lambda e: mentions.iou(e.compared)),
    "coref.muc": Metric(_CLUSTERS, (), lambda e: coref.muc(e.clusters)),
    "coref.b_cubed": Metric(_CLUSTERS, (), lambda e: coref.b_cubed(e.clusters)),
    "coref.ceaf_m": Metric(_CLUSTERS, (), lambda e: coref.ceaf_m(e.clusters)),
    "coref.ceaf_e": Metric(_CLUSTERS, (), lambda e: coref.ceaf_e(e.clusters)),
    "coref.lea": Metric(_CLUSTERS, (), lambda e: coref.lea(e.clusters)),
    "coref.blanc": Metric(_CLUSTERS, coref.BLANC_GROUPS, lambda e: coref.blanc(e.clusters), average="mean"),
    "coref.conll": Metric(_CLUSTERS, coref.CONLL_GROUPS, lambda e: coref.conll(e.clusters), kind="mean", average="mean"),
    "coref_no_singletons.muc": Metric(_CLUSTERS, (), lambda e: coref.muc(e.chains)),
    "coref_no_singletons.b_cubed": Metric(_CLUSTERS, (), lambda e: coref.b_cubed(e.chains)),
    "coref_no_singletons.ceaf_m": Metric(_CLUSTERS, (), lambda e: coref.ceaf_m(e.chains)),
    "coref_no_singletons.ceaf_e": Metric(_CLUSTERS, (), lambda e: coref.ceaf_e(e.chains)),
    "coref_no_singletons.lea": Metric(_CLUSTERS, (), lambda e: coref.lea(e.chains)),
    "coref_no_singletons.blanc": Metric(_CLUSTERS, coref.BLANC_GROUPS, lambda e: coref.blanc(e.chains), average="mean"),
    "coref_no_singletons.conll": Metric(
        _CLUSTERS, coref.CONLL_GROUPS, lambda e: coref.conll(e.chains), kind="mean", average="mean"
    ),
    "coref_cross.muc": Metric(_CLUSTERS, (), lambda e: coref.muc(e.linked)),
    "coref_cross.b_cubed": Metric(_CLUSTERS, (), lambda e: coref.b_cubed(e.linked)),
    "coref_cross.ceaf_e": Metric(_CLUSTERS, (), lambda e: coref.ceaf_e(e.linked)),
    "coref_cross.lea": Metric(_CLUSTERS, (), lambda e: coref.lea(e.linked)),
    "coref_cross.conll": Metric(_CLUSTERS, coref.CONLL_GROUPS, lambda e: coref.conll(e.linked), kind="mean", average="mean"),
    "linking.accuracy": Metric(_CLUSTERS, (), _linking, kind="accuracy"),
    "relations.mapped": Metric(_RELATIONS, "relation", lambda e: _relations(e, relations.mapped, e.triples)),
    "relations.ign": Metric(_RELATIONS, "relation", _ign, train=True),
    "relations.entity": Metric(_RELATIONS, "relation", _aligned_relations),
    "relations.gold_entities": Metric(
        ("relations",),
        "relation",
        lambda e: relations.gold_entities(e.gold, e.pred, e.symmetric, e.size("relation")),
        given=("mentions", "entities"),
    ),
    "relations.boundaries": Metric(_RELATIONS, "relation", lambda e: _relations(e, relations.boundaries, e.items)),
    "relations.strict": Metric(_RELATIONS, "relation", _strict_relations),
    "relations.factuality": Metric(
        _RELATIONS, "relation", lambda e: relations.factuality(e.triples, e.gold, e.pred, e.size("relation")), "accuracy"
    ),
    "relations.evidence": Metric(
        _RELATIONS, "relation", lambda e: relations.evidence(e.triples, e.items, e.gold, e.pred, e.size("relation"))
    ),
    "stance.pair": Metric(_STANCES, (), lambda e: stance.pair(e.pairs, e.gold.documents)),
    "stance.tuple": Metric(_STANCES, "polarity", lambda e: _stance(e, stance.tuple_)),
    "stance.tuple.author": Metric(_STANCES, "polarity", lambda e: _stance(e, stance.author)),
    "stance.tuple.quoted": Metric(_STANCES, "polarity", lambda e: _stance(e, stance.quoted)),
    "stance.tuple.by_target": Metric(_STANCES, "type", _stance_by_target, "mean", "mean"),
    "stance.neutral": Metric(_STANCES, "polarity", lambda e: _stance(e, stance.tuple_, "neutral")),
    "stance.polarity": Metric(_STANCES, (), lambda e: stance.polarity(e.pairs, e.gold.documents), "accuracy"),
    "stance.polarity_macro_f1": Metric(_STANCES, _SIDED, _stance_macro, "mean", "mean"),
    "stance.span": Metric(_STANCES, "polarity", lambda e: stance.span(e.positions, e.gold, e.pred, e.polarities(*_SIDED))),
}
"""Every key that is scored, in the order of printing."""


class Measured(NamedTuple):
    """The counts of one metric, the names of its groups, and how its score is read off them."""

    counts: Counts
    groups: tuple[str, ...]
    kind: Kind
    average: str


def evaluate(
    gold: Side,
    pred: Side,
    documents: Sequence[str],
    vocabulary: Vocabulary,
    kinds: Collection[str],
    train: Side | None = None,
    ignore: Spans | None = None,
) -> Evaluation:
    """Resolve both sides over the same documents; items in duplicate regions are set aside on both.

    ``train`` are annotations of other documents, whose facts ``relations.ign`` leaves out. ``ignore`` are the duplicate
    regions, by default the gold's.
    """
    if ignore is None:
        ignore = ignored(gold.table, documents)
    known = train is not None
    read = [columns(side.table, documents, vocabulary, side.links, surfaces=known) for side in (gold, pred)]
    content = contents(read[0], ignore, documents, vocabulary)
    sides = []
    for number, (side, resolved) in enumerate(zip((gold, pred), read, strict=True)):
        for layer, rows in side.faulty.items():
            resolved = mark_faulty(resolved, layer, rows, number)
        sides.append(without(resolved, ignore))
    facts = None
    if train is not None:
        names = train.table["id"].to_pylist()
        seen = columns(train.table, sorted(set(names)), vocabulary, train.links, surfaces=True)
        facts = training_facts(seen, symmetric_relations(vocabulary))
    return Evaluation(sides[0], sides[1], vocabulary, frozenset(kinds), content, facts)


def symmetric_relations(vocabulary: Vocabulary) -> Bools:
    """Which relation numbers are symmetric."""
    return np.array([vocabulary.labels.symmetric(name) for name in vocabulary.names["relation"]], dtype=bool)


class Attempted(NamedTuple):
    """The layers that each side attempted in any document, and whether there is training data."""

    gold: frozenset[str]
    pred: frozenset[str]
    train: bool

    def metrics(self) -> list[str]:
        """The keys of the metrics whose layers both sides attempted."""
        both = self.gold & self.pred
        return [
            key
            for key, metric in METRICS.items()
            if both.issuperset(metric.layers) and self.pred.isdisjoint(metric.given) and (self.train or not metric.train)
        ]


def measure(evaluation: Evaluation, keys: Iterable[str] | None = None) -> dict[str, Measured]:
    """The counts of some metrics, by default of every one whose layers both sides attempted."""
    out = {}
    for key in evaluation.tried.metrics() if keys is None else keys:
        metric = METRICS[key]
        groups = evaluation.vocabulary.names[metric.groups] if isinstance(metric.groups, str) else metric.groups
        out[key] = Measured(metric.counts(evaluation), tuple(groups), metric.kind, metric.average)
    return out
