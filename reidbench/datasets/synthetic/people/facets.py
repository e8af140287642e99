"""Facets: small flat surfaces with a colour and a part number, the form in which everything is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Facets:
    """Facets of a person or an object, x forward, y to the left, z up.

    Attributes:
        corners: float32 (F, 4, 3), in metres, counter-clockwise seen from outside; a triangle repeats its last corner.
        albedo: float32 (F, 3), red, green and blue in 0..1 as in a picture under neutral light (sRGB, not linear).
        parts: uint8 (F,), a `Part` for people.
    """

    corners: npt.NDArray[np.float32]
    albedo: npt.NDArray[np.float32]
    parts: npt.NDArray[np.uint8]

    def move(self, x: float, y: float, z: float = 0.0) -> Facets:
        """Return the facets moved by an offset in metres."""
        return replace(self, corners=self.corners + np.array([x, y, z], np.float32))

    def turn(self, angle: float) -> Facets:
        """Return the facets turned about the z axis, in radians, from x towards y."""
        cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
        x, y = self.corners[..., 0], self.corners[..., 1]
        corners = np.stack((cos * x - sin * y, sin * x + cos * y, self.corners[..., 2]), axis=-1)
        return replace(self, corners=corners)

    def compute_normals(self) -> npt.NDArray[np.float32]:
        """Return the outward normals, length 1: float32 (F, 3); 0 for a facet without area."""
        first = self.corners[:, 2] - self.corners[:, 0]
        second = self.corners[:, 3] - self.corners[:, 1]
        normals = np.stack(
            [
                first[:, 1] * second[:, 2] - first[:, 2] * second[:, 1],
                first[:, 2] * second[:, 0] - first[:, 0] * second[:, 2],
                first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0],
            ],
            axis=1,
        )
        lengths = np.sqrt((normals * normals).sum(axis=1, keepdims=True))
        unit: npt.NDArray[np.float32] = normals / np.maximum(lengths, np.float32(1e-12))
        return unit


def concat_facets(items: Iterable[Facets]) -> Facets:
    """Return the facets of all items as one; at least one item."""
    items = tuple(items)
    return Facets(
        corners=np.concatenate([item.corners for item in items]),
        albedo=np.concatenate([item.albedo for item in items]),
        parts=np.concatenate([item.parts for item in items]),
    )
