"""Things said, compared as sets."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.metrics.facts import Facts, Keys, count, meet, repeated_rows

LOW, GROUPS = 6, 2
OWNER = np.array([0, 0, 1, 1, 1])
Row = tuple[int, int, bool]
rows = st.lists(st.tuples(st.integers(0, len(OWNER) * LOW - 1), st.integers(0, 2), st.booleans()), max_size=12)


def facts(values: list[Row], keys: Keys) -> Facts:
    key, place, lost = (np.array([v[i] for v in values], dtype=kind) for i, kind in enumerate((np.int64, np.int64, bool)))
    high, low = divmod(key, LOW)
    return Facts(OWNER[high], (high * keys.width + low).astype(keys.type()), place // 2, lambda chosen: (place[chosen],), lost)


def slow(values: list[Row]) -> tuple[Counter[Any], list[int]]:
    """How often each key counts, and the keys of what is lost."""
    out: Counter[Any] = Counter()
    kept = Counter((key, place) for key, place, lost in values if not lost)
    for key in {key for key, _ in kept}:
        out[key] = 1 + sum(n - 1 for (k, _), n in kept.items() if k == key)
    return out, [key for key, _, lost in values if lost]


@pytest.mark.parametrize("width", [LOW, 2**30], ids=["int32", "int64"])
def test_counts_equal_their_slow_version(width: int):
    @given(rows, rows)
    def check(gold: list[Row], pred: list[Row]) -> None:
        keys = Keys(OWNER, width, GROUPS)
        said = meet(facts(gold, keys), facts(pred, keys), keys)
        (g, g_lost), (p, p_lost) = slow(gold), slow(pred)
        expected = np.zeros((4, 2, GROUPS))
        for part, found in enumerate((g & p, p, g & p, g)):
            for key, n in found.items():
                expected[part, OWNER[key // LOW], key % GROUPS] += n
        for part, lost in ((1, p_lost), (3, g_lost)):
            for key in lost:
                expected[part, OWNER[key // LOW], key % GROUPS] += 1
        assert np.array(count(said, 2, GROUPS)).tolist() == expected.tolist()
        both = count(said, 2, GROUPS, said.common)
        assert both.p_num.tolist() == expected[0].tolist()
        said_keys = [key // width * LOW + key % width for key in said.key.tolist()]
        assert said_keys == sorted(g.keys() | p.keys())
        for values, fact in ((gold, said.gold_fact), (pred, said.pred_fact)):
            named = [said_keys[f] if f < len(said_keys) else None for f in fact]
            assert named == [None if lost else key for key, _, lost in values]
        of_lost = [f for side in (said.gold_fact, said.pred_fact) for f in side if f >= len(said.key)]
        assert of_lost == list(range(len(said.key), len(said.doc)))

    check()


def test_keys_take_half_the_room_where_they_can():
    assert Keys(OWNER, 2, 1).type() is np.int32
    assert Keys(OWNER, 2**28, 1).type() is np.int64


@given(st.lists(st.tuples(st.integers(-2, 3), st.integers(0, 2))))
def test_repeated_rows(values: list[tuple[int, int]]):
    columns = (np.array([v[i] for v in values], dtype=np.int64) for i in range(2))
    assert repeated_rows(*columns).tolist() == [v in values[:i] for i, v in enumerate(values)]


def test_repetitions_of_what_is_left_out_do_not_count():
    keys = Keys(OWNER, LOW, GROUPS)
    gold, pred = [(0, 0, False)] * 3 + [(2, 0, False)], [(0, 0, False)] * 2 + [(2, 0, False)] * 2
    said = meet(facts(gold, keys), facts(pred, keys), keys)
    assert np.array(count(said, 2, GROUPS)).sum(axis=(1, 2)).tolist() == [3, 4, 3, 4]
    assert np.array(count(said, 2, GROUPS, said.key == 2)).sum(axis=(1, 2)).tolist() == [1, 2, 1, 1]
    assert np.array(count(said, 2, GROUPS, said.key == 1)).sum(axis=(1, 2)).tolist() == [0, 0, 0, 0]
