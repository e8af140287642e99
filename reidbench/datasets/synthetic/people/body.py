"""The body: trunk, neck, head, arms, legs and shoes as tubes, in the rest pose."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from reidbench.datasets.synthetic.people.appearance import LowerKind, ShoeKind
from reidbench.datasets.synthetic.people.mesh import Floats, Mesh, Part, Ring, ellipsoid, loft
from reidbench.datasets.synthetic.people.skeleton import HEEL, TOE, Bone, Skeleton

# Height between hip (0) and crown (1), half width and half depth of the trunk. The first is a fraction of the hips up
# to 0.1, then of the shoulders; the second is in body heights.
_TRUNK = (
    (-0.13, 0.60, 0.050),
    (-0.06, 0.95, 0.066),
    (0.02, 1.00, 0.072),
    (0.10, 0.97, 0.069),
    (0.18, 0.74, 0.061),
    (0.28, 0.76, 0.063),
    (0.40, 0.83, 0.068),
    (0.50, 0.87, 0.067),
    (0.56, 0.85, 0.060),
    (0.60, 0.74, 0.052),
    (0.635, 0.52, 0.044),
    (0.665, 0.32, 0.036),
)
# Half width of the hips and distance of neighbouring rings, in metres.
_HIP_WIDTH, _ROW = 0.175, 0.03


def build_body(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield the parts of the body with the thickness of the clothes on them."""
    yield _build_trunk(skeleton)
    yield from _build_head(skeleton)
    for side in (0, 1):
        yield from _build_arm(skeleton, side)
        yield from _build_leg(skeleton, side)


def measure_trunk(skeleton: Skeleton, heights: Floats) -> tuple[Floats, Floats]:
    """Return half depth and half width of the clothed trunk at heights in metres."""
    build, cloth = skeleton.person.build, skeleton.person.upper.thickness
    levels = [skeleton.up(level) for level, _, _ in _TRUNK]
    slim = 0.5 + 0.5 * build.girth
    widths = [
        width
        * (_HIP_WIDTH * build.hips * slim if level < 0.1 else build.shoulder * (1 if level > 0.45 else slim))
        for level, width, _ in _TRUNK
    ]
    depths = [
        depth * build.height * (build.girth * (build.belly if 0 < level < 0.45 else 1) if level < 0.57 else 1)
        for level, _, depth in _TRUNK
    ]
    return np.interp(heights, levels, depths) + cloth, np.interp(heights, levels, widths) + cloth


def _build_trunk(skeleton: Skeleton) -> Mesh:
    heights = _levels(skeleton.up(_TRUNK[0][0]), skeleton.up(_TRUNK[-1][0]))
    depths, widths = measure_trunk(skeleton, heights)
    bulge = 0.3 * np.maximum(0, depths - 0.075 * skeleton.person.build.height)
    rings = [
        (float(x), 0.0, float(z), float(depth), float(width))
        for x, z, depth, width in zip(bulge, heights, depths, widths, strict=True)
    ]

    def weigh(vertices: Floats) -> Floats:
        return _rise(vertices[:, 2], skeleton.up(0.08), skeleton.up(0.3))

    return loft(Part.TORSO, rings, (Bone.PELVIS, Bone.TRUNK), weigh, segments=24, square=0.8)


def _build_head(skeleton: Skeleton) -> Iterator[Mesh]:
    size = skeleton.person.build.head
    neck, chin, crown = skeleton.neck, skeleton.chin, skeleton.person.build.height
    yield loft(
        Part.NECK,
        [
            (0.0, 0.0, neck - 0.05, 0.06, 0.065),
            (0.0, 0.0, neck, 0.055, 0.057),
            (0.012, 0.0, chin + 0.04, 0.05, 0.05),
        ],
        (Bone.TRUNK, Bone.HEAD),
        lambda vertices: _rise(vertices[:, 2], neck - 0.02, chin),
        segments=10,
    )
    # Height, shift to the front, half depth and half width.
    profile = (
        (0.0, 0.030, 0.045, 0.030),
        (0.10, 0.025, 0.072, 0.050),
        (0.28, 0.018, 0.088, 0.066),
        (0.48, 0.012, 0.094, 0.074),
        (0.66, 0.006, 0.097, 0.077),
        (0.82, 0.002, 0.088, 0.069),
        (0.93, 0.0, 0.064, 0.050),
        (0.985, 0.0, 0.034, 0.028),
    )
    rings = [
        (shift + 0.012, 0.0, chin + level * (crown - chin), depth * size, width * size)
        for level, shift, depth, width in profile
    ]
    yield loft(Part.HEAD, rings, Bone.HEAD, segments=16)


def _build_arm(skeleton: Skeleton, side: int) -> Iterator[Mesh]:
    person = skeleton.person
    y = (1, -1)[side] * skeleton.arm_half
    scale = 0.55 + 0.45 * person.build.limbs
    top, elbow, wrist = skeleton.shoulder + 0.03, skeleton.elbow, skeleton.wrist
    cuff = top - person.upper.sleeves * (top - wrist)
    heights = _levels(wrist, top, cuff)
    radii = (
        np.interp(heights, (wrist, elbow - 0.03, elbow + 0.06, top - 0.09), (0.026, 0.038, 0.041, 0.052))
        * scale
    )
    radii += np.where(heights >= cuff - 1e-6, person.upper.thickness, 0)
    # The top closes as the round of the shoulder.
    radii *= np.sqrt(np.clip(1 - ((heights - top + 0.06) / 0.075).clip(0, 1) ** 2, 0.1, 1))
    rings = [(0.0, y, float(z), float(r) * 1.05, float(r)) for z, r in zip(heights, radii, strict=True)]
    yield loft(
        Part(Part.LEFT_ARM + side),
        rings,
        (Bone(Bone.LEFT_UPPER_ARM + side), Bone(Bone.LEFT_FOREARM + side)),
        lambda vertices: 1 - _rise(vertices[:, 2], elbow - 0.05, elbow + 0.05),
        segments=10,
    )
    yield ellipsoid(
        Part(Part.LEFT_HAND + side),
        (0.008, y, wrist - 0.055),
        (0.04 * scale, 0.022 * scale, 0.085),
        Bone(Bone.LEFT_FOREARM + side),
        segments=8,
        rows=4,
    )


def _build_leg(skeleton: Skeleton, side: int) -> Iterator[Mesh]:
    person = skeleton.person
    y = (1, -1)[side] * skeleton.hip_half
    scale = 0.5 + 0.5 * person.build.limbs
    hip, knee, ankle = skeleton.hip + 0.03, skeleton.knee, skeleton.ankle
    hem = hem_of_legs(skeleton)
    shaft = ankle + person.shoes.shaft * (knee - ankle)
    heights = _levels(ankle - 0.03, hip, hem, shaft)
    radii = scale * np.interp(
        heights,
        (ankle, ankle + 0.05, knee - 0.12, knee, knee + 0.12, hip - 0.08, hip),
        (0.039, 0.040, 0.058, 0.057, 0.070, 0.088, 0.078),
    )
    if person.lower.kind is not LowerKind.SKIRT:
        cloth = np.interp(
            heights, (hem, hem + 0.35, hip), (person.lower.width, 0.4 * person.lower.width, 0.004)
        )
        radii += np.where(heights >= hem - 1e-6, cloth, 0)
    if person.shoes.kind is ShoeKind.BOOTS:
        radii += np.where(heights <= shaft + 1e-6, 0.01, 0)
    radii[-1] *= 0.6
    back = np.interp(heights, (ankle, knee - 0.1, knee, hip), (-0.004, -0.016, -0.002, 0.0))
    rings = [
        (float(x), y, float(z), float(r) * 1.08, float(r))
        for x, z, r in zip(back, heights, radii, strict=True)
    ]
    yield loft(
        Part(Part.LEFT_LEG + side),
        rings,
        (Bone(Bone.LEFT_THIGH + side), Bone(Bone.LEFT_SHIN + side)),
        lambda vertices: 1 - _rise(vertices[:, 2], knee - 0.06, knee + 0.06),
        segments=12,
    )
    yield _build_shoe(skeleton, side)


def hem_of_legs(skeleton: Skeleton) -> float:
    """Return the height of the lower edge of trousers, shorts or skirt in metres."""
    return skeleton.hip - skeleton.person.lower.length * (skeleton.hip - skeleton.ankle)


def _build_shoe(skeleton: Skeleton, side: int) -> Mesh:
    height, ankle = skeleton.person.build.height, skeleton.ankle
    y = (1, -1)[side] * skeleton.hip_half
    heel, toe = HEEL * height, TOE * height
    width = 0.046 * (0.7 + 0.3 * skeleton.person.build.limbs)
    # Position from heel to toe, height of the upper side and half width.
    profile = (
        (0.0, 0.8, 0.7),
        (0.08, 1.15, 0.85),
        (0.3, 1.15, 0.85),
        (0.5, 0.85, 1.0),
        (0.78, 0.55, 1.05),
        (0.97, 0.4, 0.7),
    )
    rings: list[Ring] = [
        (y, top * ankle / 2, heel + level * (toe - heel), half * width, top * ankle / 2)
        for level, top, half in profile
    ]
    part, bone = Part(Part.LEFT_SHOE + side), Bone(Bone.LEFT_FOOT + side)
    return loft(part, rings, bone, segments=10, square=0.6, along_x=True)


def _levels(bottom: float, top: float, *edges: float) -> Floats:
    """Return heights about `_ROW` apart with two rings at each edge, so that colours and widths change there."""
    inner = sorted(edge for edge in edges if bottom + 0.012 < edge < top - 0.012)
    points = [bottom, *inner, top]
    heights: list[float] = []
    for low, high in pairwise(points):
        count = max(1, round((high - low) / _ROW))
        heights.extend(np.linspace(low, high - (0.002 if high != top else 0), count + 1).tolist())
    return np.array(heights)


def _rise(values: Floats, low: float, high: float) -> Floats:
    """Return a smooth curve from 0 at `low` and under it to 1 at `high` and over it."""
    share = np.clip((values - low) / (high - low), 0, 1)
    curve: Floats = share * share * (3 - 2 * share)
    return curve
