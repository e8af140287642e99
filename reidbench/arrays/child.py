"""The child process that reads files: it answers requests on stdin with arrays on stdout until stdin is closed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, Any

from reidbench.arrays.budget import ArrayError, Budget
from reidbench.arrays.messages import send
from reidbench.errors import describe_error

# What libraries need besides the arrays, and the copies that they make of them.
_OVERHEAD_BYTES = 256_000_000
_COPIES = 1.5


def main() -> None:
    """Answer requests, each one line of JSON."""
    _ignore_interrupts()
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What a library prints must not be among the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    for line in requests:
        request = json.loads(line)
        try:
            _limit_memory(request)
            _set_alarm(request["seconds"])
            _answer(answers, request)
        # A library may raise anything for a damaged file.
        except Exception as error:  # noqa: BLE001
            send(answers, {"error": _describe(error)})
        _set_alarm(0)
        answers.flush()


def _answer(answers: IO[bytes], request: dict[str, Any]) -> None:
    budget = Budget(request["limit"])
    if request["kind"] == "hdf5":
        from reidbench.arrays.hdf5 import send_groups

        send_groups(
            answers, request["path"], request["pattern"], request["names"], request["attributes"], budget
        )
        return
    from reidbench.arrays.matlab import send_cells, send_variables

    if request["kind"] == "cells":
        send_cells(answers, request["path"], request["names"][0], budget)
    else:
        send_variables(answers, request["path"], request["names"], budget)


def _describe(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "reading it needs more memory than its arrays may have"
    return str(error) if isinstance(error, ArrayError) else describe_error(error)


def _limit_memory(request: dict[str, Any]) -> None:
    """Import what the request needs, then limit the memory of the process where the system can."""
    if request["kind"] == "mat":
        pass
    else:
        import h5py  # noqa: F401
    try:
        import resource
    # Windows has no such limits.
    except ImportError:
        return
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    # Other systems tell it in another way.
    except OSError:
        return
    limit = pages * resource.getpagesize() + int(_COPIES * request["limit"]) + _OVERHEAD_BYTES
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(
        resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)
    )
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the parent, which closes stdin."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _set_alarm(seconds: float) -> None:
    """End this process after some seconds of processor time, also if its parent was killed; 0 = never."""
    import signal

    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)
