"""nervaluate 1.2.1: names in the four schemas of SemEval-2013 task 9, matched greedily in list order.

Source: the documentation of nervaluate and Segura-Bedmar et al. 2013; the order of matching as MantisAI/nervaluate#40
describes it. Each prediction, in the order of the list, takes a gold name that is still free: the one the schema
calls right, else the first that overlaps. A later prediction finds it gone, so that reversing the list moves the score.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from newsgold.errors import quote
from newsgold.metrics.compat import labelled
from newsgold.metrics.compat.conlleval import chunks
from newsgold.metrics.compat.shared import PeerFault, f1, field, json_records, json_value, many, ours, ratio, repeats, verdict

SCHEMAS = ("strict", "exact", "partial", "ent_type")


class Name(NamedTuple):
    """A typed span; the end is inclusive."""

    label: str
    start: int
    end: int


class Inputs(NamedTuple):
    """Names of documents in list order."""

    gold: list[list[Name]]
    pred: list[list[Name]]


def read(gold: Path, pred: Path) -> Inputs:
    """Documents of names: JSON, JSONL (which holds both sides, ends exclusive), or labelled tokens."""
    if gold.suffix == ".jsonl":
        return Inputs(_from_jsonl(gold, "gold"), _from_jsonl(pred, "pred"))
    if gold.suffix == ".json":
        return _same_number(Inputs(_from_json(gold), _from_json(pred)), gold, pred)
    sides = labelled.read(gold, pred)
    odd = {label for side in sides for labels in side for label in labels if label != "O" and label[:2] not in ("B-", "I-")}
    if odd:
        raise PeerFault(f"nervaluate takes O, B- and I- only, got {quote(min(odd))}")
    return Inputs(*([[Name(c.type, c.start, c.end - 1) for c in chunks(labels)] for labels in side] for side in sides))


def _from_jsonl(path: Path, side: str) -> list[list[Name]]:
    documents = [field(record, side, list, str(path)) for record in json_records(path)]
    return [[_name(item, "type", 1, path) for item in document] for document in documents]


def _from_json(path: Path) -> list[list[Name]]:
    value = json_value(path)
    if not isinstance(value, list) or not all(isinstance(document, list) for document in value):
        raise PeerFault(f"{path}: wanted a list of documents, each a list of names")
    return [[_name(item, "label", 0, path) for item in document] for document in value]


def _name(item: Any, label: str, exclusive: int, path: Path) -> Name:
    where = str(path)
    start, end = field(item, "start", int, where), field(item, "end", int, where) - exclusive
    if end < start:
        raise PeerFault(f"{path}: nervaluate gives no number for the empty span {quote(item)}")
    return Name(field(item, label, str, where), start, end)


def _same_number(inputs: Inputs, gold: Path, pred: Path) -> Inputs:
    if len(inputs.gold) != len(inputs.pred):
        raise PeerFault(f"{pred} has {len(inputs.pred)} documents, {gold} has {len(inputs.gold)}")
    return inputs


def score(inputs: Inputs) -> dict[str, Any]:
    """For all types together, and for each type on its own: the counts and scores of the four schemas.

    Edge cases: 0/0 is 0. A type's own numbers see only that type on both sides, so a name found under the
    wrong type is missed there, where the overall numbers call it incorrect.
    """
    types = sorted({name.label for side in inputs for document in side for name in document})
    by_type = {label: _only(inputs, label) for label in types}
    return {"overall": _schemas(inputs), "entities": {label: _schemas(part) for label, part in by_type.items()}}


def explain(inputs: Inputs) -> list[str]:
    """How the order of the list moves the score, and what repetitions do."""
    numbers, backwards = score(inputs)["overall"], _schemas(turned(inputs))
    gold, pred = ([(i, name) for i, document in enumerate(side) for name in document] for side in inputs)
    own = ours(gold, pred)
    right = round((own.recall or 0) * len(gold))
    reasons = [
        f"order: reversing the predictions moves {schema} F1 from {numbers[schema]['f1']:.4f} to {backwards[schema]['f1']:.4f}"
        for schema in SCHEMAS
        if numbers[schema]["f1"] != backwards[schema]["f1"]
    ]
    lost = right - numbers["strict"]["correct"]
    if lost:
        reasons.append(f"{many(lost, 'exact prediction')} found the gold name taken by an earlier, overlapping prediction")
    if again := repeats(pred):
        reasons.append(f"{many(again, 'repeated prediction')} may take an overlapping gold name instead of counting as spurious")
    return verdict("nervaluate", "strict F1", numbers["strict"]["f1"], own.f1, reasons)


def _only(inputs: Inputs, label: str) -> Inputs:
    return Inputs(*([[name for name in document if name.label == label] for document in side] for side in inputs))


def turned(inputs: Inputs) -> Inputs:
    """The same with the predictions of each document in reverse."""
    return Inputs(inputs.gold, [document[::-1] for document in inputs.pred])


def _schemas(inputs: Inputs) -> dict[str, dict[str, float]]:
    totals = {schema: dict.fromkeys(("correct", "incorrect", "partial", "missed", "spurious"), 0) for schema in SCHEMAS}
    for gold, pred in zip(*inputs, strict=True):
        overlaps = _overlaps(gold, pred)
        for schema in SCHEMAS:
            _match(gold, pred, overlaps, schema, totals[schema])
    return {schema: _scores(counts) for schema, counts in totals.items()}


def _overlaps(gold: list[Name], pred: list[Name]) -> list[list[int]]:
    """For each prediction the gold names, in list order, of which it covers 1 % or more."""
    order = sorted(range(len(gold)), key=lambda i: gold[i].start)
    starts = [gold[i].start for i in order]
    furthest = list(accumulate((gold[i].end for i in order), max))
    return [sorted(_near(name, gold, order, starts, furthest)) for name in pred]


def _near(name: Name, gold: list[Name], order: list[int], starts: list[int], furthest: list[int]) -> Iterator[int]:
    """Walk back over the gold names that begin before this one ends, as long as one may reach it."""
    at = bisect_right(starts, name.end) - 1
    while at >= 0 and furthest[at] >= name.start:
        if _covers(name, gold[order[at]]):
            yield order[at]
        at -= 1


def _covers(pred: Name, gold: Name) -> bool:
    shared = min(pred.end, gold.end) - max(pred.start, gold.start) + 1
    return shared > 0 and shared / (gold.end - gold.start + 1) * 100 >= 1


def _match(gold: list[Name], pred: list[Name], overlaps: list[list[int]], schema: str, counts: dict[str, int]) -> None:
    """Let the predictions of a document take gold names, one after another."""
    taken: set[int] = set()
    for name, row in zip(pred, overlaps, strict=True):
        free = [i for i in row if i not in taken]
        right = [i for i in free if _RIGHT[schema](name, gold[i])]
        if right:
            counts["correct"] += 1
            taken.add(min(right, key=lambda i: _distance(name, gold[i])))
        elif free:
            counts["partial" if schema == "partial" else "incorrect"] += 1
            taken.add(free[0])
        else:
            counts["spurious"] += 1
    counts["missed"] += len(gold) - len(taken)


def _distance(pred: Name, gold: Name) -> int:
    """How far the ends are apart; matters only where ends may differ, in ent_type."""
    return abs(pred.start - gold.start) + abs(pred.end - gold.end)


_RIGHT: dict[str, Callable[[Name, Name], bool]] = {
    "strict": lambda pred, gold: pred == gold,
    "exact": lambda pred, gold: pred[1:] == gold[1:],
    "partial": lambda pred, gold: pred[1:] == gold[1:],
    "ent_type": lambda pred, gold: pred.label == gold.label,
}


def _scores(counts: dict[str, int]) -> dict[str, float]:
    actual = counts["correct"] + counts["incorrect"] + counts["partial"] + counts["spurious"]
    possible = counts["correct"] + counts["incorrect"] + counts["partial"] + counts["missed"]
    credit = counts["correct"] + 0.5 * counts["partial"]
    precision, recall = ratio(credit, actual), ratio(credit, possible)
    numbers = {"actual": actual, "possible": possible, "precision": precision, "recall": recall, "f1": f1(precision, recall)}
    return {**counts, **numbers}
