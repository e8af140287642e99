"""Position and heading of a person, and the projection of body coordinates to pixels."""

from __future__ import annotations

import math


class Pose:
    """Projection of one figure in one frame.

    Body coordinates are fractions of the body height: forward, lateral (positive: to the left of the person) and
    height (downwards from the crown). Heading 0 is towards the camera, 90 degrees to the right of the image, 180
    degrees away from the camera.
    """

    def __init__(
        self,
        *,
        x: float,
        y: float,
        unit: float,
        heading: float,
        phase: float,
        pitch: float,
        lean: float = 0.0,
    ) -> None:
        """Set the position and pose of a figure.

        Args:
            x: pixel column of the body axis.
            y: pixel row of the crown.
            unit: pixels per body height.
            heading: radians.
            phase: radians of the gait cycle.
            pitch: downward shift of nearer points, since the camera looks down.
            lean: sideways shift of the shoulders relative to the hips, in body heights.
        """
        self.x, self.y, self.unit, self.phase, self.pitch, self.lean = x, y, unit, phase, pitch, lean
        self.cos, self.sin = math.cos(heading), math.sin(heading)

    def project(self, forward: float, lateral: float, height: float) -> tuple[float, float]:
        """Return the pixel (x, y) of a body point."""
        near = self.nearness(forward, lateral)
        return (
            self.x + self.unit * (lateral * self.cos + forward * self.sin),
            self.y + self.unit * (height + self.pitch * near),
        )

    def nearness(self, forward: float, lateral: float) -> float:
        """Return how much nearer to the camera a point is than the body axis, in body heights."""
        return forward * self.cos - lateral * self.sin

    def sides_far_first(self) -> tuple[int, int]:
        """Return the two sides of the body, the far one first (1: left, -1: right)."""
        return (1, -1) if self.sin >= 0 else (-1, 1)
