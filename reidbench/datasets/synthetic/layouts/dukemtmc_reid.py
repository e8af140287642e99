"""DukeMTMC-reID layout: single images of eight cameras, some of them distractors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reidbench.datasets.synthetic.cameras import draw_camera
from reidbench.datasets.synthetic.image_labels import read_image_labels
from reidbench.datasets.synthetic.label_sampling import (
    draw_person_cameras,
    draw_size,
    resolve_people,
    scale_count,
    split_total,
)
from reidbench.datasets.synthetic.layout import Layout, TreePlan
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import TrackJob, plan_track
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.settings import SyntheticSettings, derive_layout_settings

NAME = "dukemtmc-reid"
ROOT = "DukeMTMC-reID"
TRAIN, QUERY, GALLERY = "bounding_box_train", "query", "bounding_box_test"
LABEL_FILE = "dukemtmc_reid/labels.npz"
_TRAIN_PEOPLE, _TEST_PEOPLE, _OTHER_PEOPLE, _CAMERAS = 702, 702, 408, 8
PEOPLE = _TRAIN_PEOPLE + _TEST_PEOPLE
# Pairs of person and camera of the train and test people.
_TRAIN_PAIRS, _QUERIES = 2_196, 2_228
_TRAIN_IMAGES, _MATCHES, _OTHER_IMAGES = 16_522, 14_198, 3_463
# Largest person number; most people were left out of the release.
_MAX_NUMBER = 7_140
# Frames between two images, which are two seconds.
_STEP = 120
_LAST_FRAME = 200_000
# Smallest and largest (width, height).
_SIZES = ((46, 110), (80, 190))


class Image(NamedTuple):
    """Labels of one image."""

    folder: str
    pid: int
    camera: int
    frame: int

    @property
    def path(self) -> str:
        """Path relative to the dataset folder."""
        return f"{ROOT}/{self.folder}/{self.pid:04d}_c{self.camera}_f{self.frame:07d}.jpg"


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the images of all folders; their names contain the labels."""
    settings = derive_layout_settings(NAME, settings)
    rng = make_rng(Stream.LABELS, settings.seed)
    if settings.labels is not None:
        images = list(_read_images(settings.labels / LABEL_FILE))
    else:
        images = list(_draw_images(rng, settings))
    return TreePlan(jobs=_make_jobs(rng, settings, images))


def draw_numbers(
    rng: np.random.Generator, settings: SyntheticSettings
) -> tuple[list[int], list[int], list[int]]:
    """Draw the person numbers for training, for testing and of distractors, with gaps as in the release.

    Only people for training and testing are counted in `SyntheticSettings.people`, not the distractors.
    """
    people = resolve_people(settings, official=PEOPLE, minimum=4, maximum=7_000)
    others = scale_count(_OTHER_PEOPLE, people, PEOPLE, minimum=2)
    highest = min(max(scale_count(_MAX_NUMBER, people, PEOPLE), people + others), 9_999)
    pids = (rng.choice(highest, people + others, replace=False) + 1).tolist()
    return pids[: people // 2], pids[people // 2 : people], pids[people:]


def _read_images(path: Path) -> Iterator[Image]:
    """Yield the images in the official file lists."""
    for prefix, folder in {"train": TRAIN, "query": QUERY, "gallery": GALLERY}.items():
        for values in read_image_labels(path, prefix, ("pid", "cam", "frame")):
            yield Image(folder, *values)


def _draw_images(rng: np.random.Generator, settings: SyntheticSettings) -> Iterator[Image]:
    """Yield images in the proportions of the release."""
    train, test, others = draw_numbers(rng, settings)
    yield from _draw_tracks(rng, train, _TRAIN_PEOPLE, _TRAIN_PAIRS, _TRAIN_IMAGES, TRAIN)
    yield from _draw_tracks(rng, test, _TEST_PEOPLE, _QUERIES, _MATCHES, GALLERY)
    total = scale_count(_OTHER_IMAGES, len(train) + len(test), PEOPLE, minimum=len(others))
    counts = split_total(rng, total, len(others), low=1, high=400)
    for pid, count in zip(others, counts, strict=True):
        yield from _make_track(rng, GALLERY, pid, int(rng.integers(1, _CAMERAS + 1)), count)


def _draw_tracks(
    rng: np.random.Generator, pids: list[int], official: int, pairs: int, images: int, folder: str
) -> Iterator[Image]:
    """Yield the images of people, and one query per test person and camera that sees them."""
    person_cameras = draw_person_cameras(rng, sorted(pids), _CAMERAS, scale_count(pairs, len(pids), official))
    counts = split_total(rng, scale_count(images, len(pids), official), len(person_cameras), low=1, high=400)
    for (pid, number), count in zip(person_cameras, counts, strict=True):
        has_query = folder == GALLERY
        track = _make_track(rng, folder, pid, number, count + has_query)
        if has_query:
            yield track.pop(int(rng.integers(count + 1)))._replace(folder=QUERY)
        yield from track


def _make_track(rng: np.random.Generator, folder: str, pid: int, number: int, count: int) -> list[Image]:
    first = int(rng.integers(1, _LAST_FRAME))
    return [Image(folder, pid, number, first + _STEP * index) for index in range(count)]


def _make_jobs(
    rng: np.random.Generator, settings: SyntheticSettings, images: Sequence[Image]
) -> list[TrackJob]:
    """Return one track per person and camera; all images of a track have one size."""
    tracks = defaultdict(list)
    for image in images:
        tracks[image.pid, image.camera].append(image)
    pids = sorted({image.pid for image in images})
    people = dict(zip(pids, draw_people(settings.seed, len(pids)), strict=True))
    jobs = []
    for index, ((pid, number), track) in enumerate(tracks.items()):
        size = draw_size(rng, *_SIZES)
        files = [image.path for image in sorted(track, key=lambda image: (image.frame, image.folder))]
        jobs.append(plan_track(settings, index, people[pid], draw_camera(number), files, size=size))
    return jobs


LAYOUT = Layout(name=NAME, folder=NAME, people=PEOPLE, lengths=None, plan=plan_tree, labels=(LABEL_FILE,))
