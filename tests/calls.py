"""Run commands and functions of reidbench in this process, and capture all that they print."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from unittest.mock import patch

from reidbench import cli
from reidbench.errors import ReidbenchError


@dataclass(frozen=True)
class Answer:
    """How a command or a function ended.

    Attributes:
        code: exit code.
        out: standard output, or a text of the result.
        err: standard error.
        traceback: of an error that is not one of reidbench, or "".
    """

    code: int
    out: str
    err: str
    traceback: str = ""


def run_command(folder: Path, arguments: Sequence[str]) -> Answer:
    """Run `reidbench` through the `main` of the console script, with `folder` as working directory and cache."""
    return _capture(lambda: call_main(arguments), folder)


def call(folder: Path, function: Callable[[], Any]) -> Answer:
    """Call a function; its result becomes the output and an error of reidbench the message, as in a command."""

    def print_result() -> int:
        try:
            print(json.dumps(function(), sort_keys=True, default=str))  # noqa: T201
        except ReidbenchError as error:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201
            return error.exit_code
        return 0

    return _capture(print_result, folder)


def call_main(arguments: Sequence[str]) -> int:
    """Call the `main` of the console script, and return its exit code."""
    before, argv = list(logging.getLogger().handlers), sys.argv
    sys.argv = ["reidbench", *arguments]
    try:
        cli.main()
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
    finally:
        sys.argv = argv
        for handler in set(logging.getLogger().handlers) - set(before):
            logging.getLogger().removeHandler(handler)
    return 0


def _capture(function: Callable[[], int], folder: Path) -> Answer:
    """Run a function with both streams in files; libraries in C write to them too."""
    failure, code, home = "", 1, Path.cwd()
    environment = {"REIDBENCH_CACHE": str(folder / "cache"), "REIDBENCH_DATA": "data", "COLUMNS": "200"}
    os.chdir(folder)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with (
            _redirect(1, out),
            _redirect(2, err),
            warnings.catch_warnings(),
            patch.dict(os.environ, environment),
        ):
            warnings.simplefilter("default")
            try:
                code = function()
            # A command must end with an exit code only.
            except BaseException as error:  # noqa: BLE001
                frames = "".join(traceback.format_tb(error.__traceback__))
                failure = f"{frames}{_describe_error(error)}"
        os.chdir(home)
        texts = [_read(stream) for stream in (out, err)]
    return Answer(code=code, out=texts[0], err=texts[1], traceback=failure)


def _describe_error(error: BaseException) -> str:
    """Return type and text of an error without its notes; some errors have no text."""
    try:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    # The error of a hostile plugin.
    except Exception:  # noqa: BLE001
        return type(error).__name__


def _read(stream: BinaryIO) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", errors="surrogateescape")


@contextmanager
def _redirect(descriptor: int, target: BinaryIO) -> Iterator[None]:
    """Send a file descriptor, and the stream of Python that uses it, to a file."""
    name = {1: "stdout", 2: "stderr"}[descriptor]
    saved, stream = os.dup(descriptor), getattr(sys, name)
    os.dup2(target.fileno(), descriptor)
    writer = open(os.dup(descriptor), "w", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115, PTH123
    setattr(sys, name, writer)
    try:
        yield
    finally:
        writer.close()
        setattr(sys, name, stream)
        os.dup2(saved, descriptor)
        os.close(saved)
