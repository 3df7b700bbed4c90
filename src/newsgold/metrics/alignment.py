"""Which predicted entity stands for which gold entity.

Everything here depends on spans and types alone, never on ids or list order:
entities are ordered by their mentions, and entities that no span and no type
can tell apart are one class.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Bools, Ints, Matches, copies, first_rows, join, match_multiset, pack
from newsgold.metrics.columns import NOWHERE, Columns


def entity_ranks(columns: Columns) -> Ints:
    """For each entity its place in the order of (document, its mentions by start, −end, type).

    Equal mentions give equal ranks; entities without mentions come last in their document.
    """
    size = len(columns.entity_doc)
    _, start, end, kind = columns.mentions
    order = np.lexsort((kind, -end, start, columns.entity))
    entity = columns.entity[order]
    first = np.flatnonzero(np.concatenate([[True], entity[1:] != entity[:-1]])) if len(entity) else order
    lead = order[first]
    far = np.int64(2**40)
    keys = [np.full(size, far), np.full(size, far), np.full(size, far)]
    for key, column in zip(keys, (start, -end, kind), strict=True):
        key[entity[first]] = column[lead]
    by = np.lexsort((keys[2], keys[1], keys[0], columns.entity_doc))
    table = np.stack([columns.entity_doc, *keys])[:, by]
    new = np.concatenate([[True], (table[:, 1:] != table[:, :-1]).any(axis=0)]) if size else np.zeros(0, dtype=bool)
    rank = np.empty(size, dtype=np.int64)
    rank[by] = np.flatnonzero(new)[np.cumsum(new) - 1] if size else 0
    _break_ties(rank, by, new, columns, order, entity)
    return rank


def _break_ties(rank: Ints, by: Ints, new: Bools, columns: Columns, order: Ints, entity: Ints) -> None:
    """Rank entities that share their first mention by all of their mentions; rare, so a loop serves."""
    begin = np.flatnonzero(new)
    width = np.diff(np.append(begin, len(by)))
    _, start, end, kind = columns.mentions
    for at, size in zip(begin[width > 1], width[width > 1], strict=True):
        tied = by[at : at + size]
        content = {}
        for row in tied:
            low, high = np.searchsorted(entity, row, "left"), np.searchsorted(entity, row, "right")
            rows = order[low:high]
            content[int(row)] = list(zip(start[rows].tolist(), (-end[rows]).tolist(), kind[rows].tolist(), strict=True))
        ordered = sorted(content.values())
        place: dict[str, int] = {}
        for i, mentions in enumerate(ordered):
            place.setdefault(repr(mentions), i)
        for row, mentions in content.items():
            rank[row] = at + place[repr(mentions)]


def match_mentions(gold: Columns, pred: Columns, gold_rank: Ints, pred_rank: Ints) -> Matches:
    """One-to-one matches of mentions by span, for coreference.

    Copies of a span are matched by type first, and among equals in the order of their entities, so that
    the result does not depend on list order.
    """
    g, p = _by_rank(gold, gold_rank), _by_rank(pred, pred_rank)
    typed = match_multiset(*pack(*zip(gold.mentions.take(g), pred.mentions.take(p), strict=True)))
    left, right = g[typed.left], p[typed.right]
    g, p = np.delete(g, typed.left), np.delete(p, typed.right)
    rest = match_multiset(*pack(*zip(gold.mentions.take(g)[:3], pred.mentions.take(p)[:3], strict=True)))
    return Matches(np.concatenate([left, g[rest.left]]), np.concatenate([right, p[rest.right]]))


def _by_rank(columns: Columns, rank: Ints) -> Ints:
    """Mention rows, those of equal spans in the order of type and entity."""
    order: Ints = np.lexsort((rank[columns.entity], columns.mentions.type))
    return order


class Overlap(NamedTuple):
    """Pairs of a gold and a predicted entity that share spans, one row each."""

    gold: Ints
    pred: Ints
    spans: Ints
    """How many distinct spans they share."""
    typed: Ints
    """How many of them with the same type."""


def shared_spans(gold: Columns, pred: Columns) -> Overlap:
    """Every pair of entities with the number of exact spans both own."""
    g, p = _distinct(gold), _distinct(pred)
    matches = join(*pack(*zip(gold.mentions.take(g)[:3], pred.mentions.take(p)[:3], strict=True)))
    g, p = g[matches.left], p[matches.right]
    same_type = gold.mentions.type[g] == pred.mentions.type[p]
    size = max(len(pred.entity_doc), 1)
    # an entity may own a span under two types: count the span once, as typed if any copy is
    cell = gold.entity[g] * size + pred.entity[p]
    order = np.lexsort((~same_type, gold.mentions.end[g], gold.mentions.start[g], cell))
    cell, start, end, same_type = cell[order], gold.mentions.start[g][order], gold.mentions.end[g][order], same_type[order]
    new = np.ones(len(cell), dtype=bool)
    new[1:] = (cell[1:] != cell[:-1]) | (start[1:] != start[:-1]) | (end[1:] != end[:-1])
    pairs, inverse = np.unique(cell[new], return_inverse=True)
    spans = np.bincount(inverse, minlength=len(pairs))
    typed = np.bincount(inverse, weights=same_type[new], minlength=len(pairs)).astype(np.int64)
    return Overlap(pairs // size, pairs % size, spans, typed)


def _distinct(columns: Columns) -> Ints:
    """Mention rows without copies of the same span and type in the same entity."""
    empty = np.zeros(0, dtype=np.int64)
    key, _ = pack(*((column, empty) for column in (*columns.mentions, columns.entity)))
    return first_rows(key)


def mapped(gold: Columns, pred: Columns, gold_rank: Ints) -> Ints:
    """For each predicted entity the rank of the gold entity that it stands for, NOWHERE for none.

    The gold entity that owns most of its exact spans; among equals the one that agrees in most types, then
    the earliest in the text. (Without the types, gold with two entities on one span would not map to
    itself.) Several predicted entities may stand for one gold entity, so a system without coreference
    loses nothing.
    """
    overlap = shared_spans(gold, pred)
    rank = gold_rank[overlap.gold]
    lead = _first_spans(gold)[:, overlap.gold]
    order = np.lexsort((rank, *lead[::-1], -overlap.typed, -overlap.spans, overlap.pred))
    first = order[copies(overlap.pred[order]) == 0]
    out = np.full(len(pred.entity_doc), NOWHERE)
    out[overlap.pred[first]] = rank[first]
    return out


def _first_spans(columns: Columns) -> Ints:
    """The earliest span of each entity as (start, −end), shape (2, entities)."""
    size = len(columns.entity_doc)
    order = np.lexsort((-columns.mentions.end, columns.mentions.start, columns.entity))
    first = order[copies(columns.entity[order]) == 0]
    out = np.zeros((2, size), dtype=np.int64)
    out[:, columns.entity[first]] = columns.mentions.start[first], -columns.mentions.end[first]
    return out
