"""DocRED: tokens made into a text and back, sentences of evidence made into pairs of mentions, and items at fault."""

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
TEXT = "Tessen fell to Marovia\u00a0on Monday.\r\nTessen's mayor\nfled; Marovia  rejoiced."


def mention(name: str, sentence: int, first: int, last: int, type_: str = "GPE") -> dict[str, Any]:
    return {"name": name, "sent_id": sentence, "pos": [first, last], "type": type_}


def record(**more: Any) -> dict[str, Any]:
    vertices = [
        [mention("Tessen", 0, 0, 1), mention("Tessen", 1, 0, 1)],
        [mention("Marovia", 0, 3, 4), mention("Marovia", 2, 0, 1)],
    ]
    sents = [["Tessen", "fell", "to", "Marovia", "."], ["Tessen", "burns", "."], ["Marovia", "rejoices", "."]]
    labels = [{"r": "P17", "h": 0, "t": 1, "evidence": [0]}]
    return {"title": "The fall", "sents": sents, "vertexSet": vertices, "labels": labels} | more


def take(tmp_path: Path, *records: Any, **options: str) -> Imported:
    path = tmp_path / "news.json"
    path.write_text(json.dumps(records))
    return import_files("docred", [path], Terms(), **options)


def gold(imported: Imported) -> Annotation:
    (document,) = imported.documents
    assert document.gold is not None
    return document.gold


def evidence(imported: Imported) -> list[tuple[str, str]]:
    (relation,) = gold(imported).relations or ()
    where = {m.id: f"{m.text}{m.start}" for m in gold(imported).mentions or ()}
    return [(where[a], where[b]) for a, b in relation.evidence or ()]


def test_the_text_is_made_of_the_tokens(tmp_path: Path) -> None:
    imported = take(tmp_path, record())
    article = imported.documents[0].article
    assert article.text == "Tessen fell to Marovia .\nTessen burns .\nMarovia rejoices ."
    assert (article.title, article.source.name) == ("The fall", "The fall")
    assert imported.findings == imported.losses == ()
    assert [(m.start, m.text, m.type) for m in gold(imported).mentions or ()] == [
        (0, "Tessen", "GPE"),
        (15, "Marovia", "GPE"),
        (25, "Tessen", "GPE"),
        (40, "Marovia", "GPE"),
    ]
    assert [e.mentions for e in gold(imported).entities or ()] == [("m1", "m3"), ("m2", "m4")]


@pytest.mark.parametrize(
    ("sentences", "pairs", "lost"),
    [
        ([0], [("Tessen0", "Marovia15")], 0),  # both are mentioned there
        ([0, 1, 2], [("Tessen0", "Marovia15")], 2),  # neither of the others mentions both
        ([1, 2], [("Tessen25", "Marovia40")], 0),  # none mentions both: the first of each
        ([1], [], 1),  # nothing of the tail
        ([7], [], 1),
        ([], [], 0),
    ],
)
def test_evidence(sentences: list[int], pairs: list[tuple[str, str]], lost: int, tmp_path: Path) -> None:
    imported = take(tmp_path, record(labels=[{"r": "P17", "h": 0, "t": 1, "evidence": sentences}]))
    assert evidence(imported) == pairs
    assert sum(loss.n for loss in imported.losses if loss.what == "evidence") == lost
    assert imported.findings == ()


def test_what_is_written_is_docred() -> None:
    mentions = (
        Mention(id="m1", start=0, end=6, type="GPE"),
        Mention(id="m2", start=15, end=22, type="GPE"),
        Mention(id="m3", start=35, end=54, type="PERSON"),  # over a line's end
        Mention(id="m4", start=35, end=41, type="GPE"),
        Mention(id="m5", start=57, end=59, type="GPE"),  # within a word
    )
    entities = (Entity(id="e1", mentions=("m1", "m4")), Entity(id="e2", mentions=("m2", "m5")), Entity(id="e3", mentions=("m3",)))
    relations = (
        Relation(type="controls", head="e2", tail="e1", factuality="denied", evidence=(("m2", "m1"), ("m5", "m4"))),
        Relation(type="leads", head="e3", tail="e1", evidence=(("m3", "m4"),)),
    )
    made = Annotation(id="fall", mentions=mentions, entities=entities, relations=relations, stances=None)
    exported = export_documents("docred", [Document(Article(id="fall", text=TEXT), made)], LABELS)
    (record,) = json.loads(exported.files["documents.json"])
    assert record["sents"][1][:2] == ["Tessen", "'"]
    assert record["sents"][1][3:9] == ["mayor", "fled", ";", "M", "ar", "ovia"]
    assert len(record["sents"]) == 2
    assert record["vertexSet"][2] == [{"name": "Tessen's mayor\nfled", "sent_id": 1, "pos": [0, 5], "type": "PERSON"}]
    assert record["labels"] == [
        {"r": "controls:denied", "h": 1, "t": 0, "evidence": [0, 1]},
        {"r": "leads", "h": 2, "t": 0, "evidence": [1]},
    ]
    assert exported.losses == ()


def test_the_evidence_of_one_relation_in_one_sentence_is_one_pair(tmp_path: Path) -> None:
    mentions = tuple(Mention(id=f"m{i}", start=s, end=e, type="GPE") for i, (s, e) in enumerate([(0, 1), (2, 3), (4, 5), (6, 7)]))
    entities = (Entity(id="e0", mentions=("m0", "m2")), Entity(id="e1", mentions=("m1", "m3")))
    relations = (Relation(type="controls", head="e0", tail="e1", evidence=(("m0", "m1"), ("m2", "m3"))),)
    made = Annotation(id="d", mentions=mentions, entities=entities, relations=relations, stances=None)
    exported = export_documents("docred", [Document(Article(id="d", text="A B C D"), made)], LABELS)
    assert [(loss.what, loss.n) for loss in exported.losses] == [("ids", 6), ("relations", 1)]
    (tmp_path / "d.json").write_bytes(exported.files["documents.json"])
    assert evidence(import_files("docred", [tmp_path / "d.json"], Terms())) == [("A0", "B2")]


@pytest.mark.parametrize(
    ("vertex", "code"),
    [
        (mention("Tessen", 0, 0, 9), "SPAN_OUTSIDE"),
        (mention("Tessen", 9, 0, 1), "SPAN_OUTSIDE"),
        (mention("Tessen", -1, 0, 1), "SPAN_OUTSIDE"),
        (mention("Tessen", 0, 1, 1), "SPAN_REVERSED"),
        (mention("Orlen", 0, 0, 1), "SURFACE_MISMATCH"),
        (mention("Marovia", 0, 3, 4), "DUPLICATE_MENTION"),
        ({"name": "Tessen", "sent_id": 0, "pos": [0], "type": "GPE"}, "BAD_RECORD"),
        ({"name": "Tessen", "sent_id": True, "pos": [0, 1], "type": "GPE"}, "BAD_RECORD"),
        ("Tessen", "BAD_RECORD"),
    ],
)
def test_a_mention_at_fault_is_left_out(vertex: Any, code: str, tmp_path: Path) -> None:
    whole = record()["vertexSet"]
    imported = take(tmp_path, record(vertexSet=[whole[0], [*whole[1], vertex]]))
    assert next((f.code, f.pointer) for f in imported.findings) == (code, "/vertexSet/1/2")
    assert len(gold(imported).mentions or ()) == 4
    assert len(gold(imported).relations or ()) == 1


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ({"r": "P17", "h": 0, "t": 5, "evidence": []}, "DANGLING_ARGUMENT"),
        ({"r": "P17", "h": 0, "t": 0, "evidence": []}, "SELF_RELATION"),
        ({"r": "P17", "h": 0, "t": 1, "evidence": []}, "DUPLICATE_RELATION"),
        ({"r": "P17", "h": "0", "t": 1}, "BAD_RECORD"),
        (3, "BAD_RECORD"),
    ],
)
def test_a_label_at_fault_is_left_out(label: Any, code: str, tmp_path: Path) -> None:
    imported = take(tmp_path, record(labels=[*record()["labels"], label]))
    assert [(f.code, f.pointer) for f in imported.findings] == [(code, "/labels/1")]
    assert len(gold(imported).relations or ()) == 1


def test_white_space_in_a_name_does_not_count(tmp_path: Path) -> None:
    sents = [["It", "grew", "55.5", "%", "in", "\u00a0", "May", "."]]
    vertices = [[mention("55.5%", 0, 2, 4, "NUM")], [mention("\u00a0 May", 0, 5, 7, "TIME")]]
    imported = take(tmp_path, record(sents=sents, vertexSet=vertices, labels=[]))
    assert [m.text for m in gold(imported).mentions or ()] == ["55.5 %"]
    assert [f.code for f in imported.findings] == ["SPAN_UNTRIMMED"]


def test_a_record_at_fault_is_left_out(tmp_path: Path) -> None:
    imported = take(tmp_path, {"title": "x", "sents": [["a", 3]], "vertexSet": []}, record(), 3, record())
    assert len(imported.documents) == 1
    assert sorted(f.code for f in imported.findings) == ["BAD_RECORD", "BAD_RECORD", "DUPLICATE_DOCUMENT"]


def test_documents_without_labels_and_those_of_others(tmp_path: Path) -> None:
    unlabelled = record()
    del unlabelled["labels"]
    assert gold(take(tmp_path, unlabelled)).relations is None
    assert gold(take(tmp_path, record(labels=[]))).relations == ()
    noted = [{"r": "P17", "h": 0, "t": 1, "evidence": [], "notes": "sure?", "pred_label": "TP"}]
    assert take(tmp_path, record(labels=noted)).losses == (
        Loss("notes", 1, "notes are for people"),
        Loss("verdicts", 1, "what somebody thought of a label has no counterpart"),
    )


def test_names_of_relations(tmp_path: Path) -> None:
    names = tmp_path / "rel_info.json"
    names.write_text('{"P17": "controls"}')
    imported = take(tmp_path, record(), rel_info=str(names))
    assert [r.type for r in gold(imported).relations or ()] == ["controls"]
    exported = export_documents("docred", imported.documents, LABELS, rel_info=str(names))
    assert json.loads(exported.files["documents.json"])[0]["labels"][0]["r"] == "P17"
    names.write_text('{"P17": 3}')
    with pytest.raises(UsageError):
        take(tmp_path, record(), rel_info=str(names))


def test_tokens_that_are_not_those_of_our_text(tmp_path: Path) -> None:
    imported = take(tmp_path, record(newsgold={"article": {"id": "fall", "text": "Tessen rose."}}))
    assert imported.documents == ()
    assert [f.code for f in imported.findings] == ["TOKENS_DIFFER"]
    imported = take(tmp_path, record(newsgold={"article": {"id": 3, "text": "Tessen rose."}}))
    assert [f.code for f in imported.findings] == ["TOKENS_DIFFER"]


def test_a_mention_left_out_by_the_mapping_takes_no_relation_with_it_in_silence(tmp_path: Path) -> None:
    (tmp_path / "news.json").write_text(json.dumps([record()]))
    imported = import_files("docred", [tmp_path / "news.json"], Terms(mapping={"types": {"GPE": None}}))
    assert gold(imported).mentions == ()
    assert {loss.what: loss.n for loss in imported.losses} == {"evidence": 1, "mentions": 4}


def test_records_before_a_break_are_read_and_the_break_is_found(tmp_path: Path) -> None:
    whole = json.dumps([record(), record(title="again")], indent=1)
    second = whole.index('"again"')
    for raw, found in (
        (whole, []),
        (whole[: second + 40], [("BAD_JSON", whole.count("\n", 0, second + 40) + 1)]),
        (whole.replace('"again"', '"again", "title": "x"'), [("DUPLICATE_KEY", whole.count("\n", 0, second) + 1)]),
        (whole.replace('"again"', "1" * 5000), [("BIG_INTEGER", whole.count("\n", 0, second) + 1)]),
        (whole[:-2], [("BAD_JSON", whole.count("\n") + 1 - 1)]),
        (whole + "]", [("BAD_JSON", whole.count("\n") + 1)]),
        (whole.replace("again", "\\ud800"), [("LONE_SURROGATE", whole.count("\n", 0, second) + 1)]),
    ):
        path = tmp_path / "news.json"
        path.write_text(raw)
        imported = import_files("docred", [path], Terms())
        assert [(f.code, f.line) for f in imported.findings] == found
        assert imported.documents[0].article.title == "The fall"
    path.write_bytes(whole.encode().replace(b"again", b"\xff"))
    imported = import_files("docred", [path], Terms())
    assert [f.code for f in imported.findings] == ["NOT_UTF8"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("[]", "WRONG_FORMAT"),
        ("[3, {}]", "WRONG_FORMAT"),
        ("[", "WRONG_FORMAT"),
        ("[Tessen] fell", "WRONG_FORMAT"),
        ('["a', "BAD_JSON"),
        ('[{"a"', "BAD_JSON"),
    ],
)
def test_arrays_that_are_none(raw: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "news.json").write_text(raw)
    imported = import_files("docred", [tmp_path / "news.json"], Terms())
    assert ([f.code for f in imported.findings], imported.documents) == ([code], ())


def test_records_a_line(tmp_path: Path) -> None:
    (tmp_path / "news.json").write_text("".join(json.dumps(record(title=t)) + "\n" for t in "ab"))
    imported = import_files("docred", [tmp_path / "news.json"], Terms())
    assert [d.article.id for d in imported.documents] == ["a", "b"]
    assert imported.findings == ()
