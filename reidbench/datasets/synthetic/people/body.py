"""The body: trunk, arms, legs and shoes as tubes, as thick as the clothes on them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from reidbench.datasets.synthetic.people.mesh import Floats, Mesh, Part, ellipsoid, loft, rise
from reidbench.datasets.synthetic.people.skeleton import HEEL, TOE, Bone, Skeleton

# Height between hip (0) and crown (1), half width as a fraction of the hips (up to height 0.1) or of the shoulders, and
# half depth in body heights.
_TRUNK = np.array([
    (-0.13, 0.60, 0.050), (-0.06, 0.95, 0.066), (0.02, 1.00, 0.072), (0.10, 0.96, 0.069), (0.19, 0.73, 0.062),
    (0.28, 0.74, 0.063), (0.40, 0.81, 0.069), (0.50, 0.86, 0.066), (0.56, 0.85, 0.056), (0.60, 0.77, 0.047),
    (0.635, 0.58, 0.042), (0.66, 0.40, 0.038), (0.68, 0.31, 0.035),
])  # fmt: skip
# Half width of the hips, and distance of neighbouring rings on trunk and arms and on legs, in metres.
_HIP_WIDTH, ROW, _LEG_ROW = 0.172, 0.04, 0.08
# Longest top that ends on the trunk, as a fraction of the thigh.
_LONGEST_ON_TRUNK = 0.2
# Facets around the trunk.
TRUNK_SEGMENTS = 24


def build_body(skeleton: Skeleton) -> Iterator[Mesh]:
    """Yield the parts of the body except the head."""
    yield _build_trunk(skeleton)
    for side, y in enumerate((1, -1)):
        yield from _build_arm(skeleton, side, y * skeleton.arm_half)
        yield _build_leg(skeleton, side, y * skeleton.hip_half)
        yield _build_shoe(skeleton, side, y * skeleton.hip_half)


def measure_trunk(skeleton: Skeleton, heights: Floats) -> tuple[Floats, Floats]:
    """Return half depth and half width of the clothed trunk at heights in metres."""
    build, (levels, widths, depths) = skeleton.person.build, _TRUNK.T
    slim = 0.5 + 0.5 * build.girth
    hips, waist = _HIP_WIDTH * build.hips * slim, build.shoulder * slim
    widths = widths * np.select([levels < 0.11, levels < 0.45], [hips, waist], build.shoulder)
    belly = np.where((levels > 0) & (levels < 0.4), build.belly, 1)
    depths = depths * build.height * belly * np.where(levels < 0.55, build.girth, 1)
    cloth = np.where(heights > hem_of_upper(skeleton), skeleton.person.upper.thickness, 0.004)
    levels = skeleton.hip + levels * (build.height - skeleton.hip)
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


def top_of_boots(skeleton: Skeleton) -> float:
    """Return the height of the upper edge of boots in metres; that of the ankle for other shoes."""
    return skeleton.ankle + skeleton.person.shoes.shaft * (skeleton.knee - skeleton.ankle)


def leg_radius(skeleton: Skeleton, heights: Floats) -> Floats:
    """Return the radius of the bare leg at heights in metres."""
    hip, knee, ankle = skeleton.hip, skeleton.knee, skeleton.ankle
    levels = (ankle, ankle + 0.05, knee - 0.12, knee, knee + 0.12, hip - 0.05, hip + 0.03)
    radii = np.interp(heights, levels, (0.039, 0.040, 0.058, 0.056, 0.069, 0.087, 0.075))
    scaled: Floats = radii * (0.5 + 0.5 * skeleton.person.build.limbs)
    return scaled


def _build_trunk(skeleton: Skeleton) -> Mesh:
    # The tail of a long top or a skirt covers the lower trunk; two surfaces so near would be drawn in a wrong order.
    is_covered = has_tail(skeleton) or skeleton.person.lower.kind == "skirt"
    bottom = skeleton.hip - 0.03 if is_covered else skeleton.up(float(_TRUNK[0, 0]))
    heights = np.append(np.arange(skeleton.neck, bottom, -ROW)[::-1], skeleton.neck + 0.012)
    depths, widths = measure_trunk(skeleton, heights)
    # A belly extends to the front more than to the back.
    shifts = 0.4 * np.maximum(0, depths - 0.075 * skeleton.person.build.height)
    bones, blend = (Bone.PELVIS, Bone.TRUNK), (skeleton.up(0.06), skeleton.up(0.3))
    return loft(
        Part.TORSO, bones, heights, depths, widths, shifts, blend=blend, segments=TRUNK_SEGMENTS, square=0.8
    )


def _build_arm(skeleton: Skeleton, side: int, y: float) -> Iterator[Mesh]:
    upper, elbow, wrist = skeleton.person.upper, skeleton.elbow, skeleton.wrist
    scale = 0.55 + 0.45 * skeleton.person.build.limbs
    row = ROW if upper.pattern in ("bands", "checks", "diagonals") else 2 * ROW
    top, cuff = skeleton.shoulder + 0.03, end_of_sleeves(skeleton)
    heights = _list_heights(wrist, top, row, cuff)
    levels = (wrist, elbow - 0.03, elbow + 0.06, top - 0.1)
    radii = np.interp(heights, levels, (0.027, 0.038, 0.041, 0.05)) * scale
    radii += np.where(heights >= cuff, 0.8 * upper.thickness, 0)
    # The top closes as the round of the shoulder and moves towards the neck, so that the shoulders slope.
    radii *= np.sqrt(1 - ((heights - top + 0.09) / 0.094).clip(0, 1) ** 2)
    across = y - np.sign(y) * 0.02 * rise(heights, top - 0.09, top)
    forearm, hand = Bone(Bone.LEFT_FOREARM + side), Part(Part.LEFT_HAND + side)
    bones, blend = (forearm, Bone(Bone.LEFT_UPPER_ARM + side)), (elbow - 0.05, elbow + 0.05)
    arm = Part(Part.LEFT_ARM + side)
    yield loft(arm, bones, heights, 1.08 * radii, radii, 0.0, across, blend=blend, segments=8)
    size = (0.042 * scale, 0.024 * scale, 0.085)
    yield ellipsoid(hand, forearm, (0.008, y, wrist - 0.05), size, segments=6, rows=3)


def _build_leg(skeleton: Skeleton, side: int, y: float) -> Mesh:
    lower, knee, ankle, hem = skeleton.person.lower, skeleton.knee, skeleton.ankle, hem_of_lower(skeleton)
    # What a skirt or a long coat hides is not built.
    cover = min(hem_of_upper(skeleton), hem if lower.kind == "skirt" else skeleton.hip)
    top, shaft = min(skeleton.hip + 0.03, max(cover + 0.12, knee)), top_of_boots(skeleton)
    heights = _list_heights(ankle - 0.03, top, _LEG_ROW, hem, shaft)
    radii = leg_radius(skeleton, heights)
    if lower.kind != "skirt":
        cloth = np.interp(heights, (hem, hem + 0.35, skeleton.hip), (lower.width, 0.4 * lower.width, 0.004))
        radii += np.where(heights >= hem, cloth, 0)
    radii += np.where((heights <= shaft) & (shaft > ankle), 0.01, 0)
    radii[-1] *= 0.7
    calf = np.interp(heights, (ankle, knee - 0.1, knee, skeleton.hip), (-0.004, -0.016, -0.002, 0.0))
    bones, blend = (Bone(Bone.LEFT_SHIN + side), Bone(Bone.LEFT_THIGH + side)), (knee - 0.06, knee + 0.06)
    return loft(
        Part(Part.LEFT_LEG + side), bones, heights, 1.08 * radii, radii, calf, y, blend=blend, segments=8
    )


def _build_shoe(skeleton: Skeleton, side: int, y: float) -> Mesh:
    heel, toe = HEEL * skeleton.person.build.height, TOE * skeleton.person.build.height
    # From the sole to the ankle: height, front end and width.
    levels, fronts, widths = np.array(
        [(0, 1, 0.9), (0.2, 1, 1), (0.5, 0.85, 0.95), (0.75, 0.3, 0.85), (1.1, 0.05, 0.8)]
    ).T
    depths = (heel + (toe - heel) * (0.2 + 0.8 * fronts) - heel) / 2
    part, bone = Part(Part.LEFT_SHOE + side), Bone(Bone.LEFT_FOOT + side)
    z = levels * skeleton.ankle
    return loft(part, bone, z, depths, 0.047 * widths, heel + depths, y, segments=8, square=0.7)


def _list_heights(bottom: float, top: float, row: float, *edges: float) -> Floats:
    """Return heights about `row` apart, with two rings at each edge, where colours and widths change."""
    inner = sorted(edge for edge in edges if bottom + 0.012 < edge < top - 0.012)
    heights: list[float] = []
    for low, high in pairwise([bottom, *inner, top]):
        count = max(1, round((high - low) / row))
        heights.extend(np.linspace(low, high - (0.002 if high != top else 0), count + 1).tolist())
    return np.array(heights)
