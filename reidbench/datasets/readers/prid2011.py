"""PRID 2011 (Hirzer et al., SCIA 2011): two outdoor cameras that share their first 200 people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from reidbench.datasets.reader import Counts, Dataset, find_person_folders, list_frames
from reidbench.datasets.tracklets import DatasetContents, IntArray, TrackletTable
from reidbench.errors import DatasetError, describe_error, quote
from reidbench.limits import MAX_LABEL_FILE, read_limited

PERSON = re.compile(r"person_(\d{1,9})")
FRAME = re.compile(r"(?P<frame>\d+)\.png")
SEQUENCES = "prid_2011/multi_shot"
SPLIT_FILE = "splits_prid2011.json"
CAMERAS = ("cam_a", "cam_b")
# Numbers up to this one are the same people in both cameras; higher numbers are different people.
SHARED_PEOPLE = 200
# Added to the higher numbers of camera b, since camera a has the same numbers for other people.
OFFSET_OF_B = 1_000


class _Split(msgspec.Struct):
    """A trial of the split file: names of folders."""

    test: list[str]
    train: list[str]


class Prid2011(Dataset):
    """Reads `prid_2011/multi_shot/cam_{a,b}/person_*/` and the split file in the dataset folder.

    Camera a is 1, camera b is 2. The part "shared" has the tracklets of the people in both cameras.
    """

    name = "prid2011"
    # The number of people per camera is known only from the project page.
    official = {  # noqa: RUF012
        "": Counts(tracklets=1_134, people=934, by_camera=(385, 749), exact=False),
        "shared": Counts(tracklets=400, people=200, by_camera=(200, 200)),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        """Read both cameras and the splits.

        Raises:
            DatasetError: a camera, a shared person in a camera or all frames of a tracklet are missing, or the
                split file is damaged.
        """
        cameras = [_find_people(folder / SEQUENCES / camera) for camera in CAMERAS]
        shared = _find_shared_people(folder, cameras)
        rows = [
            (_make_pid(number, camid), camid, path.relative_to(folder).as_posix(), list_frames(path, FRAME))
            for camid, tracklets in enumerate(cameras, start=1)
            for number, path in tracklets.items()
        ]
        pids = np.array([row[0] for row in rows], dtype=np.int64)
        return DatasetContents(
            TrackletTable.of(folder, rows),
            parts={"shared": np.flatnonzero(pids <= SHARED_PEOPLE)},
            people=shared,
            splits=read_splits(folder / SPLIT_FILE, shared),
        )

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the folder of both cameras; the single images next to it are copies of frames."""
        return [folder / SEQUENCES]


def read_splits(file: Path, people: Sequence[int]) -> IntArray | None:
    """Return the person numbers (trials, P) of each split, tested half first; None without a file.

    Args:
        file: a JSON list of objects with the lists `train` and `test` of folder names.
        people: the allowed numbers.

    Raises:
        DatasetError: the file has another form, or its halves differ in size, overlap, or split different people.
    """
    if not file.exists():
        return None
    try:
        trials = msgspec.json.decode(read_limited(file, MAX_LABEL_FILE), type=list[_Split])
        halves = [
            [[_parse_number(name) for name in names] for names in (trial.test, trial.train)]
            for trial in trials
        ]
    # msgspec raises a RecursionError for text that is nested too deeply.
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(
            f"split file {file} must be a list of objects with 'train' and 'test' folders, but "
            f"{describe_error(error)}; restore it"
        ) from error
    for trial, (test, train) in enumerate(halves, start=1):
        _check_split(file, trial, test, train, people)
    if len({tuple(sorted(test + train)) for test, train in halves}) != 1:
        raise DatasetError(
            f"split file {file}: its {len(halves)} trials must split the same people; restore it"
        )
    return np.array([test + train for test, train in halves], dtype=np.int64)


def _check_split(file: Path, trial: int, test: list[int], train: list[int], people: Sequence[int]) -> None:
    where = f"split file {file}, trial {trial}"
    if len(test) != len(train) or not test:
        raise DatasetError(
            f"{where}: the halves must have the same size, got {len(test)} test and {len(train)} train people; "
            "restore it"
        )
    if len(set(test + train)) != len(test + train):
        raise DatasetError(f"{where}: a person is listed twice; restore it")
    if unknown := sorted(set(test + train) - set(people)):
        raise DatasetError(
            f"{where}: person_{unknown[0]:04d} is not one of the {len(people)} people in both cameras; "
            "restore the file or the folders"
        )


def _parse_number(name: str) -> int:
    match = PERSON.fullmatch(name)
    if match is None:
        raise ValueError(f"{quote(name)} is not a folder name like person_0001")
    return int(match[1])


def _find_people(camera: Path) -> dict[int, Path]:
    people = find_person_folders(camera, PERSON)
    if not people:
        raise DatasetError(f"{camera} has no person folders; unpack the dataset's archive again")
    return dict(sorted(people.items()))


def _find_shared_people(folder: Path, cameras: Sequence[dict[int, Path]]) -> tuple[int, ...]:
    in_a, in_b = ({number for number in camera if number <= SHARED_PEOPLE} for camera in cameras)
    if unpaired := sorted(in_a ^ in_b):
        camera = CAMERAS[unpaired[0] in in_a]
        raise DatasetError(
            f"{folder}: {len(unpaired)} of the people 1..{SHARED_PEOPLE} have a folder in only one camera, first "
            f"person_{unpaired[0]:04d}, who is missing in {camera}; restore them from the archive"
        )
    return tuple(sorted(in_a))


def _make_pid(number: int, camid: int) -> int:
    return number + OFFSET_OF_B if camid == 2 and number > SHARED_PEOPLE else number
