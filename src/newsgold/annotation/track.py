"""One project while articles are brought to it: what is there is found, what is missing is made, and at the end it adds up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO, NamedTuple, TypeVar

import msgspec

from newsgold.annotation.calls import (
    Found,
    Project,
    Totals,
    change_project,
    create_annotation,
    create_predictions,
    create_project,
    create_tasks,
    delete_prediction,
    delete_task,
    every_task,
    exported,
    find_tasks,
    totals,
    validate_config,
)
from newsgold.annotation.label_config import config
from newsgold.annotation.label_studio import BY, import_task
from newsgold.annotation.projects import Marked, described, marked, one_project, pass_id, where
from newsgold.annotation.server import Late, Server, Unclear
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Article
from newsgold.errors import Finding, ServerFault, finding, quote

BATCH = 500
"""Tasks of one request: the server makes all of them or none."""
_LISTED = 20
"""Up to how many times as many tasks as there are articles are listed; beyond, articles are looked for by name."""
_SENDS = 3
_LOOKS = (0.1, 0.3, 0.6)
"""Seconds between looks for what may have been created."""
_LATE_LOOKS = (0.5, 1.0, 2.0, 4.0, 8.0)
_GRACE = 2.0
"""Seconds that a create without an answer has to come to pass before everything is added up."""

T = TypeVar("T")


class Work(NamedTuple):
    """An article, ready to be sent."""

    doc: str
    key: str
    body: bytes
    """The task as JSON, with its predictions."""
    predictions: dict[str, str]
    """The digest of each model version's result."""


@dataclass
class Tally:
    """What was done and found, over all projects of a push."""

    findings: list[Finding] = field(default_factory=list)
    tasks: Counter[str] = field(default_factory=Counter)
    annotations: Counter[str] = field(default_factory=Counter)
    predictions: Counter[str] = field(default_factory=Counter)
    names: set[str] = field(default_factory=set)


def open_track(server: Server, title: str, annotator: str | None, labels: Labels, instructions: str, tally: Tally) -> Track:
    """The project with a title, made if there is none; it runs on our configuration, which the server has accepted."""
    label_config = config(labels).decode("utf-8")
    found = one_project(server, title, labels)
    sent = 0
    while found is None:
        pauses: Sequence[float] = ()
        try:
            create_project(server, title, label_config, described(Marked(annotator)), instructions)
        except Unclear as error:
            sent += 1
            if sent == _SENDS:
                raise
            pauses = _pauses(error)
        found = _looked(lambda: one_project(server, title, labels), pauses)
    validate_config(server, found.id, label_config)
    if instructions and found.instructions != instructions:
        change_project(server, found.id, expert_instruction=instructions, show_instruction=True)
    return Track(server, found, annotator, tally)


def _pauses(error: Unclear) -> Sequence[float]:
    return _LATE_LOOKS if isinstance(error, Late) else _LOOKS


def _looked(look: Callable[[], T | None], pauses: Sequence[float]) -> T | None:
    """What the first look gives that gives anything."""
    for pause in pauses:
        if found := look():
            return found
        time.sleep(pause)
    return look()


class Track:
    """One project while articles are brought to it."""

    def __init__(self, server: Server, project: Project, annotator: str | None, tally: Tally) -> None:
        self.server = server
        self.project = project.id
        self.title = project.title
        self.description = project.description
        self.mark = marked(project) or Marked(annotator)
        self.annotator = annotator
        self.tally = tally
        self.before = totals(server, project.id)
        self.doubt = False
        """Whether more may be there than was seen."""
        self.known: dict[str, list[Found]] | None = None
        """The tasks that were there before, by document; ``None`` if they are looked for when they are needed."""
        self.ids: dict[str, int] = {}
        self.own: set[int] = set()
        """The tasks that this push made."""
        self.wanted: dict[str, dict[str, str]] = {}
        self.docs: dict[str, str] = {}
        self.added = Totals(0, 0)

    # ------------------------------------------------------------------- tasks

    def add(self, batch: Sequence[Work]) -> None:
        """See to it that every article of a batch has its task, with its predictions."""
        for work in batch:
            self.wanted[work.key] = work.predictions
            self.docs[work.key] = work.doc
        there = self.look(batch, self.known)
        self.tally.tasks["found"] += len(there)
        self.tally.predictions["found"] += sum(len(w.predictions) for w in batch if w.key in there)
        self.predict([(work, there[work.key]) for work in batch if work.key in there], again=True)
        self.create([work for work in batch if work.key not in there])

    def know(self, articles: int, *, whole: bool) -> None:
        """Read once what the project holds, unless looking for the articles takes less; how many they are may be unknown, 0."""
        if not articles or self.before.tasks <= _LISTED * articles:
            self.known = {}
            for task in every_task(self.server, self.project, whole=whole) if self.before.tasks else ():
                self.known.setdefault(task.doc, []).append(task)

    def look(self, works: Sequence[Work], known: Mapping[str, list[Found]] | None = None) -> dict[str, Found]:
        """The first task of each article that has one."""
        keys = {work.key: work for work in works}
        docs = [work.doc for work in works]
        whole = any(work.predictions for work in works)
        there: dict[str, Found] = {}
        if known is None:
            tasks_there = find_tasks(self.server, self.project, docs, whole=whole)
        else:
            tasks_there = [task for doc in docs for task in known.get(doc, ())]
        for task in tasks_there:
            if task.key not in keys:
                self.other_text(task)
            elif task.key in there:
                self.doubt = True  # settle() tells whose the second one is
            else:
                there[task.key] = task
                self.ids[task.key] = task.id
        return there

    def other_text(self, task: Found) -> None:
        """Note a task of the document that shows an earlier text."""
        at, got = f"{where(self.server, self.project)}/data?task={task.id}", quote(task.key)
        note = finding("LS_TEXT", at, doc=task.doc, pointer="/data/sync_key", got=got, severity="warning")
        if note not in self.tally.findings:
            self.tally.findings.append(note)

    def create(self, missing: Sequence[Work]) -> None:
        """Make tasks; after an unclear outcome only those that are still missing."""
        sent = 0
        while missing:
            try:
                ids = create_tasks(self.server, self.project, [work.body for work in missing])
            except Unclear as error:
                sent += 1
                if sent == _SENDS:
                    raise
                self.doubt = True
                made = _looked(partial(self.look_all, missing), _pauses(error)) or []
                self.predict(made, again=False)
                ids = [task.id for _, task in made]
            else:
                made = [(work, Found(i, work.doc, work.key)) for work, i in zip(missing, ids, strict=True)]
            for work, task in made:
                self.ids[work.key] = task.id
                self.count(1, len(work.predictions))
            self.own.update(ids)
            missing = [work for work in missing if work.key not in self.ids]

    def count(self, tasks_made: int, predictions_made: int) -> None:
        """Count what was made, by any road."""
        self.added = Totals(self.added.tasks + tasks_made, self.added.predictions + predictions_made)
        self.tally.tasks["created"] += tasks_made
        self.tally.predictions["created"] += predictions_made

    def predict(self, there: Sequence[tuple[Work, Found]], *, again: bool) -> None:
        """See to it that tasks have exactly the predictions wanted of each model version; other versions stay."""
        for turn in range(_SENDS):
            rows: list[dict[str, Any]] = []
            surplus: list[int] = []
            for work, task in there:
                kept = self.keep(task, work.predictions, surplus)
                if len(kept) < len(work.predictions):
                    given = msgspec.json.decode(work.body)["predictions"]
                    rows += ({**row, "task": task.id} for row in given if row["model_version"] not in kept)
            if not rows and not surplus:
                return
            for prediction in surplus:
                delete_prediction(self.server, prediction)
            if again and turn == 0:
                self.added = self.added._replace(predictions=self.added.predictions + len(rows) - len(surplus))
                replaced = min(len(rows), len(surplus))
                for what, number in (("found", -len(rows)), ("replaced", replaced), ("created", len(rows) - replaced)):
                    self.tally.predictions[what] += number
            try:
                for start in range(0, len(rows), BATCH):
                    create_predictions(self.server, self.project, rows[start : start + BATCH])
            except Unclear as error:
                if turn == _SENDS - 1:
                    raise
                self.doubt = True
                looked = _looked(partial(self.predicted, [work for work, _ in there]), _pauses(error))
                there = looked or self.look_all([work for work, _ in there])
            else:
                return

    def look_all(self, works: Sequence[Work]) -> list[tuple[Work, Found]]:
        """The articles that have a task, with it."""
        there = self.look(works)
        return [(work, there[work.key]) for work in works if work.key in there]

    def predicted(self, works: Sequence[Work]) -> list[tuple[Work, Found]] | None:
        """The same, once no prediction is missing."""
        there = self.look_all(works)
        return there if all(len(self.keep(task, work.predictions, [])) == len(work.predictions) for work, task in there) else None

    def keep(self, task: Found, wanted: Mapping[str, str], surplus: list[int]) -> set[str]:
        """The model versions of which a task has the result wanted; what else it has of them is surplus."""
        kept: set[str] = set()
        for row in task.predictions:
            if row.version not in kept and row.digest == wanted.get(row.version):
                kept.add(row.version)
            elif row.version in wanted:
                surplus.append(row.id)
        return kept

    # ------------------------------------------------------------------ at the end

    def settle(self) -> None:
        """Add up, and where it does not fit, look at every task: each article has one, with one prediction a version."""
        if self.doubt:
            time.sleep(_GRACE)
        now = totals(self.server, self.project)
        expected = (self.before.tasks + self.added.tasks, self.before.predictions + self.added.predictions)
        if not self.doubt and now == expected:
            return
        copies: dict[str, list[Found]] = {}
        if now.tasks <= _LISTED * len(self.wanted):
            found = sorted(every_task(self.server, self.project, whole=True), key=lambda task: task.id)
        else:
            found = find_tasks(self.server, self.project, list(self.docs.values()), whole=True)
        for task in found:
            if task.key in self.wanted:
                copies.setdefault(task.key, []).append(task)
        for key, same in copies.items():
            self.settle_one(key, same)
        if lost := len(self.wanted) - len(copies):
            raise ServerFault(f"{lost} tasks of {self.title} vanished while they were pushed: run this again")

    def settle_one(self, key: str, copies: list[Found]) -> None:
        """Take back the tasks of this push that are second ones; others that stand twice are a finding."""
        for task in [t for t in copies if t.id in self.own and not t.worked_on]:
            if len(copies) > 1:
                delete_task(self.server, task.id)
                copies.remove(task)
                self.tally.tasks["created"] -= 1
                self.tally.tasks["found"] += 1
        self.ids[key] = next((t.id for t in copies if t.worked_on), copies[0].id)
        if len(copies) > 1:
            at, got = where(self.server, self.project), f"tasks {', '.join(str(t.id) for t in copies)}"
            self.tally.findings.append(finding("LS_TASK_TWICE", at, doc=self.docs[key], got=got))
        surplus: list[int] = []
        for task in copies:
            self.keep(task, self.wanted[key], surplus)
        for prediction in surplus:
            delete_prediction(self.server, prediction)

    # ------------------------------------------------------------------ annotations

    def annotate(self, spool: BinaryIO, labels: Labels) -> None:
        """Add the passes that are not there yet; those that are stay as they are."""
        names = {name for name in self.tally.names if self.annotator in (None, name)}
        if not names <= set(self.mark.names):
            self.mark = Marked(self.annotator, tuple(sorted({*self.mark.names, *names})))
            change_project(self.server, self.project, description=described(self.mark, self.description))
        spool.seek(0)
        rows = (msgspec.json.decode(line) for line in spool)
        mine = (row for row in rows if row["row"][BY] in names and row["key"] in self.ids)
        for batch in _chunks(mine, BATCH):
            held = self.held([self.ids[entry["key"]] for entry in batch])
            for entry in batch:
                row = dict(entry["row"])
                name = row.pop(BY)
                row["unique_id"] = pass_id(self.project, entry["key"], name)
                if row["unique_id"] in held:
                    self.tally.annotations["found"] += 1
                    self.compare(entry, held[row["unique_id"]], labels)
                else:
                    made = create_annotation(self.server, self.ids[entry["key"]], row)
                    self.tally.annotations["created" if made else "found"] += 1

    def held(self, tasks_of: Sequence[int]) -> dict[str, Any]:
        """The annotations, by ``unique_id``, of the tasks among these that are older than this push."""
        old = sorted(set(tasks_of) - self.own)
        return {
            row["unique_id"]: row
            for task in exported(self.server, self.project, old)
            for row in (task.value or {}).get("annotations", ())
        }

    def compare(self, entry: dict[str, Any], held: dict[str, Any], labels: Labels) -> None:
        """Note where the server's annotation is not the pass that was to be pushed."""
        doc, by = entry["doc"], entry["row"][BY]
        article = Article(id=doc, text=entry["text"])
        sides = []
        for row in (entry["row"], {**held, BY: by}):
            done = import_task({"data": {"doc_id": doc, "text": article.text}, "annotations": [row]}, {doc: article}, labels)
            sides.append([(p.status, p.annotation) for p in done.passes])
        if sides[0] != sides[1]:
            at = f"{where(self.server, self.project)}/data?task={self.ids[entry['key']]}"
            self.tally.findings.append(finding("LS_KEPT", at, doc=doc, got=f"another pass by {quote(by)}"))


def _chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    chunk: list[T] = []
    for value in values:
        chunk.append(value)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
