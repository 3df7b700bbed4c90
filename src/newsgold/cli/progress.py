"""A progress bar for steps that turn out to be long."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import click


@contextlib.contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A function to be told how much is done and how much there is; after a second a bar shows it on stderr."""
    begin = time.monotonic()
    bar: Any = None
    with contextlib.ExitStack() as stack:

        def step(done: int, total: int) -> None:
            nonlocal bar
            if bar is None and total and time.monotonic() - begin > 1:
                bar = stack.enter_context(click.progressbar(length=total, label=label, file=sys.stderr))
            if bar is not None:
                bar.length = total
                bar.update(done - bar.pos)

        yield step
