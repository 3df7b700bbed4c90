"""Adjudication by files: from passes to disputes, and from what was decided to gold and records."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from newsgold.annotation import local
from newsgold.annotation.adjudication import (
    Concluded,
    Merges,
    conclude,
    dispute_note,
    dispute_tasks,
    instructions,
    merge_rows,
    read_rows,
    write_disputes,
)
from newsgold.annotation.label_studio import from_result, import_export
from newsgold.annotation.merging import MERGED, accepted, merge, versions
from newsgold.annotation.records import collect, provenance, read_record, references
from newsgold.corpus.codec import Record, encode, encode_jsonl
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.corpus.validate import check_annotation
from newsgold.errors import Finding
from test_merging import ARTICLE, passes

LABELS = default_labels()
DATA = Path(__file__).parent / "data"
CORPUS = DATA / "valid" / "corpus"
ARTICLES = {r.value.id: r.value for r in read_articles(CORPUS).records}
GOLD = {r.value.id: r.value for r in read_annotations(CORPUS).records}
BRIDGE, TALKS = GOLD["tessen-bridge"], GOLD["belmar-talks"]
SEED = "damascus-declared-secure"
R = msgspec.structs.replace


def write(path: Path, *given_annotations: Annotation) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_jsonl(R(a, by=path.stem) for a in given_annotations))
    return path


def without(annotation: Annotation, layer: str, *places: int) -> Annotation:
    items = getattr(annotation, layer)
    return R(annotation, **{layer: tuple(x for i, x in enumerate(items) if i not in places)})


def merged_of(*paths: Path) -> Merges:
    return merge_rows(read_rows(paths, ARTICLES, LABELS), ARTICLES, LABELS)


def concluded(merges: Merges, decided: Path | None, out: Path, **options: Any) -> Concluded:
    rows = read_rows([decided] if decided else [], ARTICLES, LABELS)
    reasons = collect(options.pop("decisions", []), {doc: (had[0].path, had[0].note) for doc, had in rows.rows.items()})
    return conclude(merges, rows, reasons, LABELS, out=out, **options)


def codes(found: list[Finding]) -> list[str]:
    return sorted(f.code for f in found)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# ------------------------------------------------------------------- the round on file


def test_the_round_on_file_gives_the_gold_and_the_record_on_file(repo: Path, tmp_path: Path) -> None:
    """Merging its passes leaves what the record decides, and deciding as that gold does gives the record, byte for byte."""
    home = repo / "annotation" / "rounds" / "seed-1"
    articles = {r.value.id: r.value for r in read_articles(repo / "corpus").records}
    merges = merge_rows(read_rows([home / "pass-b.json", home / "pass-a.json"], articles, LABELS), articles, LABELS)
    assert merges.findings == []
    one = merges.merges[SEED]
    assert [(d.layer, len(d.items)) for d in one.disputes] == [
        *(("mentions", 1), ("mentions", 2), ("entities", 1), ("relations", 1), ("relations", 1), ("stances", 2))
    ]
    on_file = home / f"{SEED}.record.json"
    gold = tmp_path / f"{SEED}.json"
    later = b',"link":"Q34589"'  # of round seed-2
    now = (repo / "corpus" / "gold" / gold.name).read_bytes()
    assert now.count(later) == 1
    gold.write_bytes(now.replace(later, b""))
    record = read_record(on_file).record
    assert record is not None
    in_dispute = [i.id for d in one.disputes for i in d.items]
    assert [d.id for d in record.decisions] == [*in_dispute, "+s4"]
    decided = read_rows([gold], articles, LABELS)
    done = conclude(merges, decided, collect([on_file], {}), LABELS, out=tmp_path / "seed-1")
    assert done.findings == []
    assert files(tmp_path / "seed-1") == {f"{SEED}.record.json": on_file.read_bytes(), f"gold/{SEED}.json": gold.read_bytes()}


# -------------------------------------------------------------------- what is written


def test_disputes_are_written_for_people_and_programs(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", BRIDGE, TALKS), write(tmp_path / "b.jsonl", without(BRIDGE, "stances", 0), TALKS)
    merges = merged_of(a, b)
    assert merges.findings == []
    written = write_disputes(merges.merges, LABELS, tmp_path / "out")
    assert sorted(str(p.relative_to(tmp_path / "out")) for p in written) == [
        *("accepted/belmar-talks.json", "accepted/tessen-bridge.json"),
        *("disputes/belmar-talks.json", "disputes/tessen-bridge.json", "tasks.json"),
    ]
    assert write_disputes(merges.merges, LABELS, tmp_path / "out") == []
    value = json.loads((tmp_path / "out" / "disputes" / "tessen-bridge.json").read_text())
    (dispute,) = value["disputes"]
    assert (dispute["id"], dispute["layer"], dispute["versions"]) == ("D1", "stances", {"a": ["D1.1"], "b": []})
    assert dispute["items"][0]["passes"] == ["a"]
    assert value["accepted"]["stances"] == 3
    assert json.loads((tmp_path / "out" / "disputes" / "belmar-talks.json").read_text())["disputes"] == []
    (record,) = read_annotations(tmp_path / "out" / "accepted" / "tessen-bridge.json").records
    assert record.value.stances == R(accepted(merges.merges["tessen-bridge"])).stances


def test_the_task_of_a_disputed_document_shows_every_version(tmp_path: Path) -> None:
    a, b, c = (write(tmp_path / f"{n}.jsonl", BRIDGE if n != "b" else without(BRIDGE, "relations", 0, 2), TALKS) for n in "abc")
    merges = merged_of(a, b, c)
    (task,) = dispute_tasks(merges.merges.values(), LABELS)
    assert task["data"]["doc_id"] == "tessen-bridge"
    assert [row["model_version"] for row in task["predictions"]] == ["a", "b", "c", MERGED]
    article = ARTICLES["tessen-bridge"]
    shown = versions(merges.merges["tessen-bridge"])
    for row, version in zip(task["predictions"], shown, strict=True):
        reading = from_result(row["result"], article, LABELS, by=version.by or "")
        assert reading.findings == ()
        assert reading.annotation == version
        assert reading.note == (dispute_note(merges.merges["tessen-bridge"]) if version.by == MERGED else "")
        assert check_annotation(Record(version, "p", 1), LABELS, "gold", article) == []
    assert dispute_note(merges.merges["tessen-bridge"]).count("\n") + 1 == 2


@settings(max_examples=20)
@given(passes())
def test_every_version_can_be_carried(many: list[Annotation]) -> None:
    """Also of passes that no validator would pass."""
    one = merge(ARTICLE, many, LABELS)
    made = dispute_tasks([one], LABELS)
    assert len(made) == bool(one.disputes)
    for task in made:
        for row, version in zip(task["predictions"], versions(one), strict=True):
            back = from_result(row["result"], ARTICLE, LABELS, by=version.by or "").annotation
            assert back is not None
            assert encode(back) == encode(version)
    assert ("D1.1" in instructions([one])) == bool(one.disputes)


# ----------------------------------------------------------------------- passes at fault


def test_a_pass_that_lacks_a_document_is_named_and_the_others_are_merged(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", BRIDGE, TALKS), write(tmp_path / "b.jsonl", BRIDGE, TALKS)
    c = write(tmp_path / "c.jsonl", TALKS)
    merges = merged_of(a, b, c)
    (fault,) = merges.findings
    assert (fault.code, fault.severity, fault.doc, fault.wanted) == ("ADJ_PASS_MISSING", "warning", "tessen-bridge", "'also c'")
    assert merges.merges["tessen-bridge"].passes == ("a", "b")
    assert merges.merges["belmar-talks"].passes == ("a", "b", "c")
    alone = merged_of(a, c)
    assert [(f.code, f.severity) for f in alone.findings] == [("ADJ_PASS_MISSING", "error")]
    assert list(alone.merges) == ["belmar-talks"]


def test_two_passes_of_one_name_and_names_of_ours_are_errors(tmp_path: Path) -> None:
    a, again = write(tmp_path / "a.jsonl", BRIDGE), write(tmp_path / "x" / "a.jsonl", BRIDGE)
    assert set(codes(merged_of(a, again).findings)) == {"DUPLICATE_DOCUMENT", "ADJ_PASS_MISSING"}
    ours = write(tmp_path / f"{MERGED}.jsonl", BRIDGE)
    assert codes(merged_of(a, ours).findings) == ["BAD_ID"]
    assert merged_of(a, ours).merges == {}


def test_a_pass_with_an_error_leaves_its_document_out(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", BRIDGE), write(tmp_path / "b.jsonl", without(BRIDGE, "entities", 0))
    merges = merged_of(a, b)
    assert "MENTION_UNCLUSTERED" in codes(merges.findings)
    assert merges.merges == {}
    stranger = write(tmp_path / "c.jsonl", R(BRIDGE, id="elsewhere"))
    assert codes(merged_of(a, stranger).findings).count("UNKNOWN_DOCUMENT") == 1


# --------------------------------------------------------------------------- concluding


def test_documents_without_a_dispute_become_gold_by_agreement(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", BRIDGE, TALKS), write(tmp_path / "b.jsonl", BRIDGE, TALKS)
    done = concluded(merged_of(a, b), None, tmp_path / "round-7")
    assert done.findings == []
    assert sorted(files(tmp_path / "round-7")) == [
        *("belmar-talks.record.json", "gold/belmar-talks.json", "gold/tessen-bridge.json", "tessen-bridge.record.json")
    ]
    for doc, settled in done.settled.items():
        assert (settled.record.round, settled.record.adjudicator) == ("round-7", "agreement")
        assert settled.record.decisions == ()
        back = read_annotations(tmp_path / "round-7" / "gold" / f"{doc}.json").records[0].value
        assert back.by == "gold"
        names = {n for layer in references(back).values() for n in layer}
        assert {p.sources for p in provenance(settled.record).values()} == {("a", "b")}
        assert set(provenance(settled.record)) == names


def test_gold_may_go_to_a_corpus_and_the_record_to_the_round(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", BRIDGE), write(tmp_path / "b.jsonl", BRIDGE)
    concluded(merged_of(a, b), None, tmp_path / "r", corpus=tmp_path / "c", round_name="one", guidelines="2.0", adjudicator="me")
    assert sorted(files(tmp_path)) == ["a.jsonl", "b.jsonl", "c/gold/tessen-bridge.json", "r/tessen-bridge.record.json"]
    record = read_record(tmp_path / "r" / "tessen-bridge.record.json").record
    assert record is not None
    assert (record.round, record.guidelines) == ("one", "2.0")


def test_what_stands_there_is_replaced_only_when_asked_for(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", BRIDGE), write(tmp_path / "b.jsonl", BRIDGE)
    merges, out = merged_of(a, b), tmp_path / "out"
    assert concluded(merges, None, out).findings == []
    whole = files(out)
    assert concluded(merges, None, out).written == []
    for name in whole:
        (out / name).write_bytes(whole[name] + b" ")
        before = files(out)
        done = concluded(merges, None, out)
        assert [(f.code, f.severity, f.path) for f in done.findings] == [("ADJ_FILE_DIFFERS", "error", str(out / name))]
        assert done.written == []
        assert files(out) == before
        assert concluded(merges, None, out, force=True).written == [out / name]
        assert files(out) == whole


def test_two_decisions_on_one_document_are_an_error(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", BRIDGE, TALKS), write(tmp_path / "b.jsonl", BRIDGE, TALKS)
    both = tmp_path / "decided.jsonl"
    both.write_bytes(encode_jsonl([R(BRIDGE, by="x"), R(BRIDGE, by="y"), R(TALKS, by="x")]))
    done = concluded(merged_of(a, b), both, tmp_path / "out")
    assert codes(done.findings) == ["DUPLICATE_DOCUMENT"]
    assert list(done.settled) == ["belmar-talks"]
    assert not (tmp_path / "out" / "gold" / "tessen-bridge.json").exists()


def test_a_decided_document_that_was_not_merged_is_named(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", BRIDGE), write(tmp_path / "b.jsonl", BRIDGE)
    done = concluded(merged_of(a, b), write(tmp_path / "d.jsonl", BRIDGE, TALKS), tmp_path / "out")
    assert [(f.code, f.doc) for f in done.findings] == [("UNKNOWN_DOCUMENT", "belmar-talks")]
    assert list(done.settled) == ["tessen-bridge"]


def test_gold_is_validated_before_it_is_written(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", BRIDGE), write(tmp_path / "b.jsonl", BRIDGE)
    merges = merged_of(a, b)
    rows = read_rows([], ARTICLES, LABELS)
    done = conclude(merges, rows, collect([], {}), LABELS, out=tmp_path / "out", kb=frozenset({"other"}))
    assert set(codes(done.findings)) == {"BAD_LINK"}
    assert not (tmp_path / "out").exists()


def exported(note: str, annotation: Annotation, article: Article, tmp_path: Path, **row: Any) -> Path:
    """A Label Studio export with one annotation and a note on the whole text."""
    from newsgold.annotation.label_studio import tasks

    (task,) = tasks([article], LABELS, annotations={article.id: [annotation]}, as_annotations=True)
    task["annotations"][0]["result"].append(
        {"value": {"text": [note]}, "id": "n", "from_name": "doc_note", "to_name": "text", "type": "textarea"}
    )
    task["annotations"][0] |= row
    path = tmp_path / "export.json"
    path.write_text(json.dumps([task]))
    return path


def test_reasons_come_from_the_note_on_the_whole_text(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", BRIDGE), write(tmp_path / "b.jsonl", without(BRIDGE, "stances", 0))
    note = "R21 D1: in the article's own voice\n? D2: nothing\nhard to read"
    decided = exported(note, R(BRIDGE, by="ann-3"), ARTICLES["tessen-bridge"], tmp_path)
    done = concluded(merged_of(a, b), decided, tmp_path / "out")
    assert done.findings == []
    record = done.settled["tessen-bridge"].record
    assert record.adjudicator == "ann-3"
    assert record.notes == ("hard to read",)
    assert [(d.rule, d.why) for d in record.decisions] == [("R21", "in the article's own voice")]


def test_drafts_and_skipped_tasks_decide_nothing(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", BRIDGE), write(tmp_path / "b.jsonl", without(BRIDGE, "stances", 0))
    skipped = exported("", R(BRIDGE, by="ann-3"), ARTICLES["tessen-bridge"], tmp_path, was_cancelled=True)
    done = concluded(merged_of(a, b), skipped, tmp_path / "out")
    assert codes(done.findings) == ["ADJ_UNDECIDED", "LS_NO_ANNOTATION"]
    assert done.settled == {}
    (task,) = json.loads(skipped.read_text())
    task["drafts"] = [{**task.pop("annotations")[0], "was_cancelled": False}]
    draft = tmp_path / "draft.json"
    draft.write_text(json.dumps([task]))
    (row,) = import_export(draft, ARTICLES, LABELS).passes
    assert (row.status, row.annotation is None) == ("draft", False)
    assert codes(concluded(merged_of(a, b), draft, tmp_path / "out").findings) == ["ADJ_UNDECIDED", "LS_NO_ANNOTATION"]


def test_notes_of_annotators_are_kept_in_the_record(tmp_path: Path) -> None:
    a = exported("not sure of L3\n\nand L4", R(BRIDGE, by="a"), ARTICLES["tessen-bridge"], tmp_path)
    b = write(tmp_path / "b.jsonl", BRIDGE)
    done = concluded(merged_of(a, b), None, tmp_path / "out")
    assert done.settled["tessen-bridge"].record.notes_of_passes == {"a": ("not sure of L3", "and L4")}


# ---------------------------------------------------------------------------- command


def newsgold(*arguments: str | Path, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "newsgold.cli", *map(str, arguments)],
        cwd=home,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def test_the_command_from_passes_to_gold(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", BRIDGE)
    write(tmp_path / "b.jsonl", without(BRIDGE, "stances", 0))
    call = ("annotation", "adjudicate", "a.jsonl", "b.jsonl", "--articles", CORPUS, "--out")
    first = newsgold(*call, "work", home=tmp_path)
    assert (first.returncode, first.stderr) == (0, "tessen-bridge: a, b; disputes: 1 stances\n0 error(s), 0 warning(s)\n")
    assert first.stdout.splitlines()[-1] == "wrote work/tasks.json"
    write(tmp_path / "decided.jsonl", BRIDGE)
    second = newsgold(*call, "out", "--decided", "decided.jsonl", home=tmp_path)
    assert second.returncode == 0
    assert "ADJ_NO_RULE" in second.stdout
    assert (tmp_path / "out" / "gold" / "tessen-bridge.json").is_file()
    wrong = newsgold(*call, "work", "--url", "http://127.0.0.1:9", home=tmp_path)
    assert wrong.returncode == 2
    assert newsgold(*call, "work", "--force", home=tmp_path).returncode == 2


# ----------------------------------------------------------------------------- server


def test_disputes_go_to_a_server_and_come_back_as_gold(studio: local.Local, tmp_path: Path) -> None:
    """Push the versions, submit one of them with reasons as an adjudicator would, pull it, and conclude."""
    import httpx

    a, b = write(tmp_path / "a.jsonl", BRIDGE, TALKS), write(tmp_path / "b.jsonl", without(BRIDGE, "stances", 0), TALKS)
    project = f"round {uuid.uuid4().hex[:8]}"
    title = f"{project}/adjudication"
    call = ("annotation", "adjudicate", a, b, "--articles", CORPUS, "--out", tmp_path / "work", "--url", studio.url)
    done = newsgold(*call, "--project", project, home=tmp_path, LABEL_STUDIO_API_KEY=studio.token)
    assert done.returncode == 0, done.stderr
    assert studio.token not in done.stdout + done.stderr
    again = newsgold(*call, "--project", project, home=tmp_path, LABEL_STUDIO_API_KEY=studio.token)
    assert again.returncode == 0, again.stderr
    with httpx.Client(base_url=studio.url, headers={"Authorization": f"Token {studio.token}"}, timeout=60) as web:
        listed = web.get("/api/projects", params={"title": title}).json()["results"]
        (found,) = [row["id"] for row in listed if row["title"] == title]
        (task,) = web.get("/api/tasks", params={"project": found, "fields": "all"}).json()["tasks"]
        assert task["data"]["doc_id"] == "tessen-bridge"
        shown = {p["model_version"]: p["result"] for p in task["predictions"]}
        assert set(shown) == {"a", "b", MERGED}
        note = {"value": {"text": ["R21 D1: in the article's own voice"]}, "id": "n", "from_name": "doc_note", "to_name": "text"}
        body = {"result": [*shown["a"], {**note, "type": "textarea"}], "was_cancelled": False}
        assert web.post(f"/api/tasks/{task['id']}/annotations/", json=body).status_code == 201
    pulled = tmp_path / "pulled"
    fetch = ("annotation", "pull", "--articles", CORPUS, "--out", pulled, "--url", studio.url, "--project", title)
    fetched = newsgold(*fetch, home=tmp_path, LABEL_STUDIO_API_KEY=studio.token)
    assert fetched.returncode == 0, fetched.stdout + fetched.stderr
    concluded_now = concluded(merged_of(a, b), pulled, tmp_path / "out")
    assert concluded_now.findings == []
    assert sorted(concluded_now.settled) == ["belmar-talks", "tessen-bridge"]
    record = concluded_now.settled["tessen-bridge"].record
    assert record.adjudicator.startswith("annotator-")
    assert [(d.decision, d.rule) for d in record.decisions] == [("kept", "R21")]
    assert next(iter(concluded_now.settled["tessen-bridge"].gold.stances or ())).holder == "AUTHOR"
    # the file of tasks is taken as well, with the note that one starts from
    with httpx.Client(base_url=studio.url, headers={"Authorization": f"Token {studio.token}"}, timeout=60) as web:
        made = json.loads((tmp_path / "work" / "tasks.json").read_text())
        answer = web.post(f"/api/projects/{found}/import", json=made)
        assert (answer.status_code, answer.json()["prediction_count"]) == (201, 3), answer.text


@pytest.mark.parametrize("name", ["a.json", "raw/x.json"])
def test_an_export_is_read_as_one_wherever_it_lies(name: str, tmp_path: Path) -> None:
    path = exported("", R(BRIDGE, by="a"), ARTICLES["tessen-bridge"], tmp_path)
    target = tmp_path / "in" / name
    target.parent.mkdir(parents=True)
    path.rename(target)
    rows = read_rows([target], ARTICLES, LABELS)
    assert rows.rows["tessen-bridge"][0].annotation == import_export(target, ARTICLES, LABELS).passes[0].annotation


@pytest.mark.parametrize("name", ["../tessen-bridge", "a/b", "A"])
def test_no_path_is_made_of_a_bad_id(name: str, tmp_path: Path) -> None:
    articles = {name: R(ARTICLES["tessen-bridge"], id=name)}
    given_passes = [write(tmp_path / f"{n}.jsonl", R(BRIDGE, id=name)) for n in "ab"]
    merges = merge_rows(read_rows(given_passes, articles, LABELS), articles, LABELS)
    assert set(codes(merges.findings)) == {"BAD_ID"}
    assert merges.merges == {}
