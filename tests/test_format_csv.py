"""CSV tables: cells that spreadsheets would run, texts from elsewhere, and rows at fault."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from newsgold.corpus.formats import Imported, export_documents, import_files
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention
from newsgold.corpus.tables import Document
from newsgold.errors import FileFault, UsageError

LABELS = default_labels()
HEAD = "doc,id,start,end,text,type,entity,link\n"
GOOD = "a,m1,0,6,Tessen,GPE,e1,Q42\n"
TEXT = "Tessen fell to Marovia."


def take(tmp_path: Path, mentions: str, articles: str | None = f"id,text\na,{TEXT}\n", **options: str) -> Imported:
    (tmp_path / "mentions.csv").write_bytes(mentions.encode())
    if articles is not None:
        (tmp_path / "articles.csv").write_bytes(articles.encode())
    return import_files("csv", [tmp_path], Terms(), **options)


def codes(imported: Imported) -> list[tuple[str, str, int]]:
    return [(f.code, Path(f.path).name, f.line) for f in imported.findings]


def mentions(imported: Imported) -> list[str | None]:
    return [m.text for d in imported.documents if d.gold for m in d.gold.mentions or ()]


@pytest.mark.parametrize(
    "text", ["=1+1 is two", "+49 called", "-5 degrees", "@home", "\tindented", "'tis so", "''=x", 'say "a, b"']
)
@pytest.mark.parametrize("safe", ["yes", "no"])
def test_no_cell_can_be_run_and_every_cell_comes_back(text: str, safe: str, tmp_path: Path) -> None:
    article = Article(id="a", text=text, title=text)
    annotation = Annotation(id="a", mentions=(Mention(id="m", start=0, end=len(text), type="GPE"),))
    exported = export_documents("csv", [Document(article, annotation)], LABELS, safe=safe)
    for name, data in exported.files.items():
        (tmp_path / name).write_bytes(data)
        for row in csv.reader(io.StringIO(data.decode(), newline="")):
            assert safe == "no" or not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    imported = import_files("csv", [tmp_path], Terms(), safe=safe)
    assert imported.documents[0].article.text == text
    assert imported.documents[0].article.title == text


def test_a_table_of_mentions_may_come_alone_with_texts_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text(TEXT)
    table = "type,end,start,doc\nGPE,6,0,a\nGPE,22,15,a\nGPE,1,0,b\n"
    imported = take(tmp_path, table, None, texts=str(tmp_path / "texts"))
    assert mentions(imported) == ["Tessen", "Marovia"]
    assert [(code, name) for code, name, _ in codes(imported)] == [("FILE_MISSING", "b.txt")]
    assert [code for code, *_ in codes(take(tmp_path, table, None))] == ["NO_TEXT", "NO_TEXT"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("a,m2,15,99,Marovia,GPE,,\n", "SPAN_OUTSIDE"),
        ("a,m2,15,22,Tessen,GPE,,\n", "SURFACE_MISMATCH"),
        ("a,m2,1.5,22,Marovia,GPE,,\n", "BAD_RECORD"),
        ("a,m2,15,22,Marovia,GPE\n", "BAD_RECORD"),
        ("a,m1,15,22,Marovia,GPE,,\n", "DUPLICATE_ID"),
    ],
)
def test_rows_at_fault_are_left_out(row: str, code: str, tmp_path: Path) -> None:
    imported = take(tmp_path, HEAD + GOOD + row)
    assert codes(imported) == [(code, "mentions.csv", 3)]
    assert mentions(imported) == ["Tessen"]


def test_one_entity_has_one_link(tmp_path: Path) -> None:
    imported = take(tmp_path, HEAD + GOOD + "a,m2,15,22,Marovia,GPE,e1,Q43\n")
    assert codes(imported) == [("BAD_RECORD", "mentions.csv", 3)]
    gold = imported.documents[0].gold
    assert gold is not None
    assert gold.entities == (Entity(id="e1", mentions=("m1", "m2"), link="Q42"),)


def test_cells_may_have_several_lines(tmp_path: Path) -> None:
    imported = take(
        tmp_path, HEAD + GOOD + "a,m3,99,100,x,GPE,,\n", 'id,text,title\na,"Tessen fell\r\nto Marovia.","two\n\nlines"\n'
    )
    assert codes(imported) == [("SPAN_OUTSIDE", "mentions.csv", 3)]
    assert imported.documents[0].article.text == "Tessen fell\r\nto Marovia."
    assert imported.documents[0].article.title == "two\n\nlines"


def test_lines_are_counted_through_such_cells(tmp_path: Path) -> None:
    imported = take(tmp_path, HEAD + GOOD.replace("Tessen", '"Tes\nsen"') + "a,m3,99,100,x,GPE,,\n")
    assert codes(imported) == [("SPAN_OUTSIDE", "mentions.csv", 4), ("SURFACE_MISMATCH", "mentions.csv", 2)]


def test_an_article_that_stands_twice_is_not_taken(tmp_path: Path) -> None:
    imported = take(tmp_path, HEAD + GOOD, f"id,text\na,{TEXT}\na,Another.\n")
    assert codes(imported) == [("DUPLICATE_DOCUMENT", "articles.csv", 3)]
    assert imported.documents == ()


def test_a_quotation_mark_that_never_closes(tmp_path: Path) -> None:
    imported = take(tmp_path, HEAD + GOOD + 'a,m2,15,22,"Marovia,GPE,,\n')
    assert codes(imported) == [("BAD_RECORD", "mentions.csv", 3)]
    assert mentions(imported) == ["Tessen"]


@pytest.mark.parametrize("table", ["text,label\nGreat.,positive\n", "one column\nonly\n", "<a/>"])
def test_other_tables_are_refused(table: str, tmp_path: Path) -> None:
    imported = take(tmp_path, table)
    assert [code for code, *_ in codes(imported)] == ["WRONG_FORMAT"]


def test_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        take(tmp_path, HEAD, safe="perhaps")
    with pytest.raises(FileFault):
        import_files("csv", [tmp_path / "none.csv"], Terms())


def test_large_cells(tmp_path: Path) -> None:
    text = "word " * 60_000 + "end"
    document = Document(Article(id="a", text=text), Annotation(id="a", mentions=()))
    for name, data in export_documents("csv", [document], LABELS).files.items():
        (tmp_path / name).write_bytes(data)
    before = csv.field_size_limit()
    assert import_files("csv", [tmp_path], Terms()).documents[0].article.text == text
    assert csv.field_size_limit() == before
