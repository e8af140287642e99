from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

# Set before the import of torch: spinning OpenMP threads slow down a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from reidbench.arrays import share_reader
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.ilids_vid import LAYOUT

torch.set_num_threads(2)
# A shell starts its background processes with this signal ignored, and so would be the processes that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def array_reader() -> Iterator[None]:
    """Read the MATLAB and HDF5 files of all tests in one child process, since each start takes 0.2 s."""
    with share_reader():
        yield


@pytest.fixture(autouse=True)
def _isolate_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, array_reader: None
) -> None:
    """Give each test an empty cache, no data root and a terminal of 200 columns."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("REIDBENCH_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="session")
def small_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A read-only data root with an iLIDS-VID tree: 12 rendered people, 6 frames per tracklet."""
    root = tmp_path_factory.mktemp("data")
    LAYOUT.synthesize(root, SyntheticSettings(people=12, frames=6, seed=77), workers=1, progress=False)
    return root
