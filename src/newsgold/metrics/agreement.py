"""Chance-corrected agreement, as additive parts of each document.

Every function here counts and gives :class:`Parts`: columns that can be summed
over documents, and what makes a coefficient of the sums. So pooling is adding,
and a resample of documents is a sum over other documents.

What is common to all coefficients: 1 is perfect agreement, 0 what chance would
give, and below 0 is worse than chance. Where chance alone would give perfect
agreement (nothing to compare, or one category only) a coefficient is undefined,
NaN here and ``null`` in print, although nobody disagreed. Items that only one
annotator has are nothing to compare. The table in
``annotation/agreement_conventions.md`` says what comes of every edge case.

Unitizing alpha is in :mod:`newsgold.metrics.unitizing`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Bools, Floats, Ints, join, member
from newsgold.metrics.counts import tally


class Parts(NamedTuple):
    """What a coefficient is made of."""

    columns: Floats
    """Shape (documents, parts)."""
    value: Callable[[Floats], Floats]
    """From sums of the columns, shape (…, parts), to values, shape (…); NaN where undefined."""
    items: Floats
    """How many items were compared in each document, shape (documents,)."""

    def total(self) -> float:
        """The value over all documents, NaN where undefined."""
        return float(self.value(self.columns.sum(axis=0)))


def ratio(a: Floats, b: Floats) -> Floats:
    """a / b, NaN where b is not above 0."""
    return np.asarray(np.divide(a, b, out=np.full(np.shape(a), np.nan), where=b > _NOTHING))


_NOTHING = 1e-9
"""Sums of fractions that ought to be 0 may miss it by so much."""


# ------------------------------------------------------------------ one label an item


def cohen(doc: Ints, left: Ints, right: Ints, documents: int, labels: int, weight: Floats | None = None) -> Parts:
    """Cohen's kappa: two annotators gave each item one label.

    Args:
        doc: The document of each item.
        left: The label, from 0, that the first annotator gave it.
        right: The same of the second.
        documents: How many documents there are.
        labels: How many labels there are.
        weight: How much each item counts, by default 1.

    Formula: κ = (p_o − p_e) / (1 − p_e), p_o the share of items with equal labels, p_e = Σ_c p_c q_c of the two
    annotators' own shares of each label.

    Edge cases: no items, or both gave one and the same label throughout: undefined. One gave always the same label
    and the other did not: 0.

    Source: Cohen 1960; equal to scikit-learn's ``cohen_kappa_score``, which prints NaN for undefined.
    """
    weight = np.ones(len(doc)) if weight is None else weight
    items: Floats = np.bincount(doc, weights=weight, minlength=documents).astype(np.float64)
    same = np.bincount(doc, weights=weight * (left == right), minlength=documents)
    shares = [tally(doc, side, documents, labels, weight) for side in (left, right)]

    def value(sums: Floats) -> Floats:
        n, agreed = sums[..., 0], sums[..., 1]
        by_chance = (sums[..., 2 : 2 + labels] * sums[..., 2 + labels :]).sum(axis=-1)
        return ratio(n * agreed - by_chance, n * n - by_chance)

    return Parts(np.column_stack([items, same, *shares]), value, items)


def fleiss(doc: Ints, unit: Ints, label: Ints, documents: int, labels: int) -> Parts:
    """Fleiss' kappa: any number of annotators, who may be others for each unit.

    Args:
        doc: The document of each judgement; a unit lies in one document.
        unit: The unit that is judged.
        label: The label given, from 0.
        documents: How many documents there are.
        labels: How many labels there are.

    Formula: κ = (P̄ − P_e) / (1 − P_e), P̄ the mean over units of the share of pairs of judgements that agree,
    P_e = Σ_c p_c² of the labels' shares of all judgements.

    Edge cases: units with one judgement are left out. None left, or one label only: undefined.

    Source: Fleiss 1971; there all units have equally many judgements.
    """
    judged = _judged(doc, unit, label, labels)
    m = judged.judgements.astype(np.float64)
    share = (judged.squares - m) / (m * (m - 1))
    units = judged.units(documents)
    agreed = np.bincount(judged.doc, weights=share, minlength=documents)
    given = tally(judged.of_doc, judged.label, documents, labels)

    def value(sums: Floats) -> Floats:
        n, found, counts = sums[..., 0], sums[..., 1], sums[..., 2:]
        p = ratio(found, n)
        total = counts.sum(axis=-1)
        e = ratio((counts**2).sum(axis=-1), total**2)
        return ratio(p - e, 1 - e)

    return Parts(np.column_stack([units, agreed, given]), value, units)


def nominal(doc: Ints, unit: Ints, label: Ints, documents: int, labels: int) -> Parts:
    """Krippendorff's alpha of nominal data: any number of annotators, any judgement may be missing.

    Args: as :func:`fleiss`.

    Formula: a unit with m ≥ 2 judgements adds 1/(m − 1) for each ordered pair of them to the coincidences o_ck.
    α = 1 − (n − 1) Σ_{c≠k} o_ck / Σ_{c≠k} n_c n_k, where n_c = Σ_k o_ck and n = Σ_c n_c.

    Edge cases: units with one judgement are left out. None left, or one label only: undefined.

    Source: Krippendorff 2004 (Content Analysis, 11.3) and 2011 (Computing Krippendorff's Alpha-Reliability).
    """
    judged = _judged(doc, unit, label, labels)
    m = judged.judgements.astype(np.float64)
    apart = np.bincount(judged.doc, weights=(m * m - judged.squares) / (m - 1), minlength=documents)
    given = tally(judged.of_doc, judged.label, documents, labels)
    return Parts(np.column_stack([apart, given]), alpha, judged.units(documents))


def paired(doc: Ints, left: Ints, right: Ints, weight: Floats, documents: int, labels: int) -> Parts:
    """The same of items judged by two annotators each, who may be others for each item.

    Args:
        doc: The document of each item.
        left: The label of one of the two.
        right: The label of the other.
        weight: How much the item counts; 1 gives alpha of two annotators, and 1 / (m − 1), over all pairs of m
            annotators, that of all of them where each unit was judged by all.
        documents: How many documents there are.
        labels: How many labels there are.
    """
    differ = left != right
    apart = np.bincount(doc[differ], weights=2 * weight[differ], minlength=documents)
    given = tally(doc, left, documents, labels, weight) + tally(doc, right, documents, labels, weight)
    items: Floats = np.bincount(doc, weights=weight, minlength=documents).astype(np.float64)
    return Parts(np.column_stack([apart, given]), alpha, items)


def alpha(sums: Floats) -> Floats:
    """Nominal alpha of (disagreeing coincidences, n_c …), shape (…, 1 + labels)."""
    given = sums[..., 1:]
    n = given.sum(axis=-1)
    by_chance = ratio(n * n - (given**2).sum(axis=-1), n - 1)
    return 1 - ratio(sums[..., 0], by_chance)


class _Judged(NamedTuple):
    """Units with two judgements or more, and those judgements."""

    doc: Ints
    judgements: Ints
    squares: Floats
    """Σ_c m_c² of each unit."""
    of_doc: Ints
    label: Ints

    def units(self, documents: int) -> Floats:
        """How many units each document has."""
        return np.bincount(self.doc, minlength=documents).astype(np.float64)


def _judged(doc: Ints, unit: Ints, label: Ints, labels: int) -> _Judged:
    _, first, number, count = np.unique(unit, return_index=True, return_inverse=True, return_counts=True)
    cells, times = np.unique(number * labels + label, return_counts=True)
    squares: Floats = np.bincount(cells // labels, weights=times.astype(np.float64) ** 2, minlength=len(first)).astype(np.float64)
    several = count > 1
    kept = several[number]
    return _Judged(doc[first][several], count[several], squares[several], doc[kept], label[kept])


# --------------------------------------------------------------------- sets as labels


class Sets(NamedTuple):
    """Sets of elements, each of one annotator and in one document."""

    doc: Ints
    """The document of each set."""
    owner: Ints
    """Membership, a row for each element of each set: the set, …"""
    element: Ints
    """… and the element; no set holds one twice."""


def masi(sets: Sets, unit: Ints, given: Ints, documents: int) -> Parts:
    """Krippendorff's alpha of sets, with the distance MASI: do annotators put an item into like clusters?

    Args:
        sets: The clusters of all annotators.
        unit: The unit of each judgement.
        given: The set that it was given, which lies in the unit's document.
        documents: How many documents there are.

    Formula: δ(s, t) = 1 − J·M with J = |s∩t| / |s∪t|, and M = 1 if the sets are equal, 2/3 if one is in the other, 1/3
    if they overlap, 0 if not. α = 1 − Σ_d D_o / Σ_d D_e over documents: D_o = Σ_units Σ_{i≠j} δ(i, j) / (m − 1) over
    ordered pairs of the unit's m judgements, D_e = Σ_{i,j} δ(i, j) / (n − 1) over those of the document's n.

    Edge cases: units with one judgement are left out. None left, or all sets of each document equal: undefined. An
    item alone in its cluster is a set of one, equal where both say so. Chance is taken within each document, since
    nobody could have put a mention into another document's cluster; over one document it is the usual alpha.

    Source: Passonneau 2004 for alpha of coreference clusters, Passonneau 2006 for MASI. nltk's ``masi_distance``
    has 0.67 and 0.33 for 2/3 and 1/3.
    """
    size = np.bincount(sets.owner, minlength=len(sets.doc))
    both = join(sets.element, sets.element)
    width = max(len(sets.doc), 1)
    cells, shared = np.unique(sets.owner[both.left] * width + sets.owner[both.right], return_counts=True)
    a, b = cells // width, cells % width
    union = size[a] + size[b] - shared
    whole, within = shared == union, shared == np.minimum(size[a], size[b])
    likeness = shared / union * np.where(whole, 1.0, np.where(within, 2 / 3, 1 / 3))
    _, number, count = np.unique(unit, return_inverse=True, return_counts=True)
    kept = np.flatnonzero(count[number] > 1)
    number, given = number[kept], given[kept]
    doc, m = sets.doc[given], count[number].astype(np.float64)
    pairs = join(number, number)
    alike = likeness[np.searchsorted(cells, given[pairs.left] * width + given[pairs.right])]
    observed = np.bincount(doc[pairs.left], weights=(1 - alike) / (m[pairs.left] - 1), minlength=documents)
    times = np.bincount(given, minlength=len(sets.doc)).astype(np.float64)
    n = np.bincount(doc, minlength=documents).astype(np.float64)
    alike_by_chance = np.bincount(sets.doc[a], weights=times[a] * times[b] * likeness, minlength=documents)
    expected = np.where(n > 1, (n * n - alike_by_chance) / np.maximum(n - 1, 1), 0.0)
    units = np.rint(np.bincount(doc, weights=1 / m, minlength=documents))
    return Parts(np.column_stack([observed, expected]), disagreement, units.astype(np.float64))


def disagreement(sums: Floats) -> Floats:
    """1 − observed / expected disagreement, shape (…, 2)."""
    return 1 - ratio(sums[..., 0], sums[..., 1])


def restricted(sets: Sets, elements: Ints) -> Sets:
    """The sets without all other elements."""
    kept = member(sets.element, elements)
    return Sets(sets.doc, sets.owner[kept], sets.element[kept])


# --------------------------------------------------------------------------- pooling


def mean_of(parts: Sequence[Parts], weigh: Callable[[int, Floats], Floats] | None = None) -> Parts:
    """The mean of several values, undefined ones left out.

    Without ``weigh`` it is the plain mean, as Light (1971) pools kappa over pairs of annotators; else
    ``weigh(number, sums)`` is the weight of each in a resample.
    """
    ends = np.cumsum([0, *(p.columns.shape[1] for p in parts)])

    def value(sums: Floats) -> Floats:
        total = weights = np.zeros(sums.shape[:-1])
        for i, part in enumerate(parts):
            own = sums[..., ends[i] : ends[i + 1]]
            v = part.value(own)
            w = np.where(np.isnan(v), 0.0, 1.0 if weigh is None else weigh(i, own))
            total, weights = total + w * np.where(np.isnan(v), 0.0, v), weights + w
        return ratio(total, weights)

    return Parts(np.hstack([p.columns for p in parts]), value, np.sum([p.items for p in parts], axis=0))


def only(mask: Bools, parts: Parts) -> Parts:
    """The parts of some documents alone; the others count nothing."""
    return Parts(parts.columns * mask[:, None], parts.value, parts.items * mask)
