"""What push and pull ask of a Label Studio server, call by call.

A create may raise :class:`~newsgold.annotation.server.Unclear`; every other
call may be repeated without harm, and is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import msgspec

from newsgold.annotation.server import Gone, Late, Server, Taken, Unclear, decoded, faults, judge, reliably, send, unclear
from newsgold.annotation.task_stream import Value, read_values
from newsgold.corpus.codec import sha256
from newsgold.errors import ServerFault

KEYS_A_QUERY = 90
"""Documents are looked up by URL, and servers take some 8,000 bytes of it."""
EXPORTED = 500
"""Tasks of one export."""
_PAGE = 1_000
_TRIES = 3

T = TypeVar("T")


class Project(NamedTuple):
    """A project as the server lists it."""

    id: int
    title: str
    description: str
    label_config: str
    instructions: str
    tasks: int


class Predicted(NamedTuple):
    """A prediction that is on the server."""

    id: int
    version: str
    digest: str
    """Of its result, see :func:`digest`."""


class Found(NamedTuple):
    """A task that is on the server."""

    id: int
    doc: str
    key: str
    """Its sync key; of another text of the document where somebody pushed one."""
    predictions: tuple[Predicted, ...] = ()
    worked_on: bool = False
    """Whether it has an annotation, skipped ones included, or a draft."""


class Totals(NamedTuple):
    """How much a project holds."""

    tasks: int
    predictions: int


def _get(server: Server, path: str, **params: Any) -> dict[str, Any]:
    return reliably(lambda: decoded(send(server, "GET", path, params=params), dict))


def _post(server: Server, path: str, value: object, *, method: str = "POST", **params: Any) -> Any:
    return send(server, method, path, params=params, body=msgspec.json.encode(value))


# ---------------------------------------------------------------------- projects


def find_projects(server: Server, title: str) -> list[Project]:
    """The projects whose title is the one given, or begins with it and a slash."""
    fields = "id,title,description,label_config,expert_instruction,task_number"
    found: list[Project] = []
    seen = 0
    for page in count(1):
        # the filter finds titles that contain the words, whatever their case
        rows = _get(server, "api/projects", title=title, page=page, page_size=100, include=fields, ordering="id")
        for row in rows["results"]:
            name = row["title"]
            if name == title or name.startswith(f"{title}/"):
                found.append(
                    Project(
                        row["id"],
                        name,
                        row.get("description") or "",
                        row.get("label_config") or "",
                        row.get("expert_instruction") or "",
                        row.get("task_number") or 0,
                    )
                )
        seen += len(rows["results"])
        if not rows["results"] or seen >= rows["count"]:
            return found
    raise AssertionError


def create_project(server: Server, title: str, label_config: str, description: str, instructions: str) -> None:
    """Make a project; may raise :class:`Unclear`."""
    _post(
        server,
        "api/projects/",
        {
            "title": title,
            "label_config": label_config,
            "description": description,
            "expert_instruction": instructions,
            "show_instruction": bool(instructions),
        },
    )


def change_project(server: Server, project: int, **fields: object) -> None:
    """Set fields of a project; doing it twice does no harm."""
    reliably(lambda: _post(server, f"api/projects/{project}/", fields, method="PATCH"))


def validate_config(server: Server, project: int, label_config: str) -> None:
    """Ask the server whether a project can run on a labelling configuration; raises :class:`ServerFault` if not."""
    reliably(lambda: _post(server, f"api/projects/{project}/validate/", {"label_config": label_config}))


# ------------------------------------------------------------------------- tasks


def totals(server: Server, project: int) -> Totals:
    """How many tasks and predictions a project holds."""
    rows = _tasks(server, project, page_size=1, include="id")
    return Totals(rows["total"], rows["total_predictions"])


def find_tasks(server: Server, project: int, docs: Sequence[str], *, whole: bool = False) -> list[Found]:
    """The tasks of these documents, by id; ``whole`` also gives their predictions and whether they were worked on."""
    found: list[Found] = []
    for start in range(0, len(docs), KEYS_A_QUERY):
        query = _filter("data.doc_id", "in_list", "List", list(docs[start : start + KEYS_A_QUERY]))
        found += every_task(server, project, whole=whole, query=query)
    return sorted(found, key=lambda task: task.id)


def every_task(server: Server, project: int, *, whole: bool = False, **params: Any) -> Iterator[Found]:
    """The tasks of a project, page by page."""
    fields = "id,data,predictions,annotations,drafts" if whole else "id,data"
    size = _PAGE // 4 if whole else _PAGE  # each task then comes with hundreds of items
    for page in count(1):
        kind = "all" if whole else "task_only"
        rows = _tasks(server, project, page=page, page_size=size, include=fields, fields=kind, **params)
        for row in rows["tasks"]:
            guesses = tuple(Predicted(p["id"], p["model_version"], digest(p["result"])) for p in row.get("predictions") or ())
            worked = bool(row.get("annotations") or row.get("drafts"))
            yield Found(row["id"], str(row["data"].get("doc_id")), str(row["data"].get("sync_key")), guesses, worked)
        if page * size >= rows["total"]:
            return


def digest(result: object) -> str:
    """What tells one result of a prediction from another, whatever order a database keeps its keys in."""
    return sha256(msgspec.json.encode(result, order="sorted"))[:16]


def list_tasks(server: Server, project: int, progress: Callable[[int, int], object] | None = None) -> dict[int, str]:
    """When each task of a project was last changed, by its id.

    The list is read until its length is the total that the server names: tasks that others delete meanwhile would shift
    the pages and hide one.
    """
    for _ in range(_TRIES):
        changed: dict[int, str] = {}
        for page in count(1):
            rows = _tasks(server, project, page=page, page_size=_PAGE, include="id,updated_at")
            changed.update((row["id"], row["updated_at"]) for row in rows["tasks"])
            if progress is not None:
                progress(len(changed), rows["total"])
            if page * _PAGE >= rows["total"]:
                break
        if len(changed) == rows["total"] == totals(server, project).tasks:
            return changed
    raise ServerFault(f"the project {project} at {server.url} changes faster than it can be listed: run this again later")


def tasks_with_drafts(server: Server, project: int) -> set[int]:
    """The tasks with a draft; saving one does not count as a change of the task."""
    found: set[int] = set()
    for page in count(1):
        query = _filter("draft_exists", "equal", "Boolean", True)
        rows = _tasks(server, project, page=page, page_size=_PAGE, include="id", query=query)
        found.update(row["id"] for row in rows["tasks"])
        if page * _PAGE >= rows["total"]:
            return found
    raise AssertionError


def _tasks(server: Server, project: int, **params: Any) -> dict[str, Any]:
    try:
        return _get(server, "api/tasks", project=project, **params)
    except Gone:
        raise _project_gone(server, project) from None


def _project_gone(server: Server, project: int) -> Gone:
    return Gone(f"the project {project} is no longer at {server.url}: somebody deleted it; nothing on file was changed")


def _filter(column: str, operator: str, kind: str, value: object) -> str:
    item = {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
    return msgspec.json.encode({"filters": {"conjunction": "and", "items": [item]}}).decode()


def create_tasks(server: Server, project: int, tasks: Sequence[bytes]) -> list[int]:
    """The ids of new tasks, in their order; all are made or none, unless it raises :class:`Unclear`."""
    body = b"[" + b",".join(tasks) + b"]"
    try:
        answer = send(server, "POST", f"api/projects/{project}/import", params={"return_task_ids": "true"}, body=body)
    except Gone:
        raise _project_gone(server, project) from None
    ids = decoded(answer, dict).get("task_ids")
    if not isinstance(ids, list) or len(ids) != len(tasks):
        raise Unclear(unclear(server, "it does not say which tasks it made"))
    return ids


def delete_task(server: Server, task: int) -> None:
    """Delete a task; one that is gone already is fine."""
    _delete(server, f"api/tasks/{task}/")


def delete_prediction(server: Server, prediction: int) -> None:
    """Delete a prediction; one that is gone already is fine."""
    _delete(server, f"api/predictions/{prediction}/")


def _delete(server: Server, path: str) -> None:
    def call() -> None:
        try:
            send(server, "DELETE", path)
        except Gone:
            return

    reliably(call)


def create_predictions(server: Server, project: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add predictions, each with its ``task``, ``model_version`` and ``result``; may raise :class:`Unclear`."""
    _post(server, f"api/projects/{project}/import/predictions", rows)


def create_annotation(server: Server, task: int, row: Mapping[str, Any]) -> bool:
    """Add an annotation; false if its ``unique_id`` is there already. Doing it twice does no harm."""

    def call() -> bool:
        try:
            _post(server, f"api/tasks/{task}/annotations/", row)
        except Taken:
            return False
        return True

    return reliably(call)


# ------------------------------------------------------------------------ export


def exported(server: Server, project: int, tasks: Sequence[int]) -> Iterator[Value]:
    """The JSON export of some tasks, whatever their state, by way of files: only one task is held at a time."""
    with tempfile.TemporaryDirectory() as folder:

        def files() -> Iterator[Path]:
            for start in range(0, len(tasks), EXPORTED):
                path = Path(folder) / f"{start}.json"
                with path.open("wb") as out:
                    _export(server, project, tasks[start : start + EXPORTED], out)
                yield path

        for path in ahead(files()):
            yield from read_values(path)
            path.unlink()


def ahead(values: Iterator[T]) -> Iterator[T]:
    """The values, the next one being made while this one is used: one side works while the other waits."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, values, None)
        while (value := coming.result()) is not None:
            coming = pool.submit(next, values, None)
            yield value


def _export(server: Server, project: int, tasks: Sequence[int], out: BinaryIO) -> None:
    params = {"exportType": "JSON", "download_all_tasks": "true", "ids[]": list(tasks)}

    def call() -> None:
        out.seek(0)
        out.truncate()
        options = {"max_retries": 0}
        path = f"api/projects/{project}/export"
        with faults(server), server.client.stream(path, method="GET", params=params, request_options=options) as answer:
            if answer.status_code == 200:
                out.writelines(answer.iter_bytes(1 << 16))
            else:
                answer.read()
        judge(server, answer)

    try:
        reliably(call)
    except Gone:
        raise _project_gone(server, project) from None
    except Late:
        raise
    except Unclear as error:
        raise ServerFault(f"{error}. If it fails again, a task's text may hold half a character: delete that task") from None
