"""Files cut into parts by document, so that each part can be read by another process.

JSONL is cut at lines and Parquet at row groups. A first look (:func:`look`) gives for each record its document, its
event and its place, nothing else; :func:`cut_up` then says which records belong together; :func:`read_shard` reads
those of one part. Gold and predictions may stand in different orders: where they stand in the same, each part
reads one stretch of each file; otherwise a part of JSONL reads its lines here and there, and a worker keeps all
row groups of a Parquet file in memory.

What is no regular file of the two kinds, such as a corpus folder, is read by the caller, and its records travel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from newsgold.corpus.codec import Record, decode_jsonl
from newsgold.corpus.model import Annotation, Article
from newsgold.errors import FileFault, Finding, finding, quote
from newsgold.metrics.arrays import Ints
from newsgold.metrics.arrow import ints, valid
from newsgold.metrics.batch import Batch, of_jsonl, of_parquet, of_records, read_table

PIECE = 32_000_000
"""Bytes of JSONL that are looked through in one go."""

ROWS = 100_000
"""Rows of Parquet that are looked through in one go, or a row group if it has more."""


class Piece(NamedTuple):
    """A stretch of a file: bytes of JSONL, or row groups of Parquet."""

    path: Path
    begin: int
    end: int


class Places(NamedTuple):
    """Where the records of a file stand, one row each, in the order of the file."""

    ids: pa.Array
    """Null where a record cannot be read."""
    events: pa.Array
    line: Ints
    """The line, or of Parquet the row among those with annotations, counted from 1."""
    begin: Ints
    """Of JSONL the first byte; of Parquet the row group."""
    end: Ints
    """Of JSONL the byte behind the last; of Parquet the row of the group."""
    lines: int
    """How many lines, or rows with annotations, there are altogether."""


class Shard(NamedTuple):
    """Some records of a source, in its order, and how to come by them."""

    path: Path | None
    """``None`` where the records are here."""
    shown: str
    """The path as it was given."""
    lines: Ints
    spans: Ints
    """Of JSONL the stretches of bytes, shape (stretches, 2)."""
    groups: tuple[int, ...] = ()
    """Of Parquet the row groups, and the rows among all of theirs."""
    rows: Ints = np.zeros(0, dtype=np.int64)
    records: tuple[Record[Any], ...] = ()


# --------------------------------------------------------------------------- the first look


def pieces(path: Path) -> list[Piece]:
    """The stretches of a file that are looked through one by one; raises :class:`FileFault`."""
    if path.suffix != ".parquet":
        size = _size(path)
        return [Piece(path, begin, min(begin + PIECE, size)) for begin in range(0, size, PIECE)]
    rows = _group_rows(path)
    out, begin = [], 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or sum(rows[begin : end + 1]) > ROWS:
            out.append(Piece(path, begin, end))
            begin = end
    return out


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise FileFault(f"cannot read {path}: {error.strerror or error}") from error


def _group_rows(path: Path) -> list[int]:
    with _open_parquet(path) as file:
        return [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]


def _open_parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise FileFault(f"cannot read {path} as Parquet: {quote(str(error), 160)}") from error


def look(piece: Piece) -> Places:
    """The places of the records of a stretch, lines counted from its own beginning."""
    return _look_parquet(piece) if piece.path.suffix == ".parquet" else _look_jsonl(piece)


class _Named(msgspec.Struct):
    id: str
    event: str | None = None


def _look_jsonl(piece: Piece) -> Places:
    """The lines that begin in the stretch."""
    with piece.path.open("rb") as file:
        file.seek(max(piece.begin - 1, 0))
        # a line belongs to the stretch that its first byte is in
        at = piece.begin + len(file.readline()) - 1 if piece.begin else 0
        raw = file.read(max(piece.end - at, 0))
        raw += b"" if raw.endswith(b"\n") or not raw else file.readline()
    decoder = msgspec.json.Decoder(_Named)
    ids: list[str | None] = []
    events: list[str | None] = []
    kept: list[int] = []
    lines = raw.split(b"\n")
    for line in lines:
        kept.append(bool(line) and not line.isspace())
        if kept[-1]:
            try:
                named = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                named = None
            ids.append(None if named is None else named.id)
            events.append(None if named is None else named.event)
    length = np.array([len(line) + 1 for line in lines], dtype=np.int64)
    end = at + np.cumsum(length)
    some = np.flatnonzero(kept)
    size = at + len(raw)
    ends = np.minimum(end[some], size)
    return Places(_strings(ids), _strings(events), some + 1, (end - length)[some], ends, raw.count(b"\n"))


def _strings(values: Sequence[str | None]) -> pa.Array:
    """A column of strings and nulls (``pa.array`` would import pandas)."""
    coded = [b"" if v is None else v.encode("utf-8", "surrogatepass") for v in values]
    ends = np.cumsum([0, *map(len, coded)]).astype(np.int32)
    present = np.packbits(np.array([v is not None for v in values], dtype=np.uint8), bitorder="little").tobytes()
    buffers = [pa.py_buffer(present), pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(coded))]
    return pa.Array.from_buffers(pa.string(), len(coded), buffers)


def _look_parquet(piece: Piece) -> Places:
    with _open_parquet(piece.path) as file:
        have = [name for name in ("id", "event", "annotated") if name in file.schema_arrow.names]
        groups = range(piece.begin, piece.end)
        try:
            tables = [file.read_row_group(group, columns=have) for group in groups]
        except (OSError, pa.ArrowException) as error:
            raise FileFault(f"cannot read {piece.path} as Parquet: {quote(str(error), 160)}") from error
    if "annotated" in have:
        tables = [table.filter(table["annotated"]) for table in tables]
    columns = []
    for name in ("id", "event"):
        arrays = [chunk.cast(pa.string()) for table in tables if name in have for chunk in table[name].chunks]
        size = sum(table.num_rows for table in tables)
        columns.append(pa.concat_arrays(arrays) if arrays else pa.nulls(size, pa.string()))
    rows = [table.num_rows for table in tables]
    inside = np.concatenate([np.zeros(0, dtype=np.int64), *map(np.arange, rows)])
    line = np.arange(1, sum(rows) + 1)
    return Places(columns[0], columns[1], line, np.repeat(np.array(groups), rows), inside, sum(rows))


def _one_behind_the_other(places: Sequence[Places]) -> Places:
    """The places of a whole file from those of its stretches, in order."""
    before = np.cumsum([0, *(p.lines for p in places)])
    none: list[Ints] = [np.zeros(0, dtype=np.int64)]
    line = np.concatenate([*none, *(p.line + b for p, b in zip(places, before, strict=False))])
    ids, events = (pa.concat_arrays([_strings([]), *(getattr(p, name) for p in places)]) for name in ("ids", "events"))
    begin, end = (np.concatenate([*none, *(getattr(p, name) for p in places)]) for name in ("begin", "end"))
    return Places(ids, events, line, begin, end, int(before[-1]))


class Listing(NamedTuple):
    """A source that was looked through."""

    path: Path | None
    """``None`` where its records are here."""
    shown: str
    places: Places
    records: tuple[Record[Any], ...] = ()
    findings: tuple[Finding, ...] = ()

    def shard(self, rows: Ints) -> Shard:
        """What is needed to read some of the records; ``rows`` rise."""
        if self.path is None:
            return Shard(None, self.shown, rows + 1, _NO_SPANS, records=tuple(self.records[row] for row in rows.tolist()))
        lines, begin, end = self.places.line[rows], self.places.begin[rows], self.places.end[rows]
        path = self.path.absolute()
        if path.suffix != ".parquet":
            new = np.flatnonzero(np.append(begin[:1] >= 0, begin[1:] != end[:-1]))
            spans = np.stack([begin[new], end[np.append(new[1:], len(rows))[: len(new)] - 1]], axis=1)
            return Shard(path, self.shown, lines, spans)
        groups = np.unique(begin)
        sizes = np.bincount(self.places.begin, minlength=int(groups.max(initial=-1)) + 1)[groups]
        before = np.cumsum(sizes) - sizes
        place = before[np.searchsorted(groups, begin)] + end
        return Shard(path, self.shown, lines, _NO_SPANS, tuple(groups.tolist()), place)


_NO_SPANS = np.zeros((0, 2), dtype=np.int64)


def listing(path: Path, places: Sequence[Places]) -> Listing:
    """A file whose stretches were looked through."""
    whole = _one_behind_the_other(places)
    nothing = path.suffix != ".parquet" and not len(whole.line)
    return Listing(path, str(path), whole, findings=(finding("EMPTY_FILE", str(path)),) if nothing else ())


def listing_here(records: Sequence[Record[Any]], shown: str, findings: Sequence[Finding] = ()) -> Listing:
    """Records that are here."""
    at = np.arange(len(records))
    ids, events = _strings([r.value.id for r in records]), _strings([r.value.event for r in records])
    return Listing(None, shown, Places(ids, events, at + 1, at, at, len(at)), tuple(records), tuple(findings))


def can_be_cut(source: object) -> bool:
    """Whether a source is a file that workers can read in parts."""
    return isinstance(source, (str, Path)) and Path(source).is_file() and Path(source).suffix != ".json"


# --------------------------------------------------------------------------- parts


def cut_up(gold: Places, pred: Places, parts: int) -> tuple[Ints, Ints]:
    """The part, from 0, of each record of both sides: documents of one id or one event of the gold share theirs.

    Parts are about equal in records, and follow the order of the gold.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    code = _codes(pa.concat_arrays([gold.ids, pred.ids]))
    event = _codes(gold.events)
    known = np.flatnonzero(valid(gold.events))
    size = int(code.max(initial=-1)) + 1
    nodes = size + int(event.max(initial=-1)) + 1
    edges = (code[known], size + event[known])
    graph = coo_array((np.ones(len(known), dtype=np.int8), edges), shape=(nodes, nodes))
    group = connected_components(graph, directed=False)[1].astype(np.int64)[code] if nodes else code
    _, first, inverse, weight = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    part = np.empty(len(order), dtype=np.int64)
    part[order] = (np.cumsum(weight[order]) - weight[order]) * parts // max(len(code), 1)
    of = part[inverse] if len(code) else code
    return of[: len(gold.line)], of[len(gold.line) :]


def _codes(values: pa.Array) -> Ints:
    """A number for each string, and one of its own for each null."""
    code = ints(values.dictionary_encode().indices, -1)
    missing = np.flatnonzero(code < 0)
    code[missing] = code.max(initial=-1) + 1 + np.arange(len(missing))
    return code


# --------------------------------------------------------------------------- reading


def read_shard(of: Shard) -> Batch:
    """The annotations of a shard; findings and lines are numbered as in the whole file."""
    if of.path is None:
        batch = of_records(of.records, of.shown)
        return Batch(batch.table, batch.path, of.lines, batch.record)
    if of.path.suffix == ".parquet":
        table = _table(of.path, of.groups, of.path.stat().st_mtime_ns)
        number = np.zeros(table.num_rows, dtype=np.int64)
        number[of.rows] = of.lines
        return _numbered(of_parquet(table, of.shown).take(of.rows), number)
    if not len(of.lines):
        return of_records([], of.shown)
    raw, number = _text(of)
    return _numbered(of_jsonl(raw, of.shown), number)


def read_texts(of: Shard) -> dict[str, Article]:
    """The articles of a shard of JSONL, or of records that were sent."""
    records = of.records if of.path is None else decode_jsonl(_text(of)[0], Article, of.shown).records if len(of.lines) else ()
    return {record.value.id: record.value for record in records}


@lru_cache(maxsize=4)
def _table(path: Path, groups: tuple[int, ...], _changed: int) -> pa.Table:
    """Row groups, kept: parts that lie in one large group, or all over a file, find them read."""
    return read_table(path, groups)


def _text(of: Shard) -> tuple[bytes, Ints]:
    """The lines of a shard, and the number of each."""
    stretches = []
    try:
        with Path(of.path or "").open("rb") as file:
            for begin, end in of.spans.tolist():
                file.seek(begin)
                stretches.append(file.read(end - begin))
    except OSError as error:
        raise FileFault(f"cannot read {of.path}: {error.strerror or error}") from error
    raw = b"".join(stretches)
    # a blank line stands for those before: of a last line that is cut short the reader says so only if it is not the first
    return (raw, of.lines) if of.lines[0] == 1 else (b"\n" + raw, np.append(0, of.lines))


def _numbered(batch: Batch, number: Ints) -> Batch:
    """A batch whose line ``i`` is line ``number[i - 1]`` of the whole."""

    def record(row: int) -> Record[Annotation]:
        found = batch.record(row)
        return found._replace(line=int(number[found.line - 1]))

    findings = tuple(f._replace(line=int(number[f.line - 1])) for f in batch.findings)
    return Batch(batch.table, batch.path, number[batch.lines - 1], record, findings)
