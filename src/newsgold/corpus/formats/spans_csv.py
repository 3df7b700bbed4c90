"""CSV tables: a row a mention, and beside them articles, relations and stances.

    mentions.csv    doc, id, start, end, text, type, kind, entity, link
    relations.csv   doc, type, head, tail, factuality, evidence     (m1>m4 m2>m4)
    stances.csv     doc, id, start, end, text, holder, target, polarity, basis
    articles.csv    id, text, and what else is known of an article; by, and the layers that were worked on

RFC 4180 in UTF-8 with ``\\n`` after each row; a cell is never changed, with one exception. Spreadsheets run a cell
that begins with = + - @ a tab or a carriage return as a formula, quoted or not, so such a cell, and one that begins with an
apostrophe, gets an apostrophe in front; reading takes it off again. ``safe=no`` does neither.

Read is a folder, or the table of mentions with the others beside it. Columns may stand in any order; doc, start, end and
type must be there. Without articles.csv the texts come from ``texts``, a folder of <doc>.txt.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from newsgold.corpus.codec import decode_text, read_part
from newsgold.corpus.formats import FIELDS, UNKNOWN, Losses, Note, Read, sniff
from newsgold.corpus.formats.building import Builder, blank_article, safe_id, unannotated
from newsgold.corpus.formats.projection import reduce
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import DEFAULT_BASIS, DEFAULT_FACTUALITY, Labels
from newsgold.corpus.model import LAYERS, Annotation, Article, Region, Source
from newsgold.corpus.tables import Document
from newsgold.errors import FileFault, Finding, UsageError, finding, quote

NAME = "csv"
ABOUT = "tables of mentions, relations, stances and articles"
SUFFIXES = (".csv",)
CARRIES = FIELDS
FOLDERS = True
OPTIONS = {
    "safe": "yes (an apostrophe before cells that a spreadsheet would run) or no",
    "texts": "read: folder of <doc>.txt, where there is no articles.csv",
}
MENTIONS = ("doc", "id", "start", "end", "text", "type", "kind", "entity", "link")
RELATIONS = ("doc", "type", "head", "tail", "factuality", "evidence")
STANCES = ("doc", "id", "start", "end", "text", "holder", "target", "polarity", "basis")
_SOURCE = ("name", "url", "licence", "file", "sha256")
_PLAIN = ("title", "language", "origin", "split", "event", "outlet", "published")
ARTICLES = ("id", "by", "layers", *_PLAIN, *(f"source_{name}" for name in _SOURCE), "regions", "text")
_NEEDED = ("doc", "start", "end", "type")
_RISKY = tuple("=+-@\t\r'")
_EMPTY = "an empty cell is none"
_UNCLUSTERED = "in a table an entity stands on its mentions"


def project(document: Document, labels: Labels, note: Note, **options: str) -> Document:
    """Everything; empty strings are absent ones."""
    _safe(options)
    article, gold = document
    empty = [name for name in _PLAIN if getattr(article, name) == ""]
    source = msgspec.structs.asdict(article.source)
    bare = Source(**{name: value or None for name, value in source.items()})
    note("source", _EMPTY, int(bare != article.source))
    for name in empty:
        note(name, _EMPTY)
    blank = {name: getattr(_BLANK, name) for name in empty}
    article = msgspec.structs.replace(article, source=bare, **blank)
    if gold is not None:
        gold = msgspec.structs.replace(gold, split=article.split, event=article.event)
    return reduce(Document(article, gold), labels, note, carries=CARRIES, why={}, default=_UNCLUSTERED)


_BLANK = Article(id="", text="")


# ------------------------------------------------------------------------ writing


# every format has these parameters
def write(documents: Iterable[Document], labels: Labels, **options: str) -> dict[str, bytes]:  # noqa: ARG001
    """The four tables."""
    tables: dict[str, list[dict[str, Any]]] = {"mentions": [], "relations": [], "stances": [], "articles": []}
    for article, gold in documents:
        tables["articles"].append(_article_row(article, gold))
        text = article.text
        owner = {m: e for e in (gold and gold.entities) or () for m in e.mentions}
        for m in (gold and gold.mentions) or ():
            entity = owner.get(m.id or "")
            more = {"doc": article.id, "entity": entity and entity.id, "link": entity and entity.link}
            tables["mentions"].append(msgspec.structs.asdict(m) | more)
        for r in (gold and gold.relations) or ():
            evidence = None if r.evidence is None else " ".join(f"{a}>{b}" for a, b in r.evidence) or "none"
            tables["relations"].append(msgspec.structs.asdict(r) | {"doc": article.id, "evidence": evidence})
        for s in (gold and gold.stances) or ():
            shown = None if s.start is None or s.end is None else text[s.start : s.end]
            tables["stances"].append(msgspec.structs.asdict(s) | {"doc": article.id, "text": shown})
    columns = {"mentions": MENTIONS, "relations": RELATIONS, "stances": STANCES, "articles": ARTICLES}
    return {f"{name}.csv": _table(rows, columns[name], _safe(options)) for name, rows in tables.items()}


def _article_row(article: Article, gold: Annotation | None) -> dict[str, Any]:
    layers = None if gold is None else [layer for layer in LAYERS if getattr(gold, layer) is not None]
    return {
        **msgspec.structs.asdict(article),
        **{f"source_{name}": value for name, value in msgspec.structs.asdict(article.source).items()},
        "regions": " ".join(f"{r.kind}:{r.start}-{r.end}" for r in article.regions),
        "by": gold and gold.by,
        "layers": None if layers is None else " ".join(layers) or "none",
    }


def _table(rows: Iterable[Mapping[str, Any]], columns: tuple[str, ...], safe: bool) -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    for row in rows:
        cells = [row[column] for column in columns]
        writer.writerow([_guarded(cell) if safe and isinstance(cell, str) else cell for cell in cells])
    return sink.getvalue().encode("utf-8")


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_RISKY) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_RISKY) else cell


def _safe(options: Mapping[str, str]) -> bool:
    value = options.get("safe", "yes")
    if value not in ("yes", "no"):
        raise UsageError(f"safe is yes or no, not {quote(value)}")
    return value == "yes"


# ------------------------------------------------------------------------ reading


class _Row(NamedTuple):
    """A row by its columns, and the line it begins on."""

    cells: dict[str, str]
    line: int
    path: str


class _Table(NamedTuple):
    """A table's columns and rows, and what is wrong with others."""

    columns: tuple[str, ...]
    rows: list[_Row]
    findings: list[Finding]


def read(path: Path, terms: Terms, **options: str) -> Read:
    """The documents of a folder of tables, or of a table of mentions."""
    safe = _safe(options)
    folder = path if path.is_dir() else path.parent
    main = path / "mentions.csv" if path.is_dir() else path
    if not path.exists():
        raise FileFault(f"cannot read {path}: no such file")
    mentions = _read(main, safe)
    bare = not mentions.columns and all(fault.code == "BAD_RECORD" for fault in mentions.findings)
    if bare or (mentions.columns and not set(_NEEDED) <= set(mentions.columns)):
        missing = ", ".join(name for name in _NEEDED if name not in mentions.columns)
        guess = sniff(main)
        got = guess if bare or UNKNOWN not in guess else quote(f"{', '.join(mentions.columns[:9])}: no column {missing}", 160)
        return Read((), (finding("WRONG_FORMAT", str(path), got=got, wanted=f"columns {', '.join(_NEEDED)}"),), ())
    if mentions.findings and not mentions.rows:
        return Read((), tuple(mentions.findings), ())
    tables = {name: _optional(folder / f"{name}.csv", safe) for name in ("articles", "relations", "stances")}
    found = [*mentions.findings, *(fault for table in tables.values() for fault in table.findings)]
    texts = options.get("texts")
    rows = {name: _by_doc(table.rows, "id" if name == "articles" else "doc") for name, table in tables.items()}
    rows["mentions"] = _by_doc(mentions.rows, "doc")
    names = list(dict.fromkeys(name for table in ("articles", "mentions", "relations", "stances") for name in rows[table]))
    note = Losses()
    documents, lines = [], []
    for name in names:
        of = {table: rows[table].get(name, []) for table in rows}
        first = next(row for table in ("articles", "mentions", "relations", "stances") for row in of[table])
        article = _article(name, of["articles"], texts, first, found)
        if article is None:
            continue
        document, faults = _document(article, of, terms, note, first)
        found += faults
        if document is not None:
            documents.append(document)
            lines.append(first.line)
    return Read(tuple(documents), tuple(found), note.all(), tuple(lines))


def _optional(path: Path, safe: bool) -> _Table:
    return _read(path, safe) if path.is_file() else _Table((), [], [])


def _read(path: Path, safe: bool) -> _Table:
    raw = read_part(path)
    text = raw if isinstance(raw, Finding) else decode_text(raw, str(path))
    if isinstance(text, Finding):
        return _Table((), [], [text])
    if sniffed := _not_csv(path, text):
        return _Table((), [], [sniffed])
    limit = csv.field_size_limit(2**31 - 1)
    try:
        return _rows(text, path, safe)
    finally:
        csv.field_size_limit(limit)


def _not_csv(path: Path, text: str) -> Finding | None:
    if "," in text.split("\n", 1)[0]:
        return None
    return finding("WRONG_FORMAT", str(path), got=sniff(path), wanted=f"a first line of columns: {', '.join(_NEEDED)}")


def _rows(text: str, path: Path, safe: bool) -> _Table:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: tuple[str, ...] = ()
    rows: list[_Row] = []
    found: list[Finding] = []
    before = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            found.append(finding("BAD_RECORD", str(path), line=before + 1, got=quote(str(error)), wanted="CSV as in RFC 4180"))
            break
        if cells is None:
            break
        line, before = before + 1, reader.line_num
        if not columns:
            columns = tuple(cells)
        elif cells and len(cells) != len(columns):
            got, wanted = f"{len(cells)} cells", str(len(columns))
            found.append(finding("BAD_RECORD", str(path), line=line, got=got, wanted=wanted))
        elif cells:
            values = map(_unguarded, cells) if safe else cells
            rows.append(_Row(dict(zip(columns, values, strict=True)), line, str(path)))
    return _Table(columns, rows, found)


def _by_doc(rows: Iterable[_Row], column: str) -> dict[str, list[_Row]]:
    out: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        out[row.cells.get(column, "")].append(row)
    return out


def _article(name: str, rows: list[_Row], texts: str | None, first: _Row, found: list[Finding]) -> Article | None:
    """The article of a document, with the text from the table or from a file."""

    def fault(code: str, row: _Row, got: str, wanted: str = "") -> None:
        found.append(finding(code, row.path, line=row.line, doc=name, got=got, wanted=wanted))

    if len(rows) > 1:
        fault("DUPLICATE_DOCUMENT", rows[1], quote(name))
        return None
    cells = rows[0].cells if rows else {}
    text: str | Finding = cells.get("text", "")
    if not text and texts is not None:
        file = Path(texts) / f"{safe_id(name)}.txt"
        raw = read_part(file)
        text = raw if isinstance(raw, Finding) else decode_text(raw, str(file))
    if isinstance(text, Finding):
        found.append(text._replace(doc=name))
        return None
    if not text:
        fault("NO_TEXT", first, "", "a text in articles.csv, or a folder of texts: --option texts=FOLDER")
        return None
    article = blank_article(name, text)
    regions = []
    for part in cells.get("regions", "").split():
        kind, _, span = part.partition(":")
        start, _, end = span.partition("-")
        if not (start.isdecimal() and end.isdecimal()):
            fault("BAD_RECORD", rows[0], quote(part), "kind:start-end")
        else:
            regions.append(Region(kind=kind, start=int(start), end=int(end)))
    source = {key: cells.get(f"source_{key}") or None for key in _SOURCE}
    source["name"] = source["name"] or article.source.name
    known: dict[str, Any] = {key: cells[key] for key in _PLAIN if cells.get(key)}
    return msgspec.structs.replace(article, source=Source(**source), regions=tuple(regions), **known)


def _document(
    article: Article, of: Mapping[str, list[_Row]], terms: Terms, note: Losses, first: _Row
) -> tuple[Document | None, list[Finding]]:
    cells = of["articles"][0].cells if of["articles"] else {}
    stated = cells.get("layers")
    items = any(of[table] for table in ("mentions", "relations", "stances"))
    if stated == "" and not items:
        return unannotated(article), []
    builder = Builder(first.path, article, terms, note, by=cells.get("by") or None, raise_arguments=False)
    _mentions(of["mentions"], builder)
    for row in of["relations"]:
        builder.path = row.path
        evidence = row.cells.get("evidence") or None
        proofs = None if evidence is None else [] if evidence == "none" else [part.partition(">") for part in evidence.split()]
        builder.relation(
            row.cells.get("type", ""),
            row.cells.get("head", ""),
            row.cells.get("tail", ""),
            factuality=row.cells.get("factuality") or DEFAULT_FACTUALITY,
            evidence=None if proofs is None else [(a, b) for a, _, b in proofs],
            line=row.line,
        )
    for row in of["stances"]:
        builder.path = row.path
        bare = not row.cells.get("start") and not row.cells.get("end")
        span: tuple[int | None, int | None] | None = (None, None) if bare else _offsets(row, builder)
        if span is not None:
            get = row.cells.get
            builder.stance(
                get("id") or f"row {row.line}", span[0], span[1], get("holder", ""), get("target", ""), get("polarity", ""),
                basis=get("basis") or DEFAULT_BASIS, id=get("id") or None, line=row.line,
            )  # fmt: skip
    builder.path = first.path
    layers = [layer for layer in (stated or "").split() if layer in LAYERS]
    attempted = set(layers) | {"mentions"} if stated is None or items else set(layers)
    document = builder.finish(layers=layers, keep_ids=True)
    if document is not None and document.gold is not None and "mentions" not in attempted and not document.gold.mentions:
        document = Document(document.article, msgspec.structs.replace(document.gold, mentions=None))
    return document, builder.findings


def _mentions(rows: Iterable[_Row], builder: Builder) -> None:
    """The mentions, and the entities that their rows name."""
    members: dict[str, list[str]] = defaultdict(list)
    links: dict[str, tuple[str, _Row]] = {}
    lines: dict[str, int] = {}
    for row in rows:
        builder.path = row.path
        span = _offsets(row, builder)
        if span is None:
            continue
        get = row.cells.get
        key = get("id") or f"row {row.line}"
        builder.mention(
            key, span[0], span[1], get("type", ""), kind=get("kind") or None, surface=get("text") or None, id=get("id") or None,
            line=row.line,
        )  # fmt: skip
        entity, link = get("entity") or (f"of {key}" if get("link") else ""), get("link")
        if entity:
            members[entity].append(key)
            lines.setdefault(entity, row.line)
            if link and links.setdefault(entity, (link, row))[0] != link:
                wanted = links[entity][0]
                builder.fault("BAD_RECORD", line=row.line, got=f"{quote(entity)} linked to {quote(link)}", wanted=quote(wanted))
    for entity, keys in members.items():
        link = links[entity][0] if entity in links else None
        builder.entity(entity, keys, link=link, id=entity, line=lines[entity])


def _offsets(row: _Row, builder: Builder) -> tuple[int, int] | None:
    start, end = row.cells.get("start", ""), row.cells.get("end", "")
    try:
        return int(start), int(end)
    except ValueError:
        builder.fault("BAD_RECORD", line=row.line, got=f"{quote(start)}, {quote(end)}", wanted="two integers")
        return None
