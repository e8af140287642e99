"""A canvas of part numbers: each shape writes its part number, and a lookup table maps numbers to colours later.

Part numbers give exact masks, and one lookup per frame is fast.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]

# Size of an output frame in pixels.
WIDTH, HEIGHT = 64, 128

# Fractional bits of the drawing coordinates of OpenCV.
_SHIFT = 4
_ONE = 1 << _SHIFT


class Canvas:
    """Part numbers (height, width), drawn with sub-pixel coordinates (x to the right, y down)."""

    def __init__(self, width: int, height: int) -> None:
        self.labels: Labels = np.zeros((height, width), np.uint8)

    def clear(self) -> None:
        """Set every pixel to 0, the background."""
        self.labels.fill(0)

    def fill_polygon(self, points: list[tuple[float, float]], part: int) -> None:
        """Fill a polygon."""
        fixed = (np.array(points) * _ONE).round().astype(np.int32)
        cv2.fillPoly(self.labels, [fixed], part, cv2.LINE_8, _SHIFT)

    def draw_limb(
        self, start: tuple[float, float], end: tuple[float, float], width: float, part: int
    ) -> None:
        """Draw a line of `width` pixels with round ends."""
        cv2.line(
            self.labels,
            _to_fixed_point(start),
            _to_fixed_point(end),
            part,
            max(1, round(width)),
            cv2.LINE_8,
            _SHIFT,
        )

    def fill_ellipse(self, centre: tuple[float, float], radii: tuple[float, float], part: int) -> None:
        """Fill an upright ellipse."""
        cv2.ellipse(
            self.labels,
            _to_fixed_point(centre),
            _to_fixed_point(radii),
            0,
            0,
            360,
            part,
            cv2.FILLED,
            cv2.LINE_8,
            _SHIFT,
        )

    def fill_box(self, centre: tuple[float, float], half: tuple[float, float], part: int) -> None:
        """Fill an upright rectangle given by its centre and half sizes."""
        (x, y), (dx, dy) = centre, half
        self.fill_polygon([(x - dx, y - dy), (x + dx, y - dy), (x + dx, y + dy), (x - dx, y + dy)], part)


def _to_fixed_point(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0] * _ONE), round(point[1] * _ONE)
