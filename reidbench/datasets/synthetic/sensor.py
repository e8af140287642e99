"""Sensor of a camera: focus, resolution, exposure, tone, noise and compression."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from reidbench.datasets.synthetic.cameras import Camera
from reidbench.datasets.synthetic.detector import HEIGHT, WIDTH
from reidbench.datasets.synthetic.difficulty import DIFFICULTY
from reidbench.datasets.synthetic.raster import WHITE
from reidbench.datasets.synthetic.seeding import Stream, make_rng

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

# Rows and columns of the noise bank.
_BANK = 256
# A focus blur with a smaller sigma, in pixels, is not visible.
_MIN_FOCUS_SIGMA = 0.25
# Entries of the tone curve, for light from 0 to this multiple of white.
_CURVE, _CURVE_END = 1024, 2.5
# Light above this fraction of white is compressed, so that bright clothes keep their structure.
_SHOULDER = 0.7


class Sensor:
    """Response of one camera during one track."""

    def __init__(
        self, rng: np.random.Generator, camera: Camera, gains: npt.NDArray[np.float64], frames: int
    ) -> None:
        """Draw focus, blur and compression.

        Args:
            rng: generator of the sensor of the track.
            camera: camera of the track.
            gains: exposure of red, green and blue of the track.
            frames: length of the track.
        """
        self._noise = camera.noise
        self._size = (round(WIDTH * camera.detail), round(HEIGHT * camera.detail))
        self._gains = (gains * camera.tint * (_CURVE / _CURVE_END / WHITE)).astype(np.float32)
        self._curve = _draw_curve(camera.gamma, camera.haze)
        self._focus = DIFFICULTY.defocus * float(rng.random())
        low, high = DIFFICULTY.quality_low, DIFFICULTY.quality_high
        self._quality = round(low + (high - low) * float(rng.random()))
        blurred = rng.random(frames) < DIFFICULTY.motion_blur_share
        # Motion blur in pixels.
        self._blur_length = np.where(blurred, rng.integers(2, 5, frames), 1).tolist()
        # Row and column of each frame in the noise bank.
        self._window = rng.integers(0, _BANK - HEIGHT, (frames, 2)).tolist()

    def expose(self, scene: MatLike, frame: int) -> Image:
        """Return the image of a scene (HEIGHT, WIDTH, 3), RGB in canvas levels, as 8-bit levels of the same size."""
        if self._focus > _MIN_FOCUS_SIGMA:
            scene = cv2.GaussianBlur(scene, (0, 0), self._focus)
        if self._blur_length[frame] > 1:
            scene = cv2.blur(scene, (self._blur_length[frame], 1))
        sampled = cv2.resize(scene, self._size, interpolation=cv2.INTER_AREA)
        index = np.minimum(sampled * self._gains, np.float32(_CURVE - 1)).astype(np.int16)
        row, column = self._window[frame]
        noise = _noise_bank()[row : row + self._size[1], column : column + self._size[0]]
        noisy = cv2.convertScaleAbs(np.maximum(self._curve[index] + noise * np.float32(self._noise), 0))
        _, data = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return np.asarray(
            cv2.resize(decoded, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), dtype=np.uint8
        )


@lru_cache(maxsize=32)
def _draw_curve(gamma: float, haze: float) -> Floats:
    """Return the 8-bit level of each amount of light: (_CURVE,)."""
    light = np.arange(_CURVE) * (_CURVE_END / _CURVE)
    room = 1 - _SHOULDER
    bright = _SHOULDER + room * (1 - np.exp(-(light - _SHOULDER) / room))
    level = np.where(light < _SHOULDER, light, bright) ** gamma
    return np.asarray(haze + (255 - haze) * level, dtype=np.float32)


@lru_cache(maxsize=1)
def _noise_bank() -> Floats:
    """Return standard normal noise (_BANK, _BANK, 3), drawn once; each frame uses another window."""
    return make_rng(Stream.NOISE).standard_normal((_BANK, _BANK, 3), dtype=np.float32)
