"""The release: what the articles and the gold of a corpus folder build, and reading it back.

    data/<config>/<split>-00000-of-00001.parquet   the rows
    README.md       the dataset card: its front matter and its marked sections
    croissant.json  the same for machines, in Croissant 1.1 with RAI 1.0
    schema/         JSON Schemas of an annotation and an article, with the inventory's labels
    VERSION         of the data
    SHA256SUMS      of everything the corpus consists of, for ``sha256sum -c``

Everything is a function of articles, gold, inventory, version and prose (the
card's, and ``croissant.toml``): equal inputs are equal bytes under one version
of pyarrow. The *digest* is of the data alone, the same whatever wrote the Parquet.
Documents are read, checked and written one after the other; in memory are the
files of the release, and a row group of each split.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from newsgold.corpus import card, croissant, install, tables, versions
from newsgold.corpus.codec import canonical, encode, json_schema, read_bytes, sha256
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import SPLITS, Annotation, Article
from newsgold.corpus.store import ARTICLES, GOLD, RAW, VERSION_NUMBER, corpus_version, fill, is_corpus
from newsgold.corpus.tables import CONFIGS, ROW_GROUP, Document, Shard, read_documents, read_labels, read_rows
from newsgold.corpus.tally import Tally, stats
from newsgold.corpus.validate import capped, check_corpus
from newsgold.errors import DataError, FileFault, Finding, UsageError, finding, has_errors, quote

__all__ = [
    "Build", "Built", "build", "check", "load_back", "logical_digest", "read_documents", "read_labels", "read_release", "render",
    "render_documents", "stats", "write",
]  # fmt: skip

FIRST_VERSION = "0.1.0"
SHARD = 100_000
"""Documents in a file; a split that has more is in several."""
_SHARD = re.compile(rf"({'|'.join(SPLITS)})-\d{{5}}-of-\d{{5}}\.parquet")
CARRIED = ("labels.toml", "kb.jsonl", "LICENSE")
"""What a release that stands alone needs of the corpus folder besides what is generated."""
_OPTIONAL = ("croissant.json", "standoff.json", "withheld.json")
"""What not every release has."""
_UNSUMMED = ("README.md", "VERSION", "SHA256SUMS")
"""People may edit the card between releases; it and VERSION state the digest that the rows must have."""


class Build(NamedTuple):
    """A release in memory."""

    version: str
    digest: str
    files: Mapping[str, bytes]
    """Every file, by its path in the release."""
    findings: tuple[Finding, ...] = ()
    """Warnings: about the data, and about articles that are left out for want of a split."""


class Built(NamedTuple):
    """A release on disk."""

    version: str
    digest: str
    changed: tuple[Path, ...]
    """Files written anew or removed."""
    findings: tuple[Finding, ...]


class Prose(NamedTuple):
    """What people write of a corpus."""

    card: bytes
    """The dataset card whose generated parts are replaced."""
    facts: croissant.Facts | None
    """What ``croissant.toml`` says; without it there is no ``croissant.json``."""
    path: str = "README.md"
    """The card's, for messages."""


class Part(Protocol):
    """Something that a release does otherwise, such as leaving words out. It has a section of the card of its own."""

    section: str
    """The section's name."""
    title: str
    """The section's heading."""
    whole: bool
    """Whether all gold is in it."""

    def change(self, document: Document) -> Document:
        """The document as it is to be released; all of them go by, sorted by id."""

    def close(self, version: str, labels: Labels) -> tuple[Mapping[str, bytes], str]:
        """Files that it adds and what its section says, once all documents have gone by."""


# ------------------------------------------------------------------------- building


def build(
    corpus: Path,
    *,
    version: str | None = None,
    out: Path | None = None,
    parts: Sequence[Part] = (),
    before: Callable[[Build], None] = lambda _: None,
    progress: Callable[[int, int], None] | None = None,
) -> Built:
    """Write the release of a corpus folder into it, or into ``out``; raises :class:`DataError` if the data have errors.

    A release in ``out`` stands alone: it holds inventory and licence too, and its SHA256SUMS covers what is there.
    Its version is held against what changed since the release in ``out``, else since the one in the corpus folder.
    ``before`` is called when it is rendered and nothing is written yet, ``progress`` now and then with how many documents are
    read, and how many there are.
    """
    target = out or corpus
    alone = target.resolve() != corpus.resolve()
    finished = install.settle(target)
    number = _version(corpus, version)
    _refuse_older(target, number)
    release = render(corpus, version=number, alone=alone, parts=parts, progress=progress)
    last = target if any((target / versions.DOCUMENTS).glob("*.parquet")) else corpus
    # what leaves gold out differs from a whole release by more than its changes
    apart = last == corpus and not all(part.whole for part in parts)
    judged = [] if apart else versions.judge(release.files, last, given=version is not None)
    before(release)
    built = write(release, target)
    return built._replace(changed=(*finished, *built.changed), findings=(*built.findings, *judged))


def write(release: Build, target: Path) -> Built:
    """Replace the release in a folder by another, as one: see :mod:`newsgold.corpus.install`."""
    gone = [path.relative_to(target).as_posix() for path in _superfluous(target, release.files)]
    left = install.remains(target)
    changed = install.install(target, release.files, gone)
    return Built(release.version, release.digest, (*left, *changed), release.findings)


def check(corpus: Path) -> list[Finding]:
    """A finding for every file of the committed release that differs from what the gold builds, is missing, or is left over."""
    release = render(corpus)
    found = []
    for name, data in release.files.items():
        path = corpus / name
        actual = read_bytes(path) if path.is_file() else None
        if actual != data:
            got = "no file" if actual is None else f"sha256 {sha256(actual)[:12]}"
            found.append(finding("RELEASE_STALE", str(path), got=got, wanted=f"sha256 {sha256(data)[:12]}"))
    extra = [*_superfluous(corpus, release.files), *install.remains(corpus)]
    return found + [finding("RELEASE_STALE", str(path), got="a file left over", wanted="no file") for path in extra]


def render(
    corpus: Path,
    *,
    version: str | None = None,
    alone: bool = False,
    parts: Sequence[Part] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Build:
    """Everything that the corpus folder builds; ``version`` is the one in its VERSION unless given.

    ``alone`` adds what a release needs outside of the corpus folder; ``parts`` change what is released, one after the other.
    """
    if not is_corpus(corpus):
        raise FileFault(f"{corpus} is no corpus folder: it has no {ARTICLES}/")
    version = _version(corpus, version)
    labels = find_labels(None, corpus)
    found: list[Finding] = []
    words = _card(corpus)
    facts = croissant.read_facts(corpus, version)
    prose = Prose(words, None if isinstance(facts, Finding) else facts, str(corpus / "README.md"))
    carried = {name: read_bytes(corpus / name) for name in CARRIED if alone and (corpus / name).is_file()}
    sums: dict[str, str] = {} if alone else _sums(corpus)
    documents = _documents(corpus, labels, found, None if alone else sums, progress)
    release = render_parts(documents, labels, parts, version=version, prose=prose, extra=carried, sums=sums)
    return release._replace(findings=(*found, *([facts] if isinstance(facts, Finding) else [])))


def render_parts(
    documents: Iterable[Document],
    labels: Labels,
    parts: Sequence[Part],
    *,
    version: str,
    prose: Prose,
    extra: Mapping[str, bytes],
    sums: Mapping[str, str] | None = None,
) -> Build:
    """A release of documents that each of the parts has changed, with their files and their sections of the card."""
    files, sections = {**extra}, dict[str, str]()
    words = prose.card
    for part in parts:
        words = card.with_section(words, part.section, part.title)

    def changed() -> Iterator[Document]:
        for document in documents:
            for part in parts:
                document = part.change(document)
            yield document
        for part in parts:
            added, sections[part.section] = part.close(version, labels)
            files.update(added)

    # files and sections are looked at when the documents have gone by
    return render_documents(
        changed(), labels, version=version, prose=prose._replace(card=words), sections=sections, extra=files, sums=sums
    )


def render_documents(
    documents: Iterable[Document],
    labels: Labels,
    *,
    version: str,
    prose: Prose,
    sections: Mapping[str, str] | None = None,
    extra: Mapping[str, bytes] | None = None,
    sums: Mapping[str, str] | None = None,
) -> Build:
    """A release of any documents.

    Args:
        documents: Sorted by id, each with a split, gold canonical and complete (split, event, ignore, hash).
        labels: Their inventory.
        version: Of the release.
        prose: What people wrote of it.
        sections: Generated sections of the card beyond those that every card has.
        extra: Files beyond those that every release has; both are looked at when ``documents`` have been read.
        sums: SHA-256 by path of what the release consists of and this does not write; looked at when ``documents`` have
            been read.
    """
    features = tables.features(labels)
    shards = _Shards(labels, {config: columns.arrow_schema for config, columns in features.items()})
    tally = Tally()
    digest = hashlib.sha256()
    for document in documents:
        digest.update(canonical_bytes(document))
        tally.add(*document)
        shards.add(document)
    if not tally.splits:
        raise DataError("there is nothing to release: no article has a split", [])
    written = shards.close(version, digest.hexdigest())
    files = {
        card.data_file(config, split, number, len(parts)): part.data
        for config, splits in written.items()
        for split, parts in splits.items()
        for number, part in enumerate(parts)
    }
    files |= {f"schema/{kind.__name__.lower()}.json": _schema(kind, labels) for kind in (Annotation, Article)}
    if prose.facts is not None:
        data = {name: shard for name, shard in files.items() if name.startswith("data/")}
        files["croissant.json"] = croissant.render(prose.facts, version, data, features)
    files |= extra or {}
    front = card.front_matter(version, digest.hexdigest(), features, written)
    about = {**card.own_sections(tally, labels, features), **(sections or {})}
    files["README.md"] = card.render(prose.card, prose.path, front, about)
    files["VERSION"] = f"{version}\n".encode()
    summed = {name: sha256(data) for name, data in files.items() if name not in _UNSUMMED}
    lines = (f"{sha}  {name}\n" for name, sha in sorted({**(sums or {}), **summed}.items()))
    files["SHA256SUMS"] = "".join(lines).encode("utf-8")
    return Build(version, digest.hexdigest(), files)


class _Shards:
    """The Parquet files of every config and split, filled as documents go by."""

    def __init__(self, labels: Labels, schemas: Mapping[str, Any]) -> None:
        self.labels = labels
        self.schemas = dict(schemas)
        self.pending: dict[str, list[Document]] = {split: [] for split in SPLITS}
        self.counts = dict.fromkeys(SPLITS, 0)
        self.writers: dict[tuple[str, str], list[tables.ShardWriter]] = {}
        self.last = ""

    def add(self, document: Document) -> None:
        name, split = document.article.id, document.article.split
        if name <= self.last or split is None:
            raise ValueError(f"documents must come sorted by id and have a split: {name} after {self.last}")
        self.last = name
        self.pending[split].append(document)
        if len(self.pending[split]) == ROW_GROUP:
            self._flush(split)

    def _flush(self, split: str) -> None:
        documents, self.pending[split] = self.pending[split], []
        shard = self.counts[split] // SHARD
        self.counts[split] += len(documents)
        for config, table in tables.tables(documents, self.labels, self.schemas).items():
            if table.num_rows:
                writers = self.writers.setdefault((config, split), [])
                # of a view that has no row in a shard the numbers go on without a gap
                if not writers or writers[-1].shard != shard:
                    writers.append(tables.ShardWriter(self.schemas[config], shard))
                writers[-1].write(table)

    def close(self, version: str, digest: str) -> dict[str, dict[str, list[Shard]]]:
        """The files by config and split; only those that have rows, for ``datasets`` cannot load an empty split."""
        for split in SPLITS:
            if self.pending[split]:
                self._flush(split)
        out: dict[str, dict[str, list[Shard]]] = {}
        for config in self.schemas:
            about: dict[str, Any] = {"config": config, "digest": digest, "version": version}
            if config == "documents":
                about["labels"] = msgspec.to_builtins(self.labels)
            for split in SPLITS:
                if parts := self.writers.pop((config, split), []):
                    out.setdefault(config, {})[split] = [part.close(about) for part in parts]
        return out


def logical_digest(documents: Iterable[Document]) -> str:
    """SHA-256 over the canonical JSON of articles and gold, sorted by id; it can be had from the Parquet as well."""
    digest = hashlib.sha256()
    # of many documents the bytes take a fraction of the room
    for _, data in sorted((document.article.id, canonical_bytes(document)) for document in documents):
        digest.update(data)
    return digest.hexdigest()


def canonical_bytes(document: Document) -> bytes:
    """What the digest is of."""
    article, gold = document
    return encode(article) + b"\n" + (b"" if gold is None else encode(gold) + b"\n")


def read_release(folder: Path) -> Iterator[Document]:
    """The documents of a release, split by split, shard by shard; raises :class:`FileFault`."""
    paths = sorted((folder / "data" / "documents").glob("*.parquet"))
    if not paths:
        raise FileFault(f"no release in {folder}: expected data/documents/*.parquet")
    for path in paths:
        yield from read_rows(path)


def _documents(
    corpus: Path,
    labels: Labels,
    found: list[Finding],
    sums: dict[str, str] | None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Document]:
    """The documents to release, complete and canonical; ``found`` and ``sums`` are filled on the way.

    Raises :class:`DataError` at the end if there are errors.
    """
    broken = False
    for record, annotation, faults in check_corpus(corpus, labels, progress=progress):
        found += faults
        broken = broken or has_errors(faults)
        if broken or record is None:
            continue
        article = record.value
        text_sha256 = sha256(article.text)
        if sums is not None:
            # a text is stored as it is read, without a byte order mark, so that its hash is that of its file
            sums |= {f"{ARTICLES}/{article.id}.txt": text_sha256, f"{ARTICLES}/{article.id}.toml": _sum(record.raw)}
            if annotation is not None:
                sums[f"{GOLD}/{article.id}.json"] = _sum(annotation.raw)
        if article.split is None:
            pointer, wanted = "/split", f"{', '.join(SPLITS)}; without one it is left out of the release"
            found.append(
                finding("BAD_SPLIT", record.path, doc=article.id, pointer=pointer, got="none", wanted=wanted, severity="warning")
            )
            continue
        article = msgspec.structs.replace(article, text_sha256=text_sha256)
        gold = None
        if annotation is not None:
            gold = msgspec.structs.replace(canonical(fill(annotation.value, article), labels), text_sha256=text_sha256)
        yield Document(article, gold)
    if broken:
        faults = sorted(capped(found), key=lambda f: f.severity)
        raise DataError(f"{corpus} cannot be released: its data have errors", faults)
    found[:] = capped(found)


def _version(corpus: Path, given: str | None) -> str:
    if given is not None:
        if not VERSION_NUMBER.fullmatch(given):
            raise UsageError(f"a version is three numbers, such as 1.2.0, not {quote(given)}")
        return given
    return corpus_version(corpus) or FIRST_VERSION


def _refuse_older(target: Path, version: str) -> None:
    present = corpus_version(target)
    if present is not None and _numbers(version) < _numbers(present):
        raise UsageError(
            f"{target} holds version {present}, which is newer than {version}: "
            "give a higher --version, or another folder with --out"
        )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _card(corpus: Path) -> bytes:
    path = corpus / "README.md"
    if not path.is_file():
        raise FileFault(f"no dataset card at {path}: write one with front matter and the markers of its generated sections")
    return read_bytes(path)


def _schema(kind: type[Annotation] | type[Article], labels: Labels) -> bytes:
    return (json.dumps(json_schema(kind, labels), indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def load_back(corpus: Path) -> dict[str, int]:
    """Load a release with ``datasets`` as a reader would, and hold every row against the gold.

    Gives the number of rows of each config; raises :class:`DataError` naming the first config that differs.
    """
    import datasets

    labels = find_labels(None, corpus)
    schemas = {config: columns.arrow_schema for config, columns in tables.features(labels).items()}
    counts = dict.fromkeys(schemas, 0)
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        loaded = {}
        for config in schemas:
            if any((corpus / "data" / config).glob("*.parquet")):
                loaded[config] = datasets.load_dataset(str(corpus), config, cache_dir=cache)
        seen: dict[tuple[str, str], int] = {}
        for split, documents in _runs(_documents(corpus, labels, [], None)):
            for config, table in tables.tables(documents, labels, schemas).items():
                if table.num_rows:
                    start = seen.get((config, split), 0)
                    seen[config, split] = end = start + table.num_rows
                    part = loaded.get(config, {}).get(split, [])
                    if len(part) < end or part.select(range(start, end)).to_list() != table.to_pylist():
                        raise _differs(corpus, config)
        for config, splits in loaded.items():
            for split, part in splits.items():
                if len(part) != seen.get((config, split), 0):
                    raise _differs(corpus, config)
                counts[config] += len(part)
        del loaded
    return {config: count for config, count in counts.items() if count}


def _runs(documents: Iterable[Document]) -> Iterator[tuple[str, list[Document]]]:
    """The documents of each split, at most a row group at a time."""
    pending: dict[str, list[Document]] = {split: [] for split in SPLITS}
    for document in documents:
        split = document.article.split or ""
        pending[split].append(document)
        if len(pending[split]) == ROW_GROUP:
            yield split, pending[split]
            pending[split] = []
    yield from ((split, rest) for split, rest in pending.items() if rest)


def _differs(corpus: Path, config: str) -> DataError:
    return DataError("datasets loads other rows than the gold has", [finding("RELEASE_STALE", f"{corpus}/data/{config}")])


# ----------------------------------------------------------------------------- files


def _sums(corpus: Path) -> dict[str, str]:
    """SHA-256 of what the corpus is made from, by path, but for articles and gold."""
    paths = [*(corpus / RAW).rglob("*"), *(corpus / name for name in ("labels.toml", "kb.jsonl", croissant.FACTS))]
    # beside articles and gold people may keep what is neither, and it is part of the corpus
    paths += [p for p in (corpus / ARTICLES).rglob("*") if p.suffix not in (".txt", ".toml")]
    paths += [p for p in (corpus / GOLD).rglob("*") if p.suffix != ".json"]
    kept = (path for path in paths if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(corpus).as_posix(): _sum(read_bytes(path)) for path in kept}


def _sum(data: bytes | None) -> str:
    return sha256(data or b"")


def _superfluous(target: Path, files: Iterable[str]) -> list[Path]:
    """Shards of our configs that this release does not have, and what describes another release."""
    names = {*files}
    paths = [p for config in CONFIGS for p in (target / "data" / config).glob("*") if _SHARD.fullmatch(p.name)]
    paths += [p for p in (target / name for name in _OPTIONAL) if p.is_file()]
    return sorted(p for p in paths if p.relative_to(target).as_posix() not in names)
