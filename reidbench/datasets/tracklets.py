"""TrackletTable: one row a tracklet, the form in which every dataset reaches the harness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reidbench.errors import DatasetError
from reidbench.fingerprints import fingerprint

COLUMNS = ("pid", "camid", "folder", "frames")
IntArray = npt.NDArray[np.int64]


class TrackletTable:
    """The tracklets of a dataset: a thin, frozen wrapper of a DataFrame.

    Columns: `pid` (int; -1 junk, 0 distractor), `camid` (int), `folder` (text, relative to the root, "/"
    between its parts) and `frames` (tuple of file names in temporal order).
    """

    def __init__(self, root: Path, rows: pd.DataFrame) -> None:
        if tuple(rows.columns) != COLUMNS:
            raise ValueError(f"a tracklet table has the columns {COLUMNS}, got {tuple(rows.columns)}")
        self.root = root
        self._rows = rows.reset_index(drop=True)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> pd.DataFrame:
        """A copy of the rows; the table itself does not change."""
        return self._rows.copy()

    @cached_property
    def pids(self) -> IntArray:
        """Person of each row."""
        return self._rows["pid"].to_numpy(np.int64)

    @cached_property
    def camids(self) -> IntArray:
        """Camera of each row."""
        return self._rows["camid"].to_numpy(np.int64)

    def files(self, row: int) -> tuple[Path, ...]:
        """Return the frame files of a row in temporal order."""
        folder, frames = self._places[row]
        return tuple(self.root / folder / name for name in frames)

    def digest(self, rows: Sequence[int] | IntArray | None = None) -> str:
        """Return the fingerprint of rows: labels, relative file names and file sizes.

        Raises:
            DatasetError: a file of the table is gone.
        """
        chosen = range(len(self)) if rows is None else rows
        return fingerprint([self._row_digests[int(row)] for row in chosen])

    @cached_property
    def _places(self) -> list[tuple[str, tuple[str, ...]]]:
        return list(zip(self._rows["folder"].tolist(), self._rows["frames"].tolist(), strict=True))

    @cached_property
    def _row_digests(self) -> list[str]:
        digests = []
        labels = zip(self.pids.tolist(), self.camids.tolist(), self._places, strict=True)
        for pid, camid, (folder, frames) in labels:
            place = self.root / folder
            try:
                sizes = [(place / name).stat().st_size for name in frames]
            except OSError as error:
                raise DatasetError(
                    f"frame {error.filename} cannot be read: {error.strerror}; restore it"
                ) from error
            digests.append(fingerprint([pid, camid, folder, list(zip(frames, sizes, strict=True))]))
        return digests


@dataclass(frozen=True)
class DatasetContents:
    """What a reader found.

    Attributes:
        table: all tracklets.
        people: the people in the order official split files number them (sorted folder names).
        splits: (trials, len(people)) positions into `people`, each row a permutation, as shipped with the
            dataset; None when it ships none.
        marker: what the synthetic renderer says about the tree; None for a real one.
    """

    table: TrackletTable
    people: tuple[int, ...]
    splits: IntArray | None
    marker: dict[str, object] | None

    @property
    def is_synthetic(self) -> bool:
        """Whether the frames were rendered."""
        return self.marker is not None

    def digest(self) -> str:
        """Return the dataset digest: table, official splits and, for a rendered tree, its marker's digest."""
        splits = None if self.splits is None else self.splits.tolist()
        rendered = None if self.marker is None else self.marker["digest"]
        return fingerprint({"table": self.table.digest(), "splits": splits, "synthetic": rendered})
