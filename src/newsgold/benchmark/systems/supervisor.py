"""Runs one program and ends it whole: ``supervisor.py MEMORY CONTROL STATUS PROGRAM ARGS…``, itself a process.

It stands between newsgold and a program of the user's because only a process of
its own can be the one that orphans fall to (``PR_SET_CHILD_SUBREAPER``): whoever
forks, leaves the session and loses its parent is still a descendant, and found.
It ends the program with all descendants when CONTROL (a file descriptor) is closed, which the
kernel does too when newsgold is killed; when the program ends; when all of them together hold more than MEMORY
bytes; and when they are more than :data:`PROCESSES`. Then one line goes to STATUS:

    exit N · signal N · memory · processes · error MESSAGE

Needs only the standard library, and no package: it is started with ``-I -S``. Off Linux, where there is no
``/proc``, it ends the program's process group and no more.
"""

import contextlib
import os
import resource
import select
import signal
import sys
import time

PROCESSES = 256
LOOK_SECONDS = 0.1
_SUBREAPER = 36
_ADDRESSES = 16
_PAGE = resource.getpagesize()


def main(arguments: list[str]) -> None:
    """Run the program until it or its time ends."""
    memory, control, status = (int(number) for number in arguments[:3])
    for number in (control, status):
        os.set_inheritable(number, False)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    _adopt_orphans()
    failed, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(failed)
        _become(arguments[3:], memory, told)
    os.close(told)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)  # the program alone holds its ends, so that newsgold sees them close
    why = os.read(failed, 300)
    report = f"error {why.decode(errors='replace')}" if why else _watch(child, memory, control)
    _end(child)
    os.write(status, f"{report}\n".encode())


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _become(command: list[str], memory: int, told: int) -> None:
    """Turn this process into the program, with its limits."""
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            # many reserve far more addresses than they use; what is used is looked at while the program runs
            resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES * memory, _ADDRESSES * memory))
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)
    except BaseException as error:
        os.write(told, str(error).encode(errors="replace")[:300])
    finally:
        os._exit(127)


def _watch(child: int, memory: int, control: int) -> str:
    """Wait until the program ends or must; how it did."""
    ends = [control, os.pidfd_open(child)] if hasattr(os, "pidfd_open") else [control]
    while True:
        ready, _, _ = select.select(ends, [], [], LOOK_SECONDS)
        ended = _reap(child)
        if ended is not None:
            return ended
        if control in ready:
            return "signal 9"
        family = descendants()
        if len(family) > PROCESSES:
            return "processes"
        if sum(_held(pid) for pid in family) > memory:
            return "memory"


def _reap(child: int) -> str | None:
    """Take in whoever has ended; how the program ended, if it has."""
    ended = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            ended = f"exit {code}" if code >= 0 else f"signal {-code}"


def descendants() -> list[int]:
    """The processes that descend from this one and have not ended; none where there is no ``/proc``."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, parent = file.read().rpartition(b") ")[2].split()[:2]
            except OSError:
                continue  # it has just ended
            if state not in (b"Z", b"X"):
                parents[int(name)] = int(parent)
    found = {os.getpid()}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return sorted(found - {os.getpid()})


def _held(pid: int) -> int:
    """Bytes of memory that a process holds by itself, which leaves out what it shares with others."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            _, resident, shared = file.read().split()[:3]
    except OSError:
        return 0
    return max(0, int(resident) - int(shared)) * _PAGE


def _end(child: int) -> None:
    """Kill everybody: first stop them, so that nobody forks meanwhile; then again until nobody is left."""
    _send(-child, signal.SIGKILL)
    until = time.monotonic() + 10
    while (family := descendants()) and time.monotonic() < until:
        for sent in (signal.SIGSTOP, signal.SIGKILL):
            for pid in family:
                _send(pid, sent)
        _reap(child)
        time.sleep(0.001)
    _reap(child)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


if __name__ == "__main__":
    main(sys.argv[1:])
