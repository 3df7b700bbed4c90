"""A Dask cluster of one's own, and a hand that kills its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import distributed

from newsgold.benchmark.engine import Engine


def two_workers() -> Any:
    """A scheduler and two workers, processes of their own."""
    return distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0", memory_limit=0
    )


def newsgold(*arguments: object) -> tuple[int, str]:
    """Exit code and all output of the command."""
    command = [sys.executable, "-m", "newsgold.cli", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120)
    return done.returncode, done.stdout


class Killer:
    """Kills a worker of a cluster once some pieces of work are done, and others are under way."""

    def __init__(self, opened: Engine, after: int) -> None:
        assert opened.everywhere is not None
        self.pids = sorted(opened.everywhere(os.getpid).values())
        self.killed = 0
        self._left = after
        self._submit = opened.submit
        self._lock = threading.Lock()
        self.engine = opened._replace(submit=self.submit)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future = self._submit(function, *arguments)
        future.add_done_callback(self._count)
        return future

    def _count(self, _: Future[Any]) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(self.pids[0], signal.SIGKILL)
                self.killed = self.pids[0]
