"""CPU seconds and peak memory of exports to foreign formats and of imports from them, at two sizes to see that both are linear.

    python perf/formats.py [DOCUMENTS [FORMAT …]]            by default 10,000 and a fifth of it, every format

A document has 40 mentions in 4 entities and 8 pairs of a relation. Each format has a process of its own.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from newsgold.corpus.formats import FORMATS, export_documents, import_files, load
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation
from newsgold.corpus.tables import Document

SENTENCE = "Tessen was calm on Monday. The army of Marovia said it had left Orlen, where Ivo Karan lives. "
NAMES = {"Tessen": "GPE", "Marovia": "GPE", "Orlen": "GPE", "Ivo Karan": "PERSON"}
TEXT = (SENTENCE * 10).strip()
LABELS = default_labels()


def documents(number: int) -> Iterator[Document]:
    """The same document under other ids."""
    spans = [(m.start(), m.end(), name) for name in NAMES for m in re.finditer(name, TEXT)]
    mentions = tuple(Mention(id=f"m{i}", start=s, end=e, type=NAMES[name]) for i, (s, e, name) in enumerate(spans))
    members = {name: tuple(f"m{i}" for i, span in enumerate(spans) if span[2] == name) for name in NAMES}
    entities = tuple(Entity(id=f"e{i}", mentions=of) for i, of in enumerate(members.values()))
    evidence = tuple(zip(members["Orlen"], members["Marovia"], strict=True))[:8]
    relations = (Relation(type="located_in", head="e2", tail="e1", evidence=evidence),)
    for i in range(number):
        name = f"d{i:06d}"
        gold = Annotation(id=name, mentions=mentions, entities=entities, relations=relations, stances=())
        yield Document(Article(id=name, text=TEXT), gold)


def run(name: str, number: int) -> None:
    """Export and import, once."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        exported = export_documents(name, documents(number), LABELS)
        out = time.process_time() - started
        for file, data in exported.files.items():
            (Path(folder) / file).write_bytes(data)
        size = sum(map(len, exported.files.values())) / 1e6
        paths = [Path(folder)] if load(name).FOLDERS else [Path(folder) / file for file in exported.files]
        del exported
        started = time.process_time()
        imported = import_files(name, paths, Terms(labels=LABELS))
        back = time.process_time() - started
    assert len(imported.documents) == number, imported.findings[:3]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{name:8} {number:>7,} documents, {size:7.1f} MB: export {out:6.2f} s, import {back:6.2f} s, peak {peak:6.0f} MB")


def main() -> None:
    """Time every format in a process of its own."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    for name in sys.argv[2:] or FORMATS:
        for some in (number // 5, number):
            subprocess.run([sys.executable, __file__, "--one", name, str(some)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        run(sys.argv[2], int(sys.argv[3]))
    else:
        main()
