"""Score predictions against gold: reading, checking, splits, the signature.

The metrics themselves are in :mod:`newsgold.metrics`; here is what surrounds
them, and the one result that the command, the API and the leaderboard share.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from newsgold import __version__
from newsgold.corpus.codec import Record, canonical, encode
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import LAYERS, SPLITS, Annotation, Article
from newsgold.corpus.store import ARTICLES, read_annotations, read_articles
from newsgold.corpus.validate import check_annotations
from newsgold.errors import DataError, Finding, UsageError, count_codes, finding, has_errors
from newsgold.metrics.arrays import Floats
from newsgold.metrics.arrow import table_of
from newsgold.metrics.columns import Vocabulary
from newsgold.metrics.counts import Prf, mean_prf, prf
from newsgold.metrics.suite import Kind, Measured, Side, evaluate, measure

DEFAULT_KINDS = ("NAM", "VAL")

Source = Path | str | Iterable[Annotation]
"""Annotations: a path of any kind the store reads, or values."""


class Result(NamedTuple):
    """What scoring gives: scores with their signature, and what was found wrong on the way."""

    signature: str
    documents: int
    findings: tuple[Finding, ...]
    measured: Mapping[str, Measured]
    names: tuple[str, ...]
    """The documents, in the order of the rows of all counts."""

    def to_dict(self) -> dict[str, Any]:
        """The result as ``benchmark score --json`` prints it."""
        return {
            "signature": self.signature,
            "documents": self.documents,
            "findings": count_codes(self.findings),
            "scores": {key: _score(measured) for key, measured in self.measured.items()},
        }


def _score(measured: Measured) -> dict[str, Any]:
    """One score with its counts, and the same for each group that occurs."""
    groups = measured.counts.by_group()
    total = measured.counts.total()
    out = _of_kind(measured.kind, mean_prf(groups) if measured.average == "mean" else prf(total), total)
    out["by_type"] = {
        name: _of_kind("prf", prf(row), row) for name, row in zip(measured.groups, groups, strict=False) if row[1] or row[3]
    }
    return out


def _of_kind(kind: Kind, values: Prf, totals: Floats) -> dict[str, Any]:
    if kind == "accuracy":
        return {"kind": kind, "value": values.precision, "n": _number(totals[1])}
    if kind == "mean":
        return {"kind": kind, "value": values.f1}
    names = ("p_num", "p_den", "r_num", "r_den")
    counts = {n: _number(v) for n, v in zip(names, totals, strict=True)}
    return {"kind": kind, **values._asdict(), "counts": counts}


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)


def score(
    gold: Source,
    pred: Source,
    *,
    split: str | None = None,
    kinds: Collection[str] = DEFAULT_KINDS,
    labels: Path | Labels | None = None,
    articles: Path | None = None,
    allow_findings: bool = False,
) -> Result:
    """Every metric of predictions against gold.

    Args:
        gold: A corpus folder, gold folder, JSONL or Parquet file, or annotations.
        pred: The same for the predictions; documents outside the split are left out.
        split: Score only documents of this split.
        kinds: The mention kinds that ``mentions.*`` compares, on both sides.
        labels: The inventory; by default the one found beside the gold, else the package's.
        articles: Texts to check offsets and surfaces against; by default those of the gold's corpus folder.
        allow_findings: Score even if there are errors; items at fault count and match nothing.

    Raises:
        DataError: there are errors and ``allow_findings`` is not set.
        UsageError: no document has the split, or a kind is unknown.
    """
    inventory = labels if isinstance(labels, Labels) else find_labels(labels, *_paths(gold))
    _check_arguments(split, kinds, inventory)
    texts = _texts(gold, articles)
    gold_records, gold_findings = _records(gold, "gold")
    pred_records, pred_findings = _records(pred, "predictions")
    universe = {r.value.id for r in gold_records}
    chosen = [r for r in gold_records if split is None or r.value.split == split]
    if not chosen and not gold_findings:
        raise UsageError(f"no document of the gold has the split {split!r}")
    names = {r.value.id for r in chosen}
    pred_records = [r for r in pred_records if r.value.id in names or r.value.id not in universe]
    found = [*gold_findings, *pred_findings]
    # gold is asked for no more than a prediction must have; validate --role gold asks for the rest
    found += check_annotations(chosen, inventory, "prediction", texts)
    found += _strangers(pred_records, names)
    known = [r for r in pred_records if r.value.id in names]
    found += check_annotations(known, inventory, "prediction", texts)
    found += _missing(chosen, known, pred)
    if has_errors(found) and not allow_findings:
        raise DataError("nothing was scored: the data has errors (--allow-findings scores all the same)", found)
    documents = sorted({*names, *(r.value.id for r in pred_records)})
    vocabulary = Vocabulary(inventory)
    evaluation = evaluate(_side(chosen, found), _side(pred_records, found), documents, vocabulary, kinds)
    signature = _signature(gold, chosen, inventory, split, kinds, found, evaluation.pred.removed)
    return Result(signature, len(names), tuple(found), measure(evaluation), tuple(documents))


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


def _records(source: Source, name: str) -> tuple[list[Record[Annotation]], list[Finding]]:
    if isinstance(source, (str, Path)):
        decoded = read_annotations(Path(source))
        return decoded.records, decoded.findings
    return [Record(value, f"<{name}>", i) for i, value in enumerate(source, 1)], []


def _strangers(records: Sequence[Record[Annotation]], names: set[str]) -> Iterable[Finding]:
    """A finding for each predicted document that the gold does not have."""
    for r in records:
        if r.value.id not in names:
            yield finding("UNKNOWN_DOCUMENT", r.path, line=r.line, doc=r.value.id, pointer="/id", got=repr(r.value.id))


def _missing(gold: Sequence[Record[Annotation]], pred: Sequence[Record[Annotation]], source: Source) -> Iterable[Finding]:
    """A warning for each gold document without a prediction."""
    path = str(source) if isinstance(source, (str, Path)) else "<predictions>"
    have = {r.value.id for r in pred}
    return [finding("MISSING_DOCUMENT", path, doc=r.value.id) for r in gold if r.value.id not in have]


_ITEM = re.compile(r"/(mentions|relations|stances)/(\d+)")


def _side(records: Sequence[Record[Annotation]], findings: Iterable[Finding]) -> Side:
    """The table of the records, and the rows of the items that an error names.

    An error of a whole record, such as a wrong text, is an error of all its items.
    """
    at = {(r.path, r.line): i for i, r in enumerate(records)}
    begin = {layer: np.cumsum([0] + [len(getattr(r.value, layer) or ()) for r in records]) for layer in LAYERS}
    rows: dict[str, set[int]] = {"mentions": set(), "relations": set(), "stances": set()}
    for item in findings:
        record = _record_of(item, at, records)
        if item.severity != "error" or record is None:
            continue
        match = _ITEM.match(item.pointer)
        if match:
            rows[match[1]].add(int(begin[match[1]][record]) + int(match[2]))
        elif not item.pointer.startswith("/entities"):
            for layer, chosen in rows.items():
                chosen.update(range(int(begin[layer][record]), int(begin[layer][record + 1])))
    faulty = {layer: np.array(sorted(chosen), dtype=np.int64) for layer, chosen in rows.items() if chosen}
    return Side(table_of(r.value for r in records), faulty)


def _record_of(item: Finding, at: Mapping[tuple[str, int], int], records: Sequence[Record[Annotation]]) -> int | None:
    """The record a finding is about: by its place, or by its document where a record spans lines."""
    if (item.path, item.line) in at:
        return at[item.path, item.line]
    for i, r in enumerate(records):
        if r.raw is not None and r.path == item.path and r.value.id == item.doc:
            return i
    return None


def _signature(
    gold: Source,
    chosen: Sequence[Record[Annotation]],
    labels: Labels,
    split: str | None,
    kinds: Collection[str],
    findings: Sequence[Finding],
    removed: Mapping[str, int],
) -> str:
    """What a score depends on, in one line."""
    parts = [f"newsgold:{__version__}"]
    version = next((p / "VERSION" for p in _paths(gold) if (p / "VERSION").is_file()), None)
    if version is not None:
        parts.append(f"corpus:{version.read_text().strip()}")
    parts += [f"digest:{digest((r.value for r in chosen), labels)[:8]}", f"split:{split or 'all'}", f"docs:{len(chosen)}"]
    parts += [f"kinds:{','.join(k for k in labels.kinds if k in kinds)}", f"labels:{labels.name}-{labels.version}"]
    errors = sum(f.severity == "error" for f in findings)
    if errors:
        parts.append(f"findings:{errors}")
    aside = sum(removed.values())
    if aside:
        parts.append(f"set-aside:{aside}")
    return "|".join(parts)


def digest(annotations: Iterable[Annotation], labels: Labels) -> str:
    """SHA-256 of annotations as canonical JSONL, whoever made them; independent of the order and the file they came in."""
    bare = (msgspec.structs.replace(a, by=None) for a in annotations)
    lines = sorted(encode(canonical(a, labels)) for a in bare)
    return hashlib.sha256(b"\n".join(lines)).hexdigest()
