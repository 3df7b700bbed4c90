"""Seconds and peak memory of push and pull against a Label Studio server of one's own, with invented articles.

    python perf/bridge.py [TASKS] [ANNOTATED]     by default 10,000, and none

Articles have 400 words, and 25 mentions each as pre-annotations; ANNOTATED of them are labelled before the pull. The
commands run as users run them, in processes of their own. Needs what ``make label-studio`` installs.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from newsgold.annotation import local
from newsgold.corpus.codec import encode, sha256
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation

HOME = Path(".venv-label-studio")
NAMES = ("Ana Dorvik", "Petr Halm", "Belmar Guard", "Tessen", "Marovia", "Orsk Hill", "Ilva")
TYPES = ("PERSON", "PERSON", "ORG", "GPE", "GPE", "LOC", "LOC")
WORDS = ("said", "the", "troops", "left", "after", "talks", "on", "water", "and", "grain", "were", "held", "near", "new", "lines")


def article(number: int) -> tuple[Article, Annotation]:
    """An invented article of 400 words with 25 mentions in seven entities, and a few relations."""
    pick = random.Random(number)
    text, mentions = f"Report {number}.", []
    for place in range(25):
        which = pick.randrange(len(NAMES))
        text += " " + " ".join(pick.choices(WORDS, k=14)) + " "
        start = len(text)
        text += NAMES[which]
        mentions.append(Mention(id=f"m{place}", start=start, end=len(text), type=TYPES[which], text=NAMES[which]))
    groups: dict[str, list[str]] = {}
    for m in mentions:
        groups.setdefault(m.text or "", []).append(m.id or "")
    ids = {name: f"e{n}" for n, name in enumerate(groups)}
    entities = tuple(Entity(id=ids[name], mentions=tuple(members)) for name, members in groups.items())
    people = [m for m in mentions if m.type == "PERSON"]
    places = [m for m in mentions if m.type == "GPE"]
    pairs = list(zip(people, places, strict=False))[:4]
    facts = {(ids[a.text or ""], ids[b.text or ""]): (a.id or "", b.id or "") for a, b in pairs}
    relations = tuple(Relation(type="present_in", head=h, tail=t, evidence=(e,)) for (h, t), e in facts.items())
    name = f"report-{number:06}"
    annotation = Annotation(id=name, by="system", mentions=tuple(mentions), entities=entities, relations=relations, stances=())
    return Article(id=name, text=text, title=f"Report {number}", text_sha256=sha256(text)), annotation


def timed(what: str, server: local.Local, *arguments: str) -> None:
    """Run a command of the bridge; print its seconds, its own peak memory and the end of what it says."""
    command = [sys.executable, "-m", "newsgold.cli", "annotation", *arguments, "--url", server.url, "--project", "perf"]
    begin, busy = time.monotonic(), cpu(server)
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, env={**os.environ, "LABEL_STUDIO_API_KEY": server.token}, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begin
        out.seek(0)
        said = out.read().decode().splitlines()
    own, busy = usage.ru_utime + usage.ru_stime, cpu(server) - busy
    print(
        f"{what:12}{seconds:7.1f} s  CPU {own:6.1f} s, the server's {busy:6.1f} s  {usage.ru_maxrss / 1024:5.0f} MB",
        flush=True,
    )
    print("\n".join(f"    {line[:120]}" for line in said if not line.startswith("warning: ")), flush=True)


def cpu(server: local.Local) -> float:
    """The CPU seconds that a server has used."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    annotated = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    os.environ.setdefault("NEWSGOLD_LABEL_STUDIO", str((HOME / "bin" / "label-studio").absolute()))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("NEWSGOLD_PERF", temporary))
        folder.mkdir(parents=True, exist_ok=True)
        articles, predictions, passes = (folder / f"{name}.jsonl" for name in ("articles", "predictions", "passes"))
        with articles.open("wb") as a, predictions.open("wb") as b, passes.open("wb") as c:
            for number in range(tasks):
                text, guess = article(number)
                a.write(encode(text) + b"\n")
                b.write(encode(guess) + b"\n")
                if number < annotated:
                    c.write(encode(msgspec.structs.replace(guess, by="ann")) + b"\n")
        with local.running(folder / "server", template=HOME / "template") as server:
            given = ("--articles", str(articles))
            timed("push", server, "push", *given, "--predictions", str(predictions))
            timed("push again", server, "push", *given, "--predictions", str(predictions))
            if annotated:
                timed("annotations", server, "push", *given, "--annotations", str(passes))
            timed("pull", server, "pull", *given, "--out", str(folder / "out"))
            timed("pull again", server, "pull", *given, "--out", str(folder / "out"))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"(this script itself {own:.0f} MB)")


if __name__ == "__main__":
    main()
