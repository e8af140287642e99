"""iLIDS-VID (Wang et al., ECCV 2014): two cameras, one tracklet per person and camera."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reidbench.datasets.matlab import load_integers
from reidbench.datasets.reader import Counts, Dataset, find_person_folders, list_frames
from reidbench.datasets.tracklets import DatasetContents, IntArray, TrackletTable
from reidbench.errors import DatasetError

PERSON = re.compile(r"person(\d{1,9})")
FRAME = re.compile(r"cam(?P<camera>\d)_person(?P<person>\d+)_(?P<frame>\d+)\.png")
SEQUENCES = "i-LIDS-VID/sequences"
SPLIT_FILE = "train-test people splits/train_test_splits_ilidsvid.mat"


class IlidsVid(Dataset):
    """Reads `i-LIDS-VID/sequences/cam{1,2}/person*/` and the split file of the archive."""

    name = "ilids-vid"
    # Tracklets have 22 to 192 frames according to two independent inventories; papers write 23 to 192.
    official = {  # noqa: RUF012
        "": Counts(tracklets=600, people=300, frames=42_459, by_camera=(300, 300)),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        """Read both cameras and the splits.

        Raises:
            DatasetError: a camera, a person in a camera or all frames of a tracklet are missing, or the split file is
                damaged.
        """
        cameras = {camera: self._find_people(folder, camera) for camera in (1, 2)}
        self._check_same_people(folder, cameras)
        people = tuple(sorted(cameras[1], key=lambda pid: cameras[1][pid].name))
        rows = [
            (pid, camera, tracklets[pid].relative_to(folder).as_posix(), list_frames(tracklets[pid], FRAME))
            for camera, tracklets in cameras.items()
            for pid in people
        ]
        order = np.array(people, dtype=np.int64)
        positions = read_splits(folder / SPLIT_FILE, len(people))
        return DatasetContents(
            TrackletTable.of(folder, rows),
            people=people,
            splits=None if positions is None else order[positions],
        )

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the folder of both cameras."""
        return [folder / SEQUENCES]

    def _find_people(self, folder: Path, camera: int) -> dict[int, Path]:
        return find_person_folders(folder / SEQUENCES / f"cam{camera}", PERSON)

    def _check_same_people(self, folder: Path, cameras: dict[int, dict[int, Path]]) -> None:
        for one, other in ((1, 2), (2, 1)):
            if unpaired := sorted(set(cameras[one]) - set(cameras[other])):
                raise DatasetError(
                    f"{folder}: {len(unpaired)} people of cam{one} have no folder in cam{other}, "
                    f"first person{unpaired[0]:03d}; restore them from the archive"
                )
        if not cameras[1]:
            raise DatasetError(
                f"{folder / SEQUENCES} has no person folders; unpack the dataset's archive again"
            )


def read_splits(file: Path, people: int) -> IntArray | None:
    """Return `ls_set` as 0-based positions (trials, people), or None if there is no split file.

    The values of the file are 1-based positions in the sorted list of person folders, not folder numbers.

    Raises:
        DatasetError: the file is damaged, or a row is not a permutation of 1..people.
    """
    if not file.exists():
        return None
    positions = load_integers(file, "ls_set")["ls_set"]
    expected = np.arange(1, people + 1)
    if (
        positions.ndim != 2
        or not positions.size
        or any(not np.array_equal(np.sort(row), expected) for row in positions)
    ):
        raise DatasetError(
            f"split file {file}: rows must be permutations of 1..{people} (the number of person folders), "
            f"got an array {positions.shape} with values up to {positions.max(initial=0)}; restore file and folders"
        )
    return positions - 1
