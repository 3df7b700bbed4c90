"""The connection to a running Label Studio, and what can go wrong with it.

Every call is sent once. What may have been done although no clear answer came
(a timeout, a cut connection, a 5xx) raises :class:`Unclear`: the caller looks
what is there before it sends anything again. Only reading is repeated here.

The client is ``label_studio_sdk``. Its own retries are off, for it would send a
create twice; bodies are encoded here, because its encoder takes ten times as
long. The token goes to a server only after that has shown itself to be Label
Studio, and stands in no message and no ``repr``.
"""

from __future__ import annotations

import json
import re
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from newsgold.errors import NewsgoldError, ServerFault, UsageError, quote

_PAUSES = (0.2, 1.0)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_URL = re.compile(r"(https?)://(\[[0-9a-fA-F:.]+\]|[^\s/@:?#\[\]]+)(:[0-9]{1,5})?(/[^\s?#@]*)?")

T = TypeVar("T")


class Unclear(ServerFault):
    """No clear answer came: what was asked may have been done, or may still be."""


class Late(Unclear):
    """No answer came in time; the server may well be at work on it."""


class Gone(ServerFault):
    """What was asked for does not exist on the server."""


class Taken(ServerFault):
    """The server has one like it already."""


@dataclass(frozen=True)
class Server:
    """A Label Studio that took the token."""

    url: str
    user: int
    """The id of the token's user."""
    version: str
    client: Any = field(repr=False)
    """The SDK's HTTP client, which adds the credentials."""


def connect(url: str, token: str, *, timeout: float = 300.0) -> Server:
    """The server at a URL, after a look that it is a Label Studio and takes the token.

    Args:
        url: Of the server itself, such as ``http://127.0.0.1:8080``.
        token: A personal access token, or a legacy token (40 hexadecimal digits) where the server allows these.
        timeout: Seconds without a byte after which an answer counts as missing.

    Raises:
        UsageError: The URL or the token cannot be one.
        ServerFault: Nothing answers, it is no Label Studio, or it refuses the token.
    """
    url, host = _checked_url(url)
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("no usable access token: set LABEL_STUDIO_API_KEY to the one under Account & Settings in Label Studio")
    try:
        import httpx
        from label_studio_sdk import LabelStudio
        from label_studio_sdk.core.api_error import ApiError
    except ImportError as error:
        raise NewsgoldError('the client of Label Studio is missing: pip install "newsgold[annotation]"') from error
    limit = httpx.Timeout(timeout, connect=min(timeout, 10.0))
    # a proxy of the environment cannot reach this machine's own ports
    web = httpx.Client(timeout=limit, follow_redirects=False, trust_env=host not in _LOOPBACK)
    try:
        version = _identified(web, url)
        try:
            # the library has no types for it
            sdk: Any = LabelStudio(base_url=f"{url}/", api_key=token, httpx_client=web, max_retries=0)  # type: ignore[no-untyped-call]
        except ApiError:
            raise ServerFault(f"the access token for {url} has expired: make a new one under Account & Settings") from None
        client = sdk._client_wrapper.httpx_client
        user = decoded(reliably(lambda: send(Server(url, 0, version, client), "GET", "api/current-user/whoami")), dict)
    except BaseException:
        web.close()
        raise
    server = Server(url, int(user.get("id", 0)), version, client)
    weakref.finalize(server, web.close)
    return server


def _checked_url(url: str) -> tuple[str, str]:
    match = _URL.fullmatch(url)
    if match is None:
        raise UsageError("--url is the address of the server, such as http://127.0.0.1:8080, without user name or query")
    return url.rstrip("/"), match[2]


def _identified(web: Any, url: str) -> str:
    """The version of Label Studio that answers at a URL; nothing secret is sent."""
    import httpx

    try:
        answer = web.get(f"{url}/api/version")
    except httpx.HTTPError as error:
        if isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError):
            raise ServerFault(f"what listens at {url} is no Label Studio: it does not speak HTTP; check the port") from None
        said = quote(str(error) or type(error).__name__)
        raise ServerFault(f"no Label Studio answers at {url} ({said}): start it, or check the address") from None
    if answer.is_redirect:
        raise ServerFault(f"{url} redirects to {quote(answer.headers.get('location', ''), 200)}: give that address")
    try:
        facts = msgspec.json.decode(answer.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        facts = None
    if answer.status_code >= 500:
        raise ServerFault(f"the server at {url} fails (HTTP {answer.status_code}): try again when it is up")
    if not isinstance(facts, dict) or "label-studio-os-package" not in facts or answer.status_code != 200:
        raise ServerFault(f"what answers at {url} is no Label Studio: check the address and the port")
    return str(facts.get("release", ""))


# ------------------------------------------------------------------- one request


def send(server: Server, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: bytes | None = None) -> Any:
    """The answer to one request that is sent once; every other outcome is a fault with its remedy."""
    headers = {"Content-Type": "application/json"} if body is not None else None
    with faults(server):
        answer = server.client.request(
            path, method=method, params=params, content=body, headers=headers, request_options={"max_retries": 0}
        )
    judge(server, answer)
    return answer


@contextmanager
def faults(server: Server) -> Iterator[None]:
    """Turn what the client raises into faults; what it says may hold addresses, but never the token."""
    import httpx
    from label_studio_sdk.core.api_error import ApiError

    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        said = quote(str(error) or type(error).__name__)
        raise ServerFault(f"no Label Studio answers at {server.url} any more ({said}): start it, then run this again") from None
    except httpx.TimeoutException as error:
        raise Late(unclear(server, type(error).__name__)) from None
    except httpx.HTTPError as error:
        raise Unclear(unclear(server, type(error).__name__)) from None
    except ApiError as error:  # a personal access token is exchanged for a short-lived one on the way
        if error.status_code in (401, 403):
            raise ServerFault(_refused(server)) from None
        raise Unclear(unclear(server, f"HTTP {error.status_code} for the token")) from None
    except ValueError:
        raise Unclear(unclear(server, "an unreadable answer")) from None


def judge(server: Server, answer: Any) -> None:
    """Raise what a status other than success means."""
    status = answer.status_code
    if 200 <= status < 300:
        return
    said = _detail(answer)
    if status in (401, 403):
        raise ServerFault(_refused(server, said))
    if status == 404:
        raise Gone(f"{server.url} has none ({said}): it was deleted, or the token's user may not see it")
    if status == 409:
        raise Taken(f"{server.url} has it already ({said})")
    if status >= 500 or status in (408, 429):
        raise Unclear(unclear(server, f"HTTP {status}, {said}"))
    raise ServerFault(f"the server at {server.url} refuses the request (HTTP {status}): {said}")


def _refused(server: Server, said: str = "") -> str:
    facts = f" ({said})" if said else ""
    return (
        f"the server at {server.url} refuses the access token{facts}: set LABEL_STUDIO_API_KEY to a personal access token from"
        " Account & Settings, or let an administrator allow legacy tokens"
    )


def unclear(server: Server, what: str) -> str:
    """What to tell somebody whose request has no clear outcome."""
    return f"the server at {server.url} gives no clear answer ({what}): run this again, nothing is done twice"


def _detail(answer: Any) -> str:
    """What the server says about a fault, short and safe to print."""
    try:
        facts = json.loads(answer.content)
    except ValueError:
        return "no reason given"
    said = facts.get("detail", "") if isinstance(facts, dict) else facts
    more = facts.get("validation_errors") if isinstance(facts, dict) else None
    return quote(f"{said}: {more}" if more else said, 300)


def reliably(call: Callable[[], T]) -> T:
    """What a request that changes nothing gives, asked again where the answer is unclear."""
    for pause in (*_PAUSES, None):
        try:
            return call()
        except Unclear:
            if pause is None:
                raise
            time.sleep(pause)
    raise AssertionError


def decoded(answer: Any, kind: type[T]) -> T:
    """The JSON value of an answer; raises :class:`Unclear` if it is no such thing."""
    try:
        value = json.loads(answer.content)
    except ValueError:
        value = None
    if not isinstance(value, kind):
        raise Unclear("the server's answer is not the JSON that was expected: run this again, nothing is done twice")
    return value
