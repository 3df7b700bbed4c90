"""Findings: their table, their shape, and that nothing in them can harm a terminal."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsgold.errors import (
    FAULTS,
    DataError,
    FileFault,
    NewsgoldError,
    UsageError,
    count_codes,
    finding,
    has_errors,
    printable,
    quote,
)

UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
NASTY = "\x1b[31m\x07\r\n\t\x00\x7f\x85\u200b\u200e\u202a\u202e\u2066\u2069\ufeff\ud800\udfff\u2028\u2029\ue000\U000e0041"


def test_every_row_of_the_table_says_what_and_what_to_do() -> None:
    assert list(FAULTS)
    for code, fault in FAULTS.items():
        assert re.fullmatch(r"[A-Z0-9]+(_[A-Z0-9]+)*", code)
        assert fault.severity in ("error", "warning")
        assert fault.message[0].islower() or fault.message.startswith("Label Studio"), code
        assert not fault.message.endswith("."), code
        assert re.search(r"[.\]]$", fault.hint), code
        assert fault.about.endswith("."), code
        assert printable(fault.message + fault.hint + fault.about) == fault.message + fault.hint + fault.about


def test_every_code_is_used_by_some_module(repo: Path) -> None:
    sources = "".join(p.read_text() for p in (repo / "src").rglob("*.py") if p.name != "errors.py")
    assert [code for code in FAULTS if f'"{code}"' not in sources] == []


def test_no_module_invents_a_code(repo: Path) -> None:
    used = {
        code for path in (repo / "src").rglob("*.py") for code in re.findall(r"\bfinding\(\s*\"([A-Z0-9_]+)\"", path.read_text())
    }
    assert used
    assert used <= FAULTS.keys()


@given(st.text(st.characters(codec=None)) | st.text(st.sampled_from(NASTY + "aé 🏛\u0301")))
@example(NASTY)
def test_what_is_printed_is_safe(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(c) for c in shown} & UNSAFE
    shown.encode("utf-8")
    assert printable(shown) == shown


@given(st.text(st.characters(exclude_categories=sorted(UNSAFE))))
def test_what_is_safe_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_escapes_can_be_read() -> None:
    assert printable("a\x1b\u202e\U000e0041\ud800\nz") == r"a\x1b\u202e\U000e0041\ud800\nz"


@given(st.text(st.characters(codec=None)), st.integers(5, 50))
def test_quotes_are_short_and_safe(text: str, limit: int) -> None:
    shown = quote(text, limit)
    assert not {unicodedata.category(c) for c in shown} & UNSAFE
    assert shown[0] in "'\""
    if len(repr(text)) > limit:
        assert shown.endswith("…")
    else:
        assert shown[-1] == shown[0]


def test_quotes_of_other_values_have_no_quotation_marks() -> None:
    assert [quote(3), quote(None), quote(["a"]), quote("it's"), quote("x" * 9, 5)] == ["3", "None", "['a']", '"it\'s"', "'xxx…"]


def test_shape_of_a_finding() -> None:
    full = finding("UNKNOWN_TYPE", "gold/a.json", line=7, doc="a", pointer="/mentions/3/type", got="'X'", wanted="ORG, GPE")
    hint = FAULTS["UNKNOWN_TYPE"].hint
    assert str(full) == (
        f"gold/a.json:7 (a) /mentions/3/type UNKNOWN_TYPE no such entity type (got 'X', wanted ORG, GPE). {hint}"
    )
    assert str(finding("UNKNOWN_TYPE", "a.json")) == f"a.json UNKNOWN_TYPE no such entity type. {hint}"
    assert str(finding("UNKNOWN_TYPE", "a.json", got="'X'")) == f"a.json UNKNOWN_TYPE no such entity type (got 'X'). {hint}"
    assert str(finding("UNKNOWN_TYPE", "a.json", wanted="Y")) == f"a.json UNKNOWN_TYPE no such entity type (wanted Y). {hint}"


@given(st.text(st.sampled_from(NASTY + "ab")), st.text(st.sampled_from(NASTY + "ab")))
def test_a_finding_is_one_safe_line_whatever_it_is_about(path: str, value: str) -> None:
    shown = str(finding("BAD_ID", path, line=1, doc=value, pointer=f"/{value}", got=value, wanted=value))
    assert not {unicodedata.category(c) for c in shown} & UNSAFE
    assert len(shown.splitlines()) == 1


def test_severity_is_the_table_s_unless_the_role_demands_another() -> None:
    assert finding("LINK_TWICE", "p").severity == "warning"
    assert finding("BAD_ID", "p").severity == "error"
    assert finding("BAD_ID", "p", severity="warning").severity == "warning"
    assert has_errors([finding("LINK_TWICE", "p"), finding("BAD_ID", "p")])
    assert not has_errors([finding("LINK_TWICE", "p"), finding("BAD_ID", "p", severity="warning")])
    assert not has_errors([])


def test_codes_are_counted_in_their_order() -> None:
    counts = count_codes([finding(code, "p") for code in ("LINK_TWICE", "BAD_ID", "LINK_TWICE")])
    assert list(counts.items()) == [("BAD_ID", 1), ("LINK_TWICE", 2)]


@pytest.mark.parametrize(("kind", "code"), [(UsageError, 2), (FileFault, 3), (NewsgoldError, 1)])
def test_exit_codes(kind: type[NewsgoldError], code: int) -> None:
    assert kind("x").exit_code == code
    assert isinstance(kind("x"), NewsgoldError)


def test_a_data_error_carries_all_its_findings_and_shows_five() -> None:
    error = DataError("two records are bad", (finding("BAD_ID", f"p{i}") for i in range(8)))
    assert error.exit_code == 1
    assert len(error.findings) == 8
    lines = str(error).split("\n")
    assert lines[0] == "two records are bad"
    assert lines[1].strip().startswith("p0 BAD_ID")
    assert (len(lines), lines[-1].strip()) == (7, "… and 3 more")
    assert "more" not in str(DataError("x", [finding("BAD_ID", "p")])).split("\n")[-1].split("BAD_ID")[0]
