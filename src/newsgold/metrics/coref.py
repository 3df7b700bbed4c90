"""Coreference: how well predicted clusters agree with gold clusters.

All metrics are read off one contingency table, the numbers of mentions that
each gold cluster shares with each predicted one. Mentions are matched by span,
one-to-one; singletons count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from newsgold.metrics.alignment import match_mentions
from newsgold.metrics.arrays import Floats, Ints
from newsgold.metrics.columns import Columns
from newsgold.metrics.counts import Counts, tally


class Contingency(NamedTuple):
    """Cells (gold cluster, predicted cluster) with the number of mentions they share, and the clusters' sizes."""

    gold: Ints
    pred: Ints
    shared: Ints
    gold_size: Ints
    pred_size: Ints
    gold_doc: Ints
    pred_doc: Ints
    documents: int


def contingency(gold: Columns, pred: Columns, gold_rank: Ints, pred_rank: Ints) -> Contingency:
    """The table of all documents at once; only clusters that were attempted count."""
    in_gold, in_pred = gold.clustered[gold.entity], pred.clustered[pred.entity]
    matches = match_mentions(gold, pred, gold_rank, pred_rank)
    both = in_gold[matches.left] & in_pred[matches.right]
    size = max(len(pred.entity_doc), 1)
    cells, shared = np.unique(gold.entity[matches.left[both]] * size + pred.entity[matches.right[both]], return_counts=True)
    return Contingency(
        cells // size,
        cells % size,
        shared.astype(np.int64),
        np.bincount(gold.entity[in_gold], minlength=len(gold.entity_doc)),
        np.bincount(pred.entity[in_pred], minlength=len(pred.entity_doc)),
        gold.entity_doc,
        pred.entity_doc,
        gold.documents,
    )


def lea(table: Contingency) -> Counts:
    """Link-based entity-aware score.

    Formula: R = Σ_k |k| · Σ_r link(k∩r) / link(k), over Σ_k |k|, with link(n) = n(n−1)/2 and gold clusters k,
    predicted clusters r; P with the roles exchanged. A singleton has one link, to itself, which is found
    where the other side has the same singleton.

    Edge cases: no clusters on a side leaves its ratio undefined.

    Source: Moosavi and Strube 2016; the same as coval's LEA with singletons kept, where no span is repeated.
    """
    r_num, r_den = _lea_side(
        table.gold, table.shared, table.gold_size, table.pred_size[table.pred], table.gold_doc, table.documents
    )
    p_num, p_den = _lea_side(
        table.pred, table.shared, table.pred_size, table.gold_size[table.gold], table.pred_doc, table.documents
    )
    return Counts(p_num, p_den, r_num, r_den)


def _lea_side(cluster: Ints, shared: Ints, size: Ints, other: Ints, doc: Ints, documents: int) -> tuple[Floats, Floats]:
    """Numerator and denominator of one side: importance |k| times the share of k's links that were found."""
    own = size[cluster].astype(np.float64)
    links = np.where(own == 1, 1.0, own * (own - 1) / 2)
    found = np.where(own == 1, (other == 1) & (shared == 1), shared * (shared - 1) / 2)
    group = np.zeros(len(cluster), dtype=np.int64)
    num = tally(doc[cluster], group, documents, 1, own * found / links)
    den = tally(doc, np.zeros(len(doc), dtype=np.int64), documents, 1, size.astype(np.float64))
    return num, den
