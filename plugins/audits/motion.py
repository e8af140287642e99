"""Audits of motion and gait: they see how frames differ from each other, not what is in them."""

from __future__ import annotations

import numpy as np

from reidbench.datasets import TrackletView

from .audit import SIZE, Array, Audit, Floats
from .pixels import normalise_grey

MAP_SIZE = (32, 16)
# In frames.
LAGS = 8


class Motion(Audit):
    """Mean absolute difference of neighbouring frames in each cell of a grid, as shares of their sum."""

    name = "audit-motion"
    modality = "video"

    def describe(self, view: TrackletView) -> Array:
        """Return 512 numbers; 0 for a tracklet of one frame."""
        grey = self.read_clip(view)
        if len(grey) == 1:
            return np.zeros(grey[0].size)
        change = np.abs(np.diff(grey, axis=0)).mean(0).ravel()
        return np.asarray(change / max(change.sum(), 1e-9))

    def read_clip(self, view: TrackletView) -> Floats:
        """Return the contrast-normalised grey (T, 32, 16) of frames in a row, from the middle of the tracklet."""
        count = min(len(view), 2 * self.config.frames)
        start = (len(view) - count) // 2
        return normalise_grey(view.frames(SIZE, np.arange(start, start + count)), MAP_SIZE)


class ShuffledMotion(Motion):
    """The same with frames shuffled in time."""

    name = "audit-motion-shuffled"

    def read_clip(self, view: TrackletView) -> Floats:
        """Return the frames in random order."""
        return shuffle(super().read_clip(view), view)


class Gait(Motion):
    """Correlation of frames with later frames, for upper and lower half, without what all frames share."""

    name = "audit-gait"

    def describe(self, view: TrackletView) -> Array:
        """Return 16 numbers: a correlation per half and lag; 0 for lags that the tracklet is too short for."""
        grey = self.read_clip(view)
        moving = grey - grey.mean(0)
        half = moving.shape[1] // 2
        return np.concatenate([correlate(part) for part in (moving[:, :half], moving[:, half:])])


class ShuffledGait(Gait):
    """The same with frames shuffled in time."""

    name = "audit-gait-shuffled"

    def read_clip(self, view: TrackletView) -> Floats:
        """Return the frames in random order."""
        return shuffle(super().read_clip(view), view)


def correlate(moving: Floats) -> Floats:
    """Return the correlation (8,) of frames (T, h, w) with those 1 to 8 later; the mean over frames must be 0."""
    rows = moving.reshape(len(moving), -1)
    energy = max(float(np.square(rows).mean()), 1e-9)
    lags = [
        (rows[lag:] * rows[:-lag]).mean() / energy if lag < len(rows) else 0.0 for lag in range(1, LAGS + 1)
    ]
    return np.array(lags)


def shuffle(frames: Floats, view: TrackletView) -> Floats:
    """Return frames in an order that depends on the tracklet only."""
    return np.asarray(frames[np.random.default_rng(view.window_seed).permutation(len(frames))])
