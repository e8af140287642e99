"""SIGTERM and SIGHUP end a command like an interrupt: exit 130, one line, and everything finished is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .single_file_plugins import write_plugin

LINE = "error: interrupted; run the same command again to resume\n"
# Fits at once, and waits in `embed`.
FIT = """
def fit(self, train, job):
    self.mean = torch.zeros(3)

def state(self):
    return {"mean": self.mean}

def restore(self, state):
    self.mean = state["mean"]
"""
WAIT = """
import os, time
open("started", "w").close()
end = time.monotonic() + 60
while not os.path.exists("continue") and time.monotonic() < end:
    time.sleep(0.02)
open("continued", "w").close()
time.sleep(60)
"""
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs POSIX signals")


@pytest.fixture(autouse=True)
def _default_hangup() -> Iterator[None]:
    """Let child processes receive a hangup, also if nohup started the tests."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    """Start `reidbench` in its own process group."""
    return subprocess.Popen(
        [sys.executable, "-m", "reidbench", *command],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not condition() and process.poll() is None:
        time.sleep(0.02)


@pytest.fixture
def waiting_run(tmp_path: Path, small_root: Path) -> tuple[str, ...]:
    """A run that creates the file `started`, waits for `continue`, creates `continued` and waits again."""
    file = write_plugin(tmp_path, "waiting", WAIT, base="Method", further=FIT)
    data = ("-p", "ilids", "--data-root", str(small_root), "--trials", "1", "--plugin", str(file))
    return ("run", "-m", "waiting", *data)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_run_ends_with_one_line_and_keeps_its_fit(
    tmp_path: Path, waiting_run: tuple[str, ...], name: str
) -> None:
    process = start(tmp_path, *waiting_run)
    wait_until((tmp_path / "started").exists, process)

    process.send_signal(getattr(signal, name))

    _, printed = process.communicate(timeout=30)
    assert (process.returncode, printed) == (130, LINE)
    cache = Path(os.environ["REIDBENCH_CACHE"])
    assert len(list(cache.rglob("fitted.pt"))) == 1
    assert list(cache.rglob("*.part")) == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_rendering_ends_with_one_line_if_its_workers_get_the_signal_too(tmp_path: Path, name: str) -> None:
    tree = ("ilids-vid", "--people", "300", "--frames", "8", "--out", "rendered")
    process = start(tmp_path, "data", "synthesize", *tree, "--workers", "2")
    wait_until(lambda: any(tmp_path.glob("rendered/.*.unfinished/**/*.png")), process)

    os.killpg(process.pid, getattr(signal, name))

    _, printed = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, LINE)
    assert not any(tmp_path.glob("rendered/*ilids-vid*/"))


def test_a_closed_terminal_ends_a_run_with_130(tmp_path: Path, waiting_run: tuple[str, ...]) -> None:
    pty = pytest.importorskip("pty")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execv(sys.executable, [sys.executable, "-m", "reidbench", *waiting_run])
    deadline = time.monotonic() + 60
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)

    os.close(terminal)

    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 130


def test_an_ignored_hangup_stays_ignored(tmp_path: Path, waiting_run: tuple[str, ...]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    process = start(tmp_path, *waiting_run)
    wait_until((tmp_path / "started").exists, process)

    process.send_signal(signal.SIGHUP)
    (tmp_path / "continue").touch()

    wait_until((tmp_path / "continued").exists, process)
    assert process.poll() is None
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 130
