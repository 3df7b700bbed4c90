"""Compare systems on the same gold: which differences are more than chance, and how small a one the gold could show.

The first system is the reference. The tests are in
:mod:`newsgold.metrics.uncertainty`; here is what surrounds them. What kinds of
error a system makes is told by a callable that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from newsgold.benchmark.score import Result, Source, score
from newsgold.corpus.labels import Labels
from newsgold.errors import UsageError
from newsgold.metrics.uncertainty import RESAMPLES, SEED, TESTS, Difference, Test, differences, scheme

Errors = Callable[[Result], Mapping[str, int]]
"""How many errors of each class what was scored has."""


class Compared(NamedTuple):
    """One system: how it differs from the reference, by key, and its errors by class."""

    differences: Mapping[str, Difference]
    errors: Mapping[str, int]


class Comparison(NamedTuple):
    """Systems against the first of them."""

    signature: str
    reference: str
    systems: Mapping[str, Compared]
    """All of them in the order given; the reference has no differences."""

    def to_dict(self) -> dict[str, Any]:
        """The comparison as ``benchmark compare --json`` prints it."""
        return {
            "signature": self.signature,
            "reference": self.reference,
            "systems": {
                name: {
                    "differences": {key: d._asdict() for key, d in system.differences.items()},
                    "errors": dict(system.errors),
                }
                for name, system in self.systems.items()
            },
        }


def compare(
    gold: Source,
    preds: Mapping[str, Source],
    *,
    split: str | None = None,
    kinds: Collection[str] | None = None,
    labels: Path | Labels | None = None,
    articles: Path | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    test: Test = "randomisation",
    errors: Errors | None = None,
) -> Comparison:
    """Every system against the first, on every key that both attempted.

    Args:
        gold: A corpus folder, gold folder, JSONL or Parquet file, or annotations.
        preds: The predictions of each system by its name, likewise; the first is the reference.
        split: Compare only on documents of this split.
        kinds: The mention kinds that ``mentions.*`` compares.
        labels: The inventory; see :func:`newsgold.benchmark.score.score`.
        articles: Texts to check offsets and surfaces against; see there.
        resamples: How many random replicates; with few clusters randomisation goes through all of them instead.
        seed: What the replicates depend on, beside the ids of documents and events.
        test: ``randomisation``, with linearised intervals, or ``bootstrap``, with its percentiles.
        errors: Says of a system's result how many errors of each class it has.

    Raises:
        DataError: gold or predictions have errors.
        UsageError: there are no two systems, no such test, or no resamples.
    """
    _check_arguments(preds, test, resamples)
    gold = gold if isinstance(gold, (str, Path)) else tuple(gold)
    results = {name: score(gold, p, split=split, kinds=kinds, labels=labels, articles=articles) for name, p in preds.items()}
    reference = next(iter(results))
    drawn_together = results[reference].clusters
    others = {name: result.measured for name, result in results.items() if name != reference}
    found = differences(results[reference].measured, others, drawn_together, test=test, resamples=resamples, seed=seed)
    parts = [*_common([result.basis for result in results.values()]), *scheme(drawn_together, resamples, seed, test)]
    systems = {name: Compared(found.get(name, {}), errors(result) if errors else {}) for name, result in results.items()}
    return Comparison("|".join(parts), reference, systems)


def _check_arguments(preds: Mapping[str, Source], test: str, resamples: int) -> None:
    if len(preds) < 2:
        raise UsageError(f"a comparison needs two systems at least, and got {len(preds)}")
    if test not in TESTS:
        raise UsageError(f"no test {test!r}; tests are {', '.join(TESTS)}")
    if resamples < 1:
        raise UsageError(f"resamples must be 1 at least, not {resamples}")


def _common(signatures: Sequence[str]) -> list[str]:
    """The parts that all signatures have; the others tell of one system's predictions."""
    return [part for part in signatures[0].split("|") if all(part in other.split("|") for other in signatures)]
