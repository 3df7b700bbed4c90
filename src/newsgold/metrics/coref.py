"""Coreference: how well predicted clusters agree with gold clusters.

All metrics are read off one contingency table, the numbers of mentions that
each gold cluster shares with each predicted one. Which mentions take part and
which of them are one cluster is said by a :class:`Clustering` of each side:

    within               the clusters of each document, singletons too
    without_singletons   the same without clusters of one mention
    across               entities of equal link, over all documents of an event

Mentions are matched by exact span, one-to-one, so a further copy of a mention
counts where it stands and matches nothing. Every function returns additive
counts for each document; scores are of their sums, as in the CoNLL shared
tasks. A ratio of 0/0 is undefined here, where reference implementations print
0 or 100 %.

In the formulas k are gold clusters, r predicted ones, and |k∩r| is the number
of mentions they share. Recall is given; precision is the same with the roles
exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Bools, Floats, Ints, Matches, pack
from newsgold.metrics.assignment import best_totals
from newsgold.metrics.columns import Columns
from newsgold.metrics.counts import Counts

BLANC_GROUPS = ("coreference", "non-coreference")
CONLL_GROUPS = ("muc", "b_cubed", "ceaf_e")


class Clustering(NamedTuple):
    """Which mentions of a side take part, and which of them are one cluster."""

    cluster: Ints
    """For each mention its cluster, −1 where it takes no part."""
    doc: Ints
    """For each cluster the document that its counts are given to."""


def within(columns: Columns) -> Clustering:
    """The clusters of each document; in documents where entities were not attempted no mention takes part."""
    return Clustering(np.where(columns.clustered[columns.entity], columns.entity, -1), columns.entity_doc)


def without_singletons(clustering: Clustering) -> Clustering:
    """The same without clusters of one mention: dropped before anything is matched or counted."""
    cluster, doc = clustering
    chain = np.bincount(cluster[cluster >= 0], minlength=len(doc)) > 1
    return Clustering(np.where((cluster >= 0) & chain[cluster], cluster, -1), doc)


def across(columns: Columns, event: Ints) -> Clustering:
    """Entities of equal link as one cluster over all documents of an event; mentions of unlinked ones take no part.

    ``event`` names for each document the first one of its event, which gets the counts.
    """
    linked = np.flatnonzero(columns.clustered & (columns.entity_link >= 0))
    first = event[columns.entity_doc[linked]]
    none = np.zeros(0, dtype=np.int64)
    key, _ = pack((first, none), (columns.entity_link[linked], none))
    _, rows, number = np.unique(key, return_index=True, return_inverse=True)
    cluster = np.full(len(columns.entity_doc), -1)
    cluster[linked] = number
    return Clustering(cluster[columns.entity], first[rows])


@dataclass(frozen=True)
class Contingency:
    """Cells (gold cluster, predicted cluster) with the number of mentions they share, and the clusters' sizes.

    A cluster of size 0 is none: its mentions were set aside, or take no part.
    """

    gold: Ints
    pred: Ints
    shared: Ints
    gold_size: Ints
    pred_size: Ints
    gold_doc: Ints
    pred_doc: Ints
    documents: int

    @cached_property
    def doc(self) -> Ints:
        """The document of each cell."""
        return self.gold_doc[self.gold]

    @cached_property
    def gold_mentions(self) -> Floats:
        """How many gold mentions take part in each document, shape (documents, 1)."""
        return self.by_document(self.gold_doc, self.gold_size)

    @cached_property
    def pred_mentions(self) -> Floats:
        """The same for predicted mentions."""
        return self.by_document(self.pred_doc, self.pred_size)

    @cached_property
    def gold_clusters(self) -> Floats:
        """How many gold clusters each document has, shape (documents, 1)."""
        return self.by_document(self.gold_doc, self.gold_size > 0)

    @cached_property
    def pred_clusters(self) -> Floats:
        """The same for predicted clusters."""
        return self.by_document(self.pred_doc, self.pred_size > 0)

    @cached_property
    def alignment_e(self) -> Floats:
        """The best total of φ4 over one-to-one alignments of clusters in each document, shape (documents, 1)."""
        return self._best(2 * self.shared / (self.gold_size[self.gold] + self.pred_size[self.pred]))

    @cached_property
    def alignment_m(self) -> Floats:
        """The same of φ3."""
        return self._best(self.shared.astype(np.float64))

    def by_document(self, doc: Ints, weight: Ints | Floats | Bools) -> Floats:
        """The sum of weights in each document, shape (documents, 1)."""
        return np.bincount(doc, weights=weight, minlength=self.documents).astype(np.float64)[:, None]

    def _best(self, weight: Floats) -> Floats:
        return best_totals(self.gold, self.pred, weight, self.doc, self.documents)[:, None]


def contingency(gold: Clustering, pred: Clustering, matches: Matches, documents: int) -> Contingency:
    """The table of all documents at once, from one-to-one matches of mentions that take part on both sides."""
    size = max(len(pred.doc), 1)
    cells, shared = np.unique(gold.cluster[matches.left] * size + pred.cluster[matches.right], return_counts=True)
    return Contingency(
        cells // size,
        cells % size,
        shared.astype(np.int64),
        np.bincount(gold.cluster[gold.cluster >= 0], minlength=len(gold.doc)),
        np.bincount(pred.cluster[pred.cluster >= 0], minlength=len(pred.doc)),
        gold.doc,
        pred.doc,
        documents,
    )


def muc(table: Contingency) -> Counts:
    """Links: how many of those that hold clusters together were found.

    Formula: R = Σ_k (|k| − |p(k)|) / Σ_k (|k| − 1), where p(k) are the parts into which the predicted
    clusters cut k, each mention that was not predicted being a part of its own. The numerator is
    Σ (|k∩r| − 1) over the cells that are not empty, on both sides.

    Edge cases: singletons have no links, so they add nothing to either side, and predicting everything as
    one cluster is punished least of all. A side without links leaves its ratio undefined.

    Source: Vilain et al. 1995. The CoNLL-2012 reference scorer prints 0 where there are no links, even
    for gold against itself; other scorers print 100 %. "MUC" in metric4coref counts pairs of mentions and
    is another measure (.60 where MUC is .857).
    """
    found = table.by_document(table.doc, table.shared - 1)
    return Counts(found, table.pred_mentions - table.pred_clusters, found, table.gold_mentions - table.gold_clusters)


def b_cubed(table: Contingency) -> Counts:
    """Mentions, each with the share of its cluster that was found with it.

    Formula: R = Σ_k Σ_r |k∩r|² / |k|, over Σ_k |k|.

    Edge cases: a singleton found as such counts 1, and so does one found in a larger cluster, for recall.
    No mentions on a side leaves its ratio undefined.

    Source: Bagga and Baldwin 1998, in the form of the CoNLL-2012 reference scorer (Pradhan et al. 2014):
    mentions that only one side has stay where they are, without the adjustments of Cai and Strube 2010.
    The reference scorer drops repeated mentions, and DWIE's evaluator counts each copy as found; here a copy
    is not found.
    """
    square = table.shared.astype(np.float64) ** 2
    return Counts(
        table.by_document(table.doc, square / table.pred_size[table.pred]),
        table.pred_mentions,
        table.by_document(table.doc, square / table.gold_size[table.gold]),
        table.gold_mentions,
    )


def ceaf_m(table: Contingency) -> Counts:
    """Mentions that are shared by aligned clusters.

    Formula: clusters of a document are aligned one-to-one so that the total of φ3(k, r) = |k∩r| is
    greatest; R = that total / Σ_k |k|.

    Edge cases: alignments of equal totals give equal scores; a cluster that shares nothing is aligned with
    nothing. No mentions on a side leaves its ratio undefined.

    Source: Luo 2005, φ3. coval divides by the number of clusters instead of mentions, so that its CEAFm
    exceeds 1 (2.5 for gold against itself); the reference scorer does not.
    """
    return Counts(table.alignment_m, table.pred_mentions, table.alignment_m, table.gold_mentions)


def ceaf_e(table: Contingency) -> Counts:
    """Clusters, each with its likeness to the one it is aligned with.

    Formula: as in :func:`ceaf_m`, with φ4(k, r) = 2|k∩r| / (|k| + |r|); R = the greatest total / number of
    gold clusters.

    Edge cases: every cluster weighs the same, so that a spurious singleton costs as much precision as a
    cluster of fifty. No clusters on a side leaves its ratio undefined.

    Source: Luo 2005, φ4; the same as the reference scorer and coval where no mention is repeated.
    """
    return Counts(table.alignment_e, table.pred_clusters, table.alignment_e, table.gold_clusters)


def lea(table: Contingency) -> Counts:
    """Link-based entity-aware score.

    Formula: R = Σ_k |k| · Σ_r link(k∩r) / link(k), over Σ_k |k|, with link(n) = n(n−1)/2. A singleton has one
    link, to itself, which is found where the other side has the same singleton.

    Edge cases: no clusters on a side leaves its ratio undefined.

    Source: Moosavi and Strube 2016; the same as coval's LEA with singletons kept, where no span is repeated.
    """
    own, other = table.gold_size[table.gold], table.pred_size[table.pred]
    return Counts(
        table.by_document(table.doc, _resolved(table.shared, other, own)),
        table.pred_mentions,
        table.by_document(table.doc, _resolved(table.shared, own, other)),
        table.gold_mentions,
    )


def _resolved(shared: Ints, own: Ints, other: Ints) -> Floats:
    """For each cell the importance |k| times the share of k's links that are found there."""
    # |k| · (n(n−1)/2) / (|k|(|k|−1)/2) = n(n−1) / (|k|−1)
    links: Floats = shared * (shared - 1) / np.maximum(own - 1, 1)
    return np.where(own == 1, (other == 1) * 1.0, links)


def blanc(table: Contingency) -> Counts:
    """Pairs of mentions, coreferent and not, each kind with its own score.

    Formula: links are all pairs of mentions of a document, coreferent (C) if in one cluster, else not (N).
    For each of the two kinds R = |gold ∩ predicted| / |gold|, F1 = 2|gold ∩ predicted| / (|gold| + |predicted|).
    The score is the mean of the two, which are the groups here, over those that are defined.

    Edge cases: a kind that neither side has is left out, and the score is the other kind's. A kind that one
    side alone has counts 0 in the mean of F1; its undefined precision or recall is left out of theirs. No
    links at all: undefined.

    Source: Recasens and Hovy 2011, extended to predicted mentions by Luo et al. 2014, whose boundary cases
    are the ones above (but one: without any link they ask whether the mentions are the same). The
    reference scorer leaves a kind out as soon as the gold lacks it, whatever was predicted, so that
    splitting a gold of one cluster costs less there (F1 .421 for .211 here), and it counts an undefined
    precision as 0.
    """
    shared = table.shared
    gold_found = np.bincount(table.gold, weights=shared, minlength=len(table.gold_doc))
    pred_found = np.bincount(table.pred, weights=shared, minlength=len(table.pred_doc))
    gold_c = table.by_document(table.gold_doc, _pairs(table.gold_size))
    pred_c = table.by_document(table.pred_doc, _pairs(table.pred_size))
    both_c = table.by_document(table.doc, _pairs(shared))
    # matched mentions that gold, or prediction, has in one cluster
    apart = table.by_document(table.gold_doc, _pairs(gold_found)) + table.by_document(table.pred_doc, _pairs(pred_found)) - both_c
    both_n = _pairs(table.by_document(table.doc, shared)) - apart
    gold_n, pred_n = _pairs(table.gold_mentions) - gold_c, _pairs(table.pred_mentions) - pred_c
    found = np.hstack([both_c, both_n])
    return Counts(found, np.hstack([pred_c, pred_n]), found, np.hstack([gold_c, gold_n]))


def _pairs(n: Ints | Floats) -> Floats:
    result: Floats = n * np.maximum(n - 1, 0) / 2
    return result


def conll(table: Contingency) -> Counts:
    """The CoNLL score: the mean F1 of MUC, B³ and CEAFe, which are the groups.

    Edge cases: an undefined F1 is left out of the mean. That happens to MUC where neither side has a link;
    the reference scorers count it as 0 there, so that gold against itself gets 66.67.

    Source: Pradhan et al. 2012, after Denis and Baldridge 2009.
    """
    return Counts(*(np.hstack(parts) for parts in zip(muc(table), b_cubed(table), ceaf_e(table), strict=True)))
