"""Gold without text: which texts may be passed on, releases that leave out the others, and putting them back.

A release without text keeps offsets and hashes. ``standoff.json`` names the documents whose words are missing and the
digest of the release that has them. A text that somebody gives is taken if its SHA-256 is the recorded one, as it is or
after one of :func:`candidates`; so it is proven that the offsets count its code points. Words are cut from it again, and
the whole is held against the digest before anything is written.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa

from newsgold.corpus import card, croissant, install, withheld
from newsgold.corpus.codec import decode_jsonl, read_bytes, read_part, sha256, write_atomic
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.release import CARRIED, Build, Built, Part, Prose, build, canonical_bytes, render_parts, write
from newsgold.corpus.tables import Document, read_rows
from newsgold.corpus.verify import prove
from newsgold.errors import DataError, FileFault, Finding, UsageError, finding, has_errors, quote

OPEN_LICENCES = frozenset(
    {"CC0", "CC0-1.0", "CC BY 4.0", "CC-BY-4.0", "CC BY-SA 4.0", "CC-BY-SA-4.0", "PDDL-1.0", "public domain"}
)
"""What a source may name as its licence so that its text may be passed on."""
FILE = "standoff.json"
SECTION, TITLE = "texts", "Texts that are left out"


def may_pass_on(article: Article) -> bool:
    """Whether the text of an article may be given to others: it is ours, or its source names an open licence."""
    return article.origin == "written" or (article.origin == "imported" and article.source.licence in OPEN_LICENCES)


class _Left(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document whose words are left out."""

    id: str
    text_sha256: str
    title: tuple[int, int] | None = None
    """Where the title stands in the text."""
    title_sha256: str | None = None
    """Of a title that does not stand there."""


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """``standoff.json``."""

    digest: str
    """Of the release with all texts."""
    left_out: tuple[_Left, ...]


class Seal(NamedTuple):
    """What is withheld, and where the sealed part goes."""

    split: str
    path: Path
    salt: Path | None = None
    """A file that holds the salt; otherwise it is that of the sealed part that is there, or a new one."""


class Hydrated(NamedTuple):
    """What putting texts back did."""

    version: str
    digest: str
    texts: int
    adjusted: tuple[str, ...]
    """Documents whose text differed from the one that was given in line ends or blanks."""
    changed: tuple[Path, ...]


# ------------------------------------------------------------------------- leaving out


def build_public(
    corpus: Path, out: Path, *, version: str | None = None, standoff: bool = False, seal: Seal | None = None
) -> Built:
    """Write a release to be shown, without the words that may not be passed on, without the gold of a split, or both.

    Raises:
        UsageError: ``out`` is the corpus folder, the sealed part would lie in one of them, nothing is to be withheld, or
            the version has committed to other gold.
        DataError: as :func:`newsgold.corpus.release.build`.
    """
    if out.resolve() == corpus.resolve():
        raise UsageError("the corpus folder stays whole: give another folder with --out")
    parts: list[Part] = []
    sealed = None
    if seal is not None:
        for folder in (out, corpus):
            if seal.path.resolve().is_relative_to(folder.resolve()):
                raise UsageError(f"the sealed part must lie outside of {folder}, or it would be published with it")
        sealed = withheld.Withheld(seal.split, withheld.salt_for(seal.path, seal.salt))
        parts.append(sealed)
    if standoff:
        parts.append(Standoff())

    def commit(release: Build) -> None:
        """The sealed part is on disk before anything commits to it."""
        if sealed is not None and seal is not None:
            withheld.refuse_other(out, release.files)
            write_atomic(seal.path, sealed.sealed)
            seal.path.chmod(0o600)

    return build(corpus, version=version, out=out, parts=parts, before=commit)


class Standoff:
    """The part of a release that leaves out the words of what may not be passed on."""

    section = SECTION
    title = TITLE
    whole = True

    def __init__(self) -> None:
        self.left: list[_Left] = []
        self.digest = hashlib.sha256()

    def change(self, document: Document) -> Document:
        """The document, without its words where they may not be passed on."""
        self.digest.update(canonical_bytes(document))
        article, gold = document
        if may_pass_on(article):
            return document
        self.left.append(_left(article))
        bare = msgspec.structs.replace(article, text="", title=None)
        return Document(bare, gold and _with_surfaces(gold, None))

    def close(self, _version: str, _labels: Labels) -> tuple[Mapping[str, bytes], str]:
        """``standoff.json``, and what the card says."""
        record = _Record(digest=self.digest.hexdigest(), left_out=tuple(self.left))
        said = [
            f"Of {len(self.left):,} document(s) the words are left out, for nobody gave leave to pass them on: `text`, `title`,",
            "surfaces and names are empty or null there. Offsets stay, and so does `text_sha256`. Who has a text puts the words",
            "back with `newsgold corpus hydrate DIR --texts FILE`, which takes it only if that SHA-256 proves it to be the one",
            f"that was annotated. `{FILE}` lists the documents, and the digest of the release with all words.",
        ]
        if not self.left:
            said = ["None: every text may be passed on."]
        return {FILE: msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"}, "\n".join(said)


def _left(article: Article) -> _Left:
    at = article.text.find(article.title) if article.title else -1
    stands = None if article.title is None or at < 0 else (at, at + len(article.title))
    apart = sha256(article.title) if article.title is not None and stands is None else None
    return _Left(id=article.id, text_sha256=article.text_sha256 or sha256(article.text), title=stands, title_sha256=apart)


def _with_surfaces(gold: Annotation, text: str | None) -> Annotation:
    """The gold with the surfaces that a text has at its offsets, or without any."""
    if gold.mentions is None:
        return gold
    cut = (msgspec.structs.replace(m, text=None if text is None else text[m.start : m.end]) for m in gold.mentions)
    return msgspec.structs.replace(gold, mentions=tuple(cut))


# ------------------------------------------------------------------------ putting back


class Given(NamedTuple):
    """A text that somebody has."""

    path: str
    name: str
    """The id that it goes by."""
    text: str
    title: str | None = None


def hydrate(folder: Path, texts: Sequence[Path], *, out: Path | None = None) -> Hydrated:
    """Put texts back into a release, in its folder or in ``out``.

    Args:
        folder: a release that ``corpus build --standoff`` made.
        texts: ``.txt`` files, JSONL of articles, or folders of them (a corpus folder among them), in any order.
        out: another folder to write the whole release to.

    Raises:
        DataError: a finding for each document of which no text was proven; nothing is written.
        FileFault: the folder is no release.
        UsageError: nothing is left out of it.
    """
    install.settle(folder)
    release = prove(folder)
    if FILE not in release.sums:
        raise UsageError(f"{folder} leaves no text out: it has no {FILE}")
    record = msgspec.json.decode(read_bytes(folder / FILE), type=_Record)
    found, adjusted = _proven(record, list(_given(texts)), str(folder))
    runs = (
        ((a, g) for data in parts for a, g in read_rows(pa.BufferReader(data))) for parts in release.shards("documents").values()
    )
    rows = (Document(*row) for row in heapq.merge(*runs, key=lambda row: row[0].id))
    build = _render(folder, release.version, release.labels(), (_restored(row, found) for row in rows))
    if build.digest != record.digest:
        got, wanted = f"digest {build.digest[:12]}", f"digest {record.digest[:12]}"
        raise DataError(
            f"{folder} does not give the whole release", [finding("RELEASE_MIXED", str(folder), got=got, wanted=wanted)]
        )
    written = write(build, out or folder)
    return Hydrated(build.version, build.digest, len(found), adjusted, written.changed)


def _restored(document: Document, found: Mapping[str, tuple[str, str | None]]) -> Document:
    article, gold = document
    if article.id not in found:
        return document
    text, title = found[article.id]
    return Document(msgspec.structs.replace(article, text=text, title=title), gold and _with_surfaces(gold, text))


def _render(folder: Path, version: str, labels: Labels, documents: Iterator[Document]) -> Build:
    """The whole release, from what the one without text has beside the documents."""
    words = card.without_section(read_bytes(folder / "README.md"), SECTION, TITLE)
    parts: list[Part] = []
    if (folder / withheld.FILE).is_file():
        words = card.without_section(words, withheld.SECTION, withheld.TITLE)
        parts.append(withheld.Published(read_bytes(folder / withheld.FILE)))
    path = str(folder / "README.md")
    described = folder / "croissant.json"
    facts = croissant.facts_of(read_bytes(described), card.front(words, path)) if described.is_file() else None
    carried = {name: read_bytes(folder / name) for name in CARRIED if (folder / name).is_file()}
    return render_parts(documents, labels, parts, version=version, prose=Prose(words, facts, path), extra=carried)


def _proven(record: _Record, given: Sequence[Given], path: str) -> tuple[dict[str, tuple[str, str | None]], tuple[str, ...]]:
    """Text and title of every document that has none, and the documents whose text had to be adjusted."""
    wanted = {left.text_sha256 for left in record.left_out}
    proven: dict[str, tuple[str, bool]] = {}
    titles = {sha256(one.title): one.title for one in given if one.title is not None}
    for one in given:
        if sha256(one.text) in wanted:
            proven[sha256(one.text)] = (one.text, False)
    for one in given if wanted - proven.keys() else ():
        if sha256(one.text) not in proven:
            for form in candidates(one.text):
                if (digest := sha256(form)) in wanted:
                    proven.setdefault(digest, (form, True))
    out: dict[str, tuple[str, str | None]] = {}
    faults: list[Finding] = []
    for left in record.left_out:
        text = proven[left.text_sha256][0] if left.text_sha256 in proven else None
        title = titles.get(left.title_sha256 or "")
        if text is not None and left.title is not None:
            title = text[slice(*left.title)]
        if text is None or (left.title_sha256 is not None and title is None):
            faults.append(_missing(left, given, path, whole=text is None))
        else:
            out[left.id] = (text, title)
    if faults:
        raise DataError(f"of {len(faults)} document(s) no text was proven; nothing was written", faults)
    return out, tuple(left.id for left in record.left_out if proven[left.text_sha256][1])


def _missing(left: _Left, given: Sequence[Given], path: str, *, whole: bool) -> Finding:
    if not whole:
        wanted = f"a title of sha256 {str(left.title_sha256)[:12]}, in a JSONL record with text and title"
        return finding("TEXT_MISSING", path, doc=left.id, pointer="/title", got="no such title", wanted=wanted)
    named = next((one for one in given if one.name == left.id), None)
    got = "none of that name" if named is None else f"{quote(named.path)} of sha256 {sha256(named.text)[:12]}"
    return finding("TEXT_MISSING", path, doc=left.id, got=got, wanted=f"a text of sha256 {left.text_sha256[:12]}")


def candidates(text: str) -> Iterator[str]:
    """What a text may have been before somebody's tools changed its line ends or its blanks: at most 192 forms.

    A byte order mark goes. Line ends stay, or are all LF, CRLF or CR; blanks at the ends of lines stay or go; around
    the whole, blank space stays or goes, at its end for none, one or two line ends.
    """
    text = text.removeprefix("\ufeff")
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    for lines in (unified, "\n".join(line.rstrip(" \t\u00a0") for line in unified.split("\n"))):
        for body in (lines, lines.rstrip(), lines.strip()):
            for tail in ("", "\n", "\n\n"):
                for end in ("\n", "\r\n", "\r"):
                    yield (body + tail).replace("\n", end)
    # mixed line ends cannot be had from unified ones
    for body in (text, text.rstrip(), text.strip()):
        for tail in ("", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n"):
            yield body + tail


def _given(paths: Iterable[Path]) -> Iterator[Given]:
    """The texts at some paths; what is in a folder and is no text is passed over, what is named must be one."""
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix in (".txt", ".jsonl") and p.is_file())
            for one in inside:
                yield from _texts(one, named=False)
        else:
            yield from _texts(path, named=True)


def _texts(path: Path, *, named: bool) -> Iterator[Given]:
    raw = read_part(path)
    if isinstance(raw, Finding):
        raise FileFault(f"cannot read {path}: {raw.got or raw.message}")
    if path.suffix == ".jsonl":
        decoded = decode_jsonl(raw, Article, str(path))
        if named and has_errors(decoded.findings):
            raise DataError(f"{path} cannot be read whole", decoded.findings)
        yield from (Given(str(path), r.value.id, r.value.text, r.value.title) for r in decoded.records)
        return
    try:
        yield Given(str(path), path.stem, raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        if named:
            raise FileFault(f"{path} is not UTF-8: byte {error.start}") from error
