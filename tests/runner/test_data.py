"""The data of a run: rendered trees in the cache are checked, and damaged ones rendered again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from reidbench.cache import Cache
from reidbench.datasets import DatasetContents, references
from reidbench.datasets.marker import MARKER_NAME
from reidbench.plugin.manager import Plugins
from reidbench.protocols import load_protocol
from reidbench.protocols.schema import SyntheticRule
from reidbench.runner import data
from reidbench.runner.data import read_tested


def read(cache: Cache) -> DatasetContents:
    """Read a small rendered tree."""
    demo = load_protocol(Plugins().protocol("demo"))
    protocol = msgspec.structs.replace(demo, synthetic=SyntheticRule(people=3, frames=2, seed=5))
    return read_tested(protocol, Plugins(), cache, data_root=None, synthetic=False)


def overwrite_frame(tree: Path) -> None:
    frame = sorted(tree.rglob("*.png"))[2]
    frame.write_bytes(frame.read_bytes()[:-1] + b"x")


def remove_person(tree: Path) -> None:
    for frame in next((tree / "i-LIDS-VID/sequences/cam2").iterdir()).iterdir():
        frame.unlink()


def nest_marker(tree: Path) -> None:
    (tree / MARKER_NAME).write_text("[" * 10_000)


@pytest.mark.parametrize("damage", [overwrite_frame, remove_person, nest_marker])
def test_damaged_tree_in_the_cache_is_named_and_rendered_again(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    before = read(Cache(tmp_path))
    damage(before.table.root)

    with caplog.at_level(logging.WARNING):
        after = read(Cache(tmp_path))

    assert after.digests == before.digests
    (line,) = caplog.messages
    assert line.startswith(f"removed damaged cache entry {before.table.root.parent}: ")
    caplog.clear()
    read(Cache(tmp_path))
    assert not caplog.messages


def test_pixels_that_differ_from_the_shipped_reference_are_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = read(Cache(tmp_path)).digests
    assert not caplog.messages
    monkeypatch.setattr(references, "RENDERED", {digests.marker: "0" * 64})

    read(Cache(tmp_path))

    (line,) = caplog.messages
    assert "differ from the reference of this package (contents " in line


@pytest.mark.parametrize(
    ("resume", "has_times", "rehash"), [(False, False, True), (False, True, False), (True, False, False)]
)
def test_no_resume_hashes_all_files_again_where_changes_have_no_time(
    small_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    resume: bool,
    has_times: bool,
    rehash: bool,
) -> None:
    monkeypatch.setattr(data, "has_change_times", lambda path: has_times)
    ilids = load_protocol(Plugins().protocol("ilids"))

    contents = read_tested(
        ilids, Plugins(), Cache(tmp_path), data_root=small_root, synthetic=False, resume=resume
    )

    assert contents.hasher.rehash is rehash
    assert contents.hasher.memory == Cache(tmp_path).digests(small_root / "ilids-vid")
