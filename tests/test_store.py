"""Where documents live: every reader gives what it could read, every writer what can be read again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsgold.corpus.codec import canonical, encode_gold, encode_jsonl, sha256
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Region, Source
from newsgold.corpus.store import fill, find_kb, is_corpus, read_annotations, read_articles, read_kb, write_article, write_gold
from newsgold.errors import DataError, FileFault

VALID = Path(__file__).parent / "data" / "valid"
CORPUS = VALID / "corpus"
ID = "tessen-bridge"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CORPUS, tmp_path / "corpus"))


def values(path: Path) -> list[str]:
    return [r.value.id for r in read_annotations(path).records]


# ----------------------------------------------------------------------------- reading


@pytest.mark.parametrize("path", ["corpus", "corpus/articles", "articles.jsonl"])
def test_articles_are_the_same_from_every_place(path: str) -> None:
    decoded = read_articles(VALID / path)
    assert decoded.findings == []
    assert [r.value for r in decoded.records] == [r.value for r in read_articles(CORPUS).records]
    assert [r.value.id for r in decoded.records] == ["belmar-talks", ID]
    belmar = decoded.records[0].value
    assert "\r\n" in belmar.text
    assert sha256(belmar.text) == belmar.text_sha256


def test_annotations_of_a_corpus_are_filled_in_from_its_articles(tmp_path: Path) -> None:
    (_, whole), (_, bare) = read_annotations(CORPUS).records, read_annotations(CORPUS / "gold").records
    assert (whole.value.split, whole.value.event, whole.value.ignore) == ("train", "bridge", ((26, 50),))
    assert (bare.value.split, bare.value.event, bare.value.ignore) == (None, None, ())
    path = tmp_path / "gold.jsonl"
    path.write_bytes(encode_jsonl([whole.value]))
    assert read_annotations(path).records[0].value == whole.value
    assert fill(bare.value, None) == bare.value
    (alone,) = read_annotations(CORPUS / "gold" / f"{ID}.json").records
    assert alone.value == bare.value
    assert (alone.line, alone.path) == (1, str(CORPUS / "gold" / f"{ID}.json"))


def test_one_bad_file_does_not_hide_the_others(corpus: Path) -> None:
    (corpus / "gold" / "belmar-talks.json").write_text('{"id":')
    (corpus / "articles" / "belmar-talks.toml").write_text("id = ")
    assert values(corpus) == [ID]
    assert [f.code for f in read_annotations(corpus).findings] == ["BAD_JSON"]
    articles = read_articles(corpus)
    assert ([r.value.id for r in articles.records], [f.code for f in articles.findings]) == ([ID], ["BAD_TOML"])


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ('origin = "written"', "origin = written", "BAD_TOML", 3),
        ('origin = "written"', 'origin = "written"\nid = "x"', "BAD_TOML", 4),
        ('published = "2031-05-03"', "published = 2031-05-03", "BAD_SHAPE", 7),
        ('origin = "written"', "origins = []", "BAD_SHAPE", 3),
        ('origin = "written"', 'text = "another text"', "BAD_SHAPE", 3),
        ('origin = "written"', "published = " + "9" * 5_000, "BAD_TOML", 0),
        ('origin = "written"', "regions = " + "[" * 50_000, "BAD_TOML", 0),
        ('id = "tessen-bridge"', 'id = "tessen-tunnel"', "FILE_NAME", 1),
    ],
)
def test_bad_metadata(corpus: Path, old: str, new: str, code: str, line: int) -> None:
    path = corpus / "articles" / f"{ID}.toml"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    assert [(f.code, f.path, f.line) for f in read_articles(corpus).findings] == [(code, str(path), line)]


def test_text_and_metadata_may_both_be_bad(corpus: Path) -> None:
    (corpus / "articles" / f"{ID}.txt").write_bytes(b"\xef\xbb\xbfText")
    (corpus / "articles" / f"{ID}.toml").write_bytes(b"\xff")
    assert [f.code for f in read_articles(corpus).findings] == ["BOM", "NOT_UTF8"]


def test_a_name_with_dots_is_one_name(tmp_path: Path) -> None:
    for name in ("v1.2", "v1.3"):
        write_article(Article(id=name, text=name), tmp_path)
    assert [(r.value.id, r.value.text) for r in read_articles(tmp_path).records] == [("v1.2", "v1.2"), ("v1.3", "v1.3")]


def test_a_gold_file_is_named_after_its_document(corpus: Path) -> None:
    (corpus / "gold" / "belmar-talks.json").write_text('{\n"id":"other"}')
    (fault,) = read_annotations(corpus / "gold").findings
    assert (fault.code, fault.line, fault.doc, fault.got, fault.wanted) == ("FILE_NAME", 2, "other", "'other'", "'belmar-talks'")


def test_what_is_not_there_is_a_file_fault(tmp_path: Path, corpus: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (empty, tmp_path / "none", tmp_path / "none.json", tmp_path / "none.parquet"):
        with pytest.raises(FileFault, match=path.name):
            read_articles(path)
        with pytest.raises(FileFault, match=path.name):
            read_annotations(path)


def test_a_missing_or_unreadable_file_is_a_finding_and_the_rest_is_read(corpus: Path) -> None:
    for number in range(4):
        write_article(Article(id=f"a{number}", text="Tessen fell."), corpus)
    folder = corpus / "articles"
    (folder / f"{ID}.txt").unlink()
    (folder / "a0.toml").unlink()
    (folder / "a1.txt").unlink()
    (folder / "a1.txt").mkdir()
    (folder / "a2.toml").unlink()
    (folder / "a2.toml").symlink_to("nowhere")
    (folder / "a3.txt").unlink()
    os.mkfifo(folder / "a3.txt")
    decoded = read_articles(corpus)
    assert [r.value.id for r in decoded.records] == ["belmar-talks"]
    assert sorted((f.code, Path(f.path).name, f.doc) for f in decoded.findings) == [
        ("FILE_MISSING", "a0.toml", "a0"),
        ("FILE_MISSING", f"{ID}.txt", ID),
        ("FILE_UNREADABLE", "a1.txt", "a1"),
        ("FILE_UNREADABLE", "a2.toml", "a2"),
        ("FILE_UNREADABLE", "a3.txt", "a3"),
    ]


def test_a_gold_file_that_is_none_does_not_hide_the_others(corpus: Path) -> None:
    os.mkfifo(corpus / "gold" / "pipe.json")
    (corpus / "gold" / "folder.json").mkdir()
    (corpus / "gold" / "link.json").symlink_to("nowhere")
    decoded = read_annotations(corpus / "gold")
    assert [r.value.id for r in decoded.records] == ["belmar-talks", ID]
    assert [(f.code, f.doc) for f in decoded.findings] == [("FILE_UNREADABLE", n) for n in ("folder", "link", "pipe")]


@pytest.mark.parametrize("room", ["articles", "gold", "raw"])
def test_a_file_in_the_place_of_a_room_is_a_file_fault(corpus: Path, room: str) -> None:
    shutil.rmtree(corpus / room)
    (corpus / room).write_text("x")
    for read in (read_articles, read_annotations):
        with pytest.raises(FileFault, match=f"{room} is no folder"):
            read(corpus)


@pytest.mark.parametrize(
    ("name", "expected"), [("gold/", True), ("raw/", True), ("articles/", True), ("VERSION", True), ("labels.toml", True)]
)
def test_what_makes_a_corpus_folder(tmp_path: Path, name: str, expected: bool) -> None:
    assert not is_corpus(tmp_path)
    path = tmp_path / name
    _ = path.mkdir() if name.endswith("/") else path.write_text("x")
    assert is_corpus(tmp_path) == expected


def test_articles_and_gold_folders_are_no_corpus_though_they_hold_labels(corpus: Path) -> None:
    for suffix in ("txt", "toml"):
        (corpus / "articles" / f"labels.{suffix}").write_text("x")
    (corpus / "gold" / "labels.toml").write_text("x")
    assert (is_corpus(corpus / "articles"), is_corpus(corpus / "gold"), is_corpus(corpus)) == (False, False, True)


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        ("event = ", 'colour = "red"\nlanguage = 3\nevent = ', [(5, "/colour"), (6, "/language")]),
        ("{ start = 26, end = 50", "{ start = 26.0, end = 9999999999", [(10, "/regions/1/end"), (10, "/regions/1/start")]),
        ('name = "Belmar Courier"', "name = 1979-05-27", [(16, "/source/name")]),
        ("id = ", "ids = ", [(0, ""), (1, "/ids")]),
    ],
)
def test_every_fault_of_metadata_has_its_line_document_and_pointer(
    corpus: Path, old: str, new: str, places: list[tuple[int, str]]
) -> None:
    path = corpus / "articles" / f"{ID}.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    found = read_articles(corpus).findings
    assert [f.code for f in found] == ["BAD_SHAPE"] * len(places)
    assert [(f.line, f.pointer) for f in found] == [(max(line, 1), at) for line, at in places]
    assert {f.doc for f in found} == {ID}


def test_what_is_no_parquet_is_a_file_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(FileFault, match="Parquet"):
        read_articles(path)


# ----------------------------------------------------------------------------- writing

strings = st.text(st.characters(codec="utf-8"), max_size=20)
maybe = st.none() | strings
articles = st.builds(
    Article,
    id=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True),
    text=st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(lambda t: t.encode().strip() and t[0] != "\ufeff"),
    title=maybe,
    language=strings,
    origin=st.sampled_from(["written", "imported"]),
    split=maybe,
    event=maybe,
    source=st.builds(Source, name=maybe, url=maybe, licence=maybe),
    regions=st.lists(st.builds(Region, start=st.integers(-9, 9), end=st.integers(-9, 9), kind=strings), max_size=2).map(tuple),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(articles)
def test_an_article_is_read_as_it_was_written(tmp_path: Path, article: Article) -> None:
    folder = tmp_path / "corpus"
    shutil.rmtree(folder, ignore_errors=True)
    assert len(write_article(article, folder)) == 2
    decoded = read_articles(folder)
    assert (decoded.findings, [r.value for r in decoded.records]) == ([], [article])
    assert (folder / "articles" / f"{article.id}.txt").read_bytes() == article.text.encode()
    assert write_article(article, folder) == []


def test_gold_is_written_bare_and_read_full(corpus: Path) -> None:
    _, record = read_annotations(corpus).records
    path = corpus / "gold" / f"{ID}.json"
    assert not write_gold(record.value, corpus)
    path.unlink()
    assert write_gold(record.value, corpus)
    assert path.read_bytes() == (CORPUS / "gold" / f"{ID}.json").read_bytes()
    bare = msgspec.structs.replace(record.value, split=None, event=None, ignore=())
    assert path.read_bytes() == encode_gold(canonical(bare, default_labels()))


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "A", "a\n", "/etc/passwd"])
def test_no_path_is_built_from_a_bad_id(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileFault, match="no path is built"):
        write_gold(Annotation(id=name), tmp_path)
    with pytest.raises(FileFault, match="no path is built"):
        write_article(Article(id=name, text="x"), tmp_path)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- knowledge base


def test_knowledge_base(tmp_path: Path, corpus: Path) -> None:
    ids = frozenset({"kb-tessen", "kb-marovia", "kb-ivo-karan"})
    assert read_kb(corpus) == ids
    for place in (corpus, corpus / "gold", corpus / "gold" / f"{ID}.json", corpus / "articles"):
        assert find_kb(place) == find_kb(tmp_path / "x", place) == ids
    assert read_kb(tmp_path) == frozenset()
    assert find_kb(tmp_path) is None
    assert find_kb() is None


def test_every_fault_of_a_knowledge_base_is_named(tmp_path: Path) -> None:
    (tmp_path / "kb.jsonl").write_bytes(b'{"id":"a"}\n\n{"id":"a"}\n{"id":1}\n[]\n{\n{"id":"b","id":"c"}\n\xff\n')
    with pytest.raises(DataError, match="knowledge base") as caught:
        read_kb(tmp_path)
    assert [(f.code, f.line) for f in caught.value.findings] == [
        ("DUPLICATE_ID", 3),
        ("BAD_SHAPE", 4),
        ("BAD_SHAPE", 5),
        ("BAD_JSON", 6),
        ("DUPLICATE_KEY", 7),
        ("NOT_UTF8", 8),
    ]
