"""Additive counts, and what is derived from them.

A metric returns :class:`Counts`, never a ratio: four numerators and
denominators for each document and group. Sums, slices, averages, intervals and
tests are arithmetic over them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Floats, Ints


class Counts(NamedTuple):
    """Counts of a metric, each of shape (documents, groups); a group is a type, a polarity, or the only one."""

    p_num: Floats
    """Numerator of precision: what was predicted and is right."""
    p_den: Floats
    """Denominator of precision: what was predicted."""
    r_num: Floats
    """Numerator of recall: what is in gold and was found."""
    r_den: Floats
    """Denominator of recall: what is in gold."""

    def by_document(self) -> Floats:
        """Shape (documents, 4): the counts of each document over all groups."""
        return np.stack([part.sum(axis=1) for part in self], axis=1)

    def by_group(self) -> Floats:
        """Shape (groups, 4): the counts of each group over all documents."""
        return np.stack([part.sum(axis=0) for part in self], axis=1)

    def total(self) -> Floats:
        """Shape (4,): p_num, p_den, r_num, r_den."""
        return np.array([part.sum() for part in self])


def tally(doc: Ints, group: Ints, documents: int, groups: int, weight: Floats | None = None) -> Floats:
    """How many items, or how much weight, each document and group has: shape (documents, groups)."""
    flat = np.bincount(doc * groups + group, weights=weight, minlength=documents * groups)
    return flat.astype(np.float64).reshape(documents, groups)


class Prf(NamedTuple):
    """Precision, recall and F1; ``None`` where undefined (0/0)."""

    precision: float | None
    recall: float | None
    f1: float | None


def mean_prf(counts: Floats) -> Prf:
    """The mean of several scores, given as counts of shape (groups, 4); undefined ones are left out."""
    scores = [prf(row) for row in counts]
    means = ([v for v in part if v is not None] for part in zip(*scores, strict=True))
    return Prf(*(sum(part) / len(part) if part else None for part in means))


def prf(counts: Floats) -> Prf:
    """Precision, recall and F1 of (p_num, p_den, r_num, r_den).

    A ratio of 0/0 is ``None``. F1 is the harmonic mean; where one of the two is undefined because that
    side is empty, nothing can have matched and F1 is 0; it is undefined only where both are.
    """
    p_num, p_den, r_num, r_den = (float(c) for c in counts)
    precision = p_num / p_den if p_den else None
    recall = r_num / r_den if r_den else None
    if precision is None and recall is None:
        return Prf(None, None, None)
    if not precision or not recall:
        return Prf(precision, recall, 0.0)
    return Prf(precision, recall, 2 * precision * recall / (precision + recall))
