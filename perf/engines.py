"""Scoring many documents in one process, in two of this machine, and on two Dask workers.

    python perf/engines.py [DOCUMENTS] [jsonl|parquet]      by default 200,000 and parquet

Documents have 10 mentions, up to 12 relations and 3 stances on each side. Workers have one thread each. The two processes are
started within the time given, the Dask workers before it, and all of them import and read within it. Each scoring is the best
of two, in a process of its own, whose peak memory is given, not that of its workers. The results are compared to the last digit.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from documents import annotation
from newsgold.benchmark import engine
from newsgold.benchmark.score import Result, score
from newsgold.corpus.codec import encode

DISTINCT = 2_000
WORKERS = 2


@cache
def line(number: int, noise: float) -> bytes:
    return encode(annotation(number, noise=noise, seed=1, mentions=10))


def write(path: Path, documents: int, noise: float) -> None:
    """So many documents; every one of them once, the contents of some again and again."""
    with path.with_suffix(".jsonl").open("wb") as file:
        for number in range(documents):
            own, name = line(number % DISTINCT, noise), f"d{number % DISTINCT:06}".encode()
            file.write(own.replace(name, f"d{number:06}".encode(), 1) + b"\n")
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        from newsgold.metrics.arrow import read_jsonl

        pq.write_table(read_jsonl(path.with_suffix(".jsonl").read_bytes()).table, path, row_group_size=1_000)


def scored(mode: str, gold: Path, pred: Path, scheduler: str) -> Result:
    if mode == "one":
        return score(gold, pred)
    kind, address = ("local", None) if mode == "local" else ("dask", scheduler)
    with engine.open_engine(kind, workers=WORKERS, scheduler=address) as opened:  # type: ignore[arg-type]  # one of two
        return engine.score(opened, gold, pred)


def child(mode: str, gold: str, pred: str, scheduler: str) -> None:
    begin = time.perf_counter()
    result = scored(mode, Path(gold), Path(pred), scheduler)
    scoring = time.perf_counter() - begin
    told = json.dumps(result.to_dict(), sort_keys=True)
    whole = time.perf_counter() - begin
    for key, measured in result.measured.items():
        told += key + "".join(hashlib.sha256(part.tobytes()).hexdigest() for part in measured.counts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([scoring, whole, peak, hashlib.sha256(told.encode()).hexdigest()]))


def main(documents: int, suffix: str) -> None:
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory() as folder:
        gold, pred = Path(folder, f"gold.{suffix}"), Path(folder, f"pred.{suffix}")
        write(gold, documents, 0.0)
        write(pred, documents, 0.2)
        sizes = ", ".join(f"{path.name} {path.stat().st_size / 1e6:,.0f} MB" for path in (gold, pred))
        print(f"{documents:,} documents: {sizes}")
        with LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=0) as cluster:
            results = {}
            for mode in ("one", "local", "dask"):
                runs = []
                for _ in range(2):
                    command = [sys.executable, __file__, "--child", mode, str(gold), str(pred), cluster.scheduler_address]
                    runs.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
                results[mode] = min(runs)
                scoring, whole, peak, _ = results[mode]
                print(f"{mode:6} {scoring:7.1f} s to counts, {whole:7.1f} s with intervals, {peak:7,.0f} MB")
    same = len({digest for *_, digest in results.values()}) == 1
    print(f"same results: {'yes' if same else 'NO'}; dask / local {results['dask'][1] / results['local'][1]:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000, sys.argv[2] if len(sys.argv) > 2 else "parquet")
