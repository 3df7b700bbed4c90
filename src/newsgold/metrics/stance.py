"""Stance: who takes which position on whom.

Holders and targets are compared as entities, after mapping. AUTHOR and UNKNOWN
match only themselves.
"""

from __future__ import annotations

import numpy as np

from newsgold.metrics.arrays import Bools, Ints
from newsgold.metrics.columns import AUTHOR_ROW, UNKNOWN_ROW, Columns
from newsgold.metrics.counts import Counts
from newsgold.metrics.facts import OWN, Facts, compare, repeated_rows


def tuple_(gold: Columns, pred: Columns, gold_rank: Ints, mapping: Ints, scored: Bools, groups: int) -> Counts:
    """Distinct (holder, target, polarity) after predicted entities were mapped to gold entities.

    Formula: P = found / distinct predicted, R = found / distinct gold, over the polarities that ``scored``
    marks (favor and against; neutral is scored apart). Groups are the polarities.

    Edge cases: a tuple repeated with the same span counts once more; the same tuple on another span does
    not. A target or holder that stands for no gold entity keeps its own identity and matches nothing.

    Source: tuple F1 in the manner of SemEval-2022 task 10 (Barnes et al. 2022) without its weighting by
    overlap; theirs matches many to one and gave gold against gold less than 1.
    """
    own = OWN + np.arange(len(pred.entity_doc))
    g = _tuples(gold, gold_rank, scored)
    p = _tuples(pred, np.where(mapping >= 0, mapping, own), scored)
    return compare(g, p, gold.documents, groups)


def _tuples(columns: Columns, meaning: Ints, scored: Bools) -> Facts:
    stances = columns.stances
    # row −1 is AUTHOR and row −2 UNKNOWN, which mean themselves; row −3 is a dangling id
    meaning = np.append(meaning, [0, UNKNOWN_ROW, AUTHOR_ROW])
    holder, target = meaning[stances.holder], meaning[stances.target]
    lost = (stances.holder < UNKNOWN_ROW) | (stances.target < 0)
    repeated = repeated_rows(stances.doc, stances.holder, stances.target, stances.polarity, stances.start, stances.end)
    rows = np.flatnonzero(scored[stances.polarity])
    return Facts(stances.doc[rows], stances.polarity[rows], (holder[rows], target[rows]), repeated[rows], lost[rows])
