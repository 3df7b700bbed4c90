"""Push to a real server: everything arrives once, whatever fails on the way."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bridge import LABELS, Web, article, marked, title
from fault_proxy import Proxy, proxy
from newsgold.annotation import push as push_module
from newsgold.annotation import track
from newsgold.annotation.instructions import to_html
from newsgold.annotation.label_studio import sync_key
from newsgold.annotation.local import Local
from newsgold.annotation.push import Pushed, push
from newsgold.annotation.server import Server, connect
from newsgold.corpus.codec import encode_jsonl
from newsgold.errors import DataError, ServerFault, UsageError

ARTICLES = [article(number) for number in range(3)]
GUESSES = {a.id: [marked(a, "sys-a"), marked(a, "sys-b", ["Petr Halm"])] for a in ARTICLES}
PASSES = {a.id: [marked(a, "gold")] for a in ARTICLES}
DOCS = [a.id for a in ARTICLES]


@pytest.fixture(scope="module")
def faulty(studio: Local) -> Iterator[Proxy]:
    with proxy(studio.url) as running:
        yield running


@pytest.fixture(scope="module")
def server(studio: Local) -> Server:
    return connect(studio.url, studio.token)


@pytest.fixture(scope="module")
def shaky(faulty: Proxy, studio: Local) -> Server:
    return connect(faulty.url, studio.token, timeout=1.5)


@pytest.fixture
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_module, "BATCH", 2)
    monkeypatch.setattr(track, "_GRACE", 0.05)
    monkeypatch.setattr(track, "_LOOKS", (0.1, 0.3))


def push_all(server: Server, name: str) -> Pushed:
    return push(server, ARTICLES, LABELS, project=name, predictions=GUESSES, annotations=PASSES)


def everything_once(studio: Local, name: str) -> None:
    held = Web(studio).held(name)
    assert held.tasks == Counter(DOCS)
    assert sorted(doc for doc, _ in held.annotations) == DOCS
    assert set(held.annotations.values()) == {1}
    assert held.predictions == Counter((doc, by) for doc in DOCS for by in ("sys-a", "sys-b"))


# --------------------------------------------------------------------- what arrives


def test_everything_arrives_once_however_often_it_is_pushed(server: Server, studio: Local) -> None:
    name = title()
    first, second = push_all(server, name), push_all(server, name)
    everything_once(studio, name)
    assert (first.tasks["created"], first.annotations["created"], first.predictions["created"]) == (3, 3, 6)
    assert second.tasks == Counter(found=3)
    assert second.annotations == Counter(found=3)
    assert second.predictions == Counter(found=6)
    assert not first.findings
    assert not second.findings


def test_later_articles_and_an_iterator_join_the_project(server: Server, studio: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    name = title()
    push(server, iter(ARTICLES[:2]), LABELS, project=name)
    monkeypatch.setattr(track, "_LISTED", 0)  # now articles are looked for by name
    done = push(server, ARTICLES, LABELS, project=name, predictions=GUESSES)
    assert done.tasks == Counter(found=2, created=1)
    assert Web(studio).held(name).predictions == Counter((doc, by) for doc in DOCS for by in ("sys-a", "sys-b"))


def test_a_prediction_is_replaced_by_the_one_pushed_last_and_others_stay(server: Server, studio: Local) -> None:
    name = title()
    push_all(server, name)
    better = {a.id: [marked(a, "sys-a", ["Tessen"])] for a in ARTICLES[:1]}
    done = push(server, ARTICLES[:1], LABELS, project=name, predictions=better)
    assert done.predictions == Counter(replaced=1)
    everything_once(studio, name)
    web = Web(studio)
    rows = web.call("GET", "/api/predictions", params={"project": web.project(name)})
    (row,) = [r for r in rows if r["model_version"] == "sys-a" and r["task"] == min(r["task"] for r in rows)]
    assert [i["value"]["text"] for i in row["result"] if i["from_name"] == "mention"] == ["Tessen"]


def test_a_task_whose_prediction_was_deleted_or_doubled_is_mended(server: Server, studio: Local) -> None:
    name = title()
    push_all(server, name)
    web = Web(studio)
    rows = web.call("GET", "/api/predictions", params={"project": web.project(name)})
    web.call("DELETE", f"/api/predictions/{rows[0]['id']}/")
    copy = {key: rows[1][key] for key in ("task", "model_version", "result")}
    web.call("POST", f"/api/projects/{web.project(name)}/import/predictions", json=[copy])
    push_all(server, name)
    everything_once(studio, name)


def test_each_annotator_has_a_project_and_only_his_own_pass(server: Server, studio: Local) -> None:
    name = title()
    passes = {a.id: [marked(a, "ann"), marked(a, "bob")] for a in ARTICLES}
    done = push(server, ARTICLES, LABELS, project=name, annotators=("ann", "bob"), annotations=passes, predictions=GUESSES)
    assert list(done.projects) == [f"{name}/ann", f"{name}/bob"]
    for own in done.projects:
        held = Web(studio).held(own)
        assert held.tasks == Counter(DOCS)
        assert len(held.annotations) == 3
    alone = push(server, ARTICLES[:1], LABELS, project=name, annotators=("ann",), annotations=PASSES)
    assert [f.code for f in alone.findings] == ["LS_BY", "UNKNOWN_DOCUMENT", "UNKNOWN_DOCUMENT"]


def test_annotators_see_the_instructions(server: Server, studio: Local) -> None:
    name, web = title(), Web(studio)
    push(server, ARTICLES[:1], LABELS, project=name, instructions="# Read\n\nMark **names**.")
    row = web.call("GET", f"/api/projects/{web.project(name)}")
    assert row["expert_instruction"] == to_html("# Read\n\nMark **names**.")
    assert row["show_instruction"] is True
    push(server, ARTICLES[:1], LABELS, project=name, instructions="<p>Better.</p>")
    assert web.call("GET", f"/api/projects/{web.project(name)}")["expert_instruction"] == "<p>Better.</p>"


def test_what_people_wrote_in_the_description_stays(server: Server, studio: Local) -> None:
    name, web = title(), Web(studio)
    push(server, ARTICLES, LABELS, project=name)
    path = f"/api/projects/{web.project(name)}/"
    text = web.call("GET", path)["description"]
    web.call("PATCH", path, json={"description": f"Ask Mara.\n{text}"})
    push_all(server, name)
    assert web.call("GET", path)["description"].startswith("Ask Mara.\n")
    assert '"names":["gold"]' in web.call("GET", path)["description"]


# -------------------------------------------------------------------- what fails

REQUESTS = {
    "lookup": 0, "project": 1, "after": 2, "totals": 4, "tasks": 5, "more tasks": 6, "settle": 7, "name": 8, "pass": 9
}  # fmt: skip
POINTS = [
    *((where, fault) for where in ("project", "tasks", "more tasks", "pass") for fault in (
        "refuse", "cut_body", "502", "502_after", "cut_after", "cut_answer"
    )),
    *((where, "cut_answer") for where in ("lookup", "after", "totals", "settle")),
    *((where, "hang_after") for where in ("tasks", "pass")),
    *((where, "late") for where in ("project", "more tasks", "pass")),
]  # fmt: skip


def test_the_points_are_where_they_are_said_to_be(shaky: Server, faulty: Proxy, batches_of_two: None) -> None:
    faulty.script({})
    push_all(shaky, title())
    calls = [faulty.seen[number] for number in REQUESTS.values()]
    number = faulty.seen[3].split("/")[3]
    projects, tasks = "/api/projects", "/api/tasks"
    assert calls[:4] == [f"GET {projects}", f"POST {projects}/", f"GET {projects}", f"GET {tasks}"]
    assert calls[4:6] == [f"POST {projects}/{number}/import"] * 2
    assert calls[6:8] == [f"GET {tasks}", f"PATCH {projects}/{number}/"]
    assert all(call.startswith("POST /api/tasks/") for call in calls[8:])
    assert len(faulty.seen) == 12
    assert len(POINTS) >= 33


@pytest.mark.parametrize(("where", "fault"), POINTS)
def test_a_push_that_failed_anywhere_is_run_again_and_everything_is_there_once(
    where: str, fault: str, shaky: Server, server: Server, faulty: Proxy, studio: Local, batches_of_two: None
) -> None:
    name = title("fault")
    faulty.script({REQUESTS[where]: fault})
    with contextlib.suppress(ServerFault):
        push_all(shaky, name)
    assert len(faulty.seen) > REQUESTS[where]
    faulty.settle()
    done = push_all(server, name)
    assert not done.findings
    everything_once(studio, name)


def test_every_third_request_may_fail(shaky: Server, faulty: Proxy, studio: Local, batches_of_two: None) -> None:
    name = title("fault")
    kinds = ("502_after", "cut_after", "refuse")
    faulty.script({number: kinds[number // 3 % 3] for number in range(0, 60, 3)})
    push_all(shaky, name)
    assert len(faulty.seen) > 15
    everything_once(studio, name)


@pytest.mark.parametrize("fault", ["502_after", "cut_after", "hang_after"])
def test_predictions_for_tasks_that_are_there_survive_failures(
    fault: str, shaky: Server, faulty: Proxy, studio: Local, batches_of_two: None
) -> None:
    name = title("fault")
    faulty.script({})
    push(shaky, ARTICLES, LABELS, project=name, annotations=PASSES)
    faulty.script({5: fault})
    push_all(shaky, name)
    assert faulty.seen[5].endswith("/import/predictions")
    everything_once(studio, name)


def test_tasks_that_come_late_are_not_there_twice(
    shaky: Server, faulty: Proxy, studio: Local, batches_of_two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The create is sent again because nothing was seen of it; then it comes to pass."""
    name = title("fault")
    monkeypatch.setattr(track, "_LOOKS", (0.0,))
    monkeypatch.setattr(track, "_GRACE", 1.5)
    faulty.script({REQUESTS["more tasks"]: "late"})
    done = push_all(shaky, name)
    imports = [call for call in faulty.seen if call.endswith("/import")]
    assert len(imports) == 3
    assert any(call.startswith("DELETE /api/tasks/") for call in faulty.seen)
    assert done.tasks["created"] + done.tasks["found"] == 3
    everything_once(studio, name)


@pytest.mark.parametrize(
    ("where", "fault"), [("project", "kill_after"), ("tasks", "kill"), ("tasks", "kill_after"), ("pass", "kill_after")]
)
def test_a_killed_command_is_run_again(
    where: str, fault: str, faulty: Proxy, studio: Local, server: Server, tmp_path: Path
) -> None:
    name = title("killed")
    (tmp_path / "articles.jsonl").write_bytes(encode_jsonl(ARTICLES))
    for stem, by_doc in (("guesses", GUESSES), ("passes", PASSES)):
        (tmp_path / f"{stem}.jsonl").write_bytes(encode_jsonl(row for rows in by_doc.values() for row in rows))
    # the connection takes two requests more than a Server that is there already, all articles are one batch
    faulty.script({2 + REQUESTS[where]: fault})
    command = [sys.executable, "-m", "newsgold.cli", "annotation", "push", "--url", faulty.url, "--project", name]
    command += ["--articles", "articles.jsonl", "--predictions", "guesses.jsonl", "--annotations", "passes.jsonl"]
    environment = {**os.environ, "LABEL_STUDIO_API_KEY": studio.token}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    faulty.pid = process.pid
    _, said = process.communicate(timeout=60)
    assert process.returncode == -9, said.decode()
    assert studio.token.encode() not in said
    done = push_all(server, name)
    assert not done.findings
    everything_once(studio, name)


# ------------------------------------------------------------------ what is refused


def test_articles_that_cannot_be_sent_are_findings_and_the_others_arrive(server: Server, studio: Local) -> None:
    name = title()
    half = msgspec.structs.replace(ARTICLES[0], id="half", text="a \ud800 b", text_sha256=None)
    other = msgspec.structs.replace(ARTICLES[1], id="other", text_sha256="0" * 64)
    done = push(server, [half, ARTICLES[0], ARTICLES[0], other], LABELS, project=name)
    assert [(f.code, f.severity) for f in done.findings] == [
        (code, "error") for code in ("LONE_SURROGATE", "DUPLICATE_DOCUMENT", "ARTICLE_HASH")
    ]
    assert Web(studio).held(name).tasks == Counter(["doc-0"])


def test_two_passes_of_one_author_are_a_finding(server: Server) -> None:
    twice = {ARTICLES[0].id: [marked(ARTICLES[0], "ann"), marked(ARTICLES[0], "ann", ["Tessen"])]}
    done = push(server, ARTICLES[:1], LABELS, project=title(), annotations=twice)
    assert [f.code for f in done.findings] == ["DUPLICATE_DOCUMENT"]
    assert not done.annotations


def test_a_pass_that_changed_since_is_not_overwritten(server: Server, studio: Local) -> None:
    name = title()
    push_all(server, name)
    other = {a.id: [marked(a, "gold", ["Tessen"])] for a in ARTICLES[:1]}
    done = push(server, ARTICLES[:1], LABELS, project=name, annotations=other)
    assert [(f.code, f.doc) for f in done.findings] == [("LS_KEPT", "doc-0")]
    everything_once(studio, name)


def test_a_project_on_another_configuration_is_refused(server: Server, studio: Local) -> None:
    name, web = title(), Web(studio)
    config = '<View><Labels name="label" toName="text"><Label value="A"/></Labels><Text name="text" value="$text"/></View>'
    web.call("POST", "/api/projects/", json={"title": name, "label_config": config})
    with pytest.raises(DataError) as caught:
        push_all(server, name)
    assert [f.code for f in caught.value.findings] == ["LS_CONFIG"]
    assert web.export(name) == []


def test_a_title_that_is_there_twice_is_refused(server: Server, studio: Local) -> None:
    name, web = title(), Web(studio)
    push(server, ARTICLES[:1], LABELS, project=name)
    copy = web.call("GET", f"/api/projects/{web.project(name)}")
    other = web.call("POST", "/api/projects/", json={"title": name, "label_config": copy["label_config"]})
    with pytest.raises(DataError) as caught:
        push_all(server, name)
    (fault,) = caught.value.findings
    assert fault.code == "LS_TITLE_TWICE"
    assert str(copy["id"]) in fault.got
    assert str(other["id"]) in fault.got


def test_a_task_that_somebody_copied_is_a_finding_and_stays(server: Server, studio: Local, batches_of_two: None) -> None:
    name, web = title(), Web(studio)
    push_all(server, name)
    data = next(task["data"] for task in web.export(name) if task["data"]["doc_id"] == "doc-2")
    web.call("POST", f"/api/projects/{web.project(name)}/import", json=[{"data": data}])
    done = push_all(server, name)
    assert [(f.code, f.doc) for f in done.findings] == [("LS_TASK_TWICE", "doc-2")]
    assert web.held(name).tasks == Counter([*DOCS, "doc-2"])


def test_a_new_text_gets_a_new_task_and_the_old_one_is_named(server: Server, studio: Local) -> None:
    name = title()
    push(server, ARTICLES[:1], LABELS, project=name)
    changed = article(0, "Ana Dorvik left Tessen.")
    done = push(server, [changed], LABELS, project=name)
    assert [(f.code, f.severity, f.got) for f in done.findings] == [("LS_TEXT", "warning", repr(sync_key(ARTICLES[0])))]
    assert Web(studio).held(name).tasks == Counter({"doc-0": 2})


@pytest.mark.parametrize(
    ("project", "annotators"),
    [
        *((bad, ()) for bad in ("ab", "x" * 51, "a/../b", "round\n", "/abs", "", "a//b")),
        *(("round", bad) for bad in (("Ann",), ("a", "a"), ("a/b",))),
        ("r" * 45, ("ann-b",)),
    ],
)
def test_titles_and_names_that_cannot_be_are_refused(project: str, annotators: tuple[str, ...], server: Server) -> None:
    with pytest.raises(UsageError):
        push(server, ARTICLES, LABELS, project=project, annotators=annotators)
