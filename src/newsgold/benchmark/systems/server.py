"""``http://…`` and ``https://…``: a server that takes one article a POST, as JSON, and answers with its annotation.

Nothing that a server does ends the run or outlasts a document's deadline, which is one of wall clock over all
attempts: an answer that drips is cut as one that never comes. Refusals to serve now (429, 5xx), connections that fail
and answers that break off are followed by another attempt, after what the server asks for (at most
:data:`LONGEST_PAUSE`) or a random pause that doubles. Answers are read up to a limit and must be plain: a compressed
one is refused unread, since its length says nothing about its size. Redirections are not followed.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import os
import random
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import unquote_plus, urlsplit

import httpx2 as httpx
import msgspec

from newsgold.benchmark.systems import (
    Answer,
    Opened,
    Options,
    SystemFailure,
    masked,
    names_secret,
    own_options,
    plain_name,
    read_answer,
)
from newsgold.errors import UsageError, printable, quote

if TYPE_CHECKING:
    from newsgold.corpus.labels import Labels
    from newsgold.corpus.model import Article

LONGEST_PAUSE = 60.0
FIRST_PAUSE = 0.5
CONCURRENCY = 4
CONNECT_SECONDS = 10.0
_OWN = {"token_env": "", "proxy": ""}
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_SHORTEST = 8
_MASK = "…".encode()
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

T = TypeVar("T")


def open_server(url: str, options: Options, _: Labels) -> Opened:
    """The server at a URL.

    Options of its own: ``token_env``, the environment variable whose value is sent as bearer token; ``proxy``, the URL
    of a proxy, which is never taken from the environment.

    Raises:
        UsageError: the URL, or an option, cannot be one.
    """
    chosen = own_options(options, _OWN, "a server")
    check_url(url)
    token = _token(chosen["token_env"])
    headers = {"content-type": "application/json", "accept": "application/json"}
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    web = Web(options, proxy=chosen["proxy"], headers=headers, secrets=hidden(token, url))

    def answer(article: Article) -> Answer:
        body = msgspec.json.encode(article)
        reply = web.call(lambda: _posted(web.client, url, body))
        return read_answer(reply.value, article, attempts=reply.attempts)

    open_text = bool(chosen["token_env"]) and url.startswith("http:") and urlsplit(url).hostname not in _LOOPBACK
    return Opened(
        plain_name(url.partition("//")[2].partition("?")[0]),
        "unknown",
        {"url": recorded_url(url)},
        answer,
        concurrency=options.concurrency or CONCURRENCY,
        close=web.close,
        notes=("the token goes over the network unencrypted: use https",) if open_text else (),
    )


def check_url(url: str) -> None:
    """Raises :class:`UsageError` unless a text is the URL of a server, without user name, password or fragment."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        good = good and url.isascii() and url.isprintable() and not {" ", "\\"} & set(url)
    except ValueError:
        good = False
    if not good:
        shown = re.sub("//.*@", "//…@", url.partition("?")[0])  # what follows, or stands before a @, may be secret
        raise UsageError(f"{quote(shown)} is no URL of a server")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise UsageError("the URL may have no user name, password or fragment; --option token_env=VARIABLE sends a token")


def recorded_url(url: str) -> str:
    """A URL as it is recorded: of the query, which may hold a key, only that it is another is told."""
    bare, mark, query = url.partition("?")
    return f"{bare}?{masked(query)}" if mark else url


def usable(token: str) -> bool:
    """Whether a token can stand in a header."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def _token(variable: str) -> str:
    token = os.environ.get(variable, "") if variable else ""
    if variable and not usable(token):
        raise UsageError(f"no usable token in the environment variable {quote(variable)}")
    return token


def hidden(token: str, url: str) -> tuple[bytes, ...]:
    """What must not come back from a server: the token and the query, as they stand and as JSON may spell them.

    What is shorter than :data:`_SHORTEST` is no secret but a stand-in, and would be found in innocent words.
    """
    query = url.partition("?")[2]
    pairs = query.split("&")
    values = [value for name, _, value in (pair.partition("=") for pair in pairs) if names_secret(name)]
    plain = {token, query, *pairs, *values, *map(unquote_plus, values)}
    in_json = {msgspec.json.encode(text).decode()[1:-1] for text in plain}
    spelt = plain | in_json | {text.replace("/", "\\/") for text in in_json}
    return tuple(sorted((s.encode() for s in spelt if len(s) >= _SHORTEST), key=len, reverse=True))


def _hide(data: bytes, secrets: Iterable[bytes]) -> bytes:
    for secret in secrets:
        data = data.replace(secret, _MASK)
    return data


async def _posted(client: httpx.AsyncClient, url: str, body: bytes) -> bytes:
    """The body of the answer to one POST."""
    async with client.stream("POST", url, content=body) as response:
        if response.status_code != 200:
            raise status_failure(response.status_code, response.headers, await _beginning(response))
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            begins = quote(await _beginning(response), 80)
            raise SystemFailure("content_type", f"the answer is {quote(kind)}, not application/json; it begins with {begins}")
        return await response.aread()


async def _beginning(response: httpx.Response) -> str:
    """The first characters of an answer that is not going to be used."""
    taken = b""
    async for part in response.aiter_raw(200):
        taken += part
        if len(taken) >= 200:
            break
    return taken[:200].decode("utf-8", "replace")


class _Refused(SystemFailure):
    """A status that is not 200, with the seconds that the server asks to be left alone."""

    pause = 0.0


def status_failure(status: int, headers: Mapping[str, str], said: str) -> SystemFailure:
    """The failure that a status other than 200 is."""
    if 300 <= status < 400:
        to = quote(headers.get("location", ""))
        return SystemFailure("redirect", f"status {status}: redirected to {to}; redirections are not followed")
    said = printable(" ".join(said[:200].split()))
    failure = _Refused("status", f"status {status}" + (f": {said}" if said else ""), retryable=status in _AGAIN)
    failure.pause = asked_pause(headers.get("retry-after", ""))
    return failure


def asked_pause(value: str) -> float:
    """The seconds, or 0, that a ``Retry-After`` header (a number or a date) asks for, at most :data:`LONGEST_PAUSE`."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_PAUSE)
    try:
        return min(max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0), LONGEST_PAUSE)
    except (ValueError, OverflowError):
        return 0.0


# ------------------------------------------------------------------------------- calls


class Reply(NamedTuple):
    """What came of a call, and at which attempt."""

    value: Any
    attempts: int


class Web:
    """An HTTP client on an event loop of its own, for threads that each wait for one call.

    ``secrets`` (:func:`hidden`) stand in nothing that comes out of it: neither in answers nor in messages.
    """

    def __init__(self, options: Options, *, proxy: str = "", headers: Mapping[str, str], secrets: tuple[bytes, ...] = ()) -> None:
        if proxy:
            check_url(proxy)
        self._options = options
        self._secrets = secrets
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="newsgold-web")
        self.client = httpx.AsyncClient(
            transport=_Guarded(httpx.AsyncHTTPTransport(proxy=proxy or None, trust_env=False), options.max_bytes, secrets),
            headers={"accept-encoding": "identity", **headers},
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None),
            follow_redirects=False,
            trust_env=False,
        )
        self._lock = threading.Lock()
        self._closed = False
        self._thread.start()

    def call(self, attempt: Callable[[], Awaitable[Any]]) -> Reply:
        """What an attempt gives, made until it succeeds, cannot succeed, or the time or the attempts are used up."""
        with self._lock:
            if self._closed:
                raise SystemFailure("closed", "the run was ended", retryable=True)
            future = asyncio.run_coroutine_threadsafe(_persistently(attempt, self._options, self._secrets), self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise SystemFailure("closed", "the run was ended", retryable=True) from None

    def close(self) -> None:
        """End all calls."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _shut(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.client.aclose()


async def _persistently(attempt: Callable[[], Awaitable[Any]], options: Options, secrets: tuple[bytes, ...]) -> Reply:
    until = asyncio.get_running_loop().time() + options.timeout
    before = ""
    for number in itertools.count(1):
        try:
            async with asyncio.timeout_at(until):
                return Reply(await _named(attempt, secrets), number)
        except TimeoutError:
            message = f"no answer within {options.timeout:g} s"
            raise SystemFailure("timeout", f"{message}{before}", retryable=True, attempts=number) from None
        except SystemFailure as failure:
            failure.attempts = number
            if not failure.retryable or number > options.retries:
                raise
            pause = random.uniform(0, min(FIRST_PAUSE * 2 ** (number - 1), LONGEST_PAUSE))
            if isinstance(failure, _Refused):
                pause += failure.pause
            if asyncio.get_running_loop().time() + pause >= until:
                raise
            before = f"; before that: {failure}"
        await asyncio.sleep(pause)
    raise AssertionError  # count() has no end


async def _named(attempt: Callable[[], Awaitable[T]], secrets: tuple[bytes, ...]) -> T:
    """An attempt whose network errors are failures with a name."""
    try:
        return await attempt()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise SystemFailure("unreachable", f"no connection: {_said(error, secrets)}", retryable=True) from error
    except httpx.TransportError as error:
        said = f"the connection or the answer broke off: {_said(error, secrets)}"
        raise SystemFailure("broken", said, retryable=True) from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise SystemFailure("broken", f"no answer that can be read: {_said(error, secrets)}") from error


def _said(error: Exception, secrets: tuple[bytes, ...]) -> str:
    """The error in words; it may quote what the server sent in place of an answer."""
    return f"{type(error).__name__} {quote(_hide(str(error).encode('utf-8', 'replace'), secrets).decode(), 160)}"


class _Guarded(httpx.AsyncBaseTransport):
    """A transport whose answers are plain, have a limit and do not repeat what is secret."""

    def __init__(self, inner: httpx.AsyncBaseTransport, max_bytes: int, secrets: tuple[bytes, ...]) -> None:
        self._inner = inner
        self._max = max_bytes
        self._secrets = secrets

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        headers = httpx.Headers([(name, _hide(value, self._secrets)) for name, value in response.headers.raw])
        coding = headers.get("content-encoding", "identity").strip().lower()
        length = headers.get("content-length", "")
        failure = None
        if coding not in ("", "identity"):
            failure = SystemFailure("encoded", f"the answer is compressed ({quote(coding)}), which was not asked for")
        elif length.isdecimal() and (len(length) > 15 or int(length) > self._max):
            failure = _too_large(self._max)
        if failure is not None:
            await response.aclose()
            raise failure
        assert isinstance(response.stream, httpx.AsyncByteStream)
        stream = _Limited(response.stream, self._max, self._secrets)
        return httpx.Response(response.status_code, headers=headers, stream=stream, extensions=response.extensions)

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Limited(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, max_bytes: int, secrets: tuple[bytes, ...]) -> None:
        self._inner = inner
        self._max = max_bytes
        self._secrets = secrets

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken, held = 0, b""
        may_go_on = max(map(len, self._secrets), default=1) - 1  # bytes at the end of a part that may begin a secret
        async for part in self._inner:
            taken += len(part)
            if taken > self._max:
                raise _too_large(self._max)
            held = _hide(held + part, self._secrets)
            ready = len(held) - may_go_on
            if ready > 0:
                yield held[:ready]
                held = held[ready:]
        yield held

    async def aclose(self) -> None:
        await self._inner.aclose()


def _too_large(max_bytes: int) -> SystemFailure:
    return SystemFailure("too_large", f"the answer has more than {max_bytes:,} bytes")
