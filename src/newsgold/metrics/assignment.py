"""The best one-to-one assignment in a sparse table, group by group.

The cells of the table join a left and a right item with a weight above zero;
whoever is joined by no cell is worth nothing to anybody. The total of the best
assignment is unique, whichever of several equally good ones attains it.

Most tables of this kind fall apart: cells on their own, stars, and cells so
heavy that they beat whatever they exclude. Those are settled by array
operations; only real conflicts reach a solver.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Floats, Ints

ROUNDS = 8
"""How often safe cells are looked for; what is left goes to the solvers, so that no chain makes it slow."""
SMALL = 4
"""Conflicts with up to so many items on their smaller side are solved together, by dynamic programming."""
DENSE = 1 << 16
"""Larger ones go to SciPy one at a time: as a dense table of up to so many cells, else as a sparse one."""


def best_totals(left: Ints, right: Ints, weight: Floats, group: Ints, groups: int) -> Floats:
    """The greatest total weight of a one-to-one assignment in each group; a cell has the group of its items.

    Exact up to the rounding of sums. Time and memory are linear in the cells but for large conflicts, and
    no dense table is ever made of a very large one.
    """
    out = np.zeros(groups)
    for _ in range(ROUNDS):
        if len(left) == 0:
            return out
        safe = _safe(left, right, weight)
        out += np.bincount(group[safe], weights=weight[safe], minlength=groups)
        gone_left, gone_right = np.zeros(left.max() + 1, dtype=bool), np.zeros(right.max() + 1, dtype=bool)
        gone_left[left[safe]], gone_right[right[safe]] = True, True
        stays = ~(gone_left[left] | gone_right[right])
        left, right, weight, group = left[stays], right[stays], weight[stays], group[stays]
        if len(safe) == 0:
            break
    left, right = (np.unique(side, return_inverse=True)[1].astype(np.int64) for side in (left, right))
    label = _components(left, right)
    component_group = np.zeros(label.max(initial=-1) + 1, dtype=np.int64)
    component_group[label] = group
    return out + np.bincount(component_group, weights=_solve(left, right, weight, label), minlength=groups)


def _safe(left: Ints, right: Ints, weight: Floats) -> Ints:
    """Cells that some best assignment has, no two in one row or column.

    A cell is safe if it weighs no less than the best other cell of its row and the best other cell of its
    column together: whatever an assignment has in their stead can be exchanged for it.
    """
    safe = np.flatnonzero(weight >= _rival(left, weight) + _rival(right, weight))
    for side in (left, right):
        last = np.zeros(side.max() + 1, dtype=np.int64)
        last[side[safe]] = safe
        safe = safe[last[side[safe]] == safe]
    return safe


def _rival(item: Ints, weight: Floats) -> Floats:
    """For each cell the weight of the heaviest other cell of its item, 0 if there is none."""
    size = item.max() + 1
    best, second = np.zeros(size), np.zeros(size)
    np.maximum.at(best, item, weight)
    top = weight == best[item]
    np.maximum.at(second, item[~top], weight[~top])
    alone = np.bincount(item[top], minlength=size) == 1
    return np.where(top & alone[item], second[item], best[item])


def _components(left: Ints, right: Ints) -> Ints:
    """The number of the connected component of each cell, counting from 0."""
    label = np.arange(left.max(initial=-1) + 1)
    while True:
        low = np.full(right.max(initial=-1) + 1, len(label))
        np.minimum.at(low, right, label[left])
        new = label.copy()
        np.minimum.at(new, left, low[right])
        new = new[new]
        if np.array_equal(new, label):
            return np.unique(label[left], return_inverse=True)[1].astype(np.int64)
        label = new


def _solve(left: Ints, right: Ints, weight: Floats, label: Ints) -> Floats:
    """The greatest total of each component."""
    components = int(label.max(initial=-1)) + 1
    rows, columns = (_within(side, label, components) for side in (left, right))
    # the smaller side of each component becomes its rows
    flip = rows.size > columns.size
    row = np.where(flip[label], columns.place, rows.place)
    column = np.where(flip[label], rows.place, columns.place)
    height, width = np.minimum(rows.size, columns.size), np.maximum(rows.size, columns.size)
    out = np.zeros(components)
    small = height <= SMALL
    for size in np.unique(width[small]):
        chosen = np.flatnonzero(small & (width == size))
        number = np.full(components, -1)
        number[chosen] = np.arange(len(chosen))
        cells = np.flatnonzero(number[label] >= 0)
        table = np.zeros((len(chosen), int(size), SMALL))
        table[number[label[cells]], column[cells], row[cells]] = weight[cells]
        out[chosen] = _small(table)
    order = np.argsort(label, kind="stable")
    begin = np.searchsorted(label[order], np.arange(components + 1))
    for one in np.flatnonzero(~small):
        cells = order[begin[one] : begin[one + 1]]
        solve = _dense if height[one] * width[one] <= DENSE else _sparse
        out[one] = solve(row[cells], column[cells], weight[cells], int(height[one]), int(width[one]))
    return out


class _Places(NamedTuple):
    """For each cell the place of its item among those of its component; for each component how many it has."""

    place: Ints
    size: Ints


def _within(item: Ints, label: Ints, components: int) -> _Places:
    """The items of one side, numbered within their components."""
    owner = np.zeros(item.max(initial=-1) + 1, dtype=np.int64)
    owner[item] = label
    order = np.argsort(owner, kind="stable")
    size = np.bincount(owner, minlength=components)
    place = np.empty(len(owner), dtype=np.int64)
    place[order] = np.arange(len(owner)) - np.repeat(np.cumsum(size) - size, size)
    return _Places(place[item], size)


def _small(table: Floats) -> Floats:
    """The greatest totals of tables of shape (tables, columns, rows): column by column, the best for each set of rows used."""
    rows = table.shape[2]
    best = np.full((len(table), 2**rows), -np.inf)
    best[:, 0] = 0
    for column in range(table.shape[1]):
        before = best.copy()
        for row in range(rows):
            free = np.array([used for used in range(2**rows) if not used >> row & 1])
            best[:, free | 1 << row] = np.maximum(best[:, free | 1 << row], before[:, free] + table[:, column, row, None])
    result: Floats = best.max(axis=1)
    return result


def _dense(row: Ints, column: Ints, weight: Floats, height: int, width: int) -> float:
    """The greatest total of one table, by SciPy's dense solver."""
    from scipy.optimize import linear_sum_assignment

    table = np.zeros((height, width))
    table[row, column] = weight
    return float(table[linear_sum_assignment(table, maximize=True)].sum())


def _sparse(row: Ints, column: Ints, weight: Floats, height: int, width: int) -> float:
    """The same by SciPy's sparse solver.

    That one wants every row assigned: each gets a column of its own to retreat to, and all weights rise by
    one, so that none is zero and the retreat is worth one.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    spare = np.arange(height)
    raised = np.concatenate([weight + 1, np.ones(height)])
    place = np.concatenate([row, spare]), np.concatenate([column, width + spare])
    table = csr_array((raised, place), shape=(height, width + height))
    rows, columns = min_weight_full_bipartite_matching(table, maximize=True)
    return float(table[rows, columns].sum()) - height
