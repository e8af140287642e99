"""A server from which processes start at once, because it has imported torch and reidbench."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext


def get_fork_server() -> ForkServerContext:
    """Return the context of the server; there is one per process, which starts with the first process of it."""
    context = multiprocessing.get_context("forkserver")
    # Imports all that the processes of any test need.
    context.set_forkserver_preload(["tests.hostile.readers"])
    return context
