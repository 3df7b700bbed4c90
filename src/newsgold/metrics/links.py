"""References resolved: every id that a table's items name, as the row of the item it stands for.

One pass over the id strings of all records; what follows works on numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsgold.corpus.model import AUTHOR, LAYERS, UNKNOWN
from newsgold.metrics.arrays import Ints
from newsgold.metrics.arrow import field, flat, ints, strings

NOWHERE = -3
"""The row of an item that does not exist; −1 and −2 stand for the author and for an unnamed source."""


class Argument(NamedTuple):
    """What the arguments of relations or stances name, one row for each."""

    id: Ints
    """The number of the id string."""
    entity: Ints
    """The entity listed under the id, or NOWHERE."""
    mention: Ints
    """The mention with the id, or NOWHERE."""


@dataclass(frozen=True)
class Links:
    """The items of a table, flattened, and what they refer to."""

    items: Mapping[str, pa.StructArray]
    row: Mapping[str, Ints]
    """For each layer the record of each item."""
    names: list[str]
    """The id strings; numbers of ids are places here. The first two are AUTHOR and UNKNOWN."""
    own: Mapping[str, Ints]
    """The number of each mention's, entity's and stance's own id, −1 where it has none."""
    member: Ints
    """The mentions that entities list."""
    member_id: Ints
    member_entity: Ints
    pair_relation: Ints
    """The relation that each pair of evidence belongs to."""
    pairs: Ints
    """The head and tail mention of each pair, shape (pairs, 2)."""
    head: Argument
    tail: Argument
    holder: Argument
    target: Argument

    @property
    def author(self) -> int:
        """The number of the id AUTHOR."""
        return 0

    @property
    def unknown(self) -> int:
        """The number of the id UNKNOWN."""
        return 1


def links(table: pa.Table) -> Links:
    """Flatten and resolve a table."""
    parts = {name: flat(table[name]) for name in LAYERS}
    items, row = {n: p[0] for n, p in parts.items()}, {n: p[1] for n, p in parts.items()}
    members, member_entity = flat(field(items["entities"], "mentions"))
    evidence, pair_relation = flat(field(items["relations"], "evidence"))
    own = [field(items[name], "id") for name in ("mentions", "entities", "stances")]
    arguments = (("relations", "head"), ("relations", "tail"), ("stances", "holder"), ("stances", "target"))
    named = [field(items[layer], side) for layer, side in arguments]
    codes, names = _numbers([*own, members, pc.list_flatten(evidence), *named])
    mention_at = Index(row["mentions"], codes[0], table.num_rows, len(names))
    entity_at = Index(row["entities"], codes[1], table.num_rows, len(names))

    def argument(layer: str, code: Ints) -> Argument:
        return Argument(code, entity_at.find(row[layer], code), mention_at.find(row[layer], code))

    return Links(
        items=items,
        row=row,
        names=names,
        own=dict(zip(("mentions", "entities", "stances"), codes, strict=False)),
        member=mention_at.find(row["entities"][member_entity], codes[3]),
        member_id=codes[3],
        member_entity=member_entity,
        pair_relation=pair_relation,
        pairs=mention_at.find(np.repeat(row["relations"][pair_relation], 2), codes[4]).reshape(-1, 2),
        head=argument("relations", codes[5]),
        tail=argument("relations", codes[6]),
        holder=argument("stances", codes[7]),
        target=argument("stances", codes[8]),
    )


def _numbers(arrays: list[pa.Array]) -> tuple[list[Ints], list[str]]:
    """Numbers for id strings, one array for each array given, −1 for null; and the strings."""
    coded = pa.concat_arrays([strings([AUTHOR, UNKNOWN]), *arrays]).dictionary_encode()
    numbers = ints(coded.indices, -1)
    bounds = np.cumsum([2] + [len(a) for a in arrays])
    return [numbers[a:b] for a, b in itertools.pairwise(bounds)], coded.dictionary.to_pylist()


class Index:
    """Finds the item of a record by the number of its id; of items that share an id, the first."""

    def __init__(self, row: Ints, code: Ints, rows: int, ids: int) -> None:
        named = np.flatnonzero(code >= 0)
        key = row[named] * ids + code[named]
        self.ids = ids
        self.table: Ints | None = None
        if rows * ids <= 16 * len(named) + 1_000_000:
            # few distinct ids, as m1 m2 m3 in every record: a plain table is faster than searching
            self.table = np.full(rows * ids, NOWHERE)
            self.table[key[::-1]] = named[::-1]
            return
        order = np.argsort(key, kind="stable")
        self.keys, self.items = key[order], named[order]

    def find(self, row: Ints, code: Ints) -> Ints:
        """The item numbers, NOWHERE where there is none."""
        key = row * self.ids + np.maximum(code, 0)
        if self.table is None and not len(self.keys):
            return np.full(len(key), NOWHERE)
        if self.table is not None:
            found = self.table[key]
        else:
            at = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
            found = np.where(self.keys[at] == key, self.items[at], NOWHERE)
        return np.where(code >= 0, found, NOWHERE)
