"""CoNLL columns: a token a line, its entity tag beside it, a blank line between sentences.

We write two columns with tabs, a sentence a line of the text, and before each document its id and the article, text included,
as comments, so that offsets come back exactly:

    # newdoc id = tessen-bridge
    # newsgold = {"id":"tessen-bridge","text":"…"}
    Tessen	B-GPE

We read any number of columns, split at tabs or else at blanks. The tags are the last column that holds nothing but tags,
the tokens the first that is not a count; a header (HIPE) may name them. Documents begin at ``-DOCSTART-``, ``# newdoc id``
or ``# hipe2022:document_id``; a file without any is one document. The text is that of ``# text``, else made of the tokens by
the rule of :mod:`newsgold.corpus.formats.tokens`. Wikidata ids in a column NEL-LIT make entities: one for each id and type in
the document.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from newsgold.corpus.codec import decode_record, encode, strict_json
from newsgold.corpus.formats import METADATA, Losses, Note, Read, sniff
from newsgold.corpus.formats.building import Builder, blank_article, read_text
from newsgold.corpus.formats.projection import keep_mentions, reduce, renumber
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.formats.tokens import Laid, join, lay, tokenise
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Article, Mention
from newsgold.corpus.tables import Document
from newsgold.errors import Finding, UsageError, finding, quote

NAME = "conll"
ABOUT = "columns of tokens and tags (CoNLL-2003, IOB2 with comments, HIPE)"
SUFFIXES = (".conll", ".iob", ".iob2", ".bio", ".tsv", ".txt", ".conllu")
CARRIES = METADATA
FOLDERS = False
OPTIONS = {
    "scheme": "bio2, iob1 or iobes; written: bio2, read: what the file's tags show",
    "tags": "read: number (from 1) or name of the column of tags",
    "tokens": "read: number or name of the column of tokens",
    "documents": "read: file (a file without marks is one document) or sentence",
}
SAMPLE = 20_000
"""Rows that show which column is what."""
SCHEMES = ("bio2", "iob1", "iobes")
_ARTICLE = "# newsgold = "
_TAG = re.compile(r"O|[BIESLUM]-\S.*")
_ONE_TAG = "a token has one tag, and a longer mention has it"
_MID_WORD = "it begins or ends within a token"
_TWO_LINES = "it goes over a line's end, where a sentence ends"
_BAD_TYPE = "its type has a tab or a line break"
_NO_COLUMN = "there is no column for it"
_FACT = re.compile(r"# hipe2022:(date|language) = (.*)")
_KNOWN = {"date": "published", "language": "language"}
_MARK = re.compile(r"# (?:newdoc id|hipe2022:document_id) = (.*)")


# ------------------------------------------------------------------------ writing


def project(document: Document, labels: Labels, note: Note, **options: str) -> Document:
    """The longest mentions first, each where no longer one is, on whole tokens; no facts, no clusters."""
    _scheme(options)
    document = reduce(document, labels, note, carries=CARRIES, why={}, default=_NO_COLUMN)
    gold = document.gold
    if gold is None:
        return document
    spans = tokenise(document.article.text)
    starts, ends = {s.start for s in spans}, {s.end for s in spans}
    mentions = gold.mentions or ()
    named = {m.id for m in mentions if not re.search("[\t\n\r]", m.type)}
    document = keep_mentions(document, named, labels, note, _BAD_TYPE)
    whole = {m.id for m in mentions if m.id in named and m.start in starts and m.end in ends}
    document = keep_mentions(document, whole, labels, note, _MID_WORD)
    whole = {m.id for m in mentions if m.id in whole and "\n" not in document.article.text[m.start : m.end]}
    document = keep_mentions(document, whole, labels, note, _TWO_LINES)
    kept = {m.id for m in _outermost([m for m in mentions if m.id in whole])}
    document = keep_mentions(document, kept, labels, note, _ONE_TAG)
    return renumber(document, labels, note, _NO_COLUMN)


def _outermost(mentions: Sequence[Mention]) -> list[Mention]:
    """Mentions that do not overlap, longer ones first, then those that begin first."""
    taken: set[int] = set()
    kept = []
    for m in sorted(mentions, key=lambda m: (m.start - m.end, m.start, m.type)):
        if taken.isdisjoint(range(m.start, m.end)):
            taken.update(range(m.start, m.end))
            kept.append(m)
    return kept


# every format has these parameters
def write(documents: Iterable[Document], labels: Labels, **options: str) -> dict[str, bytes]:  # noqa: ARG001
    """One file, ``documents.conll``."""
    scheme = _scheme(options) or "bio2"
    parts: list[str] = []
    for article, gold in documents:
        parts.append(f"# newdoc id = {article.id}\n{_ARTICLE}{encode(article).decode()}\n")
        mentions = sorted((gold and gold.mentions) or (), key=lambda m: m.start)
        place, before = 0, ""
        text = article.text
        for sentence in _sentences(text):
            for start, end in sentence:
                while place < len(mentions) and mentions[place].end <= start:
                    place += 1
                m = mentions[place] if place < len(mentions) and mentions[place].start <= start else None
                before = "O" if m is None else _tag(scheme, m, start, end, before)
                parts.append(f"{text[start:end]}\t{before}\n")
            parts.append("\n")
            before = ""
    return {"documents.conll": "".join(parts).encode("utf-8")}


def _sentences(text: str) -> Iterator[list[tuple[int, int]]]:
    """The tokens of each line of a text that has any."""
    line: list[tuple[int, int]] = []
    for span in tokenise(text):
        if line and "\n" in text[line[-1][1] : span.start]:
            yield line
            line = []
        line.append(span)
    yield line


def _tag(scheme: str, m: Mention, start: int, end: int, before: str) -> str:
    first, last = m.start == start, m.end == end
    if scheme == "iobes":
        return f"{'S' if first and last else 'B' if first else 'E' if last else 'I'}-{m.type}"
    if scheme == "iob1":
        return f"{'B' if first and before[2:] == m.type else 'I'}-{m.type}"
    return f"{'B' if first else 'I'}-{m.type}"


def _scheme(options: Mapping[str, str]) -> str | None:
    scheme = options.get("scheme")
    if scheme is not None and scheme not in SCHEMES:
        raise UsageError(f"no such scheme: {quote(scheme)}; use one of {', '.join(SCHEMES)}")
    return scheme


# ------------------------------------------------------------------------ reading


class _Row(NamedTuple):
    """A token's line."""

    line: int
    cells: list[str]


class _Sentence(NamedTuple):
    """Rows, and the text that a comment gives for them."""

    rows: list[_Row]
    text: str | None


class _Part(NamedTuple):
    """A document as the lines have it."""

    name: str
    line: int
    article: str | None
    """The article in JSON, where the file is one of ours."""
    sentences: list[_Sentence]
    known: dict[str, str]
    """What HIPE's comments say of the document: its date and its language."""
    comments: int
    """How many other comments it has."""


class _Columns(NamedTuple):
    """Which columns are what; counted from 0."""

    token: int
    tag: int
    link: int | None
    misc: int | None


def read(path: Path, terms: Terms, **options: str) -> Read:
    """The documents of one file of columns."""
    scheme = _scheme(options)
    if options.get("documents", "file") not in ("file", "sentence"):
        raise UsageError(f"no such way to make documents: {quote(options['documents'])}; use file or sentence")
    text = read_text(path)
    if isinstance(text, Finding):
        return Read((), (text,), ())
    where = str(path)
    # a JSON file on one line is one row, some column of which may well look like a tag
    if text.lstrip()[:1] in ("[", "{") and strict_json(text.encode("utf-8"), where)[0] is not None:
        return Read((), (finding("WRONG_FORMAT", where, got=sniff(path), wanted="columns of tokens and tags"),), ())
    separator = "\t" if "\t" in text else None
    first = text[: text.find("\n") % (len(text) + 1)].removesuffix("\r")
    names = first.split("\t") if first.startswith("TOKEN\t") else []

    def parts() -> Iterator[_Part]:
        """The file goes by more than once, and each time a document at a time: its rows are many times its size."""
        return _parts(text, separator, path.stem, options.get("documents") == "sentence", len(names) > 0)

    rows = [*islice((row for part in parts() for sentence in part.sentences for row in sentence.rows), SAMPLE)]
    columns = _columns(rows, names, options)
    if isinstance(columns, str):
        return Read((), (finding("WRONG_FORMAT", where, got=sniff(path) or columns, wanted="columns of tokens and tags"),), ())
    note = Losses()
    _note_other_columns(rows, columns, note)
    del rows
    layers = [(name, i) for i, name in enumerate(names) if name.startswith("NE-") and i != columns.tag]
    scheme = scheme or _shown(parts(), columns.tag)
    documents, lines, found = [], [], []
    for part in parts():
        note("comments", "not read", part.comments)
        for name, i in layers:
            cells = (row.cells for sentence in part.sentences for row in sentence.rows)
            note("mentions", f"the column {name} was not read", sum(i < len(row) and row[i].startswith("B-") for row in cells))
        document, faults = _document(part, columns, scheme, where, terms, note)
        found += faults
        if document is not None:
            documents.append(document)
            lines.append(part.line)
    return Read(tuple(documents), tuple(found), note.all(), tuple(lines))


def _parts(text: str, separator: str | None, stem: str, by_sentence: bool, header: bool) -> Iterator[_Part]:
    """The documents that have rows, or an article; ``by_sentence`` counts where there are no marks."""
    part = _Part(stem, 0, None, [], {}, 0)
    marked = False
    number = width = count = starts = 0
    sentence = _Sentence([], None)
    for number, line in enumerate(io.StringIO(text, newline="\n"), 1):
        line = line.removesuffix("\n").removesuffix("\r")
        mark = None
        if line.startswith("-DOCSTART-"):
            starts += 1
            mark = f"{stem}-{starts}"
        elif line.startswith("# ") and (separator == "\t" or not width or len(line.split()) != width):
            found = _MARK.match(line)
            mark = found[1].strip() if found else None
            if mark is None:
                part, sentence = _said(line, part, sentence)
                continue
        elif line.strip():
            if not (header and number == 1):
                cells = line.split(separator) if separator else line.split()
                width = width or len(cells)
                part = part if part.line else part._replace(line=number)
                sentence.rows.append(_Row(number, cells))
            continue
        if sentence.rows:
            part.sentences.append(sentence)
        sentence = _Sentence([], None)
        split = by_sentence and not marked and bool(part.sentences)
        if mark is not None or split:
            if part.sentences or part.article:
                yield part._replace(name=f"{stem}-{count + 1}") if split else part
                count += 1
            part = _Part(mark or stem, number if mark is not None else 0, None, [], {}, 0)
            marked = marked or mark is not None
    if sentence.rows:
        part.sentences.append(sentence)
    if part.sentences or part.article:
        yield part._replace(name=f"{stem}-{count + 1}") if by_sentence and not marked else part


def _said(line: str, part: _Part, sentence: _Sentence) -> tuple[_Part, _Sentence]:
    """The document and the sentence with what a comment says of them."""
    if line.startswith(_ARTICLE) and part.article is None:
        return part._replace(article=line.removeprefix(_ARTICLE)), sentence
    if line.startswith("# text = "):
        return part, sentence._replace(text=line.removeprefix("# text = "))
    if fact := _FACT.match(line):
        return part._replace(known=part.known | {_KNOWN[fact[1]]: fact[2].strip()}), sentence
    return part._replace(comments=part.comments + 1), sentence


def _columns(rows: Sequence[_Row], names: Sequence[str], options: Mapping[str, str]) -> _Columns | str:
    """The columns named, else those that look it; or why there are none."""
    if not rows:
        return "no row"
    width = max(len(row.cells) for row in rows)
    tags = [i for i in range(width) if _all_tags(rows, i)]
    given: dict[str, int] = {}
    for option in ("tags", "tokens"):
        if option in options:
            value = options[option]
            place = names.index(value) if value in names else int(value) - 1 if value.isdecimal() else -1
            if not 0 <= place < width:
                raise UsageError(f"no column {quote(value)}: {', '.join(names) or f'there are {width}'}")
            given[option] = place
    if not tags and "tags" not in given:
        return "no column holds nothing but tags such as B-PER, I-PER and O"
    default_tag = names.index("NE-COARSE-LIT") if "NE-COARSE-LIT" in names else tags[-1] if tags else 1
    counted = not names and width > 2 and all(row.cells[0].isdecimal() for row in rows)
    default_token = 1 if counted else 0
    token, tag = given.get("tokens", default_token), given.get("tags", default_tag)
    if token == tag:
        return "one column only: tokens without tags, or tags without tokens"
    return _Columns(
        token, tag, names.index("NEL-LIT") if "NEL-LIT" in names else None, names.index("MISC") if "MISC" in names else None
    )


def _all_tags(rows: Sequence[_Row], column: int) -> bool:
    """Whether a column holds tags, and nothing else where it has a cell at all; a row or two may be broken."""
    cells = [row.cells[column] for row in rows if column < len(row.cells)]
    good = sum(_TAG.fullmatch(cell) is not None for cell in cells)
    return good > 0 and len(rows) - good <= max(1, len(rows) // 100)


def _note_other_columns(rows: Sequence[_Row], columns: _Columns, note: Note) -> None:
    """Note the columns that are not read, a count of tokens apart."""
    used = {columns.token, columns.tag, columns.link, columns.misc}
    counted = all(row.cells[0].isdecimal() for row in rows)
    width = max(len(row.cells) for row in rows)
    note("columns", "not read", sum(i not in used and not (i == 0 and counted) for i in range(width)))


def _shown(parts: Iterable[_Part], column: int) -> str:
    """The scheme that the tags of a file show."""
    unopened = opened_afresh = False
    for part in parts:
        for sentence in part.sentences:
            before = "O"
            for row in sentence.rows:
                tag = row.cells[column] if column < len(row.cells) else "O"
                if tag[:2] in ("E-", "S-", "L-", "U-", "M-"):
                    return "iobes"
                same = before[2:] == tag[2:]
                unopened |= tag.startswith("I-") and not same
                opened_afresh |= tag.startswith("B-") and not same
                before = tag
    return "iob1" if unopened and not opened_afresh else "bio2"


def _document(
    part: _Part, columns: _Columns, scheme: str, path: str, terms: Terms, note: Note
) -> tuple[Document | None, list[Finding]]:
    """One document, or what is wrong with it."""
    width = 1 + max(columns.token, columns.tag)
    found: list[Finding] = []
    kept: list[_Sentence] = []
    for sentence in part.sentences:
        rows = []
        for row in sentence.rows:
            if len(row.cells) < width or not row.cells[columns.token].strip() or not _TAG.fullmatch(row.cells[columns.tag]):
                got, wanted = quote("\t".join(row.cells)), "a token and a tag"
                found.append(finding("BAD_RECORD", path, line=row.line, doc=part.name, got=got, wanted=wanted))
            else:
                rows.append(row)
        kept.append(_Sentence(rows, sentence.text))
    article, laid = _text(part, kept, columns, path, found)
    if article is None:
        return None, found
    builder = Builder(path, article, terms, note)
    builder.findings += found
    rows = [row for sentence in kept for row in sentence.rows]
    spans = iter(laid.spans)
    linked: dict[tuple[str, str], list[int]] = {}
    for sentence in kept:
        places = [next(spans) for _ in sentence.rows]
        tags = [row.cells[columns.tag] for row in sentence.rows]
        for first, last, type_ in _chunks(tags, scheme, sentence.rows, builder):
            line = sentence.rows[first].line
            builder.mention(line, places[first].start, places[last].end, type_, line=line)
            link = _link(sentence.rows[first], columns)
            if link:
                linked.setdefault((link, type_), []).append(line)
    for (link, type_), keys in linked.items():
        builder.entity(f"{link} {type_}", keys, link=link, line=keys[0])
    return builder.finish(), builder.findings


def _link(row: _Row, columns: _Columns) -> str | None:
    cell = row.cells[columns.link] if columns.link is not None and columns.link < len(row.cells) else "_"
    return None if cell in ("_", "NIL", "") else cell


def _text(
    part: _Part, sentences: Sequence[_Sentence], columns: _Columns, path: str, found: list[Finding]
) -> tuple[Article | None, Laid]:
    """The article of a document, and its tokens laid on the text."""
    nothing = Laid("", ())
    tokens = [row.cells[columns.token] for sentence in sentences for row in sentence.rows]
    if part.article is not None:
        article = decode_record(part.article.encode("utf-8"), Article, path, part.line + 1)
        if isinstance(article, list):
            found += article
            return None, nothing
        laid = lay(tokens, article.text)
        if isinstance(laid, str):
            found.append(finding("TOKENS_DIFFER", path, line=part.line, doc=part.name, got=laid))
            return None, nothing
        return article, laid
    pieces: list[Laid] = []
    for sentence in sentences:
        words = [row.cells[columns.token] for row in sentence.rows]
        piece: Laid | str = join(words, [_blank_after(row, columns) for row in sentence.rows])
        if sentence.text is not None:
            fitted = lay(words, sentence.text)
            if isinstance(fitted, str):
                line = sentence.rows[0].line if sentence.rows else part.line
                found.append(finding("TOKENS_DIFFER", path, line=line, doc=part.name, got=fitted))
            else:
                piece = fitted
        assert not isinstance(piece, str)
        pieces.append(piece)
    at = 0
    spans = []
    for piece in pieces:
        spans += [span._replace(start=span.start + at, end=span.end + at) for span in piece.spans]
        at += len(piece.text) + 1
    text = "\n".join(piece.text for piece in pieces)
    return msgspec.structs.replace(blank_article(part.name, text), **part.known), Laid(text, tuple(spans))


def _blank_after(row: _Row, columns: _Columns) -> bool:
    misc = row.cells[columns.misc] if columns.misc is not None and columns.misc < len(row.cells) else ""
    return "NoSpaceAfter" not in misc.split("|")


def _chunks(tags: Sequence[str], scheme: str, rows: Sequence[_Row], builder: Builder) -> Iterator[tuple[int, int, str]]:
    """(first, last, type) of each entity; tags that make none are findings."""
    first: int | None = None
    broken: str | None = None
    """The type of a run of tags that was reported already."""

    def fault(place: int, wanted: str) -> None:
        builder.fault("TAG_SEQUENCE", line=rows[place].line, got=f"{tags[place]} ({scheme})", wanted=wanted)

    for i, tag in enumerate([*tags, "O"]):
        letter, _, type_ = tag.partition("-")
        letter = {"L": "E", "U": "S", "M": "I"}.get(letter, letter)
        running = first is not None and tags[first][2:] == type_
        continues = running and letter in ("IE" if scheme == "iobes" else "I")
        if first is not None and not continues:
            if scheme == "iobes":
                fault(first, f"E-{tags[first][2:]} at its end")
            else:
                yield first, i - 1, tags[first][2:]
            first = None
        starts = letter == "B" or (letter == "I" and scheme == "iob1")
        if letter == "O" or continues or starts or (letter == "S" and scheme == "iobes"):
            broken = None
        else:
            if broken != type_:
                fault(i, f"B-{type_} before it" if letter in "IE" else "B-, I- and O")
            broken = type_
            continue
        if letter == "S":
            yield i, i, type_
        elif letter == "E" and first is not None:
            yield first, i, type_
            first = None
        elif starts and not continues:
            first = i
