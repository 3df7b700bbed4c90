"""The array operations against plain Python."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.metrics.arrays import (
    copies,
    first_rows,
    join,
    match_multiset,
    member,
    ordered,
    pack,
    rank_rows,
)  # fmt: skip

keys = st.lists(st.integers(-3, 6), max_size=20)
far = st.integers(-(2**40), 2**40) | st.integers(-2, 2)


def column(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@given(st.lists(st.tuples(far, far, far), max_size=12), st.lists(st.tuples(far, far, far), max_size=12))
def test_packed_keys_are_ordered_like_the_tuples(left: list[tuple[int, ...]], right: list[tuple[int, ...]]):
    sides = [np.array(side, dtype=np.int64).reshape(-1, 3).T for side in (left, right)]
    packed = np.concatenate(pack(*zip(*sides, strict=True))).tolist()
    tuples = [*left, *right]
    assert [(a < b, a == b) for a in packed for b in packed] == [(a < b, a == b) for a in tuples for b in tuples]


def test_packing_leaves_the_columns_alone():
    a, b = column([3, 1]), column([5])
    pack((a, b), (a, b))
    assert (a.tolist(), b.tolist()) == ([3, 1], [5])


@given(keys)
def test_copies_count_within_runs(values: list[int]):
    values = sorted(values)
    assert copies(column(values)).tolist() == [values[:i].count(v) for i, v in enumerate(values)]


@pytest.mark.parametrize("stable", [True, False])
@given(values=keys)
def test_ordered_sorts_and_tells_the_rows(values: list[int], stable: bool):
    found = ordered(column(values), stable=stable)
    assert found.keys.tolist() == sorted(values)
    assert (found.order is None) == (values == sorted(values))
    rows = found.rows(np.arange(len(values)))
    assert column(values)[rows].tolist() == sorted(values)
    if stable:
        assert rows.tolist() == sorted(range(len(values)), key=lambda i: values[i])


@given(keys, keys)
def test_the_multiset_is_matched_in_row_order(left: list[int], right: list[int]):
    found = match_multiset(column(left), column(right))
    expected = set()
    for key, times in (Counter(left) & Counter(right)).items():
        rows = [[i for i, v in enumerate(side) if v == key][:times] for side in (left, right)]
        expected |= set(zip(*rows, strict=True))
    assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == expected
    assert len(found.left) == len(expected)


@given(keys, keys)
def test_join_gives_every_pair(left: list[int], right: list[int]):
    found = join(column(left), column(right))
    pairs = sorted(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert pairs == [(i, j) for i, a in enumerate(left) for j, b in enumerate(right) if a == b]


@given(keys, keys)
def test_member_is_in(left: list[int], right: list[int]):
    assert member(column(left), column(right)).tolist() == [v in right for v in left]


@given(keys)
def test_first_rows_are_those_of_first_copies(values: list[int]):
    assert first_rows(column(values)).tolist() == [i for i, v in enumerate(values) if v not in values[:i]]


@given(st.lists(st.tuples(far, far), max_size=12))
def test_ranks_are_dense(rows: list[tuple[int, int]]):
    ranks = rank_rows(np.array(rows, dtype=np.int64).reshape(-1, 2).T)
    order = sorted(set(rows))
    assert ranks.tolist() == [order.index(row) for row in rows]
