"""doccano: the forms its records take, and those of its other projects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from newsgold.corpus.formats import Imported, Loss, export_documents, import_files
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Mention, Relation, Stance
from newsgold.corpus.tables import Document

LABELS = default_labels()
TEXT = "Tessen fell to Marovia."
SPANS = [
    {"id": 7, "label": "GPE", "start_offset": 0, "end_offset": 6},
    {"id": 9, "label": "GPE", "start_offset": 15, "end_offset": 22},
]


def take(tmp_path: Path, *records: Any, raw: bytes | None = None) -> Imported:
    path = tmp_path / "news.jsonl"
    path.write_bytes(raw if raw is not None else "".join(json.dumps(r) + "\n" for r in records).encode())
    return import_files("doccano", [path], Terms())


def codes(imported: Imported) -> list[tuple[str, int, str]]:
    return [(f.code, f.line, f.pointer) for f in imported.findings]


def gold(imported: Imported) -> Annotation:
    (document,) = imported.documents
    assert document.gold is not None
    return document.gold


def test_relation_extraction(tmp_path: Path) -> None:
    relation = {"id": 1, "from_id": 9, "to_id": 7, "type": "controls:denied"}
    imported = take(tmp_path, {"id": 3, "text": TEXT, "entities": SPANS, "relations": [relation], "Comments": ["sure?"]})
    assert codes(imported) == []
    assert imported.documents[0].article.id == "news-3"
    assert [(m.id, m.text) for m in gold(imported).mentions or ()] == [("m1", "Tessen"), ("m2", "Marovia")]
    assert gold(imported).relations == (Relation(type="controls", head="m2", tail="m1", factuality="denied"),)
    assert imported.losses == (Loss("comments", 1, "comments are for people"),)
    assert [*imported.labels.types, *imported.labels.relations] == ["GPE", "controls"]


@pytest.mark.parametrize("key", ["label", "labels", "entities"])
def test_spans_as_lists(key: str, tmp_path: Path) -> None:
    imported = take(tmp_path, {"text": TEXT, key: [[0, 6, "GPE"], [15, 22, "GPE"]], "cats": ["war"]})
    assert codes(imported) == []
    assert [m.text for m in gold(imported).mentions or ()] == ["Tessen", "Marovia"]


@pytest.mark.parametrize(
    ("spans", "relations", "found"),
    [
        ([{**SPANS[0], "end_offset": 99}, SPANS[1]], [], ("SPAN_OUTSIDE", "/entities/0")),
        ([SPANS[1], [0, "6", "GPE"]], [], ("BAD_RECORD", "/entities/1")),
        ([SPANS[1], {**SPANS[0], "id": 9}], [], ("DUPLICATE_ID", "/entities/1")),
        ([SPANS[1]], [{"from_id": 9, "to_id": 7, "type": "near"}], ("DANGLING_ARGUMENT", "/relations/0")),
        ([SPANS[1]], [{"from_id": 9, "type": "near"}], ("BAD_RECORD", "/relations/0")),
    ],
)
def test_items_at_fault(spans: list[Any], relations: list[Any], found: tuple[str, str], tmp_path: Path) -> None:
    imported = take(tmp_path, {"text": "first", "label": []}, {"text": TEXT, "entities": spans, "relations": relations})
    assert codes(imported) == [(found[0], 2, found[1])]
    last = imported.documents[1].gold
    assert last is not None
    assert [m.text for m in last.mentions or ()] == ["Marovia"]
    assert not last.relations


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("many", [True, False])
def test_one_json_value_is_read_and_said_to_be(indent: int | None, many: bool, tmp_path: Path) -> None:
    record = {"text": TEXT, "label": [[0, 6, "GPE"]]}
    raw = json.dumps([record, {"text": "no", "label": []}] if many else record, indent=indent).encode()
    imported = take(tmp_path, raw=raw)
    assert len(imported.documents) == (2 if many else 1)
    expected = [("NOT_JSONL", 0, "")] if many or indent else []
    assert codes(imported) == expected
    assert all(f.severity == "warning" for f in imported.findings)


def test_lines_at_fault_are_named_and_the_others_read(tmp_path: Path) -> None:
    good = json.dumps({"text": TEXT, "label": [[0, 6, "GPE"]]}).encode()
    raw = b"\n".join(
        [good, b'{"text": "a", "text": "b", "label": []}', b"{", b"3", b'{"text": "category", "label": ["war"]}', good]
    )
    imported = take(tmp_path, raw=raw)
    assert [(code, line) for code, line, _ in codes(imported)] == [
        ("DUPLICATE_KEY", 2),
        ("BAD_JSON", 3),
        ("BAD_RECORD", 4),
        ("BAD_RECORD", 5),
    ]
    assert [d.article.id for d in imported.documents] == ["news-1", "news-6"]


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"text": "Great.", "label": ["positive"]}, "without spans"),
        ({"filename": "cat.jpg", "label": ["cat"]}, "without spans"),
        ({"text": "a", "spans": [], "_task_hash": 1}, "--format prodigy"),
        ({"title": "a", "vertexSet": []}, "--format docred"),
        ({"a": 1}, "another shape"),
    ],
)
def test_other_projects_are_refused(record: dict[str, Any], says: str, tmp_path: Path) -> None:
    imported = take(tmp_path, record)
    assert [f.code for f in imported.findings] == ["WRONG_FORMAT"]
    assert says in imported.findings[0].got


def test_an_empty_document_and_an_empty_file(tmp_path: Path) -> None:
    assert [code for code, *_ in codes(take(tmp_path, {"text": " ", "label": []}))] == ["NO_TEXT"]
    assert [code for code, *_ in codes(take(tmp_path, raw=b"\n \n"))] == ["EMPTY_FILE"]


def test_ids_that_come_twice(tmp_path: Path) -> None:
    imported = take(tmp_path, {"id": 1, "text": "a", "label": []}, {"id": 1, "text": "b", "label": []})
    assert codes(imported) == [("DUPLICATE_DOCUMENT", 2, "")]
    assert [d.article.text for d in imported.documents] == ["a"]


def test_what_is_written_and_what_is_lost() -> None:
    mentions = (Mention(id="x", start=0, end=6, type="GPE", kind="NOM"), Mention(id="y", start=15, end=22, type="GPE"))
    stances = (
        Stance(id="s", start=7, end=11, holder="y", target="x", polarity="against"),
        Stance(id="t", holder="AUTHOR", target="x", polarity="favor"),
        Stance(id="u", start=7, end=11, holder="UNKNOWN", target="x", polarity="favor", basis="implied"),
    )
    annotation = Annotation(id="a", by="anna", mentions=mentions, stances=stances)
    exported = export_documents("doccano", [Document(Article(id="a", text=TEXT, title="T"), annotation)], LABELS)
    assert {(loss.what, loss.n) for loss in exported.losses} == {("kinds", 1), ("annotators", 1), ("stances", 1), ("ids", 4)}
    record = json.loads(exported.files["documents.jsonl"])
    assert [(e["id"], e["label"], e["start_offset"]) for e in record["entities"]] == [
        (1, "GPE", 0),
        (2, "GPE", 15),
        (3, "stance:favor:implied:UNKNOWN", 7),
        (4, "stance:against:explicit", 7),
    ]
    arcs = [(r["type"], r["from_id"], r["to_id"]) for r in record["relations"]]
    assert arcs == [("stance_target", 3, 1), ("stance_target", 4, 1), ("stance_holder", 4, 2)]
    assert record["newsgold"]["article"]["title"] == "T"
