"""spaCy DocBin: the text to the letter, nested mentions, what goes into user_data, and files that spaCy itself writes."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from newsgold.corpus.formats import Imported, Loss, docbin, export_documents, import_files
from newsgold.corpus.formats.docbin import _words
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.tables import Document
from newsgold.errors import UsageError

LABELS = default_labels()
TEXT = "  The mayor  of\u00a0Tessen 🏛\r\nfled to Marovia's capital.\n"
SPACES = " \u00a0\t\r\n\u2028"


def span(surface: str) -> dict[str, int]:
    return {"start": TEXT.index(surface), "end": TEXT.index(surface) + len(surface)}


MENTIONS = (
    Mention(id="p", **span("The mayor  of\u00a0Tessen"), type="PERSON", kind="NOM"),
    Mention(id="t", **span("Tessen"), type="GPE"),
    Mention(id="x", **span("essen 🏛\r\nfled"), type="ORG"),  # crosses, cuts a word and goes over a line's end
    Mention(id="v", **span("Marovia"), type="GPE"),
)
GOLD = Annotation(
    id="fall",
    by="anna",
    mentions=MENTIONS,
    entities=(Entity(id="e1", mentions=("p",)), Entity(id="e2", mentions=("t", "v"), link="Q42")),
    relations=(Relation(type="leads", head="e1", tail="e2", factuality="denied", evidence=(("p", "t"),)),),
    stances=(Stance(id="s", **span("fled"), holder="AUTHOR", target="p", polarity="against"),),
)
DOCUMENT = Document(Article(id="fall", text=TEXT, title="The fall", split="test"), GOLD)


def written(tmp_path: Path, **options: str) -> Path:
    path = tmp_path / "fall.spacy"
    path.write_bytes(export_documents("docbin", [DOCUMENT], LABELS, **options).files["documents.spacy"])
    return path


def docs(path: Path) -> list[Doc]:
    return [*DocBin().from_bytes(path.read_bytes()).get_docs(Vocab())]


def saved(tmp_path: Path, *made: Doc) -> Path:
    path = tmp_path / "others.spacy"
    path.write_bytes(DocBin(docs=made, store_user_data=True).to_bytes())
    return path


def others() -> Doc:
    doc = Doc(Vocab(), words=["Tessen", "fell", "to", "Marovia", "."], spaces=[True, True, True, False, False])
    doc.set_ents([Span(doc, 0, 1, label="GPE", kb_id="Q42"), Span(doc, 3, 4, label="GPE")])
    doc.spans["sc"] = [Span(doc, 0, 4, label="EVENT"), Span(doc, 0, 1, label="PLACE")]
    doc.cats = {"war": 1.0}
    return doc


def summary(imported: Imported) -> list[tuple[str | None, str]]:
    (document,) = imported.documents
    assert document.gold is not None
    return [(m.text, m.type) for m in document.gold.mentions or ()]


def test_spacy_sees_the_text_and_the_mentions(tmp_path: Path) -> None:
    (doc,) = docs(written(tmp_path))
    assert doc.text == TEXT
    assert [(s.text, s.label_, s.id_, s.kb_id_) for s in doc.spans["newsgold"]] == [
        ("The mayor  of\u00a0Tessen", "PERSON", "p", ""),
        ("Tessen", "GPE", "t", "Q42"),
        ("essen 🏛\r\nfled", "ORG", "x", ""),
        ("Marovia", "GPE", "v", "Q42"),
    ]
    assert [s.id_ for s in doc.ents] == ["p", "v"]
    assert doc.user_data["newsgold"]["kinds"] == {"p": "NOM"}


def test_nothing_is_lost_and_the_annotation_of_the_document_comes_back(tmp_path: Path) -> None:
    assert export_documents("docbin", [DOCUMENT], LABELS).losses == ()
    imported = import_files("docbin", [written(tmp_path)], Terms(labels=LABELS))
    (document,) = imported.documents
    assert imported.losses == ()
    assert [f.code for f in imported.findings] == ["SPAN_CUTS_TOKEN"]
    assert document.article.title == "The fall"
    assert document.gold is not None
    assert (document.gold.by, document.gold.relations, document.gold.entities) == ("anna", GOLD.relations, GOLD.entities)
    assert document.gold.stances == GOLD.stances


def test_a_plain_docbin_says_what_it_loses(tmp_path: Path) -> None:
    exported = export_documents("docbin", [DOCUMENT], LABELS, carry="spans")
    assert {loss.what: loss.n for loss in exported.losses} == {
        "annotators": 1,
        "entities": 2,
        "factualities": 1,
        "kinds": 1,
        "links": 1,
        "relations": 1,
        "split": 1,
        "stances": 1,
        "title": 1,
    }
    (doc,) = docs(written(tmp_path, carry="spans"))
    assert doc.user_data["newsgold"] == {"id": "fall"}
    assert [s.kb_id_ for s in doc.spans["newsgold"]] == [""] * 4
    with pytest.raises(UsageError):
        written(tmp_path, carry="half")


def test_many_documents_are_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docbin, "SHARD", 2)
    given = [Document(Article(id=f"d{i}", text=TEXT), None) for i in range(5)]
    files = export_documents("docbin", given, LABELS).files
    assert [*files] == ["documents-00001.spacy", "documents-00002.spacy", "documents-00003.spacy"]
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert [d.article.id for d in import_files("docbin", [tmp_path], Terms()).documents] == [d.article.id for d in given]
    (tmp_path / "empty.spacy").write_bytes(export_documents("docbin", [], LABELS).files["documents.spacy"])
    assert import_files("docbin", [tmp_path / "empty.spacy"], Terms()).documents == ()


def test_mentions_edited_in_spacy_count(tmp_path: Path) -> None:
    (doc,) = docs(written(tmp_path))
    group = [s for s in doc.spans["newsgold"] if s.id_ != "x"]
    doc.spans["newsgold"] = [*group, doc.char_span(*span("capital").values(), label="LOC")]
    imported = import_files("docbin", [saved(tmp_path, doc)], Terms(labels=LABELS))
    assert summary(imported)[-1] == ("capital", "LOC")
    assert imported.findings == ()
    doc.spans["newsgold"] = group[1:]
    imported = import_files("docbin", [saved(tmp_path, doc)], Terms(labels=LABELS))
    assert {f.code for f in imported.findings} == {"DANGLING_MENTION", "DANGLING_ARGUMENT", "EMPTY_ENTITY"}
    assert summary(imported) == [("Tessen", "GPE"), ("Marovia", "GPE")]


@given(st.text(st.sampled_from("aé1.-🏛" + SPACES), max_size=25), st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25))))
def test_tokens_are_the_text_and_every_cut_is_the_edge_of_one(text: str, pairs: list[tuple[int, int]]) -> None:
    spans = [(a, b) for a, b in pairs if a < b <= len(text)]
    words = _words(text, spans)
    assert "".join(word + " " * blank for word, blank in zip(words.words, words.blanks, strict=True)) == text
    for start, end in spans:
        chosen = slice(words.first[start], words.after[end])
        pieces = zip(words.words[chosen], words.blanks[chosen], strict=True)
        assert "".join(word + " " * blank for word, blank in pieces).removesuffix(" ") == text[start:end].removesuffix(" ")
        assert not words.blanks[words.after[end] - 1] or text[end] == " "


def test_ents_of_others(tmp_path: Path) -> None:
    imported = import_files("docbin", [saved(tmp_path, others(), others())], Terms())
    assert [d.article.id for d in imported.documents] == ["others-1", "others-2"]
    first = imported.documents[0].gold
    assert first is not None
    assert [(m.text, m.type) for m in first.mentions or ()] == [("Tessen", "GPE"), ("Marovia", "GPE")]
    assert [(e.mentions, e.link) for e in first.entities or ()] == [(("m1",), "Q42")]
    assert imported.losses == (
        Loss("categories", 2, "categories of a text have no counterpart"),
        Loss("spans", 4, "another group of spans was read"),
    )


def test_a_group_of_others(tmp_path: Path) -> None:
    imported = import_files("docbin", [saved(tmp_path, others())], Terms(), spans="sc")
    assert summary(imported) == [("Tessen fell to Marovia", "EVENT"), ("Tessen", "PLACE")]
    assert Loss("mentions", 2, "the group sc was read, not ents") in imported.losses
    imported = import_files("docbin", [saved(tmp_path, others())], Terms(), spans="nonsense")
    assert [(f.code, f.got) for f in imported.findings] == [("BAD_RECORD", "no group 'nonsense'")]


def test_spans_at_fault_are_left_out(tmp_path: Path) -> None:
    doc = Doc(Vocab(), words=["Tessen", "\n", "fell"], spaces=[False, False, False])
    doc.spans["sc"] = [Span(doc, 0, 2, label="GPE"), Span(doc, 0, 1, label=""), Span(doc, 2, 3, label="EVENT")]
    imported = import_files("docbin", [saved(tmp_path, doc)], Terms(), spans="sc")
    assert [(f.code, f.pointer) for f in imported.findings] == [
        ("BAD_RECORD", "/0/spans/sc/1"),
        ("SPAN_UNTRIMMED", "/0/spans/sc/0"),
    ]
    assert summary(imported) == [("fell", "EVENT")]


@pytest.mark.parametrize("own", [{"relations": 3}, {"article": {"id": 3}}, {"nonsense": 1}, 3])
def test_user_data_that_is_not_ours(own: Any, tmp_path: Path) -> None:
    doc = others()
    doc.user_data["newsgold"] = own
    imported = import_files("docbin", [saved(tmp_path, doc)], Terms())
    assert imported.documents == ()
    assert [(f.code, f.pointer) for f in imported.findings] == [("BAD_RECORD", "/0/user_data/newsgold")]


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    for raw, code in (
        (whole[: len(whole) // 2], "TRUNCATED"),
        (zlib.compress(b"not msgpack"), "WRONG_FORMAT"),
        (zlib.compress(b"\x80"), "WRONG_FORMAT"),
        (b"PK\x03\x04", "WRONG_FORMAT"),
    ):
        path.write_bytes(raw)
        imported = import_files("docbin", [path], Terms())
        assert [f.code for f in imported.findings] == [code]
    path.write_bytes(zlib.compress(bytes(10**6)))
    monkeypatch.setattr(docbin, "MAX_UNPACKED", 10**5)
    assert [f.code for f in import_files("docbin", [path], Terms()).findings] == ["RECORD_TOO_LONG"]


def test_without_spacy_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    monkeypatch.setitem(sys.modules, "spacy.tokens", None)
    with pytest.raises(UsageError, match=r"newsgold\[spacy\]"):
        import_files("docbin", [path], Terms())
