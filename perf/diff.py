"""CPU seconds and peak memory of comparing two releases, a tenth of whose documents differ.

    python perf/diff.py [DOCUMENTS]              by default 100,000; a quarter and a half of it show the growth

Every case runs in a process of its own, imports included. The releases are made from a seed into the folder of
NEWSGOLD_PERF (by default one that is removed). The bar is 20 s of CPU for 100,000 documents.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from loading import measure
from newsgold.corpus import croissant, release
from newsgold.corpus.store import fill
from newsgold.corpus.tables import Document
from release import LABELS, MENTIONS, REPO, document

CODE = (
    "import newsgold; from newsgold.corpus.versions import diff_places; from pathlib import Path;"
    " d = diff_places(sys.argv[1], str(Path(sys.argv[1]).with_name('new'))); assert d.step == 'major', d.step"
)


def documents(number: int, mentions: int, *, altered: bool) -> Iterator[Document]:
    """So many documents; ``altered``: with another type of the first mention in every tenth."""
    for n in range(number):
        article, gold = document(n, mentions)
        if altered and n % 10 == 0 and gold.mentions:
            first = msgspec.structs.replace(gold.mentions[0], type="LOC")
            gold = msgspec.structs.replace(gold, mentions=(first, *gold.mentions[1:]))
        yield Document(article, fill(gold, article))


def make(folder: Path, number: int, mentions: int) -> None:
    """Two releases, ``old`` and ``new``."""
    card = REPO / "corpus" / "README.md"
    for name, version in (("old", "1.0.0"), ("new", "2.0.0")):
        prose = release.Prose(card.read_bytes(), croissant.read_facts(card.parent, version), str(card))
        rows = documents(number, mentions, altered=name == "new")
        release.write(release.render_documents(rows, LABELS, version=version, prose=prose), folder / name)


def main() -> None:
    if len(sys.argv) > 2:
        make(Path(sys.argv[2]), int(sys.argv[1]), int(sys.argv[3]))
        return
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    kept = os.environ.get("NEWSGOLD_PERF")
    place = Path(kept or tempfile.mkdtemp())
    try:
        print("mentions each, documents, CPU s, s, peak MB")
        for name, mentions in MENTIONS.items():
            for number in (most // 4, most // 2, most):
                folder = place / f"diff-{name}-{number}"
                if not (folder / "new" / "SHA256SUMS").exists():
                    # in a process of its own: a child's peak memory begins with that of its parent
                    subprocess.run([sys.executable, __file__, str(number), str(folder), str(mentions)], check=True)
                cpu, took, peak = measure(folder / "old", CODE)
                print(f"{mentions:3}{number:10,}{cpu:8.2f}{took:8.2f}{peak:8.0f}", flush=True)
                if not kept:
                    shutil.rmtree(folder)
    finally:
        if not kept:
            shutil.rmtree(place)


if __name__ == "__main__":
    main()
