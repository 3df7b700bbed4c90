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


@contextlib.contextmanager
def rate_bar(label: str, total: int) -> Iterator[Callable[[bool], None]]:
    """A function to be told of each item that is done, and whether it took no work; a bar on stderr shows the rate."""
    begin = shown = time.monotonic()
    waiting = worked = 0
    bar: Any = click.progressbar(
        length=total, label=label, file=sys.stderr, show_pos=True, item_show_func=lambda rate: rate and f"{rate}/s"
    )
    with bar:

        def show(now: float) -> None:
            nonlocal shown, waiting
            bar.update(waiting, f"{worked / max(now - begin, 1e-9):.3g}")
            shown, waiting = now, 0

        def step(free: bool) -> None:
            nonlocal waiting, worked
            waiting += 1
            worked += not free
            now = time.monotonic()
            if now - shown > _BETWEEN:
                show(now)

        yield step
        show(time.monotonic())


_BETWEEN = 0.1
"""Seconds between two drawings, which take longer than many an item."""
