"""LS-VID (Li et al., ICCV 2019): tracklets of fifteen cameras, in lists of file name prefixes."""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from reidbench.datasets.matlab import load_integers
from reidbench.datasets.reader import Counts, Dataset
from reidbench.datasets.tracklets import DatasetContents, IntArray, TrackletTable
from reidbench.errors import DatasetError, describe_error, quote
from reidbench.limits import MAX_LABEL_FILE, read_limited

# The third token is the camera, the last number the frame.
FRAME = re.compile(r"[^_]+_[^_]+_c?(?P<camera>\d+)_(?:.*?)(?P<frame>\d+)\.(?:jpe?g|png)")
ROOT = "LS-VID"
LISTS = {"train": "list_seq_train.txt", "validation": "list_seq_val.txt", "gallery": "list_seq_test.txt"}
# Copies of the dataset differ.
LIST_FOLDERS = ("list_sequence", "info/list_sequence")
QUERY_FILES = ("test/data/info_test.mat", "info/data/info_test.mat")
CAMERAS = 15
_Row = tuple[int, int, str, tuple[str, ...]]


class Track(NamedTuple):
    """A line of a list: folder, prefix of the file names, and number of the person."""

    folder: PurePosixPath
    prefix: str
    pid: int


class LsVid(Dataset):
    """Reads the lists of `LS-VID/list_sequence/` and the frames with the prefixes in them.

    Parts: "train"; "validation"; "gallery", every row of the test list, including queries; "query". There is no junk
    and there are no distractors: if the lists number people from 0, the pid is the number plus 1.
    """

    name = "lsvid"
    official = {  # noqa: RUF012
        "": Counts(tracklets=14_943, people=3_772, frames=2_982_685, exact=False),
        "train": Counts(tracklets=2_831, people=842),
        "validation": Counts(tracklets=779, people=200),
        "query": Counts(tracklets=3_504),
        "gallery": Counts(tracklets=11_333, people=2_730),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        """Read the lists, the names in each of their folders, and the queries.

        Raises:
            DatasetError: a list, the query file, a folder or all frames of a track are missing or damaged.
        """
        lists = {part: _read_list(_find_list_file(folder, part)) for part in LISTS}
        offset = 1 if any(track.pid == 0 for track in chain(*lists.values())) else 0
        names = _Names(folder / ROOT)
        rows: list[_Row] = []
        parts = {}
        for part, tracks in lists.items():
            parts[part] = len(rows) + np.arange(len(tracks))
            rows += [_make_row(names, track, track.pid + offset) for track in tracks]
        queries = read_queries(_find_existing(folder / ROOT, QUERY_FILES), len(parts["gallery"]))
        return DatasetContents(
            TrackletTable.of(folder, rows),
            parts={**parts, "query": parts["gallery"][queries]},
        )

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the top folders of the prefixes."""
        tracks = chain.from_iterable(_read_list(_find_list_file(folder, part)) for part in LISTS)
        tops = sorted({track.folder.parts[0] for track in tracks if track.folder.parts})
        return [folder / ROOT / top for top in tops]


def read_queries(file: Path, tracks: int) -> IntArray:
    """Return the queries as ascending rows of the test list, from 0.

    Args:
        file: MATLAB file; its variable `query` has 1-based rows.
        tracks: number of rows of the test list.

    Raises:
        DatasetError: the file is damaged or lacks the variable, or a query is not a row or is repeated.
    """
    rows = np.sort(load_integers(file, "query")["query"].ravel()) - 1
    if not len(rows) or rows[0] < 0 or rows[-1] >= tracks or (np.diff(rows) == 0).any():
        values_range = f" in {rows[0] + 1}..{rows[-1] + 1}" if len(rows) else ""
        raise DatasetError(
            f"{file}: queries must be different lines in 1..{tracks} of {LISTS['gallery']}, got {len(rows)} values"
            f"{values_range}; restore both files from the archive"
        )
    return rows


class _Names:
    """The file names of folders, each listed once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[PurePosixPath, list[str]] = {}

    def with_prefix(self, folder: PurePosixPath, prefix: str) -> list[str]:
        """Return the sorted file names in a folder that start with the prefix.

        Raises:
            DatasetError: the folder is missing.
        """
        if folder not in self._listed:
            path = self._root / folder
            if not path.is_dir():
                raise DatasetError(f"folder {path} is missing; unpack the dataset's archive again")
            self._listed[folder] = sorted(entry.name for entry in os.scandir(path))
        names = self._listed[folder]
        return names[bisect_left(names, prefix) : bisect_left(names, prefix + chr(0x10FFFF))]


def _make_row(names: _Names, track: Track, pid: int) -> _Row:
    candidates = names.with_prefix(track.folder, track.prefix)
    matches = [match for name in candidates if (match := FRAME.fullmatch(name))]
    # A prefix that ends in camera 1 must not match the frames of camera 10.
    end = len(track.prefix)
    complete = [match for match in matches if not match.string[end : end + 1].isdigit()]
    ordered = sorted(complete or matches, key=lambda match: int(match["frame"]))
    cameras = {int(match["camera"]) for match in ordered}
    if len(cameras) != 1 or not cameras <= set(range(1, CAMERAS + 1)):
        raise DatasetError(
            f"{ROOT}/{track.folder}/{track.prefix}*: frames of a track must have one camera in 1..{CAMERAS} (the third "
            f"number in names like 0001_0001_01_0001.jpg), got {len(ordered)} frames of cameras {sorted(cameras)}; "
            "restore them from the archive"
        )
    return pid, cameras.pop(), (ROOT / track.folder).as_posix(), tuple(match.string for match in ordered)


def _find_list_file(folder: Path, part: str) -> Path:
    return _find_existing(folder / ROOT, [f"{name}/{LISTS[part]}" for name in LIST_FOLDERS])


def _find_existing(root: Path, names: Sequence[str]) -> Path:
    for name in names:
        if (root / name).is_file():
            return root / name
    raise DatasetError(f"{root} has no file {' or '.join(names)}; unpack the dataset's archive again")


def _read_list(file: Path) -> list[Track]:
    try:
        lines = read_limited(file, MAX_LABEL_FILE).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"cannot read {file}: {describe_error(error)}; restore it from the archive"
        ) from error
    tracks = [_parse_track(file, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not tracks:
        raise DatasetError(f"{file} is empty; restore it from the archive")
    return tracks


def _parse_track(file: Path, number: int, line: str) -> Track:
    prefix, _, person = line.strip().rpartition(" ")
    folder, _, prefix = prefix.strip().lstrip("/").rpartition("/")
    path = PurePosixPath(folder)
    if not folder + prefix or ".." in path.parts or not re.fullmatch(r"[0-9]{1,9}", person):
        raise DatasetError(
            f"{file}, line {number} must be a prefix of file names, a space and the number of a person, got "
            f"{quote(line)}; restore it from the archive"
        )
    return Track(path, prefix, int(person))
