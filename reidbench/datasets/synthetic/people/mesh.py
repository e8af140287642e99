"""Closed tubes from rings, the only kind of surface that people consist of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.people.skeleton import Bone

Floats = npt.NDArray[np.float64]
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


def loft(
    part: Part,
    rings: Sequence[Ring],
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
        segments: facets per ring.
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
    vertices = np.concatenate((sides, values[[0, -1], :3]))
    if along_x:
        vertices = vertices[:, [2, 0, 1]]
    step = np.arange(segments)
    after = (step + 1) % segments
    lower = np.arange(count - 1)[:, None] * segments
    wall = np.stack((lower + step, lower + after, lower + segments + after, lower + segments + step), axis=2)
    bottom, top = count * segments, count * segments + 1
    last = (count - 1) * segments
    first_cap = np.stack((np.full(segments, bottom), after, step, step), axis=1)
    last_cap = np.stack((np.full(segments, top), last + step, last + after, last + after), axis=1)
    quads = np.concatenate((wall.reshape(-1, 4), first_cap, last_cap))
    turn = step * (2 * np.pi / segments)
    pair = bones if isinstance(bones, tuple) else (bones, bones)
    return Mesh(
        vertices=vertices,
        quads=quads,
        angles=np.tile(np.where(turn > np.pi, turn - 2 * np.pi, turn), count + 1),
        parts=np.full(len(quads), part, np.uint8),
        bones=np.tile(np.array(pair, np.intp), (len(vertices), 1)),
        weights=weigh(vertices) if weigh else np.zeros(len(vertices)),
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
    for angle in np.linspace(-np.pi / 2, np.pi / 2, rows + 2)[1:-1]:
        size, height = np.cos(angle) ** square, np.sign(angle) * abs(np.sin(angle)) ** square
        rings.append((centre[0], centre[1], centre[2] + radii[2] * height, radii[0] * size, radii[1] * size))
    mesh = loft(part, rings, bone, segments=segments, square=square)
    mesh.vertices[-2:, 2] = centre[2] - radii[2], centre[2] + radii[2]
    return mesh


def merge(meshes: Iterable[Mesh]) -> Mesh:
    """Return all meshes as one."""
    meshes = tuple(meshes)
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        vertices=np.concatenate([mesh.vertices for mesh in meshes]),
        quads=np.concatenate([mesh.quads + start for mesh, start in zip(meshes, starts, strict=False)]),
        angles=np.concatenate([mesh.angles for mesh in meshes]),
        parts=np.concatenate([mesh.parts for mesh in meshes]),
        bones=np.concatenate([mesh.bones for mesh in meshes]),
        weights=np.concatenate([mesh.weights for mesh in meshes]),
    )
