"""The Label Studio bridge: tasks out, exports in.

    Label Studio      here
    task              Article (the document)
    annotation        one annotator's pass, an Annotation
    region            Mention, or the span of a Stance
    prediction        pre-annotation

A mention is a region of the control ``mention``; its kind, entity id and link
are per-region answers, and an entity is the mentions with one entity id. The
id is written, or picked among the task's candidates, the entities of the
annotations that the task was made with. A
relation is one arrow for each mention pair that expresses it; an arrow carries
every label of its pair, sorted, because the UI drops a second arrow between the
same two regions: ``controls``, ``controls:denied``, ``controls:prospective``.
A stance is a region of the control ``stance`` with its answers, and arrows
``stance_holder`` and ``stance_target`` to mentions. Region ids are item ids,
those that the UI mints included.

The way there and back is the identity, byte for byte in canonical form, and
:func:`to_result` proves it for every annotation by reading its own items.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from newsgold.annotation.completion import complete
from newsgold.annotation.label_config import (
    ASSERTED,
    BASIS,
    CANDIDATES,
    CONTROLS,
    ENTITY,
    HOLDER,
    HOLDER_KIND,
    KIND,
    LINK,
    MENTION,
    NAMED_HOLDER,
    POLARITY,
    STANCE,
    STANCE_LABEL,
    TARGET,
    TEXT,
    candidates,
    config,
    config_digest,
)
from newsgold.annotation.reading import Reading, Where, from_result
from newsgold.annotation.task_stream import read_values
from newsgold.corpus.codec import canonical, sha256
from newsgold.corpus.labels import DEFAULT_BASIS, Labels
from newsgold.corpus.model import AUTHOR, DOCUMENT_ID, LAYERS, UNKNOWN, Annotation, Article, Mention
from newsgold.corpus.store import fill
from newsgold.errors import DataError, Finding, UsageError, finding, has_errors, quote

__all__ = [
    "Carried",
    "Imported",
    "Merged",
    "Pass",
    "Reading",
    "Where",
    "config",
    "config_digest",
    "from_result",
    "import_export",
    "import_task",
    "merge",
    "read_export",
    "sync_key",
    "task_data",
    "tasks",
    "to_result",
]

BY = "newsgold_by"
"""Key of an annotation that keeps its annotator's name through a file; a server drops it and knows its own users."""

Status = Literal["submitted", "empty", "skipped", "draft"]


class Carried(NamedTuple):
    """Result items, and what of the annotation they do not carry."""

    items: list[dict[str, Any]]
    findings: tuple[Finding, ...]


class Pass(NamedTuple):
    """What one annotator made of one document."""

    doc: str
    annotator: str
    status: Status
    """``empty`` was submitted without any item, ``skipped`` was declined, ``draft`` was never submitted."""
    annotation: Annotation | None
    """``None`` if it was skipped or has errors."""
    ground_truth: bool = False
    flags: tuple[str, ...] = ()
    note: str = ""
    unique_id: str = ""
    """Label Studio's own id of the annotation, stable across exports."""
    updated_at: str = ""
    pointer: str = ""
    """Where it stands in the export."""


class Merged(NamedTuple):
    """An annotator's file with new passes taken in."""

    annotations: tuple[Annotation, ...]
    findings: tuple[Finding, ...]


class Imported(NamedTuple):
    """What an export gave."""

    passes: tuple[Pass, ...]
    findings: tuple[Finding, ...]


# -------------------------------------------------------------------------- tasks


def sync_key(article: Article) -> str:
    """The key of an article's task: its id and the beginning of its text's hash."""
    return f"{article.id}@{_digest(article)[:12]}"


def task_data(article: Article, results: Iterable[Sequence[Mapping[str, Any]]] = ()) -> dict[str, Any]:
    """What a task shows, what it is found by, and the entities to pick from: those of the given results."""
    return {
        "text": article.text,
        "title": article.title or article.id,
        "doc_id": article.id,
        "text_sha256": _digest(article),
        "sync_key": sync_key(article),
        CANDIDATES: candidates(results),
    }


def tasks(
    articles: Iterable[Article],
    labels: Labels,
    *,
    annotations: Mapping[str, Sequence[Annotation]] | None = None,
    as_annotations: bool = False,
    report: Callable[[Finding], object] | None = None,
) -> Iterator[dict[str, Any]]:
    """One import task for each article, with its annotations as predictions or, if asked, as annotations.

    Whatever cannot be carried is handed to ``report``; without it, it raises :class:`DataError`.
    An annotation with an error is left out whole.
    """
    for article in articles:
        rows = []
        for annotation in (annotations or {}).get(article.id, ()):
            carried = to_result(annotation, article, labels, prediction=not as_annotations)
            found = [*carried.findings, *(_name_faults(annotation) if as_annotations else ())]
            if found and report is None:
                raise DataError(f"Label Studio cannot carry all of {quote(annotation.id)} by {quote(annotation.by)}", found)
            if report is not None:
                for fault in found:
                    report(fault)
            if not has_errors(found):
                rows.append(_row(annotation, carried.items, as_annotations=as_annotations))
        task: dict[str, Any] = {"data": task_data(article, [row["result"] for row in rows])}
        if rows:
            task["annotations" if as_annotations else "predictions"] = rows
        yield task


def _row(annotation: Annotation, items: list[dict[str, Any]], *, as_annotations: bool) -> dict[str, Any]:
    if not as_annotations:
        return {"model_version": annotation.by or "unknown", "result": items}
    # The server takes an imported annotation for ground truth unless told otherwise.
    gold = annotation.by == "gold"
    return {BY: annotation.by, "was_cancelled": False, "ground_truth": gold, "result": items}


def _name_faults(annotation: Annotation) -> Iterator[Finding]:
    if annotation.by is None or not DOCUMENT_ID.fullmatch(annotation.by):
        yield finding("BAD_ID", "", doc=annotation.id, pointer="/by", got=quote(annotation.by))


def _digest(article: Article) -> str:
    return article.text_sha256 or sha256(article.text)


# -------------------------------------------------------------- annotation to items


def to_result(annotation: Annotation, article: Article, labels: Labels, *, prediction: bool = False) -> Carried:
    """The result items of an annotation, in a fixed order, and a finding for all they do not carry.

    An annotation must be complete, and what is lost of it is an error. A ``prediction`` is completed
    first, and what must be left out is a warning.
    """
    if annotation.id != article.id:
        raise UsageError(f"the annotation of {annotation.id} does not belong to the article {article.id}")
    if annotation.text_sha256 not in (None, _digest(article)):
        got, wanted = quote(annotation.text_sha256), quote(_digest(article))
        return Carried([], (finding("TEXT_HASH", "", doc=article.id, pointer="/text_sha256", got=got, wanted=wanted),))
    left_out: tuple[Finding, ...] = ()
    if prediction:
        annotation, left_out = complete(annotation, article, labels)
    full = canonical(_with_surfaces(annotation, article), labels)
    items = [*_mention_items(full, article, labels), *_stance_items(full, article, labels), *_arrow_items(full)]
    lost = _lost(full, items, article, labels)
    if not prediction:
        items = [{**item, "origin": "manual"} if item["type"] != "relation" else item for item in items]
    return Carried(items, (*left_out, *lost))


def _with_surfaces(annotation: Annotation, article: Article) -> Annotation:
    def surfaced(m: Mention) -> Mention:
        return m if m.text is not None else msgspec.structs.replace(m, text=article.text[m.start : m.end])

    mentions = annotation.mentions
    return fill(msgspec.structs.replace(annotation, mentions=mentions and tuple(map(surfaced, mentions))), article)


def _item(region: str, control: str, span: tuple[int, int], **answer: object) -> dict[str, Any]:
    value = {"start": span[0], "end": span[1], **answer}
    return {"value": value, "id": region, "from_name": control, "to_name": TEXT, "type": CONTROLS[control].type}


def _mention_items(annotation: Annotation, article: Article, labels: Labels) -> Iterator[dict[str, Any]]:
    clusters = defaultdict(list)
    for e in annotation.entities or ():
        for name in e.mentions:
            clusters[name].append(e)
    for m in annotation.mentions or ():
        if m.id is None:
            continue
        span, surface = (m.start, m.end), article.text[max(m.start, 0) : max(m.end, 0)]
        yield _item(m.id, MENTION, span, text=surface, labels=[m.type])
        yield _item(m.id, KIND, span, text=surface, choices=[labels.kind(m.type, m.kind)])
        ids = [e.id for e in clusters[m.id] if e.id is not None]
        links = [e.link for e in clusters[m.id] if e.link is not None]
        if ids:
            yield _item(m.id, ENTITY, span, text=ids)
        if links:
            yield _item(m.id, LINK, span, text=links)


def _stance_items(annotation: Annotation, article: Article, labels: Labels) -> Iterator[dict[str, Any]]:
    for s in annotation.stances or ():
        if s.id is None or s.start is None or s.end is None:
            continue
        span, surface = (s.start, s.end), article.text[max(s.start, 0) : max(s.end, 0)]
        holder = s.holder if s.holder in (AUTHOR, UNKNOWN) else NAMED_HOLDER
        yield _item(s.id, STANCE, span, text=surface, labels=[STANCE_LABEL])
        for control, choice in ((POLARITY, s.polarity), (BASIS, s.basis), (HOLDER_KIND, holder)):
            if control == BASIS and not labels.bases and s.basis == DEFAULT_BASIS:
                continue
            yield _item(s.id, control, span, text=surface, choices=[choice])


def _arrow_items(annotation: Annotation) -> Iterator[dict[str, Any]]:
    """One arrow for each ordered pair of regions, in the order of the regions, with all its labels."""
    arrows: dict[tuple[str, str], set[str]] = defaultdict(set)
    for r in annotation.relations or ():
        name = r.type if r.factuality == ASSERTED else f"{r.type}:{r.factuality}"
        for pair in r.evidence or ():
            arrows[pair].add(name)
    for s in annotation.stances or ():
        if s.id is not None and s.start is not None and s.end is not None:
            arrows[s.id, s.target].add(TARGET)
            if s.holder not in (AUTHOR, UNKNOWN):
                arrows[s.id, s.holder].add(HOLDER)
    ids = [*(m.id for m in annotation.mentions or ()), *(s.id for s in annotation.stances or ())]
    order = {name: place for place, name in enumerate(ids)}
    last = len(order)
    for head, tail in sorted(arrows, key=lambda pair: (*(order.get(end, last) for end in pair), pair)):
        names = sorted(arrows[head, tail])
        yield {"from_id": head, "to_id": tail, "type": "relation", "direction": "right", "labels": names}


def _lost(full: Annotation, items: list[dict[str, Any]], article: Article, labels: Labels) -> Iterator[Finding]:
    """What reading the items back would not give."""
    back = from_result(items, article, labels, by=full.by or "")
    if back.annotation is None:
        yield from back.findings
        return
    for layer in LAYERS:
        wanted, given = getattr(full, layer), Counter(getattr(back.annotation, layer))
        if wanted is None and getattr(back.annotation, layer) is not None:
            yield finding(
                "LS_NOT_CARRIED", "", doc=full.id, pointer=f"/{layer}", got="a layer that was not attempted", wanted="a list"
            )
        for place, item in enumerate(wanted or ()):
            given[item] -= 1
            if given[item] < 0:
                got = quote(msgspec.json.encode(item).decode(), 160)
                yield finding("LS_NOT_CARRIED", "", doc=full.id, pointer=f"/{layer}/{place}", got=got)


# ------------------------------------------------------------ exports to annotations


def import_export(path: Path, articles: Mapping[str, Article], labels: Labels) -> Imported:
    """Every pass of an export of type JSON, of a snapshot, or of tasks as JSONL."""
    parts = list(read_export(path, articles, labels))
    return Imported(tuple(p for part in parts for p in part.passes), tuple(f for part in parts for f in part.findings))


def read_export(path: Path, articles: Mapping[str, Article], labels: Labels) -> Iterator[Imported]:
    """The same task by task, for an export that does not fit into memory; what concerns several tasks comes last."""
    passes: list[Pass] = []
    for task in read_values(path):
        if task.findings:
            yield Imported((), task.findings)
            continue
        part = import_task(task.value, articles, labels, where=Where(str(path), task.line, task.pointer))
        passes += (row._replace(annotation=None) for row in part.passes)
        yield part
        if any(f.code == "LS_NOT_JSON_EXPORT" for f in part.findings):
            break
    yield Imported((), tuple(_twice(passes, str(path))))


def import_task(task: Any, articles: Mapping[str, Article], labels: Labels, *, where: Where | None = None) -> Imported:
    """Every pass of one exported task."""
    where = (where or Where()).within("task", task)
    data = task.get("data") if isinstance(task, dict) else None
    rows = (task.get("annotations", []), task.get("drafts", [])) if isinstance(data, dict) else (None, None)
    if not isinstance(data, dict) or not isinstance(rows[0], list) or not isinstance(rows[1], list):
        return _refused("LS_NOT_JSON_EXPORT", where, got=_shape(task), wanted="tasks with data and annotations")
    doc = data.get("doc_id")
    if not isinstance(doc, str):
        return _refused("LS_NO_DOC_ID", where, pointer="/data", got=quote(doc))
    article = articles.get(doc)
    if article is None:
        return _refused("UNKNOWN_DOCUMENT", where, pointer="/data/doc_id", doc=doc, got=quote(doc))
    fault = _text_fault(data, article)
    if fault:
        return _refused("LS_TEXT", where, pointer=f"/data/{fault}", doc=doc, got=quote(data.get(fault)))
    return _passes(rows[0], rows[1], article, labels, where)


def _refused(code: str, where: Where, *, pointer: str = "", doc: str = "", got: str = "", wanted: str = "") -> Imported:
    got = ", ".join(fact for fact in (got, where.numbers) if fact)
    fault = finding(code, where.path, line=where.line, doc=doc, pointer=where.pointer + pointer, got=got, wanted=wanted)
    return Imported((), (fault,))


def _shape(value: Any) -> str:
    """What a value looks like, without anything that may name a person."""
    return f"an object with {quote(', '.join(map(str, value)))}" if isinstance(value, dict) else f"a {type(value).__name__}"


def _text_fault(data: dict[str, Any], article: Article) -> str:
    """The key under which a task shows that it was made of another text."""
    if data.get("text") != article.text:
        return "text"
    return "" if data.get("text_sha256") in (None, _digest(article)) else "text_sha256"


def _passes(annotations: list[Any], drafts: list[Any], article: Article, labels: Labels, where: Where) -> Imported:
    passes: list[Pass] = []
    found: list[Finding] = []
    for kind, rows in (("annotations", annotations), ("drafts", drafts)):
        for place, row in enumerate(rows):
            if kind == "drafts" and type(row) is int:
                continue  # a snapshot may list drafts by id only
            at = where._replace(pointer=f"{where.pointer}/{kind}/{place}").within(kind[:-1], row)
            if not isinstance(row, dict) or not isinstance(row.get("result"), list):
                found += _refused(
                    "LS_NOT_JSON_EXPORT", at, doc=article.id, got=_shape(row), wanted="an annotation with its result"
                ).findings
                continue
            one, notes = _pass(row, article, labels, at, draft=kind == "drafts")
            passes.append(one)
            found += notes
    if not any(p.status in ("submitted", "empty") for p in passes):
        found += _refused("LS_NO_ANNOTATION", where, doc=article.id, got=", ".join(p.status for p in passes)).findings
    return Imported(tuple(passes), tuple(found))


def _pass(row: dict[str, Any], article: Article, labels: Labels, where: Where, *, draft: bool) -> tuple[Pass, list[Finding]]:
    """One annotation or draft; of a draft every fault is a warning, for nobody said that it was finished."""
    by, notes = _annotator(row, article.id, where)
    skipped = row.get("was_cancelled") is True
    reading = Reading(None, ()) if skipped else from_result(row["result"], article, labels, by=by, where=where)
    found = [*notes, *(f._replace(severity="warning") if draft else f for f in reading.findings)]
    author, editor = row.get("completed_by"), row.get("updated_by")
    if type(author) is int and type(editor) is int and author != editor:
        got = f"user {editor}, where user {author} is the author"
        found.append(finding("LS_EDITED", where.path, line=where.line, doc=article.id, pointer=where.pointer, got=got))
    status: Status = "draft" if draft else "skipped" if skipped else "submitted" if row["result"] else "empty"
    one = Pass(
        doc=article.id,
        annotator=by,
        status=status,
        annotation=reading.annotation,
        ground_truth=row.get("ground_truth") is True,
        flags=reading.flags,
        note=reading.note,
        unique_id=str(row.get("unique_id") or ""),
        updated_at=str(row.get("updated_at") or ""),
        pointer=where.pointer,
    )
    return one, found


def _annotator(row: dict[str, Any], doc: str, where: Where) -> tuple[str, list[Finding]]:
    """A stable pseudonym: our own name for the annotator, or one made of Label Studio's user; never an e-mail address.

    A name of ours that cannot be used becomes a hash, with a warning that does not repeat it: it may be an address.
    """
    ours = row.get(BY)
    if isinstance(ours, str) and DOCUMENT_ID.fullmatch(ours):
        return ours, []
    if ours is not None:
        name = f"annotator-{sha256(str(ours).encode('utf-8', 'replace'))[:12]}"
        got, wanted, at = f"a name that became {name}", "[a-z0-9][a-z0-9._-]{0,127}", f"{where.pointer}/{BY}"
        return name, [
            finding("BAD_ID", where.path, line=where.line, doc=doc, pointer=at, got=got, wanted=wanted, severity="warning")
        ]
    return _of_user(row), []


def _of_user(row: dict[str, Any]) -> str:
    user = row.get("completed_by", row.get("user"))
    if isinstance(user, dict):
        user = user.get("id", user.get("email"))
    if isinstance(user, str) and (tail := re.search(r", ([0-9]+)$", str(row.get("created_username", "")))):
        user = int(tail[1])
    if type(user) is int:
        return f"annotator-{user}"
    return f"annotator-{sha256(user.lower().encode('utf-8', 'replace'))[:12]}" if isinstance(user, str) else "annotator-unknown"


def _twice(passes: list[Pass], path: str) -> list[Finding]:
    """Two finished passes over one document by one annotator: nothing tells which one counts."""
    counts = Counter((p.doc, p.annotator) for p in passes if p.status in ("submitted", "empty"))
    return [
        finding("DUPLICATE_DOCUMENT", path, doc=p.doc, pointer=p.pointer, got=f"another pass by {p.annotator}")
        for p in passes
        if p.status in ("submitted", "empty") and counts[p.doc, p.annotator] > 1
    ]


def merge(held: Iterable[Annotation], new: Iterable[Annotation], *, path: str = "", accept_loss: bool = False) -> Merged:
    """An annotator's file, with each new pass in the place of the one it held of that document; no document is ever lost.

    A pass that holds less than the one on file is refused unless ``accept_loss``; of two different new
    passes over one document neither is taken, for nothing tells which one counts.
    """
    kept = {(a.id, a.by): a for a in held}
    offered: dict[tuple[str, str | None], list[Annotation]] = defaultdict(list)
    for annotation in new:
        if annotation not in offered[annotation.id, annotation.by]:
            offered[annotation.id, annotation.by].append(annotation)
    found = []
    for key, passes in offered.items():
        less = _less(passes[0], kept[key]) if key in kept else ""
        if len(passes) > 1:
            found.append(
                finding("DUPLICATE_DOCUMENT", path, doc=key[0], got=f"{len(passes)} different passes by {quote(key[1])}")
            )
        elif less and not accept_loss:
            found.append(finding("LS_FEWER", path, doc=key[0], got=less, wanted="nothing lost"))
        else:
            kept[key] = passes[0]
    return Merged(tuple(kept.values()), tuple(found))


def _less(new: Annotation, old: Annotation) -> str:
    """In which layers an annotation holds fewer items than another one, in words."""
    pairs = [(layer, getattr(new, layer), getattr(old, layer)) for layer in LAYERS]
    return ", ".join(
        f"{layer} {len(given or ())} instead of {len(had)}"
        for layer, given, had in pairs
        if had is not None and (given is None or len(given) < len(had))
    )
