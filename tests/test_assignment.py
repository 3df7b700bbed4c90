"""The best assignment against every assignment, tried one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgold.metrics import assignment
from newsgold.metrics.assignment import best_totals

Cells = dict[tuple[int, int], float]


def slow(cells: Cells) -> float:
    lefts, rights = (sorted({cell[side] for cell in cells}) for side in (0, 1))
    size = max(len(lefts), len(rights))
    table = np.zeros((size, size))
    for (a, b), w in cells.items():
        table[lefts.index(a), rights.index(b)] = w
    return max(sum(table[i, p] for i, p in enumerate(order)) for order in itertools.permutations(range(size)))


def fast(*groups: Cells) -> list[float]:
    """The totals of several groups at once, each with items of its own."""
    rows = [(100 * g + a, 100 * g + b, w, g) for g, cells in enumerate(groups) for (a, b), w in cells.items()]
    left, right, weight, group = (
        (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.zeros(0, dtype=int),) * 4
    )
    return best_totals(left, right, weight.astype(float), group, len(groups)).tolist()


def tables(size: int, weights: st.SearchStrategy[float]) -> st.SearchStrategy[Cells]:
    cell = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
    return st.dictionaries(cell, weights, max_size=size * size)


whole = st.integers(1, 4).map(float)
shares = st.fractions(0, 1, max_denominator=12).filter(bool).map(float)


@pytest.mark.parametrize("rounds", [0, 1, 8])
@pytest.mark.parametrize("weights", [whole, shares], ids=["whole", "shares"])
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_it_is_the_best_of_all(rounds: int, weights: st.SearchStrategy[float], data: st.DataObject):
    groups = data.draw(st.lists(tables(6, weights), min_size=1, max_size=3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignment, "ROUNDS", rounds)
        assert fast(*groups) == pytest.approx([slow(cells) for cells in groups])


@pytest.mark.parametrize("dense", [0, 1 << 16], ids=["sparse", "dense"])
@pytest.mark.parametrize("small", [1, 2, 4])
@given(cells=tables(6, whole))
@settings(max_examples=40, deadline=None)
def test_all_solvers_agree(small: int, dense: int, cells: Cells):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignment, "ROUNDS", 0)
        patch.setattr(assignment, "SMALL", small)
        patch.setattr(assignment, "DENSE", dense)
        assert fast(cells) == pytest.approx([slow(cells)])


def test_the_heaviest_cell_is_not_always_taken():
    assert fast({(0, 0): 3, (0, 1): 2, (1, 0): 2}) == [4]


def test_a_star_gives_its_heaviest_cell_once():
    assert fast({(0, i): 1.0 + (i == 3) for i in range(9)}, {(i, 0): 2.0 for i in range(9)}) == [2, 2]


def test_a_long_chain_and_a_full_table_go_to_the_solvers():
    chain = {(i, i + shift): 10.0 + i + shift for i in range(40) for shift in (0, 1)}
    full = {(i, j): 1.0 + (i * j) % 7 for i in range(7) for j in range(6)}
    found = fast(chain, full)
    assert found[0] == sum(10 + i + 1 for i in range(40))
    assert found[1] == pytest.approx(slow(full))


def test_no_cells_have_no_total():
    assert fast({}, {}) == [0, 0]
    assert not np.signbit(fast({}, {(0, 0): 0.5})).any()
