"""Relations between entities, and the mention pairs that express them.

The identity of a relation leaves factuality out here; symmetric relations are
unordered. An item that one side repeats counts each time, and matches no more
often than the other side has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from newsgold.metrics.arrays import Bools, Ints
from newsgold.metrics.columns import Columns
from newsgold.metrics.counts import Counts
from newsgold.metrics.facts import OWN, Facts, compare, repeated_rows


def mapped(gold: Columns, pred: Columns, gold_rank: Ints, mapping: Ints, symmetric: Bools, groups: int) -> Counts:
    """Distinct relations (type, head, tail) after predicted entities were mapped to gold entities.

    Formula: predicted arguments are replaced by the gold entities they stand for
    (:func:`newsgold.metrics.alignment.mapped`); P = found / distinct predicted, R = found / distinct gold.
    Groups are the relation types.

    Edge cases: predictions that differ only in clusters standing for one gold entity are one prediction.
    An argument that stands for no gold entity keeps its own identity and matches nothing. A relation
    repeated with the same evidence counts once more as predicted. No relations at all: undefined.

    Source: ours. The many-to-one mapping gives a perfect sentence-level system without clusters F1 1,
    where the hard score of DWIE (Zaporojets et al. 2021) gives it almost 0 and, since it compares mentions
    in listing order, changes with that order.
    """
    own = OWN + np.arange(len(pred.entity_doc))
    meaning = np.append(np.where(mapping >= 0, mapping, own), [0, 0, 0])
    g = _triples(gold, np.append(gold_rank, [0, 0, 0]), symmetric)
    p = _triples(pred, meaning, symmetric)
    return compare(g, p, gold.documents, groups)


def _triples(columns: Columns, meaning: Ints, symmetric: Bools) -> Facts:
    """The relations of one side with their arguments' meanings; a row with a dangling argument means itself alone."""
    relations = columns.relations
    unordered = symmetric[relations.type]
    head, tail = _sorted(meaning[relations.head], meaning[relations.tail], unordered)
    lost = (relations.head < 0) | (relations.tail < 0)
    own_head, own_tail = _sorted(relations.head, relations.tail, unordered)
    evidence = _evidence(columns, symmetric)
    repeated = repeated_rows(relations.doc, relations.type, own_head, own_tail, relations.factuality, evidence)
    return Facts(relations.doc, relations.type, (head, tail), repeated, lost)


def _sorted(head: Ints, tail: Ints, unordered: Bools) -> tuple[Ints, Ints]:
    swap = unordered & (tail < head)
    return np.where(swap, tail, head), np.where(swap, head, tail)


def boundaries(gold: Columns, pred: Columns, symmetric: Bools, groups: int) -> Counts:
    """Distinct mention pairs with the right relation and the right spans.

    Formula: items are (relation type, head span, tail span), one for each pair of evidence; P = found /
    predicted items, R = found / gold items. Gold with three pairs of which one is predicted, right: P 1, R 1/3.

    Edge cases: an entity argument without evidence counts as predicted and never matches; two mentions as
    arguments are their own evidence. A pair repeated under the same factuality counts again.

    Source: "Boundaries" of Taillé et al. 2020; equal to sincere where nothing is repeated. PURE counts
    repeated predictions as further true positives, up to recall 2.
    """
    return compare(_items(gold, symmetric, typed=False), _items(pred, symmetric, typed=False), gold.documents, groups)


def strict(gold: Columns, pred: Columns, symmetric: Bools, groups: int) -> Counts:
    """Distinct mention pairs with the right relation, the right spans and the right entity types.

    Formula, edge cases: as :func:`boundaries`, with the types of both mentions in the item.

    Source: "Strict" of Taillé et al. 2020; PURE's Rel+ where nothing is repeated.
    """
    return compare(_items(gold, symmetric, typed=True), _items(pred, symmetric, typed=True), gold.documents, groups)


def _items(columns: Columns, symmetric: Bools, *, typed: bool) -> Facts:
    pairs, relations = columns.pairs, columns.relations
    doc, kind = relations.doc[pairs.relation], relations.type[pairs.relation]
    sides = _sides(columns, symmetric)
    lost = (pairs.head < 0) | (pairs.tail < 0)
    repeated = repeated_rows(doc, kind, *sides, relations.factuality[pairs.relation])
    return Facts(doc, kind, sides if typed else (*sides[:2], *sides[3:5]), repeated, lost)


def _sides(columns: Columns, symmetric: Bools) -> tuple[Ints, ...]:
    """(start, end, type) of the head mention, then of the tail mention; the earlier first where unordered."""
    pairs, (_, start, end, kind) = columns.pairs, columns.mentions
    padded = [np.append(column, [0, 0, 0]) for column in (start, end, kind)]
    head = [column[pairs.head] for column in padded]
    tail = [column[pairs.tail] for column in padded]
    later = (tail[0] < head[0]) | ((tail[0] == head[0]) & ((tail[1] < head[1]) | ((tail[1] == head[1]) & (tail[2] < head[2]))))
    swap = symmetric[columns.relations.type[pairs.relation]] & later
    ordered = [np.where(swap, b, a) for a, b in zip(head + tail, tail + head, strict=True)]
    return tuple(ordered)


def _evidence(columns: Columns, symmetric: Bools) -> Ints:
    """A number for each relation's set of evidence spans: a sum of 64-bit mixes, so order does not matter."""
    sides = _sides(columns, symmetric)
    lost = (columns.pairs.head < 0) | (columns.pairs.tail < 0)
    mixed: NDArray[np.uint64] = np.zeros(len(lost), dtype=np.uint64)
    for column in sides:
        mixed = _mix(mixed ^ column.astype(np.uint64))
    mixed[lost] = 1
    first = ~repeated_rows(columns.pairs.relation, mixed.view(np.int64) >> 1)
    total = np.zeros(len(columns.relations.doc), dtype=np.uint64)
    np.add.at(total, columns.pairs.relation[first], mixed[first])
    return np.unique(total, return_inverse=True)[1].astype(np.int64)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit numbers (splitmix64; Steele et al. 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
