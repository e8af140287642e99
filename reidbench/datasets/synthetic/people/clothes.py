"""What hangs off the body: tails of tops, skirts, collars, scarves, hoods and bags."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reidbench.datasets.synthetic.people.body import (
    ROW,
    TRUNK_SEGMENTS,
    has_tail,
    hem_of_lower,
    hem_of_upper,
    leg_radius,
    measure_trunk,
)
from reidbench.datasets.synthetic.people.mesh import Mesh, Part, Point, ellipsoid, loft
from reidbench.datasets.synthetic.people.skeleton import TROLLEY_SWING, Bone, Skeleton


def build_clothes(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield the hanging parts of the clothes, and the bag; straps that lie on the trunk are painted."""
    upper, lower, hem = skeleton.person.upper, skeleton.person.lower, hem_of_upper(skeleton)
    if lower.kind == "skirt" and hem_of_lower(skeleton) < hem - 0.03:
        # Only the part under the top is seen.
        start = min(skeleton.hip + 0.01, hem + 0.06) if has_tail(skeleton) else skeleton.hip + 0.01
        yield _build_panel(skeleton, Part.SKIRT, hem_of_lower(skeleton), start, lower.width + 0.01, 0.0)
    if has_tail(skeleton):
        yield _build_panel(skeleton, Part.TAIL, hem, skeleton.hip + 0.03, upper.flare, 0.006)
    yield from _build_collar(skeleton)
    bags = {"backpack": _build_backpack, "hand": _build_hand_bag, "trolley": _build_trolley}
    bags |= {"shoulder": _build_side_bag, "cross": _build_side_bag}
    if skeleton.person.bag.kind != "none":
        yield from bags[skeleton.person.bag.kind](skeleton)


def _build_panel(
    skeleton: Skeleton, part: Part, hem: float, start: float, flare: float, outside: float
) -> Mesh:
    """Build cloth around both legs, which hangs from the foremost and the hindmost leg."""
    heights = np.linspace(hem, start, max(1, round((start - hem) / (1.5 * ROW))) + 1)
    down = (skeleton.hip + 0.03 - heights) / (skeleton.hip - skeleton.knee)
    depths, widths = measure_trunk(skeleton, np.maximum(heights, skeleton.hip - 0.04))
    legs = leg_radius(skeleton, heights) + 0.015
    # The upper edge is inside the trunk.
    wide = outside + flare * down + 0.01 * np.minimum(1, 5 * down) - 0.012 * (down <= 0)
    depths = np.maximum(depths * (1 - 0.25 * down), legs) + wide
    widths = np.maximum(widths * (1 - 0.12 * down), skeleton.hip_half + legs) + wide
    return loft(
        part,
        (Bone.FRONT_PANEL, Bone.BACK_PANEL),
        heights,
        depths,
        widths,
        segments=TRUNK_SEGMENTS,
        square=0.8,
    )


def _build_collar(skeleton: Skeleton) -> Iterator[Mesh]:
    collar, cloth = skeleton.person.upper.collar, skeleton.person.upper.thickness
    neck, chin = skeleton.neck, skeleton.chin
    # Height of the upper edge and its radius.
    edges = {"shirt": (neck + 0.03, 0.06), "high": (chin + 0.015, 0.062), "hood": (neck + 0.03, 0.068)}
    if collar in edges:
        top, radius = edges[collar]
        depths, widths = (0.066 + cloth, radius + 0.5 * cloth), (0.075 + cloth, radius)
        yield loft(Part.COLLAR, Bone.TRUNK, (neck - 0.03, top), depths, widths, (0.0, 0.01), segments=10)
    if collar == "scarf":
        yield ellipsoid(
            Part.COLLAR, Bone.TRUNK, (0.012, 0.0, (neck + chin) / 2 - 0.012), (0.095, 0.1, 0.055), segments=12
        )
        yield ellipsoid(
            Part.COLLAR, Bone.TRUNK, (0.095, 0.035, neck - 0.12), (0.03, 0.035, 0.15), segments=8, rows=3
        )
    if collar == "hood":
        yield ellipsoid(Part.HOOD, Bone.TRUNK, (-0.085, 0.0, neck), (0.06, 0.105, 0.085), segments=12)


def _build_box(bone: Bone, centre: Point, radii: Point) -> Mesh:
    return ellipsoid(Part.BAG, bone, centre, radii, segments=12, rows=5, square=0.5)


def _build_backpack(skeleton: Skeleton) -> Iterator[Mesh]:
    size = skeleton.person.bag.size
    deep, z = 0.085 * size, skeleton.up(0.56) - 0.2 * size
    x = -float(measure_trunk(skeleton, np.array([skeleton.up(0.4)]))[0][0]) - 0.7 * deep
    yield _build_box(Bone.TRUNK, (x, 0.0, z), (deep, 0.15 * size, 0.22 * size))
    pocket = (x - 0.7 * deep, 0.0, z - 0.08 * size)
    yield ellipsoid(Part.POCKET, Bone.TRUNK, pocket, (0.5 * deep, 0.11 * size, 0.1 * size), square=0.5)


def _build_side_bag(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield a bag on the hip; over one shoulder it has a strap in front and one behind."""
    person, size, side = skeleton.person, skeleton.person.bag.size, skeleton.person.bag.side
    wide = float(measure_trunk(skeleton, np.array([skeleton.up(0.05)]))[1][0])
    y, z = side * (wide + 0.045 * size), skeleton.up(0.06)
    yield _build_box(Bone.PELVIS, (-0.03, y, z), (0.15 * size, 0.05 * size, 0.12 * size))
    if person.bag.kind == "shoulder":
        heights = (z + 0.1 * size, skeleton.up(0.35), skeleton.shoulder + 0.05)
        across = (y, side * (wide + 0.02), side * (person.build.shoulder - 0.06))
        for x in (0.075, -0.085):
            shifts = (x, 1.1 * x, 0.4 * x)
            yield loft(Part.STRAP, Bone.TRUNK, heights, 0.014, 0.017, shifts, across, segments=4)


def _build_hand_bag(skeleton: Skeleton) -> Iterator[Mesh]:
    size, side = skeleton.person.bag.size, skeleton.person.bag.side
    y, hand = side * skeleton.arm_half, skeleton.wrist - 0.09
    bone = Bone.LEFT_FOREARM if side > 0 else Bone.RIGHT_FOREARM
    yield _build_box(bone, (0.0, y, hand - 0.07 - 0.15 * size), (0.17 * size, 0.05 * size, 0.15 * size))
    yield loft(Part.STRAP, bone, (hand - 0.1, hand), (0.06, 0.03), 0.012, 0.0, y, segments=4)


def _build_trolley(skeleton: Skeleton) -> Iterator[Mesh]:
    size, side = skeleton.person.bag.size, skeleton.person.bag.side
    arm, tall = skeleton.shoulder - skeleton.wrist + 0.06, 0.52 * size
    x, z = arm * np.sin(TROLLEY_SWING) - 0.04, skeleton.shoulder - arm * np.cos(TROLLEY_SWING)
    y = side * (skeleton.arm_half + 0.02)
    for part, levels, depth, width in (
        (Part.BAG, np.array([0.05, 0.07, tall, tall + 0.02]), 0.09 * size, 0.15 * size),
        (Part.STRAP, np.array([tall, z]), 0.012, 0.05 * size),
    ):
        # The trolley leans towards the hand.
        yield loft(
            part, Bone.GROUND, levels, depth, width, x - 0.45 * (z - levels), y, segments=8, square=0.4
        )
