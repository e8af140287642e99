"""Other people and objects that pass through a track: trolleys, pillars and barriers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from reidbench.datasets.synthetic import palette
from reidbench.datasets.synthetic.appearance import Appearance
from reidbench.datasets.synthetic.canvas import Canvas
from reidbench.datasets.synthetic.figure import draw_figure
from reidbench.datasets.synthetic.lookalikes import draw_appearance
from reidbench.datasets.synthetic.palette import Colour, shade
from reidbench.datasets.synthetic.pose import Pose


class ObjectKind(StrEnum):
    """Kind of a passing object."""

    PERSON = "person"
    TROLLEY = "trolley"
    PILLAR = "pillar"
    BARRIER = "barrier"


@dataclass(frozen=True, kw_only=True)
class PassingObject:
    """One person or object that crosses the image during some frames of a track.

    Attributes:
        kind: kind of the object.
        first: frame in which it enters.
        length: number of frames until it has left.
        direction: 1: to the right, -1: to the left.
        size: factor of the usual size.
        colours: main and second colour.
        person: appearance, for `ObjectKind.PERSON`.
        heading: heading of a person, in radians.
        phase: gait phase of a person at frame 0, in radians.
    """

    kind: ObjectKind
    first: int
    length: int
    direction: int
    size: float
    colours: tuple[Colour, Colour]
    person: Appearance | None = None
    heading: float = 0.0
    phase: float = 0.0

    def is_present(self, frame: int) -> bool:
        """Return whether the object is in a frame."""
        return self.first <= frame < self.first + self.length

    def position(self, frame: int) -> float:
        """Return the centre as a fraction of the image width; outside [0, 1] when it enters and leaves."""
        progress = (frame - self.first + 0.5) / self.length
        return 0.5 + self.direction * (progress - 0.5) * (1.0 + 2 * _HALF_WIDTH[self.kind])


# Fraction of the image width.
_HALF_WIDTH = {
    ObjectKind.PERSON: 0.36,
    ObjectKind.TROLLEY: 0.45,
    ObjectKind.PILLAR: 0.16,
    ObjectKind.BARRIER: 0.9,
}


def sample_traffic(
    rng: np.random.Generator, frames: int, rate: float, kinds: dict[ObjectKind, float]
) -> tuple[PassingObject, ...]:
    """Sample the people and objects that pass during a track.

    Args:
        rng: generator of the track.
        frames: length of the track.
        rate: mean number of objects per 73 frames, the mean length of a track.
        kinds: fraction of each kind.
    """
    names, weights = tuple(kinds), np.array(list(kinds.values()))
    count = int(rng.poisson(rate * max(frames, 20) / 73))
    return tuple(
        _sample_object(rng, frames, names[int(rng.choice(len(names), p=weights / weights.sum()))])
        for _ in range(count)
    )


def draw_object(
    canvas: Canvas, item: PassingObject, frame: int, offset: int, *, scale: float, drop: float
) -> None:
    """Draw an object with part numbers from `offset` + 1.

    Args:
        canvas: canvas to draw on.
        item: object to draw.
        frame: index in the track.
        offset: offset of the part numbers.
        scale: body height of a person, as a fraction of the canvas height.
        drop: row of the crown of a person, as a fraction of the canvas height.
    """
    height, width = canvas.labels.shape
    x = item.position(frame) * width
    if item.person is not None:
        pose = Pose(
            x=x,
            y=drop * height,
            unit=scale * item.size * height,
            heading=item.heading,
            phase=item.phase + 0.24 * frame,
            pitch=0.15,
        )
        draw_figure(canvas, item.person, pose, offset)
        return
    match item.kind:
        case ObjectKind.PILLAR:
            half = 0.12 * item.size * width
            canvas.fill_box((x, height / 2), (half, height), offset + 1)
            canvas.fill_box((x + half * 0.6, height / 2), (half * 0.4, height), offset + 2)
        case ObjectKind.BARRIER:
            for row in (0.62, 0.74):
                canvas.fill_box((x, row * height), (0.85 * width, 0.022 * height * item.size), offset + 1)
            canvas.fill_box((x, 0.8 * height), (0.03 * width, 0.2 * height), offset + 2)
        case _:
            _draw_trolley(canvas, x, item.size, offset)


def _draw_trolley(canvas: Canvas, x: float, size: float, offset: int) -> None:
    """Draw a luggage trolley with two cases, seen from the side."""
    height, width = canvas.labels.shape
    half = 0.36 * size * width
    canvas.fill_box((x, 0.80 * height), (half, 0.10 * height * size), offset + 1)
    canvas.fill_box((x - 0.08 * width, 0.66 * height), (half * 0.7, 0.06 * height * size), offset + 2)
    canvas.fill_box((x, 0.92 * height), (half * 1.1, 0.015 * height), offset + 2)
    canvas.draw_limb((x + half, 0.92 * height), (x + half * 1.15, 0.58 * height), 0.03 * width, offset + 2)
    for side in (-0.8, 0.8):
        canvas.fill_ellipse((x + side * half, 0.945 * height), (0.05 * width, 0.025 * height), offset + 2)


def _sample_object(rng: np.random.Generator, frames: int, kind: ObjectKind) -> PassingObject:
    length = int(rng.integers(10, 34))
    main = palette.pick_cloth(rng, palette.BAG_WEIGHTS, 12)
    return PassingObject(
        kind=kind,
        first=int(rng.integers(-length // 2, max(1, frames - length // 2))),
        length=length,
        direction=int(rng.choice([-1, 1])),
        size=float(rng.uniform(0.88, 1.12)),
        colours=(main, shade(main, 0.7)),
        person=draw_appearance(rng) if kind is ObjectKind.PERSON else None,
        heading=float(rng.uniform(0, 2 * math.pi)),
        phase=float(rng.uniform(0, 2 * math.pi)),
    )
