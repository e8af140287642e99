"""Closed tubes from rings, the only kind of surface that people consist of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.people.skeleton import Bone

Floats = npt.NDArray[np.float64]
Values = Floats | float
Ring = tuple[float, float, float, float, float]
"""Centre (x, y, z) and radii (along x, along y) of an ellipse in a plane of equal z."""


class Part(IntEnum):
    """Number of a part of a person; 0 is left to the background."""

    TORSO = 1
    NECK = 2
    HEAD = 3
    LEFT_ARM = 4
    RIGHT_ARM = 5
    LEFT_HAND = 6
    RIGHT_HAND = 7
    LEFT_LEG = 8
    RIGHT_LEG = 9
    LEFT_SHOE = 10
    RIGHT_SHOE = 11
    TAIL = 12
    SKIRT = 13
    COLLAR = 14
    HOOD = 15
    HAIR = 16
    HAT = 17
    BRIM = 18
    GLASSES = 19
    BAG = 20
    POCKET = 21
    STRAP = 22


@dataclass(frozen=True)
class Mesh:
    """Surface in the rest pose: standing, arms hanging; in metres.

    Attributes:
        vertices: (V, 3).
        quads: corner numbers (F, 4), counter-clockwise seen from outside; a triangle repeats its last corner.
        angles: angle of each facet about the axis of its tube (F,); 0: front, positive: to the left.
        parts: `Part` of each facet (F,).
        bones: the two bones of each vertex (V, 2).
        weights: weight of the second bone (V,).
    """

    vertices: Floats
    quads: npt.NDArray[np.intp]
    angles: Floats
    parts: npt.NDArray[np.uint8]
    bones: npt.NDArray[np.intp]
    weights: Floats

    @property
    def centres(self) -> Floats:
        """Centres of the facets (F, 3)."""
        centres: Floats = self.vertices[self.quads].mean(axis=1)
        return centres


def stack_rings(x: Values, y: Values, z: Values, depths: Values, widths: Values) -> Floats:
    """Return rings (R, 5) from their columns; a number stands for a constant column."""
    return np.stack(np.broadcast_arrays(x, y, z, depths, widths), axis=1).astype(np.float64)


def loft(
    part: Part,
    rings: Sequence[Ring] | Floats,
    bones: tuple[Bone, Bone] | Bone,
    weigh: Callable[[Floats], Floats] | None = None,
    *,
    segments: int = 12,
    square: float = 1.0,
    along_x: bool = False,
) -> Mesh:
    """Build a closed tube through rings from the lowest to the highest.

    Args:
        part: part number of all facets.
        rings: from bottom to top.
        bones: the bone that moves the tube, or two bones.
        weigh: weight of the second bone for rest positions (V, 3); 0 if missing.
        segments: facets per ring, even.
        square: exponent of the ellipse; below 1 the corners fill.
        along_x: the tube extends along x instead of z; a ring is then (y, z, x) with radii along y and z.
    """
    values = np.asarray(rings, dtype=np.float64)
    count = len(values)
    angles = (np.arange(segments) - 0.5) * (2 * np.pi / segments)
    cos, sin = (np.sign(wave) * np.abs(wave) ** square for wave in (np.cos(angles), np.sin(angles)))
    x = values[:, 0, None] + values[:, 3, None] * cos
    y = values[:, 1, None] + values[:, 4, None] * sin
    z = np.broadcast_to(values[:, 2, None], x.shape)
    sides = np.stack((x, y, z), axis=2).reshape(-1, 3)
    if along_x:
        sides = sides[:, [2, 0, 1]]
    step = np.arange(segments)
    after = (step + 1) % segments
    lower = np.arange(count - 1)[:, None] * segments
    wall = np.stack((lower + step, lower + after, lower + segments + after, lower + segments + step), axis=2)
    # Each end closes with a strip of quads across it.
    half = np.arange(segments // 2 - 1)
    cap = np.stack((half, half + 1, segments - 2 - half, segments - 1 - half), axis=1)
    quads = np.concatenate((wall.reshape(-1, 4), cap[:, ::-1], cap + (count - 1) * segments))
    turn = np.concatenate((np.tile(step, count - 1), half, half)) * (2 * np.pi / segments)
    pair = bones if isinstance(bones, tuple) else (bones, bones)
    return Mesh(
        vertices=sides,
        quads=quads,
        angles=np.where(turn > np.pi, turn - 2 * np.pi, turn),
        parts=np.full(len(quads), part, np.uint8),
        bones=np.tile(np.array(pair, np.intp), (len(sides), 1)),
        weights=weigh(sides) if weigh else np.zeros(len(sides)),
    )


def ellipsoid(
    part: Part,
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
    bone: Bone,
    *,
    segments: int = 10,
    rows: int = 5,
    square: float = 1.0,
) -> Mesh:
    """Build an ellipsoid; radii along x, y and z. A small `square` gives a box with round edges."""
    rings = []
    for angle in np.linspace(-1.25, 1.25, rows + 1):
        size, height = np.cos(angle) ** square, np.sign(angle) * abs(np.sin(angle)) ** square
        rings.append((centre[0], centre[1], centre[2] + radii[2] * height, radii[0] * size, radii[1] * size))
    return loft(part, rings, bone, segments=segments, square=square)


def merge(meshes: Iterable[Mesh]) -> Mesh:
    """Return all meshes as one."""
    meshes = tuple(meshes)
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    columns: dict[str, Any] = {
        item.name: np.concatenate([getattr(mesh, item.name) for mesh in meshes]) for item in fields(Mesh)
    }
    columns["quads"] = np.concatenate(
        [mesh.quads + start for mesh, start in zip(meshes, starts, strict=False)]
    )
    return Mesh(**columns)
