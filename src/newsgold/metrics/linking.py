"""Linking: whether found mentions lead to the right entry of the knowledge base."""

from __future__ import annotations

import numpy as np

from newsgold.metrics.arrays import Matches
from newsgold.metrics.columns import Columns
from newsgold.metrics.counts import Counts, tally


def accuracy(gold: Columns, pred: Columns, matches: Matches) -> Counts:
    """Mentions found by span whose entity has the right link.

    Formula: right / matched, over one-to-one matches of mentions by exact span, of all kinds and whatever
    their types. A mention has the link of its entity; it is right if both sides give the same one, or both
    give none (NIL). Precision and recall are equal; both are the accuracy.

    Edge cases: what is not found is not asked for, so a system that finds only what is easy to link is
    accurate; read it beside ``mentions.exact``. No matches: undefined. Mentions in documents where a side
    did not attempt entities are no matches.

    Source: the accuracy of entity disambiguation on given mentions, NIL included, of TAC-KBP (Ji et al.
    2010), here on the mentions that were found. neleval's ``strong_link_match`` counts the missed ones too.
    """
    link = gold.entity_link[gold.entity[matches.left]]
    right = link == pred.entity_link[pred.entity[matches.right]]
    doc = gold.mentions.doc[matches.left]
    group = np.zeros(len(doc), dtype=np.int64)
    found, asked = tally(doc, group, gold.documents, 1, right.astype(np.float64)), tally(doc, group, gold.documents, 1)
    return Counts(found, asked, found, asked)
