"""Error analysis: which kinds of error a system makes, what each of them costs, and where they are.

Every gold and every predicted item of a headline has one class, by the rules
of :mod:`newsgold.metrics.taxonomy`. All is derived from these items; to fix a
class is arithmetic over additive counts, so its F1 can have an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from newsgold.corpus.model import AUTHOR, UNKNOWN
from newsgold.metrics.arrays import Ints
from newsgold.metrics.columns import AUTHOR_ROW, UNKNOWN_ROW
from newsgold.metrics.counts import Counts, prf
from newsgold.metrics.misstatements import relations, stance
from newsgold.metrics.suite import METRICS, Evaluation
from newsgold.metrics.taxonomy import CLASSES, Items, mentions

SIDES = ("gold", "predicted")
_ITEMS: dict[str, Callable[[Evaluation], Items]] = {
    "mentions.strict": mentions,
    "relations.mapped": relations,
    "stance.tuple": stance,
}


@dataclass(frozen=True)
class Analysis:
    """The items of one headline with their classes."""

    key: str
    classes: tuple[str, ...]
    items: Items
    documents: int
    labels: tuple[str, ...]
    """The names of the types, relations or polarities."""

    @cached_property
    def tally(self) -> Ints:
        """How many items there are, shape (documents, 2, classes); sides are gold and predicted."""
        size = len(self.classes)
        at = (self.items.doc * 2 + self.items.side) * size + self.items.code
        return np.bincount(at, minlength=self.documents * 2 * size).reshape(self.documents, 2, size)

    def fixed(self, *names: str) -> Counts:
        """The counts of the metric if some classes were fixed, shape (documents, 1); without names, as it is.

        Formula: to fix a class, its predicted items are taken out and its gold items put in, right:
        with G and P of them, found rises by G and the predicted by G − P. So a flip is turned, parts are replaced by
        their whole, what is spurious or repeated goes, what is missed comes.

        Edge cases: fixing a class never lowers F1. All fixed, F1 is 1, or undefined if gold is empty. Items
        inherited from mentions or clusters count as right with these, though a system might fail on them still.
        """
        chosen = np.array([name in names for name in self.classes])
        known = np.array([name == "correct" for name in self.classes])
        gold, pred = self.tally[:, 0], self.tally[:, 1]
        found = gold[:, known | chosen].sum(axis=1, keepdims=True).astype(np.float64)
        predicted = pred[:, ~chosen].sum(axis=1, keepdims=True) + gold[:, chosen].sum(axis=1, keepdims=True)
        return Counts(found, predicted.astype(np.float64), found, gold.sum(axis=1, keepdims=True).astype(np.float64))

    def errors(self) -> dict[str, int]:
        """How many errors of each class: gold items that were not found, and predicted ones that go with no gold item."""
        counted = (self.items.side == 0) | (self.items.partner < 0)
        number = np.bincount(self.items.code[counted], minlength=len(self.classes))
        return {name: int(n) for name, n in zip(self.classes, number, strict=True) if name != "correct"}

    def summary(self) -> dict[str, dict[str, Any]]:
        """For each class its numbers of items, and the F1 if it were fixed."""
        numbers = self.tally.sum(axis=0).T.tolist()
        return {
            name: {"gold": gold, "predicted": pred, "f1_if_fixed": prf(self.fixed(name).total()).f1}
            for name, (gold, pred) in zip(self.classes, numbers, strict=True)
        }

    def listed(self, documents: Sequence[str], limit: int | None = None) -> list[dict[str, Any]]:
        """Every error, or the first ``limit`` of each class, by document and place; ``documents`` are the names."""
        wanted = [self._first(code, limit) for code, name in enumerate(self.classes) if name != "correct"]
        return [self._item(int(row), documents) for row in self._sorted(np.concatenate(wanted))]

    def _sorted(self, rows: Ints) -> Ints:
        items = self.items
        fields = (items.side, items.label, items.to_end, items.to_start, items.end, items.start, items.doc)
        ordered: Ints = rows[np.lexsort([field[rows] for field in fields])]
        return ordered

    def _first(self, code: int, limit: int | None) -> Ints:
        """The first rows of a class; only the documents that hold them are sorted."""
        rows = np.flatnonzero(self.items.code == code)
        if limit is None or len(rows) <= limit:
            return rows
        doc = self.items.doc[rows]
        last = np.searchsorted(np.cumsum(np.bincount(doc)), limit)
        return self._sorted(rows[doc <= last])[:limit]

    def _item(self, row: int, documents: Sequence[str]) -> dict[str, Any]:
        partner = int(self.items.partner[row])
        return {
            "doc": documents[int(self.items.doc[row])],
            "side": SIDES[int(self.items.side[row])],
            "class": self.classes[int(self.items.code[row])],
            **self._content(row),
            "partner": None if partner < 0 else self._content(partner),
        }

    def _content(self, row: int) -> dict[str, Any]:
        """What the item says."""
        items, label = self.items, self.labels[int(self.items.label[row])]
        one, two = _span(items.start[row], items.end[row]), _span(items.to_start[row], items.to_end[row])
        if self.key == "mentions.strict":
            start, end = one if isinstance(one, list) else (None, None)
            return {"start": start, "end": end, "type": label}
        if self.key == "relations.mapped":
            return {"type": label, "head": one, "tail": two}
        return {"holder": one, "target": two, "polarity": label}


def _span(start: Any, end: Any) -> list[int] | str | None:
    """A span, the holder's word, or null for what has no place in the text."""
    return [int(start), int(end)] if start >= 0 else {AUTHOR_ROW: AUTHOR, UNKNOWN_ROW: UNKNOWN}.get(int(start))


def analyse(evaluation: Evaluation) -> dict[str, Analysis]:
    """The analysis of each headline that has classes and whose layers both sides attempted."""
    sides = evaluation.gold, evaluation.pred
    out = {}
    for key, items in _ITEMS.items():
        layers, groups = METRICS[key].layers, METRICS[key].groups
        if all(side.attempted[layer].any() for side in sides for layer in layers):
            labels = tuple(evaluation.vocabulary.names[str(groups)])
            out[key] = Analysis(key, CLASSES[key], items(evaluation), evaluation.gold.documents, labels)
    return out


def error_counts(evaluation: Evaluation) -> dict[str, int]:
    """How many errors of each class, as ``benchmark compare`` prints them: ``{"mentions.boundary": 3, …}``."""
    found = analyse(evaluation).items()
    return {f"{key.split('.')[0]}.{name}": n for key, analysis in found for name, n in analysis.errors().items()}


def to_dict(analyses: Mapping[str, Analysis], documents: Sequence[str], limit: int | None = None) -> dict[str, Any]:
    """What ``benchmark score --errors --json`` prints: the classes of each headline, and at most ``limit`` items of each."""
    return {key: {"classes": a.summary(), "items": a.listed(documents, limit)} for key, a in analyses.items()}
