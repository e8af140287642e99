"""MARS (Zheng et al., ECCV 2016): automatic tracklets of six cameras, listed in index files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from reidbench.datasets.matlab import load_integers
from reidbench.datasets.reader import Counts, Dataset
from reidbench.datasets.tracklets import DatasetContents, IntArray, TrackletTable
from reidbench.errors import MAX_QUOTE, DatasetError, describe_error, quote
from reidbench.limits import MAX_LABEL_FILE, read_limited

# Matches all names of a list at once: a million single matches would take seconds.
_NAMES = re.compile(r"(?:(?:(?:00-1|\d{4})/)?(?:00-1|\d{4})C\dT\d{4}F\d{1,9}\.jpg\s+)*+")
CAMERAS = 6
QUERY_FILE = "query_IDX.mat"
INFO_FILES = (
    "train_name.txt",
    "test_name.txt",
    "tracks_train_info.mat",
    "tracks_test_info.mat",
    QUERY_FILE,
)
_Row = tuple[int, int, str, tuple[str, ...]]


class Mars(Dataset):
    """Reads the index files in `info/` and the frames they list in `bbox_train/` and `bbox_test/`.

    Parts: "train"; "gallery", every test row including junk and queries; "query", rows of the gallery.
    """

    name = "mars"
    official = {  # noqa: RUF012
        "": Counts(tracklets=20_478, people=1_259, frames=1_191_003),
        "train": Counts(
            tracklets=8_298,
            people=625,
            frames=509_914,
            by_camera=(1_816, 1_957, 1_321, 750, 1_880, 574),
            junk=0,
            distractors=0,
        ),
        "query": Counts(
            tracklets=1_980,
            people=626,
            frames=114_493,
            by_camera=(524, 456, 319, 191, 384, 106),
            junk=0,
            distractors=0,
        ),
        "gallery": Counts(
            tracklets=12_180,
            people=634,
            frames=681_089,
            by_camera=(2_271, 3_725, 1_495, 1_024, 2_240, 1_425),
            junk=870,
            distractors=3_248,
        ),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        """Read the index files; they list the frames, so the folders are not searched.

        Raises:
            DatasetError: a folder or an index file is missing or damaged, or the files contradict each other.
        """
        _check_complete(folder)
        train, test = _read_half(folder, "train"), _read_half(folder, "test")
        test_pids = np.array([row[0] for row in test], dtype=np.int64)
        return DatasetContents(
            TrackletTable.of(folder, [*train, *test]),
            parts={
                "train": np.arange(len(train)),
                "query": len(train) + read_queries(folder / "info" / QUERY_FILE, test_pids),
                "gallery": len(train) + np.arange(len(test)),
            },
        )

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the folders of both halves."""
        return [folder / "bbox_train", folder / "bbox_test"]


def read_tracks(file: Path, variable: str) -> IntArray:
    """Return the rows (N, 4) of a track index: first and last line in the name file (from 1), pid, camera.

    Raises:
        DatasetError: the file is missing or damaged, or there are gaps between its rows.
    """
    rows = load_integers(file, variable)[variable]
    if rows.ndim != 2 or rows.shape[1] != 4 or not len(rows):
        raise DatasetError(
            f"{file}: '{variable}' must have four columns (start, end, pid, camera), got an array {rows.shape} "
            f"of {rows.dtype}; restore it from the archive"
        )
    start, end, pid, camera = rows.T
    expected = np.append(1, end[:-1] + 1)
    wrong = (start != expected) | (end < start) | (pid < -1) | (camera < 1) | (camera > CAMERAS)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DatasetError(
            f"{file}: row {row + 1} of '{variable}' is {rows[row].tolist()}; it must start at line {expected[row]}, "
            f"end later, and have a person of at least -1 and a camera in 1..{CAMERAS}; restore it from the archive"
        )
    return rows


def read_queries(file: Path, pids: IntArray) -> IntArray:
    """Return the queries as ascending test rows, from 0.

    Args:
        file: has the variable `query_IDX`, 1-based rows of the test index.
        pids: (N,) person of each row of the test index.

    Raises:
        DatasetError: the file is missing or damaged, or a query is not a row, repeated, junk or a distractor.
    """
    values = load_integers(file, "query_IDX")["query_IDX"]
    if not values.size:
        raise DatasetError(
            f"{file}: 'query_IDX' must have row numbers, got an array {values.shape} of {values.dtype}; "
            "restore it from the archive"
        )
    rows = np.sort(values.ravel()) - 1
    if rows[0] < 0 or rows[-1] >= len(pids) or (np.diff(rows) == 0).any():
        raise DatasetError(
            f"{file}: queries must be different rows in 1..{len(pids)} of the test index, got {len(rows)} values in "
            f"{rows[0] + 1}..{rows[-1] + 1}; restore both files from the archive"
        )
    if (pids[rows] < 1).any():
        row = int(rows[np.argmax(pids[rows] < 1)])
        raise DatasetError(
            f"{file}: query row {row + 1} has person {pids[row]}, which is junk or a distractor; "
            "restore the index files from the archive"
        )
    return rows


def person_folder(pid: int) -> str:
    """Return the folder of a person, which is also the prefix of its file names."""
    return "00-1" if pid == -1 else f"{pid:04d}"


def _check_complete(folder: Path) -> None:
    for path in (folder / "bbox_train", folder / "bbox_test"):
        if not path.is_dir():
            raise DatasetError(f"folder {path} is missing; unpack the dataset's archive again")
    info = folder / "info"
    if missing := [name for name in INFO_FILES if not (info / name).is_file()]:
        listed = ", ".join(missing)
        what = f"{info} has no {listed}" if info.is_dir() else f"folder {info} with {listed} is missing"
        raise DatasetError(
            f"{what}: the index files are not in the archives of the frames; copy the folder 'info' of "
            f"https://github.com/liangzheng06/MARS-evaluation to {info}"
        )


def _read_half(folder: Path, half: str) -> list[_Row]:
    tracks = read_tracks(folder / "info" / f"tracks_{half}_info.mat", f"track_{half}_info")
    name_file = folder / "info" / f"{half}_name.txt"
    names = _read_names(name_file)
    if len(names) != tracks[-1, 1]:
        raise DatasetError(
            f"{name_file} has {len(names):,} frames, but tracks_{half}_info.mat has {tracks[-1, 1]:,}; "
            "restore both files"
        )
    return list(_make_rows(name_file, names, tracks))


def _read_names(file: Path) -> list[str]:
    """Return the file names of a list; a line may have the person's folder, as in 0002/0002C1T0001F001.jpg."""
    try:
        text = read_limited(file, MAX_LABEL_FILE).decode("ascii") + "\n"
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"cannot read {file}: {describe_error(error)}; restore it from the archive"
        ) from error
    good = _NAMES.match(text)
    end = good.end() if good else 0
    if end != len(text):
        raise DatasetError(
            f"{file}, line {text.count(chr(10), 0, end) + 1} must be a name like '0002C1T0001F001.jpg', got "
            f"{quote(text[end : end + 2 * MAX_QUOTE].splitlines()[0])}; restore it from the archive"
        )
    names = text.split()
    if "/" not in text:
        return names
    for number, name in enumerate(names, start=1):
        folder, _, file_name = name.rpartition("/")
        if folder and not file_name.startswith(folder):
            raise DatasetError(
                f"{file}, line {number} must have the folder of its person, got {quote(name)}; "
                "restore it from the archive"
            )
    return [name.rpartition("/")[2] for name in names]


def _make_rows(name_file: Path, names: list[str], tracks: IntArray) -> Iterator[_Row]:
    half = name_file.name.removesuffix("_name.txt")
    for start, end, pid, camera in tracks.tolist():
        frames, person = names[start - 1 : end], person_folder(pid)
        prefix = f"{person}C{camera}"
        # A prefix of the first and the last name in text order is a prefix of all names.
        for name in (min(frames), max(frames)):
            if not name.startswith(prefix):
                raise DatasetError(
                    f"{name_file}, line {names.index(name) + 1} must start with '{prefix}' as in "
                    f"tracks_{half}_info.mat, got {quote(name)}; restore both files"
                )
        yield pid, camera, f"bbox_{half}/{person}", _sort_by_time(frames)


def _sort_by_time(frames: list[str]) -> tuple[str, ...]:
    """Return the names sorted by the numbers of track and frame."""
    if len(set(map(len, frames))) == 1:
        # With equally many digits, text order is the order of the numbers.
        return tuple(sorted(frames))
    return tuple(sorted(frames, key=lambda name: (int(name[7:11]), int(name[12:-4]))))
