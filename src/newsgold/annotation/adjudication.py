"""From passes to gold, by files: what is agreed, what somebody must decide, and what was decided.

passes ─ merge ─┬─ accepted/<id>.json   what every pass has
                ├─ disputes/<id>.json   what they disagree on
                └─ tasks.json           the disputed documents for Label Studio, a prediction for every version
decided annotations and reasons ─ settle ─┬─ gold/<id>.json
                                          └─ <id>.record.json   who had, who decided, by which rule
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from newsgold.annotation.items import Merge
from newsgold.annotation.label_config import DOC_NOTE, TEXT
from newsgold.annotation.label_studio import import_export, tasks
from newsgold.annotation.merging import MERGED, accepted, merge, merged, versions
from newsgold.annotation.pull import RAW
from newsgold.annotation.records import AGREEMENT, OPEN, SUFFIX, Collected, Reasons, encode_record, references
from newsgold.annotation.settling import GOLD, Settled, settle
from newsgold.corpus.codec import Record, encode_gold, write_atomic
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import DOCUMENT_ID, Annotation, Article
from newsgold.corpus.store import ARTICLES, read_annotations, write_gold
from newsgold.corpus.store import GOLD as GOLD_ROOM
from newsgold.corpus.validate import check_annotation
from newsgold.errors import FileFault, Finding, Severity, finding, has_errors, quote

UNNAMED = "unnamed"
"""The adjudicator in a record if nothing says who it was."""


class Row(NamedTuple):
    """A finished annotation of one document."""

    annotation: Annotation
    by: str
    path: str
    note: str = ""


class Read(NamedTuple):
    """Finished annotations by document, in the order of the files, and what is wrong with them."""

    rows: dict[str, list[Row]]
    findings: list[Finding]
    paths: tuple[str, ...] = ()
    """Where they were read."""


class Merges(NamedTuple):
    """The merge of every document that several passes have."""

    merges: dict[str, Merge]
    notes: dict[str, dict[str, tuple[str, ...]]]
    """The annotators' notes on each document, by pass."""
    findings: list[Finding]


class Concluded(NamedTuple):
    """What became of the documents."""

    settled: dict[str, Settled]
    """Those that were written, or that stood there already."""
    written: list[Path]
    findings: list[Finding]


# -------------------------------------------------------------------------- reading


def read_rows(given: Sequence[Path], articles: Mapping[str, Article], labels: Labels, kb: frozenset[str] | None = None) -> Read:
    """Complete annotations from Label Studio exports, JSONL, gold files, or folders of any of them.

    Drafts and skipped tasks are none. An annotation with an error is left out, and its findings say why.
    """
    rows: dict[str, list[Row]] = defaultdict(list)
    found: list[Finding] = []
    for path in given:
        for file in _files(path):
            for record, note in _records(file, articles, labels, found):
                value = record.value
                article = articles.get(value.id)
                if article is None:
                    code = "UNKNOWN_DOCUMENT"
                    found.append(finding(code, record.path, line=record.line, doc=value.id, pointer="/id", got=quote(value.id)))
                    continue
                faults = check_annotation(record, labels, "pass", article, kb)
                found += faults
                if not has_errors(faults):
                    rows[value.id].append(Row(value, value.by or file.stem, record.path, note))
    return Read(dict(rows), found, tuple(map(str, given)))


def _files(path: Path) -> list[Path]:
    """The files of a folder of passes; a corpus or a folder of gold is read whole."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else []
    return [path] if not files or any((path / room).is_dir() for room in (ARTICLES, GOLD_ROOM)) else files


def _records(
    path: Path, articles: Mapping[str, Article], labels: Labels, found: list[Finding]
) -> Iterator[tuple[Record[Annotation], str]]:
    """The finished annotations of one file with the notes on them; beside the files of a pull these are in the raw exports."""
    if path.suffix == ".json" and _is_list(path):
        imported = import_export(path, articles, labels)
        found += imported.findings
        for row in imported.passes:
            if row.annotation is not None and row.status in ("submitted", "empty"):
                yield Record(row.annotation, str(path), 0), row.note
        return
    decoded = read_annotations(path)
    found += decoded.findings
    notes = _raw_notes(path.parent / RAW, articles, labels) if path.suffix == ".jsonl" else {}
    for record in decoded.records:
        yield record, notes.get((record.value.id, record.value.by), "")


def _raw_notes(folder: Path, articles: Mapping[str, Article], labels: Labels) -> dict[tuple[str, str | None], str]:
    files = sorted(f for f in folder.rglob("*.json") if not f.name.endswith(".deleted.json"))
    passes = (row for file in files for row in import_export(file, articles, labels).passes)
    return {(row.doc, row.annotator): row.note for row in passes if row.status in ("submitted", "empty")}


def _is_list(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip().startswith(b"[")
    except OSError as error:
        raise FileFault(f"cannot read {path}: {error.strerror or error}") from error


# -------------------------------------------------------------------------- merging


def merge_rows(read: Read, articles: Mapping[str, Article], labels: Labels) -> Merges:
    """Merge every document over the passes that have it."""
    found = list(read.findings)
    merges: dict[str, Merge] = {}
    notes: dict[str, dict[str, tuple[str, ...]]] = {}
    everybody = {row.by for rows in read.rows.values() for row in rows}
    for doc, rows in sorted(read.rows.items()):
        faults = list(_pass_faults(doc, rows, everybody))
        found += faults
        if has_errors(faults):
            continue
        merges[doc] = merge(articles[doc], [msgspec.structs.replace(r.annotation, by=r.by) for r in rows], labels)
        said = {r.by: tuple(line for line in map(str.strip, r.note.split("\n")) if line) for r in rows}
        notes[doc] = {name: lines for name, lines in said.items() if lines}
    return Merges(merges, notes, found)


def _pass_faults(doc: str, rows: Sequence[Row], everybody: set[str]) -> Iterator[Finding]:
    seen: dict[str, Row] = {}
    for row in rows:
        if row.by in seen:
            got = f"another pass by {row.by}, also in {seen[row.by].path}"
            yield finding("DUPLICATE_DOCUMENT", row.path, doc=doc, got=quote(got, 200))
        if row.by == MERGED or not DOCUMENT_ID.fullmatch(row.by):
            yield finding("BAD_ID", row.path, doc=doc, pointer="/by", got=quote(row.by), wanted=f"a name that is not {MERGED}")
        seen.setdefault(row.by, row)
    missing = sorted(everybody - seen.keys())
    if missing or len(seen) < 2:
        severity: Severity = "error" if len(seen) < 2 else "warning"
        got = f"passes by {', '.join(sorted(seen))}"
        wanted = f"also {', '.join(missing)}" if missing else "two passes or more"
        yield finding(
            "ADJ_PASS_MISSING", rows[0].path, doc=doc, got=quote(got, 200), wanted=quote(wanted, 200), severity=severity
        )


# -------------------------------------------------------------------- what is written


def dispute_file(merge: Merge) -> bytes:
    """The disputes of a document as JSON for people and programs; ids are those of its task and of the accepted items."""
    counts = {layer: len(names) for layer, names in references(accepted(merge)).items()}
    value = {
        "document": merge.article.id,
        "passes": merge.passes,
        "accepted": counts,
        "disputes": [
            {
                "id": d.id,
                "layer": d.layer,
                **({"follows": d.follows} if d.follows else {}),
                "items": [{"id": i.id, "item": i.text, "ref": i.ref, "passes": i.passes} for i in d.items],
                "versions": {name: [i.id for i in d.items if name in i.passes] for name in merge.passes},
            }
            for d in merge.disputes
        ],
    }
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def dispute_note(merge: Merge) -> str:
    """The note an adjudicator starts from: an open line for each item in dispute, to be made ``RULE ITEM: reason``."""
    lines = (f"{OPEN}{i.id}: {i.text} ({', '.join(i.passes)})" for d in merge.disputes for i in d.items)
    return "\n".join(lines)


def dispute_tasks(merges: Iterable[Merge], labels: Labels) -> list[dict[str, Any]]:
    """A Label Studio task for each disputed document: every pass as a prediction, and ``merged``, to start from."""
    open_ones = {m.article.id: m for m in merges if m.disputes}
    shown = {doc: versions(m) for doc, m in open_ones.items()}
    made = list(tasks((m.article for m in open_ones.values()), labels, annotations=shown))
    for task, one in zip(made, open_ones.values(), strict=True):
        for row in task["predictions"]:
            if row["model_version"] == MERGED:
                value = {"text": [dispute_note(one)]}
                row["result"].append({"value": value, "id": DOC_NOTE, "from_name": DOC_NOTE, "to_name": TEXT, "type": "textarea"})
    return made


def instructions(merges: Iterable[Merge]) -> str:
    """What an adjudicator is told on a server, as Markdown: how to give reasons, and the disputes of every document."""
    lines = [
        "Start from the prediction `merged`: it holds what all passes have. The other predictions are the passes. Decide each"
        " dispute, give the reasons in the note on the whole text, one a line, as `RULE ITEM: reason`"
        " (`R5 / HC-12 D3: the hyphen separates`; `no rule D4: ...`), and submit.",
        "",
    ]
    for one in merges:
        if one.disputes:
            rows = (
                f"- {i.id} {i.layer}: `{i.text.replace('`', chr(39))}` ({', '.join(i.passes)})"
                for d in one.disputes
                for i in d.items
            )
            lines += [f"## {one.article.id}", "", *rows, ""]
    return "\n".join(lines)


def write_disputes(merges: Mapping[str, Merge], labels: Labels, out: Path) -> list[Path]:
    """Write accepted items, disputes and tasks under a folder; the paths that changed."""
    files = {}
    for doc, one in merges.items():
        bare = msgspec.structs.replace(accepted(one), split=None, event=None, ignore=())
        files[out / "accepted" / f"{doc}.json"] = encode_gold(bare)
        files[out / "disputes" / f"{doc}.json"] = dispute_file(one)
    made = dispute_tasks(merges.values(), labels)
    files[out / "tasks.json"] = json.dumps(made, ensure_ascii=False, indent=1).encode() + b"\n"
    return [path for path, data in files.items() if write_atomic(path, data)]


# ------------------------------------------------------------------------- concluding


def conclude(
    merges: Merges,
    decided: Read,
    collected: Collected,
    labels: Labels,
    *,
    out: Path,
    corpus: Path | None = None,
    round_name: str = "",
    adjudicator: str | None = None,
    guidelines: str | None = None,
    force: bool = False,
    kb: frozenset[str] | None = None,
) -> Concluded:
    """Settle every document, and write the gold and the record of those without an error.

    Args:
        merges: The passes.
        decided: The adjudicator's annotations; a document without disputes needs none.
        collected: The reasons.
        labels: The inventory.
        out: Folder for the records.
        corpus: Folder in whose ``gold`` the gold is written; by default ``out``.
        round_name: The round's name in the records; by default the name of ``out``.
        adjudicator: Who decided; by default as the reasons, or else the decided annotations, say.
        guidelines: Version of the guidelines that the round followed.
        force: Replace a gold file or record that differs.
        kb: Ids that links may name.
    """
    found = [*decided.findings, *collected.findings]
    settled: dict[str, Settled] = {}
    written: list[Path] = []
    strange = sorted((decided.rows.keys() | collected.reasons.keys()) - merges.merges.keys())
    found += [finding("UNKNOWN_DOCUMENT", _place(decided, doc), doc=doc, got="no two passes over it") for doc in strange]
    refused = {f.doc for f in found if f.severity == "error"}
    for doc, one in merges.merges.items():
        rows = decided.rows.get(doc, [])
        if len(rows) > 1:
            found += [finding("DUPLICATE_DOCUMENT", r.path, doc=doc, got=f"decided by {quote(r.by)} too") for r in rows[1:]]
        elif one.disputes and not rows and doc not in refused:
            got = f"{len(one.disputes)} dispute(s)"
            found.append(finding("ADJ_UNDECIDED", _place(decided, doc), doc=doc, got=got))
        if len(rows) > 1 or doc in refused or (one.disputes and not rows):
            continue
        reasons = collected.reasons.get(doc, Reasons({}))
        passes = {**merges.notes.get(doc, {}), **reasons.notes_of_passes}
        reasons = reasons._replace(notes_of_passes=passes, guidelines=guidelines or reasons.guidelines)
        by = rows[0].by if rows and rows[0].by != GOLD else UNNAMED
        who = (adjudicator or reasons.adjudicator or by) if rows else AGREEMENT
        annotation, path = (rows[0].annotation, rows[0].path) if rows else (merged(one), "")
        result = settle(one, annotation, reasons, round_name=round_name or out.absolute().name, adjudicator=who, path=path)
        target = (corpus or out) / GOLD_ROOM / f"{doc}.json"
        faults = [*result.findings, *check_annotation(Record(result.gold, str(target), 0), labels, "gold", one.article, kb)]
        bare = msgspec.structs.replace(result.gold, split=None, event=None, ignore=())
        record = out / f"{doc}{SUFFIX}"
        if not force:
            faults += [
                finding("ADJ_FILE_DIFFERS", str(file), doc=doc)
                for file, data in ((target, encode_gold(bare)), (record, encode_record(result.record)))
                if file.exists() and file.read_bytes() != data
            ]
        found += faults
        if not has_errors(faults):
            settled[doc] = result
            # the record first: no gold stands without it
            if write_atomic(record, encode_record(result.record)):
                written.append(record)
            if write_gold(result.gold, corpus or out):
                written.append(target)
    return Concluded(settled, written, found)


def _place(decided: Read, doc: str) -> str:
    rows = decided.rows.get(doc)
    return rows[0].path if rows else ", ".join(decided.paths)
