"""Seconds, CPU seconds, peak memory of agreement: three annotators, all layers, 1,000 resamples, and the disagreements.

    python perf/agreement.py [DOCUMENTS [ANNOTATORS]]     by default 1,000 and 3; the bar there is 20 s

A document has 100 mentions in about 37 clusters in 400 words, 12 relations and 3 stances, an annotator 10 % errors. The
input is generated from a seed; what is timed is ``newsgold annotation agree`` from JSONL to figures, JSON and report.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from documents import annotation
from newsgold.corpus.codec import encode

COMMAND = [sys.executable, "-m", "newsgold.cli", "annotation", "agree"]


def generate(folder: Path, documents: int, annotators: int) -> list[Path]:
    """A file of passes for each annotator."""
    paths = []
    for number in range(annotators):
        name = f"annotator-{number + 1}"
        paths.append(folder / f"{name}.jsonl")
        with paths[-1].open("wb") as file:
            for n in range(documents):
                file.write(encode(annotation(n, noise=0.1, seed=number, mentions=100, by=name)) + b"\n")
    return paths


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    documents, annotators = (int(a) for a in [*sys.argv[1:], "1000", "3"][:2]) if len(sys.argv) != 2 else (int(sys.argv[1]), 3)
    with tempfile.TemporaryDirectory() as temporary:
        paths = generate(Path(temporary), documents, annotators)
        for what, extra in (("figures", []), ("figures, JSON, report", ["--out", f"{temporary}/out"])):
            begin, cpu = time.perf_counter(), _children()
            done = subprocess.run([*COMMAND, *map(str, paths), *extra], check=True, capture_output=True, text=True)
            seconds, cpu = time.perf_counter() - begin, _children() - cpu
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"{what:24}{annotators} × {documents:,}   {seconds:6.1f} s   {cpu:6.1f} s CPU   {memory:6.0f} MB", flush=True)
        print(done.stdout)


if __name__ == "__main__":
    main()
