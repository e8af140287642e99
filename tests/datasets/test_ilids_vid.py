from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from reidbench.datasets.readers.ilids_vid import IlidsVid
from tests.datasets.checks import check_error, parametrize_faults
from tests.datasets.trees import put_image


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A real-looking tree: folder numbers with gaps, frames whose text order is not their order in time."""
    for camera in (1, 2):
        for person in (1, 4, 300):
            for number in (9, 10, 100, 99):
                folder = tmp_path / f"i-LIDS-VID/sequences/cam{camera}/person{person:03d}"
                put_image(folder / f"cam{camera}_person{person:03d}_{number}.png")
    splits = tmp_path / "train-test people splits/train_test_splits_ilidsvid.mat"
    splits.parent.mkdir()
    savemat(splits, {"ls_set": np.array([[1, 2, 3], [3, 1, 2]], dtype=np.uint16)})
    return tmp_path


def test_rows_have_both_cameras_with_frames_in_temporal_order(tree: Path) -> None:
    contents = IlidsVid().read(tree)

    rows = contents.table.rows
    assert rows["pid"].tolist() == [1, 4, 300, 1, 4, 300]
    assert rows["camid"].tolist() == [1, 1, 1, 2, 2, 2]
    assert [name[-8:] for name in rows["frames"][0]] == ["01_9.png", "1_10.png", "1_99.png", "_100.png"]
    assert contents.people == (1, 4, 300)
    assert not contents.is_synthetic


def test_splits_are_positions_in_the_sorted_folders(tree: Path) -> None:
    splits = IlidsVid().read(tree).splits

    assert splits is not None
    # The people at these positions.
    assert splits.tolist() == [[1, 4, 300], [300, 1, 4]]


def test_tree_without_a_split_file_has_no_splits(tree: Path) -> None:
    shutil.rmtree(tree / "train-test people splits")

    assert IlidsVid().read(tree).splits is None


def test_other_files_are_ignored(tree: Path) -> None:
    (tree / "i-LIDS-VID/sequences/cam1/person001/Thumbs.db").write_bytes(b"x")
    (tree / "i-LIDS-VID/sequences/cam1/notes").mkdir()

    assert len(IlidsVid().read(tree).table) == 6


def remove_camera(tree: Path) -> None:
    shutil.rmtree(tree / "i-LIDS-VID/sequences/cam2")


def remove_person(tree: Path) -> None:
    shutil.rmtree(tree / "i-LIDS-VID/sequences/cam2/person004")


def empty_person(tree: Path) -> None:
    for file in (tree / "i-LIDS-VID/sequences/cam2/person004").iterdir():
        file.unlink()


def empty_cameras(tree: Path) -> None:
    for camera in ("cam1", "cam2"):
        shutil.rmtree(tree / "i-LIDS-VID/sequences" / camera)
        (tree / "i-LIDS-VID/sequences" / camera).mkdir()


def copy_person(tree: Path) -> None:
    cameras = tree / "i-LIDS-VID/sequences"
    shutil.copytree(cameras / "cam1/person004", cameras / "cam1/person04")


def damage_splits(tree: Path) -> None:
    (tree / "train-test people splits/train_test_splits_ilidsvid.mat").write_bytes(b"MATLAB 5.0 no more")


def shorten_splits(tree: Path) -> None:
    savemat(tree / "train-test people splits/train_test_splits_ilidsvid.mat", {"ls_set": np.array([[1, 2]])})


def rename_splits(tree: Path) -> None:
    savemat(
        tree / "train-test people splits/train_test_splits_ilidsvid.mat", {"other": np.array([[1, 2, 3]])}
    )


@parametrize_faults(
    (remove_camera, r"folder .*cam2 is missing"),
    (remove_person, r"1 people of cam1 have no folder in cam2, first person004"),
    (empty_person, r"person004 has no frames"),
    (empty_cameras, r"no person folders"),
    (copy_person, r"cam1 has two folders of person 4, person004 and person04; keep the one"),
    (damage_splits, r"cannot read .*train_test_splits_ilidsvid\.mat"),
    (shorten_splits, r"permutations of 1\.\.3.*got an array \(1, 2\)"),
    (rename_splits, r"has no variable 'ls_set'"),
)
def test_first_fault_of_a_tree_is_named(tree: Path, fault: Callable[[Path], None], message: str) -> None:
    fault(tree)

    check_error(IlidsVid(), tree, message)


def test_rendered_tree_has_a_marker(small_root: Path) -> None:
    contents = IlidsVid().read(small_root / "ilids-vid")

    assert contents.is_synthetic
    assert len(contents.table) == 24
    assert contents.splits is not None
    assert contents.splits.shape == (10, 12)
