"""Writes the layout of Market-1501: single images of six cameras, with distractors, junk and hand-drawn boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reidbench.datasets.masks import mask_files
from reidbench.datasets.synthetic.appearance import Appearance
from reidbench.datasets.synthetic.cameras import camera
from reidbench.datasets.synthetic.layout import Layout, TreePlan
from reidbench.datasets.synthetic.name_lists import read_name_list
from reidbench.datasets.synthetic.people import draw_appearance, draw_people
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.synthetic.seeding import Stream, layout_seed, stream
from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.datasets.synthetic.shares import chosen_people, draw_sightings, in_proportion, share_out

NAME = "market1501"
ROOT = "Market-1501-v15.09.15"
TRAIN, QUERY, GALLERY, DRAWN = "bounding_box_train", "query", "bounding_box_test", "gt_bbox"
LABEL_FILE = "market1501/names.npz"
_TRAIN_PEOPLE, _TEST_PEOPLE, _CAMERAS, _SEQUENCES = 751, 750, 6, 6
_TRAIN_SIGHTINGS = 3_262  # pairs of person and camera; one query for each of those of the test people
_TRAIN_IMAGES, _QUERIES, _MATCHES, _DISTRACTORS, _JUNK = 12_936, 3_368, 13_115, 2_798, 3_819
_DRAWN_BOXES = 25_259  # of train and test people
_TWICE = {QUERY: 6, GALLERY: 18}  # names that end in .jpg.jpg
_STEP = 25  # frames between two images of a walk
_LAST_FRAME = 160_000


class Box(NamedTuple):
    """One image: who, where, when, and how its file is called."""

    folder: str
    pid: int
    camera: int
    sequence: int
    frame: int
    box: int
    ends_twice: bool = False

    @property
    def path(self) -> str:
        """The file, relative to the dataset folder."""
        person = "-1" if self.pid == -1 else f"{self.pid:04d}"
        name = f"{person}_c{self.camera}s{self.sequence}_{self.frame:06d}_{self.box:02d}.jpg"
        return f"{ROOT}/{self.folder}/{name}{'.jpg' if self.ends_twice else ''}"


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the images of all folders; the labels are in their names."""
    seed = layout_seed(NAME, settings.seed)
    rng = stream(Stream.LABELS, seed)
    boxes = (
        _draw_boxes(rng, settings)
        if settings.labels is None
        else _labelled_boxes(settings.labels / LABEL_FILE)
    )
    boxes += _draw_by_hand(rng, boxes)
    return TreePlan(jobs=_jobs(rng, seed, boxes, masks=settings.masks))


def _labelled_boxes(path: Path) -> list[Box]:
    """Return the images that the official file lists name."""
    fields = ("pid", "cam", "seq", "frame", "box", "double_ext")
    folders = {"train": TRAIN, "query": QUERY, "gallery": GALLERY}
    return [
        Box(folder, *values)
        for prefix, folder in folders.items()
        for values in read_name_list(path, prefix, fields)
    ]


def _draw_boxes(rng: np.random.Generator, settings: SyntheticSettings) -> list[Box]:
    """Return images of as many people as wanted, in the proportions of the release."""
    official = _TRAIN_PEOPLE + _TEST_PEOPLE
    people = chosen_people(settings, official=official, least=4, most=9_999)
    pids = (rng.permutation(people) + 1).tolist()
    train = in_proportion(_TRAIN_PEOPLE, people, official, least=2)
    boxes = list(_draw_walks(rng, pids[:train], _TRAIN_PEOPLE, _TRAIN_SIGHTINGS, _TRAIN_IMAGES, TRAIN))
    boxes += _draw_walks(rng, pids[train:], _TEST_PEOPLE, _QUERIES, _MATCHES, GALLERY)
    for pid, number in ((0, _DISTRACTORS), (-1, _JUNK)):
        boxes += _draw_apart(rng, pid, in_proportion(number, people, official))
    return _with_double_endings(rng, boxes, people, official)


def _draw_walks(
    rng: np.random.Generator, pids: list[int], official: int, sightings: int, images: int, folder: str
) -> Iterator[Box]:
    """Yield the detected boxes of people, and one query of each test person in each camera that sees them."""
    seen = draw_sightings(rng, sorted(pids), _CAMERAS, in_proportion(sightings, len(pids), official))
    counts = share_out(rng, in_proportion(images, len(pids), official), len(seen), low=1, high=60)
    for (pid, number), count in zip(seen, counts, strict=True):
        sequence, first = int(rng.integers(1, _SEQUENCES + 1)), int(rng.integers(1, _LAST_FRAME))
        for index, box in enumerate(rng.geometric(0.4, count).clip(1, 20).tolist()):
            yield Box(folder, pid, number, sequence, first + _STEP * index, box)
        if folder == GALLERY:
            frame = first + _STEP * int(rng.integers(0, count))
            yield Box(QUERY, pid, number, sequence, frame, 0)


def _draw_apart(rng: np.random.Generator, pid: int, count: int) -> list[Box]:
    """Return images of distractors or of junk, no two in the same frame."""
    frames = rng.choice(_LAST_FRAME, count, replace=False) + 1
    numbers, sequences = rng.integers(1, _CAMERAS + 1, count), rng.integers(1, _SEQUENCES + 1, count)
    boxes = rng.geometric(0.4, count).clip(1, 20)
    columns = (numbers.tolist(), sequences.tolist(), frames.tolist(), boxes.tolist())
    return [Box(GALLERY, pid, *values) for values in zip(*columns, strict=True)]


def _with_double_endings(rng: np.random.Generator, boxes: list[Box], people: int, official: int) -> list[Box]:
    for folder, number in _TWICE.items():
        indices = [index for index, box in enumerate(boxes) if box.folder == folder]
        count = in_proportion(number, people, official)
        for index in rng.choice(indices, count, replace=False).tolist():
            boxes[index] = boxes[index]._replace(ends_twice=True)
    return boxes


def _draw_by_hand(rng: np.random.Generator, boxes: Sequence[Box]) -> list[Box]:
    """Return the hand-drawn boxes: several of each person in each camera, that of the query among them.

    They are of frames with detected boxes as far as these go round, and of later ones.
    """
    seen: dict[tuple[int, int], dict[tuple[int, int], None]] = defaultdict(dict)  # dicts as ordered sets
    for box in sorted(boxes, key=lambda box: box.folder != QUERY):
        if box.pid > 0:
            seen[box.pid, box.camera][box.sequence, box.frame] = None
    total = in_proportion(_DRAWN_BOXES, len(seen), _TRAIN_SIGHTINGS + _QUERIES)
    drawn = []
    for (pid, number), count in zip(
        sorted(seen), share_out(rng, total, len(seen), low=2, high=40), strict=True
    ):
        moments = list(seen[pid, number])
        sequence, last = max(moments)
        moments += [(sequence, last + _STEP * (1 + index)) for index in range(count - len(moments))]
        drawn += [Box(DRAWN, pid, number, *moment, 0) for moment in moments[:count]]
    return drawn


def _jobs(rng: np.random.Generator, seed: int, boxes: Sequence[Box], *, masks: bool) -> list[TrackJob]:
    """Return one walk of each person, camera and sequence, and one of each distractor and piece of junk."""
    walks: dict[tuple[int, ...], list[Box]] = defaultdict(list)
    for number, box in enumerate(boxes):
        alone = (number,) if box.pid <= 0 else ()
        walks[box.pid, box.camera, box.sequence, *alone].append(box)
    people = _people(seed, boxes)
    known = list(people.values())
    cameras = {number: camera(number) for number in sorted({box.camera for box in boxes})}
    jobs = []
    for index, ((pid, number, *_), walk) in enumerate(walks.items()):
        if pid > 0:
            person = people[pid]
        elif pid == 0:  # a passer-by whom nobody sees again; the last number keeps the streams apart
            person = draw_appearance(stream(Stream.PERSON, seed, index, 1))
        else:
            person = known[int(rng.integers(len(known)))]
        files = tuple(box.path for box in sorted(walk, key=lambda box: (box.frame, box.folder, box.box)))
        jobs.append(
            TrackJob(
                person=person,
                camera=cameras[number],
                index=index,
                seed=seed,
                frames=files,
                masks=mask_files(files) if masks else None,
            )
        )
    return jobs


def _people(seed: int, boxes: Sequence[Box]) -> dict[int, Appearance]:
    pids = sorted({box.pid for box in boxes if box.pid > 0})
    return dict(zip(pids, draw_people(seed, len(pids)), strict=True))


LAYOUT = Layout(
    name=NAME,
    folder=NAME,
    people=_TRAIN_PEOPLE + _TEST_PEOPLE,
    lengths=None,
    plan=plan_tree,
    labels=(LABEL_FILE,),
)
