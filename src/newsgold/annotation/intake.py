"""Exports into annotators' files: one JSONL an annotator, in which nothing is lost.

The exports may be larger than memory: they are read task by task, and of each
pass only its canonical JSON is held until its annotator's file is written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from newsgold.annotation.label_studio import Pass, merge, read_export
from newsgold.corpus.codec import decode_jsonl, decode_record, encode, write_atomic
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation, Article
from newsgold.errors import DataError, FileFault, Finding, finding

_Key = tuple[str, str | None]
"""A document, and whose annotation of it."""


class Written(NamedTuple):
    """An annotator's file."""

    path: Path
    documents: int
    changed: bool


class Taken(NamedTuple):
    """What exports gave to the annotators' files."""

    files: tuple[Written, ...]
    passes: dict[tuple[str, str], int]
    """How many passes there are, by annotator and status."""
    left_out: tuple[Pass, ...]
    """Passes that are not written: drafts, skipped ones, and those with errors."""
    live: frozenset[tuple[str, str]]
    """The documents and annotators that have a submitted pass, if only an empty one."""
    findings: tuple[Finding, ...]


def take_in(
    exports: Iterable[Path],
    articles: Mapping[str, Article],
    labels: Labels,
    out: Path,
    *,
    accept_loss: bool = False,
    gone: Iterable[tuple[str, str]] = (),
) -> Taken:
    """Read exports, and merge each annotator's passes into ``out/ANNOTATOR.jsonl``.

    Args:
        exports: Label Studio's JSON exports.
        articles: By id.
        labels: The inventory that the projects were made with.
        out: The folder of the files; other documents in them are kept.
        accept_loss: Whether a pass may be replaced by one that holds less, and removed where it was skipped or is gone.
        gone: Documents and annotators whose passes were deleted on the server.

    Raises:
        DataError: A file in ``out`` cannot be read.
    """
    offered: dict[str, dict[str, list[bytes]]] = defaultdict(dict)
    counts: Counter[tuple[str, str]] = Counter()
    skipped: dict[str, dict[str, None]] = defaultdict(dict)
    live: set[tuple[str, str]] = set()
    left_out: list[Pass] = []
    found: list[Finding] = []
    for path in exports:
        for part in read_export(path, articles, labels):
            found += part.findings
            for row in part.passes:
                counts[row.annotator, row.status] += 1
                if row.status in ("submitted", "empty"):
                    live.add((row.doc, row.annotator))
                if row.annotation is None or row.status == "draft":
                    left_out.append(row._replace(annotation=None))
                    if row.status == "skipped":
                        skipped[row.annotator][row.doc] = None
                    continue
                own = offered[row.annotator].setdefault(row.doc, [])
                if (data := encode(row.annotation)) not in own:
                    own.append(data)
    if accept_loss:
        for doc, name in gone:
            if (doc, name) not in live:
                skipped[name][doc] = None
    files = []
    for name in dict.fromkeys([*offered, *skipped]):
        withdrawn = [doc for doc in skipped.get(name, ()) if doc not in offered.get(name, {})]
        written = _merged(out / f"{name}.jsonl", name, offered.pop(name, {}), withdrawn, accept_loss, found)
        files += [written] if written is not None else []
    return Taken(tuple(files), dict(counts), tuple(left_out), frozenset(live), tuple(found))


def _merged(
    path: Path,
    name: str,
    offered: dict[str, list[bytes]],
    withdrawn: Sequence[str],
    accept_loss: bool,
    found: list[Finding],
) -> Written | None:
    """Merge passes into one annotator's file, document by document, by the rule of :func:`merge`; uses ``offered`` up."""
    held = _held(path)
    before = len(held)
    for doc in list(offered):
        key, passes = (doc, name), offered.pop(doc)
        if passes == [held.get(key)]:
            continue
        old = [_read(held[key])] if key in held else []
        merged = merge(old, map(_read, passes), path=str(path), accept_loss=accept_loss)
        found += merged.findings
        held.update((key, encode(annotation)) for annotation in merged.annotations)
    for doc in withdrawn:
        if (doc, name) in held and accept_loss:
            del held[doc, name]
        elif (doc, name) in held:
            found.append(finding("LS_FEWER", str(path), doc=doc, got="a skipped task", wanted="nothing lost"))
    if not held:
        path.unlink(missing_ok=True)
        return Written(path, 0, True) if before else None
    lines = [held[key] + b"\n" for key in sorted(held, key=lambda key: (key[0], key[1] or ""))]
    return Written(path, len(held), write_atomic(path, b"".join(lines)))


def _held(path: Path) -> dict[_Key, bytes]:
    """The canonical JSON of what a file holds, which is read line by line."""
    held: dict[_Key, bytes] = {}
    faults: list[Finding] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.isspace():
                    value = decode_record(line.removesuffix(b"\n"), Annotation, str(path), number)
                    if isinstance(value, list):
                        faults += value
                    else:
                        held[value.id, value.by] = encode(value)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FileFault(f"cannot read {path}: {error.strerror or error}") from error
    if faults:
        raise DataError("not everything can be read", faults)
    return held


def _read(data: bytes) -> Annotation:
    (record,) = decode_jsonl(data, Annotation, "").records
    return record.value
