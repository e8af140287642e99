"""LS-VID layout: tracks of fifteen cameras, listed by file name prefix."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import h5py
import numpy as np

from reidbench.datasets.readers.lsvid import CAMERAS, LIST_FOLDERS, LISTS, QUERY_FILES, ROOT
from reidbench.datasets.synthetic.cameras import draw_camera
from reidbench.datasets.synthetic.label_sampling import (
    Lengths,
    draw_person_cameras,
    resolve_people,
    scale_count,
    split_total,
)
from reidbench.datasets.synthetic.layout import Layout, TreePlan
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import plan_track
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.settings import SyntheticSettings, derive_layout_settings
from reidbench.datasets.tracklets import IntArray

NAME = "lsvid"
_FOLDERS = {"train": "tracklet_train", "validation": "tracklet_val", "gallery": "tracklet_test"}
_PEOPLE = {"train": 842, "validation": 200, "gallery": 2_730}
_TRACKS = {"train": 2_831, "validation": 779, "gallery": 11_333}
_QUERIES = 3_504
# Pairs of person and camera per track; an estimate, since the number is not published.
_PAIRS_PER_TRACK = 0.8
_MAX_TRACKS_PER_PAIR = 8
# The mean is 2,982,685 boxes in 14,943 tracks; shortest and longest are estimates.
_LENGTHS = Lengths(10, 900, 199.6)
_MAT_HEADER = b"MATLAB 7.3 MAT-file, written by reidbench".ljust(124) + b"\x00\x02IM"


class PlannedTrack(NamedTuple):
    """One track; `number` counts the tracks of the person from 1."""

    part: str
    pid: int
    number: int
    camid: int

    @property
    def prefix(self) -> str:
        """Prefix of the frame names, relative to the folder of the archive."""
        return f"{_FOLDERS[self.part]}/{self.pid:04d}/{self.pid:04d}_{self.number:04d}_{self.camid:02d}"


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the tracks of all parts, their lists and the query file."""
    settings = derive_layout_settings(NAME, settings)
    rng = make_rng(Stream.LABELS, settings.seed)
    tracks = _draw_tracks(rng, settings)
    pids = sorted({track.pid for track in tracks})
    people = dict(zip(pids, draw_people(settings.seed, len(pids)), strict=True))
    jobs = [
        plan_track(
            settings, index, people[track.pid], draw_camera(track.camid), _draw_frames(settings, index, track)
        )
        for index, track in enumerate(tracks)
    ]
    files = {f"{ROOT}/{LIST_FOLDERS[0]}/{file}": _format_list(tracks, part) for part, file in LISTS.items()}
    tested = [track for track in tracks if track.part == "gallery"]
    files[f"{ROOT}/{QUERY_FILES[0]}"] = format_query_file(_draw_queries(rng, tested))
    return TreePlan(jobs=jobs, files=files)


def format_query_file(rows: IntArray) -> bytes:
    """Return a MATLAB 7.3 file (HDF5 after a header) with the 0-based rows as a 1-based array `query`."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512) as file:
        # A row in HDF5 is a column in MATLAB.
        query = file.create_dataset("query", data=(rows[None] + 1).astype(np.float64))
        query.attrs["MATLAB_class"] = np.bytes_("double")
    return _MAT_HEADER + buffer.getvalue()[len(_MAT_HEADER) :]


def _draw_tracks(rng: np.random.Generator, settings: SyntheticSettings) -> list[PlannedTrack]:
    """Draw the tracks of all people, with the numbers of tracks per person of the release.

    The validation people are not counted in `SyntheticSettings.people`.
    """
    official = _PEOPLE["train"] + _PEOPLE["gallery"]
    people = resolve_people(settings, official=official, minimum=4, maximum=9_000)
    counts = {
        "train": scale_count(_PEOPLE["train"], people, official, minimum=2),
        "validation": scale_count(_PEOPLE["validation"], people, official, minimum=2),
    }
    counts["gallery"] = people - counts["train"]
    pids = rng.permutation(sum(counts.values())) + 1
    tracks: list[PlannedTrack] = []
    for part, count in counts.items():
        members, pids = np.sort(pids[:count]).tolist(), pids[count:]
        tracks += _draw_part(rng, part, members)
    return tracks


def _draw_part(rng: np.random.Generator, part: str, pids: list[int]) -> list[PlannedTrack]:
    total = scale_count(_TRACKS[part], len(pids), _PEOPLE[part], minimum=2 * len(pids))
    pairs = draw_person_cameras(rng, pids, CAMERAS, max(2 * len(pids), round(_PAIRS_PER_TRACK * total)))
    counts = split_total(rng, total, len(pairs), low=1, high=_MAX_TRACKS_PER_PAIR)
    tracks: list[PlannedTrack] = []
    for (pid, camid), count in zip(pairs, counts, strict=True):
        first = tracks[-1].number + 1 if tracks and tracks[-1].pid == pid else 1
        tracks += [PlannedTrack(part, pid, first + index, camid) for index in range(count)]
    return tracks


def _draw_queries(rng: np.random.Generator, tested: Sequence[PlannedTrack]) -> IntArray:
    """Draw query rows of the test list: the last track of a person in a camera, for one or more cameras per person."""
    last = {(track.pid, track.camid): row for row, track in enumerate(tested)}
    order = list(last)
    pairs = [order[index] for index in rng.permutation(len(last)).tolist()]
    first_pairs = list({pid: (pid, camid) for pid, camid in pairs}.values())
    members = set(first_pairs)
    others = [pair for pair in pairs if pair not in members]
    extra = scale_count(_QUERIES, len(first_pairs), _PEOPLE["gallery"]) - len(first_pairs)
    return np.array(sorted(last[pair] for pair in first_pairs + others[:extra]), dtype=np.int64)


def _draw_frames(settings: SyntheticSettings, index: int, track: PlannedTrack) -> list[str]:
    """Return the frame paths of a track, relative to the dataset folder."""
    length, prefix = _LENGTHS.draw(make_rng(Stream.LENGTH, settings.seed, index), settings), track.prefix
    return [f"{ROOT}/{prefix}_{frame:04d}.jpg" for frame in range(1, length + 1)]


def _format_list(tracks: Sequence[PlannedTrack], part: str) -> bytes:
    return "".join(f"{track.prefix} {track.pid}\n" for track in tracks if track.part == part).encode("ascii")


LAYOUT = Layout(
    name=NAME,
    folder="ls-vid",
    people=_PEOPLE["train"] + _PEOPLE["gallery"],
    lengths=_LENGTHS,
    plan=plan_tree,
    run_frames=2,
)
