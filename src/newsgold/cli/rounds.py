"""The passes of annotation rounds for the leaderboard: what ``benchmark`` needs of ``annotation``, handed over here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from newsgold.annotation.label_studio import import_export
from newsgold.annotation.records import SUFFIX, read_record
from newsgold.benchmark.baselines.annotators import Pass
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Article
from newsgold.errors import DataError, FileFault, Finding, has_errors


def read_rounds(rounds: Path, articles: Mapping[str, Article], labels: Labels) -> list[Pass]:
    """Every submitted pass of every round.

    Args:
        rounds: A folder with a folder for each round: exports of Label Studio and the records of adjudication.
        articles: By id.
        labels: The inventory.

    Raises:
        FileFault: there is no such folder.
        DataError: an export or a record has errors.
    """
    if not rounds.is_dir():
        raise FileFault(f"no rounds in {rounds}: expected {rounds}/<round>/<annotator>.json")
    found: list[Finding] = []
    passes = [
        one for folder in sorted(p for p in rounds.iterdir() if p.is_dir()) for one in _round(folder, articles, labels, found)
    ]
    if has_errors(found):
        raise DataError(f"the passes of {rounds} cannot all be read", found)
    return passes


def _round(folder: Path, articles: Mapping[str, Article], labels: Labels, found: list[Finding]) -> Iterator[Pass]:
    files = sorted(folder.glob("*.json"))
    made_from: dict[str, tuple[str, ...]] = {}
    for path in (p for p in files if p.name.endswith(SUFFIX)):
        record, faults = read_record(path)
        found += faults
        if record is not None:
            made_from[record.document] = record.passes
    for path in (p for p in files if not p.name.endswith(SUFFIX)):
        done = import_export(path, articles, labels)
        found += done.findings
        for one in done.passes:
            if one.annotation is not None and one.status in ("submitted", "empty"):
                yield Pass(one.annotator, folder.name, one.annotation, one.annotator in made_from.get(one.doc, ()))
