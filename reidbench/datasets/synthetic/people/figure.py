"""A person as facets in any phase of the gait."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.people.appearance import Appearance
from reidbench.datasets.synthetic.people.body import build_body
from reidbench.datasets.synthetic.people.clothes import build_clothes
from reidbench.datasets.synthetic.people.facets import Facets
from reidbench.datasets.synthetic.people.head import build_head
from reidbench.datasets.synthetic.people.mesh import merge
from reidbench.datasets.synthetic.people.paint import paint
from reidbench.datasets.synthetic.people.skeleton import Skeleton


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
