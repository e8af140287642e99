"""Writes the layout of DukeMTMC-VideoReID: tracks of eight cameras, some of people whom no query asks for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reidbench.datasets.masks import mask_files
from reidbench.datasets.readers.dukemtmc_videoreid import ROOT
from reidbench.datasets.synthetic.appearance import Appearance
from reidbench.datasets.synthetic.cameras import camera
from reidbench.datasets.synthetic.label_sampling import Seen, draw_scaled_visibility
from reidbench.datasets.synthetic.layout import Layout, TreePlan
from reidbench.datasets.synthetic.lengths import Lengths
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.synthetic.seeding import Stream, layout_seed, stream
from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.datasets.synthetic.shares import chosen_people, in_proportion

NAME = "dukemtmc-videoreid"
_TRAIN_PEOPLE, _TEST_PEOPLE, _OTHER_PEOPLE = 702, 702, 408
_NUMBERS = 7_140  # of people; most were left out of the release
_LENGTHS = Lengths(2, 900, 168.0)  # the mean that the literature reports; the ends are guesses
_STEP = 12  # frames of the video between two of a track
_LAST_FRAME = 300_000
_LATE = 0.1  # share of tracks whose first frame is F0002
_HEIGHTS, _ASPECT = (110, 260), (0.36, 0.52)  # of pictures, in pixels, and width to height

# Pairs of person and camera in the file lists of DukeMTMC-reID, which has the same people: there are as many as there
# are tracks here. People seen by one camera, by two, ...; people of each camera.
_TRAIN_BY_CAMERAS = (0, 192, 242, 255, 12, 1)
_TRAIN_SEEN = (404, 378, 201, 165, 218, 348, 217, 265)
_TEST_BY_CAMERAS = (0, 171, 263, 243, 25)
_TEST_SEEN = (413, 383, 190, 155, 216, 369, 239, 263)
_OTHERS_SEEN = (19, 28, 1, 2, 0, 9, 0, 349)


class Walk(NamedTuple):
    """One track: in which folder, who is seen by which camera, and the letter of its frames."""

    part: str
    pid: int
    track: int
    camid: int
    person: Appearance
    kind: str = "X"

    @property
    def folder(self) -> str:
        """The folder of the track, relative to the dataset folder."""
        return f"{ROOT}/{self.part}/{self.pid:04d}/{self.track:04d}"


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the tracks of train and gallery; the queries are copies of one gallery track of each test person."""
    seed = layout_seed(NAME, settings.seed)
    rng = stream(Stream.LABELS, seed)
    walks = _draw_walks(rng, settings, seed)
    jobs = [_job(settings, seed, index, walk) for index, walk in enumerate(walks)]
    return TreePlan(jobs=jobs, finish=partial(_copy_queries, tracks=_draw_queries(rng, walks)))


def _draw_walks(rng: np.random.Generator, settings: SyntheticSettings, seed: int) -> list[Walk]:
    official = _TRAIN_PEOPLE + _TEST_PEOPLE
    people = chosen_people(settings, official=official, least=4, most=7_000)
    others = in_proportion(_OTHER_PEOPLE, people, official, least=2)
    highest = min(max(in_proportion(_NUMBERS, people, official), people + others), 9_999)
    pids = (rng.choice(highest, people + others, replace=False) + 1).tolist()
    cast = dict(zip(pids, draw_people(seed, len(pids)), strict=True))
    train, test, rest = pids[: people // 2], pids[people // 2 : people], pids[people:]
    seen_train = draw_scaled_visibility(rng, len(train), _TRAIN_BY_CAMERAS, _TRAIN_SEEN)
    seen_test = draw_scaled_visibility(rng, len(test), _TEST_BY_CAMERAS, _TEST_SEEN)
    seen_rest = draw_scaled_visibility(rng, others, (1,), _OTHERS_SEEN)
    return [
        *_walks("train", train, seen_train, cast),
        *_walks("gallery", test, seen_test, cast),
        *(walk._replace(kind="D") for walk in _walks("gallery", rest, seen_rest, cast)),
    ]


def _walks(part: str, pids: Sequence[int], seen: Seen, cast: dict[int, Appearance]) -> Iterator[Walk]:
    """Yield one track of each person in each camera that sees them."""
    for pid, cameras in zip(pids, seen, strict=True):
        for track, index in enumerate(np.flatnonzero(cameras).tolist(), start=1):
            yield Walk(part, pid, track, index + 1, cast[pid])


def _draw_queries(rng: np.random.Generator, walks: Sequence[Walk]) -> list[str]:
    """Return the folder of one gallery track of each person whom queries ask for."""
    tracks: dict[int, list[str]] = {}
    for walk in walks:
        if walk.part == "gallery" and walk.kind == "X":
            tracks.setdefault(walk.pid, []).append(walk.folder)
    return [folders[int(rng.integers(len(folders)))] for folders in tracks.values()]


def _copy_queries(folder: Path, tracks: Sequence[str]) -> None:
    for track in tracks:
        _, _, person, number = track.split("/")
        shutil.copytree(folder / track, folder / ROOT / "query" / person / number)


def _job(settings: SyntheticSettings, seed: int, index: int, walk: Walk) -> TrackJob:
    rng = stream(Stream.LENGTH, seed, index)
    length = _LENGTHS.chosen_by(settings).draw(rng) if settings.frames is None else settings.frames
    first, moment = 1 + int(rng.random() < _LATE), int(rng.integers(1, _LAST_FRAME))
    height = int(rng.integers(*_HEIGHTS))
    frames = [
        f"{walk.folder}/{walk.pid:04d}_C{walk.camid}_F{first + index:04d}_{walk.kind}{moment + _STEP * index}"
        for index in range(length)
    ]
    return TrackJob(
        person=walk.person,
        camera=camera(walk.camid),
        index=index,
        seed=seed,
        frames=tuple(f"{frame}.jpg" for frame in frames),
        masks=mask_files(f"{frame}.jpg" for frame in frames) if settings.masks else None,
        size=(round(height * rng.uniform(*_ASPECT)), height),
    )


LAYOUT = Layout(
    name=NAME,
    folder="dukemtmc-vidreid",
    people=_TRAIN_PEOPLE + _TEST_PEOPLE,
    lengths=_LENGTHS,
    plan=plan_tree,
    run_frames=4,
)
