"""What audits compute from pixels: contrast-normalised grey, colour histograms, grids, and frames with masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
# Rec. 601, as OpenCV and Pillow.
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# Bins of each of R, G and B.
BINS = 8
# A level of grey for pixels that an audit must not see.
HIDDEN = 128


def normalise_grey(frames: Array, size: tuple[int, int]) -> Floats:
    """Return the grey (T, height, width) of frames, each with mean 0 and standard deviation 1; 0 if it is flat."""
    height, width = size
    grey = [
        cv2.resize(np.asarray(frame @ _GREY), (width, height), interpolation=cv2.INTER_AREA)
        for frame in frames
    ]
    values = np.stack(grey).astype(np.float64)
    values -= values.mean((1, 2), keepdims=True)
    spread = values.std((1, 2), keepdims=True)
    return np.asarray(values / np.where(spread > 1e-6, spread, 1.0))


def histogram_colours(pixels: Array) -> Floats:
    """Return the joint RGB histogram of each frame (T, 512) from its pixels (T, ..., 3); square roots, L2 norm 1."""
    levels = pixels.reshape(len(pixels), -1, 3).astype(np.int64) * BINS // 256
    codes = (levels[..., 0] * BINS + levels[..., 1]) * BINS + levels[..., 2]
    codes += np.arange(len(codes))[:, None] * BINS**3
    counts = np.bincount(codes.ravel(), minlength=len(codes) * BINS**3).reshape(len(codes), -1)
    return np.asarray(np.sqrt(counts / counts.sum(1, keepdims=True)))


def cut_box(frames: Array, rows: tuple[float, float], columns: tuple[float, float]) -> Array:
    """Return a box of every frame; its edges are shares of height and width."""
    height, width = frames.shape[1:3]
    top, bottom = (round(edge * height) for edge in rows)
    left, right = (round(edge * width) for edge in columns)
    return frames[:, top:bottom, left:right]


def average_border(frames: Array, thickness: int, segments: int) -> Floats:
    """Return mean colours (T, 4 * segments * 3) in [0, 1] of equal segments of the four sides of the frame."""
    sides = [
        frames[:, :thickness].swapaxes(1, 2),
        frames[:, -thickness:].swapaxes(1, 2),
        frames[:, :, :thickness],
        frames[:, :, -thickness:],
    ]
    means = [
        part.mean((1, 2)) / 255
        for side in sides
        for part in np.array_split(np.asarray(side, dtype=np.float64), segments, axis=1)
    ]
    return np.concatenate(means, axis=1)


def average_cells(frames: Array, weights: Floats, grid: tuple[int, int]) -> Floats:
    """Return weighted mean colours (T, rows * columns * 3) in [0, 1] of the cells of a grid.

    A cell without weight has the mean colour of the weighted pixels of its frame, or grey if there are no such pixels.
    """
    count, (rows, columns) = len(frames), grid
    cells = (count, rows, frames.shape[1] // rows, columns, frames.shape[2] // columns)
    sums = (frames / 255 * weights[..., None]).reshape(*cells, 3).sum((2, 4))
    totals = weights.reshape(cells).sum((2, 4))[..., None]
    all_totals = totals.sum((1, 2), keepdims=True)
    mean = np.where(all_totals > 0, sums.sum((1, 2), keepdims=True) / np.maximum(all_totals, 1e-9), 0.5)
    values = np.where(totals > 0, sums / np.maximum(totals, 1e-9), mean)
    return np.asarray(values.reshape(count, -1))


def resize_masks(masks: Sequence[Array], value: int, size: tuple[int, int]) -> Floats:
    """Return the share (T, height, width) of each pixel of resized frames that has a value in the mask."""
    height, width = size
    parts = [
        cv2.resize((mask == value).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        for mask in masks
    ]
    return np.stack(parts).astype(np.float64)


def hide_pixels(frames: Array, is_visible: npt.NDArray[np.bool_]) -> Array:
    """Return frames with all pixels in one level of grey that are not visible (T, H, W)."""
    return np.where(is_visible[..., None], frames, np.uint8(HIDDEN))
