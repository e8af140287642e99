"""Full disks and read-only caches: one line, the right exit code, and nothing half written."""

from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Answer

Run = Callable[..., Answer]
FULL = "No space left on device; check its permissions and the space on its disk"


@pytest.fixture
def command(small_root: Path) -> tuple[str, ...]:
    """A run whose results are in the cache when it is repeated."""
    small = ("--preset", "small", "--set", "epochs=0")
    return (
        "run",
        "-m",
        "siamese-convgru",
        *small,
        "-p",
        "ilids",
        "--trials",
        "1",
        "--data-root",
        str(small_root),
    )


def test_a_full_disk_under_the_log_is_one_line(
    reidbench: Run, command: tuple[str, ...], tmp_path: Path
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    reidbench(*command)
    (log,) = (tmp_path / "runs" / "logs").iterdir()
    log.unlink()
    log.symlink_to("/dev/full")

    answer = reidbench(*command)

    assert answer.code == 2
    assert answer.err == f"error: cannot write runs/logs/{log.name}: {FULL}\n"


@pytest.mark.parametrize("written", [0, 1], ids=["per-query", "record"])
def test_a_full_disk_under_the_record_is_one_line_and_leaves_no_file(
    reidbench: Run, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    reidbench(*command, "--output", "elsewhere")
    remaining = iter(range(written))

    def fail(descriptor: int) -> None:
        if next(remaining, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        answer = reidbench(*command)

    assert answer.code == 2
    assert answer.err.startswith("error: cannot write runs/records/ilids/siamese-convgru-")
    assert answer.err.endswith(f"{FULL}\n")
    assert len(answer.err.splitlines()) == 1
    assert list((tmp_path / "runs" / "records").rglob("*.*")) == []


def test_a_full_disk_under_the_features_is_one_line(
    reidbench: Run, command: tuple[str, ...], tmp_path: Path
) -> None:
    if not can_mount():
        pytest.skip("needs unshare and mount")
    reidbench(*command)
    full = tmp_path / "full"
    full.mkdir()

    ended = run_in_mount(
        f"mount -t tmpfs -o size=64k tmpfs {full} && head -c 63000 /dev/zero > {full}/fill",
        (*command, "--save-features", str(full / "features.h5")),
    )

    assert ended.returncode == 2
    assert ended.stderr == f"error: cannot write {full}/features.h5: {FULL}\n"


def test_a_read_only_cache_serves_finished_results_and_nothing_else(
    reidbench: Run, command: tuple[str, ...], tmp_path: Path
) -> None:
    if not can_mount():
        pytest.skip("needs unshare and mount")
    first = json.loads(reidbench(*command, "--json").out)
    cache = os.environ["REIDBENCH_CACHE"]
    read_only = f"mount --bind {cache} {cache} && mount -o remount,ro,bind {cache}"

    finished = run_in_mount(read_only, (*command, "--json", "--save-features", "features.h5"), cwd=tmp_path)
    other = run_in_mount(read_only, (*command, "--seed", "1"), cwd=tmp_path)
    recomputed = run_in_mount(read_only, (*command, "--no-resume"), cwd=tmp_path)

    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["figures"] == first["figures"]
    for ended in (other, recomputed):
        assert ended.returncode == 2
        (line,) = ended.stderr.splitlines()
        assert line.endswith("Read-only file system; set REIDBENCH_CACHE to a writable directory")


def can_mount() -> bool:
    """Return whether file systems can be mounted for one command."""
    try:
        return subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run_in_mount(
    mount: str, command: tuple[str, ...], *, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `reidbench` after a shell command that mounts a file system for this run only."""
    words = shlex.join([sys.executable, "-m", "reidbench", *command])
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{mount} && {words}"],
        capture_output=True, text=True, cwd=cwd, timeout=100, check=False,
    )  # fmt: skip
