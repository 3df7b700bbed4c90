"""Records of adjudication and the reasons that go into them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.annotation.records import (
    NO_RULE,
    OPEN,
    AdjudicationRecord,
    Agreed,
    Decision,
    Provenance,
    Reason,
    collect,
    encode_record,
    parse_note,
    provenance,
    read_record,
)

DECISIONS = (
    Decision(id="D1.1", layer="mentions", item="x", passes=("a",), decision="kept", gold="m2", rule="R5", why="so"),
    Decision(id="D1.2", layer="mentions", item="y", passes=("b",), decision="dropped", rule="R5", why="so"),
    Decision(id="+s1", layer="stances", item="z", passes=(), decision="added", gold="s1", rule=NO_RULE, why="…"),
)
RECORD = AdjudicationRecord(
    schema_version=2,
    document="d0",
    round="r",
    passes=("a", "b"),
    adjudicator="judge",
    guidelines="0.1.0",
    agreed=Agreed(mentions=("m1", "m3"), entities=("e1",), links=("link(e1)",), relations=("controls(m1,m3)",)),
    following={"e2": "D1.1"},
    decisions=DECISIONS,
    notes=("a note",),
    notes_of_passes={"a": ("not sure",)},
)

# --------------------------------------------------------------------------- notes


@pytest.mark.parametrize(
    ("line", "rule", "items", "why"),
    [
        ("R5 D3: the hyphen separates", "R5", ("D3",), "the hyphen separates"),
        ("R5 / HC-12 D3.1: a: b", "R5 / HC-12", ("D3.1",), "a: b"),
        ("R5, R10 D1, D2.2 : both", "R5, R10", ("D1", "D2.2"), "both"),
        ("HC-12 m3: reason", "HC-12", ("m3",), "reason"),
        ("  HC-12 -m3, Xy_-9:   reason  ", "HC-12", ("-m3", "Xy_-9"), "reason"),
        ("no rule D4: 'A' or 'B'", "no rule", ("D4",), "'A' or 'B'"),
        ("6.2 -controls:denied(m1,m2): an event", "6.2", ("-controls:denied(m1,m2)",), "an event"),
        ("R14 link(e1): certain", "R14", ("link(e1)",), "certain"),
        ("R5 D1:", "R5", ("D1",), ""),
        ("§ 3 D1: x", "§ 3", ("D1",), "x"),
    ],
)
def test_a_line_with_rule_items_and_colon_is_a_reason(line: str, rule: str, items: tuple[str, ...], why: str) -> None:
    assert parse_note(line) == ([(items, Reason(rule, why))], ())


@pytest.mark.parametrize(
    "line",
    [
        "L15 'the desert east of the country': located_in on the simplest reading",
        "nothing to say here",
        "see m3: it is strange",
        "I am sure of this: yes",
        "D1: no rule before it",
        "R5 D1 no colon",
        "R5 D1; D2: other marks",
        "R5 D1 D2: no comma",
        "R5; m1: other marks",
        "R5 D1:x",
    ],
)
def test_any_other_line_is_kept_as_a_note(line: str) -> None:
    assert parse_note(f"{line}\n\nR1 D1: x") == ([(("D1",), Reason("R1", "x"))], (line,))


def test_open_lines_say_nothing() -> None:
    assert parse_note(f"{OPEN}D1.1: ORG [x]@L1 0-1 (a)\n?D1.2: y") == ([], ())


@given(st.text())
def test_no_note_is_refused_and_no_line_of_it_lost(note: str) -> None:
    parsed = parse_note(note)
    told = [line.strip() for line in note.split("\n")]
    assert len(parsed.reasons) + len(parsed.lines) == sum(bool(line) and not line.startswith("?") for line in told)
    assert all(line in told for line in parsed.lines)
    assert all(reason.rule in note for _, reason in parsed.reasons)


@given(st.text("R5 D1,:./-()m", max_size=400))
def test_notes_are_parsed_in_time(note: str) -> None:
    assert parse_note(note * 20).lines is not None


# -------------------------------------------------------------------------- records


def test_a_record_goes_to_its_file_and_back(tmp_path: Path) -> None:
    path = tmp_path / "d0.record.json"
    path.write_bytes(encode_record(RECORD))
    assert read_record(path) == (RECORD, [])
    lines = path.read_text().split("\n")
    assert '  "mentions": ["m1", "m3"],' in lines
    assert lines[-1] == ""


def test_provenance_gives_sources_decider_and_rule_of_every_item() -> None:
    everybody = Provenance(("a", "b"), "agreement", "")
    assert provenance(RECORD) == {
        **dict.fromkeys(("m1", "m3", "e1", "link(e1)", "controls(m1,m3)"), everybody),
        "m2": Provenance(("a",), "judge", "R5"),
        "e2": Provenance(("a",), "judge", "R5"),
        "s1": Provenance((), "judge", NO_RULE),
    }


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"schema_version": 1}, "/schema_version"),
        ({"decisions": [{"id": "D1"}]}, "/decisions/0"),
        ({"passes": "ab"}, "/passes"),
        ({"extra": 1}, "/extra"),
    ],
)
def test_a_record_of_another_shape_is_refused_with_its_place(change: dict[str, Any], pointer: str, tmp_path: Path) -> None:
    path = tmp_path / "d0.record.json"
    path.write_text(json.dumps({**msgspec.to_builtins(RECORD), **change}, indent=1))
    done = read_record(path)
    assert done.record is None
    assert {f.code for f in done.findings} == {"BAD_SHAPE"}
    assert pointer in {f.pointer for f in done.findings}
    assert all(f.line >= 1 for f in done.findings)


def test_a_record_with_a_key_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d0.record.json"
    path.write_bytes(encode_record(RECORD).replace(b' "round": "r",', b' "round": "r",\n "round": "s",'))
    assert [f.code for f in read_record(path).findings] == ["DUPLICATE_KEY"]


# -------------------------------------------------------------------------- reasons

TOML = """
adjudicator = "judge"
guidelines = "0.1.0"
[[decisions]]
document = "d0"
items = ["D1", "m2"]
rule = "R5"
why = "so"
[[decisions]]
document = "d1"
items = ["D1"]
[notes]
d0 = ["a note"]
[notes_of_passes.d1]
a = ["not sure"]
"""


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_reasons_are_read_from_toml_and_json(suffix: str, tmp_path: Path) -> None:
    import tomllib

    path = tmp_path / f"decisions.{suffix}"
    path.write_text(TOML if suffix == "toml" else json.dumps(tomllib.loads(TOML)))
    reasons, found = collect([path], {})
    assert found == []
    assert reasons["d0"].given == {"D1": Reason("R5", "so"), "m2": Reason("R5", "so")}
    assert reasons["d1"].given == {"D1": Reason(NO_RULE, "")}
    assert (reasons["d0"].notes, reasons["d1"].notes_of_passes) == (("a note",), {"a": ("not sure",)})
    assert {(r.adjudicator, r.guidelines) for r in reasons.values()} == {("judge", "0.1.0")}


def test_reasons_of_files_records_and_notes_are_joined(tmp_path: Path) -> None:
    record, decisions = tmp_path / "d0.record.json", tmp_path / "decisions.toml"
    record.write_bytes(encode_record(RECORD))
    decisions.write_text('[[decisions]]\ndocument = "d0"\nitems = ["D2"]\nrule = "R9"\nwhy = "new"\n')
    reasons, found = collect([record, decisions], {"d0": ("x", "R1 D3: said\nanother note"), "d9": ("x", "")})
    assert found == []
    assert reasons["d0"].given == {
        "D1.1": Reason("R5", "so"),
        "D1.2": Reason("R5", "so"),
        "+s1": Reason(NO_RULE, "…"),
        "D2": Reason("R9", "new"),
        "D3": Reason("R1", "said"),
    }
    assert reasons["d0"].notes == ("a note", "another note")
    assert reasons["d0"].adjudicator == "judge"


def test_two_reasons_for_one_thing_are_an_error_unless_they_are_equal(tmp_path: Path) -> None:
    path = tmp_path / "decisions.toml"
    path.write_text('[[decisions]]\ndocument = "d0"\nitems = ["D1"]\nrule = "R9"\nwhy = "x"\n')
    assert collect([path, path], {"d0": ("n", "R9 D1: x")}).findings == []
    (fault,) = collect([path], {"d0": ("n", "R9 D1: y")}).findings
    assert (fault.code, fault.severity, fault.path, fault.doc) == ("ADJ_TWO_REASONS", "error", "n", "d0")


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("d.toml", "decisions = 3", "BAD_SHAPE"),
        ("d.toml", "[[decisions]", "BAD_TOML"),
        ("d.json", '{"decisions": [{"document": "a", "items": "D1"}]}', "BAD_SHAPE"),
        ("d.json", '{"decisions": [], "decisions": []}', "DUPLICATE_KEY"),
        ("d.json", "[]", "BAD_SHAPE"),
        ("d.json", '{"document": "d0", "decisions": []}', "BAD_SHAPE"),
    ],
)
def test_a_bad_file_of_decisions_is_refused(name: str, text: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    done = collect([path], {})
    assert {f.code for f in done.findings} == {code}
    assert done.reasons == {}


def test_every_committed_record_has_the_shape_and_covers_its_gold(repo: Path) -> None:
    from newsgold.annotation.records import references
    from newsgold.corpus.store import read_annotations

    paths = sorted((repo / "annotation" / "rounds").rglob("*.record.json"))
    assert paths
    gold = {r.value.id: r.value for r in read_annotations(repo / "corpus").records}
    for path in paths:
        record, found = read_record(path)
        assert record is not None, found
        assert encode_record(record) == path.read_bytes()
        assert path.name == f"{record.document}.record.json"
        names = {name for layer in references(gold[record.document]).values() for name in layer}
        later = {p.name: p for p in paths}[path.name]  # the last round that had the document covers its gold
        assert set(provenance(record)) == names or later != path


def test_the_reference_page_shows_a_record_as_it_is(repo: Path) -> None:
    """Every field of a record and of a decision is named there."""
    section = (repo / "REFERENCE.md").read_text().partition("## The record of an adjudication")[2].partition("\n## ")[0]
    for kind in (AdjudicationRecord, Agreed, Decision):
        for field in msgspec.structs.fields(kind):
            assert re.search(rf"[`\"]{field.name}[`\"]", section), field.name
