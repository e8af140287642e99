"""Light of a track: sun and sky, and patches of sun and shade along the path."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.difficulty import DIFFICULTY

Floats = npt.NDArray[np.float32]

# Colours of sun and sky.
_SUN = np.array([1.05, 1.0, 0.92], np.float32)
_SKY = np.array([0.95, 0.99, 1.06], np.float32)
# Brightness of a surface that faces the sun, relative to one in the light of the sky alone.
_SUN_STRENGTH = 1.55
# Waves whose sum is the light along the path.
_WAVES = 4


class Sun:
    """Direction and fraction of sunlight; the rest comes from the sky."""

    def __init__(self, azimuth: float, elevation: float, fraction: float) -> None:
        """Set up the light.

        Args:
            azimuth: direction in degrees seen from the camera; 0: behind the camera, 90: on the right.
            elevation: angle above the horizon, in degrees.
            fraction: fraction of sunlight in 0..1.
        """
        side, up = math.radians(azimuth), math.radians(elevation)
        across = math.cos(up)
        self._direction = (across * math.sin(side), -across * math.cos(side), math.sin(up))
        self._fraction = fraction

    def light(self, normals: Floats) -> Floats:
        """Return the light on surfaces with these normals: (F, 3) red, green and blue; about 1 on average."""
        x, y, z = (np.float32(value) for value in self._direction)
        facing = np.maximum(normals[:, 0] * x + normals[:, 1] * y + normals[:, 2] * z, np.float32(0))
        sky = np.float32(0.82) + np.float32(0.18) * normals[:, 2]
        sun_weight = np.float32(_SUN_STRENGTH * self._fraction)
        sky_weight = np.float32(1 - 0.6 * self._fraction)
        light: Floats = facing[:, None] * (_SUN * sun_weight) + sky[:, None] * (_SKY * sky_weight)
        return light


class PathLight:
    """Exposure of a track and its change along the path.

    Attributes:
        track: gains of red, green and blue of the whole track, float64 (3,).
    """

    def __init__(
        self, rng: np.random.Generator, distances: npt.NDArray[np.floating], cast_sigma: float
    ) -> None:
        """Draw the light.

        Args:
            rng: generator of the light of the track.
            distances: distance walked at each frame, in metres.
            cast_sigma: standard deviation of the log gain of each channel of a track.
        """
        limit = DIFFICULTY.max_exposure
        track = float(np.clip(DIFFICULTY.track_exposure * rng.normal(), -limit, limit))
        cast = cast_sigma * rng.normal(size=3)
        wave_numbers = 2 * math.pi / (DIFFICULTY.patch_length * rng.uniform(0.6, 2.4, _WAVES))
        phases = rng.uniform(0, 2 * math.pi, _WAVES)
        waves = np.sin(np.outer(distances, wave_numbers) + phases)
        path = DIFFICULTY.path_exposure * math.sqrt(2 / _WAVES) * waves.sum(axis=1)
        # Patches of shade are bluer, and each track has one such colour.
        path_cast = DIFFICULTY.path_cast * rng.normal(size=3) * math.sqrt(2 / _WAVES)
        total = np.clip(track + path, -limit, limit)
        self.track: npt.NDArray[np.float64] = np.exp(track + cast)
        self._path = np.exp(total[:, None] - track + waves.sum(axis=1)[:, None] * path_cast)

    def gains(self, frame: int) -> Floats:
        """Return the gains of red, green and blue of the people at a frame, relative to those of the track."""
        return np.asarray(self._path[frame], np.float32)
