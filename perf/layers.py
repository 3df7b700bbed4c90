"""CPU seconds and peak memory of whole annotations: coreference, stance, and JSONL against msgspec's own decoding.

    python perf/layers.py [DOCUMENTS]            by default 50,000

The input is generated from a seed, once, into the folder of NEWSGOLD_PERF (by default one that is removed).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from documents import LABELS, write_jsonl
from newsgold.corpus.model import Annotation, Mention, Stance

CASES = {
    "coref": "six metrics of coreference, from Parquet: bar 2.5 s",
    "labels": "stance, 2M labels of given pairs, from Parquet: bar 0.15 s",
    "stance": "stance.tuple, 2M stances with their mentions, from Parquet",
    "jsonl": "JSONL of both sides, all metrics: bar 2.5 x msgspec's decoding",
}


def generate(folder: Path, documents: int) -> None:
    """JSONL of gold and predictions, the same as Parquet, and 40 stances a document as Parquet."""
    from newsgold.metrics.arrow import read_jsonl

    for side, noise in (("gold", 0.0), ("pred", 0.1)):
        path = folder / f"{side}.jsonl"
        write_jsonl(path, documents, noise=noise, seed=7)
        pq.write_table(read_jsonl(path.read_bytes()).table, folder / f"{side}.parquet")
        _stances(folder / f"stances-{side}.parquet", documents, noise)
    rng = np.random.default_rng(11)
    gold = rng.integers(0, 3, documents * 40).astype(np.int32)
    pred = np.where(rng.random(len(gold)) < 0.8, gold, rng.integers(0, 3, len(gold))).astype(np.int32)
    doc = np.repeat(np.arange(documents, dtype=np.int32), 40)
    pq.write_table(pa.table({"doc": doc, "gold": gold, "pred": pred}), folder / "labels.parquet")


def _stances(path: Path, documents: int, noise: float) -> None:
    from newsgold.metrics.arrow import table_of

    pick = random.Random(3)
    mentions = tuple(Mention(id=f"m{i}", start=10 * i, end=10 * i + 5, type="ORG") for i in range(9))
    rows = []
    for number in range(documents):
        stances = tuple(
            Stance(
                holder=f"m{k % 9}", target=f"m{(k + 1 + k // 9) % 9}",
                polarity=pick.choice(("favor", "against")) if pick.random() < noise else ("favor", "against")[(k + number) % 2],
            )
            for k in range(40)
        )  # fmt: skip
        rows.append(Annotation(id=f"d{number:06}", mentions=mentions, stances=stances))
    pq.write_table(table_of(rows), path)


def coref(folder: Path) -> None:
    """Read the mentions and entities of both sides, and compute the six metrics."""
    from newsgold.metrics import suite

    _measure(
        folder, "gold.parquet", "pred.parquet", ("mentions", "entities"), [k for k in suite.METRICS if k.startswith("coref.")]
    )


def stance(folder: Path) -> None:
    """Read the mentions and stances of both sides, and compare the tuples."""
    _measure(folder, "stances-gold.parquet", "stances-pred.parquet", ("mentions", "stances"), ["stance.tuple"])


def labels(folder: Path) -> None:
    """Read given pairs with two labels each, as in SemEval-2016, and compute polarity and macro-F1."""
    from newsgold.metrics import stance
    from newsgold.metrics.arrow import ints

    def call() -> None:
        table = pq.ParquetFile(folder / "labels.parquet").read(use_threads=False)
        doc, gold, pred = (ints(table[name].combine_chunks()) for name in ("doc", "gold", "pred"))
        ones = np.ones(len(doc), dtype=np.int64)
        pairs = stance.Paired(doc, ones, ones, gold, pred)
        stance.polarity_macro_f1(pairs, int(doc[-1]) + 1, (0, 1))

    _report(call)


def _measure(folder: Path, gold: str, pred: str, layers: tuple[str, ...], keys: list[str]) -> None:
    from newsgold.metrics import suite
    from newsgold.metrics.arrow import read_parquet
    from newsgold.metrics.columns import Vocabulary

    def call() -> None:
        tables = [read_parquet(folder / name, layers) for name in (gold, pred)]
        documents = tables[0]["id"].to_pylist()
        evaluation = suite.evaluate(
            suite.Side(tables[0], {}), suite.Side(tables[1], {}), documents, Vocabulary(LABELS), ["NAM", "VAL"]
        )
        for key in keys:
            suite.METRICS[key].counts(evaluation)

    _report(call)


def jsonl(folder: Path) -> None:
    """Decode and score both sides, all metrics; and decode both with msgspec alone."""
    import msgspec

    from newsgold.benchmark.score import score

    decoder = msgspec.json.Decoder(Annotation)
    begin = time.process_time()
    for side in ("gold", "pred"):
        values = [decoder.decode(line) for line in (folder / f"{side}.jsonl").read_bytes().split(b"\n") if line]
        del values
    alone = time.process_time() - begin
    ours = _report(lambda: score(folder / "gold.jsonl", folder / "pred.jsonl", labels=LABELS))
    print(f"   msgspec alone {alone:.2f} s, ratio {ours / alone:.2f}", end="")


def _report(call: Callable[[], object]) -> float:
    begin = time.process_time()
    call()
    seconds = time.process_time() - begin
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(f"{seconds:6.2f} s  {int(status['VmHWM'].split()[0]) / 1024:6.0f} MB", end="")
    return seconds


def main() -> None:
    if len(sys.argv) == 3:
        return {"coref": coref, "labels": labels, "stance": stance, "jsonl": jsonl}[sys.argv[1]](Path(sys.argv[2]))
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("NEWSGOLD_PERF", temporary))
        if not (folder / "stances-pred.parquet").exists():
            folder.mkdir(parents=True, exist_ok=True)
            generate(folder, documents)
        for case, what in CASES.items():
            command = [sys.executable, __file__, case, str(folder)]
            out = min(subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(3))
            print(f"{what:66}{out}", flush=True)
    return None


if __name__ == "__main__":
    main()
