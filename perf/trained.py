"""The trained baseline `crf` beside the rules: F1 event by event, CPU seconds, memory: `python perf/trained.py [CORPUS]`.

Each event of train and validation is left out in turn and scored by a model of the others; test is never looked at.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from newsgold.benchmark.baselines.rules import annotate
from newsgold.benchmark.baselines.training import cross_validate, fit, headlines
from newsgold.corpus.labels import find_labels
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.metrics.suite import HEADLINES


def main(corpus: Path) -> None:
    articles = {r.value.id: r.value for r in read_articles(corpus).records}
    read = [r.value for r in read_annotations(corpus).records]
    gold = [(articles[g.id], g) for g in read if g.id in articles and articles[g.id].split in ("train", "validation")]
    labels = find_labels(None, corpus)
    print(f"{'event left out':24} {'docs':>4} {'system':6} " + " ".join(f"{key:>16}" for key in HEADLINES))
    for fold in cross_validate(gold, labels):
        left = [(a, g) for a, g in gold if (a.event or a.id) == fold.event]
        for name, f1 in (("crf", fold.f1), ("rules", headlines(annotate, left, labels))):
            cells = " ".join(f"{'-' if f1.get(key) is None else format(f1[key], '.4f'):>16}" for key in HEADLINES)
            print(f"{fold.event:24} {fold.documents:4} {name:6} {cells}")
    begun = time.process_time()
    model = fit(gold, labels)
    trained = time.process_time()
    for article, _ in gold:
        model(article)
    each = (time.process_time() - trained) / len(gold)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"training on {len(gold)} documents {trained - begun:.1f} CPU s; an answer {each:.2f} CPU s; peak {peak:.0f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "corpus"))
