"""A proven release as ``datasets`` and as Polars: rows from memory, never from a cache.

Features and label names come from the Parquet files themselves, which the
card was held against; a cache cannot serve other rows than those proven, for none is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from newsgold.corpus.verify import Release
from newsgold.errors import UsageError, quote

Shards = Mapping[str, Sequence[bytes]]


def shards_of(release: Release, config: str) -> Shards:
    """The Parquet files of a config, by split; raises :class:`UsageError` where the release has no such config."""
    shards = release.shards(config)
    if not shards:
        raise UsageError(f"no config {quote(config)}: the release has {', '.join(release.configs)}")
    return shards


def to_datasets(shards: Shards, *, config: str, version: str, digest: str) -> Any:
    """A ``datasets.DatasetDict`` over tables in memory, a split a dataset.

    The fingerprints are made from the digest: the cache of a ``map`` or ``filter`` is found again for equal data only.
    """
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = {}
    for split, parts in shards.items():
        table = pa.concat_tables([pq.read_table(pa.BufferReader(part)) for part in parts])
        features = datasets.Features.from_arrow_schema(table.schema)
        info = datasets.DatasetInfo(features=features, version=version, description=f"sha256:{digest}", config_name=config)
        mark = hashlib.sha256(f"{digest} {config} {split}".encode()).hexdigest()[:16]
        out[split] = datasets.Dataset(
            datasets.table.InMemoryTable(table), info=info, split=datasets.NamedSplit(split), fingerprint=mark
        )
    return datasets.DatasetDict(out)


def to_polars(shards: Shards) -> Any:
    """A lazy ``polars.LazyFrame`` of all splits, with a column ``split``; labels are enumerations with their names."""
    try:
        import polars as pl
    except ImportError as error:
        raise UsageError('to_polars needs Polars: pip install "newsgold[polars]"') from error
    import pyarrow as pa
    import pyarrow.parquet as pq

    frames = []
    for split, parts in shards.items():
        metadata = pq.read_metadata(pa.BufferReader(parts[0])).metadata
        columns = json.loads(metadata[b"huggingface"])["info"]["features"]
        frame = pl.scan_parquet([*parts])
        named = [made.alias(name) for name, kind in columns.items() if (made := _named(pl, pl.col(name), kind)) is not None]
        frames.append(frame.with_columns(*named, split=pl.lit(split)))
    return pl.concat(frames)


def _named(pl: Any, column: Any, kind: Any) -> Any:
    """The column with names for the codes of labels, or ``None`` if it holds no label."""
    of = kind.get("_type")
    if of == "ClassLabel":
        # a cast from code to name differs between Polars 1 and 2
        names = kind["names"]
        return column.replace_strict([*range(len(names)), None], [*names, None], return_dtype=pl.Enum(names))
    if of in ("List", "LargeList", "Sequence"):
        inner = _named(pl, pl.element(), kind["feature"])
        return None if inner is None else column.list.eval(inner)
    if isinstance(of, str):
        return None
    fields = {name: _named(pl, column.struct.field(name), inner) for name, inner in kind.items()}
    made = [field.alias(name) for name, field in fields.items() if field is not None]
    return column.struct.with_fields(*made) if made else None
