"""DukeMTMC-VideoReID (Wu et al., CVPR 2018): tracklets of eight cameras, in folders by part, person and track."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reidbench.datasets.reader import Counts, Dataset, matching_files, subfolders
from reidbench.datasets.tracklets import DatasetContents, TrackletTable
from reidbench.errors import DatasetError

# Older copies have no underscores; D in place of X marks frames of people whom no query asks for.
FRAME = re.compile(r"(?P<pid>\d{4})_?C(?P<camera>\d)_?F(?P<frame>\d+)_?[XD]\d+\.jpg")
PERSON = re.compile(r"\d{4}")
TRACK = re.compile(r"\d+")
ROOT = "DukeMTMC-VideoReID"
CAMERAS = 8
_Row = tuple[int, int, str, tuple[str, ...]]


class DukeMtmcVideoReid(Dataset):
    """Reads `DukeMTMC-VideoReID/{train,query,gallery}/PPPP/TTTT/`.

    Parts: "train"; "gallery", which is every test tracklet once, queries among them; "query", rows of the gallery.
    Where the gallery folder holds a copy of a query track (the same person and track folder, the same file names),
    the copy is the row and the query folder's files are not in the table; else the query track is a row of its own.
    """

    name = "dukemtmc-videoreid"
    # from the paper and its loaders; one tracklet for each person and camera, so the numbers of each camera are those
    # of the pairs in the file lists of DukeMTMC-reID, which has the same people
    official = {  # noqa: RUF012  a table, not state
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
            DatasetError: a folder, or all frames of a track, are missing, or a frame lies in another person's folder.
        """
        rows = [_row(folder, place) for place in _tracks(folder, "train")]
        train = len(rows)
        rows += [_row(folder, place) for place in _tracks(folder, "gallery")]
        places = {row[2]: number for number, row in enumerate(rows)}
        queries = []
        for place in _tracks(folder, "query"):
            row = _row(folder, place)
            copy = places.get(_in_gallery(folder, place).relative_to(folder).as_posix())
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
        """Return the folders of train and gallery, and those of query tracks that the gallery has no copy of."""
        queries = [place for place in _tracks(folder, "query") if not _is_copied(folder, place)]
        return [folder / ROOT / "train", folder / ROOT / "gallery", *queries]


def _tracks(folder: Path, part: str) -> list[Path]:
    """Return the track folders of a part, sorted by person and track."""
    people = [place for place in subfolders(folder / ROOT / part) if PERSON.fullmatch(place.name)]
    tracks = [place for person in people for place in subfolders(person) if TRACK.fullmatch(place.name)]
    if not tracks:
        raise DatasetError(
            f"{folder / ROOT / part}: no track folders like 0001/0001; unpack the dataset's archive again"
        )
    return tracks


def _row(folder: Path, place: Path) -> _Row:
    matches = sorted(matching_files(place, FRAME), key=lambda match: int(match["frame"]))
    camera = matches[0]["camera"]
    for match in matches:
        if match["pid"] != place.parent.name or match["camera"] != camera or not 1 <= int(camera) <= CAMERAS:
            raise DatasetError(
                f"{place / match.string}: a frame of person {match['pid']} in camera {match['camera']} among those of "
                f"person {place.parent.name} in camera {camera}; each track has one camera of 1..{CAMERAS}; "
                "restore the folder from the archive"
            )
    names = tuple(match.string for match in matches)
    return int(place.parent.name), int(camera), place.relative_to(folder).as_posix(), names


def _in_gallery(folder: Path, query: Path) -> Path:
    return folder / ROOT / "gallery" / query.parent.name / query.name


def _is_copied(folder: Path, query: Path) -> bool:
    copy = _in_gallery(folder, query)
    return copy.is_dir() and _row(folder, copy)[3] == _row(folder, query)[3]
