"""Pools of worker processes that end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait


@contextmanager
def worker_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool; when the block ends, also by an error or an interrupt, waiting tasks are cancelled."""
    start_tracker()
    # Forking a process with threads can deadlock.
    pool = ProcessPoolExecutor(
        count, mp_context=multiprocessing.get_context("spawn"), initializer=init_worker
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def start_tracker() -> None:
    """Start the process in which multiprocessing tracks semaphores, so that it outlives a hangup of the terminal.

    It ignores SIGINT and SIGTERM only. If a hangup ends it before the parent, multiprocessing prints tracebacks.
    """
    if hasattr(signal, "pthread_sigmask"):
        # The process inherits the signals that are blocked.
        previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            resource_tracker.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def init_worker() -> None:
    """Leave interrupts to the parent process, and exit when it ends for any reason."""
    # SIGTERM ends a worker, because the pool uses it to end workers.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_with_parent, args=(parent.sentinel,), daemon=True).start()


def _exit_with_parent(sentinel: int) -> None:
    wait([sentinel])
    # A normal exit would wait for work from the dead parent.
    os._exit(1)
