"""Bags and how they are carried; straps that lie on the trunk are painted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reidbench.datasets.synthetic.people.body import measure_trunk
from reidbench.datasets.synthetic.people.mesh import Mesh, Part, ellipsoid, loft
from reidbench.datasets.synthetic.people.skeleton import TROLLEY_SWING, Bone, Skeleton


def build_bag(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield the bag of a person, if there is one."""
    build = {
        "backpack": _build_backpack,
        "shoulder": _build_shoulder_bag,
        "cross": _build_cross_bag,
        "hand": _build_hand_bag,
        "trolley": _build_trolley,
    }.get(skeleton.person.bag.kind)
    if build:
        yield from build(skeleton)


def _build_backpack(skeleton: Skeleton) -> Iterator[Mesh]:
    size = skeleton.person.bag.size
    back = float(measure_trunk(skeleton, np.array([skeleton.up(0.4)]))[0][0])
    deep, z = 0.085 * size, skeleton.up(0.56) - 0.2 * size
    x = -back - 0.7 * deep
    yield ellipsoid(
        Part.BAG, (x, 0.0, z), (deep, 0.15 * size, 0.22 * size), Bone.TRUNK, segments=12, rows=6, square=0.5
    )
    pocket = (x - 0.7 * deep, 0.0, z - 0.08 * size)
    yield ellipsoid(
        Part.POCKET, pocket, (0.5 * deep, 0.11 * size, 0.1 * size), Bone.TRUNK, rows=4, square=0.5
    )


def _build_shoulder_bag(skeleton: Skeleton) -> Iterator[Mesh]:
    person, size, side = skeleton.person, skeleton.person.bag.size, skeleton.person.bag.side
    wide = float(measure_trunk(skeleton, np.array([skeleton.up(0.05)]))[1][0])
    y, z = side * (wide + 0.05 * size), skeleton.up(0.08)
    radii = (0.16 * size, 0.055 * size, 0.13 * size)
    yield ellipsoid(Part.BAG, (-0.02, y, z), radii, Bone.PELVIS, segments=12, rows=5, square=0.55)
    shoulder = side * (person.build.shoulder - 0.06)
    for x in (0.075, -0.085):
        rings = [
            (x, y, z + 0.1 * size, 0.012, 0.016),
            (1.1 * x, side * (wide + 0.02), skeleton.up(0.35), 0.012, 0.016),
            (0.4 * x, shoulder, skeleton.shoulder + 0.05, 0.02, 0.02),
        ]
        yield loft(Part.STRAP, rings, Bone.TRUNK, segments=4)


def _build_cross_bag(skeleton: Skeleton) -> Iterator[Mesh]:
    size, side = skeleton.person.bag.size, skeleton.person.bag.side
    wide = float(measure_trunk(skeleton, np.array([skeleton.up(0.05)]))[1][0])
    centre = (-0.04, side * (wide + 0.03 * size), skeleton.up(0.0))
    radii = (0.13 * size, 0.045 * size, 0.11 * size)
    yield ellipsoid(Part.BAG, centre, radii, Bone.PELVIS, segments=12, rows=5, square=0.5)


def _build_hand_bag(skeleton: Skeleton) -> Iterator[Mesh]:
    size, side = skeleton.person.bag.size, skeleton.person.bag.side
    y, hand = side * skeleton.arm_half, skeleton.wrist - 0.09
    bone = Bone.LEFT_FOREARM if side > 0 else Bone.RIGHT_FOREARM
    radii = (0.17 * size, 0.05 * size, 0.15 * size)
    yield ellipsoid(Part.BAG, (0.0, y, hand - 0.07 - radii[2]), radii, bone, segments=12, rows=5, square=0.45)
    rings = [(0.0, y, hand - 0.1, 0.06, 0.012), (0.0, y, hand, 0.03, 0.012)]
    yield loft(Part.STRAP, rings, bone, segments=4)


def _build_trolley(skeleton: Skeleton) -> Iterator[Mesh]:
    size, side = skeleton.person.bag.size, skeleton.person.bag.side
    arm = skeleton.shoulder - skeleton.wrist + 0.06
    x, z = arm * np.sin(TROLLEY_SWING), skeleton.shoulder - arm * np.cos(TROLLEY_SWING)
    y, tall = side * (skeleton.arm_half + 0.02), 0.52 * size
    # Position along the tilted trolley per metre of height.
    rings = [
        (float(x - 0.04 - 0.45 * (z - level)), y, level, 0.09 * size, 0.15 * size)
        for level in (0.05, 0.07, tall, tall + 0.02)
    ]
    yield loft(Part.BAG, rings, Bone.GROUND, segments=12, square=0.4)
    rings = [
        (float(x - 0.04 - 0.45 * (z - level)), y, float(level), 0.012, 0.05 * size) for level in (tall, z)
    ]
    yield loft(Part.STRAP, rings, Bone.GROUND, segments=4)
