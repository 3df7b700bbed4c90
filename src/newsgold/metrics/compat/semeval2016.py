"""SemEval-2016 task 6: stance towards given targets, the mean F1 of FAVOR and AGAINST.

Source: Mohammad et al. 2016. All targets are pooled. NONE is not averaged, but a NONE called FAVOR lowers the
precision of FAVOR.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from newsgold.errors import quote
from newsgold.metrics.compat.shared import PeerFault, lines, many, scores

SIDES = ("FAVOR", "AGAINST")
LABELS = (*SIDES, "NONE", "UNKNOWN")


class Row(NamedTuple):
    """A tweet: the target, gold's stance and the predicted one."""

    target: str
    gold: str
    pred: str


def read(gold: Path, pred: Path) -> list[Row]:
    """The rows of two files that list the same ids and targets in the same order."""
    g, p = _rows(gold), _rows(pred)
    if len(g) != len(p):
        raise PeerFault(f"{pred} has {len(p)} rows, {gold} has {len(g)}; eval.pl wants the same ids in the same order")
    for number, (a, b) in enumerate(zip(g, p, strict=True), 2):
        if a[:2] != b[:2]:
            raise PeerFault(f"{pred}:{number}: got id and target {quote(b[:2])}, gold has {quote(a[:2])}")
    return [Row(a[1], a[3], b[3]) for a, b in zip(g, p, strict=True)]


def _rows(path: Path) -> list[list[str]]:
    rows = [line.split("\t") for line in lines(path)[1:] if line]
    for number, row in enumerate(rows, 2):
        if len(row) != 4 or row[3] not in LABELS:
            raise PeerFault(f"{path}:{number}: wanted ID, Target, Tweet and one of {', '.join(LABELS)}, got {quote(row)}")
    return rows


def score(inputs: list[Row], *, target: str = "") -> dict[str, Any]:
    """Precision, recall and F1 of FAVOR and AGAINST, and the mean of the two F1; of one target if it is given.

    Edge cases: 0/0 is 0.
    """
    rows = [row for row in inputs if not target or row.target == target]
    if not rows:
        raise PeerFault(
            f"no row has the target {quote(target)}; there are {', '.join(sorted({quote(r.target) for r in inputs}))}"
        )
    found: dict[str, Any] = {side: _side(rows, side) for side in SIDES}
    return {**found, "macroF": (found["FAVOR"]["f1"] + found["AGAINST"]["f1"]) / 2}


def _side(rows: list[Row], side: str) -> dict[str, float]:
    right = sum(row.gold == side == row.pred for row in rows)
    return scores(right, sum(row.pred == side for row in rows), right, sum(row.gold == side for row in rows))


def explain(inputs: list[Row], *, target: str = "") -> list[str]:
    """What NONE, pooling and undefined scores do here."""
    numbers = score(inputs, target=target)
    rows = [row for row in inputs if not target or row.target == target]
    out = [
        f"macroF: {numbers['macroF']:.4f} over {many(len(rows), 'tweet')}; ours scores tuples, of which a row with NONE has none"
    ]
    taken = Counter((row.gold in SIDES, row.pred in SIDES) for row in rows)
    if taken[False, True]:
        out.append(
            f"{many(taken[False, True], 'row')} of gold NONE predicted as a stance, lowering precision; with us extra tuples"
        )
    if taken[True, False]:
        out.append(f"{many(taken[True, False], 'stance')} predicted as NONE, lowering recall; with us missing tuples")
    flips = sum(row.gold != row.pred for row in rows if row.gold in SIDES and row.pred in SIDES)
    if flips:
        out.append(f"{many(flips, 'flip')} between FAVOR and AGAINST, counted in both F1; stance.polarity counts each pair once")
    targets = sorted({row.target for row in rows})
    if len(targets) > 1:
        mean = sum(score(rows, target=t)["macroF"] for t in targets) / len(targets)
        out.append(f"all {len(targets)} targets are pooled: the mean over targets would be {mean:.4f}")
    undefined = sum(not any(side in (row.gold, row.pred) for row in rows) for side in SIDES)
    if undefined:
        out.append(f"{many(undefined, 'side')} without any row: F1 0 here, undefined and left out with us")
    return out
