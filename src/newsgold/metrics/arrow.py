"""Annotations as Arrow tables: the one gate to the columnar road.

Whatever the source, JSONL or values, it becomes a table of
:data:`SCHEMA`. Decoding JSONL here is Arrow's own, as strict as the codec's in
what it accepts; what it refuses, the codec explains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from newsgold.corpus.codec import encode
from newsgold.corpus.model import LAYERS, MAX_RECORD_BYTES, Annotation
from newsgold.corpus.tables import label_names
from newsgold.errors import FileFault, quote
from newsgold.metrics.arrays import Bools, Ints

_MENTION = pa.struct(
    [
        ("id", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("type", pa.string()),
        ("kind", pa.string()),
        ("text", pa.string()),
    ]
)
_ENTITY = pa.struct([("id", pa.string()), ("mentions", pa.list_(pa.string())), ("link", pa.string())])
_RELATION = pa.struct(
    [
        ("type", pa.string()),
        ("head", pa.string()),
        ("tail", pa.string()),
        ("factuality", pa.string()),
        ("evidence", pa.list_(pa.list_(pa.string()))),
    ]
)
_STANCE = pa.struct(
    [
        ("id", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("holder", pa.string()),
        ("target", pa.string()),
        ("polarity", pa.string()),
        ("basis", pa.string()),
    ]
)
SCHEMA = pa.schema(
    [
        ("schema_version", pa.int32()),
        *((name, pa.string()) for name in ("id", "by", "text_sha256", "split", "event")),
        ("ignore", pa.list_(pa.list_(pa.int32()))),
        ("mentions", pa.list_(_MENTION)),
        ("entities", pa.list_(_ENTITY)),
        ("relations", pa.list_(_RELATION)),
        ("stances", pa.list_(_STANCE)),
    ]
)
"""The Arrow schema of annotations, field for field that of :class:`newsgold.corpus.model.Annotation`."""


def table_of(annotations: Iterable[Annotation]) -> pa.Table:
    """A table of annotation values."""
    lines = [encode(a) for a in annotations]
    return read_jsonl(b"\n".join(lines)).table if lines else SCHEMA.empty_table()


class Lines(NamedTuple):
    """The records of a JSONL text and where each stands: line numbers from 1, and the span of its bytes."""

    table: pa.Table
    line: Ints
    start: Ints
    end: Ints


def read_jsonl(raw: bytes) -> Lines:
    """A JSONL text decoded in one go, a record a line; blank lines are passed over.

    Raises :class:`pyarrow.ArrowInvalid` where a record is not of the schema, and where the codec would
    find fault with the text; the codec then says what is wrong.
    """
    import pyarrow.json as paj

    raw.decode("utf-8")
    text = np.frombuffer(raw + b"\n", dtype=np.uint8)
    end = np.flatnonzero(text == ord("\n"))
    start = np.append(0, end[:-1] + 1)
    kept = np.flatnonzero(end > start)
    start, end = start[kept], end[kept]
    # every line an object, so that the breaks of records are the breaks of lines: inside a record of the
    # schema no closing brace is followed by an opening one
    if not len(kept) or (text[start] != ord("{")).any() or (text[end - 1 - (text[end - 1] == ord("\r"))] != ord("}")).any():
        raise pa.ArrowInvalid("not one object a line")
    longest = int((end - start).max())
    if longest > MAX_RECORD_BYTES:
        raise pa.ArrowInvalid("a record is too long")
    table = paj.read_json(
        pa.BufferReader(raw),
        read_options=paj.ReadOptions(block_size=max(1 << 20, longest + 2), use_threads=False),
        parse_options=paj.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="error"),
    )
    if table.num_rows != len(kept):
        raise pa.ArrowInvalid("not one object a line")
    return Lines(_checked(table.select(SCHEMA.names).combine_chunks()), kept + 1, start, end)


def read_parquet(path: Path, layers: Sequence[str] = LAYERS, groups: Sequence[int] | None = None) -> pa.Table:
    """A table of a Parquet file, or of some of its row groups: predictions of :data:`SCHEMA`, or the ``documents`` of a release.

    Other layers than ``layers`` are left unread and count as not attempted.

    Raises :class:`FileFault` where it cannot be read, and :class:`pyarrow.ArrowInvalid` where it is not of the schema.
    """
    import pyarrow.parquet as pq

    unread = {layer for layer in LAYERS if layer not in layers}
    try:
        file = pq.ParquetFile(path)
        have = set(file.schema_arrow.names)
        columns = [name for name in (*SCHEMA.names, "annotated") if name in have and name not in unread]
        table = file.read(columns=columns) if groups is None else file.read_row_groups(groups, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise FileFault(f"cannot read {path} as Parquet: {quote(str(error), 160)}") from error
    if "annotated" in have:
        table = table.filter(table["annotated"])
    names = label_names(table.schema.metadata or {})
    columns = [_conform(table, f.name, f.type, names.get(f.name, {})) for f in SCHEMA]
    return _checked(pa.table(columns, names=SCHEMA.names))


def _conform(table: pa.Table, name: str, wanted: pa.DataType, names: Mapping[str, Sequence[str]]) -> pa.Array:
    """A column as the schema wants it; label codes become dictionaries of the names they stand for."""
    if name not in table.column_names:
        return pa.nulls(table.num_rows, wanted)
    array = table[name].combine_chunks()
    if not pa.types.is_list(wanted) or not pa.types.is_struct(wanted.value_type):
        return array.cast(wanted)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), wanted)
    items = pc.list_flatten(array) if pa.types.is_list(array.type) or pa.types.is_large_list(array.type) else array
    if not len(items) and items is not array:
        items = pa.nulls(0, wanted.value_type)
    if not pa.types.is_struct(items.type):
        raise pa.ArrowInvalid(f"{name} is no list of items")
    if extra := {f.name for f in items.type} - {f.name for f in wanted.value_type}:
        raise pa.ArrowInvalid(f"unknown fields in {name}: {', '.join(sorted(extra))}")
    have = {f.name for f in items.type}
    fields = [
        _named(field(items, f.name), f.type, names.get(f.name)) if f.name in have else pa.nulls(len(items), f.type)
        for f in wanted.value_type
    ]
    struct = pa.StructArray.from_arrays(fields, names=[f.name for f in wanted.value_type])
    there = valid(array)
    lengths = np.where(there, ints(pc.list_value_length(array), 0), 0)
    offsets = np.append(0, np.cumsum(lengths)).astype(np.int32)
    return pa.ListArray.from_arrays(column(offsets), struct, mask=column(~there))


def _named(values: pa.Array, wanted: pa.DataType, names: Sequence[str] | None) -> pa.Array:
    if names is None or not pa.types.is_integer(values.type):
        return values.cast(wanted)
    codes = ints(values, -1)
    if len(codes) and not -1 <= codes.min() <= codes.max() < len(names):
        raise pa.ArrowInvalid("a label code is out of range")
    return pa.DictionaryArray.from_arrays(pc.cast(values, pa.int32()), strings(list(names)))


def column(values: NDArray[np.generic]) -> pa.Array:
    """A column of int32, int64 or bool (``pa.array`` would import pandas)."""
    if values.dtype == np.bool_:
        data = np.packbits(values.astype(np.uint8), bitorder="little").tobytes()
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(data)])
    kind = pa.int32() if values.dtype == np.int32 else pa.int64()
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values.tobytes())])


_REQUIRED = {
    "mentions": ("start", "end", "type"),
    "entities": ("mentions",),
    "relations": ("type", "head", "tail"),
    "stances": ("holder", "target", "polarity"),
}


def _checked(table: pa.Table) -> pa.Table:
    """The table, if all that a record must have is there."""
    if table["id"].null_count:
        raise pa.ArrowInvalid("a record has no id")
    for layer, names in _REQUIRED.items():
        items, _ = flat(table[layer])
        if items.null_count or any(field(items, name).null_count for name in names):
            raise pa.ArrowInvalid(f"an item of {layer} lacks one of {', '.join(names)}")
    evidence, _ = flat(field(flat(table["relations"])[0], "evidence"))
    ignore, _ = flat(table["ignore"])
    for pairs in (evidence, ignore):
        if pairs.null_count or (ints(pc.list_value_length(pairs)) != 2).any():
            raise pa.ArrowInvalid("a pair has not two members")
    return table


def field(items: pa.StructArray, name: str) -> pa.Array:
    """A column of the items of a layer."""
    return pc.struct_field(items, name)


def flat(column: pa.ChunkedArray | pa.Array) -> tuple[pa.Array, Ints]:
    """The items of a column of lists, and the row that each belongs to."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pc.list_flatten(array), ints(pc.list_parent_indices(array))


def ints(values: pa.Array, null: int = 0) -> Ints:
    """An integer column as int64, with a number for null."""
    if len(values) == 0:
        return np.zeros(0, dtype=np.int64)
    # straight from the buffer: Array.to_numpy and Python scalars would import pandas
    kind = np.dtype(str(values.type))
    data = np.frombuffer(values.buffers()[1], dtype=kind, count=len(values), offset=values.offset * kind.itemsize).astype(
        np.int64
    )
    if values.null_count:
        data[~valid(values)] = null
    return data


def strings(values: list[str]) -> pa.Array:
    """A column of strings (``pa.array`` would import pandas)."""
    parts = [v.encode("utf-8") for v in values]
    ends = np.cumsum([0, *map(len, parts)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(parts), pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(parts)))


def valid(column: pa.ChunkedArray | pa.Array) -> Bools:
    """Which rows of a column are not null."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return ints(pc.cast(pc.is_valid(array), pa.int8())).astype(bool)
