"""Worker processes that read damaged inputs: a hang, a crash or too much memory ends the worker, not the test."""

from __future__ import annotations

import faulthandler
import os
import resource
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Queue
from random import Random
from typing import Any

from tests.calls import Answer
from tests.fork_server import get_fork_server
from tests.hostile.outcomes import ALLOWED, Outcome, Report, judge_text
from tests.hostile.reader import Reader, find_reader

MEMORY = 2 << 30
# Messages of allocations that the limit refused.
_REFUSED_MEMORY = ("MemoryError", "Unable to allocate", "std::bad_alloc", "Cannot allocate memory")
Input = tuple[str, int]


@dataclass(frozen=True)
class Limits:
    """Seconds and bytes that one input may take."""

    seconds: float = 10.0
    memory: int = MEMORY


def prepare_readers(readers: Iterable[Reader], folder: Path) -> None:
    """Write the valid input of each reader to a subfolder of `folder`."""
    for reader in readers:
        valid = folder / reader.name
        valid.mkdir(parents=True)
        reader.prepare(valid)


def run_inputs(inputs: Sequence[Input], valid: Path, *, workers: int, limits: Limits) -> Iterator[Report]:
    """Yield the report of each input, in the order in which they end.

    Args:
        inputs: reader and seed of each.
        valid: folder of `prepare_readers`.
        workers: number of processes.
        limits: of each input.
    """
    waiting: Queue[Input] = Queue()
    reports: Queue[Report | BaseException] = Queue()
    for item in inputs:
        waiting.put(item)

    def serve() -> None:
        try:
            with _Worker(valid, limits) as worker:
                while not waiting.empty():
                    reports.put(worker.handle(waiting.get()))
        # Otherwise the generator below waits for ever.
        except BaseException as error:  # noqa: BLE001
            reports.put(error)

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(min(workers, len(inputs)))]
    for thread in threads:
        thread.start()
    for _ in inputs:
        report = reports.get()
        if isinstance(report, BaseException):
            raise report
        yield report
    for thread in threads:
        thread.join()


class _Worker:
    """A process that is replaced after a hang or a crash."""

    def __init__(self, valid: Path, limits: Limits) -> None:
        self.valid, self.limits = valid, limits
        self.scratch = Path(tempfile.mkdtemp(prefix="hostile-"))
        self.context = get_fork_server()
        self._start()

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _start(self) -> None:
        self.connection, remote = self.context.Pipe()
        self.process = self.context.Process(
            target=_serve, args=(remote, self.valid, self.scratch, self.limits), daemon=False
        )
        self.process.start()
        remote.close()

    def _stop(self) -> None:
        if self.process.pid is not None:
            # The worker leads a group with its child processes.
            try:
                os.killpg(self.process.pid, 9)
            except OSError:
                self.process.kill()
        self.process.join()
        self.connection.close()

    def handle(self, item: Input) -> Report:
        """Return the report of one input."""
        answer: Report | None = None
        outcome = Outcome.HANG
        try:
            self.connection.send(item)
            # The worker also copies, damages and judges.
            if self.connection.poll(self.limits.seconds + 2):
                answer = self.connection.recv()
        except (EOFError, OSError):
            outcome = Outcome.CRASH
        if answer is not None:
            return answer
        self._stop()
        trace = self.scratch / "trace.txt"
        detail = " < ".join(_list_frames(trace)) if trace.is_file() else ""
        detail = detail or f"exit code {self.process.exitcode}"
        damage_file = self.scratch / "damage.txt"
        damage = damage_file.read_text() if damage_file.is_file() else "?"
        self._start()
        return Report(item[0], item[1], damage, outcome, detail)


def _list_frames(trace: Path) -> list[str]:
    lines = [line.strip() for line in trace.read_text(errors="replace").splitlines()]
    return [line for line in lines if line.startswith("File")][:4]


def _serve(connection: Connection, valid: Path, scratch: Path, limits: Limits) -> None:
    os.setpgid(0, 0)
    base = _read_status("VmData")
    if base is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (base + limits.memory, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with (scratch / "trace.txt").open("w") as trace:
        faulthandler.enable(trace)
        while True:
            try:
                name, seed = connection.recv()
            except (EOFError, OSError):
                return
            trace.truncate(0)
            faulthandler.dump_traceback_later(max(limits.seconds - 0.5, 0.5), file=trace)
            report = read_damaged(find_reader(name), seed, valid / name, scratch)
            faulthandler.cancel_dump_traceback_later()
            try:
                connection.send(report)
            # The program was interrupted.
            except OSError:
                return


def read_damaged(reader: Reader, seed: int, valid: Path, scratch: Path, memory: int = MEMORY) -> Report:
    """Damage a copy of the valid input, read it and judge the result."""
    folder = scratch / "parent" / "work"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.parent.mkdir()
    shutil.copytree(valid, folder, symlinks=True)
    damage = reader.damage(folder, Random(f"{reader.name} {seed}"))
    (scratch / "damage.txt").write_text(damage, errors="replace")
    _reset_peak()
    answer = reader.read(folder)
    peak = _read_status("VmHWM") or 0
    outcome, detail = _judge(reader, folder, valid, answer, peak, memory)
    if outcome in ALLOWED and (left := _list_leftovers(folder)):
        outcome, detail = Outcome.LEFTOVER, ", ".join(left)
    return Report(reader.name, seed, damage, outcome, detail)


def _judge(
    reader: Reader, folder: Path, valid: Path, answer: Answer, peak: int, memory: int
) -> tuple[Outcome, str]:
    text = answer.traceback or answer.err
    refused = any(name in text.replace("MemoryError: of a plugin", "") for name in _REFUSED_MEMORY)
    if peak > memory or refused:
        return Outcome.MEMORY, f"{peak >> 20} MiB: {_last_line(text)}"
    if answer.traceback:
        return Outcome.TRACEBACK, f"{_last_line(answer.traceback)} ({_find_origin(answer.traceback)})"
    if "Traceback (most recent call last)" in answer.err:
        return Outcome.TRACEBACK, _last_line(answer.err)
    if unclear := judge_text(answer):
        return Outcome.UNCLEAR, f"{unclear}: {_last_line(answer.err)}"
    if answer.code not in (0, 1):
        return Outcome.REFUSED, _last_line(answer.err)
    return reader.judge(valid, folder, answer)


def _list_leftovers(folder: Path) -> list[str]:
    """Return unfinished files, and files next to the folder."""
    unfinished = [path for pattern in ("*.part", "*.unfinished") for path in folder.rglob(pattern)]
    outside = [path for path in folder.parent.iterdir() if path != folder]
    return sorted(str(path.relative_to(folder.parent)) for path in [*unfinished, *outside])


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _find_origin(traceback: str) -> str:
    """Return the last file of reidbench in a traceback, with its line."""
    frames = [line.strip() for line in traceback.splitlines() if 'File "' in line]
    own = [frame for frame in frames if "/reidbench/" in frame or "/plugins/" in frame] or frames
    path, _, rest = own[-1].removeprefix('File "').partition('"') if own else ("", "", "")
    return f"{Path(path).name}{rest.rpartition(', in ')[0]}"


def _read_status(name: str) -> int | None:
    """Return a field of /proc/self/status in bytes; None on systems without it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    values: list[Any] = [line.split() for line in lines if line.startswith(f"{name}:")]
    return int(values[0][1]) << 10 if values else None


def _reset_peak() -> None:
    if sys.platform == "linux":
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return
