"""PRID 2011 layout: two cameras, people seen by one or both of them, and the split file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from reidbench.datasets.readers.prid2011 import CAMERAS, SEQUENCES, SHARED_PEOPLE, SPLIT_FILE, read_splits
from reidbench.datasets.synthetic.cameras import draw_camera
from reidbench.datasets.synthetic.label_sampling import Lengths, resolve_people, scale_count
from reidbench.datasets.synthetic.layout import Layout, TreePlan, read_label_file
from reidbench.datasets.synthetic.people import Appearance, draw_people
from reidbench.datasets.synthetic.rendering import plan_track
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.settings import SyntheticSettings, derive_layout_settings

NAME = "prid2011"
LABEL_FILE = f"prid2011/{SPLIT_FILE}"
SINGLES = "prid_2011/single_shot"
_SINGLE_CAMERA_PEOPLE = (385 - SHARED_PEOPLE, 749 - SHARED_PEOPLE)
_SPLIT_PEOPLE = 178
_SPLITS = 10
_LENGTHS = Lengths(5, 675, 100.0)
# The splits contain exactly the people with at least this many frames in both cameras.
_MIN_SPLIT_FRAMES = 27


class PlannedTrack(NamedTuple):
    """One track: person number, camera and appearance."""

    number: int
    camid: int
    person: Appearance


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the tracks of both cameras, their single images and the split file."""
    settings = derive_layout_settings(NAME, settings)
    shared = resolve_people(settings, official=SHARED_PEOPLE, minimum=4, maximum=SHARED_PEOPLE)
    if settings.labels is None:
        split_people, splits = _draw_splits(settings.seed, shared)
    else:
        file = settings.labels / LABEL_FILE
        splits = read_label_file(file)
        trials = read_splits(file, range(1, SHARED_PEOPLE + 1))
        split_people = set() if trials is None else set(trials[0].tolist())
    jobs = []
    for index, track in enumerate(_yield_tracks(settings.seed, shared)):
        length = _draw_length(settings, track, in_splits=track.number in split_people)
        folder = f"{CAMERAS[track.camid - 1]}/person_{track.number:04d}"
        frames = [f"{SEQUENCES}/{folder}/{frame:04d}.png" for frame in range(1, length + 1)]
        single, camera = f"{SINGLES}/{folder}.png", draw_camera(track.camid)
        jobs.append(plan_track(settings, index, track.person, camera, frames, single=single))
    return TreePlan(jobs=jobs, files={SPLIT_FILE: splits})


def _yield_tracks(seed: int, shared: int) -> Iterator[PlannedTrack]:
    """Yield two tracks per shared person and one track per other person, whose numbers start at 201."""
    single_camera = [scale_count(count, shared, SHARED_PEOPLE) for count in _SINGLE_CAMERA_PEOPLE]
    people = iter(draw_people(seed, shared + sum(single_camera)))
    for number in range(1, shared + 1):
        person = next(people)
        yield PlannedTrack(number, 1, person)
        yield PlannedTrack(number, 2, person)
    for camid, count in enumerate(single_camera, start=1):
        for number in range(SHARED_PEOPLE + 1, SHARED_PEOPLE + 1 + count):
            yield PlannedTrack(number, camid, next(people))


def _draw_splits(seed: int, shared: int) -> tuple[set[int], bytes]:
    """Draw the people of the splits, an even number, and ten random splits as JSON."""
    rng = make_rng(Stream.SPLITS, seed)
    half = scale_count(_SPLIT_PEOPLE // 2, shared, SHARED_PEOPLE, minimum=2)
    split_people = np.sort(rng.choice(shared, 2 * half, replace=False)) + 1
    trials = []
    for _ in range(_SPLITS):
        order = [f"person_{number:04d}" for number in rng.permutation(split_people).tolist()]
        trials.append({"train": sorted(order[half:]), "test": sorted(order[:half])})
    return set(split_people.tolist()), json.dumps(trials).encode("ascii")


def _draw_length(settings: SyntheticSettings, track: PlannedTrack, *, in_splits: bool) -> int:
    """Draw the length of a track: at least 27 for people of the splits, less in one camera of other shared people."""
    length = _LENGTHS.draw(make_rng(Stream.LENGTH, settings.seed, track.number, track.camid), settings)
    if settings.frames is not None:
        return length
    lengths = _LENGTHS.override(settings)
    if in_splits:
        return min(max(length, _MIN_SPLIT_FRAMES), lengths.longest)
    short_camera = 1 + int(make_rng(Stream.LENGTH, settings.seed, track.number).integers(2))
    if track.number <= SHARED_PEOPLE and track.camid == short_camera:
        return max(lengths.shortest, min(length, _MIN_SPLIT_FRAMES - 1))
    return length


LAYOUT = Layout(
    name=NAME,
    folder="prid2011",
    people=SHARED_PEOPLE,
    lengths=_LENGTHS,
    plan=plan_tree,
    run_frames=30,
    labels=(LABEL_FILE,),
)
