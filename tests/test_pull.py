"""Pull from a real server: what was pushed comes back, what people do there is seen, and nothing on file is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bridge import LABELS, Web, article, marked, title
from fault_proxy import proxy
from newsgold.annotation import label_studio
from newsgold.annotation import pull as pull_module
from newsgold.annotation.intake import take_in
from newsgold.annotation.local import Local
from newsgold.annotation.pull import Pulled, pull
from newsgold.annotation.push import push
from newsgold.annotation.server import Server, connect
from newsgold.corpus.codec import encode, encode_jsonl
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.errors import DataError, FileFault, Finding, ServerFault
from strategies_studio import Case, cases

ARTICLES = [article(number) for number in range(3)]
PASSES = {a.id: [marked(a, "gold")] for a in ARTICLES}


@pytest.fixture(scope="module")
def server(studio: Local) -> Server:
    return connect(studio.url, studio.token)


@pytest.fixture
def no_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what changed is fetched; the tests are faster than any clock runs ahead."""
    monkeypatch.setattr(pull_module, "OVERLAP", timedelta(0) - timedelta(microseconds=1))


def codes(found: Sequence[Finding]) -> list[str]:
    return [f.code for f in found if f.code != "LS_NO_ANNOTATION"]


def fetch(server: Server, name: str, out: Path, articles: Sequence[Article] = ARTICLES, **options: Any) -> Pulled:
    return pull(server, articles, LABELS, project=name, out=out, **options)


def on_file(path: Path) -> dict[str, Annotation]:
    return {record.value.id: record.value for record in read_annotations(path).records}


class Round:
    """A project with three articles and a pass over each, pulled once."""

    def __init__(self, server: Server, studio: Local, out: Path, by: str = "gold") -> None:
        self.server, self.out, self.name, self.by = server, out, title(), by
        self.web, self.second = Web(studio), Web(studio, 1)
        push(server, ARTICLES, LABELS, project=self.name, annotations={a.id: [marked(a, by)] for a in ARTICLES})
        assert self.pull().fetched == 3
        self.project = self.web.project(self.name)
        self.raw = out / "raw" / f"{self.name}.json"
        self.deleted = out / "raw" / f"{self.name}.deleted.json"
        self.tasks = {task["data"]["doc_id"]: task for task in json.loads(self.raw.read_bytes())}

    def pull(self, **options: Any) -> Pulled:
        return fetch(self.server, self.name, self.out, **options)

    def passes(self) -> dict[str, Annotation]:
        return on_file(self.out / f"{self.by}.jsonl")

    def row(self, doc: str) -> dict[str, Any]:
        (row,) = self.tasks[doc]["annotations"]
        return row


@pytest.fixture
def held(server: Server, studio: Local, tmp_path: Path, no_overlap: None) -> Round:
    return Round(server, studio, tmp_path / "out")


# ------------------------------------------------------------------------ identity


def test_gold_of_the_corpus_comes_back_byte_for_byte(server: Server, corpus: Path, tmp_path: Path) -> None:
    articles = [r.value for r in read_articles(corpus).records]
    gold = [r.value for r in read_annotations(corpus).records]
    name = title("corpus")
    done = push(
        server, articles, LABELS, project=name, annotations={a.id: [a] for a in gold}, predictions={a.id: [a] for a in gold}
    )
    assert not done.findings
    back = fetch(server, name, tmp_path, articles)
    assert not back.findings
    assert gold
    assert (tmp_path / "gold.jsonl").read_bytes() == encode_jsonl(gold)
    assert back.passes == {("gold", "submitted"): len(gold)}


def numbered(case: Case, number: int) -> Case:
    name = f"doc-{number}"
    found = msgspec.structs.replace(case.article, id=name)
    return Case(found, msgspec.structs.replace(case.annotation, id=name), case.inventory)


@settings(max_examples=1, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)
@given(st.lists(cases().filter(lambda case: not case.article.text.isspace()), min_size=25, max_size=25))
def test_any_annotation_comes_back(server: Server, tmp_path_factory: pytest.TempPathFactory, many: list[Case]) -> None:
    made = [numbered(case, number) for number, case in enumerate(many)]
    for which in {case.inventory for case in made}:
        some = [case for case in made if case.inventory == which]
        articles, name, out = [case.article for case in some], title("random"), tmp_path_factory.mktemp("out")
        passes = {case.annotation.id: [case.annotation] for case in some}
        pushed = push(server, articles, some[0].labels, project=name, annotations=passes)
        pulled = pull(server, articles, some[0].labels, project=name, out=out)
        assert [str(note) for note in (*pushed.findings, *pulled.findings)] == []
        assert (out / "gold.jsonl").read_bytes() == encode_jsonl(case.annotation for case in some)


def test_each_annotator_s_pass_keeps_its_name(server: Server, tmp_path: Path) -> None:
    name = title()
    passes = {a.id: [marked(a, "ann"), marked(a, "bob", ["Tessen"])] for a in ARTICLES}
    push(server, ARTICLES, LABELS, project=name, annotators=("ann", "bob"), annotations=passes)
    push(server, ARTICLES, LABELS, project=f"{name}/adjudication")
    done = fetch(server, name, tmp_path)
    assert list(done.projects) == [f"{name}/ann", f"{name}/bob"]
    for place, by in enumerate(("ann", "bob")):
        assert on_file(tmp_path / f"{by}.jsonl") == {a.id: passes[a.id][place] for a in ARTICLES}
    alone = fetch(server, f"{name}/bob", tmp_path / "alone")
    assert alone.passes == {("bob", "submitted"): 3}
    together = title()
    push(server, ARTICLES, LABELS, project=together, annotations=passes)
    assert fetch(server, together, tmp_path / "together").passes == {("ann", "submitted"): 3, ("bob", "submitted"): 3}


def test_work_done_on_the_server_has_its_user_s_name(held: Round, server: Server, studio: Local) -> None:
    name = title()
    push(server, ARTICLES, LABELS, project=name)
    task = Web(studio).export(name)[0]
    items = held.row(task["data"]["doc_id"])["result"]
    held.second.call("POST", f"/api/tasks/{task['id']}/annotations/", json={"result": items})
    assert fetch(server, name, held.out).passes == {("annotator-2", "submitted"): 1}
    blind = title()
    push(server, ARTICLES, LABELS, project=blind, annotators=("ann",))
    task = Web(studio).export(f"{blind}/ann")[0]
    held.second.call("POST", f"/api/tasks/{task['id']}/annotations/", json={"result": items})
    assert fetch(server, blind, held.out).passes == {("ann", "submitted"): 1}


def test_importing_the_raw_export_gives_the_same(held: Round, tmp_path: Path) -> None:
    by_id = {a.id: a for a in ARTICLES}
    other = take_in([held.raw], by_id, LABELS, tmp_path / "other")
    assert [f.documents for f in other.files] == [3]
    assert (tmp_path / "other" / "gold.jsonl").read_bytes() == (held.out / "gold.jsonl").read_bytes()
    done = label_studio.import_export(held.raw, by_id, LABELS)
    assert [p.annotation for p in done.passes] == list(held.passes().values())
    (tmp_path / "texts.jsonl").write_bytes(encode_jsonl(ARTICLES))
    command = [
        sys.executable,
        "-m",
        "newsgold.cli",
        "annotation",
        "import",
        str(held.raw),
        "--articles",
        "texts.jsonl",
        "--out",
        "o",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "o" / "gold.jsonl").read_bytes() == (held.out / "gold.jsonl").read_bytes()


# --------------------------------------------------------------------- incremental


def test_only_what_changed_is_fetched_and_the_raw_export_stays_whole(held: Round) -> None:
    before = held.raw.read_bytes()
    # the latest change itself is always fetched again
    assert held.pull().fetched <= 1
    assert held.raw.read_bytes() == before
    row = held.row("doc-0")
    held.web.call("PATCH", f"/api/annotations/{row['id']}/", json={"result": [*row["result"]], "ground_truth": False})
    done = held.pull()
    assert done.fetched in (1, 2)
    tasks = json.loads(held.raw.read_bytes())
    assert [task["id"] for task in tasks] == sorted(task["id"] for task in held.tasks.values())
    theirs = {task["id"]: task for task in held.web.export(held.name)}
    for task in tasks:
        for own in task["annotations"]:
            del own["newsgold_by"]
        assert task == theirs[task["id"]]


def test_changes_within_the_overlap_are_fetched_again(held: Round, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull_module, "OVERLAP", timedelta(minutes=5))
    assert held.pull().fetched == 3


def test_new_articles_and_drafts_are_fetched(held: Round) -> None:
    more = article(9)
    push(held.server, [*ARTICLES, more], LABELS, project=held.name)
    assert held.pull(articles=[*ARTICLES, more]).fetched in (1, 2)
    task = max(held.web.export(held.name), key=lambda task: task["id"])
    draft = {"result": held.row("doc-0")["result"], "lead_time": 1.0}
    held.second.call("POST", f"/api/tasks/{task['id']}/drafts", json=draft)
    done = held.pull(articles=[*ARTICLES, more])
    assert done.passes == {("gold", "submitted"): 3, ("annotator-2", "draft"): 1}
    assert not (held.out / "annotator-2.jsonl").exists()


def test_a_raw_export_that_was_broken_is_not_overwritten(held: Round) -> None:
    held.raw.write_bytes(held.raw.read_bytes()[:-40])
    with pytest.raises(FileFault, match="move it away"):
        held.pull()
    before = held.passes()
    held.raw.unlink()
    assert held.pull().fetched == 3
    assert held.passes() == before


@pytest.mark.parametrize("fault", ["502", "cut_answer"])
def test_a_pull_that_is_cut_gives_the_same_in_the_end(fault: str, held: Round, studio: Local, tmp_path: Path) -> None:
    whole = held.raw.read_bytes()
    with proxy(studio.url) as faulty:
        shaky = connect(faulty.url, studio.token, timeout=1)
        faulty.script({})
        fetch(shaky, held.name, tmp_path / "count")
        for number in range(len(faulty.seen)):
            faulty.script({number: fault, number + 1: fault, number + 2: fault} if number == 4 else {number: fault})
            try:
                fetch(shaky, held.name, tmp_path / "cut")
            except ServerFault:
                fetch(shaky, held.name, tmp_path / "cut")
            shutil.rmtree(tmp_path / "cut" / "raw") if number % 2 else None
        fetch(held.server, held.name, tmp_path / "cut")
    assert (tmp_path / "cut" / "raw" / held.raw.name).read_bytes() == whole
    assert (tmp_path / "cut" / "gold.jsonl").read_bytes() == (held.out / "gold.jsonl").read_bytes()


# ----------------------------------------------------------------- what people do


def test_a_change_by_another_user_is_shown(held: Round) -> None:
    row = held.row("doc-1")
    held.second.call("PATCH", f"/api/annotations/{row['id']}/", json={"result": row["result"]})
    for _ in range(2):
        (note,) = held.pull().findings
        assert (note.code, note.severity, note.doc) == ("LS_EDITED", "warning", "doc-1")
        assert note.got == "user 2, where user 1 is the author"
    assert held.passes()["doc-1"] == marked(ARTICLES[1], "gold")


def test_a_pass_is_not_replaced_by_less(held: Round) -> None:
    row, before = held.row("doc-0"), held.passes()
    less = [item for item in row["result"] if item["id"] == row["result"][0]["id"]]
    held.web.call("PATCH", f"/api/annotations/{row['id']}/", json={"result": less})
    done = held.pull()
    assert codes(done.findings) == ["LS_FEWER"]
    assert held.passes() == before
    assert codes(held.pull(accept_loss=True).findings) == []
    assert len(held.passes()["doc-0"].mentions or ()) == 1


@pytest.mark.parametrize("skipped", [True, False])
def test_a_pass_that_was_skipped_or_emptied_stays_on_file(skipped: bool, held: Round) -> None:
    row, before = held.row("doc-0"), held.passes()
    held.web.call("PATCH", f"/api/annotations/{row['id']}/", json={"was_cancelled": True} if skipped else {"result": []})
    done = held.pull()
    assert done.passes["gold", "skipped" if skipped else "empty"] == 1
    assert codes(done.findings) == ["LS_FEWER"]
    assert held.passes() == before
    assert codes(held.pull(accept_loss=True).findings) == []
    assert ("doc-0" in held.passes()) is not skipped


@pytest.mark.parametrize("what", ["task", "annotation"])
def test_what_was_deleted_by_hand_stays_on_file(what: str, held: Round) -> None:
    row, task, before = held.row("doc-2"), held.tasks["doc-2"], held.passes()
    path = f"/api/tasks/{task['id']}/" if what == "task" else f"/api/annotations/{row['id']}/"
    held.web.call("DELETE", path)
    for _ in range(2):
        (note,) = [f for f in held.pull().findings if f.code != "LS_NO_ANNOTATION"]
        assert (note.code, note.severity, note.doc, note.got) == ("LS_GONE", "error", "doc-2", "no annotation by gold")
        assert note.path.endswith(f"/projects/{held.project}/data?task={task['id']}")
    assert held.passes() == before
    assert len(json.loads(held.raw.read_bytes())) == (2 if what == "task" else 3)
    (kept,) = json.loads(held.deleted.read_bytes())
    assert kept["annotations"] == [row]
    assert kept["data"] == task["data"]
    done = held.pull(accept_loss=True)
    assert codes(done.findings) == []
    assert sorted(held.passes()) == ["doc-0", "doc-1"]
    assert not held.deleted.exists()
    assert codes(held.pull().findings) == []


def test_what_was_deleted_and_pushed_again_is_no_loss(held: Round) -> None:
    held.web.call("DELETE", f"/api/tasks/{held.tasks['doc-2']['id']}/")
    assert codes(held.pull().findings) == ["LS_GONE"]
    push(held.server, ARTICLES, LABELS, project=held.name, annotations=PASSES)
    assert codes(held.pull().findings) == []
    assert len(held.passes()) == 3


def test_a_deleted_task_without_work_is_a_warning_once(server: Server, studio: Local, tmp_path: Path) -> None:
    name, web = title(), Web(studio)
    push(server, ARTICLES, LABELS, project=name)
    fetch(server, name, tmp_path)
    web.call("DELETE", f"/api/tasks/{web.export(name)[0]['id']}/")
    found = [f for f in fetch(server, name, tmp_path).findings if f.code == "LS_GONE"]
    assert [(f.severity, f.got) for f in found] == [("warning", "no task")]
    assert codes(fetch(server, name, tmp_path).findings) == []


def test_a_project_that_was_made_anew_is_another_one(held: Round) -> None:
    before = held.passes()
    held.web.call("DELETE", f"/api/projects/{held.project}/")
    with pytest.raises(ServerFault, match="there is no project"):
        held.pull()
    push(held.server, ARTICLES, LABELS, project=held.name)
    done = held.pull()
    assert codes(done.findings) == ["LS_GONE"] * 3
    assert held.passes() == before


def test_two_passes_under_one_name_are_a_finding(server: Server, studio: Local, held: Round) -> None:
    name, web = title(), Web(studio)
    push(server, ARTICLES[:1], LABELS, project=name, annotators=("ann",))
    (task,) = web.export(f"{name}/ann")
    for user, items in ((held.web, held.row("doc-0")["result"]), (held.second, [])):
        user.call("POST", f"/api/tasks/{task['id']}/annotations/", json={"result": items})
    done = fetch(server, name, held.out)
    assert set(codes(done.findings)) == {"DUPLICATE_DOCUMENT"}
    assert not (held.out / "ann.jsonl").exists()


def test_a_text_that_was_changed_is_refused(held: Round) -> None:
    task, before = held.tasks["doc-1"], held.passes()
    data = {**task["data"], "text": task["data"]["text"].replace("met", "saw")}
    held.web.call("PATCH", f"/api/tasks/{task['id']}/", json={"data": data})
    assert codes(held.pull().findings) == ["LS_TEXT"]
    assert held.passes() == before
    changed = article(0, "Ana Dorvik left Tessen.")
    assert set(codes(held.pull(articles=[changed]).findings)) == {"LS_TEXT", "UNKNOWN_DOCUMENT"}


def test_corrupt_work_is_refused_by_region_and_named_by_annotator(held: Round) -> None:
    row, before = held.row("doc-0"), held.passes()
    broken = json.loads(json.dumps(row["result"]))
    broken[0]["value"]["end"] = 10_000
    broken.append({"type": "relation", "from_id": "m0", "to_id": "nowhere", "direction": "right", "labels": ["controls"]})
    held.web.call("PATCH", f"/api/annotations/{row['id']}/", json={"result": broken})
    done = held.pull()
    assert set(codes(done.findings)) == {"LS_OFFSETS", "LS_RELATION_DANGLING"}
    assert all("by gold" in f.got for f in done.findings)
    assert held.passes() == before


def test_predictions_alone_are_no_passes(server: Server, tmp_path: Path) -> None:
    name = title()
    push(server, ARTICLES, LABELS, project=name, predictions=PASSES)
    done = fetch(server, name, tmp_path)
    assert [f.code for f in done.findings] == ["LS_NO_ANNOTATION"] * 3
    assert not done.files


def test_another_configuration_is_refused(held: Round) -> None:
    labels = msgspec.structs.replace(LABELS, relations={})
    with pytest.raises(DataError) as caught:
        pull(held.server, ARTICLES, labels, project=held.name, out=held.out)
    assert codes(caught.value.findings) == ["LS_CONFIG"]


def test_a_description_that_somebody_emptied_costs_the_name_only(server: Server, studio: Local, tmp_path: Path) -> None:
    name, web = title(), Web(studio)
    push(server, ARTICLES, LABELS, project=name, annotations=PASSES)
    push(server, ARTICLES, LABELS, project=name, annotators=("ann",))
    for own in (name, f"{name}/ann"):
        web.call("PATCH", f"/api/projects/{web.project(own)}/", json={"description": ""})
    done = fetch(server, name, tmp_path)
    assert done.passes == {("annotator-1", "submitted"): 3}
    assert list(done.projects) == [name, f"{name}/ann"]
    push(server, ARTICLES, LABELS, project=name, annotations=PASSES)
    assert fetch(server, name, tmp_path / "again").passes == {("gold", "submitted"): 3}


# ------------------------------------------------------------------------- commands


def test_the_commands_push_and_pull(studio: Local, tmp_path: Path) -> None:
    (tmp_path / "articles.jsonl").write_bytes(encode_jsonl(ARTICLES))
    (tmp_path / "gold.jsonl").write_bytes(encode_jsonl(row for rows in PASSES.values() for row in rows))
    (tmp_path / "rules.md").write_text("# Rules\n\n- Mark names.\n")
    name = title("command")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "newsgold.cli", "annotation", *arguments]
        given = ["--url", studio.url, "--project", name, "--articles", "articles.jsonl"]
        environment = {**os.environ, "LABEL_STUDIO_API_KEY": studio.token}
        return subprocess.run([*command, *given], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    done = run("push", "--annotations", "gold.jsonl", "--predictions", "gold.jsonl", "--instructions", "rules.md")
    assert done.returncode == 0, done.stderr
    number = Web(studio).project(name)
    assert done.stdout.splitlines() == [
        f"{name}: {studio.url}/projects/{number}", "tasks: 3 created", "predictions: 3 created", "annotations: 3 created"
    ]  # fmt: skip
    assert Web(studio).call("GET", f"/api/projects/{number}")["expert_instruction"].startswith("<h3>Rules</h3>")
    done = run("pull", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"fetched 3 task(s) of {name}", "wrote out/gold.jsonl: 3 document(s)", "gold: 3 submitted"
    ]  # fmt: skip
    assert (tmp_path / "out" / "gold.jsonl").read_bytes() == (tmp_path / "gold.jsonl").read_bytes()
    assert run("push", "--predictions", "nowhere.jsonl").returncode == 3
    assert run("pull", "--out", "out", "--labels", "nowhere.toml").returncode == 3
    (tmp_path / "gold.jsonl").write_bytes(encode(PASSES["doc-0"][0])[:-9])
    assert run("push", "--annotations", "gold.jsonl").returncode == 1


def test_control_c_ends_a_push_with_130(studio: Local, tmp_path: Path) -> None:
    import signal

    (tmp_path / "articles.jsonl").write_bytes(encode_jsonl(ARTICLES))
    with proxy(studio.url) as slow:
        slow.script({6: "hang_after"})
        command = [sys.executable, "-m", "newsgold.cli", "annotation", "push", "--url", slow.url, "--project", title("stopped")]
        environment = {**os.environ, "LABEL_STUDIO_API_KEY": studio.token}
        process = subprocess.Popen(
            [*command, "--articles", "articles.jsonl"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
        )
        while len(slow.seen) < 7:
            time.sleep(0.02)
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert said.strip() == "newsgold: interrupted"
