"""The pre-annotation backend: over HTTP, as a command, and connected to a real Label Studio."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.annotation import backend, local
from newsgold.annotation.backend import SERVED, Offer, answer, check_layers, model_version
from newsgold.annotation.label_config import ENTITY, HOLDER, LINK, MENTION, STANCE, TARGET, config
from newsgold.annotation.label_studio import from_result, task_data
from newsgold.corpus.codec import sha256
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import LAYERS, MAX_TEXT_LENGTH, Annotation, Article, Entity, Mention, Region, Relation, Stance
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.errors import DataError, NewsgoldError, UsageError, finding

LABELS = default_labels()
CONFIG = config(LABELS).decode()
TEXT = "Ana Ruiz left Tessen. She blamed the army."
SECRET = "4f1d0a77c0ffee0123456789abcdef9876543210"

SYSTEM = """
import time
from newsgold.corpus.model import Annotation, Mention

def extract(article):
    if article.id == "raises":
        raise ValueError("no\\x1b[31m luck")
    if article.id == "leaves":
        raise SystemExit(7)
    if article.id == "hangs":
        time.sleep(60)
    if article.id == "strange":
        return ["strange"]
    if article.id == "other":
        return Annotation(id="another")
    end = min(3, len(article.text))
    return Annotation(id=article.id, mentions=(Mention(start=0, end=end, type="ORG"), Mention(start=0, end=10**6, type="ORG")))
"""


def everything(article: Article) -> Annotation:
    """A system that finds something of every layer in :data:`TEXT`."""
    spans = {"m1": (0, 8, "PERSON"), "m2": (14, 20, "GPE"), "m3": (33, 41, "ORG")}
    return Annotation(
        id=article.id,
        mentions=tuple(Mention(id=n, start=s, end=e, type=t) for n, (s, e, t) in spans.items()),
        entities=tuple(Entity(id=f"e{n}", mentions=(n,), link="Q42" if n == "m1" else None) for n in spans),
        relations=(Relation(type="present_in", head="em1", tail="em2"),),
        stances=(Stance(start=26, end=32, holder="m1", target="m3", polarity="against"),),
    )


OFFER = Offer(everything, LABELS, "all-1")


def task(**data: Any) -> bytes:
    return json.dumps({"id": 5, "data": {"text": TEXT, "doc_id": "tessen", **data}}).encode()


# ------------------------------------------------------------------------------ tasks


def test_a_task_gets_items_that_are_read_back() -> None:
    done = answer(task(text_sha256=sha256(TEXT)), OFFER)
    assert done.findings == ()
    assert done.row["model_version"] == "all-1"
    article = Article(id="tessen", text=TEXT)
    back = from_result(done.row["result"], article, LABELS, by="x").annotation
    assert back is not None
    assert [(m.id, m.text) for m in back.mentions or ()] == [("m1", "Ana Ruiz"), ("m2", "Tessen"), ("m3", "the army")]
    assert [(s.holder, s.target) for s in back.stances or ()] == [("m1", "m3")]
    assert back.relations == ()


@pytest.mark.parametrize(
    ("layers", "controls", "arrows"),
    [
        (SERVED, {MENTION, "kind", ENTITY, LINK, STANCE, "polarity", "basis", "holder_kind"}, {HOLDER, TARGET}),
        (LAYERS, {MENTION, "kind", ENTITY, LINK, STANCE, "polarity", "basis", "holder_kind"}, {HOLDER, TARGET, "present_in"}),
        (("mentions",), {MENTION, "kind"}, set()),
        (("mentions", "entities"), {MENTION, "kind", ENTITY, LINK}, set()),
        (("mentions", "stances"), {MENTION, "kind", STANCE, "polarity", "basis", "holder_kind"}, {HOLDER, TARGET}),
    ],
)
def test_only_the_layers_served_are_shown(layers: tuple[str, ...], controls: set[str], arrows: set[str]) -> None:
    items = answer(task(), OFFER._replace(layers=layers)).row["result"]
    assert {i["from_name"] for i in items if i["type"] != "relation"} == controls
    assert {label for i in items if i["type"] == "relation" for label in i["labels"]} == arrows


def test_relations_are_refused_with_the_figure() -> None:
    assert "relations" not in SERVED
    with pytest.raises(UsageError, match=r"36\.7 %.*--with-relations"):
        check_layers(["mentions", "relations"], with_relations=False)
    assert check_layers(["mentions"], with_relations=True) == ("mentions", "relations")
    assert check_layers(["stances", "mentions"], with_relations=False) == ("mentions", "stances")
    for wrong in (["entities"], [], ["mentions", "links"]):
        with pytest.raises(UsageError):
            check_layers(wrong, with_relations=False)


FAULTY: dict[str, tuple[bytes, str]] = {
    "no id of a document": (task(doc_id=None), "LS_NO_DOC_ID"),
    "an id that cannot be one": (task(doc_id="../x"), "BAD_ID"),
    "no text": (task(text=None), "NO_TEXT"),
    "empty text": (task(text=""), "NO_TEXT"),
    "a number for text": (task(text=5), "BAD_SHAPE"),
    "long text": (task(text="x" * (MAX_TEXT_LENGTH + 1)), "TEXT_TOO_LONG"),
    "another text": (task(text_sha256="0" * 64), "LS_TEXT"),
    "another text than the article's": (task(doc_id="known"), "LS_TEXT"),
    "half a surrogate": (task(text="a\ud800"), "LONE_SURROGATE"),
    "no data": (b'{"id": 5}', "BAD_SHAPE"),
}


@pytest.mark.parametrize("what", FAULTY)
def test_a_faulty_task_has_its_error_and_no_result(what: str) -> None:
    """Without ``result`` Label Studio stores nothing; an empty one would say that nothing was found."""
    raw, code = FAULTY[what]
    done = answer(raw, OFFER._replace(articles={"known": Article(id="known", text="Something else.")}))
    assert [f.code for f in done.findings] == [code]
    assert set(done.row) == {"error"}
    assert done.row["error"].startswith("<task 5>")
    assert code in done.row["error"]


def test_a_known_article_is_seen_with_its_regions() -> None:
    seen: list[Article] = []

    def system(article: Article) -> Annotation:
        seen.append(article)
        return everything(article)

    known = Article(id="tessen", text=TEXT, language="es", regions=(Region(start=0, end=3, kind="duplicate"),))
    offer = OFFER._replace(extract=system)
    assert "result" in answer(task(title="Tessen"), offer).row
    assert "result" in answer(task(title="Tessen"), offer._replace(articles={"tessen": known})).row
    assert [(a.title, a.language, len(a.regions)) for a in seen] == [("Tessen", "en", 0), (None, "es", 1)]


@pytest.mark.parametrize(
    "error",
    [ValueError("bad\x1b[0m"), SystemExit(3), NewsgoldError("out of order"), DataError("no", [finding("BAD_SHAPE", "p")])],
)
def test_a_system_that_fails_is_told(error: BaseException) -> None:
    def system(_: Article) -> Annotation:
        raise error

    done = answer(task(), OFFER._replace(extract=system))
    assert set(done.row) == {"error"}
    assert "(tessen)" in done.row["error"]
    assert done.row["error"].isprintable()


def test_what_cannot_be_shown_is_a_warning() -> None:
    def system(article: Article) -> Annotation:
        return Annotation(id=article.id, mentions=(Mention(start=0, end=3, type="PLANET"), Mention(start=0, end=3, type="ORG")))

    done = answer(task(), OFFER._replace(extract=system))
    assert [(f.code, f.severity, f.path) for f in done.findings] == [("LS_NOT_CARRIED", "warning", "<task 5>")]
    assert [i["value"]["labels"] for i in done.row["result"] if i["from_name"] == MENTION] == [["ORG"]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(TEXT),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "data", "text", "doc_id", "title"]), inner),
    max_leaves=8,
)


@given(JSON)
def test_no_task_makes_the_backend_fall(value: Any) -> None:
    done = answer(json.dumps(value).encode(), OFFER, 3)
    assert ("error" in done.row) != ("result" in done.row)


def test_the_version_says_what_predictions_depend_on() -> None:
    one = model_version("rules", b"code", b"mentions")
    assert re.fullmatch(r"rules-[0-9a-f]{12}", one)
    assert one == model_version("rules", b"code", b"mentions")
    others = [(b"code2", b"mentions"), (b"code", b"mentions,stances"), (b"codem", b"entions"), (b"code",)]
    assert len({one, *(model_version("rules", *parts) for parts in others)}) == 5


# ------------------------------------------------------------------------------- HTTP


@contextlib.contextmanager
def listening(offer: Offer = OFFER, **bounds: Any) -> Iterator[tuple[str, list[str]]]:
    """The backend in a thread of this process, and what it reports."""
    said: list[str] = []
    urls: Queue[str] = Queue()
    app = backend.application(offer, said.append, **bounds)
    threading.Thread(target=backend.serve, args=(app,), kwargs={"port": 0, "started": urls.put}, daemon=True).start()
    yield urls.get(timeout=10), said


def ask(url: str, tasks: list[bytes], label_config: str = CONFIG, **more: Any) -> list[dict[str, Any]]:
    body = b'{"tasks": [%s], "label_config": %s}' % (b",".join(tasks), json.dumps(label_config).encode())
    response = httpx.post(f"{url}/predict", content=body, timeout=30, **more)
    assert response.status_code == 200, response.text
    rows: list[dict[str, Any]] = response.json()["results"]
    assert len(rows) == len(tasks), "Label Studio drops everything when the numbers differ"
    return rows


def test_real_payloads_of_label_studio(shared: Path) -> None:
    """Made for a project on another configuration, which is refused on connecting and task by task."""
    folder = shared / "label-studio"
    setup = json.loads((folder / "ml_setup_request.json").read_text())
    predict = json.loads((folder / "ml_predict_request.json").read_text())
    setup["access_token"] = predict["params"]["password"] = SECRET
    with listening() as (url, said):
        assert httpx.get(f"{url}/health").json()["status"] == "UP"
        assert httpx.get(f"{url}/versions").json() == {"versions": ["all-1"]}
        refused = httpx.post(f"{url}/setup", json=setup)
        assert (refused.status_code, "LS_CONFIG" in refused.json()["error"]) == (400, True)
        assert httpx.post(f"{url}/setup", json={**setup, "schema": CONFIG.strip()}).json() == {"model_version": "all-1"}
        rows = httpx.post(f"{url}/predict", json=predict).json()["results"]
        assert [set(row) for row in rows] == [{"error"}, {"error"}]
        assert all("LS_CONFIG" in row["error"] for row in rows)
        rows = httpx.post(f"{url}/predict", json={**predict, "label_config": CONFIG}).json()["results"]
        assert [set(row) for row in rows] == [{"model_version", "result"}] * 2
        for name in ("webhook_annotation_created.json", "webhook_tasks_created.json"):
            assert httpx.post(f"{url}/webhook", content=(folder / name).read_bytes()).status_code == 200
        assert httpx.get(f"{url}/elsewhere").status_code == 404
        assert httpx.get(f"{url}/predict").status_code == 405
    assert sum("LS_CONFIG" in line for line in said) == 3
    assert SECRET not in "".join(said) + refused.text + json.dumps(rows)


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b'{"tasks": 3}', b'{"tasks": ["\\ud800"', b"\xff", b"[" * 10_000])
def test_a_body_that_is_no_request(body: bytes) -> None:
    with listening() as (url, _):
        for path in ("setup", "predict"):
            response = httpx.post(f"{url}/{path}", content=body)
            assert (response.status_code, set(response.json())) == (400, {"error"})


def test_a_secret_in_a_broken_body_is_not_shown() -> None:
    with listening() as (url, said):
        for body in (f'{{"access_token": "{SECRET}", "schema": 5}}', f'{{"access_token": "{SECRET}"', f'"{SECRET}"'):
            assert SECRET not in httpx.post(f"{url}/setup", content=body.encode()).text
    assert said
    assert SECRET not in "".join(said)


def test_one_half_surrogate_costs_one_task() -> None:
    with listening() as (url, _):
        rows = ask(url, [task(), task(text="\ud800"), task(doc_id="third")])
    assert ["result" in row for row in rows] == [True, False, True]
    assert "LONE_SURROGATE" in rows[1]["error"]


def test_long_and_slow_requests_are_cut_off() -> None:
    """While one client dawdles the others are served."""
    with listening(limit=5_000, seconds=0.5) as (url, said):
        port = int(url.rpartition(":")[2])
        with socket.create_connection((local.HOST, port)) as slow:
            slow.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            assert httpx.get(f"{url}/health").status_code == 200
            slow.settimeout(10)
            assert slow.recv(1000).startswith(b"HTTP/1.1 408")
        assert httpx.post(f"{url}/predict", content=b"x" * 5_001).status_code == 413
        assert httpx.post(f"{url}/predict", content=iter([b"x" * 4_000] * 2)).status_code == 413
        assert httpx.post(f"{url}/setup", content=b"x" * 5_000).status_code == 400
    assert [line for line in said if "bytes" in line or "0.5 s" in line]


def test_the_service_goes_on_while_a_system_works_and_stops_for_nobody() -> None:
    """A client that has hung up, as Label Studio does after 100 s, costs no more than the task at work."""
    worked: list[str] = []
    gate = threading.Event()

    def system(article: Article) -> Annotation:
        worked.append(article.id)
        gate.wait(10)
        return everything(article)

    with listening(OFFER._replace(extract=system)) as (url, said):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{url}/predict",
                content=b'{"tasks": [%s], "label_config": %s}' % (b",".join([task()] * 50), json.dumps(CONFIG).encode()),
                timeout=0.5,
            )
        assert httpx.get(f"{url}/health").status_code == 200
        gate.set()
        assert len(ask(url, [task(doc_id="next")])) == 1
    assert worked == ["tessen", "next"]
    assert any("hung up after 1 of 50" in line for line in said)


# ------------------------------------------------------------------------- the command


class Command:
    """``newsgold annotation serve`` as a process of its own."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        command = [sys.executable, "-m", "newsgold.cli", "annotation", "serve", *arguments, "--port", "0"]
        self.process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.first = self.process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:[0-9]+", self.first)
        assert found, self.first
        self.url = found[0]

    def interrupt(self) -> tuple[int, str]:
        """End it as Ctrl-C does: its exit code, and all it printed after the first line."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=15)
        return self.process.returncode, out + err


@contextlib.contextmanager
def command(*arguments: str, cwd: Path) -> Iterator[Command]:
    running = Command(*arguments, cwd=cwd)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "hostile.py").write_text(SYSTEM)
    return tmp_path


def test_any_system_and_a_clean_end(home: Path) -> None:
    names = ["fine", "raises", "leaves", "strange", "other", "last"]
    with command("python:hostile:extract", cwd=home) as served:
        rows = ask(served.url, [task(doc_id=name) for name in names])
        assert [name for name, row in zip(names, rows, strict=True) if "result" in row] == ["fine", "last"]
        assert "ValueError" in rows[1]["error"]
        httpx.post(f"{served.url}/setup", json={"schema": "<View/>", "access_token": SECRET})
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{served.url}/predict",
                json={"tasks": [json.loads(task(doc_id="hangs"))], "label_config": CONFIG},
                timeout=0.5,
            )
        begin = time.monotonic()
        code, printed = served.interrupt()
    assert code == 130
    assert time.monotonic() - begin < 14, "it waited for the system that hangs"
    assert printed.rstrip().endswith("newsgold: interrupted")
    assert "6 task(s), 4 without prediction" in printed
    assert "\x1b" not in printed
    assert "Traceback" not in printed
    assert SECRET not in printed + served.first
    assert re.match(r"extract-[0-9a-f]{12} \(mentions, entities, stances\) at ", served.first)


def refused(*arguments: str, cwd: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "newsgold.cli", "annotation", "serve", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


def test_what_cannot_be_served(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind((local.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = refused("rules", "--port", str(port), cwd=home)
    assert (code, f"port {port} of 127.0.0.1 is taken" in said, "--port" in said) == (3, True, True)
    code, said = refused("rules", "--layers", "mentions,relations", cwd=home)
    assert (code, "36.7 %" in said, "Traceback" in said) == (2, True, False)


def test_the_help_warns() -> None:
    from click.testing import CliRunner

    from newsgold.cli import cli

    text = " ".join(CliRunner().invoke(cli, ["annotation", "serve", "--help"]).output.split())
    assert "36.7 %" in text
    assert "LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS=0" in text


# -------------------------------------------------------------------- a real Label Studio


@pytest.fixture(scope="module")
def open_studio(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.Local]:
    """A server that may reach this machine; the one that all tests share may not."""
    home = repo / ".venv-label-studio"
    if not (home / "template").is_dir():
        pytest.skip("there is no Label Studio here; make label-studio installs it")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWSGOLD_LABEL_STUDIO", str(home / "bin" / "label-studio"))
        folder = tmp_path_factory.mktemp("open-studio") / "data"
        with local.running(folder, template=home / "template", LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS="0") as server:
            yield server


def without_name(annotation: Annotation, **changed: Any) -> Annotation:
    return msgspec.structs.replace(annotation, by=None, **changed)


def test_a_real_server_asks_and_stores(open_studio: local.Local, corpus: Path, tmp_path: Path) -> None:
    """Gold served as a system comes back whole but for its relations; tasks at fault get no prediction."""
    articles = {r.value.id: r.value for r in read_articles(corpus).records}
    gold = {r.value.id: r.value for r in read_annotations(corpus).records}
    shutil.copytree(corpus / "gold", tmp_path / "gold")
    payload = [{"data": task_data(articles[doc])} for doc in gold]
    good = len(payload)
    other = {**payload[0]["data"], "text_sha256": "0" * 64}
    payload += [{"data": other}, {"data": {**other, "doc_id": "none-such", "text_sha256": sha256(other["text"])}}]
    with (
        command(f"file:{tmp_path / 'gold'}", cwd=tmp_path) as served,
        httpx.Client(base_url=open_studio.url, headers={"Authorization": f"Token {open_studio.token}"}, timeout=60) as client,
    ):

        def project(title: str, label_config: str) -> int:
            made = client.post("/api/projects/", json={"title": title, "label_config": label_config}).json()
            number: int = made["id"]
            return number

        def connect(number: int) -> httpx.Response:
            return client.post("/api/ml/", json={"url": served.url, "project": number, "title": "newsgold"})

        def retrieve(number: int) -> list[dict[str, Any]]:
            chosen = {"selectedItems": {"all": True, "excluded": []}}
            query = {"id": "retrieve_tasks_predictions", "project": number}
            assert client.post("/api/dm/actions", params=query, json=chosen).status_code == 200
            found: list[dict[str, Any]] = client.get("/api/predictions/", params={"project": number}).json()
            return found

        number = project("pre-annotated", CONFIG)
        client.post(f"/api/projects/{number}/import", json=payload).raise_for_status()
        connected = connect(number)
        assert (connected.status_code, connected.json()["readable_state"]) == (201, "Connected")
        version = connected.json()["model_version"]
        assert served.first.startswith(version)
        stored = retrieve(number)
        assert [p["model_version"] for p in stored] == [version] * good
        assert len(retrieve(number)) == good, "asked again, a task that has this version's prediction gets no other"
        docs = {t["id"]: t["data"]["doc_id"] for t in client.get("/api/tasks/", params={"project": number}).json()["tasks"]}
        for row in stored:
            doc = docs[row["task"]]
            back = from_result(row["result"], articles[doc], LABELS, by="x")
            assert back.findings == ()
            assert back.annotation is not None
            assert without_name(back.annotation) == without_name(gold[doc], relations=())
        elsewhere = connect(project("elsewhere", '<View><Text name="text" value="$text"/></View>'))
        assert elsewhere.status_code == 400
        code, printed = served.interrupt()
    assert code == 130
    assert "LS_TEXT" in printed
    assert "LS_CONFIG" in printed
    assert printed.count("(none-such)") == printed.count("LS_TEXT") == 2, "once each time they are asked for"
    assert all(account.token not in printed + served.first for account in open_studio.accounts)
