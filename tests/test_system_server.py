"""Servers as systems: a real one on 127.0.0.1 that does what servers do on bad days."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.benchmark.systems import Opened, Options, SystemFailure, open_system, server
from newsgold.corpus.labels import find_labels
from newsgold.corpus.model import Annotation, Article
from newsgold.errors import UsageError

ARTICLE = Article(id="a", text="Tessen fell. 🌍")
FOUND = Annotation(id="a", mentions=())
BODY = b'{"id":"a","mentions":[]}'
Act = Callable[[socket.socket], None]
Serve = Callable[..., "Misbehaving"]


def whole(body: bytes = BODY, *, status: str = "200 OK", kind: str = "application/json", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n".encode() + body


def says(reply: bytes) -> Act:
    return lambda connection: connection.sendall(reply)


def drips(reply: bytes) -> Act:
    def act(connection: socket.socket) -> None:
        for n in range(len(reply)):
            connection.sendall(reply[n : n + 1])
            time.sleep(0.05)

    return act


def floods(head: bytes, part: bytes = b"x" * 65_536, times: int = 800) -> Act:
    def act(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(times):
            connection.sendall(part)

    return act


def resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def cuts(reply: bytes) -> Act:
    def act(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(0, len(reply), 7):
            connection.sendall(reply[n : n + 7])
            time.sleep(0.002)

    return act


def hangs(connection: socket.socket) -> None:
    time.sleep(1.5)


class Misbehaving:
    """A server that does one thing for each connection, and the last of them for all others."""

    def __init__(self, acts: list[Act], *, read: bool = True) -> None:
        self._acts = acts
        self._read = read
        self.asked: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/extract"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:
                data = b""
                while self._read and b"\r\n\r\n" not in data:
                    data += connection.recv(65_536)
                if self._read:
                    head, _, body = data.partition(b"\r\n\r\n")
                    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                    while len(body) < length:
                        body += connection.recv(65_536)
                    data = head + b"\r\n\r\n" + body
                self.asked.append(data)
                self._acts[min(len(self.asked), len(self._acts)) - 1](connection)
            except OSError:
                pass  # the client has had enough

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FIRST_PAUSE", 0.01)


@pytest.fixture
def serve() -> Iterator[Serve]:
    made: list[Misbehaving] = []

    def start(*acts: Act, read: bool = True) -> Misbehaving:
        made.append(Misbehaving(list(acts), read=read))
        return made[-1]

    yield start
    for each in made:
        each.close()


def opened(url: str, **options: object) -> Opened:
    return open_system(url, Options(**{"timeout": 5.0, "retries": 2, **options}), find_labels())  # type: ignore[arg-type]  # by name


def failure(system: Opened) -> SystemFailure:
    with pytest.raises(SystemFailure) as caught:
        system.answer(ARTICLE)
    system.close()
    assert str(caught.value).isprintable()
    return caught.value


def test_an_article_is_posted_and_its_annotation_comes_back(serve: Serve):
    at = serve(says(whole()))
    system = opened(at.url)
    answer = system.answer(ARTICLE)
    assert (answer.annotation, answer.raw, answer.attempts) == (FOUND, BODY, 1)
    head, _, body = at.asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /extract HTTP/1.1")
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body) == {"id": "a", "text": ARTICLE.text}
    assert (system.name, system.configuration, system.concurrency) == (
        f"127.0.0.1-{at.url[17:].replace('/', '-')}",
        {"url": at.url},
        4,
    )
    system.close()
    system.close()
    assert failure(system).kind == "closed"


CUT = whole()[:-4]
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "bad",
    [
        resets,
        says(b""),
        says(CUT),
        says(CHUNKED + b"18\r\n" + BODY[:5]),
        says(b"not http at all\r\n\r\n"),
        says(whole(b"busy", status="429 Too Many Requests")),
        says(whole(b"busy", status="429 Too Many Requests", more="retry-after: 0\r\n")),
        says(whole(b"", status="500 Internal Server Error")),
        says(whole(b"", status="503 Service Unavailable")),
    ],
)
def test_what_may_pass_is_followed_by_another_attempt(serve: Serve, bad: Act):
    system = opened(serve(bad, bad, says(whole())).url)
    answer = system.answer(ARTICLE)
    assert (answer.annotation, answer.attempts) == (FOUND, 3)
    system.close()
    again = failure(opened(serve(bad).url))
    assert again.kind in ("broken", "status")
    assert (again.retryable, again.attempts) == (True, 3)


@pytest.mark.parametrize(
    ("bad", "kind", "said"),
    [
        (says(whole(b"<html>Log in\x1b[31m</html>", kind="text/html")), "content_type", r"<html>Log in\x1b"),
        (says(whole(BODY, kind="text/plain")), "content_type", "text/plain"),
        (says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"), "content_type", "''"),
        (says(whole(b"{")), "not_json", ""),
        (says(whole(b"")), "not_json", ""),
        (says(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + BODY[:9]), "not_json", ""),
        (says(whole(b"no such model", status="404 Not Found")), "status", "no such model"),
        (says(whole(b"", status="204 No Content")), "status", "204"),
        (says(whole(b"", status="302 Found", more="location: http://elsewhere.invalid/\r\n")), "redirect", "elsewhere"),
        (says(whole(gzip.compress(b" " * 50_000_000), more="content-encoding: gzip\r\n")), "encoded", "gzip"),
        (floods(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50000000\r\n\r\n"), "too_large", ""),
        (floods(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"), "too_large", "1,000,000"),
        (floods(CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n"), "too_large", ""),
        (floods(b"HTTP/1.1 500 No\r\ncontent-type: text/plain\r\n\r\n"), "status", "500: xxx"),
        (floods(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 65_533), "broken", ""),
    ],
)
def test_what_will_not_pass_is_a_failure_with_its_name(serve: Serve, bad: Act, kind: str, said: str):
    failed = failure(opened(serve(bad).url, max_bytes=1_000_000, retries=0))
    assert failed.kind == kind
    assert said in str(failed)
    assert failed.attempts == 1


@pytest.mark.parametrize(
    "bad",
    [
        drips(whole(b" " * 100 + BODY)),
        drips(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200),
        drips(CHUNKED + b"1\r\n \r\n" * 100),
        floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 100_000_000),
        drips(whole(b"x" * 500, status="500 No")),
        hangs,
    ],
)
def test_the_deadline_is_one_of_wall_clock(serve: Serve, bad: Act):
    failed = failure(opened(serve(bad).url, timeout=0.5))
    assert (failed.kind, failed.retryable) == ("timeout", True)


def test_a_server_that_never_reads_is_cut_too(serve: Serve):
    system = opened(serve(hangs, read=False).url, timeout=0.5)
    with pytest.raises(SystemFailure, match="no answer within"):
        system.answer(Article(id="a", text="x" * 1_000_000))
    system.close()


def test_a_server_that_never_accepts_is_cut_too():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert failure(opened(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=0.5)).kind == "timeout"


def test_what_is_left_of_the_time_bounds_the_pauses(serve: Serve):
    at = serve(says(whole(b"", status="429 No", more="retry-after: 86400\r\n")))
    before = time.monotonic()
    failed = failure(opened(at.url, timeout=3.0))
    assert (failed.kind, failed.attempts) == ("status", 1)
    assert time.monotonic() - before < 3.0


def test_nobody_listens(serve: Serve):
    at = serve(says(b""))
    at.close()
    failed = failure(opened(at.url))
    assert (failed.kind, failed.attempts) == ("unreachable", 3)


def test_what_is_being_asked_fails_when_the_run_is_ended(serve: Serve):
    system = opened(serve(hangs).url)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(system.answer, ARTICLE)
        time.sleep(0.2)
        system.close()
        with pytest.raises(SystemFailure, match="ended"):
            asked.result(5)


def test_many_are_asked_at_once(serve: Serve):
    system = opened(serve(lambda c: (time.sleep(0.1), c.sendall(whole()))[0]).url, concurrency=8)
    with ThreadPoolExecutor(8) as threads:
        assert {a.raw for a in threads.map(system.answer, [ARTICLE] * 24)} == {BODY}
    system.close()


@given(st.integers(0, 10**12))
def test_a_pause_asked_for_in_seconds_is_capped(seconds: int):
    assert server.asked_pause(str(seconds)) == min(seconds, server.LONGEST_PAUSE)


def test_a_pause_asked_for_by_a_date_is_capped():
    now = time.time()
    assert 20 < server.asked_pause(formatdate(now + 30, usegmt=True)) <= 30
    assert server.asked_pause(formatdate(now + 86_400, usegmt=True)) == server.LONGEST_PAUSE
    assert server.asked_pause(formatdate(now - 5, usegmt=True)) == 0


@given(st.text(max_size=20))
def test_a_pause_that_means_nothing_is_none(text: str):
    assert 0 <= server.asked_pause(text) <= server.LONGEST_PAUSE


def test_a_token_of_the_environment_is_sent_and_stands_nowhere_else(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    at = serve(says(whole()))
    monkeypatch.setenv("MY_TOKEN", "secret")
    system = opened(at.url, configuration={"token_env": "MY_TOKEN"})
    system.answer(ARTICLE)
    assert b"authorization: bearer secret" in at.asked[0].lower()
    assert "secret" not in repr(system)
    system.close()
    monkeypatch.setenv("MY_TOKEN", "no\nline")
    with pytest.raises(UsageError, match="MY_TOKEN"):
        opened(at.url, configuration={"token_env": "MY_TOKEN"})
    monkeypatch.setenv("MY_TOKEN", "no space")
    with pytest.raises(UsageError, match="MY_TOKEN"):
        opened(at.url, configuration={"token_env": "MY_TOKEN"})
    with pytest.raises(UsageError, match="NO_TOKEN"):
        opened(at.url, configuration={"token_env": "NO_TOKEN"})


def test_a_token_on_the_open_network_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_TOKEN", "secret")
    system = opened("http://example.invalid/", configuration={"token_env": "MY_TOKEN"})
    assert "unencrypted" in system.notes[0]
    system.close()


def test_a_proxy_is_used_only_where_it_is_asked_for(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    at = serve(says(whole()))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    direct = opened(at.url)
    assert direct.answer(ARTICLE).annotation == FOUND
    direct.close()
    through = opened("http://example.invalid/x", configuration={"proxy": at.url.removesuffix("/extract")})
    assert through.answer(ARTICLE).annotation == FOUND
    assert at.asked[1].startswith(b"POST http://example.invalid/x HTTP/1.1")
    through.close()


@pytest.mark.parametrize(
    "url",
    [
        "http:",
        "http://",
        "http:///x",
        "http://[",
        "http://a:99999/",
        "http://a b/",
        "http://me:secret@a/",
        "http://a/#x",
        "http://a/\x1b[31m",
        "https://é/",
    ],
)
def test_what_is_no_url_of_a_server_is_a_usage_error(url: str):
    with pytest.raises(UsageError) as caught:
        opened(url)
    assert str(caught.value).isprintable()
    assert "secret" not in str(caught.value)


TOKEN = "t0ken/of+mine=="
QUERY = "v=1&code=q5rt/secret-of-the-query"


@pytest.mark.parametrize(
    "act",
    [
        says(whole(f"you sent Bearer {TOKEN}".encode(), status="401 Unauthorized")),
        says(whole(b"x" * 192 + TOKEN.encode(), status="400 Bad Request")),
        says(whole(b"", status="302 Found", more=f"location: /login?{QUERY}&t={TOKEN}\r\n")),
        says(whole(f"<p>{TOKEN}".encode(), kind="text/html")),
        says(whole(kind=f"text/{TOKEN}")),
        says(whole(f"Bearer {TOKEN}".encode())),
        says(f"Bearer {TOKEN}\r\n\r\n".encode()),
        cuts(whole(f"?{QUERY} {TOKEN}".encode(), status="403 Forbidden")),
    ],
)
def test_what_a_server_repeats_of_token_and_query_is_in_no_message(serve: Serve, monkeypatch: pytest.MonkeyPatch, act: Act):
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    system = opened(f"{serve(act).url}?{QUERY}", configuration={"token_env": "MY_TOKEN"}, retries=0)
    said = str(failure(system))
    assert not [part for part in (TOKEN, TOKEN[:8], QUERY, "secret-of") if part in said]


@pytest.mark.parametrize("spelt", [TOKEN, TOKEN.replace("/", "\\/")])
def test_what_a_server_repeats_of_the_token_is_in_no_answer(serve: Serve, monkeypatch: pytest.MonkeyPatch, spelt: str):
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    body = f'{{"id":"a","by":"x {spelt} y","mentions":[]}}'.encode()
    system = opened(serve(cuts(whole(body))).url, configuration={"token_env": "MY_TOKEN"})
    answer = system.answer(ARTICLE)
    assert answer.annotation == Annotation(id="a", by="x … y", mentions=())
    assert answer.raw == body.replace(spelt.encode(), "…".encode())
    system.close()


def test_a_query_is_sent_and_recorded_by_its_digest(serve: Serve):
    at = serve(says(whole()))
    one, other = opened(f"{at.url}?{QUERY}"), opened(f"{at.url}?code=other")
    one.answer(ARTICLE)
    assert at.asked[0].startswith(f"POST /extract?{QUERY} HTTP/1.1".encode())
    assert one.configuration["url"].startswith(f"{at.url}?sha256-")
    assert one.configuration["url"] != other.configuration["url"]
    assert one.name == other.name == opened_name(at.url)
    for system in (one, other):
        system.close()
    for bad in (f"http://a b/?{QUERY}", f"http://me:{TOKEN}@a b/", f"http://me:{TOKEN}@a/?{QUERY}"):
        with pytest.raises(UsageError) as caught:
            opened(bad)
        assert not [part for part in (TOKEN, "secret-of") if part in str(caught.value)]


def opened_name(url: str) -> str:
    system = opened(url)
    system.close()
    return system.name


@given(st.lists(st.binary(max_size=12)), st.binary(min_size=8, max_size=8), st.integers(1, 9))
def test_secrets_are_found_however_an_answer_is_cut(parts: list[bytes], secret: bytes, size: int):
    whole_body = secret.join(parts)

    class Parts(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for at in range(0, len(whole_body), size):
                yield whole_body[at : at + size]

    async def read() -> bytes:
        return b"".join([part async for part in server._Limited(Parts(), 10_000, (secret,))])

    assert asyncio.run(read()) == whole_body.replace(secret, "…".encode())


def test_a_stand_in_for_a_key_is_not_looked_for():
    assert server.hidden("none", "http://a/?v=1") == ()
