"""What every foreign format promises: what it writes it reads again, and every loss is counted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsgold.corpus.codec import Record
from newsgold.corpus.formats import FIELDS, FORMATS, Exported, Loss, Losses, export_documents, import_files, load
from newsgold.corpus.formats.building import safe_id
from newsgold.corpus.formats.exchange import place_corpus, place_export, terms_for
from newsgold.corpus.formats.projection import difference, ready
from newsgold.corpus.formats.terms import Terms, derive_labels, encode_labels, load_mapping
from newsgold.corpus.formats.tokens import join, lay, tokenise
from newsgold.corpus.labels import parse_labels
from newsgold.corpus.model import DOCUMENT_ID, Annotation, Article, Region, Relation, Source
from newsgold.corpus.release import stats
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.corpus.tables import Document
from newsgold.corpus.validate import check_annotation, validate
from newsgold.errors import DataError, FileFault, UsageError, has_errors
from strategies import LABELS, annotations

WORDS = ("Tessen", "é", "x1", "=1+1", "'s", "🏛", "#", "-", "“a”", "日本", "B-ORG", "a\tb", "O", '","')
BREAKS = (" ", "  ", "\n", "\r\n", "\n\n", "\u00a0", "\u2028", "\t", "")


@st.composite
def texts(draw: st.DrawFn) -> str:
    parts = draw(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(BREAKS)), min_size=4, max_size=9))
    return "".join(word + gap for word, gap in parts) + "end of it"


@st.composite
def articles(draw: st.DrawFn, name: str) -> Article:
    text = draw(texts())
    return Article(
        id=name,
        text=text,
        title=draw(st.sampled_from([None, "a title", "=cmd()", "two\nlines"])),
        language=draw(st.sampled_from(["en", "de"])),
        split=draw(st.sampled_from([None, "train", "test"])),
        event=draw(st.sampled_from([None, "an event"])),
        published=draw(st.sampled_from([None, "2031-05-03"])),
        source=draw(st.sampled_from([Source(), Source(name="x", url="https://example.org")])),
        regions=draw(st.sampled_from([(), (Region(start=0, end=3, kind="title"), Region(start=3, end=9, kind="body"))])),
    )


@st.composite
def documents(draw: st.DrawFn, name: str = "d0") -> Document:
    """A document whose spans are sound, whatever else it is."""
    article = draw(articles(name))
    text = article.text
    if draw(st.integers(0, 9)) == 0:
        return Document(article, None)
    gold = draw(annotations(name, clustered=draw(st.booleans()), distinct=True))
    for layer in ("entities", "relations", "stances"):
        if draw(st.integers(0, 5)) == 0:
            gold = _without(gold, layer)
    edges = [i for i, c in enumerate(text) if not c.isspace()]
    span = {m.id: (edges[m.start], edges[m.end - 1] + 1) for m in gold.mentions or ()}
    mentions = tuple(msgspec.structs.replace(m, start=span[m.id][0], end=span[m.id][1]) for m in gold.mentions or ())
    place = {None: (None, None), 0: (edges[0], edges[1] + 1), 3: (edges[3], edges[4] + 1)}
    stances = gold.stances and tuple(
        msgspec.structs.replace(s, id=f"s{i}", start=place[s.start][0], end=place[s.start][1]) for i, s in enumerate(gold.stances)
    )
    entities = gold.entities
    if entities and draw(st.booleans()):
        links = draw(st.lists(st.sampled_from([None, "Q42", "kb-tessen"]), min_size=len(entities), max_size=len(entities)))
        entities = tuple(msgspec.structs.replace(e, link=link) for e, link in zip(entities, links, strict=True))
    gold = msgspec.structs.replace(
        gold, mentions=mentions, stances=stances, entities=entities, by=draw(st.sampled_from([None, "anna"]))
    )
    return Document(article, gold)


def _without(gold: Annotation, layer: str) -> Annotation:
    if layer != "entities" and getattr(gold, layer):
        return msgspec.structs.replace(gold, **{layer: ()})
    if layer == "entities":
        named = {m.id for m in gold.mentions or ()}
        relations = tuple(r for r in gold.relations or () if r.head in named and r.tail in named)
        stances = tuple(
            s for s in gold.stances or () if s.target in named and (s.holder in named or s.holder in ("AUTHOR", "UNKNOWN"))
        )
        return msgspec.structs.replace(gold, entities=None, relations=relations, stances=stances)
    return msgspec.structs.replace(gold, **{layer: None})


def by_id(document: Document) -> str:
    return document.article.id


def back(name: str, given: list[Document], folder: Path, **options: str) -> tuple[Any, Any, list[Document]]:
    """The export, the import of it, and what the projection promises."""
    exported = export_documents(name, given, LABELS, **options)
    for file, data in exported.files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(data)
    form = load(name)
    wanted = [form.project(ready(document, LABELS), LABELS, Losses(), **options) for document in given]
    single = [folder / file for file in exported.files] if len(exported.files) == 1 else [folder]
    known = {key: value for key, value in options.items() if key != "scheme"}
    imported = import_files(name, single, Terms(labels=LABELS), **known)
    return exported, imported, [document for document in wanted if document is not None]


CASES = (
    [(name, {}) for name in FORMATS]
    + [("conll", {"scheme": s}) for s in ("iob1", "iobes")]
    + [("csv", {"safe": "no"}), ("docbin", {"carry": "spans"})]
)


@pytest.mark.parametrize(("name", "options"), CASES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=40)
@given(data=st.data())
def test_what_is_written_is_read_again(
    name: str, options: dict[str, str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    given = [data.draw(documents(f"d{i}")) for i in range(data.draw(st.integers(1, 2)))]
    exported, imported, wanted = back(name, given, tmp_path_factory.mktemp(name), **options)
    assert [str(f) for f in imported.findings if f.severity == "error"] == []
    assert imported.losses == ()
    assert sorted(imported.documents, key=by_id) == sorted(wanted, key=by_id)
    lost = Counter[str]()
    for loss in exported.losses:
        assert loss.n > 0
        assert loss.why
        lost[loss.what] += loss.n
    assert set(lost) <= {*FIELDS, "mentions", "documents"}
    assert (
        not set(lost) & set(load(name).CARRIES)
        or "carry" in options
        or name in ("conll", "brat", "doccano", "prodigy", "docred", "dwie", "xmi")
    )
    differ = Counter[str]()
    for document in given:
        projected = load(name).project(ready(document, LABELS), LABELS, Losses(), **options)
        if projected is not None:
            differ += difference(ready(document, LABELS), projected)
    items = sum(len(getattr(d.gold, layer) or ()) for d in wanted if d.gold for layer in ("mentions", "entities", "stances"))
    assert lost.pop("ids", 0) <= items
    assert lost == differ


@pytest.mark.parametrize("name", FORMATS)
def test_real_gold_survives(name: str, tmp_path: Path, repo: Path) -> None:
    golds = {r.value.id: r.value for r in read_annotations(repo / "corpus").records}
    given = [Document(r.value, golds.get(r.value.id)) for r in read_articles(repo / "corpus").records]
    exported, imported, wanted = back(name, given, tmp_path)
    assert [str(f) for f in imported.findings if f.severity == "error"] == []
    assert sorted(imported.documents, key=by_id) == sorted(wanted, key=by_id)
    assert exported.files == export_documents(name, given, LABELS).files


# ---------------------------------------------------------------------- labels and ids

TEXT = "Tessen fell to Marovia."
PRODIGY = {
    "text": TEXT,
    "spans": [{"start": 0, "end": 6, "label": "TOWN"}, {"start": 15, "end": 22, "label": "STATE", "text": "Marovia"}],
    "relations": [
        {
            "head_span": {"start": 15, "end": 22, "label": "STATE"},
            "child_span": {"start": 0, "end": 6, "label": "TOWN"},
            "label": "takes",
        }
    ],
    "_task_hash": 1,
}


def task(folder: Path, **more: Any) -> Path:
    path = folder / "news.jsonl"
    path.write_text(json.dumps(PRODIGY | more) + "\n")
    return path


def test_an_inventory_is_derived_and_can_be_read_again(tmp_path: Path) -> None:
    derived = import_files("prodigy", [task(tmp_path)], Terms()).labels
    assert [*derived.types, *derived.relations, *derived.kinds] == ["STATE", "TOWN", "takes", "NAM"]
    assert (derived.relations["takes"].domain, derived.relations["takes"].range) == (("STATE",), ("TOWN",))
    assert parse_labels(encode_labels(derived), "labels.toml") == derived


@given(documents())
def test_every_derived_inventory_fits_its_data(document: Document) -> None:
    labels = derive_labels([document], "x")
    assert parse_labels(encode_labels(labels), "labels.toml") == labels
    if document.gold is not None:
        found = check_annotation(Record(ready(document, LABELS).gold, "x", 1), labels, "prediction")
        assert not [f for f in found if f.code.startswith("UNKNOWN")]


def test_labels_are_renamed_left_out_or_unknown(tmp_path: Path) -> None:
    toml = tmp_path / "map.toml"
    toml.write_text('[types]\nTOWN = "GPE"\nSTATE = "GPE"\n[relations]\ntakes = "controls"\n')
    imported = import_files("prodigy", [task(tmp_path)], Terms(labels=LABELS, mapping=load_mapping(toml)))
    gold = imported.documents[0].gold
    assert gold is not None
    assert [m.type for m in gold.mentions or ()] == ["GPE", "GPE"]
    assert [r.type for r in gold.relations or ()] == ["controls"]
    assert (imported.findings, imported.losses) == ((), ())
    toml.write_text('[types]\nTOWN = false\nSTATE = "GPE"\n')
    imported = import_files("prodigy", [task(tmp_path)], Terms(labels=LABELS, mapping=load_mapping(toml)))
    assert imported.losses == (Loss("mentions", 1, "the mapping leaves out TOWN"),)
    assert imported.findings == ()
    found = import_files("prodigy", [task(tmp_path)], Terms(labels=LABELS)).findings
    assert [f.code for f in found] == ["UNKNOWN_TYPE", "UNKNOWN_TYPE", "DANGLING_ARGUMENT", "DANGLING_ARGUMENT"]


@pytest.mark.parametrize("toml", ["[types", "[tpyes]\na = 'b'\n", "[types]\na = 3\n", "types = 1\n"])
def test_a_mapping_that_is_none(toml: str, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(toml)
    with pytest.raises(DataError):
        load_mapping(tmp_path / "map.toml")


@given(st.text(max_size=150))
def test_ids_are_made_safe_and_stay_apart(foreign: str) -> None:
    name = safe_id(foreign)
    assert DOCUMENT_ID.fullmatch(name)
    assert safe_id(foreign) == name
    assert (name == foreign) == bool(DOCUMENT_ID.fullmatch(foreign))
    assert safe_id(foreign + "!") != name


@given(st.lists(st.text(st.sampled_from("ab1_-é., 日"), min_size=1, max_size=4).filter(lambda t: not t.isspace()), max_size=6))
def test_tokens_joined_are_found_again(tokens: list[str]) -> None:
    laid = join(tokens, [True] * len(tokens))
    assert [laid.text[s.start : s.end] for s in laid.spans] == tokens


@given(st.text(st.sampled_from("ab1_-é.\n 日\u0301"), max_size=20), st.lists(st.integers(0, 20), max_size=4))
def test_tokens_are_all_that_is_visible(text: str, cuts: list[int]) -> None:
    spans = tokenise(text, cuts)
    assert "".join(text[s.start : s.end] for s in spans) == "".join(text.split())
    assert not any(s.start < cut < s.end for s in spans for cut in cuts)
    laid = lay([text[s.start : s.end] for s in spans], text)
    assert not isinstance(laid, str)
    assert list(laid.spans) == spans


# ------------------------------------------------------------------------------ places


def test_imported_gold_is_whole_and_nothing_is_written_over(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    imported = import_files("prodigy", [task(tmp_path)], Terms())
    placed = place_corpus(imported, corpus, split="train")
    assert placed.singletons == 2
    assert placed.findings == ()
    assert {p.relative_to(corpus).as_posix() for p in placed.changed} == {
        "articles/news-00000001.txt",
        "articles/news-00000001.toml",
        "gold/news-00000001.json",
        "labels.toml",
    }
    assert validate([corpus]) == []
    (gold,) = (r.value for r in read_annotations(corpus).records)
    assert gold.split == "train"
    assert gold.relations == (Relation(type="takes", head="e2", tail="e1", evidence=(("m2", "m1"),)),)
    assert place_corpus(imported, corpus, split="train").changed == ()
    before = {p: p.read_bytes() for p in corpus.rglob("*") if p.is_file()}
    terms = terms_for(corpus, labels=None, mapping=None)
    assert terms.labels is not None
    assert [*terms.labels.types] == ["STATE", "TOWN"]
    other = import_files("prodigy", [task(tmp_path, relations=[])], terms)
    assert [f.code for f in place_corpus(other, corpus).findings] == ["GOLD_TAKEN"]
    third = import_files("prodigy", [task(tmp_path, text=TEXT + " Again.")], terms)
    assert [f.code for f in place_corpus(third, corpus).findings] == ["ID_TAKEN"]
    assert before == {p: p.read_bytes() for p in corpus.rglob("*") if p.is_file()}


def test_a_text_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    for text, code in (("\ufeffTessen", "BOM"), ("Tes\0sen", "NOT_TEXT")):
        imported = import_files("doccano", [task(tmp_path, text=text, label=[], spans=None)], Terms())
        placed = place_corpus(imported, tmp_path / "corpus")
        assert [f.code for f in placed.findings] == [code]
        assert not (tmp_path / "corpus" / "articles").exists()


def test_a_file_in_the_way_is_somebody_s_work(tmp_path: Path) -> None:
    exported = Exported({"a.ann": b"new", "b.ann": b"b"}, ())
    (tmp_path / "a.ann").write_bytes(b"hours of work")
    with pytest.raises(FileFault, match=r"a\.ann exists"):
        place_export(exported, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ann"]
    assert len(place_export(exported, tmp_path, force=True)) == 2
    assert place_export(exported, tmp_path) == []


def test_a_folder_is_all_its_files_and_one_without_any_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(FileFault):
        import_files("prodigy", [tmp_path / "in"], Terms())
    task(tmp_path / "in")
    assert len(import_files("prodigy", [tmp_path / "in"], Terms()).documents) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_options_that_a_format_lacks(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        export_documents(name, [], LABELS, nonsense="1")
    with pytest.raises(UsageError):
        load("nonsense")
    with pytest.raises((UsageError, FileFault)):
        import_files(name, [tmp_path / "missing"], Terms(), nonsense="1")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "raw", [b"", b"\0\x01\x02", b"\xff\xfe", b"{", b"[1, 2]\n", b"a,b\n1,2\n", b"# x\n", b"T1\n", b'{"text": 3}\n']
)
def test_garbage_is_refused_with_a_finding(name: str, raw: bytes, tmp_path: Path) -> None:
    form = load(name)
    path = tmp_path / f"garbage{form.SUFFIXES[0]}"
    path.write_bytes(raw)
    imported = import_files(name, [path], Terms())
    assert imported.documents == ()
    assert has_errors(imported.findings)


# ---------------------------------------------------------------------------- commands


def newsgold(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "newsgold.cli", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_commands(tmp_path: Path, repo: Path) -> None:
    corpus = repo / "corpus"
    out = tmp_path / "out.conll"
    done = newsgold("corpus", "export", corpus, "--format", "conll", "--out", out, "--strict")
    assert (done.returncode, out.exists()) == (1, False)
    assert re.search(r"lost: \d+ mentions: a token has one tag", done.stderr)
    done = newsgold("corpus", "export", corpus, "--format", "conll", "--out", out, "--option", "scheme=iobes", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["mentions"], told["changed"]) == (0, stats(corpus)["mentions"], [str(out)])
    assert {"what": "stances", "n": stats(corpus)["stances"], "why": "there is no column for it"} in told["losses"]
    done = newsgold("corpus", "import", out, "--format", "conll", "--into", tmp_path / "corpus", "--split", "test", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["singletons"], told["findings"]) == (0, told["mentions"], [])
    assert 0 < told["mentions"] < stats(corpus)["mentions"]
    assert newsgold("corpus", "validate", tmp_path / "corpus").returncode == 0
    bad = task(tmp_path, spans=[{"start": 0, "end": 99, "label": "X"}, {"start": 15, "end": 22, "label": "X"}])
    passes = tmp_path / "pass" / "anna.jsonl"
    done = newsgold("corpus", "import", bad, "--format", "prodigy", "--out", passes, "--by", "anna")
    assert done.returncode == 1
    assert "SPAN_OUTSIDE" in done.stdout
    assert [r.value.by for r in read_annotations(passes).records] == ["anna"]
    assert [r.value.text for r in read_articles(tmp_path / "pass" / "anna.articles.jsonl").records] == [TEXT]
    assert (tmp_path / "pass" / "labels.toml").exists()
    done = newsgold(
        *("corpus", "export", passes, "--articles", tmp_path / "pass" / "anna.articles.jsonl"),
        *("--format", "csv", "--out", tmp_path / "csv"),
    )
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "csv").iterdir()) == [
        "articles.csv",
        "mentions.csv",
        "relations.csv",
        "stances.csv",
    ]
    assert newsgold("corpus", "import", bad, "--format", "prodigy").returncode == 2
    assert newsgold("corpus", "export", corpus, "--format", "csv", "--out", tmp_path, "--option", "safe").returncode == 2
    assert newsgold("corpus", "export", corpus, "--format", "word", "--out", tmp_path).returncode == 2
