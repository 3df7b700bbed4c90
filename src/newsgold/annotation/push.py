"""Articles, pre-annotations and finished passes to a Label Studio server, as often as one likes.

Whatever is there already is found and left alone, so that a push that was
killed, cut off or answered with an error is simply run again:

    project       by its title
    task          by its ``doc_id`` and sync key: one for each article
    prediction    by task and model version: one, with the result pushed last
    annotation    by its ``unique_id``, a UUID made of project, task and annotator

A create whose outcome is unclear is looked for before it is sent again. It may
still come to pass after that look, as may one of a push that was killed a
moment ago. So the numbers are added up at the end, and where they do not fit,
a task of this very push that turned out to be a second one is taken back.
Copies of other origin are findings; no task that anybody worked on is deleted.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import BinaryIO, NamedTuple

import msgspec

from newsgold.annotation.calls import ahead, digest
from newsgold.annotation.instructions import to_html
from newsgold.annotation.label_studio import BY, sync_key, tasks
from newsgold.annotation.projects import titles
from newsgold.annotation.server import Server
from newsgold.annotation.track import BATCH, Tally, Work, open_track
from newsgold.corpus.codec import Record
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.validate import check_articles
from newsgold.errors import Finding, finding, has_errors, quote

_BATCH_BYTES = 16_000_000

Annotations = Mapping[str, Sequence[Annotation]]
Progress = Callable[[int, int], object]
"""Told how much is done and how much there is; 0 if that is not known."""


class Pushed(NamedTuple):
    """What a push did and found."""

    projects: dict[str, int]
    """The projects' ids, by title."""
    tasks: Counter[str]
    """How many tasks were ``created`` and ``found``, over all projects."""
    annotations: Counter[str]
    predictions: Counter[str]
    """Predictions ``created``, ``found`` as they should be, and ``replaced``."""
    findings: tuple[Finding, ...]


def push(
    server: Server,
    articles: Iterable[Article],
    labels: Labels,
    *,
    project: str,
    annotators: Sequence[str] = (),
    predictions: Annotations | None = None,
    annotations: Annotations | None = None,
    instructions: str = "",
    progress: Progress | None = None,
) -> Pushed:
    """Bring articles to a project, or to a project for each annotator; run again, it only adds what is missing.

    Args:
        server: From :func:`~newsgold.annotation.server.connect`.
        articles: May be an iterator; a few hundred are held at a time.
        labels: The inventory, from which the project gets its configuration.
        project: The title; with annotators the projects are ``project/annotator``.
        annotators: Names that match ``[a-z0-9][a-z0-9._-]*``. Each gets all articles and predictions, and his own passes.
        predictions: Pre-annotations by document; their ``by`` becomes the model version.
        annotations: Finished passes by document; their ``by`` comes back with :func:`~newsgold.annotation.pull.pull`.
        instructions: HTML or Markdown that annotators are shown.
        progress: Told how many articles are done, and how many there are (0 for an iterator).

    Raises:
        UsageError: A title or a name cannot be one.
        DataError: A project runs on another configuration, or a title is there twice.
        ServerFault: The server does not answer, or refuses.
    """
    named = titles(project, annotators)
    tally = Tally()
    tracks = [open_track(server, title, name, labels, to_html(instructions), tally) for title, name in named.items()]
    total = len(articles) if isinstance(articles, Sized) else 0
    for track in tracks:
        track.know(total, whole=predictions is not None)
    done = 0
    with tempfile.TemporaryFile() as spool:
        prepared = _prepared(articles, labels, predictions or {}, annotations or {}, set(annotators), tally, spool)
        for batch in ahead(_batches(prepared)):
            for track in tracks:
                track.add(batch)
            done += len(batch)
            if progress is not None:
                progress(done, total)
        for track in tracks:
            track.settle()
            track.annotate(spool, labels)
    found = tuple(tally.findings)
    return Pushed({t.title: t.project for t in tracks}, tally.tasks, tally.annotations, tally.predictions, found)


# ------------------------------------------------------------------- preparation


def _prepared(
    articles: Iterable[Article],
    labels: Labels,
    predictions: Annotations,
    annotations: Annotations,
    annotators: set[str],
    tally: Tally,
    spool: BinaryIO,
) -> Iterator[Work]:
    """The articles that can be sent; passes go to a file until all tasks are there."""
    seen: set[str] = set()
    for article in articles:
        faults = _article_faults(article, seen)
        tally.findings += faults
        seen.add(article.id)
        if has_errors(faults):
            continue
        guesses = {article.id: _once(predictions.get(article.id, ()), tally)}
        passes = {article.id: _of_annotators(_once(annotations.get(article.id, ()), tally), annotators, tally)}
        (task,) = tasks([article], labels, annotations=guesses, report=tally.findings.append)
        (worked,) = tasks([article], labels, annotations=passes, as_annotations=True, report=tally.findings.append)
        if not guesses[article.id]:
            task = {"data": worked["data"]}  # its candidates are the entities of the passes
        key = sync_key(article)
        for row in worked.get("annotations", ()):
            tally.names.add(row[BY])
            spool.write(msgspec.json.encode({"doc": article.id, "key": key, "text": article.text, "row": row}) + b"\n")
        digests = {row["model_version"]: digest(row["result"]) for row in task.get("predictions", ())}
        yield Work(article.id, key, msgspec.json.encode(task), digests)
    for what in (predictions, annotations):
        tally.findings += (finding("UNKNOWN_DOCUMENT", "", doc=doc, got=quote(doc)) for doc in what if doc not in seen)


def _article_faults(article: Article, seen: set[str]) -> list[Finding]:
    for name in ("id", "text", "title"):
        try:
            (getattr(article, name) or "").encode("utf-8")
        except UnicodeEncodeError as error:
            at = quote(error.object[error.start])
            return [finding("LONE_SURROGATE", "", doc=quote(article.id), pointer=f"/{name}", got=f"{at} at {error.start}")]
    if article.id in seen:
        return [finding("DUPLICATE_DOCUMENT", "", doc=article.id)]
    return check_articles([Record(article, "", 0)])


def _once(rows: Sequence[Annotation], tally: Tally) -> list[Annotation]:
    """The annotations whose author gave one only."""
    counts = Counter(row.by for row in rows)
    twice = [finding("DUPLICATE_DOCUMENT", "", doc=rows[0].id, got=f"{n} by {quote(by)}") for by, n in counts.items() if n > 1]
    tally.findings += twice
    return [row for row in rows if counts[row.by] == 1]


def _of_annotators(rows: list[Annotation], annotators: set[str], tally: Tally) -> list[Annotation]:
    strange = [row for row in rows if annotators and row.by not in annotators]
    wanted = ", ".join(sorted(annotators))
    tally.findings += (finding("LS_BY", "", doc=row.id, got=quote(row.by), wanted=wanted) for row in strange)
    return [row for row in rows if row not in strange]


def _batches(prepared: Iterable[Work]) -> Iterator[list[Work]]:
    batch: list[Work] = []
    size = 0
    for work in prepared:
        if batch and (len(batch) == BATCH or size + len(work.body) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(work)
        size += len(work.body)
    if batch:
        yield batch
