"""Prodigy: answers, tokens, relations by tokens, and what its tasks keep of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from newsgold.corpus.formats import Imported, Loss, export_documents, import_files
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation
from newsgold.corpus.tables import Document

LABELS = default_labels()
TEXT = "Tessen fell to Marovia."
A = {"start": 0, "end": 6, "label": "GPE", "token_start": 0, "token_end": 0}
B = {"start": 15, "end": 22, "label": "GPE", "token_start": 3, "token_end": 3}
NEAR = {"head": 3, "child": 0, "head_span": B, "child_span": A, "label": "near"}


def task(**more: Any) -> dict[str, Any]:
    return {"text": TEXT, "spans": [A, B], "answer": "accept", **more}


def take(tmp_path: Path, *records: Any) -> Imported:
    path = tmp_path / "news.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return import_files("prodigy", [path], Terms())


def codes(imported: Imported) -> list[tuple[str, int, str]]:
    return [(f.code, f.line, f.pointer) for f in imported.findings]


def gold(imported: Imported) -> Annotation:
    annotation = imported.documents[0].gold
    assert annotation is not None
    return annotation


def test_only_what_was_accepted_is_annotation(tmp_path: Path) -> None:
    imported = take(tmp_path, task(_task_hash=-1, _session_id="anna"), task(answer="reject"), task(answer="ignore"))
    assert [d.article.id for d in imported.documents] == ["news-ffffffff"]
    assert gold(imported).by == "anna"
    assert imported.losses == (
        Loss("documents", 1, "the answer was 'ignore'"),
        Loss("documents", 1, "the answer was 'reject'"),
    )


def test_relations_by_spans_or_by_tokens(tmp_path: Path) -> None:
    for arc in (NEAR, {"head": 3, "child": 0, "label": "near"}):
        imported = take(tmp_path, task(relations=[arc]))
        assert codes(imported) == []
        assert gold(imported).relations == (Relation(type="near", head="m2", tail="m1"),)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"relations": [{"head": 2, "child": 0, "label": "near"}]}, ("DANGLING_ARGUMENT", "/relations/0")),
        ({"relations": [NEAR, NEAR]}, ("DUPLICATE_RELATION", "/relations/1")),
        ({"relations": [{"head": 3, "child": 0}]}, ("BAD_RECORD", "/relations/0")),
        ({"spans": [A, B, {"start": 7}]}, ("BAD_RECORD", "/spans/2")),
        ({"spans": [A, B, {"start": 7, "end": 11, "label": "X", "text": "felt"}]}, ("SURFACE_MISMATCH", "/spans/2")),
        ({"tokens": [{"text": "Tessenfell", "start": 0, "end": 6, "id": 0}]}, ("TOKENS_DIFFER", "/tokens/0")),
    ],
)
def test_items_at_fault(more: dict[str, Any], found: tuple[str, str], tmp_path: Path) -> None:
    imported = take(tmp_path, {"text": "before", "spans": []}, task(**more))
    assert codes(imported) == [(found[0], 2, found[1])]
    annotation = imported.documents[1].gold
    assert annotation is not None
    assert [m.text for m in annotation.mentions or ()] == ["Tessen", "Marovia"]


def test_the_same_task_twice(tmp_path: Path) -> None:
    assert codes(take(tmp_path, task(_task_hash=5), task(_task_hash=5))) == [("DUPLICATE_DOCUMENT", 2, "")]


def test_other_records_are_refused(tmp_path: Path) -> None:
    assert [f.code for f in take(tmp_path, {"text": "a", "label": "x"}).findings] == ["WRONG_FORMAT"]
    assert [f.code for f in take(tmp_path, task(), {"html": "<b>"}).findings] == ["BAD_RECORD"]


def test_tokens_are_cut_where_spans_end() -> None:
    mentions = (Mention(id="x", start=0, end=4, type="GPE"), Mention(id="y", start=15, end=23, type="GPE", kind="NOM"))
    annotation = Annotation(id="a", mentions=mentions, entities=(Entity(id="e", mentions=("x", "y"), link="Q42"),))
    exported = export_documents("prodigy", [Document(Article(id="a", text=TEXT), annotation)], LABELS)
    assert exported.losses == ()
    record = json.loads(exported.files["documents.jsonl"])
    assert [t["text"] for t in record["tokens"]] == ["Tess", "en", "fell", "to", "Marovia", "."]
    assert record["spans"] == [
        {"start": 0, "end": 4, "label": "GPE", "id": "x", "entity": "e", "link": "Q42", "token_start": 0, "token_end": 0},
        {
            "start": 15,
            "end": 23,
            "label": "GPE",
            "id": "y",
            "kind": "NOM",
            "entity": "e",
            "link": "Q42",
            "token_start": 4,
            "token_end": 5,
        },
    ]
    assert [t["ws"] for t in record["tokens"]] == [False, True, True, True, False, False]


def test_ids_that_are_none_of_ours_are_numbered(tmp_path: Path) -> None:
    imported = take(tmp_path, task(spans=[{**A, "id": "no good"}, {**B, "id": "fine"}]))
    assert [m.id for m in gold(imported).mentions or ()] == ["m1", "fine"]
    assert imported.losses == (Loss("ids", 1, "it is not of the alphabet of ids, or not unique"),)
