"""Drawing of facets: projection, removal of hidden facets, one order by depth, and filling.

The camera is at x = 0, y = 0 and looks along y; x is to the right and z up. A point is at x / y, (eye - z) / y in the
image plane, so that vertical edges stay vertical.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.people import Facets

Canvas = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]

# Facets that are nearer are not drawn, in metres.
NEAR = 0.5
# Facets with a smaller area in square pixels are not drawn.
_MIN_AREA = 0.3
# Canvas level of a white surface in full light; the rest is left for surfaces that face the sun.
WHITE = 150.0


class Window(NamedTuple):
    """A rectangle of the image plane: its upper left corner, and pixels per unit."""

    left: float
    top: float
    scale: float


def project(corners: Points, eye: float) -> Points:
    """Return the points of corners (..., 3) in the image plane: float32 (..., 2), for an eye at this height."""
    depth = np.maximum(corners[..., 1], np.float32(NEAR))
    points = np.empty((*corners.shape[:-1], 2), np.float32)
    np.divide(corners[..., 0], depth, out=points[..., 0])
    np.divide(np.float32(eye) - corners[..., 2], depth, out=points[..., 1])
    return points


def sort_visible(corners: Points, points: Points, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Return the facets that face the camera and touch the canvas, from far to near.

    Args:
        corners: (F, 4, 3), in metres.
        points: (F, 4, 2), in pixels of the canvas.
        shape: height and width of the canvas.
    """
    x, y = points[:, :, 0], points[:, :, 1]
    # Counter-clockwise facets have a negative area, since rows count downwards.
    twice_area = (x[:, 2] - x[:, 0]) * (y[:, 3] - y[:, 1]) - (y[:, 2] - y[:, 0]) * (x[:, 3] - x[:, 1])
    indices = np.flatnonzero(twice_area < -2 * _MIN_AREA)
    x, y, depth = x[indices], y[indices], corners[indices, :, 1]
    keep = (_highest(x) > 0) & (_highest(y) > 0) & (_lowest(x) < shape[1]) & (_lowest(y) < shape[0])
    keep &= _lowest(depth) > NEAR
    distance = (depth[:, 0] + depth[:, 1] + depth[:, 2] + depth[:, 3])[keep]
    return indices[keep][np.argsort(-distance, kind="stable")]


def measure_bounds(points: Points) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of points (F, 4, 2) of the image plane."""
    x, y = points[:, :, 0].ravel(), points[:, :, 1].ravel()
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def fill(canvas: Canvas, points: Points, colours: npt.NDArray[np.uint8]) -> None:
    """Fill convex facets in the given order: points (F, 4, 2) in pixels, colours (F, channels)."""
    # The centre of the first pixel is at 0.
    pixels = np.rint(points - np.float32(0.5)).astype(np.int32)
    for outline, colour in zip(pixels, colours.tolist(), strict=True):
        cv2.fillConvexPoly(canvas, outline, colour)


def to_pixels(points: Points, window: Window) -> Points:
    """Return points of the image plane as pixels of a window."""
    origin = np.array([window.left, window.top], np.float32)
    pixels: Points = (points - origin) * np.float32(window.scale)
    return pixels


def shade(facets: Facets, visible: npt.NDArray[np.int64], light: npt.NDArray[np.float32]) -> Points:
    """Return the colours of visible facets: (N, 3), albedo times light in canvas levels up to 255."""
    colours: Points = facets.albedo[visible] * light * np.float32(WHITE)
    return np.minimum(colours, np.float32(255))


def _lowest(values: Points) -> Points:
    """Return the minimum over the four corners; several times faster than a reduction of such short rows."""
    return np.minimum(np.minimum(values[:, 0], values[:, 1]), np.minimum(values[:, 2], values[:, 3]))


def _highest(values: Points) -> Points:
    return np.maximum(np.maximum(values[:, 0], values[:, 1]), np.maximum(values[:, 2], values[:, 3]))
