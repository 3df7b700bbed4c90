"""A pre-annotation backend: any system, behind the contract that Label Studio has with its machine learning backends.

    GET  /health     alive
    POST /setup      the project's configuration, on connecting and before every prediction → the model version
    POST /predict    tasks → one answer a task, in their order: result items, or what is wrong with the task
    POST /webhook    the project has changed; systems are not trained here, so nothing follows

Only this machine is served. Label Studio sends a live access token with /setup
and credentials with /predict: the fields that are needed are decoded, the
others are never looked at, and nothing of a request is written anywhere.

An answer without ``result`` is a fault that Label Studio logs and passes over;
with an empty ``result`` it would store that nothing was found.
"""

from __future__ import annotations

import asyncio
import errno
import json
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from newsgold.annotation.label_config import ENTITY, KNOWN_ENTITY, LINK, config_digest
from newsgold.annotation.label_studio import Carried, to_result
from newsgold.annotation.local import HOST
from newsgold.corpus.codec import sha256, strict_json
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import DOCUMENT_ID, LAYERS, MAX_TEXT_LENGTH, Annotation, Article
from newsgold.errors import DataError, FileFault, Finding, NewsgoldError, UsageError, finding, has_errors, printable, quote

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_T = TypeVar("_T")

MAX_BODY_BYTES = 250_000_000
"""Label Studio sends all the tasks chosen in one request, with their annotations; it takes no larger ones itself."""
BODY_SECONDS = 60.0
CONNECTIONS = 64
RELATIONS = "relations"
SERVED = tuple(layer for layer in LAYERS if layer != RELATIONS)
"""The layers that are served unless others are asked for."""
BIAS = (
    "relations are not pre-annotated unless asked for: in the 96 DocRED documents that were annotated both ways, annotators who"
    " revised a machine's proposals kept 1,214 of the 3,308 relations that others found from scratch (recall 36.7 %)"
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ENTITY_CONTROLS = (ENTITY, KNOWN_ENTITY, LINK)


class Offer(NamedTuple):
    """What is served."""

    extract: Callable[[Article], Annotation]
    """A system; called from one thread at a time."""
    labels: Labels
    version: str
    """The model version, by which Label Studio knows whose prediction it has."""
    layers: tuple[str, ...] = SERVED
    """What is shown of its annotations; ``mentions`` is always among them."""
    articles: Mapping[str, Article] = {}
    """Articles that are known with their regions and metadata; of others there is what the task shows."""


class Answer(NamedTuple):
    """What one task gets."""

    row: dict[str, Any]
    """``{"model_version", "result"}``, or ``{"error"}`` for a task that has no prediction."""
    findings: tuple[Finding, ...]


class _Data(msgspec.Struct):
    text: str | None = None
    doc_id: str | None = None
    title: str | None = None
    text_sha256: str | None = None


class _Task(msgspec.Struct):
    data: _Data
    id: int | None = None


class _Predict(msgspec.Struct):
    tasks: list[msgspec.Raw]
    label_config: str = ""


class _Setup(msgspec.Struct):
    schema: str


def check_layers(layers: Sequence[str], *, with_relations: bool) -> tuple[str, ...]:
    """The layers to serve, in their order.

    Raises:
        UsageError: there is no such layer, ``mentions`` is not among them, or ``relations`` is and was not agreed to.
    """
    unknown = [layer for layer in layers if layer not in LAYERS]
    if unknown:
        raise UsageError(f"no layer {quote(unknown[0])}; there are {', '.join(LAYERS)}")
    if RELATIONS in layers and not with_relations:
        raise UsageError(f"{BIAS}; --with-relations serves them all the same")
    wanted = {*layers, RELATIONS} if with_relations else set(layers)
    if "mentions" not in wanted:
        raise UsageError("the other layers are drawn between mentions: serve mentions as well")
    return tuple(layer for layer in LAYERS if layer in wanted)


def model_version(name: str, *parts: bytes) -> str:
    """A system's name and a digest of all that its predictions depend on: other parts, another version."""
    return f"{name}-{sha256(b''.join(sha256(part).encode() for part in parts))[:12]}"


# ------------------------------------------------------------------------------- tasks


def answer(raw: bytes | msgspec.Raw, offer: Offer, place: int = 0) -> Answer:
    """The answer for a task of a request, given as JSON; never raises for what a task or a system does."""
    task, number, found = _task(raw, place)
    at = f"<task {number}>"
    if task is None:
        return _refused([f._replace(path=at) for f in found])
    faults = list(_faults(task.data, offer, at))
    if faults:
        return _refused(faults)
    article = _article(task.data, offer)
    try:
        carried = _carried(article, offer)
    except DataError as error:
        return Answer(_error(f"{at} ({article.id}) {error.args[0]}"), tuple(f._replace(path=at) for f in error.findings))
    except (Exception, SystemExit) as error:  # a system may do anything
        said = str(error) if isinstance(error, NewsgoldError) else f"the system failed: {type(error).__name__}: {error}"
        return Answer(_error(f"{at} ({article.id}) {said[:300]}"), ())
    left = tuple(f._replace(path=at) for f in carried.findings)
    return _refused(left) if has_errors(left) else Answer({"model_version": offer.version, "result": carried.items}, left)


def _task(raw: bytes | msgspec.Raw, place: int) -> tuple[_Task | None, int, list[Finding]]:
    """The task, its id or else its place in the request, and what is wrong with it."""
    try:
        task = msgspec.json.decode(raw, type=_Task)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        value, found = strict_json(bytes(raw), "")
        number = value.get("id") if isinstance(value, dict) else None
        found = found or [finding("BAD_SHAPE", "", got=quote(str(error), 160), wanted="a task of the generated configuration")]
        return None, number if type(number) is int else place, found
    return task, place if task.id is None else task.id, []


def _carried(article: Article, offer: Offer) -> Carried:
    """The result items of what a system finds, without the layers that are not served."""
    hidden = {layer: None for layer in LAYERS if layer not in offer.layers and layer != "entities"}
    annotation = msgspec.structs.replace(offer.extract(article), **hidden)
    carried = to_result(annotation, article, offer.labels, prediction=True)
    if "entities" in offer.layers:
        return carried
    return carried._replace(items=[item for item in carried.items if item.get("from_name") not in _ENTITY_CONTROLS])


def _faults(data: _Data, offer: Offer, at: str) -> Iterator[Finding]:
    """Why a task shows no article that can be worked on."""
    doc, text = data.doc_id, data.text
    known = offer.articles.get(doc or "")
    if doc is None:
        yield finding("LS_NO_DOC_ID", at, pointer="/data")
    elif not DOCUMENT_ID.fullmatch(doc):
        yield finding("BAD_ID", at, pointer="/data/doc_id", got=quote(doc))
    elif not text:
        yield finding("NO_TEXT", at, doc=doc, pointer="/data/text")
    elif len(text) > MAX_TEXT_LENGTH:
        yield finding("TEXT_TOO_LONG", at, doc=doc, pointer="/data/text", got=f"{len(text):,} code points")
    elif data.text_sha256 not in (None, digest := sha256(text)):
        yield finding("LS_TEXT", at, doc=doc, pointer="/data/text_sha256", got=quote(data.text_sha256), wanted=quote(digest))
    elif known is not None and known.text != text:
        yield finding("LS_TEXT", at, doc=doc, pointer="/data/text", got="another text than the article's")


def _article(data: _Data, offer: Offer) -> Article:
    doc, text = data.doc_id or "", data.text or ""
    known = offer.articles.get(doc)
    title = data.title if data.title != doc else None
    return Article(id=doc, text=text, title=title, text_sha256=sha256(text)) if known is None else known


def config_fault(config: str, labels: Labels, at: str) -> Finding | None:
    """What is wrong with a project's configuration if it is not the one that the inventory gives."""
    wanted, given = config_digest(labels), sha256(config.strip())
    return None if given == wanted else finding("LS_CONFIG", at, got=f"digest {given[:12]}", wanted=wanted[:12])


def _refused(found: Sequence[Finding]) -> Answer:
    return Answer(_error(str(found[0])), tuple(found))


def _error(message: str) -> dict[str, Any]:
    return {"error": printable(message)}


# -------------------------------------------------------------------------------- HTTP


class _Refusal(Exception):
    """A request that gets no answer but a status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def application(
    offer: Offer, report: Callable[[str], object], *, limit: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS
) -> Starlette:
    """The backend as an ASGI application; every fault and every request for predictions is a line for ``report``.

    A body may have ``limit`` bytes and may take ``seconds`` to arrive.
    """
    try:
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse
        from starlette.routing import Route
    except ImportError as error:
        raise NewsgoldError('serving needs starlette and uvicorn: pip install "newsgold[annotation]"') from error

    one_at_a_time = asyncio.Lock()

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "UP", "model_class": offer.version})

    async def versions(_: Request) -> Response:
        return JSONResponse({"versions": [offer.version]})

    async def setup(request: Request) -> Response:
        asked = _decoded(await _body(request, limit, seconds), _Setup)
        fault = config_fault(asked.schema, offer.labels, "<setup>")
        if fault is not None:
            raise _Refusal(400, str(fault))
        return JSONResponse({"model_version": offer.version})

    async def predict(request: Request) -> Response:
        asked = _asked(await _body(request, limit, seconds))
        rows: list[dict[str, Any]] = []
        async with one_at_a_time:
            for place, raw in enumerate(asked.tasks):
                if await request.is_disconnected():
                    report(f"Label Studio hung up after {len(rows)} of {len(asked.tasks)} task(s)")
                    break
                fault = config_fault(asked.label_config, offer.labels, f"<task {place}>")
                done = _refused([fault]) if fault else await _in_thread(partial(answer, raw, offer, place))
                rows.append(done.row)
                for line in _lines(done):
                    report(line)
            else:
                failed = sum("error" in row for row in rows)
                report(f"{len(rows)} task(s), {failed} without prediction")
        return JSONResponse({"results": rows})

    async def nothing(request: Request) -> Response:
        await _body(request, limit, seconds)
        return JSONResponse({"status": "nothing to do: systems are not trained here"})

    async def refusal(_: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, _Refusal) else 500
        report(printable(str(error)))
        return JSONResponse({"error": printable(str(error))}, status, {"connection": "close"})

    def until_the_end(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def handled(request: Request) -> Response:
            try:
                return await handler(request)
            except asyncio.CancelledError:
                return JSONResponse({"error": "the backend was ended"}, 503)

        return handled

    routes = [
        Route("/", health),
        Route("/health", health),
        Route("/versions", versions),
        Route("/setup", until_the_end(setup), methods=["POST"]),
        Route("/predict", until_the_end(predict), methods=["POST"]),
        Route("/webhook", until_the_end(nothing), methods=["POST"]),
        Route("/train", until_the_end(nothing), methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={_Refusal: refusal})


def _lines(done: Answer) -> list[str]:
    """What is said about an answer: what is wrong with the task, or one line for all that was left out."""
    found = done.findings
    if "error" in done.row:
        return [f"error: {f}" for f in found if f.severity == "error"] or [f"error: {done.row['error']}"]
    more = f" And {len(found) - 1} more" if len(found) > 1 else ""
    return [f"warning: {found[0]}{more}"] if found else []


async def _body(request: Request, limit: int, seconds: float) -> bytearray:
    """The body of a request, if it is not too long and does not take too long."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _Refusal(413, f"the request has {int(length):,} bytes; {limit:,} are taken")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                if len(body) + len(part) > limit:
                    raise _Refusal(413, f"the request has more than {limit:,} bytes")
                body += part
    except TimeoutError:
        raise _Refusal(408, f"the request did not arrive within {seconds:g} s") from None
    return body


def _decoded(body: bytearray, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _Refusal(400, f"the request is none of Label Studio's: {error}") from None


def _asked(body: bytearray) -> _Predict:
    """A request for predictions; half a surrogate pair in one task is that task's fault only."""
    try:
        return _decoded(body, _Predict)
    except _Refusal:
        if _SURROGATE.search(body) is None:
            raise
        value, _ = strict_json(bytes(body), "")
        if not isinstance(value, dict) or not isinstance(value.get("tasks"), list):
            raise
        config = value.get("label_config")
        tasks = [msgspec.Raw(json.dumps(task).encode()) for task in value["tasks"]]
        return _Predict(tasks, config if isinstance(config, str) else "")


def _in_thread(call: Callable[[], _T]) -> Awaitable[_T]:
    """A call in a thread that does not keep the program alive: a system may hang."""
    future: Future[_T] = Future()

    def work() -> None:
        future.set_running_or_notify_cancel()
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return asyncio.wrap_future(future)


def serve(app: Starlette, *, port: int, started: Callable[[str], object]) -> None:
    """Serve on 127.0.0.1 until interrupted; ``started`` is told the URL. Port 0 is any free one.

    Raises:
        FileFault: the port cannot be had.
        KeyboardInterrupt: Ctrl-C.
    """
    import uvicorn

    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(CONNECTIONS)
        except OSError as error:
            why = "is taken by something else" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
            raise FileFault(f"port {port} of {HOST} {why}; choose another with --port") from error
        started(f"http://{HOST}:{listener.getsockname()[1]}")
        uvicorn.Server(settings).run(sockets=[listener])
