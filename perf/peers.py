"""What other scorers need for the same flat mentions, each in a process of its own.

    .venv-peers/bin/python perf/peers.py NAME FOLDER

prints CPU seconds for making the peer's own input objects and for its call, peak memory, and its F1. The folder holds
gold.parquet and pred.parquet with the columns doc, start, end, type (offsets count tokens, nothing overlaps). Needs the
packages of ``peers.lock``; newsgold itself is not imported.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Rows = list[list[tuple[int, int, str]]]
"""For each document its mentions as (start, end, type)."""


def load(path: Path, documents: int) -> Rows:
    columns = pq.read_table(path).to_pydict()
    rows: Rows = [[] for _ in range(documents)]
    for doc, start, end, kind in zip(columns["doc"], columns["start"], columns["end"], columns["type"], strict=True):
        rows[doc].append((start, end, f"T{kind}"))
    return rows


def tags(rows: Rows, lengths: list[int]) -> list[list[str]]:
    """BIO tags of each document."""
    out = []
    for spans, length in zip(rows, lengths, strict=True):
        line = ["O"] * length
        for start, end, kind in spans:
            line[start] = f"B-{kind}"
            line[start + 1 : end] = [f"I-{kind}"] * (end - start - 1)
        out.append(line)
    return out


def lengths(gold: Rows, pred: Rows) -> list[int]:
    return [max((end for _, end, _ in [*g, *p]), default=1) for g, p in zip(gold, pred, strict=True)]


def seqeval_report(gold: Rows, pred: Rows) -> Callable[[], float]:
    from seqeval.metrics import classification_report

    n = lengths(gold, pred)
    a, b = tags(gold, n), tags(pred, n)
    return lambda: float(classification_report(a, b, output_dict=True)["micro avg"]["f1-score"])


def seqeval_f1(gold: Rows, pred: Rows) -> Callable[[], float]:
    from seqeval.metrics import f1_score

    n = lengths(gold, pred)
    a, b = tags(gold, n), tags(pred, n)
    return lambda: float(f1_score(a, b))


def nervaluate(gold: Rows, pred: Rows) -> Callable[[], float]:
    from nervaluate.evaluator import Evaluator

    def entities(rows: Rows) -> list[list[dict[str, Any]]]:
        return [[{"label": kind, "start": start, "end": end - 1} for start, end, kind in spans] for spans in rows]

    a, b = entities(gold), entities(pred)
    labels = sorted({kind for spans in gold for *_, kind in spans})
    return lambda: float(Evaluator(a, b, tags=labels, loader="dict").evaluate()["overall"]["strict"].f1)


def spacy(gold: Rows, pred: Rows) -> Callable[[], float]:
    import spacy as library
    from spacy.scorer import Scorer
    from spacy.tokens import Doc, Span
    from spacy.training import Example

    vocab = library.blank("en").vocab
    examples = []
    for g, p, n in zip(gold, pred, lengths(gold, pred), strict=True):
        docs = []
        for spans in (p, g):
            doc = Doc(vocab, words=["x"] * n)
            doc.spans["sc"] = [Span(doc, start, end, label=kind) for start, end, kind in spans]
            docs.append(doc)
        examples.append(Example(docs[0], docs[1]))
    return lambda: float(
        Scorer.score_spans(examples, "spans_sc", getter=lambda d, _: d.spans["sc"], allow_overlap=True)["spans_sc_f"]
    )


def plain_sets(gold: Rows, pred: Rows) -> Callable[[], float]:
    def call() -> float:
        right = sum(len(set(g) & set(p)) for g, p in zip(gold, pred, strict=True))
        return 2 * right / (sum(map(len, gold)) + sum(map(len, pred)))

    return call


def scikit_learn(gold: Rows, pred: Rows) -> Callable[[], float]:
    """Labels of the same items, as stance is scored: F1 of two of three classes."""
    from sklearn.metrics import precision_recall_fscore_support

    a = [kind for spans in gold for *_, kind in spans]
    b = [kind for spans in pred for *_, kind in spans]
    return lambda: float(precision_recall_fscore_support(a, b, labels=["T0", "T1"], average="macro")[2])


PEERS = {
    "plain Python sets": plain_sets,
    "seqeval f1_score": seqeval_f1,
    "seqeval report": seqeval_report,
    "nervaluate": nervaluate,
    "spaCy Scorer": spacy,
    "scikit-learn": scikit_learn,
}


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    documents = json.loads((folder / "about.json").read_text())["documents"]
    begin = time.process_time()
    gold, pred = load(folder / "gold.parquet", documents), load(folder / "pred.parquet", documents)
    call = PEERS[name](gold, pred)
    prepared = time.process_time()
    value = call()
    scored = time.process_time()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    print(json.dumps({"prepare": prepared - begin, "score": scored - prepared, "megabytes": peak, "f1": value}))


if __name__ == "__main__":
    main()
