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
        a, b, width = _from_zero(a.astype(np.int64), b.astype(np.int64))
        if room * width >= 2**62:
            ranks = np.unique(np.concatenate([left, right]), return_inverse=True)[1].astype(np.int64)
            left, right, room = ranks[: len(left)], ranks[len(left) :], int(ranks.max(initial=0)) + 1
        left, right, room = left * width + a, right * width + b, room * width
    return left, right


def _from_zero(a: Ints, b: Ints) -> tuple[Ints, Ints, int]:
    low = min(int(a.min(initial=0)), int(b.min(initial=0)))
    high = max(int(a.max(initial=0)), int(b.max(initial=0)))
    return (a, b, high + 1) if low == 0 else (a - low, b - low, high - low + 1)


def copies(keys: Ints) -> Ints:
    """For sorted keys: which copy of its key each row is, counting from 0."""
    if len(keys) == 0:
        return keys
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return np.arange(len(keys)) - np.repeat(first, np.diff(np.append(first, len(keys))))


class Matches(NamedTuple):
    """Row numbers of matched items: ``left[i]`` goes with ``right[i]``."""

    left: Ints
    right: Ints


def match_multiset(left: Ints, right: Ints) -> Matches:
    """One-to-one matches of equal keys: as many of a key as both sides have, in row order."""
    left_order, right_order = _order(left), _order(right)
    a, b = left[left_order], right[right_order]
    at = np.searchsorted(a, b) + copies(b)
    hit = at < len(a)
    hit[hit] = a[at[hit]] == b[hit]
    return Matches(left_order[at[hit]], right_order[hit])


def _order(keys: Ints) -> Ints:
    """A stable sorting order; free where the keys are sorted already."""
    if len(keys) < 2 or bool(np.all(keys[1:] >= keys[:-1])):
        return np.arange(len(keys))
    return np.argsort(keys, kind="stable")


def join(left: Ints, right: Ints) -> Matches:
    """Every pair of rows with equal keys (many to many)."""
    order = _order(right)
    keys = right[order]
    low = np.searchsorted(keys, left, "left")
    count = np.searchsorted(keys, left, "right") - low
    rows = np.repeat(np.arange(len(left)), count)
    start = np.repeat(low - np.concatenate([[0], np.cumsum(count)[:-1]]) if len(count) else low, count)
    return Matches(rows, order[start + np.arange(len(rows))])


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
