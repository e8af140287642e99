"""Wide background images; each track shows another section."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.cameras import Camera, Location
from reidbench.datasets.synthetic.canvas import WIDTH, Canvas
from reidbench.datasets.synthetic.figure import draw_figure
from reidbench.datasets.synthetic.lookalikes import draw_appearance
from reidbench.datasets.synthetic.parts import PARTS_PER_PERSON, make_colour_table
from reidbench.datasets.synthetic.pose import Pose
from reidbench.datasets.synthetic.seeding import Stream, make_rng

Background = npt.NDArray[np.uint8]

BACKGROUND_HEIGHT = 176
_BACKGROUND_WIDTH = 1600
# Number of columns after which the background repeats.
BACKGROUND_PERIOD = 2 * _BACKGROUND_WIDTH
# Row between wall and floor.
_HORIZON = 96


# One entry per camera of the largest layout.
@lru_cache(maxsize=16)
def draw_background(seed: int, camera: Camera) -> Background:
    """Draw the background of a camera: (BACKGROUND_HEIGHT, BACKGROUND_PERIOD + WIDTH, 3) RGB.

    The second half of the period mirrors the first, and the start is repeated at the end, so that a frame can be
    cropped at each column of the period. The background contains distant people, so that its skin and cloth
    colours do not depend on the person in front.
    """
    rng = make_rng(Stream.BACKGROUND, seed, camera.number)
    background = np.zeros((BACKGROUND_HEIGHT, _BACKGROUND_WIDTH, 3), np.uint8)
    _PAINTERS[camera.location](background, rng)
    _add_people(background, rng, 22)
    background = cv2.GaussianBlur(background, (0, 0), 0.9).astype(np.uint8)
    background = np.clip(background + rng.normal(0, 4, background.shape), 0, 255).astype(np.uint8)
    return np.concatenate((background, background[:, ::-1], background[:, :WIDTH]), axis=1)


def _draw_corridor(background: Background, rng: np.random.Generator) -> None:
    """Draw a panelled wall with posters, doors and lamps above a tiled floor."""
    background[:_HORIZON] = (168, 158, 142)
    background[_HORIZON:] = (118, 112, 106)
    _apply_gradient(background, 0.9, 1.1)
    x = 0
    while x < _BACKGROUND_WIDTH:
        width = int(rng.integers(36, 90))
        tone = rng.uniform(0.94, 1.06)
        _fill_box(background, (x, 18), (x + width - 3, _HORIZON), _scale_colour((165, 152, 132), tone))
        if rng.random() < 0.35:
            colour = _scale_colour(_POSTERS[int(rng.integers(len(_POSTERS)))], rng.uniform(0.7, 1.1))
            _fill_box(
                background,
                (x + 6, int(rng.integers(26, 44))),
                (x + width - 10, int(rng.integers(60, 92))),
                colour,
            )
        x += width
    for row in (_HORIZON + 6, _HORIZON + 18, _HORIZON + 38, _HORIZON + 66):
        cv2.line(background, (0, row), (_BACKGROUND_WIDTH, row), (96, 90, 84), 1, cv2.LINE_AA)
    for start in range(-200, _BACKGROUND_WIDTH + 200, 34):
        cv2.line(background, (start, _HORIZON), (start - 46, BACKGROUND_HEIGHT), (98, 92, 86), 1, cv2.LINE_AA)
    _fill_box(background, (0, _HORIZON - 4), (_BACKGROUND_WIDTH, _HORIZON + 1), (70, 64, 60))


def _draw_hall(background: Background, rng: np.random.Generator) -> None:
    """Draw a window front with mullions, columns and desks above a polished floor."""
    background[:_HORIZON] = (198, 206, 212)
    background[_HORIZON:] = (138, 140, 142)
    _apply_gradient(background, 1.08, 0.86)
    for x in range(0, _BACKGROUND_WIDTH, 44):
        tone = rng.uniform(0.9, 1.04)
        _fill_box(background, (x, 8), (x + 38, 58), _scale_colour((196, 208, 218), tone))
        _fill_box(
            background,
            (x, 62),
            (x + 38, _HORIZON - 6),
            _scale_colour((150, 160, 168), rng.uniform(0.88, 1.06)),
        )
        cv2.line(background, (x + 41, 0), (x + 41, _HORIZON), (88, 92, 98), 3)
    x = 30
    while x < _BACKGROUND_WIDTH:
        # A column from ceiling to floor, or a desk.
        if rng.random() < 0.5:
            _fill_box(background, (x, 0), (x + int(rng.integers(10, 20)), _HORIZON + 14), (128, 126, 124))
        else:
            colour = _scale_colour(_POSTERS[int(rng.integers(len(_POSTERS)))], rng.uniform(0.5, 0.9))
            _fill_box(background, (x, _HORIZON - 26), (x + int(rng.integers(30, 70)), _HORIZON + 8), colour)
        x += int(rng.integers(60, 170))
    for start in range(-300, _BACKGROUND_WIDTH + 300, 58):
        cv2.line(
            background, (start, _HORIZON), (start + 90, BACKGROUND_HEIGHT), (152, 156, 160), 2, cv2.LINE_AA
        )


_PAINTERS: dict[Location, Callable[[Background, np.random.Generator], None]] = {
    Location.CORRIDOR: _draw_corridor,
    Location.HALL: _draw_hall,
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


def _add_people(background: Background, rng: np.random.Generator, count: int) -> None:
    canvas = Canvas(_BACKGROUND_WIDTH, BACKGROUND_HEIGHT)
    for _ in range(count):
        person = draw_appearance(rng)
        unit = rng.uniform(34, 62)
        pose = Pose(
            x=rng.uniform(0, _BACKGROUND_WIDTH),
            y=_HORIZON + 8 - 0.72 * unit,
            unit=unit,
            heading=rng.uniform(0, 6.28),
            phase=rng.uniform(0, 6.28),
            pitch=0.05,
        )
        canvas.clear()
        draw_figure(canvas, person, pose)
        colours = np.zeros((256, 3), np.uint8)
        colours[:PARTS_PER_PERSON] = make_colour_table(person)
        covered = canvas.labels > 0
        # Distant people are pale.
        background[covered] = background[covered] // 2 + colours[canvas.labels[covered]] // 2


def _apply_gradient(background: Background, top: float, bottom: float) -> None:
    """Multiply by a vertical brightness gradient, like that of lamps and daylight."""
    rows = np.linspace(top, bottom, BACKGROUND_HEIGHT)[:, None, None]
    background[:] = np.clip(background * rows, 0, 255).astype(np.uint8)


def _fill_box(
    background: Background, first: tuple[int, int], second: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    cv2.rectangle(background, first, second, colour, cv2.FILLED)


def _scale_colour(colour: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, int(value * factor)) for value in colour)
    return red, green, blue
