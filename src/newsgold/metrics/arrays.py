"""The few array operations that every metric is made of.

Keys are tuples of small non-negative integers, packed into one int64 so that
sorting and matching them is one vectorised step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def pack(*fields: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """One int64 key a row for two sides, equal exactly where all fields are equal, ordered like the tuples.

    Each field is a pair (left, right) of integer columns; negative values are allowed.
    Where the fields need more than 63 bits, leading ones are replaced by their ranks first.
    """
    left, right = (side.astype(np.int64) for side in fields[0])
    left, right, room = _from_zero(left, right)
    for a, b in fields[1:]:
        a, b, width = _from_zero(a, b)
        if room * width >= 2**62:
            ranks = np.unique(np.concatenate([left, right]), return_inverse=True)[1].astype(np.int64)
            left, right, room = ranks[: len(left)], ranks[len(left) :], int(ranks.max(initial=0)) + 1
        for key, field in ((left, a), (right, b)):
            key *= width
            key += field
        room *= width
    return left, right


def _from_zero(a: Ints, b: Ints) -> tuple[Ints, Ints, int]:
    low = min(int(a.min(initial=0)), int(b.min(initial=0)))
    high = max(int(a.max(initial=0)), int(b.max(initial=0)))
    return (a, b, high + 1) if low == 0 else (a - low, b - low, high - low + 1)


def copies(keys: Ints) -> Ints:
    """For sorted keys: which copy of its key each row is, counting from 0."""
    out = np.zeros(len(keys), dtype=np.int64)
    again = np.flatnonzero(keys[1:] == keys[:-1]) + 1
    if len(again):
        run = np.flatnonzero(np.diff(again, prepend=-1) > 1)
        out[again] = np.arange(1, len(again) + 1) - np.repeat(run, np.diff(run, append=len(again)))
    return out


class Matches(NamedTuple):
    """Row numbers of matched items: ``left[i]`` goes with ``right[i]``."""

    left: Ints
    right: Ints


class Ordered(NamedTuple):
    """Sorted keys, and the rows they come from; no rows where they were sorted before."""

    keys: Ints
    order: Ints | None

    def rows(self, at: Ints) -> Ints:
        """The rows at some places of the order."""
        return at if self.order is None else self.order[at]


def ordered(keys: Ints, *, stable: bool = True) -> Ordered:
    """Sorted keys; free where they are sorted already. Where equal keys mean equal rows, it need not be stable."""
    if bool(np.all(keys[1:] >= keys[:-1])):
        return Ordered(keys, None)
    order = np.argsort(keys, kind="stable" if stable else "quicksort")
    return Ordered(keys[order], order)


def match_multiset(left: Ints, right: Ints) -> Matches:
    """One-to-one matches of equal keys: as many of a key as both sides have, in row order."""
    if len(left) == 0:
        return Matches(left, left)
    a, b = ordered(left), ordered(right)
    at = np.searchsorted(a.keys, b.keys)
    at += copies(b.keys)
    hit = np.flatnonzero((at < len(left)) & (a.keys.take(at, mode="clip") == b.keys))
    return Matches(a.rows(at[hit]), b.rows(hit))


def join(left: Ints, right: Ints) -> Matches:
    """Every pair of rows with equal keys (many to many)."""
    keys, order = ordered(right)
    low = np.searchsorted(keys, left, "left")
    count = np.searchsorted(keys, left, "right") - low
    rows = np.repeat(np.arange(len(left)), count)
    start = np.repeat(low - np.concatenate([[0], np.cumsum(count)[:-1]]) if len(count) else low, count)
    at = start + np.arange(len(rows))
    return Matches(rows, at if order is None else order[at])


def member(keys: Ints, of: Ints) -> Bools:
    """Which keys occur in ``of``."""
    return np.isin(keys, of)


def first_rows(keys: Ints) -> Ints:
    """The row of the first copy of each distinct key, in row order."""
    return np.sort(np.unique(keys, return_index=True)[1])


def rank_rows(fields: Sequence[Ints]) -> Ints:
    """Dense ranks of rows compared field by field; equal rows have equal ranks."""
    empty = np.zeros(0, dtype=np.int64)
    key, _ = pack(*((field, empty) for field in fields))
    return np.unique(key, return_inverse=True)[1].astype(np.int64)
