"""Which predicted entity stands for which gold entity.

Everything here depends on spans and types alone, never on ids or list order:
entities are ordered by their mentions, and entities that no span and no type
can tell apart are one class.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Bools, Ints, Matches, copies, join, match_multiset, pack
from newsgold.metrics.columns import NOWHERE, Columns


def entity_ranks(columns: Columns) -> Ints:
    """For each entity its place in the order of (document, its mentions by start, −end, type).

    Equal mentions give equal ranks; entities without mentions come last in their document.
    """
    size = len(columns.entity_doc)
    _, start, end, kind = columns.mentions
    none = np.zeros(0, dtype=np.int64)
    key, _ = pack((start, none), (-end, none), (kind, none))
    lead = np.full(size, key.max(initial=-1) + 1)
    np.minimum.at(lead, columns.entity, key)
    place, _ = pack((columns.entity_doc, none), (lead, none))
    by = np.argsort(place, kind="stable")
    first = _starts(place[by])
    rank = np.empty(size, dtype=np.int64)
    rank[by] = first
    tied = by[np.bincount(first, minlength=size)[first] > 1]
    _break_ties(rank, tied, key, columns.entity)
    return rank


def _starts(keys: Ints) -> Ints:
    """For sorted keys: where the run of each row's key begins."""
    return np.arange(len(keys)) - copies(keys)


def _break_ties(rank: Ints, tied: Ints, key: Ints, entity: Ints) -> None:
    """Rank entities that share their first mention by their second one, then by their third, and so on."""
    if len(tied) == 0:
        return
    chosen = np.zeros(len(rank), dtype=bool)
    chosen[tied] = True
    rows = np.flatnonzero(chosen[entity])
    rows = rows[np.lexsort((key[rows], entity[rows]))]
    size = np.bincount(entity[rows], minlength=len(rank))
    begin = np.cumsum(size) - size
    ordered = np.append(key[rows], -1)
    nth = 1
    while len(tied):
        # an entity whose mentions are at their end comes before one that goes on
        more = np.where(size[tied] > nth, ordered[np.minimum(begin[tied] + nth, len(rows))], -1)
        by = np.lexsort((more, rank[tied]))
        tied, more = tied[by], more[by]
        old = rank[tied]
        run = _starts(pack((old, old[:0]), (more, more[:0]))[0])
        rank[tied] = old + run - _starts(old)
        tied = tied[(np.bincount(run, minlength=len(run))[run] > 1) & (more >= 0)]
        nth += 1


class SpanPairs(NamedTuple):
    """The mentions of two sides by exact span, whatever their types."""

    once: Matches
    """Those whose span each side has once."""
    gold: Ints
    """Rows of the others, whose span one of the sides repeats."""
    pred: Ints


def pair_spans(gold: Columns, pred: Columns) -> SpanPairs:
    """Every mention whose span the other side has too; repeated spans are left for :func:`match_mentions`."""
    left, right = pack(*zip(gold.mentions[:3], pred.mentions[:3], strict=True))
    keys = np.concatenate([left, right])
    merges = all(bool(np.all(side[1:] >= side[:-1])) for side in (left, right))
    order = np.argsort(keys, kind="stable" if merges else "quicksort")
    keys = keys[order]
    # whether each row has the span of the row before it; one more for the end
    same = np.zeros(len(keys) + 1, dtype=bool)
    same[1:-1] = keys[1:] == keys[:-1]
    middle = np.flatnonzero(same[:-1] & same[1:])
    many = np.zeros(len(keys), dtype=bool)
    for shift in (-1, 0, 1):
        many[middle + shift] = True
    second = np.flatnonzero(same[:-1] & ~many)
    low, high = np.minimum(order[second - 1], order[second]), np.maximum(order[second - 1], order[second])
    both = (low < len(left)) & (high >= len(left))
    once = Matches(low[both], high[both] - len(left))
    again = order[many]
    return SpanPairs(once, again[again < len(left)], again[again >= len(left)] - len(left))


def match_mentions(
    gold: Columns,
    pred: Columns,
    pairs: SpanPairs,
    ranks: Callable[[], tuple[Ints, Ints]],
    of_gold: Bools,
    of_pred: Bools,
) -> Matches:
    """One-to-one matches by span of the mentions that are asked for.

    Copies of a span are matched by type first, and among equals in the order of their entities, so that
    the result does not depend on list order. ``ranks`` gives :func:`entity_ranks` of both sides; it is
    called only where spans are repeated.
    """
    chosen = of_gold[pairs.once.left] & of_pred[pairs.once.right]
    left, right = pairs.once.left[chosen], pairs.once.right[chosen]
    g, p = pairs.gold[of_gold[pairs.gold]], pairs.pred[of_pred[pairs.pred]]
    if len(g) == 0 or len(p) == 0:
        return Matches(left, right)
    gold_rank, pred_rank = ranks()
    g, p = _by_rank(gold, g, gold_rank), _by_rank(pred, p, pred_rank)
    typed = match_multiset(*pack(*zip(gold.mentions.take(g), pred.mentions.take(p), strict=True)))
    left, right = np.concatenate([left, g[typed.left]]), np.concatenate([right, p[typed.right]])
    g, p = np.delete(g, typed.left), np.delete(p, typed.right)
    rest = match_multiset(*pack(*zip(gold.mentions.take(g)[:3], pred.mentions.take(p)[:3], strict=True)))
    return Matches(np.concatenate([left, g[rest.left]]), np.concatenate([right, p[rest.right]]))


def _by_rank(columns: Columns, rows: Ints, rank: Ints) -> Ints:
    """Mention rows, those of equal spans in the order of type, entity, and the entity's link."""
    entity = columns.entity[rows]
    order: Ints = np.lexsort((columns.entity_link[entity], rank[entity], columns.mentions.type[rows]))
    result: Ints = rows[order]
    return result


class Shared(NamedTuple):
    """Spans that a gold and a predicted entity both own, a row for each two mentions that make it so."""

    gold: Ints
    """Entity rows."""
    pred: Ints
    span: Ints
    """Equal numbers are equal spans."""
    typed: Bools
    """Whether the two mentions have the same type."""

    def take(self, rows: Ints | Bools) -> Shared:
        """The chosen rows."""
        return Shared(self.gold[rows], self.pred[rows], self.span[rows], self.typed[rows])


def shared_spans(gold: Columns, pred: Columns, pairs: SpanPairs) -> Shared:
    """Every span that both sides have, with its owners on both."""
    keys = pack(*zip(gold.mentions.take(pairs.gold)[:3], pred.mentions.take(pairs.pred)[:3], strict=True))
    several = join(*keys)
    g = np.concatenate([pairs.once.left, pairs.gold[several.left]])
    p = np.concatenate([pairs.once.right, pairs.pred[several.right]])
    number = np.unique(keys[0][several.left], return_inverse=True)[1]
    span = np.concatenate([pairs.once.left, len(gold.entity) + number])
    return Shared(gold.entity[g], pred.entity[p], span, gold.mentions.type[g] == pred.mentions.type[p])


class Edges(NamedTuple):
    """Pairs of a gold and a predicted entity that share spans, one row each, by (pred, gold)."""

    gold: Ints
    pred: Ints
    spans: Ints
    """How many distinct spans they share."""
    typed: Ints
    """On how many of them they agree in a type."""

    def take(self, rows: Ints | Bools) -> Edges:
        """The chosen rows."""
        return Edges(*(column[rows] for column in self))


def _edges(shared: Shared) -> Edges:
    """Spans counted for each pair; an entity may own a span under two types, which is one span."""
    gold, pred, span, typed = _in_order(shared)
    last = np.ones(len(gold), dtype=bool)
    new = last.copy()
    np.not_equal(gold[1:], gold[:-1], out=new[1:])
    new[1:] |= pred[1:] != pred[:-1]
    # of rows with one span the last one knows whether any is typed
    last[:-1] = new[1:] | (span[1:] != span[:-1])
    begin = np.flatnonzero(new)
    spans, agreeing = (np.add.reduceat(column, begin, dtype=np.int64) for column in (last, last & typed))
    return Edges(gold[begin], pred[begin], spans, agreeing)


def _in_order(shared: Shared) -> Shared:
    """The rows by (pred, gold, span, typed)."""
    of_gold, of_span = (int(column.max()).bit_length() for column in (shared.gold, shared.span))
    if of_gold + of_span + int(shared.pred.max()).bit_length() > 62:
        return shared.take(np.lexsort((shared.typed, shared.span, shared.gold, shared.pred)))
    # one plain sort of all fields in one number is several times faster
    key = np.sort((((shared.pred << of_gold | shared.gold) << of_span | shared.span) << 1) | shared.typed)
    pair = key >> of_span + 1
    return Shared(pair & (1 << of_gold) - 1, pair >> of_gold, key >> 1 & (1 << of_span) - 1, (key & 1).astype(bool))


def _partners(of: Ints, other: Ints, size: int) -> tuple[Ints, Bools]:
    """For each of ``size`` items one it is joined to, −1 for none, and whether there are several."""
    one = np.full(size, -1)
    one[of] = other
    several = np.zeros(size, dtype=bool)
    several[of[one[of] != other]] = True
    return one, several


def mapped(pred: Columns, gold_rank: Ints, shared: Shared) -> Ints:
    """For each predicted entity the rank of the gold entity that it stands for, NOWHERE for none.

    The gold entity with the largest share of its spans, compared exactly; among equals the one that agrees in most types, then
    the earliest in the text. (Without the types, gold with two entities on one span would not map to
    itself.) Several predicted entities may stand for one gold entity, so a system without coreference
    loses nothing.
    """
    rank = gold_rank[shared.gold]
    one, several = _partners(shared.pred, rank, len(pred.entity_doc))
    out = np.where(one >= 0, one, NOWHERE)
    rows = several[shared.pred]
    if rows.any():
        edges = _edges(shared._replace(gold=rank).take(rows))
        # ranks are in text order, so the first of equals is the earliest
        weight = edges.spans * (int(edges.typed.max()) + 1) + edges.typed
        begin = np.flatnonzero(np.diff(edges.pred, prepend=-1))
        best = np.repeat(np.maximum.reduceat(weight, begin), np.diff(begin, append=len(weight)))
        chosen = np.flatnonzero(weight == best)[::-1]
        out[edges.pred[chosen]] = edges.gold[chosen]
    return out


# ------------------------------------------------------------------ one to one

ENUMERATED = 4
"""Conflicts of up to so many entities a side are settled by trying every assignment, all such conflicts at once."""
REFINED = 40
"""In those of up to so many, ties are broken exactly; in larger ones the solver sees the entities in text order."""


def aligned(gold_rank: Ints, pred_rank: Ints, shared: Shared) -> Ints:
    """For each predicted entity the rank of the gold entity it is aligned with one to one, NOWHERE for none.

    What: the one-to-one alignment of the entities of each document with the greatest number of shared exact
    spans; among those the one with most agreement in type; among those each gold entity in text order takes
    the earliest predicted entity it can have. Entities that share no span are not aligned.

    Edge cases: entities whose mentions are all the same are one class and aligned as one, since nothing but
    ids or list order could tell them apart. Conflicts of more than :data:`REFINED` entities keep the first
    two rules; what is then tied is left to the solver.

    Source: the alignment of CEAF (Luo 2005) with the count of common mentions, here also for relations;
    DWIE (Zaporojets et al. 2021) compares whole clusters instead, in the order of listing.
    """
    g, p = gold_rank[shared.gold], pred_rank[shared.pred]
    of_pred, merged = _partners(p, g, len(pred_rank))
    _, split = _partners(g, p, len(gold_rank))
    choice = np.where(of_pred >= 0, of_pred, NOWHERE)
    rows = merged[p] | split[g]
    if rows.any():
        edges = _edges(Shared(g, p, shared.span, shared.typed).take(rows))
        choice[edges.pred] = NOWHERE
        taken = _settled(edges)
        choice[taken.pred] = taken.gold
    result: Ints = choice[pred_rank]
    return result


def _settled(edges: Edges) -> Edges:
    """The edges of the best alignment: stars by sorting, small conflicts by enumeration, large ones by a solver."""
    gold, pred = (np.unique(side, return_inverse=True)[1].astype(np.int64) for side in edges[:2])
    conflict = _components(gold, pred)
    size = int(conflict.max()) + 1
    rows, columns = _places(gold, conflict, size), _places(pred, conflict, size)
    least, most = np.minimum(rows.size, columns.size), np.maximum(rows.size, columns.size)
    taken = np.zeros(len(conflict), dtype=bool)
    star = np.flatnonzero(least[conflict] == 1)
    order = star[np.lexsort((pred[star], gold[star], -edges.typed[star], -edges.spans[star], conflict[star]))]
    taken[order[copies(conflict[order]) == 0]] = True
    for width in range(2, ENUMERATED + 1):
        here = np.flatnonzero((least[conflict] > 1) & (most[conflict] == width))
        taken[here] = _enumerated(conflict[here], rows.place[here], columns.place[here], edges.take(here), width)
    rest = np.flatnonzero((least[conflict] > 1) & (most[conflict] > ENUMERATED))
    rest = rest[np.argsort(conflict[rest], kind="stable")]
    for here in np.split(rest, np.flatnonzero(np.diff(conflict[rest])) + 1) if len(rest) else ():
        weight = edges.spans[here] * (int(edges.typed[here].sum()) + 1) + edges.typed[here]
        solve = _refined if most[conflict[here[0]]] <= REFINED else _sparse
        taken[here] = solve(rows.place[here], columns.place[here], weight)
    return edges.take(taken)


def _components(gold: Ints, pred: Ints) -> Ints:
    """The number of the connected component of each edge."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = int(gold.max()) + 1
    nodes = size + int(pred.max()) + 1
    graph = coo_array((np.ones(len(gold), dtype=np.int8), (gold, size + pred)), shape=(nodes, nodes))
    label: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return label[gold]


class _Places(NamedTuple):
    """The entities of one side by component."""

    place: Ints
    """For each edge the place of its entity among those of the component, in text order."""
    size: Ints
    """How many entities each component has."""


def _places(item: Ints, component: Ints, size: int) -> _Places:
    owner = np.zeros(int(item.max()) + 1, dtype=np.int64)
    owner[item] = component
    order = np.argsort(owner, kind="stable")
    place = np.empty(len(owner), dtype=np.int64)
    place[order] = copies(owner[order])
    return _Places(place[item], np.bincount(owner, minlength=size))


def _enumerated(conflict: Ints, row: Ints, column: Ints, edges: Edges, width: int) -> Bools:
    """Which edges the best assignments of many small conflicts take, all of them tried at once."""
    number = np.unique(conflict, return_inverse=True)[1]
    table = np.zeros((int(number.max(initial=-1)) + 1, width, width), dtype=np.int64)
    most = int(edges.typed.max(initial=0)) * width + 1
    table[number, row, column] = edges.spans * most + edges.typed
    best = np.full(len(table), -1)
    chosen = np.zeros((len(table), width), dtype=np.int64)
    for assignment in permutations(range(width)):
        weight = table[:, np.arange(width), assignment]
        # what ties is told apart by the places taken, those of the first gold entity first; none is the last place
        places = np.where(weight > 0, np.array(assignment), width) @ (width + 1) ** np.arange(width)[::-1]
        total = (weight.sum(axis=1) + 1) * (width + 1) ** width - places
        better = total > best
        best[better] = total[better]
        chosen[better] = assignment
    taken: Bools = chosen[number, row] == column
    return taken


def _refined(row: Ints, column: Ints, weight: Ints) -> Bools:
    """Which edges one conflict takes: solved once for each gold entity in turn, whose earliest partner is then fixed."""
    from scipy.optimize import linear_sum_assignment

    height, width = int(row.max()) + 1, int(column.max()) + 1
    table = np.zeros((height, width))
    table[row, column] = weight.astype(np.float64) * (width + 1)
    partner = np.full(height, -1)
    free = np.arange(width)
    for one in range(height):
        if len(free) == 0:
            break
        rest = table[one:, free]
        rest[0] += (rest[0] > 0) * (width - free)
        at = linear_sum_assignment(rest, maximize=True)
        # a table with more rows than columns leaves rows out
        if at[0][0] == 0 and rest[0, at[1][0]] > 0:
            partner[one] = free[at[1][0]]
            free = np.delete(free, at[1][0])
    taken: Bools = partner[row] == column
    return taken


def _sparse(row: Ints, column: Ints, weight: Ints) -> Bools:
    """Which edges one large conflict takes, without a dense table of it.

    SciPy's sparse solver wants every row assigned: each gets a column of its own to retreat to, and all
    weights rise by one, so that none is zero and the retreat is worth one.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    height, width = int(row.max()) + 1, int(column.max()) + 1
    spare = np.arange(height)
    raised = np.concatenate([weight + 1.0, np.ones(height)])
    place = np.concatenate([row, spare]), np.concatenate([column, width + spare])
    table = csr_array((raised, place), shape=(height, width + height))
    partner = min_weight_full_bipartite_matching(table, maximize=True)[1]
    taken: Bools = partner[row] == column
    return taken


# ---------------------------------------------------------------------- numbers


class Sides(NamedTuple):
    """A column of numbers for each side."""

    gold: Ints
    pred: Ints


def span_numbers(gold: Columns, pred: Columns) -> Sides:
    """For each mention the number of its span: the same for equal spans, on whichever side, in text order."""
    keys = np.concatenate(pack(*zip(gold.mentions[:3], pred.mentions[:3], strict=True)))
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    new = np.zeros(len(keys), dtype=np.int64)
    new[1:] = keys[1:] != keys[:-1]
    number = np.empty(len(keys), dtype=np.int64)
    number[order] = np.cumsum(new)
    return Sides(number[: len(gold.entity)], number[len(gold.entity) :])


def entity_types(columns: Columns, counts_as: Ints) -> Ints:
    """For each entity the type that most of its mentions have, among equals the inventory's first; −1 without mentions.

    A type that counts as another (``counts_as``, −1 where it does not) is that other in a cluster that has it.
    """
    kinds = len(counts_as)
    cells, count = np.unique(columns.entity * kinds + columns.mentions.type, return_counts=True)
    entity, kind = cells // kinds, cells % kinds
    wide = counts_as[kind]
    joins = (wide >= 0) & np.isin(entity * kinds + wide, cells)
    kind = np.where(joins, wide, kind)
    cells, inverse = np.unique(entity * kinds + kind, return_inverse=True)
    count = np.bincount(inverse, weights=count, minlength=len(cells))
    entity, kind = cells // kinds, cells % kinds
    order = np.lexsort((kind, -count, entity))
    first = order[copies(entity[order]) == 0]
    out = np.full(len(columns.entity_doc), -1)
    out[entity[first]] = kind[first]
    return out
