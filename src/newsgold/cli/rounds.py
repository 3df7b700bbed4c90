"""The passes of annotation rounds for the leaderboard: what ``benchmark`` needs of ``annotation``, handed over here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from newsgold.annotation.rounds import read_rounds
from newsgold.benchmark.baselines.annotators import Pass
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Article


def passes_of(rounds: Path, articles: Mapping[str, Article], labels: Labels) -> list[Pass]:
    """Every submitted pass of every round; see :func:`newsgold.annotation.rounds.read_rounds`."""
    found = []
    for one in read_rounds(rounds, articles, labels):
        made_from = {record.document: record.passes for record in one.records}
        for name, rows in one.passes.items():
            found += [Pass(name, one.name, row, name in made_from.get(row.id, ())) for row in rows]
    return found
