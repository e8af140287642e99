"""Writes the layout of DukeMTMC-reID: single images of eight cameras, some of people whom no query asks for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reidbench.datasets.masks import mask_files
from reidbench.datasets.synthetic.cameras import camera
from reidbench.datasets.synthetic.layout import Layout, TreePlan
from reidbench.datasets.synthetic.name_lists import read_name_list
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.synthetic.seeding import Stream, layout_seed, stream
from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.datasets.synthetic.shares import chosen_people, draw_sightings, in_proportion, share_out

NAME = "dukemtmc-reid"
ROOT = "DukeMTMC-reID"
TRAIN, QUERY, GALLERY = "bounding_box_train", "query", "bounding_box_test"
LABEL_FILE = "dukemtmc_reid/labels.npz"
_TRAIN_PEOPLE, _TEST_PEOPLE, _OTHER_PEOPLE, _CAMERAS = 702, 702, 408, 8
_TRAIN_SIGHTINGS, _QUERIES = 2_196, 2_228  # pairs of person and camera
_TRAIN_IMAGES, _MATCHES, _OTHER_IMAGES = 16_522, 14_198, 3_463
_NUMBERS = 7_140  # of people; most were left out of the release
_STEP = 120  # frames between two images: one of every two seconds
_LAST_FRAME = 200_000
_SIZES = ((46, 110), (80, 190))  # (width, height), from small to large


class Image(NamedTuple):
    """One image: who, where, when."""

    folder: str
    pid: int
    camera: int
    frame: int

    @property
    def path(self) -> str:
        """The file, relative to the dataset folder."""
        return f"{ROOT}/{self.folder}/{self.pid:04d}_c{self.camera}_f{self.frame:07d}.jpg"


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the images of all folders; the labels are in their names."""
    seed = layout_seed(NAME, settings.seed)
    rng = stream(Stream.LABELS, seed)
    if settings.labels is not None:
        images = list(_labelled_images(settings.labels / LABEL_FILE))
    else:
        images = list(_draw_images(rng, settings))
    return TreePlan(jobs=_jobs(rng, seed, images, masks=settings.masks))


def _labelled_images(path: Path) -> Iterator[Image]:
    """Yield the images that the official file lists name."""
    for prefix, folder in {"train": TRAIN, "query": QUERY, "gallery": GALLERY}.items():
        for values in read_name_list(path, prefix, ("pid", "cam", "frame")):
            yield Image(folder, *values)


def _draw_images(rng: np.random.Generator, settings: SyntheticSettings) -> Iterator[Image]:
    """Yield images of as many people as wanted, in the proportions of the release.

    The people for training and testing are counted; those whom no query asks for come on top.
    """
    official = _TRAIN_PEOPLE + _TEST_PEOPLE
    people = chosen_people(settings, official=official, least=4, most=7_000)
    others = in_proportion(_OTHER_PEOPLE, people, official, least=2)
    highest = min(max(in_proportion(_NUMBERS, people, official), people + others), 9_999)
    pids = (rng.choice(highest, people + others, replace=False) + 1).tolist()
    train = people // 2
    yield from _draw_walks(rng, pids[:train], _TRAIN_PEOPLE, _TRAIN_SIGHTINGS, _TRAIN_IMAGES, TRAIN)
    yield from _draw_walks(rng, pids[train:people], _TEST_PEOPLE, _QUERIES, _MATCHES, GALLERY)
    counts = share_out(
        rng, in_proportion(_OTHER_IMAGES, people, official, least=others), others, low=1, high=400
    )
    for pid, count in zip(pids[people:], counts, strict=True):
        yield from _walk(rng, GALLERY, pid, int(rng.integers(1, _CAMERAS + 1)), count)


def _draw_walks(
    rng: np.random.Generator, pids: list[int], official: int, sightings: int, images: int, folder: str
) -> Iterator[Image]:
    """Yield the images of people, and one query of each test person in each camera that sees them."""
    seen = draw_sightings(rng, sorted(pids), _CAMERAS, in_proportion(sightings, len(pids), official))
    counts = share_out(rng, in_proportion(images, len(pids), official), len(seen), low=1, high=400)
    for (pid, number), count in zip(seen, counts, strict=True):
        with_query = folder == GALLERY
        walk = _walk(rng, folder, pid, number, count + with_query)
        if with_query:
            yield walk.pop(int(rng.integers(count + 1)))._replace(folder=QUERY)
        yield from walk


def _walk(rng: np.random.Generator, folder: str, pid: int, number: int, count: int) -> list[Image]:
    first = int(rng.integers(1, _LAST_FRAME))
    return [Image(folder, pid, number, first + _STEP * index) for index in range(count)]


def _jobs(rng: np.random.Generator, seed: int, images: Sequence[Image], *, masks: bool) -> list[TrackJob]:
    """Return one walk of each person in each camera; the nearer it passes, the larger its images."""
    walks = defaultdict(list)
    for image in images:
        walks[image.pid, image.camera].append(image)
    pids = sorted({image.pid for image in images})
    people = dict(zip(pids, draw_people(seed, len(pids)), strict=True))
    cameras = {number: camera(number) for number in sorted({image.camera for image in images})}
    small, large = np.array(_SIZES)
    jobs = []
    for index, ((pid, number), walk) in enumerate(walks.items()):
        width, height = np.rint(small + rng.random() * (large - small)).astype(int).tolist()
        files = tuple(image.path for image in sorted(walk, key=lambda image: (image.frame, image.folder)))
        jobs.append(
            TrackJob(
                person=people[pid],
                camera=cameras[number],
                index=index,
                seed=seed,
                frames=files,
                masks=mask_files(files) if masks else None,
                size=(width, height),
            )
        )
    return jobs


LAYOUT = Layout(
    name=NAME,
    folder=NAME,
    people=_TRAIN_PEOPLE + _TEST_PEOPLE,
    lengths=None,
    plan=plan_tree,
    labels=(LABEL_FILE,),
)
