"""The public Python API: what the commands do, as three functions.

import newsgold
corpus = newsgold.load("corpus")
findings = newsgold.validate("corpus")
result = newsgold.score(corpus.annotations, predictions)
result.to_dict()["scores"]["mentions.strict"]["f1"]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from newsgold.benchmark.score import Result, score
from newsgold.corpus.labels import Labels, find_labels, load_labels
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.store import GOLD, is_corpus, read_annotations, read_articles
from newsgold.corpus.validate import validate as _validate
from newsgold.corpus.verify import Release, is_release, prove, prove_file
from newsgold.errors import DataError, FileFault, Finding, Role, UsageError, has_errors, quote

if TYPE_CHECKING:
    import datasets
    import polars

    from newsgold.corpus.tables import Document

__all__ = ["Loaded", "Result", "load", "score", "validate"]


@dataclass(frozen=True)
class Loaded:
    """The documents at a path or on the Hub.

    Those of a release are decoded when they are asked for, from bytes that were proven when it was loaded.
    """

    labels: Labels
    release: Release | None = None
    """What was proven, with ``version`` and ``digest``; ``None`` where there was no release to prove."""
    _articles: tuple[Article, ...] = field(default=(), repr=False)
    _annotations: tuple[Annotation, ...] = field(default=(), repr=False)

    @cached_property
    def articles(self) -> tuple[Article, ...]:
        """Every article."""
        return self._articles if self.release is None else tuple(article for article, _ in self._documents)

    @cached_property
    def annotations(self) -> tuple[Annotation, ...]:
        """The annotations: of a release or a corpus the gold of every article that has it."""
        return self._annotations if self.release is None else tuple(gold for _, gold in self._documents if gold is not None)

    @cached_property
    def _documents(self) -> tuple[Document, ...]:
        return () if self.release is None else tuple(self.release.documents())

    @cached_property
    def _by_id(self) -> dict[str, Article]:
        return {article.id: article for article in self.articles}

    def article(self, name: str) -> Article:
        """The article with this id; raises :class:`KeyError` where there is none."""
        return self._by_id[name]

    def to_datasets(self, config: str = "documents") -> datasets.DatasetDict:
        """A config as ``datasets.DatasetDict``, a split a dataset; the other configs are views of ``documents``.

        The tables lie in memory and come from the bytes that were proven; no cache of files is read or written.

        Raises:
            UsageError: there is no release, or it has no such config.
        """
        from newsgold.corpus import views

        release = self._proven()
        shards = views.shards_of(release, config)
        made: datasets.DatasetDict = views.to_datasets(shards, config=config, version=release.version, digest=release.digest)
        return made

    def to_polars(self, config: str = "documents") -> polars.LazyFrame:
        """A config as a lazy frame of Polars, all splits in one, with their name in the column ``split``.

        Label columns hold names, as enumerations in the order of the inventory. Needs the extra ``polars``.

        Raises:
            UsageError: there is no release, or it has no such config, or Polars is not installed.
        """
        from newsgold.corpus import views

        made: polars.LazyFrame = views.to_polars(views.shards_of(self._proven(), config))
        return made

    def _proven(self) -> Release:
        if self.release is None:
            raise UsageError("only a release has tables: build one with newsgold corpus build, and load its folder")
        return self.release


def load(path: str | Path, *, revision: str | None = None, labels: str | Path | None = None, verify: bool = True) -> Loaded:
    """Articles and annotations: of a release, which is proven first, or of plain files.

    Args:
        path: a folder or a file, or ``org/name`` on the Hugging Face Hub. A folder with SHA256SUMS is a release. Without
            one a corpus folder, a folder of gold files, or annotations as JSON or JSONL are read as they are; a single
            Parquet file is held against the release it lies in.
        revision: a tag, a branch or a commit on the Hub.
        labels: an inventory to use instead of the one that comes with the data.
        verify: ``False`` reads a corpus folder as it stands, without its release: for gold that is being worked on.

    Raises:
        DataError: the release is not as it was built, with a finding for each file, or something cannot be decoded;
            nothing is left out in silence, and nothing is returned.
        FileFault: there is nothing at the path, or the Hub could not be read.
    """
    place = _place(path, revision)
    named = None if labels is None else Path(labels)
    if verify and is_release(place):
        release = prove(place)
        return Loaded(release.labels() if named is None else load_labels(named), release)
    if verify and place.suffix == ".parquet":
        prove_file(place)
    return _read(place, find_labels(named, place))


def _place(path: str | Path, revision: str | None) -> Path:
    """Where the data lie on this machine."""
    from newsgold.corpus import hub

    place = Path(path)
    if place.exists():
        if revision is not None:
            raise UsageError(
                f"{quote(str(path))} is on this machine and has no revisions; leave revision out, or load a dataset of the Hub"
            )
        return place
    if isinstance(path, str) and hub.REPO.fullmatch(path) and (revision is not None or not place.parent.is_dir()):
        folder = hub.fetch(path, revision)
        if is_release(folder):
            return folder
        raise FileFault(f"{path} on the Hub is no release of newsgold: it has no SHA256SUMS; load it with datasets")
    raise FileFault(f"there is nothing at {quote(str(path))}; a dataset of the Hub is named org/name")


def _read(place: Path, labels: Labels) -> Loaded:
    found: list[Finding] = []
    articles: tuple[Article, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    whole = is_corpus(place)
    if whole or place.suffix == ".parquet":
        texts = read_articles(place)
        articles = tuple(r.value for r in texts.records)
        found += texts.findings
    if not whole or (place / GOLD).is_dir():
        decoded = read_annotations(place)
        annotations = tuple(r.value for r in decoded.records)
        found += decoded.findings
    if has_errors(found):
        raise DataError(f"{place} cannot be read whole", found)
    return Loaded(labels, None, articles, annotations)


def validate(
    path: str | Path | Sequence[str | Path],
    *,
    role: Role | None = None,
    articles: str | Path | None = None,
    labels: str | Path | None = None,
) -> list[Finding]:
    """Every finding about the data at a path or several; see ``newsgold corpus validate``."""
    paths: Iterable[str | Path] = [path] if isinstance(path, (str, Path)) else path
    return _validate(
        [Path(p) for p in paths],
        role=role,
        articles=None if articles is None else Path(articles),
        labels=None if labels is None else Path(labels),
    )
