"""Krippendorff's alpha for unitizing: do annotators mark the same stretches of text with the same types?

The coefficient is the one of 2016, called uα there, not the α_U of 1995 and
2004: observed and expected coincidences are lengths of text, not squared
differences of boundaries, so documents add up.

A document is a continuum of characters. For each annotator it is cut at the
begin and the end of each of their mentions; a piece has as its value the set of
the types that cover it, or none, and is then a gap. Where mentions do not
overlap, pieces are mentions and gaps, and the coefficient is the published one
to the letter; nested mentions are ours to add.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from newsgold.metrics.agreement import Parts, ratio
from newsgold.metrics.arrays import Bools, Floats, Ints, rank_rows
from newsgold.metrics.columns import Spans

_BITS = 60
"""So many types fit in one number."""


class Continuum(NamedTuple):
    """All documents on one line, cut wherever any annotator's mention begins or ends."""

    spans: Sequence[Spans]
    """The mentions of each annotator."""
    part: Bools
    """Which annotators took part in which documents, shape (annotators, documents)."""
    doc: Ints
    """The document of each stretch."""
    length: Ints
    """Its length in characters; 0 between documents, and less by what is not annotated."""
    starts: Sequence[Ints]
    """For each annotator, the stretch at which each mention begins, …"""
    ends: Sequence[Ints]
    """… and the first one after it."""
    begin: Ints
    """The first stretch of each document."""


def continuum(spans: Sequence[Spans], part: Bools, length: Ints, skipped: Ints) -> Continuum:
    """Put documents on one line.

    Args:
        spans: The mentions of each annotator; ends are behind starts, and none are where the annotator took no part.
        part: Which annotators took part in which documents, shape (annotators, documents).
        length: How many characters each document has; mentions may lie beyond, and the document is longer then.
        skipped: How many of them were not to be annotated; they are taken from the document's gaps.
    """
    last = length.copy()
    for side in spans:
        np.maximum.at(last, side.doc, side.end)
    width = int(last.max(initial=0)) + 1
    first = np.arange(len(length)) * width
    cuts = [first, first + last, *(side.doc * width + at for side in spans for at in (side.start, side.end))]
    line = np.unique(np.concatenate(cuts))
    doc = line // width
    stretch = np.append(np.diff(line), 0)
    stretch[line == first[doc] + last[doc]] = 0
    starts, ends = (
        [np.searchsorted(line, side.doc * width + at) for side, at in ((s, getattr(s, name)) for s in spans)]
        for name in ("start", "end")
    )
    free = np.ones(len(line), dtype=bool)
    for a, b in zip(starts, ends, strict=True):
        free &= _cover(a, b, len(line)) == 0
    kept = stretch - _shorter(doc, stretch * free, skipped)
    return Continuum(spans, part, doc, kept.astype(np.int64), starts, ends, np.searchsorted(line, first))


def _cover(starts: Ints, ends: Ints, size: int) -> Ints:
    """How many mentions cover each stretch."""
    change = np.bincount(starts, minlength=size) - np.bincount(ends, minlength=size)
    return np.cumsum(change)


def _shorter(doc: Ints, free: Ints, skipped: Ints) -> Ints:
    """How much to take from each free stretch, so that each document is shorter by what is skipped, if it can be."""
    before = np.cumsum(free) - free
    first = np.searchsorted(doc, np.arange(len(skipped)))
    own = before - np.append(before, 0)[np.minimum(first, len(before))][doc]
    taken: Ints = np.clip(skipped[doc] - own, 0, free)
    return taken


class _Values(NamedTuple):
    """What each annotator says of each stretch."""

    number: Ints
    """Shape (annotators, stretches); 0 is a gap."""
    size: int
    squares: Floats
    """Σ L² over the pieces of each annotator that are no gaps, shape (annotators, documents)."""


def _values(c: Continuum, chosen: Sequence[Bools], types: int) -> _Values:
    """The values of some mentions."""
    size, documents = len(c.doc), c.part.shape[1]
    rank: Ints = np.zeros(len(c.spans) * size, dtype=np.int64)
    for low in range(0, types, _BITS):
        code = np.zeros((len(c.spans), size), dtype=np.int64)
        for i, side in enumerate(c.spans):
            for kind in np.unique(side.type[chosen[i]]):
                if low <= kind < low + _BITS:
                    of_kind = chosen[i] & (side.type == kind)
                    code[i] |= (_cover(c.starts[i][of_kind], c.ends[i][of_kind], size) > 0).astype(np.int64) << int(kind - low)
        # a gap of every annotator comes first, so that it has number 0 even where there is none
        rank = rank_rows([np.append(0, rank), np.append(0, code.ravel())])[1:]
    number = rank.reshape(len(c.spans), size)
    squares = np.zeros((len(c.spans), documents))
    for i in range(len(c.spans)):
        cut = np.zeros(size, dtype=np.int64)
        for at in (c.begin, c.starts[i][chosen[i]], c.ends[i][chosen[i]]):
            cut[at] = 1
        piece = np.cumsum(cut) - 1
        long = np.bincount(piece, weights=c.length)
        head = np.flatnonzero(cut)
        marked = number[i][head] > 0
        squares[i] = np.bincount(c.doc[head[marked]], weights=long[marked] ** 2, minlength=documents)
    return _Values(number, int(number.max(initial=0)) + 1, squares)


class Unitized(NamedTuple):
    """A continuum with its values, ready to compare any of its annotators."""

    continuum: Continuum
    values: _Values
    mentions: Ints
    """How many each annotator has in each document, shape (annotators, documents)."""

    def parts(self, who: Sequence[int]) -> Parts:
        """Alpha of some annotators.

        Formula: ℓ_ck = Σ_{i≠j} the length of text that i gives the value c and j the value k, / (m − 1), where m took
        part in the document; ε_ck = ℓ.. (ℓ_c. ℓ_.k − [c=k] S_c) / (ℓ..² − Σ S), where S_c = Σ L² over the pieces of
        value c, or their length where c is a gap; α = 1 − Σ_{c≠k} ℓ_ck / Σ_{c≠k} ε_ck. All ℓ and S are sums over
        documents with m ≥ 2.

        Edge cases: no mentions at all: undefined. One annotator found none: at most about 0. An empty document, which
        all found empty, is a gap that all agree on.

        Source: Krippendorff, Mathet, Bouvry and Widlöcher 2016, equations for uα; Krippendorff 2019 (Content
        Analysis, 4th ed., 12.6.3, eq. 32 to 34), whose example gives 0.510.
        """
        c, number = self.continuum, self.values.number
        documents = c.part.shape[1]
        m = c.part[list(who)].sum(axis=0)
        counted = m > 1
        apart = np.zeros(documents)
        for place, i in enumerate(who):
            for j in who[place + 1 :]:
                differ = (number[i] != number[j]) & (c.part[i] & c.part[j])[c.doc]
                apart += 2 * np.bincount(c.doc[differ], weights=c.length[differ], minlength=documents)
        apart[counted] /= m[counted] - 1
        of_value = np.zeros((documents, self.values.size))
        squares, items = np.zeros(documents), np.zeros(documents)
        for i in who:
            own = c.part[i] & counted
            at = np.flatnonzero(own[c.doc])
            flat = np.bincount(
                c.doc[at] * self.values.size + number[i][at], weights=c.length[at], minlength=documents * self.values.size
            )
            of_value += flat.reshape(of_value.shape)
            squares += self.values.squares[i] * own
            items += self.mentions[i] * own
        return Parts(np.column_stack([apart * counted, squares, of_value]), unitizing_alpha, items)


def unitizing_alpha(sums: Floats) -> Floats:
    """uα of (disagreeing length, Σ L² of marked pieces, length of gaps, length of each value …)."""
    apart, squares, of_value = sums[..., 0], sums[..., 1], sums[..., 2:]
    total = of_value.sum(axis=-1)
    crossed = total**2 - (of_value**2).sum(axis=-1)
    return 1 - ratio(apart * (total**2 - squares - of_value[..., 0]), total * crossed)


def unitized(c: Continuum, types: int, kind: int | None = None) -> Unitized:
    """The values of a continuum: sets of types, or with ``kind`` whether that type is there."""
    chosen = [np.ones(len(s.doc), dtype=bool) if kind is None else s.type == kind for s in c.spans]
    counts = [np.bincount(s.doc[rows], minlength=c.part.shape[1]) for s, rows in zip(c.spans, chosen, strict=True)]
    return Unitized(c, _values(c, chosen, types), np.array(counts, dtype=np.int64).reshape(c.part.shape))
