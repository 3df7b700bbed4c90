"""Gold without text: what is left out, what stays, and that putting it back gives every byte again, or nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import newsgold
from newsgold.cli import cli
from newsgold.corpus import publish, release, standoff
from newsgold.corpus.model import Article, Source
from newsgold.corpus.store import read_articles
from newsgold.corpus.verify import prove, prove_rows
from newsgold.errors import DataError, FileFault, UsageError
from test_release import TRAIN, VALIDATION, corpus_at, tree

WORDS = (b"Tessen holds", b"Marovia's", b"Marovian", b"ministry", b"it said", b"praised")
"""What stands in the texts that may not be passed on, in no form to be found in the public release."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, repo: Path) -> Path:
    """Four documents, two of which may not be passed on; tests only read it."""
    folder = corpus_at(tmp_path_factory.mktemp("made") / "corpus", repo)
    toml = folder / "articles" / "tessen.toml"
    toml.write_bytes(toml.read_bytes().replace(b'origin = "written"', b'origin = "seed"'))
    (folder / "CHANGES.md").write_text("# Changes\n\n## 0.1.0 - 2031-05-03\n- First.\n")
    shutil.copyfile(repo / "corpus" / "LICENSE", folder / "LICENSE")
    return folder


@pytest.fixture(scope="module")
def whole(made: Path) -> Path:
    release.build(made, out=made.parent / "whole")
    return made.parent / "whole"


@pytest.fixture
def public(made: Path, tmp_path: Path) -> Path:
    standoff.build_public(made, tmp_path / "public", standoff=True)
    return tmp_path / "public"


# -------------------------------------------------------------------------- what may be


@pytest.mark.parametrize(
    ("origin", "licence", "wanted"),
    [
        ("written", None, True),
        ("seed", None, False),
        ("seed", "CC0-1.0", False),
        ("imported", None, False),
        ("imported", "all rights reserved", False),
        ("imported", "CC-BY-4.0", True),
    ],
)
def test_what_may_be_passed_on(origin: str, licence: str | None, wanted: bool) -> None:
    assert standoff.may_pass_on(Article(id="a", text="x", origin=origin, source=Source(licence=licence))) is wanted


# ------------------------------------------------------------------------- leaving out


def test_no_word_is_left(public: Path, whole: Path) -> None:
    def words(folder: Path) -> bytes:
        rows: list[Any] = [pq.read_table(path).to_pylist() for path in sorted(folder.rglob("*.parquet"))]
        files = b"".join(data for name, data in tree(folder).items() if not name.endswith(".parquet"))
        return json.dumps(rows, ensure_ascii=False).encode() + files

    assert [word for word in WORDS if word not in words(whole)] == []
    assert [word for word in WORDS if word in words(public)] == []
    assert b"Marovia and Belmar are allied." in words(public)


def test_what_is_left_is_a_release(public: Path, whole: Path) -> None:
    proven = prove(public)
    prove_rows(proven)
    assert publish.held_back(proven) == []
    assert {f.doc for f in publish.held_back(prove(whole))} == {"tessen", "belmar"}
    loaded, full = newsgold.load(public), newsgold.load(whole)
    for bare, own in zip(loaded.annotations, full.annotations, strict=True):
        assert [(m.start, m.end, m.type) for m in bare.mentions or ()] == [(m.start, m.end, m.type) for m in own.mentions or ()]
        assert (bare.entities, bare.relations, bare.stances) == (own.entities, own.relations, own.stances)
    assert loaded.article("tessen").text == ""
    assert loaded.article("tessen").title is None
    assert loaded.article("tessen").text_sha256 == full.article("tessen").text_sha256
    assert loaded.article("ally") == full.article("ally")
    assert not (public / "raw").exists()
    assert b"Of 2 document(s) the words are left out" in (public / "README.md").read_bytes()


def test_two_builds_are_equal(public: Path, made: Path, tmp_path: Path) -> None:
    standoff.build_public(made, tmp_path / "again", standoff=True)
    assert tree(tmp_path / "again") == tree(public)


def test_a_whole_release_in_its_place_leaves_nothing_behind(public: Path, made: Path, whole: Path) -> None:
    release.build(made, out=public)
    assert tree(public) == tree(whole)


def test_the_corpus_stays_whole(made: Path) -> None:
    with pytest.raises(UsageError, match="stays whole"):
        standoff.build_public(made, made, standoff=True)


# ------------------------------------------------------------------------ putting back


def test_the_whole_release_comes_back(public: Path, made: Path, whole: Path, tmp_path: Path) -> None:
    before = tree(public)
    done = standoff.hydrate(public, [made], out=tmp_path / "out")
    assert (done.texts, done.adjusted, done.version) == (2, (), "0.1.0")
    assert tree(tmp_path / "out") == tree(whole)
    assert tree(public) == before
    standoff.hydrate(public, [made / "articles"])
    assert tree(public) == tree(whole)
    with pytest.raises(UsageError, match="no text out"):
        standoff.hydrate(public, [made])


@pytest.mark.parametrize(
    ("tessen", "belmar", "adjusted"),
    [
        (TRAIN.encode(), VALIDATION.encode(), ()),
        (TRAIN.replace("\r\n", "\n").encode(), VALIDATION.encode(), ("tessen",)),
        (TRAIN.replace("\r\n", "\r").encode(), VALIDATION.encode() + b"\n", ("tessen", "belmar")),
        (b"\xef\xbb\xbf" + TRAIN.encode() + b"\r\n", b"\n" + VALIDATION.encode() + b"  \n\n", ("tessen", "belmar")),
        (TRAIN.replace("\r\n", "  \n").encode(), VALIDATION.encode() + b"\xc2\xa0", ("tessen", "belmar")),
    ],
)
def test_line_ends_and_blanks(public: Path, whole: Path, tmp_path: Path, tessen: bytes, belmar: bytes, adjusted: tuple[str, ...]):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.txt").write_bytes(tessen)
    (tmp_path / "texts" / "other.txt").write_bytes(belmar)
    (tmp_path / "texts" / "image.txt").write_bytes(b"\xff\xd8")
    done = standoff.hydrate(public, [tmp_path / "texts"])
    assert sorted(done.adjusted) == sorted(adjusted)
    assert tree(public) == tree(whole)


@pytest.mark.parametrize(
    "text",
    [VALIDATION.replace("3 May", "4 May"), VALIDATION.replace(" ", "  "), VALIDATION.upper(), VALIDATION[:-1], "x" + VALIDATION],
)
def test_another_text_is_refused_and_nothing_is_written(public: Path, tmp_path: Path, text: str) -> None:
    before = tree(public)
    (tmp_path / "tessen.txt").write_bytes(TRAIN.encode())
    (tmp_path / "belmar.txt").write_bytes(text.encode())
    with pytest.raises(DataError, match="nothing was written") as caught:
        standoff.hydrate(public, [tmp_path / "tessen.txt", tmp_path / "belmar.txt"])
    (fault,) = caught.value.findings
    assert (fault.code, fault.doc) == ("TEXT_MISSING", "belmar")
    assert "belmar.txt' of sha256" in fault.got
    assert tree(public) == before


def test_every_missing_text_is_named(public: Path, made: Path) -> None:
    with pytest.raises(DataError) as caught:
        standoff.hydrate(public, [made / "articles" / "ally.txt"])
    assert [(f.doc, f.got) for f in caught.value.findings] == [("belmar", "none of that name"), ("tessen", "none of that name")]


@pytest.mark.parametrize("name", ["nothing.txt", "image.txt", "bad.jsonl"])
def test_what_is_named_must_be_a_text(public: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "image.txt").write_bytes(b"\xff\xd8")
    (tmp_path / "bad.jsonl").write_bytes(b"{\n")
    with pytest.raises((FileFault, DataError)):
        standoff.hydrate(public, [tmp_path / name])


def test_a_title_that_does_not_stand_in_the_text(made: Path, tmp_path: Path) -> None:
    corpus = Path(shutil.copytree(made, tmp_path / "corpus"))
    toml = corpus / "articles" / "belmar.toml"
    toml.write_bytes(b'title = "Praise in spring"\n' + toml.read_bytes())
    release.build(corpus, out=tmp_path / "whole")
    standoff.build_public(corpus, tmp_path / "public", standoff=True)
    assert not any(b"Praise in spring" in data for data in tree(tmp_path / "public").values())
    with pytest.raises(DataError) as caught:
        standoff.hydrate(tmp_path / "public", sorted((corpus / "articles").glob("*.txt")))
    assert [(f.doc, f.pointer) for f in caught.value.findings] == [("belmar", "/title")]
    rows = [json.dumps({"id": r.value.id, "text": r.value.text, "title": r.value.title}) for r in read_articles(corpus).records]
    (tmp_path / "mine.jsonl").write_text("\n".join(row.replace(', "title": null', "") for row in rows))
    standoff.hydrate(tmp_path / "public", [tmp_path / "mine.jsonl"])
    assert tree(tmp_path / "public") == tree(tmp_path / "whole")


def test_a_record_that_was_changed_is_found_out(public: Path, made: Path) -> None:
    (public / "standoff.json").write_bytes((public / "standoff.json").read_bytes().replace(b'"belmar"', b'"belnar"'))
    with pytest.raises(DataError, match="not the release"):
        standoff.hydrate(public, [made])


LINES = st.lists(st.text(st.sampled_from("ab é🏛"), min_size=1, max_size=5).map(str.strip).filter(bool), min_size=1, max_size=4)


@given(
    LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["", "\n"]), st.data()
)
def test_the_candidates_hold_what_it_was(lines: list[str], was: str, now: str, tail: str, data: st.DataObject) -> None:
    text = was.join(lines) + tail.replace("\n", was)
    blanks = data.draw(st.lists(st.sampled_from(["", " ", "\t"]), min_size=len(lines), max_size=len(lines)))
    copy = now.join(line + blank for line, blank in zip(lines, blanks, strict=True)) + data.draw(
        st.sampled_from(["", now, now + now])
    )
    found = list(standoff.candidates(copy))
    assert text in found
    assert len(found) <= 192
    assert {"".join(form.split()) for form in found} == {"".join(text.split())}


# ------------------------------------------------------------------------ the commands


def test_the_commands(made: Path, whole: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> str:
        return CliRunner().invoke(cli, ["corpus", *map(str, arguments)], catch_exceptions=False).output

    assert "sha256:" in run("build", made, "--standoff", "--out", tmp_path / "public")
    copy = tmp_path / "tessen.txt"
    copy.write_bytes(TRAIN.replace("\r\n", "\n").encode())
    shown = run("hydrate", tmp_path / "public", "--texts", copy, "--texts", made / "articles" / "belmar.txt")
    assert "2 text(s) put back" in shown
    assert "tessen: proven with other line ends" in shown
    assert tree(tmp_path / "public") == tree(whole)
    with pytest.raises(UsageError, match="write to --out"):
        run("build", made, "--standoff")
