"""Systems inside this process: baselines, objects of Python modules, entry points, and predictions already made.

A user's callable runs in threads of its own, so that one that hangs costs its document and not the run. A thread
cannot be ended from outside: while as many calls hang as may be made at once, every further document fails with
``busy`` instead of waiting for its own deadline.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from newsgold import __version__
from newsgold.benchmark.systems import Answer, Opened, Options, System, SystemFailure, own_options, plain_name
from newsgold.corpus.codec import read_bytes, sha256
from newsgold.corpus.model import DOCUMENT_ID, Article
from newsgold.corpus.store import read_annotations
from newsgold.errors import DataError, UsageError, quote

if TYPE_CHECKING:
    from newsgold.benchmark.baselines import Baseline
    from newsgold.corpus.labels import Labels

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
        DataError: the predictions cannot be read.
        FileFault: the file cannot.
    """
    own_options(options, {}, "file:")
    path = Path(place)
    decoded = read_annotations(path)
    if decoded.findings:
        raise DataError(f"the predictions in {path} cannot be read", decoded.findings)
    by_id = {r.value.id: r.value for r in decoded.records}

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
    known = _made(what, lambda: msgspec.json.decode(msgspec.json.encode({**configuration, **options.configuration})))
    version = getattr(system, "version", None)
    threads = min(concurrency, options.concurrency or concurrency)
    answer, close = _in_threads(system, threads, options.timeout)
    return Opened(name, _version_of(_home(system)) if version is None else str(version), known, answer, "", threads, close)


def _home(system: System) -> Path | None:
    """The file of the module that a callable comes from."""
    module = sys.modules.get(getattr(system, "__module__", type(system).__module__))
    home = getattr(module, "__file__", None)
    return Path(home) if home else None


def _version_of(path: Path | None) -> str:
    """A version for what has none: a digest of the file or the JSON files of the folder, by which a change is noticed."""
    if path is None:
        return "unknown"
    files = sorted(path.rglob("*.json*")) if path.is_dir() else [path]
    return "sha256-" + sha256("\n".join(sha256(read_bytes(file)) for file in files))[:12]


def _asked(call: _Call, article: Article) -> Answer:
    """What a callable answers; whatever it raises is this document's failure, even a wish to exit."""
    try:
        found = call(article)
    except SystemFailure:
        raise
    except (Exception, SystemExit) as error:
        raise SystemFailure("raised", f"{type(error).__name__}: {quote(str(error), 200)}") from error
    return found if isinstance(found, Answer) else Answer(annotation=found)


def _in_threads(call: _Call, threads: int, timeout: float) -> tuple[Callable[[Article], Answer], Callable[[], None]]:
    """A callable with a deadline, run by threads that do not keep the program alive, and what ends them."""
    waiting: queue.SimpleQueue[tuple[Article, Future[Answer]] | None] = queue.SimpleQueue()
    hanging: set[Future[Answer]] = set()

    def work() -> None:
        while (item := waiting.get()) is not None:
            article, future = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = _asked(call, article)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            hanging.discard(future)

    def answer(article: Article) -> Answer:
        hanging.difference_update([f for f in tuple(hanging) if f.done()])
        if len(hanging) >= threads:
            raise SystemFailure("busy", "the system is still at work on a document that took too long", retryable=True)
        future: Future[Answer] = Future()
        waiting.put((article, future))
        try:
            return future.result(timeout)
        except TimeoutError:
            if not future.cancel():
                hanging.add(future)
            raise SystemFailure("timeout", f"no answer within {timeout:g} s", retryable=True) from None

    def close() -> None:
        for _ in range(threads):
            waiting.put(None)

    for _ in range(threads):
        threading.Thread(target=work, daemon=True, name="newsgold-system").start()
    return answer, close
