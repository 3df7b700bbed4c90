"""The leaderboard: every submission rescored, as files in git and one static page.

    submissions/<system>/<version>/system.json + predictions.jsonl   what was submitted
    results/<system>/<version>.json                                   its scores, made here
    results/leaderboard.json                                          the table
    site/index.html                                                   the page

Numbers come from rescoring only; a submission states none. A faulty submission
is listed with its fault and disturbs no other. Submissions and baselines are
ranked; degenerate systems and annotators stand below them, without a rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from newsgold.benchmark.baselines.annotators import GOLD, LeftOut, left_out
from newsgold.benchmark.card import CARD, PREDICTIONS, Kind, SystemCard, pretty
from newsgold.benchmark.page import page, percent
from newsgold.benchmark.score import Result, score
from newsgold.corpus.codec import read_bytes, read_part, write_atomic
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import DOCUMENT_ID, Annotation
from newsgold.corpus.store import corpus_version, read_annotations
from newsgold.errors import DataError, FileFault, Finding, count_codes, finding, printable, quote
from newsgold.metrics.suite import HEADLINES

COLUMNS = {
    "mentions.strict": "Entities",
    "coref.lea": "Coreference",
    "relations.mapped": "Relations",
    "relations.strict": "Relations, strict",
    "stance.tuple": "Stance",
}
"""The scores that the table shows, with their headings; all scores are in the results."""

RANKED: tuple[Kind, ...] = ("submission", "baseline")
_GROUPS: tuple[tuple[Kind, ...], ...] = (RANKED, ("degenerate",), ("annotator",))
PARTS = ("precision", "recall", "f1")


class Without(NamedTuple):
    """The scores of an annotator who had a part in the gold, against what was made without the pass."""

    result: Result
    documents: int
    against: Mapping[str, int]
    """How many documents were held against whom: ``gold``, or another annotator."""


class Entry(NamedTuple):
    """A submission and what became of it."""

    card: SystemCard
    result: Result | None
    findings: tuple[Finding, ...]
    rank: int | None = None
    """From 1; those of equal means share it. ``None`` where it was refused, or its kind is not ranked."""
    without: Without | None = None

    @property
    def path(self) -> str:
        """Where its results are kept, below results/."""
        return f"{self.card.name}/{self.card.version}.json"


def about(gold: Path, split: str) -> dict[str, str]:
    """What the table says of the data it was made on."""
    documents = sum(r.value.split == split for r in read_annotations(gold).records)
    caution = "So few documents cannot rank systems: read the scores as a worked example." if documents < 30 else ""
    return {
        "corpus": corpus_version(gold) or "unversioned",
        "split": split,
        "documents": str(documents),
        "caution": caution,
    }


def text_table(entries: Sequence[Entry]) -> list[list[str]]:
    """The table for a terminal: system by score, each as P / R / F1 in per cent."""
    rows = [["", "kind", *COLUMNS.values()]]
    for entry in entries:
        name = f"{entry.card.name} {entry.card.version}"
        rows.append([f"{entry.rank}. {name}" if entry.rank else name, entry.card.kind, *_cells(entry.result)])
        if entry.without is not None:
            rows.append([f"  {name} against {', '.join(entry.without.against)}", "left out", *_cells(entry.without.result)])
    return rows


def _cells(result: Result | None) -> list[str]:
    if result is None:
        return ["refused"] * len(COLUMNS)
    scores = _shown(result)
    return [" / ".join(percent(scores.get(key, {}).get(part)) for part in PARTS) for key in COLUMNS]


def read_submissions(benchmark: Path, gold: Path, *, split: str | None = None) -> list[Entry]:
    """Every submission, rescored against the gold.

    Those that are ranked come first, best first by the mean of the headline F1, then by name; degenerate ones and
    annotators follow by name. An annotator is scored on the documents of its pass.

    Raises:
        FileFault: there are no submissions, or a file cannot be read.
    """
    if not (benchmark / "submissions").is_dir():
        raise FileFault(f"no submissions in {benchmark}: expected submissions/<system>/<version>/{CARD}")
    golds = [r.value for r in read_annotations(gold).records if split is None or r.value.split == split]
    found = [_entry(path.parent, gold, golds, split) for path in sorted((benchmark / "submissions").glob(f"*/*/{CARD}"))]
    found = _left_out(benchmark, found, gold, golds)
    means = sorted((_mean_f1(e) for e in found if e.result is not None and e.card.kind in RANKED), reverse=True)
    ranked = [
        e._replace(rank=means.index(_mean_f1(e)) + 1) if e.result is not None and e.card.kind in RANKED else e for e in found
    ]
    group = {kind: number for number, kinds in enumerate(_GROUPS) for kind in kinds}
    return sorted(ranked, key=lambda e: (group[e.card.kind], e.rank or len(ranked) + 1, e.card.name, e.card.version))


def _entry(folder: Path, gold: Path, golds: Sequence[Annotation], split: str | None) -> Entry:
    where = folder / CARD
    try:
        card = msgspec.json.decode(read_bytes(where), type=SystemCard)
    except msgspec.DecodeError as error:
        card = SystemCard(name=folder.parent.name, version=folder.name, summary="", saw="", authors=())
        return Entry(card, None, (finding("BAD_SHAPE", str(where), got=quote(str(error), 160)),))
    if (card.name, card.version) != (folder.parent.name, folder.name) or not all(
        DOCUMENT_ID.fullmatch(part) for part in (card.name, card.version)
    ):
        fault = finding(
            "FILE_NAME", str(where), got=quote(f"{card.name}/{card.version}"), wanted=quote(f"{folder.parent.name}/{folder.name}")
        )
        return Entry(msgspec.structs.replace(card, name=folder.parent.name, version=folder.name), None, (fault,))
    predictions = folder / PREDICTIONS
    raw = read_part(predictions)
    if isinstance(raw, Finding):
        return Entry(card, None, (raw,))
    try:
        result = _scored(card, predictions, gold, golds, split)
    except DataError as error:
        return Entry(card, None, error.findings)
    return Entry(card, result, result.findings)


def _scored(card: SystemCard, predictions: Path, gold: Path, golds: Sequence[Annotation], split: str | None) -> Result:
    """The scores of a submission; of an annotator on the documents that it has, for no system is asked to annotate fewer."""
    if card.kind == "annotator" and not (read := read_annotations(predictions)).findings:
        has = {r.value.id: r.value for r in read.records}
        covered = [one for one in golds if one.id in has]
        if covered and len(covered) < len(golds):
            return score(covered, [has[one.id] for one in covered], labels=find_labels(None, gold), articles=gold, split=split)
    return score(gold, predictions, split=split)


def _left_out(benchmark: Path, entries: Sequence[Entry], gold: Path, golds: Sequence[Annotation]) -> list[Entry]:
    """The entries, those of annotators with what they score against what was made without them."""
    valid = [e for e in entries if e.card.kind == "annotator" and e.result is not None]
    latest = {e.card.name: e for e in valid}  # the last version of each
    passes = {name: _predictions_of(benchmark, e) for name, e in latest.items()}
    in_gold = {name: frozenset(e.card.in_gold) for name, e in latest.items()}
    labels = find_labels(None, gold)
    return [
        e._replace(without=_without(left_out(e.card.name, passes, in_gold, golds), labels)) if e in latest.values() else e
        for e in entries
    ]


def _without(held: LeftOut, labels: Labels) -> Without | None:
    if not set(held.against) - {GOLD}:
        return None  # gold itself was made without it, or nobody else made a pass
    return Without(score(held.references, held.passes, labels=labels), held.documents, held.against)


def _predictions_of(benchmark: Path, entry: Entry) -> list[Annotation]:
    path = benchmark / "submissions" / entry.card.name / entry.card.version / PREDICTIONS
    return [r.value for r in read_annotations(path).records]


def _mean_f1(entry: Entry) -> float:
    """Mean of the headline F1 scores; a layer not attempted counts 0."""
    if entry.result is None:
        return -1.0
    scores = entry.result.to_dict()["scores"]
    return sum(scores[key]["f1"] or 0.0 for key in HEADLINES if key in scores) / len(HEADLINES)


def render(entries: Sequence[Entry], about: Mapping[str, str]) -> dict[str, bytes]:
    """Every generated file by its path below the benchmark folder."""
    files = {f"results/{e.path}": pretty(_result(e)) for e in entries}
    files["results/leaderboard.json"] = pretty({**about, "systems": [_row(e) for e in entries]})
    files["site/index.html"] = page(entries, about, COLUMNS, [RANKED, *_GROUPS[1:]]).encode("utf-8")
    return files


def write(benchmark: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write the generated files and remove results of submissions that are gone; the paths that changed."""
    changed = [benchmark / name for name, data in files.items() if write_atomic(benchmark / name, data)]
    for path in _strays(benchmark, files):
        path.unlink()
        changed.append(path)
    return changed


def check(benchmark: Path, files: Mapping[str, bytes]) -> list[Finding]:
    """A finding for each generated file that is not what the submissions give today."""
    stale = [p for name, data in files.items() if not (p := benchmark / name).is_file() or p.read_bytes() != data]
    return [finding("RESULTS_STALE", str(path)) for path in [*stale, *_strays(benchmark, files)]]


def _strays(benchmark: Path, files: Mapping[str, bytes]) -> list[Path]:
    return [p for p in sorted((benchmark / "results").glob("**/*.json")) if p.relative_to(benchmark).as_posix() not in files]


def _result(entry: Entry) -> dict[str, Any]:
    card = msgspec.to_builtins(entry.card)
    if entry.result is None:
        return {"system": card, "refused": [printable(str(f)) for f in entry.findings[:20]]}
    out = {"system": card, **entry.result.to_dict()}
    return out if entry.without is None else {**out, "left_out": {**_held(entry.without), **entry.without.result.to_dict()}}


def _row(entry: Entry) -> dict[str, Any]:
    card = entry.card
    row: dict[str, Any] = {"system": card.name, "version": card.version, "kind": card.kind, "rank": entry.rank}
    row["findings"] = count_codes(entry.findings)
    if entry.result is None:
        return {**row, "refused": True}
    row |= {"documents": entry.result.documents, "scores": _shown(entry.result), "signature": entry.result.signature}
    return row if entry.without is None else {**row, "left_out": {**_held(entry.without), "scores": _shown(entry.without.result)}}


def _held(without: Without) -> dict[str, Any]:
    return {"documents": without.documents, "against": without.against}


def _shown(result: Result) -> dict[str, dict[str, float | None]]:
    scores = result.to_dict()["scores"]
    return {key: {part: scores[key][part] for part in PARTS} for key in COLUMNS if key in scores}
