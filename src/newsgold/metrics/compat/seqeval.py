"""seqeval 1.2.2: names as labelled tokens, default and strict.

Source: the documentation of seqeval (Nakayama 2018). The default mode reads labels as conlleval does and
repairs what no scheme allows; the strict mode takes only chunks that the scheme allows, and drops the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from newsgold.errors import quote
from newsgold.metrics.compat.labelled import Chunk, Labelled, accuracy, read, starts_inside
from newsgold.metrics.compat.shared import PeerFault, f1, many, ours, ratio, verdict

__all__ = ["explain", "read", "score"]


class Scheme(NamedTuple):
    """The letters of a chunk: one of ``open``, any of ``inside``, one of ``close``; or one of ``single``. Empty: not needed."""

    open: str
    inside: str
    close: str
    single: str


SCHEMES = {
    "IOB2": Scheme("B", "I", "", ""),
    "IOE2": Scheme("", "I", "E", ""),
    "IOBES": Scheme("B", "I", "E", "S"),
    "BILOU": Scheme("B", "I", "L", "U"),
}


def score(inputs: Labelled, *, mode: str = "default", scheme: str = "IOB2") -> dict[str, Any]:
    """The dictionary of seqeval's classification report, and its accuracy.

    Edge cases: 0/0 is 0. A type is reported if either side has it. Data without any chunk: there is no number.
    """
    gold, pred = _sides(inputs, mode, scheme)
    types = sorted({chunk.type for _, chunk in gold | pred})
    if not types:
        raise PeerFault("seqeval has no averages for data without a single chunk: its report crashes or holds NaN")
    rows = {name: _row(_of(gold, name), _of(pred, name)) for name in types}
    right, tokens = accuracy(inputs)
    micro = _row(gold, pred)
    return {
        **rows,
        "micro avg": micro,
        "macro avg": _mean(rows.values(), [1] * len(rows), micro["support"]),
        "weighted avg": _mean(rows.values(), [row["support"] for row in rows.values()], micro["support"]),
        "accuracy": ratio(right, tokens),
    }


def explain(inputs: Labelled, *, mode: str = "default", scheme: str = "IOB2") -> list[str]:
    """What was repaired or dropped, and which zeros are undefined with us."""
    gold, pred = _sides(inputs, mode, scheme)
    reasons = []
    for name, labels in zip(("gold", "the prediction"), inputs, strict=True):
        if mode == "default" and (count := sum(map(starts_inside, labels))):
            reasons.append(f"seqeval repairs {many(count, 'label')} of {name} with I- or E- at the start of a chunk")
        if mode == "strict" and (dropped := _labelled(labels) - _covered(labels, scheme)):
            reasons.append(f"strict {scheme} drops {many(dropped, 'label')} of {name} outside any valid chunk")
    numbers = score(inputs, mode=mode, scheme=scheme)
    if mode == "default" and reasons and _only_letters(inputs, "BIO"):
        strict_gold, strict_pred = _sides(inputs, "strict", "IOB2")
        value = _row(strict_gold, strict_pred)["f1-score"]
        reasons.append(f"strict IOB2, which drops such chunks, gives {value:.4f}; ours has no labels to repair")
    types = [name for name in numbers if name != "accuracy" and not name.endswith(" avg")]
    unpredicted = [t for t in types if not _of(pred, t)]
    unseen = [t for t in types if not _of(gold, t)]
    if unpredicted:
        reasons.append(
            f"precision of {many(len(unpredicted), 'type')} never predicted is 0 and enters the averages; ours is undefined"
        )
    if unseen:
        reasons.append(f"recall of {many(len(unseen), 'type')} not in gold is 0 and enters the averages; ours is undefined")
    return verdict("seqeval", "micro F1 on the chunks it reads", numbers["micro avg"]["f1-score"], ours(gold, pred).f1, reasons)


Placed = set[tuple[int, Chunk]]


def _sides(inputs: Labelled, mode: str, scheme: str) -> tuple[Placed, Placed]:
    """The chunks of gold and of the prediction, with their sentences."""
    chunks: Callable[[Sequence[str]], list[Chunk]] = repaired if mode == "default" else lambda labels: valid(labels, scheme)
    gold, pred = ({(i, chunk) for i, labels in enumerate(side) for chunk in chunks(labels)} for side in inputs)
    return gold, pred


def _of(side: Placed, name: str) -> Placed:
    return {item for item in side if item[1].type == name}


def _row(gold: Placed, pred: Placed) -> dict[str, Any]:
    precision, recall = ratio(len(gold & pred), len(pred)), ratio(len(gold & pred), len(gold))
    return {"precision": precision, "recall": recall, "f1-score": f1(precision, recall), "support": len(gold)}


def _mean(rows: Iterable[dict[str, Any]], weights: list[int], support: int) -> dict[str, Any]:
    parts = {key: [row[key] for row in rows] for key in ("precision", "recall", "f1-score")}
    total = sum(weights)
    means = {key: ratio(sum(v * w for v, w in zip(values, weights, strict=True)), total) for key, values in parts.items()}
    return {**means, "support": support}


def repaired(labels: Sequence[str]) -> list[Chunk]:
    """The chunks of labels under any scheme, with everything that is labelled in some chunk."""
    out, start = [], 0
    before, kind_before = "O", ""
    for at, label in enumerate([*labels, "O"]):
        letter, kind = label[:1], _kind(label)
        if _ends(before, letter, kind_before != kind):
            out.append(Chunk(start, at, kind_before))
        if _begins(before, letter, kind_before != kind):
            start = at
        before, kind_before = letter, kind
    return out


def _kind(label: str) -> str:
    """What follows the letter and its dash; a bare letter is of the type _."""
    return label[1:].split("-", maxsplit=1)[-1] or "_"


def _ends(before: str, letter: str, changed: bool) -> bool:
    """Whether a chunk ends between two labels."""
    return before in ("E", "S") or (before in ("B", "I") and letter in ("B", "S", "O")) or (before not in ("O", ".") and changed)


def _begins(before: str, letter: str, changed: bool) -> bool:
    """Whether a chunk begins with the second of two labels."""
    return letter in ("B", "S") or (before in ("E", "S", "O") and letter in ("E", "I")) or (letter not in ("O", ".") and changed)


def valid(labels: Sequence[str], name: str) -> list[Chunk]:
    """The chunks that the scheme allows; whatever else is labelled is in none."""
    scheme = SCHEMES[name]
    _check_letters(labels, name)
    out, at = [], 0
    while at < len(labels):
        end = _chunk_end(labels, at, scheme)
        if end > at:
            out.append(Chunk(at, end, _kind(labels[at])))
        at = max(end, at + 1)
    return out


def _chunk_end(labels: Sequence[str], start: int, scheme: Scheme) -> int:
    """Where the chunk that begins here ends; ``start`` if none does."""
    if labels[start][0] in scheme.single:
        return start + 1
    if scheme.open and labels[start][0] not in scheme.open:
        return start
    at = start + 1 if scheme.open else start
    while at < len(labels) and labels[at][0] in scheme.inside and _kind(labels[at]) == _kind(labels[start]):
        at += 1
    if not scheme.close:
        return at
    closed = at < len(labels) and labels[at][0] in scheme.close and _kind(labels[at]) == _kind(labels[start])
    return at + 1 if closed else start


def _check_letters(labels: Sequence[str], name: str) -> None:
    for label in labels:
        if not label or label[0] not in {"O", *"".join(SCHEMES[name])}:
            raise PeerFault(f"{quote(label)} is no label of {name}; seqeval refuses it in strict mode")


def _only_letters(inputs: Labelled, letters: str) -> bool:
    return all(label[:1] in [*letters] for side in inputs for labels in side for label in labels)


def _labelled(sentences: list[list[str]]) -> int:
    return sum(label[:1] != "O" for labels in sentences for label in labels)


def _covered(sentences: list[list[str]], scheme: str) -> int:
    return sum(chunk.end - chunk.start for labels in sentences for chunk in valid(labels, scheme))
