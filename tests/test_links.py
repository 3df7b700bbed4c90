"""Items found by id: by a table where ids are few, by searching where they are many."""

from __future__ import annotations

import numpy as np
import pytest

from newsgold.metrics.links import NOWHERE, Index


@pytest.mark.parametrize(("rows", "ids", "table"), [(3, 5, True), (1000, 1000, True), (1100, 1000, False), (4000, 4000, False)])
def test_of_items_that_share_an_id_the_first_is_found(rows: int, ids: int, table: bool):
    random = np.random.default_rng(5)
    row, code = random.integers(0, rows, 3000), random.integers(-1, ids, 3000)
    code[code == ids - 1] = -1
    # ids that a record holds twice
    row[:4], code[:4] = rows - 1, [ids - 2, 0, ids - 2, 0]
    first: dict[tuple[int, int], int] = {}
    for item, place in enumerate(zip(row.tolist(), code.tolist(), strict=True)):
        if place[1] >= 0:
            first.setdefault(place, item)
    index = Index(row, code, rows, ids)
    assert (index.table is not None) == table
    asked = np.concatenate([row, random.integers(0, rows, 500)]), np.concatenate([code, random.integers(-1, ids, 500)])
    wanted = [first.get(place, NOWHERE) for place in zip(*(part.tolist() for part in asked), strict=True)]
    assert index.find(*asked).tolist() == wanted
    beyond_all = np.array([rows - 1, 0]), np.array([ids - 1, -1])
    assert index.find(*beyond_all).tolist() == [NOWHERE, NOWHERE]


def test_where_no_item_has_an_id_none_is_found():
    none = np.zeros(0, dtype=np.int64)
    index = Index(none, none, 4000, 4000)
    assert index.table is None
    assert index.find(np.array([0, 3999]), np.array([5, -1])).tolist() == [NOWHERE, NOWHERE]
