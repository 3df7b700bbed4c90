"""Facts that training data hold already: what a system may know by heart."""

from __future__ import annotations

import numpy as np

from newsgold.metrics.arrays import Bools, Ints, join
from newsgold.metrics.columns import Columns
from newsgold.metrics.facts import repeated_rows


def training_facts(train: Columns, symmetric: Bools) -> Ints:
    """Every (relation type, surface of a head mention, surface of a tail mention), shape (facts, 3).

    A relation between two entities gives a fact for each pair of their mentions' texts; a symmetric one in
    both directions. Source: the facts that DocRED (Yao et al. 2019) leaves out of its Ign F1.
    """
    known = np.flatnonzero(train.surface >= 0)
    known = known[~repeated_rows(train.entity[known], train.surface[known])]
    owner, text = train.entity[known], train.surface[known]
    relations = train.relations
    heads = join(relations.head, owner)
    tails = join(relations.tail[heads.left], owner)
    rows = heads.left[tails.left]
    facts = np.stack([relations.type[rows], text[heads.right[tails.left]], text[tails.right]], axis=1)
    turned = facts[symmetric[facts[:, 0]]][:, [0, 2, 1]]
    every: Ints = np.unique(np.concatenate([facts, turned]), axis=0)
    return every
