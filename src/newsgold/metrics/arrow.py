"""Annotations as Arrow tables: the one gate to the columnar road.

Whatever the source, JSONL, Parquet or values, it becomes a table of
:data:`SCHEMA`. Decoding JSONL here is Arrow's own, as strict as the codec's in
what it accepts; what it refuses, the codec explains.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsgold.corpus.codec import encode
from newsgold.corpus.model import Annotation
from newsgold.metrics.arrays import Ints

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


def read_parquet(path: Path) -> pa.Table:
    """A table of a Parquet file of predictions, or of a release's ``documents``."""
    from newsgold.corpus.release import annotation_table

    return _checked(annotation_table(path, SCHEMA).combine_chunks())


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
        if pairs.null_count or not pc.all(pc.equal(pc.list_value_length(pairs), 2), min_count=0).as_py():
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
    filled = values.fill_null(null) if values.null_count else values
    return np.asarray(filled.to_numpy(zero_copy_only=False)).astype(np.int64)
