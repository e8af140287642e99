"""Wide pictures of the places behind the people; every track sees another stretch of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.cameras import Camera, Place
from reidbench.datasets.synthetic.canvas import WIDTH, Canvas
from reidbench.datasets.synthetic.figure import draw_figure
from reidbench.datasets.synthetic.parts import PARTS_PER_PERSON, part_colours
from reidbench.datasets.synthetic.people import draw_appearance
from reidbench.datasets.synthetic.pose import Pose
from reidbench.datasets.synthetic.seeding import Stream, stream

Plate = npt.NDArray[np.uint8]

PLATE_HEIGHT = 176
_PLATE_WIDTH = 1600
PLATE_PERIOD = 2 * _PLATE_WIDTH  # columns after which the place repeats
_HORIZON = 96  # row where wall and floor meet


@lru_cache(maxsize=16)  # one for each camera of the largest layout
def background_plate(seed: int, camera: Camera) -> Plate:
    """Return the place that a camera looks at: (PLATE_HEIGHT, PLATE_PERIOD + WIDTH, 3) RGB.

    The second half of the period mirrors the first, and the start is repeated at the end, so that a window of
    one frame can be cut at every column of the period. People far away are part of it, so that skin and cloth
    colours in the background say nothing about who walks in front.
    """
    rng = stream(Stream.PLATE, seed, camera.number)
    plate = np.zeros((PLATE_HEIGHT, _PLATE_WIDTH, 3), np.uint8)
    _DRAWN[camera.place](plate, rng)
    _add_people(plate, rng, 22)
    plate = cv2.GaussianBlur(plate, (0, 0), 0.9).astype(np.uint8)
    plate = np.clip(plate + rng.normal(0, 4, plate.shape), 0, 255).astype(np.uint8)
    return np.concatenate((plate, plate[:, ::-1], plate[:, :WIDTH]), axis=1)


def _draw_corridor(plate: Plate, rng: np.random.Generator) -> None:
    """Panelled wall with posters, doors and lamps over a tiled floor."""
    plate[:_HORIZON] = (168, 158, 142)
    plate[_HORIZON:] = (118, 112, 106)
    _gradient(plate, 0.9, 1.1)
    x = 0
    while x < _PLATE_WIDTH:
        width = int(rng.integers(36, 90))
        tone = rng.uniform(0.94, 1.06)
        _box(plate, (x, 18), (x + width - 3, _HORIZON), _toned((165, 152, 132), tone))
        if rng.random() < 0.35:
            colour = _toned(_POSTERS[int(rng.integers(len(_POSTERS)))], rng.uniform(0.7, 1.1))
            _box(
                plate, (x + 6, int(rng.integers(26, 44))), (x + width - 10, int(rng.integers(60, 92))), colour
            )
        x += width
    for row in (_HORIZON + 6, _HORIZON + 18, _HORIZON + 38, _HORIZON + 66):
        cv2.line(plate, (0, row), (_PLATE_WIDTH, row), (96, 90, 84), 1, cv2.LINE_AA)
    for start in range(-200, _PLATE_WIDTH + 200, 34):
        cv2.line(plate, (start, _HORIZON), (start - 46, PLATE_HEIGHT), (98, 92, 86), 1, cv2.LINE_AA)
    _box(plate, (0, _HORIZON - 4), (_PLATE_WIDTH, _HORIZON + 1), (70, 64, 60))


def _draw_hall(plate: Plate, rng: np.random.Generator) -> None:
    """Window front with mullions, columns and desks over a polished floor."""
    plate[:_HORIZON] = (198, 206, 212)
    plate[_HORIZON:] = (138, 140, 142)
    _gradient(plate, 1.08, 0.86)
    for x in range(0, _PLATE_WIDTH, 44):
        tone = rng.uniform(0.9, 1.04)
        _box(plate, (x, 8), (x + 38, 58), _toned((196, 208, 218), tone))
        _box(plate, (x, 62), (x + 38, _HORIZON - 6), _toned((150, 160, 168), rng.uniform(0.88, 1.06)))
        cv2.line(plate, (x + 41, 0), (x + 41, _HORIZON), (88, 92, 98), 3)
    x = 30
    while x < _PLATE_WIDTH:
        if rng.random() < 0.5:  # a column from ceiling to floor
            _box(plate, (x, 0), (x + int(rng.integers(10, 20)), _HORIZON + 14), (128, 126, 124))
        else:  # a desk
            colour = _toned(_POSTERS[int(rng.integers(len(_POSTERS)))], rng.uniform(0.5, 0.9))
            _box(plate, (x, _HORIZON - 26), (x + int(rng.integers(30, 70)), _HORIZON + 8), colour)
        x += int(rng.integers(60, 170))
    for start in range(-300, _PLATE_WIDTH + 300, 58):
        cv2.line(plate, (start, _HORIZON), (start + 90, PLATE_HEIGHT), (152, 156, 160), 2, cv2.LINE_AA)


_DRAWN: dict[Place, Callable[[Plate, np.random.Generator], None]] = {
    Place.CORRIDOR: _draw_corridor,
    Place.HALL: _draw_hall,
}
_POSTERS = (
    (110, 122, 140),
    (150, 112, 104),
    (112, 128, 116),
    (178, 164, 128),
    (120, 114, 108),
    (104, 104, 108),
    (190, 186, 178),
    (136, 116, 124),
)


def _add_people(plate: Plate, rng: np.random.Generator, count: int) -> None:
    canvas = Canvas(_PLATE_WIDTH, PLATE_HEIGHT)
    for _ in range(count):
        person = draw_appearance(rng)
        unit = rng.uniform(34, 62)
        pose = Pose(
            x=rng.uniform(0, _PLATE_WIDTH),
            y=_HORIZON + 8 - 0.72 * unit,
            unit=unit,
            heading=rng.uniform(0, 6.28),
            phase=rng.uniform(0, 6.28),
            pitch=0.05,
        )
        canvas.clear()
        draw_figure(canvas, person, pose)
        colours = np.zeros((256, 3), np.uint8)
        colours[:PARTS_PER_PERSON] = part_colours(person)
        covered = canvas.labels > 0
        plate[covered] = plate[covered] // 2 + colours[canvas.labels[covered]] // 2  # pale with distance


def _gradient(plate: Plate, left: float, right: float) -> None:
    """Brighten or darken from the top to the bottom of the wall, as lamps and daylight do."""
    rows = np.linspace(left, right, PLATE_HEIGHT)[:, None, None]
    plate[:] = np.clip(plate * rows, 0, 255).astype(np.uint8)


def _box(plate: Plate, first: tuple[int, int], second: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.rectangle(plate, first, second, colour, cv2.FILLED)


def _toned(colour: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, int(value * factor)) for value in colour)
    return red, green, blue
