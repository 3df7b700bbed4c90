"""The record of a run: what was run, and of each document time, cost, findings and failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document in the record of a run."""

    id: str
    seconds: float
    """Wall clock of the answer, all attempts of the run that asked together."""
    attempts: int
    """How often it was asked for, failed runs included."""
    before: bool = False
    """Whether the answer comes from an earlier run."""
    written: bool = False
    """Whether the answer stands in the predictions."""
    ungrounded: int = 0
    usage: Mapping[str, float] = {}
    findings: Mapping[str, int] = {}
    """How many of each code."""
    failure: str | None = None
    said: str | None = None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of a run."""

    documents: int
    asked: int
    """In this run; the other answers come from earlier ones."""
    written: int
    failed: int
    """Documents without an answer, and those that were asked for again in vain."""
    with_findings: int
    ungrounded: int
    usage: Mapping[str, float]


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was run, and what came of it."""

    newsgold: str
    schema_version: int
    system: str
    version: str
    configuration: Mapping[str, Any]
    prompt_sha256: str | None
    articles_sha256: str
    """SHA-256 over a line ``id text_sha256`` for each article, sorted: the same texts in any format give the same."""
    started: str
    seconds: float
    totals: Totals
    predictions: Literal["written", "none", "earlier"]
    """``earlier``: nothing was answered, and what stands in the file is left from before this run."""
    findings: tuple[str, ...]
    """One for each kind."""
    documents: tuple[Row, ...]


def sums(usages: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """What was used altogether, by its name."""
    amounts: dict[str, float] = {}
    for usage in usages:
        for name, amount in usage.items():
            amounts[name] = amounts.get(name, 0) + amount
    return dict(sorted(amounts.items()))


def totals(rows: Sequence[Row]) -> Totals:
    """The sums over the documents of a run."""
    return Totals(
        documents=len(rows),
        asked=sum(not row.before for row in rows),
        written=sum(row.written for row in rows),
        failed=sum(row.failure is not None for row in rows),
        with_findings=sum(bool(row.findings) for row in rows),
        ungrounded=sum(row.ungrounded for row in rows),
        usage=sums(row.usage for row in rows),
    )
