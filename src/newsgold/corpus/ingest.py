"""From files as received to articles: text, regions, metadata, and the raw bytes kept.

Plain text is annotated exactly as it stands, every character of it: titles,
repeats and line endings are named by regions, never deleted. From HTML the
main text is extracted; JSONL holds articles ready made.

A file is taken whole or not at all. Everything is checked before the first
write; then come the raw file, the text and, last, the metadata, which makes
the article known. A run killed at any moment is finished by the next one.
An article that is known is never written again, so metadata may be edited; bytes
that are an article already are said to be, where the call asks for something else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from newsgold.corpus.codec import (
    Decoded,
    Record,
    check_room,
    decode_file,
    decode_jsonl,
    decode_text,
    encode,
    read_bytes,
    sha256,
    write_atomic,
)
from newsgold.corpus.model import DOCUMENT_ID, MAX_RECORD_BYTES, ORIGINS, Annotation, Article, Region, Source
from newsgold.corpus.store import ARTICLES, GOLD, RAW, read_articles, write_article
from newsgold.corpus.validate import check_articles
from newsgold.errors import FileFault, Finding, UsageError, finding, has_errors, printable, quote

MAX_TITLE_LENGTH = 200
MIN_REPEATED_PARAGRAPH = 40
MAX_SLUG_LENGTH = 60
MAX_NAME_BYTES = 200


class Ingested(NamedTuple):
    """What became of the files: their articles, new or known; the paths written; the faults."""

    articles: tuple[Article, ...]
    changed: tuple[Path, ...]
    findings: tuple[Finding, ...]


class _Received(NamedTuple):
    """A file as received."""

    path: Path
    raw: bytes
    sha256: str


def ingest(
    files: Sequence[Path],
    corpus: Path,
    *,
    id: str | None = None,
    origin: str = "imported",
    split: str | None = None,
    event: str | None = None,
    outlet: str | None = None,
    published: str | None = None,
    language: str = "en",
    progress: Callable[[Path], None] | None = None,
) -> Ingested:
    """Take articles from plain text, HTML and JSONL files into a corpus folder.

    What a file says of itself (HTML, JSONL) stands above the options, save for ``id``. Without it
    an article is named after its title. A file with a fault changes nothing; the others are taken.
    """
    if id is not None and len(files) > 1:
        raise UsageError(f"one id cannot name the articles of {len(files)} files: give one file, or leave the id out")
    if origin not in ORIGINS:
        raise UsageError(f"no such origin: {quote(origin)}; use one of {', '.join(ORIGINS)}")
    if id is not None and not DOCUMENT_ID.fullmatch(id):
        return Ingested((), (), tuple(finding("BAD_ID", str(file), got=quote(id)) for file in files))
    options = Article(
        id=id or "", text="", language=language, origin=origin, split=split, event=event, outlet=outlet, published=published
    )
    for room in (ARTICLES, RAW, GOLD):
        check_room(corpus / room)
    known = _known(corpus)
    done = []
    for file in files:
        done.append(_ingest_file(file, corpus, options, known))
        known |= {article.id: article for article in done[-1].articles}
        if progress is not None:
            progress(file)
    articles = {article.id: article for part in done for article in part.articles}
    return Ingested(
        tuple(articles.values()),
        tuple(path for part in done for path in part.changed),
        tuple(fault for part in done for fault in part.findings),
    )


def check(corpus: Path) -> list[Finding]:
    """Whether every article is what its raw file gives: hashes, and for plain text each character."""
    decoded = read_articles(corpus / ARTICLES)
    found = [*decoded.findings, *check_articles(decoded.records, corpus / RAW)]
    faulty = {fault.path for fault in found}
    for record in decoded.records:
        text, source = record.value.text, record.value.source
        if source.file is None or source.sha256 is None or record.path in faulty or _reader(Path(source.file)) is not _from_text:
            continue
        if sha256(text) != source.sha256:
            found.append(_fault("ARTICLE_HASH", record, got="another text", wanted=f"that of {quote(source.file)}"))
    return found


# ----------------------------------------------------------------------- one file


def _known(corpus: Path) -> dict[str, Article]:
    folder = corpus / ARTICLES
    if not any(folder.glob("*.toml")):
        return {}
    return {record.value.id: record.value for record in read_articles(folder).records}


def _ingest_file(path: Path, corpus: Path, options: Article, known: dict[str, Article]) -> Ingested:
    """Check everything about one file, then write what is new of it."""
    file = _receive(path)
    if isinstance(file, Finding):
        return Ingested((), (), (file,))
    decoded = _decode(file, options, known)
    records = [r._replace(value=known[r.value.id]) if _same(r.value, known, file) else r for r in decoded.records]
    kept = sorted({a.source.file or path.name for a in (r.value for r in records) if a.source.sha256 == file.sha256})
    found = [*decoded.findings, *_faults(records, corpus, known)]
    if not has_errors(found):
        found += [fault for name in kept if (fault := _raw_fault(name, file, corpus, options, known)) is not None]
    if has_errors(found):
        return Ingested((), (), tuple(found))
    pairs = zip(decoded.records, records, strict=True)
    found += [notice for old, r in pairs if (notice := _notice(old.value, r, file, options, known)) is not None]
    changed = [target for name in kept if write_atomic(target := corpus / RAW / name, file.raw)]
    for record in records:
        if record.value.id not in known:
            changed += write_article(record.value, corpus)
    return Ingested(tuple(record.value for record in records), tuple(changed), tuple(found))


def _receive(path: Path) -> _Received | Finding:
    """The bytes of a file, unless its name or its size forbids it to be read."""
    if not path.is_file():
        raise FileFault(f"cannot read {path}: " + ("not a regular file" if path.exists() else "no such file"))
    if not _safe(path.name):
        return finding("RAW_NAME", str(path), got=quote(path.name), wanted=f"printable, at most {MAX_NAME_BYTES} bytes")
    reader, size = _reader(path), path.stat().st_size
    if size > MAX_RECORD_BYTES and reader is not _from_jsonl:
        code = "TEXT_TOO_LONG" if reader is _from_text else "RECORD_TOO_LONG"
        return finding(code, str(path), got=f"{size:,} bytes", wanted=f"at most {MAX_RECORD_BYTES:,}")
    raw = read_bytes(path)
    return _Received(path, raw, sha256(raw))


def _safe(name: str) -> bool:
    """Whether a name from outside may name a file under raw/."""
    shown = printable(name) == name and not re.search(r"[/\\]", name) and not name.startswith(".")
    return shown and 0 < len(name.encode()) <= MAX_NAME_BYTES


def _notice(
    fresh: Article, record: Record[Article], file: _Received, options: Article, known: dict[str, Article]
) -> Finding | None:
    """What the call asked of a known article in vain: another file name, or options that its metadata contradict."""
    article = record.value
    if known.get(article.id) is not article:
        return None
    reader = _reader(file.path)
    # a page that is known is not read again, so what it says of itself is not at hand
    names = ("origin", "split", "event") if reader is _from_html else _OPTIONS
    given = fresh if reader is _from_jsonl else options
    ignored = [
        f"{name} {quote(asked)}"
        for name in names
        if (asked := getattr(options, name)) not in (getattr(_BLANK, name), getattr(article, name))
        and asked == getattr(given, name)
    ]
    renamed = reader is not _from_jsonl and article.source.file not in (None, file.path.name)
    facts = [f"the bytes of {quote(article.source.file)}"] if renamed else []
    facts += [f"ignored: {', '.join(ignored)}"] if ignored else []
    return _fault("ALREADY_INGESTED", record, got="; ".join(facts)) if facts else None


_OPTIONS = ("origin", "split", "event", "outlet", "published", "language")


def _same(article: Article, known: dict[str, Article], file: _Received) -> bool:
    """Whether the article is known already, from these bytes or, in JSONL, with this text."""
    other = known.get(article.id)
    if other is None:
        return False
    by_text = other.source.sha256 is None or _reader(file.path) is _from_jsonl
    return other.source.sha256 == file.sha256 or (by_text and other.text == article.text)


def _faults(records: list[Record[Article]], corpus: Path, known: dict[str, Article]) -> list[Finding]:
    """What forbids these articles to be written, the raw file apart."""
    found = [fault for record in records if (fault := _unwritable(record)) is not None] or check_articles(records)
    if not has_errors(found):
        found += [f for r in records if known.get(r.value.id) is not r.value and (f := _taken(r, corpus, known)) is not None]
    return found


def _unwritable(record: Record[Article]) -> Finding | None:
    """Why the text or the metadata could not be read again, once written."""
    article = record.value
    try:
        encode(article)
    except UnicodeEncodeError as error:
        return _fault("LONE_SURROGATE", record, got=quote(error.object[error.start]))
    fault = decode_text(article.text.encode(), record.path) if article.text.strip() else None
    return _fault(fault.code, record, pointer="/text", got=fault.got) if isinstance(fault, Finding) else None


def _taken(record: Record[Article], corpus: Path, known: dict[str, Article]) -> Finding | None:
    """Why the article may not be written under its id: something of that id is there."""
    article = record.value
    base, gold = corpus / ARTICLES / article.id, corpus / GOLD / f"{article.id}.json"
    text, metadata = base.with_name(f"{article.id}.txt"), base.with_name(f"{article.id}.toml")
    if article.id in known:
        return _fault("ANNOTATED_TEXT_CHANGED" if gold.exists() else "ID_TAKEN", record, got="other bytes")
    marked = decode_file(read_bytes(gold), Annotation, str(gold)).records if gold.exists() else []
    if any(r.value.text_sha256 != article.text_sha256 for r in marked):
        return _fault("ANNOTATED_TEXT_CHANGED", record, got="another text than the gold was made on")
    if metadata.exists() or (text.exists() and read_bytes(text) != article.text.encode()):
        return _fault("ID_TAKEN", record, got=f"{quote(str(text))} with other bytes, or with metadata that cannot be read")
    return None


def _raw_fault(name: str, file: _Received, corpus: Path, options: Article, known: dict[str, Article]) -> Finding | None:
    """Why the bytes may not be kept under raw/ by this name."""
    if not _safe(name):
        return finding("RAW_NAME", str(file.path), got=quote(name))
    path = corpus / RAW / name
    if not path.exists() or (path.is_file() and sha256(read_bytes(path)) == file.sha256):
        return None
    owners = [article for article in known.values() if article.source.file == name]
    if any(article.source.sha256 == file.sha256 for article in owners):
        return finding("RAW_HASH", str(file.path), got=f"{RAW}/{name} with other bytes")
    annotated = next((a.id for a in owners if (corpus / GOLD / f"{a.id}.json").exists()), "")
    code = "ANNOTATED_TEXT_CHANGED" if annotated and not options.id else "RAW_NAME"
    return finding(code, str(file.path), doc=annotated, got=f"other bytes than {RAW}/{name}")


def _fault(code: str, record: Record[Article], *, pointer: str = "", got: str = "", wanted: str = "") -> Finding:
    return finding(code, record.path, line=record.line, doc=record.value.id, pointer=pointer, got=got, wanted=wanted)


# ----------------------------------------------------------------- kinds of files


def _reader(path: Path) -> Callable[[_Received, Article], Decoded[Article]]:
    suffix = path.suffix.lower()
    return _from_html if suffix in (".html", ".htm") else _from_jsonl if suffix == ".jsonl" else _from_text


def _decode(file: _Received, options: Article, known: dict[str, Article]) -> Decoded[Article]:
    """The articles of a file; a file of one article that was ingested from the same bytes is not read again."""
    reader = _reader(file.path)
    if reader is not _from_jsonl:
        for article in known.values():
            if article.source.sha256 == file.sha256 and options.id in ("", article.id):
                return Decoded([Record(article, str(file.path), 0)], [])
    return reader(file, options)


def _from_text(file: _Received, options: Article) -> Decoded[Article]:
    text = decode_text(file.raw, str(file.path))
    return Decoded([], [text]) if isinstance(text, Finding) else _single(msgspec.structs.replace(options, text=text), file)


def _from_jsonl(file: _Received, options: Article) -> Decoded[Article]:
    """Articles ready made; the options fill in what they leave open."""
    decoded = decode_jsonl(file.raw, Article, str(file.path))
    if options.id and len(decoded.records) > 1:
        raise UsageError(f"one id cannot name the {len(decoded.records)} articles of {file.path}: leave the id out")
    records = []
    for record in decoded.records:
        given = {name: value for name, value in msgspec.structs.asdict(record.value).items() if value != getattr(_BLANK, name)}
        article = msgspec.structs.replace(options, **{**given, "id": options.id or record.value.id})
        records.append(record._replace(value=_complete(article, file)))
    return Decoded(records, decoded.findings)


_BLANK = Article(id="", text="")


def _from_html(file: _Received, options: Article) -> Decoded[Article]:
    """The main text of a page under its title, and what the page says of itself."""
    import trafilatura
    from trafilatura.settings import Document

    # A byte order mark shifts no offset here, since the text is extracted.
    markup = decode_text(file.raw.removeprefix(b"\xef\xbb\xbf"), str(file.path))
    if isinstance(markup, Finding):
        return Decoded([], [markup])
    # Only a declared date is taken, not one made up from any number on the page; and the same one whatever the day is.
    dates = {"extensive_search": False, "original_date": True, "max_date": "2999-12-31"}
    page = trafilatura.bare_extraction(markup, include_comments=False, with_metadata=True, date_extraction_params=dates)
    if not isinstance(page, Document) or not (page.text or "").strip():
        return Decoded([], [finding("NO_TEXT", str(file.path))])
    title = " ".join((page.title or "").split()) or None
    body = re.sub("\r\n?", "\n", page.text or "").strip()
    language = _HTML_LANGUAGE.search(markup, 0, 4096)
    article = msgspec.structs.replace(
        options,
        text=f"{title}\n\n{body}\n" if title else f"{body}\n",
        title=title,
        language=language[1].lower() if language else options.language,
        outlet=page.sitename or options.outlet,
        published=page.date or options.published,
        source=Source(name=page.sitename or page.hostname or None, url=page.url or None, licence=page.license or None),
    )
    return _single(article, file)


_HTML_LANGUAGE = re.compile(r"<html\b[^>]*?\slang=[\"']?([a-z]{2,3}(?:-[a-z0-9]{2,8})*)", re.IGNORECASE)


def _single(article: Article, file: _Received) -> Decoded[Article]:
    article = _complete(article, file)
    article = msgspec.structs.replace(article, id=article.id or _slug(article.title or "", file.sha256))
    return Decoded([Record(article, str(file.path), 0)], [])


def _complete(article: Article, file: _Received) -> Article:
    """The article with regions, title, hashes and its source filled in."""
    regions = article.regions or find_regions(article.text, title=article.title)
    title = article.title or next((article.text[r.start : r.end] for r in regions if r.kind == "title"), None)
    source = msgspec.structs.replace(article.source, file=file.path.name, sha256=file.sha256)
    digest = article.text_sha256 or sha256(article.text)
    return msgspec.structs.replace(article, title=title, regions=regions, source=source, text_sha256=digest)


def _slug(title: str, digest: str) -> str:
    """An id made of a title's words, or of the hash where most of the title is in another script."""
    plain = unicodedata.normalize("NFKD", re.sub("['’]", "", title).casefold()).encode("ascii", "ignore").decode()
    words = re.findall("[a-z0-9]+", plain)
    if 2 * sum(map(len, words)) <= sum(c.isalnum() for c in title):
        return f"article-{digest[:12]}"
    slug = "-".join(words)
    if len(slug) <= MAX_SLUG_LENGTH:
        return slug
    return slug[: MAX_SLUG_LENGTH + 1].rpartition("-")[0] or slug[:MAX_SLUG_LENGTH]


# ------------------------------------------------------------------------ regions

_LINE = re.compile("[^\r\n\u2028\u2029]+")
_BULLETS = re.compile(r"[\s•‣◦▪●·∙*#>–—-]+")
_FULL_STOP = re.compile(r"[.。।؟?!…:;,][\"'”’»)\]]*$")


class _Line(NamedTuple):
    """A visible line: where it begins and ends, without its break, and what it says, bullets apart."""

    start: int
    end: int
    words: str


def find_regions(text: str, *, title: str | None = None) -> tuple[Region, ...]:
    """The title, the body, and the whole lines that repeat the title or a paragraph.

    The title is the first line where it is short and does not end as a sentence does, or stands
    apart from what follows; where ``title`` is given, only if it says that. A repeat inside a
    paragraph is no duplicate. The body runs from the first line that is neither to the last
    visible character and may hold duplicates.
    """
    lines = list(_visible_lines(text))
    first = _title_line(lines, text, title)
    body = lines[1:] if first is not None else lines
    seen = {first.words} if first is not None else set()
    regions = [] if first is None else [_trimmed(text, first.start, first.end, "title")]
    rest = None
    for line in body:
        if line.words in seen:
            regions.append(Region(start=line.start, end=line.end, kind="duplicate"))
            continue
        rest = line.start if rest is None else rest
        if len(line.words) >= MIN_REPEATED_PARAGRAPH:
            seen.add(line.words)
    if rest is not None:
        regions.append(_trimmed(text, rest, len(text), "body"))
    return tuple(sorted(regions, key=lambda r: (r.start, -r.end)))


def _visible_lines(text: str) -> Iterator[_Line]:
    for match in _LINE.finditer(text):
        words = match[0].strip()
        if words:
            bullets = _BULLETS.match(words)
            yield _Line(match.start(), match.end(), (words[bullets.end() :] if bullets else "") or words)


def _title_line(lines: list[_Line], text: str, title: str | None) -> _Line | None:
    if not lines:
        return None
    first = lines[0]
    shown = text[first.start : first.end].strip()
    if title is not None:
        return first if shown == title.strip() else None
    apart = len(lines) > 1 and len(text[first.end : lines[1].start].splitlines()) > 1
    return first if len(shown) <= MAX_TITLE_LENGTH and (apart or not _FULL_STOP.search(shown)) else None


def _trimmed(text: str, start: int, end: int, kind: str) -> Region:
    """A region without the white space at its edges; something in it is visible."""
    inside = text[start:end]
    return Region(start=start + len(inside) - len(inside.lstrip()), end=start + len(inside.rstrip()), kind=kind)
