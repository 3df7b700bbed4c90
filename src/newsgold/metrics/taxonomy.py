"""What is wrong with each item: exactly one class for every gold and every predicted one.

The rules are tried in the order of the tables below; what one of them has
classed takes no part in the later ones. "Pairs" are one to one. Everything
depends on spans and labels alone, never on ids or the order of lists.

**Mentions** of the scored kinds; the items of ``mentions.strict``:

    correct           pairs of equal span and type
    duplicate         a further copy, on the same side, of a mention; it has no partner
    type              pairs of equal span; where a span has several left, in the order of types
    split             a gold mention and the predictions inside it, if two of these do not overlap each other
    merge             a prediction and the gold mentions inside it, if two of these do not overlap each other
    boundary          pairs that overlap and have the same type, as many as there can be
    boundary_type     pairs that overlap and have different types, as many as there can be
    missed, spurious  the rest, of gold and of the predictions

A mention inside several others belongs to the shortest of them; among equals to one of its type; then to the
first in the text. "Inside" is wholly inside; an empty span, as items at fault have, overlaps nothing.

**Relations**, the distinct triples of ``relations.mapped`` and their repetitions:

    correct            the triple is on both sides
    duplicate          a repetition without partner
    direction          pairs of the same relation with head and tail exchanged; symmetric relations have none
    type               pairs of different relations between the same two entities, in the same direction if possible
    inherited_cluster  pairs of the same relation that would be one triple if the predicted arguments stood for other gold
                       entities with which they share a mention
    inherited_mention  an argument shares no mention with any entity of the other side
    inherited_cluster  of gold: an argument shares mentions with predicted entities, but all of them stand for others
    missed, spurious   the rest, and relations at fault

**Stance**, the distinct tuples of ``stance.tuple`` and their repetitions:

    correct           the tuple is on both sides
    duplicate         a repetition without partner
    flip              pairs of the same holder and target; without a partner, if the other side is neutral there
    wrong_holder      pairs of the same target and polarity
    wrong_target      pairs of the same holder and polarity
    missed, spurious  the rest, and stances at fault
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Ints, Matches, member
from newsgold.metrics.columns import NOWHERE, Spans
from newsgold.metrics.mentions import Block
from newsgold.metrics.overlaps import Line, chunks, most_pairs
from newsgold.metrics.suite import Evaluation

CLASSES = {
    "mentions.strict": ("correct", "duplicate", "type", "split", "merge", "boundary", "boundary_type", "missed", "spurious"),
    "relations.mapped": (
        *("correct", "duplicate", "direction", "type", "inherited_mention", "inherited_cluster", "missed", "spurious"),
    ),
    "stance.tuple": ("correct", "duplicate", "flip", "wrong_holder", "wrong_target", "missed", "spurious"),
}
"""The classes of each headline that has any; their numbers are their places."""
MENTION_CODES, RELATION_CODES, STANCE_CODES = ({name: number for number, name in enumerate(names)} for names in CLASSES.values())

NONE = np.zeros(0, dtype=np.int64)

PAIRS = 1 << 20
"""About how many pairs of spans, of which one starts inside the other, are listed at a time."""


class Items(NamedTuple):
    """Items of both sides, one row each, in any order."""

    side: Ints
    """0 for gold, 1 for predictions."""
    doc: Ints
    label: Ints
    """The number of the mention's type, of the relation, or of the polarity."""
    start: Ints
    """Of the mention; of the first mention of the head or holder. Negative where there is no place in the text:
    AUTHOR_ROW and UNKNOWN_ROW for these holders, others for what is at fault."""
    end: Ints
    to_start: Ints
    """Of the first mention of the tail or target; mentions have none."""
    to_end: Ints
    code: Ints
    """The number of the class."""
    partner: Ints
    """The row of the item it goes with, of several the first; −1 for none."""


class Verdict(NamedTuple):
    """Class and partner of each thing of one side."""

    code: Ints
    partner: Ints


class Verdicts(NamedTuple):
    """Those of both sides, filled in rule by rule."""

    gold: Verdict
    pred: Verdict

    def pair(self, code: int, pairs: Matches) -> None:
        """Class things that go together; the partner of one that goes with several is the first."""
        for verdict, own, other in ((self.gold, *pairs), (self.pred, *pairs[::-1])):
            verdict.code[own] = code
            verdict.partner[own[::-1]] = other[::-1]


def unclassed(gold: int, pred: int, codes: dict[str, int]) -> Verdicts:
    """Everything missed or spurious."""
    sides = ((gold, codes["missed"]), (pred, codes["spurious"]))
    return Verdicts(*(Verdict(np.full(size, code), np.full(size, -1)) for size, code in sides))


def rest(rows: Matches, taken: Matches) -> Matches:
    """Rows of both sides without those that are taken; no pairs."""
    return Matches(*(own[~member(own, gone)] for own, gone in zip(rows, taken, strict=True)))


# --------------------------------------------------------------------- mentions


def mentions(evaluation: Evaluation) -> Items:
    """The items of ``mentions.strict``."""
    parts = [Items(*(NONE for _ in Items._fields))]
    doc = row = 0
    for block in evaluation.compared.blocks:
        part = _of_block(block)
        parts.append(part._replace(doc=part.doc + doc, partner=np.where(part.partner < 0, -1, part.partner + row)))
        doc, row = doc + block.documents, row + len(part.code)
    items = Items(*map(np.concatenate, zip(*parts, strict=True)))
    nowhere = np.broadcast_to(np.int64(NOWHERE), items.doc.shape)
    return items._replace(to_start=nowhere, to_end=nowhere)


def _of_block(block: Block) -> Items:
    """The mentions of some documents."""
    verdicts = unclassed(len(block.gold.doc), len(block.pred.doc), MENTION_CODES)
    verdicts.gold.code[block.gold_copy] = MENTION_CODES["duplicate"]
    verdicts.pred.code[block.pred_copy] = MENTION_CODES["duplicate"]
    verdicts.pair(MENTION_CODES["correct"], block.same)
    verdicts.pair(MENTION_CODES["type"], block.retyped)
    free = Matches(*block.moved)
    for name, rule in _RULES.items():
        pairs = rule(block, free)
        verdicts.pair(MENTION_CODES[name], pairs)
        free = rest(free, pairs)
    doc, start, end, label = (np.concatenate(both) for both in zip(block.gold, block.pred, strict=True))
    side = np.repeat([0, 1], [len(block.gold.doc), len(block.pred.doc)])
    (gold, of_gold), (pred, of_pred) = verdicts
    partner = np.concatenate([np.where(of_gold < 0, -1, of_gold + len(gold)), of_pred])
    return Items(side, doc, label, start, end, NONE, NONE, np.concatenate([gold, pred]), partner)


def _split(block: Block, free: Matches) -> Matches:
    return _several(block, (block.gold, free.left), (block.pred, free.right))


def _merged(block: Block, free: Matches) -> Matches:
    return Matches(*_several(block, (block.pred, free.right), (block.gold, free.left))[::-1])


def _boundary(block: Block, free: Matches, *, typed: bool) -> Matches:
    sides = block.gold.take(free.left), block.pred.take(free.right)
    found = most_pairs(*(block.line(side, typed=typed) for side in sides))
    return Matches(free.left[found.left], free.right[found.right])


_RULES: dict[str, Callable[[Block, Matches], Matches]] = {
    "split": _split,
    "merge": _merged,
    "boundary": partial(_boundary, typed=True),
    "boundary_type": partial(_boundary, typed=False),
}
"""The rules for mentions whose span the other side does not have, in order."""


def _several(block: Block, outer: tuple[Spans, Ints], inner: tuple[Spans, Ints]) -> Matches:
    """Some mentions with those inside them, of which two at least do not overlap each other; once for each of these."""
    (wholes, outer_rows), (parts, inner_rows) = outer, inner
    wholes, parts = wholes.take(outer_rows), parts.take(inner_rows)
    part = block.line(parts)
    owner = _owners(block.line(wholes), part, wholes.type, parts.type)
    owned = np.flatnonzero(owner >= 0)
    first_end = np.full(len(outer_rows), np.iinfo(np.int64).max)
    last_start = np.full(len(outer_rows), np.iinfo(np.int64).min)
    np.minimum.at(first_end, owner[owned], part.end[owned])
    np.maximum.at(last_start, owner[owned], part.start[owned])
    owned = owned[(first_end <= last_start)[owner[owned]]]
    return Matches(outer_rows[owner[owned]], inner_rows[owned])


def _owners(outer: Line, inner: Line, outer_type: Ints, inner_type: Ints) -> Ints:
    """For each inner interval the outer one that it is inside of and belongs to, −1 for none; both sorted by start."""
    low = np.searchsorted(inner.start, outer.start, "left")
    high = np.searchsorted(inner.start, outer.end, "left")
    length = np.unique(outer.end - outer.start, return_inverse=True)[1]
    size = len(length)
    none = np.iinfo(np.int64).max
    best = np.full(len(inner.start), none)
    for a, b in chunks(high - low, PAIRS):
        count = (high - low)[a:b]
        o = np.repeat(np.arange(a, b), count)
        i = np.arange(len(o)) + np.repeat(high[a:b] - np.cumsum(count), count)
        inside = (inner.end[i] <= outer.end[o]) & (inner.end[i] > inner.start[i])
        o, i = o[inside], i[inside]
        np.minimum.at(best, i, (length[o] * 2 + (outer_type[o] != inner_type[i])) * size + o)
    return np.where(best < none, best % max(size, 1), -1)
