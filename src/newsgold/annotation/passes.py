"""The passes of annotators, read from files or values, each under the annotator's name.

An annotator is named by the annotations' ``by``; where there is none, by the
file's stem. One file may hold several annotators, and several files one
annotator's work on different documents. Where two files hold *other* work of
one name on the same document, they are two annotators, named by their files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from newsgold.corpus.codec import Record
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import LAYERS, Annotation, Article
from newsgold.corpus.store import ARTICLES, GOLD, read_articles
from newsgold.errors import DataError, FileFault, Finding, UsageError, finding, has_errors, quote
from newsgold.metrics.arrays import Bools
from newsgold.metrics.arrow import column, table_of, valid
from newsgold.metrics.batch import Batch, Source, examine, read


class Annotator(NamedTuple):
    """One annotator's passes over some documents."""

    name: str
    batch: Batch


@dataclass(frozen=True)
class Passes:
    """All annotators, the documents of any of them, and what was found on the way."""

    annotators: tuple[Annotator, ...]
    """In the order of their sources."""
    documents: tuple[str, ...]
    """Sorted."""
    articles: Mapping[str, Article]
    """Those that are at hand."""
    findings: tuple[Finding, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The annotators' names."""
        return tuple(a.name for a in self.annotators)

    @cached_property
    def attempted(self) -> dict[str, Bools]:
        """For each layer who attempted it in which document, shape (annotators, documents).

        A document that an annotator has no pass of, or whose layer is absent in it, is missing; an empty layer is not.
        """
        place = {name: i for i, name in enumerate(self.documents)}
        out = {layer: np.zeros((len(self.annotators), len(self.documents)), dtype=bool) for layer in LAYERS}
        for i, (_, batch) in enumerate(self.annotators):
            at = np.array([place[name] for name in batch.names], dtype=np.int64)
            for layer in LAYERS:
                out[layer][i, at] = valid(batch.table[layer])
        return {layer: out[layer] & out["mentions"] for layer in LAYERS}

    @cached_property
    def events(self) -> dict[str, str | None]:
        """The event of each document, of the first pass or article that names one."""
        out: dict[str, str | None] = dict.fromkeys(self.documents)
        for batch in (a.batch for a in self.annotators):
            for name, event in zip(batch.names, batch.table["event"].to_pylist(), strict=True):
                out[name] = out[name] or event
        return {name: event or (self.articles[name].event if name in self.articles else None) for name, event in out.items()}

    def values(self, document: str) -> dict[str, Annotation]:
        """What each annotator who has a pass of it says of a document."""
        rows = ((a, a.batch.places.get(document)) for a in self.annotators)
        return {a.name: a.batch.record(row).value for a, row in rows if row is not None}


def read_passes(
    sources: Sequence[Source] | Mapping[str, Source], labels: Labels, articles: Path | Mapping[str, Article] | None = None
) -> Passes:
    """Read passes and hold them against what scoring asks of annotations.

    Args:
        sources: JSONL, JSON or Parquet files, folders of JSONL as ``annotation pull`` and ``import`` write them, gold or
            corpus folders, or annotations; of a mapping the keys are the annotators' names.
        labels: The inventory.
        articles: Texts to hold spans against, by default those of a corpus folder among the sources.

    Raises:
        DataError: there are errors in the passes.
        UsageError: one source is given twice.
        FileFault: something cannot be read.
    """
    named = sources if isinstance(sources, Mapping) else {}
    given = sources.values() if isinstance(sources, Mapping) else sources
    if not named:
        _check_once([Path(s) for s in given if isinstance(s, (str, Path))])
    texts = _texts(given, articles)
    parts: list[_Part] = []
    faults: list[Finding] = []
    for number, source in enumerate(given, 1):
        for one in _files(source):
            batch = read(one, f"pass-{number}")
            faults += batch.findings
            stem, path = (Path(one).stem, str(one)) if isinstance(one, (str, Path)) else (f"pass-{number}", f"pass-{number}")
            if named:
                parts.append(_Part(list(named)[number - 1], stem, path, batch))
            else:
                parts += _by_name(batch, stem, path)
    annotators = _annotators(parts)
    for _, batch in annotators:
        faults += examine(batch, labels, texts or None).findings
    faults += _other_texts(annotators)
    if has_errors(faults):
        raise DataError("nothing was compared: the passes have errors", faults)
    documents = sorted({name for _, batch in annotators for name in batch.names})
    return Passes(tuple(annotators), tuple(documents), texts, tuple(faults))


def _check_once(paths: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for path in paths:
        if (full := path.absolute()) in seen:
            raise UsageError(f"{path} is given twice")
        seen.add(full)


def _texts(sources: Iterable[Source], articles: Path | Mapping[str, Article] | None) -> dict[str, Article]:
    if isinstance(articles, Mapping):
        return dict(articles)
    folders = [Path(s) for s in sources if isinstance(s, (str, Path)) and (Path(s) / ARTICLES).is_dir()]
    places = [articles] if articles is not None else folders
    return {r.value.id: r.value for place in places for r in read_articles(place).records}


def _files(source: Source) -> list[Source]:
    """The files of a folder of passes; anything else is read whole."""
    if not isinstance(source, (str, Path)) or not Path(source).is_dir():
        return [source]
    path = Path(source)
    files = sorted(path.glob("*.jsonl"))
    if not files or any((path / room).is_dir() for room in (GOLD, ARTICLES)):
        return [path]
    return list(files)


class _Part(NamedTuple):
    """What one file holds of one annotator."""

    name: str
    stem: str
    path: str
    batch: Batch


def _by_name(batch: Batch, stem: str, path: str) -> list[_Part]:
    names = [by or stem for by in batch.table["by"].to_pylist()]
    rows: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        rows[name].append(row)
    return [_Part(name, stem, path, batch.take(np.array(own, dtype=np.int64))) for name, own in rows.items()]


def _annotators(parts: Sequence[_Part]) -> list[Annotator]:
    """One annotator a name, unless two files hold work of that name on the same document."""
    by_name: dict[str, list[_Part]] = defaultdict(list)
    for part in parts:
        by_name[part.name].append(part)
    out: dict[str, Batch] = {}
    for name, own in by_name.items():
        documents = [d for part in own for d in set(part.batch.names)]
        if len(set(documents)) == len(documents):
            out[_free(name, out)] = own[0].batch if len(own) == 1 else _joined([part.batch for part in own])
            continue
        stems = [part.stem for part in own]
        alone = [stems.count(part.stem) == 1 and sum(p.path == part.path for p in parts) == 1 for part in own]
        for part, plain in zip(own, alone, strict=True):
            out[_free(part.stem if plain else f"{name} ({part.path})", out)] = part.batch
    return [Annotator(name, batch) for name, batch in out.items()]


def _free(name: str, taken: Mapping[str, object]) -> str:
    """The name, or the name with a number where it is taken."""
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} {number}", number + 1
    return free


def _joined(batches: Sequence[Batch]) -> Batch:
    """Several batches as one; each record keeps its own path."""
    begin = np.cumsum([0, *(b.table.num_rows for b in batches)])

    schemas = {b.table.schema for b in batches}
    if len(schemas) == 1:
        table = pa.concat_tables([b.table for b in batches]).combine_chunks()
    else:  # labels of Parquet are dictionaries
        table = table_of(b.record(row).value for b in batches for row in range(b.table.num_rows))
    lines = np.concatenate([b.lines for b in batches])

    def record(row: int) -> Record[Annotation]:
        which = int(np.searchsorted(begin, row, "right")) - 1
        return batches[which].record(row - int(begin[which]))

    return Batch(table, batches[0].path, lines, record)


def _other_texts(annotators: Sequence[Annotator]) -> Iterator[Finding]:
    """A finding for each pass that records another text than an earlier pass on the document."""
    seen: dict[str, tuple[str, str]] = {}
    for name, batch in annotators:
        for row, (doc, digest) in enumerate(zip(batch.names, batch.table["text_sha256"].to_pylist(), strict=True)):
            if digest is None:
                continue
            first, other = seen.setdefault(doc, (name, digest))
            if digest != other:
                record = batch.record(row)
                wanted = f"{quote(other)}, as {quote(first)} has it"
                yield finding(
                    "TEXT_HASH", record.path, line=record.line, doc=doc, pointer="/text_sha256", got=quote(digest), wanted=wanted
                )


def on_shared(a: Annotator, b: Annotator, names: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """The tables of two annotators on documents that both have; a layer that one of them left out is absent in both."""
    tables = []
    for _, batch in (a, b):
        rows = np.array([batch.places[name] for name in names], dtype=np.int64)
        tables.append(batch.take(rows).table)
    there = {layer: [valid(table[layer]) for table in tables] for layer in LAYERS}
    both = {layer: x & y & there["mentions"][0] & there["mentions"][1] for layer, (x, y) in there.items()}
    for layer, kept in both.items():
        for i, have in enumerate(there[layer]):
            if not np.array_equal(have, kept):
                tables[i] = _blanked(tables[i], layer, kept)
    return tables[0], tables[1]


def _blanked(table: pa.Table, layer: str, kept: Bools) -> pa.Table:
    """The table with a layer absent in some rows."""
    import pyarrow.compute as pc

    array = table[layer].combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        raise FileFault("a layer is too large to compare at once; compare fewer documents")
    place = table.schema.get_field_index(layer)
    return table.set_column(place, table.schema.field(layer), pc.if_else(column(kept), array, pa.nulls(len(array), array.type)))
