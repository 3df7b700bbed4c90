"""Articles and annotations by document, read from JSONL when they are asked for.

Ten thousand articles with their pre-annotations are more than a command should
hold. A JSONL file is read once to prove it sound and to note where each record
stands; every other form is read whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from newsgold.corpus.codec import Decoded, decode_record
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.errors import MAX_FINDINGS_PER_FILE, DataError, FileFault, Finding, finding, has_errors

T = TypeVar("T", Annotation, Article)


class _Place(NamedTuple):
    line: int
    offset: int
    size: int


class ByDocument(Mapping[str, list[T]], Generic[T]):
    """The records of a JSONL file by document; the file must stay as it is."""

    def __init__(self, path: Path, kind: type[T], places: Mapping[str, list[_Place]]) -> None:
        self.path = path
        self.kind: type[T] = kind
        self.places = places

    def __getitem__(self, doc: str) -> list[T]:
        values: list[T] = []
        with self.path.open("rb") as file:
            for place in self.places[doc]:
                file.seek(place.offset)
                value = decode_record(file.read(place.size).removesuffix(b"\n"), self.kind, str(self.path), place.line)
                if isinstance(value, list) or value.id != doc:
                    raise FileFault(f"{self.path} was changed while it was read")
                values.append(value)
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


class Articles:
    """Articles in the order of their documents, as often as one likes."""

    def __init__(self, by_document: Mapping[str, list[Article]]) -> None:
        self.by_document = by_document
        places = by_document.places if isinstance(by_document, ByDocument) else by_document
        self.count = sum(map(len, places.values()))

    def __iter__(self) -> Iterator[Article]:
        return (article for doc in self.by_document for article in self.by_document[doc])

    def __len__(self) -> int:
        return self.count


def annotations_at(path: Path) -> Mapping[str, list[Annotation]]:
    """The annotations at a path by document; raises :class:`DataError` unless all of them can be read."""
    return _jsonl(path, Annotation) if path.suffix == ".jsonl" else _whole(read_annotations(path))


def articles_at(path: Path) -> Articles:
    """The articles at a path; raises :class:`DataError` unless all of them can be read."""
    return Articles(_jsonl(path, Article) if path.suffix == ".jsonl" else _whole(read_articles(path)))


def _whole(decoded: Decoded[T]) -> dict[str, list[T]]:
    _check(decoded.findings)
    values: dict[str, list[T]] = {}
    for record in decoded.records:
        values.setdefault(record.value.id, []).append(record.value)
    return values


def _jsonl(path: Path, kind: type[T]) -> ByDocument[T]:
    places: dict[str, list[_Place]] = {}
    faults: list[Finding] = []
    offset = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line and not line.isspace():
                    value = decode_record(line.removesuffix(b"\n"), kind, str(path), number)
                    if isinstance(value, list):
                        faults += value[: max(0, MAX_FINDINGS_PER_FILE - len(faults))]
                    else:
                        places.setdefault(value.id, []).append(_Place(number, offset, len(line)))
                offset += len(line)
    except OSError as error:
        raise FileFault(f"cannot read {path}: {error.strerror or error}") from error
    if not places and not faults:
        faults.append(finding("EMPTY_FILE", str(path)))
    _check(faults)
    return ByDocument(path, kind, places)


def _check(found: list[Finding]) -> None:
    if has_errors(found):
        raise DataError("not everything can be read", found)
