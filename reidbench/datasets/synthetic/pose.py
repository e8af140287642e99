"""Where a person stands on the canvas, which way they face, and how body coordinates become pixels."""

from __future__ import annotations

import math


class Pose:
    """Projection of one figure in one frame.

    Body coordinates are shares of the body height: forward, lateral (positive = the person's left) and height
    (down from the crown). A heading of 0 walks towards the camera, 90 degrees to the right of the picture, 180
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
        """Place a figure.

        Args:
            x: pixel column of the body axis.
            y: pixel row of the crown.
            unit: pixels per body height.
            heading: radians.
            phase: radians of the gait cycle.
            pitch: how far nearer points appear lower, as the camera looks down.
            lean: sideways shift of the shoulders against the hips, in body heights.
        """
        self.x, self.y, self.unit, self.phase, self.pitch, self.lean = x, y, unit, phase, pitch, lean
        self.cos, self.sin = math.cos(heading), math.sin(heading)

    def point(self, forward: float, lateral: float, height: float) -> tuple[float, float]:
        """Return the pixel of a body point."""
        near = self.nearness(forward, lateral)
        return (
            self.x + self.unit * (lateral * self.cos + forward * self.sin),
            self.y + self.unit * (height + self.pitch * near),
        )

    def nearness(self, forward: float, lateral: float) -> float:
        """Return how much nearer to the camera than the body axis a point is, in body heights."""
        return forward * self.cos - lateral * self.sin

    def sides_far_first(self) -> tuple[int, int]:
        """Return the two sides of the body, the one away from the camera first (1 = left, -1 = right)."""
        return (1, -1) if self.sin >= 0 else (-1, 1)
