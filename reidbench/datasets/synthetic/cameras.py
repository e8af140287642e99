"""The cameras: where they look from and what they do to colour, tone and detail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.difficulty import DIFFICULTY
from reidbench.datasets.synthetic.seeding import Stream, stream

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


class Place(Enum):
    """What a camera looks at."""

    CORRIDOR = "panelled wall, posters and doors"
    HALL = "window front, columns and desks"


@dataclass(frozen=True, kw_only=True)
class Camera:
    """One fixed camera; the same in every tree, so that what it does to colour can be learned."""

    number: int  # as the layouts count, from 1
    place: Place
    heading: (
        float  # usual walking direction in degrees; 0 = towards the camera, 90 = to the right, 180 = away
    )
    pitch: float  # how far nearer points appear lower
    mixing: Matrix  # colour mixing of sensor and lamps, rows = output channels
    gains: tuple[float, float, float]  # red, green, blue
    haze: float  # level that black has, in 8-bit levels
    gamma: float  # tone curve; above 1 darkens the middle
    detail: float  # share of the output resolution that the sensor really has
    noise: float  # sensor noise, in 8-bit levels

    def colour_matrix(self) -> npt.NDArray[np.float64]:
        """Return the (3, 3) matrix from scene to camera colour, weakened by `Difficulty.camera_strength`."""
        full = np.diag(self.gains) @ np.array(self.mixing)
        return np.asarray(np.eye(3) + DIFFICULTY.camera_strength * (full - np.eye(3)))

    def tone_curve(self) -> npt.NDArray[np.uint8]:
        """Return the table (256,) of tone curve and haze."""
        strength = DIFFICULTY.camera_strength
        gamma, haze = self.gamma**strength, self.haze * strength
        level = (np.arange(256) / 255) ** gamma
        return np.asarray(np.rint(haze + (255 - haze) * level), dtype=np.uint8)


# A corridor under white lamps: people come towards the camera; a fairly clear picture.
CORRIDOR = Camera(
    number=1,
    place=Place.CORRIDOR,
    heading=22.0,
    pitch=0.14,
    mixing=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    gains=(1.05, 1.00, 0.925),
    haze=2.0,
    gamma=1.0,
    detail=0.60,
    noise=1.5,
)
# A hall under sodium lamps, an older sensor: orange, pale and coarse; people pass from the side and walk away.
HALL = Camera(
    number=2,
    place=Place.HALL,
    heading=118.0,
    pitch=0.22,
    mixing=((0.94, 0.05, 0.01), (0.03, 0.94, 0.03), (0.02, 0.04, 0.94)),
    gains=(1.16, 1.00, 0.81),
    haze=3.0,
    gamma=1.0,
    detail=0.36,
    noise=1.8,
)
CAMERAS = (CORRIDOR, HALL)


def camera(number: int) -> Camera:
    """Return one camera of a large network, drawn by its number.

    Such cameras are of one make, look at stretches of one building and differ less than CORRIDOR and HALL: in
    galleries that also show other people in the camera of the query, a strong cast or another kind of wall would put
    all of these before any match, whatever people look like.
    """
    rng = stream(Stream.CAMERA, number)
    leak = 0.02 * rng.random((3, 2))  # of each output channel into the two others
    low, high = leak.min(axis=1).tolist(), leak.max(axis=1).tolist()
    rest = [1 - a - b for a, b in zip(low, high, strict=True)]
    return Camera(
        number=number,
        place=Place.CORRIDOR,
        heading=float(rng.uniform(0, 180)),
        pitch=float(rng.uniform(0.12, 0.24)),
        mixing=(
            (rest[0], high[0], low[0]),
            (low[1], rest[1], high[1]),
            (low[2], high[2], rest[2]),
        ),
        gains=(float(rng.uniform(0.97, 1.05)), 1.0, float(rng.uniform(0.94, 1.02))),
        haze=float(rng.uniform(1.5, 2.5)),
        gamma=float(rng.uniform(0.97, 1.03)),
        detail=float(rng.uniform(0.5, 0.6)),
        noise=float(rng.uniform(1.4, 1.7)),
    )
