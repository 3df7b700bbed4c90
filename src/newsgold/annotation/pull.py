"""Work from a Label Studio server: the raw export kept whole, and one pass file an annotator.

    OUT/raw/PROJECT.json           the project as the server exports it, one task a line, sorted by id
    OUT/raw/PROJECT.deleted.json   tasks with the annotations that were there before and are no longer
    OUT/ANNOTATOR.jsonl            the passes

The raw export is its own memory: a task is fetched if it is new, if the server
names another time of its last change, or if that lies within the
:data:`OVERLAP` before the latest change on file, for the clock of a change may
be ahead of its commit. Drafts do not count as a change of their task, so tasks
with drafts are always fetched. Each annotation gets the name it was pushed
under, or its project's annotator, as ``newsgold_by``; importing the file by hand then
gives the same passes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from newsgold.annotation.calls import Project, exported, find_projects, list_tasks, tasks_with_drafts
from newsgold.annotation.intake import Taken, Written, take_in
from newsgold.annotation.label_studio import BY
from newsgold.annotation.projects import Marked, annotator_of, check_projects, marked, name_of, titles, where
from newsgold.annotation.server import Server
from newsgold.corpus.codec import write_atomic
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Article
from newsgold.errors import FileFault, Finding, ServerFault, finding, quote

OVERLAP = timedelta(minutes=5)
RAW = "raw"

Progress = Callable[[int, int], object]
"""Told how many tasks are fetched, and how many there are to fetch."""


class Pulled(NamedTuple):
    """What a pull gave."""

    projects: dict[str, int]
    """The projects' ids, by title."""
    fetched: int
    """Tasks that were new or changed."""
    files: tuple[Written, ...]
    passes: dict[tuple[str, str], int]
    """How many passes there are, by annotator and status: submitted, empty, skipped, draft."""
    findings: tuple[Finding, ...]


class _Head(msgspec.Struct, frozen=True, gc=False):
    """What a line of a raw export says of its task."""

    id: int
    project: int
    updated_at: str
    drafts: list[msgspec.Raw] = []


class _Line(NamedTuple):
    """Where a task stands in a file, without the comma."""

    head: _Head
    offset: int
    size: int


class _Vanished(NamedTuple):
    """An annotation that was on the server once."""

    doc: str
    annotator: str
    where: str


@dataclass
class _Mirror:
    """A project's files while they are brought up to date."""

    project: Project
    annotator: str | None
    names: tuple[str, ...]
    raw: Path
    at: str
    findings: list[Finding] = field(default_factory=list)
    fetched: int = 0

    @property
    def deleted(self) -> Path:
        return self.raw.with_name(f"{self.raw.name.removesuffix('.json')}.deleted.json")


def pull(
    server: Server,
    articles: Iterable[Article],
    labels: Labels,
    *,
    project: str,
    out: Path,
    accept_loss: bool = False,
    progress: Progress | None = None,
) -> Pulled:
    """Fetch what changed in a round's projects, and merge every pass into its annotator's file.

    Args:
        server: From :func:`~newsgold.annotation.server.connect`.
        articles: Those that were pushed.
        labels: The inventory that they were pushed with.
        project: The title; the projects ``project/ANNOTATOR`` that push made belong to it.
        out: The folder for the files.
        accept_loss: Whether a pass on file may be replaced by one that holds less, or removed if it was deleted.
        progress: Told how many tasks are fetched, and how many there are to fetch.

    Raises:
        DataError: A project runs on another configuration, a title is there twice, or a file in ``out`` cannot be read.
        ServerFault: The server does not answer, refuses, or has no such project.
    """
    titles(project)
    found = [p for p in find_projects(server, project) if p.title in (project, f"{project}/{annotator_of(p)}")]
    if not found:
        raise ServerFault(f"there is no project {quote(project)} at {server.url}: push to it first, or check its title")
    mirrors = [_mirror(server, p, out) for p in check_projects(server, found, labels)]
    vanished: list[_Vanished] = []
    for mirror in mirrors:
        vanished += _bring_up_to_date(server, mirror, progress)
    by_id = {article.id: article for article in articles}
    gone = [(one.doc, one.annotator) for one in vanished]
    taken = take_in([m.raw for m in mirrors], by_id, labels, out, accept_loss=accept_loss, gone=gone)
    findings = [note for mirror in mirrors for note in mirror.findings]
    if accept_loss:
        for mirror in mirrors:
            mirror.deleted.unlink(missing_ok=True)
    else:
        findings += _lost(vanished, taken)
    fetched = sum(mirror.fetched for mirror in mirrors)
    return Pulled({p.title: p.id for p in found}, fetched, taken.files, taken.passes, (*findings, *taken.findings))


def _mirror(server: Server, project: Project, out: Path) -> _Mirror:
    *folders, name = project.title.split("/")
    mark = marked(project) or Marked()
    raw = out.joinpath(RAW, *folders, f"{name}.json")
    return _Mirror(project, annotator_of(project), mark.names, raw, where(server, project.id))


def _lost(vanished: Iterable[_Vanished], taken: Taken) -> Iterator[Finding]:
    """A finding for every deleted pass in whose place there is no other."""
    for one in vanished:
        if (one.doc, one.annotator) not in taken.live:
            yield finding("LS_GONE", one.where, doc=one.doc, got=f"no annotation by {one.annotator}", wanted="the one on file")


# --------------------------------------------------------------------- one project


def _bring_up_to_date(server: Server, mirror: _Mirror, progress: Progress | None) -> list[_Vanished]:
    """Make the raw export what the server has, and keep apart what it no longer has; the annotations that vanished."""
    held = _index(mirror.raw)
    on_server = list_tasks(server, mirror.project.id)
    drafts = tasks_with_drafts(server, mirror.project.id)
    stale = _stale(held, on_server, drafts, mirror.project.id)
    gone = {task for task, line in held.items() if task not in on_server or line.head.project != mirror.project.id}
    with tempfile.TemporaryFile() as spool:
        fresh = _fetch(server, mirror, stale, spool, progress)
        mirror.fetched = len(fresh)
        vanished = _archive(mirror, held, gone, fresh, spool)
        lines = {task: line for task, line in held.items() if task not in gone}
        if fresh or gone or not mirror.raw.exists():
            write_atomic(mirror.raw, _whole(lines, fresh, mirror.raw, spool))
    return vanished


def _index(path: Path) -> dict[int, _Line]:
    """Where each task stands in a raw export; nothing but its head is read."""
    found: dict[int, _Line] = {}
    try:
        with path.open("rb") as file:
            offset = 0
            for line in file:
                body = line.rstrip(b",\n")
                if body not in (b"[", b"]", b"[]"):
                    head = _heads.decode(body)
                    found[head.id] = _Line(head, offset, len(body))
                offset += len(line)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FileFault(f"cannot read {path}: {error.strerror or error}") from error
    except msgspec.MsgspecError as error:
        raise FileFault(f"{path} is not as newsgold wrote it: move it away, then pull everything anew") from error
    return found


_heads = msgspec.json.Decoder(_Head)


def _stale(held: Mapping[int, _Line], on_server: Mapping[int, str], drafts: set[int], project: int) -> list[int]:
    """The tasks to fetch, by id."""
    heads = {task: line.head for task, line in held.items() if line.head.project == project}
    latest = max((_moment(head.updated_at) for head in heads.values()), default=None)
    since = None if latest is None else latest - OVERLAP
    return sorted(
        task
        for task, changed in on_server.items()
        if task not in heads
        or heads[task].updated_at != changed
        or (since is not None and _moment(changed) >= since)
        or task in drafts
        or heads[task].drafts
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _fetch(server: Server, mirror: _Mirror, tasks: list[int], spool: BinaryIO, progress: Progress | None) -> dict[int, _Line]:
    """Write the export of tasks to a file, a line each, with the names of the annotators."""
    lines: dict[int, _Line] = {}
    offset = 0
    for done, value in enumerate(exported(server, mirror.project.id, tasks), 1):
        if progress is not None:
            progress(min(done, len(tasks)), len(tasks))
        if value.findings:
            mirror.findings += (note._replace(path=mirror.at, line=0) for note in value.findings)
            continue
        data = msgspec.json.encode(_named(value.value, mirror))
        head = _heads.decode(data)
        lines[head.id] = _Line(head, offset, len(data))
        offset += spool.write(data)
    return lines


def _named(task: dict[str, Any], mirror: _Mirror) -> dict[str, Any]:
    """The task with the name of each annotation's author, where we know it."""
    key = str(task.get("data", {}).get("sync_key", ""))
    for row in task.get("annotations", ()):
        name = mirror.annotator or name_of(row.get("unique_id"), mirror.project.id, key, mirror.names)
        if name is not None:
            row[BY] = name
    if mirror.annotator is not None:
        for row in task.get("drafts", ()):
            row[BY] = mirror.annotator
    return task


def _whole(held: Mapping[int, _Line], fresh: Mapping[int, _Line], raw: Path, spool: BinaryIO) -> Iterator[bytes]:
    """A raw export: fetched tasks, and the others as they were."""
    first = True
    with raw.open("rb") if held else tempfile.TemporaryFile() as old:
        for task in sorted({*held, *fresh}):
            source, line = (spool, fresh[task]) if task in fresh else (old, held[task])
            yield b"[\n" if first else b",\n"
            yield _body(source, line)
            first = False
    yield b"[]\n" if first else b"\n]\n"


def _body(file: BinaryIO, line: _Line) -> bytes:
    file.seek(line.offset)
    return file.read(line.size)


# --------------------------------------------------------------------- what vanished


def _archive(
    mirror: _Mirror, held: Mapping[int, _Line], gone: set[int], fresh: Mapping[int, _Line], spool: BinaryIO
) -> list[_Vanished]:
    """Keep the annotations that the server no longer has, those of earlier pulls among them, with their tasks."""
    kept = _read_deleted(mirror.deleted)
    before = len(kept)
    if held:
        with mirror.raw.open("rb") as old:
            for number in sorted(gone):
                task = msgspec.json.decode(_body(old, held[number]))
                if not task["annotations"]:
                    _note_deleted(mirror, task)
                _keep(kept, task, task["annotations"])
            for number, line in fresh.items():
                if number in held and number not in gone:
                    task, now = msgspec.json.decode(_body(old, held[number])), msgspec.json.decode(_body(spool, line))
                    ids = {row["id"] for row in now["annotations"]}
                    _keep(kept, task, [row for row in task["annotations"] if row["id"] not in ids])
    if len(kept) != before:
        tasks = [msgspec.json.encode(task) for _, task in sorted(kept.items())]
        write_atomic(mirror.deleted, b"[\n" + b",\n".join(tasks) + b"\n]\n")
    return [
        _Vanished(str(task["data"].get("doc_id", "")), row.get(BY) or _by_user(row), f"{mirror.at}/data?task={task['id']}")
        for task in kept.values()
        for row in task["annotations"]
    ]


def _read_deleted(path: Path) -> dict[tuple[int, int, int], dict[str, Any]]:
    """Deleted annotations by project, task and their own id, each in its task."""
    try:
        tasks = msgspec.json.decode(path.read_bytes())
        return {(t["project"], t["id"], t["annotations"][0]["id"]): t for t in tasks}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FileFault(f"cannot read {path}: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError, TypeError) as error:
        raise FileFault(f"{path} is not as newsgold wrote it: move it away, then pull again") from error


def _keep(kept: dict[tuple[int, int, int], dict[str, Any]], task: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    for row in rows:
        kept[task["project"], task["id"], row["id"]] = {**task, "annotations": [row], "drafts": []}


def _note_deleted(mirror: _Mirror, task: dict[str, Any]) -> None:
    doc, at = str(task["data"].get("doc_id", "")), f"{mirror.at}/data?task={task['id']}"
    mirror.findings.append(finding("LS_GONE", at, doc=doc, got="no task", wanted="the one pulled before", severity="warning"))


def _by_user(row: Mapping[str, Any]) -> str:
    return f"annotator-{row.get('completed_by')}"
