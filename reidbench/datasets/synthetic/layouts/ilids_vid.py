"""Writes the layout of iLIDS-VID: two cameras, one track of each person in each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reidbench.datasets.masks import mask_files
from reidbench.datasets.synthetic.cameras import CAMERAS
from reidbench.datasets.synthetic.layout import Layout, TreePlan, mat_bytes, read_label_file
from reidbench.datasets.synthetic.lengths import Lengths
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.synthetic.seeding import Stream, stream
from reidbench.datasets.synthetic.settings import SyntheticSettings

SPLIT_FILE = "train-test people splits/train_test_splits_ilidsvid.mat"
LABEL_FILE = "ilids_vid/splits_ilidsvid.mat"
_PEOPLE = 300
_SPLITS = 10
_LENGTHS = Lengths(23, 192, 73.0)  # Wang et al., ECCV 2014


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the tracks of both cameras and the split file."""
    if settings.labels is not None:
        splits = read_label_file(settings.labels / LABEL_FILE)
    else:
        splits = mat_bytes(ls_set=_splits(settings))
    return TreePlan(jobs=_jobs(settings), files={SPLIT_FILE: splits})


def folder_numbers(settings: SyntheticSettings) -> npt.NDArray[np.int64]:
    """Return the ascending folder numbers: 300 out of 1..319 as in the real dataset, others in proportion."""
    people = settings.people or _PEOPLE
    last = 319 if people == _PEOPLE else people + people // 16
    numbers = stream(Stream.FOLDERS, settings.seed).choice(last, people, replace=False) + 1
    return np.sort(numbers)


def track_length(settings: SyntheticSettings, index: int, camera: int) -> int:
    """Return the number of frames of a track."""
    if settings.frames is not None:
        return settings.frames
    rng = stream(Stream.LENGTH, settings.seed, index, camera)
    return _LENGTHS.chosen_by(settings).draw(rng)


def _jobs(settings: SyntheticSettings) -> list[TrackJob]:
    numbers = folder_numbers(settings).tolist()
    jobs = []
    for index, (person, number) in enumerate(
        zip(draw_people(settings.seed, len(numbers)), numbers, strict=True)
    ):
        for camera in CAMERAS:
            track = f"cam{camera.number}/person{number:03d}"
            name = f"cam{camera.number}_person{number:03d}"
            first = int(stream(Stream.LENGTH, settings.seed, index, camera.number, 1).integers(2, 9000))
            length = track_length(settings, index, camera.number)
            frames = [
                f"i-LIDS-VID/sequences/{track}/{name}_{first + index:05d}.png" for index in range(length)
            ]
            jobs.append(
                TrackJob(
                    person=person,
                    camera=camera,
                    index=index,
                    seed=settings.seed,
                    frames=tuple(frames),
                    single=f"i-LIDS-VID/images/{track}/{name}.png",
                    masks=mask_files(frames) if settings.masks else None,
                )
            )
    return jobs


def _splits(settings: SyntheticSettings) -> npt.NDArray[np.uint16]:
    """Return ten random orders of the people; the values are positions in the sorted folder list, from 1."""
    rng = stream(Stream.SPLITS, settings.seed)
    people = settings.people or _PEOPLE
    return np.stack([rng.permutation(people) + 1 for _ in range(_SPLITS)]).astype(np.uint16)


LAYOUT = Layout(
    name="ilids-vid",
    folder="ilids-vid",
    people=_PEOPLE,
    lengths=_LENGTHS,
    plan=plan_tree,
    labels=(LABEL_FILE,),
)
