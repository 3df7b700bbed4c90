"""The judge: it learns, it does not depend on order, and it answers where there is nothing to learn."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.benchmark.baselines.judge import Judge, fit_judge, row

ROWS = [row(sign=n % 2 == 0, size=n / 10) for n in range(20)]
RIGHT = [n % 2 == 0 for n in range(20)]


def test_it_tells_right_from_wrong() -> None:
    judge = fit_judge(ROWS, RIGHT, strength=10.0)
    assert [judge.probability(r) > 0.5 for r in ROWS] == RIGHT
    assert judge.probability({"sign": 1.0, "never seen": 99.0}) == judge.probability({"sign": 1.0})


def test_a_stronger_penalty_makes_it_less_sure() -> None:
    sure, unsure = (fit_judge(ROWS, RIGHT, strength=s).probability(row(sign=True)) for s in (10.0, 0.01))
    assert 0.5 < unsure < sure < 1


def test_the_order_of_features_changes_nothing() -> None:
    turned = [dict(reversed(r.items())) for r in ROWS]
    assert fit_judge(turned, RIGHT, strength=1.0) == fit_judge(ROWS, RIGHT, strength=1.0)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_a_probability_is_one_to_the_last_bit(weights: list[float], shuffle: random.Random) -> None:
    judge = Judge({str(n): w for n, w in enumerate(weights)}, 0.1)
    names = list(judge.weights)
    first = judge.probability(dict.fromkeys(names, 0.3))
    shuffle.shuffle(names)
    assert judge.probability(dict.fromkeys(names, 0.3)) == first
    assert 0.0 <= first <= 1.0


@pytest.mark.parametrize(("right", "taken"), [([], False), ([False, False], False), ([True, True], True)])
def test_without_two_answers_there_is_one(right: list[bool], taken: bool) -> None:
    judge = fit_judge([row(a=True)] * len(right), right, strength=1.0)
    assert (judge.probability({}) > 0.5) is taken


def test_a_row_leaves_out_what_is_not_there() -> None:
    assert row(a=True, b=False, c=0.0, d=0.5) == {"a": 1.0, "d": 0.5}
