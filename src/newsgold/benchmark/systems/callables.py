"""Systems inside this process: baselines, objects of Python modules, entry points, and predictions already made.

A user's callable runs in threads of its own, so that one that hangs costs its document and not the run. A thread
cannot be ended from outside: while as many calls hang as may be made at once, the next documents wait for one of them
to end, and fail with ``busy`` if none does.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from newsgold import __version__
from newsgold.benchmark.systems import (
    Answer,
    Opened,
    Options,
    System,
    SystemFailure,
    file_sha256,
    names_secret,
    own_options,
    plain_name,
    without_secrets,
)
from newsgold.corpus.codec import sha256
from newsgold.corpus.model import DOCUMENT_ID, Article
from newsgold.corpus.store import read_annotations
from newsgold.errors import DataError, UsageError, finding, quote

if TYPE_CHECKING:
    from newsgold.benchmark.baselines import Baseline
    from newsgold.corpus.labels import Labels

PATIENCE = 3
"""How many deadlines a document waits for a call to end before all of them are taken to hang."""
_Call = Callable[[Article], object]


def open_baseline(baseline: Baseline, options: Options) -> Opened:
    """A baseline of this package."""
    own_options(options, {}, baseline.name)
    version = f"{baseline.version}+newsgold-{__version__}"
    return Opened(baseline.name, version, {}, lambda article: _asked(baseline.function, article))


def open_callable(place: str, options: Options, _labels: Labels) -> Opened:
    """The system ``MODULE:CALLABLE``: a function, any other callable object, or a class that makes one.

    A class is called once with the ``--option`` values as keyword arguments.

    Raises:
        UsageError: there is no such callable, or it cannot be made.
    """
    module, _, attribute = place.partition(":")
    what = f"python:{place}"
    if not module or not attribute or ":" in attribute:
        raise UsageError(f"{quote(what)} is not python:MODULE:CALLABLE")
    if "" not in sys.path:
        sys.path.insert(0, "")  # a console script does not look in the working folder, where one's own module is
    found = _made(what, lambda: getattr(import_module(module), attribute))
    if isinstance(found, type):
        found = _made(what, lambda: found(**options.configuration))
    elif options.configuration:
        raise UsageError(f"{quote(what)} is no class, so there is nothing that takes --option")
    return _hosted(what, found, options, default_name=attribute)


def open_registered(point: EntryPoint, options: Options) -> Opened:
    """The system of an entry point.

    It names a callable that takes the ``--option`` values as keyword arguments and gives a system, or an
    :class:`Opened`, which is used as it is.

    Raises:
        UsageError: it cannot be loaded or called, or gives something else.
    """
    what = f"{point.name} ({point.value})"
    found = _made(what, lambda: point.load()(**options.configuration))
    return found if isinstance(found, Opened) else _hosted(what, found, options, default_name=point.name)


def open_file(place: str, options: Options, _: Labels) -> Opened:
    """The predictions of a file as a system, which fails for documents that they lack.

    Raises:
        DataError: the predictions cannot be read, or name a document twice.
        FileFault: the file cannot.
    """
    own_options(options, {}, "file:")
    path = Path(place)
    decoded = read_annotations(path)
    if decoded.findings:
        raise DataError(f"the predictions in {path} cannot be read", decoded.findings)
    by_id = {r.value.id: r.value for r in decoded.records}
    if len(by_id) < len(decoded.records):
        times = Counter(r.value.id for r in decoded.records)
        twice = [r for r in decoded.records if times[r.value.id] > 1]
        found = [finding("DUPLICATE_DOCUMENT", r.path, line=r.line, doc=r.value.id, pointer="/id") for r in twice]
        raise DataError(f"the predictions in {path} name a document twice", found)

    def answer(article: Article) -> Answer:
        if article.id not in by_id:
            raise SystemFailure("missing", f"{quote(place)} has no prediction for it")
        return Answer(annotation=by_id[article.id])

    return Opened(plain_name(path.stem), _version_of(path), {}, answer)


def _made(what: str, make: Callable[[], Any]) -> Any:
    """What a user's code makes; whatever goes wrong is told with the system's name."""
    try:
        return make()
    except (Exception, SystemExit) as error:  # a module may do anything when it is imported
        raise UsageError(f"cannot load {quote(what)}: {type(error).__name__}: {quote(str(error), 200)}") from error


def _hosted(what: str, system: Any, options: Options, *, default_name: str) -> Opened:
    """A user's callable with the attributes that it may have, each checked."""
    if not callable(system):
        raise UsageError(f"{quote(what)} is no callable")
    name = getattr(system, "name", plain_name(default_name))
    if not isinstance(name, str) or not DOCUMENT_ID.fullmatch(name):
        raise UsageError(f"{quote(what)} has the name {quote(name)}; names match {DOCUMENT_ID.pattern}")
    configuration = getattr(system, "configuration", {})
    concurrency = getattr(system, "concurrency", 1)
    if not isinstance(configuration, Mapping) or not isinstance(concurrency, int) or concurrency < 1:
        raise UsageError(f"{quote(what)}: configuration is a mapping and concurrency a positive number")
    given = {**configuration, **options.configuration}
    known = without_secrets(_made(what, lambda: msgspec.json.decode(msgspec.json.encode(given))))
    version = getattr(system, "version", None)
    threads = min(concurrency, options.concurrency or concurrency)
    fewer = f"{quote(what)} is asked for {threads} at a time: it has no attribute concurrency that allows more"
    secrets = [value for key, value in options.configuration.items() if value and names_secret(key)]
    host = _Host(lambda article: _asked(system, article, secrets), threads, options.timeout)
    return Opened(
        name,
        _version_of(_home(system)) if version is None else str(version),
        known,
        host.answer,
        concurrency=threads,
        close=host.close,
        notes=(fewer,) if threads < (options.concurrency or 1) else (),
    )


def _home(system: System) -> Path | None:
    """The file of the module that a callable comes from."""
    module = sys.modules.get(getattr(system, "__module__", type(system).__module__))
    home = getattr(module, "__file__", None)
    return Path(home) if home else None


def _version_of(path: Path | None) -> str:
    """A version for what has none: a digest of the file or the JSON files of the folder, by which a change is noticed."""
    if path is None:
        return "unknown"
    files = sorted(p for p in path.rglob("*.json*") if p.is_file()) if path.is_dir() else [path]
    return "sha256-" + sha256("\n".join(file_sha256(file) for file in files))[:12]


def _asked(call: _Call, article: Article, secrets: Sequence[str] = ()) -> Answer:
    """What a callable answers; whatever it raises is this document's failure, even a wish to exit, without the secrets."""
    try:
        found = call(article)
    except SystemFailure as failure:
        failure.args = (_hide(str(failure), secrets),)
        raise
    except (Exception, SystemExit) as error:
        said = quote(_hide(str(error), secrets), 200)
        raise SystemFailure("raised", f"{type(error).__name__}: {said}") from error
    return found if isinstance(found, Answer) else Answer(annotation=found)


def _hide(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text


class _Thread:
    """A thread that makes one call after the other for whoever asks, and outlives neither the program nor :meth:`close`."""

    def __init__(self, call: Callable[[Article], Answer], freed: Callable[[_Thread], None]) -> None:
        self._call = call
        self._freed = freed
        self._begin, self._end = threading.Lock(), threading.Lock()  # held, but for the moments of handing over
        self._begin.acquire()
        self._end.acquire()
        self._lock = threading.Lock()
        self._article: Article | None = None
        self._result: Answer | BaseException | None = None
        self._awaited = self._closed = False
        threading.Thread(target=self._live, daemon=True, name="newsgold-system").start()

    def ask(self, article: Article, timeout: float) -> Answer:
        """What the call gives within ``timeout`` seconds. The thread is freed by this, or by the end of a call that hangs."""
        with self._lock:
            if self._closed:
                raise _ended()
            self._article, self._awaited = article, True
            self._begin.release()
        ended = False
        try:
            ended = self._end.acquire(timeout=timeout)
        finally:
            with self._lock:
                self._awaited = False
                result, self._result = self._result, None
            if result is not None:
                if not ended:  # it came between the deadline and the lock
                    self._end.acquire()
                self._freed(self)
        if result is None:
            raise SystemFailure("timeout", f"no answer within {timeout:g} s", retryable=True)
        if isinstance(result, BaseException):
            raise result
        return result

    def close(self) -> None:
        """Have the thread end, after its call; whoever waits for that is told at once."""
        with self._lock:
            self._closed = True
            if self._awaited and self._result is None:
                self._awaited = False
                self._result = _ended()
                self._end.release()
            if self._begin.locked():
                self._begin.release()

    def _live(self) -> None:
        while self._begin.acquire() and not self._closed:
            assert self._article is not None
            try:
                result: Answer | BaseException = self._call(self._article)
            except BaseException as error:
                result = error
            with self._lock:
                awaited = self._awaited
                if awaited:
                    self._result = result
                    self._end.release()
            if not awaited:
                self._freed(self)


class _Host:
    """A callable with a deadline, and the threads that make its calls.

    A thread is waited for before the deadline of a document begins. None that is freed within :data:`PATIENCE` deadlines
    means that all calls hang: from then on documents fail at once, until one of the calls ends after all.
    """

    def __init__(self, call: Callable[[Article], Answer], threads: int, timeout: float) -> None:
        self._timeout = min(timeout, threading.TIMEOUT_MAX / PATIENCE)
        self._idle: queue.SimpleQueue[_Thread | None] = queue.SimpleQueue()
        self._threads = [_Thread(call, self._idle.put) for _ in range(threads)]
        for thread in self._threads:
            self._idle.put(thread)
        self._stuck = False

    def answer(self, article: Article) -> Answer:
        """One document's answer."""
        try:
            thread = self._idle.get(timeout=0 if self._stuck else PATIENCE * self._timeout)
        except queue.Empty:
            self._stuck = True
            raise SystemFailure("busy", "the system is still at work on documents that took too long", retryable=True) from None
        if thread is None:
            self._idle.put(None)
            raise _ended()
        self._stuck = False
        return thread.ask(article, self._timeout)

    def close(self) -> None:
        """End the threads, and have those who wait told."""
        for thread in self._threads:
            thread.close()
        self._idle.put(None)


def _ended() -> SystemFailure:
    return SystemFailure("closed", "the run was ended", retryable=True)
