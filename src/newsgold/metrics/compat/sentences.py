"""Sentences with typed spans and relations between them: the inputs of sincere and PURE."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from newsgold.errors import quote
from newsgold.metrics.compat.shared import PeerFault, field, json_records


class Span(NamedTuple):
    """A typed span; the end is exclusive."""

    start: int
    end: int
    type: str


class Relation(NamedTuple):
    """A relation between two typed spans."""

    type: str
    head: Span
    tail: Span


class Sentence(NamedTuple):
    """What one side says of a sentence, in list order."""

    entities: list[Span]
    relations: list[Relation]


class Inputs(NamedTuple):
    """Sentences of gold and of the prediction, in the same order."""

    gold: list[Sentence]
    pred: list[Sentence]


def read(gold: Path, pred: Path) -> Inputs:
    """Records with ``entities`` and ``relations``, whose head and tail are numbers of entities.

    A file may hold both sides, as ``gold`` and ``pred`` of each record.
    """
    inputs = Inputs(_sentences(gold, "gold"), _sentences(pred, "pred"))
    if len(inputs.gold) != len(inputs.pred):
        raise PeerFault(f"{pred} has {len(inputs.pred)} sentences, {gold} has {len(inputs.gold)}")
    return inputs


def _sentences(path: Path, side: str) -> list[Sentence]:
    records = enumerate(json_records(path), 1)
    return [_sentence(record.get(side, record), f"{path}: sentence {number}") for number, record in records]


def _sentence(record: Any, where: str) -> Sentence:
    spans = [
        Span(field(item, "start", int, where), field(item, "end", int, where), field(item, "type", str, where))
        for item in field(record, "entities", list, where)
    ]
    return Sentence(spans, [_relation(item, spans, where) for item in field(record, "relations", list, where)])


def _relation(item: Any, spans: list[Span], where: str) -> Relation:
    head, tail = field(item, "head", int, where), field(item, "tail", int, where)
    if not (0 <= head < len(spans) and 0 <= tail < len(spans)):
        raise PeerFault(f"{where}: a relation names an entity that is not there: {quote(item)}")
    return Relation(field(item, "type", str, where), spans[head], spans[tail])


def bounded(relation: Relation) -> tuple[Any, ...]:
    """A relation without the types of its arguments."""
    return relation.type, relation.head[:2], relation.tail[:2]


def entities(side: list[Sentence]) -> list[tuple[Any, ...]]:
    """The spans of all sentences."""
    return [(i, *span) for i, sentence in enumerate(side) for span in sentence.entities]


def strict(side: list[Sentence]) -> list[tuple[Any, ...]]:
    """The relations of all sentences with the types of their arguments."""
    return [(i, *relation) for i, sentence in enumerate(side) for relation in sentence.relations]


def boundaries(side: list[Sentence]) -> list[tuple[Any, ...]]:
    """The relations of all sentences without the types of their arguments."""
    return [(i, *bounded(relation)) for i, sentence in enumerate(side) for relation in sentence.relations]
