"""A system that runs on the workers of an engine, and to the caller is one like any other.

Each worker process opens the system once and holds it; an actor of Dask's would be lost with its worker. Documents
travel in batches, so that a fast system does not wait for the network; answers come back to the caller, who keeps
them. Of a worker that dies, others take the documents over, one by one, so that one that kills its worker fails alone.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from multiprocessing.util import Finalize
from typing import Any, NamedTuple

from newsgold.benchmark.engine import Engine
from newsgold.benchmark.run_cache import system_key
from newsgold.benchmark.systems import Answer, Opened, Options, SystemFailure, open_system
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Article
from newsgold.errors import quote

BATCH = 16
"""Documents that travel together at most."""


class Spec(NamedTuple):
    """A system as a worker opens it."""

    name: str
    options: Options
    labels: Labels


class _Reply(NamedTuple):
    """What a worker says of one document."""

    identity: bytes
    answer: Answer | None
    failure: tuple[str, str, bool, int, dict[str, float]] | None = None
    """Kind, message, retryable, attempts, usage."""


class _Open(NamedTuple):
    """A system that this process holds."""

    opened: Opened
    identity: bytes
    room: threading.BoundedSemaphore


_held: dict[bytes, _Open] = {}
_lock = threading.Lock()


def open_on(engine: Engine, name: str, options: Options, labels: Labels) -> Opened:
    """A system that every worker opens for itself; its documents are asked for there.

    A document that several workers died of has failed as ``crashed``; so has one whose workers were killed again and again.

    Raises:
        UsageError, DataError, FileFault: as :func:`newsgold.benchmark.systems.open_system`, from a worker.
    """
    spec = pickle.dumps(Spec(name, options, labels))
    about = engine.submit(_describe, spec).result()
    wanted = about.pop("identity")
    # two batches a worker, so that none waits for the caller
    size = max(BATCH, about["concurrency"])
    batches = _Batches(engine, spec, 2 * engine.workers, size)

    def answer(article: Article) -> Answer:
        try:
            reply = batches.ask(article).result()
        except engine.died as error:
            raise SystemFailure("crashed", f"its worker died: {quote(str(error), 200)}", retryable=True) from error
        if reply.identity != wanted:
            raise SystemFailure("refused", "a worker holds another version of the system: start all workers anew")
        if reply.answer is not None:
            return reply.answer
        kind, said, retryable, attempts, usage = reply.failure or ("raised", "", False, 1, {})
        raise SystemFailure(kind, said, retryable=retryable, attempts=attempts, usage=usage)

    def close() -> None:
        if engine.everywhere is not None:
            engine.everywhere(_release, spec)

    return Opened(answer=answer, close=close, **{**about, "concurrency": 2 * engine.workers * size})


class _Asked(NamedTuple):
    article: Article
    reply: Future[_Reply]
    alone: bool = False
    """Whether it is asked for by itself, after workers died of it or beside it."""


class _Batches:
    """Gathers the documents that are asked for while as many batches are under way as may be."""

    def __init__(self, engine: Engine, spec: bytes, most: int, size: int) -> None:
        self._engine = engine
        self._spec = spec
        self._most = most
        self._size = size
        self._flying = 0
        self._waiting: list[_Asked] = []
        self._alone: list[_Asked] = []
        self._lock = threading.Lock()

    def ask(self, article: Article) -> Future[_Reply]:
        asked = _Asked(article, Future())
        with self._lock:
            self._waiting.append(asked)
        self._send()
        return asked.reply

    def _next(self) -> list[_Asked]:
        with self._lock:
            # one that may kill its worker is asked for when nothing else is under way that would go down with it
            if self._flying >= (1 if self._alone else self._most) or not (self._waiting or self._alone):
                return []
            self._flying += 1
            if self._alone:
                return [self._alone.pop()]
            # few documents are shared out among the workers
            size = min(self._size, -(-len(self._waiting) // self._most))
            batch, self._waiting = self._waiting[:size], self._waiting[size:]
            return batch

    def _send(self) -> None:
        while batch := self._next():
            try:
                done = self._engine.submit(answer_batch, self._spec, [asked.article for asked in batch])
            except Exception as error:  # the engine has ended
                done = Future()
                done.set_exception(error)
            done.add_done_callback(partial(self._landed, batch))

    def _landed(self, batch: list[_Asked], done: Future[list[_Reply]]) -> None:
        with self._lock:
            self._flying -= 1
        try:
            for asked, reply in zip(batch, done.result(), strict=True):
                asked.reply.set_result(reply)
        except BaseException as error:
            if isinstance(error, self._engine.died) and not batch[0].alone:
                with self._lock:
                    self._alone += [asked._replace(alone=True) for asked in batch]
            else:
                for asked in batch:
                    asked.reply.set_exception(error)
        self._send()


def answer_batch(spec: bytes, articles: Sequence[Article]) -> list[_Reply]:
    """The kernel: what a system says of each of some articles, asked in the process that this runs in."""
    held = _open(spec)
    if held.opened.concurrency <= 1:
        return [_answer(held, article) for article in articles]
    with ThreadPoolExecutor(min(held.opened.concurrency, len(articles))) as threads:
        return list(threads.map(partial(_answer, held), articles))


def _answer(held: _Open, article: Article) -> _Reply:
    with held.room:
        try:
            return _Reply(held.identity, held.opened.answer(article))
        except SystemFailure as error:
            return _Reply(held.identity, None, (error.kind, str(error), error.retryable, error.attempts, dict(error.usage)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            said = f"{type(error).__name__}: {quote(str(error), 200)}"
            return _Reply(held.identity, None, ("raised", said, False, 1, {}))


def _open(spec: bytes) -> _Open:
    """The system, opened by the first who asks."""
    with _lock:
        if spec not in _held:
            opened = open_system(*pickle.loads(spec))
            identity = system_key(opened.name, opened.version, opened.configuration, opened.prompt)
            _held[spec] = _Open(opened, identity, threading.BoundedSemaphore(max(1, opened.concurrency)))
            Finalize(None, opened.close, exitpriority=10)
        return _held[spec]


def _release(spec: bytes) -> None:
    with _lock:
        held = _held.pop(spec, None)
    if held is not None:
        held.opened.close()


def _describe(spec: bytes) -> dict[str, Any]:
    held = _open(spec)
    fields = ("name", "version", "configuration", "prompt", "concurrency", "notes")
    return {"identity": held.identity, **{name: getattr(held.opened, name) for name in fields}}
