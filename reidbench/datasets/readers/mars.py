"""MARS (Zheng et al., ECCV 2016): tracklets of six cameras by detector and tracker, named by index files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from reidbench.datasets.reader import Counts, Dataset, load_mat
from reidbench.datasets.tracklets import DatasetContents, IntArray, TrackletTable
from reidbench.errors import DatasetError

# All names of a list at once: a million matches, one for each, would take seconds.
_NAMES = re.compile(r"(?:(?:00-1|\d{4})C\dT\d{4}F\d+\.jpg\s+)*+")
CAMERAS = 6
QUERY_FILE = "query_IDX.mat"
_Row = tuple[int, int, str, tuple[str, ...]]


class Mars(Dataset):
    """Reads `info/` and takes the frames it names below `bbox_train/` and `bbox_test/`.

    Parts: "train"; "gallery", which is every test row, junk and queries among them; "query", rows of the gallery.
    """

    name = "mars"
    official = {  # noqa: RUF012  a table, not state
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
        """Read the index files; frames are named by them, not by a walk through the folders.

        Raises:
            DatasetError: a folder or an index file is missing or damaged, or the files do not belong together.
        """
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
    """Return the rows (N, 4) of a track index: first and last line of the name file (from 1), pid, camera.

    Raises:
        DatasetError: the file is missing, damaged, or its rows do not follow one another without a gap.
    """
    rows = np.asarray(load_mat(file, variable)[variable])
    if rows.ndim != 2 or rows.shape[1] != 4 or not len(rows) or not np.issubdtype(rows.dtype, np.number):
        raise DatasetError(
            f"{file}: '{variable}' must have four columns (start, end, pid, camera), got an array {rows.shape} "
            f"of {rows.dtype}; restore it from the archive"
        )
    rows = rows.astype(np.int64)  # stored as small types, which would wrap
    start, end, pid, camera = rows.T
    expected = np.append(1, end[:-1] + 1)
    wrong = (start != expected) | (end < start) | (pid < -1) | (camera < 1) | (camera > CAMERAS)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DatasetError(
            f"{file}: row {row + 1} of '{variable}' is {rows[row].tolist()}; it must start at line {expected[row]}, "
            f"end later, and name person -1 or above and camera 1..{CAMERAS}; restore it from the archive"
        )
    return rows


def read_queries(file: Path, pids: IntArray) -> IntArray:
    """Return the queries as ascending test rows, from 0.

    Args:
        file: holds `query_IDX`, 1-based rows of the test index.
        pids: (N,) person of each row of the test index.

    Raises:
        DatasetError: the file is missing or damaged, or a query is no row, a repeated one, junk or a distractor.
    """
    found = np.asarray(load_mat(file, "query_IDX")["query_IDX"])
    if not found.size or not np.issubdtype(found.dtype, np.number):
        raise DatasetError(f"{file}: 'query_IDX' holds no row numbers; restore it from the archive")
    rows = np.sort(found.ravel().astype(np.int64)) - 1
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
    """Return the folder of a person, which is also how the names of the frames in it begin."""
    return "00-1" if pid == -1 else f"{pid:04d}"


def _read_half(folder: Path, half: str) -> list[_Row]:
    if not (folder / f"bbox_{half}").is_dir():
        raise DatasetError(f"folder {folder / f'bbox_{half}'} is missing; unpack the dataset's archive again")
    tracks = read_tracks(folder / "info" / f"tracks_{half}_info.mat", f"track_{half}_info")
    name_file = folder / "info" / f"{half}_name.txt"
    names = _read_names(name_file)
    if len(names) != tracks[-1, 1]:
        raise DatasetError(
            f"{name_file} names {len(names):,} frames, the index beside it {tracks[-1, 1]:,}; "
            "restore both from the archive"
        )
    return list(_rows(name_file, names, tracks))


def _read_names(file: Path) -> list[str]:
    """Return the lines of a name list, whose ends are CRLF."""
    try:
        text = file.read_text(encoding="ascii") + "\n"
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} cannot be read ({error}); restore it from the archive") from error
    good = _NAMES.match(text)
    end = good.end() if good else 0
    if end != len(text):
        raise DatasetError(
            f"{file} line {text.count(chr(10), 0, end) + 1} is {text[end:].splitlines()[0]!r}, not a name like "
            "'0002C1T0001F001.jpg'; restore it from the archive"
        )
    return text.split()


def _rows(name_file: Path, names: list[str], tracks: IntArray) -> Iterator[_Row]:
    half = name_file.name.removesuffix("_name.txt")
    for start, end, pid, camera in tracks.tolist():
        frames, person = names[start - 1 : end], person_folder(pid)
        stem = f"{person}C{camera}"
        for name in (min(frames), max(frames)):  # what begins both begins all between them
            if not name.startswith(stem):
                raise DatasetError(
                    f"{name_file} line {names.index(name) + 1} is '{name}', where the index beside it has a frame of "
                    f"'{stem}...'; restore both from the archive"
                )
        yield pid, camera, f"bbox_{half}/{person}", _in_time(frames)


def _in_time(frames: list[str]) -> tuple[str, ...]:
    """Return the names sorted by the numbers of track and frame."""
    if len(set(map(len, frames))) == 1:
        return tuple(sorted(frames))  # equally many digits: the order of the text is that of the numbers
    return tuple(sorted(frames, key=lambda name: (int(name[7:11]), int(name[12:-4]))))
