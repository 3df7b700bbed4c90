"""Exports into annotators' files; what a server gives is in test_pull."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from bridge import LABELS, article, marked
from newsgold.annotation.intake import take_in
from newsgold.annotation.label_studio import import_export, merge, tasks
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.model import Annotation
from newsgold.corpus.store import read_annotations
from newsgold.errors import DataError

ARTICLES = {a.id: a for a in (article(number) for number in range(4))}


def export(path: Path, *passes: Annotation, **changes: Any) -> Path:
    """An export with these passes."""
    by_doc: dict[str, list[Annotation]] = {}
    for one in passes:
        by_doc.setdefault(one.id, []).append(one)
    made = list(tasks((ARTICLES[doc] for doc in by_doc), LABELS, annotations=by_doc, as_annotations=True))
    for task in made:
        for row in task["annotations"]:
            row.update(changes)
    path.write_text(json.dumps(made))
    return path


def test_every_annotator_gets_a_file_and_other_documents_in_it_stay(tmp_path: Path) -> None:
    passes = [marked(a, by) for a in ARTICLES.values() for by in ("ann", "bob")]
    first = take_in([export(tmp_path / "a.json", *passes[:4])], ARTICLES, LABELS, tmp_path / "out")
    assert [(f.path.name, f.documents, f.changed) for f in first.files] == [("ann.jsonl", 2, True), ("bob.jsonl", 2, True)]
    both = [export(tmp_path / "b.json", *passes[4:]), tmp_path / "a.json"]
    second = take_in(both, ARTICLES, LABELS, tmp_path / "out")
    assert second.passes == {("ann", "submitted"): 4, ("bob", "submitted"): 4}
    assert second.live == {(a, by) for a in ARTICLES for by in ("ann", "bob")}
    for by in ("ann", "bob"):
        assert (tmp_path / "out" / f"{by}.jsonl").read_bytes() == encode_jsonl(p for p in passes if p.by == by)
    third = take_in(both, ARTICLES, LABELS, tmp_path / "out")
    assert [f.changed for f in third.files] == [False, False]


def test_it_is_the_merge_of_the_import(tmp_path: Path) -> None:
    """Whatever is on file and whatever comes: the same as merging all at once."""
    pick = random.Random(5)
    names = ("Ana Dorvik", "Petr Halm", "Tessen")
    for turn in range(20):
        held, new = (
            [marked(a, by, pick.sample(names, pick.randint(0, 3))) for a in ARTICLES.values() for by in ("ann", "bob")]
            for _ in range(2)
        )
        held, new = (pick.sample(rows, pick.randint(1, 6)) for rows in (held, new))
        out = tmp_path / str(turn)
        out.mkdir()
        for by in ("ann", "bob"):
            (out / f"{by}.jsonl").write_bytes(encode_jsonl(p for p in held if p.by == by))
        path = export(tmp_path / "export.json", *new)
        accept = turn % 2 == 0
        done = take_in([path], ARTICLES, LABELS, out, accept_loss=accept)
        expected = merge(
            held, [p.annotation for p in import_export(path, ARTICLES, LABELS).passes if p.annotation], accept_loss=accept
        )
        files = [file for file in out.iterdir() if file.read_bytes()]
        got = [r.value for file in files for r in read_annotations(file).records]
        assert encode_jsonl(got) == encode_jsonl(expected.annotations)
        assert sorted((f.code, f.doc, f.got) for f in done.findings) == sorted((f.code, f.doc, f.got) for f in expected.findings)


def test_a_pass_that_was_skipped_or_is_gone_is_removed_only_where_loss_is_accepted(tmp_path: Path) -> None:
    out, passes = tmp_path / "out", [marked(a, "ann") for a in ARTICLES.values()]
    take_in([export(tmp_path / "a.json", *passes)], ARTICLES, LABELS, out)
    less = export(tmp_path / "b.json", passes[0], was_cancelled=True)
    gone = [("doc-1", "ann"), ("doc-9", "ann"), ("doc-1", "nobody")]
    kept = take_in([less], ARTICLES, LABELS, out, gone=gone)
    assert [(f.code, f.doc) for f in kept.findings] == [("LS_NO_ANNOTATION", "doc-0"), ("LS_FEWER", "doc-0")]
    assert [p.status for p in kept.left_out] == ["skipped"]
    assert kept.files[0].documents == 4
    accepted = take_in([less], ARTICLES, LABELS, out, gone=gone, accept_loss=True)
    assert [f.documents for f in accepted.files] == [2]
    take_in([], ARTICLES, LABELS, out, gone=[(doc, "ann") for doc in ARTICLES], accept_loss=True)
    assert not (out / "ann.jsonl").exists()


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ann.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(DataError, match="BAD_SHAPE"):
        take_in([export(tmp_path / "a.json", marked(ARTICLES["doc-0"], "ann"))], ARTICLES, LABELS, tmp_path)
    assert (tmp_path / "ann.jsonl").read_text() == '{"id": 1}\n'


def test_a_large_export_is_not_held_in_memory(tmp_path: Path) -> None:
    """The values of 20,000 mentions would take several times what is allowed here."""
    path = export(tmp_path / "a.json", marked(ARTICLES["doc-0"], "ann"))
    (task,) = json.loads(path.read_text())
    task["data"] |= {"padding": "x" * 20_000}
    with path.open("w") as file:
        for _ in range(1_000):
            file.write(json.dumps(task) + "\n")
    take_in([path], ARTICLES, LABELS, tmp_path / "warm")
    tracemalloc.start()
    done = take_in([path], ARTICLES, LABELS, tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 20_000_000
    assert peak < 12_000_000
    assert done.passes == {("ann", "submitted"): 1_000}
    assert {f.code for f in done.findings} == {"DUPLICATE_DOCUMENT"}
