"""Kill a run again and again, at random moments, and count what it lost.

    python tests/killing.py FOLDER KILLS SEED       prints the counts as JSON

Runs are forked from this process, asked for documents that take about 2 ms each, and killed with SIGKILL: most of them
soon after their first question, the others anywhere from their beginning. The system writes every question to a log
before it answers, and the run every document that it was told is stored. When all is answered a new cache begins.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path
from typing import NamedTuple

from newsgold.benchmark.answers import Against
from newsgold.benchmark.run import run
from newsgold.benchmark.systems import Answer, Opened
from newsgold.corpus.codec import decode_jsonl
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Mention

DOCUMENTS = 500
CONCURRENCY = 4
ARTICLES = [Article(id=f"d{i:05}", text=f"Tessen fell {i} times.") for i in range(DOCUMENTS)]
AGAINST = Against("slow", default_labels())


class Files(NamedTuple):
    asked: Path
    stored: Path
    out: Path
    cache: Path


def files(folder: Path, number: int) -> Files:
    return Files(*(folder / f"{number}.{ending}" for ending in ("asked", "stored", "jsonl", "cache.sqlite")))


def note(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def forked(at: Files, seed: int) -> int:
    """The pid of a run."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        asked, stored = note(at.asked), note(at.stored)
        wait = random.Random(seed)

        def answer(article: Article) -> Answer:
            os.write(asked, f"{article.id}\n".encode())
            time.sleep(wait.uniform(0.0, 0.004))
            mention = Mention(start=0, end=6, type="GPE", text=article.text[:6])
            return Answer(annotation=Annotation(id=article.id, mentions=(mention,)), usage={"cost": 1.0})

        slow = Opened("slow", "1", {}, answer, concurrency=CONCURRENCY)
        run(slow, ARTICLES, at.out, AGAINST, progress=lambda done: os.write(stored, f"{done.id}\n".encode()))
        code = 0
    finally:
        os._exit(code)


def lines(path: Path, after: int = 0) -> list[str]:
    """The lines of a log; the first ones may be left out."""
    return path.read_text().split()[after:] if path.exists() else []


def held(cache: Path) -> tuple[dict[str, bytes], bool]:
    """The answers in a cache, and whether the file is sound."""
    if not cache.exists():
        return {}, True
    try:
        connection = sqlite3.connect(cache)
        try:
            (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return {}, sound == "ok"
            return dict(connection.execute("SELECT id, answer FROM documents WHERE answer IS NOT NULL")), sound == "ok"
        finally:
            connection.close()
    except sqlite3.Error:
        return {}, False


def whole(out: Path) -> bool:
    """Whether predictions are not there, or all of them."""
    return not out.exists() or len(decode_jsonl(out.read_bytes(), Annotation, str(out)).records) == DOCUMENTS


def main(folder: Path, kills: int, seed: int) -> dict[str, int]:
    pick = random.Random(seed)
    count = dict.fromkeys(("kills", "answers", "lost", "asked_again", "corrupt", "most_asked_twice", "failed", "rounds"), 0)
    number = 0
    while count["kills"] < kills:
        at = files(folder, number)
        before, _ = held(at.cache)
        asked, told = len(lines(at.asked)), len(lines(at.stored))
        pid = forked(at, seed + count["kills"])
        if pick.random() < 0.75:
            while len(lines(at.asked)) == asked:
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    break
                time.sleep(0.001)
        time.sleep(pick.uniform(0, 0.1))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        after, sound = held(at.cache)
        new = lines(at.asked, asked)
        count["corrupt"] += not sound or not whole(at.out)
        count["lost"] += sum(after.get(name) != answer for name, answer in before.items())
        count["lost"] += len({*lines(at.stored, told)} - after.keys())
        count["asked_again"] += sum(name in before for name in new)
        count["most_asked_twice"] = max(count["most_asked_twice"], len({*new} - after.keys()))
        count["answers"] += len(after) - len(before)
        if os.WIFSIGNALED(status):
            count["kills"] += 1
        elif os.WEXITSTATUS(status):
            count["failed"] += 1
            break
        if at.out.exists():
            number += 1
    count["rounds"] = number
    return count


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
