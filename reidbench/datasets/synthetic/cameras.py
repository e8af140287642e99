"""Cameras: viewing direction, colour, tone, resolution and noise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.difficulty import DIFFICULTY
from reidbench.datasets.synthetic.seeding import Stream, make_rng

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


class Location(Enum):
    """Background of a camera."""

    CORRIDOR = "panelled wall, posters and doors"
    HALL = "window front, columns and desks"


@dataclass(frozen=True, kw_only=True)
class Camera:
    """One fixed camera, equal in all trees, so that its colour response can be learned.

    Attributes:
        number: number in the layouts, from 1.
        location: background of the camera.
        heading: usual walking direction in degrees; 0: towards the camera, 90: to the right, 180: away.
        pitch: downward shift of nearer points.
        mixing: colour mixing of sensor and lamps, rows: output channels.
        gains: gains of red, green and blue.
        haze: output value of black, in 8-bit levels.
        gamma: exponent of the tone curve; values above 1 darken the midtones.
        detail: sensor resolution as a fraction of the output resolution.
        noise: standard deviation of the sensor noise, in 8-bit levels.
    """

    number: int
    location: Location
    heading: float
    pitch: float
    mixing: Matrix
    gains: tuple[float, float, float]
    haze: float
    gamma: float
    detail: float
    noise: float

    def colour_matrix(self) -> npt.NDArray[np.float64]:
        """Return the (3, 3) matrix from scene to camera colour, scaled by `Difficulty.camera_strength`."""
        full = np.diag(self.gains) @ np.array(self.mixing)
        return np.asarray(np.eye(3) + DIFFICULTY.camera_strength * (full - np.eye(3)))

    def tone_curve(self) -> npt.NDArray[np.uint8]:
        """Return the lookup table (256,) of tone curve and haze."""
        strength = DIFFICULTY.camera_strength
        gamma, haze = self.gamma**strength, self.haze * strength
        level = (np.arange(256) / 255) ** gamma
        return np.asarray(np.rint(haze + (255 - haze) * level), dtype=np.uint8)


# Corridor with white lamps. People walk towards the camera, and the images are sharp.
CORRIDOR = Camera(
    number=1,
    location=Location.CORRIDOR,
    heading=22.0,
    pitch=0.14,
    mixing=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    gains=(1.05, 1.00, 0.925),
    haze=2.0,
    gamma=1.0,
    detail=0.60,
    noise=1.5,
)
# Hall with sodium lamps and an older sensor. People pass sideways or walk away, and the images are orange, pale and
# coarse.
HALL = Camera(
    number=2,
    location=Location.HALL,
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


def draw_camera(number: int) -> Camera:
    """Draw the camera with this number of a large network.

    All of them have the same background and differ less than CORRIDOR and HALL. Galleries of large datasets contain
    other people in the camera of the query. A strong colour cast or a distinct background would rank all of them
    above the matches, whatever they look like.
    """
    rng = make_rng(Stream.CAMERA, number)
    # Leak of each output channel into the two others.
    leak = 0.02 * rng.random((3, 2))
    low, high = leak.min(axis=1).tolist(), leak.max(axis=1).tolist()
    own = [1 - a - b for a, b in zip(low, high, strict=True)]
    return Camera(
        number=number,
        location=Location.CORRIDOR,
        heading=float(rng.uniform(0, 180)),
        pitch=float(rng.uniform(0.12, 0.24)),
        mixing=(
            (own[0], high[0], low[0]),
            (low[1], own[1], high[1]),
            (low[2], high[2], own[2]),
        ),
        gains=(float(rng.uniform(0.97, 1.05)), 1.0, float(rng.uniform(0.94, 1.02))),
        haze=float(rng.uniform(1.5, 2.5)),
        gamma=float(rng.uniform(0.97, 1.03)),
        detail=float(rng.uniform(0.5, 0.6)),
        noise=float(rng.uniform(1.4, 1.7)),
    )
