"""Annotations as Arrow tables: the one gate to the columnar road.

Whatever the source, JSONL or values, it becomes a table of
:data:`SCHEMA`. Decoding JSONL here is Arrow's own, as strict as the codec's in
what it accepts; what it refuses, the codec explains.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsgold.corpus.codec import encode
from newsgold.corpus.model import Annotation
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
    return read_jsonl(b"\n".join(lines)) if lines else SCHEMA.empty_table()


def read_jsonl(raw: bytes) -> pa.Table:
    """A table of a JSONL text, decoded in one go.

    Raises :class:`pyarrow.ArrowInvalid` where a record is not of the schema; the strict decoder of
    :mod:`newsgold.corpus.codec` says what is wrong with it.
    """
    import pyarrow.json as paj

    longest = max(map(len, raw.split(b"\n")), default=0)
    table = paj.read_json(
        pa.BufferReader(raw),
        read_options=paj.ReadOptions(block_size=max(4 << 20, longest + 1), use_threads=False),
        parse_options=paj.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="error"),
    )
    return _checked(table.select(SCHEMA.names).combine_chunks())


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
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
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
