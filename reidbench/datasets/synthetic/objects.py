"""Objects made of boxes, and people who pass by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.path import Path
from reidbench.datasets.synthetic.people import Facets, Figure, concat_facets, draw_appearance
from reidbench.datasets.synthetic.people.palette import ACCENTS, BAGS, DARK_TOPS, TROUSERS, Levels, pick
from reidbench.datasets.synthetic.seeding import Stream, make_rng

Colour = tuple[float, float, float]

_CLOTHES: tuple[Levels, ...] = (*DARK_TOPS, *TROUSERS, *ACCENTS, *BAGS)
# People who pass by are drawn once, in this number.
_PASSERS_BY = 24
# Radius and height of the space that a walking person takes, with bags, in metres.
_PERSON_RADIUS, _PERSON_HEIGHT = 0.6, 2.1
# Corners of the unit cube, and its sides without the bottom, counter-clockwise seen from outside.
_CUBE = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], np.float32)
_SIDES = np.array([[0, 1, 5, 4], [1, 3, 7, 5], [3, 2, 6, 7], [2, 0, 4, 6], [4, 5, 7, 6]])


def draw_cloth(rng: np.random.Generator) -> Colour:
    """Draw a colour of clothes or bags for an object, so that objects have the contrast of bodies."""
    return pick(rng, _CLOTHES, 12.0)


def make_box(low: tuple[float, float, float], size: tuple[float, float, float], colour: Colour) -> Facets:
    """Return the five visible sides of a box with its lowest corner at `low`, in metres."""
    corners = np.array(low, np.float32) + _CUBE * np.array(size, np.float32)
    sides = corners[_SIDES]
    return Facets(
        sides, np.tile(np.array(colour, np.float32), (len(sides), 1)), np.zeros(len(sides), np.uint8)
    )


@dataclass(frozen=True)
class Walker:
    """A person who passes by.

    Attributes:
        figure: who it is.
        x: position at time 0 to the right of the camera's axis, in metres.
        y: distance at time 0 along the camera's axis, in metres.
        angle: direction of the walk, in radians.
        phase: of the gait at time 0, in radians.
    """

    figure: Figure
    x: float
    y: float
    angle: float
    phase: float

    def locate(self, time: float) -> tuple[float, float]:
        """Return the position at a time."""
        distance = self.figure.speed * time
        return self.x + distance * math.cos(self.angle), self.y + distance * math.sin(self.angle)

    def facets(self, time: float) -> Facets:
        """Return the facets at a time."""
        x, y = self.locate(time)
        return self.figure.facets(self.phase + self.figure.cadence * time).turn(self.angle).move(x, y)

    def space(self, time: float) -> npt.NDArray[np.float32]:
        """Return the corners of a box around the walker at a time: float32 (8, 3)."""
        x, y = self.locate(time)
        size = np.array([2 * _PERSON_RADIUS, 2 * _PERSON_RADIUS, _PERSON_HEIGHT], np.float32)
        return _CUBE * size + np.array([x - _PERSON_RADIUS, y - _PERSON_RADIUS, 0], np.float32)


def draw_walkers(rng: np.random.Generator, path: Path, rate: float, low: float, high: float) -> list[Walker]:
    """Draw people who cross the line from the camera to a person.

    Args:
        rng: generator of the walkers of the track.
        path: of the person.
        rate: mean number of walkers.
        low: smallest distance of the crossing, as a fraction of the person's distance.
        high: largest distance of the crossing.
    """
    walkers = []
    for _ in range(rng.poisson(rate)):
        time, x, y = _pick_point(rng, path, low, high)
        figure = _draw_passer_by(int(rng.integers(_PASSERS_BY)))
        angle = rng.uniform(0, 2 * math.pi)
        distance = figure.speed * time
        x, y = x - distance * math.cos(angle), y - distance * math.sin(angle)
        walkers.append(Walker(figure, x, y, angle, phase=rng.uniform(0, 2 * math.pi)))
    return walkers


def draw_objects(rng: np.random.Generator, path: Path, rate: float) -> list[Facets]:
    """Draw pillars, rails, desks and trolleys between the camera and the path; their mean number is `rate`."""
    objects = []
    for _ in range(rng.poisson(rate)):
        _, x, y = _pick_point(rng, path, 0.5, 0.85)
        colour = draw_cloth(rng)
        size = rng.uniform(0.85, 1.2)
        kind = rng.integers(4)
        objects.append(_BUILDERS[kind](size, colour).turn(rng.normal(0, 0.25)).move(x, y))
    return objects


def draw_standing(rng: np.random.Generator, x: float, y: float) -> Facets:
    """Return a person of the crowd at a position, in a random phase and direction."""
    figure = _draw_passer_by(int(rng.integers(_PASSERS_BY)))
    return figure.facets(rng.uniform(0, 2 * math.pi)).turn(rng.uniform(0, 2 * math.pi)).move(x, y)


def _pick_point(rng: np.random.Generator, path: Path, low: float, high: float) -> tuple[float, float, float]:
    """Return a time of the path, and a point on the line from the camera to the person at that time."""
    frame = int(rng.integers(len(path.times)))
    fraction = rng.uniform(low, high)
    # A point beside the line, so that most objects cover a part of the person only.
    beside = rng.normal(0, 0.3)
    return float(path.times[frame]), float(path.x[frame] * fraction + beside), float(path.y[frame] * fraction)


@lru_cache(maxsize=_PASSERS_BY)
def _draw_passer_by(number: int) -> Figure:
    return Figure(draw_appearance(make_rng(Stream.PASSER_BY, number)))


def _build_pillar(size: float, colour: Colour) -> Facets:
    return make_box((-0.14 * size, -0.14 * size, 0), (0.28 * size, 0.28 * size, 3.5), colour)


def _build_rail(size: float, colour: Colour) -> Facets:
    bars = [
        make_box((x, -0.03, height * size), (0.5, 0.06, 0.07), colour)
        for height in (0.5, 0.95)
        for x in _STEPS
    ]
    posts = [make_box((x, -0.04, 0), (0.08, 0.08, 1.0 * size), colour) for x in (-1.0, 0.0, 1.0)]
    return concat_facets([*bars, *posts])


def _build_desk(size: float, colour: Colour) -> Facets:
    front = [make_box((x, -0.3, 0), (0.5, 0.6, 0.85 * size), colour) for x in _STEPS[1:3]]
    return concat_facets([*front, make_box((-0.3, -0.1, 0.85 * size), (0.4, 0.1, 0.3), (0.15, 0.15, 0.17))])


def _build_trolley(size: float, colour: Colour) -> Facets:
    case = make_box((-0.3 * size, -0.22, 0.2), (0.6 * size, 0.44, 0.35 * size), colour)
    second = make_box((-0.22, -0.2, 0.2 + 0.35 * size), (0.5, 0.4, 0.25), (0.2, 0.2, 0.22))
    frame = make_box((-0.4 * size, -0.25, 0.1), (0.8 * size, 0.5, 0.08), (0.5, 0.5, 0.52))
    return concat_facets([case, second, frame])


# Left ends of the pieces of rails and desks, which are short so that they can be sorted by depth.
_STEPS = (-1.0, -0.5, 0.0, 0.5)
_BUILDERS = (_build_pillar, _build_rail, _build_desk, _build_trolley)
