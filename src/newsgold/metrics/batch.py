"""Annotations from any source as one table, with the way back to each record.

The table is what metrics work on; the way back is for explaining a fault. JSONL
and Parquet become tables without a Python object for any item. Where Arrow
refuses a text, the codec reads it record by record and says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsgold.corpus.codec import Record, decode_jsonl, decode_record, read_bytes
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import LAYERS, Annotation, Article
from newsgold.corpus.store import read_annotations
from newsgold.corpus.validate import check_annotation
from newsgold.errors import FileFault, Finding, finding, quote
from newsgold.metrics.arrays import Ints
from newsgold.metrics.arrow import column, field, ints, read_jsonl, read_parquet, table_of
from newsgold.metrics.links import Links, links
from newsgold.metrics.screen import suspects, texts_of

Source = Path | str | Iterable[Annotation]
"""Annotations: a path of any kind the store reads, or values."""


@dataclass(frozen=True)
class Batch:
    """The readable records of a source, and findings about the rest."""

    table: pa.Table
    path: str
    lines: Ints
    """The line, or row, at which each record stands."""
    record: Callable[[int], Record[Annotation]]
    """The record of a row, decoded in full."""
    findings: tuple[Finding, ...] = ()

    @cached_property
    def links(self) -> Links:
        """The table's items and references."""
        return links(self.table)

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of each document."""
        return {name: row for row, name in enumerate(self.names)}

    @property
    def names(self) -> list[str]:
        """The document id of each row."""
        out: list[str] = self.table["id"].to_pylist()
        return out

    def take(self, rows: Ints) -> Batch:
        """The chosen rows, in that order."""
        if len(rows) == self.table.num_rows and (rows == np.arange(len(rows))).all():
            return self
        table = self.table.take(column(rows))
        return Batch(table, self.path, self.lines[rows], lambda row: self.record(int(rows[row])), self.findings)


def read(source: Source, name: str) -> Batch:
    """The annotations of a source; ``name`` stands for the path where they are values."""
    if not isinstance(source, (str, Path)):
        return of_records([Record(value, f"<{name}>", i) for i, value in enumerate(source, 1)], f"<{name}>")
    path = Path(source)
    if path.suffix == ".parquet" and path.is_file():
        return of_parquet(read_table(path), str(path))
    if path.suffix == ".json" or path.is_dir():
        decoded = read_annotations(path)
        return of_records(decoded.records, str(path), decoded.findings)
    return of_jsonl(read_bytes(path), str(path))


def of_records(records: Sequence[Record[Annotation]], path: str, found: Iterable[Finding] = ()) -> Batch:
    """Records that were read, as a batch."""
    lines = np.array([r.line for r in records], dtype=np.int64)
    return Batch(table_of(r.value for r in records), path, lines, records.__getitem__, tuple(found))


def of_jsonl(raw: bytes, path: str) -> Batch:
    """The records of a JSONL text, which came from ``path``."""
    try:
        lines = read_jsonl(raw)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        decoded = decode_jsonl(raw, Annotation, path)
        return of_records(decoded.records, path, decoded.findings)

    def record(row: int) -> Record[Annotation]:
        line = int(lines.line[row])
        value = decode_record(raw[lines.start[row] : lines.end[row]], Annotation, path, line)
        if isinstance(value, list):
            raise FileFault(f"{path}:{line} is read by one decoder and refused by the other: {value[0].message}")
        return Record(value, path, line)

    return Batch(lines.table, path, lines.line, record)


def read_table(path: Path, groups: Sequence[int] | None = None) -> pa.Table:
    """The table of a Parquet file, or of some of its row groups; raises :class:`FileFault`."""
    try:
        return read_parquet(path, groups=groups)
    except pa.ArrowInvalid as error:
        raise FileFault(f"{path} does not hold annotations: {quote(str(error), 160)}") from error


def of_parquet(table: pa.Table, path: str) -> Batch:
    """The rows of a Parquet file as :func:`read_table` gives them."""

    def record(row: int) -> Record[Annotation]:
        (value,) = table.slice(row, 1).to_pylist()
        return Record(msgspec.convert(_without_nulls(value), Annotation), path, row + 1)

    return Batch(table, path, np.arange(1, table.num_rows + 1), record)


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def first_lines(batch: Batch, layer: str, name: str) -> dict[str, int]:
    """Each label of a column of items, and the first line it stands in; 0 for all that a file names beforehand."""
    values = field(batch.links.items[layer], name)
    if pa.types.is_dictionary(values.type):
        return dict.fromkeys(values.dictionary.to_pylist(), 0)
    coded = values.dictionary_encode()
    codes, first = np.unique(ints(coded.indices, -1), return_index=True)
    lines = batch.lines[batch.links.row[layer][first]]
    names = coded.dictionary.to_pylist()
    return {names[code]: line for code, line in zip(codes.tolist(), lines.tolist(), strict=True) if code >= 0}


# -------------------------------------------------------------------------- faults


@dataclass(frozen=True)
class Examined:
    """What is wrong with a batch as predictions, and the item rows that must match nothing for it."""

    findings: tuple[Finding, ...]
    rows: tuple[int, ...]
    """The row that each finding is about, rising."""
    faulty: Mapping[str, Ints]


_ITEM = re.compile(r"/(mentions|relations|stances)/(\d+)")


def examine(
    batch: Batch,
    labels: Labels,
    articles: Mapping[str, Article] | None = None,
    *,
    strangers: Iterable[int] = (),
    kb: frozenset[str] | None = None,
    given: Batch | None = None,
) -> Examined:
    """Hold the records of a batch against what a prediction must have.

    ``strangers`` are rows of documents that are not asked for. A record with neither mentions nor entities may
    name entities of ``given``, as a system does that was given them. Of a record that is wrong as a whole (a
    stranger, made on another text, a document that stands twice) every item is at fault.
    """
    names = batch.names
    texts = None if articles is None else texts_of(names, articles)
    found: list[Finding] = []
    of: list[int] = []
    begin = {layer: _begin(batch.table[layer]) for layer in LAYERS if layer != "entities"}
    rows: dict[str, set[int]] = {layer: set() for layer in begin}
    whole = {**dict.fromkeys(strangers, "UNKNOWN_DOCUMENT"), **dict.fromkeys(_again(names), "DUPLICATE_DOCUMENT")}
    for row in sorted({*suspects(batch.table, batch.links, labels, texts, kb).tolist(), *whole}):
        own = list(_explain(batch, row, labels, articles, kb, whole.get(row)))
        if given is not None:
            own = _without_given(own, batch.record(row).value, given)
        found += own
        of += [row] * len(own)
        for layer, at in _at_fault(own):
            if at is not None:
                rows[layer].add(int(begin[layer][row]) + at)
            else:
                rows[layer].update(range(int(begin[layer][row]), int(begin[layer][row + 1])))
    faulty = {layer: np.array(sorted(chosen), dtype=np.int64) for layer, chosen in rows.items() if chosen}
    return Examined(tuple(found), tuple(of), faulty)


def _begin(column: pa.ChunkedArray) -> Ints:
    """The number of the first item of each row, and of the one behind the last."""
    return np.append(0, np.cumsum(ints(pc.list_value_length(column.combine_chunks()), 0)))


def _again(names: Sequence[str]) -> list[int]:
    """Rows whose document stands in an earlier row."""
    first = {name: i for i, name in reversed(list(enumerate(names)))}
    return [] if len(first) == len(names) else [i for i, name in enumerate(names) if first[name] != i]


def _explain(
    batch: Batch, row: int, labels: Labels, articles: Mapping[str, Article] | None, kb: frozenset[str] | None, whole: str | None
) -> Iterator[Finding]:
    record = batch.record(row)
    name = record.value.id
    if whole is not None:
        yield finding(whole, record.path, line=record.line, doc=name, pointer="/id", got=quote(name))
    yield from check_annotation(record, labels, "prediction", articles.get(name) if articles else None, kb)


def _without_given(found: list[Finding], value: Annotation, given: Batch) -> list[Finding]:
    """The findings but those that miss an entity which the system was given."""
    if value.mentions is not None or value.entities is not None or value.id not in given.places:
        return found
    own = given.record(given.places[value.id]).value
    known = {quote(e.id) for e in own.entities or () if e.id is not None}
    return [f for f in found if f.code != "DANGLING_ARGUMENT" or f.got not in known]


def _at_fault(found: Iterable[Finding]) -> Iterator[tuple[str, int | None]]:
    """(layer, item) for each error; no item for all of the layer."""
    for item in found:
        match = _ITEM.match(item.pointer)
        if item.severity == "error" and match:
            yield match[1], int(match[2])
        elif item.severity == "error" and not item.pointer.startswith("/entities"):
            yield from ((layer, None) for layer in ("mentions", "relations", "stances"))
