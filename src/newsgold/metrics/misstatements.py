"""The classes of relations and stances; what they mean is said in :mod:`newsgold.metrics.taxonomy`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from newsgold.metrics.arrays import Bools, Ints, Matches, copies, join, match_multiset, member, pack
from newsgold.metrics.columns import AUTHOR_ROW, NOWHERE, UNKNOWN_ROW, Columns
from newsgold.metrics.facts import Said
from newsgold.metrics.suite import Evaluation
from newsgold.metrics.taxonomy import NONE, RELATION_CODES, STANCE_CODES, Items, Verdicts, rest, unclassed


class _Stated(NamedTuple):
    """What one side says, one row for each of its facts, by their numbers among those of both sides."""

    fact: Ints
    times: Ints
    """How often it counts."""
    doc: Ints
    label: Ints
    one: Ints
    """Number of the head or holder: its gold entity; beyond these, the rank of a predicted one that stands for none."""
    two: Ints
    """Number of the tail or target."""
    lost: Bools
    """Whether an argument does not exist."""
    spans: tuple[Ints, ...]
    """Start and end of the first mentions of both arguments."""
    row_fact: Ints
    """For each row of the columns, its row here."""


class _Arguments(NamedTuple):
    """The arguments of one side, one row for each row of its columns."""

    one: Ints
    two: Ints
    unordered: Bools
    lost: Bools


def _sides(e: Evaluation, said: Said, gold: _Arguments, pred: _Arguments) -> tuple[_Stated, _Stated]:
    size = len(e.gold_rank)
    number = np.where(e.mapping >= 0, e.mapping, size + e.pred_rank)
    return (
        _stated(e.gold, said, said.gold, said.gold_fact, e.gold_rank, gold),
        _stated(e.pred, said, said.pred, said.pred_fact, number, pred),
    )


def _stated(columns: Columns, said: Said, times: Ints, row_fact: Ints, number: Ints, of: _Arguments) -> _Stated:
    """The facts of one side; of several rows that mean the same, the first in the text is shown."""
    fact = np.flatnonzero(times)
    place = np.cumsum(times > 0) - 1
    row_fact = place[row_fact]
    number = np.append(number, [NOWHERE, UNKNOWN_ROW, AUTHOR_ROW])
    one, two = number[of.one], number[of.two]
    one, two = np.where(of.unordered, np.minimum(one, two), one), np.where(of.unordered, np.maximum(one, two), two)
    spans = _first_mentions(columns, of)
    row = np.empty(len(fact), dtype=np.int64)
    row[row_fact] = np.arange(len(row_fact))
    again = np.flatnonzero(np.bincount(row_fact, minlength=len(fact))[row_fact] > 1)
    again = again[np.lexsort([span[again] for span in spans[::-1]])]
    row[row_fact[again[::-1]]] = again[::-1]
    shown = tuple(span[row] for span in spans)
    return _Stated(fact, times[fact], said.doc[fact], said.group[fact], one[row], two[row], of.lost[row], shown, row_fact)


def _first_mentions(columns: Columns, of: _Arguments) -> tuple[Ints, ...]:
    """Start and end of the first mentions of both arguments; the earlier first where they are unordered."""
    size = len(columns.entity_doc)
    used = np.zeros(size + 3, dtype=bool)
    used[of.one] = used[of.two] = True
    # mentions at fault have no place
    rows = np.flatnonzero(used[columns.entity] & (columns.mentions.start >= 0))
    entity, start, end = columns.entity[rows], columns.mentions.start[rows], columns.mentions.end[rows]
    order = np.lexsort((-end, start, entity))
    order = order[copies(entity[order]) == 0]
    starts, ends = np.full((2, size + 3), NOWHERE)
    starts[entity[order]], ends[entity[order]] = start[order], end[order]
    starts[[AUTHOR_ROW, UNKNOWN_ROW]] = ends[[AUTHOR_ROW, UNKNOWN_ROW]] = AUTHOR_ROW, UNKNOWN_ROW
    one, two = (starts[of.one], ends[of.one]), (starts[of.two], ends[of.two])
    swap = of.unordered & ((two[0] < one[0]) | ((two[0] == one[0]) & (two[1] < one[1])))
    return tuple(np.where(swap, b, a) for a, b in zip((*one, *two), (*two, *one), strict=True))


def _uncommon(said: Said, gold: _Stated, pred: _Stated, codes: dict[str, int]) -> tuple[Verdicts, Matches]:
    """Verdicts on what both sides say, and the rows of the rest that may be paired, in an order that knows no ids."""
    common = (said.gold > 0) & (said.pred > 0)
    verdicts = unclassed(len(gold.fact), len(pred.fact), codes)
    verdicts.pair(codes["correct"], Matches(*(np.flatnonzero(common[side.fact]) for side in (gold, pred))))
    free = []
    for side in (gold, pred):
        rows = np.flatnonzero(~common[side.fact] & ~side.lost)
        free.append(rows[np.lexsort([column[rows] for column in (side.label, side.two, side.one, side.doc)])])
    return verdicts, Matches(*free)


def _equal(free: Matches, *fields: tuple[Ints, Ints]) -> Matches:
    """Pairs of free rows with equal fields."""
    found = match_multiset(*pack(*((gold[free.left], pred[free.right]) for gold, pred in fields)))
    return Matches(free.left[found.left], free.right[found.right])


def _items(gold: _Stated, pred: _Stated, verdicts: Verdicts, codes: dict[str, int], scored: Bools) -> Items:
    """A row for each time that a fact counts, of those whose labels are scored."""
    times = [side.times * scored[side.label] for side in (gold, pred)]
    begins = np.cumsum(times[0]) - times[0], np.cumsum(times[1]) - times[1] + int(times[0].sum())
    parts = []
    for own, side in enumerate((gold, pred)):
        thing = np.repeat(np.arange(len(side.fact)), times[own])
        copy = copies(thing)
        code, partner = (column[thing] for column in verdicts[own])
        # one more for what has no partner
        limit = np.append(times[1 - own], 0)[partner]
        limit[code != codes["correct"]] = np.minimum(limit[code != codes["correct"]], 1)
        row = np.where(copy < limit, np.append(begins[1 - own], 0)[partner] + copy, -1)
        code[(copy > 0) & (row < 0)] = codes["duplicate"]
        spans = (span[thing] for span in side.spans)
        parts.append((np.full(len(thing), own), side.doc[thing], side.label[thing], *spans, code, row))
    return Items(*map(np.concatenate, zip(*parts, strict=True)))


def relations(e: Evaluation) -> Items:
    """The items of ``relations.mapped``."""
    of = [(side.relations.head, side.relations.tail, e.symmetric[side.relations.type]) for side in (e.gold, e.pred)]
    arguments = [_Arguments(head, tail, unordered, (head < 0) | (tail < 0)) for head, tail, unordered in of]
    gold, pred = _sides(e, e.triples, *arguments)
    verdicts, free = _uncommon(e.triples, gold, pred, RELATION_CODES)
    for name, rule in _RULES:
        pairs = rule(e, free, gold, pred)
        verdicts.pair(RELATION_CODES[name], pairs)
        free = rest(free, pairs)
    _inherit(e, free, gold, pred, verdicts)
    return _items(gold, pred, verdicts, RELATION_CODES, np.ones(e.size("relation"), dtype=bool))


def _direction(e: Evaluation, free: Matches, gold: _Stated, pred: _Stated) -> Matches:
    directed = (rows[~e.symmetric[side.label[rows]]] for rows, side in zip(free, (gold, pred), strict=True))
    return _equal(Matches(*directed), (gold.label, pred.label), (gold.one, pred.two), (gold.two, pred.one))


def _type(_: Evaluation, free: Matches, gold: _Stated, pred: _Stated) -> Matches:
    return _equal(free, (gold.one, pred.one), (gold.two, pred.two))


def _type_either_way(_: Evaluation, free: Matches, gold: _Stated, pred: _Stated) -> Matches:
    low, high = ((order(gold.one, gold.two), order(pred.one, pred.two)) for order in (np.minimum, np.maximum))
    return _equal(free, low, high)


def _clusters(e: Evaluation, free: Matches, gold: _Stated, pred: _Stated) -> Matches:
    """Pairs of relations of one type whose arguments share mentions, as many as there can be."""
    place = np.full(len(pred.fact), -1)
    place[free.right] = np.arange(len(free.right))
    rows = np.flatnonzero(place[pred.row_fact] >= 0)
    columns = e.pred.relations
    owner, entity = _candidates(e, columns.head[rows], columns.tail[rows])
    label, one, two = gold.label[free.left], gold.one[free.left], gold.two[free.left]
    unordered = np.flatnonzero(e.symmetric[label])
    label, one, two = (np.append(a, b[unordered]) for a, b in ((label, label), (one, two), (two, one)))
    number = np.append(np.arange(len(free.left)), unordered)

    at, edge = join(columns.head[rows], owner)
    head = entity[edge]
    wanted = member(*pack((columns.type[rows[at]], label), (head, one)))
    at, head = at[wanted], head[wanted]
    of, edge = join(columns.tail[rows[at]], owner)
    at, head, tail = at[of], head[of], entity[edge]
    of, gold_row = join(*pack((columns.type[rows[at]], label), (head, one), (tail, two)))
    return _most(number[gold_row], place[pred.row_fact[rows[at[of]]]], free)


def _candidates(e: Evaluation, *arguments: Ints) -> tuple[Ints, Ints]:
    """Pairs of a predicted entity, of those given, and the number of a gold entity with which it shares a mention."""
    wanted = np.zeros(len(e.pred.entity_doc), dtype=bool)
    for rows in arguments:
        wanted[rows] = True
    rows = np.flatnonzero(wanted[e.shared.pred])
    size = max(len(e.gold_rank), 1)
    edges = np.unique(e.shared.pred[rows] * size + e.gold_rank[e.shared.gold[rows]])
    return edges // size, edges % size


def _most(gold: Ints, pred: Ints, free: Matches) -> Matches:
    """As many pairs as there can be, out of a list of pairs of places among the free rows."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    if len(gold) == 0:
        return Matches(NONE, NONE)
    graph = csr_array((np.ones(len(gold), dtype=np.int8), (gold, pred)), shape=(len(free.left), len(free.right)))
    graph.sum_duplicates()
    partner = maximum_bipartite_matching(graph, perm_type="column")
    left = np.flatnonzero(partner >= 0)
    return Matches(free.left[left], free.right[partner[left]])


_RULES: tuple[tuple[str, Callable[[Evaluation, Matches, _Stated, _Stated], Matches]], ...] = (
    ("direction", _direction),
    ("type", _type),
    ("type", _type_either_way),
    ("inherited_cluster", _clusters),
)
"""The rules for relations that only one side states, in order."""


def _inherit(e: Evaluation, free: Matches, gold: _Stated, pred: _Stated, verdicts: Verdicts) -> None:
    """Class what cannot be right, whatever the relation, because of its arguments."""
    size = len(e.gold_rank)
    touched, stood = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    touched[e.gold_rank[e.shared.gold]] = True
    stood[e.mapping[e.mapping >= 0]] = True
    g, p = free
    for name, whole in (("inherited_cluster", stood), ("inherited_mention", touched)):
        verdicts.gold.code[g[~(whole[gold.one[g]] & whole[gold.two[g]])]] = RELATION_CODES[name]
    verdicts.pred.code[p[(pred.one[p] >= size) | (pred.two[p] >= size)]] = RELATION_CODES["inherited_mention"]


def stance(e: Evaluation) -> Items:
    """The items of ``stance.tuple``."""
    arguments = []
    for stances in (e.gold.stances, e.pred.stances):
        lost = (stances.holder < UNKNOWN_ROW) | (stances.target < 0)
        arguments.append(_Arguments(stances.holder, stances.target, np.zeros(len(lost), dtype=bool), lost))
    said, scored = e.positions.said, e.polarities("favor", "against")
    gold, pred = _sides(e, said, *arguments)
    verdicts, free = _uncommon(said, gold, pred, STANCE_CODES)
    # neutral ones last, so that sides are paired with sides first
    free = Matches(
        *(rows[np.argsort(~scored[side.label[rows]], kind="stable")] for rows, side in zip(free, (gold, pred), strict=True))
    )
    doc, label = (gold.doc, pred.doc), (gold.label, pred.label)
    one, two = (gold.one, pred.one), (gold.two, pred.two)
    for name, fields in (("flip", (doc, one, two)), ("wrong_holder", (doc, two, label)), ("wrong_target", (doc, one, label))):
        pairs = _equal(free, *fields)
        verdicts.pair(STANCE_CODES[name], pairs)
        free = rest(free, pairs)
    return _items(gold, pred, verdicts, STANCE_CODES, scored)
