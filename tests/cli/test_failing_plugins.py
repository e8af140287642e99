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


@pytest.mark.parametrize("command", ["methods", "protocols", "datasets"])
@pytest.mark.parametrize(
    "source", ["import sys; sys.exit(0)", "raise KeyboardInterrupt", "import nothing_at_all"]
)
def test_plugin_file_that_fails_to_load_exits_with_2(
    reidbench: Run, tmp_path: Path, command: str, source: str
) -> None:
    (tmp_path / "failing.py").write_text(source)

    answer = reidbench(command, "--plugin", "failing.py")

    check_failure(answer, 2, "cannot load --plugin failing.py: ", tmp_path)
    assert answer.out == ""


def test_plugin_file_with_a_taken_name_exits_with_2(reidbench: Run, tmp_path: Path) -> None:
    file = write_plugin(tmp_path, "color-lbp")

    answer = reidbench("run", "-m", "color-lbp", "-p", "ilids", "--plugin", str(file))

    check_failure(answer, 2, "method name 'color-lbp' is already used by plugin 'color-lbp'", tmp_path)


def test_broken_protocol_file_removes_only_itself(reidbench: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("= no TOML")
    file = tmp_path / "protocols_plugin.py"
    file.write_text(
        "from pathlib import Path\nfrom reidbench.plugin import hookimpl\n@hookimpl\ndef reidbench_protocols():\n"
        "    return [Path(__file__).parent / 'broken.toml', Path('bad name.toml')]\n"
    )

    listing = reidbench("protocols", "--plugin", str(file))
    asked = reidbench("protocols", "broken", "--plugin", str(file))

    assert listing.code == 0
    assert "ilids" in listing.out
    assert [line.split(":")[0] for line in listing.err.splitlines()] == ["WARNING", "WARNING"]
    assert "cannot read protocol 'broken'" in listing.err
    assert "name of a protocol must be" in listing.err
    assert asked.code == 2
