"""CPU seconds and peak memory of building, validating and reading releases of many documents.

    python perf/release.py [DOCUMENTS]           by default 100,000; a quarter and a half of it show the growth

Two corpora are made from a seed, as folders of three files a document, into the folder of NEWSGOLD_PERF (by default
one that is removed): ``light`` has 6 mentions in 100 words, ``heavy`` has 25. Of each the gold is written as JSONL too.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import tomli_w

from newsgold.corpus.codec import canonical, encode, encode_gold, sha256
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import SPLITS, Annotation, Article, Entity, Mention, Region, Relation, Source, Stance
from newsgold.corpus.store import fill

REPO = Path(__file__).parent.parent
LABELS = default_labels()
MENTIONS = {"light": 6, "heavy": 25}
_PLACES = ("Tessen", "Belmar", "Orsk", "Marovia", "Lunen", "Karst", "Veld", "Sorrow Bay")
_WORDS = ("the", "army", "said", "on", "talks", "held", "near", "border", "convoy", "minister", "river", "aid", "and", "of")


def document(number: int, mentions: int) -> tuple[Article, Annotation]:
    """A sound article of 100 words and its gold: half as many entities as mentions, a third as many relations, a stance."""
    pick = random.Random(number)
    words = [pick.choice(_WORDS) for _ in range(100)]
    named = sorted(pick.sample(range(4, 100), mentions))
    clusters = {place: pick.choice(_PLACES) for place in named}
    for place, name in clusters.items():
        words[place] = name
    words[99] += f" {number}"
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(word) + 1
    text = " ".join(words) + "\n"
    title = text[: starts[4] - 1]
    name = f"d{number:06}"
    article = Article(
        id=name, text=text, title=title, origin="imported", split=SPLITS[max(0, number % 10 - 7)],
        event=f"event-{number}", outlet="Belmar Courier", published=f"2031-05-{1 + number % 28:02}",
        source=Source(name="made up", url=f"https://example.org/{number}", licence="CC0-1.0"),
        regions=(Region(start=0, end=len(title), kind="title"), Region(start=len(title) + 1, end=len(text), kind="body")),
        text_sha256=sha256(text),
    )  # fmt: skip
    found = tuple(
        Mention(id=f"m{i}", start=starts[p], end=starts[p] + len(clusters[p]), type="GPE", text=clusters[p])
        for i, p in enumerate(named)
    )
    members: dict[str, list[str]] = {}
    for mention in found:
        members.setdefault(mention.text or "", []).append(mention.id or "")
    entities = tuple(
        Entity(id=f"e{i}", mentions=tuple(m), link=f"Q{i + 1}" if i % 2 else None) for i, m in enumerate(members.values())
    )
    relations = tuple(
        Relation(
            type="supports", head=f"e{i}", tail=f"e{i + 1}", evidence=((entities[i].mentions[0], entities[i + 1].mentions[0]),)
        )
        for i in range(min(len(entities) - 1, mentions // 3))
    )
    stance = Stance(
        id="s1", start=found[0].start, end=found[-1].end, holder="m0", target=f"m{len(found) - 1}", polarity="against"
    )
    gold = Annotation(
        id=name,
        by="gold",
        text_sha256=article.text_sha256,
        mentions=found,
        entities=entities,
        relations=relations,
        stances=(stance,),
    )
    return article, canonical(gold, LABELS)


def generate(folder: Path, documents: int, mentions: int) -> None:
    """A corpus folder of three files a document, and its gold as JSONL beside it."""
    for room in ("articles", "gold"):
        (folder / room).mkdir(parents=True)
    for name in ("labels.toml", "README.md", "croissant.toml"):
        shutil.copyfile(REPO / "corpus" / name, folder / name)
    with folder.with_suffix(".jsonl").open("wb") as jsonl:
        for number in range(documents):
            article, gold = document(number, mentions)
            table = msgspec.to_builtins(article)
            del table["text"]
            (folder / "articles" / f"{article.id}.txt").write_bytes(article.text.encode())
            (folder / "articles" / f"{article.id}.toml").write_bytes(tomli_w.dumps(table).encode())
            (folder / "gold" / f"{article.id}.json").write_bytes(encode_gold(gold))
            jsonl.write(encode(fill(gold, article)) + b"\n")


def build(folder: Path) -> object:
    """The release of the corpus folder, into another."""
    from newsgold.corpus.release import build

    return build(folder, out=_release(folder)).digest


def validate(folder: Path) -> object:
    """Articles, and gold against them."""
    from newsgold.corpus.validate import validate

    return validate([folder])


def gold(folder: Path) -> object:
    """Gold alone, a line a document."""
    from newsgold.corpus.validate import validate

    return validate([folder.with_suffix(".jsonl")], role="gold")


def digest(folder: Path) -> object:
    """Every document of the release, decoded and encoded."""
    from newsgold.corpus.release import logical_digest, read_release

    return logical_digest(read_release(_release(folder)))


def check(folder: Path) -> object:
    """What a reader does before the first row."""
    from newsgold.corpus.verify import prove

    return prove(_release(folder)).digest


CASES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "build": ("build a corpus folder: bar 60 s and 2 GB for 100,000", build),
    "check": ("hold every file of that release against SHA256SUMS", check),
    "digest": ("its logical digest, from Parquet", digest),
    "validate": ("validate the corpus folder: bar 10 s for 100,000", validate),
    "gold": ("validate its gold as JSONL: bar 10 s for 100,000", gold),
}


def _release(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-release")


def run(case: str, folder: Path) -> None:
    """Print what a case costs in a process of its own, the start of Python apart."""
    begin = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = CASES[case][1](folder)
    after = resource.getrusage(resource.RUSAGE_SELF)
    user, system = (getattr(after, name) - getattr(before, name) for name in ("ru_utime", "ru_stime"))
    shown = result if isinstance(result, str) else f"{len(result)} findings"  # type: ignore[arg-type]
    print(
        f"{user + system:7.2f} s CPU ({system:.2f} of it in the system), {time.monotonic() - begin:6.1f} s by the clock,"
        f" {after.ru_maxrss / 1024:5.0f} MB   {shown[:12]}"
    )


def main() -> None:
    if len(sys.argv) == 3:
        run(sys.argv[1], Path(sys.argv[2]))
        return
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(os.environ.get("NEWSGOLD_PERF", temporary))
        for kind, mentions in MENTIONS.items():
            for documents in (most // 4, most // 2, most):
                folder = home / f"{kind}-{documents}"
                if not folder.is_dir():
                    generate(folder, documents, mentions)
                print(f"{documents:,} documents, {mentions} mentions each", flush=True)
                for case, (what, _) in CASES.items():
                    command = [sys.executable, __file__, case, str(folder)]
                    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                    print(f"  {what:56}{out}", end="", flush=True)


if __name__ == "__main__":
    main()
