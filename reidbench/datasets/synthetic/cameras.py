"""Cameras: position, usual walking direction, light, colour, tone, resolution and noise."""

from __future__ import annotations

from dataclasses import dataclass

from reidbench.datasets.synthetic.seeding import Stream, make_rng

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """One fixed camera, equal in all trees, so that its colour response can be learned.

    Attributes:
        number: number in the layouts, from 1.
        height: of the lens above the floor, in metres.
        near: smallest distance of the middle of a path, in metres.
        far: largest distance of the middle of a path, in metres.
        heading: usual walking direction in degrees; 0: towards the camera, 90: to the right, 180: away.
        spread: factor of `Difficulty.heading_sigma`.
        sun: usual direction of the sun in degrees, seen from the camera; 0: behind the camera, 90: on the right.
        tint: gains of red, green and blue.
        cast: standard deviation of the log gain of each channel from track to track, as with mixed lamps.
        gamma: exponent of the tone curve; values above 1 darken the midtones.
        haze: output value of black, in 8-bit levels.
        detail: sensor resolution as a fraction of the output resolution.
        noise: standard deviation of the sensor noise, in 8-bit levels.
    """

    number: int
    height: float
    near: float
    far: float
    heading: float
    spread: float
    sun: float
    tint: Triple
    cast: float
    gamma: float
    haze: float
    detail: float
    noise: float


# People walk towards this camera, and its images are warm and sharp.
FRONT = Camera(
    number=1,
    height=2.0,
    near=6.0,
    far=8.0,
    heading=15.0,
    spread=1.0,
    sun=40.0,
    tint=(1.03, 1.0, 0.95),
    cast=0.03,
    gamma=0.96,
    haze=4.0,
    detail=0.62,
    noise=3.0,
)
# People pass this camera sideways, and its images are blue, pale and coarse.
SIDE = Camera(
    number=2,
    height=2.9,
    near=5.5,
    far=8.5,
    heading=60.0,
    spread=1.0,
    sun=-60.0,
    tint=(0.93, 0.985, 1.08),
    cast=0.03,
    gamma=1.06,
    haze=9.0,
    detail=0.5,
    noise=3.0,
)
CAMERAS = (FRONT, SIDE)


def draw_camera(number: int) -> Camera:
    """Draw the camera with this number of a large network.

    Galleries of these datasets contain other people in the camera of the query and matches from several cameras, some
    of them alike. So the cast varies from track to track, and viewpoint and sun differ less than with FRONT and SIDE.
    """
    rng = make_rng(Stream.CAMERA, number)
    red, blue = rng.uniform(0.9, 1.1, 2).tolist()
    return Camera(
        number=number,
        height=float(rng.uniform(2.0, 3.0)),
        near=5.5,
        far=8.5,
        heading=float(rng.uniform(10, 50)),
        spread=1.0,
        sun=float(rng.uniform(-15, 15)),
        tint=(red, 1.0, blue),
        cast=0.12,
        gamma=float(rng.uniform(0.88, 1.12)),
        haze=float(rng.uniform(3, 14)),
        detail=float(rng.uniform(0.5, 0.62)),
        noise=float(rng.uniform(2.5, 3.5)),
    )
