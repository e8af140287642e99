"""VIPeR (Gray et al., PETS 2007): two cameras, one image per person and camera."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from reidbench.datasets.reader import Counts, Dataset, find_archive_folder, match_files
from reidbench.datasets.tracklets import DatasetContents, TrackletTable
from reidbench.errors import DatasetError

ARCHIVE = "VIPeR"
CAMERAS = ("cam_a", "cam_b")
IMAGE = re.compile(r"(?P<person>\d{1,9})_(?P<angle>\d+)\.bmp")


class Viper(Dataset):
    """Reads `VIPeR/cam_{a,b}/`; file names contain the number of the person and the angle of view.

    Numbers start at 0 and have gaps. The pid is the number plus 1, since pid 0 is a distractor. `people` has the pids
    in ascending order, as published splits number them. There is no official split.
    """

    name = "viper"
    official = {  # noqa: RUF012
        "": Counts(tracklets=1_264, people=632, by_camera=(632, 632)),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        """Read both cameras.

        Raises:
            DatasetError: a camera, or a person in a camera, is missing, or a person has two images in a camera.
        """
        root = find_archive_folder(folder, ARCHIVE, CAMERAS[0])
        names = [_find_images(root / camera) for camera in CAMERAS]
        for one, other in ((0, 1), (1, 0)):
            if unpaired := sorted(set(names[one]) - set(names[other])):
                raise DatasetError(
                    f"{root}: {len(unpaired)} people of {CAMERAS[one]} have no image in {CAMERAS[other]}, "
                    f"first {names[one][unpaired[0]]}; restore them from the archive"
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
        root = find_archive_folder(folder, ARCHIVE, CAMERAS[0])
        return [root / camera for camera in CAMERAS]


def _find_images(folder: Path) -> dict[int, str]:
    """Return the image of each person in one camera."""
    images: dict[int, str] = {}
    for match in match_files(folder, IMAGE):
        pid = int(match["person"]) + 1
        if pid in images:
            raise DatasetError(
                f"{folder} has two images of one person, {images[pid]} and {match.string}; "
                "remove the one that is not in the archive"
            )
        images[pid] = match.string
    return images
