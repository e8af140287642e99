"""LS-VID (Li et al., ICCV 2019): tracklets of fifteen cameras, named by lists of file name prefixes."""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import h5py
import numpy as np

from reidbench.datasets.reader import Counts, Dataset
from reidbench.datasets.tracklets import DatasetContents, IntArray, TrackletTable
from reidbench.errors import DatasetError

# The third token is the camera, the last number the frame.
FRAME = re.compile(r"[^_]+_[^_]+_c?(?P<camera>\d+)_(?:.*?)(?P<frame>\d+)\.(?:jpe?g|png)")
ROOT = "LS-VID"
LISTS = {"train": "list_seq_train.txt", "validation": "list_seq_val.txt", "gallery": "list_seq_test.txt"}
LIST_FOLDERS = ("list_sequence", "info/list_sequence")  # copies differ
QUERY_FILES = ("test/data/info_test.mat", "info/data/info_test.mat")
CAMERAS = 15
_Row = tuple[int, int, str, tuple[str, ...]]


class Track(NamedTuple):
    """A line of a list: the folder and how the names of the frames in it begin, and the number of the person."""

    folder: PurePosixPath
    stem: str
    pid: int


class LsVid(Dataset):
    """Reads the lists of `LS-VID/list_sequence/` and the frames whose names begin as they say.

    Parts: "train"; "validation"; "gallery", which is every row of the test list, queries among them; "query". There
    is neither junk nor are there distractors: where lists count people from 0, all their numbers are raised by one.
    """

    name = "lsvid"
    official = {  # noqa: RUF012  a table, not state
        "": Counts(tracklets=14_943, people=3_772, frames=2_982_685, exact=False),
        "train": Counts(tracklets=2_831, people=842),
        "validation": Counts(tracklets=779, people=200),
        "query": Counts(tracklets=3_504),
        "gallery": Counts(tracklets=11_333, people=2_730),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        """Read the lists, list each folder they name once, and read the queries.

        Raises:
            DatasetError: a list, the query file, a folder or all frames of a track are missing or damaged.
        """
        lists = {part: _read_list(_list_file(folder, part)) for part in LISTS}
        first = 1 if any(track.pid == 0 for track in chain(*lists.values())) else 0
        names = _Names(folder / ROOT)
        rows: list[_Row] = []
        parts = {}
        for part, tracks in lists.items():
            parts[part] = len(rows) + np.arange(len(tracks))
            rows += [_row(names, track, track.pid + first) for track in tracks]
        queries = read_queries(_existing(folder / ROOT, QUERY_FILES), len(parts["gallery"]))
        return DatasetContents(
            TrackletTable.of(folder, rows),
            parts={**parts, "query": parts["gallery"][queries]},
        )

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the top folders of the prefixes."""
        tracks = chain.from_iterable(_read_list(_list_file(folder, part)) for part in LISTS)
        tops = sorted({track.folder.parts[0] for track in tracks if track.folder.parts})
        return [folder / ROOT / top for top in tops]


def read_queries(file: Path, tracks: int) -> IntArray:
    """Return the queries as ascending rows of the test list, from 0.

    Args:
        file: MATLAB v7.3, which is HDF5; its dataset `query` holds 1-based rows.
        tracks: rows of the test list.

    Raises:
        DatasetError: the file is damaged or lacks the dataset, or a query is no row or a repeated one.
    """
    try:
        with h5py.File(file, "r") as contents:
            found = np.asarray(contents["query"][()])
        rows = np.sort(found.ravel().astype(np.int64)) - 1
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{file}: dataset 'query' cannot be read ({error}); restore it from the archive"
        ) from error
    if not len(rows) or rows[0] < 0 or rows[-1] >= tracks or (np.diff(rows) == 0).any():
        ends = f"{rows[0] + 1}..{rows[-1] + 1}" if len(rows) else "no range"
        raise DatasetError(
            f"{file}: queries must be different lines in 1..{tracks} of {LISTS['gallery']}, got {len(rows)} values in "
            f"{ends}; restore both files from the archive"
        )
    return rows


class _Names:
    """The file names of folders, each listed once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[PurePosixPath, list[str]] = {}

    def beginning(self, folder: PurePosixPath, stem: str) -> list[str]:
        """Return the sorted names of files of a folder that begin with the stem.

        Raises:
            DatasetError: the folder is missing.
        """
        if folder not in self._listed:
            place = self._root / folder
            if not place.is_dir():
                raise DatasetError(f"folder {place} is missing; unpack the dataset's archive again")
            self._listed[folder] = sorted(entry.name for entry in os.scandir(place))
        names = self._listed[folder]
        return names[bisect_left(names, stem) : bisect_left(names, stem + chr(0x10FFFF))]


def _row(names: _Names, track: Track, pid: int) -> _Row:
    found = names.beginning(track.folder, track.stem)
    matches = [match for name in found if (match := FRAME.fullmatch(name))]
    # a stem that ends in camera 1 is not meant to take the frames of camera 10
    after = len(track.stem)
    ended = [match for match in matches if not match.string[after : after + 1].isdigit()]
    ordered = sorted(ended or matches, key=lambda match: int(match["frame"]))
    cameras = {int(match["camera"]) for match in ordered}
    if len(cameras) != 1 or not cameras <= set(range(1, CAMERAS + 1)):
        raise DatasetError(
            f"{ROOT}/{track.folder}/{track.stem}*: {len(ordered)} frames of cameras {sorted(cameras)}, where a track "
            f"has frames of one camera of 1..{CAMERAS}, the third part of names like 0001_0001_01_0001.jpg; "
            "restore them from the archive"
        )
    return pid, cameras.pop(), (ROOT / track.folder).as_posix(), tuple(match.string for match in ordered)


def _list_file(folder: Path, part: str) -> Path:
    return _existing(folder / ROOT, [f"{place}/{LISTS[part]}" for place in LIST_FOLDERS])


def _existing(root: Path, places: Sequence[str]) -> Path:
    for place in places:
        if (root / place).is_file():
            return root / place
    raise DatasetError(f"{root} has no file {' or '.join(places)}; unpack the dataset's archive again")


def _read_list(file: Path) -> list[Track]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} cannot be read ({error}); restore it from the archive") from error
    tracks = [_track(file, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not tracks:
        raise DatasetError(f"{file} is empty; restore it from the archive")
    return tracks


def _track(file: Path, number: int, line: str) -> Track:
    prefix, _, person = line.strip().rpartition(" ")
    folder, _, stem = prefix.strip().lstrip("/").rpartition("/")
    path = PurePosixPath(folder)
    if not folder + stem or ".." in path.parts or not person.isdecimal():
        raise DatasetError(
            f"{file} line {number} is {line!r}, not the beginning of file names, a blank and the number of a person; "
            "restore it from the archive"
        )
    return Track(path, stem, int(person))
