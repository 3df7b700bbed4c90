"""Optimal one-to-one pairs of overlapping intervals.

Two questions about two sets of intervals on a line: how many disjoint pairs
can be formed of intervals that overlap (:func:`most_pairs`), and which pairs
have the largest sum of intersection over union (:func:`most_iou`).

Intervals are half-open; empty ones overlap nothing. Most intervals meet one
other or none: those are settled in arrays, for all documents at once, and only
real conflicts go to a sweep (pairs) or to an assignment solver (IoU). Time and
memory are linear in the intervals for :func:`most_pairs`, up to a logarithm,
and in the overlapping pairs for :func:`most_iou`, but for dense conflicts.

The pairs depend on the intervals alone, and among equal ones on the order of
rows: callers sort them first.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Bools, Floats, Ints, Matches

CHUNK = 1 << 17
"""About how many intervals are swept at a time; this bounds memory."""
PAIRS = 1 << 19
"""About how many pairs are listed at a time."""
FEW = 32
"""How many pairs of each interval are listed first where most overlap most others."""
BATCH = 512
"""About how many rows go to the sparse solver at once: each of its searches costs time linear in them."""


class Line(NamedTuple):
    """Intervals on a line, one row each; ends are exclusive."""

    start: Ints
    end: Ints

    def take(self, rows: Ints | Bools) -> Line:
        """The chosen rows."""
        return Line(self.start[rows], self.end[rows])


def alone(line: Line) -> Bools:
    """Which intervals, sorted by start, overlap no other of their own."""
    out = np.ones(len(line.start), dtype=bool)
    clear = line.start[1:] >= np.maximum.accumulate(line.end)[:-1]
    out[1:] &= clear
    out[:-1] &= clear
    return out


def overlap(left: Line, right: Line) -> Floats:
    """Intersection over union, row by row; not above 0 where two do not overlap."""
    shared = np.minimum(left.end, right.end) - np.maximum(left.start, right.start)
    whole: Floats = shared / (np.maximum(left.end, right.end) - np.minimum(left.start, right.start))
    return whole


# ------------------------------------------------------------------------ clusters


class _Clusters(NamedTuple):
    """Intervals of both sides in clusters that do not overlap each other, with one of each side at least.

    Rows are by cluster, then by start; ``row`` is the number on its own side.
    """

    row: Ints
    right: Bools
    start: Ints
    end: Ints
    size: Ints
    """How many rows each cluster has."""
    rights: Ints
    """How many of them are of the right side."""

    def take(self, chosen: Bools) -> _Clusters:
        """Some of the clusters."""
        rows = np.repeat(chosen, self.size)
        size, rights = self.size[chosen], self.rights[chosen]
        return _Clusters(self.row[rows], self.right[rows], self.start[rows], self.end[rows], size, rights)

    def parts(self, weights: Ints, limit: int) -> list[_Clusters]:
        """Consecutive clusters, as :func:`chunks` cuts them."""
        first = np.concatenate([[0], np.cumsum(self.size)])
        out = []
        for a, b in chunks(weights, limit):
            at = slice(first[a], first[b])
            out.append(_Clusters(self.row[at], self.right[at], self.start[at], self.end[at], self.size[a:b], self.rights[a:b]))
        return out


def _clusters(left: Line, right: Line) -> _Clusters:
    rows = [np.flatnonzero(side.end > side.start) for side in (left, right)]
    row = np.concatenate(rows)
    start = np.concatenate([left.start[rows[0]], right.start[rows[1]]])
    order = np.argsort(start, kind="stable")
    row, is_right, start = row[order], order >= len(rows[0]), start[order]
    end = np.concatenate([left.end[rows[0]], right.end[rows[1]]])[order]
    new = np.ones(len(row), dtype=bool)
    new[1:] = start[1:] >= np.maximum.accumulate(end)[:-1]
    first = np.flatnonzero(new)
    size = np.diff(first, append=len(row))
    rights = np.diff(np.concatenate([[0], np.cumsum(is_right)])[np.append(first, len(row))])
    return _Clusters(row, is_right, start, end, size, rights).take((rights > 0) & (rights < size))


def chunks(weights: Ints, limit: int) -> list[tuple[int, int]]:
    """Ranges of consecutive things that weigh less than ``limit`` together, the first of each range not counted."""
    number = np.cumsum(weights) // limit
    cuts = np.concatenate([[0], np.flatnonzero(number[1:] != number[:-1]) + 1, [len(number)]]).tolist()
    return [(a, b) for a, b in pairwise(cuts) if a < b]


def _joined(pairs: list[Matches]) -> Matches:
    none = np.zeros(0, dtype=np.int64)
    return Matches(np.concatenate([none, *(p.left for p in pairs)]), np.concatenate([none, *(p.right for p in pairs)]))


# ------------------------------------------------------------------- most pairs


def most_pairs(left: Line, right: Line) -> Matches:
    """One-to-one pairs of overlapping intervals, as many as there can be.

    Method: of all intervals of both sides, the one that ends first is paired with the one of the other
    side that overlaps it and ends first. All that overlap it share its last point, so whatever later one
    could use the chosen partner could use any of the others: no choice is better. (It is the greedy
    matching of points in the plane by dominance, since intervals overlap where each starts before the
    other ends.) Ties in end go by start, then by row; intervals of both sides that end together are paired
    in that order, so exchanging the sides changes nothing.
    """
    clusters = _clusters(left, right)
    two = clusters.size == 2
    simple, rest = clusters.take(two), clusters.take(~two)
    pairs = Matches(simple.row[~simple.right], simple.row[simple.right])
    return _joined([pairs, *(_sweep(part) for part in rest.parts(rest.size, CHUNK))])


def _sweep(clusters: _Clusters) -> Matches:
    """The method of :func:`most_pairs`, interval by interval."""
    by_end = np.lexsort((clusters.row, clusters.start, clusters.end))
    rank = np.empty(len(by_end), dtype=np.int64)
    rank[by_end] = np.arange(len(by_end))
    right = clusters.right[by_end]
    of = np.array(_partners(clusters.end[by_end].tolist(), right.tolist(), clusters.start.tolist(), rank.tolist()))
    rows = np.flatnonzero((of >= 0) & ~right)
    return Matches(clusters.row[by_end[rows]], clusters.row[by_end[of[rows]]])


def _partners(ends: list[int], right: list[bool], starts: list[int], opening: list[int]) -> list[int]:
    """The partner of each interval, or −1; intervals are numbered by end, and ``opening`` has their numbers by start."""
    partner = [-1] * len(ends)
    opened: tuple[list[int], list[int]] = ([], [])
    upcoming = 0
    for i, end in enumerate(ends):
        while upcoming < len(starts) and starts[upcoming] < end:
            heappush(opened[right[opening[upcoming]]], opening[upcoming])
            upcoming += 1
        others = opened[not right[i]]
        while partner[i] < 0 and others:
            other = heappop(others)
            if other > i and partner[other] < 0:
                partner[i], partner[other] = other, i
    return partner


# ---------------------------------------------------------------------- most IoU


def most_iou(left: Line, right: Line) -> Matches:
    """One-to-one pairs of overlapping intervals with the largest sum of intersection over union.

    Method: pairs are listed cluster by cluster; where one interval meets several that meet no other, it
    takes the best; conflicts go to the sparse solver of SciPy (Jonker and Volgenant 1987), with all pairs
    but for large clusters in which most intervals overlap. The sum is the one optimum; which of several
    optimal sets of pairs is returned depends on the intervals and the order of rows.
    """
    clusters = _clusters(left, right)
    weights = np.concatenate([[0], np.cumsum(_leads(clusters))])[np.concatenate([[0], np.cumsum(clusters.size)])]
    return _joined([_best(part) for part in clusters.parts(np.diff(weights), PAIRS)])


class _Reach(NamedTuple):
    """For each interval of one side the range of those of the other that start within it."""

    low: Ints
    high: Ints

    def pairs(self) -> tuple[Ints, Ints]:
        """The same as pairs of numbers."""
        count = self.high - self.low
        leader = np.repeat(np.arange(len(count)), count)
        return leader, np.arange(len(leader)) + np.repeat(self.high - np.cumsum(count), count)


def _reaches(left: Line, right: Line) -> tuple[_Reach, _Reach]:
    """Of the left and of the right intervals; where two start together, the left one reaches the right one."""
    return (
        _Reach(np.searchsorted(right.start, left.start, "left"), np.searchsorted(right.start, left.end, "left")),
        _Reach(np.searchsorted(left.start, right.start, "right"), np.searchsorted(left.start, right.end, "left")),
    )


def _sides(clusters: _Clusters) -> tuple[Line, Line]:
    left, right = (Line(clusters.start[side], clusters.end[side]) for side in (~clusters.right, clusters.right))
    return left, right


def _leads(clusters: _Clusters) -> Ints:
    """How many overlapping pairs each interval leads, being the one that starts first."""
    of_left, of_right = _reaches(*_sides(clusters))
    out = np.empty(len(clusters.row), dtype=np.int64)
    out[~clusters.right] = of_left.high - of_left.low
    out[clusters.right] = of_right.high - of_right.low
    return out


def _best(clusters: _Clusters) -> Matches:
    """The best pairs of some clusters."""
    left, right = _sides(clusters)
    reaches = _reaches(left, right)
    pairs = sum(int((reach.high - reach.low).sum()) for reach in reaches)
    if pairs > 2 * PAIRS and len(left.start) * len(right.start) <= 4 * pairs:
        found = _dense(left, right)
    else:
        (a, b), (d, c) = (reach.pairs() for reach in reaches)
        a, b = np.concatenate([a, c]), np.concatenate([b, d])
        found = _sparse(a, b, overlap(left.take(a), right.take(b)), len(left.start), len(right.start))
    return Matches(clusters.row[~clusters.right][found.left], clusters.row[clusters.right][found.right])


def _dense(left: Line, right: Line) -> Matches:
    """The best pairs where most intervals overlap most others, without a table of them all.

    Method: column generation. Each interval's few best pairs are listed. The best choice out of them has
    prices, by duality; pairs that are worth more than the prices of both their intervals are added to the
    list, and the choice is made anew. When there are none, no choice out of all pairs is better.
    """
    some, width = FEW, len(right.start)
    prices: tuple[Floats, Floats] = np.zeros(len(left.start)), np.zeros(width)
    listed: Ints = np.zeros(0, dtype=np.int64)
    taken = listed
    while True:
        near, far = _underpriced(left, right, *prices, some), _underpriced(right, left, *prices[::-1], some)
        grown = np.union1d(listed, np.concatenate([near.left * width + near.right, far.right * width + far.left]))
        if len(grown) == len(listed):
            return Matches(listed[taken] // width, listed[taken] % width)
        listed, some = grown, 2 * some
        a, b = listed // width, listed % width
        weight = overlap(left.take(a), right.take(b))
        taken = _assigned(a, b, weight)
        prices = _prices(a, b, weight, taken, len(left.start), width)


def _underpriced(left: Line, right: Line, left_price: Floats, right_price: Floats, some: int) -> Matches:
    """For each interval of the left the pairs that are worth most above the prices of both; at most so many."""
    found = []
    for i, (start, end) in enumerate(zip(*left, strict=True)):
        gain = overlap(Line(start, end), right) - right_price - left_price[i]
        pays = np.flatnonzero(gain > 1e-12)
        if len(pays) > some:
            pays = pays[np.argpartition(-gain[pays], some)[:some]]
        found.append(Matches(np.full(len(pays), i), pays))
    return _joined(found)


def _prices(a: Ints, b: Ints, weight: Floats, taken: Ints, lefts: int, rights: int) -> tuple[Floats, Floats]:
    """Prices of the intervals of both sides: no listed pair is worth more than both, and those taken just as much.

    The highest prices of the right side that allow this; whoever is not taken has the price 0. ``a`` is sorted.
    """
    first = np.flatnonzero(np.diff(a, prepend=-1))
    left, right = np.zeros(lefts), np.zeros(rights)
    right[b[taken]] = weight[taken]
    while True:
        left[a[first]] = np.maximum(np.maximum.reduceat(weight - right[b], first), 0)
        price = np.minimum(right[b[taken]], weight[taken] - left[a[taken]])
        if np.all(price > right[b[taken]] - 1e-13):
            return left, right
        right[b[taken]] = price


def _sparse(a: Ints, b: Ints, weight: Floats, lefts: int, rights: int) -> Matches:
    """The best pairs out of a list with positive weights."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b + lefts)), shape=(lefts + rights, lefts + rights))
    component = connected_components(graph, directed=False)[1].astype(np.int64)
    of_left = np.bincount(component[:lefts], minlength=lefts + rights)
    of_right = np.bincount(component[lefts:], minlength=lefts + rights)
    of = component[a]
    star = np.minimum(of_left, of_right)[of] == 1
    best = np.flatnonzero(star)
    best = best[np.lexsort((b[best], a[best], -weight[best], of[best]))]
    best = best[np.diff(of[best], prepend=-1) > 0]
    hard = np.flatnonzero(~star)
    flip = (of_left > of_right)[of[hard]]
    rows, columns = np.where(flip, b[hard], a[hard]), np.where(flip, a[hard], b[hard])
    chosen = np.concatenate([best, hard[_conflicts(of[hard], rows, columns, weight[hard])]])
    return Matches(a[chosen], b[chosen])


def _conflicts(component: Ints, row: Ints, column: Ints, weight: Floats) -> Ints:
    """Which of the weighted pairs are in the best one-to-one choice; components have at most as many rows as columns."""
    row, column = _numbered(component, row), _numbered(component, column)
    order = np.lexsort((column, row))
    component, row, column, weight = component[order], row[order], column[order], weight[order]
    begins = np.flatnonzero(np.diff(component, prepend=-1))
    heights = np.diff(row[begins], append=row[-1:] + 1)
    begins = np.append(begins, len(row))
    found = [np.zeros(0, dtype=np.int64)]
    for i, j in chunks(heights, BATCH):
        part = slice(begins[i], begins[j])
        found.append(begins[i] + _assigned(row[part], column[part], weight[part]))
    taken: Ints = order[np.concatenate(found)]
    return taken


def _numbered(component: Ints, node: Ints) -> Ints:
    """Numbers for nodes, ordered by (component, node)."""
    numbers: Ints = np.unique(component * (node.max(initial=0) + 1) + node, return_inverse=True)[1]
    return numbers


def _assigned(row: Ints, column: Ints, weight: Floats) -> Ints:
    """Which pairs the solver takes; every row has a column of its own that costs as much as no pair."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    row, column = row - row[0], column - column.min()
    height, width = int(row[-1]) + 1, int(column.max()) + 1
    own = np.arange(height)
    cells = np.append(2 - weight, np.full(height, 2.0)), (np.append(row, own), np.append(column, width + own))
    rows, columns = min_weight_full_bipartite_matching(csr_array(cells, shape=(height, width + height)))
    partner = np.empty(height, dtype=np.int64)
    partner[rows] = columns
    return np.flatnonzero(partner[row] == column)
