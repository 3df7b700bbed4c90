"""DWIE: annotation that comes without its text, concepts of many types, links by title, and items at fault."""

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
from newsgold.errors import UsageError

LABELS = default_labels()
TEXT = "Tessen fell to Marovia 🏛. Tessen, the Marovian town, burns."


def concept(number: int, *types: str, **more: Any) -> dict[str, Any]:
    return {"concept": number, "count": 1, "keyword": False, "tags": [f"type::{name}" for name in types], **more}


def record(**more: Any) -> dict[str, Any]:
    return {
        "id": "DW_1",
        "content": TEXT,
        "tags": ["all", "train"],
        "mentions": [
            {"begin": 0, "end": 6, "text": "Tessen", "concept": 4},
            {"begin": 15, "end": 22, "text": "Marovia", "concept": 0, "candidates": ["Marovia", "Morava"], "scores": [0.9, 0.1]},
            {"begin": 26, "end": 32, "text": "Tessen", "concept": 4},
        ],
        "concepts": [
            concept(0, "entity", "gpe", "gpe0", "location", text="Marovia", link="Marovia"),
            concept(4, "entity", "location", "regio", text="Tessen"),
            concept(5, "entity", "person", count=0),
        ],
        "relations": [{"s": 4, "p": "gpe0", "o": 0}, {"s": 5, "p": "citizen_of", "o": 0}],
        "frames": [],
        "iptc": ["16000000"],
        **more,
    }


def take(tmp_path: Path, value: Any, **options: str) -> Imported:
    path = tmp_path / "DW_1.json"
    path.write_text(json.dumps(value, indent=1))
    return import_files("dwie", [path], Terms(), **options)


def gold(imported: Imported) -> Annotation:
    (document,) = imported.documents
    assert document.gold is not None
    return document.gold


def test_a_document_with_its_text(tmp_path: Path) -> None:
    imported = take(tmp_path, record())
    article, found = imported.documents[0].article, gold(imported)
    assert (article.id, article.source.name, article.split) == ("dw_1", "DW_1", "train")
    assert [(m.id, m.text, m.type) for m in found.mentions or ()] == [
        ("m1", "Tessen", "location"),
        ("m2", "Marovia", "gpe"),
        ("m3", "Tessen", "location"),
    ]
    assert [(e.mentions, e.link) for e in found.entities or ()] == [(("m1", "m3"), None), (("m2",), None)]
    assert found.relations == (Relation(type="gpe0", head="e1", tail="e2"),)
    assert imported.findings == ()
    assert {loss.what: loss.n for loss in imported.losses} == {
        "candidates": 2,
        "entities": 1,
        "iptc": 1,
        "links": 1,
        "relations": 1,
        "types": 5,
    }


def test_annotation_without_its_text_is_refused_and_the_way_out_is_named(tmp_path: Path) -> None:
    bare = record()
    del bare["content"]
    imported = take(tmp_path, bare)
    assert imported.documents == ()
    (fault,) = imported.findings
    assert (fault.code, fault.doc) == ("NO_TEXT", "DW_1")
    assert "--option texts=FOLDER" in fault.wanted
    texts = tmp_path / "texts"
    texts.mkdir()
    imported = take(tmp_path, bare, texts=str(texts))
    assert [(f.code, f.doc) for f in imported.findings] == [("FILE_MISSING", "DW_1")]
    (texts / "DW_1.txt").write_text(TEXT)
    assert gold(take(tmp_path, bare, texts=str(texts))) == gold(take(tmp_path, record()))
    with pytest.raises(UsageError):
        take(tmp_path, bare, texts=str(tmp_path / "elsewhere"))


def test_an_id_does_not_leave_the_folder_of_texts(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "secret.txt").write_text(TEXT)
    bare = record(id="../secret")
    del bare["content"]
    imported = take(tmp_path, bare, texts=str(tmp_path / "texts"))
    assert imported.documents == ()
    assert [f.code for f in imported.findings] == ["FILE_MISSING"]


def test_another_text_is_found_out(tmp_path: Path) -> None:
    imported = take(tmp_path, record(content=f"Update: {TEXT}"))
    assert [f.code for f in imported.findings][:3] == ["SURFACE_MISMATCH"] * 3
    assert gold(imported).mentions == ()


@pytest.mark.parametrize(
    ("tags", "options", "type_"),
    [
        (["entity", "gpe", "location"], {}, "gpe"),
        (["entity", "gpe", "location"], {"types": "location,gpe"}, "location"),
        (["entity", "head_of_state", "person", "politician"], {}, "person"),
        (["time", "value"], {}, "time"),
        (["entity"], {}, "entity"),
        (["none", "other", "skip"], {}, "skip"),
    ],
)
def test_one_type_of_many(tags: list[str], options: dict[str, str], type_: str, tmp_path: Path) -> None:
    concepts = [concept(0, *tags), concept(4, "gpe")]
    imported = take(tmp_path, record(concepts=concepts, relations=[]), **options)
    assert {m.text: m.type for m in gold(imported).mentions or ()}["Marovia"] == type_


def test_links_by_title(tmp_path: Path) -> None:
    links = tmp_path / "links.json"
    links.write_text('{"Marovia": "Q42"}')
    imported = take(tmp_path, record(), links=str(links))
    assert [e.link for e in gold(imported).entities or ()] == [None, "Q42"]
    assert "links" not in {loss.what for loss in imported.losses}
    links.write_text('{"Marovia": "Marovia"}')
    with pytest.raises(UsageError):
        take(tmp_path, record(), links=str(links))


@pytest.mark.parametrize(
    ("layer", "item", "code"),
    [
        ("mentions", {"begin": 15, "end": 99, "text": "Marovia", "concept": 0}, "SPAN_OUTSIDE"),
        ("mentions", {"begin": 34, "end": 37, "text": "Tessen", "concept": 0}, "SURFACE_MISMATCH"),
        ("mentions", {"begin": 15, "end": 22, "text": "Marovia", "concept": 9}, "DANGLING_MENTION"),
        ("mentions", {"begin": 15, "end": 22, "text": "Marovia", "concept": 6}, "BAD_RECORD"),
        ("mentions", {"begin": "15", "end": 22, "text": "Marovia", "concept": 0}, "BAD_RECORD"),
        ("mentions", [15, 22], "BAD_RECORD"),
        ("concepts", concept(0, "gpe"), "DUPLICATE_ID"),
        ("concepts", {"concept": None}, "BAD_RECORD"),
        ("relations", {"s": 4, "p": "gpe0", "o": 9}, "DANGLING_ARGUMENT"),
        ("relations", {"s": 4, "p": "gpe0", "o": 0}, "DUPLICATE_RELATION"),
        ("relations", {"s": 4, "o": 0}, "BAD_RECORD"),
    ],
)
def test_an_item_at_fault_is_left_out(layer: str, item: Any, code: str, tmp_path: Path) -> None:
    whole = record()
    whole["concepts"].append({"concept": 6, "tags": []})
    whole[layer].append(item)
    imported = take(tmp_path, whole)
    assert [(f.code, f.pointer) for f in imported.findings] == [(code, f"/{layer}/{len(whole[layer]) - 1}")]
    assert len(gold(imported).mentions or ()) == 3
    assert len(gold(imported).relations or ()) == 1


def test_what_is_written_is_dwie(tmp_path: Path) -> None:
    mentions = (
        Mention(id="m1", start=0, end=6, type="GPE"),
        Mention(id="m2", start=15, end=22, type="GPE"),
        Mention(id="m3", start=38, end=46, type="NORP"),
    )
    entities = (Entity(id="e1", mentions=("m1",), link="kb-tessen"), Entity(id="e2", mentions=("m2", "m3"), link="Q42"))
    relations = (Relation(type="controls", head="e2", tail="e1", factuality="denied"),)
    made = Annotation(id="fall", mentions=mentions, entities=entities, relations=relations)
    exported = export_documents("dwie", [Document(Article(id="fall", text=TEXT, split="test"), made)], LABELS)
    assert exported.losses == ()
    written = json.loads(exported.files["fall.json"])
    assert written["tags"] == ["all", "test"]
    assert written["mentions"] == [
        {"begin": 0, "end": 6, "text": "Tessen", "concept": 0},
        {"begin": 15, "end": 22, "text": "Marovia", "concept": 1, "type": "GPE"},
        {"begin": 38, "end": 46, "text": "Marovian", "concept": 1, "type": "NORP"},
    ]
    assert [c["tags"] for c in written["concepts"]] == [["type::GPE"], ["type::GPE", "type::NORP"]]
    assert written["relations"] == [{"s": 1, "p": "controls:denied", "o": 0}]
    (tmp_path / "fall.json").write_bytes(exported.files["fall.json"])
    imported = import_files("dwie", [tmp_path / "fall.json"], Terms(labels=LABELS))
    assert [e.link for e in gold(imported).entities or ()] == ["kb-tessen", "Q42"]
    assert gold(imported).relations == relations


def test_evidence_is_lost_and_counted() -> None:
    mentions = tuple(Mention(id=f"m{i}", start=s, end=e, type="GPE") for i, (s, e) in enumerate([(0, 6), (15, 22), (26, 32)], 1))
    entities = (Entity(id="e1", mentions=("m1", "m3")), Entity(id="e2", mentions=("m2",)))
    relations = (Relation(type="controls", head="e2", tail="e1", evidence=(("m2", "m1"), ("m2", "m3"))),)
    made = Annotation(id="fall", mentions=mentions, entities=entities, relations=relations)
    (loss,) = export_documents("dwie", [Document(Article(id="fall", text=TEXT), made)], LABELS).losses
    assert (loss.what, loss.n) == ("relations", 1)


def test_lines_of_documents_and_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    rows = [record(), record(id="DW_2"), {"id": "DW_3"}, record(newsgold={"article": {"id": 3}}, id="DW_4")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    imported = import_files("dwie", [path], Terms())
    assert [d.article.id for d in imported.documents] == ["dw_1", "dw_2"]
    assert [(f.code, f.line) for f in imported.findings] == [("BAD_RECORD", 3), ("BAD_RECORD", 4)]


def test_no_loss_is_told_of_a_mapping_s_victims_twice(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(json.dumps(record(relations=[], iptc=[], concepts=[concept(0, "gpe"), concept(4, "town")])))
    imported = import_files("dwie", [tmp_path / "d.json"], Terms(mapping={"types": {"town": None}}))
    assert imported.findings == ()
    assert Loss("mentions", 2, "the mapping leaves out town") in imported.losses
    assert [e.mentions for e in gold(imported).entities or ()] == [("m1",)]
