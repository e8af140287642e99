"""Signals that end a command, told apart from a KeyboardInterrupt that plugin code raises."""

from __future__ import annotations

import atexit
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that end a command; everything that is finished stays in the cache."""


class Interrupted(KeyboardInterrupt):
    """Raised in the main thread by a signal of the user."""


class _State:
    # Whether the handler is installed: without it, every KeyboardInterrupt is taken for the user's.
    is_handled = False
    is_received = False


@contextmanager
def handle_interrupts() -> Iterator[None]:
    """Turn signals into `Interrupted` while a command runs; call this in the main thread.

    A signal that the parent process ignores, as nohup does, stays ignored. While Python exits, all are ignored.
    """
    atexit.unregister(_ignore_signals)
    atexit.register(_ignore_signals)
    handled = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, _raise_interrupted) for number in handled}
    _State.is_handled, _State.is_received = True, False
    try:
        yield
    finally:
        _State.is_handled = False
        for number, handler in previous.items():
            # A handler of C code is None, and cannot be installed again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _ignore_signals() -> None:
    # The exit code is decided: a signal that arrives now would replace it.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _raise_interrupted(number: int, frame: FrameType | None) -> None:
    _State.is_received = True
    raise Interrupted


def is_interrupt(error: BaseException) -> bool:
    """Return whether the user ended the command, so that the error is not a failure of the code that raised it."""
    return _State.is_received if _State.is_handled else isinstance(error, KeyboardInterrupt)


def check_interrupt() -> None:
    """Raise `Interrupted` if the user ended the command and other code discarded the exception."""
    if _State.is_handled and _State.is_received:
        raise Interrupted
