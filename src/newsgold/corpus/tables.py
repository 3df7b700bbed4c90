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
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from newsgold.corpus.codec import T, canonical
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import LAYERS, Annotation, Article, Entity
from newsgold.corpus.validate import Document as Gold
from newsgold.errors import FileFault, quote

METADATA = b"newsgold"
"""The key of our own metadata in a file's schema: version and digest of the release, the inventory."""

Row = dict[str, Any]
Names = dict[str, list[str]]

CLASSES = {
    "mentions": {"type": "types", "kind": "kinds"},
    "entities": {"type": "types"},
    "relations": {"type": "relations", "factuality": "factualities", "head_type": "types", "tail_type": "types"},
    "stances": {"polarity": "polarities", "basis": "bases"},
}
"""The label columns of each layer, nested or flat, and the section of the inventory that names their codes."""


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


# ----------------------------------------------------------------------------- rows


def rows(config: str, documents: Iterable[Document], labels: Labels) -> list[Row]:
    """The rows of a config, in the order of the documents and of their items."""
    codes = {
        section: {name: i for i, name in enumerate(getattr(labels, section))} for c in CLASSES.values() for section in c.values()
    }
    if config == "documents":
        return [_document(document, labels, codes) for document in documents]
    view = _VIEWS[config]
    golds = (Gold(gold, labels, article, frozenset()) for article, gold in documents if gold is not None)
    return [_coded({"doc_id": gold.annotation.id, **row}, config, codes) for gold in golds for row in view(gold)]


def _coded(row: Row, layer: str, codes: Mapping[str, Mapping[str, int]]) -> Row:
    for column, section in CLASSES[layer].items():
        if row.get(column) is not None and codes[section]:  # a section that is off has no codes, and the column is a string
            row[column] = codes[section][row[column]]
    return row


def _document(document: Document, labels: Labels, codes: Mapping[str, Mapping[str, int]]) -> Row:
    article, gold = document
    asdict = msgspec.structs.asdict
    row = asdict(article) | {
        "source": asdict(article.source),
        "regions": [asdict(region) for region in article.regions],
        "ignore": article.ignore,
        "annotated": gold is not None,
        "by": gold and gold.by,
    }
    for layer in LAYERS:
        items = None if gold is None else getattr(gold, layer)
        row[layer] = items and [asdict(item) for item in items]
        for item in row[layer] or ():
            if layer == "mentions":
                item["kind"] = labels.kind(item["type"], item["kind"])
            _coded(item, layer, codes)
    return row


def _mentions(gold: Gold) -> Iterator[Row]:
    links = {e.id: e.link for e in gold.entities}
    for m in gold.mentions:
        entity = gold.entity_of.get(m.id or "")
        kind = gold.labels.kind(m.type, m.kind)
        yield {
            **msgspec.structs.asdict(m),
            "kind": kind,
            "text": _slice(gold, m.start, m.end),
            "entity_id": entity,
            "link": links.get(entity),
        }


def _entities(gold: Gold) -> Iterator[Row]:
    for e in gold.entities:
        yield {
            **msgspec.structs.asdict(e),
            "type": gold.entity_type.get(e.id or ""),
            "name": _name(gold, e),
            "n": len(e.mentions),
        }


def _relations(gold: Gold) -> Iterator[Row]:
    names = {e.id: _name(gold, e) for e in gold.entities}
    for r in gold.relations:
        yield {
            **msgspec.structs.asdict(r),
            **{"head_name": names.get(r.head), "head_type": gold.entity_type.get(r.head)},
            **{"tail_name": names.get(r.tail), "tail_type": gold.entity_type.get(r.tail)},
        }


def _stances(gold: Gold) -> Iterator[Row]:
    surfaces: dict[str, str] = {name: _slice(gold, m.start, m.end) for name, m in gold.mention.items()}
    for s in gold.stances:
        text = None if s.start is None or s.end is None else _slice(gold, s.start, s.end)
        holder = surfaces.get(s.holder, s.holder)
        yield {**msgspec.structs.asdict(s), "text": text, "holder_text": holder, "target_text": surfaces.get(s.target)}


def _name(gold: Gold, entity: Entity) -> str | None:
    """What to call an entity: its longest name of the entity's own type, else its longest name, else its first mention."""
    mentions = [gold.mention[m] for m in entity.mentions if m in gold.mention]
    if not mentions:
        return None
    cluster = gold.labels.cluster_type({m.type for m in mentions})
    names = [m for m in mentions if gold.labels.kind(m.type, m.kind) == "NAM"]
    best = max(names, key=lambda m: (m.type == cluster, m.end - m.start)) if names else mentions[0]
    return _slice(gold, best.start, best.end)


def _slice(gold: Gold, start: int, end: int) -> str:
    return gold.article.text[start:end] if gold.article else ""


_VIEWS: dict[str, Callable[[Gold], Iterator[Row]]] = {
    "mentions": _mentions,
    "entities": _entities,
    "relations": _relations,
    "stances": _stances,
}


# -------------------------------------------------------------------------- Parquet


def to_parquet(table: Sequence[Row], columns: Any, about: Mapping[str, Any]) -> Shard:
    """A Parquet file: the same bytes for the same rows, columns and pyarrow, whatever the machine or the hour."""
    schema = columns.arrow_schema
    # keys stay as they come: the order of an inventory's labels is the order of their codes
    own = json.dumps(about, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    schema = schema.with_metadata({**schema.metadata, METADATA: own})
    values = pa.Table.from_pylist(table, schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(
        values,
        sink,
        version="2.6",
        compression="zstd",
        compression_level=3,
        row_group_size=1000,
        write_page_index=True,
        use_content_defined_chunking=True,
    )
    return Shard(sink.getvalue().to_pybytes(), values.nbytes, values.num_rows)


def read_documents(path: Path, kind: type[T]) -> Iterator[T]:
    """The articles, or the gold of those that have it, from a ``documents`` file; raises :class:`FileFault`."""
    file = _open(path)
    try:
        metadata = file.schema_arrow.metadata or {}
        labels = _own_labels(metadata, path)
        names = _feature_names(metadata) if labels is None else _inventory_names(labels)
        labels = labels or find_labels(None, path)
        for batch in file.iter_batches(batch_size=256):
            for row in batch.to_pylist():
                if kind is Article:
                    yield msgspec.convert({field: row[field] for field in Article.__struct_fields__}, kind)
                elif row["annotated"]:
                    # kind is Annotation here, which the type variable cannot say
                    yield canonical(_annotation(row, names), labels)  # type: ignore[misc]
    except (KeyError, IndexError, TypeError, msgspec.ValidationError, pa.ArrowException, OSError) as error:
        raise FileFault(f"{path} is no documents file of a release: {quote(f'{type(error).__name__}: {error}', 160)}") from error
    finally:
        file.close()


def label_names(metadata: Mapping[bytes, bytes]) -> dict[str, dict[str, list[str]]]:
    """For each layer the label columns and the names of their codes, from a Parquet file's metadata."""
    return _feature_names(metadata) if b"huggingface" in metadata else {}


def read_labels(path: Path) -> Labels | None:
    """The inventory that a ``documents`` file carries; ``None`` if it carries none."""
    with _open(path) as file:
        return _own_labels(file.schema_arrow.metadata or {}, path)


def _open(path: Path) -> Any:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise FileFault(f"cannot read {path} as Parquet: {quote(str(error), 160)}") from error


def _annotation(row: Row, names: Mapping[str, Names]) -> Annotation:
    for layer in LAYERS:
        for item in row[layer] or ():
            for column, known in names.get(layer, {}).items():
                if isinstance(code := item.get(column), int):
                    if code < 0:
                        raise IndexError(f"{column} is {code}")
                    item[column] = known[code]
    kept = ("id", "by", "text_sha256", "split", "event", "ignore", *LAYERS)
    return msgspec.convert({field: row[field] for field in kept}, Annotation)


def _own_labels(metadata: Mapping[bytes, bytes], path: Path) -> Labels | None:
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
