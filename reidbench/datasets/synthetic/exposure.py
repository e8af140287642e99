"""Camera response: light, colour, tone, focus, resolution and noise."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from reidbench.datasets.synthetic.cameras import Camera
from reidbench.datasets.synthetic.canvas import HEIGHT, WIDTH
from reidbench.datasets.synthetic.difficulty import DIFFICULTY
from reidbench.datasets.synthetic.seeding import Stream, make_rng

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

# Rows and columns of the noise bank.
_BANK = 256
# A focus blur with a smaller sigma, in pixels, is not visible.
_MIN_FOCUS_SIGMA = 0.25


class Exposure:
    """Response of one camera during one track: constant colour cast and focus, slowly changing light."""

    def __init__(self, rng: np.random.Generator, camera: Camera, frames: int) -> None:
        self._noise = camera.noise
        self._size = (round(WIDTH * camera.detail), round(HEIGHT * camera.detail))
        gain = np.exp(rng.normal(0, DIFFICULTY.track_gain_sigma))
        cast = np.exp(rng.normal(0, DIFFICULTY.track_cast_sigma, 3))
        self._matrix = (np.diag(gain * cast) @ camera.colour_matrix()).astype(np.float32)
        self._tone = camera.tone_curve()
        self._light = _draw_light_slope(rng, self._size)
        phase, cycles = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.2)
        time = np.arange(frames) / max(frames, 24)
        self._gain = 1 + DIFFICULTY.drift * np.sin(phase + 2 * np.pi * cycles * time)
        self._focus = float(rng.uniform(0, DIFFICULTY.defocus))
        blurred = rng.random(frames) < DIFFICULTY.motion_blur_share
        # Motion blur in pixels.
        self._blur_length = np.where(blurred, rng.integers(2, 5, frames), 1).tolist()
        # Row and column of each frame in the noise bank.
        self._window = rng.integers(0, _BANK - HEIGHT, (frames, 2)).tolist()

    def apply(self, scene: MatLike, frame: int) -> Image:
        """Apply the camera response to a scene (HEIGHT, WIDTH, 3), RGB in 0..255 under neutral light.

        The order is that of a real camera: lens, sensor of `Camera.detail`, colour, tone, noise. Then the image is
        resized to the size of a frame.
        """
        if self._focus > _MIN_FOCUS_SIGMA:
            scene = cv2.GaussianBlur(scene, (0, 0), self._focus)
        if self._blur_length[frame] > 1:
            scene = cv2.blur(scene, (self._blur_length[frame], 1))
        sampled = cv2.resize(scene, self._size, interpolation=cv2.INTER_AREA)
        lit = cv2.transform(sampled * self._light, self._matrix * np.float32(self._gain[frame]))
        graded = cv2.LUT(cv2.convertScaleAbs(lit), self._tone)
        row, column = self._window[frame]
        noise = _noise_bank()[row : row + self._size[1], column : column + self._size[0]]
        noisy = cv2.addWeighted(graded, 1.0, noise, self._noise, 0.0, dtype=cv2.CV_8U)
        return np.asarray(cv2.resize(noisy, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _draw_light_slope(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Draw the brightness of an image of size (width, height): (height, width, 3), equal channels, mean 1."""
    across, down = rng.normal(0, DIFFICULTY.light_slope, 2)
    columns = 1 + across * np.linspace(-0.5, 0.5, size[0])
    rows = 1 + down * np.linspace(-0.5, 0.5, size[1])
    return _to_rgb(rows[:, None] * columns)


@lru_cache(maxsize=1)
def _noise_bank() -> Floats:
    """Return standard normal noise (_BANK, _BANK, 3), drawn once; each frame uses another window."""
    return make_rng(Stream.NOISE).standard_normal((_BANK, _BANK, 3), dtype=np.float32)


@lru_cache(maxsize=1)
def fold_bank() -> Floats:
    """Return smooth brightness factors around 1, like folds of cloth: (_BANK, _BANK, 3), equal channels."""
    noise = make_rng(Stream.NOISE, 1).standard_normal((_BANK, _BANK), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigmaX=2.0, sigmaY=4.5)
    return _to_rgb(1 + DIFFICULTY.fold_amplitude * smooth / np.abs(smooth).max())


def _to_rgb(grey: npt.NDArray[np.floating]) -> Floats:
    """Repeat one channel, since full arrays multiply much faster than broadcast ones."""
    return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2), dtype=np.float32)
