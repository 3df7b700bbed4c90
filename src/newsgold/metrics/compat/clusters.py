"""Coreference scores from lists of clusters, as the peers have them: MUC, B³, CEAF, LEA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

Cluster = Sequence[Hashable]
Owner = Mapping[Hashable, int]
"""The number of the cluster that a mention is in; of the last one, where it is in several."""


class Side(NamedTuple):
    """Numerator and denominator of precision or of recall."""

    num: float
    den: float


def owners(clusters: Sequence[Cluster]) -> dict[Hashable, int]:
    """Which cluster each mention is in."""
    return {mention: i for i, cluster in enumerate(clusters) for mention in cluster}


def _shares(cluster: Cluster, other: Owner) -> Counter[int]:
    """How many mentions of the cluster each cluster of the other side has."""
    return Counter(other[mention] for mention in cluster if mention in other)


def mentions(clusters: Sequence[Cluster], other: Owner) -> Side:
    """Distinct mentions that the other side has too."""
    own = {mention for cluster in clusters for mention in cluster}
    return Side(len(own & other.keys()), len(own))


def muc(clusters: Sequence[Cluster], other: Owner) -> Side:
    """Links that remain when each cluster is cut up by the other side; Vilain et al. 1995."""
    num = den = 0
    for cluster in clusters:
        shares = _shares(cluster, other)
        den += len(cluster) - 1
        num += shares.total() - len(shares)
    return Side(num, den)


def b_cubed(clusters: Sequence[Cluster], other: Owner) -> Side:
    """For each mention the share of its cluster that the other side has together with it; Bagga and Baldwin 1998."""
    num = sum(sum(n * n for n in _shares(cluster, other).values()) / len(cluster) for cluster in clusters)
    return Side(num, sum(map(len, clusters)))


def lea(clusters: Sequence[Cluster], other_clusters: Sequence[Cluster], other: Owner) -> Side:
    """Links found, weighted by the size of the cluster; Moosavi and Strube 2016. A singleton links to itself."""
    num = 0.0
    for cluster in clusters:
        if len(cluster) == 1:
            owner = other.get(cluster[0])
            num += owner is not None and len(other_clusters[owner]) == 1
        else:
            found = sum(n * (n - 1) / 2 for n in _shares(cluster, other).values())
            num += len(cluster) * found / (len(cluster) * (len(cluster) - 1) / 2)
    return Side(num, sum(map(len, clusters)))


def ceaf(keys: Sequence[Collection[Hashable]], responses: Sequence[Collection[Hashable]], *, entity: bool) -> float:
    """The greatest sum of similarities over one-to-one pairs of clusters; Luo 2005.

    The similarity is 2·|k∩r| / (|k|+|r|), or |k∩r| where ``entity`` is false.
    """
    owner: dict[Hashable, list[int]] = {}
    for j, response in enumerate(responses):
        for mention in set(response):
            owner.setdefault(mention, []).append(j)
    table = np.zeros((len(keys), len(responses)))
    for i, key in enumerate(keys):
        for j, shared in Counter(j for mention in set(key) for j in owner.get(mention, ())).items():
            table[i, j] = 2 * shared / (len(key) + len(responses[j])) if entity else shared
    return float(table[linear_sum_assignment(table, maximize=True)].sum())
