"""What every reader of an official layout shares."""

from __future__ import annotations

import abc
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from reidbench.datasets.marker import read_marker
from reidbench.datasets.tracklets import DatasetContents
from reidbench.errors import DatasetError


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What the published dataset holds in one part; None where no reliable number is known.

    Attributes:
        tracklets: tracklets, or images.
        people: person ids above 0.
        frames: frames of all tracklets.
        by_camera: tracklets of each camera, from camera 1 on.
        junk: tracklets of person -1.
        distractors: tracklets of person 0.
        exact: whether the numbers were counted in the official files; if not, a difference is worth a look but
            does not stop a run.
        optional: whether there are usable copies without the part.
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
        official: what the published dataset holds, by part; "" stands for the whole table.
        ignored_files: patterns (regular expressions, matched against the name) of files that lie in official archives
            beside the frames and are none of the reader's business.
    """

    name: ClassVar[str]
    official: ClassVar[Mapping[str, Counts]] = {}
    ignored_files: ClassVar[Sequence[str]] = (
        r"(?i)thumbs\.db",
        r"\..*",
        r"(?i).*readme.*",
        r"(?i).*licen[cs]e.*",
    )

    def read(self, folder: Path) -> DatasetContents:
        """Read the tree in `folder`, and its marker if it is a rendered one.

        Raises:
            DatasetError: the tree does not follow the layout, or its marker is damaged.
        """
        return replace(self.read_layout(folder), marker=read_marker(folder))

    @abc.abstractmethod
    def read_layout(self, folder: Path) -> DatasetContents:
        """Return the tracklets of the tree in `folder`, with frames in temporal order.

        Readers implement this; `read` adds the marker.

        Raises:
            DatasetError: the tree does not follow the layout; the message names the first difference.
        """

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the folders below which `verify` expects nothing but frames of the table; empty: not checked."""
        return ()


def archive_folder(folder: Path, archive: str, landmark: str) -> Path:
    """Return the folder of an unpacked archive below a dataset folder.

    Some copies have the files of the archive directly in the dataset folder: they are known by the landmark, a path
    that lies in every archive of the dataset.
    """
    unpacked = folder / archive
    return folder if not unpacked.is_dir() and (folder / landmark).exists() else unpacked


def subfolders(place: Path) -> list[Path]:
    """Return the folders below a place, sorted by name.

    Raises:
        DatasetError: the place is missing.
    """
    if not place.is_dir():
        raise DatasetError(f"folder {place} is missing; unpack the dataset's archive again")
    return sorted(entry for entry in place.iterdir() if entry.is_dir())


def matching_files(folder: Path, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Yield the match of each file name of a folder that the pattern describes, sorted by name.

    Other names are other people's files (thumbnails, listings) and left alone.

    Raises:
        DatasetError: the folder is missing, or no name matches.
    """
    if not folder.is_dir():
        raise DatasetError(f"folder {folder} is missing; unpack the dataset's archive again")
    names = sorted(os.listdir(folder))  # noqa: PTH208  three times as fast, and folders hold thousands
    matches = [match for name in names if (match := pattern.fullmatch(name))]
    if not matches:
        raise DatasetError(
            f"folder {folder} holds no frames named like {pattern.pattern}; restore it from the archive"
        )
    yield from matches


def frames_in(folder: Path, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Return the frame names of a folder in temporal order: sorted by the pattern's integer group `frame`.

    Raises:
        DatasetError: no name matches.
    """
    matches = matching_files(folder, pattern)
    return tuple(match.string for match in sorted(matches, key=lambda match: int(match["frame"])))


def load_mat(path: Path, *names: str) -> dict[str, object]:
    """Return variables of a MATLAB 5 file as `scipy.io.loadmat` gives them.

    Raises:
        DatasetError: the file is missing, damaged, or lacks a variable.
    """
    from scipy.io import loadmat

    try:
        found = loadmat(path, variable_names=list(names))
    except Exception as error:  # the parser of a damaged file may raise anything
        raise DatasetError(f"{path} cannot be read ({error}); restore it from the archive") from error
    if lacking := [name for name in names if name not in found]:
        raise DatasetError(f"{path} has no variable '{lacking[0]}'; restore it from the archive")
    return {name: found[name] for name in names}
