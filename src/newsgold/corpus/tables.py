"""Between documents and tables: the rows of each config of the release, as Parquet.

``documents`` holds an article and its gold in one row and loses nothing; the
flat configs are views of it, one row an item. Label columns are codes whose
names travel in the file's metadata, twice: under ``huggingface`` for Hugging
Face ``datasets`` and, in ``documents``, as the whole inventory under
``newsgold``.

Files are read with pyarrow alone; only :func:`features` needs ``datasets``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from newsgold.corpus.codec import T, canonical
from newsgold.corpus.decoding import decode
from newsgold.corpus.labels import Labels, default_labels, find_labels
from newsgold.corpus.model import LAYERS, Annotation, Article, Entity
from newsgold.corpus.validate import Document as Gold
from newsgold.errors import FileFault, quote

METADATA = b"newsgold"
"""The key of our own metadata in a file's schema: version and digest of the release, the inventory."""

ROW_GROUP = 1_000
"""Documents in a row group; of the flat views a row group holds the rows of as many documents."""

Names = dict[str, list[str]]
Source: TypeAlias = "Path | pa.NativeFile"

CLASSES = {
    "mentions": {"type": "types", "kind": "kinds"},
    "entities": {"type": "types"},
    "relations": {"type": "relations", "factuality": "factualities", "head_type": "types", "tail_type": "types"},
    "stances": {"polarity": "polarities", "basis": "bases"},
}
"""The label columns of each layer, nested or flat, and the section of the inventory that names their codes."""


CONFIGS = {
    "documents": "an article with its gold, nested",
    "mentions": "a mention",
    "entities": "an entity of a document",
    "relations": "a relation between two entities",
    "stances": "a holder's position on a target",
}
"""The configs of a release, and what a row of each is."""


class Document(NamedTuple):
    """An article and, where it is annotated, its gold."""

    article: Article
    gold: Annotation | None


class Shard(NamedTuple):
    """A Parquet file and the figures that ``datasets`` wants of it."""

    data: bytes
    num_bytes: int
    num_examples: int


# -------------------------------------------------------------------------- columns


def features(labels: Labels) -> dict[str, Any]:
    """The ``datasets.Features`` of every config, the first one the default."""
    from datasets import ClassLabel, Features, List, Value

    string, number = Value("string"), Value("int32")

    def one_of(section: str) -> Any:
        names = [*getattr(labels, section)]
        return ClassLabel(names=names) if names else string

    span = {"start": number, "end": number}
    mention = {"id": string, **span, "type": one_of("types"), "kind": one_of("kinds"), "text": string}
    entity = {"id": string, "mentions": List(string), "link": string}
    relation = {"type": one_of("relations"), "head": string, "tail": string, "factuality": one_of("factualities")}
    evidence = {"evidence": List(List(string))}
    judged = {"polarity": one_of("polarities"), "basis": one_of("bases")}
    document = {
        **dict.fromkeys(("id", "title", "text", "language", "origin", "split", "event", "outlet", "published"), string),
        "source": dict.fromkeys(("name", "url", "licence", "file", "sha256"), string),
        "regions": List({**span, "kind": string}),
        "text_sha256": string,
        "ignore": List(List(number)),
        "annotated": Value("bool"),
        "by": string,
        "mentions": List(mention),
        "entities": List(entity),
        "relations": List({**relation, **evidence}),
        "stances": List({"id": string, **span, "holder": string, "target": string, **judged}),
    }
    of = {"doc_id": string}
    named = {"head_name": string, "tail_name": string, "head_type": one_of("types"), "tail_type": one_of("types")}
    held = {"text": string, "holder": string, "holder_text": string, "target": string, "target_text": string}
    configs = {
        "documents": document,
        "mentions": {
            **of,
            "id": string,
            "entity_id": string,
            **span,
            **{c: mention[c] for c in ("type", "kind", "text")},
            "link": string,
        },
        "entities": {
            **of,
            "id": string,
            "type": one_of("types"),
            "link": string,
            "name": string,
            "mentions": List(string),
            "n": number,
        },
        "relations": {**of, **relation, **named, **evidence},
        "stances": {**of, "id": string, **span, **held, **judged},
    }
    return {config: Features(columns) for config, columns in configs.items()}


# ---------------------------------------------------------------------------- tables


def tables(documents: Sequence[Document], labels: Labels, schemas: Mapping[str, pa.Schema]) -> dict[str, pa.Table]:
    """The rows of every config that ``schemas`` has, column by column, in the order of the documents and of their items."""
    golds = [gold for _, gold in documents if gold is not None]
    build = {"documents": lambda: _documents(documents, labels, schemas["documents"])}
    lookups = [_look_up(gold, labels, article) for article, gold in documents if gold is not None]
    build |= {config: partial(view, golds, lookups) for config, view in _VIEWS.items()}
    out = {}
    for config, schema in schemas.items():
        columns = build[config]()
        arrays = [_array(columns[f.name], f.type, _codes(labels, config, f.name)) for f in schema]
        out[config] = pa.Table.from_arrays(arrays, schema=schema)
    return out


def _codes(labels: Labels, layer: str, column: str) -> dict[str, int]:
    """The codes of a label column; none where the column is no label, or the section is off and the column a string."""
    section = CLASSES.get(layer, {}).get(column)
    return {} if section is None else {name: i for i, name in enumerate(getattr(labels, section))}


def _array(values: Any, kind: pa.DataType, codes: Mapping[str, int]) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    return pa.array([None if v is None else codes[v] for v in values] if codes else values, type=kind)


def _documents(documents: Sequence[Document], labels: Labels, schema: pa.Schema) -> dict[str, Any]:
    articles = [article for article, _ in documents]
    golds = [gold for _, gold in documents]
    columns: dict[str, Any] = {name: [*map(attrgetter(name), articles)] for name in Article.__struct_fields__}
    columns |= {"annotated": [gold is not None for gold in golds], "by": [gold and gold.by for gold in golds]}
    columns["ignore"] = [article.ignore for article in articles]
    columns["source"] = _struct(columns["source"], schema.field("source").type)
    columns["regions"] = _lists(columns["regions"], schema.field("regions").type)
    for layer in LAYERS:
        items = [None if gold is None else getattr(gold, layer) for gold in golds]
        columns[layer] = _lists(items, schema.field(layer).type, labels, layer)
    return columns


def _lists(rows: Sequence[Sequence[Any] | None], kind: pa.DataType, labels: Labels | None = None, layer: str = "") -> pa.Array:
    """A column of lists of structs; a row that is ``None`` is null, which an empty one is not."""
    ends = [0, *accumulate(len(row or ()) for row in rows)]
    items = [item for row in rows for item in row or ()]
    given = {"kind": _kinds(items, labels)} if labels is not None and layer == "mentions" else {}
    struct = _struct(items, kind.value_type, given, labels, layer)
    mask = pa.array([row is None for row in rows], type=pa.bool_()) if rows else None
    return pa.ListArray.from_arrays(pa.array(ends, type=pa.int32()), struct, type=kind, mask=mask)


def _struct(
    items: Sequence[Any],
    kind: pa.StructType,
    given: Mapping[str, Any] = MappingProxyType({}),
    labels: Labels | None = None,
    layer: str = "",
) -> pa.Array:
    fields = [kind.field(i) for i in range(kind.num_fields)]
    arrays = [
        _array(
            given[f.name] if f.name in given else [*map(attrgetter(f.name), items)],
            f.type,
            {} if labels is None else _codes(labels, layer, f.name),
        )
        for f in fields
    ]
    return pa.StructArray.from_arrays(arrays, fields=fields)


def _kinds(mentions: Iterable[Any], labels: Labels) -> list[str]:
    default = {name: labels.kind(name) for name in labels.types}
    return [m.kind or default.get(m.type, "NAM") for m in mentions]


def _layer(golds: Sequence[Annotation], layer: str, *names: str) -> dict[str, Any]:
    """The items' own columns of a view, and the document of each."""
    rows = [getattr(gold, layer) or () for gold in golds]
    items = [item for row in rows for item in row]
    ids = [gold.id for gold, row in zip(golds, rows, strict=True) for _ in row]
    return {"doc_id": ids, **{name: [*map(attrgetter(name), items)] for name in names}}


class _Lookup(NamedTuple):
    """What several views ask of one document."""

    gold: Gold
    texts: list[str | None]
    """The surface of each mention."""
    names: list[str | None]
    """What to call each entity."""


def _look_up(annotation: Annotation, labels: Labels, article: Article) -> _Lookup:
    gold = Gold(annotation, labels, article, frozenset())
    texts = [_slice(gold, m.start, m.end) for m in gold.mentions]
    return _Lookup(gold, texts, [_name(gold, e) for e in gold.entities])


def _mentions(golds: Sequence[Annotation], lookups: Sequence[_Lookup]) -> dict[str, Any]:
    columns = _layer(golds, "mentions", "id", "start", "end", "type")
    entities: list[str | None] = []
    links: list[str | None] = []
    for gold, *_ in lookups:
        link = {e.id: e.link for e in gold.entities}
        mine = [gold.entity_of.get(m.id or "") for m in gold.mentions]
        entities += mine
        links += map(link.get, mine)
    kinds = _kinds((m for gold, *_ in lookups for m in gold.mentions), lookups[0].gold.labels) if lookups else []
    texts = [*chain.from_iterable(lookup.texts for lookup in lookups)]
    return columns | {"kind": kinds, "text": texts, "entity_id": entities, "link": links}


def _entities(golds: Sequence[Annotation], lookups: Sequence[_Lookup]) -> dict[str, Any]:
    return _layer(golds, "entities", "id", "link", "mentions") | {
        "type": [gold.entity_type.get(e.id or "") for gold, *_ in lookups for e in gold.entities],
        "name": [*chain.from_iterable(lookup.names for lookup in lookups)],
        "n": [len(e.mentions) for gold, *_ in lookups for e in gold.entities],
    }


def _relations(golds: Sequence[Annotation], lookups: Sequence[_Lookup]) -> dict[str, Any]:
    columns = _layer(golds, "relations", "type", "head", "tail", "factuality", "evidence")
    derived: dict[str, list[str | None]] = {name: [] for name in ("head_name", "head_type", "tail_name", "tail_type")}
    for gold, _, called in lookups:
        if gold.relations:
            names = dict(zip((e.id for e in gold.entities), called, strict=True))
            for side in ("head", "tail"):
                ends = [*map(attrgetter(side), gold.relations)]
                derived[f"{side}_name"] += map(names.get, ends)
                derived[f"{side}_type"] += map(gold.entity_type.get, ends)
    return columns | derived


def _stances(golds: Sequence[Annotation], lookups: Sequence[_Lookup]) -> dict[str, Any]:
    columns = _layer(golds, "stances", "id", "start", "end", "holder", "target", "polarity", "basis")
    derived: dict[str, list[str | None]] = {"text": [], "holder_text": [], "target_text": []}
    for gold, texts, _ in lookups:
        if gold.stances:
            surfaces = dict(zip((m.id for m in gold.mentions), texts, strict=True))
            for s in gold.stances:
                derived["text"].append(None if s.start is None or s.end is None else _slice(gold, s.start, s.end))
                derived["holder_text"].append(surfaces.get(s.holder, s.holder))
                derived["target_text"].append(surfaces.get(s.target))
    return columns | derived


def _name(gold: Gold, entity: Entity) -> str | None:
    """What to call an entity: its longest name of the entity's own type, else its longest name, else its first mention."""
    mentions = [gold.mention[m] for m in entity.mentions if m in gold.mention]
    if not mentions:
        return None
    if len(mentions) == 1:
        return _slice(gold, mentions[0].start, mentions[0].end)
    cluster = gold.labels.cluster_type({m.type for m in mentions})
    names = [m for m in mentions if gold.labels.kind(m.type, m.kind) == "NAM"]
    best = max(names, key=lambda m: (m.type == cluster, m.end - m.start)) if names else mentions[0]
    return _slice(gold, best.start, best.end)


def _slice(gold: Gold, start: int, end: int) -> str | None:
    """The surface; ``None`` in a release without the text."""
    return gold.article.text[start:end] if gold.article and gold.article.text else None


_VIEWS: dict[str, Callable[[Sequence[Annotation], Sequence[_Lookup]], dict[str, Any]]] = {
    "mentions": _mentions,
    "entities": _entities,
    "relations": _relations,
    "stances": _stances,
}


# -------------------------------------------------------------------------- Parquet


class ShardWriter:
    """Writes the rows of a config and split as Parquet, a row group a call: the same bytes whatever the machine or the hour."""

    def __init__(self, schema: pa.Schema, shard: int = 0) -> None:
        self.shard = shard
        """Which of the parts of its split it is."""
        self.sink = pa.BufferOutputStream()
        self.num_bytes = self.num_examples = 0
        self.writer = pq.ParquetWriter(
            self.sink,
            schema,
            version="2.6",
            compression="zstd",
            compression_level=3,
            write_page_index=True,
            use_content_defined_chunking=True,
        )

    def write(self, table: pa.Table) -> None:
        """One more row group."""
        if table.num_rows:
            self.num_bytes += table.nbytes
            self.num_examples += table.num_rows
            self.writer.write_table(table, row_group_size=table.num_rows)

    def close(self, about: Mapping[str, Any]) -> Shard:
        """The file, with what it says of itself: keys stay as they come, for an inventory's order is that of its codes."""
        own = json.dumps(about, ensure_ascii=False, separators=(",", ":"))
        self.writer.add_key_value_metadata({METADATA.decode(): own})
        self.writer.close()
        return Shard(self.sink.getvalue().to_pybytes(), self.num_bytes, self.num_examples)


def read_documents(path: Source, kind: type[T]) -> Iterator[T]:
    """The articles, or the gold of those that have it, from a ``documents`` file; raises :class:`FileFault`."""
    for article, gold in read_rows(path):
        if kind is Article:
            # which of the two it is the type variable cannot say
            yield article  # type: ignore[misc]  # the overload decides which of the two is read
        elif gold is not None:
            yield gold  # type: ignore[misc]  # the overload decides which of the two is read


def read_rows(path: Source, *, as_stored: bool = False) -> Iterator[Document]:
    """The documents of a ``documents`` file (its path, or its bytes opened by pyarrow), gold in canonical form.

    ``as_stored`` leaves gold as it stands, which takes half as long; a release of ours is canonical.
    Raises :class:`FileFault` where it is none.
    """
    file = _open(path)
    try:
        metadata = file.metadata.metadata or {}
        labels = _own_labels(metadata, path)
        names = _feature_names(metadata) if labels is None else _inventory_names(labels)
        labels = labels or (find_labels(None, path) if isinstance(path, Path) else default_labels())
        for batch in file.iter_batches(batch_size=ROW_GROUP):
            for article, gold in decode(batch, names):
                yield Document(article, gold if as_stored or gold is None else canonical(gold, labels))
    except (KeyError, IndexError, TypeError, ValueError, pa.ArrowException, OSError) as error:
        raise FileFault(f"{path} is no documents file of a release: {quote(f'{type(error).__name__}: {error}', 160)}") from error
    finally:
        file.close()


def label_names(metadata: Mapping[bytes, bytes]) -> dict[str, dict[str, list[str]]]:
    """For each layer the label columns and the names of their codes, from a Parquet file's metadata."""
    return _feature_names(metadata) if b"huggingface" in metadata else {}


def read_labels(path: Source) -> Labels | None:
    """The inventory that a ``documents`` file carries; ``None`` if it carries none."""
    with _open(path) as file:
        return _own_labels(file.metadata.metadata or {}, path)


def _open(path: Source) -> Any:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise FileFault(f"cannot read {path} as Parquet: {quote(str(error), 160)}") from error


def _own_labels(metadata: Mapping[bytes, bytes], path: Source) -> Labels | None:
    try:
        about = json.loads(metadata.get(METADATA, b"{}"))
        return msgspec.convert(about["labels"], Labels) if "labels" in about else None
    except (ValueError, TypeError) as error:
        raise FileFault(f"{path} carries a label inventory that cannot be read: {quote(str(error), 160)}") from error


def _inventory_names(labels: Labels) -> dict[str, Names]:
    return {layer: {c: [*getattr(labels, section)] for c, section in columns.items()} for layer, columns in CLASSES.items()}


def _feature_names(metadata: Mapping[bytes, bytes]) -> dict[str, Names]:
    """The names as ``datasets`` stores them: all that is left once it has written a release again, say filtered."""
    columns = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    out: dict[str, Names] = {}
    for layer in CLASSES:
        fields = columns.get(layer, {}).get("feature", {})
        out[layer] = {column: field["names"] for column, field in fields.items() if "names" in field}
    return out
