"""The base class of readers of official layouts, and functions that several readers use."""

from __future__ import annotations

import abc
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from reidbench.arrays import share_reader
from reidbench.datasets.frames import FRAME_FORMATS
from reidbench.datasets.marker import read_marker
from reidbench.datasets.tracklets import DatasetContents
from reidbench.datasets.tree_check import check_unmarked
from reidbench.errors import DatasetError, PluginError, quote
from reidbench.plugin.guard import guard_plugin


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The numbers of the published dataset in one part; None where no reliable number is known.

    Attributes:
        tracklets: tracklets, or images.
        people: number of person ids above 0.
        frames: frames of all tracklets.
        by_camera: tracklets per camera, starting at camera 1.
        junk: tracklets of person -1.
        distractors: tracklets of person 0.
        exact: whether the numbers were counted in the official files; if not, a difference is reported but does not
            stop a run.
        optional: whether usable copies without the part exist.
    """

    tracklets: int | None = None
    people: int | None = None
    frames: int | None = None
    by_camera: tuple[int, ...] | None = None
    junk: int | None = None
    distractors: int | None = None
    exact: bool = True
    optional: bool = False


class Dataset(abc.ABC):
    """A reader of one official on-disk layout.

    Attributes:
        name: as registered.
        official: the numbers of the published dataset, by part; "" is the complete table.
        ignored_files: patterns (regular expressions, matched against the file name) of files next to the frames that
            `verify` does not report.
        frame_formats: formats of the frames, by Pillow's names.
    """

    name: ClassVar[str]
    official: ClassVar[Mapping[str, Counts]] = {}
    ignored_files: ClassVar[Sequence[str]] = (
        r"(?i)thumbs\.db",
        r"\..*",
        r"(?i).*readme.*",
        r"(?i).*licen[cs]e.*",
    )

    frame_formats: ClassVar[Sequence[str]] = FRAME_FORMATS

    def read(self, folder: Path) -> DatasetContents:
        """Read the tree in `folder`, and its marker if it is a rendered one.

        Raises:
            DatasetError: the tree does not follow the layout, its marker is damaged, or it was rendered and has no
                marker.
            PluginError: the reader failed.
        """
        name = str(getattr(self, "name", type(self).__name__))
        # A missing permission is no failure of the reader.
        with share_reader(), guard_plugin(name, "read_layout", kind="dataset", passes=(OSError,)):
            contents = self.read_layout(folder)
            if not isinstance(contents, DatasetContents):
                raise PluginError(
                    f"dataset '{name}' must return DatasetContents from read_layout, got {quote(contents)}"
                )
        marker = read_marker(folder)
        if marker is None:
            check_unmarked(folder, contents.table.groups)
        return replace(contents, marker=marker, frame_formats=tuple(self.frame_formats))

    @abc.abstractmethod
    def read_layout(self, folder: Path) -> DatasetContents:
        """Return the tracklets of the tree in `folder`, with frames in temporal order.

        Readers implement this; `read` adds the marker.

        Raises:
            DatasetError: the tree does not follow the layout; the message names the first difference.
        """

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the folders in which `verify` reports every file that is not in the table; empty = no check."""
        return ()


def find_archive_folder(folder: Path, archive: str, landmark: str) -> Path:
    """Return the folder of an unpacked archive inside a dataset folder.

    Some copies have the files of the archive directly in the dataset folder. They are recognised by the landmark, a
    path that is in every archive of the dataset.
    """
    unpacked = folder / archive
    return folder if not unpacked.is_dir() and (folder / landmark).exists() else unpacked


def list_subfolders(folder: Path) -> list[Path]:
    """Return the folders inside a folder, sorted by name.

    Raises:
        DatasetError: the folder is missing.
    """
    if not folder.is_dir():
        raise DatasetError(f"folder {folder} is missing; unpack the dataset's archive again")
    return sorted(entry for entry in folder.iterdir() if entry.is_dir())


def find_person_folders(folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    """Return the folders whose names match the pattern by the number in its first group, sorted by name.

    Raises:
        DatasetError: the folder is missing, or two names have the same number.
    """
    people: dict[int, Path] = {}
    for path in list_subfolders(folder):
        if match := pattern.fullmatch(path.name):
            other = people.setdefault(int(match[1]), path)
            if other is not path:
                raise DatasetError(
                    f"{folder} has two folders of person {int(match[1])}, {other.name} and {path.name}; keep the one "
                    "that is in the archive"
                )
    return people


def match_files(folder: Path, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Yield the match of each file name in a folder that matches the pattern, sorted by name.

    Other files, such as thumbnails and listings, are skipped.

    Raises:
        DatasetError: the folder is missing, or no name matches.
    """
    if not folder.is_dir():
        raise DatasetError(f"folder {folder} is missing; unpack the dataset's archive again")
    # Three times as fast as Path.iterdir, for folders with thousands of files.
    names = sorted(os.listdir(folder))  # noqa: PTH208
    matches = [match for name in names if (match := pattern.fullmatch(name))]
    if not matches:
        raise DatasetError(
            f"folder {folder} has no frames with names like {pattern.pattern}; restore it from the archive"
        )
    yield from matches


def list_frames(folder: Path, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Return the frame names of a folder in temporal order: sorted by the pattern's integer group `frame`.

    Raises:
        DatasetError: no name matches.
    """
    matches = match_files(folder, pattern)
    return tuple(match.string for match in sorted(matches, key=lambda match: int(match["frame"])))
