"""The body: trunk, neck, arms, legs and shoes as tubes, as thick as the clothes on them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from reidbench.datasets.synthetic.people.mesh import Floats, Mesh, Part, Ring, ellipsoid, loft, stack_rings
from reidbench.datasets.synthetic.people.skeleton import HEEL, TOE, Bone, Skeleton

# Height between hip (0) and crown (1), half width as a fraction of the hips (up to height 0.1) or of the shoulders, and
# half depth in body heights.
_TRUNK = (
    (-0.13, 0.60, 0.050),
    (-0.06, 0.95, 0.066),
    (0.02, 1.00, 0.072),
    (0.10, 0.96, 0.069),
    (0.19, 0.73, 0.062),
    (0.28, 0.74, 0.063),
    (0.40, 0.81, 0.069),
    (0.50, 0.86, 0.066),
    (0.56, 0.85, 0.056),
    (0.60, 0.77, 0.047),
    (0.635, 0.58, 0.042),
    (0.66, 0.40, 0.038),
    (0.68, 0.31, 0.035),
)
# Half width of the hips, and distance of neighbouring rings on trunk and arms and on legs, in metres.
_HIP_WIDTH, ROW, _LEG_ROW = 0.172, 0.03, 0.08
# Longest top that ends on the trunk, as a fraction of the thigh.
_LONGEST_ON_TRUNK = 0.2
# Patterns that need short facets on the sleeves.
ROW_PATTERNS = ("bands", "checks", "diagonals")
# Facets around the trunk and around a leg.
TRUNK_SEGMENTS, _LEG_SEGMENTS = 24, 12


def build_body(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield the parts of the body except the head."""
    yield _build_trunk(skeleton)
    for side in (0, 1):
        yield from _build_arm(skeleton, side)
        yield _build_leg(skeleton, side)
        yield _build_shoe(skeleton, side)


def measure_trunk(skeleton: Skeleton, heights: Floats) -> tuple[Floats, Floats]:
    """Return half depth and half width of the clothed trunk at heights in metres."""
    build = skeleton.person.build
    levels = [skeleton.up(level) for level, _, _ in _TRUNK]
    slim = 0.5 + 0.5 * build.girth
    hips, waist = _HIP_WIDTH * build.hips * slim, build.shoulder * slim
    widths = [
        width * (hips if level < 0.11 else waist if level < 0.45 else build.shoulder)
        for level, width, _ in _TRUNK
    ]
    belly = [build.belly if 0 < level < 0.4 else 1 for level, _, _ in _TRUNK]
    slims = [build.girth if level < 0.55 else 1 for level, _, _ in _TRUNK]
    depths = [row[2] * build.height * fat * wide for row, fat, wide in zip(_TRUNK, belly, slims, strict=True)]
    cloth = np.where(heights > hem_of_upper(skeleton), skeleton.person.upper.thickness, 0.004)
    return np.interp(heights, levels, depths) + cloth, np.interp(heights, levels, widths) + cloth


def hem_of_upper(skeleton: Skeleton) -> float:
    """Return the height of the lower edge of the upper garment in metres."""
    return skeleton.hip - skeleton.person.upper.hem * (skeleton.hip - skeleton.knee)


def has_tail(skeleton: Skeleton) -> bool:
    """Return whether the upper garment hangs over the legs, so that it moves with them."""
    return skeleton.person.upper.hem > _LONGEST_ON_TRUNK


def hem_of_lower(skeleton: Skeleton) -> float:
    """Return the height of the lower edge of trousers, shorts or skirt in metres."""
    return skeleton.hip - skeleton.person.lower.length * (skeleton.hip - skeleton.ankle)


def end_of_sleeves(skeleton: Skeleton) -> float:
    """Return the height of the lower edge of the sleeves in the rest pose, in metres."""
    return skeleton.shoulder - skeleton.person.upper.sleeves * (skeleton.shoulder - skeleton.wrist)


def leg_radius(skeleton: Skeleton, heights: Floats) -> Floats:
    """Return the radius of the bare leg at heights in metres."""
    hip, knee, ankle = skeleton.hip, skeleton.knee, skeleton.ankle
    levels = (ankle, ankle + 0.05, knee - 0.12, knee, knee + 0.12, hip - 0.05, hip + 0.03)
    radii = np.interp(heights, levels, (0.039, 0.040, 0.058, 0.056, 0.069, 0.087, 0.075))
    scaled: Floats = radii * (0.5 + 0.5 * skeleton.person.build.limbs)
    return scaled


def rise(values: Floats, low: float, high: float) -> Floats:
    """Return a smooth curve from 0 at `low` to 1 at `high`, constant outside."""
    share = np.clip((values - low) / (high - low), 0, 1)
    curve: Floats = share * share * (3 - 2 * share)
    return curve


def _build_trunk(skeleton: Skeleton) -> Mesh:
    # The tail of a long top or a skirt covers the lower trunk; two surfaces so near would be drawn in a wrong order.
    is_covered = has_tail(skeleton) or skeleton.person.lower.kind == "skirt"
    bottom = skeleton.hip - 0.03 if is_covered else skeleton.up(_TRUNK[0][0])
    heights = np.append(np.arange(skeleton.neck, bottom, -ROW)[::-1], skeleton.neck + 0.012)
    depths, widths = measure_trunk(skeleton, heights)
    # A belly extends to the front more than to the back.
    shifts = 0.4 * np.maximum(0, depths - 0.075 * skeleton.person.build.height)
    return loft(
        Part.TORSO,
        stack_rings(shifts, 0.0, heights, depths, widths),
        (Bone.PELVIS, Bone.TRUNK),
        lambda vertices: rise(vertices[:, 2], skeleton.up(0.06), skeleton.up(0.3)),
        segments=TRUNK_SEGMENTS,
        square=0.8,
    )


def _build_arm(skeleton: Skeleton, side: int) -> Iterator[Mesh]:
    person = skeleton.person
    y = (1, -1)[side] * skeleton.arm_half
    scale = 0.55 + 0.45 * person.build.limbs
    row = ROW if person.upper.pattern in ROW_PATTERNS else 2 * ROW
    top, cuff = skeleton.shoulder + 0.03, end_of_sleeves(skeleton)
    elbow, wrist = skeleton.elbow, skeleton.wrist
    heights = _list_heights(wrist, top, row, cuff)
    levels = (wrist, elbow - 0.03, elbow + 0.06, top - 0.1)
    radii = np.interp(heights, levels, (0.027, 0.038, 0.041, 0.05)) * scale
    radii += np.where(heights >= cuff - 1e-6, 0.8 * person.upper.thickness, 0)
    # The top closes as the round of the shoulder.
    radii *= np.sqrt(1 - ((heights - top + 0.09) / 0.094).clip(0, 1) ** 2)
    # The top moves towards the neck, so that the shoulders slope.
    inside = (1, -1)[side] * 0.02 * rise(heights, top - 0.09, top)
    bones = Bone(Bone.LEFT_UPPER_ARM + side), Bone(Bone.LEFT_FOREARM + side)
    yield loft(
        Part(Part.LEFT_ARM + side),
        stack_rings(0.0, y - inside, heights, 1.08 * radii, radii),
        bones,
        lambda vertices: 1 - rise(vertices[:, 2], elbow - 0.05, elbow + 0.05),
        segments=10,
    )
    hand, radius = Part(Part.LEFT_HAND + side), (0.042 * scale, 0.024 * scale, 0.085)
    yield ellipsoid(hand, (0.008, y, wrist - 0.05), radius, bones[1], segments=6, rows=3)


def _build_leg(skeleton: Skeleton, side: int) -> Mesh:
    person = skeleton.person
    y = (1, -1)[side] * skeleton.hip_half
    knee, ankle, hem = skeleton.knee, skeleton.ankle, hem_of_lower(skeleton)
    shaft = ankle + person.shoes.shaft * (knee - ankle)
    is_skirt = person.lower.kind == "skirt"
    # What a skirt or a long coat hides is not built.
    covers = [hem_of_upper(skeleton), hem if is_skirt else skeleton.hip]
    top = min(skeleton.hip + 0.03, max(min(covers) + 0.12, knee))
    heights = _list_heights(ankle - 0.03, top, _LEG_ROW, hem, shaft)
    radii = leg_radius(skeleton, heights)
    if not is_skirt:
        width = person.lower.width
        cloth = np.interp(heights, (hem, hem + 0.35, skeleton.hip), (width, 0.4 * width, 0.004))
        radii += np.where(heights >= hem - 1e-6, cloth, 0)
    if person.shoes.kind == "boots":
        radii += np.where(heights <= shaft + 1e-6, 0.01, 0)
    radii[-1] *= 0.7
    calf = np.interp(heights, (ankle, knee - 0.1, knee, skeleton.hip), (-0.004, -0.016, -0.002, 0.0))
    return loft(
        Part(Part.LEFT_LEG + side),
        stack_rings(calf, y, heights, 1.08 * radii, radii),
        (Bone(Bone.LEFT_THIGH + side), Bone(Bone.LEFT_SHIN + side)),
        lambda vertices: 1 - rise(vertices[:, 2], knee - 0.06, knee + 0.06),
        segments=_LEG_SEGMENTS,
    )


def _build_shoe(skeleton: Skeleton, side: int) -> Mesh:
    height, top = skeleton.person.build.height, skeleton.ankle
    y = (1, -1)[side] * skeleton.hip_half
    heel, toe = HEEL * height, TOE * height
    # The sole is plain from heel to ball and rises to the toe.
    profile = (
        (0.0, 0.7, 0.7), (0.1, 1.15, 0.85), (0.35, 1.1, 0.85), (0.6, 0.8, 1.05), (0.85, 0.55, 1.0), (1.0, 0.35, 0.6),
    )  # fmt: skip
    rings: list[Ring] = [
        (y, share * top / 2, heel + level * (toe - heel), half * 0.044, share * top / 2)
        for level, share, half in profile
    ]
    part, bone = Part(Part.LEFT_SHOE + side), Bone(Bone.LEFT_FOOT + side)
    return loft(part, rings, bone, segments=8, square=0.6, along_x=True)


def _list_heights(bottom: float, top: float, row: float, *edges: float) -> Floats:
    """Return heights about `row` apart, with two rings at each edge, where colours and widths change."""
    inner = sorted(edge for edge in edges if bottom + 0.012 < edge < top - 0.012)
    heights: list[float] = []
    for low, high in pairwise([bottom, *inner, top]):
        count = max(1, round((high - low) / row))
        heights.extend(np.linspace(low, high - (0.002 if high != top else 0), count + 1).tolist())
    return np.array(heights)
