"""The public Python API: what the commands do, as three functions.

import newsgold
corpus = newsgold.load("corpus")
findings = newsgold.validate("corpus")
result = newsgold.score(corpus.annotations, predictions)
result.to_dict()["scores"]["mentions.strict"]["f1"]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from newsgold.benchmark.score import Result, score
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.store import GOLD, is_corpus, read_annotations, read_articles
from newsgold.corpus.validate import validate as _validate
from newsgold.errors import DataError, Finding, Role, has_errors

__all__ = ["Loaded", "Result", "load", "score", "validate"]


class Loaded(NamedTuple):
    """The documents at a path."""

    articles: tuple[Article, ...]
    annotations: tuple[Annotation, ...]
    labels: Labels

    def article(self, name: str) -> Article:
        """The article with this id; raises :class:`KeyError` where there is none."""
        for article in self.articles:
            if article.id == name:
                return article
        raise KeyError(name)


def load(path: str | Path, *, labels: str | Path | None = None) -> Loaded:
    """Articles and annotations of a corpus folder or a release's Parquet file, or the annotations of a JSONL file.

    Raises:
        DataError: something cannot be decoded; nothing is left out in silence.
        FileFault: there is nothing at the path.
    """
    place = Path(path)
    inventory = find_labels(None if labels is None else Path(labels), place)
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
    return Loaded(articles, annotations, inventory)


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
