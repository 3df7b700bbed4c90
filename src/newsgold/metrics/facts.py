"""Things said, compared as sets: the common ground of relations and stance.

Each distinct thing that either side says becomes one row of :class:`Said`, with
how often each side says it; metrics are sums over chosen rows. An item that one
side repeats counts each time, and matches no more often than the other side has
it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Bools, Floats, Ints, copies, pack
from newsgold.metrics.columns import Columns
from newsgold.metrics.counts import Counts


class Facts(NamedTuple):
    """What one side says, one row each: rows with equal keys say the same, whichever side they are on."""

    doc: Ints
    key: Ints
    """Not negative, and below 2^62; see :class:`Keys`."""
    mark: Ints
    """The first of the fields that tell a repetition (all equal) from a thing said anew, at another place."""
    again: Callable[[Ints], tuple[Ints, ...]]
    """For some rows the rest of those fields."""
    lost: Bools
    """Whether the row names what does not exist: a thing of its own that equals no other."""


class Keys(NamedTuple):
    """How a key is read: ``key // width`` belongs to the document ``owner[key // width]``, ``key % groups`` is the group."""

    owner: Ints
    width: int
    groups: int

    def type(self) -> type[np.signedinteger]:
        """The smallest type that the keys fit in, with a bit to spare: halving them halves the time."""
        return np.int32 if len(self.owner) * self.width < 2**30 else np.int64


@dataclass(frozen=True)
class Said:
    """Every distinct thing that either side says, one row each; what is lost comes last."""

    doc: Ints
    group: Ints
    key: Ints
    """In rising order, for what is not lost."""
    gold: Ints
    """How often it counts on the gold side: 0 where gold does not say it, else 1 and its repetitions."""
    pred: Ints
    sides: tuple[Facts, Facts]

    @cached_property
    def common(self) -> Bools:
        """Which facts both sides state."""
        both: Bools = (self.gold > 0) & (self.pred > 0)
        return both

    @cached_property
    def gold_fact(self) -> Ints:
        """For each row of gold the number of its fact."""
        return self._facts(self.sides[0], len(self.key))

    @cached_property
    def pred_fact(self) -> Ints:
        """For each row of the predictions the number of its fact."""
        return self._facts(self.sides[1], len(self.key) + np.count_nonzero(self.sides[0].lost))

    def _facts(self, side: Facts, lost: int) -> Ints:
        at = np.searchsorted(self.key, side.key)
        at[side.lost] = lost + np.arange(np.count_nonzero(side.lost))
        return at


def meet(gold: Facts, pred: Facts, keys: Keys) -> Said:
    """The distinct things of both sides."""
    sides = (gold, pred)
    kept = [side.key[~side.lost] if side.lost.any() else side.key for side in sides]
    # the low bit tells the side: of what both say gold's comes first
    both = np.concatenate(kept)
    both <<= 1
    both[len(kept[0]) :] |= 1
    both.sort()
    same = both[1:] == both[:-1]
    several = both[1:][same] >> 1
    if len(several):
        both = both[np.concatenate([[True], ~same])]
    key = both >> 1
    new = np.ones(len(key), dtype=bool)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    first = np.flatnonzero(new)
    key = key[first]
    said = [(both[first] & 1) ^ 1, both[np.append(first[1:], len(both))[: len(first)] - 1] & 1]
    lost = [np.flatnonzero(side.lost) for side in sides]
    times = []
    for number, side in enumerate(sides):
        counted = said[number].astype(np.int64)
        rows = _repeated(side, several)
        if len(rows):
            counted += np.bincount(np.searchsorted(key, side.key[rows]), minlength=len(key))
        times.append(np.concatenate([counted, *(np.full(len(rows), int(n == number)) for n, rows in enumerate(lost))]))
    doc = [keys.owner[key // keys.width], *(side.doc[rows] for side, rows in zip(sides, lost, strict=True))]
    group = [key % keys.groups, *(side.key[rows] % keys.groups for side, rows in zip(sides, lost, strict=True))]
    return Said(np.concatenate(doc), np.concatenate(group), key, times[0], times[1], sides)


def _repeated(side: Facts, several: Ints) -> Ints:
    """The rows that say again what an earlier row says, given the keys that occur several times on a side."""
    if len(several) == 0:
        return several.astype(np.int64)
    # two cheap looks, at the key and at one more field, leave few rows for the last one
    rows = np.flatnonzero(_among(side.key, several) & ~side.lost)
    key, _ = pack((side.key[rows], several[:0]), (side.mark[rows], several[:0]))
    twice = np.sort(key)
    few = np.flatnonzero(_among(key, twice[1:][twice[1:] == twice[:-1]]))
    return rows[few[repeated_rows(key[few], *side.again(rows[few]))]]


def _among(key: Ints, some: Ints) -> Bools:
    """Which keys may be among some few; hardly any others: a table of the keys' low bits."""
    mask = (1 << (32 * len(some)).bit_length()) - 1
    marked = np.zeros(mask + 1, dtype=bool)
    marked[some & mask] = True
    among: Bools = marked[key & mask]
    return among


def count(said: Said, documents: int, groups: int, where: Bools | None = None, group: Ints | None = None) -> Counts:
    """Counts of the facts, or of those that ``where`` marks, in their own groups or in others."""
    at = said.doc * groups + (said.group if group is None else group)
    # one look at each fact: said by gold (1), by the predictions (2), by both (3)
    state = (said.gold > 0) + 2 * (said.pred > 0)
    if where is not None:
        state *= where
    size = documents * groups
    cells = np.bincount(state * size + at, minlength=4 * size).reshape(4, size)
    more = np.flatnonzero(((said.gold > 1) | (said.pred > 1)) & (state > 0))
    gold, pred = np.maximum(said.gold[more] - 1, 0), np.maximum(said.pred[more] - 1, 0)
    sums = cells[3], cells[2] + cells[3], cells[1] + cells[3]
    for total, repetitions in zip(sums, (np.minimum(gold, pred), pred, gold), strict=True):
        np.add.at(total, at[more], repetitions)
    found, p_den, r_den = (total.astype(np.float64).reshape(documents, groups) for total in sums)
    return Counts(found, p_den, found, r_den)


def add_up(at: Ints, weight: Ints, documents: int, groups: int) -> Floats:
    """Sums of weights by ``document * groups + group``, shape (documents, groups)."""
    sums: Floats = np.bincount(at, weights=weight, minlength=documents * groups).astype(np.float64)
    return sums.reshape(documents, groups)


def repeated_rows(*fields: Ints) -> Bools:
    """Which rows equal an earlier row in all fields."""
    empty = np.zeros(0, dtype=np.int64)
    key, _ = pack(*((field, empty) for field in fields))
    repeated = np.ones(len(key), dtype=bool)
    repeated[np.unique(key, return_index=True)[1]] = False
    return repeated


class Meaning(NamedTuple):
    """What the entities of one side stand for, in numbers that both sides share.

    Rows −1 (AUTHOR) and −2 (UNKNOWN) mean themselves; row −3 is a dangling id, which facts have to mark as lost.
    """

    number: Ints
    """Unique in the corpus."""
    place: Ints
    """Unique in the document, and smaller."""


class Meanings(NamedTuple):
    """The meanings of both sides."""

    gold: Meaning
    pred: Meaning
    owner: Ints
    """The document of each number."""
    places: int
    """One more than the largest place."""


def meanings(gold: Columns, pred: Columns, gold_rank: Ints, mapping: Ints) -> Meanings:
    """Gold entities mean themselves; predicted ones the gold entity they stand for, or, without one, themselves."""
    size, own = len(gold_rank), np.arange(len(mapping))
    begin = np.zeros(gold.documents + 1, dtype=np.int64)
    np.cumsum(np.bincount(gold.entity_doc, minlength=gold.documents), out=begin[1:])
    place = gold_rank - begin[gold.entity_doc]
    width = int(place.max(initial=-1)) + 1
    order = np.argsort(pred.entity_doc, kind="stable")
    own_place = np.empty(len(mapping), dtype=np.int64)
    own_place[order] = width + copies(pred.entity_doc[order])
    mapped = mapping >= 0
    pred_place = np.where(mapped, mapping - begin[pred.entity_doc], own_place)
    places = max(width, int(pred_place.max(initial=-1)) + 1)
    owner = np.concatenate([gold.entity_doc, pred.entity_doc])
    owner[gold_rank] = gold.entity_doc
    return Meanings(
        Meaning(np.append(gold_rank, [0, 0, 0]), np.append(place, [0, places, places + 1])),
        Meaning(np.append(np.where(mapped, mapping, size + own), [0, 0, 0]), np.append(pred_place, [0, places, places + 1])),
        owner,
        places + 2,
    )
