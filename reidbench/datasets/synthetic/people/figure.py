"""A person as facets in any phase of the gait; facets are the form in which everything is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.people.appearance import Appearance
from reidbench.datasets.synthetic.people.body import build_body
from reidbench.datasets.synthetic.people.clothes import build_clothes
from reidbench.datasets.synthetic.people.head import build_head
from reidbench.datasets.synthetic.people.mesh import merge
from reidbench.datasets.synthetic.people.paint import paint
from reidbench.datasets.synthetic.people.skeleton import Skeleton


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

    def move(self, x: float, y: float) -> Facets:
        """Return the facets moved on the floor by an offset in metres."""
        return replace(self, corners=self.corners + np.array([x, y, 0], np.float32))

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


class Figure:
    """One person; the mesh and its colours are computed once."""

    def __init__(self, person: Appearance) -> None:
        # Metres and radians of the gait cycle per second; together they keep the feet from sliding.
        self.speed, self.cadence = person.speed, person.cadence
        self._skeleton = Skeleton(person)
        builders = (build_body, build_head, build_clothes)
        mesh = merge(item for build in builders for item in build(self._skeleton))
        self._quads = mesh.quads.ravel()
        # Rounding hides the last digits, in which mathematical libraries differ.
        self._rest = np.round(mesh.vertices.T, 6).astype(np.float32)
        self._first, self._second = mesh.bones.T
        self._weights = np.round(mesh.weights, 6).astype(np.float32)
        self._albedo, self._parts = paint(person, self._skeleton, mesh)

    def facets(self, phase: float) -> Facets:
        """Return the person walking along +x from the origin, standing on z = 0.

        Args:
            phase: radians of the gait cycle, which repeats after 2 pi; 0: the left heel strikes the ground.
        """
        return Facets(corners=self._move(self._skeleton.pose(phase)), albedo=self._albedo, parts=self._parts)

    def _move(self, matrices: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        columns = np.ascontiguousarray(matrices.transpose(1, 2, 0))  # (3, 4, bones)
        first = np.take(columns, self._first, axis=2)
        blend = first + (np.take(columns, self._second, axis=2) - first) * self._weights  # (3, 4, V)
        x, y, z = self._rest
        # Explicit sums, since the last digits of a matrix product differ between machines.
        moved = blend[:, 0] * x + blend[:, 1] * y + blend[:, 2] * z + blend[:, 3]
        return np.ascontiguousarray(moved.T)[self._quads].reshape(-1, 4, 3)
