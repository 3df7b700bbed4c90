"""Score predictions against gold: reading, checking, splits, the signature.

The metrics themselves are in :mod:`newsgold.metrics`; here is what surrounds
them, and the one result that the command, the API and the leaderboard share.
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
from newsgold.errors import DataError, Finding, UsageError, count_codes, finding, has_errors
from newsgold.metrics.arrays import Ints
from newsgold.metrics.batch import Batch, Source, examine, read
from newsgold.metrics.columns import Vocabulary
from newsgold.metrics.resampling import Clusters, clusters
from newsgold.metrics.suite import Evaluation, Measured, Side, evaluate, measure
from newsgold.metrics.summary import summary
from newsgold.metrics.uncertainty import SEED, bootstrap_intervals, intervals, scheme

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
    evaluation: Evaluation
    """The two sides, for what looks at items."""
    bootstrap: Bootstrap | None = None
    """Absent where the intervals are linearised."""

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
    inventory = labels if isinstance(labels, Labels) else find_labels(labels, *_paths(gold))
    if kinds is None:
        kinds = [kind for kind in DEFAULT_KINDS if kind in inventory.kinds] or list(inventory.kinds)
    _check_arguments(split, kinds, inventory)
    texts = _texts(gold, articles)
    gold_batch, pred_batch = read(gold, "gold"), read(pred, "predictions")
    universe = set(gold_batch.names)
    gold_batch = gold_batch.take(_rows(gold_batch, split))
    names = set(gold_batch.names)
    if not names and not gold_batch.findings:
        raise UsageError(f"no document of the gold has the split {split!r}")
    kept = [i for i, n in enumerate(pred_batch.names) if n in names or n not in universe]
    pred_batch = pred_batch.take(np.array(kept, dtype=np.int64))
    strangers = [i for i, n in enumerate(pred_batch.names) if n not in names]
    # gold is asked for no more than a prediction must have; validate --role gold asks for the rest
    kb = find_kb(*_paths(gold))
    gold_faults = examine(gold_batch, inventory, texts, kb=kb)
    pred_faults = examine(pred_batch, inventory, texts, strangers=strangers, kb=kb, given=gold_batch)
    found = [*gold_batch.findings, *pred_batch.findings, *gold_faults.findings, *pred_faults.findings]
    found += _missing(gold_batch, pred_batch)
    if has_errors(found) and not allow_findings:
        raise DataError("nothing was scored: the data has errors (--allow-findings scores all the same)", found)
    documents = sorted({*names, *pred_batch.names})
    faults = ((gold_batch, gold_faults), (pred_batch, pred_faults))
    sides = [Side(batch.table, examined.faulty, batch.links) for batch, examined in faults]
    learnt = None if train is None else _learnt(train)
    evaluation = evaluate(sides[0], sides[1], documents, Vocabulary(inventory), kinds, learnt)
    events = dict(zip(gold_batch.names, gold_batch.table["event"].to_pylist(), strict=True))
    return Result(
        basis=_basis(gold, evaluation, split, len(names), found),
        documents=len(names),
        findings=tuple(found),
        measured=measure(evaluation),
        names=tuple(documents),
        events=tuple(events.get(name) for name in documents),
        evaluation=evaluation,
        bootstrap=bootstrap,
    )


def _learnt(train: Source) -> Side:
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


def _texts(gold: Source, articles: Path | None) -> dict[str, Article] | None:
    """The articles to hold spans against, if there are any."""
    for path in [articles] if articles is not None else _paths(gold):
        if path is not None and (path != articles and not (path / ARTICLES).is_dir()):
            return None
        if path is not None:
            return {r.value.id: r.value for r in read_articles(path).records}
    return None


def _missing(gold: Batch, pred: Batch) -> list[Finding]:
    """A warning for each gold document without a prediction."""
    have = set(pred.names)
    return [finding("MISSING_DOCUMENT", pred.path, doc=name) for name in gold.names if name not in have]


def _basis(gold: Source, evaluation: Evaluation, split: str | None, documents: int, findings: Sequence[Finding]) -> str:
    """What a score depends on."""
    labels = evaluation.vocabulary.labels
    parts: dict[str, object] = {"newsgold": __version__}
    version = corpus_version(*_paths(gold))
    if version is not None:
        parts["corpus"] = version
    parts |= {"digest": evaluation.digest[:8], "split": split or "all", "docs": documents}
    parts["kinds"] = ",".join(k for k in labels.kinds if k in evaluation.kinds)
    parts["labels"] = f"{labels.name}-{labels.version}"
    if evaluation.facts is not None:
        parts["train-facts"] = len(evaluation.facts)
    errors = sum(f.severity == "error" for f in findings)
    if errors:
        parts["findings"] = errors
    aside = sum(evaluation.pred.removed.values())
    if aside:
        parts["set-aside"] = aside
    return "|".join(f"{name}:{value}" for name, value in parts.items())
