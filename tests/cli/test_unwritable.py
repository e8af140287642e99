"""Full disks and read-only caches: one line, the right exit code, and nothing half written."""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.calls import Answer

from .single_file_plugins import choose_method

Run = Callable[..., Answer]
InMount = Callable[[str, Sequence[Sequence[str]]], list[Answer]]
ROOT = Path(__file__).parent.parent.parent
# The run of `finished_run`.
PLUGIN, OPTIONS = Path("mean_color_plugin.py"), ("--far", "0.1")
# Runs commands in a folder with its cache, and prints their answers.
RUN_ALL = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from tests.calls import run_command

folder, commands = Path(sys.argv[1]), json.loads(sys.argv[2])
print(json.dumps([asdict(run_command(folder, command)) for command in commands]))
"""
FULL = "No space left on device; check its permissions and the space on its disk"


@pytest.fixture
def repeated_run(run_method: Run, finished_run: Path) -> Callable[..., Answer]:
    """Repeat the run whose results are in the cache."""
    return partial(run_method, PLUGIN, *OPTIONS)


def test_a_full_disk_under_the_log_is_one_line(repeated_run: Run, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    (log,) = (tmp_path / "runs" / "logs").iterdir()
    log.unlink()
    log.symlink_to("/dev/full")

    answer = repeated_run()

    assert answer.code == 2
    assert answer.err == f"error: cannot write runs/logs/{log.name}: {FULL}\n"


@pytest.mark.parametrize("written", [0, 1], ids=["per-query", "record"])
def test_a_full_disk_under_the_record_is_one_line_and_leaves_no_file(
    repeated_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    shutil.rmtree(tmp_path / "runs")
    remaining = iter(range(written))

    def fail(descriptor: int) -> None:
        if next(remaining, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        answer = repeated_run()

    assert answer.code == 2
    assert answer.err.startswith("error: cannot write runs/records/ilids/mean-color-")
    assert answer.err.endswith(f"{FULL}\n")
    assert len(answer.err.splitlines()) == 1
    assert list((tmp_path / "runs" / "records").rglob("*.*")) == []


@pytest.fixture
def run_in_mount(
    finished_run: Path, small_root: Path, tmp_path: Path
) -> Callable[[str, Sequence[Sequence[str]]], list[Answer]]:
    """Repeat the run with different options after a shell command that mounts a file system for these runs only.

    One process runs all of them, since its start takes longer than a run.
    """
    try:
        can_mount = (
            subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        can_mount = False
    if not can_mount:
        pytest.skip("needs unshare and mount")
    repeated = ["run", *choose_method(PLUGIN), "-p", "ilids", "--data-root", str(small_root), *OPTIONS]

    def run(mount: str, further: Sequence[Sequence[str]]) -> list[Answer]:
        commands = [[*repeated, *options] for options in further]
        words = shlex.join([sys.executable, "-c", RUN_ALL, str(tmp_path), json.dumps(commands)])
        ended = subprocess.run(
            ["unshare", "-rm", "sh", "-c", f"{mount} && {words}"],
            capture_output=True, text=True, cwd=ROOT, timeout=100, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return [Answer(**fields) for fields in json.loads(ended.stdout)]

    return run


def test_a_full_disk_under_the_features_is_one_line(run_in_mount: InMount, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()

    (answer,) = run_in_mount(
        f"mount -t tmpfs -o size=64k tmpfs {full} && head -c 63000 /dev/zero > {full}/fill",
        [["--save-features", str(full / "features.h5")]],
    )

    assert answer.code == 2
    assert answer.err == f"error: cannot write {full}/features.h5: {FULL}\n"


def test_a_read_only_cache_serves_finished_results_and_nothing_else(
    run_in_mount: InMount, finished_run: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    record = json.loads(finished_run.read_text())

    finished, *refused = run_in_mount(
        f"mount --bind {cache} {cache} && mount -o remount,ro,bind {cache}",
        [["--json", "--save-features", "features.h5"], ["--lengths", "1,2"], ["--no-resume"]],
    )

    assert finished.code == 0, finished.err
    assert json.loads(finished.out)["figures"] == record["figures"]
    for answer in refused:
        assert answer.code == 2
        (line,) = answer.err.splitlines()
        assert line.endswith("Read-only file system; set REIDBENCH_CACHE to a writable directory")
