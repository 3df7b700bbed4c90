"""Gamma of mentions, by the library pygamma-agreement (the extra ``gamma``), in bounded time.

Gamma (Mathet, Widlöcher and Métivier 2015) aligns the units of all annotators so
that their disorder is least, and compares it with the disorder of random
passes: 1 − observed / expected. A document takes from a quarter of a second to
several seconds, and now and then minutes, so that a process of its own works
through some of the documents and is ended when its time is up. Over documents it
is 1 − Σ observed / Σ expected disorder.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from newsgold.annotation.agreement import GammaResult
from newsgold.annotation.passes import Passes
from newsgold.corpus.labels import Labels
from newsgold.metrics.columns import Spans

DOCUMENTS = 50
"""Of so many documents at most; which, is decided by a hash of their ids."""
SECONDS = 120.0
"""For all of them together."""
SAMPLES = 30
"""How many random passes give the expected disorder, as the library has it."""
MISSING = 'gamma needs the extra: pip install "newsgold[gamma]"'


def installed() -> bool:
    """Whether the library is there; nothing is imported."""
    return importlib.util.find_spec("pygamma_agreement") is not None


def gamma(
    passes: Passes, spans: Mapping[str, Spans], labels: Labels, *, documents: int = DOCUMENTS, seconds: float = SECONDS
) -> GammaResult:
    """Gamma's parts in some documents.

    Edge cases: documents with fewer than two annotators, or in which one of them marked nothing, are left out: the library
    has no expected disorder for them. Without the library, or where no document was finished, a note says why.

    Source: Mathet, Widlöcher and Métivier 2015; pygamma-agreement (Titeux and Riad 2021), combined dissimilarity with
    α = β = Δ∅ = 1, random numbers seeded by the document's id.
    """
    size = len(passes.documents)
    none = GammaResult(np.zeros(size), np.zeros(size), np.zeros(size, dtype=bool), np.zeros(size, dtype=np.int64))
    if not installed():
        return none._replace(note=MISSING)
    part = passes.attempted["mentions"]
    counts = np.array([np.bincount(side.doc, minlength=size) for side in spans.values()])
    fit = np.flatnonzero((part.sum(axis=0) > 1) & ((counts > 0) | ~part).all(axis=0))
    drawn = sorted(fit.tolist(), key=lambda d: hashlib.sha256(passes.documents[d].encode()).digest())
    chosen = drawn[:documents]
    names = list(labels.types)
    tasks = [
        {
            "doc": int(d),
            "seed": int.from_bytes(hashlib.sha256(passes.documents[d].encode()).digest()[:4], "big"),
            "units": {
                name: [
                    (int(s), int(e), names[t] if t < len(names) else str(int(t)))
                    for s, e, t in zip(*(column[side.doc == d] for column in side[1:]), strict=True)
                ]
                for name, side in spans.items()
                if (side.doc == d).any()
            },
        }
        for d in chosen
    ]
    for row in _run(tasks, seconds):
        d = row["doc"]
        none.done[d], none.observed[d], none.expected[d] = True, row["observed"], row["expected"]
        none.items[d] = int(counts[:, d].sum())
    done = int(none.done.sum())
    note = f"gamma is of {done} of {size} document(s)"
    if done < len(chosen):
        note += f": {seconds:.0f} s were up" if done else f": not one was done in {seconds:.0f} s"
    elif len(fit) > documents:
        note += f", the most that are computed ({documents})"
    elif len(fit) < size:
        note += "; in the others fewer than two annotators marked anything, or one marked nothing"
    return none._replace(note=None if done == size else note)


def _run(tasks: Sequence[Mapping[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """What a process of its own finished in time; it writes a line when a document is done."""
    if not tasks:
        return []
    with tempfile.TemporaryDirectory() as folder:
        todo, done = Path(folder) / "tasks.json", Path(folder) / "done.jsonl"
        todo.write_text(json.dumps(tasks), encoding="utf-8")
        done.touch()
        command = [sys.executable, "-m", "newsgold.annotation.gamma", str(todo), str(done)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            child.kill()
            child.wait()
        lines = done.read_bytes().split(b"\n")[:-1]  # the last one may be half a line
        return [json.loads(line) for line in lines]


def _work(todo: Path, done: Path) -> None:
    """Compute document by document."""
    segment = importlib.import_module("pyannote.core").Segment
    library = importlib.import_module("pygamma_agreement")

    with done.open("a", encoding="utf-8") as out:
        for task in json.loads(todo.read_text(encoding="utf-8")):
            # the library draws from both of the global generators
            random.seed(task["seed"])
            np.random.seed(task["seed"])
            text = library.Continuum()
            for name, units in task["units"].items():
                for start, end, label in units:
                    text.add(name, segment(start, end), label)
            dissimilarity = library.CombinedCategoricalDissimilarity(alpha=1, beta=1, delta_empty=1)
            found = text.compute_gamma(dissimilarity, n_samples=SAMPLES)
            row = {"doc": task["doc"], "observed": float(found.observed_disorder), "expected": float(found.expected_disorder)}
            out.write(json.dumps(row) + "\n")
            out.flush()


if __name__ == "__main__":
    _work(Path(sys.argv[1]), Path(sys.argv[2]))
