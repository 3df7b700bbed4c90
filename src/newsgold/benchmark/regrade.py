"""What a change of the gold did to scores: the same predictions against two states of it.

Both states are scored on the documents that both have, so that a difference is the work of the change in their gold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from newsgold.benchmark.score import Result, score
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation
from newsgold.corpus.store import read_annotations
from newsgold.corpus.versions import opened
from newsgold.errors import DataError, UsageError, has_errors


class Regraded(NamedTuple):
    """Scores of every system against both states."""

    documents: int
    """How many both have."""
    apart: int
    """How many only one of them has; they are not scored."""
    systems: Mapping[str, tuple[Result, Result]]

    def to_dict(self) -> dict[str, Any]:
        """As ``benchmark regrade --json`` prints it: of every key the old and the new score, and their difference."""
        return {
            "documents": self.documents,
            "apart": self.apart,
            "systems": {
                name: {"signatures": [one.signature for one in results], "scores": _differences(*results)}
                for name, results in self.systems.items()
            },
        }


def regrade(
    old: str,
    new: str,
    preds: Mapping[str, Path],
    *,
    split: str | None = None,
    kinds: Collection[str] | None = None,
    allow_findings: bool = False,
) -> Regraded:
    """Score predictions against two states of the gold.

    Args:
        old: a place as :func:`newsgold.corpus.versions.opened` takes it, such as a folder, or ``git:TAG``.
        new: the same.
        preds: the predictions of each system.
        split: only documents that have this split in both states.
        kinds: as for ``score``.
        allow_findings: as for ``score``.

    Raises :class:`UsageError` if the states have no document in common, and what ``score`` raises.
    """
    beside = next((Path(place) for place in (new, old) if Path(place).is_dir()), Path())
    (one, labels), (other, new_labels) = (_golds(place, beside, split) for place in (old, new))
    both = sorted(one.keys() & other.keys())
    if not both:
        raise UsageError(f"{old} and {new} have no document in common{f' in the split {split}' if split else ''}")
    states = (([one[name] for name in both], labels), ([other[name] for name in both], new_labels))
    systems = {}
    for system, path in preds.items():
        decoded = read_annotations(path)
        if has_errors(decoded.findings):
            raise DataError(f"{path} cannot be read whole", decoded.findings)
        pred = [r.value for r in decoded.records if r.value.id in one.keys() & other.keys()]
        first, second = (
            score(gold, pred, kinds=kinds, labels=inventory, allow_findings=allow_findings) for gold, inventory in states
        )
        systems[system] = (first, second)
    return Regraded(len(both), len(one.keys() ^ other.keys()), systems)


def _golds(place: str, beside: Path, split: str | None) -> tuple[dict[str, Annotation], Labels]:
    with opened(place, beside) as state:
        entries = [entry for entry in state.entries if entry.gold is not None]
    return {e.name: e.gold for e in entries if e.gold is not None and split in (None, e.gold.split)}, state.labels


def _differences(old: Result, new: Result) -> dict[str, dict[str, float | None]]:
    """F1, or the value, of every key."""
    scores = [result.to_dict()["scores"] for result in (old, new)]
    out = {}
    for key in dict.fromkeys([*scores[0], *scores[1]]):
        a, b = (side.get(key, {}) for side in scores)
        values = [part.get("f1", part.get("value")) for part in (a, b)]
        delta = None if None in values else values[1] - values[0]
        out[key] = {"old": values[0], "new": values[1], "delta": delta}
    return out
