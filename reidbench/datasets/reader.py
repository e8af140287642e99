"""What every reader of an official layout shares."""

from __future__ import annotations

import abc
import re
from pathlib import Path
from typing import ClassVar

from reidbench.datasets.tracklets import DatasetContents
from reidbench.errors import DatasetError


class Dataset(abc.ABC):
    """A reader of one official on-disk layout.

    Attributes:
        name: as registered.
        official_people: people of the published dataset; a protocol checks real trees against it.
    """

    name: ClassVar[str]
    official_people: ClassVar[int]

    @abc.abstractmethod
    def read(self, folder: Path) -> DatasetContents:
        """Read the tree below `folder`.

        Raises:
            DatasetError: the tree is not what the layout demands; the message names the first difference.
        """


def subfolders(place: Path) -> list[Path]:
    """Return the folders below a place, sorted by name.

    Raises:
        DatasetError: the place is missing.
    """
    if not place.is_dir():
        raise DatasetError(f"folder {place} is missing; unpack the dataset's archive again")
    return sorted(entry for entry in place.iterdir() if entry.is_dir())


def frames_in(folder: Path, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Return the frame names of a folder in temporal order: sorted by the pattern's integer group `frame`.

    Names that do not match are other people's files (thumbnails, listings) and left alone.

    Raises:
        DatasetError: no name matches.
    """
    matches = [match for entry in folder.iterdir() if (match := pattern.fullmatch(entry.name))]
    if not matches:
        raise DatasetError(
            f"folder {folder} holds no frames named like {pattern.pattern}; restore it from the archive"
        )
    return tuple(match.string for match in sorted(matches, key=lambda match: int(match["frame"])))
