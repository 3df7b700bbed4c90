"""Counts of documents: how many there are of what, in all and by split, type and origin."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from newsgold.corpus.model import LAYERS, SPLITS, Annotation, Article
from newsgold.corpus.store import GOLD, is_corpus, read_annotations, read_articles
from newsgold.errors import DataError, Finding, has_errors

UNITS = ("documents", "words", *LAYERS)
_WORD = re.compile(r"\w+")


class Tally:
    """Adds documents up as they go by."""

    def __init__(self) -> None:
        self.splits: dict[str, Counter[str]] = {}
        self.origins: dict[str, Counter[str]] = {}
        self.types: dict[str, dict[str, Counter[str]]] = {}
        """The labels of each split, by layer."""
        self.texts = True

    def add(self, article: Article | None, gold: Annotation | None) -> None:
        """One more document; bare annotations have no words and no origin."""
        self.texts = self.texts and article is not None
        split = (article.split if article else gold and gold.split) or "none"
        origin = article.origin if article else "none"
        counts = [1, len(_WORD.findall(article.text)) if article else 0]
        counts += [len(getattr(gold, layer, None) or ()) for layer in LAYERS]
        for groups, key in ((self.splits, split), (self.origins, origin)):
            group = groups.setdefault(key, Counter())
            for unit, count in zip(UNITS, counts, strict=True):
                group[unit] += count
        types = self.types.setdefault(split, {layer: Counter() for layer in ("mentions", "relations", "stances")})
        if gold is not None:
            types["mentions"].update([m.type for m in gold.mentions or ()])
            types["relations"].update([r.type for r in gold.relations or ()])
            types["stances"].update([s.polarity for s in gold.stances or ()])

    @property
    def in_order(self) -> list[str]:
        """The splits that there are."""
        return [s for s in (*SPLITS, *sorted({*self.splits} - {*SPLITS})) if s in self.splits]

    def labels(self, layer: str, *splits: str) -> Counter[str]:
        """How often each label of a layer occurs in the splits."""
        return sum((self.types[split][layer] for split in splits), Counter())

    def stats(self) -> dict[str, Any]:
        """What ``corpus stats --json`` prints."""
        layers = ("mentions", "relations", "stances")
        by_type = {layer: self.labels(layer, *self.types) for layer in layers}
        return {
            **self._plain(sum(self.splits.values(), Counter())),
            "by_split": {s: self._plain(self.splits[s]) for s in self.in_order},
            "by_type": {layer: dict(sorted(by_type[layer].items(), key=lambda pair: (-pair[1], pair[0]))) for layer in layers},
            "by_origin": {o: self._plain(self.origins[o]) for o in sorted(self.origins)},
        }

    def _plain(self, count: Counter[str]) -> dict[str, int | None]:
        return {unit: count[unit] if self.texts or unit != "words" else None for unit in UNITS}


def stats(path: Path) -> dict[str, Any]:
    """Counts of a corpus folder, a ``documents`` file of a release, or annotations; raises :class:`DataError` on bad records.

    Words are runs of word characters in the whole text, title and duplicate regions included; ``None`` where
    there are no texts. ``by_type`` counts mentions and relations by type and stances by polarity.
    """
    tally = Tally()
    for article, gold in _read(path):
        tally.add(article, gold)
    return tally.stats()


def _read(path: Path) -> Iterator[tuple[Article | None, Annotation | None]]:
    if path.suffix != ".parquet" and not is_corpus(path):
        decoded = read_annotations(path)
        _refuse(path, decoded.findings)
        yield from ((None, record.value) for record in decoded.records)
        return
    articles = read_articles(path)
    empty = path.is_dir() and not any((path / GOLD).glob("*.json"))
    annotations = None if empty else read_annotations(path)
    _refuse(path, [*articles.findings, *(annotations.findings if annotations else ())])
    golds = {r.value.id: r.value for r in annotations.records} if annotations else {}
    yield from ((r.value, golds.get(r.value.id)) for r in articles.records)


def _refuse(path: Path, found: Iterable[Finding]) -> None:
    faults = [*found]
    if has_errors(faults):
        raise DataError(f"{path} cannot be counted: it has records that cannot be read", faults)
