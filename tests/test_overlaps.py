"""Pairs of overlapping intervals: each method against the whole table given to a solver."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from newsgold.metrics import overlaps
from newsgold.metrics.arrays import Matches
from newsgold.metrics.overlaps import Line, alone, chunks, most_iou, most_pairs, overlap

interval = st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda v: (v[0], v[0] + v[1]))
lines = st.lists(interval, max_size=30).map(sorted).map(lambda rows: Line(*np.array(rows, dtype=np.int64).reshape(-1, 2).T))
dense = st.lists(st.tuples(st.integers(0, 9), st.integers(10, 19)), max_size=9).map(sorted)
crossing = dense.map(lambda rows: Line(*np.array(rows, dtype=np.int64).reshape(-1, 2).T))


@pytest.fixture(params=["as set", "small"], scope="module")
def limits(request: pytest.FixtureRequest) -> Iterator[None]:
    """With limits so small that every road is taken, too."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "small":
            for name, value in (("CHUNK", 3), ("PAIRS", 4), ("BATCH", 2), ("FEW", 1)):
                patch.setattr(overlaps, name, value)
        yield


def table(left: Line, right: Line) -> np.ndarray:
    """The IoU of every two intervals, 0 where they do not overlap."""
    out = np.zeros((len(left.start), len(right.start)))
    for i in range(len(out)):
        for j in range(out.shape[1]):
            shared = min(left.end[i], right.end[j]) - max(left.start[i], right.start[j])
            if shared > 0:
                out[i, j] = shared / (max(left.end[i], right.end[j]) - min(left.start[i], right.start[j]))
    return out


def one_to_one(pairs: Matches) -> bool:
    return all(len(np.unique(side)) == len(side) for side in pairs) and len(pairs.left) == len(pairs.right)


@pytest.mark.usefixtures("limits")
@given(lines | crossing, lines | crossing)
@settings(max_examples=200)
def test_there_are_no_more_pairs(left: Line, right: Line):
    meets = table(left, right) > 0
    pairs = most_pairs(left, right)
    assert one_to_one(pairs)
    assert meets[pairs.left, pairs.right].all()
    assert len(pairs.left) == meets[linear_sum_assignment(meets, maximize=True)].sum()


@pytest.mark.usefixtures("limits")
@given(lines | crossing, lines | crossing)
@settings(max_examples=200)
def test_no_pairs_have_more_iou(left: Line, right: Line):
    weights = table(left, right)
    pairs = most_iou(left, right)
    assert one_to_one(pairs)
    assert (weights[pairs.left, pairs.right] > 0).all()
    assert weights[pairs.left, pairs.right].sum() == pytest.approx(weights[linear_sum_assignment(weights, maximize=True)].sum())


def test_many_crossing_intervals_need_no_table_of_all(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overlaps, "PAIRS", 1000)
    rng = np.random.default_rng(5)
    left, right = (Line(np.sort(rng.integers(0, 400, n)), rng.integers(401, 800, n)) for n in (300, 280))
    weights, pairs = table(left, right), most_iou(left, right)
    assert one_to_one(pairs)
    assert weights[pairs.left, pairs.right].sum() == pytest.approx(weights[linear_sum_assignment(weights, maximize=True)].sum())


@pytest.mark.usefixtures("limits")
@given(lines, lines)
def test_exchanging_the_sides_exchanges_the_pairs(left: Line, right: Line):
    pairs, other = most_pairs(left, right), most_pairs(right, left)
    assert set(zip(*pairs, strict=True)) == set(zip(*other[::-1], strict=True))


@given(lines)
def test_alone_is_what_overlaps_no_other(line: Line):
    line = line.take(line.end > line.start)
    meets = (table(line, line) > 0).sum(axis=1)
    assert alone(line).tolist() == (meets == 1).tolist()


def test_overlap_is_intersection_over_union():
    left, right = Line(np.array([0, 0]), np.array([4, 4])), Line(np.array([2, 8]), np.array([6, 9]))
    assert overlap(left, right).tolist() == pytest.approx([1 / 3, -4 / 9])


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 12))
def test_chunks_cover_everything_once(weights: list[int], limit: int):
    found = chunks(np.array(weights, dtype=np.int64), limit)
    assert [i for a, b in found for i in range(a, b)] == list(range(len(weights)))
    assert all(sum(weights[a + 1 : b]) < limit for a, b in found)


@pytest.mark.parametrize("shape", ["crossing", "nested", "stairs"])
def test_ten_thousand_intervals_in_one_place_take_seconds(shape: str):
    n = np.arange(5_000)
    rng = np.random.default_rng(7)
    ends = {
        "crossing": rng.integers(5_001, 10_000, (2, 5_000)),
        "nested": 20_000 - np.stack([n, n + 1]),
        "stairs": [n + 5_001] * 2,
    }
    starts = rng.integers(0, 5_000, (2, 5_000)) if shape == "crossing" else np.stack([n, n])
    left, right = (Line(np.sort(s), e) for s, e in zip(starts, ends[shape], strict=True))
    begin = time.process_time()
    assert len(most_pairs(left, right).left) == 5_000
    assert time.process_time() - begin < 1


def test_an_interval_around_many_takes_linear_time():
    n = np.arange(20_000)
    inner = Line(n * 10, n * 10 + 5)
    around = Line(np.zeros(3, dtype=np.int64), np.full(3, 10**6))
    begin = time.process_time()
    assert len(most_pairs(inner, around).left) == 3
    assert len(most_iou(around, inner).left) == 3
    assert time.process_time() - begin < 5


def test_prices_leave_no_listed_pair_worth_more():
    """Interval 0 of the left is in no pair; the free right interval 1 bounds the price of 0."""
    a, b, weight = np.array([1, 1, 2]), np.array([0, 1, 2]), np.array([0.5, 0.2, 0.4])
    left, right = overlaps._prices(a, b, weight, np.array([0, 2]), 3, 3)
    assert left.tolist() == pytest.approx([0, 0.2, 0])
    assert right.tolist() == pytest.approx([0.3, 0, 0.4])


def test_of_two_that_overlap_the_earlier_leads():
    left = Line(np.array([0, 2, 8, 20]), np.array([3, 9, 10, 21]))
    right = Line(np.array([0, 1, 4, 9]), np.array([2, 5, 6, 12]))
    clusters = overlaps._clusters(left, right)
    leads = overlaps._leads(clusters)
    assert leads[~clusters.right].tolist() == [2, 1, 1]
    assert leads[clusters.right].tolist() == [0, 1, 0, 0]
