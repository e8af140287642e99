"""Whole commands with plugins that fail: one line, the documented exit code, nothing half written."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Answer
from .single_file_plugins import write_plugin

Run = Callable[..., Answer]
RunFile = Callable[[Path], Answer]
# Waits for an interrupt and discards it.
WAIT = """
import time
open("started", "w").close()
try:
    time.sleep(60)
except KeyboardInterrupt:
    return None
"""


@pytest.fixture
def run_file(reidbench: Run, small_root: Path) -> RunFile:
    """Run the method `failing` of a plugin file on one trial."""

    def run(file: Path) -> Answer:
        data = ("-p", "ilids", "--data-root", str(small_root), "--trials", "1")
        return reidbench("run", "-m", "failing", *data, "--plugin", str(file))

    return run


def check_failure(answer: Answer, code: int, text: str, folder: Path) -> None:
    """Check that a command ended with one line and wrote no record."""
    lines = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert (answer.code, len(lines)) == (code, 1), answer.err
    assert text in lines[0]
    assert "Traceback" not in answer.err
    assert not list(folder.rglob("runs/records/*/*"))


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise BaseException('all')", "BaseException: all"),
        ("return self.embed(tracklets)", "RecursionError"),
    ],
)
def test_failing_embed_exits_with_3(run_file: RunFile, tmp_path: Path, statement: str, reason: str) -> None:
    answer = run_file(write_plugin(tmp_path, "failing", statement))

    check_failure(answer, 3, f"method 'failing' failed in embed: {reason}", tmp_path)
    (log,) = tmp_path.glob("runs/logs/*.log")
    assert "Traceback" in log.read_text()


def test_signal_that_embed_discards_ends_the_command(run_file: RunFile, tmp_path: Path) -> None:
    discard = "import signal\ntry:\n    signal.raise_signal(signal.SIGINT)\nexcept BaseException:\n    pass"
    answer = run_file(write_plugin(tmp_path, "failing", discard))

    check_failure(answer, 130, "interrupted; run the same command again to resume", tmp_path)


def test_real_interrupt_of_a_process_exits_with_130(tmp_path: Path, small_root: Path) -> None:
    file = write_plugin(tmp_path, "failing", WAIT)
    data = ["-p", "ilids", "--data-root", str(small_root), "--trials", "1", "--plugin", str(file)]
    command = [sys.executable, "-m", "reidbench", "run", "-m", "failing", *data]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "started").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)

    _, printed = process.communicate(timeout=30)

    assert (process.returncode, "interrupted" in printed) == (130, True), printed
