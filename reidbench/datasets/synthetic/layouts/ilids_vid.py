"""iLIDS-VID layout: two cameras, one track per person and camera."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.cameras import CAMERAS
from reidbench.datasets.synthetic.label_sampling import Lengths
from reidbench.datasets.synthetic.layout import Layout, TreePlan, format_mat, read_label_file
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import TrackJob, plan_track
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.settings import SyntheticSettings

SPLIT_FILE = "train-test people splits/train_test_splits_ilidsvid.mat"
LABEL_FILE = "ilids_vid/splits_ilidsvid.mat"
_PEOPLE = 300
_SPLITS = 10
# Wang et al., ECCV 2014.
_LENGTHS = Lengths(23, 192, 73.0)


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the tracks of both cameras and the split file."""
    if settings.labels is not None:
        splits = read_label_file(settings.labels / LABEL_FILE)
    else:
        splits = format_mat(ls_set=_draw_splits(settings))
    return TreePlan(jobs=_make_jobs(settings), files={SPLIT_FILE: splits})


def draw_folder_numbers(settings: SyntheticSettings) -> npt.NDArray[np.int64]:
    """Draw ascending folder numbers: 300 out of 1..319 as in the real dataset, or in the same proportion."""
    people = settings.people or _PEOPLE
    last = 319 if people == _PEOPLE else people + people // 16
    numbers = make_rng(Stream.FOLDERS, settings.seed).choice(last, people, replace=False) + 1
    return np.sort(numbers)


def draw_track_length(settings: SyntheticSettings, index: int, camera: int) -> int:
    """Draw the number of frames of a track."""
    return _LENGTHS.draw(make_rng(Stream.LENGTH, settings.seed, index, camera), settings)


def _make_jobs(settings: SyntheticSettings) -> list[TrackJob]:
    numbers = draw_folder_numbers(settings).tolist()
    people = draw_people(settings.seed, len(numbers))
    jobs = []
    for index, (person, number) in enumerate(zip(people, numbers, strict=True)):
        for camera in CAMERAS:
            track = f"cam{camera.number}/person{number:03d}/cam{camera.number}_person{number:03d}"
            first = int(make_rng(Stream.LENGTH, settings.seed, index, camera.number, 1).integers(2, 9000))
            last = first + draw_track_length(settings, index, camera.number)
            frames = [f"i-LIDS-VID/sequences/{track}_{frame:05d}.png" for frame in range(first, last)]
            single = f"i-LIDS-VID/images/{track}.png"
            jobs.append(plan_track(settings, index, person, camera, frames, single=single))
    return jobs


def _draw_splits(settings: SyntheticSettings) -> npt.NDArray[np.uint16]:
    """Draw ten random orders of the people, as 1-based positions in the sorted folder list."""
    rng = make_rng(Stream.SPLITS, settings.seed)
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
