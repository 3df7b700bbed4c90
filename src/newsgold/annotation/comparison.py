"""Annotators on the columnar road, and what is counted of two or all of them.

:class:`Comparison` resolves the passes once; each of its methods gives additive
parts (:class:`newsgold.metrics.agreement.Parts`) or counts of documents, a row
for each document of any annotator, zeros where it was not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from newsgold.annotation.passes import Passes, on_shared
from newsgold.corpus.labels import Labels
from newsgold.metrics import agreed, coref
from newsgold.metrics import agreement as coefficients
from newsgold.metrics.agreement import Parts, Sets
from newsgold.metrics.arrays import Bools, Floats, Ints, pack
from newsgold.metrics.columns import Columns, Spans, Vocabulary, columns, ignored, without
from newsgold.metrics.counts import Counts
from newsgold.metrics.resampling import Clusters, clusters
from newsgold.metrics.suite import METRICS, Evaluation, Measured, Metric, Side, evaluate, measure
from newsgold.metrics.uncertainty import HEADLINE, estimates, sample, with_groups
from newsgold.metrics.unitizing import Unitized, continuum, unitized

LIKE_SCORES: dict[str, Metric] = {
    "relations.agreed": Metric(("mentions", "relations"), "relation", agreed.entities),
    "relations.agreed_boundaries": Metric(("mentions", "relations"), "relation", agreed.mentions),
}
"""What pairs are scored on beside the metrics of systems."""
CHANCE: dict[str, tuple[str, ...]] = {
    "mentions.type_kappa": ("mentions",),
    "mentions.type_alpha": ("mentions",),
    "mentions.type_fleiss": ("mentions",),
    "mentions.u_alpha": ("mentions",),
    "mentions.gamma": ("mentions",),
    "coref.masi_alpha": ("mentions", "entities"),
    "coref.masi_alpha_shared": ("mentions", "entities"),
    "relations.type_kappa": ("mentions", "relations"),
    "stance.polarity_alpha": ("mentions", "stances"),
}
"""The chance-corrected keys and the layers they need, in the order of printing."""


class Judgements(NamedTuple):
    """What annotators say of spans, a row for each span of each."""

    doc: Ints
    unit: Ints
    owner: Ints
    """The annotator's place among those that are compared."""
    row: Ints
    """The mention."""


class Scored(NamedTuple):
    """What a pair was scored on, its rows spread over all documents."""

    measured: dict[str, Measured]
    types: agreed.Labelled | None
    polarities: agreed.Labelled | None
    """Items of both ways round, each of which counts one half."""


@dataclass(frozen=True)
class Comparison:
    """Annotators on the columnar road, and what is computed of any number of them."""

    passes: Passes
    labels: Labels
    kinds: tuple[str, ...]
    by_event: bool = False

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The numbers of labels, the same for all annotators."""
        return Vocabulary(self.labels)

    @cached_property
    def size(self) -> int:
        """How many documents there are."""
        return len(self.passes.documents)

    @cached_property
    def clusters(self) -> Clusters:
        """The documents as they are drawn, on request those of an event together."""
        return clusters(self.passes.documents, self.passes.events if self.by_event else {})

    @cached_property
    def ignore(self) -> Spans:
        """The duplicate regions that any pass or article records."""
        return self._ignored(self.passes.documents)

    def _ignored(self, documents: Sequence[str]) -> Spans:
        place = {name: i for i, name in enumerate(documents)}
        texts = self.passes.articles
        known = [(place[name], *span, 0) for name in documents if name in texts for span in texts[name].ignore]
        of_texts = np.array(known, dtype=np.int64).reshape(-1, 4)
        parts = [ignored(batch.table, documents) for _, batch in self.passes.annotators]
        parts.append(Spans(*(of_texts[:, i] for i in (0, 1, 2, 3))))
        every, _ = pack(*((np.concatenate(field), np.zeros(0, dtype=np.int64)) for field in zip(*parts, strict=True)))
        first = np.unique(every, return_index=True)[1]
        return Spans(*(np.concatenate(field)[first] for field in zip(*parts, strict=True)))

    @cached_property
    def sides(self) -> list[Columns]:
        """Each annotator's columns over all documents."""
        documents = self.passes.documents
        return [
            without(columns(batch.table, documents, self.vocabulary, batch.links), self.ignore)
            for _, batch in self.passes.annotators
        ]

    def took_part(self, layers: Collection[str]) -> Bools:
        """Who attempted all of some layers in which document."""
        return np.asarray(np.logical_and.reduce([self.passes.attempted[layer] for layer in layers]))

    # -------------------------------------------------------------- mentions

    @cached_property
    def span(self) -> list[Ints]:
        """For each annotator the numbers of the mentions' spans: equal ones are equal, whoever marked them."""
        key, _ = pack(*((np.concatenate(field), np.zeros(0, dtype=np.int64)) for field in self._every))
        number = np.unique(key, return_inverse=True)[1].astype(np.int64)
        return np.split(number, np.cumsum([len(side.mentions.doc) for side in self.sides])[:-1])

    @property
    def _every(self) -> list[list[Ints]]:
        return [[side.mentions[i] for side in self.sides] for i in range(3)]

    @cached_property
    def wanted(self) -> list[Bools]:
        """Which mentions of each annotator have a kind that is compared, in documents where mentions were attempted."""
        names = self.vocabulary.names["kind"]
        of_kind = np.array([name in self.kinds for name in names], dtype=bool)
        part = self.took_part(("mentions",))
        return [of_kind[side.kind] & part[i][side.mentions.doc] for i, side in enumerate(self.sides)]

    def once(self, chosen: Sequence[Bools], who: Sequence[int]) -> list[Ints]:
        """For some annotators the rows whose span none of them marked twice: such a span has no one label."""
        twice = []
        for i in who:
            value, count = np.unique(self.span[i][chosen[i]], return_counts=True)
            twice.append(value[count > 1])
        left_out = np.concatenate([*twice, np.zeros(0, dtype=np.int64)])
        return [np.flatnonzero(chosen[i] & ~np.isin(self.span[i], left_out)) for i in who]

    def typed(self, who: Sequence[int], layers: Sequence[str] = ("mentions",), *, complete: bool = False) -> Judgements:
        """What some annotators say of each span; ``complete`` keeps the spans that all who took part marked."""
        if "entities" in layers:
            part = self.took_part(layers)
            chosen = [(coref.within(side).cluster >= 0) & part[i][side.mentions.doc] for i, side in enumerate(self.sides)]
        else:
            part, chosen = self.took_part(layers), self.wanted
        rows = self.once(chosen, who)
        doc = np.concatenate([self.sides[i].mentions.doc[own] for i, own in zip(who, rows, strict=True)])
        unit = np.concatenate([self.span[i][own] for i, own in zip(who, rows, strict=True)])
        several = part[list(who)].sum(axis=0)
        _, number, count = np.unique(unit, return_inverse=True, return_counts=True)
        keep = several[doc] > 1
        if complete:
            keep &= count[number] == several[doc]
        owner = np.repeat(np.arange(len(who)), [len(own) for own in rows])
        kept = np.flatnonzero(keep)
        return Judgements(doc[kept], unit[kept], owner[kept], np.concatenate(rows)[kept])

    def types_of(self, judged: Judgements, who: Sequence[int]) -> Ints:
        """The types that were given."""
        out = np.zeros(len(judged.doc), dtype=np.int64)
        for place, i in enumerate(who):
            own = judged.owner == place
            out[own] = self.sides[i].mentions.type[judged.row[own]]
        return out

    def both_types(self, who: Sequence[int]) -> agreed.Labelled:
        """The types that two annotators gave the spans both marked."""
        judged = self.typed(who, complete=True)
        label = self.types_of(judged, who)
        order = np.lexsort((judged.owner, judged.unit))
        left, right = order[::2], order[1::2]
        return agreed.Labelled(judged.doc[left], label[left], label[right])

    @cached_property
    def lengths(self) -> tuple[Ints, Ints]:
        """Of each document the length of its text, 0 where it is not at hand, and of its duplicate regions."""
        texts = self.passes.articles
        length = np.array([len(texts[name].text) if name in texts else 0 for name in self.passes.documents], dtype=np.int64)
        line = np.zeros(self.size, dtype=np.int64)
        reach: dict[int, int] = {}
        ignore = self.ignore
        for at in np.lexsort((ignore.end, ignore.start, ignore.doc)):
            doc, start, end = int(ignore.doc[at]), int(ignore.start[at]), int(ignore.end[at])
            line[doc] += max(0, end - max(start, reach.get(doc, 0)))
            reach[doc] = max(end, reach.get(doc, 0))
        return length, line

    @cached_property
    def units(self) -> tuple[Unitized, dict[str, Unitized]]:
        """The continuum of all annotators: with the sets of types, and with each type alone."""
        spans = [side.mentions.take(rows) for side, rows in zip(self.sides, self.wanted, strict=True)]
        line = continuum(spans, self.took_part(("mentions",)), *self.lengths)
        names = self.vocabulary.names["type"]
        there = np.unique(np.concatenate([side.type for side in spans]))
        return unitized(line, len(names)), {names[kind]: unitized(line, len(names), int(kind)) for kind in there}

    # ----------------------------------------------------------- coreference

    @cached_property
    def sets(self) -> Sets:
        """The clusters of all annotators as sets of spans, one annotator's behind the other's."""
        docs, owners, elements = [], [], []
        begin = 0
        for side, span in zip(self.sides, self.span, strict=True):
            cluster = coref.within(side).cluster
            rows = np.flatnonzero(cluster >= 0)
            pairs = np.unique(np.stack([cluster[rows] + begin, span[rows]]), axis=1)
            docs.append(side.entity_doc)
            owners.append(pairs[0])
            elements.append(pairs[1])
            begin += len(side.entity_doc)
        return Sets(np.concatenate(docs), np.concatenate(owners), np.concatenate(elements))

    def masi(self, who: Sequence[int], *, shared: bool) -> Parts:
        """MASI alpha of some annotators; ``shared`` leaves out all spans that not all of them clustered."""
        judged = self.typed(who, CHANCE["coref.masi_alpha"], complete=shared)
        begin = np.cumsum([0, *(len(side.entity_doc) for side in self.sides)])
        given = np.zeros(len(judged.doc), dtype=np.int64)
        for place, i in enumerate(who):
            own = judged.owner == place
            given[own] = self.sides[i].entity[judged.row[own]] + begin[i]
        mine = np.isin(self.sets.owner, np.concatenate([np.arange(begin[i], begin[i + 1]) for i in who]))
        sets = Sets(self.sets.doc, self.sets.owner[mine], self.sets.element[mine])
        if shared:
            sets = coefficients.restricted(sets, judged.unit)
        return coefficients.masi(sets, judged.unit, given, self.size)

    # ----------------------------------------------------------------- pairs

    def scored(self, a: int, b: int) -> Scored:
        """Two annotators, scored on the documents both have."""
        first, second = self.passes.annotators[a], self.passes.annotators[b]
        names = [name for name in first.batch.names if name in second.batch.places]
        if not names:
            return Scored({}, None, None)
        names.sort()
        tables = on_shared(first, second, names)
        sides = [Side(table, {}) for table in tables]
        one = evaluate(sides[0], sides[1], names, self.vocabulary, self.kinds, ignore=self._ignored(names))
        other = Evaluation(one.pred, one.gold, one.vocabulary, one.kinds, one.content)
        measured = measure(one)
        tried = {layer for layer, done in one.gold.attempted.items() if done.any()}
        for key, metric in LIKE_SCORES.items():
            if tried.issuperset(metric.layers):
                groups = self.vocabulary.names[str(metric.groups)]
                measured[key] = Measured(metric.counts(one), tuple(groups), metric.kind, metric.average)
        place = {name: i for i, name in enumerate(self.passes.documents)}
        at = np.array([place[name] for name in names], dtype=np.int64)
        for key, m in measured.items():
            if key.startswith(("relations.", "stance.")):
                counts = (METRICS | LIKE_SCORES)[key].counts(other)
                m = m._replace(counts=_both_ways(m.counts, counts, swap=m.kind != "accuracy"))
            measured[key] = m._replace(counts=Counts(*(_spread(part, at, self.size) for part in m.counts)))
        # labels that the inventory lacks may have come up on the way, and all groups are read off the end
        types, polarities = (
            _turned(function, one, other, at) if tried.issuperset(("mentions", layer)) else None
            for function, layer in ((agreed.relation_types, "relations"), (agreed.polarities, "stances"))
        )
        return Scored(measured, types, polarities)

    @cached_property
    def couples(self) -> dict[tuple[int, int], Scored]:
        """Every pair."""
        return {pair: self.scored(*pair) for pair in combinations(range(len(self.passes.annotators)), 2)}

    def chance(self, pair: tuple[int, int]) -> dict[str, Parts]:
        """The chance-corrected values of two annotators."""
        scored, labels = self.couples[pair], self.vocabulary.names
        out: dict[str, Parts] = {}
        if self.shared(pair, ("mentions",)):
            both = self.both_types(pair)
            out["mentions.type_kappa"] = coefficients.cohen(both.doc, both.left, both.right, self.size, len(labels["type"]))
            one = np.ones(len(both.doc))
            out["mentions.type_alpha"] = coefficients.paired(both.doc, both.left, both.right, one, self.size, len(labels["type"]))
            out["mentions.u_alpha"] = self.units[0].parts(pair)
        if self.shared(pair, CHANCE["coref.masi_alpha"]):
            out["coref.masi_alpha"] = self.masi(pair, shared=False)
            out["coref.masi_alpha_shared"] = self.masi(pair, shared=True)
        if scored.types is not None:
            doc, left, right = scored.types
            half = np.full(len(doc), 0.5)
            out["relations.type_kappa"] = coefficients.cohen(doc, left, right, self.size, len(labels["relation"]), half)
        if scored.polarities is not None:
            doc, left, right = scored.polarities
            half = np.full(len(doc), 0.5)
            out["stance.polarity_alpha"] = coefficients.paired(doc, left, right, half, self.size, len(labels["polarity"]))
        return out

    def shared(self, pair: Sequence[int], layers: Collection[str]) -> int:
        """In how many documents two of some annotators attempted some layers."""
        return int((self.took_part(layers)[list(pair)].sum(axis=0) > 1).sum())

    # ---------------------------------------------------------------- pooled

    def pooled(self, chance: Mapping[tuple[int, int], Mapping[str, Parts]]) -> dict[str, Parts]:
        """Everything over all annotators."""
        out: dict[str, Parts] = {}
        for key in (METRICS | LIKE_SCORES).keys() & {key for s in self.couples.values() for key in s.measured}:
            own = [s.measured[key] for s in self.couples.values() if key in s.measured]
            out[key] = _mean_score([_aligned(m, own) for m in own])
        who = range(len(self.passes.annotators))
        for key in ("mentions.type_kappa", "relations.type_kappa"):
            if kappas := [parts[key] for parts in chance.values() if key in parts]:
                out[key] = coefficients.mean_of(kappas)
        if self.shared(who, ("mentions",)):
            out["mentions.type_alpha"] = self.types(who, coefficients.nominal, complete=False)
            if len(who) > 2:
                out["mentions.type_fleiss"] = self.types(who, coefficients.fleiss, complete=True)
            out["mentions.u_alpha"] = self.units[0].parts(who)
        if self.shared(who, CHANCE["coref.masi_alpha"]):
            out["coref.masi_alpha"] = self.masi(who, shared=False)
            out["coref.masi_alpha_shared"] = self.masi(who, shared=True)
        if stances := [s.polarities for s in self.couples.values() if s.polarities is not None]:
            doc, left, right = (np.concatenate(part) for part in zip(*stances, strict=True))
            m = self.took_part(CHANCE["stance.polarity_alpha"]).sum(axis=0)
            weight = 0.5 / np.maximum(m[doc] - 1, 1)
            size = len(self.vocabulary.names["polarity"])
            parts = coefficients.paired(doc, left, right, weight, self.size, size)
            out["stance.polarity_alpha"] = parts._replace(items=np.bincount(doc, minlength=self.size) / 2)
        return out

    def types(self, who: Sequence[int], coefficient: Callable[..., Parts], *, complete: bool) -> Parts:
        """A coefficient of the types of spans that two or all annotators marked."""
        judged = self.typed(who, complete=complete)
        size = len(self.vocabulary.names["type"])
        return coefficient(judged.doc, judged.unit, self.types_of(judged, who), self.size, size)

    def by_type(self) -> dict[str, dict[str, Parts]]:
        """Of ``mentions.strict`` and ``mentions.u_alpha`` over all annotators the figures of each type."""
        out: dict[str, dict[str, Parts]] = {"mentions.strict": {}, "mentions.u_alpha": {}}
        strict = [s.measured["mentions.strict"] for s in self.couples.values() if "mentions.strict" in s.measured]
        strict = [_aligned(m, strict) for m in strict]
        for i, name in enumerate(strict[0].groups if strict else ()):
            own = [m._replace(counts=Counts(*(part[:, [i]] for part in m.counts))) for m in strict]
            if any(m.counts.total()[[1, 3]].any() for m in own):
                out["mentions.strict"][name] = _mean_score(own)
        if self.shared(range(len(self.passes.annotators)), ("mentions",)):
            out["mentions.u_alpha"] = {name: u.parts(range(len(self.passes.annotators))) for name, u in self.units[1].items()}
        return out


def layers(key: str) -> tuple[str, ...]:
    """The layers that a key needs."""
    return CHANCE[key] if key in CHANCE else (METRICS | LIKE_SCORES)[key].layers


def _both_ways(counts: Counts, turned: Counts, *, swap: bool) -> Counts:
    """The mean of counts and of those with the sides exchanged, which an accuracy, having no sides, keeps in place."""
    size = max(counts.p_num.shape[1], turned.p_num.shape[1])
    back = (turned.r_num, turned.r_den, turned.p_num, turned.p_den) if swap else turned
    return Counts(*((_wide(a, size) + _wide(b, size)) / 2 for a, b in zip(counts, back, strict=True)))


def _wide(part: Floats, size: int) -> Floats:
    return np.pad(part, ((0, 0), (0, size - part.shape[1])))


def _spread(part: Floats, at: Ints, size: int) -> Floats:
    """Rows of some documents, among zeros for all others."""
    out = np.zeros((size, part.shape[1]))
    out[at] = part
    return out


def _turned(function: Callable[[Evaluation], agreed.Labelled], one: Evaluation, other: Evaluation, at: Ints) -> agreed.Labelled:
    """The items of both ways round, in the direction of the first."""
    a, b = function(one), function(other)
    pairs = ((a.doc, b.doc), (a.left, b.right), (a.right, b.left))
    doc, left, right = (np.concatenate(pair) for pair in pairs)
    return agreed.Labelled(at[doc], left, right)


def _aligned(measured: Measured, others: Sequence[Measured]) -> Measured:
    """A score with the groups that any of some has."""
    width = measured.counts.p_num.shape[1]
    named = measured._replace(groups=measured.groups[:width])
    return with_groups(named, tuple(dict.fromkeys(g for m in others for g in m.groups[: m.counts.p_num.shape[1]])))


def score_parts(measured: Measured) -> Parts:
    """A score as parts: its four counts for each of what it is the mean of."""
    rows = sample(measured, np.arange(len(measured.counts.p_num))).counts
    which = HEADLINE[measured.kind]

    def value(sums: Floats) -> Floats:
        return np.asarray(estimates(sums.reshape(*sums.shape[:-1], rows.shape[1], 4))[..., which])

    # of a mean of several counts, such as links, mentions and clusters, the items are those of which there are most
    compared = rows[:, :, 1] if measured.kind == "accuracy" else rows[:, :, 1] + rows[:, :, 3]
    items = compared[:, int(compared.sum(axis=0).argmax())] if compared.shape[1] else np.zeros(len(rows))
    return Parts(rows.reshape(len(rows), -1), value, items)


def _mean_score(measured: Sequence[Measured]) -> Parts:
    """The mean of the pairs' scores, each weighted by how much it compares."""

    def weigh(number: int, sums: Floats) -> Floats:
        places = (1,) if measured[number].kind == "accuracy" else (1, 3)
        return np.asarray(sum(sums[..., i::4].sum(axis=-1) for i in places))

    return coefficients.mean_of([score_parts(m) for m in measured], weigh)
