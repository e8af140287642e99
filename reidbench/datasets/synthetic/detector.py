"""Boxes of a detector: the projected person plus offset, jitter and errors of scale."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.difficulty import DIFFICULTY
from reidbench.datasets.synthetic.raster import Points, Window, measure_bounds

# Size of an output frame in pixels.
WIDTH, HEIGHT = 64, 128
# Correlation of errors in neighbouring frames.
_CORRELATION = 0.75


class Detector:
    """Box errors of one track."""

    def __init__(self, rng: np.random.Generator, frames: int) -> None:
        """Draw the errors of all frames."""
        bias = DIFFICULTY.box_bias * rng.normal(size=2)
        scale = DIFFICULTY.box_scale_bias * rng.normal()
        noise = _draw_correlated_noise(rng, frames)
        self._offsets = (bias + DIFFICULTY.box_jitter * noise[:, :2]) / HEIGHT
        self._scales = np.exp(scale + DIFFICULTY.box_scale_jitter * noise[:, 2]) * DIFFICULTY.box_margin

    def find_box(self, points: Points, frame: int, rows: int) -> Window:
        """Return the box of a person as the window of a canvas with this number of rows.

        Args:
            points: (F, 4, 2), the person in the image plane.
            frame: index in the track.
            rows: height of the canvas in pixels.
        """
        left, top, right, bottom = measure_bounds(points)
        height = (bottom - top) * float(self._scales[frame])
        across, down = self._offsets[frame].tolist()
        x = (left + right) / 2 + across * height
        y = (top + bottom) / 2 + down * height
        return Window(x - height * WIDTH / HEIGHT / 2, y - height / 2, rows / height)


def _draw_correlated_noise(rng: np.random.Generator, frames: int) -> npt.NDArray[np.float64]:
    """Draw autoregressive noise of variance 1: (frames, 3)."""
    noise = rng.normal(size=(frames, 3))
    for index in range(1, frames):
        noise[index] = _CORRELATION * noise[index - 1] + math.sqrt(1 - _CORRELATION**2) * noise[index]
    return noise
