"""Market-1501 (Zheng et al., ICCV 2015): single images of six campus cameras, with distractors and junk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reidbench.datasets.reader import Counts, Dataset, find_archive_folder, match_files
from reidbench.datasets.tracklets import DatasetContents, TrackletTable
from reidbench.errors import DatasetError

ARCHIVE = "Market-1501-v15.09.15"
FOLDERS = {
    "train": "bounding_box_train",
    "query": "query",
    "gallery": "bounding_box_test",
    "query_boxes": "gt_bbox",
}
# 24 files of the release end in .jpg.jpg.
IMAGE = re.compile(
    r"(?P<person>-1|\d{4})_c(?P<camera>[1-6])s(?P<sequence>\d)_(?P<frame>\d{6})_(?P<box>\d{2})\.jpg(\.jpg)?"
)


class Market1501(Dataset):
    """Reads the folders of images; the labels are in the file names.

    The part "query_boxes" has the hand-drawn boxes for multi-query evaluation, also of training people. It is absent
    in copies without them.
    """

    name = "market1501"
    official = {  # noqa: RUF012
        "train": Counts(tracklets=12_936, people=751, by_camera=(2017, 1709, 2707, 920, 2338, 3245)),
        "query": Counts(tracklets=3_368, people=750, by_camera=(668, 530, 717, 248, 622, 583)),
        "gallery": Counts(
            tracklets=19_732,
            people=750,
            by_camera=(3156, 2944, 3803, 1671, 3814, 4344),
            junk=3_819,
            distractors=2_798,
        ),
        "query_boxes": Counts(tracklets=25_259, exact=False, optional=True),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        """Read all parts; rows are in the order of the sorted names, as in official label files.

        Raises:
            DatasetError: a folder or all its images are missing, or a training image or a query is junk or a
                distractor.
        """
        root = find_archive_folder(folder, ARCHIVE, FOLDERS["query"])
        rows: list[tuple[int, int, str, tuple[str, ...]]] = []
        parts = {}
        for part, name in FOLDERS.items():
            if part == "query_boxes" and not (root / name).is_dir():
                continue
            first = len(rows)
            rows += _read_rows(folder, root / name, is_gallery=part == "gallery")
            parts[part] = np.arange(first, len(rows))
        return DatasetContents(TrackletTable.of(folder, rows), parts=parts)

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the folders of images that exist."""
        root = find_archive_folder(folder, ARCHIVE, FOLDERS["query"])
        return [root / name for name in FOLDERS.values() if (root / name).is_dir()]


def _read_rows(root: Path, folder: Path, *, is_gallery: bool) -> list[tuple[int, int, str, tuple[str, ...]]]:
    """Return the rows of one folder; only the gallery may have distractors and junk."""
    path = folder.relative_to(root).as_posix()
    rows: list[tuple[int, int, str, tuple[str, ...]]] = []
    for match in match_files(folder, IMAGE):
        pid = int(match["person"])
        if pid <= 0 and not is_gallery:
            raise DatasetError(
                f"{folder / match.string} has person {match['person']}, which only {FOLDERS['gallery']} may have; "
                "unpack the dataset's archive again"
            )
        rows.append((pid, int(match["camera"]), path, (match.string,)))
    return rows
