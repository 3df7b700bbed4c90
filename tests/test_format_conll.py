"""Columns of tokens and tags: schemes, documents, texts, and rows at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsgold.corpus.formats import Imported, Loss, export_documents, import_files
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention
from newsgold.corpus.tables import Document
from newsgold.errors import UsageError

LABELS = default_labels()


def take(tmp_path: Path, text: str, name: str = "news.conll", **options: str) -> Imported:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return import_files("conll", [path], Terms(), **options)


def names(imported: Imported) -> list[list[tuple[str | None, str]]]:
    return [[(m.text, m.type) for m in d.gold.mentions or ()] for d in imported.documents if d.gold]


def codes(imported: Imported) -> list[tuple[str, int]]:
    return [(f.code, f.line) for f in imported.findings]


def rows(*tags: str) -> str:
    return "".join(f"w{i}\t{tag}\n" for i, tag in enumerate(tags))


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (("B-A", "I-A", "O", "B-A", "B-A"), ["w0 w1", "w3", "w4"]),
        (("I-A", "I-A", "B-A", "O", "I-B"), ["w0 w1", "w2", "w4"]),
        (("B-A", "I-A", "E-A", "S-B", "O"), ["w0 w1 w2", "w3"]),
        (("B-A", "L-A", "O", "U-B", "U-A"), ["w0 w1", "w3", "w4"]),
        (("B-A", "M-A", "E-A"), ["w0 w1 w2"]),
        (("I-A", "I-B"), ["w0", "w1"]),
    ],
)
def test_the_scheme_is_the_one_the_tags_show(tags: tuple[str, ...], found: list[str], tmp_path: Path) -> None:
    imported = take(tmp_path, rows(*tags))
    assert [text for text, _ in names(imported)[0]] == found
    assert codes(imported) == []


@pytest.mark.parametrize(
    ("tags", "scheme", "found", "lines"),
    [
        (("B-A", "O", "I-A", "I-A", "B-B", "I-B"), "bio2", ["w0", "w4 w5"], [3]),
        (("B-A", "I-B", "I-B", "I-A"), "bio2", ["w0"], [2, 4]),
        (("B-A", "I-A", "O", "S-A"), "iobes", ["w3"], [1]),
        (("E-A", "S-A", "I-A"), "iobes", ["w1"], [1, 3]),
        (("B-A", "S-A", "E-A"), "bio2", ["w0"], [2]),
        (("I-A", "E-A", "B-A"), "iob1", ["w0", "w2"], [2]),
    ],
)
def test_tags_that_make_no_entity_are_left_out_and_named(
    tags: tuple[str, ...], scheme: str, found: list[str], lines: list[int], tmp_path: Path
) -> None:
    imported = take(tmp_path, rows(*tags), scheme=scheme)
    assert [text for text, _ in names(imported)[0]] == found
    assert codes(imported) == [("TAG_SEQUENCE", line) for line in lines]


def test_an_entity_ends_with_its_sentence(tmp_path: Path) -> None:
    imported = take(tmp_path, "a\tB-A\n\nb\tI-A\nc\tB-A\n")
    assert names(imported) == [[("a", "A"), ("c", "A")]]
    assert codes(imported) == [("TAG_SEQUENCE", 3)]


def test_conll_2003_has_four_columns_blanks_and_docstart(tmp_path: Path) -> None:
    text = (
        "-DOCSTART- -X- -X- O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\n\n-DOCSTART- -X- -X- O\n\n# # O O\nPeter NNP I-NP I-PER\n"
    )
    imported = take(tmp_path, text, "eng.testa")
    assert [(d.article.id, d.article.text) for d in imported.documents] == [("eng-1", "EU rejects"), ("eng-2", "# Peter")]
    assert names(imported) == [[("EU", "ORG")], [("Peter", "PER")]]
    assert imported.losses == (Loss("columns", 2, "not read"),)


def test_text_of_comments_gives_the_blanks_back(tmp_path: Path) -> None:
    tokens = ["\u201c", "Don", "'t", "\u201d", ",", "I", "said", "."]
    rows = "".join(f"{i}\t{token}\t{'B-X' if token == 'Don' else 'O'}\n" for i, token in enumerate(tokens, 1))
    text = f"# newdoc id = A/b\n# text = \u201cDon't\u201d, I said.\n{rows}"
    (document,) = take(tmp_path, text).documents
    assert document.article.text == "\u201cDon't\u201d, I said."
    assert document.article.source.name == "A/b"
    assert document.article.id.startswith("a-b-")


def test_text_that_is_not_its_tokens_is_not_taken(tmp_path: Path) -> None:
    imported = take(tmp_path, "# newdoc id = a\n# text = one three\none\tB-X\ntwo\tO\n")
    assert imported.documents[0].article.text == "one two"
    assert codes(imported) == [("TOKENS_DIFFER", 3)]


def test_hipe_names_its_columns(tmp_path: Path) -> None:
    head = "TOKEN\tNE-COARSE-LIT\tNE-FINE-LIT\tNEL-LIT\tMISC\n# hipe2022:document_id = a\n# hipe2022:date = 1790-01-02\n"
    body = (
        "NEW\tB-loc\tB-loc.town\tQ60\tNoSpaceAfter\n-\tI-loc\tI-loc.town\tQ60\tNoSpaceAfter\nYORK\tI-loc\tI-loc.town\tQ60\t_\n"
        "or\tO\tO\t_\t_\nNew\tB-loc\tB-loc.town\tQ60\t_\nYork\tI-loc\tI-loc.town\tQ60\t_\nSept\tB-time\tO\tNIL\t_\n"
    )
    imported = take(tmp_path, head + body, "a.tsv")
    (document,) = imported.documents
    assert document.article.text == "NEW-YORK or New York Sept"
    assert document.article.published == "1790-01-02"
    assert names(imported) == [[("NEW-YORK", "loc"), ("New York", "loc"), ("Sept", "time")]]
    assert document.gold is not None
    assert document.gold.entities == (Entity(id="e1", mentions=("m1", "m2"), link="Q60"),)
    assert Loss("mentions", 2, "the column NE-FINE-LIT was not read") in imported.losses
    fine = take(tmp_path, head + body, "a.tsv", tags="NE-FINE-LIT")
    assert names(fine) == [[("NEW-YORK", "loc.town"), ("New York", "loc.town")]]


def test_a_file_without_marks_is_one_document_or_one_a_sentence(tmp_path: Path) -> None:
    text = "a\tB-X\n\nb\tO\nc\tB-X\n"
    assert [d.article.text for d in take(tmp_path, text).documents] == ["a\nb c"]
    by_sentence = take(tmp_path, text, documents="sentence").documents
    assert [(d.article.id, d.article.text) for d in by_sentence] == [("news-1", "a"), ("news-2", "b c")]
    marked = take(tmp_path, f"# newdoc id = x\n{text}", documents="sentence").documents
    assert [(d.article.id, d.article.text) for d in marked] == [("x", "a\nb c")]


def test_a_header_is_one_on_the_first_line_only(tmp_path: Path) -> None:
    assert [d.article.text for d in take(tmp_path, "a\tB-X\nTOKEN\tO\n").documents] == ["a TOKEN"]


@pytest.mark.parametrize("broken", ["alone\n", "\tO\n", "word\tnone\n"])
def test_a_broken_row_is_left_out_and_named(broken: str, tmp_path: Path) -> None:
    imported = take(tmp_path, f"a\tB-X\n{broken}b\tI-X\r\n")
    assert names(imported) == [[("a b", "X")]]
    assert codes(imported) == [("BAD_RECORD", 2)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("#begin document (a); part 0\na\t0\t0\tSir\t(0\n", "CoNLL-2012"),
        ("#FORMAT=WebAnno TSV 3.2\n", "WebAnno"),
        ("1\tA\ta\tDET\tDT\t_\t0\troot\t_\t_\n", "CoNLL-U"),
        ('{"text": "a", "label": [[0, 1, "X"]]}\n', "--format doccano"),
        ("T1\tA 0 3\tabc\n", "--format brat"),
        ("<a/>", "XML"),
        ("nothing but words here\n", "no format"),
    ],
)
def test_other_files_are_refused_with_what_they_are(text: str, says: str, tmp_path: Path) -> None:
    imported = take(tmp_path, text)
    assert imported.documents == ()
    assert [f.code for f in imported.findings] == ["WRONG_FORMAT"]
    assert says in imported.findings[0].got


@pytest.mark.parametrize("options", [{"scheme": "x"}, {"documents": "x"}, {"tags": "9"}, {"tokens": "x"}, {"other": "1"}])
def test_options_that_make_no_sense(options: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        take(tmp_path, "a\tO\nb\tB-X\n", **options)


def test_losses_are_counted_by_their_reasons() -> None:
    text = "North Tessen fell.\nTessenburg stood"
    spans = [(0, 12, "GPE"), (6, 12, "GPE"), (0, 5, "LOC"), (19, 25, "GPE"), (13, 29, "EVENT"), (30, 35, "EVENT")]
    mentions = tuple(Mention(id=f"m{i}", start=s, end=e, type=t) for i, (s, e, t) in enumerate(spans))
    entities = tuple(Entity(id=f"e{m.id}", mentions=(m.id or "",)) for m in mentions)
    document = Document(Article(id="a", text=text), Annotation(id="a", mentions=mentions, entities=entities))
    exported = export_documents("conll", [document], LABELS)
    reasons = {loss.why: loss.n for loss in exported.losses if loss.what == "mentions"}
    assert reasons == {
        "a token has one tag, and a longer mention has it": 2,
        "it begins or ends within a token": 1,
        "it goes over a line's end, where a sentence ends": 1,
    }
    assert {loss.what: loss.n for loss in exported.losses}["entities"] == 6
    lines = exported.files["documents.conll"].decode().split("\n")
    assert lines[0] == "# newdoc id = a"
    assert lines[2:] == ["North\tB-GPE", "Tessen\tI-GPE", "fell\tO", ".\tO", "", "Tessenburg\tO", "stood\tB-EVENT", "", ""]


@pytest.mark.parametrize(
    ("scheme", "tags"), [("bio2", "B-A B-A I-A B-B"), ("iob1", "I-A B-A I-A I-B"), ("iobes", "S-A B-A E-A S-B")]
)
def test_schemes_are_written(scheme: str, tags: str) -> None:
    mentions = (
        Mention(id="m1", start=0, end=1, type="A"),
        Mention(id="m2", start=2, end=5, type="A"),
        Mention(id="m3", start=6, end=7, type="B"),
    )
    document = Document(Article(id="a", text="a b c d"), Annotation(id="a", mentions=mentions))
    written = export_documents("conll", [document], LABELS, scheme=scheme).files["documents.conll"].decode()
    assert [line.split("\t")[1] for line in written.split("\n")[2:] if line] == tags.split()
