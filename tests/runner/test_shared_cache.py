"""Runs that share one cache: two runs at the same time, and a run after one that was killed."""

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
import torch

from tests.calls import run_command

COMPARED_FIELDS = ("figures", "trials", "fingerprints", "per_query")


def list_arguments(root: Path, output: str, epochs: int) -> list[str]:
    run = ["run", "-m", "siamese-convgru", "-p", "ilids", "--preset", "small", "--trials", "1", "--json"]
    return [*run, "--set", f"epochs={epochs}", "--data-root", str(root), "--output", output]


def start_run(root: Path, folder: Path, output: str, epochs: int) -> subprocess.Popen[str]:
    """Start a run in a process of its own, with as many threads as this one."""
    threads = str(torch.get_num_threads())
    return subprocess.Popen(
        [sys.executable, "-m", "reidbench", *list_arguments(root, output, epochs)],
        env={**os.environ, "REIDBENCH_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": threads},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_here(root: Path, folder: Path, epochs: int) -> dict[str, Any]:
    answer = run_command(folder, list_arguments(root, "runs", epochs))
    assert answer.code == 0, answer.err
    record: dict[str, Any] = json.loads(answer.out)
    return record


def wait_for_record(process: subprocess.Popen[str]) -> dict[str, Any]:
    printed, _ = process.communicate(timeout=200)
    assert process.returncode == 0
    record: dict[str, Any] = json.loads(printed)
    return record


@pytest.mark.slow
def test_two_simultaneous_runs_share_one_fit_and_agree(small_root: Path, tmp_path: Path) -> None:
    processes = [start_run(small_root, tmp_path, f"runs{number}", 2) for number in range(2)]

    first, second = (wait_for_record(process) for process in processes)

    assert [first[field] for field in COMPARED_FIELDS] == [second[field] for field in COMPARED_FIELDS]
    # The second run waits for the fit of the first.
    assert not (first["cached"]["fit"] is False and second["cached"]["fit"] is False)
    assert list((tmp_path / "cache").rglob("*.part")) == []


@pytest.mark.slow
def test_killed_run_leaves_no_record_and_resumes_to_the_same_figures(
    small_root: Path, tmp_path: Path
) -> None:
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    expected = run_here(small_root, undisturbed, 6)
    process = start_run(small_root, tmp_path, "runs", 6)
    while process.poll() is None and not list((tmp_path / "cache").glob("v*/fits/*")):
        time.sleep(0.005)
    time.sleep(0.3)

    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert list((tmp_path / "runs").glob("records/*/*")) == []
    resumed = run_here(small_root, tmp_path, 6)

    assert [resumed[field] for field in COMPARED_FIELDS] == [expected[field] for field in COMPARED_FIELDS]
