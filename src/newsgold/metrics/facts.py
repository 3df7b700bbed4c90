"""Things said, compared as sets: the common ground of relations and stance.

An item that one side repeats counts each time, and matches no more often than
the other side has it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Bools, Ints, pack
from newsgold.metrics.counts import Counts, tally

OWN = np.int64(2**31)
"""Identities from here on belong to one side only and match nothing."""


class Facts(NamedTuple):
    """What one side says, one row each: rows with equal (doc, group, key) say the same."""

    doc: Ints
    group: Ints
    key: tuple[Ints, ...]
    repeated: Bools
    """Whether the row says again what an earlier one says, rather than adding to it."""
    lost: Bools
    """Whether the row names what does not exist: a thing of its own that equals no other."""


def compare(gold: Facts, pred: Facts, documents: int, groups: int) -> Counts:
    """Counts of the distinct things each side says, plus its repetitions.

    A thing said once by one side and k times by the other matches once and counts k times.
    """
    g_key, p_key = pack((gold.doc, pred.doc), (gold.group, pred.group), *zip(gold.key, pred.key, strict=True))
    g_rows, g_times, g_keys = _times(g_key, gold, 0)
    p_rows, p_times, p_keys = _times(p_key, pred, 1)
    _, left, right = np.intersect1d(g_keys, p_keys, assume_unique=True, return_indices=True)
    rows = g_rows[left]
    right_counts = np.minimum(g_times[left], p_times[right]).astype(np.float64)
    found = tally(gold.doc[rows], gold.group[rows], documents, groups, right_counts)
    p_den = tally(pred.doc[p_rows], pred.group[p_rows], documents, groups, p_times.astype(np.float64))
    r_den = tally(gold.doc[g_rows], gold.group[g_rows], documents, groups, g_times.astype(np.float64))
    return Counts(found, p_den, found, r_den)


def _times(key: Ints, facts: Facts, side: int) -> tuple[Ints, Ints, Ints]:
    """For each distinct key: a row that has it, how often it is said, the key."""
    key = np.where(facts.lost, -1 - side - 2 * np.arange(len(key)), key)
    repeated = facts.repeated & ~facts.lost
    keys, rows, inverse = np.unique(key, return_index=True, return_inverse=True)
    again = np.bincount(inverse, weights=repeated, minlength=len(keys)).astype(np.int64)
    return rows.astype(np.int64), 1 + again, keys


def repeated_rows(*fields: Ints) -> Bools:
    """Which rows equal an earlier row in all fields."""
    empty = np.zeros(0, dtype=np.int64)
    key, _ = pack(*((field, empty) for field in fields))
    repeated = np.ones(len(key), dtype=bool)
    repeated[np.unique(key, return_index=True)[1]] = False
    return repeated
