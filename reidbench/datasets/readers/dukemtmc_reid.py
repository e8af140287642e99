"""DukeMTMC-reID (Zheng et al., ICCV 2017): single images of eight campus cameras."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reidbench.datasets.reader import Counts, Dataset, find_archive_folder, match_files
from reidbench.datasets.tracklets import DatasetContents, TrackletTable

ARCHIVE = "DukeMTMC-reID"
FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
IMAGE = re.compile(r"(?P<person>(?!0000)\d{4})_c(?P<camera>[1-8])_f(?P<frame>\d{7})\.jpg")


class DukeMtmcReid(Dataset):
    """Reads the folders of images; the labels are in the file names.

    The distractors of the gallery are 408 people with ordinary numbers who have no query.
    """

    name = "dukemtmc-reid"
    official = {  # noqa: RUF012
        "train": Counts(
            tracklets=16_522, people=702, by_camera=(2809, 3009, 1088, 1395, 1685, 3700, 1330, 1506)
        ),
        "query": Counts(tracklets=2_228, people=702, by_camera=(413, 383, 190, 155, 216, 369, 239, 263)),
        "gallery": Counts(
            tracklets=17_661, people=1_110, by_camera=(2704, 2798, 828, 1139, 1209, 3308, 1255, 4420)
        ),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        """Read all parts; rows are in the order of the sorted names.

        Raises:
            DatasetError: a folder or all its images are missing.
        """
        root = find_archive_folder(folder, ARCHIVE, FOLDERS["query"])
        rows: list[tuple[int, int, str, tuple[str, ...]]] = []
        parts = {}
        for part, name in FOLDERS.items():
            first, path = len(rows), (root / name).relative_to(folder).as_posix()
            for match in match_files(root / name, IMAGE):
                rows.append((int(match["person"]), int(match["camera"]), path, (match.string,)))
            parts[part] = np.arange(first, len(rows))
        return DatasetContents(TrackletTable.of(folder, rows), parts=parts)

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the folders of images."""
        root = find_archive_folder(folder, ARCHIVE, FOLDERS["query"])
        return [root / name for name in FOLDERS.values()]
