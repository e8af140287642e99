"""DukeMTMC-VideoReID (Wu et al., CVPR 2018): tracklets of eight cameras, in folders by part, person and track."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reidbench.datasets.reader import Counts, Dataset, list_subfolders, match_files
from reidbench.datasets.tracklets import DatasetContents, TrackletTable
from reidbench.errors import DatasetError

# Older copies have no underscores. D instead of X marks frames of people without a query.
FRAME = re.compile(r"(?P<pid>\d{4})_?C(?P<camera>\d)_?F(?P<frame>\d+)_?[XD]\d+\.jpg")
PERSON = re.compile(r"\d{4}")
TRACK = re.compile(r"\d+")
ROOT = "DukeMTMC-VideoReID"
CAMERAS = 8
_Row = tuple[int, int, str, tuple[str, ...]]


class DukeMtmcVideoReid(Dataset):
    """Reads `DukeMTMC-VideoReID/{train,query,gallery}/PPPP/TTTT/`.

    Parts: "train"; "gallery", every test tracklet once, including queries; "query", rows of the gallery. If the
    gallery folder has a copy of a query track (the same person and track folder, the same file names), the copy is
    the row, and the files of the query folder are not in the table. Otherwise the query track is a row.
    """

    name = "dukemtmc-videoreid"
    # From the paper and its loaders. There is one tracklet per person and camera, so the numbers per camera are
    # those of the (person, camera) pairs in the file lists of DukeMTMC-reID, which has the same people.
    official = {  # noqa: RUF012
        "": Counts(tracklets=4_832, people=1_812, exact=False),
        "train": Counts(
            tracklets=2_196, people=702, by_camera=(404, 378, 201, 165, 218, 348, 217, 265), exact=False
        ),
        "query": Counts(tracklets=702, people=702, exact=False),
        "gallery": Counts(
            tracklets=2_636, people=1_110, by_camera=(432, 411, 191, 157, 216, 378, 239, 612), exact=False
        ),
    }

    def read_layout(self, folder: Path) -> DatasetContents:
        """Read the three folders.

        Raises:
            DatasetError: a folder, or all frames of a track, are missing, or a frame is in another person's folder.
        """
        rows = [_make_row(folder, track) for track in _list_tracks(folder, "train")]
        train = len(rows)
        rows += [_make_row(folder, track) for track in _list_tracks(folder, "gallery")]
        index_of_path = {row[2]: index for index, row in enumerate(rows)}
        queries = []
        for track in _list_tracks(folder, "query"):
            row = _make_row(folder, track)
            copy = index_of_path.get(_find_in_gallery(folder, track).relative_to(folder).as_posix())
            if copy is None or rows[copy][3] != row[3]:
                copy = len(rows)
                rows.append(row)
            queries.append(copy)
        return DatasetContents(
            TrackletTable.of(folder, rows),
            parts={
                "train": np.arange(train),
                "query": np.sort(np.array(queries, dtype=np.int64)),
                "gallery": np.arange(train, len(rows)),
            },
        )

    def frame_folders(self, folder: Path) -> Sequence[Path]:
        """Return the folders of train and gallery, and of query tracks without a copy in the gallery."""
        queries = [track for track in _list_tracks(folder, "query") if not _is_copied(folder, track)]
        return [folder / ROOT / "train", folder / ROOT / "gallery", *queries]


def _list_tracks(folder: Path, part: str) -> list[Path]:
    """Return the track folders of a part, sorted by person and track."""
    people = [path for path in list_subfolders(folder / ROOT / part) if PERSON.fullmatch(path.name)]
    tracks = [path for person in people for path in list_subfolders(person) if TRACK.fullmatch(path.name)]
    if not tracks:
        raise DatasetError(
            f"{folder / ROOT / part} has no track folders like 0001/0001; unpack the dataset's archive again"
        )
    return tracks


def _make_row(folder: Path, track: Path) -> _Row:
    person = track.parent.name
    matches = sorted(match_files(track, FRAME), key=lambda match: int(match["frame"]))
    camera = matches[0]["camera"]
    for match in matches:
        if match["pid"] != person or match["camera"] != camera or not 1 <= int(camera) <= CAMERAS:
            raise DatasetError(
                f"{track / match.string}: frames of a track must have one person and one camera in 1..{CAMERAS}, got "
                f"person {match['pid']} in camera {match['camera']} in the track of person {person} in camera "
                f"{camera}; restore the folder from the archive"
            )
    names = tuple(match.string for match in matches)
    return int(person), int(camera), track.relative_to(folder).as_posix(), names


def _find_in_gallery(folder: Path, query: Path) -> Path:
    return folder / ROOT / "gallery" / query.parent.name / query.name


def _is_copied(folder: Path, query: Path) -> bool:
    copy = _find_in_gallery(folder, query)
    return copy.is_dir() and _make_row(folder, copy)[3] == _make_row(folder, query)[3]
