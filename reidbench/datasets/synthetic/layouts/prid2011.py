"""Writes the layout of PRID 2011: two cameras, people of both and people of one, and the split file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from reidbench.datasets.masks import mask_files
from reidbench.datasets.readers.prid2011 import CAMERAS, SEQUENCES, SHARED_PEOPLE, SPLIT_FILE, read_splits
from reidbench.datasets.synthetic.appearance import Appearance
from reidbench.datasets.synthetic.cameras import camera
from reidbench.datasets.synthetic.layout import Layout, TreePlan, read_label_file
from reidbench.datasets.synthetic.lengths import Lengths
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.synthetic.seeding import Stream, layout_seed, stream
from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.datasets.synthetic.shares import chosen_people, in_proportion

NAME = "prid2011"
LABEL_FILE = f"prid2011/{SPLIT_FILE}"
SINGLES = "prid_2011/single_shot"
_OTHERS = (385 - SHARED_PEOPLE, 749 - SHARED_PEOPLE)  # people that only one camera sees
_DIVIDED = 178
_SPLITS = 10
_LENGTHS = Lengths(5, 675, 100.0)
_LONG = 27  # frames that exactly the people of the splits have in both cameras


class Walk(NamedTuple):
    """One track: whose folder in which camera, and who is seen in it."""

    number: int
    camid: int
    person: Appearance


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the tracks of both cameras, their single images and the split file."""
    seed = layout_seed(NAME, settings.seed)
    shared = chosen_people(settings, official=SHARED_PEOPLE, least=4, most=SHARED_PEOPLE)
    if settings.labels is None:
        divided, splits = _drawn_splits(seed, shared)
    else:
        file = settings.labels / LABEL_FILE
        splits = read_label_file(file)
        trials = read_splits(file, range(1, SHARED_PEOPLE + 1))
        divided = set() if trials is None else set(trials[0].tolist())
    jobs = [
        _job(settings, seed, index, walk, _length(settings, seed, walk, is_divided=walk.number in divided))
        for index, walk in enumerate(_walks(seed, shared))
    ]
    return TreePlan(jobs=jobs, files={SPLIT_FILE: splits})


def _walks(seed: int, shared: int) -> Iterator[Walk]:
    """Yield two tracks of each shared person and one of each other; the numbers of others start at 201."""
    others = [in_proportion(count, shared, SHARED_PEOPLE) for count in _OTHERS]
    people = iter(draw_people(seed, shared + sum(others)))
    for number in range(1, shared + 1):
        person = next(people)
        yield Walk(number, 1, person)
        yield Walk(number, 2, person)
    for camid, count in enumerate(others, start=1):
        for number in range(SHARED_PEOPLE + 1, SHARED_PEOPLE + 1 + count):
            yield Walk(number, camid, next(people))


def _drawn_splits(seed: int, shared: int) -> tuple[set[int], bytes]:
    """Return the people that splits divide, an even number of them, and ten random divisions as JSON."""
    rng = stream(Stream.SPLITS, seed)
    half = in_proportion(_DIVIDED // 2, shared, SHARED_PEOPLE, least=2)
    divided = np.sort(rng.choice(shared, 2 * half, replace=False)) + 1
    trials = []
    for _ in range(_SPLITS):
        order = [f"person_{number:04d}" for number in rng.permutation(divided).tolist()]
        trials.append({"train": sorted(order[half:]), "test": sorted(order[:half])})
    return set(divided.tolist()), json.dumps(trials).encode("ascii")


def _length(settings: SyntheticSettings, seed: int, walk: Walk, *, is_divided: bool) -> int:
    """Return the frames of a track: at least 27 of divided people, fewer in one camera of other shared people."""
    if settings.frames is not None:
        return settings.frames
    lengths = _LENGTHS.chosen_by(settings)
    drawn = lengths.draw(stream(Stream.LENGTH, seed, walk.number, walk.camid))
    if is_divided:
        return min(max(drawn, _LONG), lengths.longest)
    short_in = 1 + int(stream(Stream.LENGTH, seed, walk.number).integers(2))
    if walk.number <= SHARED_PEOPLE and walk.camid == short_in:
        return max(lengths.shortest, min(drawn, _LONG - 1))
    return drawn


def _job(settings: SyntheticSettings, seed: int, index: int, walk: Walk, length: int) -> TrackJob:
    track = f"{CAMERAS[walk.camid - 1]}/person_{walk.number:04d}"
    frames = [f"{SEQUENCES}/{track}/{frame:04d}.png" for frame in range(1, length + 1)]
    return TrackJob(
        person=walk.person,
        camera=camera(walk.camid),
        index=index,
        seed=seed,
        frames=tuple(frames),
        single=f"{SINGLES}/{track}.png",
        masks=mask_files(frames) if settings.masks else None,
    )


LAYOUT = Layout(
    name=NAME,
    folder="prid2011",
    people=SHARED_PEOPLE,
    lengths=_LENGTHS,
    plan=plan_tree,
    run_frames=30,
    labels=(LABEL_FILE,),
)
