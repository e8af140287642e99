"""A reader of MATLAB and HDF5 files in a child process, with a limit of time and, where possible, of memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn

from reidbench.arrays.budget import ArrayError, Budget
from reidbench.arrays.messages import Group, receive, receive_node, send
from reidbench.errors import describe_error
from reidbench.limits import READ_SECONDS

# The module search path is that of the parent, as with processes of multiprocessing.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from reidbench.arrays.child import main; main()"
)
# Allowed besides the limit, for large files.
_BYTES_PER_SECOND = 1e7
# The child measures its processor time; the parent waits longer, since the machine may be busy.
_PATIENCE = 4
_START_SECONDS = 60.0


class ArrayReader:
    """Reads files in one child process, which starts with the first file. Use it as a context manager.

    A file that crashes the process, or takes too long, costs one error; the next file gets a new process.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._is_late = False

    def __enter__(self) -> ArrayReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                # A process that crashed cannot read the rest of a request.
                with suppress(OSError):
                    stream.close()  # type: ignore[union-attr]

    def read_mat(self, path: Path, names: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return those of the named variables that a MATLAB file has, and the names of all its variables.

        Numeric arrays have MATLAB's order of axes, character arrays are arrays of one text per row, and cell arrays
        are arrays of objects. A variable that is neither is returned as `NotAnArray`.

        Raises:
            ArrayError: the file is damaged, crashes the reader, takes too long, or an array is too large.
        """
        with self._request("mat", path, names) as stream:
            header = receive(stream)
            return {name: receive_node(stream) for name in header["names"]}, tuple(header["stored"])

    def read_hdf5(
        self, path: Path, names: Sequence[str], *, pattern: str, attributes: Sequence[str] = ()
    ) -> tuple[list[Group], dict[str, str | None]]:
        """Return the named arrays of each group of an HDF5 file, and attributes of the file.

        Args:
            path: of the file.
            names: of the arrays, relative to their group.
            pattern: regular expression of the names of groups; without such a group, the root is read, named "".
            attributes: names of attributes; only texts are returned.

        Raises:
            ArrayError: as `read_mat`, or an array is not in the file itself.
        """
        with self._request("hdf5", path, names, pattern=pattern, attributes=list(attributes)) as stream:
            header = receive(stream)
            groups = []
            for name in header["groups"]:
                inner = receive(stream)
                arrays = {key: receive_node(stream) for key in inner["names"]}
                groups.append(Group(name=name, arrays=arrays, stored=tuple(inner["stored"])))
            return groups, header["attributes"]

    @contextmanager
    def read_cells(self, path: Path, name: str) -> Iterator[tuple[list[tuple[int, ...]], Iterator[Any]]]:
        """Yield the shapes of the cells in a cell of a file of version 7.3, and an iterator over their items.

        The items of the cells come one after the other, each in the order of its rows.

        Raises:
            ArrayError: as `read_mat`, also while the items are read.
        """
        with self._request("cells", path, [name]) as stream:
            shapes = [tuple(shape) for shape in receive(stream)["shapes"]]
            yield shapes, (receive_node(stream) for rows, columns in shapes for _ in range(rows * columns))

    @contextmanager
    def _request(self, kind: str, path: Path, names: Sequence[str], **further: Any) -> Iterator[Any]:
        """Send a request and yield the stream of its answer."""
        limit = Budget.from_environment().limit
        try:
            seconds = READ_SECONDS.read() + path.stat().st_size / _BYTES_PER_SECOND
            process = self._start()
        except OSError as error:
            raise ArrayError(describe_error(error)) from error
        self._is_late = False
        timer = threading.Timer(_PATIENCE * seconds + _START_SECONDS, self._kill_late, (process,))
        timer.daemon = True
        timer.start()
        is_complete = False
        try:
            request = {"kind": kind, "path": os.fspath(path.absolute()), "names": list(names), "limit": limit}
            send(process.stdin, {**request, "seconds": seconds, **further})  # type: ignore[arg-type]
            process.stdin.flush()  # type: ignore[union-attr]
            yield process.stdout
            is_complete = True
        except (EOFError, BrokenPipeError, json.JSONDecodeError) as error:
            self._explain_end(process, seconds, error)
        finally:
            timer.cancel()
            if not is_complete:
                # The rest of an answer may be in the pipe.
                self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, json.dumps([str(folder) for folder in sys.path])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Threads of a numerical library would need memory for nothing.
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        return self._process

    def _kill_late(self, process: subprocess.Popen[bytes]) -> None:
        self._is_late = True
        process.kill()

    def _explain_end(self, process: subprocess.Popen[bytes], seconds: float, error: Exception) -> NoReturn:
        code = process.wait()
        if self._is_late or code == -getattr(signal, "SIGPROF", 0):
            raise ArrayError(
                f"reading it takes more than {seconds:.3g} seconds; set {READ_SECONDS.variable} to raise the limit"
            ) from error
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        raise ArrayError(f"it crashes the library that reads it ({name})") from error


_shared: ContextVar[ArrayReader | None] = ContextVar("shared_array_reader", default=None)


@contextmanager
def share_reader() -> Iterator[ArrayReader]:
    """Yield the reader of an outer block, or a new one that ends with this block."""
    outer = _shared.get()
    if outer is not None:
        yield outer
        return
    with ArrayReader() as reader:
        token = _shared.set(reader)
        try:
            yield reader
        finally:
            _shared.reset(token)
