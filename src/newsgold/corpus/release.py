"""The release: what the articles and the gold of a corpus folder build, and reading it back.

    data/<config>/<split>-00000-of-00001.parquet   the rows
    README.md      the dataset card: its front matter and its marked sections
    schema/        JSON Schemas of an annotation and an article, with the inventory's labels
    VERSION        of the data
    SHA256SUMS     of everything the corpus consists of, for ``sha256sum -c``

Everything is a function of articles, gold, inventory, version and the card's
prose: equal inputs are equal bytes under one version of pyarrow. The *digest*
is of the data alone, the same whatever wrote the Parquet.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from newsgold.corpus import card, tables
from newsgold.corpus.codec import canonical, encode, json_schema, left_behind, read_bytes, sha256, write_atomic
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import LAYERS, SPLITS, Annotation, Article
from newsgold.corpus.store import (
    ARTICLES,
    GOLD,
    RAW,
    VERSION_NUMBER,
    corpus_version,
    fill,
    is_corpus,
    read_annotations,
    read_articles,
)
from newsgold.corpus.tables import Document, read_documents, read_labels
from newsgold.corpus.validate import validate
from newsgold.errors import DataError, FileFault, Finding, UsageError, finding, has_errors, quote

__all__ = ["Build", "Built", "build", "check", "load_back", "logical_digest", "read_documents", "read_labels", "render", "stats"]

FIRST_VERSION = "0.1.0"
_SHARD = re.compile(rf"({'|'.join(SPLITS)})-\d{{5}}-of-\d{{5}}\.parquet")
_CONFIGS = {
    "documents": "an article with its gold, nested",
    "mentions": "a mention",
    "entities": "an entity of a document",
    "relations": "a relation between two entities",
    "stances": "a holder's position on a target",
}
_CARRIED = ("labels.toml", "kb.jsonl", "LICENSE")


class Build(NamedTuple):
    """A release in memory."""

    version: str
    digest: str
    files: Mapping[str, bytes]
    """Every generated file, by its path in the release."""
    findings: tuple[Finding, ...] = ()
    """Warnings: about the data, and about articles that are left out for want of a split."""


class Built(NamedTuple):
    """A release on disk."""

    version: str
    digest: str
    changed: tuple[Path, ...]
    """Files written anew or removed."""
    findings: tuple[Finding, ...]


# ------------------------------------------------------------------------- building


def build(corpus: Path, *, version: str | None = None, out: Path | None = None) -> Built:
    """Write the release of a corpus folder into it, or into ``out``; raises :class:`DataError` if the data have errors.

    Nothing is written before everything is rendered, and every file is replaced in one step. A release in
    ``out`` stands alone: it holds inventory and licence too, and its SHA256SUMS covers what is there.
    """
    release = render(corpus, version=version)
    files = dict(release.files)
    target = out or corpus
    if target.resolve() != corpus.resolve():
        files |= {name: read_bytes(corpus / name) for name in _CARRIED if (corpus / name).is_file()}
        files["SHA256SUMS"] = _checksums(
            {name: data for name, data in files.items() if name not in ("README.md", "VERSION", "SHA256SUMS")}
        )
    changed = [target / name for name, data in files.items() if write_atomic(target / name, data)]
    for path in _superfluous(target, files):
        _remove(path)
        changed.append(path)
    return Built(release.version, release.digest, tuple(changed), release.findings)


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
    extra = _superfluous(corpus, release.files)
    return found + [finding("RELEASE_STALE", str(path), got="a file left over", wanted="no file") for path in extra]


def render(corpus: Path, *, version: str | None = None) -> Build:
    """Everything that the corpus folder builds; ``version`` is the one in its VERSION unless given."""
    version = _version(corpus, version)
    labels = find_labels(None, corpus)
    documents, warnings = _documents(corpus, labels)
    digest = logical_digest(documents)
    columns = tables.features(labels)
    by_split = {s: d for s in SPLITS if (d := [document for document in documents if document.article.split == s])}
    files: dict[str, bytes] = {}
    shards: dict[str, dict[str, tables.Shard]] = defaultdict(dict)
    for config, features in columns.items():
        about: dict[str, Any] = {"config": config, "digest": digest, "version": version}
        if config == "documents":
            about["labels"] = msgspec.to_builtins(labels)
        for split, part in by_split.items():
            rows = tables.rows(config, part, labels)
            if rows:  # datasets cannot load an empty split
                shards[config][split] = shard = tables.to_parquet(rows, features, about)
                files[card.data_file(config, split)] = shard.data
    files |= {f"schema/{kind.__name__.lower()}.json": _schema(kind, labels) for kind in (Annotation, Article)}
    front = card.front_matter(version, digest, columns, shards)
    files["README.md"] = card.render(_prose(corpus), str(corpus / "README.md"), front, _sections(documents, labels, columns))
    files["VERSION"] = f"{version}\n".encode()
    summed = {n: d for n, d in files.items() if n.startswith(("data/", "schema/"))}
    files["SHA256SUMS"] = _checksums({**_sources(corpus), **summed})
    return Build(version, digest, files, tuple(warnings))


def logical_digest(documents: Iterable[Document]) -> str:
    """SHA-256 over the canonical JSON of articles and gold, sorted by id; it can be had from the Parquet as well."""
    digest = hashlib.sha256()
    for article, gold in sorted(documents, key=lambda document: document.article.id):
        for value in (article, gold) if gold is not None else (article,):
            digest.update(encode(value) + b"\n")
    return digest.hexdigest()


def _documents(corpus: Path, labels: Labels) -> tuple[list[Document], list[Finding]]:
    """The documents to release, complete and canonical, sorted by id; and warnings."""
    if not is_corpus(corpus):
        raise FileFault(f"{corpus} is no corpus folder: it has no {ARTICLES}/")
    found = validate([corpus], role="gold")
    if has_errors(found):
        raise DataError(f"{corpus} cannot be released: its data have errors", sorted(found, key=lambda f: f.severity))
    records = read_articles(corpus).records
    golds = _golds(corpus)
    documents = []
    for record in records:
        article = record.value
        if article.split is None:
            pointer, wanted = "/split", f"{', '.join(SPLITS)}; without one it is left out of the release"
            found.append(
                finding("BAD_SPLIT", record.path, doc=article.id, pointer=pointer, got="none", wanted=wanted, severity="warning")
            )
            continue
        article = msgspec.structs.replace(article, text_sha256=sha256(article.text))
        gold = golds.get(article.id)
        if gold is not None:
            gold = msgspec.structs.replace(canonical(fill(gold, article), labels), text_sha256=article.text_sha256)
        documents.append(Document(article, gold))
    if not documents:
        raise DataError(f"{corpus} has nothing to release: no article has a split", found)
    return sorted(documents, key=lambda document: document.article.id), found


def _golds(corpus: Path) -> dict[str, Annotation]:
    if not any((corpus / GOLD).glob("*.json")):
        return {}
    return {r.value.id: r.value for r in read_annotations(corpus).records}


def _version(corpus: Path, given: str | None) -> str:
    if given is not None:
        if not VERSION_NUMBER.fullmatch(given):
            raise UsageError(f"a version is three numbers, such as 1.2.0, not {quote(given)}")
        return given
    return corpus_version(corpus) or FIRST_VERSION


def _prose(corpus: Path) -> bytes:
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
    documents, _ = _documents(corpus, labels)
    counts = {}
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        for config in tables.features(labels):
            expected = {s: tables.rows(config, [d for d in documents if d.article.split == s], labels) for s in SPLITS}
            expected = {split: msgspec.json.decode(msgspec.json.encode(rows)) for split, rows in expected.items() if rows}
            if not expected:
                continue
            loaded = datasets.load_dataset(str(corpus), config, cache_dir=cache)
            if {split: part.to_list() for split, part in loaded.items()} != expected:
                raise DataError(
                    "datasets loads other rows than the gold has", [finding("RELEASE_STALE", f"{corpus}/data/{config}")]
                )
            counts[config] = sum(map(len, expected.values()))
            del loaded
    return counts


# ----------------------------------------------------------------------------- files


def _sources(corpus: Path) -> dict[str, bytes]:
    """What the corpus is made from, by path."""
    paths = [path for folder in (RAW, ARTICLES, GOLD) for path in (corpus / folder).rglob("*")]
    paths += [corpus / "labels.toml", corpus / "kb.jsonl"]
    kept = (path for path in paths if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(corpus).as_posix(): read_bytes(path) for path in kept}


def _checksums(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{sha256(data)}  {name}\n" for name, data in sorted(files.items())).encode("utf-8")


def _superfluous(target: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Shards of our configs that this release does not have, and what a killed build left behind."""
    found = {rest for name in files for rest in left_behind(target / name)}
    for config in _CONFIGS:
        for path in (target / "data" / config).glob("*"):
            shard = _SHARD.fullmatch(path.name) is not None and path.relative_to(target).as_posix() not in files
            if shard or re.fullmatch(rf"\.{_SHARD.pattern}\..*\.tmp", path.name):
                found.add(path)
    return sorted(found)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FileFault(f"cannot remove {path}: {error.strerror or error}") from error


# --------------------------------------------------------------------------- counting


def stats(corpus: Path) -> dict[str, Any]:
    """Counts of a corpus folder, a ``documents`` file of a release, or annotations; raises :class:`DataError` on bad records.

    Words are runs of word characters in the whole text, title and duplicate regions included; ``None`` where
    there are no texts. ``by_type`` counts mentions and relations by type and stances by polarity.
    """
    return _counts(list(_read(corpus)))


def _read(path: Path) -> Iterator[Document | Annotation]:
    if path.suffix != ".parquet" and not is_corpus(path):
        decoded = read_annotations(path)
        _refuse(path, decoded.findings)
        yield from (record.value for record in decoded.records)
        return
    articles = read_articles(path)
    empty = path.is_dir() and not any((path / GOLD).glob("*.json"))
    annotations = None if empty else read_annotations(path)
    _refuse(path, [*articles.findings, *(annotations.findings if annotations else ())])
    golds = {r.value.id: r.value for r in annotations.records} if annotations else {}
    yield from (Document(r.value, golds.get(r.value.id)) for r in articles.records)


def _refuse(path: Path, found: list[Finding]) -> None:
    if has_errors(found):
        raise DataError(f"{path} cannot be counted: it has records that cannot be read", found)


def _counts(items: Iterable[Document | Annotation]) -> dict[str, Any]:
    """The counts of documents; bare annotations have no words and no origin."""
    splits: dict[str, Counter[str]] = {}
    origins: dict[str, Counter[str]] = {}
    types: dict[str, Counter[str]] = {"mentions": Counter(), "relations": Counter(), "stances": Counter()}
    total: Counter[str] = Counter()
    texts = True
    for item in items:
        article, gold = item if isinstance(item, Document) else (None, item)
        count = Counter({"documents": 1, "words": len(re.findall(r"\w+", article.text)) if article else 0})
        count.update({layer: len(getattr(gold, layer, None) or ()) for layer in LAYERS})
        texts = texts and article is not None
        split = article.split if article else gold and gold.split
        for groups, key in ((splits, split or "none"), (origins, article.origin if article else "none")):
            groups.setdefault(key, Counter()).update(count)
        total.update(count)
        if gold is not None:
            types["mentions"].update(m.type for m in gold.mentions or ())
            types["relations"].update(r.type for r in gold.relations or ())
            types["stances"].update(s.polarity for s in gold.stances or ())
    return {
        **_plain(total, texts),
        "by_split": {s: _plain(splits[s], texts) for s in (*SPLITS, *sorted({*splits} - {*SPLITS})) if s in splits},
        "by_type": {layer: dict(sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))) for layer, count in types.items()},
        "by_origin": {o: _plain(origins[o], texts) for o in sorted(origins)},
    }


def _plain(count: Counter[str], texts: bool) -> dict[str, int | None]:
    return {key: count[key] if texts or key != "words" else None for key in ("documents", "words", *LAYERS)}


def _sections(documents: list[Document], labels: Labels, columns: Mapping[str, Any]) -> dict[str, str]:
    """The generated sections of the card, by name."""
    counts = _counts(documents)
    keys = ("documents", "words", *LAYERS)
    rows = [[split, *(part[key] for key in keys)] for split, part in counts["by_split"].items()]
    rows.append(["all", *(counts[key] for key in keys)])
    splits = {s: _counts(d for d in documents if d.article.split == s)["by_type"] for s in counts["by_split"]}
    labelled: tuple[tuple[str, str, Iterable[str]], ...] = (
        ("mentions", "entity type", labels.types),
        ("relations", "relation", labels.relations),
        ("stances", "stance", labels.polarities),
    )
    by_label = [
        card.table(
            [title, *splits, "all"],
            ([f"`{n}`", *(splits[s][layer].get(n, 0) for s in splits), counts["by_type"][layer].get(n, 0)] for n in names),
        )
        for layer, title, names in labelled
        if names
    ]
    configs = ([f"`{c}`", _CONFIGS[c], " ".join(f"`{column}`" for column in features)] for c, features in columns.items())
    return {
        "counts": card.table(["split", *keys], rows),
        "labels": "\n\n".join(by_label),
        "configs": card.table(["config", "a row is", "columns"], configs),
    }
