"""Stance: who takes which position on whom.

Holders and targets are compared as entities, after mapping. AUTHOR and UNKNOWN
match only themselves. :func:`positions` puts both sides into one table once;
every metric is a sum over chosen rows of it.

Any of these can be raised by a spurious predicted *entity* or *mention*, because it may
change what an argument is mapped to; a spurious or repeated *stance* never raises
``stance.tuple``, ``stance.pair`` or ``stance.neutral``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from newsgold.metrics.alignment import entity_types
from newsgold.metrics.arrays import Bools, Ints
from newsgold.metrics.columns import UNKNOWN_ROW, Columns
from newsgold.metrics.counts import Counts
from newsgold.metrics.facts import Facts, Keys, Meaning, Said, add_up, count, meanings, meet


@dataclass(frozen=True)
class Positions:
    """Every distinct (holder, target, polarity) of both sides."""

    said: Said
    """Its groups are the polarities; ordered by (target, holder, polarity)."""
    documents: int
    polarities: int
    places: int

    @cached_property
    def counts(self) -> Counts:
        """Counts of all of them; the groups are the polarities."""
        return count(self.said, self.documents, self.polarities)

    @cached_property
    def pair(self) -> Ints:
        """For each the number of its (holder, target), in rising order."""
        new = np.ones(len(self.said.doc), dtype=np.int64)
        key = self.said.key // self.polarities
        new[1 : len(key)] = key[1:] != key[:-1]
        return np.cumsum(new) - 1

    @cached_property
    def author(self) -> Bools:
        """Which are held by the article itself, whose place is the last."""
        held = np.zeros(len(self.said.doc), dtype=bool)
        key = self.said.key // self.polarities
        held[: len(key)] = key % self.places == self.places - 1
        return held

    @cached_property
    def target(self) -> Ints:
        """What the target means: a gold rank; from the number of gold entities on, a predicted entity; −1 if lost."""
        target = np.full(len(self.said.doc), -1)
        target[: len(self.said.key)] = self.said.key // (self.polarities * self.places)
        return target


def positions(gold: Columns, pred: Columns, gold_rank: Ints, mapping: Ints, polarities: int) -> Positions:
    """Both sides' stances in one table, predicted entities mapped to gold entities.

    An argument that stands for no gold entity keeps its own identity and matches nothing. A stance that
    says again what an earlier one says on the same span is a repetition; on another span it adds nothing.
    """
    meaning = meanings(gold, pred, gold_rank, mapping)
    keys = Keys(meaning.owner, meaning.places * polarities, polarities)
    said = meet(_facts(gold, meaning.gold, keys), _facts(pred, meaning.pred, keys), keys)
    return Positions(said, gold.documents, polarities, meaning.places)


def _facts(columns: Columns, meaning: Meaning, keys: Keys) -> Facts:
    stances, kind = columns.stances, keys.type()
    key = np.take((meaning.number * keys.width).astype(kind), stances.target)
    key += np.take((meaning.place * keys.groups).astype(kind), stances.holder)
    key += stances.polarity.astype(kind)

    def again(rows: Ints) -> tuple[Ints, ...]:
        return stances.holder[rows], stances.target[rows], stances.end[rows]

    lost = (stances.holder < UNKNOWN_ROW) | (stances.target < 0)
    return Facts(stances.doc, key, stances.start, again, lost)


def tuple_(positions: Positions, scored: Bools) -> Counts:
    """Distinct (holder, target, polarity), with the polarities that ``scored`` marks.

    Formula: P = found / distinct predicted, R = found / distinct gold. Groups are the polarities. Scored are
    favor and against (``stance.tuple``), or neutral alone (``stance.neutral``).

    Edge cases: a tuple repeated with the same span counts once more; the same tuple on another span does
    not. A target or holder that stands for no gold entity matches nothing. For and against the same
    target are two tuples.

    Source: tuple F1 in the manner of SemEval-2022 task 10 (Barnes et al. 2022) without its weighting by
    overlap; theirs matches many to one, so that duplicates go unpunished, and gave gold against gold less than 1.
    """
    return Counts(*(part * scored for part in positions.counts))


def author(positions: Positions, scored: Bools) -> Counts:
    """:func:`tuple_`, of those alone that the article itself holds."""
    held = count(positions.said, positions.documents, positions.polarities, positions.author)
    return Counts(*(part * scored for part in held))


def quoted(positions: Positions, scored: Bools) -> Counts:
    """:func:`tuple_`, of all others: those that the article ascribes to somebody, UNKNOWN included.

    With :func:`author` it adds up to :func:`tuple_`. A stance at fault, whose holder is not known, is counted here.
    """
    return Counts(*(part * scored for part in map(np.subtract, positions.counts, author(positions, scored))))


def by_target(positions: Positions, gold: Columns, pred: Columns, gold_rank: Ints, counts_as: Ints, scored: Bools) -> Counts:
    """:func:`tuple_` by the type of the target.

    Groups are the entity types: that of the gold entity the target stands for, else that of the predicted
    one, each the type of most of its mentions (:func:`newsgold.metrics.alignment.entity_types`). The score is
    the mean of the types' F1.

    Edge cases: a stance with an argument that does not exist, or a target without mentions, is left out.

    Source: SemEval-2016 task 6 (Mohammad et al. 2016) reports its targets apart; theirs are five fixed
    topics, ours whatever the article speaks of, hence the types.
    """
    kinds = np.empty(len(gold_rank) + len(pred.entity_doc) + 1, dtype=np.int64)
    kinds[gold_rank] = entity_types(gold, counts_as)
    kinds[len(gold_rank) : -1] = entity_types(pred, counts_as)
    kinds[-1] = -1
    group = kinds[positions.target]
    where = scored[positions.said.group] & (group >= 0)
    return count(positions.said, gold.documents, len(counts_as), where, np.maximum(group, 0))


class Paired(NamedTuple):
    """Every distinct (holder, target) of both sides."""

    doc: Ints
    gold: Ints
    """How often it counts: 0, or 1 and the repetitions of its tuples."""
    pred: Ints
    gold_polarity: Ints
    """The polarity gold gives it, −1 if none or several."""
    pred_polarity: Ints


def paired(positions: Positions) -> Paired:
    """The pairs of a table of positions, whatever their polarities."""
    said, pair = positions.said, positions.pair
    size = int(pair.max(initial=-1)) + 1
    first = np.flatnonzero(np.diff(pair, prepend=-1))
    sides = []
    for times in (said.gold, said.pred):
        stated = np.flatnonzero(times)
        kinds = np.bincount(pair[stated], minlength=size)
        repetitions = np.bincount(pair[stated], weights=times[stated] - 1, minlength=size).astype(np.int64)
        polarity = np.full(size, -1)
        polarity[pair[stated]] = said.group[stated]
        polarity[kinds > 1] = -1
        sides.append(((kinds > 0) + repetitions, polarity))
    return Paired(said.doc[first], sides[0][0], sides[1][0], sides[0][1], sides[1][1])


def pair(pairs: Paired, documents: int) -> Counts:
    """Distinct (holder, target), whatever the polarity, neutral included.

    Formula: P = found / distinct predicted, R = found / distinct gold.

    Edge cases: a pair with two polarities is one pair; a stance repeated with the same span counts once more.

    Source: ours; the step at which most systems and annotators part. It has no counterpart in SemEval-2016,
    where the pairs are given.
    """
    found, pred, gold = (
        add_up(pairs.doc, times, documents, 1) for times in (np.minimum(pairs.gold, pairs.pred), pairs.pred, pairs.gold)
    )
    return Counts(found, pred, found, gold)


def polarity(pairs: Paired, documents: int) -> Counts:
    """Of the pairs both sides have, with one polarity each: on how many the polarities agree.

    Formula: value = p_num / p_den, p_den = matched pairs that have exactly one polarity on both sides, all
    polarities counted, neutral too. r_den = all matched pairs, so r_den − p_den is the number of pairs
    left out because a side gives them two polarities.

    Edge cases: repetitions do not count. No such pair: undefined. A system that finds few pairs is judged
    on few; read it together with ``stance.pair``.

    Source: accuracy as in SemEval-2016 task 6, on found pairs instead of given ones.
    """
    matched = ((pairs.gold > 0) & (pairs.pred > 0)).astype(np.int64)
    single = matched * ((pairs.gold_polarity >= 0) & (pairs.pred_polarity >= 0))
    right = single * (pairs.gold_polarity == pairs.pred_polarity)
    num, den, every = (add_up(pairs.doc, weight, documents, 1) for weight in (right, single, matched))
    return Counts(num, den, num, every)


def polarity_macro_f1(pairs: Paired, documents: int, polarities: tuple[int, ...]) -> Counts:
    """On the pairs that :func:`polarity` counts, precision and recall of each of the given polarities.

    Formula: the score is the mean of the F1 of favor and that of against. Pairs that are neutral on one side
    count against the other's precision or recall; neutral itself is no part of the mean. Groups are the
    polarities in the order given; a negative number is a polarity that the inventory lacks.

    Edge cases: a polarity that neither side has is left out of the mean; with neither, undefined.

    Source: the official score of SemEval-2016 task 6 (Mohammad et al. 2016), equal to its ``eval.pl`` where all
    pairs are given and both classes occur; that one counts an absent class as 0.
    """
    # one number more than occurs, for the polarities that the inventory lacks
    size = 2 + int(max(pairs.gold_polarity.max(initial=0), pairs.pred_polarity.max(initial=0), *polarities))
    chosen = [number if number >= 0 else size - 1 for number in polarities]
    single = (pairs.gold > 0) & (pairs.pred > 0) & (pairs.gold_polarity >= 0) & (pairs.pred_polarity >= 0)
    cell = (pairs.doc * size + pairs.gold_polarity) * size + pairs.pred_polarity
    if not single.all():
        cell = cell[single]
    confusion = np.bincount(cell, minlength=documents * size * size).reshape(documents, size, size)
    sides = (np.diagonal(confusion, axis1=1, axis2=2), confusion.sum(axis=1), confusion.sum(axis=2))
    num, p_den, r_den = (side[:, chosen].astype(np.float64) for side in sides)
    return Counts(num, p_den, num, r_den)


def span(positions: Positions, gold: Columns, pred: Columns, scored: Bools) -> Counts:
    """Of the tuples both sides have: how far the words agree that express them.

    Formula: over the matched tuples of :func:`tuple_`, the spans of a tuple on each side united:
    P = characters in common / predicted characters, R = characters in common / gold characters. Groups are
    the polarities.

    Edge cases: a matched tuple without a span adds no predicted characters and all of gold's. No matched
    tuple with a span: undefined. Repetitions do not count.

    Source: the overlap of the expression in SemEval-2022 task 10 (Barnes et al. 2022), in characters of
    all tuples together instead of tokens averaged over tuples, and with several spans a tuple.
    """
    said = positions.said
    chosen = said.common & scored[said.group]
    sides = [
        _Spans(side.stances.start, side.stances.end, fact).take(chosen[fact] & (side.stances.start >= 0))
        for side, fact in ((gold, said.gold_fact), (pred, said.pred_fact))
    ]
    size = len(said.doc)
    g, p = (_characters(side, size) for side in sides)
    either = _characters(_Spans(*(np.concatenate(both) for both in zip(*sides, strict=True))), size)
    at = said.doc * len(scored) + said.group
    common, p_den, r_den = (add_up(at, weight, gold.documents, len(scored)) for weight in (g + p - either, p, g))
    return Counts(common, p_den, common, r_den)


class _Spans(NamedTuple):
    start: Ints
    end: Ints
    fact: Ints

    def take(self, rows: Bools) -> _Spans:
        return _Spans(*(column[rows] for column in self))


def _characters(spans: _Spans, size: int) -> Ints:
    """How many characters the spans of each fact cover together."""
    length = int(spans.end.max(initial=0)) + 1
    # the facts' texts laid end to end
    start, end = spans.fact * length + spans.start, spans.fact * length + spans.end
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    reach = np.maximum.accumulate(np.append(np.int64(0), end))[:-1]
    covered = np.maximum(end - np.maximum(start, reach), 0)
    return np.bincount(spans.fact[order], weights=covered, minlength=size).astype(np.int64)
