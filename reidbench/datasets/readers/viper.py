"""VIPeR (Gray et al., PETS 2007): two cameras, one image of each person in each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from reidbench.datasets.reader import Counts, Dataset, archive_folder, matching_files
from reidbench.datasets.tracklets import DatasetContents, TrackletTable
from reidbench.errors import DatasetError

ARCHIVE = "VIPeR"
CAMERAS = ("cam_a", "cam_b")
IMAGE = re.compile(r"(?P<person>\d+)_(?P<angle>\d+)\.bmp")


class Viper(Dataset):
    """Reads `VIPeR/cam_{a,b}/`; a name holds the person's number, from 0 on with gaps, and the angle of view.

    pids are those numbers plus 1, since pid 0 is a distractor; `people` has them in ascending order, which published
    splits number. There is no official split.
    """

    name = "viper"
    official = {  # noqa: RUF012  a table, not state
        "": Counts(tracklets=1_264, people=632, by_camera=(632, 632)),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        """Read both cameras.

        Raises:
            DatasetError: a camera, or a person in one of them, is missing, or a person has two images in one.
        """
        root = archive_folder(folder, ARCHIVE, CAMERAS[0])
        names = [_images(root / camera) for camera in CAMERAS]
        for here, there in ((0, 1), (1, 0)):
            if alone := sorted(set(names[here]) - set(names[there])):
                raise DatasetError(
                    f"{root}: {len(alone)} people of {CAMERAS[here]} have no image in {CAMERAS[there]}, "
                    f"first {names[here][alone[0]]}; restore them from the archive"
                )
        people = tuple(sorted(names[0]))
        rows = [
            (pid, number, (root / camera).relative_to(folder).as_posix(), (images[pid],))
            for number, (camera, images) in enumerate(zip(CAMERAS, names, strict=True), start=1)
            for pid in people
        ]
        return DatasetContents(TrackletTable.of(folder, rows), people=people)

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the folders of both cameras."""
        root = archive_folder(folder, ARCHIVE, CAMERAS[0])
        return [root / camera for camera in CAMERAS]


def _images(place: Path) -> dict[int, str]:
    """Return the image of each person in one camera."""
    images: dict[int, str] = {}
    for match in matching_files(place, IMAGE):
        pid = int(match["person"]) + 1
        if pid in images:
            raise DatasetError(
                f"{place} holds two images of one person, {images[pid]} and {match.string}; "
                "remove the one that is not in the archive"
            )
        images[pid] = match.string
    return images
