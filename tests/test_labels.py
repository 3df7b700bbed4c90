"""The label inventory: what it answers, where it is found, and how it is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from newsgold.corpus.labels import Labels, default_labels, find_labels, load_labels, parse_labels
from newsgold.errors import DataError, FileFault, Finding

LABELS = default_labels()

SMALL = """
name = "markets"
version = "2"
[kinds.NAM]
definition = "A name."
test = "A name?"
[types.FIRM]
definition = "A firm."
test = "A firm?"
[types.BRAND]
definition = "A brand."
test = "A brand?"
counts_as = "FIRM"
[relations.rivals]
definition = "Rivals."
test = "Rivals?"
domain = ["FIRM"]
range = ["FIRM"]
symmetric = true
[factualities.asserted]
definition = "So."
test = "So?"
[polarities]
[bases]
"""


def faults(text: str | bytes) -> list[Finding]:
    with pytest.raises(DataError, match="inventory"):
        parse_labels(text.encode() if isinstance(text, str) else text, "labels.toml")
    try:
        parse_labels(text.encode() if isinstance(text, str) else text, "labels.toml")
    except DataError as error:
        return list(error.findings)
    raise AssertionError


def small(old: str = "", new: str = "") -> str:
    assert SMALL.count(old) == 1 or not old
    return SMALL.replace(old, new) if old else SMALL


def test_the_inventory_is_the_one_of_the_design() -> None:
    assert list(LABELS.types) == ["PERSON", "NORP", "ORG", "GPE", "LOC", "FAC", "EVENT", "DATE", "CARDINAL"]
    assert list(LABELS.kinds) == ["NAM", "NOM", "PRO", "VAL"]
    assert len(LABELS.relations) == 17
    assert [r for r in LABELS.relations if LABELS.symmetric(r)] == ["adjacent_to", "fights", "allied_with", "agreement_with"]
    assert [r.name for r in LABELS.relations.values() if r.transitive] == ["located_in", "part_of"]
    assert list(LABELS.factualities) == ["asserted", "denied", "prospective"]
    assert list(LABELS.polarities) == ["favor", "against", "neutral"]
    assert list(LABELS.bases) == ["explicit", "implied"]


def test_the_package_s_inventory_is_the_corpus_s(repo: Path) -> None:
    assert (repo / "src/newsgold/labels.toml").read_bytes() == (repo / "corpus/labels.toml").read_bytes()


def test_every_label_knows_its_name() -> None:
    for section in ("kinds", "types", "relations", "factualities", "polarities", "bases"):
        for name, label in getattr(LABELS, section).items():
            assert label.name == name
            assert label.definition.endswith(".")
            assert label.test.endswith("?")


@pytest.mark.parametrize(
    ("type_name", "kind", "expected"),
    [("GPE", None, "NAM"), ("DATE", None, "VAL"), ("CARDINAL", None, "VAL"), ("?", None, "NAM"), ("GPE", "PRO", "PRO")],
)
def test_kind_of_a_mention(type_name: str, kind: str | None, expected: str) -> None:
    assert LABELS.kind(type_name, kind) == expected


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ({"ORG"}, "ORG"),
        ({"GPE", "NORP"}, "GPE"),
        ({"NORP"}, "NORP"),
        ({"?"}, "?"),
        ({"NORP", "ORG"}, None),
        ({"GPE", "NORP", "ORG"}, None),
        (set(), None),
    ],
)
def test_type_of_a_cluster(types: set[str], expected: str | None) -> None:
    assert LABELS.cluster_type(types) == expected


def test_a_demonym_is_accepted_where_its_state_is() -> None:
    assert LABELS.accepts(("GPE", "LOC"), "NORP")
    assert LABELS.accepts(("NORP",), "NORP")
    assert not LABELS.accepts(("NORP",), "GPE")
    assert not LABELS.accepts(("ORG",), "NORP")
    assert not LABELS.accepts(("ORG",), "?")


def test_unknown_relations_are_not_symmetric() -> None:
    assert not LABELS.symmetric("?")


def test_another_inventory() -> None:
    labels = parse_labels(small().encode(), "labels.toml")
    assert isinstance(labels, Labels)
    assert labels.relations["rivals"].name == "rivals"
    assert (labels.symmetric("rivals"), labels.accepts(("FIRM",), "BRAND"), labels.polarities) == (True, True, {})


@pytest.mark.parametrize(
    ("old", "new", "pointer", "got"),
    [
        ('domain = ["FIRM"]', 'domain = ["FIRM", "BANK"]', "/relations/rivals/domain", "'BANK'"),
        ('range = ["FIRM"]', 'range = ["BANK"]', "/relations/rivals/range", "'BANK'"),
        ('counts_as = "FIRM"', 'counts_as = "BANK"', "/types/BRAND/counts_as", "'BANK'"),
        ('counts_as = "FIRM"', 'counts_as = ""', "/types/BRAND/counts_as", "''"),
        ("symmetric = true", 'excludes = ["allies"]', "/relations/rivals/excludes", "'allies'"),
        ("[factualities.asserted]", "[factualities.stated]", "/factualities", "'asserted'"),
        ("[bases]", '[bases.implied]\ndefinition = "x"\ntest = "x"', "/bases", "'explicit'"),
        ("[kinds.NAM]", "[kinds.NAME]", "/kinds", "'NAM'"),
    ],
)
def test_labels_that_name_what_is_not_there(old: str, new: str, pointer: str, got: str) -> None:
    assert [(f.code, f.pointer, f.got) for f in faults(small(old, new))] == [("BAD_LABELS", pointer, got)]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (small("[types.FIRM]", "[types.FIRM"), "BAD_TOML", 7),
        (small("[types.BRAND]", "[types.FIRM]"), "BAD_TOML", 10),
        (b"\xff", "NOT_UTF8", 1),
        (b"name = 'x'\n# \xe9", "NOT_UTF8", 2),
        (b"\xef\xbb\xbf" + small().encode(), "BOM", 1),
        ("x = " + "9" * 5_000, "BAD_TOML", 0),
        ("x = " + "[" * 50_000, "BAD_TOML", 0),
        (small("[polarities]", "[polarities]\nfavor = 3"), "BAD_LABELS", 24),
        (small("[polarities]", "[opinions]"), "BAD_LABELS", 23),
        (small('version = "2"', "version = 2"), "BAD_LABELS", 3),
        (small("symmetric = true", "symetric = true"), "BAD_LABELS", 19),
        (small('test = "A firm?"', ""), "BAD_LABELS", 7),
        (small('domain = ["FIRM"]', 'domain = [\n"FIRM",\n"BANK"]'), "BAD_LABELS", 17),
    ],
)
def test_what_is_no_inventory(text: str | bytes, code: str, line: int) -> None:
    assert [(f.code, f.line, f.path) for f in faults(text)] == [(code, line, "labels.toml")]


@pytest.mark.parametrize("text", ["", "types = 3", "types = ['ORG']", "types = 2031-05-03"])
def test_every_part_that_is_missing_or_wrong_is_named(text: str) -> None:
    found = faults(text)
    assert {(f.code, f.line, f.path) for f in found} == {("BAD_LABELS", 1, "labels.toml")}
    told = " ".join(f.got + f.pointer for f in found)
    assert all(name in told for name in ("name", "version", "kinds", "types"))


def test_an_inventory_may_do_without_relations_and_stance() -> None:
    labels = parse_labels(SMALL[: SMALL.index("[relations")].encode(), "labels.toml")
    assert (labels.relations, labels.factualities, labels.polarities, labels.bases) == ({}, {}, {}, {})
    assert (labels.allowed_factualities, labels.allowed_bases) == (("asserted",), ("explicit",))


def test_an_inventory_that_is_no_file_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "labels.toml").mkdir()
    with pytest.raises(FileFault, match="inventory"):
        find_labels(None, tmp_path)
    (tmp_path / "labels.toml").rmdir()
    os.mkfifo(tmp_path / "labels.toml")
    with pytest.raises(FileFault, match="regular"):
        find_labels(None, tmp_path)


def test_an_article_called_labels_is_no_inventory(tmp_path: Path) -> None:
    for suffix in ("txt", "toml"):
        (tmp_path / f"labels.{suffix}").write_text("x")
    assert find_labels(None, tmp_path) == LABELS


def test_all_faults_come_at_once() -> None:
    text = small('domain = ["FIRM"]', 'domain = ["A", "B"]').replace("[kinds.NAM]", "[kinds.N]")
    assert [f.got for f in faults(text)] == ["'NAM'", "'A'", "'B'"]


def test_where_the_inventory_is_found(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    (corpus / "gold").mkdir(parents=True)
    own = corpus / "labels.toml"
    own.write_text(SMALL)
    other = tmp_path / "other.toml"
    other.write_text(SMALL.replace("markets", "other"))
    for place in (corpus, corpus / "gold", corpus / "gold" / "a.json"):
        assert find_labels(None, place).name == "markets"
    assert find_labels(other, corpus).name == "other"
    assert find_labels(None, tmp_path / "elsewhere", corpus).name == "markets"
    assert find_labels(None, tmp_path / "elsewhere") == find_labels() == LABELS


def test_an_inventory_that_is_named_must_be_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(FileFault, match="inventory"):
            load_labels(path)


def test_a_linked_inventory_is_read(tmp_path: Path, repo: Path) -> None:
    (tmp_path / "labels.toml").symlink_to(repo / "corpus" / "labels.toml")
    assert find_labels(None, tmp_path) == LABELS
    shutil.rmtree(tmp_path)
