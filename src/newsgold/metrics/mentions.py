"""Mentions: which spans were found, and with which type.

Source: Segura-Bedmar et al. 2013 (SemEval-2013 task 9) for the schemas; the
alignment is ours, optimal and one-to-one, so that no score depends on the
order of a list.
"""

from __future__ import annotations

from newsgold.metrics.arrays import Matches, match_multiset, pack
from newsgold.metrics.columns import Spans
from newsgold.metrics.counts import Counts, tally


def strict(gold: Spans, pred: Spans, documents: int, types: int) -> Counts:
    """Mentions with the right span and the right type.

    Formula: matches = multiset intersection of (document, start, end, type); P = matches / predicted,
    R = matches / gold. Groups are the types.

    Edge cases: a further copy of a prediction counts as predicted and matches nothing; nested, crossing
    and identical spans of several types need no special care. No gold and no predictions: undefined.

    Source: the "strict" schema of SemEval-2013 task 9, equal to the exact-match F1 of CoNLL-2003
    (Tjong Kim Sang and De Meulder 2003) on flat data. nervaluate 1.2.1 differs where spans overlap: it
    matches greedily in list order, and its counts change when a list is reversed.
    """
    matches = strict_matches(gold, pred)
    right = tally(gold.doc[matches.left], gold.type[matches.left], documents, types)
    return Counts(right, tally(pred.doc, pred.type, documents, types), right, tally(gold.doc, gold.type, documents, types))


def strict_matches(gold: Spans, pred: Spans) -> Matches:
    """Rows of gold and predicted mentions of equal span and type, one-to-one."""
    return match_multiset(*pack(*zip(gold, pred, strict=True)))
