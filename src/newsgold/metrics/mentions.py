"""Mentions: which spans were found, and with which type.

Source: Segura-Bedmar et al. 2013 (SemEval-2013 task 9) for the schemas; the
alignment is ours, optimal and one-to-one for each schema, so that no score
depends on the order of a list.

What is common to all schemas:

*   A mention is paired once. Nested, crossing and identical spans need no care.
*   A **further copy** of a mention (same document, span and type) can only be
    paired with a further copy on the other side; else it counts and matches
    nothing. So to repeat a prediction never pays.
*   Numerators and denominators of precision go to the predicted type's group,
    those of recall to the gold type's. Totals are those of any optimal
    alignment. Where a schema pairs different types, the groups' figures are
    those of one alignment: equal span and type first, then equal span, then
    overlaps; within each step by spans and then type numbers.
*   No gold and no predictions: undefined.

strict ≤ exact ≤ partial, strict ≤ type and exact ≤ iou hold for P, R and F1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Bools, Floats, Ints, Matches, match_multiset, ordered, pack
from newsgold.metrics.columns import Spans
from newsgold.metrics.counts import Counts, tally
from newsgold.metrics.overlaps import Line, alone, chunks, most_iou, most_pairs, overlap

BLOCK = 1 << 18
"""About how many mentions are compared at a time, in whole documents: this bounds memory and keeps to the caches."""


@dataclass(frozen=True)
class Block:
    """Gold and predicted mentions of some documents, and the pairs that several schemas share."""

    gold: Spans
    """Sorted by (doc, start, end, type)."""
    pred: Spans
    documents: int
    types: int
    same: Matches
    """Pairs of equal span and type: the multiset intersection."""
    gold_copy: Bools
    """Which rows equal the row before them."""
    pred_copy: Bools

    @cached_property
    def p_den(self) -> Floats:
        """How many mentions were predicted."""
        return self._tally(self.pred)

    @cached_property
    def r_den(self) -> Floats:
        """How many mentions there are."""
        return self._tally(self.gold)

    @cached_property
    def right(self) -> Floats:
        """How many have equal span and type."""
        return self._tally(self.gold, self.same.left)

    @cached_property
    def free(self) -> Matches:
        """Rows of both sides, not in ``same`` and no further copies: what may be paired otherwise. Not pairs."""
        return Matches(_without(~self.gold_copy, self.same.left), _without(~self.pred_copy, self.same.right))

    @cached_property
    def retyped(self) -> Matches:
        """Of these, pairs of equal span; in the order of type where a span has several."""
        g, p = self.free
        found = match_multiset(*pack(*zip(self.gold.take(g)[:3], self.pred.take(p)[:3], strict=True)))
        return Matches(g[found.left], p[found.right])

    @cached_property
    def moved(self) -> tuple[Ints, Ints]:
        """Rows of both sides that are in neither: no partner has their span."""
        g, p = (np.setdiff1d(a, b, assume_unique=True) for a, b in zip(self.free, self.retyped, strict=True))
        return g, p

    def line(self, side: Spans, *, typed: bool = False) -> Line:
        """Spans on one line, on which the documents, or the types and in them the documents, lie end to end."""
        low, width = self._frame
        at = (side.doc + side.type * self.documents if typed else side.doc) * width - low
        return Line(at + side.start, at + side.end)

    @cached_property
    def _frame(self) -> tuple[int, int]:
        low = min(int(side.start.min(initial=0)) for side in (self.gold, self.pred))
        return low, max(int(side.end.max(initial=0)) for side in (self.gold, self.pred)) - low

    def counts(self, *further: tuple[Matches, float | Floats]) -> Counts:
        """The counts of ``same`` and of further pairs, each with its credit."""
        p_num, r_num = self.right.copy(), self.right.copy()
        for pairs, credit in further:
            r_num += self._tally(self.gold, pairs.left, credit)
            p_num += self._tally(self.pred, pairs.right, credit)
        return Counts(p_num, self.p_den, r_num, self.r_den)

    def _tally(self, side: Spans, rows: Ints | slice = slice(None), credit: float | Floats = 1.0) -> Floats:
        weight = None if isinstance(credit, float) else credit
        out = tally(side.doc[rows], side.type[rows], self.documents, self.types, weight)
        return out * credit if weight is None else out


def _without(mask: Bools, rows: Ints) -> Ints:
    mask[rows] = False
    return np.flatnonzero(mask)


class Compared(NamedTuple):
    """Gold and predicted mentions of all documents, in blocks; made by :func:`compare`."""

    types: int
    blocks: list[Block]

    def counts(self, of_block: Callable[[Block], Counts]) -> Counts:
        """The counts of all documents."""
        none = Counts(*(np.zeros((0, self.types)) for _ in Counts._fields))
        parts = zip(none, *map(of_block, self.blocks), strict=True)
        return Counts(*(np.concatenate(part) for part in parts))


def compare(gold: Spans, pred: Spans, documents: int, types: int) -> Compared:
    """What :func:`strict`, :func:`exact`, :func:`type_`, :func:`partial` and :func:`iou` count from.

    Rows may be in any order. Empty spans and negative offsets, which faulty items have, are allowed; an
    empty span overlaps nothing.
    """
    sides = [side if (order := ordered(side.doc, stable=False).order) is None else side.take(order) for side in (gold, pred)]
    sizes = [np.bincount(side.doc, minlength=documents) for side in sides]
    begins = [np.concatenate([[0], np.cumsum(size)]) for size in sizes]
    blocks = []
    for a, b in chunks(sizes[0] + sizes[1], BLOCK):
        left, right = (side.take(slice(begin[a], begin[b])) for side, begin in zip(sides, begins, strict=True))
        blocks.append(_block(left._replace(doc=left.doc - a), right._replace(doc=right.doc - a), b - a, types))
    return Compared(types, blocks)


def _block(gold: Spans, pred: Spans, documents: int, types: int) -> Block:
    """A block, once its rows are sorted."""
    keys = pack(*zip(_by_length(gold), _by_length(pred), strict=True))
    left, right = (ordered(key, stable=False) for key in keys)
    gold = gold if left.order is None else gold.take(left.order)
    pred = pred if right.order is None else pred.take(right.order)
    same = match_multiset(left.keys, right.keys)
    return Block(gold, pred, documents, types, same, _repeats(left.keys), _repeats(right.keys))


def _by_length(spans: Spans) -> Spans:
    """The same order, in fewer bits."""
    return spans._replace(end=spans.end - spans.start)


def _repeats(keys: Ints) -> Bools:
    out = np.zeros(len(keys), dtype=bool)
    np.equal(keys[1:], keys[:-1], out=out[1:])
    return out


def strict(compared: Compared) -> Counts:
    """Mentions with the right span and the right type.

    Formula: matches = multiset intersection of (document, start, end, type); P = matches / predicted,
    R = matches / gold. Groups are the types.

    Source: the "strict" schema of SemEval-2013 task 9, equal to the exact-match F1 of CoNLL-2003
    (Tjong Kim Sang and De Meulder 2003) on flat data. nervaluate 1.2.1 differs where spans overlap: it
    matches greedily in list order, and its counts change when a list is reversed.
    """
    return compared.counts(Block.counts)


def exact(compared: Compared) -> Counts:
    """Mentions with the right span, whatever their type.

    Formula: the largest number of one-to-one pairs of equal spans; P = pairs / predicted, R = pairs / gold.

    Edge cases: two predictions of one span and two types may be paired with gold's two, whatever the types.

    Source: "exact boundary matching" of SemEval-2013 task 9. nervaluate as for :func:`strict`.
    """
    return compared.counts(lambda block: block.counts((block.retyped, 1.0)))


def type_(compared: Compared) -> Counts:
    """Mentions of the right type that overlap the right place: one shared character is enough.

    Formula: the largest number of one-to-one pairs that overlap and have equal types; P = pairs /
    predicted, R = pairs / gold. Groups are the types; their figures too are the same in every optimal alignment.

    Edge cases: equal spans need not be paired with each other where more pairs come of it.

    Source: "type" (ent_type) of SemEval-2013 task 9. nervaluate 1.2.1 pairs a prediction with the first
    overlapping gold mention of the list, whatever its type, and so may find fewer.
    """
    return compared.counts(_type)


def _type(block: Block) -> Counts:
    same = block.same
    lone = alone(block.line(block.gold))[same.left] & alone(block.line(block.pred))[same.right]
    settled = tally(block.gold.doc[same.left[lone]], block.gold.type[same.left[lone]], block.documents, block.types)
    gold = block.gold.take(_unsettled(block.gold_copy, same.left, lone))
    pred = block.pred.take(_unsettled(block.pred_copy, same.right, lone))
    rows = most_pairs(block.line(gold, typed=True), block.line(pred, typed=True)).left
    found = settled + tally(gold.doc[rows], gold.type[rows], block.documents, block.types)
    return Counts(found, block.p_den, found, block.r_den)


def _unsettled(copy: Bools, same: Ints, settled: Bools) -> Ints:
    """Rows that may be paired by type, but for pairs of equal spans that overlap nothing else: they are certain."""
    out = ~copy
    out[same] = ~settled
    return np.flatnonzero(out)


def partial(compared: Compared) -> Counts:
    """Mentions whose span is right or overlaps, whatever their type: 1 for an equal span, ½ for an overlap.

    Formula: the largest sum of credit over one-to-one pairs; P = credit / predicted, R = credit / gold.

    Method: equal spans are paired first, then as many of the rest as can be. No pairing is better: if two
    mentions of equal span had other partners, to pair them with each other wins 1 for at most ½ + ½.

    Source: "partial boundary matching" of SemEval-2013 task 9. nervaluate as for :func:`type_`.
    """
    return compared.counts(lambda block: block.counts((block.retyped, 1.0), (_rest(block, most_pairs), 0.5)))


def iou(compared: Compared) -> Counts:
    """How much of the mentions was found, whatever their type: intersection over union.

    Formula: the largest sum, over one-to-one pairs, of |intersection| / |union| in characters;
    P = sum / predicted, R = sum / gold.

    Method: equal spans are paired first; no pairing is better, since 1 − IoU (the Jaccard distance) obeys the
    triangle inequality. The rest is an assignment problem.

    Edge cases: an equal span has credit 1, so exact ≤ iou.

    Source: ours; the credit is Jaccard 1912, the optimal assignment as in CEAF (Luo 2005). neleval's overlap
    measures and SemEval-2022 task 10 let one mention share in many others.
    """
    return compared.counts(_iou)


def _iou(block: Block) -> Counts:
    pairs = _rest(block, most_iou)
    credit = overlap(block.line(block.gold.take(pairs.left)), block.line(block.pred.take(pairs.right)))
    return block.counts((block.retyped, 1.0), (pairs, credit))


def _rest(block: Block, method: Callable[[Line, Line], Matches]) -> Matches:
    """Pairs of mentions that have no partner of their own span."""
    g, p = block.moved
    found = method(block.line(block.gold.take(g)), block.line(block.pred.take(p)))
    return Matches(g[found.left], p[found.right])
