"""CPU seconds and peak memory of loading a release for the first time: proven by newsgold, and plain by datasets.

    python perf/loading.py [DOCUMENTS]           by default 100,000

Every case runs in a process of its own with an empty cache, imports included; the best of three is shown. The
release is made from a seed, once, into the folder of NEWSGOLD_PERF (by default one that is removed).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from newsgold.corpus import croissant, release
from newsgold.corpus.store import fill
from newsgold.corpus.tables import Document
from release import LABELS, REPO, document

MENTIONS = 6
CASES = {
    "load_dataset": (
        "plain load_dataset: what the bar is twice of",
        "d = datasets.load_dataset(sys.argv[1], cache_dir=sys.argv[2])",
    ),
    "load": ("newsgold.load, every file proven", "d = newsgold.load(sys.argv[1])"),
    "to_datasets": ("newsgold.load, then to_datasets()", "d = newsgold.load(sys.argv[1]).to_datasets()"),
    "to_polars": (
        "newsgold.load, then to_polars('mentions') collected",
        "d = newsgold.load(sys.argv[1]).to_polars('mentions').collect()",
    ),
    "typed": ("newsgold.load, then every annotation typed", "d = newsgold.load(sys.argv[1]).annotations"),
    "rows": (
        "plain load_dataset, then every row a dict",
        "d = [row for part in datasets.load_dataset(sys.argv[1], cache_dir=sys.argv[2]).values() for row in part]",
    ),
    "digest": (
        "newsgold.load, then the digest from every row",
        "from newsgold.corpus.verify import prove_rows; prove_rows(newsgold.load(sys.argv[1]).release)",
    ),
}


def make(folder: Path, documents: int) -> None:
    """A release of so many documents, as it is published."""
    card = REPO / "corpus" / "README.md"
    prose = release.Prose(card.read_bytes(), croissant.read_facts(card.parent, "1.0.0"), str(card))
    made = (Document(article, fill(gold, article)) for article, gold in (document(n, MENTIONS) for n in range(documents)))
    release.write(release.render_documents(made, LABELS, version="1.0.0", prose=prose), folder)


def measure(folder: Path, code: str) -> tuple[float, float, float]:
    """CPU seconds, seconds and peak MB of a process that runs the code."""
    start = "import sys\n" + (
        "import newsgold\n" if "newsgold" in code else "import datasets; datasets.disable_progress_bars()\n"
    )
    end = "\nimport resource, time; print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "HF_HOME": cache, "HF_HUB_OFFLINE": "1"}
        began = time.perf_counter()
        out = subprocess.run(
            [sys.executable, "-c", start + code + end, str(folder), f"{cache}/rows"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        took = time.perf_counter() - began
    cpu, peak = map(float, out.stdout.split()[-2:])
    return cpu, took, peak


def main() -> None:
    if len(sys.argv) > 2:
        make(Path(sys.argv[2]), int(sys.argv[1]))
        return
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    kept = os.environ.get("NEWSGOLD_PERF")
    place = Path(kept or tempfile.mkdtemp())
    try:
        folder = place / f"loading-{documents}"
        if not (folder / "SHA256SUMS").exists():
            # in a process of its own: a child's peak memory begins with that of its parent
            subprocess.run([sys.executable, __file__, str(documents), str(folder)], check=True)
        size = sum(path.stat().st_size for path in folder.rglob("*.parquet")) / 1e6
        print(f"{documents:,} documents, {MENTIONS} mentions each, {size:.0f} MB of Parquet; CPU s, s, peak MB")
        plain = 0.0
        for name, (about, code) in CASES.items():
            cpu, took, peak = min(measure(folder, code) for _ in range(3))
            plain = plain or cpu
            print(f"{name:14}{cpu:8.2f}{took:8.2f}{peak:8.0f}  {cpu / plain:5.2f} x  {about}")
    finally:
        if not kept:
            shutil.rmtree(place)


if __name__ == "__main__":
    main()
