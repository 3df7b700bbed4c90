"""A score as it is printed for machines: its values, counts, intervals and groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from newsgold.metrics.arrays import Floats, Ints
from newsgold.metrics.counts import Prf, mean_prf, prf
from newsgold.metrics.suite import Kind, Measured
from newsgold.metrics.uncertainty import Interval, intervals_by_group


def summary(measured: Measured, ci: Mapping[str, Interval], of: Ints) -> dict[str, Any]:
    """One score with its counts and intervals, and the same for each group that occurs.

    Args:
        measured: The score's counts.
        ci: The interval of each of its values.
        of: The number of each document's cluster, for the intervals of the groups, which are linearised always.
    """
    groups = measured.counts.by_group()
    total = measured.counts.total()
    out = _of_kind(measured.kind, mean_prf(groups) if measured.average == "mean" else prf(total), total)
    by_group = intervals_by_group(measured, of)
    out["ci95"] = dict(ci)
    out["by_type"] = {
        name: {**_of_kind("prf", prf(row), row), "ci95": dict(own)}
        for name, row, own in zip(measured.groups, groups, by_group, strict=False)
        if row[1] or row[3]
    }
    return out


def _of_kind(kind: Kind, values: Prf, totals: Floats) -> dict[str, Any]:
    if kind == "accuracy":
        return {"kind": kind, "value": values.precision, "n": _number(totals[1])}
    if kind == "mean":
        return {"kind": kind, "value": values.f1}
    names = ("p_num", "p_den", "r_num", "r_den")
    counts = {n: _number(v) for n, v in zip(names, totals, strict=True)}
    return {"kind": kind, **values._asdict(), "counts": counts}


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)
