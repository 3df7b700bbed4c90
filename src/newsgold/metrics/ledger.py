"""The ledger: what every document adds to every score, in one Parquet file.

A row is one document, key and group with its four counts; rows of zeros are
left out, and one row a document with neither key nor group names the document
and its event. The file's metadata holds the signature and, for each key, its
groups and how its score is read off the counts. Scores, slices, intervals and
tests are sums over it, with nothing matched anew. Ledgers of shards that were
scored apart add up to the ledger of the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from newsgold.corpus.codec import read_bytes, write_atomic
from newsgold.errors import FileFault, UsageError, quote
from newsgold.metrics.arrays import Floats, Ints
from newsgold.metrics.arrow import ints, strings
from newsgold.metrics.counts import Counts
from newsgold.metrics.resampling import Clusters, clusters
from newsgold.metrics.suite import Kind, Measured
from newsgold.metrics.uncertainty import all_groups, with_groups

VERSION = 1
ONLY_GROUP = "all"
"""What the rows of a metric without groups have for a group."""

_ABOUT = b"newsgold.ledger"
_NAME = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema([*((name, _NAME) for name in ("doc", "event", "key", "group")), *((n, pa.float64()) for n in Counts._fields)])

_COUNTED = ("docs", "findings", "set-aside")
_DIGEST = "digest"
"""The parts of a signature that differ between shards of one scoring: numbers that add up, and what the data are."""
_WHOLE_EVENTS = "coref_cross."
"""Keys that count over all documents of an event at once."""


class Ledger(NamedTuple):
    """The counts of every document, with what is needed to make scores of them."""

    signature: str
    documents: tuple[str, ...]
    """In the order of the rows of all counts."""
    events: tuple[str | None, ...]
    """The event of each document."""
    measured: Mapping[str, Measured]

    def clusters(self) -> Clusters:
        """The documents as they are resampled."""
        return clusters(self.documents, dict(zip(self.documents, self.events, strict=True)))


class _Key(msgspec.Struct, frozen=True):
    groups: tuple[str, ...]
    kind: Kind
    average: str


class _About(msgspec.Struct, frozen=True):
    version: int
    signature: str
    keys: dict[str, _Key]


# ------------------------------------------------------------------ writing


def write_ledger(ledger: Ledger, path: Path) -> bool:
    """Write a ledger as Parquet, in one step; equal ledgers are equal bytes. True if the file changed."""
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(_table(ledger), sink, compression="zstd")
    return write_atomic(path, sink.getvalue().to_pybytes())


def _table(ledger: Ledger) -> pa.Table:
    every, none = np.arange(len(ledger.documents)), np.full(len(ledger.documents), -1)
    doc: list[Ints] = [every]
    key: list[Ints] = [none]
    group: list[Ints] = [none]
    counts: list[Floats] = [np.zeros((len(every), 4))]
    names = sorted({name for m in ledger.measured.values() for name in _groups(m.groups)})
    for number, m in enumerate(ledger.measured.values()):
        values = np.stack(m.counts, axis=2)
        rows, columns = np.nonzero(values.any(axis=2))
        doc.append(rows)
        key.append(np.full(len(rows), number))
        group.append(np.array([names.index(name) for name in _groups(m.groups)], dtype=np.int64)[columns])
        counts.append(values[rows, columns])
    events = {e: i for i, e in enumerate(sorted({e for e in ledger.events if e}))}
    event = np.array([events[e] if e else -1 for e in ledger.events], dtype=np.int64)
    rows = np.concatenate(doc)
    coded = (
        _coded(rows, ledger.documents),
        _coded(event[rows], tuple(events)),
        _coded(np.concatenate(key), tuple(ledger.measured)),
        _coded(np.concatenate(group), names),
    )
    about = _About(VERSION, ledger.signature, {k: _Key(m.groups, m.kind, m.average) for k, m in ledger.measured.items()})
    metadata = {_ABOUT: msgspec.json.encode(about)}
    return pa.table([*coded, *map(_floats, np.concatenate(counts).T)], SCHEMA.with_metadata(metadata))


def _groups(names: tuple[str, ...]) -> tuple[str, ...]:
    return names or (ONLY_GROUP,)


def _coded(number: Ints, names: Sequence[str]) -> pa.Array:
    """A dictionary column; negative numbers are null. Straight from the buffers, as ``pa.array`` would import pandas."""
    present = pa.py_buffer(np.packbits(number >= 0, bitorder="little").tobytes())
    codes = pa.Array.from_buffers(
        pa.int32(), len(number), [present, pa.py_buffer(np.maximum(number, 0).astype(np.int32).tobytes())]
    )
    return pa.DictionaryArray.from_arrays(codes, strings(list(names)))


def _floats(values: Floats) -> pa.Array:
    return pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(values.tobytes())])


# ------------------------------------------------------------------ reading


def read_ledger(path: Path) -> Ledger:
    """Read a ledger; raises :class:`FileFault` where the file is none."""
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(read_bytes(path)))
    except pa.ArrowException as error:
        raise FileFault(f"{path} is no Parquet file: {quote(str(error))}") from error
    about = _about(table, path)
    doc, event, key, group = (_decoded(table[name]) for name in SCHEMA.names[:4])
    head = key.number < 0
    place = np.full(len(doc.names), -1)
    place[doc.number[head]] = np.arange(head.sum())
    documents = tuple(doc.names[i] for i in doc.number[head])
    events = tuple(event.names[i] if i >= 0 else None for i in event.number[head])
    values = np.stack([_values(table[name]) for name in SCHEMA.names[4:]], axis=1)
    measured = {}
    for name, row in about.keys.items():
        mine = np.flatnonzero(key.number == (key.names.index(name) if name in key.names else -2))
        column = group.renumbered(_groups(row.groups))[mine]
        rows = place[doc.number[mine]]
        shape = (len(documents), len(_groups(row.groups)), 4)
        counts = _filled(shape, rows, column, values[mine], f"{path}, key {quote(name)}")
        measured[name] = Measured(Counts(*np.moveaxis(counts, 2, 0)), row.groups, row.kind, row.average)
    return Ledger(about.signature, documents, events, measured)


def _about(table: pa.Table, path: Path) -> _About:
    raw = (table.schema.metadata or {}).get(_ABOUT)
    if raw is None or not table.schema.equals(SCHEMA):
        raise FileFault(f"{path} is no ledger: write one with newsgold benchmark score --ledger")
    try:
        about = msgspec.json.decode(raw, type=_About)
    except msgspec.DecodeError as error:
        raise FileFault(f"{path} is no ledger that can be read: {quote(str(error))}") from error
    if about.version != VERSION:
        raise FileFault(f"{path} is a ledger of version {about.version}, and version {VERSION} is wanted: score anew")
    return about


class _Column(NamedTuple):
    """A column of names: for each row the number of its name, -1 for null."""

    number: Ints
    names: list[str]

    def renumbered(self, wanted: Sequence[str]) -> Ints:
        """For each row its name's place among these, -1 where it is not."""
        place = {name: i for i, name in enumerate(wanted)}
        table = np.array([place.get(name, -1) for name in self.names] + [-1], dtype=np.int64)
        return table[self.number]


def _decoded(column: pa.ChunkedArray) -> _Column:
    array = pa.concat_arrays(column.unify_dictionaries().chunks) if column.num_chunks else pa.array([], _NAME)
    return _Column(ints(array.indices, null=-1), array.dictionary.to_pylist())


def _values(column: pa.ChunkedArray) -> Floats:
    arrays = column.chunks
    out = [np.frombuffer(a.buffers()[1], dtype=np.float64, count=len(a), offset=a.offset * 8) for a in arrays if len(a)]
    return np.concatenate([*out, np.zeros(0)])


def _filled(shape: tuple[int, int, int], rows: Ints, columns: Ints, values: Floats, where: str) -> Floats:
    flat = rows * shape[1] + columns
    if (rows < 0).any() or (columns < 0).any() or len(np.unique(flat)) < len(flat):
        raise FileFault(f"{where}: a row names a document or group that is not there, or is there twice; score anew")
    out = np.zeros(shape)
    out[rows, columns] = values
    return out


# ------------------------------------------------------------------ merging


def merge(ledgers: Sequence[Ledger]) -> Ledger:
    """The ledger of all documents of some: what scoring them together would have given.

    Raises:
        UsageError: they are not shards of one scoring: other versions, labels or options, other keys, a document in two of
            them, or an event in two where a key counts over whole events.
    """
    if not ledgers:
        raise UsageError("there are no ledgers to merge")
    _check_alike(ledgers)
    _check_apart(ledgers)
    documents = [d for ledger in ledgers for d in ledger.documents]
    events = [e for ledger in ledgers for e in ledger.events]
    order = np.array(sorted(range(len(documents)), key=documents.__getitem__), dtype=np.int64)
    measured = {}
    for key in ledgers[0].measured:
        shards = [ledger.measured[key] for ledger in ledgers]
        shards = [with_groups(m, all_groups(shards)) for m in shards]
        parts = zip(*(m.counts for m in shards), strict=True)
        measured[key] = shards[0]._replace(counts=Counts(*(np.concatenate(part)[order] for part in parts)))
    signature = _merged([ledger.signature for ledger in ledgers])
    return Ledger(signature, tuple(documents[i] for i in order), tuple(events[i] for i in order), measured)


def _check_alike(ledgers: Sequence[Ledger]) -> None:
    first = ledgers[0]
    for other in ledgers[1:]:
        a, b = _base(first.signature), _base(other.signature)
        if a != b:
            raise UsageError(f"ledgers of different scorings do not merge: {quote(a, 200)} and {quote(b, 200)}")
        shapes = [{k: (bool(m.groups), m.kind, m.average) for k, m in side.measured.items()} for side in (first, other)]
        differ = sorted({*shapes[0], *shapes[1]} - {k for k in shapes[0] if shapes[0][k] == shapes[1].get(k)})
        if differ:
            raise UsageError(
                f"ledgers with different keys do not merge: {', '.join(map(quote, differ))}. A layer that one shard attempts"
                " and another does not would count otherwise in the whole; let every record hold the layer, if only as an"
                " empty list"
            )


def _check_apart(ledgers: Sequence[Ledger]) -> None:
    for name, count in Counter(d for ledger in ledgers for d in ledger.documents).items():
        if count > 1:
            raise UsageError(f"the document {quote(name)} is in {count} ledgers; each belongs in one")
    if any(key.startswith(_WHOLE_EVENTS) for key in ledgers[0].measured):
        for event, count in Counter(e for ledger in ledgers for e in {*ledger.events} - {None}).items():
            if count > 1:
                raise UsageError(
                    f"the event {quote(event)} is in {count} ledgers, and {_WHOLE_EVENTS}* counts over whole events;"
                    " cut shards between events"
                )


def _parts(signature: str) -> dict[str, str]:
    return dict(part.partition(":")[::2] for part in signature.split("|"))


def _base(signature: str) -> str:
    """The parts that shards of one scoring share."""
    return "|".join(f"{k}:{v}" for k, v in _parts(signature).items() if k not in (*_COUNTED, _DIGEST))


def _merged(signatures: Sequence[str]) -> str:
    """The signature of the whole: counts added up, and the digests of the shards joined."""
    parts = [_parts(s) for s in signatures]
    keys = list(dict.fromkeys(key for p in parts for key in p))
    out = {}
    for key in keys:
        values = [p[key] for p in parts if key in p]
        if key in _COUNTED:
            out[key] = str(sum(map(int, values)))
        elif key == _DIGEST:
            out[key] = "+".join(sorted(part for value in values for part in value.split("+")))
        else:
            out[key] = values[0]
    return "|".join(f"{k}:{v}" for k, v in out.items())
