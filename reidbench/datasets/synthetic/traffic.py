"""What else moves through a track: people in front and behind, trolleys, pillars and barriers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from reidbench.datasets.synthetic import palette
from reidbench.datasets.synthetic.appearance import Appearance
from reidbench.datasets.synthetic.canvas import Canvas
from reidbench.datasets.synthetic.figure import draw_figure
from reidbench.datasets.synthetic.palette import Colour, shade
from reidbench.datasets.synthetic.people import draw_appearance
from reidbench.datasets.synthetic.pose import Pose


class Kind(StrEnum):
    """What passes."""

    PERSON = "person"
    TROLLEY = "trolley"
    PILLAR = "pillar"
    BARRIER = "barrier"


@dataclass(frozen=True, kw_only=True)
class Passing:
    """One thing that crosses the picture during some frames of a track."""

    kind: Kind
    first: int  # frame in which it enters
    length: int  # frames until it has left
    direction: int  # 1 = to the right, -1 = to the left
    size: float  # factor on the usual size
    colours: tuple[Colour, Colour]
    person: Appearance | None = None  # for Kind.PERSON
    heading: float = 0.0
    phase: float = 0.0

    def is_present(self, frame: int) -> bool:
        """Tell whether it can be seen in a frame."""
        return self.first <= frame < self.first + self.length

    def position(self, frame: int) -> float:
        """Return its centre as a share of the picture width; it enters and leaves outside [0, 1]."""
        share = (frame - self.first + 0.5) / self.length
        return 0.5 + self.direction * (share - 0.5) * (1.0 + 2 * _HALF_WIDTH[self.kind])


_HALF_WIDTH = {
    Kind.PERSON: 0.36,
    Kind.TROLLEY: 0.45,
    Kind.PILLAR: 0.16,
    Kind.BARRIER: 0.9,
}  # of the picture width


def draw_traffic(
    rng: np.random.Generator, frames: int, rate: float, kinds: dict[Kind, float]
) -> tuple[Passing, ...]:
    """Draw what passes during a track.

    Args:
        rng: the track's generator.
        frames: length of the track.
        rate: mean number of passings per 73 frames, the mean length of a track.
        kinds: share of each kind.
    """
    names, share = tuple(kinds), np.array(list(kinds.values()))
    count = int(rng.poisson(rate * max(frames, 20) / 73))
    return tuple(
        _draw_passing(rng, frames, names[int(rng.choice(len(names), p=share / share.sum()))])
        for _ in range(count)
    )


def draw_passing(
    canvas: Canvas, passing: Passing, frame: int, offset: int, *, scale: float, drop: float
) -> None:
    """Draw a thing as part numbers from `offset` + 1 on.

    Args:
        canvas: where to draw.
        passing: what passes.
        frame: index within the track.
        offset: added to the part numbers.
        scale: body height of a person passing, as a share of the canvas height.
        drop: row of their crown, as a share of the canvas height.
    """
    height, width = canvas.labels.shape
    x = passing.position(frame) * width
    if passing.person is not None:
        pose = Pose(
            x=x,
            y=drop * height,
            unit=scale * passing.size * height,
            heading=passing.heading,
            phase=passing.phase + 0.24 * frame,
            pitch=0.15,
        )
        draw_figure(canvas, passing.person, pose, offset)
        return
    match passing.kind:
        case Kind.PILLAR:
            half = 0.12 * passing.size * width
            canvas.box((x, height / 2), (half, height), offset + 1)
            canvas.box((x + half * 0.6, height / 2), (half * 0.4, height), offset + 2)
        case Kind.BARRIER:
            for row in (0.62, 0.74):
                canvas.box((x, row * height), (0.85 * width, 0.022 * height * passing.size), offset + 1)
            canvas.box((x, 0.8 * height), (0.03 * width, 0.2 * height), offset + 2)
        case _:
            _draw_trolley(canvas, x, passing.size, offset)


def _draw_trolley(canvas: Canvas, x: float, size: float, offset: int) -> None:
    """A luggage trolley with two cases, seen from the side."""
    height, width = canvas.labels.shape
    half = 0.36 * size * width
    canvas.box((x, 0.80 * height), (half, 0.10 * height * size), offset + 1)
    canvas.box((x - 0.08 * width, 0.66 * height), (half * 0.7, 0.06 * height * size), offset + 2)
    canvas.box((x, 0.92 * height), (half * 1.1, 0.015 * height), offset + 2)
    canvas.limb((x + half, 0.92 * height), (x + half * 1.15, 0.58 * height), 0.03 * width, offset + 2)
    for side in (-0.8, 0.8):
        canvas.ellipse((x + side * half, 0.945 * height), (0.05 * width, 0.025 * height), offset + 2)


def _draw_passing(rng: np.random.Generator, frames: int, kind: Kind) -> Passing:
    length = int(rng.integers(10, 34))
    main = palette.pick_cloth(rng, palette.BAG_WEIGHTS, 12)
    return Passing(
        kind=kind,
        first=int(rng.integers(-length // 2, max(1, frames - length // 2))),
        length=length,
        direction=int(rng.choice([-1, 1])),
        size=float(rng.uniform(0.88, 1.12)),
        colours=(main, shade(main, 0.7)),
        person=draw_appearance(rng) if kind is Kind.PERSON else None,
        heading=float(rng.uniform(0, 2 * math.pi)),
        phase=float(rng.uniform(0, 2 * math.pi)),
    )
