"""Score predictions against gold: reading, checking, splits, the signature.

The metrics themselves are in :mod:`newsgold.metrics`; here is what surrounds
them, and the one result that the command, the API and the leaderboard share.

Scoring is :func:`score_part` of some documents, and :func:`add_up` of its parts: of
the whole as one, or of many from other processes (:mod:`newsgold.benchmark.engine`).
Documents of one event belong in one part; then no digit depends on how they are cut.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from newsgold import __version__
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import SPLITS, Article
from newsgold.corpus.store import ARTICLES, corpus_version, find_kb, read_articles
from newsgold.errors import MAX_FINDINGS_PER_FILE, DataError, Finding, UsageError, count_codes, finding, has_errors
from newsgold.metrics.arrays import Floats, Ints
from newsgold.metrics.batch import Batch, Source, examine, first_lines, read
from newsgold.metrics.columns import Vocabulary
from newsgold.metrics.counts import Counts
from newsgold.metrics.fingerprint import Hashes, digest
from newsgold.metrics.resampling import Clusters, clusters
from newsgold.metrics.suite import METRICS, Attempted, Evaluation, Measured, Side, evaluate, measure
from newsgold.metrics.summary import summary
from newsgold.metrics.uncertainty import SEED, bootstrap_intervals, intervals, scheme, with_groups

__all__ = ["DEFAULT_KINDS", "Bootstrap", "Result", "Source", "score"]

DEFAULT_KINDS = ("NAM", "VAL")


class Bootstrap(NamedTuple):
    """How intervals are resampled, where they are."""

    resamples: int
    seed: int = SEED


class Result(NamedTuple):
    """What scoring gives: scores with their signature, and what was found wrong on the way."""

    basis: str
    """What the scores depend on: the signature without what the intervals depend on."""
    documents: int
    """How many documents of the gold were scored."""
    findings: tuple[Finding, ...]
    measured: Mapping[str, Measured]
    names: tuple[str, ...]
    """The documents, in the order of the rows of all counts."""
    events: tuple[str | None, ...]
    """The event of each of them."""
    whole: Evaluation | None
    """The two sides, where they were scored in one part."""
    bootstrap: Bootstrap | None = None
    """Absent where the intervals are linearised."""

    @property
    def evaluation(self) -> Evaluation:
        """The two sides, for what looks at items; raises :class:`UsageError` where they were scored in several parts."""
        if self.whole is None:
            raise UsageError("items are looked at in one process: score without --engine dask and --workers")
        return self.whole

    @property
    def clusters(self) -> Clusters:
        """The documents as they are drawn: those of an event together."""
        return clusters(self.names, dict(zip(self.names, self.events, strict=True)))

    @property
    def signature(self) -> str:
        """What the scores and their intervals depend on, in one line."""
        drawn = self.clusters
        if self.bootstrap is None:
            return f"{self.basis}|ci:linearised|cluster:{drawn.unit}({len(drawn.names)})"
        return "|".join([self.basis, "ci:bootstrap", *scheme(drawn, *self.bootstrap, "bootstrap")[1:]])

    def to_dict(self) -> dict[str, Any]:
        """The result as ``benchmark score --json`` prints it."""
        of = self.clusters.of
        if self.bootstrap is None:
            ci = {key: intervals(measured, of) for key, measured in self.measured.items()}
        else:
            resamples, seed = self.bootstrap
            ci = bootstrap_intervals(self.measured, self.clusters, resamples=resamples, seed=seed)
        return {
            "signature": self.signature,
            "documents": self.documents,
            "findings": count_codes(self.findings),
            "scores": {key: summary(measured, ci[key], of) for key, measured in self.measured.items()},
        }


def score(
    gold: Source,
    pred: Source,
    *,
    split: str | None = None,
    kinds: Collection[str] | None = None,
    labels: Path | Labels | None = None,
    articles: Path | None = None,
    allow_findings: bool = False,
    bootstrap: Bootstrap | None = None,
    train: Source | None = None,
) -> Result:
    """Every metric of predictions against gold.

    Args:
        gold: A corpus folder, gold folder, JSONL or Parquet file, or annotations.
        pred: The same for the predictions; documents outside the split are left out.
        split: Score only documents of this split.
        kinds: The mention kinds that ``mentions.*`` compares, on both sides; by default NAM and VAL, or what the
            inventory has of them, or all it has.
        labels: The inventory; by default the one found beside the gold, else the package's.
        articles: Texts to check offsets and surfaces against; by default those of the gold's corpus folder.
        allow_findings: Score even if there are errors; items at fault count and match nothing.
        bootstrap: Resample the intervals instead of linearising them.
        train: Annotations that the system was trained on; ``relations.ign`` leaves their facts out.

    Raises:
        DataError: there are errors and ``allow_findings`` is not set.
        UsageError: no document has the split, or a kind is unknown.
    """
    terms = settle(gold, split=split, kinds=kinds, labels=labels, allow_findings=allow_findings)
    part = score_part(
        read(gold, "gold"),
        read(pred, "predictions"),
        terms,
        texts=find_texts(gold, articles),
        # gold is asked for no more than a prediction must have; validate --role gold asks for the rest
        kb=find_kb(*_paths(gold)),
        train=None if train is None else read_train(train),
    )
    return add_up([part], terms, bootstrap)


class Terms(NamedTuple):
    """What holds for every part of a scoring."""

    labels: Labels
    kinds: tuple[str, ...]
    split: str | None
    allow_findings: bool
    version: str | None
    """The version of the gold's corpus."""


def settle(
    gold: Source, *, split: str | None, kinds: Collection[str] | None, labels: Path | Labels | None, allow_findings: bool
) -> Terms:
    """The terms of a scoring, as :func:`score` takes them; raises :class:`UsageError` where there is no such split or kind."""
    inventory = labels if isinstance(labels, Labels) else find_labels(labels, *_paths(gold))
    if kinds is None:
        kinds = [kind for kind in DEFAULT_KINDS if kind in inventory.kinds] or list(inventory.kinds)
    _check_arguments(split, kinds, inventory)
    return Terms(inventory, tuple(kinds), split, allow_findings, corpus_version(*_paths(gold)))


class Found(NamedTuple):
    """A finding, and its place among all of a scoring."""

    stage: int
    """0 and 1: what could not be read; 2 and 3: what was read and is at fault, gold first; 4: what is missing."""
    line: int
    finding: Finding


class Part(NamedTuple):
    """What the scoring of some documents gives; parts of other documents add up to the whole."""

    documents: int
    """How many documents of the gold."""
    found: tuple[Found, ...]
    names: tuple[str, ...] = ()
    """The documents, sorted; none where there are errors and nothing may be scored."""
    events: tuple[str | None, ...] = ()
    content: Hashes = np.zeros(0, dtype=np.uint64)
    """What the gold holds in each."""
    measured: Mapping[str, Measured] = {}
    tried: Attempted = Attempted(frozenset(), frozenset(), train=False)
    new: Mapping[str, Mapping[str, tuple[int, int, int]]] = {}
    """For each section the labels that the inventory has not, and where they come first."""
    facts: int | None = None
    """How many facts the training data hold."""
    set_aside: int = 0
    evaluation: Evaluation | None = None


def score_part(
    gold: Batch,
    pred: Batch,
    terms: Terms,
    *,
    texts: Mapping[str, Article] | None = None,
    kb: frozenset[str] | None = None,
    train: Side | None = None,
    keys: Collection[str] | None = None,
) -> Part:
    """Score some documents: all records of both sides that are about them, and all documents of their events.

    ``keys`` are the metrics, by default those whose layers these documents attempt.
    """
    universe = set(gold.names)
    gold = gold.take(_rows(gold, terms.split))
    names = set(gold.names)
    kept = [i for i, n in enumerate(pred.names) if n in names or n not in universe]
    pred = pred.take(np.array(kept, dtype=np.int64))
    strangers = [i for i, n in enumerate(pred.names) if n not in names]
    faults = (
        examine(gold, terms.labels, texts, kb=kb),
        examine(pred, terms.labels, texts, strangers=strangers, kb=kb, given=gold),
    )
    found = [Found(stage, f.line, f) for stage, batch in enumerate((gold, pred)) for f in batch.findings]
    for stage, batch, examined in zip((2, 3), (gold, pred), faults, strict=True):
        found += [Found(stage, int(batch.lines[row]), f) for row, f in zip(examined.rows, examined.findings, strict=True)]
    found += _missing(gold, pred)
    if has_errors(f.finding for f in found) and not terms.allow_findings:
        return Part(len(names), tuple(found))
    documents = sorted({*names, *pred.names})
    sides = [Side(batch.table, examined.faulty, batch.links) for batch, examined in zip((gold, pred), faults, strict=True)]
    vocabulary = Vocabulary(terms.labels)
    evaluation = evaluate(sides[0], sides[1], documents, vocabulary, terms.kinds, train)
    events = dict(zip(gold.names, gold.table["event"].to_pylist(), strict=True))
    return Part(
        documents=len(names),
        found=tuple(found),
        names=tuple(documents),
        events=tuple(events.get(name) for name in documents),
        content=evaluation.content,
        measured=measure(evaluation, keys),
        tried=evaluation.tried,
        new=_new_labels(vocabulary, gold, pred),
        facts=None if evaluation.facts is None else len(evaluation.facts),
        set_aside=sum(evaluation.pred.removed.values()),
        evaluation=evaluation,
    )


def add_up(parts: Sequence[Part], terms: Terms, bootstrap: Bootstrap | None = None) -> Result:
    """The result of all documents of some parts, each of which measured the same keys.

    Raises:
        DataError: there are errors, and ``terms`` do not allow them.
        UsageError: no document has the split.
    """
    found = [f for part in parts for f in part.found]
    if len(parts) > 1:
        found = _in_order(found)
    findings = tuple(f.finding for f in found)
    documents = sum(part.documents for part in parts)
    if not documents and not any(f.stage == 0 for f in found):
        raise UsageError(f"no document of the gold has the split {terms.split!r}")
    if has_errors(findings) and not terms.allow_findings:
        raise DataError("nothing was scored: the data has errors (--allow-findings scores all the same)", findings)
    names = [name for part in parts for name in part.names]
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
    names = [names[i] for i in order]
    events = [event for part in parts for event in part.events]
    whole = parts[0].evaluation if len(parts) == 1 else None
    facts = [part.facts for part in parts if part.facts is not None]
    content = np.concatenate([part.content for part in parts])[order]
    return Result(
        basis=_basis(terms, digest(names, content), documents, findings, max(facts, default=None), parts),
        documents=documents,
        findings=findings,
        measured=_counts(parts, order, terms.labels) if whole is None else parts[0].measured,
        names=tuple(names),
        events=tuple(events[i] for i in order),
        whole=whole,
        bootstrap=bootstrap,
    )


def _in_order(found: Sequence[Found]) -> list[Found]:
    """The findings of several parts in the order of the whole; of what could not be read as many as a reader lists."""
    ordered = sorted(found, key=lambda f: f[:2])
    unread = [[f for f in ordered if f.stage == stage][:MAX_FINDINGS_PER_FILE] for stage in (0, 1)]
    return [*unread[0], *unread[1], *(f for f in ordered if f.stage > 1)]


def _counts(parts: Sequence[Part], order: Ints, labels: Labels) -> dict[str, Measured]:
    out = {}
    for key in parts[0].measured:
        section = METRICS[key].groups
        rows = [part.measured[key] for part in parts]
        if isinstance(section, str):
            groups = (*getattr(labels, _NAMING[section].inventory), *_first_seen(parts, section))
            rows = [with_groups(row, groups) for row in rows]
        columns = zip(*(row.counts for row in rows), strict=True)
        # precision and recall often share their numerators: what is one array in all parts stays one
        joined: dict[tuple[int, ...], Floats] = {}
        counts = []
        for column in columns:
            same = tuple(map(id, column))
            if same not in joined:
                joined[same] = _joined(column, order)
            counts.append(joined[same])
        out[key] = rows[0]._replace(counts=Counts(*counts))
    return out


def _joined(parts: Sequence[Floats], order: Ints) -> Floats:
    """The rows of all parts in order, filled in where they belong: they may be large."""
    out = np.empty((len(order), parts[0].shape[1]))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    at = 0
    for part in parts:
        rows = place[at : at + len(part)]
        at += len(part)
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
            out[rows[0] : rows[0] + len(rows)] = part
        else:
            out[rows] = part
    return out


class _Label(NamedTuple):
    """Where labels that name groups of counts come from."""

    inventory: str
    layer: str
    field: str


_NAMING = {
    "type": _Label("types", "mentions", "type"),
    "relation": _Label("relations", "relations", "type"),
    "polarity": _Label("polarities", "stances", "polarity"),
}


def _first_seen(parts: Sequence[Part], section: str) -> list[str]:
    """The labels that the inventory has not, in the order in which the whole names them."""
    first: dict[str, tuple[int, int, int]] = {}
    for part in parts:
        for name, place in part.new.get(section, {}).items():
            first[name] = min(first.get(name, place), place)
    return sorted(first, key=first.__getitem__)


def _new_labels(vocabulary: Vocabulary, gold: Batch, pred: Batch) -> dict[str, dict[str, tuple[int, int, int]]]:
    """The labels that the inventory has not: the side, the line and the order in which a vocabulary meets them."""
    out = {}
    for section, (inventory, layer, field) in _NAMING.items():
        new = vocabulary.names[section][len(getattr(vocabulary.labels, inventory)) :]
        if new:
            lines = [first_lines(batch, layer, field) for batch in (gold, pred)]
            sides = [next((side for side in (0, 1) if name in lines[side]), 2) for name in new]
            places = [
                (side, lines[side][name] if side < 2 else 0, at) for at, (name, side) in enumerate(zip(new, sides, strict=True))
            ]
            out[section] = dict(zip(new, places, strict=True))
    return out


def read_train(train: Source) -> Side:
    """The training data of a scoring; raises :class:`DataError` where they cannot be read whole."""
    batch = read(train, "train")
    if has_errors(batch.findings):
        raise DataError("the training data cannot be read whole", batch.findings)
    return Side(batch.table, {}, batch.links)


def _rows(batch: Batch, split: str | None) -> Ints:
    """The rows of a split, or all."""
    splits = batch.table["split"].to_pylist()
    return np.array([i for i, s in enumerate(splits) if split is None or s == split], dtype=np.int64)


def _check_arguments(split: str | None, kinds: Collection[str], labels: Labels) -> None:
    if split is not None and split not in SPLITS:
        raise UsageError(f"no split {split!r}; splits are {', '.join(SPLITS)}")
    for kind in kinds:
        if kind not in labels.kinds:
            raise UsageError(f"no mention kind {kind!r}; kinds are {', '.join(labels.kinds)}")


def _paths(source: Source) -> list[Path]:
    return [Path(source)] if isinstance(source, (str, Path)) else []


def find_texts(gold: Source, articles: Path | None) -> dict[str, Article] | None:
    """The articles to hold spans against, if there are any."""
    for path in [articles] if articles is not None else _paths(gold):
        if path is not None and (path != articles and not (path / ARTICLES).is_dir()):
            return None
        if path is not None:
            return {r.value.id: r.value for r in read_articles(path).records}
    return None


def _missing(gold: Batch, pred: Batch) -> list[Found]:
    """A warning for each gold document without a prediction."""
    have = set(pred.names)
    lines = zip(gold.lines.tolist(), gold.names, strict=True)
    return [Found(4, line, finding("MISSING_DOCUMENT", pred.path, doc=name)) for line, name in lines if name not in have]


def _basis(
    terms: Terms, digest: str, documents: int, findings: Sequence[Finding], facts: int | None, parts: Sequence[Part]
) -> str:
    """What a score depends on."""
    labels = terms.labels
    out: dict[str, object] = {"newsgold": __version__}
    if terms.version is not None:
        out["corpus"] = terms.version
    out |= {"digest": digest[:8], "split": terms.split or "all", "docs": documents}
    out["kinds"] = ",".join(k for k in labels.kinds if k in terms.kinds)
    out["labels"] = f"{labels.name}-{labels.version}"
    if facts is not None:
        out["train-facts"] = facts
    errors = sum(f.severity == "error" for f in findings)
    if errors:
        out["findings"] = errors
    aside = sum(part.set_aside for part in parts)
    if aside:
        out["set-aside"] = aside
    return "|".join(f"{name}:{value}" for name, value in out.items())
