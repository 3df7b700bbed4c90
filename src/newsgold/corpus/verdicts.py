"""Verdicts on the suspects of the lint: who looks at one writes down what was decided, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from newsgold.corpus.codec import read_bytes
from newsgold.corpus.shapes import shape_faults
from newsgold.corpus.suspects import Suspect
from newsgold.corpus.toml import decode_toml, locate_toml
from newsgold.errors import DataError, Finding, finding, quote


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody decided about a suspect."""

    id: str
    decision: Literal["right", "mended", "open"]
    """The gold is ``right`` as it is; it was ``mended``; or it is still ``open`` what is right."""
    why: Annotated[str, msgspec.Meta(min_length=1)]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    verdict: tuple[Verdict, ...] = ()


class Placed(NamedTuple):
    """A verdict and where it stands."""

    verdict: Verdict
    path: str
    line: int


def read_verdicts(path: Path) -> list[Placed]:
    """The verdicts of a TOML file, each a ``[[verdict]]``; raises :class:`DataError` with every fault."""
    raw = read_bytes(path)
    where = str(path)
    table = decode_toml(raw, where)
    found = [table] if isinstance(table, Finding) else []

    def line_of(pointer: str) -> int:
        return 1 + locate_toml(raw, pointer)

    rows: list[Placed] = []
    if not isinstance(table, Finding):
        try:
            read = msgspec.convert(table, _File)
            rows = [Placed(v, where, line_of(f"/verdict/{n}/id")) for n, v in enumerate(read.verdict)]
        except msgspec.ValidationError as error:
            found = shape_faults(table, msgspec.json.schema(_File), path=where, line_of=line_of, otherwise=str(error))
    seen: set[str] = set()
    for n, row in enumerate(rows):
        if row.verdict.id in seen:
            found.append(finding("DUPLICATE_ID", where, line=row.line, pointer=f"/verdict/{n}/id", got=quote(row.verdict.id)))
        seen.add(row.verdict.id)
    if found:
        raise DataError(f"the verdicts {path} cannot be used", found)
    return rows


class Judged(NamedTuple):
    """Suspects in their order with the verdict on each, and findings about verdicts."""

    rows: list[tuple[Suspect, Verdict | None]]
    findings: list[Finding]

    @property
    def waiting(self) -> int:
        """How many suspects have no verdict."""
        return sum(verdict is None for _, verdict in self.rows)


def judge(suspects: Sequence[Suspect], verdicts: Sequence[Placed]) -> Judged:
    """Put verdicts to suspects; a warning for each verdict that does not fit what the gold says now.

    A suspect that was mended is gone, so a verdict ``mended`` wants none, and every other wants its suspect.
    """
    known = {s.id for s in suspects}
    by_id = {row.verdict.id: row.verdict for row in verdicts}
    found = []
    for verdict, path, line in verdicts:
        if (verdict.decision == "mended") == (verdict.id in known):
            code = "VERDICT_STANDS" if verdict.id in known else "VERDICT_GONE"
            found.append(finding(code, path, line=line, got=f"{verdict.decision} on {quote(verdict.id)}"))
    return Judged([(s, by_id.get(s.id)) for s in suspects], found)
