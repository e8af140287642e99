"""The child process of `--isolate`: it runs `fit` or `embed` with frames from its parent, without file names."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import torch

from reidbench.checkpoint import load_checkpoint
from reidbench.datasets import FrameLoader, TrackletView, TrainingSet
from reidbench.datasets.frames import Frames, Size, decode
from reidbench.datasets.tracklets import IntArray
from reidbench.datasets.worker_processes import init_worker
from reidbench.errors import CheckpointError, FrameError, PluginError, ReidbenchError
from reidbench.interrupts import handle_interrupts
from reidbench.plugin import FitJob, Method, Runtime
from reidbench.plugin.guard import describe_failure, guard_plugin
from reidbench.plugin.loading import load_method
from reidbench.plugin.manager import Plugins
from reidbench.runner.calls import (
    call_embed,
    create_method,
    fit_once,
    prepare_method,
    read_state,
    restore_method,
)
from reidbench.runner.plan import resolve_config


@dataclass(frozen=True, kw_only=True)
class IsolatedItem:
    """A tracklet in a child process; the fields are those of `TrackletView`."""

    id: str
    length: int
    camid: int | None
    window_seed: int


@dataclass(frozen=True, kw_only=True)
class IsolatedFit:
    """The labels of a training set and the fields of a `FitJob`."""

    pids: IntArray
    camids: IntArray
    digest: str
    seed: int
    workspace: Path
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class IsolatedTask:
    """What a child process starts from; it can be pickled, and has no labels and no file names of tested tracklets.

    Attributes:
        plugin_files: files of --plugin.
        method: name of the method.
        preset: named settings.
        overrides: changed settings.
        runtime: device and progress display.
        formats: allowed formats of frames.
        items: tracklets, in the order of the labels for a fit.
        fitted: file of the fitted state, and its fingerprint; None for a fit and for methods that learn nothing.
        fit: the fit to run; None to embed.
    """

    plugin_files: tuple[Path, ...]
    method: str
    preset: str
    overrides: Mapping[str, str]
    runtime: Runtime
    formats: tuple[str, ...]
    items: tuple[IsolatedItem, ...] = field(repr=False)
    fitted: tuple[Path, str] | None = None
    fit: IsolatedFit | None = None


def run_child(task: IsolatedTask, commands: Connection, frames: Connection) -> None:
    """Run a task; the main function of the child process.

    Args:
        task: what to run.
        commands: receives the ids to embed, and sends results, log lines, values of epochs, and errors.
        frames: sends requests for frames, and receives their encoded bytes.
    """
    init_worker()
    channel = _Channel(commands)
    logging.getLogger("reidbench").setLevel(logging.INFO)
    logging.getLogger("reidbench").addHandler(_LogSender(channel))
    # The child ignores signals, so a KeyboardInterrupt comes from the plugin.
    with handle_interrupts():
        try:
            _run_task(task, channel, RemoteLoader(frames, task.formats))
        except EOFError:
            # The parent has what it needs.
            pass
        except ReidbenchError as error:
            channel.send("failed", type(error).__name__, str(error))
        # Plugins can raise anything.
        except BaseException as error:  # noqa: BLE001
            reason = f"method '{task.method}' failed in its process: {describe_failure(error)}"
            channel.send("failed", PluginError.__name__, reason)


def _run_task(task: IsolatedTask, channel: _Channel, loader: FrameLoader) -> None:
    method = _create_method(task)
    views = {item.id: _make_view(item, loader) for item in task.items}
    if task.fit is not None:
        channel.send("fitted", *_fit(method, task.fit, list(views.values()), channel))
        return
    if task.fitted is not None:
        saved = load_checkpoint(*task.fitted)
        if saved is None:
            raise CheckpointError(f"fitted method {task.fitted[0]} was removed; run again")
        restore_method(method, saved["state"])
    while True:
        ids: list[str] = channel.receive()
        found = call_embed(method, [views[identifier] for identifier in ids])
        values = {"values": found.values, "views": found.views, "lengths": found.lengths}
        channel.send("embedded", pack_tensors(values))


def _create_method(task: IsolatedTask) -> Method:
    method_class = load_method(Plugins(task.plugin_files).method(task.method))
    _, config = resolve_config(method_class, task.preset, task.overrides)
    method = create_method(method_class, config, task.runtime)
    prepare_method(method)
    return method


def _make_view(item: IsolatedItem, loader: FrameLoader) -> TrackletView:
    files = tuple(Path(item.id, str(frame)) for frame in range(item.length))
    return TrackletView(item.id, files, loader, item.camid, window_seed=item.window_seed)


def _fit(
    method: Method, fit: IsolatedFit, views: list[TrackletView], channel: _Channel
) -> tuple[float | None, bytes]:
    """Return the reported seconds and the state."""
    job = FitJob(
        seed=fit.seed,
        workspace=fit.workspace,
        fingerprint=fit.fingerprint,
        on_epoch=lambda epoch, values: channel.send("epoch", epoch, dict(values)),
    )
    seconds = fit_once(method, TrainingSet(fit.pids, fit.camids, views, fit.digest), job)
    state = read_state(method)
    with guard_plugin(method.name, "state"):
        return seconds, pack_tensors(state)


def pack_tensors(values: Mapping[str, Any]) -> bytes:
    """Return values as bytes that `unpack_tensors` reads without unpickling objects."""
    buffer = io.BytesIO()
    torch.save(dict(values), buffer)
    return buffer.getvalue()


def unpack_tensors(payload: bytes) -> dict[str, Any]:
    """Return what `pack_tensors` wrote: tensors on the CPU, numbers, strings and containers of these."""
    values: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    return values


class RemoteLoader(FrameLoader):
    """Decodes frames whose bytes the parent process sends; its paths are ids and frame numbers."""

    def __init__(self, frames: Connection, formats: tuple[str, ...]) -> None:
        super().__init__()
        self.allow(formats)
        self._frames = frames
        self._turn = threading.Lock()

    def decode(self, file: Path, size: Size | None) -> Frames:
        """Return one frame."""
        with self._turn:
            self._frames.send_bytes(msgspec.msgpack.encode([file.parent.name, int(file.name)]))
            answer = self._frames.recv_bytes()
        contents, reason = msgspec.msgpack.decode(answer, type=tuple[bytes | None, str])
        if contents is None:
            raise FrameError(file, reason)
        return decode(file, size, formats=self.formats, contents=contents)


class _Channel:
    """Sends messages to the parent, also from several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = threading.Lock()

    def send(self, kind: str, *values: Any) -> None:
        with self._turn:
            self._connection.send_bytes(msgspec.msgpack.encode([kind, *values]))

    def receive(self) -> Any:
        return msgspec.msgpack.decode(self._connection.recv_bytes())


class _LogSender(logging.Handler):
    """Sends log lines to the parent, with their tracebacks."""

    def __init__(self, channel: _Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        self._channel.send("log", record.name, record.levelno, self.format(record))
