from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads stall a busy machine

import torch

from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.ilids_vid import LAYOUT

torch.set_num_threads(2)


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's cache or data."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("REIDBENCH_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="session")
def small_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with an iLIDS-VID tree of 12 rendered people, 6 frames each; not to be changed."""
    root = tmp_path_factory.mktemp("data")
    LAYOUT.synthesize(root, SyntheticSettings(people=12, frames=6, seed=77), workers=1, progress=False)
    return root
