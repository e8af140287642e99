"""The torso and its patterns, drawn on an elliptic cylinder that turns with the person."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

from reidbench.datasets.synthetic.appearance import Appearance, Bag, Top
from reidbench.datasets.synthetic.canvas import Canvas
from reidbench.datasets.synthetic.parts import Part
from reidbench.datasets.synthetic.pose import Pose

# Height of the shoulder line, in body heights from the crown.
SHOULDER = 0.155
# Half lateral width of the shoulders and half depth of the chest, in body heights.
_HALF_WIDTH = 0.118
_HALF_DEPTH = 0.084
# Height (0: shoulder line, 1: hem) and fraction of the width.
_PROFILE = (
    (0.0, 0.62),
    (0.1, 1.0),
    (0.55, 0.88),
    (1.0, 0.97),
)
# Heights where the slope of the profile changes.
_BENDS = (0.1, 0.55)
# Number of angles around the body; angle 0: front, positive: to the left of the person.
_STEPS = 72


class Torso:
    """The surface between shoulders and hem in one pose, addressed by angle and height."""

    def __init__(self, canvas: Canvas, pose: Pose, person: Appearance, offset: int) -> None:
        self._canvas, self._pose, self._offset = canvas, pose, offset
        self._hem = person.outfit.hem
        self._surface, self._edges = _visible_surface(person.build.width, pose.cos, pose.sin)

    def fill_region(self, angles: tuple[float, float], heights: tuple[float, float], part: Part) -> None:
        """Fill the visible surface between two angles and two heights (0: shoulder line, 1: hem)."""
        across = [x for angle, x in self._surface if angles[0] <= angle <= angles[1]]
        if across:
            self._fill(min(across), max(across), heights, part)

    def fill_band(self, heights: tuple[float, float], part: Part) -> None:
        """Fill the full visible width between two heights."""
        self._fill(*self._edges, heights, part)

    def draw_lines(self, count: int, width: float, part: Part) -> None:
        """Draw about `count` vertical lines around the body; `width` is in body heights."""
        spacing = 2 * math.pi / count
        lines_done = set()
        for angle, across in self._surface:
            nearest = round(angle / spacing)
            if nearest not in lines_done and abs(angle - nearest * spacing) < 2 * math.pi / _STEPS:
                lines_done.add(nearest)
                self._fill(across - width / 2, across + width / 2, (0.0, 1.0), part)

    def _fill(self, low: float, high: float, heights: tuple[float, float], part: Part) -> None:
        top, bottom = heights
        levels = [top, *(level for level in _BENDS if top < level < bottom), bottom]
        left = [self._project(low, level) for level in levels]
        right = [self._project(high, level) for level in reversed(levels)]
        self._canvas.fill_polygon(left + right, self._offset + part)

    def _project(self, across: float, level: float) -> tuple[float, float]:
        pose = self._pose
        x = pose.x + pose.unit * (across * _profile(level) + pose.lean * (1 - level))
        return x, pose.y + pose.unit * (SHOULDER + (self._hem - SHOULDER) * level)


def draw_top(torso: Torso, person: Appearance) -> None:
    """Draw the upper garment with its pattern, and the straps of a backpack."""
    outfit = person.outfit
    torso.fill_band((0.0, 1.0), Part.UPPER)
    count = outfit.pattern_count
    match outfit.top:
        case Top.BANDS:
            _draw_bands(torso, count + 1)
        case Top.STRIPES:
            torso.draw_lines(2 * count + 4, 0.018, Part.ACCENT)
        case Top.CHECKS:
            torso.draw_lines(2 * count + 4, 0.010, Part.ACCENT)
            _draw_bands(torso, count + 2, share=0.28)
        case Top.TWO_TONE:
            torso.fill_band((0.3 + 0.06 * count, 1.0), Part.ACCENT)
        case Top.PRINT:
            # On chest and back.
            for start, end in ((-0.75, 0.75), (-math.pi, -2.4), (2.4, math.pi)):
                torso.fill_region((start, end), (0.2, 0.32 + 0.05 * count), Part.ACCENT)
        case Top.OPEN_JACKET:
            torso.fill_region((-0.5, 0.5), (0.0, 1.0), Part.ACCENT)
        case Top.PLAIN:
            pass
    if person.luggage.kind is Bag.BACKPACK:
        for side in (-1, 1):
            torso.fill_region((side * 0.62 - 0.14, side * 0.62 + 0.14), (0.0, 0.55), Part.STRAP)


def _draw_bands(torso: Torso, count: int, share: float = 0.5) -> None:
    for index in range(count):
        start = (index + 0.5) / count
        torso.fill_band((start, min(1.0, start + share / count)), Part.ACCENT)


@lru_cache(maxsize=4096)
def _visible_surface(
    width: float, cos: float, sin: float
) -> tuple[list[tuple[float, float]], tuple[float, float]]:
    """Return the visible points of the torso, and its left and right edge.

    A point is its angle around the body and its offset to the right of the body axis, in body heights.
    """
    half_width, half_depth = _HALF_WIDTH * width, _HALF_DEPTH * (0.5 + 0.5 * width)
    points = []
    for index in range(_STEPS + 1):
        angle = math.pi * (2 * index / _STEPS - 1)
        lateral, forward = math.sin(angle), math.cos(angle)
        # Component of the surface normal towards the camera.
        towards_camera = forward * cos / half_depth - lateral * sin / half_width
        if towards_camera > 0:
            points.append((angle, half_width * lateral * cos + half_depth * forward * sin))
    across = [offset for _, offset in points]
    return points, (min(across), max(across))


def _profile(level: float) -> float:
    """Return the fraction of the half width at a height of the torso."""
    for (start, first), (end, second) in pairwise(_PROFILE):
        if level <= end:
            return first + (second - first) * (level - start) / (end - start)
    return _PROFILE[-1][1]
