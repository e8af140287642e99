"""DukeMTMC-VideoReID layout: tracks of eight cameras, some of them distractors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reidbench.datasets.readers.dukemtmc_videoreid import ROOT
from reidbench.datasets.synthetic.cameras import draw_camera
from reidbench.datasets.synthetic.label_sampling import Lengths, Visibility, draw_scaled_visibility
from reidbench.datasets.synthetic.layout import Layout, TreePlan
from reidbench.datasets.synthetic.layouts.dukemtmc_reid import PEOPLE, draw_numbers
from reidbench.datasets.synthetic.people import Appearance, draw_people
from reidbench.datasets.synthetic.rendering import TrackJob, plan_track
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.settings import SyntheticSettings, derive_layout_settings

NAME = "dukemtmc-videoreid"
# The mean is reported in the literature; shortest and longest are estimates.
_LENGTHS = Lengths(2, 900, 168.0)
# Distance of two frames of a track in the video.
_STEP = 12
_LAST_FRAME = 300_000
# Fraction of tracks whose first frame is F0002.
_LATE_START_SHARE = 0.1
# Ranges of the image height in pixels and of width / height.
_HEIGHTS, _ASPECT = (110, 260), (0.36, 0.52)

# Pairs of person and camera in the file lists of DukeMTMC-reID, which has the same people; this dataset has as many
# tracks. People seen by one camera, by two, ...; people seen by each camera.
_TRAIN_BY_CAMERAS = (0, 192, 242, 255, 12, 1)
_TRAIN_SEEN = (404, 378, 201, 165, 218, 348, 217, 265)
_TEST_BY_CAMERAS = (0, 171, 263, 243, 25)
_TEST_SEEN = (413, 383, 190, 155, 216, 369, 239, 263)
_OTHER_SEEN = (19, 28, 1, 2, 0, 9, 0, 349)


class PlannedTrack(NamedTuple):
    """One track: its part, person, number and camera, and the letter in its frame names."""

    part: str
    pid: int
    number: int
    camid: int
    person: Appearance
    kind: str = "X"

    @property
    def folder(self) -> str:
        """Folder of the track, relative to the dataset folder."""
        return f"{ROOT}/{self.part}/{self.pid:04d}/{self.number:04d}"


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the tracks of train and gallery; the queries are copies of one gallery track per test person."""
    settings = derive_layout_settings(NAME, settings)
    rng = make_rng(Stream.LABELS, settings.seed)
    tracks = _draw_tracks(rng, settings)
    jobs = [_make_job(settings, index, track) for index, track in enumerate(tracks)]
    return TreePlan(jobs=jobs, finish=partial(_copy_queries, tracks=_draw_queries(rng, tracks)))


def _draw_tracks(rng: np.random.Generator, settings: SyntheticSettings) -> list[PlannedTrack]:
    train, test, others = draw_numbers(rng, settings)
    pids = [*train, *test, *others]
    people = dict(zip(pids, draw_people(settings.seed, len(pids)), strict=True))
    seen_train = draw_scaled_visibility(rng, len(train), _TRAIN_BY_CAMERAS, _TRAIN_SEEN)
    seen_test = draw_scaled_visibility(rng, len(test), _TEST_BY_CAMERAS, _TEST_SEEN)
    seen_others = draw_scaled_visibility(rng, len(others), (1,), _OTHER_SEEN)
    return [
        *_yield_tracks("train", train, seen_train, people),
        *_yield_tracks("gallery", test, seen_test, people),
        *(track._replace(kind="D") for track in _yield_tracks("gallery", others, seen_others, people)),
    ]


def _yield_tracks(
    part: str, pids: Sequence[int], seen: Visibility, people: dict[int, Appearance]
) -> Iterator[PlannedTrack]:
    """Yield one track per person and camera that sees them."""
    for pid, cameras in zip(pids, seen, strict=True):
        for number, camera in enumerate(np.flatnonzero(cameras).tolist(), start=1):
            yield PlannedTrack(part, pid, number, camera + 1, people[pid])


def _draw_queries(rng: np.random.Generator, tracks: Sequence[PlannedTrack]) -> list[str]:
    """Draw the query folders: one gallery track per test person."""
    folders_by_pid: dict[int, list[str]] = {}
    for track in tracks:
        if track.part == "gallery" and track.kind == "X":
            folders_by_pid.setdefault(track.pid, []).append(track.folder)
    return [folders[int(rng.integers(len(folders)))] for folders in folders_by_pid.values()]


def _copy_queries(folder: Path, tracks: Sequence[str]) -> None:
    for track in tracks:
        _, _, person, number = track.split("/")
        shutil.copytree(folder / track, folder / ROOT / "query" / person / number)


def _make_job(settings: SyntheticSettings, index: int, track: PlannedTrack) -> TrackJob:
    rng = make_rng(Stream.LENGTH, settings.seed, index)
    length = _LENGTHS.draw(rng, settings)
    first, video_frame = 1 + int(rng.random() < _LATE_START_SHARE), int(rng.integers(1, _LAST_FRAME))
    height = int(rng.integers(*_HEIGHTS))
    size = round(height * rng.uniform(*_ASPECT)), height
    stem = f"{track.folder}/{track.pid:04d}_C{track.camid}"
    frames = [
        f"{stem}_F{first + frame:04d}_{track.kind}{video_frame + _STEP * frame}.jpg"
        for frame in range(length)
    ]
    return plan_track(settings, index, track.person, draw_camera(track.camid), frames, size=size)


LAYOUT = Layout(
    name=NAME, folder="dukemtmc-vidreid", people=PEOPLE, lengths=_LENGTHS, plan=plan_tree, run_frames=4
)
