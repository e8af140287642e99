"""Progress on stderr: a bar on a terminal, otherwise a plain line every minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LINE_SECONDS = 60.0
"""Time between two plain lines."""

_label: ContextVar[str] = ContextVar("progress_label", default="")


def is_terminal() -> bool:
    """Return whether stderr is a terminal."""
    return sys.stderr.isatty()


@contextmanager
def progress_label(text: str) -> Iterator[None]:
    """Put a text, for example "trial 1 of 10", before the label of every bar and line in the block."""
    token = _label.set(text)
    try:
        yield
    finally:
        _label.reset(token)


@contextmanager
def progress_bar(label: str, total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Yield a function that reports completed steps.

    Args:
        label: what the steps do, for example "embed".
        total: number of steps.
        shown: report on stderr: a bar on a terminal, otherwise at most one line per minute.
    """
    name = ": ".join(filter(None, (_label.get(), label)))
    if not shown:
        yield lambda steps: None
    elif is_terminal():
        with _bar(name, total) as advance:
            yield advance
    else:
        yield _PlainLines(name, total)


@contextmanager
def _bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(name, total=total)
        yield lambda steps: bars.advance(task, steps)


class _PlainLines:
    """Prints a line such as "trial 1 of 10: embed 64 of 300" once per minute."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total, self.done = name, total, 0
        self.printed = time.monotonic()

    def __call__(self, steps: int) -> None:
        self.done += steps
        now = time.monotonic()
        if now - self.printed >= LINE_SECONDS:
            self.printed = now
            sys.stderr.write(f"{self.name} {self.done} of {self.total}\n")
