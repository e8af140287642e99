"""Market-1501 layout: single images of six cameras, with distractors, junk and hand-drawn boxes."""

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
    resolve_people,
    scale_count,
    split_total,
)
from reidbench.datasets.synthetic.layout import Layout, TreePlan
from reidbench.datasets.synthetic.people import draw_appearance, draw_people
from reidbench.datasets.synthetic.rendering import TrackJob, plan_track
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.settings import SyntheticSettings, derive_layout_settings

NAME = "market1501"
ROOT = "Market-1501-v15.09.15"
TRAIN, QUERY, GALLERY, MANUAL = "bounding_box_train", "query", "bounding_box_test", "gt_bbox"
LABEL_FILE = "market1501/names.npz"
_TRAIN_PEOPLE, _TEST_PEOPLE, _CAMERAS, _SEQUENCES = 751, 750, 6, 6
# Pairs of person and camera of the train people; the test people have one query per pair.
_TRAIN_PAIRS = 3_262
_TRAIN_IMAGES, _QUERIES, _MATCHES, _DISTRACTORS, _JUNK = 12_936, 3_368, 13_115, 2_798, 3_819
# Hand-drawn boxes of train and test people.
_MANUAL_BOXES = 25_259
# Numbers of file names that end in .jpg.jpg.
_DOUBLE_SUFFIXES = {QUERY: 6, GALLERY: 18}
# Frames between two images of a track.
_STEP = 25
_LAST_FRAME = 160_000


class Box(NamedTuple):
    """Labels and file name of one image."""

    folder: str
    pid: int
    camera: int
    sequence: int
    frame: int
    box: int
    has_double_suffix: bool = False

    @property
    def path(self) -> str:
        """Path relative to the dataset folder."""
        person = "-1" if self.pid == -1 else f"{self.pid:04d}"
        name = f"{person}_c{self.camera}s{self.sequence}_{self.frame:06d}_{self.box:02d}.jpg"
        return f"{ROOT}/{self.folder}/{name}{'.jpg' if self.has_double_suffix else ''}"


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the images of all folders; their names contain the labels."""
    settings = derive_layout_settings(NAME, settings)
    rng = make_rng(Stream.LABELS, settings.seed)
    boxes = (
        _draw_boxes(rng, settings) if settings.labels is None else _read_boxes(settings.labels / LABEL_FILE)
    )
    boxes += _draw_manual_boxes(rng, boxes)
    return TreePlan(jobs=_make_jobs(rng, settings, boxes))


def _read_boxes(path: Path) -> list[Box]:
    """Read the images in the official file lists."""
    fields = ("pid", "cam", "seq", "frame", "box", "double_ext")
    folders = {"train": TRAIN, "query": QUERY, "gallery": GALLERY}
    return [
        Box(folder, *values)
        for prefix, folder in folders.items()
        for values in read_image_labels(path, prefix, fields)
    ]


def _draw_boxes(rng: np.random.Generator, settings: SyntheticSettings) -> list[Box]:
    """Draw images in the proportions of the release."""
    official = _TRAIN_PEOPLE + _TEST_PEOPLE
    people = resolve_people(settings, official=official, minimum=4, maximum=9_999)
    pids = (rng.permutation(people) + 1).tolist()
    train = scale_count(_TRAIN_PEOPLE, people, official, minimum=2)
    boxes = list(_draw_tracks(rng, pids[:train], _TRAIN_PEOPLE, _TRAIN_PAIRS, _TRAIN_IMAGES, TRAIN))
    boxes += _draw_tracks(rng, pids[train:], _TEST_PEOPLE, _QUERIES, _MATCHES, GALLERY)
    for pid, number in ((0, _DISTRACTORS), (-1, _JUNK)):
        boxes += _draw_distractors(rng, pid, scale_count(number, people, official))
    return _mark_double_suffixes(rng, boxes, people, official)


def _draw_tracks(
    rng: np.random.Generator, pids: list[int], official: int, pairs: int, images: int, folder: str
) -> Iterator[Box]:
    """Yield the detected boxes of people, and one query per test person and camera that sees them."""
    person_cameras = draw_person_cameras(rng, sorted(pids), _CAMERAS, scale_count(pairs, len(pids), official))
    counts = split_total(rng, scale_count(images, len(pids), official), len(person_cameras), low=1, high=60)
    for (pid, number), count in zip(person_cameras, counts, strict=True):
        sequence, first = int(rng.integers(1, _SEQUENCES + 1)), int(rng.integers(1, _LAST_FRAME))
        for index, box in enumerate(rng.geometric(0.4, count).clip(1, 20).tolist()):
            yield Box(folder, pid, number, sequence, first + _STEP * index, box)
        if folder == GALLERY:
            frame = first + _STEP * int(rng.integers(0, count))
            yield Box(QUERY, pid, number, sequence, frame, 0)


def _draw_distractors(rng: np.random.Generator, pid: int, count: int) -> list[Box]:
    """Draw images of distractors or junk, each in a different frame."""
    frames = rng.choice(_LAST_FRAME, count, replace=False) + 1
    numbers, sequences = rng.integers(1, _CAMERAS + 1, count), rng.integers(1, _SEQUENCES + 1, count)
    boxes = rng.geometric(0.4, count).clip(1, 20)
    columns = (numbers.tolist(), sequences.tolist(), frames.tolist(), boxes.tolist())
    return [Box(GALLERY, pid, *values) for values in zip(*columns, strict=True)]


def _mark_double_suffixes(
    rng: np.random.Generator, boxes: list[Box], people: int, official: int
) -> list[Box]:
    for folder, number in _DOUBLE_SUFFIXES.items():
        indices = [index for index, box in enumerate(boxes) if box.folder == folder]
        count = scale_count(number, people, official)
        for index in rng.choice(indices, count, replace=False).tolist():
            boxes[index] = boxes[index]._replace(has_double_suffix=True)
    return boxes


def _draw_manual_boxes(rng: np.random.Generator, boxes: Sequence[Box]) -> list[Box]:
    """Draw the hand-drawn boxes: several per person and camera, including the box of the query.

    They use the frames of the detected boxes first, then later frames.
    """
    # The inner dicts serve as ordered sets of (sequence, frame).
    frames_seen: dict[tuple[int, int], dict[tuple[int, int], None]] = defaultdict(dict)
    for box in sorted(boxes, key=lambda box: box.folder != QUERY):
        if box.pid > 0:
            frames_seen[box.pid, box.camera][box.sequence, box.frame] = None
    total = scale_count(_MANUAL_BOXES, len(frames_seen), _TRAIN_PAIRS + _QUERIES)
    manual = []
    for (pid, number), count in zip(
        sorted(frames_seen), split_total(rng, total, len(frames_seen), low=2, high=40), strict=True
    ):
        frames = list(frames_seen[pid, number])
        sequence, last = max(frames)
        frames += [(sequence, last + _STEP * (1 + index)) for index in range(count - len(frames))]
        manual += [Box(MANUAL, pid, number, *frame, 0) for frame in frames[:count]]
    return manual


def _make_jobs(rng: np.random.Generator, settings: SyntheticSettings, boxes: Sequence[Box]) -> list[TrackJob]:
    """Return one track per person, camera and sequence, and one per distractor and junk image."""
    tracks: dict[tuple[int, ...], list[Box]] = defaultdict(list)
    for number, box in enumerate(boxes):
        own_key = (number,) if box.pid <= 0 else ()
        tracks[box.pid, box.camera, box.sequence, *own_key].append(box)
    pids = sorted({box.pid for box in boxes if box.pid > 0})
    people = dict(zip(pids, draw_people(settings.seed, len(pids)), strict=True))
    jobs = []
    for index, ((pid, number, *_), track) in enumerate(tracks.items()):
        if pid > 0:
            person = people[pid]
        # A new person per distractor; the last key gives a stream different from those of `draw_people`.
        elif pid == 0:
            person = draw_appearance(make_rng(Stream.PERSON, settings.seed, index, 1))
        else:
            person = people[pids[int(rng.integers(len(pids)))]]
        files = [box.path for box in sorted(track, key=lambda box: (box.frame, box.folder, box.box))]
        jobs.append(plan_track(settings, index, person, draw_camera(number), files))
    return jobs


LAYOUT = Layout(
    name=NAME,
    folder=NAME,
    people=_TRAIN_PEOPLE + _TEST_PEOPLE,
    lengths=None,
    plan=plan_tree,
    labels=(LABEL_FILE,),
)
