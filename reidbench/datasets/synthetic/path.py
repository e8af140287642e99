"""Path of a person: position, heading and phase of the gait at every frame."""

from __future__ import annotations

import math

import numpy as np

from reidbench.datasets.synthetic.cameras import Camera
from reidbench.datasets.synthetic.difficulty import DIFFICULTY
from reidbench.datasets.synthetic.people import Appearance


class Path:
    """Walk of a person past a camera.

    Attributes:
        times: seconds from the middle of the track, float64 (T,).
        x: position to the right of the camera's axis, in metres, float64 (T,).
        y: distance along the camera's axis, in metres, float64 (T,).
        angles: direction of the walk in radians, from x towards y, float64 (T,).
        phases: phase of the gait in radians, float64 (T,).
        distances: distance walked from the middle of the track, in metres, float64 (T,).
    """

    def __init__(self, rng: np.random.Generator, person: Appearance, camera: Camera, frames: int) -> None:
        """Draw a path of `frames` frames."""
        step = min(DIFFICULTY.frame_seconds, DIFFICULTY.walk_seconds / frames)
        self.times = step * (np.arange(frames) - (frames - 1) / 2)
        side = -1.0 if rng.random() < DIFFICULTY.mirrored_share else 1.0
        heading = camera.heading + camera.spread * DIFFICULTY.heading_sigma * rng.normal()
        turn = DIFFICULTY.heading_drift * rng.normal()
        x, y = DIFFICULTY.lateral * rng.uniform(-1, 1), rng.uniform(camera.near, camera.far)
        # The heading is that seen by the camera, whose view of the person depends on the position.
        middle = side * math.radians(heading) - math.pi / 2 - math.atan2(x, y)
        duration = max(step * frames, 1.0)
        self.angles = middle + math.radians(turn) * self.times / duration
        self.distances = person.speed * self.times
        steps = person.speed * step
        self.x = x + _integrate(np.cos(self.angles) * steps)
        self.y = np.maximum(y + _integrate(np.sin(self.angles) * steps), 3.0)
        self.phases = rng.uniform(0, 2 * math.pi) + 2 * math.pi * person.gait.rate * self.times


def _integrate(steps: np.typing.NDArray[np.float64]) -> np.typing.NDArray[np.float64]:
    """Return the sums of steps, 0 in the middle."""
    sums = np.cumsum(steps)
    result: np.typing.NDArray[np.float64] = sums - sums[len(sums) // 2]
    return result
