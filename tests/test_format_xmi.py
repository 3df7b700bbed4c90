"""UIMA CAS XMI: offsets in UTF-16, type systems that are there or not, layers of others, and elements at fault."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cassis
import pytest

from newsgold.corpus.formats import Imported, Loss, export_documents, import_files
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.tables import Document
from newsgold.errors import UsageError

LABELS = default_labels()
TEXT = 'The "fall" of 🏛🏛 Tessen\r\n& Marovia\u2028\twept.'
NER = "http:///de/tudarmstadt/ukp/dkpro/core/api/ner/type.ecore"
COREF = "http:///de/tudarmstadt/ukp/dkpro/core/api/coref/type.ecore"
PLAIN = "🏛 Tessen fell to Marovia."
"""In UTF-16 Tessen is [3, 9) and Marovia [18, 25)."""
NAMED = (
    '<ner:NamedEntity xmi:id="2" sofa="1" begin="3" end="9" value="GPE"/>'
    '<ner:NamedEntity xmi:id="3" sofa="1" begin="18" end="25" value="GPE"/>'
)


def xmi(elements: str = NAMED, members: str = "2 3", text: str = PLAIN, views: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<xmi:XMI xmlns:xmi="http://www.omg.org/XMI" xmlns:cas="http:///uima/cas.ecore"'
        f' xmlns:ner="{NER}" xmlns:coref="{COREF}" xmlns:custom="http:///webanno/custom.ecore" xmi:version="2.0">\n'
        f'<cas:NULL xmi:id="0"/>\n{elements}\n'
        f'<cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text" sofaString="{text}"/>\n'
        f'<cas:View sofa="1" members="{members}"/>{views}</xmi:XMI>'
    )


def take(tmp_path: Path, source: str | bytes, **options: str) -> Imported:
    path = tmp_path / "fall.xmi"
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return import_files("xmi", [path], Terms(), **options)


def gold(imported: Imported) -> Annotation:
    (document,) = imported.documents
    assert document.gold is not None
    return document.gold


def surfaces(imported: Imported) -> list[tuple[int, str | None, str]]:
    return [(m.start, m.text, m.type) for m in gold(imported).mentions or ()]


def spot(surface: str, **more: Any) -> Mention:
    return Mention(start=TEXT.index(surface), end=TEXT.index(surface) + len(surface), **more)


GOLD = Annotation(
    id="fall",
    by="anna\x01",
    mentions=(
        spot('The "fall"', id="x", type="EVENT", kind="NOM"),
        spot("Tessen", id="t", type="GPE"),
        spot("Marovia", id="v", type="GPE"),
    ),
    entities=(
        Entity(id="e1", mentions=("x",)),
        Entity(id="e2", mentions=("t",), link="Q42"),
        Entity(id="e3", mentions=("v",), link="kb-marovia"),
    ),
    relations=(Relation(type="controls", head="e3", tail="e2", factuality="denied", evidence=(("v", "t"),)),),
    stances=(
        Stance(id="s1", start=TEXT.index("wept"), end=len(TEXT) - 1, holder="v", target="t", polarity="against", basis="implied"),
        Stance(id="s2", holder="AUTHOR", target="x", polarity="favor"),
    ),
)


def dkpro() -> Any:
    return cassis.load_typesystem(Path(cassis.__file__).parent / "resources" / "dkpro-core-types.xml")


# ------------------------------------------------------------------------------ written


def written(tmp_path: Path) -> Path:
    exported = export_documents("xmi", [Document(Article(id="fall", text=TEXT, title="a\x01b"), GOLD)], LABELS)
    assert exported.losses == ()
    for name, data in exported.files.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path / "fall.xmi"


def test_offsets_are_written_in_utf_16_and_cassis_reads_what_stands_there(tmp_path: Path) -> None:
    path = written(tmp_path)
    raw = [e.attrib for e in ElementTree.fromstring(path.read_bytes()) if e.tag.endswith("}NamedEntity")]
    units = TEXT.encode("utf-16-le")
    assert [units[2 * int(a["begin"]) : 2 * int(a["end"])].decode("utf-16-le") for a in raw] == [
        'The "fall"',
        "Tessen",
        "Marovia",
    ]
    assert int(raw[1]["begin"]) == TEXT.index("Tessen") + 2
    assert [a.get("identifier") for a in raw] == [None, "http://www.wikidata.org/entity/Q42", "kb-marovia"]
    system = cassis.load_typesystem(tmp_path / "TypeSystem.xml")
    cas = cassis.load_cas_from_xmi(path, system)
    assert cas.sofa_string == TEXT
    named = cas.select("de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity")
    assert [(n.get_covered_text(), n.value) for n in named] == [('The "fall"', "EVENT"), ("Tessen", "GPE"), ("Marovia", "GPE")]
    assert cas.typecheck() == []
    (relation,) = cas.select("webanno.custom.NewsgoldRelation")
    assert (relation.Governor.get_covered_text(), relation.Dependent.get_covered_text()) == ("Marovia", "Tessen")


def test_the_type_system_agrees_with_that_of_dkpro(tmp_path: Path) -> None:
    written(tmp_path)
    ours, theirs = cassis.load_typesystem(tmp_path / "TypeSystem.xml"), dkpro()
    shared = [t.name for t in ours.get_types() if theirs.contains_type(t.name)]
    assert len(shared) >= 5
    for name in shared:
        mine, other = ours.get_type(name), theirs.get_type(name)
        assert mine.supertype.name == other.supertype.name
        ranges = {f.name: f.rangeType.name for f in other.all_features}
        assert {f.name: f.rangeType.name for f in mine.all_features}.items() & ranges.items() == {
            (f.name, f.rangeType.name) for f in mine.all_features if f.name in ranges
        }


def test_everything_comes_back(tmp_path: Path) -> None:
    imported = import_files("xmi", [written(tmp_path)], Terms(labels=LABELS))
    assert imported.findings == imported.losses == ()
    (document,) = imported.documents
    assert (document.article.text, document.article.title) == (TEXT, "a\x01b")
    found = gold(imported)
    assert (found.by, found.entities, found.relations, found.stances) == (GOLD.by, GOLD.entities, GOLD.relations, GOLD.stances)
    assert [(m.id, m.kind) for m in found.mentions or ()] == [("x", "NOM"), ("t", None), ("v", None)]


def test_a_text_that_xml_cannot_hold_is_not_written() -> None:
    given = [Document(Article(id=f"d{i}", text=f"a{c}b"), None) for i, c in enumerate("\x0b\ufffe\x85")]
    exported = export_documents("xmi", given, LABELS)
    assert [*exported.files] == ["TypeSystem.xml", "d2.xmi"]
    assert exported.losses == (Loss("documents", 2, "XML cannot hold a character of it"),)


def test_labels_that_xml_cannot_hold_are_left_out() -> None:
    made = Annotation(
        id="d", mentions=(Mention(id="m1", start=0, end=1, type="\x02"), Mention(id="m2", start=0, end=1, type="A"))
    )
    exported = export_documents("xmi", [Document(Article(id="d", text="a"), made)], LABELS)
    assert [(loss.what, loss.n) for loss in exported.losses] == [("mentions", 1)]


@pytest.mark.parametrize("name", ["xmi", "brat", "doccano", "prodigy"])
def test_two_stances_that_become_one_between_mentions_are_one_loss(name: str, tmp_path: Path) -> None:
    stances = tuple(
        Stance(id=f"s{i}", start=0, end=3, holder="AUTHOR", target=target, polarity="favor")
        for i, target in enumerate(("v", "e3"))
    )
    made = Annotation(id="fall", mentions=GOLD.mentions, entities=GOLD.entities, relations=(), stances=stances)
    exported = export_documents(name, [Document(Article(id="fall", text=TEXT), made)], LABELS)
    assert [loss.n for loss in exported.losses if loss.what == "stances"] == [1]
    for file, data in exported.files.items():
        (tmp_path / file).write_bytes(data)
    imported = import_files(name, [tmp_path], Terms(labels=LABELS))
    assert [f.code for f in imported.findings] == []
    assert len(gold(imported).stances or ()) == 1


# --------------------------------------------------------------------------------- read


def test_a_file_without_a_type_system(tmp_path: Path) -> None:
    imported = take(tmp_path, xmi())
    assert imported.findings == imported.losses == ()
    assert imported.documents[0].article.id == "fall"
    assert surfaces(imported) == [(2, "Tessen", "GPE"), (17, "Marovia", "GPE")]


def test_an_annotation_that_is_no_member_of_the_view_is_placed_in_code_points_too(tmp_path: Path) -> None:
    links = (
        '<coref:CoreferenceLink xmi:id="4" sofa="1" begin="3" end="9" next="5"/>'
        '<coref:CoreferenceLink xmi:id="5" sofa="1" begin="18" end="25"/>'
        '<coref:CoreferenceChain xmi:id="6" sofa="1" first="4"/>'
    )
    imported = take(tmp_path, xmi(NAMED + links, "2 3 6"))
    assert imported.findings == imported.losses == ()
    assert [e.mentions for e in gold(imported).entities or ()] == [("m1", "m2")]


@pytest.mark.parametrize(
    ("element", "code"),
    [
        ('<ner:NamedEntity xmi:id="9" sofa="1" begin="1" end="9" value="GPE"/>', "SPAN_OUTSIDE"),  # within the emoji
        ('<ner:NamedEntity xmi:id="9" sofa="1" begin="3" end="99" value="GPE"/>', "SPAN_OUTSIDE"),
        ('<ner:NamedEntity xmi:id="9" sofa="1" begin="-3" end="9" value="GPE"/>', "SPAN_OUTSIDE"),
        ('<ner:NamedEntity xmi:id="9" sofa="1" begin="three" end="9" value="GPE"/>', "SPAN_OUTSIDE"),
        ('<ner:NamedEntity xmi:id="9" sofa="7" begin="3" end="9" value="GPE"/>', "SPAN_OUTSIDE"),
        ('<ner:NamedEntity xmi:id="9" sofa="1" begin="9" end="9" value="GPE"/>', "SPAN_REVERSED"),
        ('<ner:NamedEntity xmi:id="9" sofa="1" begin="2" end="9" value="GPE"/>', "SPAN_UNTRIMMED"),
        ('<ner:NamedEntity xmi:id="9" sofa="1" begin="3" end="9" value="GPE"/>', "DUPLICATE_MENTION"),
        ('<ner:NamedEntity xmi:id="9" sofa="1" begin="3" end="9"/>', "BAD_RECORD"),
        ('<ner:NamedEntity xmi:id="3" sofa="1" begin="3" end="9" value="ORG"/>', "DUPLICATE_ID"),
        ('<ner:NamedEntity sofa="1" begin="3" end="9" value="ORG"/>', "BAD_RECORD"),
        ('<custom:Rel xmi:id="9" sofa="1" begin="3" end="9" Governor="2" Dependent="77"/>', "DANGLING_ARGUMENT"),
        ('<custom:Rel xmi:id="9" sofa="1" begin="3" end="9" Governor="2" Dependent="2"/>', "SELF_RELATION"),
        ('<coref:CoreferenceChain xmi:id="9" sofa="1" first="77"/>', "DANGLING_ARGUMENT"),
    ],
)
def test_an_element_at_fault_is_left_out(element: str, code: str, tmp_path: Path) -> None:
    imported = take(tmp_path, xmi(f"{NAMED}\n{element}", "2 3 9" if 'xmi:id="9"' in element else "2 3"))
    assert [(f.code, f.line) for f in imported.findings] == [(code, 5)]
    assert len(gold(imported).mentions or ()) == 2
    assert not gold(imported).relations


def test_members_that_are_not_there(tmp_path: Path) -> None:
    imported = take(tmp_path, xmi(members="2 two 77"))
    assert [(f.code, f.got) for f in imported.findings] == [
        ("DANGLING_ARGUMENT", "View members='two'"),
        ("DANGLING_ARGUMENT", "View members='77'"),
    ]
    assert surfaces(imported) == [(2, "Tessen", "GPE")]


def test_what_refers_to_an_element_at_fault_goes_with_it_and_is_told(tmp_path: Path) -> None:
    links = (
        '<coref:CoreferenceLink xmi:id="4" sofa="1" begin="3" end="9" next="5"/>\n'
        '<coref:CoreferenceLink xmi:id="5" sofa="1" begin="18" end="99"/>\n'
        '<coref:CoreferenceChain xmi:id="6" sofa="1" first="4"/>'
    )
    imported = take(tmp_path, xmi(f"{NAMED}\n{links}", "2 3 4 5 6"))
    assert [(f.code, f.line) for f in imported.findings] == [
        ("SPAN_OUTSIDE", 6),
        ("DANGLING_ARGUMENT", 5),
        ("DANGLING_ARGUMENT", 7),
    ]
    assert len(gold(imported).mentions or ()) == 2


def test_a_chain_that_runs_in_a_circle(tmp_path: Path) -> None:
    links = (
        '<coref:CoreferenceLink xmi:id="4" sofa="1" begin="3" end="9" next="5"/>'
        '<coref:CoreferenceLink xmi:id="5" sofa="1" begin="18" end="25" next="4"/>'
        '<coref:CoreferenceChain xmi:id="6" sofa="1" first="4"/>'
    )
    imported = take(tmp_path, xmi(NAMED + links, "2 3 4 5 6"))
    assert [(f.code, f.got) for f in imported.findings] == [("BAD_RECORD", "a chain that runs in a circle")]


def test_layers_of_others(tmp_path: Path) -> None:
    custom = (
        '<custom:Place xmi:id="2" sofa="1" begin="3" end="9" sort="town"/><custom:Place xmi:id="3" sofa="1" begin="18" end="25"/>'
        '<custom:Fact xmi:id="4" sofa="1" begin="18" end="25" Governor="3" Dependent="2" label="takes"/>'
        '<custom:Fact xmi:id="5" sofa="1" begin="3" end="9" Governor="2" Dependent="3"/>'
        '<custom:SameLink xmi:id="6" sofa="1" begin="3" end="9" next="7"/>'
        '<custom:SameLink xmi:id="7" sofa="1" begin="10" end="14"/>'
        '<custom:SameChain xmi:id="8" sofa="1" first="6"/>'
    )
    source = xmi(custom, "2 3 4 5 6 7 8")
    imported = take(tmp_path, source)
    assert surfaces(imported) == []
    assert {loss.why: loss.n for loss in imported.losses} == {
        f"the type {name} was not read": 2 - (name == "SameChain") for name in ("Place", "Fact", "SameChain", "SameLink")
    }
    imported = take(tmp_path, source, mentions="custom.Place:sort", chains="SameChain", untyped="THING")
    assert imported.findings == imported.losses == ()
    assert surfaces(imported) == [(2, "Tessen", "town"), (9, "fell", "THING"), (17, "Marovia", "THING")]
    assert [(r.type, r.head, r.tail) for r in gold(imported).relations or ()] == [("Fact", "e1", "m3"), ("takes", "m3", "e1")]
    imported = take(tmp_path, source, mentions="custom.Place:sort", chains="SameChain")
    assert [f.code for f in imported.findings if f.severity == "error"] == [
        "BAD_RECORD",
        "DANGLING_ARGUMENT",
        "DANGLING_ARGUMENT",
    ]
    assert [loss.what for loss in imported.losses] == ["links of chains"]
    imported = take(tmp_path, source, mentions="Nonsense")
    assert [f.got for f in imported.findings] == ["no type 'Nonsense'"]


def test_links_of_mentions(tmp_path: Path) -> None:
    iris = ("http://www.wikidata.org/entity/Q42", "https://www.wikidata.org/wiki/Q43", "http://example.org/x")
    links = "".join(
        f'<ner:NamedEntity xmi:id="{i}" sofa="1" begin="3" end="9" value="{i}" identifier="{iri}"/>'
        for i, iri in enumerate(iris, 2)
    )
    imported = take(tmp_path, xmi(links, "2 3 4"))
    assert [e.link for e in gold(imported).entities or ()] == ["Q42", "Q43", None]
    assert [(loss.what, loss.n) for loss in imported.losses] == [("links", 1)]
    chain = (
        '<coref:CoreferenceLink xmi:id="6" sofa="1" begin="3" end="9" next="7"/>'
        '<coref:CoreferenceLink xmi:id="7" sofa="1" begin="18" end="25"/>'
        '<coref:CoreferenceChain xmi:id="8" sofa="1" first="6"/>'
    )
    two = NAMED.replace('begin="3"', f'identifier="{iris[0]}" begin="3"').replace(
        'begin="18"', f'identifier="{iris[1]}" begin="18"'
    )
    imported = take(tmp_path, xmi(two + chain, "2 3 6 7 8"))
    assert [(f.code, f.wanted) for f in imported.findings] == [("BAD_RECORD", "one identifier in a chain")]


def test_views(tmp_path: Path) -> None:
    second = '<cas:Sofa xmi:id="8" sofaNum="2" sofaID="raw" sofaString="Another text."/><cas:View sofa="8" members=""/>'
    imported = take(tmp_path, xmi(views=second))
    assert imported.losses == (Loss("views", 1, "a document has one text"),)
    assert len(gold(imported).mentions or ()) == 2
    assert take(tmp_path, xmi(views=second), view="raw").documents[0].article.text == "Another text."
    assert [f.code for f in take(tmp_path, xmi(views=second), view="x").findings] == ["NO_TEXT"]
    assert [f.code for f in take(tmp_path, xmi("", "", text="")).findings] == ["NO_TEXT"]


def test_a_type_system_beside_the_file_or_named(tmp_path: Path) -> None:
    system = cassis.TypeSystem()
    system.create_type("de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity")
    system.create_feature("de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity", "value", "uima.cas.String")
    system.create_type("webanno.custom.Place", "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity")
    source = xmi('<custom:Place xmi:id="2" sofa="1" begin="3" end="9" value="GPE"/>', "2")
    assert surfaces(take(tmp_path, source)) == []
    (tmp_path / "types.xml").write_text(system.to_xml() or "")
    assert surfaces(take(tmp_path, source, typesystem=str(tmp_path / "types.xml"))) == [(2, "Tessen", "GPE")]
    (tmp_path / "types.xml").rename(tmp_path / "TypeSystem.xml")
    assert surfaces(take(tmp_path, source)) == [(2, "Tessen", "GPE")]
    (tmp_path / "TypeSystem.xml").write_text("<nonsense")
    with pytest.raises(UsageError, match=r"TypeSystem\.xml cannot be used"):
        take(tmp_path, source)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (xmi()[:-5], "BAD_RECORD"),
        (xmi().replace("\n", '\n<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/hostname">]>', 1), "BAD_RECORD"),
        ("<html><body/></html>", "WRONG_FORMAT"),
        ('{"text": "XMI"}', "WRONG_FORMAT"),
        ("#FORMAT=WebAnno TSV 3.2\n", "WRONG_FORMAT"),
        (xmi().encode("utf-16"), "WRONG_FORMAT"),
        (xmi().replace('sofaNum="1"', 'sofaNum="one"'), "BAD_RECORD"),
    ],
)
def test_files_that_are_none(source: str | bytes, code: str, tmp_path: Path) -> None:
    imported = take(tmp_path, source)
    assert imported.documents == ()
    assert [f.code for f in imported.findings] == [code]


def test_our_own_part_at_fault(tmp_path: Path) -> None:
    for data in ("{", '{"article": {"id": 3}}', "{}"):
        own = f"<custom:NewsgoldDocument xmi:id='9' sofa='1' begin='0' end='3' data='{data}'/>"
        imported = take(tmp_path, xmi(NAMED + own, "2 3 9"))
        assert [f.code for f in imported.findings] == ["BAD_RECORD"]
        assert imported.documents == ()


# --------------------------------------------------------------------------------- JSON


def as_json(tmp_path: Path) -> dict[str, Any]:
    system = dkpro()
    cas = cassis.Cas(typesystem=system)
    cas.sofa_string = PLAIN
    named = system.get_type("de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity")
    for start, end in ((2, 8), (17, 24)):
        cas.add(named(begin=start, end=end, value="GPE"))
    value: dict[str, Any] = json.loads(cas.to_json() or "")
    return value


def test_json(tmp_path: Path) -> None:
    imported = take(tmp_path, json.dumps(as_json(tmp_path)))
    assert imported.findings == imported.losses == ()
    assert surfaces(imported) == [(2, "Tessen", "GPE"), (17, "Marovia", "GPE")]


def test_json_with_an_offset_within_a_character(tmp_path: Path) -> None:
    value = as_json(tmp_path)
    place = next(i for i, item in enumerate(value["%FEATURE_STRUCTURES"]) if item.get("begin") == 3)
    value["%FEATURE_STRUCTURES"][place]["begin"] = 1
    imported = take(tmp_path, json.dumps(value))
    assert [(f.code, f.pointer) for f in imported.findings] == [("SPAN_OUTSIDE", f"/%FEATURE_STRUCTURES/{place}")]
    assert surfaces(imported) == [(17, "Marovia", "GPE")]
    assert [f.code for f in take(tmp_path, '{"%FEATURE_STRUCTURES": 3}').findings] == ["BAD_RECORD"]
    assert [f.code for f in take(tmp_path, '{"%FEATURE_STRUCTURES": 3, "%FEATURE_STRUCTURES": 3}').findings] == ["DUPLICATE_KEY"]


def test_without_cassis_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cassis", None)
    with pytest.raises(UsageError, match=r"newsgold\[uima\]"):
        take(tmp_path, xmi())
