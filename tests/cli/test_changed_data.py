"""Runs on a tree whose frames change while labels, names, sizes and time stamps stay."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from reidbench.runner import data

from .conftest import Answer
from .single_file_plugins import MEAN_COLOR, write_plugin, write_protocol

Run = Callable[..., Answer]

# Writes the seed of the fit to a file.
FIT = """
def fit(self, train, job):
    import pathlib
    pathlib.Path({path!r}).write_text(str(job.seed))

def state(self):
    return {{}}

def restore(self, state):
    return None
"""


@pytest.fixture
def root(small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root whose tree looks real, but is small: no marker, and frames of one size in bytes."""
    monkeypatch.setattr(data, "check_official", lambda dataset, contents: None)
    root = tmp_path / "root"
    shutil.copytree(small_root / "ilids-vid", root / "ilids-vid")
    for path in (root / "ilids-vid").glob("reidbench-*"):
        path.unlink()
    shutil.rmtree(root / "ilids-vid/train-test people splits")
    rewrite_frames(root, lambda frame: frame)
    return root


def rewrite_frames(root: Path, change: Callable[[Any], Any]) -> None:
    """Write every frame again at its time stamp, uncompressed, so that its size in bytes follows from its shape."""
    for path in sorted(root.rglob("*.png")):
        before, frame = path.stat(), cv2.imread(str(path))
        assert cv2.imwrite(str(path), change(frame), [cv2.IMWRITE_PNG_COMPRESSION, 0])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def shuffle_rows(frame: Any) -> Any:
    return np.random.default_rng(int(frame.sum())).permutation(frame)


def list_sizes(root: Path) -> list[tuple[int, int]]:
    return [(path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(root.rglob("*.png"))]


@pytest.fixture
def run(reidbench: Run, root: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run a method on the tree and return the record."""
    plugin = write_protocol(tmp_path)

    def run(*arguments: str) -> dict[str, Any]:
        answer = reidbench(
            "run", "-p", "twelve", "--plugin", str(plugin), "--data-root", str(root), "--json", *arguments
        )
        assert answer.code == 0, answer.err
        record: dict[str, Any] = json.loads(answer.out)
        return record

    return run


def test_frames_overwritten_at_equal_size_and_time_are_computed_again(
    run: Callable[..., dict[str, Any]], root: Path
) -> None:
    command = ("-m", "color-lbp", "--preset", "color")
    before, sizes = run(*command), list_sizes(root)
    rewrite_frames(root, shuffle_rows)
    assert list_sizes(root) == sizes

    after = run(*command)

    assert not after["cached"]["embed"]
    assert not after["cached"]["match"]
    assert after["figures"] != before["figures"]
    assert after["fingerprints"]["run"] != before["fingerprints"]["run"]
    # A board still compares both, and marks the row whose contents differ.
    assert after["fingerprints"]["protocol"] == before["fingerprints"]["protocol"]
    digests = [record["tested_on"]["digests"] for record in (before, after)]
    assert digests[0]["labels"] == digests[1]["labels"]
    assert digests[0]["contents"] != digests[1]["contents"]


def test_seed_of_a_fit_does_not_depend_on_sizes_or_contents(
    run: Callable[..., dict[str, Any]], root: Path, tmp_path: Path
) -> None:
    found = tmp_path / "seed.txt"
    plugin = write_plugin(tmp_path, "seeded", MEAN_COLOR, base="Method", further=FIT.format(path=str(found)))
    seeds = []
    for change in (lambda frame: frame, lambda frame: cv2.resize(255 - frame, (48, 96))):
        rewrite_frames(root, change)
        found.unlink(missing_ok=True)
        run("-m", "seeded", "--plugin", str(plugin))
        seeds.append(found.read_text())
    run("-m", "seeded", "--plugin", str(plugin), "--seed", "1")

    assert seeds[0] == seeds[1] != found.read_text()
