"""Every coded fault has a file at fault, and every check is asked of the roles it says.

A file or folder of ``data/invalid`` is named after the one fault it has; how it
ends says how it is read:

    CODE.json            gold, against the articles of ``data/valid/corpus``
    CODE.jsonl           predictions, against the same; or articles, if its records have a text
    CODE.score.jsonl     predictions that are scored against its gold
    CODE.toml            a label inventory
    CODE.txt, CODE.html  a file to ingest
    CODE.ls.json         a Label Studio export
    CODE.less.jsonl      a pass to be taken into a file that holds the valid gold
    CODE.tasks.json      gold that is to become a Label Studio task
    CODE.public.jsonl    articles that are to be published
    CODE/                a corpus; with a folder ``in``, what is to be ingested into it; with ``import/<format>``,
                         what is to be imported; with SHA256SUMS, a release to load; with a VERSION alone, one to check;
                         with a file a.jsonl, passes that were adjudicated, and what stands in ``out`` before

It differs in one thing from its counterpart in ``data/valid``.
"""

from __future__ import annotations

import difflib
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from newsgold.annotation import label_studio
from newsgold.annotation.adjudication import conclude, merge_rows, read_rows
from newsgold.annotation.backend import config_fault
from newsgold.annotation.records import collect
from newsgold.benchmark.answers import Against, check
from newsgold.corpus import publish, release, verify
from newsgold.corpus.codec import Record, canonical, decode_jsonl, encode_gold, encode_jsonl
from newsgold.corpus.formats import import_files
from newsgold.corpus.formats.exchange import place_corpus, terms_for
from newsgold.corpus.ingest import ingest
from newsgold.corpus.labels import default_labels, load_labels
from newsgold.corpus.lint import lint
from newsgold.corpus.model import MAX_RECORD_BYTES, MAX_TEXT_LENGTH, Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.corpus.tables import Document
from newsgold.corpus.validate import (
    ALL,
    CHECKS,
    COMPLETE,
    GOLD_ONLY,
    REPEATS,
    check_annotation,
    check_annotations,
    check_articles,
    validate,
)
from newsgold.corpus.verdicts import judge, read_verdicts
from newsgold.errors import FAULTS, MAX_FINDINGS_PER_FILE, DataError, FileFault, Finding, Role, finding

DATA = Path(__file__).parent / "data"
INVALID = DATA / "invalid"
VALID = DATA / "valid"
CORPUS = VALID / "corpus"
GOLD = CORPUS / "gold" / "tessen-bridge.json"
LABELS = default_labels()
ARTICLES = {record.value.id: record.value for record in read_articles(CORPUS).records}
KB = frozenset({"kb-tessen", "kb-marovia", "kb-ivo-karan"})
ID = "tessen-bridge"

CASES = sorted(INVALID.iterdir())

GENERATED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "RECORD_TOO_LONG": ("RECORD_TOO_LONG.jsonl", lambda: b'{"id":"a"}\n' + b" " * MAX_RECORD_BYTES + b"{}\n"),
    "TEXT_TOO_LONG": (
        "TEXT_TOO_LONG.jsonl",
        lambda: json.dumps({"id": "a", "text": "é " * (MAX_TEXT_LENGTH // 2) + "x"}, ensure_ascii=False).encode() + b"\n",
    ),
}
"""Files too large to keep."""

ON_A_SERVER = dict.fromkeys(("LS_BY", "LS_KEPT", "LS_TASK_TWICE", "LS_TITLE_TWICE"), "test_push") | {"LS_GONE": "test_pull"}
"""Faults that no file has, and the tests that bring each about on a running server."""

BETWEEN = {
    "VERSION_STEP": "test_versions",
    "TEXT_MISSING": "test_standoff",
    "COMMITMENT": "test_withheld",
    "NO_ANSWER": "test_run",
    "RESULTS_STALE": "test_leaderboard",
}
"""Faults of two states of the data, or of a system, and the tests that bring each about."""

ELSEWHERE = {"MENTION_UNCLUSTERED", "MIXED_TYPES"}
"""Faults that show in another line than the one that was changed."""


def code_of(path: Path) -> str:
    return path.name.split(".")[0]


def codes(found: list[Finding] | tuple[Finding, ...]) -> list[str]:
    return sorted({fault.code for fault in found})


# --------------------------------------------------------------- one file for each code


def read(path: Path, tmp_path: Path, repo: Path) -> tuple[list[Finding], Path]:
    """The findings about a bad file, and the path they should name."""
    if path.is_dir():
        return read_folder(path, tmp_path, repo)
    _, _, suffix = path.name.partition(".")
    return READERS[suffix](path, tmp_path), Path() if suffix == "tasks.json" else path


def read_labels(path: Path, tmp_path: Path) -> list[Finding]:
    with pytest.raises(DataError) as caught:
        load_labels(path)
    return list(caught.value.findings)


def as_task(path: Path, tmp_path: Path) -> list[Finding]:
    (record,) = read_annotations(path).records
    return list(label_studio.to_result(record.value, ARTICLES[ID], LABELS).findings)


def as_merged(path: Path, tmp_path: Path) -> list[Finding]:
    held, new = ([r.value for r in read_annotations(p).records] for p in (GOLD, path))
    return list(label_studio.merge(held, new, path=str(path)).findings)


def as_data(path: Path, tmp_path: Path) -> list[Finding]:
    return validate([path], articles=CORPUS)


def as_received(path: Path, tmp_path: Path) -> list[Finding]:
    return list(ingest([path], tmp_path / "corpus").findings)


def as_configured(path: Path, tmp_path: Path) -> list[Finding]:
    fault = config_fault(path.read_text(encoding="utf-8"), LABELS, str(path))
    return [] if fault is None else [fault]


def as_scored(path: Path, tmp_path: Path) -> list[Finding]:
    from newsgold.benchmark.score import score

    return list(score(CORPUS, path).findings)


def as_answered(path: Path, tmp_path: Path) -> list[Finding]:
    checked = check(path.read_bytes(), ARTICLES[ID], Against(str(path), LABELS))
    return [fault.first._replace(path=str(path)) for fault in checked.faults]


def as_published(path: Path, tmp_path: Path) -> list[Finding]:
    return publish.texts_held_back([record.value for record in read_articles(path).records], str(path))


def as_judged(path: Path, tmp_path: Path) -> list[Finding]:
    """Verdicts put to the one suspect that the corpus has once a mention of Belmar is taken out."""
    articles = {r.value.id: r.value for r in read_articles(CORPUS).records}
    golds = [r.value for r in read_annotations(CORPUS).records]
    golds = [
        msgspec.structs.replace(gold, mentions=tuple(m for m in gold.mentions or () if gold.id == ID or m.id != "m4"))
        for gold in golds
    ]
    suspects = lint([Document(articles[gold.id], gold) for gold in golds], LABELS)
    assert len(suspects) == 1
    return judge(suspects, read_verdicts(path)).findings


def as_loaded(path: Path) -> list[Finding]:
    with pytest.raises(DataError) as caught:
        verify.prove(path)
    return list(caught.value.findings)


READERS: dict[str, Callable[[Path, Path], list[Finding]]] = {
    "json": as_data,
    "jsonl": as_data,
    "score.jsonl": as_scored,
    "answer.jsonl": as_answered,
    "toml": read_labels,
    "txt": as_received,
    "html": as_received,
    "ls.json": lambda path, _: list(label_studio.import_export(path, ARTICLES, LABELS).findings),
    "tasks.json": as_task,
    "less.jsonl": as_merged,
    "public.jsonl": as_published,
    "config.xml": as_configured,
    "verdicts.toml": as_judged,
}


def as_adjudicated(path: Path, home: Path) -> tuple[list[Finding], Path]:
    shutil.copytree(path, home)
    before = {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}
    merges = merge_rows(
        read_rows([p for p in (home / "a.jsonl", home / "b.jsonl") if p.exists()], ARTICLES, LABELS), ARTICLES, LABELS
    )
    decided = read_rows([p for p in (home / "decided.jsonl",) if p.exists()], ARTICLES, LABELS)
    done = conclude(merges, decided, collect(sorted(home.glob("*.toml")), {}), LABELS, out=home / "out")
    found = [*merges.findings, *done.findings]
    if any(f.severity == "error" and f.doc == ID for f in found):
        assert {p: data for p, data in before.items() if p.read_bytes() != data} == {}
        assert not (home / "out" / f"{ID}.record.json").exists()
    return found, home


def as_imported(corpus: Path) -> list[Finding]:
    (folder,) = (corpus / "import").iterdir()
    imported = import_files(folder.name, [folder], terms_for(corpus, labels=None, mapping=None))
    return [*imported.findings, *place_corpus(imported, corpus).findings]


def as_checked(corpus: Path, repo: Path) -> list[Finding]:
    if not (corpus / "README.md").exists():
        shutil.copyfile(repo / "corpus" / "README.md", corpus / "README.md")
    try:
        return release.check(corpus)
    except DataError as error:
        return list(error.findings)


def read_folder(path: Path, tmp_path: Path, repo: Path) -> tuple[list[Finding], Path]:
    corpus = tmp_path / "corpus"
    if (path / "import").is_dir():
        return as_imported(shutil.copytree(path, corpus)), corpus
    if (path / "in").is_dir():
        shutil.copytree(path, corpus)
        before = {p: p.read_bytes() for p in corpus.rglob("*") if p.is_file()}
        result = ingest(sorted((path / "in").iterdir()), corpus)
        assert before == {p: p.read_bytes() for p in corpus.rglob("*") if p.is_file()}
        return list(result.findings), path
    if (path / "a.jsonl").is_file():
        return as_adjudicated(path, tmp_path / "round")
    if (path / "SHA256SUMS").is_file():
        return as_loaded(path), path
    if (path / "VERSION").is_file():
        return as_checked(shutil.copytree(path, corpus), repo), corpus
    return validate([path]), path


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_invalid_file_has_the_fault_of_its_name(path: Path, tmp_path: Path, repo: Path) -> None:
    code = code_of(path)
    found, where = read(path, tmp_path, repo)
    assert codes(found) == [code], [str(f) for f in found]
    for fault in found:
        assert fault.message == FAULTS[code].message
        assert fault.hint
        assert fault.path == "" if where == Path() else fault.path.startswith(str(where))
        assert fault.line <= 1 or fault.line <= Path(fault.path).read_bytes().count(b"\n") + 1
        assert str(fault).startswith(f"{fault.path}:{fault.line}" if fault.line else fault.path)
        assert f" {code} {fault.message}" in str(fault)


@pytest.mark.parametrize(
    "path", [p for p in CASES if p.name.count(".") == 1 and p.suffix in (".json", ".jsonl", ".toml")], ids=lambda path: path.name
)
def test_the_line_named_is_the_one_that_was_changed(path: Path, tmp_path: Path, repo: Path) -> None:
    code = code_of(path)
    if path.suffix == ".toml":
        base = repo / "src" / "newsgold" / "labels.toml"
    elif path.suffix == ".json":
        base = GOLD
    else:
        base = VALID / ("articles.jsonl" if b'"regions"' in path.read_bytes() else "predictions.jsonl")
    changed = changed_lines(base.read_bytes(), path.read_bytes())
    lines = {f.line for f in read(path, tmp_path, repo)[0] if f.code == code}
    if path.read_bytes().strip() and code not in ELSEWHERE:
        assert lines
        assert lines <= changed, (lines, changed)
    elif code not in ELSEWHERE:
        assert lines == {0}


def changed_lines(old: bytes, new: bytes) -> set[int]:
    """1-based numbers of the lines of ``new`` that ``old`` does not have there."""
    matcher = difflib.SequenceMatcher(None, old.split(b"\n"), new.split(b"\n"), autojunk=False)
    return {n + 1 for tag, _, _, start, end in matcher.get_opcodes() if tag != "equal" for n in range(start, max(end, start + 1))}


@pytest.mark.parametrize("code", GENERATED)
def test_generated_file_has_the_fault(code: str, tmp_path: Path) -> None:
    name, make = GENERATED[code]
    path = tmp_path / name
    path.write_bytes(make())
    found = validate([path])
    assert codes(found) == [code]
    assert [f.line for f in found] == [2 if code == "RECORD_TOO_LONG" else 1]


def test_no_code_lacks_a_file_and_no_file_a_code() -> None:
    named = {code_of(path) for path in CASES}
    assert named & GENERATED.keys() == set()
    elsewhere = ON_A_SERVER | BETWEEN
    assert named | GENERATED.keys() | elsewhere.keys() == FAULTS.keys()
    for code, module in elsewhere.items():
        assert f'"{code}"' in Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")


def test_limits_are_inclusive(tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    text = "a " * (MAX_TEXT_LENGTH // 2 - 1) + "ab"
    path.write_bytes(encode_jsonl([Article(id="a", text=text)]))
    assert validate([path]) == []
    record = b'{"id":"a","mentions":[]}'
    assert decode_jsonl(record.ljust(MAX_RECORD_BYTES), Annotation, "p").findings == []
    assert codes(decode_jsonl(record.ljust(MAX_RECORD_BYTES + 1), Annotation, "p").findings) == ["RECORD_TOO_LONG"]


# ------------------------------------------------------------------------ what is valid


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("corpus", {}),
        ("corpus", {"role": "pass"}),
        ("corpus/gold", {}),
        ("corpus/gold", {"articles": CORPUS}),
        ("corpus/gold/tessen-bridge.json", {}),
        ("corpus/gold/tessen-bridge.json", {"role": "prediction"}),
        ("corpus/gold/belmar-talks.json", {"articles": CORPUS / "articles"}),
        ("corpus/gold/belmar-talks.json", {"articles": VALID / "articles.jsonl"}),
        ("articles.jsonl", {}),
        ("predictions.jsonl", {}),
        ("predictions.jsonl", {"articles": CORPUS}),
    ],
)
def test_valid_data_have_no_findings(path: str, options: dict[str, Any]) -> None:
    assert validate([VALID / path], **options) == []


def test_several_paths_at_once() -> None:
    bad = INVALID / "KIND_TYPE.json"
    found = validate([CORPUS, bad, VALID / "predictions.jsonl", INVALID / "LINK_TWICE.json"], articles=CORPUS)
    assert [(f.code, Path(f.path).name) for f in found] == [("KIND_TYPE", "KIND_TYPE.json"), ("LINK_TWICE", "LINK_TWICE.json")]


@pytest.mark.parametrize("name", ["nothing", "nothing.json", "nothing.jsonl", "nothing.parquet"])
def test_a_path_that_is_not_there_is_no_finding(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileFault, match="nothing"):
        validate([tmp_path / name])


def test_articles_that_are_not_there_are_no_finding(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="nowhere"):
        validate([VALID / "predictions.jsonl"], articles=tmp_path / "nowhere.jsonl")


def test_a_folder_of_nothing_is_no_finding(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="no annotations"):
        validate([tmp_path])


def test_kb_is_found_from_any_path_in_the_corpus(tmp_path: Path) -> None:
    corpus = Path(shutil.copytree(CORPUS, tmp_path / "corpus"))
    paths = [corpus, corpus / "gold", corpus / "gold" / GOLD.name]
    assert validate(paths) == []
    (corpus / "kb.jsonl").write_text('{"id":"kb-tessen"}\n')
    for path in paths:
        assert codes(validate([path])) == ["BAD_LINK"]
    (corpus / "kb.jsonl").unlink()
    assert codes(validate([corpus])) == ["BAD_LINK"]
    assert validate(paths[1:]) == []


@pytest.mark.parametrize(("link", "bad"), [("Q1", 0), ("kb-x", 0), ("Q0", 1), ("Q1\n", 1), ("Kb", 1), ("a b", 1), ("", 1)])
def test_without_a_kb_a_link_must_look_like_one(link: str, bad: int) -> None:
    annotation = Annotation(id="a", mentions=ORGS, entities=(Entity(id="e", mentions=("m0",), link=link),))
    assert about(annotation, kb=None) == [("BAD_LINK", "/entities/0/link")] * bad


@pytest.mark.parametrize(
    ("line", "code"),
    [(b'{"id":', "BAD_JSON"), (b'{"name":"x"}', "BAD_SHAPE"), (b'{"id":"kb-tessen"}', "DUPLICATE_ID"), (b"\xff", "NOT_UTF8")],
)
def test_faults_of_the_kb_are_findings(tmp_path: Path, line: bytes, code: str) -> None:
    corpus = Path(shutil.copytree(CORPUS, tmp_path / "corpus"))
    with (corpus / "kb.jsonl").open("ab") as file:
        file.write(line + b"\n")
    found = [f for f in validate([corpus]) if f.code != "BAD_LINK"]
    assert [(f.code, Path(f.path).name, f.line) for f in found] == [(code, "kb.jsonl", 4)]


def test_articles_are_known_by_their_text_in_any_spelling(tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    path.write_text('\n\n{"id": "a", "text" : "Ivo Karan left.", "split": "dev"}\n')
    assert [(f.code, f.line, f.pointer) for f in validate([path])] == [("BAD_SPLIT", 3, "/split")]


def test_an_article_that_cannot_be_read_is_one_finding_not_two() -> None:
    found = validate([INVALID / "BAD_TOML"])
    assert [f.code for f in found] == ["BAD_TOML"]


# ---------------------------------------------------------------------- what is invalid


def gold_record() -> Record[Annotation]:
    (record,) = read_annotations(GOLD).records
    return record


def about(
    annotation: Annotation, role: Role = "prediction", article: Article | None = None, kb: frozenset[str] | None = KB
) -> list[tuple[str, str]]:
    record = Record(annotation, "p", 1)
    return [(f.code, f.pointer) for f in check_annotation(record, LABELS, role, article, kb)]


@pytest.mark.parametrize("code", CHECKS)
def test_roles_are_asked_as_the_table_says(code: str) -> None:
    """The bad gold file shows its fault in the roles that the check names, and in no other."""
    path = INVALID / f"{code}.json"
    if code == "BAD_SPLIT":
        path = INVALID / "BAD_SPLIT.jsonl"
    records = read_annotations(path).records
    roles = CHECKS[code][0]
    for role in ALL:
        found = [f for f in check_annotations(records, LABELS, role, ARTICLES, KB) if f.code == code]
        # two faults are defined more narrowly for predictions
        narrow = role == "prediction" and code in ("DUPLICATE_RELATION", "STANCE_SPAN_MISSING")
        assert bool(found) == (role in roles and not narrow), role
        for fault in found:
            assert fault.severity == ("warning" if role == "prediction" and code in REPEATS else FAULTS[code].severity)


def test_a_prediction_need_not_be_complete_and_gold_must() -> None:
    only = {code for code, (roles, _) in CHECKS.items() if "prediction" not in roles}
    assert only == {
        *("ID_MISSING", "SPAN_UNTRIMMED", "SPAN_CUTS_TOKEN", "SURFACE_MISSING", "DUPLICATE_REGION", "MENTION_UNCLUSTERED"),
        *("MIXED_TYPES", "LINK_TWICE", "ARGUMENT_NOT_ENTITY", "RELATION_DOMAIN", "RELATION_RANGE", "SYMMETRIC_TWICE"),
        *("EXCLUDES", "EVIDENCE_MISSING", "STANCE_NOT_MENTION", "ARTICLE_DIFFERS"),
    }
    assert [code for code, (roles, _) in CHECKS.items() if roles == GOLD_ONLY] == ["SURFACE_MISSING"]
    assert set(COMPLETE) == {"gold", "pass"}
    assert about(Annotation(id="a")) == about(Annotation(id="a"), "gold") == []


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ((None, None), 1),
        ((None, ()), 1),
        (((("m1", "m2"),), (("m1", "m2"),)), 1),
        (((("m1", "m2"), ("m3", "m2")), (("m3", "m2"), ("m1", "m2"))), 1),
        (((("m1", "m2"),), (("m3", "m2"),)), 0),
        (((("m1", "m2"),), None), 0),
    ],
)
def test_a_relation_is_repeated_in_predictions_only_with_its_evidence(evidence: Any, expected: int) -> None:
    annotation = Annotation(
        id="a",
        mentions=tuple(Mention(id=f"m{i}", start=i, end=i + 1, type="ORG") for i in (1, 2, 3)),
        entities=(Entity(id="e1", mentions=("m1", "m3")), Entity(id="e2", mentions=("m2",))),
        relations=tuple(Relation(type="supports", head="e1", tail="e2", evidence=pairs) for pairs in evidence),
    )
    assert about(annotation).count(("DUPLICATE_RELATION", "/relations/1")) == expected
    assert ("DUPLICATE_RELATION", "/relations/1") in about(annotation, "gold")
    other = msgspec.structs.replace(annotation.relations[1], factuality="denied")
    denied = msgspec.structs.replace(annotation, relations=(annotation.relations[0], other))
    assert about(denied) == []


ORGS = (*(Mention(id=f"m{i}", start=i, end=i + 1, type="ORG") for i in range(4)), Mention(start=9, end=10, type="ORG"))


def test_arguments_may_be_mentions_that_stand_for_their_cluster() -> None:
    pair = Annotation(
        id="a",
        mentions=ORGS,
        entities=(Entity(mentions=("m0", "m1")), Entity(mentions=("m2",))),
        relations=(Relation(type="supports", head="m0", tail="m2", evidence=(("m1", "m2"),)),),
    )
    assert about(pair) == []
    self_relation = msgspec.structs.replace(pair, relations=(Relation(type="supports", head="m0", tail="m1"),))
    assert about(self_relation) == [("SELF_RELATION", "/relations/0")]
    wrong = msgspec.structs.replace(pair, relations=(Relation(type="supports", head="m0", tail="m2", evidence=(("m2", "m3"),)),))
    assert about(wrong) == [("EVIDENCE_ENTITY", "/relations/0/evidence/0/0"), ("EVIDENCE_ENTITY", "/relations/0/evidence/0/1")]
    bare = msgspec.structs.replace(pair, entities=None, relations=(Relation(type="supports", head="m3", tail="m2"),))
    assert about(bare) == []


def test_half_a_span_is_no_span() -> None:
    stance = Stance(holder="m0", target="m1", polarity="favor", start=3)
    assert about(Annotation(id="a", mentions=ORGS, stances=(stance,))) == [("STANCE_SPAN_MISSING", "/stances/0")]
    none = msgspec.structs.replace(stance, start=None)
    assert about(Annotation(id="a", mentions=ORGS, stances=(none,))) == []


@pytest.mark.parametrize("name", ["", " ", "a b", "a\n", "é", "x" * 65, "AUTHOR", "UNKNOWN", "a.b", "../a"])
def test_bad_item_ids(name: str) -> None:
    annotation = Annotation(
        id="a", mentions=(Mention(id="ok", start=0, end=1, type="ORG"),), entities=(Entity(id=name, mentions=("ok",)),)
    )
    assert about(annotation) == [("BAD_ID", "/entities/0/id")]


@pytest.mark.parametrize("name", ["x" * 64, "-", "_", "0", "Author", "A-b_9"])
def test_good_item_ids(name: str) -> None:
    assert about(Annotation(id="a", mentions=(Mention(id=name, start=0, end=1, type="ORG"),))) == []


@pytest.mark.parametrize("name", ["", "A", ".a", "a/b", "a\n", "x" * 129, "é", "a b"])
def test_bad_document_ids(name: str) -> None:
    assert about(Annotation(id=name)) == [("BAD_ID", "/id")]


TEXT = "Ivo Karan 🏛 left the café-bar.\r\nX"
ARTICLE = Article(id="a", text=TEXT)


def spans_of(start: int, end: int, role: Role = "gold", article: Article | None = ARTICLE) -> list[str]:
    mention = Mention(id="m", start=start, end=end, type="ORG", text=TEXT[max(start, 0) : max(end, 0)])
    annotation = Annotation(id="a", mentions=(mention,), entities=(Entity(id="e", mentions=("m",)),))
    return [code for code, _ in about(annotation, role, article)]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 3, []),
        (0, 9, []),
        (10, 11, []),
        (21, 25, []),
        (26, 29, []),
        (21, 29, []),
        (32, 33, []),
        (0, 2, ["SPAN_CUTS_TOKEN"]),
        (1, 3, ["SPAN_CUTS_TOKEN"]),
        (22, 25, ["SPAN_CUTS_TOKEN"]),
        (0, 4, ["SPAN_UNTRIMMED"]),
        (30, 33, ["SPAN_UNTRIMMED"]),
        (3, 4, ["SPAN_UNTRIMMED"]),
        (5, 5, ["SPAN_REVERSED"]),
        (5, 4, ["SPAN_REVERSED"]),
        (-1, 3, ["SPAN_REVERSED"]),
        (32, 34, ["SPAN_OUTSIDE"]),
        (40, 50, ["SPAN_OUTSIDE"]),
    ],
)
def test_spans(start: int, end: int, expected: list[str]) -> None:
    assert len(TEXT) == 33
    assert spans_of(start, end) == expected
    severe = [code for code in expected if code in ("SPAN_REVERSED", "SPAN_OUTSIDE")]
    assert spans_of(start, end, "prediction") == severe


def test_without_a_text_only_the_length_of_a_surface_can_be_checked() -> None:
    mention = Mention(start=0, end=3, type="ORG", text="Ivo")
    assert about(Annotation(id="a", mentions=(mention,))) == []
    longer = msgspec.structs.replace(mention, end=4)
    assert about(Annotation(id="a", mentions=(longer,))) == [("SURFACE_MISMATCH", "/mentions/0/text")]
    far = Mention(start=0, end=MAX_TEXT_LENGTH + 1, type="ORG")
    assert about(Annotation(id="a", mentions=(far,))) == [("SPAN_OUTSIDE", "/mentions/0")]


@pytest.mark.parametrize(
    ("surface", "told"),
    [("Tessen", "which stands at [117, 123)"), ("Ruiz", "which stands nowhere in the text"), ("", "which stands nowhere")],
)
def test_a_wrong_surface_is_told_where_it_stands(surface: str, told: str) -> None:
    mention = Mention(id="m", start=115, end=121, type="GPE", text=surface)
    (fault,) = check_annotation(Record(Annotation(id=ID, mentions=(mention,)), "p", 1), LABELS, "prediction", ARTICLES[ID])
    assert told in fault.got
    assert fault.wanted == "'n Tess'"


def test_what_stands_twice_is_found_in_every_layer() -> None:
    twice = Annotation(id="a", by="x")
    found = check_annotations(
        [Record(twice, "p", 1), Record(twice, "p", 2), Record(Annotation(id="a", by="y"), "p", 3)], LABELS, "pass"
    )
    assert [(f.code, f.line) for f in found] == [("DUPLICATE_DOCUMENT", 2)]


def test_a_document_without_article_is_named_by_role() -> None:
    record = Record(Annotation(id="a"), "p", 1)
    for role, code in (("gold", "ARTICLE_MISSING"), ("pass", "UNKNOWN_DOCUMENT"), ("prediction", "UNKNOWN_DOCUMENT")):
        assert codes(check_annotations([record], LABELS, role, {})) == [code]
        assert check_annotations([record], LABELS, role) == []


def test_regions_of_the_same_kind_may_not_overlap_and_of_others_may(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"

    def regions(*rows: tuple[int, int, str]) -> list[tuple[str, str]]:
        table = {"id": "a", "text": "Ivo Karan left.", "regions": [{"start": s, "end": e, "kind": k} for s, e, k in rows]}
        path.write_text(json.dumps(table) + "\n")
        return [(f.code, f.pointer) for f in validate([path])]

    assert regions((0, 3, "title"), (3, 15, "body"), (4, 9, "duplicate")) == []
    assert regions((4, 9, "body"), (0, 5, "body")) == [("BAD_REGION", "/regions/0")]
    assert regions((0, 16, "body")) == regions((3, 3, "body")) == regions((-1, 3, "body")) == [("BAD_REGION", "/regions/0")]
    assert regions((0, 3, "lead")) == [("BAD_REGION", "/regions/0/kind")]


@pytest.mark.parametrize(("name", "code"), [("../kb.jsonl", "RAW_NAME"), ("..", "RAW_NAME"), ("none.txt", "RAW_HASH")])
def test_raw_files_are_looked_for_under_raw_only(tmp_path: Path, name: str, code: str) -> None:
    corpus = Path(shutil.copytree(CORPUS, tmp_path / "corpus"))
    metadata = corpus / "articles" / f"{ID}.toml"
    metadata.write_text(metadata.read_text().replace(f'file = "{ID}.txt"', f'file = "{name}"'))
    assert [(f.code, f.line, f.pointer) for f in validate([corpus])] == [(code, 18, "/source/file")]


# ---------------------------------------------------------------- a corpus that is not whole


@pytest.fixture
def broken(tmp_path: Path, repo: Path) -> Path:
    """A copy of the valid corpus, with an inventory of its own, to break."""
    corpus = Path(shutil.copytree(CORPUS, tmp_path / "corpus"))
    shutil.copyfile(repo / "corpus" / "labels.toml", corpus / "labels.toml")
    shutil.copyfile(repo / "corpus" / "README.md", corpus / "README.md")
    return corpus


@pytest.mark.parametrize("emptied", [False, True])
def test_gold_without_any_article_is_at_fault(broken: Path, emptied: bool) -> None:
    shutil.rmtree(broken / "articles")
    if emptied:
        (broken / "articles").mkdir()
    found = validate([broken])
    assert [(f.code, f.doc) for f in found] == [("ARTICLE_MISSING", "belmar-talks"), ("ARTICLE_MISSING", ID)]
    with pytest.raises(DataError) as caught:
        release.build(broken)
    assert codes(caught.value.findings) == ["ARTICLE_MISSING"]
    with pytest.raises(FileFault, match="no articles"):
        release.stats(broken)
    shutil.rmtree(broken / "gold")
    with pytest.raises(FileFault, match="no articles"):
        validate([broken])


@pytest.mark.parametrize("room", ["articles", "gold", "raw"])
def test_a_room_that_is_a_file_is_a_file_fault(broken: Path, room: str) -> None:
    shutil.rmtree(broken / room)
    (broken / room).write_text("x")
    for command in (lambda: validate([broken]), lambda: release.build(broken), lambda: release.stats(broken)):
        with pytest.raises(FileFault, match=f"{room} is no folder"):
            command()


@pytest.mark.parametrize(
    ("name", "old", "new", "code", "line", "pointer"),
    [
        (f"gold/{ID}.json", '"by":"gold",', '"by":"gold","split":"test",', "ARTICLE_DIFFERS", 1, "/split"),
        (f"gold/{ID}.json", '"by":"gold",', '"by":"gold","event":"talks",', "ARTICLE_DIFFERS", 1, "/event"),
        (f"gold/{ID}.json", '"by":"gold",', '"by":"gold","ignore":[[26,51]],', "ARTICLE_DIFFERS", 1, "/ignore"),
        (f"articles/{ID}.toml", 'title = "Army', 'title = "The army', "TITLE_DIFFERS", 2, "/title"),
        (f"articles/{ID}.toml", '"written"', '"stolen"', "BAD_SHAPE", 3, "/origin"),
        (f"articles/{ID}.toml", '"2031-05-03"', '"3 May 2031"', "BAD_SHAPE", 7, "/published"),
        (f"articles/{ID}.toml", '"2031-05-03"', '"2031-02-30"', "BAD_SHAPE", 7, "/published"),
        (f"articles/{ID}.toml", '"train"', '"dev"', "BAD_SPLIT", 4, "/split"),
        (f"articles/{ID}.toml", '"duplicate"', '"twin"', "BAD_REGION", 10, "/regions/1/kind"),
        (f"articles/{ID}.toml", "end = 278", "end = 999", "BAD_REGION", 11, "/regions/2"),
        (f"articles/{ID}.toml", 'text_sha256 = "ea', 'text_sha256 = "eb', "ARTICLE_HASH", 13, "/text_sha256"),
    ],
)
def test_a_single_breakage_is_found_where_it_is(
    broken: Path, name: str, old: str, new: str, code: str, line: int, pointer: str
) -> None:
    path = broken / name
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    found = [(f.code, f.line, f.pointer) for f in validate([broken]) if f.path == str(path)]
    assert (code, line, pointer) in found


@pytest.mark.parametrize(
    ("moment", "ok"),
    [
        ("2031", True), ("2031-05", True), ("2031-05-03T10:00", True), ("2031-05-03T10:00:59.5+02:00", True),
        ("2028-02-29T00:00:00Z", True), ("2031-13", False), ("2031-02-29", False), ("2031-05-03 10:00", False), ("", False),
        ("2031-05-03T25:00", False), ("20310503", False), ("2031-05-03\n", False), ("٢٠٣١", False), ("0000", False),
    ],
)  # fmt: skip
def test_a_date_of_publication_is_iso_8601(moment: str, ok: bool) -> None:
    article = Article(id="a", text="x", published=moment)
    assert [f.code for f in check_articles([Record(article, "p", 1)])] == ["BAD_SHAPE"] * (not ok)


# ------------------------------------------------------------------------ many findings


def test_a_file_gives_a_thousand_findings_and_errors_before_warnings(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    same = {"start": 0, "end": 1, "type": "ORG"}
    mentions = [same] * 1_500 + [{**same, "type": "ORGAN"}, {**same, "type": "ORGAN2"}]
    path.write_text(json.dumps({"id": "a", "mentions": mentions}) + "\n")
    counts = Counter(f.code for f in validate([path]))
    assert counts == {"UNKNOWN_TYPE": 2, "DUPLICATE_MENTION": MAX_FINDINGS_PER_FILE - 2}
    other = tmp_path / "q.jsonl"
    shutil.copyfile(path, other)
    assert len(validate([path, other])) == 2 * MAX_FINDINGS_PER_FILE


def test_the_faults_of_a_long_gold_file_are_found_in_seconds(tmp_path: Path) -> None:
    """Finding the line of an item does not read the file again for each."""
    path = tmp_path / "a.json"
    mentions = tuple(Mention(id=f"m{i}", start=i, end=i + 1, type="NONE", text="x") for i in range(20_000))
    path.write_bytes(encode_gold(Annotation(id="a", mentions=mentions)))
    found = validate([path], role="prediction")
    assert [(f.line, f.pointer) for f in found[:2]] == [(3, "/mentions/0/type"), (4, "/mentions/1/type")]
    assert len(found) == MAX_FINDINGS_PER_FILE


def test_findings_come_in_the_order_of_lines() -> None:
    annotation = msgspec.structs.replace(
        gold_record().value,
        mentions=tuple(msgspec.structs.replace(m, text=None) for m in gold_record().value.mentions or ()),
    )
    raw = encode_gold(annotation)
    found = check_annotation(Record(annotation, "p", 1, raw), LABELS, "gold", ARTICLES[ID], KB)
    assert [f.line for f in found] == list(range(3, 23))
    assert {f.code for f in found} == {"SURFACE_MISSING"}


# --------------------------------------------------------- whatever the shape lets through

names = st.sampled_from(["m1", "m2", "m3", "e1", "e2", "AUTHOR", "UNKNOWN", "", "x y", "é"])
offsets = st.integers(-2, 40)
types = st.sampled_from(["GPE", "ORG", "NORP", "DATE", "PERSON", "NONE"])
mentions = st.builds(
    Mention,
    id=names | st.none(),
    start=offsets,
    end=offsets,
    type=types,
    kind=st.sampled_from(["NAM", "VAL", "PRO", "?", None]),
    text=st.sampled_from(["Ivo", "", "X", None]),
)
entities = st.builds(
    Entity,
    id=names | st.none(),
    mentions=st.lists(names, max_size=3).map(tuple),
    link=st.sampled_from(["Q1", "kb-tessen", "?", None]),
)
relations = st.builds(
    Relation,
    type=st.sampled_from(["fights", "allied_with", "controls", "none"]),
    head=names,
    tail=names,
    factuality=st.sampled_from(["asserted", "denied", "?"]),
    evidence=st.none() | st.lists(st.tuples(names, names), max_size=2).map(tuple),
)
stances = st.builds(
    Stance,
    id=names | st.none(),
    start=st.none() | offsets,
    end=st.none() | offsets,
    holder=names,
    target=names,
    polarity=st.sampled_from(["favor", "against", "?"]),
    basis=st.sampled_from(["explicit", "?"]),
)
annotations = st.builds(
    Annotation,
    schema_version=st.sampled_from([1, 1, 2]),
    id=st.sampled_from(["a", "A"]),
    ignore=st.lists(st.tuples(offsets, offsets), max_size=2).map(tuple),
    mentions=st.none() | st.lists(mentions, max_size=4).map(tuple),
    entities=st.none() | st.lists(entities, max_size=3).map(tuple),
    relations=st.none() | st.lists(relations, max_size=3).map(tuple),
    stances=st.none() | st.lists(stances, max_size=3).map(tuple),
)


@given(annotations, st.sampled_from(ALL), st.booleans())
def test_every_annotation_can_be_checked_and_every_pointer_leads_somewhere(
    annotation: Annotation, role: Role, text: bool
) -> None:
    table = json.loads(msgspec.json.encode(annotation))
    for fault in check_annotation(Record(annotation, "p", 1), LABELS, role, ARTICLE if text else None, KB):
        value = table
        *parents, _ = fault.pointer.split("/")[1:]
        for part in parents:
            value = value[int(part) if isinstance(value, list) else part]
        assert isinstance(value, (dict, list))


@given(annotations, st.sampled_from(ALL))
def test_order_of_items_does_not_hide_a_fault(annotation: Annotation, role: Role) -> None:
    """The same faults are found in canonical order; where an id or a mention has two owners, the last one counts."""
    names_used = [i.id for layer in (annotation.mentions, annotation.entities, annotation.stances) for i in layer or () if i.id]
    clustered = [m for e in annotation.entities or () for m in e.mentions]
    assume(len(set(names_used)) == len(names_used) and len(set(clustered)) == len(clustered))
    before, after = (
        # in canonical order the two directions of a symmetric relation are one
        Counter(code.replace("SYMMETRIC_TWICE", "DUPLICATE_RELATION") for code, _ in about(value, role))
        for value in (annotation, canonical(annotation, LABELS))
    )
    assert before == after


def test_a_finding_of_no_code_is_a_bug() -> None:
    with pytest.raises(KeyError):
        finding("NO_SUCH_CODE", "p")
