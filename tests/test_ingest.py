from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsgold.corpus import codec
from newsgold.corpus.codec import sha256
from newsgold.corpus.ingest import Ingested, check, find_regions, ingest
from newsgold.corpus.model import DOCUMENT_ID
from newsgold.corpus.store import read_articles
from newsgold.corpus.validate import check_articles
from newsgold.errors import FileFault, UsageError

REPO = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data" / "ingest"
SEED = REPO / "corpus" / "raw" / "000_b9a4384aef810469.txt"
SEED_ID = "damascus-declared-secure"
BODY = "The army said on Monday that it had taken the town.\n\nResidents had fled to the south."


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "corpus"


def write(tmp_path: Path, data: bytes | str, name: str = "story.txt") -> Path:
    path = tmp_path / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def seed(into: Path) -> Ingested:
    return ingest([SEED], into, id=SEED_ID, origin="seed", split="test", event="seed")


def codes(result: Ingested) -> list[str]:
    return [fault.code for fault in result.findings]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def spans(text: str, **options: str) -> list[tuple[str, str]]:
    return [(r.kind, text[r.start : r.end]) for r in find_regions(text, **options)]


# ------------------------------------------------------------------------ the seed


def test_seed_is_kept_whole_and_its_repeats_are_regions(into: Path) -> None:
    result = seed(into)
    (article,) = result.articles
    assert result.findings == ()
    assert article.text.encode() == SEED.read_bytes() == (into / "articles" / f"{SEED_ID}.txt").read_bytes()
    assert (into / "raw" / SEED.name).read_bytes() == SEED.read_bytes()
    assert article.title == "Syrian regime declares Damascus fully secure"
    assert [(r.kind, r.start, r.end) for r in article.regions] == [
        ("title", 0, 44),
        ("duplicate", 46, 94),
        ("duplicate", 96, 140),
        ("body", 142, 2767),
    ]
    assert article.ignore == ((46, 94), (96, 140))
    assert article.text[142:152] == '"The Syria'
    assert article.text[:2767].endswith("in the civil war.")
    assert article.source.sha256 == article.text_sha256 == sha256(SEED.read_bytes())
    assert article.source.file == SEED.name
    assert (article.origin, article.split, article.event) == ("seed", "test", "seed")
    assert read_articles(into).records[0].value == article
    assert check(into) == []


def test_seed_of_the_repository_is_the_one_received(shared: Path) -> None:
    assert (shared / "seed" / SEED.name).read_bytes() == SEED.read_bytes()


def test_same_bytes_change_nothing_and_edited_metadata_stays(into: Path, tmp_path: Path) -> None:
    assert seed(into).changed == tuple(
        into / p for p in (f"raw/{SEED.name}", f"articles/{SEED_ID}.txt", f"articles/{SEED_ID}.toml")
    )
    metadata = into / "articles" / f"{SEED_ID}.toml"
    metadata.write_bytes(metadata.read_bytes().replace(b'split = "test"', b'split = "train"  # by hand'))
    before = tree(into)
    for again in (seed(into), ingest([SEED], into), ingest([write(tmp_path, SEED.read_bytes(), "copy.txt")], into)):
        assert (again.changed, [f for f in again.findings if f.severity == "error"]) == ((), [])
        assert [(a.id, a.split) for a in again.articles] == [(SEED_ID, "train")]
    assert tree(into) == before


def test_what_a_known_article_ignores_is_said(into: Path, tmp_path: Path) -> None:
    files = [write(tmp_path, BODY, "dup1.txt"), write(tmp_path, BODY, "dup2.txt")]
    result = ingest(files, into, split="train")
    name = result.articles[0].id
    assert [(f.code, f.severity, f.path, f.doc) for f in result.findings] == [
        ("ALREADY_INGESTED", "warning", str(files[1]), name)
    ]
    assert result.findings[0].got == "the bytes of 'dup1.txt'"
    (fault,) = ingest(files[:1], into, split="test", outlet="Wire", language="en").findings
    assert (fault.code, fault.got) == ("ALREADY_INGESTED", "ignored: split 'test', outlet 'Wire'")
    assert ingest(files[:1], into, split="train").findings == ingest(files[:1], into).findings == ()
    wire = DATA / "wire.jsonl"
    assert ingest([wire], into, split="validation").findings == ingest([wire], into).findings == ()
    (fault,) = ingest([wire], into, split="test").findings
    assert (fault.doc, fault.got) == ("vesk-002", "ignored: split 'test'")


@pytest.mark.parametrize("room", ["articles", "raw", "gold"])
def test_a_room_that_is_a_file_stops_before_the_first_write(into: Path, room: str) -> None:
    into.mkdir()
    (into / room).write_text("x")
    with pytest.raises(FileFault, match=f"{room} is no folder"):
        seed(into)
    assert tree(into) == {room: b"x"}


def test_same_bytes_under_another_id_are_another_article(into: Path) -> None:
    seed(into)
    assert codes(ingest([SEED], into, id="second")) == []
    assert len(read_articles(into).records) == 2
    assert len(list((into / "raw").iterdir())) == 1


@pytest.mark.parametrize("options", [{"id": SEED_ID}, {}])
@pytest.mark.parametrize("name", [SEED.name, "other.txt"])
def test_changed_bytes_under_an_annotated_article_are_refused(
    into: Path, tmp_path: Path, options: dict[str, str], name: str
) -> None:
    seed(into)
    (into / "gold").mkdir()
    (into / "gold" / f"{SEED_ID}.json").write_text(json.dumps({"id": SEED_ID, "text_sha256": sha256(SEED.read_bytes())}))
    before = tree(into)
    result = ingest([write(tmp_path, SEED.read_bytes() + b"\n", name)], into, **options)
    if options or name == SEED.name:
        assert codes(result) == ["ANNOTATED_TEXT_CHANGED"]
        assert result.findings[0].doc == SEED_ID
        assert tree(into) == before
    else:
        assert [a.id for a in result.articles] == ["syrian-regime-declares-damascus-fully-secure"]


def test_changed_bytes_without_gold_do_not_replace_an_article(into: Path, tmp_path: Path) -> None:
    seed(into)
    before = tree(into)
    result = ingest([write(tmp_path, SEED.read_bytes() + b"\n", SEED.name)], into, id=SEED_ID)
    assert (codes(result), result.changed, tree(into)) == (["ID_TAKEN"], (), before)


def test_gold_outlives_its_article(into: Path, tmp_path: Path) -> None:
    (into / "gold").mkdir(parents=True)
    (into / "gold" / "a.json").write_text(json.dumps({"id": "a", "text_sha256": sha256(BODY)}))
    assert codes(ingest([write(tmp_path, "Other text")], into, id="a")) == ["ANNOTATED_TEXT_CHANGED"]
    assert codes(ingest([write(tmp_path, BODY)], into, id="a")) == []


def test_an_article_that_cannot_be_read_is_not_overwritten(into: Path, tmp_path: Path) -> None:
    seed(into)
    (into / "articles" / f"{SEED_ID}.toml").write_text("id = ")
    before = tree(into)
    assert codes(seed(into)) == ["ID_TAKEN"]
    assert tree(into) == before


# --------------------------------------------------------------------- plain text


@pytest.mark.parametrize(
    "text",
    [
        "Title\r\n\r\nBody of the story\r\n",
        "Old Mac\r\rBody of the story\r",
        "One\u2028two\u2029three\x85four\x0bfive\x0csix",
        "  Indented title  \n\n\tBody \u00a0\n\n\n",
        "e\u0301 is not \u00e9, \U0001f1f8\U0001f1fe is two code points, \u200f\u202bRTL\u202c",
        "a\x1bb\x07",
    ],
)
def test_text_is_stored_to_the_byte(into: Path, tmp_path: Path, text: str) -> None:
    (article,) = ingest([write(tmp_path, text)], into).articles
    assert article.text == text
    assert (into / "articles" / f"{article.id}.txt").read_bytes() == text.encode()
    assert check(into) == []


def test_crlf_keeps_its_offsets() -> None:
    text = "A headline\r\n\r\n• A headline\r\n\r\nThe body\r\nof it.\r\n"
    assert [(r.kind, r.start, r.end) for r in find_regions(text)] == [("title", 0, 10), ("duplicate", 14, 26), ("body", 30, 46)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\u00a0\n", []),
        ("A headline", [("title", "A headline")]),
        ("He left.", [("body", "He left.")]),
        ("He left.\nShe stayed.", [("body", "He left.\nShe stayed.")]),
        ("Will he leave?\n\nHe will.", [("title", "Will he leave?"), ("body", "He will.")]),
        ("A headline\nHe left.", [("title", "A headline"), ("body", "He left.")]),
        ("x" * 201 + "\n\nHe left.", [("body", "x" * 201 + "\n\nHe left.")]),
        ("x" * 200 + "\n\nHe left.", [("title", "x" * 200), ("body", "He left.")]),
        ("\n\n  A headline \n\n  He left.  \n", [("title", "A headline"), ("body", "He left.")]),
        (
            "War\n\nWar is war. War\n\n - War \n",
            [("title", "War"), ("body", "War is war. War\n\n - War"), ("duplicate", " - War ")],
        ),
        ("War\n\nwar\n\nWar!", [("title", "War"), ("body", "war\n\nWar!")]),
        ("War\n\nWar", [("title", "War"), ("duplicate", "War")]),
        ("***\n\n---\n\nText", [("title", "***"), ("body", "---\n\nText")]),
    ],
)
def test_regions(text: str, expected: list[tuple[str, str]]) -> None:
    assert spans(text) == expected


def test_a_long_paragraph_that_stands_twice_is_a_duplicate_the_second_time() -> None:
    long, short = "It was the third such attack in a single week.", "It was the third such attack."
    text = f"Third attack\n\n{long}\n\n{short}\n\n{short}\n\n{long}\n\nAs said: {long}\n"
    assert [span for span in spans(text) if span[0] == "duplicate"] == [("duplicate", long)]
    assert find_regions(text)[-1].start == text.index(long, 20 + len(long))


def test_a_known_title_counts_only_where_the_text_begins_with_it() -> None:
    assert spans("First line\n\nBody", title="Another") == [("body", "First line\n\nBody")]
    assert spans("Ends so.\nBody", title="Ends so.") == [("title", "Ends so."), ("body", "Body")]


lines = st.sampled_from(["War", "• War", " War ", BODY[:51], "", " ", "He left. War", "\u2028", "# War", "é" * 40])
breaks = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\u2028", "\u2029", "\x85", "\x0c"])
texts = st.lists(st.tuples(lines, breaks)).map(lambda parts: "".join(a + b for a, b in parts)) | st.text(max_size=200)


@given(texts)
def test_regions_are_in_range_trimmed_and_do_not_overlap_within_a_kind(text: str) -> None:
    regions = find_regions(text)
    for kind in ("title", "body", "duplicate"):
        last = 0
        for region in (r for r in regions if r.kind == kind):
            assert last <= region.start < region.end <= len(text)
            inside = text[region.start : region.end]
            assert inside.strip() == inside if kind != "duplicate" else inside.strip() and "\n" not in inside
            last = region.end
    assert sum(r.kind == "title" for r in regions) <= 1
    assert sum(r.kind == "body" for r in regions) <= 1
    covered = {i for r in regions for i in range(r.start, r.end)}
    assert all(text[i].isspace() for i in range(len(text)) if i not in covered)
    assert regions == find_regions(text)


# Surrogates are no text, NUL marks a binary file, and a first U+FEFF is a byte order mark.
legal = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(texts.filter(str.strip) | legal.filter(str.strip))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_any_text_survives_ingestion(text: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write(folder, text)
        result = ingest([path], folder / "corpus")
        if "\0" in text or text.startswith("\ufeff"):
            assert codes(result) in (["NOT_TEXT"], ["BOM"])
            assert result.changed == ()
            return
        (article,) = result.articles
        assert result.findings == ()
        assert DOCUMENT_ID.fullmatch(article.id)
        (record,) = read_articles(folder / "corpus").records
        assert record.value == article
        assert article.text == text
        assert check_articles([record]) == check(folder / "corpus") == []
        assert ingest([path], folder / "corpus").changed == ()


# ---------------------------------------------------------------------------- ids


@pytest.mark.parametrize(
    ("title", "id"),
    [
        ("Syria’s Élysée talks: 3 dead", "syrias-elysee-talks-3-dead"),
        ("Straße gesperrt", "strasse-gesperrt"),
        ("word " * 20 + "end", "word-word-word-word-word-word-word-word-word-word-word-word"),
        ("x" * 90, "x" * 60),
        ("سوريا تعلن دمشق آمنة", None),
        ("Путин in Wien am Montag wieder zurück", "in-wien-am-montag-wieder-zuruck"),
        ("Путин и Лавров в EU", None),
        ("../../etc/passwd", "etc-passwd"),
    ],
)
def test_an_article_is_named_after_its_title(into: Path, tmp_path: Path, title: str, id: str | None) -> None:
    text = f"{title}\n\n{BODY}"
    (article,) = ingest([write(tmp_path, text)], into).articles
    assert article.id == (id or f"article-{sha256(text)[:12]}")


def test_two_texts_with_one_title_are_not_mixed(into: Path, tmp_path: Path) -> None:
    files = [write(tmp_path, f"War\n\n{n}", f"{n}.txt") for n in "ab"]
    result = ingest(files, into)
    assert codes(result) == ["ID_TAKEN"]
    assert [a.text for a in result.articles] == ["War\n\na"]
    assert ingest(files[1:], into, id="war-b").findings == ()


@pytest.mark.parametrize("id", ["", "A", "../x", "a/b", "-a", "a" * 129, "é", "a\n"])
def test_a_bad_id_is_a_finding(into: Path, id: str) -> None:
    assert codes(ingest([SEED], into, id=id)) == ["BAD_ID"]
    assert not into.exists()


def test_calls_that_make_no_sense(into: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one id cannot name the articles of 2 files"):
        ingest([SEED, SEED], into, id="a")
    with pytest.raises(UsageError, match="one id cannot name the 2 articles"):
        ingest([DATA / "wire.jsonl"], into, id="a")
    with pytest.raises(UsageError, match="no such origin: 'stolen'"):
        ingest([SEED], into, origin="stolen")
    for path, reason in ((tmp_path, "not a regular file"), (tmp_path / "none.txt", "no such file")):
        with pytest.raises(FileFault, match=reason):
            ingest([path], into)
    assert not into.exists()


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize("suffix", ["txt", "html", "jsonl"])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", {"txt": "EMPTY_FILE", "html": "EMPTY_FILE", "jsonl": "EMPTY_FILE"}),
        (b" \r\n\n", {"txt": "NO_TEXT", "html": "NO_TEXT", "jsonl": "EMPTY_FILE"}),
        (b"PK\x03\x04\0\0\xff", {"txt": "NOT_TEXT", "html": "NOT_TEXT", "jsonl": "NOT_UTF8"}),
        (b"caf\xe9 au lait\n", {"txt": "NOT_UTF8", "html": "NOT_UTF8", "jsonl": "NOT_UTF8"}),
        (b"\xed\xa0\x80 half", {"txt": "NOT_UTF8", "html": "NOT_UTF8", "jsonl": "NOT_UTF8"}),
        (b"\xef\xbb\xbf{}", {"txt": "BOM", "html": "NO_TEXT", "jsonl": "BOM"}),
        ("\u00a0\u3000\n".encode(), {"txt": "NO_TEXT", "html": "NO_TEXT", "jsonl": "BAD_JSON"}),
        (b"{", {"jsonl": "BAD_JSON"}),
        (b"<html><body></body></html>", {"html": "NO_TEXT"}),
    ],
)
def test_bad_bytes_are_a_finding_and_write_nothing(
    into: Path, tmp_path: Path, data: bytes, expected: dict[str, str], suffix: str
) -> None:
    if suffix in expected:
        result = ingest([write(tmp_path, data, f"bad.{suffix}")], into)
        assert codes(result) == [expected[suffix]]
        assert str(result.findings[0]).isprintable()
        assert (result.articles, result.changed) == ((), ())
        assert not into.exists()


@pytest.mark.parametrize(
    ("name", "code"), [("a.txt", "TEXT_TOO_LONG"), ("a.html", "RECORD_TOO_LONG"), ("a.jsonl", "RECORD_TOO_LONG")]
)
def test_a_line_of_50_mb(into: Path, tmp_path: Path, name: str, code: str) -> None:
    path = write(tmp_path, b"", name)
    with path.open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 1_000_000)
    assert codes(ingest([path], into)) == [code]
    assert not into.exists()


def test_the_cap_on_a_text_is_exact(into: Path, tmp_path: Path) -> None:
    assert codes(ingest([write(tmp_path, "é" * 1_000_001)], into)) == ["TEXT_TOO_LONG"]
    assert codes(ingest([write(tmp_path, "é" * 1_000_000)], into)) == []


def test_a_bad_file_does_not_keep_the_others_out(into: Path, tmp_path: Path) -> None:
    seen: list[Path] = []
    files = [write(tmp_path, b"\0", "bad.bin"), SEED]
    result = ingest(files, into, progress=seen.append)
    assert codes(result) == ["NOT_TEXT"]
    assert [a.title for a in result.articles] == ["Syrian regime declares Damascus fully secure"]
    assert seen == files


@pytest.mark.parametrize(
    "name", [".hidden.txt", "a\x1b[31m.txt", "a\nb.txt", "a\\b.txt", "gpj.\u202etxt", "x" * 201, b"\xff.txt"]
)
def test_a_file_name_that_could_mislead_is_refused(into: Path, tmp_path: Path, name: str | bytes) -> None:
    result = ingest([write(tmp_path, BODY, os.fsdecode(name))], into)
    assert codes(result) == ["RAW_NAME"]
    assert str(result.findings[0]).isprintable()
    assert not into.exists()


def test_a_name_under_raw_is_never_given_to_other_bytes(into: Path, tmp_path: Path) -> None:
    ingest([write(tmp_path, f"One\n\n{BODY}", "index.txt")], into)
    before = tree(into)
    assert codes(ingest([write(tmp_path, f"Two\n\n{BODY}", "index.txt")], into)) == ["RAW_NAME"]
    assert tree(into) == before


def test_metadata_that_is_no_text(into: Path) -> None:
    assert codes(ingest([SEED], into, outlet="\udcff")) == ["LONE_SURROGATE"]
    assert codes(ingest([SEED], into, split="dev")) == ["BAD_SPLIT"]
    assert not into.exists()


# --------------------------------------------------------------------------- HTML


def test_html_gives_text_and_metadata(into: Path, tmp_path: Path) -> None:
    page = DATA / "harbour.html"
    result = ingest([page], into, outlet="unknown", split="train")
    (article,) = result.articles
    assert result.findings == ()
    assert article.id == "harbour-of-vesk-reopens-after-strike"
    assert article.text.startswith("Harbour of Vesk reopens after strike\n\n")
    assert "all 1,600 of us" in article.text
    assert "Copyright" not in article.text
    assert "\r" not in article.text
    assert (article.title, article.language, article.outlet) == (
        "Harbour of Vesk reopens after strike",
        "en-gb",
        "The Tarn Courier",
    )
    assert (article.published, article.split) == ("2031-04-17", "train")
    assert article.source.url == "https://courier.example/2031/harbour-reopens"
    assert article.source.sha256 == sha256(page.read_bytes())
    assert [r.kind for r in article.regions] == ["title", "duplicate", "body"]
    assert (into / "raw" / "harbour.html").read_bytes() == page.read_bytes()
    assert check(into) == []
    before = tree(into)
    assert ingest([page], into).changed == ()
    changed = write(tmp_path, page.read_bytes().replace(b"All rights", b"No rights"), "harbour2.html")
    assert codes(ingest([changed], into)) == ["ID_TAKEN"]
    assert tree(into) == before


def test_html_says_little_of_itself(into: Path, tmp_path: Path) -> None:
    page = "<html><body>\r\n" + f"<p>{BODY}</p>" * 3 + "<p>Copyright 2011</p></body></html>"
    path = write(tmp_path, b"\xef\xbb\xbf" + page.encode(), "page.HTM")
    (article,) = ingest([path], into, language="fr", published="2018-05-21", outlet="Wire").articles
    assert (article.language, article.published, article.outlet) == ("fr", "2018-05-21", "Wire")
    assert "\ufeff" not in article.text


@given(st.text(alphabet="<>/=\"'&;!-pabdivhtml \n\x01é", max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_markup_is_a_traceback(markup: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = write(Path(name), markup, "page.html")
        result = ingest([path], Path(name) / "corpus")
        assert result.articles or set(codes(result)) <= {"EMPTY_FILE", "NO_TEXT"}


def test_plain_text_does_not_load_the_extractor(tmp_path: Path) -> None:
    program = f"""
import sys; from pathlib import Path; from newsgold.corpus.ingest import ingest
ingest([Path({str(SEED)!r})], Path({str(tmp_path)!r}))
sys.exit("trafilatura" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# -------------------------------------------------------------------------- JSONL


def test_jsonl_gives_its_articles(into: Path) -> None:
    result = ingest([DATA / "wire.jsonl"], into, outlet="Other Wire", split="validation", origin="written")
    first, second = result.articles
    assert result.findings == ()
    assert (first.id, first.split, first.event, first.outlet) == ("vesk-001", "train", "vesk-vote", "Tarn Wire")
    assert (first.title, first.source.licence) == ("Vesk votes on Sunday", "CC-BY-4.0")
    assert (second.split, second.outlet, second.language, second.origin) == ("validation", "Other Wire", "de", "written")
    assert second.text == "The council of Vesk said it would count by hand.\r\nIt gave no reason."
    assert [r.kind for r in second.regions] == ["body"]
    assert {a.source.file for a in result.articles} == {"wire.jsonl"}
    assert [p.name for p in (into / "raw").iterdir()] == ["wire.jsonl"]
    assert check(into) == []
    assert ingest([DATA / "wire.jsonl"], into).changed == ()


def test_jsonl_with_a_known_and_a_new_article_adds_the_new_one(into: Path, tmp_path: Path) -> None:
    ingest([DATA / "wire.jsonl"], into)
    more = (DATA / "wire.jsonl").read_bytes() + b'{"id":"vesk-003","text":"Vesk sleeps"}\n'
    result = ingest([write(tmp_path, more, "more.jsonl")], into)
    assert [p.name for p in result.changed] == ["more.jsonl", "vesk-003.txt", "vesk-003.toml"]
    assert [a.source.file for a in result.articles] == ["wire.jsonl", "wire.jsonl", "more.jsonl"]
    assert check(into) == []
    longer = write(tmp_path, more + b'{"id":"vesk-004","text":"Vesk wakes"}\n', "wire.jsonl")
    assert codes(ingest([longer], into)) == ["RAW_NAME"]


def test_an_id_names_the_only_record(into: Path, tmp_path: Path) -> None:
    path = write(tmp_path, '{"id":"x","text":"One line"}', "one.jsonl")
    assert [a.id for a in ingest([path], into, id="y").articles] == ["y"]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"id": "b", "text": " \n\u00a0"}, "NO_TEXT"),
        ({"id": "../b", "text": "x"}, "BAD_ID"),
        ({"id": "", "text": "x"}, "BAD_ID"),
        ({"id": "b", "text": "x", "split": "dev"}, "BAD_SPLIT"),
        ({"id": "b", "text": "x", "origin": "stolen"}, "BAD_SHAPE"),
        ({"id": "b", "text": "x", "colour": "red"}, "BAD_SHAPE"),
        ({"id": "b", "text": "a\0b"}, "NOT_TEXT"),
        ({"id": "b", "text": "\ufeffb"}, "BOM"),
        ({"id": "b", "text": "x" * 1_000_001}, "TEXT_TOO_LONG"),
        ({"id": "b", "text": "x", "text_sha256": "0" * 64}, "ARTICLE_HASH"),
        ({"id": "b", "text": "x", "regions": [{"start": 0, "end": 2, "kind": "title"}]}, "BAD_REGION"),
        ({"id": "b", "text": "x", "regions": [{"start": -9, "end": 1, "kind": "title"}]}, "BAD_REGION"),
        ({"id": "a", "text": "x"}, "DUPLICATE_DOCUMENT"),
        ({"id": "b", "text": "\ud800"}, "LONE_SURROGATE"),
    ],
)
def test_a_bad_record_keeps_the_whole_file_out(into: Path, tmp_path: Path, record: dict[str, object], code: str) -> None:
    path = write(tmp_path, '{"id":"a","text":"Good"}\n' + json.dumps(record) + "\n", "two.jsonl")
    result = ingest([path], into)
    assert codes(result) == [code]
    assert result.findings[0].line == 2
    assert not into.exists()


# ------------------------------------------------------------------- killed, broken


@pytest.mark.parametrize("source", [SEED, DATA / "wire.jsonl", DATA / "harbour.html"])
def test_a_run_killed_at_any_write_is_finished_by_the_next(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tmp_path / "whole"
    writes = len(ingest([source], whole).changed)
    replace = os.replace
    for survived in range(writes):
        into, calls = tmp_path / f"killed{survived}", iter(range(writes))

        def die(src: str, dst: Path, calls=calls, survived=survived) -> None:
            if next(calls) == survived:
                raise KeyboardInterrupt
            replace(src, dst)

        monkeypatch.setattr(codec.os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            ingest([source], into)
        monkeypatch.setattr(codec.os, "replace", replace)
        left = tree(into)
        assert len(left) == survived
        assert left.items() <= tree(whole).items()
        result = ingest([source], into)
        assert result.findings == ()
        assert len(result.changed) == writes - survived
        assert tree(into) == tree(whole)


def test_a_full_disk_is_a_clear_error(into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(codec.os, "fsync", full)
    with pytest.raises(FileFault, match="No space left on device"):
        seed(into)
    assert tree(into) == {}


def test_a_corpus_that_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="cannot write"):
        ingest([SEED], write(tmp_path, b"x"))


def test_the_remains_of_another_text_are_not_overwritten(into: Path, tmp_path: Path) -> None:
    (into / "articles").mkdir(parents=True)
    (into / "articles" / "a.txt").write_text("somebody's only copy")
    assert codes(ingest([SEED], into, id="a")) == ["ID_TAKEN"]
    assert tree(into) == {"articles/a.txt": b"somebody's only copy"}


def test_a_lost_raw_file_is_restored_and_a_changed_one_reported(into: Path) -> None:
    seed(into)
    raw = into / "raw" / SEED.name
    raw.unlink()
    assert [f.code for f in check(into)] == ["RAW_HASH"]
    assert seed(into).changed == (raw,)
    raw.write_bytes(b"other")
    assert [f.code for f in check(into)] == ["RAW_HASH"]
    assert codes(seed(into)) == ["RAW_HASH"]
    assert raw.read_bytes() == b"other"


def test_two_runs_at_once_leave_one_whole_article(into: Path) -> None:
    threads = [threading.Thread(target=seed, args=(into,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert check(into) == []
    assert len(tree(into)) == 3


# -------------------------------------------------------------------------- check


def test_check_finds_what_was_changed_behind_its_back(into: Path) -> None:
    seed(into)
    text, metadata = into / "articles" / f"{SEED_ID}.txt", into / "articles" / f"{SEED_ID}.toml"
    text.write_bytes(text.read_bytes().replace(b"\n", b"\r\n"))
    assert [f.code for f in check(into)] == ["ARTICLE_HASH"]
    assert codes(seed(into)) == ["ARTICLE_HASH"]
    metadata.write_text(
        metadata.read_text().replace(
            f'text_sha256 = "{sha256(SEED.read_bytes())}"', f'text_sha256 = "{sha256(text.read_bytes())}"'
        )
    )
    assert [f.code for f in check(into)] == ["ARTICLE_HASH"]


def test_check_never_leaves_the_folder(into: Path) -> None:
    seed(into)
    metadata = into / "articles" / f"{SEED_ID}.toml"
    metadata.write_text(metadata.read_text().replace(SEED.name, "../../x.txt"))
    assert check(into)[0].severity == "error"
    assert codes(seed(into)) == ["RAW_NAME"]


def test_check_of_the_repository(corpus: Path, tmp_path: Path) -> None:
    copy = tmp_path / "corpus"
    shutil.copytree(corpus / "raw", copy / "raw")
    os.chmod(copy / "raw" / SEED.name, 0o644)
    seed(copy)
    assert check(copy) == []
    with pytest.raises(FileFault):
        check(tmp_path)
