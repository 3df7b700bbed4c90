"""``cmd:PROGRAM ARGS``: a program that reads articles and writes annotations, one JSON object a line.

The program is started once for every document that may be asked for at a time, without a shell, and kept. What
fails costs the program its life: it is ended with all its descendants (:mod:`supervisor`), and the next document
gets a new one. A program may also end by itself after any answer: one that ends on an article although it had
answered before is replaced once, and the article is laid to its charge only if the new one ends on it too.
"""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from newsgold.benchmark.systems import (
    Answer,
    Opened,
    Options,
    SystemFailure,
    file_sha256,
    masked,
    names_secret,
    own_options,
    plain_name,
    read_answer,
)
from newsgold.corpus.codec import sha256
from newsgold.corpus.model import Annotation, Article
from newsgold.errors import FileFault, UsageError, printable, quote

if TYPE_CHECKING:
    from newsgold.corpus.labels import Labels

GRACE_SECONDS = 2.0
"""How long a program that has nothing left to read may take to end by itself."""
_TAIL = 2_000
_CHUNK = 1 << 16
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_WHY = {
    "memory": "it and its children held more memory than allowed",
    "processes": "it has too many children",
}


def open_program(command: str, options: Options, _: Labels) -> Opened:
    """The program of a command line, split as a shell would and run without one.

    Raises:
        UsageError: there is no such program, or the line cannot be split.
    """
    own_options(options, {}, "cmd:")
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"cannot split the command of cmd: {error}") from None
    if not arguments or shutil.which(arguments[0]) is None:
        raise UsageError(f"no program {quote(arguments[0] if arguments else '')} that can be run")
    if os.name != "posix":
        raise UsageError("cmd: needs Linux, macOS or another POSIX system")
    sandboxed = _sandboxed(arguments) if options.sandbox else None
    notes = ("there is no sandbox: bubblewrap (bwrap) is not installed, or may not make namespaces here",)
    pool = _Pool(_Start(tuple(sandboxed or arguments), options), options.concurrency or 1)
    return Opened(
        plain_name(Path(arguments[0]).name),
        _version_of(arguments),
        {"command": _without_secrets(arguments), "sandbox": sandboxed is not None},
        pool.answer,
        concurrency=options.concurrency or 1,
        close=pool.close,
        notes=notes if options.sandbox and sandboxed is None else (),
    )


def _without_secrets(arguments: list[str]) -> list[str]:
    """The command as it is recorded: what a flag or a variable that names a secret is given is masked."""
    shown, before = [], ""
    for argument in arguments:
        name, given, value = argument.partition("=")
        follows = before.startswith("-") and "=" not in before and names_secret(before)
        script = any(c.isspace() for c in argument) and names_secret(argument)  # where in it is not known
        if follows or script:
            shown.append(masked(argument))
        else:
            shown.append(f"{name}={masked(value)}" if given and names_secret(name) else argument)
        before = argument
    return shown


def _version_of(arguments: list[str]) -> str:
    """A digest of the files that the command names, by which a change is noticed."""
    found = []
    for argument in arguments:
        with contextlib.suppress(FileFault, OSError, ValueError):
            if Path(argument).is_file():  # a pipe or a device would be waited for, or has no end
                found.append(file_sha256(Path(argument)))
    return f"sha256-{sha256(' '.join(found))[:12]}" if found else "unknown"


def _sandboxed(arguments: list[str]) -> list[str] | None:
    """The command under bubblewrap: no network, nothing to write but an empty /tmp, a plain environment.

    ``None`` where bubblewrap is missing or does not work.
    """
    bwrap = shutil.which("bwrap")
    here = str(Path.cwd())
    # bwrap binds nothing onto a link, and what lies in a folder that is shown needs no more
    shown = {here, *(p for a in arguments if os.path.lexists(a) and not (p := str(Path(a).absolute())).startswith(f"{here}/"))}
    wall = [str(bwrap), "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    wall += ["--setenv", "PATH", os.environ.get("PATH", os.defpath), "--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8"]
    # sockets under /run would let it speak to the services of this machine
    wall += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run"]
    wall += [part for path in sorted(shown) if path.startswith(("/tmp/", "/run/")) for part in ("--ro-bind", path, path)]
    wall += ["--chdir", here, "--"]
    try:
        works = bwrap and subprocess.run([*wall, "true"], capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        works = False
    return [*wall, *arguments] if works else None


class _Start(NamedTuple):
    """How a program is started, and its limits."""

    command: tuple[str, ...]
    options: Options


class _Child:
    """A program at work, its supervisor and the pipes to them. One thread at a time asks; any may kill."""

    def __init__(self, start: _Start) -> None:
        control, self._control = os.pipe()
        self._status, status = os.pipe()
        ours = [sys.executable, "-I", "-S", str(_SUPERVISOR), str(start.options.memory), str(control), str(status)]
        try:
            self._process = subprocess.Popen(
                [*ours, *start.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(control, status),
                start_new_session=True,
            )
        except OSError as error:
            os.close(self._control)
            os.close(self._status)
            raise SystemFailure("crashed", f"the program cannot be started: {error.strerror}") from error
        finally:
            os.close(control)
            os.close(status)
        self._pipes = [pipe for pipe in (self._process.stdin, self._process.stdout, self._process.stderr) if pipe]
        self._in, self._out, self._err = (pipe.fileno() for pipe in self._pipes)
        for number in (self._in, self._out, self._err, self._status):
            os.set_blocking(number, False)
        self._ended: set[int] = set()
        self._max, self._timeout = start.options.max_bytes, start.options.timeout
        self._said = bytearray()
        self._complained = bytearray()
        self._lock = threading.Lock()
        self._killed = False

    def ask(self, line: bytes, until: float) -> bytes:
        """The line that answers a line, if it comes in time."""
        self._look(0.0, writing=False)
        if self._said:
            raise self._failure("protocol", "it wrote more lines than it was given articles; one a line is wanted")
        left = memoryview(line)
        while True:
            end = self._said.find(b"\n")
            if end >= 0:
                answer = bytes(self._said[:end])
                del self._said[: end + 1]
                return answer
            if len(self._said) > self._max:
                raise self._failure("too_large", f"a line of its output has more than {self._max:,} bytes")
            if (wait := until - time.monotonic()) <= 0:
                raise self._failure("timeout", f"no answer within {self._timeout:g} s", retryable=True)
            ready = self._look(wait, writing=bool(left))
            if self._in in ready:
                left = left[self._write(left) :]
            if b"\n" not in self._said and {self._status, self._out} & self._ended:
                raise self._gone()

    def _look(self, seconds: float, *, writing: bool) -> set[int]:
        """Wait until something can be written or has been said, and take what has."""
        with selectors.DefaultSelector() as selector:
            for number in {self._status, self._out, self._err} - self._ended:
                selector.register(number, selectors.EVENT_READ)
            if writing:
                selector.register(self._in, selectors.EVENT_WRITE)
            ready = {int(key.fd) for key, _ in selector.select(seconds)}
        if self._status in ready:
            self._ended.add(self._status)
        if {self._err, self._status} & ready:
            self._complained += self._read(self._err)
            del self._complained[:-_TAIL]
        if {self._out, self._status} & ready:
            self._said += self._read(self._out)
        return ready

    def _read(self, number: int) -> bytes:
        """What a pipe holds, up to the limit of an answer."""
        parts, size = [], 0
        with contextlib.suppress(BlockingIOError):
            while size <= self._max:
                part = os.read(number, _CHUNK)
                if not part:
                    self._ended.add(number)
                    break
                parts.append(part)
                size += len(part)
        return b"".join(parts)

    def _write(self, left: memoryview) -> int:
        try:
            return os.write(self._in, left[:_CHUNK])
        except BlockingIOError:
            return 0
        except BrokenPipeError:  # it reads no more, but may still answer
            return len(left)

    def _gone(self) -> SystemFailure:
        """Why the program, or its output, has ended."""
        if self._status not in self._ended:
            self._look_for_status(1.0)
        said = b""
        with contextlib.suppress(BlockingIOError):
            said = os.read(self._status, 1_000)
        what, _, detail = said.decode("utf-8", "replace").strip().partition(" ")
        if self._killed:
            return self._failure("closed", "the run was ended")
        if what in _WHY:
            return self._failure(what, _WHY[what])
        how = {"exit": f"it ended with exit code {detail}", "signal": f"signal {detail} ended it", "error": detail}
        return self._failure("crashed", how.get(what, "it closed its output") + " before it had answered")

    def _look_for_status(self, seconds: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._status, selectors.EVENT_READ)
            selector.select(seconds)

    def _failure(self, kind: str, message: str, *, retryable: bool = False) -> SystemFailure:
        """A failure with the last that the program said on its standard error."""
        with contextlib.suppress(OSError):
            self._complained += self._read(self._err)
        lines = [line.strip() for line in bytes(self._complained).decode("utf-8", "replace").splitlines() if line.strip()]
        last = printable(" | ".join(lines[-3:])[-300:])
        return SystemFailure(kind, f"{message}; it said: {last}" if last else message, retryable=retryable)

    @property
    def alive(self) -> bool:
        """Whether the program runs, as far as its supervisor has told."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._status, selectors.EVENT_READ)
            return not selector.select(0)

    def finish(self) -> None:
        """Tell the program that there is nothing left to read."""
        with contextlib.suppress(OSError):
            self._pipes[0].close()

    def kill(self) -> None:
        """End the program with all its descendants."""
        with self._lock:
            if not self._killed:
                self._killed = True
                os.close(self._control)

    def release(self, grace: float = 0.0) -> None:
        """End it, after ``grace`` seconds in which it may end by itself, and let go of its pipes."""
        process = self._process
        self.finish()
        if grace:
            self._look_for_status(grace)
        self.kill()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in self._pipes[1:]:
            pipe.close()
        os.close(self._status)


def _answer_again(child: _Child | None, line: bytes, until: float) -> bytes | None:
    """What a program that has answered before says; ``None`` if there is none, or it ends on this article."""
    if child is None or not child.alive:
        return None
    try:
        return child.ask(line, until)
    except SystemFailure as failure:
        if failure.kind != "crashed":
            raise
        return None


class _Pool:
    """As many programs as documents may be asked for at once, each started when it is first needed."""

    def __init__(self, start: _Start, size: int) -> None:
        self._start = start
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(None)
        self._lock = threading.Lock()
        self._living: set[_Child] = set()
        self._closed = False

    def answer(self, article: Article) -> Answer:
        """One document's answer."""
        line, until = msgspec.json.encode(article) + b"\n", time.monotonic() + self._start.options.timeout
        child = self._idle.get()
        kept = None
        try:
            raw = _answer_again(child, line, until)
            if child is None or raw is None:
                child = self._renewed(child)
                raw = child.ask(line, until)
            answer = read_answer(raw, article)
            found = answer.annotation
            got = found.id if isinstance(found, Annotation) else found.get("id") if isinstance(found, dict) else None
            if got != article.id:
                message = f"its line is about {quote(got)} and not about {quote(article.id)}: one line an article, in their order"
                raise SystemFailure("mismatched", message)
            kept = child
            return answer
        finally:
            if kept is None:
                self._let_go(child)
            self._idle.put(kept)

    def _renewed(self, old: _Child | None) -> _Child:
        self._let_go(old)
        child = _Child(self._start)
        with self._lock:
            self._living.add(child)
            closed = self._closed
        if closed:
            self._let_go(child)
            raise SystemFailure("closed", "the run was ended", retryable=True)
        return child

    def _let_go(self, child: _Child | None, grace: float = 0.0) -> None:
        """Take leave of a program; twice does no harm."""
        with self._lock:
            if child is None or child not in self._living:
                return
            self._living.discard(child)
        child.release(grace)

    def close(self) -> None:
        """End all programs: those at work at once, the others after a moment to end by themselves."""
        with self._lock:
            self._closed = True
            working = set(self._living)
        idle = []
        with contextlib.suppress(queue.Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for child in working.difference(idle):
            child.kill()
        resting = [child for child in idle if child is not None]
        for child in resting:
            child.finish()
        until = time.monotonic() + GRACE_SECONDS
        for child in resting:
            self._let_go(child, max(0.0, until - time.monotonic()))
        for _ in idle:
            self._idle.put(None)
