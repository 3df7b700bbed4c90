"""Seconds and peak memory of a large Label Studio export: parsed whole, streamed, and imported.

    python perf/export.py [MEGABYTES]            by default 500

The export has the shape of Label Studio 1.23: indented, each task with one annotation of 40 mentions, 12 relations
and 3 stances and with the prediction it was made from. It is generated into a folder that is removed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from documents import LABELS, annotation
from newsgold.corpus.codec import sha256
from newsgold.corpus.model import Article

CASES = {
    "json": "json.load, the whole file at once",
    "msgspec": "msgspec.json.decode, the whole file at once",
    "stream": "task_stream.read_values: each task read and let go",
    "import": "import_export: every pass kept",
    "command": "newsgold annotation import: two runs, the second finds all on file",
}
DISTINCT = 300
"""How many different documents are repeated, under ids of their own, until the file is long enough."""
WORDS = ("army", "border", "minister", "said", "the", "of", "ceasefire", "talks", "northern", "quarter", "on", "Monday")


def article(number: int) -> Article:
    """The article of a task: the texts recur, the ids do not."""
    return Article(id=f"d{number:06}", text=TEXTS[number % DISTINCT], text_sha256=HASHES[number % DISTINCT])


def _text(number: int) -> str:
    return " ".join(WORDS[(number + place * place) % len(WORDS)] for place in range(420))


TEXTS = [_text(number) for number in range(DISTINCT)]
HASHES = [sha256(text) for text in TEXTS]


def generate(path: Path, size: int) -> int:
    """Write an export of at least so many bytes; how many tasks it holds."""
    forms = [_task(number) for number in range(DISTINCT)]
    written = number = 0
    with path.open("wb") as file:
        while written < size:
            row = forms[number % DISTINCT].replace(b"d999999", f"d{number:06}".encode())
            written += file.write(b"[\n" if number == 0 else b",\n")
            written += file.write(row)
            number += 1
        file.write(b"\n]")
    return number


def _task(number: int) -> bytes:
    from newsgold.annotation.label_studio import task_data, to_result

    text = msgspec.structs.replace(article(number), id="d999999")
    made = annotation(number, noise=0.0, seed=7)
    named = [msgspec.structs.replace(m, text=text.text[m.start : m.end]) for m in made.mentions or ()]
    own = msgspec.structs.replace(made, id=text.id, mentions=tuple(named))
    carried = to_result(own, text, LABELS)
    if carried.findings:
        raise SystemExit(f"the generated document {number} cannot be carried: {carried.findings[0]}")
    times = {"created_at": "2026-11-22T10:15:56.891368Z", "updated_at": "2026-11-22T10:15:57.135551Z"}
    prediction = {"id": number, "result": carried.items, "model_version": "rules", "score": None, "task": number, **times}
    row: dict[str, Any] = {
        "id": number, "completed_by": 3, "result": carried.items, "was_cancelled": False, "ground_truth": False, **times,
        "lead_time": 12.5, "prediction": prediction, "result_count": len(carried.items), "task": number,
        "unique_id": "58a20450-c8f9-488a-a022-a1a9677c139f",
    }  # fmt: skip
    task = {
        "id": number,
        "annotations": [row],
        "drafts": [],
        "predictions": [number],
        "data": task_data(text),
        "meta": {},
        **times,
    }
    return json.dumps(task, ensure_ascii=False, indent=2).encode("utf-8")


def run(case: str, folder: Path) -> None:
    """One case in this process."""
    path, tasks = folder / "export.json", int((folder / "tasks").read_text())
    if case == "command":
        _command(folder, tasks)
        return
    calls: dict[str, Callable[[], int]] = {"json": lambda: len(json.loads(path.read_bytes()))}
    calls["msgspec"] = lambda: len(msgspec.json.decode(path.read_bytes()))
    if case in ("stream", "import"):
        from newsgold.annotation.label_studio import import_export
        from newsgold.annotation.task_stream import read_values

        articles = {a.id: a for a in map(article, range(tasks))}
        calls["stream"] = lambda: sum(not value.findings for value in read_values(path))
        calls["import"] = lambda: sum(p.annotation is not None for p in import_export(path, articles, LABELS).passes)
    before, begin = _peak(), time.perf_counter()
    got = calls[case]()
    seconds = time.perf_counter() - begin
    if got != tasks:
        raise SystemExit(f"{case}: {got} of {tasks} tasks")
    print(f"{seconds:6.1f} s  {_peak():6.0f} MB peak ({before:.0f} MB before)")


def _command(folder: Path, tasks: int) -> None:
    texts = folder / "articles.jsonl"
    texts.write_bytes(b"".join(msgspec.json.encode(article(number)) + b"\n" for number in range(tasks)))
    command = [
        Path(sys.executable).with_name("newsgold"), "annotation", "import", folder / "export.json",
        "--articles", texts, "--out", folder / "passes",
    ]  # fmt: skip
    shown = []
    for _ in range(2):
        begin = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            peak = 0.0
            while process.poll() is None:
                peak = max(peak, _peak(process.pid))
                time.sleep(0.05)
        if process.returncode:
            raise SystemExit(f"the command failed with {process.returncode}")
        shown.append(f"{time.perf_counter() - begin:6.1f} s  {peak:6.0f} MB peak")
    print(" | ".join(shown))


def _peak(process: int | str = "self") -> float:
    """The largest resident memory of a process so far, in MB; 0 once it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def main() -> None:
    if len(sys.argv) == 3:
        run(sys.argv[1], Path(sys.argv[2]))
        return
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tasks = generate(folder / "export.json", size * 1_000_000)
        (folder / "tasks").write_text(str(tasks), encoding="utf-8")
        print(f"{size} MB, {tasks:,} tasks")
        for case, what in CASES.items():
            done = subprocess.run([sys.executable, __file__, case, str(folder)], check=True, capture_output=True, text=True)
            print(f"{case:8} {done.stdout.strip()}  {what}")


if __name__ == "__main__":
    main()
