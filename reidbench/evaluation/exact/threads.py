"""Threads that each work on one task at a time, with operations that use no further threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def map_in_threads(work: Callable[[T], R], tasks: Iterable[T], threads: int) -> Iterator[R]:
    """Yield the results of all tasks in order.

    The threads of one operation wait for each other at its end, so a busy processor delays all of them. Threads with
    tasks of their own do not wait, and each task stays in the cache of its processor.
    """
    if threads == 1:
        yield from map(work, tasks)
        return
    default = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(work, tasks)
    finally:
        pool.shutdown(cancel_futures=True)
        # The number that a thread sets for itself is the default of all new threads, too.
        torch.set_num_threads(default)
