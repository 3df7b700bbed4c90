"""The connection to a server, real or not Label Studio at all, and what it says when that fails."""

from __future__ import annotations

import base64
import http.server
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from bridge import LABELS, Web, article, title
from fault_proxy import proxy
from newsgold.annotation.calls import create_project, exported, find_projects, find_tasks, list_tasks, totals
from newsgold.annotation.local import Local
from newsgold.annotation.pull import pull
from newsgold.annotation.push import push
from newsgold.annotation.server import Gone, Late, Server, Unclear, connect
from newsgold.errors import NewsgoldError, ServerFault, UsageError


@pytest.fixture(scope="module")
def server(studio: Local) -> Server:
    return connect(studio.url, studio.token)


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    """Something that speaks HTTP; its address."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(str(self.headers))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    other = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{other.server_address[1]}"
    finally:
        other.shutdown()
        other.server_close()
        thread.join()
        assert not [head for head in asked if "authorization" in head.lower()], "a token went to a stranger"


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ------------------------------------------------------------------------- connect


def test_a_server_says_who_it_is(server: Server, studio: Local) -> None:
    assert (server.url, server.user, server.version) == (studio.url, 1, "1.23.2")
    assert connect(f"{studio.url}/", studio.accounts[1].token).user == 2


@pytest.mark.filterwarnings("ignore:The `parse_obj` method:DeprecationWarning")  # the SDK's own, with such a token
def test_a_personal_access_token_works_and_a_revoked_or_expired_one_is_named(studio: Local) -> None:
    token = Web(studio).call("POST", "/api/token/")["token"]
    assert connect(studio.url, token).user == 1
    Web(studio).call("POST", "/api/token/blacklist/", json={"refresh": token})
    with pytest.raises(ServerFault, match="refuses the access token"):
        connect(studio.url, token)
    with pytest.raises(ServerFault, match="has expired: make a new one"):
        connect(studio.url, jwt(exp=1_000_000_000))


def jwt(**claims: object) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"token_type": "refresh", **claims})
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts), "c2ln"])


def test_a_wrong_token_is_named_and_not_repeated(studio: Local) -> None:
    wrong = "f" * 40
    with pytest.raises(ServerFault, match=r"refuses the access token.*LABEL_STUDIO_API_KEY") as caught:
        connect(studio.url, wrong)
    assert wrong not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "ftp://a", "http://user:secret@host", "http://a?b=c", "http://a b", "http://a:1:2", "http://"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        connect(url, "f" * 40)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "a b", "é", "a\n"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="LABEL_STUDIO_API_KEY"):
        connect("http://127.0.0.1:1", token)


def test_nobody_there() -> None:
    with pytest.raises(ServerFault, match=r"no Label Studio answers at .*: start it, or check the address") as caught:
        connect(f"http://127.0.0.1:{free_port()}", "f" * 40)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>hello", "is no Label Studio"),
        (200, b'{"version": 1}', "is no Label Studio"),
        (200, b"[]", "is no Label Studio"),
        (404, b"", "is no Label Studio"),
        (401, b'{"label-studio-os-package": 1}', "is no Label Studio"),
        (503, b"", "fails .HTTP 503."),
    ],
)
def test_somebody_else_there(status: int, body: bytes, said: str) -> None:
    with answering(status, body) as url, pytest.raises(ServerFault, match=said):
        connect(url, "f" * 40)


def test_a_redirect_is_not_followed_with_a_token() -> None:
    with (
        answering(302, b"", Location="https://example.org/") as url,
        pytest.raises(ServerFault, match="redirects to 'https"),
    ):
        connect(url, "f" * 40)


def test_somebody_who_does_not_speak_http() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:

        def greet() -> None:
            link, _ = other.accept()
            link.sendall(b"220 mail.example ESMTP\r\n")
            link.close()

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(ServerFault, match="no Label Studio"):
            connect(f"http://127.0.0.1:{other.getsockname()[1]}", "f" * 40)
        thread.join()


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(studio: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert connect(studio.url, studio.token).user == 1


def test_the_client_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "label_studio_sdk", None)
    with pytest.raises(NewsgoldError, match=r'pip install "newsgold\[annotation\]"'):
        connect("http://127.0.0.1:1", "f" * 40)


# --------------------------------------------------------------------------- secrets


@pytest.mark.filterwarnings("ignore:The `parse_obj` method:DeprecationWarning")  # the SDK's own, with such a token
def test_the_token_stands_in_no_repr_log_or_message(studio: Local, caplog: pytest.LogCaptureFixture) -> None:
    personal = Web(studio, 1).call("POST", "/api/token/")["token"]
    for token in (studio.token, personal):
        caplog.set_level(logging.DEBUG)
        server = connect(studio.url, token)
        push(server, [article(0)], LABELS, project=title())
        said = [repr(server), str(server), caplog.text]
        for wrong in ("nowhere", title()):
            with pytest.raises(ServerFault) as caught:
                pull(server, [], LABELS, project=wrong, out=Path("nowhere"))
            said += traceback.format_exception(caught.value)
        assert "api/projects" in caplog.text
        assert token not in "".join(said)
    Web(studio, 1).call("POST", "/api/token/blacklist/", json={"refresh": personal})


def test_the_command_takes_the_token_from_the_environment_only(studio: Local, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "newsgold.cli", "annotation"]
    bare = {k: v for k, v in os.environ.items() if k != "LABEL_STUDIO_API_KEY"}
    (tmp_path / "texts.jsonl").write_text('{"id":"a","text":"A."}\n')
    for verb, *rest in (("push",), ("pull", "--out", "out")):
        given = [*command, verb, "--url", studio.url, "--project", "no such", "--articles", "texts.jsonl", *rest]
        done = subprocess.run(given, env=bare, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "set LABEL_STUDIO_API_KEY" in done.stderr
        wrong = subprocess.run(
            given, env={**bare, "LABEL_STUDIO_API_KEY": "e" * 40}, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert wrong.returncode == 3
        assert "e" * 40 not in wrong.stdout + wrong.stderr
        assert "Traceback" not in wrong.stderr


# ----------------------------------------------------------------------- one request


def test_reading_is_repeated_and_creating_is_not(studio: Local) -> None:
    with proxy(studio.url) as faulty:
        shaky = connect(faulty.url, studio.token, timeout=1)
        faulty.script({0: "502", 1: "cut_after"})
        assert find_projects(shaky, "nobody has this title") == []
        assert len(faulty.seen) == 3
        faulty.script({0: "502", 1: "502", 2: "refuse"})
        with pytest.raises(Unclear, match="run this again"):
            find_projects(shaky, "nobody has this title")
        for fault, kind in (("502_after", Unclear), ("cut_answer", Unclear), ("hang_after", Late)):
            name = title()
            faulty.script({0: fault})
            with pytest.raises(kind):
                create_project(shaky, name, "<View/>", "", "")
            assert len(faulty.seen) == 1
            assert Web(studio).project(name)


def test_a_server_that_goes_away_is_named(studio: Local) -> None:
    with proxy(studio.url) as faulty:
        shaky = connect(faulty.url, studio.token)
    with pytest.raises(ServerFault, match=r"answers at .* any more"):
        find_projects(shaky, "x")


def test_a_project_that_is_deleted_meanwhile_is_named(server: Server, studio: Local) -> None:
    name, web = title(), Web(studio)
    push(server, [article(0)], LABELS, project=name)
    number = web.project(name)
    web.call("DELETE", f"/api/projects/{number}/")
    for call in (totals, list_tasks, lambda s, p: find_tasks(s, p, ["doc-0"]), lambda s, p: list(exported(s, p, [1]))):
        with pytest.raises(Gone, match="somebody deleted it; nothing on file was changed"):
            call(server, number)


def test_a_text_with_half_a_character_on_the_server_is_named(server: Server, studio: Local) -> None:
    """What others imported may make the server fail whenever it is read."""
    name, web = title(), Web(studio)
    push(server, [article(0)], LABELS, project=name)
    number = web.project(name)
    (task,) = web.export(name)
    body = json.dumps([{"data": {**task["data"], "text": "a \ud800"}}]).encode()
    link = httpx.post(
        f"{studio.url}/api/projects/{number}/import", content=body, headers={**web.headers, "Content-Type": "application/json"}
    )
    assert link.status_code == 201
    with pytest.raises(ServerFault):
        list(exported(server, number, list(list_tasks(server, number))))


def test_a_title_is_found_as_it_is_written(server: Server) -> None:
    name = title("Case")
    push(server, [article(0)], LABELS, project=name)
    push(server, [article(0)], LABELS, project=f"{name} b")
    assert [p.title for p in find_projects(server, name)] == [name]
    assert find_projects(server, name.lower()) == []


def test_nothing_is_loaded_before_it_is_used() -> None:
    code = (
        "import sys; import newsgold.annotation.push, newsgold.annotation.pull\n"
        "print([m for m in ('label_studio_sdk', 'httpx') if m in sys.modules])"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n", time.monotonic() - began
