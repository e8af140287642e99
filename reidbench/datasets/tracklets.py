"""TrackletTable, the tracklets of a dataset in one row each, and what else a reader returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reidbench.datasets.digests import Digests, digest_item
from reidbench.datasets.frames import FRAME_FORMATS
from reidbench.datasets.hashing import FileHasher
from reidbench.datasets.marker import Marker
from reidbench.datasets.tree_check import hash_items
from reidbench.errors import DatasetError, quote
from reidbench.fingerprints import fingerprint

COLUMNS = ("pid", "camid", "folder", "frames")
IntArray = npt.NDArray[np.int64]


class TrackletTable:
    """The tracklets of a dataset: a thin, frozen wrapper of a DataFrame.

    Columns: `pid` (int; -1 junk, 0 distractor), `camid` (int), `folder` (text, relative to the root, separated by
    "/") and `frames` (tuple of file names in temporal order). A file name may contain folders, as in "a/0001.jpg".
    """

    def __init__(self, root: Path, rows: pd.DataFrame) -> None:
        if tuple(rows.columns) != COLUMNS:
            raise ValueError(f"columns of a tracklet table must be {COLUMNS}, got {tuple(rows.columns)}")
        self.root = root
        self._rows = rows.reset_index(drop=True)

    @classmethod
    def of(cls, root: Path, rows: Iterable[tuple[int, int, str, tuple[str, ...]]]) -> TrackletTable:
        """Return the table of (pid, camid, folder, frames) rows."""
        return cls(root, pd.DataFrame(list(rows), columns=list(COLUMNS)))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> pd.DataFrame:
        """A copy of the rows."""
        return self._rows.copy()

    @cached_property
    def pids(self) -> IntArray:
        """Person of each row."""
        return self._rows["pid"].to_numpy(np.int64)

    @cached_property
    def camids(self) -> IntArray:
        """Camera of each row."""
        return self._rows["camid"].to_numpy(np.int64)

    @cached_property
    def lengths(self) -> IntArray:
        """Number of frames of each row."""
        return self._rows["frames"].map(len).to_numpy(np.int64)

    @cached_property
    def names(self) -> list[str]:
        """Public name of each item: the path of its first frame without suffix, relative to the root."""
        return [_name_item(folder, frames) for folder, frames in self.groups]

    def label_rows(self, rows: Sequence[int] | IntArray | None = None) -> list[tuple[int, int, str]]:
        """Return person, camera and name of rows; all rows by default. They do not depend on the files."""
        chosen = range(len(self)) if rows is None else rows
        pids, camids, names = self.pids, self.camids, self.names
        return [(int(pids[row]), int(camids[row]), names[int(row)]) for row in chosen]

    def files(self, row: int) -> tuple[Path, ...]:
        """Return the frame files of a row in temporal order."""
        folder, frames = self.groups[row]
        return tuple(self.root / folder / name for name in frames)

    @cached_property
    def groups(self) -> list[tuple[str, tuple[str, ...]]]:
        """Folder and frames of each row."""
        return list(zip(self._rows["folder"].tolist(), self._rows["frames"].tolist(), strict=True))


def _name_item(folder: str, frames: tuple[str, ...]) -> str:
    path = f"{folder}/{frames[0]}" if folder and frames else frames[0] if frames else folder
    stem, _, suffix = path.rpartition(".")
    return stem if stem and "/" not in suffix else path


@dataclass(frozen=True)
class DatasetContents:
    """The contents of a dataset.

    Attributes:
        table: all tracklets.
        parts: named sets of rows, ascending, as the official release groups them ("train", "query", "gallery");
            they may overlap.
        people: the people that trials may split, in the order of their numbers in official split files.
        splits: (trials, P) person ids from the dataset's split file, each row an order of the same P people; None
            without such a file.
        marker: the marker of a rendered tree; None for a real one.
        frame_formats: formats of the frames, by Pillow's names, as the reader declares them.
        hasher: hashes the files when a digest of their contents is first needed.
    """

    table: TrackletTable
    parts: Mapping[str, IntArray] = field(default_factory=dict)
    people: tuple[int, ...] = ()
    splits: IntArray | None = None
    marker: Marker | None = None
    frame_formats: tuple[str, ...] = FRAME_FORMATS
    hasher: FileHasher = field(default_factory=FileHasher, compare=False, repr=False)

    @property
    def is_synthetic(self) -> bool:
        """Whether the frames were rendered."""
        return self.marker is not None

    @property
    def renderer(self) -> str | None:
        """Version of the renderer of the frames; None if they were not rendered."""
        return None if self.marker is None else self.marker.renderer

    def part(self, name: str) -> IntArray:
        """Return the rows of a part.

        Raises:
            DatasetError: the dataset has no such part.
        """
        if name not in self.parts:
            raise DatasetError(
                f"the dataset at {self.table.root} has no part {quote(name)}; it has {', '.join(self.parts) or 'none'}"
            )
        return self.parts[name]

    @cached_property
    def digests(self) -> Digests:
        """All digests of the dataset; the files are hashed on first use."""
        contents = fingerprint(self.row_digests)
        return replace(self.label_digests, contents=contents if self.marker is None else self.marker.contents)

    @cached_property
    def label_digests(self) -> Digests:
        """The digests that do not depend on the frames: `labels` and `marker`."""
        labels = {
            "items": self.table.label_rows(),
            "parts": {name: rows.tolist() for name, rows in self.parts.items()},
            "people": list(self.people),
            "splits": None if self.splits is None else self.splits.tolist(),
        }
        marker = None if self.marker is None else self.marker.digest
        return Digests(labels=fingerprint(labels), marker=marker)

    @cached_property
    def row_digests(self) -> list[str]:
        """The digest of each row: of the item's public name and the contents of its files.

        Raises:
            DatasetError: a file is missing or cannot be read, a rendered tree differs from its marker, or a frame of a
                tree without a marker was rendered.
        """
        hashed = hash_items(self.table.root, self.table.groups, self.marker, self.hasher)
        return [digest_item(name, files) for name, files in zip(self.table.names, hashed, strict=True)]

    def digest_rows(self, rows: Sequence[int] | IntArray) -> str:
        """Return the fingerprint of rows: person, camera, name and contents of each."""
        pids, camids, digests = self.table.pids, self.table.camids, self.row_digests
        return fingerprint([(int(pids[row]), int(camids[row]), digests[int(row)]) for row in rows])
