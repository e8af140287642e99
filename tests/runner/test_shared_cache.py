"""Whole processes on one cache: two at once, and one that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PARTS = ("figures", "trials", "fingerprints", "per_query")


def start(root: Path, place: Path, output: str, *settings: str) -> subprocess.Popen[str]:
    command = ["run", "-m", "siamese-convgru", "-p", "ilids", "--preset", "small", "--trials", "1", "--json"]
    changes = [part for setting in settings for part in ("--set", setting)]
    return subprocess.Popen(
        [sys.executable, "-m", "reidbench", *command, *changes, "--data-root", str(root), "--output", output],
        env={**os.environ, "REIDBENCH_CACHE": str(place / "cache")},
        cwd=place,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def record_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    printed, _ = process.communicate(timeout=200)
    assert process.returncode == 0
    record: dict[str, Any] = json.loads(printed)
    return record


@pytest.mark.slow
def test_two_runs_at_once_share_the_work_and_agree(small_root: Path, tmp_path: Path) -> None:
    processes = [start(small_root, tmp_path, f"runs{number}", "epochs=2") for number in range(2)]

    first, second = (record_of(process) for process in processes)

    assert [first[part] for part in PARTS] == [second[part] for part in PARTS]
    assert not (first["cached"]["fit"] is False and second["cached"]["fit"] is False)  # one of them waited
    assert list((tmp_path / "cache").rglob("*.part")) == []


@pytest.mark.slow
def test_a_killed_run_leaves_no_record_and_continues_to_the_same_figures(
    small_root: Path, tmp_path: Path
) -> None:
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    wanted = record_of(start(small_root, undisturbed, "runs", "epochs=6"))
    process = start(small_root, tmp_path, "runs", "epochs=6")
    while process.poll() is None and not list((tmp_path / "cache").glob("fits/*")):
        time.sleep(0.005)
    time.sleep(0.3)

    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert list((tmp_path / "runs").glob("records/*/*")) == []
    found = record_of(start(small_root, tmp_path, "runs", "epochs=6"))

    assert [found[part] for part in PARTS] == [wanted[part] for part in PARTS]
