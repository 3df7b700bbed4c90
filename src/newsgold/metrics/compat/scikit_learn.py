"""scikit-learn: precision, recall and F1 of single labels, as classification_report gives them.

Source: the user guide of scikit-learn, section 3.4 on multiclass averages. Written anew so that scoring does not
load scikit-learn; the tests compare with the one installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from newsgold.metrics.arrays import Floats
from newsgold.metrics.compat.shared import PeerFault, json_value, lines, many, scores, shown
from newsgold.metrics.counts import mean_prf


class Inputs(NamedTuple):
    """The labels of items."""

    gold: list[str]
    pred: list[str]


def read(gold: Path, pred: Path) -> Inputs:
    """A label a line, or a JSON list of labels."""
    inputs = Inputs(_labels(gold), _labels(pred))
    if len(inputs.gold) != len(inputs.pred):
        raise PeerFault(f"{pred} has {len(inputs.pred)} labels, {gold} has {len(inputs.gold)}")
    return inputs


def _labels(path: Path) -> list[str]:
    if path.suffix != ".json":
        return lines(path)
    value = json_value(path)
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise PeerFault(f"{path}: wanted a list of strings")
    return value


def score(inputs: Inputs, *, labels: str = "") -> dict[str, Any]:
    """The dictionary of classification_report; ``labels`` names those to report, with commas between.

    Edge cases: 0/0 is 0. The micro average is called accuracy where all labels are reported, as there.
    """
    names, counts = _counts(inputs, labels)
    rows = {name: _row(row) for name, row in zip(names, counts, strict=True)}
    total = _row(counts.sum(axis=0))
    support = counts[:, 3]
    every = set(names) >= {*inputs.gold, *inputs.pred}
    return {
        **rows,
        **({"accuracy": total["f1-score"]} if every else {"micro avg": total}),
        "macro avg": _mean(rows, np.ones(len(names)), int(support.sum())),
        "weighted avg": _mean(rows, support, int(support.sum())),
    }


def _counts(inputs: Inputs, labels: str) -> tuple[list[str], Floats]:
    """The reported labels, and for each (right, predicted, right, gold)."""
    names = labels.split(",") if labels else sorted({*inputs.gold, *inputs.pred})
    if not names or not set(names) & {*inputs.gold, *inputs.pred}:
        raise PeerFault("scikit-learn gives no report: there are no items, or none of the labels occurs")
    code = {name: i for i, name in enumerate(names)}
    other = len(names)
    gold, pred = (np.array([code.get(label, other) for label in side], dtype=np.int64) for side in inputs)
    right = np.bincount(gold[gold == pred], minlength=other + 1)
    table = [right, np.bincount(pred, minlength=other + 1), right, np.bincount(gold, minlength=other + 1)]
    return names, np.stack(table, axis=1)[:other].astype(np.float64)


def _row(counts: Floats) -> dict[str, Any]:
    found = scores(*(float(c) for c in counts))
    return {"precision": found["precision"], "recall": found["recall"], "f1-score": found["f1"], "support": int(counts[3])}


def _mean(rows: dict[str, dict[str, Any]], weights: Floats, support: int) -> dict[str, Any]:
    total = weights.sum()
    means = {
        key: float(np.array([row[key] for row in rows.values()]) @ weights / total) if total else 0.0
        for key in ("precision", "recall", "f1-score")
    }
    return {**means, "support": support}


def explain(inputs: Inputs, *, labels: str = "") -> list[str]:
    """What undefined scores do to the averages."""
    numbers = score(inputs, labels=labels)
    names, counts = _counts(inputs, labels)
    theirs, own = numbers["macro avg"]["f1-score"], mean_prf(counts).f1
    out = [f"macro F1: scikit-learn {theirs:.4f}, ours {shown(own)} over {many(len(names), 'label')}"]
    never, absent = int((counts[:, 1] == 0).sum()), int((counts[:, 3] == 0).sum())
    if never:
        out.append(f"precision of {many(never, 'label')} never predicted is 0 and is averaged; ours is undefined and left out")
    if absent:
        out.append(f"recall of {many(absent, 'label')} not in gold is 0 and is averaged; ours is undefined and left out")
    if not never and not absent:
        out.append("nothing on this input parts scikit-learn from ours")
    return out
