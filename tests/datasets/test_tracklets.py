"""Tracklet tables: frames with folders in their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from reidbench.datasets.tracklets import TrackletTable
from reidbench.errors import DatasetError


@pytest.mark.parametrize("folder", ["", "a", "a/b"])
def test_digest_depends_on_the_size_of_frames_in_inner_folders(tmp_path: Path, folder: str) -> None:
    frames = ("0.jpg", "c/1.jpg", "c/d/1.jpg")
    for name in frames:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    def digest() -> str:
        return TrackletTable.of(tmp_path, [(1, 1, folder, frames)]).digest()

    before = digest()
    assert digest() == before
    (tmp_path / folder / "c/d/1.jpg").write_bytes(b"xy")
    assert digest() != before


@pytest.mark.parametrize("name", ["1.jpg", "c/1.jpg"])
def test_missing_frame_is_named_with_its_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "a/c").mkdir(parents=True)
    table = TrackletTable.of(tmp_path, [(1, 1, "a", (name,))])

    with pytest.raises(DatasetError, match=rf"frame .*/a/{name} is missing; restore it"):
        table.digest()


def test_missing_folder_is_named(tmp_path: Path) -> None:
    table = TrackletTable.of(tmp_path, [(1, 1, "a", ("1.jpg",))])

    with pytest.raises(DatasetError, match=r"cannot read folder .*/a: No such file or directory; restore it"):
        table.digest()
