"""Every metric under its key: one computation for systems and for annotators.

:func:`evaluate` puts two sets of annotations on the columnar road once, and
then each row of :data:`METRICS` is a function of the result. A system against
gold and one annotator against another are the same call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from newsgold.metrics import coref, mentions, relations, stance
from newsgold.metrics.alignment import entity_ranks, mapped
from newsgold.metrics.arrays import Bools, Ints
from newsgold.metrics.columns import Columns, Vocabulary, columns, ignored, mark_faulty, without
from newsgold.metrics.counts import Counts

HEADLINES = ("mentions.strict", "coref.lea", "relations.mapped", "stance.tuple")
"""The keys that rank systems, one a layer."""


class Side(NamedTuple):
    """One side of a comparison: its table, and the item rows in it that must match nothing."""

    table: pa.Table
    faulty: dict[str, Ints]


@dataclass(frozen=True)
class Evaluation:
    """Two sets of annotations on the same documents, resolved; what several metrics share is computed once."""

    gold: Columns
    pred: Columns
    vocabulary: Vocabulary
    kinds: frozenset[str]

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
        return mapped(self.gold, self.pred, self.gold_rank)

    @cached_property
    def clusters(self) -> coref.Contingency:
        """The contingency table of coreference."""
        return coref.contingency(self.gold, self.pred, self.gold_rank, self.pred_rank)

    @cached_property
    def symmetric(self) -> Bools:
        """Which relation numbers are symmetric."""
        labels = self.vocabulary.labels
        return np.array([labels.symmetric(name) for name in self.vocabulary.names["relation"]], dtype=bool)

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


def _strict_mentions(e: Evaluation) -> Counts:
    gold, pred = e.gold.mentions.take(e.of_kinds(e.gold)), e.pred.mentions.take(e.of_kinds(e.pred))
    return mentions.strict(gold, pred, e.gold.documents, e.size("type"))


def _mapped_relations(e: Evaluation) -> Counts:
    return relations.mapped(e.gold, e.pred, e.gold_rank, e.mapping, e.symmetric, e.size("relation"))


def _stance_tuple(e: Evaluation) -> Counts:
    return stance.tuple_(e.gold, e.pred, e.gold_rank, e.mapping, e.polarities("favor", "against"), e.size("polarity"))


METRICS: dict[str, Metric] = {
    "mentions.strict": Metric(("mentions",), "type", _strict_mentions),
    "coref.lea": Metric(("mentions", "entities"), (), lambda e: coref.lea(e.clusters)),
    "relations.mapped": Metric(("relations",), "relation", _mapped_relations),
    "relations.boundaries": Metric(
        ("relations",), "relation", lambda e: relations.boundaries(e.gold, e.pred, e.symmetric, e.size("relation"))
    ),
    "relations.strict": Metric(
        ("relations",), "relation", lambda e: relations.strict(e.gold, e.pred, e.symmetric, e.size("relation"))
    ),
    "stance.tuple": Metric(("stances",), "polarity", _stance_tuple),
}
"""Every key that is scored, in the order of printing."""


class Measured(NamedTuple):
    """The counts of one metric, the names of its groups, and how its score is read off them."""

    counts: Counts
    groups: tuple[str, ...]
    kind: Kind
    average: str


def evaluate(gold: Side, pred: Side, documents: Sequence[str], vocabulary: Vocabulary, kinds: Collection[str]) -> Evaluation:
    """Resolve both sides over the same documents; items in the gold's duplicate regions are set aside on both."""
    ignore = ignored(gold.table, documents)
    sides = []
    for number, side in enumerate((gold, pred)):
        resolved = columns(side.table, documents, vocabulary)
        for layer, rows in side.faulty.items():
            resolved = mark_faulty(resolved, layer, rows, number)
        sides.append(without(resolved, ignore))
    return Evaluation(sides[0], sides[1], vocabulary, frozenset(kinds))


def measure(evaluation: Evaluation) -> dict[str, Measured]:
    """The counts of every metric whose layers both sides attempted."""
    out = {}
    for key, metric in METRICS.items():
        if all(side.attempted[layer].any() for side in (evaluation.gold, evaluation.pred) for layer in metric.layers):
            groups = evaluation.vocabulary.names[metric.groups] if isinstance(metric.groups, str) else metric.groups
            out[key] = Measured(metric.counts(evaluation), tuple(groups), metric.kind, metric.average)
    return out
