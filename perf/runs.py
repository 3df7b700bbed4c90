"""What a run costs over the bare callable, and what 200 kills cost it.

    python perf/runs.py [DOCUMENTS] [KILLS]      by default 10,000 and 200

Two callables take 5 ms a document: ``busy`` computes all the time, ``waiting`` sleeps, as one does that asks a server. One
document is asked for at a time. Articles have about 300 words, answers 100 mentions in 55 entities, 18 relations and 5 stances.
The bare callable is called in a loop; the run reaches it as ``python:runs:busy``, checks, keeps and writes all answers, and then
resumes with all of them stored. On a machine with other work the wall clock says nothing.

The kills are those of ``tests/killing.py``: runs on 4 threads, killed with SIGKILL at random moments.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import msgspec

from newsgold.benchmark.answers import Against
from newsgold.benchmark.run import run
from newsgold.benchmark.systems import Options, open_system
from newsgold.corpus.codec import sha256
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance

KILLING = Path(__file__).parent.parent / "tests" / "killing.py"
WORK = 0.005
DISTINCT = 500
TYPES = ("PERSON", "ORG", "GPE", "LOC")
RELATIONS = ("supports", "attacks", "fights", "allied_with")
WORDS = ("the", "army", "said", "on", "talks", "held", "near", "border", "convoy", "minister", "river", "aid", "Tessen", "Orsk")


@cache
def document(number: int) -> tuple[Article, Annotation]:
    """An article of 300 words, every third of them a mention, and the answer to it."""
    pick = random.Random(number)
    words = [pick.choice(WORDS) for _ in range(300)]
    text = " ".join(words) + f" {number}."
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(word) + 1
    cluster = [*range(55), *(pick.randrange(55) for _ in range(45))]
    kinds = [pick.choice(TYPES) for _ in range(55)]
    mentions = tuple(
        Mention(id=f"m{i}", start=s, end=s + len(w), type=kinds[cluster[i]], text=w)
        for i, (s, w) in enumerate(zip(starts[::3], words[::3], strict=True))
    )
    entities = tuple(Entity(id=f"e{c}", mentions=tuple(f"m{i}" for i in range(100) if cluster[i] == c)) for c in range(55))
    relations = tuple(
        Relation(type=RELATIONS[k % 4], head=f"e{k}", tail=f"e{k + 20}", evidence=((f"m{k}", f"m{k + 20}"),)) for k in range(18)
    )
    stances = tuple(
        Stance(id=f"s{k}", start=10 * k, end=10 * k + 9, holder=f"m{k}", target=f"m{k + 9}", polarity="against") for k in range(5)
    )
    name = f"d{number:06}"
    article = Article(id=name, text=text, text_sha256=sha256(text))
    return article, Annotation(id=name, mentions=mentions, entities=entities, relations=relations, stances=stances)


class Took(NamedTuple):
    wall: float
    cpu: float


def timed(what: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    what()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def busy(article: Article) -> Annotation:
    """A system that computes for 5 ms."""
    end = time.thread_time() + WORK
    while time.thread_time() < end:
        pass
    return _answer(article)


def waiting(article: Article) -> Annotation:
    """A system that waits for 5 ms."""
    time.sleep(WORK)
    return _answer(article)


def _answer(article: Article) -> Annotation:
    return msgspec.structs.replace(document(int(article.id[1:]) % DISTINCT)[1], id=article.id)


def measure(kind: str, documents: int, folder: Path) -> dict[str, Took]:
    """The bare callable, a run, and the run once everything is stored."""
    # this script as a module, which is what the run imports
    own = import_module(Path(__file__).stem)
    made = [own.document(number)[0] for number in range(DISTINCT)]
    articles = [msgspec.structs.replace(made[i % DISTINCT], id=f"d{i:06}") for i in range(documents)]
    labels = default_labels()
    system = open_system(f"python:runs:{kind}", Options(), labels)

    def bare() -> None:
        for article in articles:
            getattr(own, kind)(article)

    def whole(asked: int) -> None:
        ran = run(system, articles, folder / "p.jsonl", Against(kind, labels))
        assert ran.findings == []
        assert ran.record.totals.asked == asked

    return {"bare": timed(bare), "run": timed(lambda: whole(documents)), "resumed": timed(lambda: whole(0))}


def main(documents: int, kills: int) -> None:
    for kind in ("busy", "waiting"):
        with tempfile.TemporaryDirectory() as name:
            took = measure(kind, documents, Path(name))
            size = (Path(name) / "p.jsonl").stat().st_size
        print(f"{kind}: {documents:,} documents, {size / documents:,.0f} bytes an answer")
        for clock in Took._fields:
            bare, run_, resumed = (1000 * getattr(t, clock) / documents for t in took.values())
            over = f"overhead {run_ - bare:.3f} ms, {(run_ - bare) / (1000 * WORK):.1%} of 5 ms"
            print(f"  {clock:4}: bare {bare:.3f} ms, run {run_:.3f} ms a document, {over}; resumed {resumed:.3f} ms", flush=True)
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, str(KILLING), name, str(kills), "1"]
        count = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        print(", ".join(f"{what.replace('_', ' ')} {n:,}" for what, n in count.items()))


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:3]]
    main(*given, *(10_000, 200)[len(given) :])
