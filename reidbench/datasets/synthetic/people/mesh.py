"""Closed tubes through rings, the only kind of surface that people consist of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.people.skeleton import Bone

Floats = npt.NDArray[np.float64]
Point = tuple[float, float, float]


Part = IntEnum("Part", [
    "TORSO", "NECK", "HEAD", "LEFT_ARM", "RIGHT_ARM", "LEFT_HAND", "RIGHT_HAND", "LEFT_LEG", "RIGHT_LEG",
    "LEFT_SHOE", "RIGHT_SHOE", "TAIL", "SKIRT", "COLLAR", "HOOD", "HAIR", "HAT", "BRIM", "GLASSES", "BAG",
    "POCKET", "STRAP",
])  # fmt: skip
"""Number of a part of a person; 0 is left to the background."""


@dataclass(frozen=True)
class Mesh:
    """Surface in the rest pose: standing, arms hanging; in metres.

    Attributes:
        vertices: (V, 3).
        quads: corner numbers (F, 4), counter-clockwise seen from outside.
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

    @cached_property
    def centres(self) -> Floats:
        """Centres of the facets (F, 3)."""
        centres: Floats = self.vertices[self.quads].mean(axis=1)
        return centres


def loft(
    part: Part,
    bones: tuple[Bone, Bone] | Bone,
    z: npt.ArrayLike,
    depth: npt.ArrayLike,
    width: npt.ArrayLike,
    x: npt.ArrayLike = 0.0,
    y: npt.ArrayLike = 0.0,
    *,
    blend: tuple[float, float] | None = None,
    segments: int = 12,
    square: float = 1.0,
) -> Mesh:
    """Build a closed tube through horizontal ellipses.

    Args:
        part: part number of all facets.
        bones: the bone that moves the tube, or two bones.
        z: heights of the rings, ascending.
        depth: radii along x.
        width: radii along y.
        x: centres of the rings.
        y: centres of the rings.
        blend: heights at which the first bone ends and the second begins to move the tube alone; without it, the
            first of two bones moves the front and the second the back.
        segments: facets per ring, even.
        square: exponent of the ellipse; below 1 the corners fill.
    """
    rings = np.stack(np.broadcast_arrays(x, y, z, depth, width), axis=1).astype(np.float64)[:, :, None]
    turns = np.arange(segments) * (2 * np.pi / segments)
    cos, sin = np.cos(turns - np.pi / segments), np.sin(turns - np.pi / segments)
    across = rings[:, 0] + rings[:, 3] * np.sign(cos) * np.abs(cos) ** square
    along = rings[:, 1] + rings[:, 4] * np.sign(sin) * np.abs(sin) ** square
    vertices = np.stack((across, along, np.broadcast_to(rings[:, 2], along.shape)), axis=2).reshape(-1, 3)
    step, count = np.arange(segments), len(rings)
    lower = np.arange(count - 1)[:, None] * segments
    corners = (lower + step, lower + (step + 1) % segments)
    wall = np.stack((*corners, corners[1] + segments, corners[0] + segments), axis=2)
    # Each end closes with a strip of quads across it.
    half = step[: segments // 2 - 1]
    cap = np.stack((half, half + 1, segments - 2 - half, segments - 1 - half), axis=1)
    quads = np.concatenate((wall.reshape(-1, 4), cap[:, ::-1], cap + (count - 1) * segments))
    angles = np.concatenate((np.tile(turns, count - 1), turns[half], turns[half]))
    pair = bones if isinstance(bones, tuple) else (bones, bones)
    weights = rise(vertices[:, 2], *blend) if blend else np.tile(0.5 - 0.5 * cos, count)
    return Mesh(
        vertices=vertices,
        quads=quads,
        angles=np.where(angles > np.pi, angles - 2 * np.pi, angles),
        parts=np.full(len(quads), part, np.uint8),
        bones=np.tile(np.array(pair, np.intp), (len(vertices), 1)),
        weights=weights,
    )


def ellipsoid(
    part: Part,
    bone: Bone,
    centre: Point,
    radii: Point,
    *,
    segments: int = 10,
    rows: int = 4,
    square: float = 1.0,
) -> Mesh:
    """Build an ellipsoid; radii along x, y and z. A small `square` gives a box with round edges."""
    angles = np.linspace(-1.25, 1.25, rows + 1)
    size, height = np.cos(angles) ** square, np.sign(angles) * np.abs(np.sin(angles)) ** square
    z, depth, width = centre[2] + radii[2] * height, radii[0] * size, radii[1] * size
    return loft(part, bone, z, depth, width, centre[0], centre[1], segments=segments, square=square)


def merge(meshes: Iterable[Mesh]) -> Mesh:
    """Return all meshes as one."""
    meshes = tuple(meshes)
    columns: dict[str, Any] = {
        item.name: np.concatenate([getattr(mesh, item.name) for mesh in meshes]) for item in fields(Mesh)
    }
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    columns["quads"] = np.concatenate(
        [mesh.quads + start for mesh, start in zip(meshes, starts, strict=False)]
    )
    return Mesh(**columns)


def rise(values: Floats, low: float, high: float) -> Floats:
    """Return a smooth curve from 0 at `low` to 1 at `high`, constant outside."""
    share = np.clip((values - low) / (high - low), 0, 1)
    curve: Floats = share * share * (3 - 2 * share)
    return curve
