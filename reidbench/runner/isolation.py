"""`--isolate`: fits and embeddings in fresh child processes without labels of tested tracklets in their memory."""

from __future__ import annotations

import logging
import multiprocessing
import stat
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from reidbench import errors
from reidbench.datasets import TrackletView, TrainingSet
from reidbench.datasets.worker_processes import start_tracker
from reidbench.errors import PluginError, ReidbenchError, describe_error
from reidbench.plugin import Embeddings, FitJob
from reidbench.runner.isolated_child import (
    IsolatedFit,
    IsolatedItem,
    IsolatedTask,
    run_child,
    unpack_tensors,
)

if TYPE_CHECKING:
    from reidbench.runner.trial import TaskContext

# For a process that has closed its connection, or was killed.
_EXIT_SECONDS = 30
EpochFunction = Callable[[int, Mapping[str, float]], None]


class IsolatedMethod:
    """A method in a fresh child process, which reads its frames through this process. Use it with `with`."""

    def __init__(self, task: IsolatedTask, files: Mapping[str, tuple[Path, ...]]) -> None:
        """Start the process.

        Args:
            task: what the process runs.
            files: the frames of each tracklet, by its id.
        """
        self._name, self._files = task.method, files
        start_tracker()
        # Forking a process with threads can deadlock, and a fork would have all labels in its memory.
        context = multiprocessing.get_context("spawn")
        self._commands, child_commands = context.Pipe()
        self._frames, child_frames = context.Pipe()
        self._process = context.Process(
            target=run_child, args=(task, child_commands, child_frames), daemon=True
        )
        self._process.start()
        # The end of the process closes its connections only if no other process has them.
        child_commands.close()
        child_frames.close()
        self._server = threading.Thread(target=_serve_frames, args=(self._frames, files), daemon=True)
        self._server.start()

    def __enter__(self) -> IsolatedMethod:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._commands.close()
        self._process.kill()
        self._process.join(_EXIT_SECONDS)
        self._server.join(_EXIT_SECONDS)
        self._frames.close()

    def fit(self, on_epoch: EpochFunction) -> tuple[float | None, dict[str, Any]]:
        """Return the seconds that the method reports, if it does, and its state.

        Args:
            on_epoch: receives the values of each epoch.

        Raises:
            PluginError: the method failed, ended its process, or returned an invalid state.
        """
        seconds, state = self._receive("fit", on_epoch)
        try:
            return seconds, unpack_tensors(state)
        # torch raises many types of errors for objects that it does not load.
        except Exception as error:
            raise PluginError(
                f"method '{self._name}' returned an invalid state: {describe_error(error)}; use tensors, numbers, "
                "strings and containers of these"
            ) from error

    def embed(self, views: Sequence[TrackletView]) -> Embeddings:
        """Return the embeddings of one call, checked.

        Raises:
            PluginError: the method failed, ended its process, or returned invalid values.
        """
        with suppress(BrokenPipeError):
            self._commands.send_bytes(msgspec.msgpack.encode([view.id for view in views]))
        (values,) = self._receive("embed", lambda epoch, values: None)
        return Embeddings(**unpack_tensors(values))

    def _receive(self, action: str, on_epoch: EpochFunction) -> list[Any]:
        """Return the values of the next result; log lines and epochs before it are handled."""
        while True:
            try:
                kind, *values = msgspec.msgpack.decode(self._commands.recv_bytes(), type=list[Any])
            except (EOFError, ConnectionError) as error:
                self._process.join(_EXIT_SECONDS)
                raise PluginError(
                    f"method '{self._name}' ended its process in {action} with exit code {self._process.exitcode}"
                ) from error
            match kind:
                case "log":
                    name, level, text = values
                    logging.getLogger(name).log(level, "%s", text)
                case "epoch":
                    on_epoch(*values)
                case "failed":
                    raise self._make_error(*values)
                case _:
                    return values

    def _make_error(self, name: str, message: str) -> ReidbenchError:
        """Return the error of the process; a frame gets its path, which the process does not know."""
        for identifier, files in self._files.items():
            if identifier in message:
                for number, file in sorted(enumerate(files), reverse=True):
                    message = message.replace(f"{identifier}/{number}", str(file))
        error_class = getattr(errors, name, PluginError)
        # Some classes of errors make their message from other arguments.
        error: ReidbenchError = error_class.__new__(error_class)
        Exception.__init__(error, message)
        return error


def fit_isolated(
    context: TaskContext, train: TrainingSet, job: FitJob, files: Sequence[tuple[Path, ...]]
) -> tuple[float | None, dict[str, Any]]:
    """Fit in a process of its own; return the reported seconds and the state.

    Args:
        context: what all tasks of the run share.
        train: the training set.
        job: the fit.
        files: the frames of each training tracklet.

    Raises:
        PluginError: the method failed, ended its process, or returned an invalid state.
    """
    fit = IsolatedFit(
        pids=train.pids,
        camids=train.camids,
        digest=train.digest,
        seed=job.seed,
        workspace=job.workspace,
        fingerprint=job.fingerprint,
    )
    task = _make_task(context, _describe_items(train.tracklets, with_camera=True), fit=fit)
    ids = [view.id for view in train.tracklets]
    with IsolatedMethod(task, dict(zip(ids, files, strict=True))) as method:
        return method.fit(job.on_epoch)


def start_isolated_embedding(
    context: TaskContext,
    views: Sequence[TrackletView],
    files: Mapping[str, tuple[Path, ...]],
    fitted: tuple[Path, str] | None,
) -> IsolatedMethod:
    """Start a process that embeds views.

    Args:
        context: what all tasks of the run share.
        views: all tracklets that may be embedded.
        files: the frames of each, by id.
        fitted: file of the fitted method and its fingerprint; None for a method that learns nothing.
    """
    with_camera = context.plan.choice.method_class.uses_camera
    items = _describe_items(views, with_camera=with_camera)
    return IsolatedMethod(_make_task(context, items, fitted=fitted), files)


def _make_task(
    context: TaskContext,
    items: tuple[IsolatedItem, ...],
    *,
    fitted: tuple[Path, str] | None = None,
    fit: IsolatedFit | None = None,
) -> IsolatedTask:
    choice = context.plan.choice
    return IsolatedTask(
        plugin_files=choice.plugin_files,
        method=choice.method_class.name,
        preset=choice.preset,
        overrides=dict(choice.request.overrides),
        runtime=context.runtime,
        formats=tuple(sorted(context.loader.formats)),
        items=items,
        fitted=fitted,
        fit=fit,
    )


def _describe_items(views: Sequence[TrackletView], *, with_camera: bool) -> tuple[IsolatedItem, ...]:
    """Return what a child process may know of tracklets."""
    return tuple(
        IsolatedItem(
            id=view.id,
            length=len(view),
            camid=view.camid if with_camera else None,
            window_seed=view.window_seed,
        )
        for view in views
    )


def _serve_frames(connection: Connection, files: Mapping[str, tuple[Path, ...]]) -> None:
    """Answer requests for frames until the process ends."""
    with suppress(EOFError, OSError):
        while True:
            identifier, number = msgspec.msgpack.decode(connection.recv_bytes())
            connection.send_bytes(msgspec.msgpack.encode(_read_frame(files[identifier][number])))


def _read_frame(path: Path) -> tuple[bytes | None, str]:
    """Return the bytes of a frame; None and the reason if it cannot be read."""
    try:
        # Opening a pipe would wait for its other end.
        if not stat.S_ISREG(path.stat().st_mode):
            return None, "it is not a file"
        return path.read_bytes(), ""
    except OSError as error:
        return None, describe_error(error)
