"""Many files of a folder replaced as one.

All of them are written to a hidden folder beside, with a journal; one rename
makes that folder valid; then each file is moved to its place, ``SHA256SUMS``
last. Killed before the rename, the old files are there, whole; killed after
it, :func:`settle` finishes, and until then ``SHA256SUMS`` does not fit, so that
nobody who checks takes the mixture for a release.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from newsgold.corpus.codec import check_room, sha256
from newsgold.errors import FileFault

STAGING = ".release.tmp"
"""What is being written; of no use to anybody once its writer is gone."""
READY = ".release-ready.tmp"
"""What is whole and being moved to its place."""
LAST = ("README.md", "VERSION", "SHA256SUMS")
_JOURNAL = ".journal"


class _Journal(msgspec.Struct, frozen=True):
    """What an installation replaces and removes."""

    old: dict[str, str | None]
    """SHA-256 of each file before; ``None`` if there was none."""
    new: dict[str, str | None]
    """And after; ``None`` if it is removed."""


def install(target: Path, files: Mapping[str, bytes], remove: Collection[str] = ()) -> list[Path]:
    """Put files, by their path in the folder, and remove others; the paths that changed.

    Raises :class:`FileFault`, and then the folder is as it was, or, past the point of no return, :func:`settle` can finish.
    """
    try:
        check_room(target)
        target.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            _clear(target / STAGING)
            changed = _settle(target)
            old = {name: _digest(target / name) for name in (*files, *remove)}
            new = {name: sha256(data) for name, data in files.items()} | dict.fromkeys(remove)
            new = {name: digest for name, digest in new.items() if digest != old[name]}
            if new:
                _stage(target, {name: files[name] for name in new if name in files}, _Journal({n: old[n] for n in new}, new))
                changed += _settle(target)
            return changed
    except OSError as error:
        raise FileFault(_said(target, error)) from error


def settle(target: Path) -> list[Path]:
    """Finish an installation that was killed after all was written; the paths that changed.

    If somebody has changed one of its files since, it is given up instead: all of it can be made again.
    """
    try:
        if not (target / READY).is_dir():
            return []
        with _alone(target):
            return _settle(target)
    except OSError as error:
        raise FileFault(_said(target, error)) from error


def remains(target: Path) -> list[Path]:
    """What killed installations left in a folder."""
    return [target / name for name in (READY, STAGING) if os.path.lexists(target / name)]


def _stage(target: Path, files: Mapping[str, bytes], journal: _Journal) -> None:
    staging = target / STAGING
    try:
        for name, data in (*files.items(), (_JOURNAL, msgspec.json.encode(journal))):
            path = staging / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for folder in {(staging / name).parent for name in files} | {staging}:
            _sync(folder)
        os.rename(staging, target / READY)
    except BaseException:
        with contextlib.suppress(OSError):
            _clear(staging)
        raise
    _sync(target)


def _settle(target: Path) -> list[Path]:
    ready = target / READY
    if not ready.is_dir():
        return []
    if not (ready / _JOURNAL).is_file():  # all was moved, and it was being cleared away
        _clear(ready)
        return []
    journal = msgspec.json.decode((ready / _JOURNAL).read_bytes(), type=_Journal)
    names = sorted(journal.new, key=lambda name: (name in LAST and LAST.index(name) + 1, journal.new[name] is None, name))
    now = {name: _digest(target / name) for name in names}
    if all(now[name] in (journal.old[name], journal.new[name]) for name in names):
        for name in names:
            path = target / name
            if journal.new[name] is None:
                path.unlink(missing_ok=True)
            elif now[name] != journal.new[name]:
                path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(ready / name, path)
        for folder in {(target / name).parent for name in names if journal.new[name] is not None}:
            _sync(folder)
    else:
        names = []
    _clear(ready)
    return [target / name for name in names]


def _digest(path: Path) -> str | None:
    if not os.path.lexists(path):
        return None
    if not path.is_file():
        raise FileFault(f"{path} is no file: move what stands in its place; nothing was changed")
    return sha256(path.read_bytes())


def _clear(folder: Path) -> None:
    """Remove a folder of ours, its journal last: without it nobody can tell what the rest is."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _JOURNAL:
                path.unlink()
        (folder / _JOURNAL).unlink(missing_ok=True)
        folder.rmdir()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Keep others out; the lock goes with the process, however that ends."""
    handle = os.open(target, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FileFault(f"another build is writing to {target}: wait until it is done, then run again") from error
        yield
    finally:
        os.close(handle)


def _said(target: Path, error: OSError) -> str:
    remedy = "mend that and run again"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        remedy = "make room and run again"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        remedy = "make the folder writable, or choose another with --out"
    what = "its files are all written and wait to be moved" if (target / READY).is_dir() else "what was there is untouched"
    return f"cannot write the release to {target}: {error.strerror or error}; {what}; {remedy}"
