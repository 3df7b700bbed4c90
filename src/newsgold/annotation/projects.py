"""Which Label Studio project is whose: titles, the line in the description that machines read, the configuration.

A round ``NAME`` is the project ``NAME``, in which everybody sees everybody's
work, or one project ``NAME/ANNOTATOR`` for each annotator. The server knows its
own users only, so the description keeps the names that passes were pushed
under, and :func:`pass_id` tells which pass has which name.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence

import msgspec

from newsgold.annotation.calls import Project, find_projects
from newsgold.annotation.label_config import config_digest
from newsgold.annotation.server import Server
from newsgold.corpus.codec import sha256
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import DOCUMENT_ID
from newsgold.errors import DataError, UsageError, finding, quote

MAX_TITLE = 50
"""Label Studio's own limit, in characters."""
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")
_SPACE = uuid.UUID("5a3a1f5e-6d0b-5d34-9a41-0f3c0f6c6a55")
_MARK = "newsgold:"


class Marked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the description of a project says to machines."""

    annotator: str | None = None
    """Whose project it is, if it is one annotator's."""
    names: tuple[str, ...] = ()
    """Under which names passes were pushed, sorted."""


def titles(project: str, annotators: Sequence[str] = ()) -> dict[str, str | None]:
    """The titles of a round's projects, each with its annotator; raises :class:`UsageError` where one cannot be a title."""
    bad = [name for name in annotators if not DOCUMENT_ID.fullmatch(name)]
    if bad:
        raise UsageError(f"the annotator {quote(bad[0])} needs another name: it must match [a-z0-9][a-z0-9._-]{{0,127}}")
    if len(set(annotators)) != len(annotators):
        raise UsageError("every annotator has one project: name each once")
    if not all(_PART.fullmatch(part) for part in project.split("/")):
        raise UsageError(f"a project cannot be called {quote(project)}: use letters, digits, blanks, full stops, _ and -")
    named: dict[str, str | None] = {f"{project}/{name}": name for name in annotators}
    named = named or {project: None}
    long = [title for title in named if not 3 <= len(title) <= MAX_TITLE]
    if long:
        raise UsageError(f"Label Studio's titles have 3 to {MAX_TITLE} characters, and {quote(long[0])} has {len(long[0])}")
    return named


def described(mark: Marked, description: str = "") -> str:
    """A description with the line for machines: what people wrote in it stays."""
    line = f"{_MARK} {msgspec.json.encode(mark).decode()}"
    if not description:
        whose = f" of {mark.annotator}" if mark.annotator else ""
        return f"Annotation project{whose}, made by newsgold. Keep the next line: names come back by it.\n{line}"
    lines = [text for text in description.splitlines() if not text.startswith(_MARK)]
    return "\n".join([*lines, line])


def marked(project: Project) -> Marked | None:
    """What the description of a project says, or ``None`` if nobody wrote it or somebody broke it."""
    for line in project.description.splitlines():
        if line.startswith(_MARK):
            try:
                return msgspec.json.decode(line.removeprefix(_MARK), type=Marked)
            except msgspec.MsgspecError:
                return None
    return None


def annotator_of(project: Project) -> str | None:
    """Whose project it is, if one annotator's; the title decides where the description says nothing."""
    tail = project.title.rpartition("/")[2]
    if tail == project.title or not DOCUMENT_ID.fullmatch(tail):
        return None
    mark = marked(project)
    return tail if mark is None or mark.annotator == tail else None


def one_project(server: Server, title: str, labels: Labels) -> Project | None:
    """The project with a title; raises :class:`DataError` if there are several, or it runs on another configuration."""
    found = [project for project in find_projects(server, title) if project.title == title]
    return check_projects(server, found, labels)[0] if found else None


def check_projects(server: Server, projects: Sequence[Project], labels: Labels) -> list[Project]:
    """The projects, if every title stands for one project and all run on the inventory's configuration."""
    by_title: dict[str, list[Project]] = {}
    for project in projects:
        by_title.setdefault(project.title, []).append(project)
    wanted = config_digest(labels)
    faults = []
    for title, same in by_title.items():
        if len(same) > 1:
            ids = ", ".join(str(project.id) for project in same)
            faults.append(finding("LS_TITLE_TWICE", server.url, got=f"{quote(title)} for the projects {ids}"))
        for project in same:
            digest = sha256(project.label_config.strip().encode("utf-8", "replace"))
            if digest != wanted:
                path, got = where(server, project.id), f"SHA-256 {digest[:12]}"
                faults.append(finding("LS_CONFIG", path, got=got, wanted=wanted[:12]))
    if faults:
        raise DataError(f"{quote(projects[0].title)} cannot be used as it is", faults)
    return list(projects)


def where(server: Server, project: int) -> str:
    """The address of a project, for findings."""
    return f"{server.url}/projects/{project}"


def pass_id(project: int, key: str, name: str) -> str:
    """The ``unique_id`` of the pass by one annotator over the task with a sync key."""
    return str(uuid.uuid5(_SPACE, f"{project}/{key}/{name}"))


def name_of(unique_id: object, project: int, key: str, names: Iterable[str]) -> str | None:
    """The name under which the pass with this id was pushed, if it is one of the names."""
    return next((name for name in names if pass_id(project, key, name) == unique_id), None)
