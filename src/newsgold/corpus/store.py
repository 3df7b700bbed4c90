"""Where documents live: in folders (a whole corpus, or its gold alone), in JSONL or in Parquet.

    corpus/articles/<id>.txt + <id>.toml     articles, text and metadata
    corpus/gold/<id>.json                    gold annotation, one file a document
    anything.jsonl                           articles or annotations, one a line
    data/documents/*.parquet                 the release: both in one row

Every reader gives what it could read and a finding for each fault.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import tomli_w

from newsgold.corpus.codec import (
    Decoded,
    Record,
    T,
    check_room,
    decode_file,
    decode_jsonl,
    decode_text,
    encode_gold,
    json_schema,
    read_bytes,
    read_part,
    strict_json,
    write_atomic,
)
from newsgold.corpus.model import DOCUMENT_ID, Annotation, Article
from newsgold.corpus.shapes import shape_faults
from newsgold.corpus.toml import decode_toml
from newsgold.errors import DataError, FileFault, Finding, finding, quote

ARTICLES = "articles"
GOLD = "gold"
RAW = "raw"
KB = "kb.jsonl"


_STEP = 256


def is_corpus(path: Path) -> bool:
    """Whether a folder is a corpus folder, whole or not: it has a room of one, a version or an inventory.

    Raises :class:`FileFault` where a file stands in the place of a room.
    """
    if not path.is_dir():
        return False
    rooms = [path / name for name in (ARTICLES, GOLD, RAW) if os.path.lexists(path / name)]
    for room in rooms:
        check_room(room)
    if rooms or (path / "VERSION").is_file():
        return True
    # an inventory may also lie beside gold files, and an article may be called "labels"
    return (path / "labels.toml").is_file() and not (path / "labels.txt").is_file() and not any(path.glob("*.json"))


def read_articles(path: Path) -> Decoded[Article]:
    """The articles at a path: a corpus folder, an articles folder, JSONL or Parquet."""
    if path.is_dir():
        folder = path / ARTICLES if is_corpus(path) else path
        names = _stems(folder, ".toml", ".txt")
        if not names:
            raise FileFault(f"no articles in {path}: expected {ARTICLES}/<id>.toml and <id>.txt")
        return _merge(_read_article(folder, name, suffixes) for name, suffixes in names.items())
    if path.suffix == ".parquet":
        return _read_parquet(path, Article)
    return decode_jsonl(read_bytes(path), Article, str(path))


def read_annotations(path: Path) -> Decoded[Annotation]:
    """The annotations at a path: a corpus folder, a gold folder, a JSON or JSONL file, or Parquet.

    From a corpus folder they come with split, event and ignore filled in from the articles.
    """
    if path.is_dir():
        whole = is_corpus(path)
        folder = path / GOLD if whole else path
        names = _stems(folder, ".json")
        if not names:
            raise FileFault(f"no annotations in {path}: expected {GOLD}/<id>.json or <id>.json")
        decoded = _merge(_read_gold(folder, name) for name in names)
        if not whole:
            return decoded
        articles = {r.value.id: r.value for r in read_articles(path).records}
        return Decoded([r._replace(value=fill(r.value, articles.get(r.value.id))) for r in decoded.records], decoded.findings)
    if path.suffix == ".parquet":
        return _read_parquet(path, Annotation)
    raw = read_bytes(path)
    return decode_file(raw, Annotation, str(path)) if path.suffix == ".json" else decode_jsonl(raw, Annotation, str(path))


class Pair(NamedTuple):
    """What a corpus folder has of one document."""

    name: str
    """The name of its files, which its id must be."""
    article: Decoded[Article] | None
    """``None`` where there is no file of it."""
    gold: Decoded[Annotation] | None


def read_corpus(corpus: Path, progress: Callable[[int, int], None] | None = None) -> Iterator[Pair]:
    """The documents of a corpus folder one by one, sorted by id; gold as its file has it.

    ``progress`` is told now and then how many are read, and how many there are.
    Raises :class:`FileFault` if there are none.
    """
    articles, golds = corpus / ARTICLES, corpus / GOLD
    texts, annotated = _stems(articles, ".toml", ".txt"), _stems(golds, ".json")
    if not texts and not annotated:
        raise FileFault(f"no articles in {corpus}: expected {ARTICLES}/<id>.toml and <id>.txt")
    names = sorted({*texts, *annotated})
    for number, name in enumerate(names):
        if progress is not None and number % _STEP == 0:
            progress(number, len(names))
        article = _read_article(articles, name, texts[name]) if name in texts else None
        yield Pair(name, article, _read_gold(golds, name) if name in annotated else None)


def _stems(folder: Path, *suffixes: str) -> dict[str, tuple[str, ...]]:
    """The names, sorted, of a folder's files that end so, with the endings that each has."""
    try:
        found = os.listdir(folder)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FileFault(f"cannot read the folder {folder}: {error.strerror or error}") from error
    # a name that is all ending has none
    by_suffix = {suffix: {name[: -len(suffix)] for name in found if name.endswith(suffix)} - {""} for suffix in suffixes}
    every = sorted(set().union(*by_suffix.values()))
    if len(suffixes) == 1:
        return dict.fromkeys(every, suffixes)
    return {name: tuple(suffix for suffix, names in by_suffix.items() if name in names) for name in every}


def fill(annotation: Annotation, article: Article | None) -> Annotation:
    """The annotation with split, event and ignore taken from its article, so that it scores alone."""
    if article is None:
        return annotation
    return msgspec.structs.replace(annotation, split=article.split, event=article.event, ignore=article.ignore)


def write_article(article: Article, folder: Path) -> list[Path]:
    """Write an article's text and metadata under ``folder``/articles; the paths that changed."""
    if not DOCUMENT_ID.fullmatch(article.id):
        raise FileFault(f"no path is built from the id {quote(article.id)}")
    base = folder / ARTICLES / article.id
    pairs = (
        (base.with_name(f"{article.id}.txt"), article.text.encode("utf-8")),
        (base.with_name(f"{article.id}.toml"), _toml(article)),
    )
    return [path for path, data in pairs if write_atomic(path, data)]


def write_gold(annotation: Annotation, folder: Path) -> bool:
    """Write a gold file under ``folder``/gold; split, event and ignore live in the article and are left out."""
    if not DOCUMENT_ID.fullmatch(annotation.id):
        raise FileFault(f"no path is built from the id {quote(annotation.id)}")
    bare = msgspec.structs.replace(annotation, split=None, event=None, ignore=())
    return write_atomic(folder / GOLD / f"{annotation.id}.json", encode_gold(bare))


def _toml(article: Article) -> bytes:
    table: dict[str, Any] = msgspec.to_builtins(article)
    del table["text"]
    if not table.get("source"):
        table.pop("source", None)
    return tomli_w.dumps(table).encode("utf-8")


def _merge(parts: Iterable[Decoded[T]]) -> Decoded[T]:
    records: list[Record[T]] = []
    found: list[Finding] = []
    for part in parts:
        records += part.records
        found += part.findings
    return Decoded(records, found)


def _read_article(folder: Path, name: str, suffixes: Sequence[str]) -> Decoded[Article]:
    base = os.path.join(folder, name)
    where = f"{base}.toml"
    if ".toml" not in suffixes:
        return Decoded([], [finding("FILE_MISSING", where, doc=name, got=f"{name}.txt alone")])
    raw, text_raw = read_part(where), read_part(f"{base}.txt")
    text = text_raw if isinstance(text_raw, Finding) else decode_text(text_raw, f"{base}.txt")
    table = raw if isinstance(raw, Finding) else decode_toml(raw, where)
    if isinstance(text, Finding) or isinstance(table, Finding) or isinstance(raw, Finding):
        return Decoded([], [fault._replace(doc=name) for fault in (text, table) if isinstance(fault, Finding)])
    if "text" in table:
        record = Record(Article(id=name, text=text), where, 1, raw, toml=True)
        line, got, wanted = record.line_of("/text"), "a text", f"{name}.txt to hold it"
        return Decoded([], [finding("BAD_SHAPE", where, line=line, doc=name, pointer="/text", got=got, wanted=wanted)])
    try:
        article = msgspec.convert({**table, "text": text}, Article)
    except msgspec.ValidationError as error:
        table["text"] = text
        line_of = Record(Article(id=name, text=text), where, 1, raw, toml=True).line_of
        faults = shape_faults(table, _article_schema(), path=where, line_of=line_of, otherwise=str(error))
        return Decoded([], [fault._replace(doc=fault.doc or name) for fault in faults])
    record = Record(article, where, 1, raw, toml=True)
    found = []
    if article.id != name:
        line, got, wanted = record.line_of("/id"), quote(article.id), quote(name)
        found.append(finding("FILE_NAME", where, line=line, doc=article.id, pointer="/id", got=got, wanted=wanted))
    return Decoded([record], found)


@cache
def _article_schema() -> dict[str, Any]:
    return json_schema(Article)


def _read_gold(folder: Path, name: str) -> Decoded[Annotation]:
    where = os.path.join(folder, f"{name}.json")
    raw = read_part(where)
    if isinstance(raw, Finding):
        return Decoded([], [raw._replace(doc=name)])
    decoded = decode_file(raw, Annotation, where)
    found = list(decoded.findings)
    for record in decoded.records:
        own = record.value.id
        if own != name:
            line, got, wanted = record.line_of("/id"), quote(own), quote(name)
            found.append(finding("FILE_NAME", where, line=line, doc=own, pointer="/id", got=got, wanted=wanted))
    return Decoded(decoded.records, found)


def _read_parquet(path: Path, kind: type[T]) -> Decoded[T]:
    """The articles or the annotations of a release's ``documents`` file; line numbers count its rows."""
    from newsgold.corpus.release import read_documents

    rows = read_documents(path, kind)
    return Decoded([Record(value, str(path), number) for number, value in enumerate(rows, 1)], [])


VERSION_NUMBER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)


def corpus_version(*places: Path) -> str | None:
    """The version that the first of the folders to have a VERSION gives; raises :class:`FileFault` where it is none."""
    for path in (place / "VERSION" for place in places if place.is_dir()):
        if path.exists():
            version = read_bytes(path).decode("utf-8", "replace").strip()
            if not VERSION_NUMBER.fullmatch(version):
                raise FileFault(f"{path} holds {quote(version)}; a version is three numbers, such as 1.2.0")
            return version
    return None


def find_kb(*places: Path) -> frozenset[str] | None:
    """The knowledge base of the corpus folder that one of the places is, or lies in; ``None`` where there is none."""
    for place in places:
        for folder in (place, *place.absolute().parents[:3]):
            if (folder / KB).is_file():
                return read_kb(folder)
    return None


def read_kb(corpus: Path) -> frozenset[str]:
    """The ids of the corpus's knowledge base, empty where it has none; raises :class:`DataError` with its faults."""
    path = corpus / KB
    if not path.is_file():
        return frozenset()
    ids: set[str] = set()
    found: list[Finding] = []
    for number, line in enumerate(read_bytes(path).split(b"\n"), 1):
        if line.strip():
            value, faults = strict_json(line, str(path), number)
            name = value.get("id") if isinstance(value, dict) else None
            if not faults and not isinstance(name, str):
                faults = [finding("BAD_SHAPE", str(path), line=number, pointer="/id", got=quote(name), wanted="string")]
            elif name in ids:
                faults.append(finding("DUPLICATE_ID", str(path), line=number, pointer="/id", got=quote(name)))
            found += faults
            ids.add(str(name))
    if found:
        raise DataError(f"the knowledge base {path} cannot be used", found)
    return frozenset(ids)
