"""brat stand-off: what its lines become, and those that cannot be taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsgold.corpus.formats import Imported, Loss, export_documents, import_files
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.tables import Document
from newsgold.errors import FileFault

LABELS = default_labels()
TEXT = "Tessen fell to Marovia.\r\nKaran blamed Marovia, he said."
#       0      7    12 15        25    31     38       47


def take(tmp_path: Path, ann: str, text: str = TEXT, **terms: object) -> Imported:
    (tmp_path / "a.txt").write_bytes(text.encode())
    (tmp_path / "a.ann").write_bytes(ann.encode())
    return import_files("brat", [tmp_path], Terms(**terms))


def codes(imported: Imported) -> list[tuple[str, int]]:
    return [(f.code, f.line) for f in imported.findings]


def gold(imported: Imported) -> Annotation:
    (document,) = imported.documents
    assert document.gold is not None
    return document.gold


def test_every_kind_of_line() -> None:
    """The document the lines of the docstring speak of, written."""
    mentions = (
        Mention(id="x", start=0, end=6, type="GPE"),
        Mention(id="y", start=15, end=22, type="GPE"),
        Mention(id="z", start=25, end=30, type="PERSON"),
        Mention(id="w", start=47, end=49, type="PERSON", kind="PRO"),
    )
    annotation = Annotation(
        id="a",
        mentions=mentions,
        entities=(
            Entity(id="1", mentions=("x",), link="kb-tessen"),
            Entity(id="2", mentions=("y",)),
            Entity(id="3", mentions=("z", "w"), link="Q42"),
        ),
        relations=(Relation(type="controls", head="2", tail="1", factuality="denied", evidence=(("y", "x"),)),),
        stances=(
            Stance(id="s", start=31, end=37, holder="z", target="y", polarity="against", basis="implied"),
            Stance(id="t", start=31, end=37, holder="AUTHOR", target="y", polarity="favor"),
        ),
    )
    exported = export_documents("brat", [Document(Article(id="a", text=TEXT), annotation)], LABELS)
    assert exported.losses == (Loss("ids", 9, "brat files have no place for it"),)
    assert exported.files["a.txt"] == TEXT.encode()
    assert exported.files["a.ann"].decode().split("\n") == [
        "T1\tGPE 0 6\tTessen",
        "T2\tGPE 15 22\tMarovia",
        "T3\tPERSON 25 30\tKaran",
        "T4\tPERSON 47 49\the",
        "T5\tStance 31 37\tblamed",
        "T6\tStance 31 37\tblamed",
        "R1\tcontrols--denied Arg1:T2 Arg2:T1\t",
        "*\tCoreference T3 T4",
        "E1\tStance:T5 Target:T2",
        "E2\tStance:T6 Holder:T3 Target:T2",
        "A1\tKind T4 PRO",
        "A2\tSingleton T1",
        "A3\tSingleton T2",
        "A4\tPolarity E1 favor",
        "A5\tHolder E1 AUTHOR",
        "A6\tPolarity E2 against",
        "A7\tBasis E2 implied",
        "N1\tReference T1 kb:kb-tessen\t",
        "N2\tReference T3 Wikidata:Q42\t",
        "",
    ]
    conf = exported.files["annotation.conf"].decode()
    assert "controls--denied\tArg1:ORG|GPE|PERSON, Arg2:GPE|LOC|FAC\n" in conf
    assert [line for line in conf.split("\n") if line.startswith("[")] == [
        "[entities]",
        "[relations]",
        "[events]",
        "[attributes]",
    ]


def test_lines_of_others_are_counted_as_losses(tmp_path: Path) -> None:
    ann = (
        "T1\tGPE 0 6\tTessen\nT2\tGPE 15 22\tMarovia\nT3\tFall 7 11\tfell\nE1\tFall:T3 Place-Arg:T1\nA1\tNegation E1\n"
        "R1\tIn Arg1:T1 Arg2:T2\t\nR2\tBy Cause:E1 Theme:T1\n"
        "N1\tReference T1 Wikipedia:64488\tTessen\n#1\tAnnotatorNotes T1\tsure?\n"
    )
    imported = take(tmp_path, ann)
    assert codes(imported) == []
    assert [(m.text, m.type) for m in gold(imported).mentions or ()] == [("Tessen", "GPE"), ("Marovia", "GPE")]
    assert [(r.type, r.head, r.tail) for r in gold(imported).relations or ()] == [("In", "m1", "m2")]
    assert {loss.what: loss.n for loss in imported.losses} == {
        "events": 1,
        "attributes": 1,
        "relations": 1,
        "links": 1,
        "notes": 1,
    }


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("T2\tGPE 15 99\tMarovia", "SPAN_OUTSIDE"),
        ("T2\tGPE 15 22\tTessen", "SURFACE_MISMATCH"),
        ("T2\tGPE 22 15\tMarovia", "SPAN_REVERSED"),
        ("T2\tGPE 14 22\t Marovia", "SPAN_UNTRIMMED"),
        ("T2\tGPE 0 6;15 22\tTessen Marovia", "SPAN_DISCONTINUOUS"),
        ("T2\tGPE 0 6\tTessen", "DUPLICATE_MENTION"),
        ("T1\tGPE 15 22\tMarovia", "DUPLICATE_ID"),
        ("T2\tGPE fifteen", "BAD_RECORD"),
        ("R1\tIn Arg1:T1", "BAD_RECORD"),
        ("R1\tIn Arg1:T1 Arg2:T9", "DANGLING_ARGUMENT"),
        ("R1\tIn Arg1:T1 Arg2:T1", "SELF_RELATION"),
        ("*\tCoreference T1 T8", "DANGLING_MENTION"),
        ("E1\tFall", "BAD_RECORD"),
        ("A1\tKind", "BAD_RECORD"),
        ("N1\tReference T1 nowhere", "BAD_RECORD"),
        ("X1\twhatever", "BAD_RECORD"),
    ],
)
def test_what_is_at_fault_is_left_out_and_the_rest_is_taken(line: str, code: str, tmp_path: Path) -> None:
    imported = take(tmp_path, f"T1\tGPE 0 6\tTessen\n{line}\n")
    assert codes(imported) == [(code, 2)]
    assert imported.findings[0].path.endswith("a.ann")
    assert [m.text for m in gold(imported).mentions or ()] == ["Tessen"]
    assert not gold(imported).relations


def test_a_span_within_a_word_is_kept_with_a_warning(tmp_path: Path) -> None:
    imported = take(tmp_path, "T1\tGPE 0 4\tTess\n")
    assert [(f.code, f.severity) for f in imported.findings] == [("SPAN_CUTS_TOKEN", "warning")]
    assert [m.text for m in gold(imported).mentions or ()] == ["Tess"]


def test_a_line_break_in_a_surface_is_a_blank(tmp_path: Path) -> None:
    imported = take(tmp_path, "T1\tEVENT 15 30\tMarovia.  Karan\n")
    assert codes(imported) == []
    assert [m.text for m in gold(imported).mentions or ()] == ["Marovia.\r\nKaran"]


def test_layers_without_lines_were_not_attempted(tmp_path: Path) -> None:
    annotation = gold(take(tmp_path, ""))
    assert annotation.mentions == ()
    assert (annotation.entities, annotation.relations, annotation.stances) == (None, None, None)


def test_files_that_stand_alone(tmp_path: Path) -> None:
    (tmp_path / "b.ann").write_text("T1\tX 0 1\ta\n")
    (tmp_path / "c.txt").write_text("nobody annotated this")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "d.txt").write_text("a word")
    (tmp_path / "deep" / "d.a1").write_text("T1\tX 0 1\ta\n")
    (tmp_path / "deep" / "d.a2").write_text("T2\tX 2 6\tword\nT3\tX 2 9\twords\n")
    imported = import_files("brat", [tmp_path], Terms())
    assert [(f.code, Path(f.path).name) for f in imported.findings] == [
        ("FILE_MISSING", "b.txt"),
        ("SPAN_OUTSIDE", "d.a2"),
        ("FILE_MISSING", "c.ann"),
    ]
    (document,) = imported.documents
    assert document.article.source.name == "deep/d"
    assert [m.text for m in (document.gold and document.gold.mentions) or ()] == ["a", "word"]


def test_what_is_no_annotation_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a/>")
    assert [f.code for f in import_files("brat", [tmp_path / "a.xml"], Terms()).findings] == ["WRONG_FORMAT"]
    assert [f.code for f in import_files("brat", [tmp_path], Terms()).findings] == ["WRONG_FORMAT"]
    with pytest.raises(FileFault):
        import_files("brat", [tmp_path / "none"], Terms())


def test_names_that_brat_does_not_allow_are_losses() -> None:
    mentions = (Mention(id="m1", start=0, end=6, type="GPE town"), Mention(id="m2", start=15, end=22, type="GPE"))
    relations = (Relation(type="near:to", head="m2", tail="m1"), Relation(type="controls", head="m2", tail="m1"))
    document = Document(Article(id="a", text=TEXT), Annotation(id="a", mentions=mentions, relations=relations))
    lost = {(loss.what, loss.why): loss.n for loss in export_documents("brat", [document], LABELS).losses}
    assert lost["mentions", "brat allows letters, digits, _ and - in names only"] == 1
    assert lost["relations", "it hung on a mention that was left out"] == 2
