"""The answers of a run, kept so that none is lost or paid for twice.

A cache is one SQLite file in WAL mode. An answer is in it once :meth:`Cache.keep`
has returned: it then survives that the process is killed at any moment. After a
power cut the last few may be missing, and the file is sound (``synchronous`` is
NORMAL). A document has an answer or a failure, never both, and a failure never
takes the place of an answer.

Of a row's key everything is part that decides what a system answers: its name,
version, configuration and prompt, the document's id and text, and the version of
the schema. Changing one of them asks anew and leaves the old answers where they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from newsgold.corpus.codec import sha256
from newsgold.corpus.model import SCHEMA_VERSION, Article
from newsgold.errors import FileFault, printable, quote

VERSION = 1
"""Of the layout below; a cache of another version is neither read nor changed."""

_APPLICATION = 0x4E47_5243
_LAYOUT = """
CREATE TABLE documents (
    key BLOB PRIMARY KEY,   -- SHA-256 of what decides the answer
    id TEXT NOT NULL,
    seconds REAL NOT NULL,
    attempts INTEGER NOT NULL,
    ungrounded INTEGER NOT NULL,
    usage TEXT NOT NULL,    -- JSON
    failure TEXT,           -- its kind
    said TEXT,              -- what was said of it
    crc INTEGER,            -- CRC-32 of the answer
    answer BLOB,            -- as answers.py keeps it
    raw BLOB,               -- as it was received
    CHECK ((answer IS NULL) <> (failure IS NULL))
)
"""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking for one document."""

    answer: bytes | None = None
    failure: str | None = None
    """The kind of the failure, where there is no answer."""
    said: str = ""
    seconds: float = 0.0
    """Wall clock, all attempts together."""
    attempts: int = 1
    ungrounded: int = 0
    usage: Mapping[str, float] = {}
    raw: bytes | None = None
    """Written, and not read back."""


_TOLD = ("failure", "said", "seconds", "attempts", "ungrounded", "usage")


def system_key(name: str, version: str, configuration: Mapping[str, Any], prompt: str) -> bytes:
    """SHA-256 of what decides a system's answers, the document apart."""
    parts = [name, version, configuration, sha256(prompt), SCHEMA_VERSION]
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).digest()


def document_key(system: bytes, article: Article) -> bytes:
    """The key of a document's row; the text is hashed here, whatever the article says of it."""
    return hashlib.sha256(system + msgspec.json.encode([article.id, sha256(article.text)])).digest()


class Cache:
    """An open cache, for any thread. Every method raises :class:`FileFault` where it fails."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lock = Lock()

    def answer(self, key: bytes) -> bytes | None:
        """The answer of a document, if it has one."""
        with self._lock, _named(self.path):
            row = self._connection.execute("SELECT answer, crc FROM documents WHERE key = ?", (key,)).fetchone()
        if row is None or row[0] is None:
            return None
        if not isinstance(row[0], bytes) or zlib.crc32(row[0]) != row[1]:
            raise FileFault(_damaged(self.path, "an answer in it has changed"))
        answer: bytes = row[0]
        return answer

    def look_up(self, key: bytes) -> Kept | None:
        """What is known of a document, without ``raw``."""
        with self._lock, _named(self.path):
            row = self._connection.execute(f"SELECT {', '.join(_TOLD)} FROM documents WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        told = dict(zip(_TOLD, row, strict=True))
        try:
            usage = {} if told["usage"] == "{}" else msgspec.json.decode(told["usage"], type=dict[str, float])
            kept = msgspec.convert({**told, "said": told["said"] or "", "usage": usage}, Kept)
        except (TypeError, ValueError) as error:  # msgspec's errors are among them
            raise FileFault(_damaged(self.path, str(error))) from error
        return kept if kept.failure is not None else msgspec.structs.replace(kept, answer=self.answer(key))

    def close(self) -> None:
        """End it, once no thread is at work in it; one that comes later gets a :class:`FileFault`."""
        with self._lock:
            self._connection.close()

    def is_empty(self) -> bool:
        """Whether nothing was ever kept in it."""
        with self._lock, _named(self.path):
            return self._connection.execute("SELECT 1 FROM documents LIMIT 1").fetchone() is None

    def answers(self) -> int:
        """How many answers it holds, of whatever systems."""
        with self._lock, _named(self.path):
            row = self._connection.execute("SELECT count(*) FROM documents WHERE failure IS NULL").fetchone()
        return int(row[0])

    def keep(self, key: bytes, name: str, kept: Kept) -> None:
        """Write what came of asking for a document; when this returns it is there to stay."""
        crc = None if kept.answer is None else zlib.crc32(kept.answer)
        usage = msgspec.json.encode(kept.usage).decode()
        counted = (kept.seconds, kept.attempts, kept.ungrounded, usage)
        row = (key, name, *counted, kept.failure, kept.said or None, crc, kept.answer, kept.raw)
        with self._lock, _named(self.path):
            self._connection.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
                " seconds = excluded.seconds, attempts = excluded.attempts, ungrounded = excluded.ungrounded,"
                " usage = excluded.usage, failure = excluded.failure, said = excluded.said, crc = excluded.crc,"
                " answer = excluded.answer, raw = excluded.raw"
                " WHERE excluded.answer IS NOT NULL OR documents.answer IS NULL",
                row,
            )

    def spend(self, key: bytes, kept: Kept) -> None:
        """Write how often a document was asked for and what that cost; what it was answered stays."""
        counted = (kept.attempts, msgspec.json.encode(kept.usage).decode(), key)
        with self._lock, _named(self.path):
            self._connection.execute("UPDATE documents SET attempts = ?, usage = ? WHERE key = ?", counted)


def files_of(path: Path) -> tuple[Path, ...]:
    """The files that a cache takes up while it is open, the lock among them, by their own names and not those of links.

    Raises :class:`FileFault` for links that lead in a circle.
    """
    try:
        real = path.resolve()
    except (OSError, RuntimeError) as error:
        raise FileFault(f"cannot use the cache {path}: {error}") from error
    return (real, *(real.with_name(f"{real.name}{suffix}") for suffix in (".lock", "-wal", "-shm")))


@contextlib.contextmanager
def open_cache(path: Path) -> Iterator[Cache]:
    """The cache at a path, new or old, for this process alone.

    Raises :class:`FileFault` if another run uses it, or it is no cache, is damaged, is of another version, or
    lies where it cannot be written. A file that is refused is left as it is.
    """
    real, lock, *_ = files_of(path)
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileFault(f"cannot write the cache {path}: {error.strerror or error}") from error
    with _alone(path, lock):
        with _named(path):
            connection = sqlite3.connect(real, isolation_level=None, check_same_thread=False)
        try:
            with _named(path):
                _prepare(path, connection)
            cache = Cache(path, connection)
            try:
                yield cache
            finally:
                cache.close()
        finally:
            connection.close()


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    """Make sure that the file is a cache of this version; an empty one becomes it."""

    def ask(statement: str) -> Any:
        return connection.execute(statement).fetchone()[0]

    application, version = ask("PRAGMA application_id"), ask("PRAGMA user_version")
    empty = not ask("SELECT count(*) FROM sqlite_master")
    if not empty and application != _APPLICATION:
        raise FileFault(f"{path} is a database of something else: give --cache another file")
    if not empty and version != VERSION:
        raise FileFault(
            f"{path} is a cache of version {version}, and this newsgold reads version {VERSION}: give --cache another"
            " file, or go on with the newsgold that wrote it"
        )
    if ask("PRAGMA journal_mode = WAL") != "wal":
        raise FileFault(f"the disk of {path} cannot hold a cache: give --cache a file on a local one")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 16000")  # pages of 4 KiB: each checkpoint waits for the disk
    if empty:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(_LAYOUT)
        connection.execute("COMMIT")


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in what SQLite says of it."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise FileFault(f"cannot use the cache {path}: {quote(str(error))}; what it holds is kept") from error
    except sqlite3.Error as error:
        raise FileFault(_damaged(path, str(error))) from error


def _damaged(path: Path, said: str) -> str:
    return f"{path} is damaged or no cache: {quote(said)}. It is left as it is: move it away, or give --cache another file"


@contextlib.contextmanager
def _alone(path: Path, lock: Path) -> Iterator[None]:
    """Keep other runs out; the lock goes with the process, however that ends."""
    handle = _locked(path, lock)
    try:
        os.truncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC".encode(), 0)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(lock)
        os.close(handle)


def _locked(path: Path, lock: Path) -> int:
    """The descriptor of the lock file, locked."""
    while True:
        handle = -1
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # a run that ended between the two steps has removed the file, and the next run would make another
            if os.path.exists(lock) and os.path.samestat(os.fstat(handle), os.stat(lock)):
                return handle
            os.close(handle)
        except BlockingIOError as error:
            holder = os.pread(handle, 80, 0).decode("utf-8", "replace") or "another process"
            os.close(handle)
            raise FileFault(f"another run uses the cache {path}: {printable(holder)}; wait for it, or end it") from error
        except OSError as error:
            if handle >= 0:
                os.close(handle)
            raise FileFault(f"cannot lock the cache {path}: {error.strerror or error}") from error
