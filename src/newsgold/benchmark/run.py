"""A run: a system is asked for every article, and what it answers is kept.

Killed at any moment and started again, a run asks for nothing that it has stored;
what was being asked for is asked again, at most as many documents as may be asked for
at once. One document's failure does not end the run. At the end there are

    PRED              the answers that are of the published shape, one a line, sorted by id
    PRED.run.json     the record: what was run, and of each document time, cost, findings, failure
    PRED.cache.sqlite everything that was answered (:mod:`newsgold.benchmark.run_cache`)

An answer with findings that has the published shape stands in PRED as it is, so that
scoring reports it too; one that has not, or is about another document, is in the cache and the
record alone. :func:`answer_batch` is the kernel: it needs no file and runs in any process.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, combinations, product
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

import msgspec

from newsgold import __version__
from newsgold.benchmark.answers import Against, Checked, Fault, check, kinds_of, plain_usage, signed, told
from newsgold.benchmark.run_cache import Cache, Kept, document_key, files_of, open_cache, system_key
from newsgold.benchmark.run_record import Row, RunRecord, sums, totals
from newsgold.benchmark.systems import Opened, SystemFailure
from newsgold.corpus.codec import sha256, write_atomic
from newsgold.corpus.model import SCHEMA_VERSION, Annotation, Article
from newsgold.errors import DataError, FileFault, Finding, NewsgoldError, UsageError, finding, has_errors, printable, quote

GRACE = 1.0
"""Seconds that answers on their way are waited for after Ctrl-C."""

TOGETHER = 8
"""Documents that are checked in one go, if they come within :data:`SOON` of each other."""
SOON = 0.1
"""Seconds."""


class Asked(NamedTuple):
    """What came of asking a system for one document."""

    id: str
    kept: Kept
    """Has an answer and a failure where it was asked for again in vain."""
    checked: Checked
    before: bool = False
    """Whether an earlier run asked."""


class Ran(NamedTuple):
    """What a run gives."""

    record: RunRecord
    findings: list[Finding]
    written: bool
    """Whether predictions were written; without a single answer none are, and a file from before stays as it is."""


# --------------------------------------------------------------------------- kernel


def ask(article: Article, opened: Opened, by: str) -> Kept:
    """Ask a system for one document. Whatever it raises is a failure of this document, a wish to exit included."""
    begin = time.perf_counter()
    try:
        answer = opened.answer(article)
    except SystemFailure as error:
        usage, dropped = plain_usage(error.usage)
        said = "; ".join(filter(None, (printable(str(error)), dropped)))
        kept = Kept(failure=printable(error.kind), said=said, attempts=error.attempts, usage=usage)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        kept = Kept(failure="raised", said=f"{type(error).__name__}: {quote(str(error), 200)}")
    else:
        seconds = time.perf_counter() - begin
        usage, dropped = plain_usage(answer.usage)
        return Kept(
            answer=signed(answer.annotation, article, by), said=dropped, seconds=seconds, attempts=answer.attempts,
            ungrounded=answer.ungrounded, usage=usage, raw=answer.raw,
        )  # fmt: skip
    return msgspec.structs.replace(kept, seconds=time.perf_counter() - begin)


def judge(kept: Kept, article: Article, against: Against, *, before: bool = False) -> Asked:
    """What is kept of a document, checked."""
    checked = Checked(False, ()) if kept.answer is None else check(kept.answer, article, against)
    return Asked(article.id, kept, checked, before)


def answer_batch(articles: Iterable[Article], opened: Opened, against: Against) -> list[Asked]:
    """What a system says of each of some articles, in their order, asked for one after the other."""
    return [judge(ask(article, opened, against.by), article, against) for article in articles]


def predict(articles: Iterable[Article], opened: Opened, against: Against) -> Iterator[Annotation]:
    """The answers of a system that must not fail, without a cache.

    Raises:
        NewsgoldError: it fails on a document.
        DataError: an answer has not the published shape, or is about another document.
    """
    for article in articles:
        (asked,) = answer_batch([article], opened, against)
        if asked.kept.answer is None:
            said = f"the system {quote(against.by)} failed on the document {quote(article.id)}: {asked.kept.said}"
            raise NewsgoldError(said)
        if not asked.checked.sound:
            raise DataError("the system's answer cannot be used", [fault.first for fault in asked.checked.faults])
        yield msgspec.json.decode(asked.kept.answer, type=Annotation)


class _Given(NamedTuple):
    """A document to be asked for."""

    article: Article
    key: bytes
    spent: Kept | None
    """What was spent on it before."""


class _Crew:
    """Threads that ask and store, each one document after the other, so that what is asked for and not stored is bounded.

    They do not outlive the process, so that none of them holds up its end.
    """

    def __init__(self, opened: Opened, by: str, cache: Cache) -> None:
        self.out = 0
        """Documents given and not yet taken back."""
        self._most = max(1, opened.concurrency)
        self._given: SimpleQueue[_Given | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[_Given, Kept | BaseException | None]] = SimpleQueue()
        self._opened = opened
        self._by = by
        self._cache = cache
        self._threads = 0
        self._stopped = False

    @property
    def full(self) -> bool:
        """Whether every thread has a document, and there is one for each to go on with."""
        return self.out >= 2 * self._most

    def give(self, given: _Given) -> None:
        """Have a document asked for."""
        if self._threads < self._most:
            Thread(target=self._live, daemon=True).start()
            self._threads += 1
        self.out += 1
        self._given.put(given)

    def take(self, timeout: float | None = None) -> tuple[_Given, Kept | None]:
        """The next that is stored, or, after :meth:`stop`, was not asked for; raises :class:`Empty` after ``timeout`` seconds."""
        given, done = self._done.get(timeout=timeout)
        self.out -= 1
        if isinstance(done, BaseException):
            raise done
        return given, done

    def stop(self) -> None:
        """Ask for no more; let the threads end, each after what it is at."""
        self._stopped = True
        for _ in range(self._threads):
            self._given.put(None)

    def _live(self) -> None:
        while (given := self._given.get()) is not None:
            try:
                self._done.put((given, None if self._stopped else self._asked(*given)))
            except BaseException as error:
                self._done.put((given, error))

    def _asked(self, article: Article, key: bytes, spent: Kept | None) -> Kept:
        kept = ask(article, self._opened, self._by)
        if spent is not None:
            usage, attempts = sums([spent.usage, kept.usage]), spent.attempts + kept.attempts
            kept = msgspec.structs.replace(kept, usage=usage, attempts=attempts)
            if spent.answer is not None and kept.answer is None:
                self._cache.spend(key, kept)
                return msgspec.structs.replace(spent, failure=kept.failure, said=kept.said, usage=usage, attempts=attempts)
        self._cache.keep(key, article.id, kept)
        return kept


# ------------------------------------------------------------------------------ run


def beside(out: Path, suffix: str) -> Path:
    """The file of a run that belongs to its predictions: ``p.jsonl`` has ``p.run.json`` and ``p.cache.sqlite``."""
    return out.with_name(out.name.removesuffix(".jsonl") + suffix)


def run(
    opened: Opened,
    articles: Sequence[Article],
    out: Path,
    against: Against,
    *,
    cache: Path | None = None,
    reads: Iterable[Path] = (),
    again: bool = False,
    progress: Callable[[Asked], None] | None = None,
) -> Ran:
    """Ask a system for every article that the cache has no answer of, and write predictions and record.

    Args:
        opened: the system; closing it is left to the caller.
        articles: no id may stand twice.
        out: where predictions go; the record goes beside it, or beside the cache if ``out`` is a device.
        against: the name that signs the answers, and what they are checked against.
        cache: by default beside ``out``.
        reads: files that the run may not write over, such as that of the articles.
        again: ask also for documents whose stored answer has errors; one that is asked for in vain stays.
        progress: told of every document, once what came of it is stored.

    Raises:
        DataError: an article stands twice.
        FileFault: predictions, record or cache cannot be read or written; everything stored until then stays.
        UsageError: predictions go to a device, and no cache is named; or two of the run's files are one file.
        KeyboardInterrupt: after Ctrl-C, with a message that says how to go on.
    """
    started, begin = datetime.now(UTC), time.perf_counter()
    _refuse_repeats(articles)
    home = out
    if out.is_dir():
        raise FileFault(f"{out} is a folder: name the file that predictions go to")
    if out.exists() and not out.is_file():  # a device, such as /dev/stdout
        if cache is None:
            raise UsageError(f"{out} has no place beside it for the answers: give --cache FILE")
        home = cache
    place = cache or beside(out, ".cache.sqlite")
    record_place = beside(home, ".run.json")
    _refuse_same(out, record_place, place, reads)
    earlier = out.is_file()
    with open_cache(place) as opened_cache:
        held = _Held(opened_cache, against, progress)
        _ask_all(opened, articles, held, again=again)
        written = bool(held.sound)
        if written:
            write_atomic(out, held.lines())
    findings = told(kinds_of(held.faults, (article.id for article in articles)))
    record = RunRecord(
        newsgold=__version__,
        schema_version=SCHEMA_VERSION,
        system=opened.name,
        version=opened.version,
        configuration=opened.configuration,
        prompt_sha256=sha256(opened.prompt) if opened.prompt else None,
        articles_sha256=sha256("".join(sorted(f"{a.id} {sha256(a.text)}\n" for a in articles))),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - begin, 3),
        totals=totals(held.rows),
        predictions="written" if written else "earlier" if earlier else "none",
        findings=tuple(map(str, findings)),
        documents=tuple(sorted(held.rows, key=lambda row: row.id)),
    )
    write_atomic(record_place, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    return Ran(record, findings, written)


def _refuse_repeats(articles: Iterable[Article]) -> None:
    times = Counter(article.id for article in articles)
    twice = [finding("DUPLICATE_DOCUMENT", "<articles>", doc=name, got=f"{n} articles") for name, n in times.items() if n > 1]
    if twice:
        raise DataError("an article stands twice, and predictions name each once", twice)


def _refuse_same(out: Path, record: Path, cache: Path, reads: Iterable[Path]) -> None:
    named = ("the cache", "the cache's lock", "the cache's log", "the cache's index")
    writes = [("the predictions", out), ("the record", record), *zip(named, files_of(cache), strict=True)]
    pairs = chain(combinations(writes, 2), product(writes, (("what is read", path) for path in reads)))
    for (what, path), (other, place) in pairs:
        if _same(path, place):
            raise UsageError(f"{what} ({path}) and {other} ({place}) are one file: give one of them another name")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve() or one.samefile(other)
    except (OSError, RuntimeError):  # one of them is not there
        return False


class _Held:
    """What a run knows so far: the store, and of each document a row for the record."""

    def __init__(self, cache: Cache, against: Against, progress: Callable[[Asked], None] | None) -> None:
        self.cache = cache
        self.against = against
        self.rows: list[Row] = []
        self.faults: dict[str, list[Fault]] = {}
        """By document; only those that have one."""
        self.sound: dict[str, bytes] = {}
        """The keys of the answers that are to be written."""
        self._progress = progress

    def settle(self, key: bytes, asked: Asked) -> None:
        """Note what came of a document that is stored."""
        kept, (sound, faults) = asked.kept, asked.checked
        place = f"<{self.against.by}>"
        all_ = [*faults]
        if kept.failure is not None:
            said = finding("NO_ANSWER", place, doc=asked.id, got=f"{kept.failure}: {kept.said}")
            all_.append(Fault(said, 1, kept.failure))
        elif kept.said:
            wanted = "finite numbers from 0 on, by name"
            said = finding("BAD_SHAPE", place, doc=asked.id, pointer="/usage", got=kept.said, wanted=wanted, severity="warning")
            all_.append(Fault(said, 1, "usage"))
        if all_:
            self.faults[asked.id] = all_
        if sound:
            self.sound[asked.id] = key
        row = Row(
            id=asked.id, seconds=round(kept.seconds, 6), attempts=kept.attempts, before=asked.before, written=sound,
            ungrounded=kept.ungrounded, usage=kept.usage, findings={f.first.code: f.places for f in faults},
            failure=kept.failure, said=kept.said or None,
        )  # fmt: skip
        self.rows.append(row)
        if self._progress is not None:
            self._progress(asked)

    def lines(self) -> Iterator[bytes]:
        """The predictions, read from the store one by one."""
        for _, key in sorted(self.sound.items()):
            answer = self.cache.answer(key)
            if answer is None:
                raise FileFault(f"an answer is gone from the cache {self.cache.path}: somebody else changes it; run again")
            yield answer + b"\n"


def _ask_all(opened: Opened, articles: Iterable[Article], held: _Held, *, again: bool) -> None:
    """Settle every article: what is stored is checked here while the next ones are asked for."""
    crew = _Crew(opened, held.against.by, held.cache)
    system = system_key(opened.name, opened.version, opened.configuration, opened.prompt)
    new = held.cache.is_empty()

    landed: list[tuple[_Given, Kept]] = []

    def settle() -> None:
        for given, kept in landed:
            held.settle(given.key, judge(kept, given.article, held.against))
        landed.clear()

    def land() -> None:
        """Take one back, or check those that were taken: some at a time, which takes half as long as one between two waits."""
        try:
            given, kept = crew.take(SOON if landed else None)
        except Empty:
            settle()
            return
        if kept is not None:
            landed.append((given, kept))
        if len(landed) >= TOGETHER:
            settle()

    try:
        for article in articles:
            key = document_key(system, article)
            kept = None if new else held.cache.look_up(key)
            if kept is not None and kept.answer is not None:
                asked = judge(kept, article, held.against, before=True)
                if not (again and has_errors(fault.first for fault in asked.checked.faults)):
                    held.settle(key, asked)
                    continue
            while crew.full:
                land()
            crew.give(_Given(article, key, kept))
        while crew.out:
            land()
        settle()
    except KeyboardInterrupt:
        crew.stop()
        end = time.monotonic() + GRACE
        with contextlib.suppress(KeyboardInterrupt, Empty):
            while crew.out:
                crew.take(max(0.0, end - time.monotonic()))
        raise KeyboardInterrupt(
            f"{held.cache.answers():,} answer(s) are kept in {held.cache.path}; run the same command again to go on"
        ) from None
    finally:
        crew.stop()
