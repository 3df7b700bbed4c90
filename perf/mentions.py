"""CPU seconds and peak memory of the mention metrics, each the best of three processes, Parquet reading included.

    python perf/mentions.py            all cases
    python perf/mentions.py CASE       one of them, as named below

The input is generated from a seed into a temporary folder. Seconds are those of reading and scoring, user and system;
those of starting Python and importing are given beside them. Machines differ: compare only what ran on one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from newsgold.metrics import mentions
from newsgold.metrics.arrow import ints
from newsgold.metrics.columns import Spans

STARTED = time.process_time()
TYPES = 6
FOUR = ("strict", "exact", "type_", "partial")


class Case(NamedTuple):
    documents: int
    schemas: tuple[str, ...]
    input: str = "flat"
    """flat: 40 mentions a document; overlapping: 20 % nested gold, 50 % extra predictions; crossing: all in one place."""
    seconds: float | None = None
    megabytes: float | None = None


CASES = {
    "strict": Case(50_000, ("strict",), seconds=0.5, megabytes=700),
    "four schemas": Case(50_000, FOUR, seconds=1.0),
    "four schemas, shuffled": Case(50_000, FOUR, "shuffled"),
    "overlapping": Case(50_000, FOUR, "overlapping", seconds=8.0, megabytes=1000),
    "overlapping, with IoU": Case(50_000, (*FOUR, "iou"), "overlapping"),
    **{f"{n:,} documents": Case(n, (*FOUR, "iou")) for n in (5_000, 10_000, 20_000, 40_000, 100_000, 200_000)},
    "10,000 in one place": Case(1, FOUR, "crossing"),
    "10,000 in one place, with IoU": Case(1, (*FOUR, "iou"), "crossing"),
    "20,000 under a document-wide span": Case(1, (*FOUR, "iou"), "wide"),
}


# ----------------------------------------------------------------------- input


def generate(folder: Path, case: Case) -> None:
    """Write gold.parquet and pred.parquet."""
    rng = np.random.default_rng(13)
    gold, pred = {"crossing": _crossing, "wide": _wide}.get(case.input, _documents)(rng, case)
    for name, spans in (("gold", gold), ("pred", pred)):
        order = rng.permutation(len(spans.doc)) if case.input == "shuffled" else np.lexsort(spans[::-1])
        arrays = [pa.Array.from_buffers(pa.int32(), len(order), [None, pa.py_buffer(c[order].astype(np.int32))]) for c in spans]
        pq.write_table(pa.table(dict(zip(Spans._fields, arrays, strict=True))), folder / f"{name}.parquet")


def _documents(rng: np.random.Generator, case: Case) -> tuple[Spans, Spans]:
    """40 mentions a document; of the predictions about 81 % right, 5 % of wrong type, 8 % moved, 6 % missed, 6 % more."""
    n = case.documents * 40
    doc, at = np.divmod(np.arange(n), 40)
    start = at * 25 + rng.integers(0, 5, n)
    gold = Spans(doc, start, start + rng.integers(2, 15, n), rng.integers(0, TYPES, n))
    fate = rng.random(n)
    moved = (fate > 0.86) & (fate < 0.94)
    pred = Spans(
        doc,
        np.maximum(gold.start - moved * rng.integers(0, 3, n), 0),
        gold.end + moved * rng.integers(1, 4, n),
        np.where((fate > 0.81) & (fate < 0.86), (gold.type + 1) % TYPES, gold.type),
    ).take(fate < 0.94)
    more = gold.take(rng.random(n) < 0.055)
    pred = _and(pred, more._replace(start=more.end + 3, end=more.end + 6))
    if case.input == "overlapping":
        inner = gold.take((rng.random(n) < 0.25) & (gold.end - gold.start > 3))
        gold = _and(gold, inner._replace(start=inner.start + 1, end=inner.end - 1, type=rng.integers(0, TYPES, len(inner.doc))))
        extra = pred.take(rng.random(len(pred.doc)) < 0.5)
        shift = rng.integers(-4, 5, len(extra.doc))
        start = np.maximum(extra.start + shift, 0)
        pred = _and(pred, extra._replace(start=start, end=start + rng.integers(1, 16, len(start))))
    return gold, pred


def _crossing(rng: np.random.Generator, _: Case) -> tuple[Spans, Spans]:
    """5,000 mentions a side that all overlap each other."""
    n = 5_000
    zero = np.zeros(n, dtype=np.int64)
    return tuple(Spans(zero, rng.integers(0, n, n), rng.integers(n + 1, 2 * n, n), zero) for _ in range(2))  # type: ignore[return-value]


def _wide(rng: np.random.Generator, _: Case) -> tuple[Spans, Spans]:
    """20,000 mentions a side, all moved, and for each type a prediction as long as the document."""
    n = 20_000
    zero = np.zeros(n, dtype=np.int64)
    gold = Spans(zero, np.arange(n) * 20, np.arange(n) * 20 + 9, rng.integers(0, TYPES, n))
    types = np.arange(TYPES)
    return gold, _and(
        gold._replace(end=gold.end + rng.integers(1, 15, n)), Spans(types * 0, types * 0, types * 0 + 20 * n, types)
    )


def _and(a: Spans, b: Spans) -> Spans:
    return Spans(*(np.concatenate(columns) for columns in zip(a, b, strict=True)))


# ------------------------------------------------------------------- measuring


def read(path: Path) -> Spans:
    table = pq.ParquetFile(path).read(use_threads=False)  # read_table would import the dataset module first
    return Spans(*(ints(table[name].combine_chunks()) for name in Spans._fields))


def score(folder: Path, case: Case) -> None:
    """Read, score, and print a line."""
    begin = time.process_time()
    gold, pred = read(folder / "gold.parquet"), read(folder / "pred.parquet")
    compared = mentions.compare(gold, pred, case.documents, TYPES)
    credit = {name: getattr(mentions, name)(compared).total()[0] for name in case.schemas}
    seconds = time.process_time() - begin
    # not ru_maxrss, which a child inherits from the process that made the input
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    bars = [f"bar {limit:g} {unit}" for limit, unit in ((case.seconds, "s"), (case.megabytes, "MB")) if limit is not None]
    print(
        f"{seconds:7.2f} s (+ {begin:.2f} start)  {peak:6.0f} MB  gold {len(gold.doc):,} pred {len(pred.doc):,}",
        *bars, *(f"{name.rstrip('_')} {value:.1f}" for name, value in credit.items()), sep="  ",
    )  # fmt: skip


def main() -> None:
    names = sys.argv[1:2] or CASES
    if len(sys.argv) > 2:
        return score(Path(sys.argv[2]), CASES[sys.argv[1]])
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder), CASES[name])
            command = [sys.executable, __file__, name, folder]
            runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(3)]
            print(f"{name:34}{min(runs)}", end="", flush=True)  # lines begin with the seconds
    return None


if __name__ == "__main__":
    main()
