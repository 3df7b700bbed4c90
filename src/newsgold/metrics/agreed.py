"""What two annotators can be compared on once they agree what there is: entities, mentions and pairs that both have."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from newsgold.metrics import relations
from newsgold.metrics.arrays import Bools, Ints, member
from newsgold.metrics.columns import Columns, Pairs, Relations
from newsgold.metrics.counts import Counts
from newsgold.metrics.facts import meanings
from newsgold.metrics.suite import Evaluation


def entities(e: Evaluation) -> Counts:
    """Relations between entities that both sides have.

    Formula: entities are aligned one to one (:func:`newsgold.metrics.alignment.aligned`: the greatest number of
    shared exact spans); a relation counts, on either side, if both of its arguments are aligned; then as
    :func:`newsgold.metrics.relations.entity`: distinct (type, head, tail), factuality left out. Groups are the types.

    Edge cases: an entity that shares no span with the other side takes all its relations out. None left: undefined.

    Source: ours, in the manner of relation agreement on gold entities (CrossRE, KnowledgeNet); entities are the ones
    agreed, not given.
    """
    shared = e.alignment[e.alignment >= 0]
    gold = _between(e.gold, member(e.gold_rank, shared))
    pred = _between(e.pred, e.alignment >= 0)
    said = relations.triples(gold, pred, e.gold_rank, e.alignment, e.symmetric)
    return relations.entity(said, e.gold.documents, e.size("relation"))


def _between(columns: Columns, entity: Bools) -> Columns:
    """The columns with only those relations whose arguments are among some entities."""
    r, pairs = columns.relations, columns.pairs
    known = np.append(entity, [False, False, False])
    stays = known[r.head] & known[r.tail]
    rows = stays[pairs.relation]
    number = np.cumsum(stays) - 1
    return replace(
        columns,
        relations=Relations(*(column[stays] for column in r)),
        pairs=Pairs(number[pairs.relation[rows]], pairs.head[rows], pairs.tail[rows]),
    )


def mentions(e: Evaluation) -> Counts:
    """Mention pairs with their relation, between spans that both sides have.

    Formula: an item (type, head span, tail span) counts, on either side, if both sides marked both spans, whatever
    their types; then as :func:`newsgold.metrics.relations.boundaries`. Groups are the types.

    Edge cases: a relation without mention pairs is left out. None left: undefined.

    Source: ours.
    """
    spans = e.span_numbers
    sides = []
    for side, own, other in ((e.gold, spans.gold, spans.pred), (e.pred, spans.pred, spans.gold)):
        known = np.append(member(own, other), [False, False, False])
        rows = known[side.pairs.head] & known[side.pairs.tail]
        sides.append(replace(side, pairs=Pairs(*(column[rows] for column in side.pairs))))
    said = relations.items(sides[0], sides[1], spans, e.symmetric, typed=False)
    return relations.boundaries(said, e.gold.documents, e.size("relation"))


class Labelled(NamedTuple):
    """Items that both sides gave one label."""

    doc: Ints
    left: Ints
    right: Ints


def relation_types(e: Evaluation) -> Labelled:
    """The relation types of pairs of entities, whatever the direction, that both sides relate by one type each.

    Entities are mapped as for ``relations.mapped``. Pairs that a side relates in two ways are left out.
    """
    said, size = e.triples, len(e.gold_rank)
    key, groups = said.key, e.size("relation")
    width = _width(e)
    head, place, kind = key // width, key % width // groups, key % groups
    doc = said.doc[: len(key)]
    begin = np.searchsorted(np.sort(e.gold.entity_doc), np.arange(e.gold.documents + 1))
    known = np.flatnonzero((head < size) & (place < np.diff(begin)[doc]))
    doc, head, kind = doc[known], head[known], kind[known]
    tail = begin[doc] + place[known]
    pair = np.minimum(head, tail) * size + np.maximum(head, tail)
    _, first, number = np.unique(pair, return_index=True, return_inverse=True)
    labels = []
    for times in (said.gold, said.pred):
        stated = np.flatnonzero(times[known] > 0)
        cells = np.unique(number[stated] * groups + kind[stated])
        label = np.full(len(first), -1)
        label[cells // groups] = cells % groups
        label[np.bincount(cells // groups, minlength=len(first)) > 1] = -1
        labels.append(label)
    both = (labels[0] >= 0) & (labels[1] >= 0)
    return Labelled(doc[first][both], labels[0][both], labels[1][both])


def _width(e: Evaluation) -> int:
    """How many keys the facts of one head span; see :class:`newsgold.metrics.facts.Keys`."""
    return meanings(e.gold, e.pred, e.gold_rank, e.mapping).places * e.size("relation")


def polarities(e: Evaluation) -> Labelled:
    """The polarities of the pairs of holder and target that ``stance.polarity`` counts."""
    pairs = e.pairs
    both = (pairs.gold > 0) & (pairs.pred > 0) & (pairs.gold_polarity >= 0) & (pairs.pred_polarity >= 0)
    return Labelled(pairs.doc[both], pairs.gold_polarity[both], pairs.pred_polarity[both])
