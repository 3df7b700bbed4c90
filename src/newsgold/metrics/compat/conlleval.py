"""conlleval: the scorer of the CoNLL-2000 to 2003 tasks, with the percentages that it prints.

Source: the description in Tjong Kim Sang and Buchholz 2000 and Tjong Kim Sang and De Meulder 2003. It reads
IOB1, IOB2 and IOE labels at once, beginning a chunk wherever one could begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from newsgold.metrics.compat.labelled import Chunk, Labelled, accuracy, read, starts_inside
from newsgold.metrics.compat.shared import f1, many, ours, ratio, verdict

__all__ = ["explain", "read", "report", "score"]

_ENDS = {("B", "B"), ("B", "O"), ("I", "B"), ("I", "O"), ("E", "E"), ("E", "I"), ("E", "O")}
_BEGINS = {("B", "B"), ("I", "B"), ("O", "B"), ("O", "I"), ("E", "E"), ("E", "I"), ("O", "E")}
"""Pairs of letters between which a chunk ends or begins, whatever the types. E before B is in neither, as in conlleval."""

Placed = set[tuple[int, Chunk]]


def score(inputs: Labelled) -> dict[str, Any]:
    """Counts, and per cent: accuracy of the tokens; precision, recall and FB1 of all chunks and of each type.

    Edge cases: 0/0 is 0. A type is reported if either side has it; ``found`` is how often it was predicted.
    """
    gold, pred = _sides(inputs)
    right, tokens = accuracy(inputs)
    types = sorted({chunk.type for _, chunk in gold | pred})
    return {
        "tokens": tokens,
        "phrases": len(gold),
        "correct": len(gold & pred),
        "accuracy": 100 * ratio(right, tokens),
        **_row(gold, pred),
        "types": {name: _row(_of(gold, name), _of(pred, name)) for name in types},
    }


def report(numbers: dict[str, Any]) -> list[str]:
    """The lines that conlleval prints."""
    first = f"processed {numbers['tokens']} tokens with {numbers['phrases']} phrases; "
    second = f"found: {numbers['found']} phrases; correct: {numbers['correct']}."
    rows = [f"{name:>17}: {_line(row)}  {row['found']}" for name, row in numbers["types"].items()]
    return [first + second, f"accuracy: {numbers['accuracy']:6.2f}%; {_line(numbers)}", *rows]


def explain(inputs: Labelled) -> list[str]:
    """What was repaired, and what rounding hides."""
    gold, pred = _sides(inputs)
    reasons = []
    for name, labels in zip(("gold", "the prediction"), inputs, strict=True):
        if count := sum(map(starts_inside, labels)):
            reasons.append(f"conlleval repairs {many(count, 'label')} of {name} with I- or E- at the start of a chunk")
    numbers = score(inputs)
    never = sum(row["found"] == 0 for row in numbers["types"].values())
    if never:
        reasons.append(f"precision of {many(never, 'type')} never predicted is printed as 0; ours is undefined")
    printed = round(numbers["FB1"], 2) / 100
    own = ours(gold, pred).f1
    if own is not None and abs(printed - own) > 1e-9:
        reasons.append(f"conlleval prints per cent with two decimals: {printed:.4f} for {own:.6f}")
    return verdict("conlleval", "FB1 on the chunks it reads", numbers["FB1"] / 100, own, reasons)


def _sides(inputs: Labelled) -> tuple[Placed, Placed]:
    gold, pred = ({(i, chunk) for i, labels in enumerate(side) for chunk in chunks(labels)} for side in inputs)
    return gold, pred


def _of(side: Placed, name: str) -> Placed:
    return {item for item in side if item[1].type == name}


def _row(gold: Placed, pred: Placed) -> dict[str, Any]:
    precision, recall = 100 * ratio(len(gold & pred), len(pred)), 100 * ratio(len(gold & pred), len(gold))
    return {"precision": precision, "recall": recall, "FB1": f1(precision, recall), "found": len(pred)}


def _line(row: dict[str, Any]) -> str:
    return f"precision: {row['precision']:6.2f}%; recall: {row['recall']:6.2f}%; FB1: {row['FB1']:6.2f}"


def chunks(labels: Sequence[str]) -> list[Chunk]:
    """The chunks of labels: letter, dash, type; a label without a dash is a letter of no type."""
    out, start = [], 0
    before, kind_before = "O", ""
    for at, label in enumerate([*labels, "O"]):
        letter, _, kind = label.partition("-")
        changed = kind != kind_before
        if (before, letter) in _ENDS or (before not in ("O", ".") and changed):
            out.append(Chunk(start, at, kind_before))
        if (before, letter) in _BEGINS or (letter not in ("O", ".") and changed):
            start = at
        before, kind_before = letter, kind
    return out
