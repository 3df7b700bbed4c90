"""Work on several processes: of this machine, or of a Dask cluster. Scoring is done with them here.

An engine hands work to a pool of processes or to a Dask client. What runs there is what runs here:
:func:`newsgold.benchmark.score.score_part` of some documents, and :func:`newsgold.benchmark.remote.answer_batch`. Nothing of a
result depends on the engine, the number of workers, or on one that dies: others are given what it was at.

Workers read gold and predictions themselves, from the same paths as the caller.
"""

from __future__ import annotations

import contextlib
import pickle
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from newsgold.benchmark.score import Bootstrap, Found, Part, Result, Terms, add_up, find_texts, read_train, score_part, settle
from newsgold.benchmark.shards import (
    Listing,
    Shard,
    can_be_cut,
    cut_up,
    listing,
    listing_here,
    look,
    pieces,
    read_shard,
    read_texts,
)
from newsgold.corpus.codec import Record
from newsgold.corpus.labels import Labels
from newsgold.corpus.store import find_kb
from newsgold.errors import NewsgoldError, UsageError, has_errors, quote
from newsgold.metrics.arrays import Floats, Ints
from newsgold.metrics.batch import Source, read
from newsgold.metrics.counts import Counts
from newsgold.metrics.suite import Attempted, Side

PART = 10_000
"""Documents that are scored in one go."""

PATIENCE = 10
"""Seconds that a scheduler is waited for."""

J = TypeVar("J")
T = TypeVar("T")


class Engine(NamedTuple):
    """Where work is done."""

    submit: Callable[..., Future[Any]]
    workers: int
    """How many pieces of work are done at once."""
    processes: int
    died: tuple[type[BaseException], ...]
    """What is raised of a piece of work whose workers died."""
    everywhere: Callable[..., Any] | None = None
    """Calls a function in every process that outlives the engine; ``None`` where there are none."""


@contextlib.contextmanager
def open_engine(kind: Literal["local", "dask"], *, workers: int = 1, scheduler: str | None = None) -> Iterator[Engine]:
    """Processes of this machine, or the workers of a Dask scheduler; what has not begun when this ends is dropped.

    Raises:
        UsageError: Dask is not installed, no scheduler is named or none answers, or it has no workers.
        NewsgoldError: workers die again and again.
    """
    if kind == "dask" and scheduler is None:
        raise UsageError("--engine dask needs --scheduler tcp://HOST:PORT")
    with _dask(scheduler) if scheduler is not None else _processes(workers) as engine:
        try:
            yield engine
        except engine.died as error:
            raise NewsgoldError(f"workers died, perhaps for want of memory: {quote(str(error), 200)}") from error


@contextlib.contextmanager
def _processes(workers: int) -> Iterator[Engine]:
    pool = _Pool(workers)
    try:
        yield Engine(pool.submit, workers, workers, (BrokenProcessPool,))
    except BaseException:
        pool.end(at_once=True)
        raise
    pool.end()


class _Pool:
    """Processes; when one of them dies, others take its work over, three times for a piece of work."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._ended = False
        self._pool = self._new()
        # what follows a piece of work may submit more, and the pool's own thread holds a lock of the pool when it tells
        self._after = ThreadPoolExecutor(1)

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._workers, mp_context=get_context("spawn"))

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        out: Future[Any] = Future()
        self._try(out, 3, function, *arguments)
        return out

    def _try(self, out: Future[Any], left: int, function: Callable[..., Any], *arguments: Any) -> None:
        with self._lock:
            if self._ended:
                out.cancel()
                return
            try:
                inner = self._pool.submit(function, *arguments)
            except BrokenProcessPool:
                self._pool = self._new()
                inner = self._pool.submit(function, *arguments)

        def done(inner: Future[Any]) -> None:
            error = None if inner.cancelled() else inner.exception()
            if inner.cancelled():
                out.cancel()
            elif error is None:
                out.set_result(inner.result())
            elif isinstance(error, BrokenProcessPool) and left:
                self._try(out, left - 1, function, *arguments)
            else:
                out.set_exception(error)

        def later(inner: Future[Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the interpreter is ending
                self._after.submit(done, inner)

        inner.add_done_callback(later)

    def end(self, *, at_once: bool = False) -> None:
        """Drop what has not begun, and with ``at_once`` what has."""
        with self._lock:
            self._ended = True
            running = dict(self._pool._processes or {})  # Python 3.14 has terminate_workers for it
            self._pool.shutdown(wait=False, cancel_futures=True)
        if at_once:
            for process in running.values():
                process.terminate()


@contextlib.contextmanager
def _dask(scheduler: str) -> Iterator[Engine]:
    try:
        distributed = import_module("distributed")
    except ModuleNotFoundError as error:
        raise UsageError("--engine dask needs the extra dask: pip install 'newsgold[dask]'") from error
    try:
        client = distributed.Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"no Dask scheduler answers at {quote(scheduler)}: {quote(str(error), 160)}") from error
    try:
        threads = [worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()]
        if not threads:
            raise UsageError(f"the Dask scheduler at {quote(scheduler)} has no workers")
        executor = client.get_executor(pure=False)
        try:
            yield Engine(executor.submit, sum(threads), len(threads), (distributed.KilledWorker, CancelledError), client.run)
        finally:
            executor.shutdown(wait=False)
    finally:
        client.close(timeout=5)


def _each(engine: Engine, function: Callable[[J], T], jobs: Iterable[J]) -> list[T]:
    """The results of a function for each of some arguments, in their order."""
    futures = [engine.submit(function, job) for job in jobs]
    return [future.result() for future in futures]


# --------------------------------------------------------------------------- scoring


def score(
    engine: Engine,
    gold: Source,
    pred: Source,
    *,
    split: str | None = None,
    kinds: Collection[str] | None = None,
    labels: Path | Labels | None = None,
    articles: Path | None = None,
    allow_findings: bool = False,
    bootstrap: Bootstrap | None = None,
    train: Path | None = None,
    part: int | None = None,
) -> Result:
    """As :func:`newsgold.benchmark.score.score`, in parts of about ``part`` documents; the result is the same to the last digit.

    What looks at items, ``Result.evaluation``, is not there.

    Raises:
        DataError, UsageError, FileFault: as there; :class:`FileFault` also where a worker cannot read a file.
    """
    terms = settle(gold, split=split, kinds=kinds, labels=labels, allow_findings=allow_findings)
    if train is not None:
        read_train(train)
    sides = [_look_through(engine, source, name) for source, name in ((gold, "gold"), (pred, "predictions"))]
    size = sum(len(side.places.line) for side in sides)
    parts = -(-size // (2 * part)) if part else max(-(-size // (2 * PART)), min(2 * engine.workers, size))
    of = cut_up(sides[0].places, sides[1].places, max(1, parts))
    texts = _texts(engine, gold, articles)
    text_of = None if texts is None else _same_parts(sides, of, texts)
    jobs = []
    for number in range(max(1, parts)):
        shards = [side.shard(np.flatnonzero(mine == number)) for side, mine in zip(sides, of, strict=True)]
        own = None if texts is None else texts.shard(np.flatnonzero(text_of == number))
        jobs.append(_Job(shards[0], shards[1], own, terms, _place(gold), _place(train)))
    done = _complete(engine, jobs, _scored(engine, jobs))
    unread = [Found(stage, i, f) for stage, side in enumerate(sides) for i, f in enumerate(side.findings)]
    done[0] = done[0]._replace(found=(*unread, *done[0].found))
    return add_up(done, terms, bootstrap)


class _Job(NamedTuple):
    """A part to be scored."""

    gold: Shard
    pred: Shard
    texts: Shard | None
    terms: Terms
    home: Path | None
    """The gold's place, beside which the knowledge base is."""
    train: Path | None
    keys: tuple[str, ...] | None = None


def score_job(job: _Job) -> tuple[int, bytes]:
    """The kernel: a part's documents read and scored; :func:`_unpacked` gives the :class:`Part`."""
    done = score_part(
        read_shard(job.gold),
        read_shard(job.pred),
        job.terms,
        texts=None if job.texts is None else read_texts(job.texts),
        kb=None if job.home is None else _kb(job.home),
        train=None if job.train is None else _train(job.train),
        keys=job.keys,
    )
    # what several counts share is sent once
    small = {id(counts): _small(counts) for m in done.measured.values() for counts in m.counts}
    measured = {key: m._replace(counts=Counts(*(small[id(c)] for c in m.counts))) for key, m in done.measured.items()}
    data = pickle.dumps(done._replace(measured=measured, evaluation=None), protocol=5)
    # nearly all counts are 0, so that little is left to be sent
    return len(data), pa.compress(data, codec="lz4", asbytes=True)


def _unpacked(packed: tuple[int, bytes]) -> Part:
    part: Part = pickle.loads(pa.decompress(packed[1], packed[0], codec="lz4"))
    return part


def _scored(engine: Engine, jobs: Iterable[_Job]) -> list[Part]:
    return [_unpacked(packed) for packed in _each(engine, score_job, jobs)]


@lru_cache(maxsize=1)
def _kb(home: Path) -> frozenset[str] | None:
    return find_kb(home)


@lru_cache(maxsize=1)
def _train(path: Path) -> Side:
    return read_train(path)


def _small(counts: Floats) -> NDArray[Any]:
    """The same numbers in fewer bytes, where they are whole."""
    for kind in (np.uint8, np.uint16, np.uint32):
        with np.errstate(invalid="ignore"):
            narrow = counts.astype(kind)
        if (narrow == counts).all():
            return narrow
    return counts


def _complete(engine: Engine, jobs: Sequence[_Job], parts: list[Part]) -> list[Part]:
    """The parts with one set of metrics: those that all documents together call for."""
    if not jobs[0].terms.allow_findings and has_errors(f.finding for part in parts for f in part.found):
        return parts
    tried = [part.tried for part in parts]
    gold, pred = frozenset[str]().union(*(t.gold for t in tried)), frozenset[str]().union(*(t.pred for t in tried))
    keys = Attempted(gold, pred, any(t.train for t in tried)).metrics()
    lacking = [tuple(key for key in keys if key not in part.measured) for part in parts]
    again = [at for at, missing in enumerate(lacking) if missing]
    more = _scored(engine, [jobs[at]._replace(keys=lacking[at]) for at in again])
    for at, extra in zip(again, more, strict=True):
        parts[at] = parts[at]._replace(measured={**parts[at].measured, **extra.measured})
    return [part._replace(measured={key: part.measured[key] for key in keys}) for part in parts]


def _look_through(engine: Engine, source: Source, name: str) -> Listing:
    if can_be_cut(source) and isinstance(source, (str, Path)):
        path = Path(source)
        shown = _each(engine, look, pieces(path))
        return listing(path, shown)
    batch = read(source, name)
    return listing_here([batch.record(row) for row in range(batch.table.num_rows)], batch.path, batch.findings)


def _texts(engine: Engine, gold: Source, articles: Path | None) -> Listing | None:
    """The articles to hold spans against, if there are any. Only JSONL is read by the workers."""
    if articles is not None and can_be_cut(articles) and articles.suffix != ".parquet":
        return _look_through(engine, articles, "articles")
    found = find_texts(gold, articles)
    return None if found is None else listing_here([Record(a, "", 0) for a in found.values()], "")


def _same_parts(sides: Sequence[Listing], of: Sequence[Ints], texts: Listing) -> Ints:
    """The part of each article: that of its document; −1 where it has none."""
    place: dict[str | None, int] = {}
    for side, mine in zip(sides, of, strict=True):
        place.update(zip(side.places.ids.to_pylist(), mine.tolist(), strict=True))
    place[None] = -1
    return np.array([place.get(name, -1) for name in texts.places.ids.to_pylist()], dtype=np.int64)


def _place(source: object) -> Path | None:
    return Path(source).absolute() if isinstance(source, (str, Path)) else None
