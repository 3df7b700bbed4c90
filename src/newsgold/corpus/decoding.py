"""From the columns of a ``documents`` table back to articles and gold.

Columns are taken apart down to flat ones, for which pyarrow is fast, and put
together again as values. A column of another type than ours, a null where
there must be a value, and a code without a label raise :class:`TypeError` or
:class:`IndexError`: nothing is converted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from newsgold.corpus.model import LAYERS, Annotation, Article, Entity, Mention, Region, Relation, Source, Stance

Names = Mapping[str, Sequence[str]]


def decode(batch: pa.RecordBatch, names: Mapping[str, Names]) -> Iterator[tuple[Article, Annotation | None]]:
    """The documents of a batch; ``names`` are the labels that codes stand for, by layer and column."""
    column = {name: batch.column(name) for name in batch.schema.names}
    own = {f: _strings(column[f], required=f in ("id", "text", "language", "origin")) for f in _OWN}
    source = column["source"]
    sources = _structs(Source, {f: _strings(_field(source, f)) for f in Source.__struct_fields__})
    regions = _lists(column["regions"], _regions)
    ignore = _lists(column["ignore"], _pairs(_integers))
    annotated, by = _of(column["annotated"], pa.types.is_boolean, True), _strings(column["by"])
    layers = {
        layer: _lists(column[layer], lambda items, layer=layer: _ITEMS[layer](items, names.get(layer, {}))) for layer in LAYERS
    }
    for i in range(batch.num_rows):
        mine = {f: values[i] for f, values in own.items()}
        article = Article(**mine, source=sources[i], regions=regions[i] or ())
        gold = None
        if annotated[i]:
            given: dict[str, Any] = {f: mine[f] for f in ("id", "text_sha256", "split", "event")}
            given |= {layer: values[i] for layer, values in layers.items()}
            gold = Annotation(**given, by=by[i], ignore=ignore[i] or ())
        yield article, gold


_OWN = tuple(f for f in Article.__struct_fields__ if f not in ("source", "regions"))


def _regions(items: pa.Array) -> list[Region]:
    return _structs(Region, {**_span(items), "kind": _strings(_field(items, "kind"), required=True)})


def _mentions(items: pa.Array, names: Names) -> list[Mention]:
    fields = {f: _strings(_field(items, f)) for f in ("id", "text")}
    kinds = _labels(items, "kind", names, required=False)
    return _structs(Mention, {**fields, **_span(items), "type": _labels(items, "type", names), "kind": kinds})


def _entities(items: pa.Array, _names: Names) -> list[Entity]:
    fields = {f: _strings(_field(items, f)) for f in ("id", "link")}
    members = [row or () for row in _lists(_field(items, "mentions"), lambda flat: _strings(flat, required=True))]
    return _structs(Entity, {**fields, "mentions": members})


def _relations(items: pa.Array, names: Names) -> list[Relation]:
    fields = {f: _strings(_field(items, f), required=True) for f in ("head", "tail")}
    labels = {f: _labels(items, f, names) for f in ("type", "factuality")}
    return _structs(Relation, {**fields, **labels, "evidence": _lists(_field(items, "evidence"), _pairs(_strings))})


def _stances(items: pa.Array, names: Names) -> list[Stance]:
    fields = {f: _strings(_field(items, f), required=f != "id") for f in ("id", "holder", "target")}
    labels = {f: _labels(items, f, names) for f in ("polarity", "basis")}
    return _structs(Stance, {**fields, **_span(items, required=False), **labels})


_ITEMS: dict[str, Any] = {"mentions": _mentions, "entities": _entities, "relations": _relations, "stances": _stances}


# --------------------------------------------------------------------------- columns


def _of(array: pa.Array, kind: Any, required: bool) -> list[Any]:
    if not kind(array.type) and not pa.types.is_null(array.type):
        raise TypeError(f"a column of {array.type}")
    if required and array.null_count:
        raise TypeError("a null where there must be a value")
    values: list[Any] = array.to_pylist()
    return values


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _strings(array: pa.Array, *, required: bool = False) -> list[Any]:
    return _of(array, _is_text, required)


def _integers(array: pa.Array, *, required: bool = False) -> list[Any]:
    return _of(array.cast(pa.int32()) if pa.types.is_int64(array.type) else array, pa.types.is_int32, required)


def _span(items: pa.Array, *, required: bool = True) -> dict[str, list[Any]]:
    return {f: _integers(_field(items, f), required=required) for f in ("start", "end")}


def _labels(items: pa.Array, column: str, names: Names, *, required: bool = True) -> list[Any]:
    """A label column as names, whether it holds them or their codes."""
    array = _field(items, column)
    if not pa.types.is_integer(array.type):
        return _strings(array, required=required)
    codes = _of(array, pa.types.is_integer, required)
    known = names[column]
    if any(code is not None and code < 0 for code in codes):
        raise IndexError(f"{column} is negative")
    return [None if code is None else known[code] for code in codes]


def _field(struct: pa.Array, name: str) -> pa.Array:
    """A column of a struct, null where the struct is."""
    place = struct.type.get_field_index(name) if pa.types.is_struct(struct.type) else -1
    if place < 0:
        raise KeyError(name)
    return struct.flatten()[place]


def _lists(array: pa.Array, items: Any) -> list[tuple[Any, ...] | None]:
    """A column of lists as tuples, ``None`` where it is null; ``items`` makes the values of the flat column."""
    if pa.types.is_null(array.type):
        return [None] * len(array)
    if not pa.types.is_list(array.type) and not pa.types.is_large_list(array.type):
        raise TypeError(f"a column of {array.type}, not of lists")
    ends = array.offsets.to_pylist()
    first = ends[0] if ends else 0
    flat = items(array.values.slice(first, ends[-1] - first if ends else 0))
    there = array.is_valid().to_pylist()
    return [
        tuple(flat[start - first : end - first]) if valid else None
        for start, end, valid in zip(ends[:-1], ends[1:], there, strict=True)
    ]


def _pairs(values: Any) -> Any:
    """How to read a flat column of lists of two."""

    def read(array: pa.Array) -> list[tuple[Any, ...]]:
        rows = _lists(array, lambda flat: values(flat, required=True))
        if any(row is None or len(row) != 2 for row in rows):
            raise TypeError("a pair has not two members")
        return rows  # type: ignore[return-value]  # what the columns hold was checked above

    return read


def _structs(kind: Any, columns: Mapping[str, Iterable[Any]]) -> list[Any]:
    names = [*columns]
    return [kind(**dict(zip(names, values, strict=True))) for values in zip(*columns.values(), strict=True)]
