"""Relations between entities, and the mention pairs that express them.

The identity of a relation leaves factuality out here, except in
:func:`factuality`; symmetric relations are unordered. An item that one side
repeats counts each time, and matches no more often than the other side has it.
:func:`triples` and :func:`items` put both sides into one table once; every
metric is a sum over chosen rows of it.

A repeated or spurious relation or mention never raises :func:`boundaries` and
:func:`strict`. It can raise the others: a spurious mention in a cluster may
change the gold entity the cluster stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from newsgold.metrics.alignment import Sides
from newsgold.metrics.arrays import Bools, Ints, join, member, pack
from newsgold.metrics.columns import NOWHERE, Columns, Pairs
from newsgold.metrics.counts import Counts
from newsgold.metrics.facts import Facts, Keys, Meaning, Said, add_up, count, meanings, meet, repeated_rows


def triples(gold: Columns, pred: Columns, gold_rank: Ints, mapping: Ints, symmetric: Bools) -> Said:
    """Every distinct (type, head, tail) of both sides, predicted entities taken for those of gold.

    ``mapping`` is :func:`newsgold.metrics.alignment.mapped` or :func:`~newsgold.metrics.alignment.aligned`. An
    argument that stands for no gold entity keeps its own identity and matches nothing. A relation that says
    again what an earlier one says, with the same factuality and evidence, is a repetition; with other
    evidence it adds nothing.
    """
    meaning = meanings(gold, pred, gold_rank, mapping)
    keys = Keys(meaning.owner, meaning.places * len(symmetric), len(symmetric))
    return meet(_triples(gold, meaning.gold, keys, symmetric), _triples(pred, meaning.pred, keys, symmetric), keys)


def _triples(columns: Columns, meaning: Meaning, keys: Keys, symmetric: Bools) -> Facts:
    relations = columns.relations
    head, tail = meaning.number[relations.head], meaning.number[relations.tail]
    unordered = symmetric[relations.type]
    swap = unordered & (tail < head)
    first, second = np.where(swap, relations.tail, relations.head), np.where(swap, relations.head, relations.tail)
    key = meaning.number[first] * keys.width + meaning.place[second] * keys.groups + relations.type
    lost = (relations.head < 0) | (relations.tail < 0)
    return Facts(relations.doc, key.astype(keys.type()), relations.factuality, _again(columns, symmetric), lost)


def _again(columns: Columns, symmetric: Bools) -> Callable[[Ints], tuple[Ints, ...]]:
    """What tells a relation said again, beside its factuality: its own arguments and its set of evidence."""
    relations = columns.relations

    def again(rows: Ints) -> tuple[Ints, ...]:
        head, tail = relations.head[rows], relations.tail[rows]
        swap = symmetric[relations.type[rows]] & (tail < head)
        own = np.where(swap, tail, head), np.where(swap, head, tail)
        return *own, _evidence(columns, symmetric, rows)

    return again


def mapped(said: Said, documents: int, groups: int) -> Counts:
    """Distinct relations (type, head, tail) after predicted entities were mapped to gold entities.

    Formula: predicted arguments are replaced by the gold entities they stand for
    (:func:`newsgold.metrics.alignment.mapped`); P = found / distinct predicted, R = found / distinct gold.
    Groups are the relation types.

    Edge cases: predictions that differ only in clusters standing for one gold entity are one prediction.
    An argument that stands for no gold entity keeps its own identity and matches nothing. A relation
    repeated with the same evidence counts once more as predicted. No relations at all: undefined.

    Source: ours. The many-to-one mapping gives a perfect sentence-level system without clusters F1 1,
    where the hard score of DWIE (Zaporojets et al. 2021) gives it almost 0 and, since it compares mentions
    in listing order, changes with that order.
    """
    return count(said, documents, groups)


def entity(said: Said, documents: int, groups: int) -> Counts:
    """Distinct relations (type, head, tail) after entities were aligned one to one.

    Formula: as :func:`mapped`, over a table made with :func:`newsgold.metrics.alignment.aligned`: of several
    predicted entities that share spans with one gold entity only the best stands for it.

    Edge cases: the relations of the other pieces of a split entity match nothing, so that a system without
    coreference loses here what it lacks. Gold against itself is 1.

    Source: between the soft and the hard score of DWIE (Zaporojets et al. 2021): hard asks for equal
    clusters, in listing order; here the best alignment is enough, and order does not matter.
    """
    return count(said, documents, groups)


def gold_entities(gold: Columns, pred: Columns, symmetric: Bools, groups: int) -> Counts:
    """Distinct relations (type, head, tail) whose arguments are the ids of gold's own entities.

    Formula: arguments are equal where their ids are equal strings in one document; P = found / distinct
    predicted, R = found / distinct gold. For systems that were given gold's entities: scored where a prediction
    attempts relations, but neither mentions nor entities.

    Edge cases: an argument that is no entity of gold's matches nothing. Since such a prediction has no evidence, a
    relation repeated with the same factuality counts once more.

    Source: relation F1 of DocRED (Yao et al. 2019), equal to its ``evaluation.py`` where nothing is repeated
    (that one merges repetitions in silence).
    """
    return count(given(gold, pred, symmetric), gold.documents, groups)


def given(gold: Columns, pred: Columns, symmetric: Bools) -> Said:
    """Every distinct (type, head, tail) of both sides, the predicted arguments read as ids of gold's entities."""
    size = len(gold.entity_doc)
    number = {name: i for i, name in enumerate(gold.ids)}
    known = np.array([*(number.get(name, -1) for name in pred.ids), -1, -1, -1], dtype=np.int64)
    relations = pred.relations
    wanted = known[np.concatenate([relations.head_name, relations.tail_name])]
    have, want = pack((gold.entity_doc, np.tile(relations.doc, 2)), (gold.entity_name, wanted))
    named = np.flatnonzero(gold.entity_name >= 0)
    order = named[np.argsort(have[named], kind="stable")]
    at = np.append(order, NOWHERE)[np.searchsorted(have[order], want)]
    right = (wanted >= 0) & (at >= 0) & (np.append(have, [0, 0, 0])[at] == want)
    head, tail = np.where(right, at, NOWHERE).reshape(2, -1)
    own = np.append(np.arange(size), [0, 0, 0])
    meaning, keys = Meaning(own, own), Keys(gold.entity_doc, size * len(symmetric), len(symmetric))
    resolved = replace(pred, relations=relations._replace(head=head, tail=tail))
    return meet(_triples(gold, meaning, keys, symmetric), _triples(resolved, meaning, keys, symmetric), keys)


def factuality(said: Said, gold: Columns, pred: Columns, groups: int) -> Counts:
    """Of the triples both sides have: on how many the factualities agree.

    Formula: over the matched triples of :func:`mapped`, value = p_num / p_den, p_den = matched triples, p_num =
    those whose set of factualities is the same on both sides. Groups are the relation types.

    Edge cases: a triple that gold asserts and denies is right only if the prediction does both. Repetitions
    do not count. No matched triple: undefined.

    Source: ours. Reference scorers of relations know no factuality; in event extraction it is an attribute,
    scored on matched events, as here (ACE 2005, modality and polarity).
    """
    kinds = 1 + max(int(side.relations.factuality.max(initial=0)) for side in (gold, pred))
    common = said.common
    stated = []
    for side, fact in ((gold, said.gold_fact), (pred, said.pred_fact)):
        rows = common[fact]
        stated.append(np.unique(fact[rows] * kinds + side.relations.factuality[rows]))
    both = stated[0][member(stated[0], stated[1])]
    g, p, same = (np.bincount(keys // kinds, minlength=len(common)) for keys in (*stated, both))
    at = said.doc * groups + said.group
    num = add_up(at, (common & (g == same) & (p == same)).astype(np.int64), gold.documents, groups)
    den = add_up(at, common.astype(np.int64), gold.documents, groups)
    return Counts(num, den, num, den)


def ign(said: Said, documents: int, groups: int, gold_seen: Bools, pred_seen: Bools, *, asymmetric: bool = False) -> Counts:
    """:func:`mapped` without the facts that are also in the training data.

    Formula: a triple is left out on both sides if one of its relations on either side is marked as seen in
    training (see :func:`seen_rows`); then as :func:`mapped`. With ``asymmetric`` as DocRED computes it:
    P = (found − found and seen) / (predicted − found and seen), R = found / gold as ever.

    Edge cases: everything seen: undefined. A spurious predicted mention may make a triple seen.

    Source: Ign F1 of DocRED (Yao et al. 2019). Its ``evaluation.py`` takes only the *right* seen facts out, and
    only of precision, so that a system is punished for what it remembers wrongly but keeps in recall what
    it remembers rightly (thunlp/DocRED#31); it also adds 1e-5 to the denominators. Ours takes seen
    facts out of all four counts, right or wrong.
    """
    seen = np.zeros(len(said.doc), dtype=bool)
    seen[said.gold_fact[gold_seen]] = True
    seen[said.pred_fact[pred_seen]] = True
    if not asymmetric:
        return count(said, documents, groups, ~seen)
    every = count(said, documents, groups)
    remembered = count(said, documents, groups, seen & said.common).p_num
    return Counts(every.p_num - remembered, every.p_den - remembered, every.r_num, every.r_den)


def seen_rows(columns: Columns, surface: Ints, facts: Ints) -> Bools:
    """Which relations of one side are facts of the training data.

    Args:
        columns: The side.
        surface: For each of its mentions the number of its text, −1 where that is unknown.
        facts: The training facts, shape (facts, 3): relation type, surface of a head mention, surface of a
            tail mention. Of symmetric relations both directions.

    A relation is seen if some mention of its head and some mention of its tail make such a fact.
    """
    relations = columns.relations
    known = np.flatnonzero(surface >= 0)
    # each entity's surfaces once
    known = known[~repeated_rows(columns.entity[known], surface[known])]
    owner, text = columns.entity[known], surface[known]
    relation, head = join(relations.head, owner)
    at, tail = join(relations.tail[relation], owner)
    relation, head = relation[at], head[at]
    key, fact = pack((relations.type[relation], facts[:, 0]), (text[head], facts[:, 1]), (text[tail], facts[:, 2]))
    out = np.zeros(len(relations.doc), dtype=bool)
    out[relation[member(key, fact)]] = True
    return out


# ------------------------------------------------------------------ mention pairs


def items(gold: Columns, pred: Columns, spans: Sides, symmetric: Bools, *, typed: bool) -> Said:
    """Every distinct mention pair with its relation, of both sides; with the types of both mentions if ``typed``.

    ``spans`` is :func:`newsgold.metrics.alignment.span_numbers`. A pair repeated under the same factuality and
    between mentions of the same types is a repetition.
    """
    kinds = 1 + max(int(side.mentions.type.max(initial=0)) for side in (gold, pred)) if typed else 1
    size = 1 + max(int(column.max(initial=-1)) for column in spans)
    owner = np.zeros(size * kinds, dtype=np.int64)
    for side, span in ((gold, spans.gold), (pred, spans.pred)):
        for kind in range(kinds):
            owner[span * kinds + kind] = side.mentions.doc
    # spans are numbered in text order, so a tail's distance from its document's first span is small
    first = np.searchsorted(owner, np.arange(gold.documents)) if size else np.zeros(gold.documents, dtype=np.int64)
    width = int(np.diff(first, append=len(owner)).max(initial=1)) * len(symmetric)
    keys = Keys(owner, width, len(symmetric))
    sides = [
        _items(side, span * kinds + side.mentions.type * typed, first, keys, symmetric)
        for side, span in ((gold, spans.gold), (pred, spans.pred))
    ]
    return meet(sides[0], sides[1], keys)


def _items(columns: Columns, number: Ints, first: Ints, keys: Keys, symmetric: Bools) -> Facts:
    pairs, relations = columns.pairs, columns.relations
    doc, kind = relations.doc[pairs.relation], relations.type[pairs.relation]
    number = np.append(number, [0, 0, 0])
    head, tail = number[pairs.head], number[pairs.tail]
    swap = symmetric[kind] & (tail < head)
    lost = (pairs.head < 0) | (pairs.tail < 0)
    key = np.where(swap, tail, head) * keys.width + (np.where(swap, head, tail) - first[doc]) * keys.groups + kind
    key[lost] = kind[lost]

    def again(rows: Ints) -> tuple[Ints, ...]:
        types = columns.mentions.type[pairs.head[rows]], columns.mentions.type[pairs.tail[rows]]
        flip = swap[rows] | (symmetric[kind[rows]] & (head[rows] == tail[rows]) & (types[1] < types[0]))
        return np.where(flip, types[1], types[0]), np.where(flip, types[0], types[1])

    return Facts(doc, key.astype(keys.type()), relations.factuality[pairs.relation], again, lost)


def boundaries(said: Said, documents: int, groups: int) -> Counts:
    """Distinct mention pairs with the right relation and the right spans.

    Formula: items are (relation type, head span, tail span), one for each pair of evidence; P = found /
    predicted items, R = found / gold items. Gold with three pairs of which one is predicted, right: P 1, R 1/3.

    Edge cases: an entity argument without evidence counts as predicted and never matches; two mentions as
    arguments are their own evidence. A pair repeated under the same factuality counts again.

    Source: "Boundaries" of Taillé et al. 2020; equal to sincere where nothing is repeated. PURE counts
    repeated predictions as further true positives, up to recall 2.
    """
    return count(said, documents, groups)


def strict(said: Said, documents: int, groups: int) -> Counts:
    """Distinct mention pairs with the right relation, the right spans and the right entity types.

    Formula, edge cases: as :func:`boundaries`, with the types of both mentions in the item.

    Source: "Strict" of Taillé et al. 2020; PURE's Rel+ where nothing is repeated.
    """
    return count(said, documents, groups)


def evidence(said: Said, pairs: Said, gold: Columns, pred: Columns, groups: int) -> Counts:
    """Of the triples both sides have: how far the mention pairs agree that express them.

    Formula: over the matched triples of :func:`mapped` (``said``), items are (triple, head span, tail span), from
    the untyped table of :func:`items` (``pairs``); P = found / predicted items, R = found / gold items.
    Groups are the relation types.

    Edge cases: a matched triple for which the prediction gives no pair (entities as arguments, no evidence) adds
    nothing to P and all of gold's pairs to R. No matched triple with a pair: undefined. A pair repeated under the
    same factuality counts again. A spurious *relation* may raise it, by being matched with all its pairs right.

    Source: evidence F1 of DocRED (Yao et al. 2019), whose evidence is sentences and whose denominators hold
    the evidence of all triples, matched or not, so that it mixes evidence with the relations themselves.
    """
    common = said.common
    size = len(pairs.doc) * groups
    keys = Keys(said.doc, size, groups)
    sides = []
    for side, fact, item in ((gold, said.gold_fact, pairs.gold_fact), (pred, said.pred_fact, pairs.pred_fact)):
        rows = np.flatnonzero(common[fact[side.pairs.relation]] & (side.pairs.head >= 0) & (side.pairs.tail >= 0))
        relation = side.pairs.relation[rows]
        key = fact[relation] * size + item[rows] * groups + side.relations.type[relation]
        sides.append(_of_triples(side, rows, key))
    return count(meet(sides[0], sides[1], keys), gold.documents, groups)


def _of_triples(columns: Columns, rows: Ints, key: Ints) -> Facts:
    pairs, relations = columns.pairs, columns.relations
    relation = pairs.relation[rows]

    def again(chosen: Ints) -> tuple[Ints, ...]:
        head, tail = columns.mentions.type[pairs.head[rows[chosen]]], columns.mentions.type[pairs.tail[rows[chosen]]]
        return head, tail

    return Facts(relations.doc[relation], key, relations.factuality[relation], again, np.zeros(len(rows), dtype=bool))


def _evidence(columns: Columns, symmetric: Bools, rows: Ints) -> Ints:
    """A number for the set of evidence spans of some relations: a sum of 64-bit mixes, so order does not matter."""
    place = np.full(len(columns.relations.doc), -1)
    place[rows] = np.arange(len(rows))
    chosen = place[columns.pairs.relation] >= 0
    pairs = Pairs(*(column[chosen] for column in columns.pairs))
    lost = (pairs.head < 0) | (pairs.tail < 0)
    mixed: NDArray[np.uint64] = np.zeros(len(lost), dtype=np.uint64)
    for column in _sides(columns, pairs, symmetric):
        mixed = _mix(mixed ^ column.astype(np.uint64))
    mixed[lost] = 1
    first = ~repeated_rows(pairs.relation, mixed.view(np.int64) >> 1)
    total = np.zeros(len(rows), dtype=np.uint64)
    np.add.at(total, place[pairs.relation[first]], mixed[first])
    return np.unique(total, return_inverse=True)[1].astype(np.int64)


def _sides(columns: Columns, pairs: Pairs, symmetric: Bools) -> tuple[Ints, ...]:
    """(start, end, type) of the head mention, then of the tail mention; the earlier first where unordered."""
    padded = [np.append(column, [0, 0, 0]) for column in columns.mentions[1:]]
    head = [column[pairs.head] for column in padded]
    tail = [column[pairs.tail] for column in padded]
    later = (tail[0] < head[0]) | ((tail[0] == head[0]) & ((tail[1] < head[1]) | ((tail[1] == head[1]) & (tail[2] < head[2]))))
    swap = symmetric[columns.relations.type[pairs.relation]] & later
    ordered = [np.where(swap, b, a) for a, b in zip(head + tail, tail + head, strict=True)]
    return tuple(ordered)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit numbers (splitmix64; Steele et al. 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
