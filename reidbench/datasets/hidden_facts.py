"""Facts about tracklets that views hide from methods: names, sizes and order of files, and masks.

A fact that identifies people without a look at their frames is a shortcut. Methods never see these facts, so they
cannot use one by accident. Only audits read them, to measure what each of them would be worth.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reidbench.datasets.frames import Frames
from reidbench.datasets.masks import has_masks, read_mask
from reidbench.datasets.tracklets import DatasetContents, IntArray, TrackletTable
from reidbench.errors import MissingFactError

Floats = npt.NDArray[np.float64]
_NUMBER = re.compile(r"\d+")


class FactSource:
    """The hidden facts of all tracklets of a dataset; each is read when it is first needed."""

    def __init__(self, contents: DatasetContents) -> None:
        self.table = contents.table
        self._contents = contents

    def of(self, row: int, files: tuple[Path, ...]) -> HiddenFacts:
        """Return the facts of a row of the table; `files` are the frames that its view has."""
        return HiddenFacts(self, row, files)

    @cached_property
    def name_numbers(self) -> Floats:
        """See `read_name_numbers`."""
        return read_name_numbers(self.table)

    @cached_property
    def has_masks(self) -> bool:
        """Whether the frames have masks."""
        return has_masks(self._contents)


class HiddenFacts:
    """The hidden facts of one tracklet."""

    def __init__(self, source: FactSource, row: int, files: tuple[Path, ...]) -> None:
        self._source, self._row, self._files = source, row, files

    @property
    def position(self) -> int:
        """Row of the tracklet in the table of its dataset, from 0."""
        return self._row

    @property
    def length(self) -> int:
        """Number of frames of the complete tracklet, also those outside of the window of the view."""
        return int(self._source.table.lengths[self._row])

    def file_sizes(self) -> tuple[int, ...]:
        """Return the bytes of the file of each frame of the view."""
        return tuple(file.stat().st_size for file in self._files)

    @property
    def name_numbers(self) -> Floats:
        """Numbers (K,) in the names of the first and last frame, each between 0 and 1; see `read_name_numbers`."""
        numbers: Floats = self._source.name_numbers[self._row]
        return numbers

    def masks(self, chosen: Sequence[int] | npt.NDArray[np.int64]) -> list[Frames]:
        """Return the mask (H, W) of some frames, with the values of `reidbench.datasets.masks`.

        Raises:
            MissingFactError: the dataset has no masks.
            FrameError: a mask is missing or damaged.
        """
        if not self._source.has_masks:
            raise MissingFactError("the frames have no masks; only rendered trees can have them")
        return [read_mask(self._source.table.root, self._files[frame]) for frame in chosen]


def read_name_numbers(table: TrackletTable) -> Floats:
    """Return the numbers in the names of the first and the last frame of each row, without those of its labels.

    A name is read as its groups of digits. Groups that are the label itself are left out: the number of the person up
    to a constant, a count of the people without gaps, and whatever follows from the camera. So are groups that have
    one value in all rows. Every other one is scaled to [0, 1] over the table.

    Returns:
        float64 (N, K), one zero per row if nothing is left. Names with fewer groups than others have zeros.
    """
    first = [_read_numbers(folder, frames[:1]) for folder, frames in table.groups]
    last = [_read_numbers(folder, frames[-1:]) for folder, frames in table.groups]
    columns = [column for numbers in (first, last) for column in _to_columns(numbers)]
    is_person = table.pids > 0
    pids, camids = table.pids[is_person], table.camids[is_person]
    kept: list[Floats] = []
    for column in columns:
        is_constant = not len(column) or np.ptp(column) == 0
        is_copy = any(np.array_equal(column, other) for other in kept)
        if not is_constant and not is_copy and not _is_label(column[is_person], pids, camids):
            kept.append(column)
    if not kept:
        return np.zeros((len(table), 1))
    scaled = [(column - column.min()) / np.ptp(column) for column in kept]
    return np.stack(scaled, axis=1)


def _is_label(column: Floats, pids: IntArray, camids: IntArray) -> bool:
    """Return whether numbers (N,) of N rows of people name their person or camera."""
    if not len(column):
        return False
    if np.ptp(column - pids) == 0 or _follows(column, camids):
        return True
    counted = np.unique(column)
    return _follows(column, pids) and len(counted) == np.ptp(counted) + 1


def _follows(column: Floats, labels: IntArray) -> bool:
    """Return whether rows with one label have one number."""
    return len(np.unique(np.stack([labels, column], axis=1), axis=0)) == len(np.unique(labels))


def _read_numbers(folder: str, frames: Sequence[str]) -> list[float]:
    path = "/".join([folder, *frames])
    return [float(digits) for digits in _NUMBER.findall(path)]


def _to_columns(rows: Sequence[Sequence[float]]) -> list[Floats]:
    width = max(map(len, rows), default=0)
    padded = [[*row, *[0.0] * (width - len(row))] for row in rows]
    return list(np.array(padded, dtype=np.float64).reshape(len(rows), width).T)
