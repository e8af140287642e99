from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from reidbench.datasets.readers.ilids_vid import IlidsVid
from tests.datasets.checks import check_refused, each_fault
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


def test_rows_hold_each_person_of_each_camera_with_frames_in_temporal_order(tree: Path) -> None:
    contents = IlidsVid().read(tree)

    rows = contents.table.rows
    assert rows["pid"].tolist() == [1, 4, 300, 1, 4, 300]
    assert rows["camid"].tolist() == [1, 1, 1, 2, 2, 2]
    assert [name[-8:] for name in rows["frames"][0]] == ["01_9.png", "1_10.png", "1_99.png", "_100.png"]
    assert contents.people == (1, 4, 300)
    assert not contents.is_synthetic


def test_splits_are_positions_in_the_sorted_list_of_folders(tree: Path) -> None:
    splits = IlidsVid().read(tree).splits

    assert splits is not None
    assert splits.tolist() == [[1, 4, 300], [300, 1, 4]]  # the people at these positions


def test_a_tree_without_a_split_file_has_no_official_splits(tree: Path) -> None:
    shutil.rmtree(tree / "train-test people splits")

    assert IlidsVid().read(tree).splits is None


def test_strangers_among_the_files_are_left_alone(tree: Path) -> None:
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


def damage_splits(tree: Path) -> None:
    (tree / "train-test people splits/train_test_splits_ilidsvid.mat").write_bytes(b"MATLAB 5.0 no more")


def shorten_splits(tree: Path) -> None:
    savemat(tree / "train-test people splits/train_test_splits_ilidsvid.mat", {"ls_set": np.array([[1, 2]])})


def rename_splits(tree: Path) -> None:
    savemat(
        tree / "train-test people splits/train_test_splits_ilidsvid.mat", {"other": np.array([[1, 2, 3]])}
    )


@each_fault(
    (remove_camera, r"folder .*cam2 is missing"),
    (remove_person, r"1 people of cam1 have no folder under cam2, first person004"),
    (empty_person, r"person004 holds no frames"),
    (empty_cameras, r"no person folders"),
    (damage_splits, r"train_test_splits_ilidsvid.mat cannot be read"),
    (shorten_splits, r"permutations of 1\.\.3.*got an array \(1, 2\)"),
    (rename_splits, r"has no variable 'ls_set'"),
)
def test_a_tree_that_differs_is_refused_with_the_first_difference(
    tree: Path, fault: Callable[[Path], None], message: str
) -> None:
    fault(tree)

    check_refused(IlidsVid(), tree, message)


def test_the_digest_changes_with_labels_names_and_sizes_and_with_nothing_else(
    tree: Path, tmp_path: Path
) -> None:
    before = IlidsVid().read(tree).digest()
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    shutil.copytree(tree, moved)
    assert IlidsVid().read(moved).digest() == before

    victim = moved / "i-LIDS-VID/sequences/cam1/person001/cam1_person001_9.png"
    victim.write_bytes(victim.read_bytes() + b"0")
    assert IlidsVid().read(moved).digest() != before

    shutil.rmtree(moved)
    shutil.copytree(tree, moved)
    victim.rename(victim.with_name("cam1_person001_8.png"))
    assert IlidsVid().read(moved).digest() != before


def test_a_rendered_tree_is_known_by_its_marker(small_root: Path) -> None:
    contents = IlidsVid().read(small_root / "ilids-vid")

    assert contents.is_synthetic
    assert len(contents.table) == 24
    assert contents.splits is not None
    assert contents.splits.shape == (10, 12)
