"""Foreign formats: one module each, and what they share.

A format's module says by constants and three functions what the format can do:

    NAME, ABOUT     its name on the command line, and what it is, in a line
    SUFFIXES        how its files end
    CARRIES         what of :data:`FIELDS` survives in it; texts, mentions and their types always do
    FOLDERS         whether a folder is read as one; else each of its files is
    OPTIONS         its options, each with a line of help; values are strings
    project(document, labels, note, **options)   what is left of a document; ``note`` counts what is not
    write(documents, labels, **options)          files of documents that are already projected
    read(path, terms, **options)                 documents, findings, and what the file holds that we cannot

One law binds the three: ``read(write(project(x)))`` is ``project(x)``, and ``note`` was told of every difference between
``project(x)`` and ``x`` (:func:`newsgold.corpus.formats.projection.tally` counts them on both sides). Nothing is repaired: an
item of a file that is at fault is left out with a finding, and the rest is read.
"""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from newsgold.corpus.tables import Document
from newsgold.errors import FileFault, Finding, UsageError, finding, quote

if TYPE_CHECKING:
    from newsgold.corpus.formats.terms import Terms
    from newsgold.corpus.labels import Labels

FORMATS = {
    "csv": "newsgold.corpus.formats.spans_csv",
    "conll": "newsgold.corpus.formats.conll",
    "brat": "newsgold.corpus.formats.brat",
    "doccano": "newsgold.corpus.formats.doccano",
    "prodigy": "newsgold.corpus.formats.prodigy",
    "docred": "newsgold.corpus.formats.docred",
    "dwie": "newsgold.corpus.formats.dwie",
    "xmi": "newsgold.corpus.formats.xmi",
    "docbin": "newsgold.corpus.formats.docbin",
}
"""The module of each format."""

METADATA = ("title", "language", "origin", "split", "event", "outlet", "published", "source", "regions")
"""The fields of an article that a format may carry or not."""
FIELDS = (
    "ids",
    "kinds",
    "entities",
    "links",
    "relations",
    "factualities",
    "stances",
    "bases",
    "annotators",
    "unattempted",
    *METADATA,
)
"""Whatever a format may fail to carry. ``unattempted`` is the difference between a layer nobody worked on and an empty one."""


class Loss(NamedTuple):
    """Something that did not come along."""

    what: str
    """One of :data:`FIELDS`, ``mentions`` or ``documents``; on import also what only the foreign format knows."""
    n: int
    why: str


class Note(Protocol):
    """Told of each loss; ``n`` of zero is ignored."""

    def __call__(self, what: str, why: str, n: int = 1) -> None: ...  # noqa: D102 -- the protocol says what it is


class Losses:
    """Adds up what it is told: a :class:`Note`."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def __call__(self, what: str, why: str, n: int = 1) -> None:
        """Add a loss."""
        if n:
            self._counts[what, why] += n

    def all(self) -> tuple[Loss, ...]:
        """The losses by name."""
        return tuple(Loss(what, n, why) for (what, why), n in sorted(self._counts.items()))


class Exported(NamedTuple):
    """Files by their paths below the output, and what they do not hold."""

    files: Mapping[str, bytes]
    losses: tuple[Loss, ...]


class Read(NamedTuple):
    """What one foreign file, or one folder of them, gave."""

    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]
    losses: tuple[Loss, ...]
    lines: tuple[int, ...] = ()
    """The line on which each document begins, where lines say something."""


class Imported(NamedTuple):
    """What all the files gave, and the inventory of their labels."""

    documents: tuple[Document, ...]
    labels: Labels
    findings: tuple[Finding, ...]
    losses: tuple[Loss, ...]


class Format(Protocol):
    """A module of :data:`FORMATS`."""

    NAME: str
    ABOUT: str
    SUFFIXES: tuple[str, ...]
    CARRIES: tuple[str, ...]
    FOLDERS: bool
    OPTIONS: Mapping[str, str]

    def project(self, document: Document, labels: Labels, note: Note, **options: str) -> Document | None:
        """What the format can hold of a document, in canonical order; ``None`` where it cannot hold it at all."""

    def write(self, documents: Iterable[Document], labels: Labels, **options: str) -> dict[str, bytes]:
        """Files that hold projected documents; the same bytes for the same documents."""

    def read(self, path: Path, terms: Terms, **options: str) -> Read:
        """What a file or a folder holds. Raises :class:`UsageError` where an option makes no sense, and nothing else."""


def load(name: str) -> Format:
    """The module of a format; raises :class:`UsageError` for a format that there is not."""
    if name not in FORMATS:
        raise UsageError(f"no such format: {quote(name)}; use one of {', '.join(FORMATS)}")
    return cast("Format", importlib.import_module(FORMATS[name]))


def check_options(form: Format, options: Mapping[str, str]) -> None:
    """Raise :class:`UsageError` for an option that a format does not have."""
    for name in options:
        if name not in form.OPTIONS:
            allowed = ", ".join(form.OPTIONS) or "none"
            raise UsageError(f"{form.NAME} has no option {quote(name)}; it has {allowed}")


def export_documents(name: str, documents: Iterable[Document], labels: Labels, **options: str) -> Exported:
    """Documents in a foreign format, and what it cannot carry of them, counted."""
    from newsgold.corpus.formats.projection import ready

    form, note = load(name), Losses()
    check_options(form, options)
    kept = (form.project(ready(document, labels), labels, note, **options) for document in documents)
    files = form.write((document for document in kept if document is not None), labels, **options)
    return Exported(files, note.all())


def import_files(name: str, paths: Sequence[Path], terms: Terms, **options: str) -> Imported:
    """The documents of files or folders in a foreign format.

    A document id that comes again is a finding, and the later document is left out. The inventory is
    that of ``terms``, or one derived from the data where that has none.
    """
    from newsgold.corpus.formats.terms import derive_labels

    form, note = load(name), Losses()
    check_options(form, options)
    documents: dict[str, Document] = {}
    origin: dict[str, str] = {}
    found: list[Finding] = []
    for path in _files(form, paths):
        read = form.read(path, terms, **options)
        found += read.findings
        for loss in read.losses:
            note(loss.what, loss.why, loss.n)
        for document, line in zip(read.documents, read.lines or repeat(0), strict=False):
            key = document.article.id
            if key in documents:
                got = f"also at {origin[key]}"
                found.append(finding("DUPLICATE_DOCUMENT", str(path), line=line, doc=key, got=quote(got, 200)))
            else:
                documents[key], origin[key] = document, f"{path}:{line}" if line else str(path)
    values = tuple(documents.values())
    return Imported(values, terms.labels or derive_labels(values, name), tuple(found), note.all())


def _files(form: Format, paths: Sequence[Path]) -> Iterator[Path]:
    """The paths; in place of a folder what it holds, unless the format is one of folders."""
    for path in paths:
        if path.is_dir() and not form.FOLDERS:
            files = sorted(file for file in path.rglob("*") if file.suffix in form.SUFFIXES)
            if not files:
                raise FileFault(f"{path} holds no file that ends in {' or '.join(form.SUFFIXES)}")
            yield from files
        else:
            yield path


UNKNOWN = "no format that is known here"
"""How the guess ends where there is none."""


def sniff(path: Path) -> str:
    """What a file seems to be, in words for the message that refuses it; nothing is read by this guess."""
    if path.is_dir():
        return "a folder"
    try:
        with path.open("rb") as file:
            head = file.read(65_536)
    except OSError as error:
        return f"what cannot be read ({error.strerror})"
    for sign, what in _SIGNS:
        if re.search(sign, head):
            return what
    suffix = f"a {path.suffix} file" if path.suffix else "a file"
    return f"{suffix} of {UNKNOWN}"


JSON_START = rb'\A\s*(?:\[\s*[\[{"\d\]-]|\{\s*["}])'
"""How JSON of many items begins; a text may begin with a bracket too."""
_SIGNS: tuple[tuple[bytes, str], ...] = (
    (rb"\A\s*\Z", "an empty file"),
    (rb"\APK\x03\x04", "a zip archive: unpack it first"),
    (rb"\A%PDF-", "a PDF"),
    (rb"\0", "a binary file"),
    (rb"\A#FORMAT=WebAnno TSV", "WebAnno TSV, which is not supported: export UIMA CAS XMI, and use --format xmi"),
    (rb"(?m)^#\s?begin document", "coreference in brackets (CoNLL-2012), which is not supported"),
    (rb"(?s)\A\s*<\?xml.{0,400}<xmi:XMI", "UIMA CAS XMI: use --format xmi"),
    (rb"<typeSystemDescription", "a UIMA type system, which holds no annotation"),
    (rb"\A\s*<", "XML or HTML, which is not supported"),
    (
        rb"(?m)^\d+(?:\t[^\t\n]+){9}\r?$",
        "CoNLL-U trees without a column of entity tags, which is not supported",
    ),
    (rb"(?m)\A(?:#.*\n|\s*\n)*\[[a-z]+\]\s*$", "a configuration file"),
    (rb'"%(?:TYPES|FEATURE_STRUCTURES)"', "UIMA CAS JSON: use --format xmi"),
    (rb'"from_name"\s*:', "Label Studio JSON: use newsgold annotation import"),
    (rb'"vertexSet"', "DocRED: use --format docred"),
    (rb'"concepts"\s*:.*"mentions"|"mentions"\s*:\s*\[\s*\{\s*"begin"', "DWIE: use --format dwie"),
    (rb'"_task_hash"|"_input_hash"|"token_start"', "Prodigy: use --format prodigy"),
    (
        rb'"(?:filename|label)"\s*:\s*(?:\[\s*)?"',
        "doccano records of a project without spans (classification, translation, images)",
    ),
    (rb"(?m)\A__label__", "fastText lines: texts with a category, and no spans"),
    (rb"\Atext,label\r?\n", "a table of texts with a category, and no spans"),
    (rb'"start_offset"|"label"\s*:\s*\[\s*\[\s*\d', "doccano: use --format doccano"),
    (rb'"(?:clusters|ner|sentences)"\s*:', "DyGIE/SciERC JSON, which is not supported"),
    (rb'"tokens"\s*:\s*\[\s*"', "JSON of tokens and token offsets, which is not supported"),
    (JSON_START, "JSON of another shape"),
    (rb"(?m)\A(?:[TREAMN]\d+|#\d+|\*)\t", "brat stand-off: use --format brat"),
    (rb"(?m)^\S+(?:\t[^\n]*)?[\t ](?:O|[BI]-\S+)[ \t]*\r?$", "columns of tokens and tags: use --format conll"),
)
"""What stands in a file, and what it is then; the first that fits counts."""
